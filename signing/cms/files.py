"""CMS and CAdES files read into facts: attached or detached, DER, BER or in base64 armour, any number of signers.

Sources: RFC 5652, RFC 7468 (textual encodings), EN 319 122-1 (levels), signing facts 4.2 and 5.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from signing import der
from signing.cms import identifiers as ids
from signing.cms.core import SignedDataFacts, check_signed_data
from signing.cms.signer import SignerFacts
from signing.cms.structure import SignedMessage, read_structure
from signing.der import DerError
from signing.model import Covered, DocumentKind, Facts, Observation, SignatureFacts, SignatureFormat
from signing.policy import DEFAULT_POLICY, ReadingLimits
from signing.timestamp import read_token

_ARMOUR = re.compile(
    rb"\s*-----BEGIN (CMS|PKCS7|PKCS #7 SIGNED DATA)-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----\s*\Z", re.ASCII
)
_BEGIN = re.compile(rb"\A\s*-----BEGIN [A-Z0-9 #]+-----\r?\n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+\Z", re.ASCII)
_SIGNED_DATA = der.encode_oid(ids.SIGNED_DATA)
_HEAD = 64
_MAX_TOKENS = 16


@dataclass(frozen=True, slots=True)
class _Content:
    """What the file signs: its bytes where they are at hand, and where in the file they stand."""

    found: bytes | None
    inside: bool
    ranges: tuple[tuple[int, int], ...]


def is_cms(raw: bytes) -> bool:
    """Whether these bytes begin as a SignedData does, armoured or not; says nothing of what follows."""
    head = raw[:_HEAD]
    if not head.startswith(b"\x30"):
        text = b"".join(_BEGIN.sub(b"", raw[: 4 * _HEAD], count=1).split())
        try:
            head = base64.b64decode(text[: len(text) // 4 * 4], validate=True)
        except binascii.Error:
            return False
    # Tag, a length of at most nine octets, the identifier.
    return head.startswith(b"\x30") and -1 < head.find(_SIGNED_DATA) <= 10


def read_cms(raw: bytes, detached: bytes | None = None, limits: ReadingLimits = DEFAULT_POLICY.limits) -> Facts:
    """The facts of a CMS or CAdES file; never raises over content.

    `detached`: what it signs, when that stands elsewhere. A file that holds its content itself may come with the same bytes once
    more, and not with others. Nothing is listed as covered unless digest and signature value hold.
    """
    sha256, size = hashlib.sha256(raw).hexdigest(), len(raw)
    kind = DocumentKind.CMS if is_cms(raw) else DocumentKind.UNKNOWN
    if size > limits.max_bytes:
        return Facts(sha256, size, kind, observations=(Observation("limits", False, f"{size} bytes"),))
    plain = raw if raw.startswith(b"\x30") else _plain(raw)
    try:
        found = read_structure(plain or b"")
    except DerError as fault:
        return Facts(sha256, size, kind, observations=(Observation("well_formed", False, str(fault)),))
    over = _over(found, limits)
    if over:
        return Facts(sha256, size, kind, observations=(Observation("limits", False, over),))
    content = _content(found, detached, in_place=plain is raw)
    message = check_signed_data(found, content.found, attached=content.inside, single=False)
    observations = [Observation("limits", True), *message.observations]
    if found.content is not None and detached is not None:
        observations.append(Observation("cms_content_place", found.content == detached, "inside and outside"))
    signatures = tuple(_signature(at, one, message, content) for at, one in enumerate(message.signers, start=1))
    return Facts(
        sha256=sha256,
        size=size,
        kind=DocumentKind.CMS,
        signatures=signatures,
        observations=tuple(observations),
        certificates=message.certificates,
        crls=message.crls,
        ocsps=message.ocsps,
    )


def content_of(raw: bytes) -> bytes | None:
    """The content that a CMS file holds itself, as its signers digest it; None when there is none or the file is unreadable."""
    try:
        return read_structure((raw if raw.startswith(b"\x30") else _plain(raw)) or b"").content
    except DerError:
        return None


def _plain(raw: bytes) -> bytes | None:
    """The DER inside PEM (RFC 7468, one block and nothing beside it) or bare base64; None when it is neither."""
    armour = _ARMOUR.match(raw)
    text = armour.group(2) if armour else raw if _BASE64.match(raw) else b""
    try:
        return base64.b64decode(b"".join(text.split()), validate=True) or None
    except binascii.Error:
        return None


def _over(found: SignedMessage, limits: ReadingLimits) -> str:
    if len(found.signers) > limits.max_signatures:
        return f"{len(found.signers)} signatures"
    if len(found.certificates) > limits.max_certificates:
        return f"{len(found.certificates)} certificates"
    return ""


def _content(found: SignedMessage, detached: bytes | None, *, in_place: bool) -> _Content:
    if found.content is None:
        return _Content(detached, False, ((0, len(detached)),) if detached is not None else ())
    start = found.content_at
    return _Content(found.content, True, ((start, start + len(found.content)),) if in_place and found.is_der else ())


def _signature(at: int, signer: SignerFacts, message: SignedDataFacts, content: _Content) -> SignatureFacts:
    held = {one.code for one in signer.observations if one.ok}
    covered = Covered("none")
    if {"content_digest", "signature_value"} <= held and content.found is not None:
        extent = "document" if content.inside else "detached"
        covered = Covered(extent, content.ranges, sha256=hashlib.sha256(content.found).hexdigest())
    observations = list(signer.observations)
    if content.found is not None:
        observations.append(Observation("coverage", covered.extent != "none", covered.extent))
    if signer.archive_tokens:
        observations.append(Observation("cms_archive_judged", False, f"{len(signer.archive_tokens)} archive stamps"))
    carried = message.certificates
    stamped = [(token, signer.signature_value, "signature") for token in signer.signature_tokens[:_MAX_TOKENS]]
    if content.found is not None:
        stamped += [(token, content.found, "content") for token in signer.content_tokens[:_MAX_TOKENS]]
    return SignatureFacts(
        id=f"#{at}",
        format=SignatureFormat.CADES if signer.protected else SignatureFormat.CMS,
        covered=covered,
        certificate=signer.certificate,
        certificate_protected=signer.protected,
        certificates=carried,
        claimed_time=signer.claimed_time,
        signature_value=signer.signature_value,
        algorithms=signer.algorithms,
        observations=tuple(observations),
        tokens=tuple(read_token(token, what, kind, carried) for token, what, kind in stamped),
        level=_level(signer, message),
    )


def _level(signer: SignerFacts, message: SignedDataFacts) -> str:
    """What the structure claims to be (EN 319 122-1 clause 6): B-B, with a stamp B-T, with status values B-LT, archived B-LTA."""
    if not signer.protected:
        return ""
    if signer.archive_tokens:
        return "B-LTA"
    if signer.signature_tokens:
        return "B-LT" if message.crls or message.ocsps else "B-T"
    return "B-B"
