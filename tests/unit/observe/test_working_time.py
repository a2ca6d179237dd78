"""Office hours: what a weekend, a holiday and a lunch break count for, and that no stretch counts twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import LOCAL_ZONE
from gateway.observe.working_time import WorkingTime, read_spans

OFFICE = WorkingTime(
    frozenset({1, 2, 3, 4, 5}), read_spans(("08:00-12:00", "13:30-17:30")), frozenset({date(2026, 9, 2)})
)
MOMENTS = st.integers(0, 30 * 24 * 60).map(
    lambda minutes: datetime(2026, 8, 20, tzinfo=UTC) + timedelta(minutes=minutes)
)


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of August and September 2026 in Viet Nam: day 31 is Monday, 31 August."""
    return datetime(2026, 8, 1, hour, minute, tzinfo=LOCAL_ZONE) + timedelta(days=day - 1)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (local(31, 8), local(31, 12), 4),
        (local(31, 11), local(31, 14, 30), 2),
        (local(31, 17), local(32, 9), 1.5),
        (local(28, 17), local(31, 8, 30), 1),  # Friday evening to Monday morning
        (local(32, 17), local(34, 8, 30), 1),  # 2 September is a holiday
        (local(29, 8), local(30, 18), 0),  # a weekend
        (local(31, 12), local(31, 12), 0),
        (local(31, 15), local(31, 9), 0),
    ],
)
def test_only_office_hours_count(start: datetime, end: datetime, hours: float) -> None:
    """By the clock of Viet Nam, whatever zone the moments are said in."""
    assert OFFICE.between(start.astimezone(UTC), end.astimezone(UTC)) == timedelta(hours=hours)


@given(MOMENTS, MOMENTS, MOMENTS)
def test_two_stretches_together_are_as_long_as_each(one: datetime, two: datetime, three: datetime) -> None:
    """For every three moments in order: nothing is lost between them, and nothing counts twice."""
    first, middle, last = sorted((one, two, three))
    assert OFFICE.between(first, middle) + OFFICE.between(middle, last) == OFFICE.between(first, last)
    assert timedelta() <= OFFICE.between(first, last) <= last - first


@pytest.mark.parametrize(
    "spans", [(), ("8-12",), ("12:00-08:00",), ("08:00-12:00", "11:00-13:00"), ("08:00",), ("x-y",)]
)
def test_spans_that_mean_nothing_are_refused(spans: tuple[str, ...]) -> None:
    """A span must end after it begins, and begin after the one before it."""
    with pytest.raises(ValueError, match="span"):
        read_spans(spans)


def test_spans_are_read_as_they_are_written() -> None:
    """Hours and minutes."""
    assert read_spans(("08:00-12:00",)) == ((time(8), time(12)),)
