"""The rate is kept in every window of time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.coordination.gcra import RateLimit, take

limits = st.builds(RateLimit, st.floats(0.01, 10_000), st.integers(1, 200))
steps = st.lists(st.tuples(st.floats(0, 50), st.integers(1, 100)), max_size=40)


@given(limits, steps)
def test_never_more_than_burst_plus_rate_in_any_window(limit: RateLimit, asked: list[tuple[float, int]]) -> None:
    """Whatever is asked and when, no window of time holds more than burst + rate·t."""
    arrival, now = 0.0, 100.0
    sent: list[tuple[float, int]] = []
    for pause, wanted in asked:
        now += pause
        taken = take(arrival, now, wanted, limit)
        assert 0 <= taken.allowed <= wanted
        arrival = taken.arrival
        sent.append((now, taken.allowed))
    for start in range(len(sent)):
        total = 0
        for moment, n in sent[start:]:
            total += n
            assert total <= limit.burst + limit.rate_per_s * (moment - sent[start][0]) + 1e-3


@given(limits, st.integers(1, 300))
def test_a_full_bucket_allows_the_burst_at_once(limit: RateLimit, wanted: int) -> None:
    """After a quiet time the whole burst is there."""
    assert take(0.0, 1e6, wanted, limit).allowed == min(wanted, limit.burst)


@given(limits, st.integers(1, 400))
def test_asking_again_after_the_named_time_succeeds(limit: RateLimit, wanted: int) -> None:
    """`retry_after_s` is neither too early nor a lie."""
    first = take(0.0, 1_000.0, wanted, limit)
    again = take(first.arrival, 1_000.0 + first.retry_after_s + limit.interval_s() * 1e-6, 1, limit)
    assert again.allowed == 1


@given(limits, st.integers(1, 200), st.data())
def test_what_was_taken_and_not_used_can_be_given_back(limit: RateLimit, wanted: int, data: st.DataObject) -> None:
    """Giving back right away is as if less had been taken."""
    first = take(0.0, 1_000.0, wanted, limit)
    used = data.draw(st.integers(0, first.allowed))
    returned = (
        take(first.arrival, 1_000.0, used - first.allowed, limit).arrival if used < first.allowed else first.arrival
    )
    plain = take(0.0, 1_000.0, used, limit).arrival
    assert abs(max(returned, 1_000.0) - max(plain, 1_000.0)) < 1e-6
