"""The check of the evidence: nothing is named in an untouched store, and every row that was touched by hand is."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.evidence.check import Report, check
from gateway.evidence.log import chain
from gateway.journal.bound import BOUND
from gateway.journal.examining_embedded import StoreOfBefore
from gateway.journal.statements import migrations
from tests.unit.evidence.lively import Lively

EMPTY = frozenset({"record_index", "upstream_slot"})
"""Tables that only a second driver fills: a row in them is one too many."""

UNPROVEN = frozenset({("node", "beat")})
"""When the process was last asked whether it lives: it changes all the time and proves nothing."""

Touch = Callable[[apsw.Connection], object]


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which every kind of row stands, closed."""
    folder = tmp_path_factory.mktemp("lively") / "store"
    asyncio.run(Lively(folder).live())
    return folder


@pytest.fixture
def copies(lively: Path, tmp_path: Path) -> Callable[[Touch], Report]:
    """Checks a copy of the store after something was done to it by hand."""
    numbers = iter(range(10_000))

    def touched(touch: Touch) -> Report:
        copy = tmp_path / str(next(numbers))
        shutil.copytree(lively, copy)
        by_hand(copy, touch)
        report = check(copy)
        shutil.rmtree(copy)
        return report

    return touched


def asked(connection: apsw.Connection, sql: str, *values: Any) -> list[Any]:
    """The rows that a statement finds; what is in them the test knows."""
    return list(connection.cursor().execute(sql, values))


def by_hand(folder: Path, touch: Touch) -> None:
    """What somebody with the file and a SQL shell can do: the triggers are taken away and put back, no check is asked."""
    connection = apsw.Connection(str(folder / "journal.db"))
    connection.execute("PRAGMA ignore_check_constraints = ON")
    triggers = asked(connection, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    touch(connection)
    for _, sql in triggers:
        connection.execute(sql)
    connection.close()


def columns(kind: str = "") -> Iterator[tuple[str, str]]:
    """Every column of every table, or those of one declared type."""
    fresh = apsw.Connection(":memory:")
    for step in migrations():
        fresh.execute(step.sql)
    for (table,) in asked(fresh, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"):
        for _, column, declared, *_ in asked(fresh, f"PRAGMA table_info({table})"):
            if kind in ("", declared):
                yield table, column
    fresh.close()


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if value is None:
        return 1
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1, *value[1:]]) if value else b"\0"
    return f"{value}x" if isinstance(value, str) else value + 1


def pick(connection: apsw.Connection, table: str, at: int) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """A row of a table, and how it is found again: its columns, its values."""
    rows = asked(connection, f"SELECT * FROM {table} {'WHERE n > 0' if table == 'tally' else ''}")
    names = tuple(name for _, name, *_ in asked(connection, f"PRAGMA table_info({table})"))
    return names, rows[at % len(rows)]


def where(names: tuple[str, ...]) -> str:
    """The condition that finds a row again."""
    return " AND ".join(f"{name} IS ?{number}" for number, name in enumerate(names, start=1))


def edit(table: str, column: str, at: int) -> Touch:
    """Change one value of one row."""

    def touch(connection: apsw.Connection) -> None:
        names, row = pick(connection, table, at)
        old = row[names.index(column)]
        for value in (changed(old), 1_000_003, "x", b"x"):
            try:
                sql = f"UPDATE {table} SET {column} = ?{len(names) + 1} WHERE {where(names)}"
                connection.execute(sql, (*row, value))
            except apsw.Error:
                continue  # a nullable column of another type, or a key that is taken
            if connection.changes() == 1:
                return
        raise AssertionError("nothing was changed")

    return touch


def delete(table: str, at: int) -> Touch:
    """Delete one row."""

    def touch(connection: apsw.Connection) -> None:
        names, row = pick(connection, table, at)
        connection.execute(f"DELETE FROM {table} WHERE {where(names)}", row)
        assert connection.changes() == 1

    return touch


def test_nothing_is_named_in_an_untouched_store(lively: Path) -> None:
    """Chains, leaves and rows were all looked at, and hold; every table but those of another driver has rows."""
    report = check(lively)
    assert report.faults == []
    assert report.holds and report.chains == 2 and report.leaves > 30 and report.rows > 150
    connection = apsw.Connection(str(lively / "journal.db"), flags=apsw.SQLITE_OPEN_READONLY)
    for table in {table for table, _ in columns()} - EMPTY:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() != (0,), table
    connection.close()


@pytest.mark.parametrize(("table", "column"), [c for c in columns() if c[0] not in EMPTY and c not in UNPROVEN])
def test_an_edited_value_is_named(copies: Callable[[Touch], Report], table: str, column: str) -> None:
    """Whatever column of whatever table: the report names the row, and the leaf that vouched for it."""
    report = copies(edit(table, column, 0))
    assert not report.holds
    first = report.faults[0]
    if table in BOUND:
        assert any(table == msgspec.json.decode(fault.row)[0] for fault in report.faults if fault.row.startswith("["))
    assert table == "tally" or (first.n > 0 and first.writer)


def garble(table: str, column: str) -> Touch:
    """Put bytes that are no UTF-8 into a text of one row."""

    def touch(connection: apsw.Connection) -> None:
        names, row = pick(connection, table, 0)
        connection.execute(f"UPDATE {table} SET {column} = CAST(x'6162fffe' AS TEXT) WHERE {where(names)}", row)
        assert connection.changes() == 1

    return touch


@pytest.mark.parametrize(("table", "column"), [place for place in columns("TEXT") if place[0] not in EMPTY])
def test_a_text_that_is_no_utf8_is_named(copies: Callable[[Touch], Report], table: str, column: str) -> None:
    """It ends no examination: the row, or the leaf that misses it, is a finding like any other."""
    report = copies(garble(table, column))
    assert not report.holds
    assert report.leaves and report.rows


@pytest.mark.parametrize("table", sorted({table for table, _ in columns()} - EMPTY))
def test_a_deleted_row_is_named(copies: Callable[[Touch], Report], table: str) -> None:
    """A row that is gone is missed by its leaf; a leaf that is gone by its chain, or by the rows it vouched for."""
    for at in (0, 7):
        report = copies(delete(table, at))
        assert not report.holds
        if table in BOUND:
            assert report.faults[0].n > 0 and any("xóa" in fault.reason_vi for fault in report.faults)


@pytest.mark.parametrize("table", sorted({table for table, _ in columns()} - {"leaf", "tally", *EMPTY}))
def test_a_row_that_was_put_in_is_named(copies: Callable[[Touch], Report], table: str) -> None:
    """No leaf speaks of it."""

    def touch(connection: apsw.Connection) -> None:
        names, row = pick(connection, table, 0)
        keys = BOUND[table].key
        for value in ("new", 987_654):
            values = tuple(value if name in keys else cell for name, cell in zip(names, row, strict=True))
            marks = ", ".join("?" * len(values))
            try:
                connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)
            except apsw.Error:
                # Where another column is unique as well, it is made so.
                values = tuple(
                    f"{cell}-new" if name in ("upstream", "delivery_id", "key") and isinstance(cell, str) else cell
                    for name, cell in zip(names, values, strict=True)
                )
                try:
                    connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)
                except apsw.Error:
                    continue
            return
        raise AssertionError("nothing was put in")

    report = copies(touch)
    assert any("không có mắt xích nào" in fault.reason_vi and table in fault.row for fault in report.faults)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    target=st.sampled_from([c for c in columns() if c[0] not in EMPTY and c not in UNPROVEN]),
    at=st.integers(0, 500),
    gone=st.booleans(),
)
def test_any_row_at_random(copies: Callable[[Touch], Report], target: tuple[str, str], at: int, gone: bool) -> None:
    """Any row, any column, edited or deleted: named."""
    table, column = target
    assert not copies(delete(table, at) if gone else edit(table, column, at)).holds


def test_the_first_of_many_is_named_first(copies: Callable[[Touch], Report]) -> None:
    """Of three edits the earliest leaf is reported first, with its time and its dossier."""

    def touch(connection: apsw.Connection) -> None:
        connection.execute(
            "UPDATE audit SET actor = 'x' WHERE position IN (SELECT position FROM audit ORDER BY 1 DESC LIMIT 1)"
        )
        connection.execute("UPDATE audit SET actor = 'x' WHERE position = 2")
        connection.execute("UPDATE inbound SET received_at = 1 WHERE dossier = 'HS-20'")

    report = copies(touch)
    assert msgspec.json.decode(report.faults[0].row) == ["audit", 2]
    assert (report.count, report.faults[0].n, report.faults[0].dossier) == (3, 3, "HS-1")


def test_a_chain_whose_end_was_cut_off_with_its_rows_is_named_by_the_next_start(
    copies: Callable[[Touch], Report],
) -> None:
    """The older chain loses its last leaf: the newer one remembers how many there were."""

    def touch(connection: apsw.Connection) -> None:
        ((writer, n),) = connection.execute(
            "SELECT writer, max(n) FROM leaf WHERE writer = (SELECT min(writer) FROM leaf)"
        ).fetchall()
        connection.execute("DELETE FROM leaf WHERE writer = ? AND n = ?", (writer, n))

    report = copies(touch)
    assert any("cắt" in fault.reason_vi for fault in report.faults)


def test_a_whole_chain_that_was_deleted_is_named(copies: Callable[[Touch], Report]) -> None:
    """All leaves of one start are gone."""
    report = copies(
        lambda connection: connection.execute("DELETE FROM leaf WHERE writer = (SELECT min(writer) FROM leaf)")
    )
    assert any("cắt" in fault.reason_vi for fault in report.faults)


def test_a_chain_that_was_made_again_over_an_edit_is_named(copies: Callable[[Touch], Report]) -> None:
    """Who edits a leaf and computes the rest of its chain anew is found by the next start's memory of its head."""

    def touch(connection: apsw.Connection) -> None:
        ((writer,),) = asked(connection, "SELECT min(writer) FROM leaf")
        head = b""
        for n, covers in asked(connection, "SELECT n, covers FROM leaf WHERE writer = ? ORDER BY n", writer):
            kept = bytes(32) + covers[32:] if n == 3 else covers
            head = chain(head, tuple(kept[at : at + 32] for at in range(0, len(kept), 32)))
            connection.execute(
                "UPDATE leaf SET covers = ?, digest = ? WHERE writer = ? AND n = ?", (kept, head, writer, n)
            )

    report = copies(touch)
    assert any("lần khởi động sau" in fault.reason_vi for fault in report.faults)


def test_a_trigger_that_was_taken_away_is_named(lively: Path, tmp_path: Path) -> None:
    """What keeps history append-only is part of the store."""
    copy = tmp_path / "copy"
    shutil.copytree(lively, copy)
    connection = apsw.Connection(str(copy / "journal.db"))
    connection.execute("DROP TRIGGER audit_is_append_only")
    connection.close()
    assert [fault.row for fault in check(copy).faults] == ['["sqlite_schema","audit_is_append_only"]']


def test_a_file_on_the_shelf_that_was_changed_or_lost_is_named(lively: Path, tmp_path: Path) -> None:
    """Large sealed bytes stand in files; the row names the digest of what must stand there."""
    for spoil in (Path.unlink, lambda path: path.write_bytes(b"other")):
        copy = tmp_path / "copy"
        shutil.copytree(lively, copy)
        file = sorted(path for path in (copy / "files").rglob("*") if path.is_file())[0]
        spoil(file)
        report = check(copy)
        assert not report.holds and report.faults[0].n > 0
        shutil.rmtree(copy)


async def test_a_store_in_use_is_checked_at_one_moment(tmp_path: Path) -> None:
    """While a gateway works on it, and after every step, the check finds nothing."""
    lively = Lively(tmp_path / "store")
    await lively.live()
    journal = lively.open()
    try:
        for sequence in range(1, 6):
            await lively.event(journal, "HS-30", sequence)
            assert (await asyncio.to_thread(check, lively.folder)).holds
    finally:
        await journal.close()


def as_before(folder: Path) -> None:
    """Make a store what the program kept whose leaves did not name their rows."""
    connection = apsw.Connection(str(folder / "journal.db"))
    connection.execute("DROP TRIGGER leaf_is_append_only")
    connection.execute("ALTER TABLE leaf DROP COLUMN about")
    connection.execute("DELETE FROM migration WHERE number = 2")
    trigger = next(step.sql for step in migrations() if step.number == 1).split("\n\n")[3]
    connection.execute(trigger)
    connection.close()


async def test_a_store_of_before_is_told_to_be_one(tmp_path: Path) -> None:
    """It cannot be examined before its first start under this program, which is said; it is no fault of the store."""
    lively = Lively(tmp_path / "store")
    await lively.live()
    as_before(lively.folder)
    with pytest.raises(StoreOfBefore, match="gateway serve"):
        check(lively.folder)


async def test_an_upgrade_that_was_taken_back_for_a_while_is_no_fault(tmp_path: Path) -> None:
    """The older program goes on in the same store, its leaves name nothing; the next start adopts what it wrote."""
    lively = Lively(tmp_path / "store")
    await lively.live()
    journal = lively.open()
    await lively.event(journal, "HS-40", 1)
    await journal.close()
    newest = "(SELECT id FROM record WHERE kind = 'chain_opening' ORDER BY length(state) DESC)"
    by_hand(lively.folder, lambda db: db.execute(f"UPDATE leaf SET about = x'' WHERE writer = {newest}"))
    assert not check(lively.folder).holds, "nothing vouches for what that chain wrote"
    await lively.open().close()
    journal = lively.open()
    await lively.event(journal, "HS-41", 1)
    await journal.close()
    assert check(lively.folder).faults == []
    by_hand(lively.folder, lambda db: db.execute("UPDATE inbound SET sequence = 7 WHERE dossier = 'HS-40'"))
    assert len(check(lively.folder).faults) == 1


async def test_a_store_of_before_is_adopted_at_the_next_start(tmp_path: Path) -> None:
    """Rows that were kept before leaves named them are bound as they stand at the upgrade; an edit after it is named."""
    lively = Lively(tmp_path / "store")
    await lively.live()
    as_before(lively.folder)
    await lively.open().close()
    journal = lively.open()
    await lively.event(journal, "HS-40", 1)
    await journal.close()
    report = check(lively.folder)
    assert report.faults == []
    assert report.chains == 4
    by_hand(lively.folder, lambda db: db.execute("UPDATE audit SET actor = 'x' WHERE position = 2"))
    assert [msgspec.json.decode(fault.row) for fault in check(lively.folder).faults] == [["audit", 2]]
