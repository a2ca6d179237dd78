"""The watch over sequence gaps: an event that waits too long for its predecessor needs a person (dossier-model 4.3)."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from gateway.clock import LOCAL_ZONE, Clock
from gateway.errors import GatewayError

CODE = "event.gap"
LOOK_S = 15.0
_ONCE_S = 60.0

_log = logging.getLogger("gateway.observe")


class GapWatch:
    """Raises an alarm, at most once a minute, while an event has waited for its predecessor longer than `limit`.

    `alone` says whether this node tells it: of several nodes that see the same gap one does.
    """

    def __init__(
        self,
        oldest_gap: Callable[[], Awaitable[datetime | None]],
        alarm: Callable[[str], None],
        limit: timedelta,
        clock: Clock,
        alone: Callable[[], bool] = lambda: True,
    ) -> None:
        self._oldest_gap = oldest_gap
        self._alone = alone
        self._alarm = alarm
        self._limit = limit
        self._clock = clock
        self._told_at = -math.inf

    async def run(self) -> None:
        """Look again and again, until cancelled. A store that cannot be read just now is looked at later."""
        while True:
            try:
                await self.look()
            except GatewayError as error:
                _log.warning("no look at the sequence gaps: %s", type(error).__name__)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One look."""
        if not self._alone():
            return
        since = await self._oldest_gap()
        instant = self._clock.instant()
        if since is None or self._clock.now() - since < self._limit or instant - self._told_at < _ONCE_S:
            return
        self._told_at = instant
        at = since.astimezone(LOCAL_ZONE)
        self._alarm(f"Có sự kiện chờ sự kiện đứng trước từ {at:%H:%M ngày %d/%m/%Y}; hãy hỏi hệ thống gửi.")
