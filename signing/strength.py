"""Whether the algorithms and the key of one signature count at a proven time (signing facts 5.2 step 6).

Sources: TT 15/2025/TT-BKHCN annex (R38), RFC 4055 3.1 (PSS parameters), EN 319 102-1 clause 5.2.8. The certificates above the
signer's are judged with their path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from signing.algorithms import DIGESTS, Scheme, SignatureAlgorithm, algorithm
from signing.certificate import certificate_parts, signing_key
from signing.der import DerError
from signing.model import AlgorithmUse
from signing.policy import AlgorithmRules

_KNOWN: dict[str, SignatureAlgorithm] = {
    one.name: one for one in (algorithm(scheme, digest) for scheme in Scheme for digest in DIGESTS)
}
_PSS = re.compile(r"mgf1-(?P<mask>[a-z0-9_]+),\s*salt=(?P<salt>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Weak:
    """Why something does not count, in English for experts. `outdated`: it did once, so an earlier proof of time would help."""

    reason: str
    outdated: bool = False


def weaknesses(
    uses: Iterable[AlgorithmUse], certificate: bytes | None, rules: AlgorithmRules, moment: datetime
) -> tuple[Weak, ...]:
    """Everything that does not count at the moment, each reason once, in the order met; empty when all of it counts."""
    found = [weak for use in uses for weak in _of_use(use, rules, moment)]
    if certificate is not None:
        found += _of_key(certificate, rules)
    return tuple(dict.fromkeys(found))


def _of_use(use: AlgorithmUse, rules: AlgorithmRules, moment: datetime) -> list[Weak]:
    found = _of_name(use, rules, moment)
    scheme = _KNOWN[use.name].scheme if use.name in _KNOWN else None
    if scheme in (Scheme.RSA_PKCS1, Scheme.RSA_PSS) and use.bits:
        found += weaknesses_of_rsa(use.bits, use.exponent, rules)
    return found


def _of_name(use: AlgorithmUse, rules: AlgorithmRules, moment: datetime) -> list[Weak]:
    if use.name in DIGESTS:
        return _of_digest(use.place, use.name, rules, moment)
    chosen = _KNOWN.get(use.name)
    if chosen is None:
        return [Weak(f"{use.place}: {use.name} is not known")]
    found = _of_digest(use.place, chosen.digest.name, rules, moment)
    if chosen.scheme not in rules.schemes:
        found.append(Weak(f"{use.place}: {chosen.scheme} is not accepted"))
    parameters = _PSS.search(use.parameters) if chosen.scheme is Scheme.RSA_PSS else None
    if parameters and (parameters["mask"], int(parameters["salt"])) != (chosen.digest.name, chosen.digest.size):
        found.append(Weak(f"{use.place}: PSS with {use.parameters}"))
    return found


def _of_digest(place: str, name: str, rules: AlgorithmRules, moment: datetime) -> list[Weak]:
    if name not in rules.digests:
        return [Weak(f"{place}: {name} is not accepted")]
    until = rules.digests[name]
    if until is not None and moment >= until:
        return [Weak(f"{place}: {name} counted until {until.isoformat()}", outdated=True)]
    return []


def _of_key(certificate: bytes, rules: AlgorithmRules) -> list[Weak]:
    try:
        return weaknesses_of_key(certificate_parts(certificate).public_key, rules)
    except DerError:
        return [Weak("key: not readable")]


def weaknesses_of_key(spki: bytes, rules: AlgorithmRules) -> list[Weak]:
    """Why the key of a SubjectPublicKeyInfo does not count: kind, modulus, exponent, curve; empty when it does."""
    known = signing_key(spki)
    if known is None:
        return [Weak("key: not readable, or of a kind that is not accepted")]
    if isinstance(known.key, rsa.RSAPublicKey):
        return weaknesses_of_rsa(known.bits, known.exponent, rules)
    curve = known.key.curve.name
    return [] if curve in rules.curves else [Weak(f"key: {curve} is not accepted")]


def weaknesses_of_rsa(bits: int, exponent: int, rules: AlgorithmRules) -> list[Weak]:
    """Why an RSA key of this modulus and public exponent (0: not known) does not count; empty when it does."""
    found = []
    if not rules.min_rsa_bits <= bits <= rules.max_rsa_bits:
        found.append(Weak(f"key: RSA of {bits} bits"))
    if exponent and (exponent < rules.min_exponent or exponent % 2 == 0):
        found.append(Weak(f"key: RSA exponent {exponent if exponent < 2**64 else 'beyond 64 bits'}"))
    return found
