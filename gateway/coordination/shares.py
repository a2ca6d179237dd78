"""A node's own share of a limit that all live nodes keep together, for budgets that are not worth a round trip.

How often a key signs and who asks how much are counted by each node; together they stay at the limit in the long run, and
more than the burst passes at once only where it is smaller than the number of nodes (decision 0039).
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.coordination.gcra import RateLimit

Live = Callable[[], int]
"""How many nodes live, this one among them: at least 1."""


def alone() -> int:
    """There is no other node."""
    return 1


def share(limit: RateLimit, live: int) -> RateLimit:
    """What one of `live` nodes may use. A burst smaller than the number of nodes leaves each of them one."""
    return RateLimit(limit.rate_per_s / live, max(1, limit.burst // live))
