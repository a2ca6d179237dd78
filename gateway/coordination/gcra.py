"""The generic cell rate algorithm, pure: how many sends a rate allows now, and when the next one is allowed.

Source: ITU-T I.371 Annex A (virtual scheduling); the whole state is one number, the theoretical arrival time.
"""

from __future__ import annotations

from dataclasses import dataclass

# A send that is early by less than this share of an interval is on time: a clock read as a float says it no better.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate_per_s` sends a second in the long run, at most `burst` at once; both greater than 0."""

    rate_per_s: float
    burst: int

    def interval_s(self) -> float:
        """Seconds between two sends at the steady rate."""
        return 1.0 / self.rate_per_s


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer: `allowed` sends may leave now, `arrival` is the new state, `retry_after_s` when one more would be allowed."""

    allowed: int
    arrival: float
    retry_after_s: float


def take(arrival: float, now: float, wanted: int, limit: RateLimit) -> Taken:
    """Take up to `wanted` sends; a negative number gives back what was taken and not used.

    `arrival` and `now` are seconds of one monotonic clock; start with `arrival` = 0 or any moment in the past.
    """
    interval = limit.interval_s()
    if wanted < 0:
        return Taken(wanted, arrival + wanted * interval, 0.0)
    ahead = max(arrival - now, 0.0)
    allowed = max(0, min(wanted, int(limit.burst - ahead * limit.rate_per_s + _TOLERANCE)))
    ahead += allowed * interval
    return Taken(allowed, now + ahead, max(0.0, ahead - (limit.burst - 1) * interval))
