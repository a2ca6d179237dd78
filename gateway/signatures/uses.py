"""How often a key is used: at most as often in a minute as its custody allows, whoever asks and for what."""

from __future__ import annotations

from gateway.clock import Clock
from gateway.coordination.gcra import RateLimit, take
from gateway.coordination.shares import Live, alone, share
from gateway.errors import TooManyRequests
from gateway.signatures.keys import HeldKey


class Uses:
    """Counts the uses of all keys. One for the whole program; of several nodes each keeps to its share."""

    def __init__(self, clock: Clock, live: Live = alone) -> None:
        self._clock, self._live = clock, live
        self._used: dict[str, float] = {}

    def count(self, held: HeldKey) -> None:
        """One more use. Raises `TooManyRequests`, and then it is none."""
        per_minute = held.custody.per_minute
        limit = share(RateLimit(per_minute / 60, max(1, per_minute // 4)), self._live())
        taken = take(self._used.get(held.name, 0.0), self._clock.instant(), 1, limit)
        if not taken.allowed:
            wait = max(1, round(taken.retry_after_s + 0.5))
            raise TooManyRequests(
                f"Khóa {held.name} đã ký đến mức cho phép mỗi phút; hãy gửi lại sau.", retry_after_s=wait
            )
        self._used[held.name] = taken.arrival
