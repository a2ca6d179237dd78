"""How often a key is used: at most as often in a minute as its custody allows, whoever asks and for what."""

from __future__ import annotations

from gateway.clock import Clock
from gateway.coordination.gcra import RateLimit, take
from gateway.errors import TooManyRequests
from gateway.signatures.keys import HeldKey


class Uses:
    """Counts the uses of all keys. One for the whole program."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: dict[str, float] = {}

    def count(self, held: HeldKey) -> None:
        """One more use. Raises `TooManyRequests`, and then it is none."""
        per_minute = held.custody.per_minute
        limit = RateLimit(per_minute / 60, max(1, per_minute // 4))
        taken = take(self._used.get(held.name, 0.0), self._clock.instant(), 1, limit)
        if not taken.allowed:
            wait = max(1, round(taken.retry_after_s + 0.5))
            raise TooManyRequests(
                f"Khóa {held.name} đã ký đến mức cho phép mỗi phút; hãy gửi lại sau.", retry_after_s=wait
            )
        self._used[held.name] = taken.arrival
