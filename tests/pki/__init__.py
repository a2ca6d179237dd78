"""The test PKI: two trust domains, good and bad signers, status and stamps as of any moment. See declaration.toml.

`NOW` is the frozen present of all tests of signatures. `revoked-before` was taken back before it, `revoked-after` after it
(2026-11-25): judge at `LATER` with `evidence(at=LATER)` to see that.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from connectors.kit.simulated_authority import keys, stamps
from connectors.kit.simulated_authority.authority import Authority
from connectors.kit.simulated_authority.declaration import Declaration, read_declaration
from signing.model import Evidence, TrustDomain
from signing.trust import Anchor, TrustStore

HERE = Path(__file__).parent
MADE = HERE / "made"


@cache
def declaration() -> Declaration:
    """The declaration with its defects, read once."""
    return read_declaration(HERE / "declaration.toml", HERE / "defects.toml")


NOW: datetime = declaration().now
LATER: datetime = NOW + timedelta(days=11)
"""When everything that the declaration revokes has been revoked."""


@cache
def certificate(name: str) -> bytes:
    """A declared certificate, DER, as committed."""
    return (MADE / f"{name}.cer").read_bytes()


@cache
def key(name: str) -> keys.PrivateKey:
    """The private key of a declared certificate."""
    return keys.from_pem(key_file(name).read_bytes())


def key_file(name: str) -> Path:
    """The open PKCS#8 PEM file of that key."""
    return MADE / f"{declaration().key_of(name)}.key.pem"


@cache
def authority() -> Authority:
    """All authorities, with the committed certificates and keys."""
    ring = keys.ring(declaration().keys, MADE)
    return Authority(declaration(), ring, {name: certificate(name) for name in declaration().certificates})


def chain(name: str) -> tuple[bytes, ...]:
    """Certificates above `name`, nearest first, without the root."""
    return authority().chain(name)


def trust(*roots: str) -> TrustStore:
    """The named roots (default: all declared), each an anchor of its domain."""
    rows = declaration().roots
    chosen = [row for row in rows if not roots or row.certificate in roots]
    return TrustStore(
        tuple(Anchor(certificate(row.certificate), TrustDomain(row.domain), source=row.source) for row in chosen)
    )


@cache
def crl(issuer: str, at: datetime = NOW) -> bytes:
    """The full list of an issuer as of `at`, valid for seven days."""
    return authority().crl(issuer, at)


@cache
def ocsp(name: str, at: datetime = NOW) -> bytes:
    """The OCSP response about a certificate as of `at`, valid for a day."""
    return authority().ocsp_of(name, at)


@cache
def standard() -> tuple[str, ...]:
    """Names of the certificates of declaration.toml, without the defects."""
    return tuple(read_declaration(HERE / "declaration.toml").certificates)


def authorities() -> tuple[str, ...]:
    """Standard certificates that issue others, roots included, cross certificates not."""
    rows = declaration().certificates
    return tuple(name for name in standard() if rows[name].ca and any(rows[one].issuer == name for one in standard()))


def evidence(*names: str, at: datetime = NOW, crls: bool = True, ocsps: bool = True) -> Evidence:
    """Status as of `at`: the lists of all standard authorities, and OCSP about `names` (default: all that have an address)."""
    rows = declaration().certificates
    about = names or tuple(name for name in standard() if rows[name].ocsp)
    return Evidence(
        crls=tuple(crl(issuer, at) for issuer in authorities()) if crls else (),
        ocsps=tuple(ocsp(name, at) for name in about) if ocsps else (),
    )


def stamp(content: bytes, *, at: datetime = NOW, tsa: str = "tsa-duty", digest: str = "sha256") -> bytes:
    """A time-stamp token over `content`, with the stamper's certificate and chain in it."""
    return authority().stamp(tsa, stamps.Asked(digest, keys.digest(digest, content), wants_certificate=True), at)


def stamp_of(imprint: bytes, *, at: datetime = NOW, tsa: str = "tsa-duty", digest: str = "sha256") -> bytes:
    """The same for whoever has the digest and not the content."""
    return authority().stamp(tsa, stamps.Asked(digest, imprint, wants_certificate=True), at)


def pem(name: str) -> bytes:
    """A declared certificate as a PEM file."""
    lines = base64.encodebytes(certificate(name)).replace(b"\n", b"")
    body = b"\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n"


def trust_folder(folder: Path, *roots: str) -> Path:
    """The folder that an operator keeps: a PEM file for each root in the folder of its domain, and anchors.toml."""
    lines = []
    for row in declaration().roots:
        if not roots or row.certificate in roots:
            file = folder / row.domain / f"{row.certificate}.pem"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(pem(row.certificate))
            lines += ["[[anchor]]", f'file = "{row.domain}/{file.name}"', f'source = "{row.source}"', ""]
    (folder / "anchors.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder


def evidence_folder(folder: Path, *, at: datetime = NOW) -> Path:
    """The folder that stands beside documents: the lists and responses of `evidence(at=at)`, named after whom they are about."""
    folder.mkdir(parents=True, exist_ok=True)
    for issuer in authorities():
        (folder / f"{issuer}.crl").write_bytes(crl(issuer, at))
    for name in standard():
        if declaration().certificates[name].ocsp:
            (folder / f"{name}.ocsp").write_bytes(ocsp(name, at))
    return folder
