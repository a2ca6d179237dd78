"""What signatures need of an X.509 certificate: issuer and serial as encoded, key identifier, public key. No path, no opinion.

Read by our own strict reader: a name is compared by its encoding, a serial number by its octets, and a key with explicit curve
parameters is refused before any library sees it (signing facts 7 K4). Source: RFC 5280 4.1, RFC 5480 2.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signing import der
from signing.algorithms import Scheme, SignatureAlgorithm
from signing.der import DerError, Element

_RSA = "1.2.840.113549.1.1.1"
_RSA_PSS = "1.2.840.113549.1.1.10"
_EC = "1.2.840.10045.2.1"
_KEY_IDENTIFIER = "2.5.29.14"
_MAX_SIZE = 131_072


@dataclass(frozen=True, slots=True)
class CertificateParts:
    """Pieces of one certificate, each exactly as encoded. `serial` is the content of the INTEGER."""

    issuer: bytes
    serial: bytes
    subject: bytes
    public_key: bytes
    extensions: tuple[tuple[str, bool, bytes], ...]

    def extension(self, oid: str) -> tuple[bool, bytes] | None:
        """Whether it is critical, and the value of the first extension of this kind; None when there is none."""
        return next(((critical, value) for name, critical, value in self.extensions if name == oid), None)

    @property
    def key_identifier(self) -> bytes | None:
        """SubjectKeyIdentifier (RFC 5280 4.2.1.2), or None; a malformed one counts as none."""
        found = self.extension(_KEY_IDENTIFIER)
        try:
            return der.whole(found[1], der.OCTET_STRING).content if found else None
        except DerError:
            return None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key that may verify. `bits`: modulus or curve; `exponent`: RSA's, 0 else; `only_pss`: it signs nothing but PSS."""

    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    bits: int
    exponent: int
    only_pss: bool

    def fits(self, chosen: SignatureAlgorithm) -> bool:
        """Whether a key of this kind makes signatures of that scheme at all."""
        if isinstance(self.key, ec.EllipticCurvePublicKey):
            return chosen.scheme is Scheme.ECDSA
        return chosen.scheme is Scheme.RSA_PSS or (chosen.scheme is Scheme.RSA_PKCS1 and not self.only_pss)


@lru_cache(maxsize=256)
def certificate_parts(certificate: bytes) -> CertificateParts:
    """The pieces of a DER certificate; raises `DerError`."""
    if len(certificate) > _MAX_SIZE:
        raise DerError(f"certificate of {len(certificate)} bytes")
    outer = der.children(der.whole(certificate, der.SEQUENCE), 3)
    if len(outer) != 3:
        raise DerError("certificate without its three parts")
    fields = der.children(der.expect(outer[0], der.SEQUENCE), 10)
    if fields and fields[0].tag == 0xA0:
        fields = fields[1:]
    if len(fields) < 6:
        raise DerError("certificate without its fields")
    serial, _, issuer, _, subject, key = fields[:6]
    der.integer(serial)
    for name in (issuer, subject, key):
        der.expect(name, der.SEQUENCE)
    extensions = next((one for one in fields[6:] if one.tag == 0xA3), None)
    return CertificateParts(
        issuer.raw, serial.content, subject.raw, key.raw, _extensions(extensions) if extensions else ()
    )


def _extensions(field: Element) -> tuple[tuple[str, bool, bytes], ...]:
    found = []
    for one in der.children(der.expect(der.sole(field), der.SEQUENCE), 256):
        parts = der.children(der.expect(one, der.SEQUENCE), 3)
        if len(parts) < 2:
            raise DerError(f"extension at {one.start}")
        critical = len(parts) == 3 and der.boolean(parts[1])
        found.append((der.oid(parts[0]), critical, der.octets(parts[-1])))
    return tuple(found)


@lru_cache(maxsize=256)
def signing_key(public_key: bytes) -> SigningKey | None:
    """The key of a SubjectPublicKeyInfo, or None: unreadable, of another kind, explicit parameters, point not on its curve."""
    try:
        algorithm = der.children(der.expect(der.children(der.whole(public_key, der.SEQUENCE), 2)[0], der.SEQUENCE), 2)
        kind = der.oid(algorithm[0])
        if kind == _EC:
            der.oid(algorithm[1])
        key = load_der_public_key(public_key)
    except (ValueError, IndexError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey) and kind == _EC:
        return SigningKey(key, key.curve.key_size, 0, False)
    if isinstance(key, rsa.RSAPublicKey) and kind in (_RSA, _RSA_PSS):
        return SigningKey(key, key.key_size, key.public_numbers().e, kind == _RSA_PSS)
    return None
