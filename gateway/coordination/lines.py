"""Connections to a server, each lent to one call at a time, and closed unless its answer was read whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import Any, Protocol

_MOST = 16


class Connected(Protocol):
    """A connection of redis-py: one command out, one answer in."""

    async def connect(self) -> None:
        """Connect, unless it is connected."""
        ...

    async def send_command(self, *args: Any, **kwargs: Any) -> None:
        """Send one command."""
        ...

    async def read_response(self, disable_decoding: bool = False, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the library's
        """Read one answer; `timeout` inf waits without end."""
        ...

    async def disconnect(self, nowait: bool = False) -> None:
        """Close it."""
        ...


class Lines:
    """A bounded pool. What a cancelled or failed call leaves on the way is never read by the next one (F17)."""

    def __init__(self, make: Callable[[], Connected]) -> None:
        self._make = make
        self._free: list[Connected] = []
        self._era = 0
        self._room = asyncio.Semaphore(_MOST)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Connected]:
        """A connection for one exchange."""
        async with self._room:
            era, connection = self._era, self._free.pop() if self._free else self._make()
            whole = False
            try:
                yield connection
                whole = era == self._era
            finally:
                if whole:
                    self._free.append(connection)
                else:
                    await hang_up(connection)

    def new(self) -> Connected:
        """A connection that belongs to whoever asks."""
        return self._make()

    async def drop(self) -> None:
        """Close what is free, and let nothing that is lent come back: it may lead to a server that is no more."""
        self._era += 1
        free, self._free = self._free, []
        for connection in free:
            await hang_up(connection)


async def exchanged(line: Connected, *command: object) -> Any:
    """One command and its answer, on a connection that nobody else uses meanwhile."""
    await line.connect()
    await line.send_command(*command)
    return await line.read_response(timeout=inf)


async def hang_up(connection: Connected) -> None:
    """Close a connection without waiting for the other side."""
    await connection.disconnect(nowait=True)
