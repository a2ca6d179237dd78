"""A standby that lagged behind is promoted while nodes stay at work: what any of them may have sent is asked about by all."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from gateway.errors import JournalUnavailable
from gateway.evidence.check import check_shared
from gateway.evidence.log import chain
from gateway.journal.model import Beat, Beaten, DeliveryState, FeedRow
from gateway.journal.nodes import SeatWish
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.observe.crash import Reach, never
from tests.line.program import until
from tests.postgres import Server, follows, served, standby_of, wait_for_standby
from tests.unit.journal.conftest import DOSSIER, KEK, OTHER, decide

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Turned


class Nodes(Protocol):
    """Opens nodes."""

    def __call__(self, name: str, reach: Reach = never) -> Desk:
        """One more, by its name."""
        ...


@dataclass
class Cluster:
    """A database, and the copy of it that a standby has."""

    server: Server
    dsn: str

    @property
    def name(self) -> str:
        """The database that nodes reach."""
        return self.dsn.rpartition("/")[2]

    def cut(self) -> None:
        """End every connection of the nodes, and keep away who comes back meanwhile."""
        self.server.execute("postgres", f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
        ended = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{self.name}'"
        self.server.execute("postgres", ended)

    def lag(self) -> None:
        """From here on nothing reaches the standby any more."""
        self.cut()
        self.server.execute("postgres", f"CREATE DATABASE {self.name}_standby TEMPLATE {self.name}")
        self.server.execute("postgres", f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    def promote(self, *, timeline: bool = True) -> None:
        """The standby takes the place of the database; as everywhere it writes a timeline of its own."""
        self.cut()
        self.server.execute("postgres", f"ALTER DATABASE {self.name} RENAME TO {self.name}_lost")
        self.server.execute("postgres", f"ALTER DATABASE {self.name}_standby RENAME TO {self.name}")
        if timeline:
            self.server.execute(self.name, "UPDATE cursor SET value = '1/0000000F' WHERE name = 'server'")


@pytest.fixture
async def cluster(server: Server) -> AsyncIterator[Cluster]:
    """A fresh database."""
    made = Cluster(server, server.database())
    yield made
    for more in ("", "_standby", "_lost"):
        server.drop(made.dsn + more)


@pytest.fixture
async def node(cluster: Cluster, turned: Turned, desk_type: type[Desk]) -> AsyncIterator[Nodes]:
    """Nodes of that database, by name."""
    opened: list[PostgresJournal] = []

    def made(name: str, reach: Reach = never) -> Desk:
        options = DatabaseOptions(name, cluster.dsn, KEK, connect_s=2.0, reach=reach)
        opened.append(PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock()))
        return desk_type(opened[-1], turned, Path())

    yield made
    for journal in opened:
        await journal.close()


async def told(desk: Desk) -> list[str]:
    """By which signs restores were noticed, as the trail tells."""
    rows: list[FeedRow] = list(await desk.journal.feed(0, 1_000, feed_only=False))
    return [json.loads(row.fields)["sign"] for row in rows if row.kind == "store.restored"]


async def beats(desk: Desk, wanted: int) -> Beaten:
    """Beat as a node does, every second, until so many seats are held, a few times at most; the last answer."""
    beaten = Beaten((), {})
    for _ in range(4):
        with suppress(JournalUnavailable):
            beaten = await desk.journal.beat(Beat(wishes=(SeatWish("dvc", 2, 2, timedelta(seconds=30)),)))
            if beaten.held.get("dvc", 0) == wanted:
                break
    return beaten


async def test_a_node_that_lost_nothing_asks_about_what_another_one_may_have_sent(
    cluster: Cluster, node: Nodes
) -> None:
    """It comes back first and finds its own chain whole; what the other sent and settled stands open again there."""
    idle, busy = node("idle"), node("busy")
    await idle.accept(idle.event(1))
    cluster.lag()
    assert await busy.settle(await busy.claim_one(), DeliveryState.DELIVERED)
    cluster.promote()
    claim = await idle.claim_one()
    assert [one.doubtful for one in claim.deliveries] == [True]
    assert await told(idle) == ["failover"]


async def test_a_start_after_the_first_meeting_has_nothing_left_to_doubt_and_nothing_was_missed(
    cluster: Cluster, node: Nodes
) -> None:
    """The node that sent is gone with the server; it starts again when the other has noted the new server."""
    idle, busy = node("idle"), node("busy")
    await idle.accept(idle.event(1))
    cluster.lag()
    await busy.settle(await busy.claim_one(), DeliveryState.DELIVERED)
    await busy.journal.close()
    cluster.promote()
    assert await idle.journal.ready() == ""
    claim = await node("busy").claim_one()
    assert [one.doubtful for one in claim.deliveries] == [True]


async def test_nothing_is_sealed_with_a_key_that_only_the_lost_server_had(cluster: Cluster, node: Nodes) -> None:
    """Its source sends the event again, and one node takes it; every other node, and a later start, can read and send it."""
    one = node("one")
    event = one.event(1, raw=b"as it came")
    cluster.lag()
    assert (await one.accept(event)).stored
    cluster.promote()
    assert (await one.accept(event)).stored
    other = node("two")
    assert await other.journal.original(event.source, event.event_id) == event.raw
    assert len((await other.claim_one()).deliveries) == 1


async def test_a_dossier_gets_another_key_on_the_new_server_and_every_node_uses_that_one(
    cluster: Cluster, node: Nodes
) -> None:
    """A node that knew the lost one reads, and settles, with the one that another node has made since."""
    one, two = node("one"), node("two")
    event = one.event(1, raw=b"as it came")
    cluster.lag()
    assert (await one.accept(event)).stored
    assert await one.journal.original(event.source, event.event_id) == event.raw
    cluster.promote()
    assert (await two.accept(event)).stored
    assert await one.journal.original(event.source, event.event_id) == event.raw
    assert await one.settle(await one.claim_one(), DeliveryState.DELIVERED)
    assert (await node("three").journal.deliveries_of(DOSSIER))[0].receipt == b"receipt"


async def test_seats_that_only_the_lost_server_had_are_made_again(cluster: Cluster, node: Nodes) -> None:
    """Otherwise the upstream would be called by nobody until every node was started again."""
    one = node("one")
    await one.journal.beat(Beat())
    cluster.lag()
    assert (await beats(one, 2)).held == {"dvc": 2}
    cluster.promote()
    assert (await beats(one, 2)).held == {"dvc": 2}


async def test_a_connection_that_only_broke_brings_nothing_into_doubt(cluster: Cluster, node: Nodes) -> None:
    """The same server answers again, and every commit is there."""
    one, two = node("one"), node("two")
    await one.accept(one.event(1))
    cluster.lag()
    claim = await two.claim_one()
    assert [delivery.doubtful for delivery in claim.deliveries] == [False]
    assert await told(one) == []


async def test_a_commit_that_is_gone_brings_doubt_even_when_the_first_try_to_say_so_fails(
    cluster: Cluster, node: Nodes
) -> None:
    """The same server at an earlier moment: known by one's own chain, and not forgotten with a transaction that was undone."""
    failing: list[str] = []

    def reach(point: str) -> None:
        if failing and point.endswith("before_commit"):
            raise OSError(failing.pop())

    one = node("one", reach)
    await one.accept(one.event(1))
    cluster.lag()
    await one.settle(await one.claim_one(), DeliveryState.DELIVERED)
    cluster.promote(timeline=False)
    failing.append("the network, say")
    with pytest.raises(JournalUnavailable):
        await one.accept(one.event(2))
    assert failing == []
    claim = await one.claim_one()
    assert [delivery.doubtful for delivery in claim.deliveries] == [True]
    assert await told(one) == ["failover"]


async def test_a_node_that_was_promised_a_standby_asks_where_a_commit_that_it_acted_upon_is_gone(
    cluster: Cluster, turned: Turned, desk_type: type[Desk]
) -> None:
    """The wrong standby was promoted: what the node settled stands open again. It asks about it, and goes on taking events."""
    with standby_of(cluster.server):
        wait_for_standby(cluster.server, "*")
        options = DatabaseOptions("one", cluster.dsn, KEK, connect_s=2.0, replicated=True)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
        try:
            one = desk_type(journal, turned, Path())
            await one.accept(one.event(1))
            cluster.lag()
            assert await one.settle(await one.claim_one(), DeliveryState.DELIVERED)
            cluster.promote()
            await one.accept(one.event(1, dossier=OTHER))
            claims = {claim.dossier: claim.deliveries[0].doubtful for claim in await one.claim()}
            assert claims == {one.dossier: True, OTHER: False}
            assert await told(one) == ["failover"]
        finally:
            await journal.close()
            wait_for_standby(cluster.server, "")


@pytest.mark.parametrize("timeline", [True, False])
async def test_a_start_whose_own_opening_is_lost_opens_its_chain_anew_and_asks(
    cluster: Cluster, node: Nodes, timeline: bool
) -> None:
    """It came after the standby had fallen behind, and sent: on the standby nobody knows of it, and nobody else can tell."""
    early = node("early")
    await early.accept(early.event(1))
    cluster.lag()
    late = node("late")
    assert await late.settle(await late.claim_one(), DeliveryState.DELIVERED)
    assert (await beats(late, 2)).held == {"dvc": 2}
    cluster.promote(timeline=timeline)
    claim = await late.claim_one()
    assert [one.doubtful for one in claim.deliveries] == [True]
    assert await late.settle(claim, DeliveryState.DELIVERED)
    assert (await late.accept(late.event(1, dossier=OTHER))).stored
    beaten = await beats(late, 2)
    assert not beaten.deposed and beaten.held == {"dvc": 2}
    assert await early.journal.ready() == ""
    assert await told(early) == ["failover"], "once for both nodes"
    cluster.server.execute(cluster.name, "DO $$BEGIN ASSERT (SELECT min(knows) > 0 FROM node), 'held for older'; END$$")
    report = await asyncio.to_thread(check_shared, DatabaseOptions("early", cluster.dsn, KEK))
    assert report.holds and report.chains == 2, report


async def test_a_start_that_only_beats_finds_its_way_back_by_itself(cluster: Cluster, node: Nodes) -> None:
    """A second start of the node, so that the row on the standby is that of the first: no claim and no event wake its writer."""
    await node("one").journal.beat(Beat())
    cluster.lag()
    one = node("one")
    assert (await beats(one, 2)).held == {"dvc": 2}
    cluster.promote()
    assert (await beats(one, 2)).held == {"dvc": 2}
    assert await one.journal.ready() == ""


async def test_a_start_whose_opening_is_lost_gives_way_to_one_that_came_after_it(cluster: Cluster, node: Nodes) -> None:
    """It was started again on the standby before the first one came back there: two of one name never write."""
    early = node("early")
    await early.accept(early.event(1))
    cluster.lag()
    lost = node("late")
    assert (await beats(lost, 2)).held == {"dvc": 2}
    cluster.promote()
    late = node("late")
    assert (await beats(late, 2)).held == {"dvc": 2}
    with pytest.raises(JournalUnavailable):
        await lost.accept(lost.event(2))
    beaten = await beats(lost, 2)
    assert beaten.deposed and beaten.held == {}
    assert (await beats(late, 2)).held == {"dvc": 2}
    assert (await late.accept(late.event(2))).stored


async def test_no_number_of_a_block_that_is_lost_is_given_to_content_twice(cluster: Cluster, node: Nodes) -> None:
    """Two nodes would take references from one block, and refuse each other's events until the block is used up."""
    one, two = node("one"), node("two")
    await one.accept(one.event(1))
    cluster.lag()
    await two.accept(two.event(1, dossier=OTHER))
    cluster.promote()
    third = node("three")
    for sequence in range(2, 42):
        await third.accept(third.event(sequence))
    assert (await two.accept(two.event(1, dossier=OTHER))).stored


@pytest.mark.parametrize("timeline", [True, False])
async def test_no_cursor_of_the_feed_hides_what_comes_after_a_failover(
    cluster: Cluster, node: Nodes, timeline: bool
) -> None:
    """A reader saw rows of the lost time: what is accepted now stands behind them, whatever number the server has come to."""
    one = node("one")
    await one.accept(one.event(1))
    cluster.lag()
    for sequence in range(2, 40):
        await one.accept(one.event(sequence))
    cursor = (await one.journal.feed(0, 100))[-1].position
    cluster.promote(timeline=timeline)
    # The number of the next transaction may be any: here one that the lost time has given already.
    again = f"{(cursor >> 16) - 20} - pg_current_xact_id()::text::bigint"
    cluster.server.execute(cluster.name, f"INSERT INTO cursor SELECT 'position_base', ({again})::text")
    await one.accept(one.event(2, name="later"))
    assert [row.event_id for row in await one.journal.feed(cursor, 100)] == ["later"]
    assert (await one.journal.feed(0, 100))[-1].position < 1 << 53


async def test_a_standby_that_answers_for_a_moment_tells_nothing_of_what_is_lost(
    turned: Turned, desk_type: type[Desk]
) -> None:
    """It lags behind, and whoever leads there (a list of hosts, a proxy) leads back: what is missing there is not gone."""
    with served(fsync="off", wal_level="replica") as server, standby_of(server) as standby:
        name = server.database().rpartition("/")[2]
        dsn = f"postgresql://gateway@127.0.0.1:{server.port},127.0.0.1:{standby.port}/{name}"
        options = DatabaseOptions("one", dsn, KEK, connect_s=2.0)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
        one = desk_type(journal, turned, Path())
        await one.accept(one.event(1))
        until(lambda: follows(server, standby), "the standby follows")
        standby.say("SELECT pg_wal_replay_pause()")
        await one.accept(one.event(2))
        server.crash()
        with pytest.raises(JournalUnavailable):
            await one.accept(one.event(3))
        server.start()
        taken = False
        async with asyncio.timeout(60):
            while not taken:
                with suppress(JournalUnavailable):
                    taken = (await one.accept(one.event(3))).stored
        assert await told(one) == []
        await journal.close()


async def test_the_first_node_that_meets_a_promoted_standby_asks_for_all_of_them(
    turned: Turned, desk_type: type[Desk]
) -> None:
    """With a real one, on a timeline of its own: whoever comes later, or starts later, finds that it was done."""
    with served(fsync="off", wal_level="replica") as server:
        dsn, opened = server.database(), list[PostgresJournal]()

        def node(name: str) -> Desk:
            options = DatabaseOptions(name, dsn, KEK, connect_s=2.0)
            opened.append(PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock()))
            return desk_type(opened[-1], turned, Path())

        idle, busy = node("idle"), node("busy")
        await idle.accept(idle.event(1))
        server.crash()
        standby = server.folder / "standby"
        shutil.copytree(server.folder / "pg", standby)
        server.start()
        assert await busy.settle(await busy.claim_one(), DeliveryState.DELIVERED)
        server.crash()
        (server.folder / "pg").rename(server.folder / "lost")
        standby.rename(server.folder / "pg")
        (server.folder / "pg" / "recovery.signal").touch()
        for path in (server.folder / "pg", *(server.folder / "pg").rglob("*")):
            owner = (server.folder / "lost").stat()
            shutil.chown(path, owner.st_uid, owner.st_gid)
        server.settings = {**server.settings, "restore_command": "false", "recovery_target_timeline": "current"}
        server.start()
        until(lambda: server.say("SELECT pg_is_in_recovery()") == "f", "the standby is promoted")
        claim = await idle.claim_one()
        assert [one.doubtful for one in claim.deliveries] == [True]
        await idle.accept(idle.event(1, dossier=OTHER))
        assert await busy.journal.ready() == ""
        assert await told(busy) == ["failover"], "once for all of them"
        later = await busy.claim_one()
        assert (later.dossier, later.deliveries[0].doubtful) == (OTHER, False), "it came afterwards"
        assert await told(node("third")) == ["failover"]
        for journal in opened:
            await journal.close()
