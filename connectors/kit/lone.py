"""Coordination of a single node that has nobody to coordinate with: everything is allowed, everything is forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta


class LoneCoordination:
    """Coordination of a single node without rate limits."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, float]] = {}

    async def take(self, upstream: str, wanted: int, rate_per_s: float, burst: int) -> tuple[int, float]:
        """Everything is allowed."""
        return wanted, 0.0

    def wake(self, upstream: str) -> None:
        """Nobody waits."""

    async def wait(self, upstream: str, timeout_s: float) -> bool:
        """Wait for the time-out."""
        await asyncio.sleep(timeout_s)
        return False

    def tell(self, topic: str, text: str) -> None:
        """Nobody listens."""

    async def news(self, topic: str) -> AsyncIterator[str]:
        """Nothing ever happens."""
        await asyncio.Event().wait()
        yield ""

    async def remember(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep `value` for `ttl`."""
        self._kept[key] = (value, time.monotonic() + ttl.total_seconds())

    async def recall(self, key: str) -> str | None:
        """The value, while it lasts."""
        value, until = self._kept.get(key, ("", 0.0))
        return value if time.monotonic() < until else None

    async def forget(self, key: str) -> None:
        """Drop the value."""
        self._kept.pop(key, None)
