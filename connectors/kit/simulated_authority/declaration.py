"""The declaration of a public-key infrastructure: one TOML file that says who exists, who vouches for whom, who was revoked.

Two domains, their roots and intermediates, signers, time-stamping authorities and OCSP delegates are all rows of the same form.
Nothing is left to chance: serial numbers and times stand in the file, so what is issued again does not change.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec


class DeclarationFault(ValueError):
    """The declaration cannot be read, or names what it does not declare."""


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """A table of the file; a key that is not declared here is an error."""


class Raw(_Row, frozen=True, kw_only=True):
    """An extension that has no field of its own: `value` is hexadecimal DER."""

    oid: str
    value: str
    critical: bool = False


class Certified(_Row, frozen=True, kw_only=True):
    """One certificate.

    `subject`: attribute and value in order, such as ["CN", "Nguyễn Thị Ánh"]. `serial`: as in the certificate, "0x54…" or
    decimal, negative where that is the defect. `issuer`: name of another certificate, or its own for a root. `key`: whose key it
    certifies (default: the certificate's own name). `signed-by`: the key that really signs, where that is the defect.
    `ca`: None leaves basicConstraints out; `usage`, `extended`: None leaves the extension out. `ocsp`, `crl`, `issuers`: URLs.
    `permitted`, `excluded`: name constraints, "dns:example.vn" or "dn:C=VN;O=…". `version` 1 has no extensions at all.
    `forge`: the signature is "flipped" in its last bit, "zero" (r = s = 0) or has a "long-length" (BER, not DER).
    `public-info`: hexadecimal SubjectPublicKeyInfo that stands there instead of the key's own.
    """

    subject: tuple[tuple[str, str], ...]
    serial: str
    issuer: str
    valid_from: datetime = msgspec.field(name="from")
    until: datetime
    key: str = ""
    signed_by: str = ""
    digest: str = "sha256"
    version: int = 3
    ca: bool | None = None
    path_length: int | None = None
    usage: tuple[str, ...] | None = None
    extended: tuple[str, ...] | None = None
    extended_critical: bool = False
    policies: tuple[str, ...] = ()
    ocsp: str = ""
    crl: str = ""
    issuers: str = ""
    no_check: bool = False
    key_identifiers: bool = True
    permitted: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    forge: str = ""
    public_info: str = ""
    extra: tuple[Raw, ...] = ()


class Revocation(_Row, frozen=True, kw_only=True):
    """A certificate that its issuer took back at `at`, or put on hold, which `removed` ends.

    `reason`: as in RFC 5280 5.3.1, empty for none. `invalidity`: since when the key is known to be bad.
    """

    certificate: str
    at: datetime
    reason: str = ""
    invalidity: datetime | None = None
    removed: datetime | None = None


class Root(_Row, frozen=True, kw_only=True):
    """A certificate that operators install as an anchor, and the domain that it opens."""

    certificate: str
    domain: str
    source: str = ""


class Responder(_Row, frozen=True, kw_only=True):
    """Who answers for the certificates that `issuer` issued: the issuer itself, or a delegate with id-kp-OCSPSigning."""

    issuer: str
    signer: str


class Stamper(_Row, frozen=True, kw_only=True):
    """A time-stamping authority: which certificate signs, under which policy, how exact (seconds)."""

    certificate: str
    policy: str
    accuracy: int = 1


class Declaration(_Row, frozen=True, kw_only=True):
    """All of it. `now`: the frozen moment around which the file was written. `keys`: kind of each key, by name."""

    now: datetime
    keys: dict[str, str]
    certificates: dict[str, Certified]
    roots: tuple[Root, ...] = ()
    revocations: tuple[Revocation, ...] = ()
    responders: tuple[Responder, ...] = ()
    stampers: dict[str, Stamper] = {}

    def at(self, base: str) -> Declaration:
        """The same with every address under `base`, such as "http://127.0.0.1:8080", instead of its own host."""
        moved = {
            name: msgspec.structs.replace(
                row, ocsp=_under(base, row.ocsp), crl=_under(base, row.crl), issuers=_under(base, row.issuers)
            )
            for name, row in self.certificates.items()
        }
        return msgspec.structs.replace(self, certificates=moved)

    def key_of(self, name: str) -> str:
        """The name of the key that the certificate `name` certifies."""
        return self.certificates[name].key or name

    def revocation_of(self, name: str, at: datetime) -> Revocation | None:
        """The revocation that holds for `name` at a moment, if any."""
        for row in self.revocations:
            if row.certificate == name and row.at <= at and (row.removed is None or at < row.removed):
                return row
        return None

    def removal_of(self, name: str, at: datetime) -> datetime | None:
        """When a hold on `name` ended, if it did by `at`."""
        return next((row.removed for row in self.revocations if row.certificate == name and _over(row, at)), None)

    def issued_by(self, issuer: str) -> tuple[str, ...]:
        """Names of the certificates that bear the issuer's name, in the order of the file, without its own."""
        subject = self.certificates[issuer].subject
        return tuple(
            name
            for name, row in self.certificates.items()
            if name != issuer and row.issuer != name and self.certificates[row.issuer].subject == subject
        )


def _under(base: str, address: str) -> str:
    return address and base + "/" + address.split("/", 3)[3]


def _over(row: Revocation, at: datetime) -> bool:
    return row.removed is not None and row.removed <= at


def read_declaration(*paths: Path) -> Declaration:
    """The declaration in one file, or in several that add rows to the first. Raises `DeclarationFault` with the place.

    A certificate that is `like = "NAME"` takes every field that it does not name from that row, which stands before it.
    """
    whole: dict[str, object] = {}
    for path in paths:
        try:
            _add(whole, tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, DeclarationFault) as error:
            raise DeclarationFault(f"{path.name}: {error}") from error
    return declared(whole)


def declared(tree: Mapping[str, object]) -> Declaration:
    """The declaration in a tree, as TOML gives it. Raises `DeclarationFault`."""
    certificates = tree.get("certificates", {})
    if isinstance(certificates, dict):
        _liken(certificates)
    try:
        declaration = msgspec.convert(tree, Declaration)
    except msgspec.ValidationError as error:
        raise DeclarationFault(str(error)) from error
    _whole(declaration)
    return declaration


def _add(whole: dict[str, object], more: Mapping[str, object]) -> None:
    for name, table in more.items():
        before = whole.setdefault(name, table)
        if before is table:
            continue
        if isinstance(before, dict) and isinstance(table, dict) and not before.keys() & table.keys():
            before.update(table)
        elif isinstance(before, list) and isinstance(table, list):
            before.extend(table)
        else:
            raise DeclarationFault(f"{name}: declared twice")


def _liken(certificates: dict[str, dict[str, object]]) -> None:
    for name, row in certificates.items():
        like = row.pop("like", None)
        if like is not None:
            base = certificates.get(str(like))
            if base is None or base is row:
                raise DeclarationFault(f"{name}: like {like}, which stands nowhere")
            certificates[name] = {**base, **row}


def _whole(declaration: Declaration) -> None:
    """Raises `DeclarationFault` for a name that stands nowhere."""
    known, keys = declaration.certificates.keys(), declaration.keys.keys()
    wanted = [row.issuer for row in declaration.certificates.values()]
    wanted += [root.certificate for root in declaration.roots]
    wanted += [revocation.certificate for revocation in declaration.revocations]
    wanted += [stamper.certificate for stamper in declaration.stampers.values()]
    wanted += [name for row in declaration.responders for name in (row.issuer, row.signer)]
    used = [declaration.key_of(name) for name in known]
    used += [row.signed_by for row in declaration.certificates.values() if row.signed_by]
    missing = sorted(
        {name for name in wanted if name not in known} | {f"key {name}" for name in used if name not in keys}
    )
    if missing:
        raise DeclarationFault("not declared: " + ", ".join(missing))
