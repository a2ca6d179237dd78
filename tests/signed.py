"""Signed files of the test PKI at its frozen present, made by the product's own writers: every format, stamped or not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import ModuleType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from signing.algorithms import Scheme, algorithm
from signing.cms import detached
from signing.making import Order, Profile
from signing.pdf import making as pdf
from signing.xml import making as xml
from tests import pki
from tests.pki import NOW
from tests.unit.signing.pdf.kit import classic, objects

_WRITERS: dict[str, tuple[ModuleType, Profile, Profile]] = {
    ".pdf": (pdf, Profile.PDF_B, Profile.PDF_T),
    ".xml": (xml, Profile.XML_B, Profile.XML_T),
    ".p7s": (detached, Profile.CMS_B, Profile.CMS_T),
}


def raw_signature(name: str, digest: bytes) -> bytes:
    """What the key of this certificate says to a SHA-256 digest: PKCS#1 v1.5 for RSA, DER for ECDSA."""
    key = pki.key(name)
    prehashed = utils.Prehashed(hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(prehashed))
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(digest, padding.PKCS1v15(), prehashed)


def sign(source: Path, target: Path, name: str = "official", *, stamped: datetime | None = None) -> Path:
    """A signature in the format that the target's suffix names; with a time stamp of that moment when asked."""
    writer, plain, with_stamp = _WRITERS[target.suffix]
    scheme = Scheme.ECDSA if isinstance(pki.key(name), ec.EllipticCurvePrivateKey) else Scheme.RSA_PKCS1
    chosen = algorithm(scheme, "sha256")
    profile = with_stamp if stamped else plain
    order = Order(profile, source, target, pki.certificate(name), pki.chain(name), chosen, stamped or NOW)
    prepared = writer.prepare(order)
    value = raw_signature(name, prepared.digest)
    token = pki.stamp_of(writer.imprint(prepared, value, "sha256"), at=stamped) if stamped else None
    writer.complete(prepared, value, token)
    return target


def pages(target: Path) -> Path:
    """A small PDF of two pages, always the same bytes."""
    target.write_bytes(classic(objects()))
    return target
