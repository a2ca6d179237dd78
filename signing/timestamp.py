"""RFC 3161 time stamps: the request, the check of an authority's answer, and a token read into facts.

Nothing is fetched here; whoever talks to the authority hands the bytes in. Trust in the authority, its path and the order of
stamps are judged later, from the facts. Sources: RFC 3161 2.4, RFC 5816 (ESSCertIDv2), signing facts 3.3 and 5.2 step 7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from signing import der
from signing.algorithms import Digest
from signing.catalogue import finding_rows
from signing.certificate import certificate_parts
from signing.cms import identifiers as ids
from signing.cms.core import SignedDataFacts, read_signed_data
from signing.cms.identifiers import digest_identifier, known_digest, read_identifier
from signing.der import DerError, Element
from signing.model import AlgorithmUse, Observation, TokenFacts

_EXTENDED_KEY_USAGE = "2.5.29.37"
_TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
_FAILURES = {
    0: "badAlg",
    2: "badRequest",
    5: "badDataFormat",
    14: "timeNotAvailable",
    15: "unacceptedPolicy",
    16: "unacceptedExtension",
    17: "addInfoNotAvailable",
    25: "systemFailure",
}
_MAX_TEXT = 200

Stamped = bytes | Callable[[Digest], bytes]
"""What a token must stamp: the bytes, or their digest by any function (for what is too large to hold)."""


@dataclass(frozen=True, slots=True)
class StampRequest:
    """What is asked of an authority: a stamp over `imprint`, which `digest` made. `nonce`: at least 64 random bits, passed in.

    `policy`: an object identifier, empty for the authority's own choice.
    """

    imprint: bytes
    digest: Digest
    nonce: int
    policy: str = ""

    def encode(self) -> bytes:
        """The TimeStampReq, certificate asked for (RFC 3161 2.4.1)."""
        return der.sequence(
            der.encode_integer(1),
            der.sequence(digest_identifier(self.digest), der.encode(der.OCTET_STRING, self.imprint)),
            der.encode_oid(self.policy) if self.policy else b"",
            der.encode_integer(self.nonce),
            der.encode(der.BOOLEAN, b"\xff"),
        )


@dataclass(frozen=True, slots=True)
class StampAnswer:
    """What an authority answered. `token`: only when it may be used; `facts`: of what came; `failure`, `text`: its words."""

    token: bytes | None
    facts: TokenFacts | None
    observations: tuple[Observation, ...]
    failure: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A TSTInfo taken apart (RFC 3161 2.4.2). `authority`: the directory name it gives itself, as encoded."""

    policy: str
    digest: Digest | None
    digest_name: str
    imprint: bytes
    serial: int
    gen_time: datetime
    accuracy: float
    nonce: int | None
    authority: bytes


def read_token(token: bytes, stamped: Stamped, kind: str, others: Sequence[bytes] = ()) -> TokenFacts:
    """The facts of one token; never raises over content.

    `stamped`: what its imprint must be the digest of. `kind`: "signature", "document", "archive" or "content". `others`:
    certificates (DER) among which the authority's is looked for beside those in the token.
    """
    return _read(token, stamped, kind, others)[0]


def read_answer(raw: bytes, request: StampRequest, others: Sequence[bytes] = ()) -> StampAnswer:
    """Whether an answer grants what was asked: status, imprint, nonce, policy, and the token's own soundness; never raises."""
    try:
        fields = der.children(der.whole(raw, der.SEQUENCE), 2)
        status, failure, text = _status(fields[0]) if fields else (-1, "", "")
    except DerError as fault:
        return StampAnswer(None, None, (Observation("timestamp_granted", False, f"unreadable: {fault}"),))
    granted = status in (0, 1) and len(fields) == 2
    seen = [Observation("timestamp_granted", granted, " ".join(filter(None, (f"status {status}", failure))))]
    if not granted:
        return StampAnswer(None, None, tuple(seen), failure, text)
    token = fields[1].raw
    facts, stamp = _read(
        token, lambda digest: request.imprint if digest == request.digest else b"", "signature", others
    )
    seen.append(Observation("timestamp_nonce", stamp is not None and stamp.nonce == request.nonce))
    seen.append(Observation("timestamp_policy", request.policy in ("", facts.policy_oid), facts.policy_oid))
    good = not any(_decisive(one) for one in (*seen, *facts.observations))
    return StampAnswer(token if good else None, facts, tuple(seen), failure, text)


def _decisive(seen: Observation) -> bool:
    """A failed check that is more than a remark (findings.csv)."""
    return not seen.ok and finding_rows()[seen.code].on_failure is not None


def _read(token: bytes, stamped: Stamped, kind: str, others: Sequence[bytes]) -> tuple[TokenFacts, _Stamp | None]:
    message = read_signed_data(token, None, attached=True, others=others)
    seen = list(message.all_observations)
    stamp: _Stamp | None = None
    fault = ""
    try:
        stamp = _stamp(message)
    except DerError as problem:
        fault = str(problem)
    seen.append(Observation("timestamp_format", stamp is not None, fault))
    if stamp is not None:
        seen.append(_imprint(stamp, stamped))
    signer = message.signer
    certificate = signer.certificate if signer else None
    if signer is not None and certificate is not None:
        seen.append(Observation("timestamp_signer_named", signer.protected))
        seen.extend(_authority(certificate, stamp))
    algorithms = list(signer.algorithms) if signer else []
    if stamp is not None:
        algorithms.insert(0, AlgorithmUse("imprint", stamp.digest_name))
    facts = TokenFacts(
        token=token,
        kind=kind,
        gen_time=stamp.gen_time if stamp else None,
        accuracy_seconds=stamp.accuracy if stamp else 0.0,
        policy_oid=stamp.policy if stamp else "",
        serial=f"{stamp.serial:x}" if stamp else "",
        certificate=certificate,
        certificates=message.certificates,
        algorithms=tuple(algorithms),
        observations=tuple(seen),
    )
    return facts, stamp


def _imprint(stamp: _Stamp, stamped: Stamped) -> Observation:
    if stamp.digest is None:
        return Observation("timestamp_imprint", False, f"unknown digest {stamp.digest_name}")
    wanted = stamp.digest.of(stamped) if isinstance(stamped, bytes) else stamped(stamp.digest)
    return Observation("timestamp_imprint", wanted == stamp.imprint, stamp.digest_name)


def _authority(certificate: bytes, stamp: _Stamp | None) -> tuple[Observation, ...]:
    """The stamper's certificate: extended key usage critical and alone (RFC 3161 2.3), and its name where the token gives one."""
    parts = certificate_parts(certificate)
    usage = parts.extension(_EXTENDED_KEY_USAGE)
    alone = usage == (True, der.sequence(der.encode_oid(_TIME_STAMPING)))
    seen = [Observation("timestamp_usage", alone)]
    if stamp is not None and stamp.authority:
        seen.append(Observation("timestamp_authority_named", stamp.authority == parts.subject))
    return tuple(seen)


def _stamp(message: SignedDataFacts) -> _Stamp:
    """The TSTInfo that a SignedData encapsulates; raises `DerError`."""
    if message.content_type != ids.TST_INFO or message.content is None:
        raise DerError(f"content type {message.content_type or 'unknown'}")
    fields = der.children(der.whole(message.content, der.SEQUENCE), 10)
    if len(fields) < 5 or der.integer(fields[0]) != 1:
        raise DerError("not a TSTInfo of version 1")
    imprint = der.children(der.expect(fields[2], der.SEQUENCE), 2)
    if len(imprint) != 2:
        raise DerError("imprint")
    algorithm = read_identifier(imprint[0])
    digest = known_digest(algorithm)
    optional = _optional(fields[5:])
    ordering = optional.get(der.BOOLEAN)
    if ordering is not None:
        der.boolean(ordering)
    return _Stamp(
        policy=der.oid(fields[1]),
        digest=digest,
        digest_name=digest.name if digest else algorithm.oid,
        imprint=der.octets(imprint[1]),
        serial=_serial(fields[3]),
        gen_time=der.moment(der.expect(fields[4], der.GENERALIZED_TIME)),
        accuracy=_accuracy(optional.get(der.SEQUENCE)),
        nonce=der.integer(optional[der.INTEGER]) if der.INTEGER in optional else None,
        authority=_directory_name(optional.get(0xA0)),
    )


_ORDER = (der.SEQUENCE, der.BOOLEAN, der.INTEGER, 0xA0, 0xA1)


def _optional(fields: list[Element]) -> dict[int, Element]:
    """accuracy, ordering, nonce, tsa, extensions: each at most once and in this order."""
    places = [_ORDER.index(field.tag) if field.tag in _ORDER else -1 for field in fields]
    if -1 in places or places != sorted(set(places)):
        raise DerError("TSTInfo has unknown fields")
    return {field.tag: field for field in fields}


def _serial(field: Element) -> int:
    """At most 160 bits are promised (RFC 3161 2.4.2); twice that is read, so that a number of megabytes is not."""
    if field.end - field.body > 40:
        raise DerError("serial number too long")
    return der.integer(field)


def _accuracy(field: Element | None) -> float:
    """Accuracy in seconds: seconds, millis [0] and micros [1] (1 to 999 each)."""
    if field is None:
        return 0.0
    units = {der.INTEGER: 1.0, 0x80: 1e-3, 0x81: 1e-6}
    total = 0.0
    before = 0
    for part in der.children(field, 3):
        if part.tag not in units or part.tag <= before or part.end - part.body > 4:
            raise DerError("accuracy")
        before = part.tag
        value = der.integer(der.element(der.encode(der.INTEGER, part.content)))
        if value < 0 or (part.tag != der.INTEGER and not 1 <= value <= 999):
            raise DerError("accuracy")
        total += value * units[part.tag]
    return total


def _directory_name(field: Element | None) -> bytes:
    if field is None:
        return b""
    name = der.sole(field)
    return der.sole(name).raw if name.tag == 0xA4 else name.raw


def _status(field: Element) -> tuple[int, str, str]:
    """PKIStatusInfo: status, the names of failure bits, the free text escaped and cut."""
    parts = der.children(der.expect(field, der.SEQUENCE), 3)
    status = der.integer(parts[0]) if parts and parts[0].end - parts[0].body <= 4 else -1
    failure = text = ""
    for part in parts[1:]:
        if part.tag == der.SEQUENCE:
            pieces = b" ".join(one.content for one in der.children(part, 16))[:_MAX_TEXT]
            text = ascii(pieces.decode("utf-8", "replace"))[1:-1]
        elif part.tag == der.BIT_STRING:
            bits = part.content[1:5]
            names = (
                name for bit, name in _FAILURES.items() if bit // 8 < len(bits) and bits[bit // 8] & 0x80 >> bit % 8
            )
            failure = ", ".join(names)
    return status, failure, text
