"""Notices that the wall clock was set: due times and leases stand in wall time, and every one of them would move with it.

A machine without a battery learns the time minutes after its start; an administrator corrects an hour. The clock that
counts seconds since the start does not move then, so the distance between the two shows what happened.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.clock import Clock

# Slewing moves the clock by half a millisecond a second; what is set moves at once. Waiting is not kept to the second.
_SET_S = 1.0
_SLEWED = 1e-3
"""Seconds in each second that nobody looked, of both clocks together: what is slewed is not set (RFC 5905, adjtime)."""
# Two readings that lie further apart say nothing about each other: the process was frozen in between.
_TOGETHER_S = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """Both clocks at one moment, `instant` read first. `set_by` is how far the wall clock was set since `Wall.adopt`."""

    instant: float
    now: datetime
    set_by: timedelta = timedelta()


class Wall:
    """The wall clock under observation for one upstream, as long as the process runs, whatever is configured anew.

    `moved` is how far it was set in all. Nothing of the upstream is claimed before the instant `rests_until`. Whoever adopts
    what was set holds `following`, and looks again under it: when a house takes the place of another, both look for a moment.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen_at = clock.instant()
        self._distance = clock.now().timestamp() - self._seen_at
        self.moved = timedelta()
        self.rests_until = -math.inf
        self.following = asyncio.Lock()

    def look(self) -> Moment:
        """The time now. `set_by` is not zero from the moment the clock was set until that is adopted."""
        instant, now = self._clock.instant(), self._clock.now()
        if self._clock.instant() - instant > _TOGETHER_S:
            return Moment(instant, now)
        moved_s = now.timestamp() - instant - self._distance
        # Where nobody looked for hours, because the upstream was switched off, slewing alone adds up to seconds.
        if abs(moved_s) >= _SET_S + _SLEWED * (instant - self._seen_at):
            return Moment(instant, now, timedelta(seconds=moved_s))
        self._distance += moved_s
        self._seen_at = instant
        return Moment(instant, now)

    def adopt(self, moment: Moment, rest_s: float = 0.0) -> None:
        """Everything that stands in wall time follows the clock as it was set at `moment`; nothing is claimed for `rest_s`."""
        self._distance, self._seen_at = moment.now.timestamp() - moment.instant, moment.instant
        self.moved += moment.set_by
        self.rests_until = max(self.rests_until, moment.instant + rest_s)


class Walls:
    """The observations of one process, by upstream: a house that is built anew goes on with what the one before it saw."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._walls: dict[str, Wall] = {}

    def of(self, upstream: str) -> Wall:
        """The observation for this upstream; begun when it is asked for first."""
        if upstream not in self._walls:
            self._walls[upstream] = Wall(self._clock)
        return self._walls[upstream]
