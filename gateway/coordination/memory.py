"""Coordination inside one process: the `Coordination` of `connectors.kit.contract` for the embedded form."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from gateway.clock import Clock
from gateway.coordination import gcra

_SWEEP_ABOVE = 256


class MemoryCoordination:
    """Rate budgets, wake-ups and short-lived values of one node. Losing all of it costs time, never truth."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrivals: dict[str, float] = {}
        self._sweep_at = _SWEEP_ABOVE
        self._news: dict[str, asyncio.Event] = {}
        self._values: dict[str, tuple[str, float]] = {}

    async def take(self, upstream: str, wanted: int, rate_per_s: float, burst: int) -> tuple[int, float]:
        """How many of `wanted` sends are allowed now, and after how many seconds asking again makes sense.

        A negative `wanted` gives back sends that were allowed and not made.
        """
        now = self._clock.instant()
        if len(self._arrivals) >= self._sweep_at:
            # A budget that is whole again is as good as none: strangers may name as many as they like.
            self._arrivals = {name: arrival for name, arrival in self._arrivals.items() if arrival > now}
            self._sweep_at = max(_SWEEP_ABOVE, 2 * len(self._arrivals))
        taken = gcra.take(self._arrivals.get(upstream, 0.0), now, wanted, gcra.RateLimit(rate_per_s, burst))
        self._arrivals[upstream] = taken.arrival
        return taken.allowed, taken.retry_after_s

    def wake(self, upstream: str) -> None:
        """Say that there may be work for `upstream`; kept until somebody waits."""
        self._event(upstream).set()

    async def wait(self, upstream: str, timeout_s: float) -> bool:
        """Wait for `wake` or the time-out; True when woken. A wake-up that came before the wait is not lost."""
        event = self._event(upstream)
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True

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

    def _event(self, upstream: str) -> asyncio.Event:
        return self._news.setdefault(upstream, asyncio.Event())
