"""Documents signed by us with the keys of the test PKI: the three steps in one, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from signing.algorithms import Scheme, SignatureAlgorithm, algorithm
from signing.making import Order, Profile
from signing.xml import making
from tests import pki

HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class By:
    """Who signs, and how."""

    signer: str = "official"
    scheme: Scheme = Scheme.RSA_PKCS1
    digest: str = "sha256"
    stamped: bool = False
    name: str = ""


def order(by: By = By(), source: Path = Path("/nowhere"), target: Path = Path("/nowhere")) -> Order:
    """The order for such a signature, a second before the frozen present."""
    profile = Profile.XML_T if by.stamped else Profile.XML_B
    chosen = algorithm(by.scheme, by.digest)
    time = pki.NOW - timedelta(seconds=1)
    return Order(profile, source, target, pki.certificate(by.signer), pki.chain(by.signer), chosen, time, by.name)


def raw_signature(signer: str, digest: bytes, chosen: SignatureAlgorithm) -> bytes:
    """What a key does: the raw value over a digest."""
    key, function = pki.key(signer), HASHES[chosen.digest.name]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(utils.Prehashed(function)))
    assert isinstance(key, rsa.RSAPrivateKey)
    if chosen.scheme is Scheme.RSA_PSS:
        mode = padding.PSS(mgf=padding.MGF1(function), salt_length=chosen.salt)
        return key.sign(digest, mode, utils.Prehashed(function))
    return key.sign(digest, padding.PKCS1v15(), utils.Prehashed(function))


def signed(source: bytes, by: By = By()) -> bytes:
    """The document with our signature, stamped by the test authority where asked for."""
    wanted = order(by)
    prepared = making.prepare_bytes(wanted, source)
    value = raw_signature(by.signer, prepared.digest, wanted.algorithm)
    token = pki.stamp(making.stamped_bytes(prepared, value)) if by.stamped else None
    return making.signed_bytes(prepared, source, value, token)
