"""The writer's thread outlives whatever its database does; nobody who waits for it waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from gateway.errors import JournalUnavailable
from gateway.journal.books import Books
from gateway.journal.writer import Ahead, Writer
from gateway.observe.crash import never


class Broken(Exception):
    """What this engine's database raises."""


class Surprise(Exception):
    """What nobody expected."""


class Blank:
    """Books in which nothing stands."""

    what = ""

    def end(self) -> None:
        """Nothing was written."""


class Engine:
    """A database that fails where the test says."""

    failures: tuple[type[BaseException], ...] = (Broken,)
    faults: tuple[type[BaseException], ...] = ()
    clashes: tuple[type[BaseException], ...] = ()

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.closed = False

    def _pass(self, where: str) -> None:
        error = self.fails.get(where)
        if error is not None:
            raise error

    def begin(self, _ahead: Sequence[Ahead]) -> None:
        self._pass("begin")

    def books(self) -> Books:
        return cast("Books", Blank())

    def changes(self) -> int:
        return 0

    def finish(self) -> None:
        self._pass("finish")

    def commit(self) -> None:
        self._pass("commit")

    def rollback(self) -> None:
        self._pass("rollback")

    def tidy(self, *, idle: bool) -> None:
        self._pass("tidy_idle" if idle else "tidy")

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("where", [("commit", "rollback"), ("begin", "rollback"), ("tidy",), ("tidy_idle",)])
@pytest.mark.parametrize("error", [Broken(), Surprise()])
async def test_the_writer_outlives_its_database(where: tuple[str, ...], error: Exception) -> None:
    """A job is answered though the undoing fails as well, and the next one is carried out when the trouble is over."""
    engine = Engine()
    writer = Writer(engine, never, 10)
    engine.fails = dict.fromkeys(where, error)
    async with asyncio.timeout(60):
        (first,) = await asyncio.gather(writer.submit("accept", lambda _books: 1), return_exceptions=True)
        assert first == 1 or isinstance(first, JournalUnavailable)
        await asyncio.sleep(0.05)
        engine.fails = {}
        assert await writer.submit("accept", lambda _books: 2) == 2
        await asyncio.to_thread(writer.close)
    assert engine.closed


async def test_who_was_cancelled_does_not_disturb_the_others() -> None:
    """The commit of a cancelled caller stands; the answers of the others come."""
    writer = Writer(Engine(), never, 10)
    done: list[int] = []
    jobs = [writer.submit("accept", lambda _books, n=n: done.append(n)) for n in range(5)]  # type: ignore[misc]  # n is bound
    jobs[2].cancel()
    async with asyncio.timeout(60):
        await asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.to_thread(writer.close)
    assert done == [0, 1, 2, 3, 4]


async def test_what_was_taken_on_before_the_end_is_committed_and_later_jobs_are_refused() -> None:
    """Closing while jobs wait: all of them are answered."""
    writer = Writer(Engine(), never, 10_000)
    jobs = [writer.submit("settle", lambda _books, n=n: n) for n in range(2_000)]  # type: ignore[misc]  # n is bound
    async with asyncio.timeout(60):
        await asyncio.to_thread(writer.close)
        assert await asyncio.gather(*jobs) == list(range(2_000))
    with pytest.raises(JournalUnavailable):
        writer.submit("settle", lambda _books: 0)
