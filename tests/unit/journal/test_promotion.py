"""The primary is killed and a standby promoted, all real: what a receipt promised is there, and nodes go on by themselves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.errors import JournalUnavailable
from gateway.journal.model import Decision, DeliveryState, FeedRow, Intake, Situation
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from tests.line.program import until
from tests.postgres import Server, fail_over, hosts_of, served, standbys_of, wait_for_standby
from tests.unit.journal.conftest import DOSSIER, KEK, OTHER, chain

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Turned

_PRODUCERS = 6
_BEFORE = 30  # acknowledged events after which the primary is killed
_NAMES = "ANY 1 (s1, s2)"
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "wal_retrieve_retry_interval": "100ms"}


@dataclass
class House:
    """Who is the primary now: each promotion makes a standby the next one."""

    primary: Server
    left: ExitStack


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """One primary to begin with."""
    with ExitStack() as left:
        yield House(left.enter_context(served(**_SETTINGS)), left)


@dataclass
class Cluster:
    """A primary with its standbys, and nodes that know all of them by one DSN."""

    house: House
    database: str
    turned: Turned
    desk_type: type[Desk]
    replicated: bool
    standbys: list[Server] = field(default_factory=list)
    opened: list[PostgresJournal] = field(default_factory=list)

    @property
    def servers(self) -> list[Server]:
        """All of them."""
        return [self.house.primary, *self.standbys]

    def node(self, name: str, answer_s: float = 20.0) -> Desk:
        """One more node; it looks for the server that takes writings."""
        dsn = hosts_of(self.servers, self.database)
        options = DatabaseOptions(name, dsn, KEK, connect_s=2.0, answer_s=answer_s, replicated=self.replicated)
        journal = PostgresJournal.open(options, decide=_known_or_new, chain=chain, clock=self.turned.clock())
        self.opened.append(journal)
        return self.desk_type(journal, self.turned, Path())

    def copy(self, *names: str) -> None:
        """Standbys of these names."""
        self.standbys += self.house.left.enter_context(standbys_of(self.house.primary, *names))

    def shown(self, what: str, wanted: str) -> None:
        """Wait until every standby shows what the primary has."""
        for server in self.standbys:
            until(lambda server=server: server.say(what, self.database) == wanted, f"{what}: {wanted}")  # type: ignore[misc]

    def freeze(self) -> None:
        """From here on nothing is sent to a standby any more."""
        for pid in self.house.primary.say("SELECT pid FROM pg_stat_replication").split():
            os.kill(int(pid), signal.SIGSTOP)

    def fail_over(self) -> None:
        """The primary is killed, and the standby that is furthest takes its place."""
        self.house.primary = fail_over(self.house.primary, self.standbys)
        self.standbys.remove(self.house.primary)

    async def close(self) -> None:
        """The next one needs a primary that waits for nobody."""
        await asyncio.gather(*(journal.close() for journal in self.opened))
        wait_for_standby(self.house.primary, "")
        for server in self.standbys:
            server.crash()


@pytest.fixture
async def cluster(
    request: pytest.FixtureRequest, house: House, turned: Turned, desk_type: type[Desk]
) -> AsyncIterator[Cluster]:
    """A fresh database; two standbys of which each commit waits for one, or (`local`) one that nobody waits for."""
    database = house.primary.database().rpartition("/")[2]
    made = Cluster(house, database, turned, desk_type, replicated=request.param == "sync-standby")
    if made.replicated:
        wait_for_standby(house.primary, _NAMES)
    made.copy(*(("s1", "s2") if made.replicated else ("s1",)))
    yield made
    await made.close()


def _known_or_new(situation: Situation, intake: Intake) -> Decision:
    assert isinstance(intake.subject, Decision)
    known = situation.known_receipt
    return intake.subject if known is None else Decision(known, 200, store=False)


async def _events(desk: Desk) -> list[str]:
    """What a reader of the feed sees."""
    return [row.event_id for row in await desk.journal.feed(0, 10_000) if row.kind == "event.accepted"]


async def _told(desk: Desk) -> list[str]:
    """By which signs restores were noticed, as the trail tells."""
    rows: list[FeedRow] = list(await desk.journal.feed(0, 10_000, feed_only=False))
    return [json.loads(row.fields)["sign"] for row in rows if row.kind == "store.restored"]


@pytest.mark.parametrize("cluster", ["sync-standby"], indirect=True)
async def test_what_was_acknowledged_behind_a_synchronous_standby_is_there_and_nothing_is_doubted(
    cluster: Cluster,
) -> None:
    """Two nodes at work while the primary dies; on the next one both go on, and a call under way is settled as if nothing was."""
    one, two = cluster.node("one"), cluster.node("two")
    await one.accept(one.event(1))
    under_way = await one.claim_one()
    await two.accept(two.event(1, dossier=OTHER))
    assert await two.settle(await two.claim_one(), DeliveryState.DELIVERED)
    acknowledged: list[str] = []
    reached, over = asyncio.Event(), asyncio.Event()

    async def produce(number: int) -> None:
        desk, sequence = (one, two)[number % 2], 0
        while not over.is_set():
            sequence += 1
            event = desk.event(sequence, dossier=f"000.00.00.G00-261120-1{number:03d}")
            await desk.taken(event)
            acknowledged.append(event.event_id)
            if len(acknowledged) >= _BEFORE:
                reached.set()

    producers = [asyncio.create_task(produce(number)) for number in range(_PRODUCERS)]
    await reached.wait()
    await asyncio.to_thread(cluster.fail_over)
    before = list(acknowledged)
    over.set()
    await asyncio.gather(*producers)

    assert len(acknowledged) > len(before), "the nodes go on by themselves"
    found = await _events(two)
    assert set(found) >= {*acknowledged, "ev-0042-1", "ev-0043-1"}
    assert len(found) == len(set(found)), "what was repeated is stored once"
    assert await one.settle(under_way, DeliveryState.DELIVERED), "its lease is known to the next primary"
    claims = await two.claim(limit=100)
    assert len(claims) == _PRODUCERS
    assert not any(delivery.doubtful for claim in claims for delivery in claim.deliveries)
    assert await _told(one) == []


@pytest.mark.parametrize("cluster", ["sync-standby"], indirect=True)
async def test_what_no_standby_had_was_promised_to_nobody_and_hides_nothing_when_it_is_gone(cluster: Cluster) -> None:
    """Its wait was broken off, so a reader saw it on the primary. What comes after the promotion stands behind that reader."""
    one = cluster.node("one", answer_s=1.0)
    await one.taken(one.event(1))  # a standby may be slower than that, once
    cluster.freeze()
    for _ in range(2):  # a producer repeats; the node has its own leaf before its eyes by then
        with pytest.raises(JournalUnavailable):
            await one.accept(one.event(2))
    last = (await one.journal.feed(0, 10_000))[-1]
    assert last.event_id == "ev-0042-2", "PostgreSQL shows what it could not keep its word for"
    await asyncio.to_thread(cluster.fail_over)
    await one.taken(one.event(2, name="later"))
    assert await _events(one) == ["ev-0042-1", "later"]
    assert [row.event_id for row in await one.journal.feed(last.position, 10_000)] == ["later"]
    claim = await one.claim_one()
    assert [delivery.doubtful for delivery in claim.deliveries] == [False]
    assert await _told(one) == []


@pytest.mark.parametrize("cluster", ["local"], indirect=True)
async def test_what_an_asynchronous_standby_lacks_is_lost_and_what_stands_open_there_is_asked_about(
    cluster: Cluster,
) -> None:
    """The receipt said no more than the server's own disk. What was sent in the lost time stands open again, in doubt."""
    one, two = cluster.node("one"), cluster.node("two")
    await one.accept(one.event(1))
    await asyncio.to_thread(cluster.shown, "SELECT count(*) FROM receipt", "1")
    await asyncio.to_thread(cluster.freeze)
    assert (await one.accept(one.event(1, dossier=OTHER))).stored, "nobody waits for the standby"
    assert await two.settle((await two.claim())[0], DeliveryState.DELIVERED)
    await asyncio.to_thread(cluster.fail_over)
    await one.taken(one.event(2, dossier=OTHER, name="later"))
    assert await _events(one) == ["ev-0042-1", "later"], "what was acknowledged in the lost time is gone"
    doubtful = {claim.dossier: claim.deliveries[0].doubtful for claim in await two.claim()}
    assert doubtful == {DOSSIER: True, OTHER: False}
    assert await _told(two) == ["failover"], "once for both nodes"
