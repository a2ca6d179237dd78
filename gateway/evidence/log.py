"""The chain of evidence: each writer's leaves, every one bound to the one before, in the transaction of what it proves.

A leaf is SHA-256 over a domain prefix, the head before it, and the digests it vouches for, each with its length in front,
so that no two different inputs give the same bytes. The one-byte prefix follows RFC 6962, 2.1, where 0x00 marks a leaf and
0x01 an inner node of the tree; a link of a chain is neither, so it has 0x02, and a leaf of ours can never be passed off as
a node of the tree that is built over it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

GENESIS = b""
"""The head before the first leaf of a chain."""

_LINK = b"\x02tthc-gateway/chain/v1"
_LENGTH_BYTES = 8


def chain(head: bytes, digests: tuple[bytes, ...]) -> bytes:
    """The leaf (32 bytes) that follows `head` and vouches for `digests`, in their order."""
    parts = [_LINK, len(digests).to_bytes(_LENGTH_BYTES, "big")]
    for part in (head, *digests):
        parts += len(part).to_bytes(_LENGTH_BYTES, "big"), part
    return hashlib.sha256(b"".join(parts)).digest()


@dataclass(frozen=True, slots=True)
class Link:
    """One leaf as it was kept: its number, what it vouches for, and its value."""

    n: int
    digests: tuple[bytes, ...]
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain does not hold, with the reason for people."""

    n: int
    reason_vi: str


def walk(links: Iterable[Link], head: bytes = GENESIS, first: int | None = None) -> Break | None:
    """Recompute a chain from `head`; None when every link holds, else the first one that does not.

    Numbers must follow each other without a hole, from `first` on when it is given: a leaf that was cut out is found even
    where the cut was sewn up with recomputed values only up to there.
    """
    expected = first
    for link in links:
        if expected is not None and link.n != expected:
            return Break(expected, f"Thiếu mắt xích {expected}: sau đó là mắt xích {link.n}.")
        if chain(head, link.digests) != link.leaf:
            return Break(link.n, f"Mắt xích {link.n} không khớp với nội dung và mắt xích đứng trước.")
        head, expected = link.leaf, link.n + 1
    return None
