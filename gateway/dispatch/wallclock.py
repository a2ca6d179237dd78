"""Notices that the wall clock was set: due times and leases stand in wall time, and every one of them would move with it.

A machine without a battery learns the time minutes after its start; an administrator corrects an hour. The clock that
counts seconds since the start does not move then, so the distance between the two shows what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.clock import Clock

# Slewing moves the clock by half a millisecond a second; what is set moves at once. Waiting is not kept to the second.
_SET_S = 1.0
# Two readings that lie further apart say nothing about each other: the process was frozen in between.
_TOGETHER_S = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """Both clocks at one moment, `instant` read first. `set_by` is how far the wall clock was set since `Wall.adopt`."""

    instant: float
    now: datetime
    set_by: timedelta = timedelta()


class Wall:
    """The wall clock under observation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._distance = clock.now().timestamp() - clock.instant()

    def look(self) -> Moment:
        """The time now. `set_by` is not zero from the moment the clock was set until that is adopted."""
        instant, now = self._clock.instant(), self._clock.now()
        if self._clock.instant() - instant > _TOGETHER_S:
            return Moment(instant, now)
        moved_s = now.timestamp() - instant - self._distance
        if abs(moved_s) >= _SET_S:
            return Moment(instant, now, timedelta(seconds=moved_s))
        self._distance += moved_s
        return Moment(instant, now)

    def adopt(self, moment: Moment) -> None:
        """Everything that stands in wall time follows the clock as it was set at `moment`."""
        self._distance = moment.now.timestamp() - moment.instant
