"""Certificate revocation lists as read: header, scope, and one certificate's entry, without unfolding a large list.

A list that holds a critical extension nobody here understands, of its own or of any entry, is not used at all (RFC 5280 5.2,
5.3). Entries are looked up by serial number in compiled code; only a list with critical entry extensions (an indirect one) is
walked. Source: RFC 5280 5, 6.3; ITU-T X.509 8.6.2.10 (expiredCertsOnCRL).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from asn1crypto import core, crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from signing.chain.certificates import UNREADABLE

_KNOWN = frozenset(
    {
        "2.5.29.18",  # issuerAltName
        "2.5.29.20",  # cRLNumber
        "2.5.29.27",  # deltaCRLIndicator
        "2.5.29.28",  # issuingDistributionPoint
        "2.5.29.35",  # authorityKeyIdentifier
        "2.5.29.46",  # freshestCRL
        "1.3.6.1.5.5.7.1.1",  # authorityInfoAccess
        "2.5.29.60",  # expiredCertsOnCRL
    }
)
_BROKEN = (*UNREADABLE, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_CRITICAL = b"\x01\x01\xff"
_MAX_WALKED = 100_000
_MAX_REMEMBERED = 4_194_304


@dataclass(frozen=True, slots=True)
class Revocation:
    """One certificate's entry. `at`: when it stopped counting, the earlier of revocation and invalidity dates.

    `reason` as in RFC 5280 5.3.1 in snake case ("unspecified" where none is given).
    """

    at: datetime
    reason: str

    @property
    def hold(self) -> bool:
        """On hold: the one state that may end (RFC 5280 5.3.1)."""
        return self.reason == "certificate_hold"

    @property
    def removed(self) -> bool:
        """A delta's word that an entry has gone."""
        return self.reason == "remove_from_crl"


@dataclass(frozen=True, slots=True, eq=False)
class ReadCrl:
    """One list. `issuer` prepared by RFC 5280 7.1. `scope`: the issuing distribution point (asn1crypto), None for everything.

    `base`: the number of the list that a delta completes, None for a complete list. `fault`: why it is not used.
    """

    der: bytes
    sha256: str
    asn1: Any
    issuer: str
    this_update: datetime
    next_update: datetime | None
    number: int | None
    base: int | None
    scope: Any
    scope_der: bytes
    key_identifier: bytes | None
    expired_since: datetime | None
    walked: bool
    entries: Any
    fault: str = ""

    def entry(self, serial: int, issuer: str) -> Revocation | None:
        """The entry of the certificate with this serial number of this issuer, or None when it is not listed."""
        if not self.walked:
            found = self.entries.get_revoked_certificate_by_serial_number(serial) if issuer == self.issuer else None
            return None if found is None else _revocation(found)
        for one, of in _with_issuers(self.entries, self.issuer):
            if of == issuer and one.serial_number == serial:
                return _revocation(one)
        return None


def read_crl(der: bytes) -> ReadCrl | None:
    """The list, or None when the bytes are none. A pure function, remembered because the same lists come with every document;
    very large ones are read anew rather than kept in memory."""
    return _remembered(der) if len(der) <= _MAX_REMEMBERED else _tried(der)


@lru_cache(maxsize=16)
def _remembered(der: bytes) -> ReadCrl | None:
    return _tried(der)


def _tried(der: bytes) -> ReadCrl | None:
    try:
        return _read(der)
    except _BROKEN:
        return None


def name_of(general: Any) -> str | None:
    """The prepared name of a directoryName, None for another kind of general name."""
    return str(general.chosen.hashable) if general.name == "directory_name" else None


def _read(der: bytes) -> ReadCrl:
    parsed = crl.CertificateList.load(der, strict=True)
    body = parsed["tbs_cert_list"]
    extensions, fault = _extensions(body)
    entries = x509.load_der_x509_crl(der)
    raw = body["revoked_certificates"]
    walked = not isinstance(raw, core.Void) and _CRITICAL in raw.contents
    if parsed["signature_algorithm"].dump() != body["signature"].dump():
        fault = "the two signature algorithms differ (RFC 5280 5.1.1.2)"
    scope = extensions.get("2.5.29.28")
    known = crl.IssuingDistributionPoint.load(scope) if scope is not None else None
    if known is not None:
        _ = known.native
    identifier = extensions.get("2.5.29.35")
    expired = extensions.get("2.5.29.60")
    next_update = body["next_update"]
    return ReadCrl(
        der=der,
        sha256=sha256(der).hexdigest(),
        asn1=parsed,
        issuer=body["issuer"].hashable,
        this_update=body["this_update"].native,
        next_update=None if isinstance(next_update, core.Void) else next_update.native,
        number=_integer(extensions.get("2.5.29.20")),
        base=_integer(extensions.get("2.5.29.27")),
        scope=known,
        scope_der=scope or b"",
        key_identifier=None if identifier is None else _key_identifier(identifier),
        expired_since=None if expired is None else core.GeneralizedTime.load(expired).native,
        walked=walked,
        entries=entries,
        fault=fault or (_entry_fault(entries) if walked else ""),
    )


def _extensions(body: Any) -> tuple[dict[str, bytes], str]:
    """Raw values by dotted identifier, and why the list may not be used."""
    found: dict[str, bytes] = {}
    fault = ""
    extensions = body["crl_extensions"]
    for one in () if isinstance(extensions, core.Void) else extensions:
        name = one["extn_id"].dotted
        if name in found:
            fault = f"extension {name} stands twice"
        if one["critical"].native and name not in _KNOWN:
            fault = f"unknown critical extension {name}"
        found[name] = bytes(one["extn_value"].contents)
    return found, fault


def _entry_fault(entries: Any) -> str:
    if len(entries) > _MAX_WALKED:
        return f"more than {_MAX_WALKED} entries in a list with critical entry extensions"
    for one in entries:
        for extension in one.extensions:
            if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
                return f"unknown critical entry extension {extension.oid.dotted_string}"
    return ""


def _with_issuers(entries: Any, first: str) -> Iterator[tuple[Any, str]]:
    """Every entry with the issuer that counts for it: the last one named, at first the list's own (RFC 5280 5.3.3)."""
    issuer = first
    for one in entries:
        named = _entry_extension(one, x509.CertificateIssuer)
        if named is not None:
            directories = named.get_values_for_type(x509.DirectoryName)
            issuer = asn1_x509.Name.load(directories[0].public_bytes()).hashable if directories else ""
        yield one, issuer


def _entry_extension(entry: Any, kind: Any) -> Any:
    try:
        return entry.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _revocation(entry: Any) -> Revocation:
    """An entry whose extensions cannot be read still says that its certificate is revoked."""
    at = entry.revocation_date_utc
    try:
        invalid = _entry_extension(entry, x509.InvalidityDate)
        reason = _entry_extension(entry, x509.CRLReason)
    except _BROKEN:
        return Revocation(at, "unspecified")
    if invalid is not None:
        at = min(at, invalid.invalidity_date_utc)
    return Revocation(at, "unspecified" if reason is None else reason.reason.name)


def _integer(der: bytes | None) -> int | None:
    return None if der is None else int(core.Integer.load(der, strict=True).native)


def _key_identifier(der: bytes) -> bytes | None:
    value = asn1_x509.AuthorityKeyIdentifier.load(der)["key_identifier"].native
    return None if value is None else bytes(value)
