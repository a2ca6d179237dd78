"""Watches: what looks again and again while the house stands. One that dies of a fault says so at once, not at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack

_log = logging.getLogger("gateway")


def keep_watch(house: AsyncExitStack, watch: Coroutine[None, None, None], name: str) -> None:
    """Run a watch until the house ends; `name` stands in the log."""
    task = asyncio.create_task(watch, name=name)
    task.add_done_callback(_tell)
    house.push_async_callback(_end, task)


def _tell(watch: asyncio.Task[None]) -> None:
    error = None if watch.cancelled() else watch.exception()
    if error is not None:
        _log.error("a watch ended", extra={"watch": watch.get_name(), "code": type(error).__name__})


async def _end(watch: asyncio.Task[None]) -> None:
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
