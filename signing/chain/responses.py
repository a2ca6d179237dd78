"""OCSP responses as read: the responder, and what it says of one certificate (RFC 6960).

Whether the responder may speak is judged in `signing.chain.status`; here is what stands in the response.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from asn1crypto import core, ocsp

from signing.algorithms import DIGESTS
from signing.chain.certificates import UNREADABLE, ReadCertificate, read_certificates
from signing.chain.lists import Revocation

_MAX_BYTES = 65_536
_MAX_SINGLES = 64
_MAX_CERTIFICATES = 8
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_ARCHIVE_CUTOFF = "1.3.6.1.5.5.7.48.1.6"
_INVALIDITY = "2.5.29.24"
_REASON = "2.5.29.21"


@dataclass(frozen=True, slots=True)
class Single:
    """The answer about one certificate. `good` is False for "unknown" too, which is no status at all."""

    good: bool
    revocation: Revocation | None
    this_update: datetime
    next_update: datetime | None
    expired_since: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class ReadOcsp:
    """One basic response. `responder_name` or `responder_key` (SHA-1 of the key bits) names who signed it."""

    der: bytes
    sha256: str
    content: bytes
    signature: bytes
    algorithm: Any
    produced_at: datetime
    responder_name: str | None
    responder_key: bytes | None
    certificates: tuple[ReadCertificate, ...]
    singles: tuple[Any, ...]
    fault: str = ""

    def about(self, certificate: ReadCertificate, issuer: ReadCertificate) -> tuple[Single, ...]:
        """What it says of this certificate; CertID must match by serial number, issuer's name and issuer's key."""
        found = [one for one in self.singles if _is_about(one["cert_id"], certificate, issuer)]
        return tuple(one for one in map(_single, found) if one is not None)

    def names(self, responder: ReadCertificate) -> bool:
        """Whether its responder id is this certificate."""
        if self.responder_key is not None:
            return self.responder_key == bytes(responder.asn1.public_key.sha1)
        return self.responder_name == responder.subject


@lru_cache(maxsize=64)
def read_ocsp(der: bytes) -> ReadOcsp | None:
    """The response, or None when the bytes are no successful basic response. A pure function, remembered."""
    if len(der) > _MAX_BYTES:
        return None
    try:
        return _read(der)
    except UNREADABLE:
        return None


def _read(der: bytes) -> ReadOcsp | None:
    outer = ocsp.OCSPResponse.load(der, strict=True)
    if outer["response_status"].native != "successful":
        return None
    basic = outer["response_bytes"]["response"].parsed
    body = basic["tbs_response_data"]
    responder = body["responder_id"]
    certificates = basic["certs"]
    if len(body["responses"]) > _MAX_SINGLES or len(certificates) > _MAX_CERTIFICATES:
        return None
    _ = basic.native
    return ReadOcsp(
        der=der,
        sha256=sha256(der).hexdigest(),
        content=body.dump(),
        signature=basic["signature"].native,
        algorithm=basic["signature_algorithm"],
        produced_at=body["produced_at"].native,
        responder_name=responder.chosen.hashable if responder.name == "by_name" else None,
        responder_key=responder.chosen.native if responder.name == "by_key" else None,
        certificates=()
        if isinstance(certificates, core.Void)
        else read_certificates(one.dump() for one in certificates),
        singles=tuple(body["responses"]),
        fault=_unknown_critical(body["response_extensions"], frozenset({_NONCE})),
    )


def _unknown_critical(extensions: Any, known: frozenset[str]) -> str:
    for one in () if isinstance(extensions, core.Void) else extensions:
        if one["critical"].native and one["extn_id"].dotted not in known:
            return f"unknown critical extension {one['extn_id'].dotted}"
    return ""


def _is_about(identifier: Any, certificate: ReadCertificate, issuer: ReadCertificate) -> bool:
    if identifier["serial_number"].native != certificate.serial:
        return False
    function = DIGESTS.get(identifier["hash_algorithm"]["algorithm"].native)
    if function is None:
        return False
    names = {function.of(certificate.asn1.issuer.dump()), function.of(issuer.asn1.subject.dump())}
    key = function.of(bytes(issuer.asn1.public_key["public_key"]))
    return identifier["issuer_name_hash"].native in names and bool(identifier["issuer_key_hash"].native == key)


def _single(answer: Any) -> Single | None:
    extensions = answer["single_extensions"]
    if _unknown_critical(extensions, frozenset({_ARCHIVE_CUTOFF, _INVALIDITY, _REASON})):
        return None
    status = answer["cert_status"]
    revocation = None
    if status.name == "revoked":
        revoked = status.chosen
        at = revoked["revocation_time"].native
        invalid = _extension_time(extensions, _INVALIDITY)
        reason = revoked["revocation_reason"].native
        revocation = Revocation(at if invalid is None else min(at, invalid), reason or "unspecified")
    next_update = answer["next_update"]
    return Single(
        good=status.name == "good",
        revocation=revocation,
        this_update=answer["this_update"].native,
        next_update=None if isinstance(next_update, core.Void) else next_update.native,
        expired_since=_extension_time(extensions, _ARCHIVE_CUTOFF),
    )


def _extension_time(extensions: Any, wanted: str) -> datetime | None:
    for one in () if isinstance(extensions, core.Void) else extensions:
        if one["extn_id"].dotted == wanted:
            moment = core.GeneralizedTime.load(bytes(one["extn_value"].contents)).native
            return moment if isinstance(moment, datetime) else None
    return None
