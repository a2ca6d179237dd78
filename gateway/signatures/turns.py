"""Turns: of all who ask for the same thing at the same moment, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Turn:
    """Who is at it, and how many wait; forgotten when nobody does."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Turns:
    """Keeps a turn for each label that somebody asks for."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def of(self, label: str) -> AsyncIterator[None]:
        """The turn of that label, for as long as the block lasts."""
        turn = self._turns.setdefault(label, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                self._turns.pop(label, None)
