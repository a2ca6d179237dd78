"""The clock of the simulated post: it runs as fast as one likes and can be turned forward, never back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class TurnedClock:
    """Simulated time. `wall` gives the real one in UTC; `scale` is how many simulated seconds pass in a real one.

    It begins `behind_s` seconds late, so that it can be turned without running ahead of everybody else.
    """

    def __init__(self, wall: Callable[[], datetime], scale: float = 1.0, behind_s: float = 0.0) -> None:
        self.wall = wall
        self.scale = scale
        self._since = wall()
        self._then = self._since - timedelta(seconds=behind_s)

    def now(self) -> datetime:
        """The simulated moment, in UTC."""
        return self._then + (self.wall() - self._since) * self.scale

    def turn(self, seconds: float) -> datetime:
        """Go forward by so many simulated seconds; the moment that it is then."""
        self._settle(self.scale)
        self._then += timedelta(seconds=max(0.0, seconds))
        return self.now()

    def run(self, scale: float) -> None:
        """Run that fast from now on; 0 stands still until it is turned."""
        self._settle(scale)

    def wait_s(self, until: datetime) -> float | None:
        """Real seconds until a simulated moment; None when it never comes by itself."""
        left = (until - self.now()).total_seconds()
        if left <= 0:
            return 0.0
        return left / self.scale if self.scale > 0 else None

    def _settle(self, scale: float) -> None:
        now = self.now()
        self._since, self._then, self.scale = self.wall(), now, scale
