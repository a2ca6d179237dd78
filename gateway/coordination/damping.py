"""How long a server that keeps going away is not counted on after it came back.

Each change between the common budget and shares costs all nodes some seconds in which nothing is sent (decision 0030). One loss
is followed at once; where a Redis, or the way to it, comes and goes, following each time would mean that nothing is sent at all,
while shares send the same rate. So it has to answer for a while first: longer, the more often it was lost (as routes that flap
are damped, RFC 2439, 2.3).
"""

from __future__ import annotations

WINDOW_S = 60.0
"""Losses older than this are forgotten."""
FORGIVEN = 2
"""So many losses within the window are followed at once: a restart, and one more."""
FIRST_S, LONGEST_S = 10.0, 60.0


class Damping:
    """The losses of one server. Instants are those of a clock that counts suspend, in seconds."""

    def __init__(self) -> None:
        self._losses: list[float] = []

    def lost(self, now: float) -> None:
        """It answered until now, and answers no more."""
        self._losses = [at for at in self._losses if now - at < WINDOW_S][-10:]
        self._losses.append(now)

    def rest_s(self, now: float) -> float:
        """It answers: for how many seconds it has to before it is counted on; 0 where it was seldom lost."""
        often = sum(now - at < WINDOW_S for at in self._losses) - FORGIVEN
        return min(LONGEST_S, FIRST_S * 2.0 ** (often - 1)) if often > 0 else 0.0
