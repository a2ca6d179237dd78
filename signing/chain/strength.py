"""Algorithms and keys of certificates, CRLs and OCSP responses: which ones they are, whether they verify, whether they count.

Sources: RFC 4055 (PSS parameters), RFC 5758, TT 15/2025/TT-BKHCN annex (signing facts R38), EN 319 102-1 5.2.8.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from signing.algorithms import DIGESTS, Scheme, SignatureAlgorithm, verifies
from signing.certificate import signing_key
from signing.chain.certificates import UNREADABLE
from signing.model import AlgorithmUse
from signing.policy import AlgorithmRules
from signing.strength import Weak, weaknesses, weaknesses_of_key

_MAX_RSA_BITS = 16_384
_MAX_EXPONENT_BITS = 64
_SCHEMES = {"rsassa_pkcs1v15": Scheme.RSA_PKCS1, "rsassa_pss": Scheme.RSA_PSS, "ecdsa": Scheme.ECDSA}


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
    known = signing_key(spki)
    chosen = algorithm_of(identifier)
    if known is None or chosen is None or not known.fits(chosen) or not _affordable(known.key):
        return False
    return verifies(known.key, chosen, chosen.digest.of(content), signature)


def _affordable(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bool:
    """Keys whose use costs a stranger little and us much are not used at all: no policy could accept them anyway."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size <= _MAX_RSA_BITS and key.public_numbers().e.bit_length() <= _MAX_EXPONENT_BITS
    return key.curve.name.startswith(("secp", "brainpool"))


def weakness_of_algorithm(identifier: Any, rules: AlgorithmRules, moment: datetime) -> Weak | None:
    """Why a signature by this algorithm does not count at the moment, or None when it does."""
    chosen = algorithm_of(identifier)
    if chosen is None:
        return Weak(f"unknown algorithm {identifier['algorithm'].dotted}")
    parameters = f"mgf1-{chosen.digest.name},salt={chosen.salt}" if chosen.scheme is Scheme.RSA_PSS else ""
    use = AlgorithmUse("certificate", chosen.name, parameters=parameters)
    return next(iter(weaknesses((use,), None, rules, moment)), None)


def weakness_of_key(spki: bytes, rules: AlgorithmRules) -> Weak | None:
    """Why this key does not count, or None when it does: kind, modulus, exponent, curve."""
    return next(iter(weaknesses_of_key(spki, rules)), None)
