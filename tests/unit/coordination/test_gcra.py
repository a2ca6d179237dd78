"""The rate is kept in every window of time."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gateway.coordination.gcra import NEVER, RateLimit, give_back, standing, take

limits = st.builds(RateLimit, st.floats(0.01, 10_000), st.integers(1, 200))
steps = st.lists(st.tuples(st.floats(0, 50), st.integers(1, 100)), max_size=40)


@dataclass
class Book:
    """Who sent how much when, and whether any window holds too much."""

    limit: RateLimit
    sent: list[tuple[float, int]] = field(default_factory=list)

    def check(self) -> None:
        """No window of time holds more than burst + rate·t."""
        for start in range(len(self.sent)):
            total = 0
            for moment, n in self.sent[start:]:
                total += n
                assert total <= self.limit.burst + self.limit.rate_per_s * (moment - self.sent[start][0]) + 1e-3


@given(limits, steps)
def test_never_more_than_burst_plus_rate_in_any_window(limit: RateLimit, asked: list[tuple[float, int]]) -> None:
    """Whatever is asked and when, no window of time holds more than burst + rate·t."""
    arrival, now, book = 0.0, 100.0, Book(limit)
    for pause, wanted in asked:
        now += pause
        taken = take(arrival, now, wanted, limit)
        assert 0 <= taken.allowed <= wanted
        arrival = taken.arrival
        book.sent.append((now, taken.allowed))
    book.check()


@given(limits, st.integers(1, 300))
def test_a_full_bucket_allows_the_burst_at_once(limit: RateLimit, wanted: int) -> None:
    """After a quiet time the whole burst is there."""
    assert take(0.0, 1e6, wanted, limit).allowed == min(wanted, limit.burst)
    assert take(standing(NEVER, 1e6, NEVER, limit), 1e6, wanted, limit).allowed == min(wanted, limit.burst)


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
    returned = give_back(first.arrival, 1_000.0, first.allowed - used, 1_000.0, limit)
    plain = take(0.0, 1_000.0, used, limit).arrival
    assert abs(max(returned, 1_000.0) - max(plain, 1_000.0)) < 1e-6


GIVING = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 20), st.integers(0, 20), st.floats(0, 9)), max_size=30)


@given(st.builds(RateLimit, st.floats(0.1, 100), st.integers(1, 20)), GIVING)
def test_what_comes_back_late_allows_nothing_twice(
    limit: RateLimit, script: list[tuple[float, int, int, float]]
) -> None:
    """Takers that give back after any while, between the takes of others, together stay within every window."""
    now, arrival = 0.0, NEVER
    sent: list[tuple[float, int]] = []
    pending: list[tuple[float, float, int]] = []
    for pause, wanted, unused, later in script:
        now += pause
        for due, taken_at, n in sorted(one for one in pending if one[0] <= now):
            arrival = give_back(arrival, due, n, taken_at, limit)
        pending = [one for one in pending if one[0] > now]
        taken = take(arrival, now, wanted, limit)
        arrival = taken.arrival
        back = min(unused, taken.allowed)
        sent.append((now, taken.allowed - back))
        pending.append((now + later, now, back))
    Book(limit, sent).check()


def test_without_the_price_of_being_late_a_budget_would_be_used_twice() -> None:
    """The negative control: ten taken, the bucket full again, ten taken by another, and the first ten come back."""
    limit = RateLimit(10.0, 10)
    first = take(NEVER, 0.0, 10, limit)
    second = take(first.arrival, 1.0, 10, limit)
    assert second.allowed == 10
    assert take(second.arrival - 10 * limit.interval_s(), 1.0, 10, limit).allowed == 10
    assert take(give_back(second.arrival, 1.0, 10, 0.0, limit), 1.0, 10, limit).allowed == 0


@given(limits, st.floats(0, 1_000), st.floats(0, 1_000))
def test_a_budget_that_was_lost_begins_as_spent_and_grows_back(limit: RateLimit, since: float, quiet: float) -> None:
    """First the steady rate, then the burst: what it allows at first is what the rate alone brought since."""
    now = since + quiet
    allowed = take(standing(NEVER, now, since, limit), now, 1_000, limit).allowed
    assert allowed <= min(limit.burst, quiet * limit.rate_per_s + 1e-3)
    assert allowed >= min(limit.burst, int(quiet * limit.rate_per_s - 1e-3))


@given(limits, st.floats(1e3, 1e6))
def test_a_clock_that_was_set_back_stops_nobody(limit: RateLimit, ahead: float) -> None:
    """A state from the future counts as spent, not as a debt of hours."""
    arrival = standing(1e7 + ahead + (limit.burst + 1) * limit.interval_s(), 1e7, NEVER, limit)
    assert arrival == 1e7 + limit.burst * limit.interval_s()


@given(limits, st.integers(1, 50))
def test_all_shares_together_are_the_limit(limit: RateLimit, live: int) -> None:
    """Never more than the limit, and no burst is lost among the nodes."""
    shares = [limit.share(live, rank) for rank in range(live)]
    some = [share for share in shares if share is not None]
    assert sum(share.burst for share in some) == limit.burst
    assert abs(sum(share.rate_per_s for share in some) / limit.rate_per_s - 1) < 1e-9
    assert limit.share(1, 0) == limit


@given(limits, st.integers(1, 30), st.data())
def test_nobodys_share_grows_when_another_comes(limit: RateLimit, live: int, data: st.DataObject) -> None:
    """So those who know of a newcomer and those who do not are together within the limit."""
    rank = data.draw(st.integers(0, live - 1))
    before = limit.share(live, rank)
    for later in (limit.share(live + 1, rank), limit.share(live + 1, rank + 1)):
        if later is not None:
            assert before is not None
            assert (later.burst, later.rate_per_s) <= (before.burst, before.rate_per_s)
            assert later.rate_per_s <= before.rate_per_s
