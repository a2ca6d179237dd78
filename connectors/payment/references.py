"""Names that lead back: the id of a payment from its request, and references at intermediaries from the id.

A request that is repeated gives the same id, and a reference that comes back names its ledger without any index. Every
reference is at most 20 letters of [0-9a-z], which all intermediaries take (payment facts 2.2).
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Literal

ID_LENGTH = 13
"""Letters of a payment id: 65 bits, so that a billion payments share none (chance below 1 in 70)."""

_REFERENCE = re.compile(rf"([0-9a-v]{{{ID_LENGTH}}})([ar])([1-9][0-9]{{0,2}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Referred:
    """What a reference of ours names: an attempt (`a`) or a refund (`r`) of a payment, by its number."""

    payment_id: str
    kind: Literal["a", "r"]
    number: int


def payment_id_of(system: str, request_id: str) -> str:
    """The id of what `system` asked for under `request_id`: the same for ever, and as hard to guess as that."""
    parts = b"\x00".join(part.encode() for part in ("payment", system, request_id))
    return base64.b32hexencode(hashlib.sha256(parts).digest()).decode().lower()[:ID_LENGTH]


def attempt_ref(payment_id: str, number: int) -> str:
    """Our reference of an attempt at its intermediary."""
    return f"{payment_id}a{number}"


def refund_ref(payment_id: str, number: int) -> str:
    """Our reference of a refund; used once, for ever."""
    return f"{payment_id}r{number}"


def referred(reference: str) -> Referred | None:
    """What a reference names, None for one that we cannot have made. Exact: no blank is forgiven (abuse case A33)."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return None
    return Referred(found[1], "a" if found[2] == "a" else "r", int(found[3]))
