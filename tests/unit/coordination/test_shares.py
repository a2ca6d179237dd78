"""A node's share of a limit: together the nodes stay at the limit, and none of them is left with nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.coordination.gcra import RateLimit, take
from gateway.coordination.shares import share


@given(st.floats(0.01, 1_000.0), st.integers(1, 200), st.integers(1, 12))
def test_all_shares_together_are_no_more_than_the_limit(rate: float, burst: int, live: int) -> None:
    """The long-run rate is never exceeded; a burst only where it is smaller than the number of nodes."""
    mine = share(RateLimit(rate, burst), live)
    assert mine.rate_per_s * live <= rate * (1 + 1e-9)
    assert mine.burst >= 1 and mine.burst * live <= max(burst, live)


@given(st.integers(1, 120), st.integers(1, 6))
def test_nodes_that_use_their_shares_to_the_end_keep_the_limit(per_minute: int, live: int) -> None:
    """Ten minutes of everybody asking ten times a second: what was allowed in all is what one node alone would be allowed."""
    limit = RateLimit(per_minute / 60, max(1, per_minute // 4))
    mine, allowed = share(limit, live), 0
    for _ in range(live):
        arrival = 0.0
        for tick in range(6_000):
            taken = take(arrival, 1_000.0 + tick / 10, 1, mine)
            arrival, allowed = taken.arrival, allowed + taken.allowed
    assert allowed <= 10 * per_minute + max(limit.burst, live) + live
