"""Threads beside the event loop for what blocks, and what each of them keeps one of: a connection of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from gateway.errors import JournalUnavailable


class Closing(Protocol):
    """What is let go of at the end."""

    def close(self) -> object:
        """Let go."""
        ...


A = TypeVar("A")
T = TypeVar("T")
C = TypeVar("C", bound=Closing)


class Threads:
    """At most so many threads, which take nothing on once they are closed."""

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._closed = False

    async def run(self, work: Callable[[A], T], given: A) -> T:
        """What `work` makes of `given`, in one of the threads; raises `JournalUnavailable` once closed."""
        if self._closed:
            raise JournalUnavailable
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, given)

    def close(self) -> None:
        """Wait for what is under way; blocks."""
        self._closed = True
        self._pool.shutdown(wait=True)


class PerThread(Generic[C]):
    """One for each thread that asks, made when it first does."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._own = threading.local()
        self._made: list[C] = []

    def mine(self) -> C:
        """That of the thread that asks."""
        one: C | None = getattr(self._own, "one", None)
        if one is None:
            one = self._own.one = self._make()
            self._made.append(one)
        return one

    def close(self) -> None:
        """Let go of all of them, when no thread asks any more."""
        for one in self._made:
            one.close()
        self._made.clear()
