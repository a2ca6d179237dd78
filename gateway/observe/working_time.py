"""Working time, pure: how much of a stretch of time falls into office hours, for alarms that people can act on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gateway.clock import LOCAL_ZONE

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """Office hours in Viet Nam's time: weekdays (1 Monday to 7 Sunday), spans of a day in order, days off."""

    days: frozenset[int]
    spans: tuple[tuple[time, time], ...]
    holidays: frozenset[date] = frozenset()

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time in [start, end); zero where `end` is not later."""
        total, day = timedelta(), start.astimezone(LOCAL_ZONE).date()
        last = end.astimezone(LOCAL_ZONE).date()
        while day <= last:
            if day.isoweekday() in self.days and day not in self.holidays:
                total += sum((self._within(day, span, start, end) for span in self.spans), timedelta())
            day += _DAY
        return total

    @staticmethod
    def _within(day: date, span: tuple[time, time], start: datetime, end: datetime) -> timedelta:
        begins = max(start, datetime.combine(day, span[0], LOCAL_ZONE))
        ends = min(end, datetime.combine(day, span[1], LOCAL_ZONE))
        return max(ends - begins, timedelta())


def read_spans(spans: tuple[str, ...]) -> tuple[tuple[time, time], ...]:
    """Spans written as "HH:MM-HH:MM", in order and apart; raises `ValueError` for anything else."""
    read: list[tuple[time, time]] = []
    for span in spans:
        begins, _, ends = span.partition("-")
        try:
            pair = time.fromisoformat(begins), time.fromisoformat(ends)
        except ValueError as error:
            raise ValueError(f"no span of a day: {span!r}") from error
        if pair[0] >= pair[1] or (read and pair[0] < read[-1][1]):
            raise ValueError(f"a span that ends before it begins, or begins before the one in front ends: {span!r}")
        read.append(pair)
    if not read:
        raise ValueError("no span at all")
    return tuple(read)
