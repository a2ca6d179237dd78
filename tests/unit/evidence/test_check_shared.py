"""The check of the evidence of several nodes: chains beside each other, and whatever was touched by hand is named there too."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from gateway.clock import Clock
from gateway.errors import JournalUnavailable
from gateway.evidence.check import Report, check_shared
from gateway.evidence.log import chain
from gateway.journal.bound import SHARED
from gateway.journal.examining import RETIRED, Retired
from gateway.journal.kept import KeptJournal
from gateway.journal.model import Decision, DeliveryState, Intake, RecordKey, RecordWrite, Situation, UpstreamRow
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions, DatabaseUnopenable
from tests.postgres import Server, off_loop
from tests.unit.evidence.lively import KEK, SOURCE, Lively, decide

EMPTY = frozenset({"record_index", "cursor"})
"""Bound tables that nothing is written to here."""

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
ELSEWHERE = "elsewhere"
Touch = Callable[["Connection"], Coroutine[Any, Any, object]]


def decided(situation: Situation, intake: Intake) -> Decision:
    """As the subject says, or as it makes it."""
    if isinstance(intake.subject, Decision):
        return intake.subject
    return decide(situation, intake)


@dataclass
class SharedLively(Lively):
    """A shared store at work."""

    dsn: str = ""
    node: str = "gateway-1"
    opened: list[PostgresJournal] = field(default_factory=list)

    def options(self, node: str = "") -> DatabaseOptions:
        """How a node reaches it."""
        return DatabaseOptions(node or self.node, self.dsn, KEK, vouch=self.vouch)

    def open(self, node: str = "") -> KeptJournal:
        """Another start of a node."""
        clock = Clock(now=self.turned.now, chance=lambda: 0.5)
        return PostgresJournal.open(self.options(node), decide=decided, chain=chain, clock=clock)

    async def beside(self, node: str) -> None:
        """What another node does meanwhile: dossiers of its own, and records that all of them write."""
        journal = self.open(node)
        for sequence in range(1, 5):
            await self.event(journal, f"HS-{node}", sequence, to=(ELSEWHERE,))
            for claim in await self.claims(journal, ELSEWHERE, 1):
                await self.settle(journal, claim, DeliveryState.DELIVERED)
        await journal.close()


@pytest.fixture(scope="module")
def server(database_server: Server) -> Server:
    """The server of the session."""
    return database_server


@pytest.fixture(scope="module")
def lively(server: Server) -> SharedLively:
    """A store in which every kind of row stands: one node that was started twice while two others were at work, all closed."""
    made = SharedLively(Path(), dsn=server.database())

    async def live() -> None:
        await asyncio.gather(made.live(), made.beside("gateway-2"), made.beside("gateway-3"))

    off_loop(live())
    return made


@dataclass
class Copies:
    """Copies of the store, each checked after something was done to it by hand."""

    server: Server
    dsn: str

    def touched(self, touch: Touch) -> Report:
        """The report on a copy."""
        return self.checked(self.copy(touch))

    def copy(self, touch: Touch) -> str:
        """A copy to which something was done by somebody who may do anything: no trigger is asked."""
        name = f"copy_{next(self.server.numbers)}"
        self.server.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {self.dsn.rpartition('/')[2]}")

        async def run() -> None:
            connection = await asyncpg.connect(self.server.dsn(name))
            try:
                await connection.execute("SET session_replication_role = replica")
                await touch(connection)
            finally:
                await connection.close()

        off_loop(run())
        return self.server.dsn(name)

    def checked(self, dsn: str) -> Report:
        """The report on a database, which goes."""
        report = check_shared(DatabaseOptions("auditor", dsn, b""))
        self.server.drop(dsn)
        return report


@pytest.fixture
def copies(server: Server, lively: SharedLively) -> Copies:
    """To spoil."""
    return Copies(server, lively.dsn)


def named(report: Report) -> set[str]:
    """The tables whose rows the faults name."""
    return {msgspec.json.decode(fault.row)[0] for fault in report.faults if fault.row.startswith("[")}


def changed(value: Any, declared: str) -> Any:
    """Another value of the same type."""
    if declared == "bytea":
        return bytes([value[0] ^ 1, *value[1:]]) if value else b"\0"
    if declared == "text":
        return f"{value or ''}x"
    return (value or 0) + 1_000_003


async def types(connection: Connection, table: str) -> dict[str, str]:
    """The columns of a table with their types."""
    sql = "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0"
    return dict(tuple(row) for row in await connection.fetch(sql, table))


async def touch_row(connection: Connection, table: str, column: str, at: int = 0) -> None:
    """Change one value of one row of a table."""
    order = ", ".join(SHARED[table].key)
    ctid, part, value = (
        await connection.fetch(f"SELECT ctid::text, tableoid::regclass::text, {column} FROM {table} ORDER BY {order}")
    )[at]
    new = changed(value, (await types(connection, table))[column])
    assert await connection.execute(f"UPDATE {part} SET {column} = $1 WHERE ctid = '{ctid}'::tid", new) == "UPDATE 1"


async def unchecked(connection: Connection) -> None:
    """Take the rules of the tables away, so that anything can be written; what is gone is named too."""
    sql = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND coninhcount = 0 AND conrelid > 0"
    for table, name in await connection.fetch(sql):
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def test_nothing_is_named_in_an_untouched_store(server: Server, lively: SharedLively) -> None:
    """Four starts of three nodes, two of which wrote while the others did: all chains, leaves and rows hold; nobody signed."""
    report = check_shared(lively.options("auditor"))
    assert report.faults == [] and report.notes_vi == []
    assert (report.chains, report.signed, report.unsigned) == (4, 0, 4)
    assert report.leaves > 60 and report.rows > 250
    with pytest.raises(DatabaseUnopenable):
        check_shared(DatabaseOptions("auditor", server.dsn("template1"), b""))


MOST_COLUMNS = max(len(table.key) + len(table.rest) for table in SHARED.values())


@pytest.mark.parametrize("turn", range(MOST_COLUMNS))
def test_an_edited_value_is_named_whatever_column_of_whatever_table(copies: Copies, turn: int) -> None:
    """In each turn one column of every table that has so many; whether a row was written over or not."""
    edits = {
        name: columns[turn]
        for name, table in SHARED.items()
        if name not in EMPTY and turn < len(columns := (*table.key, *table.rest))
    }

    async def touch(connection: Connection) -> None:
        await unchecked(connection)
        for table, column in edits.items():
            await touch_row(connection, table, column, at=-1 if turn % 2 else 0)

    report = copies.touched(touch)
    assert named(report) >= set(edits), set(edits) - named(report)


def test_a_deleted_row_of_any_table_is_named(copies: Copies) -> None:
    """Its leaf misses it; that positions have gaps here hides nothing."""

    async def touch(connection: Connection) -> None:
        for table in SHARED.keys() - EMPTY:
            ctid, part = (await connection.fetch(f"SELECT ctid::text, tableoid::regclass::text FROM {table}"))[0]
            await connection.execute(f"DELETE FROM {part} WHERE ctid = '{ctid}'::tid")

    report = copies.touched(touch)
    gone = [msgspec.json.decode(fault.row)[0] for fault in report.faults if "xóa" in fault.reason_vi]
    assert sorted(gone) == sorted(SHARED.keys() - EMPTY)


def test_a_row_that_was_put_in_is_named(copies: Copies) -> None:
    """No leaf speaks of it."""

    async def touch(connection: Connection) -> None:
        for name in SHARED.keys() - EMPTY:
            row = dict((await connection.fetch(f"SELECT * FROM {name} ORDER BY 1 LIMIT 1"))[0])
            declared = await types(connection, name)
            apart = {*SHARED[name].key, "dossier", "key"}
            values = [changed(value, declared[column]) if column in apart else value for column, value in row.items()]
            marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
            await connection.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks})", *values)

    report = copies.touched(touch)
    added = [msgspec.json.decode(fault.row)[0] for fault in report.faults if "đã bị thêm" in fault.reason_vi]
    assert sorted(added) == sorted(SHARED.keys() - EMPTY)


def test_two_rows_that_were_exchanged_are_named(copies: Copies) -> None:
    """Each is a row that the gateway wrote, but not there."""

    async def touch(connection: Connection) -> None:
        (one, _), (two, _) = await connection.fetch(
            "SELECT position, fields FROM audit ORDER BY length(fields), 1 LIMIT 2"
        )
        await connection.execute("UPDATE audit SET position = -1 WHERE position = $1", one)
        await connection.execute("UPDATE audit SET position = $1 WHERE position = $2", one, two)
        await connection.execute("UPDATE audit SET position = $1 WHERE position = -1", two)

    report = copies.touched(touch)
    assert [msgspec.json.decode(fault.row)[0] for fault in report.faults] == ["audit", "audit"]


OLDER: dict[str, str] = {
    "record": "kind = 'consent'",
    "lane": "true",
    "msg": "true",
    "upstream": "true",
    "source_seq": "true",
    "node": "true",
}


@pytest.mark.parametrize("keep_count", [False, True])
async def test_a_row_that_was_set_back_to_what_it_was_before_is_named(
    server: Server, lively: SharedLively, copies: Copies, keep_count: bool
) -> None:
    """Both forms were vouched for, by leaves of several chains that have no order between them; only the last one counts."""

    async def nothing(_connection: Connection) -> None:
        return None

    dsn = await asyncio.to_thread(copies.copy, nothing)
    again = SharedLively(Path(), lively.turned, dsn=dsn)
    one, two = again.open("gateway-1"), again.open("gateway-2")
    for node in ("gateway-2", "gateway-3"):
        await again.event(one, f"HS-{node}", 5, to=(ELSEWHERE,))
    connection = await asyncpg.connect(dsn)
    before: dict[str, list[dict[str, Any]]] = {}
    for table, which in OLDER.items():
        key = ", ".join(SHARED[table].key)
        rows = await connection.fetch(f"SELECT * FROM {table} WHERE {which} ORDER BY {key}")
        before[table] = [dict(row) for row in rows]
    await again.open("gateway-3").close()
    for number, journal in enumerate((two, one, two), start=6):
        for node in ("gateway-2", "gateway-3"):
            await again.event(journal, f"HS-{node}", number, to=(ELSEWHERE,))
        for claim in await again.claims(journal, ELSEWHERE, 4):
            await again.settle(journal, claim, DeliveryState.WAITING)
    await one.remember_upstream(UpstreamRow("national_dvc"))
    await one.close()
    await two.close()
    await connection.execute("SET session_replication_role = replica")
    for table, kept in before.items():
        await _set_back(connection, table, kept, keep_count=keep_count)
    await connection.close()
    report = await asyncio.to_thread(copies.checked, dsn)
    counted = [table for fault in report.faults if (table := msgspec.json.decode(fault.row)[0]) == "tally"]
    assert sorted(msgspec.json.decode(fault.row)[0] for fault in report.faults) == sorted((*OLDER, *counted))


async def _set_back(connection: Connection, table: str, rows: list[dict[str, Any]], *, keep_count: bool) -> None:
    """Give one row that was written over since its old values again; with `keep_count` all but the count of its writings."""
    bound = SHARED[table]
    where = " AND ".join(f"{name} = ${n}" for n, name in enumerate(bound.key, 1))
    for old in rows:
        values = [old[name] for name in bound.key]
        now = dict((await connection.fetch(f"SELECT * FROM {table} WHERE {where}", *values))[0])
        rest = [name for name in bound.rest if not (keep_count and name == "rev")]
        if any(now[name] != old[name] for name in rest):
            sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(rest, len(values) + 1))
            await connection.execute(f"UPDATE {table} SET {sets} WHERE {where}", *values, *(old[name] for name in rest))
            return
    raise AssertionError(f"nothing of {table} was written over")


def test_the_end_of_a_chain_and_a_whole_chain_are_missed(copies: Copies) -> None:
    """The openings that came later remember both; the rows that those leaves vouched for stand alone."""
    oldest = "(SELECT id FROM record WHERE kind = 'chain_opening' ORDER BY length(state) LIMIT 1)"

    async def tail(connection: Connection) -> None:
        await connection.execute(
            f"DELETE FROM leaf WHERE writer = {oldest} AND n = (SELECT max(n) FROM leaf WHERE writer = {oldest})"
        )

    async def whole(connection: Connection) -> None:
        await connection.execute(f"DELETE FROM leaf WHERE writer = {oldest}")

    async def newest(connection: Connection) -> None:
        last = oldest.replace("(state)", "(state) DESC")
        await connection.execute(f"DELETE FROM leaf WHERE writer = {last} AND n > 2")

    for touch in (tail, whole):
        assert not copies.touched(touch).holds
    assert "cắt" in copies.touched(whole).faults[0].reason_vi
    report = copies.touched(newest)
    assert not report.holds, "no opening names it, but its rows were counted on"


def test_a_leaf_that_was_put_on_an_ended_chain_is_named_though_it_is_well_made(copies: Copies) -> None:
    """Who can write leaves could vouch for an edit: not in the name of a start that is over."""

    async def touch(connection: Connection) -> None:
        sql = "SELECT id FROM record WHERE kind = 'chain_opening' AND id LIKE 'gateway-1/%' ORDER BY length(state) LIMIT 1"
        writer = await connection.fetchval(sql)
        last = await connection.fetchrow("SELECT n, digest FROM leaf WHERE writer = $1 ORDER BY n DESC LIMIT 1", writer)
        assert last is not None
        n, head = last
        about = b'["forged",1,"",[],1]'
        covers = hashlib.sha256(about).digest()
        digest = chain(head, (covers,))
        await connection.execute("INSERT INTO leaf VALUES ($1, $2, $3, $4, $5)", writer, n + 1, digest, covers, about)

    assert ["kết thúc" in fault.reason_vi for fault in copies.touched(touch).faults] == [True]


def test_what_keeps_history_as_it_is_belongs_to_the_store(copies: Copies) -> None:
    """A trigger that is gone or asleep, on a partition too; a rule; a function that lets everything pass; a missing index."""

    async def touch(connection: Connection) -> None:
        await connection.execute("DROP TRIGGER leaf_is_append_only ON leaf")
        await connection.execute("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only")
        await connection.execute("ALTER TABLE attempt_2026_11 DISABLE TRIGGER attempt_is_append_only")
        await connection.execute("CREATE RULE quiet AS ON DELETE TO receipt DO INSTEAD NOTHING")
        await connection.execute("DROP INDEX msg_once")
        await connection.execute("ALTER TABLE lane ALTER memory DROP NOT NULL")
        await connection.execute(
            "CREATE OR REPLACE FUNCTION stays_as_it_is() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
        )

    told = sorted(msgspec.json.decode(fault.row)[1] for fault in copies.touched(touch).faults)
    assert told == [
        "column lane memory",
        "function stays_as_it_is",
        "index msg msg_once",
        "rule receipt quiet",
        "trigger attempt attempt_is_append_only",
        "trigger audit audit_is_append_only",
        "trigger leaf leaf_is_append_only",
    ]


async def test_a_user_who_may_only_read_is_told_what_was_not_compared(server: Server, lively: SharedLively) -> None:
    """An auditor's account sees all rows and makes nothing: the tables themselves stay uncompared, which is said."""
    name = lively.dsn.rpartition("/")[2]
    await asyncio.to_thread(
        server.execute,
        name,
        "DROP ROLE IF EXISTS auditor; CREATE ROLE auditor LOGIN; GRANT pg_read_all_data TO auditor",
    )
    report = await asyncio.to_thread(
        check_shared, DatabaseOptions("auditor", lively.dsn.replace("gateway@", "auditor@"), b"")
    )
    assert report.holds and ["cấu trúc" in note for note in report.notes_vi] == [True]


async def test_a_store_at_work_is_checked_at_one_moment(server: Server, lively: SharedLively, copies: Copies) -> None:
    """While two nodes write, one look after another finds nothing."""

    async def nothing(_connection: Connection) -> None:
        return None

    again = SharedLively(Path(), lively.turned, dsn=await asyncio.to_thread(copies.copy, nothing))
    one, two = again.open("gateway-1"), again.open("gateway-4")

    async def work(journal: KeptJournal, dossier: str) -> None:
        for sequence in range(1, 30):
            await again.event(journal, dossier, sequence)
            await again.claims(journal, "national_dvc", 1)

    working = asyncio.gather(work(one, "HS-50"), work(two, "HS-51"))
    looks = 0
    while not working.done() or not looks:
        assert (await asyncio.to_thread(check_shared, again.options("auditor"))).faults == []
        looks += 1
    await working
    await one.close()
    await two.close()
    assert (await asyncio.to_thread(copies.checked, again.dsn)).holds


async def test_an_older_start_of_a_node_writes_nothing_more(
    server: Server, lively: SharedLively, copies: Copies
) -> None:
    """A process that was stopped and wakes up after its node was started anew: its chain has ended."""

    async def nothing(_connection: Connection) -> None:
        return None

    again = SharedLively(Path(), lively.turned, dsn=await asyncio.to_thread(copies.copy, nothing))
    old = again.open("gateway-1")
    new = again.open("gateway-1")
    with pytest.raises(JournalUnavailable):
        await again.event(old, "HS-60", 1)
    await again.event(new, "HS-60", 1)
    await old.close()
    await new.close()
    assert (await asyncio.to_thread(copies.checked, again.dsn)).faults == []


async def test_a_partition_that_was_dropped_by_order_is_missed_by_nobody(
    server: Server, lively: SharedLively, copies: Copies
) -> None:
    """With a record of it, which a leaf covers, its rows may be gone; without one each of them is a finding."""

    async def drop(connection: Connection) -> None:
        await connection.execute("DROP TABLE attempt_2026_11")

    dsn = await asyncio.to_thread(copies.copy, drop)
    before = await asyncio.to_thread(check_shared, DatabaseOptions("auditor", dsn, b""))
    assert {"attempt"} == named(before) and before.retired == 0
    again = SharedLively(Path(), lively.turned, dsn=dsn)
    journal = again.open("gateway-1")
    retired = msgspec.json.encode(Retired("attempt", 0, 1 << 57))
    decision = Decision(b"{}", 200, records=(RecordWrite(RecordKey(RETIRED, "attempt/0"), 1, retired),))
    await journal.accept(Intake("note", SOURCE, "retire", "", hashlib.sha256(b"").digest(), b"", decision))
    await journal.close()
    after = await asyncio.to_thread(copies.checked, dsn)
    assert after.faults == [] and after.retired == before.count > 5
