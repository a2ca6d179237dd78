"""The time of a shared store: its server's, carried on by a clock of ours that nobody sets.

Due times and leases of lanes are written by one node and read by another. Between two heartbeats a node counts by its own
monotonic clock; what its wall clock shows, and when that is set, is of no matter (delivery-engine 3.7, 4.3, decision 0037).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.clock import Clock, from_micros, to_micros

SPARE = 2_000_000
"""So many µs longer than asked for a lease stands in the store: two nodes' measures differ by a round trip each, and a step of
the server's clock of less than a second is not told from one that is slewed."""
_WIDEST = 250_000
"""Microseconds. An answer that took longer says too little; only what is better than what is known is taken from it."""
_DRIFT = 1e-3
"""The server's clock is slewed by no more than this, ours is off by less (adjtime, RFC 5905: 500 ppm each)."""
_TRIES = 5
_REMEMBERED = 86_400_000_000
"""Microseconds; no lease lasts longer."""

_log = logging.getLogger("gateway.journal")


class ServerClock:
    """Microseconds since 1970 UTC as the server counts them. May be asked in any thread; is told in one at a time.

    An answer shows that the server's clock is ahead of our monotonic one by something between `server - after` and
    `server - before`, however long either of us was frozen. What is known is where all answers agree, a little wider with
    time. An answer that agrees with none of them was given by a clock that was set: then it alone counts.

    With `follows` False the wall clock counts as it stands (tests that turn it).
    """

    def __init__(self, clock: Clock, *, follow: bool = True) -> None:
        self._ours, self.follows = clock, follow
        self._ahead: int | None = None
        self._least, self._most, self._at = 0, 0, 0
        self._unsure = 0
        self._steps: list[tuple[int, int]] = []

    def now(self) -> int:
        """The time of the store."""
        return to_micros(self._ours.now()) if self._ahead is None else self._ahead + _micros(self._ours.instant())

    def clock(self) -> Clock:
        """The time of the store as a wall clock, beside our own monotonic one."""
        if not self.follows:
            return self._ours
        return Clock(lambda: from_micros(self.now()), self._ours.instant, self._ours.chance)

    def instant(self) -> float:
        """What `heard` wants to know as `before`: read it before the server is asked."""
        return self._ours.instant()

    def listen(self, ask: Callable[[], int]) -> None:
        """Ask what time it is until an answer came soon enough, a few times at most: for the beginning."""
        for _ in range(_TRIES):
            before = self.instant()
            self.heard(ask(), before)
            if self._most - self._least < _WIDEST:
                break
        wrong = (to_micros(self._ours.now()) - self.now()) / 1e6
        if self.follows and abs(wrong) > 1:
            _log.warning(
                "this node's clock differs from the server's by %.1f s; the server's counts for the store", wrong
            )

    def heard(self, server: int, before: float) -> None:
        """The server's clock showed `server` at some moment since our instant `before`."""
        if not self.follows:
            return
        after = _micros(self._ours.instant())
        least, most = server - after, server - _micros(before)
        if self._ahead is None:
            self._ahead, self._least, self._most, self._at = (least + most) // 2, least, most, after
            return
        aged = round(_DRIFT * (after - self._at))
        known_least, known_most = self._least - aged, self._most + aged
        self._unsure = max(0, most - known_least)
        if most - least >= max(_WIDEST, known_most - known_least):
            return
        if least <= known_most and most >= known_least:
            least, most = max(least, known_least), min(most, known_most)
        elif least > known_most:
            kept = [step for step in self._steps if after - step[0] < _REMEMBERED]
            self._steps, self._unsure = [*kept, (after, self._unsure)], 0
        vague = self._most - self._least >= _WIDEST  # of the beginning: the better answer is simply taken
        # Otherwise as little as the answers allow, so that time does not jump about.
        ahead = (least + most) // 2 if vague else min(max(self._ahead, least), most)
        if abs(ahead - self._ahead) >= _WIDEST and not vague:
            _log.warning("the clock of the store's server was set by %.1f s", (ahead - self._ahead) / 1e6)
        self._ahead, self._least, self._most, self._at = ahead, least, most, after

    def set_ahead(self, within: int) -> int:
        """By how many µs at most the server's clock was set ahead in the last `within` µs, as of the last answer.

        What others had the store keep until then by that clock lasts so much longer than it says. A late answer may hide a step:
        then all that it may hide counts, until there is a better one.
        """
        if self._ahead is None:
            return 0
        now = _micros(self._ours.instant())
        return self._unsure + sum(by for at, by in self._steps if now - at < within)


def _micros(instant: float) -> int:
    return round(instant * 1_000_000)
