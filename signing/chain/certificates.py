"""Certificates as read for a path: every field that the rules touch, parsed once, and the faults that refuse them outright.

The path library accepts negative and over-long serial numbers and repeated extensions (signing facts 8.2(13)); they are looked
for here, before it. Sources: RFC 5280 4.1, 4.2; X.690 (DER); SEC 1 C.2 with RFC 5480 2.1.1 (named curves only).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from asn1crypto import core, x509

UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    AssertionError,
)
"""What asn1crypto raises over hostile bytes; the readers of this package map it at their own boundary."""

_MAX_BYTES = 16_384
_MAX_SERIAL_OCTETS = 20


@dataclass(frozen=True, slots=True, eq=False)
class ReadCertificate:
    """One certificate: its bytes and what the rules ask of it. `asn1` is the parsed structure, read to its leaves.

    `subject`, `issuer`: names prepared by RFC 5280 7.1, equal exactly when the names are. `key`: SubjectPublicKeyInfo (DER).
    `fault`: why it may not be used in any path, in English for experts; empty when nothing is wrong with its form.
    """

    der: bytes
    sha256: str
    asn1: Any
    subject: str
    issuer: str
    key: bytes
    serial: int
    not_before: datetime
    not_after: datetime
    is_authority: bool
    key_identifier: bytes | None
    authority_key_identifier: bytes | None
    fault: str = ""

    @property
    def common_name(self) -> str:
        """What people call it, for reports only: the common name, else the whole name; as found, never compared."""
        native = self.asn1.subject.native
        name = native.get("common_name") or self.asn1.subject.human_friendly
        return name if isinstance(name, str) else " + ".join(map(str, name))

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name (RFC 5280 3.2)."""
        return self.subject == self.issuer

    def valid_at(self, moment: datetime) -> bool:
        """Whether the moment lies in its validity, both ends included (RFC 5280 4.1.2.5)."""
        return self.not_before <= moment <= self.not_after

    @property
    def extended_key_usages(self) -> tuple[str, ...] | None:
        """Dotted purposes, or None when the extension is absent."""
        value = self.asn1.extended_key_usage_value
        return None if value is None else tuple(one.dotted for one in value)

    @property
    def key_usages(self) -> frozenset[str] | None:
        """Names as in RFC 5280 4.2.1.3 in snake case, or None when the extension is absent."""
        value = self.asn1.key_usage_value
        return None if value is None else frozenset(value.native)


@lru_cache(maxsize=512)
def read_certificate(der: bytes) -> ReadCertificate | None:
    """The certificate, or None when the bytes are none. A pure function, remembered because chains repeat themselves."""
    if len(der) > _MAX_BYTES:
        return None
    try:
        parsed = x509.Certificate.load(der, strict=True)
        return _read(der, parsed)
    except UNREADABLE:
        return None


def read_certificates(many: Iterable[bytes]) -> tuple[ReadCertificate, ...]:
    """All that can be read, each once, in an order that does not depend on the order given."""
    found = {one.sha256: one for one in map(read_certificate, many) if one is not None}
    return tuple(found[digest] for digest in sorted(found))


def _read(der: bytes, parsed: Any) -> ReadCertificate:
    _ = parsed.native  # to the leaves: what cannot be read fails here, and later readers find nothing left to parse
    if not (isinstance(parsed.not_valid_before, datetime) and isinstance(parsed.not_valid_after, datetime)):
        raise ValueError("a year that no calendar of ours holds")
    constraints = parsed.basic_constraints_value
    return ReadCertificate(
        der=der,
        sha256=sha256(der).hexdigest(),
        asn1=parsed,
        subject=parsed.subject.hashable,
        issuer=parsed.issuer.hashable,
        key=parsed.public_key.dump(),
        serial=parsed.serial_number,
        not_before=parsed.not_valid_before,
        not_after=parsed.not_valid_after,
        is_authority=constraints is not None and bool(constraints["ca"].native),
        key_identifier=parsed.key_identifier,
        authority_key_identifier=parsed.authority_key_identifier,
        fault=_fault(parsed),
    )


def _fault(parsed: Any) -> str:
    body = parsed["tbs_certificate"]
    serial = body["serial_number"]
    if serial.native < 0 or (serial.native == 0 and parsed.subject != parsed.issuer):  # old roots are numbered from 0
        return "serial number is not positive (RFC 5280 4.1.2.2)"
    if serial.native.bit_length() > 8 * _MAX_SERIAL_OCTETS:
        return "serial number is longer than 20 octets (RFC 5280 4.1.2.2)"
    if body["signature"].dump() != parsed["signature_algorithm"].dump():
        return "the two signature algorithms differ (RFC 5280 4.1.1.2)"
    extensions = body["extensions"]
    present = not isinstance(extensions, core.Void) and len(extensions) > 0
    if present and body["version"].native != "v3":
        return "extensions in a certificate that is not version 3 (RFC 5280 4.1.2.9)"
    names = [one["extn_id"].dotted for one in extensions] if present else []
    if len(names) != len(set(names)):
        return "an extension stands twice (RFC 5280 4.2)"
    if not parsed.issuer.chosen:
        return "empty issuer name (RFC 5280 4.1.2.4)"
    return _key_fault(parsed.public_key)


def _key_fault(key: Any) -> str:
    if key.algorithm == "ec" and key["algorithm"]["parameters"].name != "named":
        return "curve given by explicit parameters (RFC 5480 2.1.1)"
    return ""
