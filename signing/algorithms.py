"""Signature and digest algorithms by their identifiers in CMS, XML and PKCS#11, and the one place that calls the primitives.

Sources: RFC 8017 (RSA PKCS#1 v1.5, PSS), RFC 5758 and FIPS 186-5 (ECDSA), RFC 6931 and XML Signature 1.1 (URIs), RFC 4055 (PSS
parameters). HMAC, DSA and every other method have no row and therefore never verify.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


class Scheme(StrEnum):
    """How a digest becomes a signature."""

    RSA_PKCS1 = "rsa-pkcs1"
    RSA_PSS = "rsa-pss"
    ECDSA = "ecdsa"


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest function: our name, object identifier, XML URI, size in bytes."""

    name: str
    oid: str
    uri: str
    size: int

    def of(self, content: bytes) -> bytes:
        """The digest of these bytes."""
        return hashlib.new(self.name, content).digest()


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One way to sign: scheme and digest. `salt` of PSS in bytes (RFC 4055: the digest's size), 0 else."""

    scheme: Scheme
    digest: Digest
    salt: int = 0

    @property
    def name(self) -> str:
        """Our name, such as "rsa-pkcs1-sha256"; what policies and reports use."""
        return f"{self.scheme}-{self.digest.name}"


_XMLENC = "http://www.w3.org/2001/04/xmlenc#"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"

DIGESTS = {
    digest.name: digest
    for digest in (
        Digest("md5", "1.2.840.113549.2.5", f"{_MORE}md5", 16),
        Digest("sha1", "1.3.14.3.2.26", f"{_DSIG}sha1", 20),
        Digest("sha224", "2.16.840.1.101.3.4.2.4", f"{_MORE}sha224", 28),
        Digest("sha256", "2.16.840.1.101.3.4.2.1", f"{_XMLENC}sha256", 32),
        Digest("sha384", "2.16.840.1.101.3.4.2.2", f"{_MORE}sha384", 48),
        Digest("sha512", "2.16.840.1.101.3.4.2.3", f"{_XMLENC}sha512", 64),
        Digest("sha3_256", "2.16.840.1.101.3.4.2.8", f"{_MORE_2007}sha3-256", 32),
        Digest("sha3_384", "2.16.840.1.101.3.4.2.9", f"{_MORE_2007}sha3-384", 48),
        Digest("sha3_512", "2.16.840.1.101.3.4.2.10", f"{_MORE_2007}sha3-512", 64),
    )
}
"""What is understood; what is acceptable is the policy's word. MD5 and SHA-1 are here so that a report can name them."""

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(),
    "sha3_512": hashes.SHA3_512(),
}


def digest_by_oid(oid: str) -> Digest | None:
    """The digest of an object identifier, or None."""
    return next((one for one in DIGESTS.values() if one.oid == oid), None)


def digest_by_uri(uri: str) -> Digest | None:
    """The digest of an XML algorithm URI, or None."""
    return next((one for one in DIGESTS.values() if one.uri == uri), None)


def algorithm(scheme: Scheme, digest: str) -> SignatureAlgorithm:
    """One algorithm by scheme and our name of the digest; PSS with the salt of RFC 4055."""
    function = DIGESTS[digest]
    return SignatureAlgorithm(scheme, function, function.size if scheme is Scheme.RSA_PSS else 0)


def verifies(
    key: PublicKeyTypes, chosen: SignatureAlgorithm, digest: bytes, signature: bytes, *, raw_ecdsa: bool = False
) -> bool:
    """Whether this value is the signature of this digest under this key; False for a key of another kind.

    `raw_ecdsa`: the value is r||s of the curve's size (XML Signature 1.1 6.4.3) instead of DER (RFC 3279 2.2.3). Only our own
    readers ask; their callers get observations, never this answer alone.
    """
    function = _HASHES[chosen.digest.name]
    prehashed = utils.Prehashed(function)
    try:
        if chosen.scheme is Scheme.ECDSA:
            if not isinstance(key, ec.EllipticCurvePublicKey):
                return False
            value = _der_of(signature, key) if raw_ecdsa else signature
            key.verify(value, digest, ec.ECDSA(prehashed))
            return True
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        mode: padding.AsymmetricPadding = padding.PKCS1v15()
        if chosen.scheme is Scheme.RSA_PSS:
            mode = padding.PSS(mgf=padding.MGF1(function), salt_length=chosen.salt)
        key.verify(signature, digest, mode, prehashed)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def signature_over(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, chosen: SignatureAlgorithm, digest: bytes
) -> bytes:
    """The raw signature of a digest by a key in memory, ECDSA values as DER. `ValueError`: key and algorithm differ."""
    function = _HASHES[chosen.digest.name]
    prehashed = utils.Prehashed(function)
    if isinstance(key, ec.EllipticCurvePrivateKey) and chosen.scheme is Scheme.ECDSA:
        return key.sign(digest, ec.ECDSA(prehashed))
    if not isinstance(key, rsa.RSAPrivateKey) or chosen.scheme is Scheme.ECDSA:
        raise ValueError("a key of another kind")
    if chosen.scheme is Scheme.RSA_PSS:
        return key.sign(digest, padding.PSS(mgf=padding.MGF1(function), salt_length=chosen.salt), prehashed)
    return key.sign(digest, padding.PKCS1v15(), prehashed)


def raw_of(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """A DER ECDSA value as r||s."""
    size = (key.curve.key_size + 7) // 8
    r, s = utils.decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _der_of(raw: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    size = (key.curve.key_size + 7) // 8
    if len(raw) != 2 * size:
        raise ValueError("r||s has another length than the curve")
    return utils.encode_dss_signature(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))
