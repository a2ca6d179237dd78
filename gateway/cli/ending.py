"""An orderly end of commands that start processes: the first signal ends the work, and none breaks into setting up or tidying."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Somebody, or the system, ended the command; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Ending:
    """Turns the first of SIGINT, SIGTERM and SIGHUP into `Stopped`, but only where what was set up can be undone.

    A signal may come between any two instructions, also between a database's having been made and the block that drops it.
    So it is noted, cancels what runs on a loop, and is raised from `run` and `look` alone.
    """

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self._number = 0
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """The handler: notes the first signal, and ends what runs on a loop."""
        if self._number:
            return
        self._number = number
        if self._running is None:
            return
        loop, task = self._running
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)  # it may be asleep

    def look(self) -> None:
        """Raise `Stopped` where a signal was heard; for a place between two works, with everything set up or undone."""
        if self._number:
            raise Stopped(self._number)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this on an event loop, to its end or until a signal; raises `Stopped` when all that it set up is undone.

        After a signal it is not begun.
        """
        try:
            self.look()
            return asyncio.run(self._watched(work))
        except asyncio.CancelledError:
            self.look()
            raise
        finally:
            work.close()  # where it was not begun; nothing where it has ended

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._running = asyncio.get_running_loop(), task
        try:
            if self._number:  # it came while the loop was being made
                raise asyncio.CancelledError
            return await work
        finally:
            self._running = None


@contextmanager
def orderly() -> Iterator[Ending]:
    """Hear signals until the end of the block. One that is ignored stays so (nohup). For the main thread."""
    ending = Ending()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, ending.hear)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
