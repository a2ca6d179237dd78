"""Which route stands where, and that nobody claims another's: checked once at start, for the house and all connectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from gateway.errors import ConfigError

HOUSE = "cổng"


@dataclass(frozen=True, slots=True)
class Claim:
    """A route on a listener, and who serves it: the house, or an upstream's connector by the upstream's code."""

    listener: str
    method: str
    path: str
    claimant: str = HOUSE

    def __str__(self) -> str:
        """For the operator who has to choose."""
        return f"{self.method} {self.path} ({self.listener}, {self.claimant})"


def exactly_one(claims: Sequence[Claim]) -> None:
    """Raises `ConfigError` that names both sides wherever two claims could answer one request, on any listener."""
    faults = tuple(
        f"Hai bên cùng nhận một địa chỉ: {one} và {other}."
        for one, other in combinations(claims, 2)
        if _meet(one, other)
    )
    if faults:
        raise ConfigError(faults)


def overlap(one: str, other: str) -> bool:
    """Whether some address fits both paths; `{name}` stands for any one segment."""
    first, second = one.split("/"), other.split("/")
    return len(first) == len(second) and all(
        a == b or a.startswith("{") or b.startswith("{") for a, b in zip(first, second, strict=True)
    )


def _meet(one: Claim, other: Claim) -> bool:
    """Routes of one claimant on one listener are its own affair."""
    if (one.listener, one.claimant) == (other.listener, other.claimant):
        return False
    return one.method == other.method and overlap(one.path, other.path)
