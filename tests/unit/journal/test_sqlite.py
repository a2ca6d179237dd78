"""The embedded store by itself: full disk, back-pressure, one process, one key, nothing readable, cost without backlog."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from gateway.audit.events import CATALOGUE
from gateway.errors import ConfigError, JournalUnavailable
from gateway.journal.lock import StoreInUse
from gateway.journal.model import (
    Claim,
    Decision,
    DeliveryState,
    Intake,
    MessageSettlement,
    RecordKey,
    RecordWrite,
    Settlement,
    Situation,
)
from gateway.journal.sealing import WrongKey
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.statements import load, migrations
from gateway.observe.crash import MOVING_POINTS, RETIRING_POINTS

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Drivers

KEK = bytes(range(32))
NAME = "Nguyễn Thị Mẫu Thử Nghiệm"


def options(**changes: object) -> StoreOptions:
    """The options of these tests."""
    return replace(StoreOptions(node="node-1", kek=KEK), **changes)  # type: ignore[arg-type]  # named by the tests


def bare(folder: Path) -> sqlite3.Connection:
    """The database as another program sees it; used only while no gateway runs."""
    return sqlite3.connect(folder / "journal.db", isolation_level=None)


async def test_a_full_disk_is_answered_with_unavailable_and_nothing_is_lost(driver: Drivers) -> None:
    """Every accept that was answered is there, every other got 503; with space the store goes on by itself."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
    pages = (driver.folder / "journal.db").stat().st_size // 4096
    async with driver.desk(options(max_pages=pages + 20)) as desk:
        journal = desk.journal
        assert isinstance(journal, SqliteJournal)
        big = [desk.event(2, f"dossier-{n}", carried=b"x" * 4_000) for n in range(60)]
        answers = await asyncio.gather(*(desk.accept(event) for event in big), return_exceptions=True)
        for event in big[:5]:
            answers += await asyncio.gather(desk.accept(event), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, JournalUnavailable)]
        assert refused
        assert all((error.status, error.retry_after_s) == (503, 1) for error in refused)
        stored = (await journal.counts()).messages.get((desk.portal, DeliveryState.READY), 0)
        kept = [event for event in big if await journal.event(event.source, event.event_id)]
        assert stored == 1 + len(kept)
        await journal.resize(1_000_000)
        assert await journal.ready() == ""
        for event in big:
            if event not in kept:
                assert (await desk.accept(event)).stored
        claims = await desk.claim(limit=100)
        assert len(claims) == 61
        (head,) = [leaf for leaf in await journal.leaves() if leaf.writer == journal.writer]
        leaves = await journal.leaves(head.writer, limit=1_000)
        assert [leaf.n for leaf in leaves] == list(range(1, 63)), "the opening, 60 accepts, one claim"


async def test_a_file_that_cannot_be_written_is_answered_with_unavailable(driver: Drivers) -> None:
    """A large payload goes to a file first; when that fails nothing of the event is stored."""
    async with driver.desk() as desk:
        (driver.folder / "files").write_bytes(b"in the way")
        with pytest.raises(JournalUnavailable):
            await desk.accept(desk.event(1, carried=b"x" * 100_000))
        assert await desk.journal.event(desk.source, "ev-0042-1") is None
        (driver.folder / "files").unlink()
        assert (await desk.accept(desk.event(1, carried=b"x" * 100_000))).stored


async def test_beyond_the_queue_limit_accepts_are_refused_and_settlements_are_not(driver: Drivers) -> None:
    """Back-pressure answers 503 at once; claims and settlements always get through (a refused settlement would be a doubt)."""
    async with driver.desk(options(queue_limit=8)) as desk:
        await desk.fill(lanes=3)
        claims = await desk.claim()
        crowd = [asyncio.create_task(desk.accept(desk.event(1, f"dossier-{n}"))) for n in range(50)]
        settled = [asyncio.create_task(desk.settle(claim, DeliveryState.DELIVERED)) for claim in claims]
        answers = await asyncio.gather(*crowd, return_exceptions=True)
        assert sum(isinstance(answer, JournalUnavailable) for answer in answers) == 42
        assert await asyncio.gather(*settled) == [True] * 3
        assert (await desk.accept(desk.event(2))).stored, "the queue empties by itself"
        assert (await desk.journal.counts()).messages[desk.portal, DeliveryState.READY] == 9


async def test_a_second_process_is_refused_in_plain_words(driver: Drivers) -> None:
    """One process owns a store; a second one is told which process has it."""
    async with driver.desk():
        with pytest.raises(StoreInUse, match=f"đang được một tiến trình khác sử dụng.*{os.getpid()}"):
            driver.open()
        code = (
            "import sys; from pathlib import Path; from gateway.journal import lock\n"
            "try: lock.take(Path(sys.argv[1]))\n"
            "except lock.StoreInUse: sys.exit(7)"
        )
        ran = subprocess.run([sys.executable, "-c", code, str(driver.folder)], check=False, cwd=Path.cwd())
        assert ran.returncode == 7
    async with driver.desk() as desk:
        assert await desk.journal.ready() == ""


async def test_another_key_is_refused_at_open(driver: Drivers) -> None:
    """A store never mixes two keys: the wrong one is refused before anything is written, and the lock is free again."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
    with pytest.raises(WrongKey, match="key_file"):
        driver.open(options(kek=b"z" * 32))
    with pytest.raises(ConfigError, match="32"):
        driver.open(options(kek=b"short"))
    async with driver.desk() as desk:
        assert len(await desk.claim()) == 1


async def test_the_key_is_not_shown(driver: Drivers) -> None:
    """The options can be printed without giving the key away."""
    assert "kek" not in repr(options())


@pytest.mark.parametrize("inline_bytes", [65_536, 16])
async def test_personal_data_is_nowhere_readable_on_the_disk(driver: Drivers, inline_bytes: int) -> None:
    """A planted name in raw bytes, content, records, requests, responses and receipts is in no file of the store."""
    planted = f'{{"name":"{NAME}"}}'.encode()
    async with driver.desk(options(inline_bytes=inline_bytes)) as desk:
        event = desk.event(1, raw=planted, carried=planted)
        record = RecordWrite(RecordKey("dossier", desk.dossier), 1, planted, desk.dossier)
        await desk.accept(event, replace(event.decision(), answer=planted, records=(record,)))
        claim = await desk.claim_one()
        assert claim.deliveries[0].payload == planted
        attempt = desk.attempt("delivered", request=planted, response=planted)
        message = MessageSettlement(1, DeliveryState.DELIVERED, attempt, planted)
        assert await desk.journal.settle(Settlement(claim.lane_id, claim.epoch, (message,)))
        assert (await desk.journal.deliveries_of(desk.dossier))[0].receipt == planted
        files = [path for path in driver.folder.rglob("*") if path.is_file()]
        assert any(path.name == "journal.db-wal" for path in files)
        assert (len(files) > 6) == (inline_bytes == 16)
        for path in files:
            assert NAME.encode() not in path.read_bytes(), path.name
    for path in driver.folder.rglob("*.db*"):
        assert NAME.encode() not in path.read_bytes(), path.name


async def test_a_changed_payload_stops_its_own_lane_only(driver: Drivers) -> None:
    """Sealed bytes that do not open are held with a reason; the other lanes go on, and the claim does not fail (F8)."""
    async with driver.desk() as desk:
        await desk.fill(lanes=3, messages=2)
    with bare(driver.folder) as connection:
        connection.execute("UPDATE payload SET sealed = zeroblob(40) WHERE ref = 2")
    connection.close()
    async with driver.desk() as desk:
        claims = await desk.claim(batch={"progress": 5})
        assert [claim.dossier[-1] for claim in claims] == ["1", "2"]
        (row,) = await desk.journal.lanes(blocked_only=True)
        assert (row.dossier[-1], row.state) == ("0", DeliveryState.HELD)
        assert "niêm phong" in row.block_reason


async def test_a_payload_moved_to_another_place_does_not_open(driver: Drivers) -> None:
    """A sealed value is bound to its reference and its dossier: swapping two rows is noticed."""
    async with driver.desk() as desk:
        await desk.fill(lanes=2)
    with bare(driver.folder) as connection:
        sealed = dict(connection.execute("SELECT ref, sealed FROM payload WHERE ref IN (2, 4)").fetchall())
        connection.execute("UPDATE payload SET sealed = ? WHERE ref = 2", (sealed[4],))
        connection.execute("UPDATE payload SET sealed = ? WHERE ref = 4", (sealed[2],))
    connection.close()
    async with driver.desk() as desk:
        assert await desk.claim() == ()
        assert len(await desk.journal.lanes(blocked_only=True)) == 2


@pytest.mark.parametrize("state", ["DELIVERED", "REFUSED", "SUPERSEDED"])
async def test_a_terminal_state_cannot_be_changed_even_by_hand(driver: Drivers, state: str) -> None:
    """F6: the database itself refuses it; history rows cannot be rewritten either."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
        await desk.settle(await desk.claim_one(), DeliveryState(state))
    connection = bare(driver.folder)
    for statement in (
        "UPDATE msg SET state = 'READY'",
        "UPDATE attempt SET outcome = 'delivered'",
        "UPDATE leaf SET digest = x'00'",
        "UPDATE audit SET actor = 'nobody'",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()


async def test_no_lane_can_be_left_without_a_next_step(driver: Drivers) -> None:
    """F5: the database refuses a lane that has messages but no due time, no lease and no person to wait for."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
    connection = bare(driver.folder)
    for statement in (
        "UPDATE lane SET due = NULL",
        "UPDATE lane SET lease_until = 5",
        "UPDATE lane SET block_reason = 'x'",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()


async def test_the_schema_is_recorded_and_applied_once(driver: Drivers) -> None:
    """Each step is recorded with its number; opening again applies nothing twice."""
    for _ in range(2):
        async with driver.desk():
            pass
    connection = bare(driver.folder)
    rows = connection.execute("SELECT number, name FROM migration ORDER BY number").fetchall()
    assert rows == [(step.number, step.name) for step in migrations()]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    connection.close()


async def test_a_missing_migration_is_applied_at_open(driver: Drivers) -> None:
    """A store of the first form gets every later step, with its rows kept."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
    connection = bare(driver.folder)
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("ALTER TABLE leaf DROP COLUMN about")
    connection.execute("DROP INDEX lane_pressing")
    connection.execute("DELETE FROM migration WHERE number > 0")
    connection.close()
    async with driver.desk() as desk:
        assert await desk.states() == [DeliveryState.READY]
    connection = bare(driver.folder)
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").fetchone() == (4,)
    connection.close()


def test_migrations_are_numbered_without_hole() -> None:
    """Numbers follow each other from 0, and each file says when it is applied."""
    assert [step.number for step in migrations()] == list(range(len(migrations())))


def test_every_statement_is_used_and_every_used_statement_exists() -> None:
    """The file of named SQL and the modules agree."""
    folder = Path(sys.modules["gateway.journal.sqlite"].__file__ or "").parent
    used = {
        name
        for module in folder.glob("*.py")
        for name in re.findall(r'"([a-z]+\.[a-z_]+)"', module.read_text(encoding="utf-8"))
    }
    files = (".sql", ".db", ".lock", ".json", ".jsonl")
    known = set(load("queries.sql")) | set(load("postgres.sql"))
    assert (
        known
        == {name for name in used if not name.endswith(files)}
        - {"gateway.journal", *MOVING_POINTS, *RETIRING_POINTS}
        - CATALOGUE.keys()
    )


async def test_the_wal_is_checkpointed_outside_the_commit_path(driver: Drivers) -> None:
    """A quiet moment is used: after much writing the log does not keep growing."""
    async with driver.desk() as desk:
        for sequence in range(1, 41):
            await asyncio.gather(
                *(desk.accept(desk.event(sequence, f"d-{n}", carried=b"x" * 8_000)) for n in range(16))
            )
        assert (driver.folder / "journal.db-wal").stat().st_size < 16_000_000
        deadline = time.monotonic() + 60
        while (driver.folder / "journal.db").stat().st_size < 5_000_000:
            assert time.monotonic() < deadline, "a quiet moment was not used"
            await asyncio.sleep(0.01)


async def test_a_reader_held_open_neither_stops_nor_corrupts_the_writer(driver: Drivers) -> None:
    """F11: while another connection keeps an old moment open, accepts and checkpoints go on."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
        reader = bare(driver.folder)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM msg").fetchone() == (1,)
        for sequence in range(2, 12):
            await asyncio.gather(
                *(desk.accept(desk.event(sequence, f"d-{n}", carried=b"y" * 8_000)) for n in range(16))
            )
        assert reader.execute("SELECT count(*) FROM msg").fetchone() == (1,)
        reader.execute("ROLLBACK")
        assert reader.execute("SELECT count(*) FROM msg").fetchone() == (161,)
        reader.close()


async def test_blocked_lanes_do_not_slow_the_claim(driver: Drivers) -> None:
    """F10: with 200,000 lanes in backoff or held, claiming the lanes that are due costs about the same."""
    other = replace(driver, folder=driver.folder.with_name("crowded"))
    for each in (driver, other):
        async with each.desk() as desk:
            await desk.fill(lanes=16)
    connection = bare(other.folder)
    with connection:
        connection.execute("BEGIN")
        connection.execute(BACKLOG)
    connection.close()
    async with driver.desk() as empty, other.desk() as full:
        assert len(await full.journal.lanes(blocked_only=True, limit=5)) == 5
        alone, crowded = await _claim_seconds(empty, full)
    assert crowded < 5 * alone + 0.02, (crowded, alone)


BACKLOG = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
INSERT INTO lane (lane_id, upstream, dossier, next_seq, head_seq, head_at, due, block_reason)
SELECT i, 'portal', 'blocked-' || i, 4, 1, i, iif(i % 2, NULL, 9000000000000000), iif(i % 2, 'held', '') FROM n
"""


async def _claim_seconds(*desks: Desk) -> list[float]:
    """The median time of claiming 16 lanes that are due, in seconds; in turn, so that a busy disk meets all desks alike."""
    spent: list[list[float]] = [[] for _ in desks]
    for _ in range(20):
        for desk, times in zip(desks, spent, strict=True):
            start = time.perf_counter()
            claims = await desk.claim(limit=16)
            times.append(time.perf_counter() - start)
            assert len(claims) == 16
            await _wait_again(desk, claims)
    return [median(times) for times in spent]


async def _wait_again(desk: Desk, claims: Sequence[Claim]) -> None:
    """Put claimed lanes back."""
    desk.turned.turn(1)
    await asyncio.gather(*(desk.settle(claim, next_due=desk.turned.now()) for claim in claims))


async def test_a_fault_of_the_decision_does_not_stop_the_writer(driver: Drivers) -> None:
    """Whatever one caller's decision raises, the writer goes on with the next batch."""

    def broken(_situation: Situation, _intake: Intake) -> Decision:
        raise RecursionError

    async with driver.desk() as desk:
        for _ in range(3):
            with pytest.raises(RecursionError):
                await desk.accept(desk.event(1), broken)
        assert (await desk.accept(desk.event(1))).stored


def shelved(folder: Path) -> set[str]:
    """The files that hold what is large."""
    return {path.name for path in (folder / "files").rglob("*") if path.is_file()}


async def test_what_was_not_stored_leaves_no_file_behind(driver: Drivers) -> None:
    """On a full disk every refused repeat would otherwise leave its files and take what space comes free."""
    async with driver.desk(options(inline_bytes=512)) as desk:
        await desk.accept(desk.event(1, carried=b"x" * 4_000))
        before = shelved(driver.folder)
        assert before
    pages = (driver.folder / "journal.db").stat().st_size // 4096
    async with driver.desk(options(inline_bytes=512, max_pages=pages)) as desk:
        refused = 0
        for n in range(200):
            kept = shelved(driver.folder)
            try:
                await desk.accept(desk.event(2, f"dossier-{n}", carried=b"x" * 4_000))
            except JournalUnavailable:
                refused += 1
                assert shelved(driver.folder) == kept
            if refused == 3:
                break
        assert refused == 3
        assert before <= shelved(driver.folder)


async def test_an_intake_that_is_taken_out_of_its_batch_leaves_no_file_behind(driver: Drivers) -> None:
    """One intake breaks a rule after it wrote: it is undone with its files, the others of its batch keep theirs."""
    async with driver.desk(options(inline_bytes=512)) as desk:
        twice = desk.event(1, "dossier-bad", carried=b"x" * 4_000)
        bad = replace(twice.decision(), deliveries=twice.deliveries() * 2)
        good = [desk.event(1, f"dossier-{n}", carried=b"x" * 4_000) for n in range(5)]
        answers = await asyncio.gather(
            *(desk.accept(event) for event in good[:2]),
            desk.accept(twice, bad),
            *(desk.accept(event) for event in good[2:]),
            return_exceptions=True,
        )
        assert [isinstance(answer, Exception) for answer in answers] == [False, False, True, False, False, False]
        assert len(await desk.claim()) == 5
        assert len(shelved(driver.folder)) == 5


async def test_a_payload_that_cannot_be_read_stops_its_own_lane_only(driver: Drivers) -> None:
    """A bad sector under one file must not keep a whole upstream from being claimed."""
    async with driver.desk(options(inline_bytes=512)) as desk:
        await desk.accept(desk.event(1, carried=b"x" * 4_000))
        (file,) = [path for path in (driver.folder / "files").rglob("*") if path.is_file()]
        file.unlink()
        file.mkdir()
        await desk.accept(desk.event(1, desk.other))
        (claim,) = await desk.claim()
        assert claim.dossier == desk.other
        assert await desk.states() == [DeliveryState.HELD]
