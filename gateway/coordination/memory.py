"""Coordination inside one process: for the embedded form, and for nodes that share a journal and no Redis."""

from __future__ import annotations

from datetime import timedelta

from gateway.clock import Clock
from gateway.coordination.board import Board, News
from gateway.coordination.budgets import Budgets
from gateway.coordination.gcra import RateLimit
from gateway.coordination.membership import WHOLE, Membership

_SWEEP_ABOVE = 256


class MemoryCoordination:
    """Rate budgets, wake-ups and short-lived values of one node. Losing all of it costs time, never truth.

    With a `membership` this node is one of several and keeps to its share of every limit; without one, all of it is its own.
    """

    def __init__(self, clock: Clock, membership: Membership | None = None) -> None:
        self._clock = clock
        self._membership = membership
        if membership is not None:
            membership.say_without_redis(True)
        self._budgets = Budgets()
        self._board = Board()
        self._values: dict[str, tuple[str, float]] = {}

    async def take(self, upstream: str, wanted: int, rate_per_s: float, burst: int) -> tuple[int, float]:
        """How many of `wanted` sends are allowed now, and after how many seconds asking again makes sense.

        A negative `wanted` gives back sends that were allowed to this task and not made.
        """
        now = self._clock.instant()
        permit = self._membership.permit(now) if self._membership is not None else WHOLE
        return self._budgets.take(upstream, wanted, RateLimit(rate_per_s, burst), now, permit)

    def wake(self, upstream: str) -> None:
        """Say that there may be work for `upstream`; kept until somebody waits."""
        self._board.wake(upstream)

    async def wait(self, upstream: str, timeout_s: float) -> bool:
        """Wait for `wake` or the time-out; True when woken. A wake-up that came before the wait is not lost."""
        return await self._board.wait(upstream, timeout_s)

    def tell(self, topic: str, text: str) -> None:
        """Tell `text` to all who listen to `topic`."""
        self._board.tell(topic, text)

    def news(self, topic: str) -> News:
        """What is told of `topic` from now on."""
        return self._board.news(topic)

    async def remember(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep a short-lived value, such as a session of an upstream."""
        now = self._clock.instant()
        if len(self._values) >= _SWEEP_ABOVE:
            self._values = {name: kept for name, kept in self._values.items() if kept[1] > now}
        self._values[key] = (value, now + ttl.total_seconds())

    async def recall(self, key: str) -> str | None:
        """The value kept under `key`, if it has not run out."""
        kept = self._values.get(key)
        if kept is None:
            return None
        if kept[1] <= self._clock.instant():
            del self._values[key]
            return None
        return kept[0]

    async def forget(self, key: str) -> None:
        """Drop the value under `key`."""
        self._values.pop(key, None)
