"""Whether the algorithms and the key of one signature count at a proven time (signing facts 5.2 step 6).

Sources: TT 15/2025/TT-BKHCN annex (R38), RFC 4055 3.1 (PSS parameters), EN 319 102-1 clause 5.2.8. The certificates above the
signer's are judged with their path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import x509

from signing.algorithms import DIGESTS, Scheme, SignatureAlgorithm, algorithm
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
        key: Any = x509.Certificate.load(certificate, strict=True).public_key
        kind = key.algorithm
        if kind in ("rsa", "rsassa_pss"):
            return weaknesses_of_rsa(key.bit_size, int(key["public_key"].parsed["public_exponent"].native), rules)
        curve = key.curve[1] if kind == "ec" and key.curve[0] == "named" else kind
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        return [Weak(f"key: not readable ({type(error).__name__})")]
    return [] if curve in rules.curves else [Weak(f"key: {curve} is not accepted")]


def weaknesses_of_rsa(bits: int, exponent: int, rules: AlgorithmRules) -> list[Weak]:
    """Why an RSA key of this modulus and public exponent (0: not known) does not count; empty when it does."""
    found = []
    if not rules.min_rsa_bits <= bits <= rules.max_rsa_bits:
        found.append(Weak(f"key: RSA of {bits} bits"))
    if exponent and (exponent < rules.min_exponent or exponent % 2 == 0):
        found.append(Weak(f"key: RSA exponent {exponent if exponent < 2**64 else 'beyond 64 bits'}"))
    return found
