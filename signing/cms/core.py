"""One SignedData read and checked: the core that files, PDF and time stamps share (signing facts 5.2 steps 1 to 4).

Every check is an observation, held or not; nothing is raised over content. Trust, usage, strength and time are judged elsewhere.
Sources: RFC 5652 5, RFC 5035 5 (ESS), RFC 6211 (algorithm protection), EN 319 122-1 clause 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signing.algorithms import Digest
from signing.cms import identifiers as ids
from signing.cms.signer import Message, SignerFacts, check_signer
from signing.cms.structure import SignedMessage, read_structure
from signing.der import DerError
from signing.model import Observation

DigestOf = Callable[[Digest], bytes]
"""The digest of the signed content by any function that a signature names."""
Content = bytes | DigestOf | None
"""What is signed: the bytes, or their digests for what is too large to hold; None when it is not at hand."""


@dataclass(frozen=True, slots=True)
class SignedDataFacts:
    """What one SignedData contains. `observations` about the whole; each signer has its own.

    `content_type`: the eContentType; `content`: what is encapsulated, None when it stands elsewhere. `certificates`, `crls` and
    `ocsps`: all that it carries, unsigned attributes included, each once, unjudged.
    """

    observations: tuple[Observation, ...]
    signers: tuple[SignerFacts, ...] = ()
    content_type: str = ""
    content: bytes | None = None
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    @property
    def signer(self) -> SignerFacts | None:
        """The only signer; None when there is none or more than one."""
        return self.signers[0] if len(self.signers) == 1 else None

    @property
    def all_observations(self) -> tuple[Observation, ...]:
        """Those about the whole, then those of each signer."""
        return self.observations + tuple(seen for signer in self.signers for seen in signer.observations)


def read_signed_data(
    der: bytes, digest_of: DigestOf | None, *, attached: bool, single: bool = True, others: Sequence[bytes] = ()
) -> SignedDataFacts:
    """Reads and checks one SignedData: exactly one object, `single`: with exactly one signer.

    `attached`: the content must be inside, and `digest_of` is not asked; else it must not, and `digest_of` gives digests of
    what stands elsewhere (None: it is not at hand). `others`: certificates (DER) among which the signer's is looked for too.
    """
    try:
        found = read_structure(der)
    except DerError as fault:
        return SignedDataFacts((Observation("well_formed", False, str(fault)),))
    content = found.content if attached else digest_of
    return check_signed_data(found, content, attached=attached, single=single, others=others)


def check_signed_data(
    found: SignedMessage, content: Content, *, attached: bool, single: bool, others: Sequence[bytes] = ()
) -> SignedDataFacts:
    """The checks on what `read_structure` took apart; `content`: what is signed, None when it is not at hand."""
    message = Message(
        content_type=found.content_type,
        content=content if isinstance(content, bytes) else None,
        digest_of=_each_once(content) if content is not None else None,
        digest_names=frozenset(one.oid for one in found.digest_algorithms),
        certificates=tuple(dict.fromkeys((*found.certificates, *others))),
    )
    signers = tuple(check_signer(one, message) for one in found.signers)
    return SignedDataFacts(
        observations=_whole(found, attached=attached, single=single),
        signers=signers,
        content_type=found.content_type,
        content=found.content,
        certificates=_once(found.certificates, *(one.certificates for one in signers)),
        crls=_once(found.crls, *(one.crls for one in signers)),
        ocsps=_once(found.ocsps, *(one.ocsps for one in signers)),
    )


def _whole(found: SignedMessage, *, attached: bool, single: bool) -> tuple[Observation, ...]:
    seen = [
        Observation("well_formed", True),
        Observation("cms_encoding", found.is_der, "" if found.is_der else "BER"),
        Observation("cms_nothing_behind", found.behind == 0, f"{found.behind} bytes" if found.behind else ""),
        Observation("signature_found", bool(found.signers)),
        Observation("cms_version", found.version in (1, 3, 4, 5), _number(found.version)),
        Observation("cms_version_rule", found.version == _due_version(found), _number(found.version)),
        Observation("cms_content_place", (found.content is not None) == attached),
    ]
    if single:
        seen.append(Observation("cms_single_signer", len(found.signers) == 1, str(len(found.signers))))
    return tuple(seen)


def _number(value: int) -> str:
    return str(value) if -999 <= value <= 999 else "large"


def _due_version(found: SignedMessage) -> int:
    """RFC 5652 5.1, without the forms that nobody accepts here."""
    if found.ocsps:
        return 5
    if found.other_certificates:
        return 4
    signer_versions = {one.version for one in found.signers}
    return 3 if 3 in signer_versions or found.content_type != ids.DATA else 1


def _each_once(content: bytes | DigestOf) -> DigestOf:
    """Digests of the content, each function run once however many signers ask."""
    known: dict[str, bytes] = {}

    def digest_of(function: Digest) -> bytes:
        if function.name not in known:
            known[function.name] = function.of(content) if isinstance(content, bytes) else content(function)
        return known[function.name]

    return digest_of


def _once(*lists: Sequence[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(one for some in lists for one in some))
