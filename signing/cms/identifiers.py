"""Object identifiers of CMS, CAdES and their algorithms, and how algorithm identifiers are read and written.

Sources: RFC 5652, RFC 5035 (ESS), RFC 3161, RFC 6211, RFC 5754 and RFC 8702 (algorithms), RFC 4055 (PSS), EN 319 122-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from signing import der
from signing.algorithms import DIGESTS, Digest, Scheme, SignatureAlgorithm, digest_by_oid
from signing.der import DerError, Element

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
COUNTER_SIGNATURE = "1.2.840.113549.1.9.6"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
SIGNATURE_POLICY = "1.2.840.113549.1.9.16.2.15"
CONTENT_TIME_STAMP = "1.2.840.113549.1.9.16.2.20"
SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
ADOBE_REVOCATION = "1.2.840.113583.1.1.8"
ARCHIVE_TIME_STAMPS = ("1.2.840.113549.1.9.16.2.27", "1.2.840.113549.1.9.16.2.48", "0.4.0.1733.2.4")
OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"
OCSP_BASIC = "1.3.6.1.5.5.7.48.1.1"

_RSA = "1.2.840.113549.1.1.1"
_PSS = "1.2.840.113549.1.1.10"
_MGF1 = "1.2.840.113549.1.1.8"
_EC_KEY = "1.2.840.10045.2.1"

_WITH_DIGEST: dict[str, tuple[Scheme, str]] = {
    "1.2.840.113549.1.1.4": (Scheme.RSA_PKCS1, "md5"),
    "1.2.840.113549.1.1.5": (Scheme.RSA_PKCS1, "sha1"),
    "1.2.840.113549.1.1.14": (Scheme.RSA_PKCS1, "sha224"),
    "1.2.840.113549.1.1.11": (Scheme.RSA_PKCS1, "sha256"),
    "1.2.840.113549.1.1.12": (Scheme.RSA_PKCS1, "sha384"),
    "1.2.840.113549.1.1.13": (Scheme.RSA_PKCS1, "sha512"),
    "2.16.840.1.101.3.4.3.14": (Scheme.RSA_PKCS1, "sha3_256"),
    "2.16.840.1.101.3.4.3.15": (Scheme.RSA_PKCS1, "sha3_384"),
    "2.16.840.1.101.3.4.3.16": (Scheme.RSA_PKCS1, "sha3_512"),
    "1.2.840.10045.4.1": (Scheme.ECDSA, "sha1"),
    "1.2.840.10045.4.3.1": (Scheme.ECDSA, "sha224"),
    "1.2.840.10045.4.3.2": (Scheme.ECDSA, "sha256"),
    "1.2.840.10045.4.3.3": (Scheme.ECDSA, "sha384"),
    "1.2.840.10045.4.3.4": (Scheme.ECDSA, "sha512"),
    "2.16.840.1.101.3.4.3.10": (Scheme.ECDSA, "sha3_256"),
    "2.16.840.1.101.3.4.3.11": (Scheme.ECDSA, "sha3_384"),
    "2.16.840.1.101.3.4.3.12": (Scheme.ECDSA, "sha3_512"),
}
_OF_KEY = {_RSA: Scheme.RSA_PKCS1, _EC_KEY: Scheme.ECDSA}
"""Names of keys where a signature algorithm belongs: usual for RSA (RFC 3370 3.2), written for ECDSA by older PDF software."""
_NULL = der.encode(der.NULL, b"")


@dataclass(frozen=True, slots=True)
class AlgorithmIdentifier:
    """One algorithm as found: identifier, and its parameters as encoded (None: absent)."""

    oid: str
    parameters: bytes | None
    raw: bytes

    @property
    def plain(self) -> bool:
        """Whether the parameters are absent or NULL, which for digests and most signatures mean the same (RFC 5754 2)."""
        return self.parameters in (None, _NULL)


def read_identifier(found: Element, tag: int = der.SEQUENCE) -> AlgorithmIdentifier:
    """An AlgorithmIdentifier; `tag` where it is implicitly tagged. Raises `DerError`."""
    parts = der.children(der.expect(found, tag), 2)
    if not parts:
        raise DerError(f"algorithm at {found.start}")
    raw = found.raw if tag == der.SEQUENCE else der.encode(der.SEQUENCE, found.content)
    return AlgorithmIdentifier(der.oid(parts[0]), parts[1].raw if len(parts) == 2 else None, raw)


def known_digest(found: AlgorithmIdentifier) -> Digest | None:
    """The digest function that this names, or None."""
    return digest_by_oid(found.oid) if found.plain else None


@dataclass(frozen=True, slots=True)
class ReadAlgorithm:
    """A signature algorithm as found. `mask` is the digest of MGF1 (PSS), the signature's own else; `trailer` PSS's (1)."""

    chosen: SignatureAlgorithm
    mask: str
    trailer: int = 1


def known_signature(found: AlgorithmIdentifier, digest: Digest) -> ReadAlgorithm | None:
    """The signature algorithm that this names; where it names only a kind of key, the digest is the message's. None: unknown."""
    if found.oid == _PSS:
        return _read_pss(found)
    if not found.plain:
        return None
    if found.oid in _OF_KEY:
        return ReadAlgorithm(SignatureAlgorithm(_OF_KEY[found.oid], digest), digest.name)
    if found.oid in _WITH_DIGEST:
        scheme, name = _WITH_DIGEST[found.oid]
        return ReadAlgorithm(SignatureAlgorithm(scheme, DIGESTS[name]), name)
    return None


def _read_pss(found: AlgorithmIdentifier) -> ReadAlgorithm | None:
    """RSASSA-PSS-params with their defaults (RFC 4055 3.1): SHA-1, MGF1 with SHA-1, salt 20, trailer 1."""
    if found.parameters is None:
        return None
    values: dict[int, Element] = {}
    for part in der.children(der.whole(found.parameters, der.SEQUENCE), 4):
        if not 0xA0 <= part.tag <= 0xA3 or any(part.tag <= earlier for earlier in values):
            raise DerError("PSS parameters")
        values[part.tag] = der.sole(part)
    digest = mask = digest_by_oid(DIGESTS["sha1"].oid)
    if 0xA0 in values:
        digest = known_digest(read_identifier(values[0xA0]))
    if 0xA1 in values:
        generator = read_identifier(values[0xA1])
        if generator.oid != _MGF1 or generator.parameters is None:
            return None
        mask = known_digest(read_identifier(der.whole(generator.parameters, der.SEQUENCE)))
    salt = der.integer(values[0xA2]) if 0xA2 in values else 20
    trailer = der.integer(values[0xA3]) if 0xA3 in values else 1
    if digest is None or mask is None or not 0 <= salt <= 2048:
        return None
    return ReadAlgorithm(SignatureAlgorithm(Scheme.RSA_PSS, digest, salt), mask.name, trailer)


@lru_cache(maxsize=64)
def digest_identifier(digest: Digest) -> bytes:
    """A digest's AlgorithmIdentifier, parameters absent (RFC 5754 2: implementations should omit them)."""
    return der.sequence(der.encode_oid(digest.oid))


@lru_cache(maxsize=64)
def signature_identifier(chosen: SignatureAlgorithm) -> bytes:
    """A signature's AlgorithmIdentifier: RSA with NULL, ECDSA with none, PSS with all that is not a default."""
    if chosen.scheme is Scheme.RSA_PSS:
        digest = der.sequence(der.encode_oid(chosen.digest.oid), _NULL)  # RFC 4055 2.1 gives these a NULL
        mask = der.sequence(der.encode_oid(_MGF1), digest)
        salt = b"" if chosen.salt == 20 else der.encode(0xA2, der.encode_integer(chosen.salt))
        return der.sequence(der.encode_oid(_PSS), der.sequence(der.encode(0xA0, digest), der.encode(0xA1, mask), salt))
    wanted = (chosen.scheme, chosen.digest.name)
    oid = next(oid for oid, named in _WITH_DIGEST.items() if named == wanted)
    return der.sequence(der.encode_oid(oid), *((_NULL,) if chosen.scheme is Scheme.RSA_PKCS1 else ()))
