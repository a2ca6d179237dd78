"""One SignerInfo checked: its algorithms, attributes, certificate, digest and signature value (signing facts 5.2 steps 3 and 4).

The certificate is found by what the signature names, never by trying which key works; only where nothing signed names a
certificate, and several answer to issuer and serial, the key decides, and the signature is marked unprotected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from signing import der
from signing.algorithms import Digest, Scheme, verifies
from signing.certificate import CertificateParts, SigningKey, signing_key
from signing.cms import identifiers as ids
from signing.cms.binding import CertificateClaim, named_by, read_claims
from signing.cms.identifiers import ReadAlgorithm, known_digest, known_signature, read_identifier
from signing.cms.structure import SignerEntry, read_attributes
from signing.cms.unsigned import read_unsigned
from signing.der import DerError
from signing.model import AlgorithmUse, Observation

_SINGLE_VALUED = frozenset(
    {
        ids.CONTENT_TYPE,
        ids.MESSAGE_DIGEST,
        ids.SIGNING_TIME,
        ids.SIGNING_CERTIFICATE,
        ids.SIGNING_CERTIFICATE_V2,
        ids.ALGORITHM_PROTECTION,
        ids.SIGNATURE_POLICY,
    }
)
_MAX_NAMESAKES = 4
"""How many certificates may answer to one name and number before nobody is asked whose key it was."""


@dataclass(frozen=True, slots=True)
class Message:
    """What all signers of one SignedData share. `digest_of`: None when the content is not at hand; `content`: for a look."""

    content_type: str
    content: bytes | None
    digest_of: Callable[[Digest], bytes] | None
    digest_names: frozenset[str]
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SignerFacts:
    """One signer as found. `certificate`: the identified one; `protected` when signed attributes name it by digest (ESS).

    `signature_tokens`, `archive_tokens`, `content_tokens`: RFC 3161 tokens (DER) by what they stamp; `certificates`, `crls` and
    `ocsps`: values that attributes carry. `claimed_time`: signing-time, proof of nothing.
    """

    observations: tuple[Observation, ...]
    algorithms: tuple[AlgorithmUse, ...] = ()
    certificate: bytes | None = None
    protected: bool = False
    signature_value: bytes = b""
    claimed_time: datetime | None = None
    signature_tokens: tuple[bytes, ...] = ()
    archive_tokens: tuple[bytes, ...] = ()
    content_tokens: tuple[bytes, ...] = ()
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()


class _Reading:
    """What has been seen of one signer so far."""

    def __init__(self, info: SignerEntry, message: Message) -> None:
        self.info = info
        self.message = message
        self.seen: list[Observation] = []
        self.algorithms: list[AlgorithmUse] = []
        self.digest: Digest | None = None
        self.named: ReadAlgorithm | None = None
        self.claims: tuple[CertificateClaim, ...] = ()
        self.certificate: bytes | None = None
        self.key: SigningKey | None = None
        self.claimed_time: datetime | None = None

    def note(self, code: str, ok: bool, detail: str = "") -> bool:
        """One more observation; gives back whether it held."""
        self.seen.append(Observation(code, ok, detail))
        return ok

    def signed(self, oid: str) -> bytes | None:
        """The first value of a signed attribute, or None."""
        return next((one.values[0] for one in self.info.signed or () if one.oid == oid and one.values), None)


def check_signer(info: SignerEntry, message: Message) -> SignerFacts:
    """All checks on one SignerInfo, in the order of signing facts 5.2."""
    reading = _Reading(info, message)
    _check_version(reading)
    _check_algorithms(reading)
    _check_attributes(reading)
    _check_content(reading)
    _identify(reading)
    _check_value(reading)
    extras = read_unsigned(info.unsigned, info.signed or ())
    return SignerFacts(
        observations=(*reading.seen, *extras.observations),
        algorithms=tuple(reading.algorithms),
        certificate=reading.certificate,
        protected=bool(reading.claims),
        signature_value=info.signature,
        claimed_time=reading.claimed_time,
        signature_tokens=extras.signature_tokens,
        archive_tokens=extras.archive_tokens,
        content_tokens=tuple(v for one in info.signed or () if one.oid == ids.CONTENT_TIME_STAMP for v in one.values),
        certificates=extras.certificates,
        crls=extras.crls,
        ocsps=extras.ocsps,
    )


def _check_version(reading: _Reading) -> None:
    info = reading.info
    reading.note("cms_version", info.version in (1, 3), _number(info.version))
    reading.note("cms_version_rule", info.version == (1 if info.key_identifier is None else 3), _number(info.version))


def _check_algorithms(reading: _Reading) -> None:
    """K5: the places that name algorithms must mean the same ones."""
    info = reading.info
    reading.note("cms_digest_listed", info.digest_algorithm.oid in reading.message.digest_names)
    reading.digest = digest = known_digest(info.digest_algorithm)
    if digest is None:
        reading.note("algorithm_known", False, info.digest_algorithm.oid)
        return
    reading.algorithms.append(AlgorithmUse("message-digest", digest.name))
    try:
        reading.named = named = known_signature(info.signature_algorithm, digest)
    except DerError as fault:
        reading.note("well_formed", False, str(fault))
        return
    if not reading.note("algorithm_known", named is not None, info.signature_algorithm.oid) or named is None:
        return
    agree = named.chosen.digest is digest and named.mask == digest.name
    reading.note("cms_algorithms_agree", agree, f"{digest.name}, {named.chosen.name}, {named.mask}")
    if named.chosen.scheme is Scheme.RSA_PSS:
        usual = named.trailer == 1 and named.chosen.salt >= named.chosen.digest.size
        reading.note("pss_parameters", usual, f"salt={named.chosen.salt}, trailer={_number(named.trailer)}")


def _check_attributes(reading: _Reading) -> None:
    info, message = reading.info, reading.message
    if info.signed is None:
        # Without signed attributes the value covers the content itself; other types need them (RFC 5652 5.3). Content that is
        # itself a set of attributes would let a signature over attributes pass as one over a document.
        plain = message.content_type == ids.DATA and not _looks_like_attributes(message.content)
        reading.note("cms_attributes_present", plain, "none are signed")
        return
    encoded = [one.raw for one in der.children(der.element(info.signed_bytes))]
    reading.note("cms_attributes_der", der.set_of(encoded) == info.signed_bytes)
    names = [one.oid for one in info.signed]
    single = all(len(one.values) == 1 if one.oid in _SINGLE_VALUED else one.values for one in info.signed)
    reading.note("cms_attributes_unique", single and len(set(names)) == len(names))
    present = ids.CONTENT_TYPE in names and ids.MESSAGE_DIGEST in names
    reading.note("cms_attributes_present", present)
    content_type = reading.signed(ids.CONTENT_TYPE)
    reading.note("cms_content_type", content_type == der.encode_oid(message.content_type), message.content_type)
    _check_protection(reading)
    _check_time(reading)
    policy = reading.signed(ids.SIGNATURE_POLICY)
    if policy is not None:
        reading.note("signature_policy", False, "id-aa-ets-sigPolicyId")


def _looks_like_attributes(content: bytes | None) -> bool:
    if content is None or content[:1] != b"\x31":
        return False
    try:
        found = read_attributes(der.whole(content, der.SET))
    except DerError:
        return False
    return any(one.oid == ids.MESSAGE_DIGEST for one in found)


def _check_protection(reading: _Reading) -> None:
    """CMSAlgorithmProtection, where present, repeats both identifiers (RFC 6211 3)."""
    value = reading.signed(ids.ALGORITHM_PROTECTION)
    if value is None:
        return
    try:
        fields = der.children(der.whole(value, der.SEQUENCE), 3)
        same = (
            len(fields) == 2
            and read_identifier(fields[0]).raw == reading.info.digest_algorithm.raw
            and read_identifier(fields[1], 0xA1).raw == reading.info.signature_algorithm.raw
        )
    except DerError:
        same = False
    reading.note("cms_algorithm_protection", same)


def _check_time(reading: _Reading) -> None:
    value = reading.signed(ids.SIGNING_TIME)
    if value is None:
        return
    try:
        found = der.element(value)
        reading.claimed_time = der.moment(found)
    except DerError as fault:
        reading.note("cms_signing_time", False, str(fault))


def _check_content(reading: _Reading) -> None:
    """The digest of the content against message-digest; without signed attributes the signature value says it."""
    digest_of = reading.message.digest_of
    if not reading.note("signed_data_present", digest_of is not None) or digest_of is None:
        return
    if reading.info.signed is None or reading.digest is None:
        return
    value = reading.signed(ids.MESSAGE_DIGEST)
    wanted = der.encode(der.OCTET_STRING, digest_of(reading.digest))
    reading.note("content_digest", value == wanted, reading.digest.name)


def _identify(reading: _Reading) -> None:
    """Step 3: the certificate that issuer and serial, and the signed attributes where they do, name."""
    try:
        reading.claims = claims = read_claims(reading.info.signed or ())
    except (DerError, IndexError) as fault:
        reading.note("signing_certificate_bound", False, str(fault))
        claims = ()
    candidates = named_by(reading.info, reading.message.certificates)
    chosen = candidates
    if claims:
        chosen = [one for one in candidates if all(claim.same_digest(one[0]) for claim in claims)] or candidates[:1]
    elif 1 < len(candidates) <= _MAX_NAMESAKES:
        chosen = [one for one in candidates if _value_holds(reading, signing_key(one[1].public_key))]
    if not reading.note(
        "signing_certificate", len(chosen) == 1, "" if len(chosen) == 1 else f"{len(candidates)} named"
    ):
        return
    reading.certificate, parts = chosen[0]
    reading.key = signing_key(parts.public_key)
    _check_binding(reading, claims, parts)


def _check_binding(reading: _Reading, claims: tuple[CertificateClaim, ...], parts: CertificateParts) -> None:
    assert reading.certificate is not None
    for claim in claims:
        if claim.digest is not None:
            reading.algorithms.append(AlgorithmUse("certificate-digest", claim.digest.name))
        digest, issuer = claim.same_digest(reading.certificate), claim.same_issuer(parts)
        detail = "" if digest and issuer else "issuer and serial" if digest else "digest"
        reading.note("signing_certificate_bound", digest and issuer, detail)


def _check_value(reading: _Reading) -> None:
    """Step 4: the value, by the key of the identified certificate only."""
    if reading.certificate is None or reading.named is None or reading.message.digest_of is None:
        return
    key, chosen = reading.key, reading.named.chosen
    bits, exponent = (key.bits, key.exponent) if key else (0, 0)
    parameters = f"mgf1-{reading.named.mask},salt={chosen.salt}" if chosen.scheme is Scheme.RSA_PSS else ""
    reading.algorithms.append(AlgorithmUse("signature", chosen.name, bits, exponent, parameters))
    holds = reading.note("signature_value", _value_holds(reading, key), "" if key else "key not usable")
    if holds and reading.info.signed is None:
        reading.note("content_digest", True, f"{chosen.digest.name}, signed itself")


def _value_holds(reading: _Reading, key: SigningKey | None) -> bool:
    info, named, digest_of = reading.info, reading.named, reading.message.digest_of
    if key is None or named is None or digest_of is None or not key.fits(named.chosen):
        return False
    digest = named.chosen.digest
    signed = digest_of(digest) if info.signed is None else digest.of(info.signed_bytes)
    return verifies(key.key, named.chosen, signed, info.signature)


def _number(value: int) -> str:
    return str(value) if -999 <= value <= 999 else "large"
