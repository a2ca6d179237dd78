"""When a poller runs: pure, with clocks that tests turn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.declarations import PollerSpec
from gateway.dispatch.schedule import next_run

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)  # 10:00 in Viet Nam


def at(hour: int, day: int = 22) -> datetime:
    """A time of day in Viet Nam, as UTC."""
    return datetime(2026, 11, day, hour, 0, tzinfo=UTC) - timedelta(hours=7)


def test_what_never_ran_runs_at_once() -> None:
    """A new installation does not wait for the night."""
    for spec in (PollerSpec(every_s=30.0), PollerSpec(daily_at="01:30")):
        assert next_run(spec, None, NOW, lambda: 0.5) == NOW


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 25), (0.5, 30), (1.0, 35)])
def test_every_so_many_seconds_give_or_take(chance: float, seconds: int) -> None:
    """The jitter spreads the pollers of many nodes."""
    spec = PollerSpec(every_s=30.0, jitter_s=5.0)
    assert next_run(spec, NOW, NOW, lambda: chance) == NOW + timedelta(seconds=seconds)


def test_daily_is_a_time_of_day_in_viet_nam() -> None:
    """01:30 in Ha Noi is 18:30 UTC of the day before."""
    spec = PollerSpec(daily_at="01:30")
    assert next_run(spec, at(2), NOW, lambda: 0.0) == datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def test_a_day_that_was_missed_is_made_up_for_at_once() -> None:
    """The gateway was down at 01:30; it runs when it is up again, and then waits for the next night."""
    spec = PollerSpec(daily_at="01:30")
    assert next_run(spec, at(2, day=21), NOW, lambda: 0.0) == NOW
    assert next_run(spec, NOW, NOW, lambda: 0.0) > NOW


@given(st.floats(-1e6, 1e6), st.floats(1.0, 1e4), st.floats(0.0, 1.0))
def test_a_clock_that_was_set_delays_a_run_by_one_period_at_most(ago: float, every: float, chance: float) -> None:
    """Whatever the wall clock did, the next run is neither in the past nor further than one period away."""
    spec = PollerSpec(every_s=every, jitter_s=every / 2)
    due = next_run(spec, NOW - timedelta(seconds=ago), NOW, lambda: chance)
    assert NOW <= due <= NOW + timedelta(seconds=every * 1.5 + 0.001)
