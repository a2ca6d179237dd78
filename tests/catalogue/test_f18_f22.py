"""F18 and F22: no store grows without end, and no library that loses commits may keep one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count
from pathlib import Path

import apsw
import pytest

from gateway.coordination.memory import MemoryCoordination
from gateway.errors import ConfigError
from gateway.journal import library, sqlite
from gateway.journal.sealing import KeyRing
from tests.catalogue.writing import LANES, opened, push
from tests.integration.dispatch.conftest import House, Postman
from tests.unit.evidence.lively import Lively

WAL_LIMIT = 40 << 20
"""Bytes that the write-ahead log may have under load: five times what the writer waits for before it moves it."""


def size(folder: Path, name: str) -> int:
    """Bytes of a file; nothing of one that is not there."""
    return (folder / name).stat().st_size if (folder / name).exists() else 0


async def load(folder: Path, rounds: int, first: int = 1) -> int:
    """Accept so many rounds on all lanes while two readers read without a pause; the largest log that was seen."""
    journal = opened(folder)
    largest, done = 0, False

    async def read() -> None:
        while not done:
            await journal.feed(0, 200, feed_only=False)

    readers = [asyncio.create_task(read()) for _ in range(2)]
    try:
        for sequence in range(first, first + rounds):
            await asyncio.gather(*(push(journal, lane, sequence) for lane in range(LANES)))
            largest = max(largest, size(folder, "journal.db-wal"))
    finally:
        done = True
        await asyncio.gather(*readers)
        await journal.close()
    return largest


async def test_f18_the_log_does_not_grow_with_the_load(tmp_path: Path) -> None:
    """Written many times over under constant reading, the log stays what it was; closed, it is gone."""
    folder = tmp_path / "store"
    largest = await load(folder, 150)
    assert largest > 0
    assert largest < WAL_LIMIT
    assert size(folder, "journal.db-wal") == 0


async def test_f18_a_reader_held_open_costs_what_was_written_meanwhile_and_it_is_given_back(tmp_path: Path) -> None:
    """While somebody reads one old moment nothing can be moved past it; when he is gone, the log shrinks to its usual size."""
    folder = tmp_path / "store"
    await load(folder, 20)
    journal = opened(folder)
    reader = apsw.Connection(str(folder / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM audit").fetchall()
        for sequence in range(21, 141):
            await asyncio.gather(*(push(journal, lane, sequence) for lane in range(LANES)))
        held = size(folder, "journal.db-wal")
        reader.execute("COMMIT")
        assert held > WAL_LIMIT, "the reader was in the way, or this test shows nothing"
        sequences = count(141)
        async with asyncio.timeout(60):  # how many quiet moments the writer needs to move the log is the disk's affair
            while size(folder, "journal.db-wal") >= WAL_LIMIT:
                sequence = next(sequences)
                await asyncio.gather(*(push(journal, lane, sequence) for lane in range(LANES)))
                await asyncio.sleep(0.05)
    finally:
        reader.close()
        await journal.close()


async def test_f18_a_repeat_leaves_nothing_behind(tmp_path: Path) -> None:
    """A caller that repeats itself two hundred times costs no row, no leaf and no file."""
    lively = Lively(tmp_path / "store")
    journal = lively.open()
    await lively.event(journal, "HS-1", 1, carried=b"long" * 500)
    before = {table: _rows(lively.folder, table) for table in ("record", "payload", "leaf", "audit", "receipt", "msg")}
    files = sorted((lively.folder / "files").iterdir())
    for _ in range(200):
        await lively.event(journal, "HS-1", 1, carried=b"long" * 500)
    await journal.close()
    assert {table: _rows(lively.folder, table) for table in before} == before
    assert sorted((lively.folder / "files").iterdir()) == files


def _rows(folder: Path, table: str) -> int:
    connection = apsw.Connection(str(folder / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    (row,) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    connection.close()
    return int(str(row[0]))


async def test_f18_records_are_as_many_as_dossiers_not_as_events(tmp_path: Path) -> None:
    """What is remembered of a dossier is written over: a hundred events leave the records of one."""
    lively = Lively(tmp_path / "store")
    journal = lively.open()
    await lively.event(journal, "HS-1", 1)
    before = _rows(lively.folder, "record")
    for sequence in range(2, 102):
        await lively.event(journal, "HS-1", sequence)
    await journal.close()
    assert _rows(lively.folder, "record") == before
    assert _rows(lively.folder, "lane") == 2


async def test_f18_memory_forgets_what_is_done(house: House) -> None:
    """After many deliveries nothing of them is left in the worker, in the coordination, or among the open keys."""
    postman = Postman(house.turned)
    house.line("A", postman)
    for number in range(600):
        await house.push(f"D{number}")
    async with house.working() as worker:

        async def done() -> bool:
            return len(postman.calls) == 600

        await house.until(done)
        await house.settled_down("A")
        await house.until_so(lambda: not worker._under_way)
        assert len(worker._standings) == 1
    coordination = house.coordination
    assert len(coordination._budgets) <= 1 and len(coordination._board._events) <= 1
    for number in range(5_000):
        await coordination.remember(f"session-{number}", "x", timedelta(seconds=1))
        house.turned.turn(0.1)
    assert len(coordination._values) < 300
    keys = KeyRing(b"k" * 32, capacity=64)
    for number in range(500):
        keys.create(f"D{number}")
    assert len(keys._opened) == 64
    assert isinstance(coordination, MemoryCoordination)


@pytest.mark.parametrize(
    ("version", "well"),
    [
        ("3.7.0", False),
        ("3.40.1", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.45.0", False),
        ("3.50.6", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.54.1", True),
    ],
)
def test_f22_a_library_with_the_race_of_two_connections_keeps_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, well: bool
) -> None:
    """Opening refuses it before anything is made; doctor asks the same question."""
    assert library.mended(version) is well
    monkeypatch.setattr(sqlite, "library_version", lambda: version)
    if well:
        asyncio.run(opened(tmp_path / "store").close())
        return
    with pytest.raises(ConfigError, match="WAL-reset"):
        opened(tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_f22_the_library_in_use_is_mended() -> None:
    """The one that apsw brings, not the one of the system."""
    assert library.mended(sqlite.library_version())
