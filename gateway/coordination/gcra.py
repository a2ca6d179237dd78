"""The generic cell rate algorithm, pure: how many sends a rate allows now, and when the next one is allowed.

Source: ITU-T I.371 Annex A (virtual scheduling); the whole state is one number, the theoretical arrival time. The same
arithmetic, step by step, stands in `take.lua`; a property test holds the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

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

    def share(self, live: int, rank: int) -> RateLimit | None:
        """The part of the node numbered `rank` (from 0) among `live`; all parts together are this limit, never more.

        None for a node that must not send at all: of a burst of 1 only one node has anything.
        """
        burst = self.burst // live + (rank < self.burst % live)
        return RateLimit(self.rate_per_s / min(live, self.burst), burst) if burst else None


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer: `allowed` sends may leave now, `arrival` is the new state, `retry_after_s` when one more would be allowed."""

    allowed: int
    arrival: float
    retry_after_s: float


def take(arrival: float, now: float, wanted: int, limit: RateLimit) -> Taken:
    """Take up to `wanted` sends.

    `arrival` and `now` are seconds of one monotonic clock; start with `arrival` = 0 or any moment in the past.
    """
    interval = limit.interval_s()
    ahead = max(arrival - now, 0.0)
    allowed = max(0, min(wanted, int(limit.burst - ahead * limit.rate_per_s + _TOLERANCE)))
    ahead += allowed * interval
    return Taken(allowed, now + ahead, max(0.0, ahead - (limit.burst - 1) * interval))


def standing(arrival: float, now: float, since: float, limit: RateLimit) -> float:
    """The state of a budget that counts as spent at `since` (-inf: it never was), whatever was known of it before.

    A state further ahead than a spent budget comes from a clock that was set back, or from a larger limit: spent.
    """
    interval = limit.interval_s()
    arrival = max(arrival, since + limit.burst * interval)
    return now + limit.burst * interval if arrival > now + (limit.burst + 1) * interval else arrival


def give_back(arrival: float, now: float, unused: int, taken_at: float, limit: RateLimit) -> float:
    """The state after `unused` sends that were allowed at `taken_at` were not made.

    They are worth less the later they come: what would have run over meanwhile is lost, since others may have taken it in their
    place. Whatever happened in between, no window holds more sends than the rate allows.
    """
    return arrival - max(0.0, unused * limit.interval_s() - (now - taken_at))


NEVER = -inf
"""The state of a budget that nobody used yet."""
