"""Watches: what looks again and again while the house stands. One that dies of a fault says so at once, not at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack

_log = logging.getLogger("gateway")


class Scaffold(AsyncExitStack):
    """A house that is being put up: whatever looks or carries begins when it is opened, all of it at once, and never before."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = asyncio.Event()
        self._watches: list[asyncio.Task[None]] = []

    def begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Work that begins with the opening; whoever asks for it ends it."""
        return asyncio.create_task(_begun(self.opened, work), name=name)

    def watched(self, watch: asyncio.Task[None]) -> None:
        """A watch of this house."""
        self._watches.append(watch)

    def look_away(self) -> None:
        """End the watches now: another house looks from here on."""
        for watch in self._watches:
            watch.cancel()


def keep_watch(house: AsyncExitStack, watch: Coroutine[None, None, None], name: str) -> None:
    """Run a watch until the house ends; `name` stands in the log."""
    task = house.begin(watch, name) if isinstance(house, Scaffold) else asyncio.create_task(watch, name=name)
    if isinstance(house, Scaffold):
        house.watched(task)
    task.add_done_callback(_tell)
    house.push_async_callback(_end, task)


async def _begun(opened: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    try:
        await opened.wait()
    except asyncio.CancelledError:
        work.close()
        raise
    await work


def _tell(watch: asyncio.Task[None]) -> None:
    error = None if watch.cancelled() else watch.exception()
    if error is not None:
        _log.error("a watch ended", extra={"watch": watch.get_name(), "code": type(error).__name__})


async def _end(watch: asyncio.Task[None]) -> None:
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
