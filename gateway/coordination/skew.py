"""Whether a server's clock was set forward between two of its answers."""

from __future__ import annotations

# A clock that is slewed runs at most this much faster (adjtime, RFC 5905: 500 ppm), ours as much slower.
_DRIFT = 1e-3
_READ_S = 1e-4


class Skew:
    """Holds each answer's time against the ones before, by a monotonic clock of our own.

    An answer shows that the server's clock is ahead of ours by something between `server - answered` and `server - sent`. When
    it is surely ahead by more than it could be at any answer before, it was set. What a round trip hides, nobody can see.
    """

    def __init__(self) -> None:
        self._of = ""
        self._most = 0.0
        self._at = 0.0

    def jumped(self, of: str, server: float, sent: float, answered: float) -> bool:
        """Take in the answer of the server process `of`; True when its clock was set forward since the last one."""
        least, most = server - answered, server - sent
        known = self._most + _DRIFT * max(0.0, answered - self._at) + _READ_S
        if of != self._of:
            self._of, self._most, self._at = of, most, answered
            return False
        if least > known:
            self._most, self._at = most, answered
            return True
        if most < known:
            self._most, self._at = most, answered
        return False
