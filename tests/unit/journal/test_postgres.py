"""The shared store by itself: several nodes at once, a server that dies, answers that are lost, what the database refuses."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from gateway.errors import JournalUnavailable
from gateway.journal.bound import SHARED
from gateway.journal.model import (
    AuditWrite,
    Decision,
    DeliveryState,
    Intake,
    RecordKey,
    RecordWrite,
    Situation,
)
from gateway.journal.postgres import PostgresJournal
from gateway.journal.sealing import WrongKey
from gateway.journal.session import DatabaseOptions, DatabaseUnopenable
from tests.postgres import Server, served

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Drivers, Turned

KEK = bytes(range(32))
COUNT = RecordKey("note", "count")


def chain(head: bytes, digests: tuple[bytes, ...]) -> bytes:
    """A chain that is easy to recompute."""
    return hashlib.sha256(head + b"".join(digests)).digest()


def decide(situation: Situation, intake: Intake) -> Decision:
    """A known key gets its answer again; anything else is decided by the test."""
    if situation.known_receipt is not None:
        return Decision(situation.known_receipt, 200, store=False)
    assert callable(intake.subject)
    made = intake.subject(situation, intake)
    assert isinstance(made, Decision)
    return made


def counted(situation: Situation, intake: Intake) -> Decision:
    """Counts in a record that every intake reads and writes."""
    known = situation.records.get(COUNT)
    n = 1 + (known.version if known else 0)
    told = AuditWrite("event.accepted", intake.source, intake.dossier, intake.key, b"{}", feed=True)
    return Decision(b'{"n":%d}' % n, 202, records=(RecordWrite(COUNT, n, b"%d" % n),), audit=(told,))


def counting(key: str, dossier: str = "") -> Intake:
    """An intake that counts."""
    return Intake("note", "SRC", key, dossier, hashlib.sha256(key.encode()).digest(), b"raw", counted, reads=(COUNT,))


@dataclass
class Nodes:
    """Several nodes on one database."""

    dsn: str
    turned: Turned
    opened: list[PostgresJournal] = field(default_factory=list)

    def open(self, name: str, reach: Callable[[str], None] | None = None) -> PostgresJournal:
        """One more node."""
        options = DatabaseOptions(name, self.dsn, KEK, connect_s=2.0)
        if reach is not None:
            options = replace(options, reach=reach)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=self.turned.clock())
        self.opened.append(journal)
        return journal

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection that is no node."""
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture
async def nodes(server: Server, turned: Turned) -> AsyncIterator[Nodes]:
    """A fresh database, and the nodes that a test opens on it."""
    made = Nodes(server.database(), turned)
    yield made
    for journal in made.opened:
        await journal.close()
    server.drop(made.dsn)


async def walk(journal: PostgresJournal) -> int:
    """Every chain can be made again; returns how many there are."""
    heads = await journal.leaves()
    for head in heads:
        digest = b""
        for n, leaf in enumerate(await journal.leaves(head.writer, limit=1_000_000), 1):
            assert leaf.n == n
            digest = chain(digest, leaf.covers)
            assert digest == leaf.digest
    return len(heads)


async def test_one_key_that_reaches_two_nodes_at_once_is_stored_once(nodes: Nodes) -> None:
    """R2 over nodes: also when the two requests name different dossiers, so that no lock keeps them apart."""
    one, two = nodes.open("one"), nodes.open("two")
    for n in range(20):
        answers = await asyncio.gather(one.accept(counting(f"k{n}", "d-1")), two.accept(counting(f"k{n}", "d-2")))
        assert sorted(answer.stored for answer in answers) == [False, True]
        assert answers[0].answer == answers[1].answer
    record = await one.record(COUNT)
    assert record is not None and record.version == 20
    assert await walk(one) == 2


async def test_what_was_read_and_written_again_is_never_overwritten_unseen(nodes: Nodes) -> None:
    """Three nodes count in one record: no count is lost."""
    three = [nodes.open(f"node-{n}") for n in range(3)]
    work = [journal.accept(counting(f"{n}/{i}")) for n, journal in enumerate(three) for i in range(15)]
    assert {answer.status for answer in await asyncio.gather(*work)} == {202}
    record = await three[0].record(COUNT)
    assert record is not None and record.version == 45
    assert await walk(three[1]) == 3


async def test_what_is_written_without_a_look_makes_no_other_node_run_again(nodes: Nodes) -> None:
    """Many nodes write one record at once, each over whatever stands: every one is done, and each writing was counted."""

    def blind(key: str) -> Intake:
        decision = Decision(b"{}", 202, records=(RecordWrite(COUNT, 1, key.encode()),))
        return Intake("note", "SRC", key, key, hashlib.sha256(key.encode()).digest(), b"raw", lambda *_: decision)

    opened = [nodes.open(name) for name in ("one", "two", "three", "four")]
    for turn in range(10):
        await asyncio.gather(*(node.accept(blind(f"{turn}-{at}")) for at, node in enumerate(opened)))
    async with nodes.beside() as connection:
        assert await connection.fetchval("SELECT rev FROM record WHERE kind = 'note'") == 39


async def test_two_nodes_append_to_one_lane_without_hole_or_tie(nodes: Nodes, desk_of: Opened) -> None:
    """R3, F9: sequence order is the order of the commits, and each sequence number is given once."""
    one, two = desk_of(nodes.open("one")), desk_of(nodes.open("two"))
    events = [one.event(n) for n in range(1, 41)]
    await asyncio.gather(*((one if n % 2 else two).accept(event, drawn(event)) for n, event in enumerate(events)))
    rows = await one.journal.deliveries_of(one.dossier)
    assert [row.sequence for row in rows] == list(range(1, 41))
    order = [row.known.event_id for row in await two.journal.events_of(one.dossier)]
    assert [row.event_id for row in rows] == order
    for event in await two.journal.events_of(one.dossier):
        assert await two.journal.original(event.known.source, event.known.event_id), "sealed under one data key"


async def test_a_lane_is_leased_to_one_node(nodes: Nodes, desk_of: Opened) -> None:
    """Every lane is claimed once, however many ask, and a settlement counts for the epoch that was leased."""
    desks = [desk_of(nodes.open(f"node-{n}")) for n in range(3)]
    for n in range(30):
        event = desks[0].event(1, f"dossier-{n:03d}")
        await desks[0].accept(event, drawn(event))
    seen: list[int] = []
    while (found := await asyncio.gather(*(desk.claim(limit=4) for desk in desks))) and any(found):
        assert all(
            await asyncio.gather(
                *(
                    desk.settle(claim, DeliveryState.DELIVERED)
                    for desk, own in zip(desks, found, strict=True)
                    for claim in own
                )
            )
        )
        seen += [claim.lane_id for own in found for claim in own]
    assert len(seen) == len(set(seen)) == 30
    counts = await desks[1].journal.counts()
    assert counts.messages == {(desks[0].portal, DeliveryState.DELIVERED): 30}


async def test_the_feed_waits_for_the_oldest_open_transaction(nodes: Nodes) -> None:
    """A position that may still be written below is not shown; afterwards everything is there, in order."""
    journal = nodes.open("one")
    async with nodes.beside() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("SELECT pg_current_xact_id()")
        await journal.accept(counting("k1"))
        assert await journal.feed(0, 10) == ()
        await transaction.rollback()
    assert [row.event_id for row in await journal.feed(0, 10)] == ["k1"]


async def test_one_reader_of_the_feed_sees_every_row_of_three_nodes_once(nodes: Nodes) -> None:
    """Positions come from several nodes at once; a reader that goes on behind the last one misses none."""
    three = [nodes.open(f"node-{n}") for n in range(3)]
    total = 3 * 60
    seen: list[str] = []
    after = 0

    async def write(n: int) -> None:
        for i in range(60):
            await three[n].accept(replace(counting(f"{n}/{i}", f"d-{n}-{i}"), subject=plain, reads=()))

    writing = [asyncio.create_task(write(n)) for n in range(3)]
    async with asyncio.timeout(60):
        while len(seen) < total:
            for row in await three[0].feed(after, 7):
                assert row.position > after
                after = row.position
                seen.append(row.event_id)
    await asyncio.gather(*writing)
    assert len(seen) == len(set(seen)) == total
    assert await three[1].feed(after, 10) == ()


def plain(_situation: Situation, intake: Intake) -> Decision:
    """A row of the feed, and nothing else."""
    told = AuditWrite("event.accepted", intake.source, intake.dossier, intake.key, b"{}", feed=True)
    return Decision(b"{}", 202, audit=(told, replace(told, feed=False)))


async def test_a_commit_whose_answer_is_lost_breaks_no_chain(nodes: Nodes) -> None:
    """The connection dies right before or right after the server committed: the next transaction finds out what stands."""
    doomed: list[str] = []

    def reach(point: str) -> None:
        if point in doomed:
            doomed.remove(point)
            asyncio.run(_end_sessions(nodes.dsn, "one"))

    journal = nodes.open("one", reach)
    await journal.accept(counting("k1"))
    for n, point in enumerate(("accept.before_commit", "accept.after_commit"), 2):
        doomed.append(point)
        answers = await asyncio.gather(journal.accept(counting(f"k{n}")), return_exceptions=True)
        assert isinstance(answers[0], JournalUnavailable) == (point == "accept.before_commit")
        assert (await journal.accept(counting(f"k{n}"))).stored == (point == "accept.before_commit")
        assert (await journal.accept(counting(f"k{n}/again"))).stored
    assert await walk(journal) == 1
    record = await journal.record(COUNT)
    assert record is not None and record.version == 5


async def _end_sessions(dsn: str, node: str) -> None:
    connection = await asyncpg.connect(dsn)
    sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1"
    await connection.fetch(sql, f"tthc-gateway {node}")
    await connection.close()


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A server of one's own that syncs what it commits."""
    with served() as running:
        yield running


async def test_a_server_that_dies_loses_nothing_and_is_found_again(mortal: Server, turned: Turned) -> None:
    """F7: while it is away accepts are refused; it comes back and the journal goes on by itself."""
    nodes = Nodes(mortal.database(), turned)
    journal = nodes.open("one")
    kept: list[str] = []

    async def push(key: str) -> None:
        try:
            if (await journal.accept(counting(key))).status in (200, 202):
                kept.append(key)
        except JournalUnavailable:
            pass

    try:
        for round_ in range(3):
            work = [asyncio.create_task(push(f"{round_}/{n}")) for n in range(40)]
            await asyncio.gather(*work[:10])
            await asyncio.to_thread(mortal.kill)
            await asyncio.gather(*work)
            assert await journal.ready() != ""
            await asyncio.to_thread(mortal.start)
            assert await journal.ready() == ""
        assert len(kept) >= 30
        assert {row.event_id for row in await journal.feed(0, 1_000)} >= set(kept)
        assert await walk(journal) == 1
    finally:
        await journal.close()


async def test_a_store_of_another_key_is_refused(nodes: Nodes) -> None:
    """In plain words, at opening, before anything is written."""
    nodes.open("one")
    other = DatabaseOptions("two", nodes.dsn, bytes(32))
    with pytest.raises(WrongKey):
        PostgresJournal.open(other, decide=decide, chain=chain, clock=nodes.turned.clock())
    with pytest.raises(DatabaseUnopenable):
        gone = DatabaseOptions("two", nodes.dsn + "_gone", KEK)
        PostgresJournal.open(gone, decide=decide, chain=chain, clock=nodes.turned.clock())


async def test_positions_go_on_above_those_of_another_server(nodes: Nodes) -> None:
    """What a logical restore brings along has numbers of its own; a reader's cursor stays valid, and nothing new is hidden."""
    one = nodes.open("one")
    await one.accept(counting("before"))
    high = 1 << 50
    async with nodes.beside() as connection:
        await connection.execute(f"INSERT INTO audit VALUES ({high}, 1, 'x', 'x', 'x', 'x', '', 1)")
        assert [row.event_id for row in await one.feed(0, 10)] == ["before"], "no transaction of here has come so far"
    await one.close()
    two, three = nodes.open("two"), nodes.open("three")
    await two.accept(counting("after"))
    await three.accept(counting("last"))
    rows = await two.feed(high, 10)
    assert [row.event_id for row in rows] == ["after", "last"]
    assert all(row.position > high for row in rows)
    assert [row.event_id for row in await three.feed(0, 10)] == ["before", "x", "after", "last"]


async def test_nodes_that_start_at_once_make_the_tables_once(nodes: Nodes) -> None:
    """Each step is applied by one of them."""
    await asyncio.gather(*(asyncio.to_thread(nodes.open, f"node-{n}") for n in range(3)))
    assert await walk(nodes.opened[0]) == 3
    async with nodes.beside() as connection:
        assert await connection.fetchval("SELECT count(*) FROM migration") == 1


@pytest.mark.parametrize("driver", ["postgres"], indirect=True)
async def test_the_database_refuses_what_must_not_happen(driver: Drivers) -> None:
    """F5, F6: no lane without a next step, no terminal message that moves, no history that is rewritten."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
        await desk.settle(await desk.claim_one(), DeliveryState.DELIVERED)
        await desk.accept(desk.event(2))
    connection = await asyncpg.connect(driver.dsn)
    for statement in (
        "UPDATE msg SET state = 'READY' WHERE seq = 1",
        "UPDATE attempt SET outcome = 'delivered'",
        "UPDATE leaf SET digest = ''",
        "UPDATE audit SET actor = 'nobody'",
        "UPDATE lane SET due = NULL",
        "UPDATE lane SET lease_until = 5",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(statement)
    where = await connection.fetch("SELECT DISTINCT tableoid::regclass::text AS t FROM payload")
    assert [row["t"] for row in where] == ["payload_2026_11"], "a month of its own"
    for table in SHARED.values():
        columns = await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table.name
        )
        passing = {"beat", "start", "demands", "without_redis", "knows", "turns", "steady", "generation", "version"}
        extra = {"node": passing, "receipt": {"leaf"}, "migration": {"sha256"}}.get(table.name, set())
        assert {row[0] for row in columns} == set(table.key) | set(table.rest) | extra
    await connection.close()


Opened = Callable[[PostgresJournal], "Desk"]


@pytest.fixture
def desk_of(desk_type: type[Desk], turned: Turned) -> Opened:
    """A desk at one node."""
    from pathlib import Path

    return lambda journal: desk_type(journal, turned, Path())


def drawn(event: object) -> Callable[[Situation, Intake], Decision]:
    """The decision of an event, whatever the situation."""
    return lambda _situation, _intake: event.decision()  # type: ignore[attr-defined]  # an event of the desk


def test_positions_stay_exact_for_readers_in_javascript() -> None:
    """2^53 is reached after more transactions than a century brings at 40 a second."""
    assert (1 << 53 >> 16) / 40 / 86_400 / 365 > 100
