"""Keys of the authority: made once, kept as open PKCS#8 files, used to sign in ways that give the same bytes each time.

RSA signs by PKCS#1 v1.5 and ECDSA by RFC 6979, so that what is signed again does not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from connectors.kit.simulated_authority import der

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p224": ec.SECP224R1,
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
}
_DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5,
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
DIGEST_OIDS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
"""Digests by our names (RFC 5754, RFC 3279)."""

_RSA_OIDS = {
    "md5": "1.2.840.113549.1.1.4",
    "sha1": "1.2.840.113549.1.1.5",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}
_ECDSA_OIDS = {
    "sha1": "1.2.840.10045.4.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}


def make(kind: str) -> PrivateKey:
    """A new key: "rsa-2048", "rsa-2048-e3" (public exponent 3), "p224", "p256", "p384", "p521".

    Raises `ValueError` for another kind.
    """
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    family, _, rest = kind.partition("-")
    size, _, exponent = rest.partition("-e")
    if family != "rsa" or not size.isdigit():
        raise ValueError(f"unknown kind of key: {kind}")
    return rsa.generate_private_key(int(exponent or 65537), int(size))


def to_pem(key: PrivateKey) -> bytes:
    """The key as an open PKCS#8 PEM file."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def from_pem(pem: bytes) -> PrivateKey:
    """A key that `to_pem` wrote; its arithmetic is not checked again, which would take 30 ms. Raises `ValueError`."""
    key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("neither an RSA nor an elliptic-curve key")
    return key


def ring(kinds: Mapping[str, str], folder: Path) -> dict[str, PrivateKey]:
    """A key for each name: read where the folder holds it (NAME.key.pem), made and written (mode 0600) where not."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, kind in kinds.items():
        file = folder / f"{name}.key.pem"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_bytes(to_pem(make(kind)))
        found[name] = from_pem(file.read_bytes())
    return found


def public_info(key: PrivateKey) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_bits(key: PrivateKey) -> bytes:
    """The content of the subjectPublicKey BIT STRING, over which key identifiers are computed (RFC 5280 4.2.1.2)."""
    _, body, _ = der.split(public_info(key))
    return der.children(body)[1][1][1:]


def digest(name: str, content: bytes) -> bytes:
    """A digest by our name. Raises `KeyError` for an unknown one."""
    context = hashes.Hash(_DIGESTS[name]())
    context.update(content)
    return context.finalize()


def digest_algorithm(name: str) -> bytes:
    """AlgorithmIdentifier of a digest."""
    return der.sequence(der.oid(DIGEST_OIDS[name]))


def signature_algorithm(key: PrivateKey, digest_name: str) -> bytes:
    """AlgorithmIdentifier of a signature by this key (RFC 4055, RFC 5758)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return der.sequence(der.oid(_RSA_OIDS[digest_name]), der.NULL)
    return der.sequence(der.oid(_ECDSA_OIDS[digest_name]))


def sign(key: PrivateKey, digest_name: str, content: bytes) -> bytes:
    """The signature of `content`; the same bytes each time."""
    algorithm = _DIGESTS[digest_name]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), algorithm)
    return key.sign(content, ec.ECDSA(algorithm, deterministic_signing=True))


def signed(key: PrivateKey, digest_name: str, content: bytes, forge: str = "") -> bytes:
    """SIGNED{content}: content, algorithm, signature; the shape of certificates and CRLs. `forge`: see `forged`."""
    value = forged(sign(key, digest_name, content), forge)
    return der.sequence(content, signature_algorithm(key, digest_name), der.bits(value))


def forged(value: bytes, how: str) -> bytes:
    """A signature value gone wrong: "flipped" in its last bit, "zero" (r = s = 0), "long-length" (BER, not DER); "" is untouched.

    Raises `KeyError` for another word.
    """
    return {
        "": value,
        "flipped": value[:-1] + bytes((value[-1] ^ 1,)),
        "zero": der.sequence(der.integer(0), der.integer(0)),
        "long-length": value[:1] + b"\x81" + value[1:],
    }[how]
