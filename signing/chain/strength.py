"""Algorithms and keys of certificates, CRLs and OCSP responses: which ones they are, whether they verify, whether they count.

Sources: RFC 4055 (PSS parameters), RFC 5758, TT 15/2025/TT-BKHCN annex (signing facts R38), EN 319 102-1 5.2.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto import core, keys
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signing.algorithms import DIGESTS, Scheme, SignatureAlgorithm, verifies
from signing.chain.certificates import UNREADABLE
from signing.policy import AlgorithmRules

_MAX_RSA_BITS = 16_384
_MAX_EXPONENT_BITS = 64
_SCHEMES = {"rsassa_pkcs1v15": Scheme.RSA_PKCS1, "rsassa_pss": Scheme.RSA_PSS, "ecdsa": Scheme.ECDSA}


@dataclass(frozen=True, slots=True)
class Weakness:
    """Why an algorithm or key does not count; `outdated` when it counted once, so that an earlier proof would have helped."""

    reason: str
    outdated: bool = False


@lru_cache(maxsize=512)
def public_key(spki: bytes) -> PublicKeyTypes | None:
    """The key of a SubjectPublicKeyInfo, or None for a kind, size or curve that nothing of ours can use."""
    try:
        return load_der_public_key(_without_pss_restriction(spki))
    except (UnsupportedAlgorithm, *UNREADABLE):
        return None


def algorithm_of(identifier: Any) -> SignatureAlgorithm | None:
    """Our algorithm for an asn1crypto `SignedDigestAlgorithm`; None for any other, and for odd PSS parameters."""
    try:
        scheme = _SCHEMES[identifier.signature_algo]
        digest = DIGESTS[identifier.hash_algo]
        if scheme is not Scheme.RSA_PSS:
            return SignatureAlgorithm(scheme, digest)
        parameters = identifier["parameters"]
        mask = parameters["mask_gen_algorithm"]
        if mask["algorithm"].native != "mgf1" or mask["parameters"]["algorithm"].native != digest.name:
            return None
        if parameters["trailer_field"].native not in (1, "trailer_field_bc"):
            return None
        return SignatureAlgorithm(scheme, digest, parameters["salt_length"].native)
    except UNREADABLE:
        return None


def signed_by(spki: bytes, identifier: Any, content: bytes, signature: bytes) -> bool:
    """Whether the value is the signature of the content under this key, by the algorithm that stands beside it."""
    key = public_key(spki)
    chosen = algorithm_of(identifier)
    if key is None or chosen is None or not _affordable(key):
        return False
    return verifies(key, chosen, chosen.digest.of(content), signature)


def _affordable(key: PublicKeyTypes) -> bool:
    """Keys whose use costs a stranger little and us much are not used at all: no policy could accept them anyway."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size <= _MAX_RSA_BITS and key.public_numbers().e.bit_length() <= _MAX_EXPONENT_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name.startswith(("secp", "brainpool"))


def weakness_of_algorithm(identifier: Any, rules: AlgorithmRules, moment: datetime) -> Weakness | None:
    """Why a signature by this algorithm does not count at the moment, or None when it does."""
    chosen = algorithm_of(identifier)
    if chosen is None:
        return Weakness(f"unknown algorithm {identifier['algorithm'].dotted}")
    if chosen.scheme not in rules.schemes:
        return Weakness(f"{chosen.name} is not accepted")
    if chosen.digest.name not in rules.digests:
        return Weakness(f"{chosen.digest.name} is not accepted")
    until = rules.digests[chosen.digest.name]
    if until is not None and moment >= until:
        return Weakness(f"{chosen.digest.name} counted until {until.isoformat()}", outdated=True)
    return None


def weakness_of_key(spki: bytes, rules: AlgorithmRules) -> Weakness | None:
    """Why this key does not count, or None when it does: kind, modulus, exponent, curve."""
    key = public_key(spki)
    if isinstance(key, rsa.RSAPublicKey):
        return _rsa_weakness(key, rules)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return None if key.curve.name in rules.curves else Weakness(f"curve {key.curve.name} is not accepted")
    return Weakness("key of a kind that is not accepted")


def _rsa_weakness(key: rsa.RSAPublicKey, rules: AlgorithmRules) -> Weakness | None:
    if not rules.min_rsa_bits <= key.key_size <= rules.max_rsa_bits:
        return Weakness(f"RSA key of {key.key_size} bits")
    exponent = key.public_numbers().e
    if exponent % 2 == 0 or exponent < rules.min_exponent:
        return Weakness(f"RSA exponent {exponent if exponent < 2**64 else 'too large'}")
    return None


def _without_pss_restriction(spki: bytes) -> bytes:
    parsed = keys.PublicKeyInfo.load(spki)
    if parsed.algorithm != "rsassa_pss":
        return spki
    plain = keys.PublicKeyInfo(
        {
            "algorithm": keys.PublicKeyAlgorithm({"algorithm": "rsa", "parameters": core.Null()}),
            "public_key": parsed["public_key"],
        }
    )
    return bytes(plain.dump())
