"""Two workers on one PostgreSQL: what one finds out or is told holds on both, and together they press no harder than one may."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from connectors.kit.contract import Coordination, Delivery, Page, Receipt
from connectors.kit.declarations import PollerSpec
from connectors.kit.errors import NotSent
from gateway.bootstrap import gauges
from gateway.clock import Clock
from gateway.config import Breaker, Retry, Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.nodes import Nodes
from gateway.dispatch.polling import PollDesk, PolledPage, Polling, PollLine, Stored
from gateway.dispatch.replay import Switch
from gateway.dispatch.upstreams import Hooks, OperationTraits, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.evidence.log import chain
from gateway.journal.model import (
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    NewDelivery,
    RecordKey,
    Situation,
    UpstreamRow,
)
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.observe.metrics import Metrics
from gateway.records import ledgers
from mappings.codec import encode
from tests.integration.dispatch.conftest import Postman, Turned, carried
from tests.postgres import Server

CURSOR = ledgers.cursor_key("A", "changes")


def decide(situation: Situation, intake: Intake) -> Decision:
    """An event goes to A; a page moves the cursor if it still stands where the page was asked from."""
    if isinstance(intake.subject, PolledPage):
        record = situation.records.get(CURSOR)
        kept = ledgers.read_cursor(record)
        if (kept.cursor if kept is not None else "") != intake.subject.before:
            return Decision(b"{}", 200, store=False)
        moved = ledgers.KeptCursor(intake.subject.page.cursor, situation.now)
        version = 1 + (record.version if record is not None else 0)
        return Decision(b"{}", 200, records=(ledgers.write_cursor(CURSOR, version, moved),))
    if situation.known_receipt is not None:
        return Decision(situation.known_receipt, 200, store=False)
    write = InboundWrite(intake.key, 1, InboundStatus.ACCEPTED, intake.digest, intake.raw, intake.raw)
    delivery = NewDelivery(f"{intake.key}-A", "A", "status", intake.key, intake.source)
    return Decision(b"{}", 202, inbound=(write,), deliveries=(delivery,), last_sequence=1)


def taken(kind: str, key: str, raw: bytes, subject: object, *reads: RecordKey) -> Intake:
    """An intake of this test."""
    digest = hashlib.sha256(raw).digest()
    return Intake(kind, "SEC-DEMO", key, key, digest, raw, subject, None if reads else 1, reads)


class Outside(Postman):
    """The one outside system of all nodes: it counts who calls at once, and keeps calls waiting while its gate is shut."""

    def __init__(self, turned: Turned) -> None:
        super().__init__(turned)
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0
        self.most = 0
        self.down = False

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Take one delivery."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
            if self.down:
                raise NotSent
            return await super().deliver(delivery)
        finally:
            self.under_way -= 1


@dataclass
class Node:
    """One node: its journal, its neighbourhood, its worker. It beats when the test says so."""

    journal: PostgresJournal
    nodes: Nodes
    worker: Worker
    coordination: Coordination
    alarms: list[str] = field(default_factory=list)

    async def beat(self, times: int = 1) -> None:
        """Beat, and let the worker act on what it brought."""
        for _ in range(times):
            assert await self.nodes.beat()

    def state(self) -> str:
        """The breaker as this node sees it."""
        return self.worker.standings().get("A", UpstreamRow("A")).breaker_state


@dataclass
class Street:
    """Two nodes beside each other, on one database and toward one outside system."""

    dsn: str
    turned: Turned = field(default_factory=Turned)
    nodes: list[Node] = field(default_factory=list)
    settings: Upstream = Upstream(
        connector="test",
        concurrency=4,
        rate_per_s=1_000.0,
        burst=1_000,
        retry=Retry(base_s=0.001, cap_s=0.002),
        breaker=Breaker(failures=2, open_s=30.0),
    )

    traits: OperationTraits = OperationTraits()
    server_time: bool = False

    def __post_init__(self) -> None:
        self.outside = Outside(self.turned)

    async def coordinated(self, _name: str, _nodes: Nodes) -> Coordination:
        """What a node shares with the others: nothing."""
        return MemoryCoordination(self.turned.clock)

    def clock_of(self, _name: str) -> Clock:
        """The clock of a node's machine: one and the same here."""
        return self.turned.clock

    async def open(self, name: str) -> Node:
        """One more node."""
        clock = self.clock_of(name)
        options = DatabaseOptions(name, self.dsn, bytes(32), server_time=self.server_time)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=clock)
        nodes = Nodes(journal, clock, node=name)
        coordination = await self.coordinated(name, nodes)
        line = UpstreamLine("A", self.settings, self.outside, {"status": self.traits})
        alarms: list[str] = []
        hooks = Hooks(alarm=lambda code, _upstream, _text: alarms.append(code), seats=nodes.seats)
        worker = Worker({"A": line}, journal, coordination, journal.clock, hooks)
        nodes.wake, nodes.look = coordination.wake, worker.look
        made = Node(journal, nodes, worker, coordination, alarms)
        self.nodes.append(made)
        return made

    @asynccontextmanager
    async def two(self) -> AsyncIterator[tuple[Node, Node]]:
        """Two nodes at work, stopped and closed at the end."""
        async with AsyncExitStack() as stack:
            for name in ("one", "two"):
                node = await self.open(name)
                stack.push_async_callback(node.journal.close)
                stack.push_async_callback(node.nodes.stop)
                running = asyncio.create_task(node.worker.run())
                stack.push_async_callback(asyncio.gather, running)
                stack.push_async_callback(node.worker.stop)
            stack.callback(self.outside.gate.set)
            await self.until(lambda: all("A" in node.worker.standings() for node in self.nodes))
            yield self.nodes[0], self.nodes[1]

    async def push(self, node: Node, *dossiers: str) -> None:
        """Accept one event of each dossier at a node; nobody is woken."""
        for dossier in dossiers:
            await node.journal.accept(taken("event", dossier, encode(carried(dossier, 1)), None))

    async def until(self, true: Callable[[], bool], meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait until something is so; `meanwhile` happens again and again."""
        async with asyncio.timeout(60):
            while not true():
                if meanwhile is not None:
                    await meanwhile()
                await asyncio.sleep(0.003)

    async def beats(self) -> None:
        """Everybody beats once."""
        for node in self.nodes:
            await node.beat()

    async def delivered(self, node: Node) -> int:
        """How many deliveries were received."""
        return (await node.journal.counts()).messages.get(("A", DeliveryState.DELIVERED), 0)

    async def until_delivered(self, node: Node, wanted: int, within: timedelta) -> None:
        """Wait until so many were, while the nodes beat by themselves."""
        async with asyncio.timeout(within.total_seconds()):
            while await self.delivered(node) < wanted:
                await asyncio.sleep(0.01)

    async def all_delivered(self, node: Node, wanted: int) -> None:
        """Wait until so many were."""
        async with asyncio.timeout(60):
            while await self.delivered(node) < wanted:
                await self.beats()
                await asyncio.sleep(0.003)


@pytest.fixture
def street(database_server: Server) -> Iterator[Street]:
    """An empty database with nobody on it."""
    made = Street(database_server.database())
    yield made
    database_server.drop(made.dsn)


async def test_two_nodes_together_keep_to_the_limit_and_share_it(street: Street) -> None:
    """Thirty lanes wait: four calls are under way and never five, two of them from each node."""
    async with street.two() as (one, two):
        street.outside.gate.clear()
        await street.push(one, *(f"D{n}" for n in range(30)))
        await street.until(lambda: street.outside.under_way == 4, street.beats)
        for _ in range(5):
            await street.beats()
        assert street.outside.under_way == 4
        told = await gauges.render(Metrics(), one.journal, street.turned.clock, one.nodes.seats)
        assert b'gateway_seats_held{upstream="A"} %.1f' % one.nodes.seats.held("A") in told
        assert one.nodes.seats.held("A") + two.nodes.seats.held("A") == 4
        street.outside.gate.set()
        await street.all_delivered(two, 30)
        assert street.outside.most == 4
        assert len(street.outside.heard()) == 30, "and nothing went out twice"


async def test_what_one_node_accepts_the_other_delivers_without_being_told(street: Street) -> None:
    """Without Redis nobody is woken; the look once a second finds what has come."""
    async with street.two() as (one, two):
        await one.beat()
        street.outside.gate.clear()
        await street.push(one, "D0", "D1", "D2", "D3")
        await street.until(lambda: street.outside.under_way == 4, one.beat)
        await two.beat(2)
        street.outside.gate.set()
        await street.push(one, "D4")
        await street.all_delivered(one, 5)


async def open_breaker(street: Street, node: Node) -> None:
    """Let the outside system be away until `node` has seen enough."""
    street.outside.down = True
    await street.push(node, "X0", "X1")
    await street.until(lambda: node.state() == "open", node.beat)
    assert await street.delivered(node) == 0


async def test_a_breaker_that_opens_on_one_node_holds_on_all_and_one_probe_finds_out(street: Street) -> None:
    """The other node has not failed once, and sends nothing; after the open time one call is made, by whomever."""
    async with street.two() as (one, two):
        await open_breaker(street, one)
        await street.until(lambda: two.state() == "open", two.beat)
        street.outside.down = False
        street.outside.gate.clear()
        await street.push(two, *(f"D{n}" for n in range(8)))
        before = len(street.outside.heard())
        for _ in range(3):
            await street.beats()
        assert (street.outside.under_way, len(street.outside.heard())) == (0, before)
        street.turned.turn(31)
        await street.until(lambda: street.outside.under_way == 1, street.beats)
        for _ in range(10):
            await street.beats()
            await asyncio.sleep(0.01)
        assert street.outside.under_way == 1, "exactly one probe over all nodes"
        street.outside.most = 0
        street.outside.gate.set()
        await street.all_delivered(one, 10)
        assert street.outside.most <= 4
        await street.until(lambda: {one.state(), two.state()} == {"closed"}, street.beats)
        kinds = [row.kind for row in await one.journal.feed(0, 1_000, feed_only=False)]
        assert kinds.count("breaker.closed") == 1
        assert (await one.journal.upstream("A")).breaker_state == "closed"


async def test_after_an_outage_one_node_starts_slowly_and_the_other_waits_for_it(street: Street) -> None:
    """The slow start is one for all nodes: the call behind the probe is alone as well."""
    async with street.two() as (one, two):
        await open_breaker(street, one)
        await street.until(lambda: two.state() == "open", two.beat)
        await street.push(two, *(f"D{n}" for n in range(20)))
        street.outside.down = False
        street.turned.turn(31)
        street.outside.most = 0
        seen: list[int] = []
        street.outside.before = lambda _delivery: seen.append(street.outside.under_way)
        await street.until(lambda: len(seen) >= 2, street.beats)
        assert seen[:2] == [1, 1]
        await street.all_delivered(one, 22)
        assert street.outside.most <= 4


async def test_a_pause_that_is_ordered_on_one_node_holds_on_the_other_and_outlives_its_breaker(street: Street) -> None:
    """A node that opens its breaker without having seen the pause does not undo it; a resume elsewhere counts as well."""
    async with street.two() as (one, two):
        await one.beat()
        await two.worker.switch(Switch(("A",), True, "Bảo trì Cổng theo thông báo số 12", "vanhanh01"))
        street.outside.down = True
        await street.push(one, "X0", "X1")
        one.coordination.wake("A")
        async with asyncio.timeout(60):
            while (row := await one.journal.upstream("A")).breaker_state != "open":
                await asyncio.sleep(0.003)
        assert "Bảo trì" in row.paused
        await street.beats()
        for node in (one, two):
            await street.until(lambda node=node: node.state() == "open", street.beats)  # type: ignore[misc]
            standing = node.worker.standings()["A"]
            assert standing.breaker_state == "open" and "Bảo trì" in standing.paused
        street.outside.down = False
        street.turned.turn(31)
        await one.worker.switch(Switch(("A",), False, "Cổng đã hoạt động trở lại", "vanhanh01"))
        await street.all_delivered(two, 2)


@dataclass
class Source:
    """A list that is read in pages of one; it notes who asked for what."""

    held: list[str]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def seen_by(self, name: str) -> SeenBy:
        """The source as one node reaches it."""
        return SeenBy(self, name)


@dataclass
class SeenBy:
    """A poller of one node."""

    source: Source
    name: str

    async def poll(self, cursor: str) -> Page:
        """The next page."""
        self.source.asked.append((self.name, cursor))
        after = int(cursor or 0)
        return Page((), str(min(after + 1, len(self.source.held))), after + 1 < len(self.source.held))


async def test_one_node_at_a_time_follows_a_source_and_the_other_takes_over(street: Street) -> None:
    """Both would like to; one asks, page after page; when it ends, the other goes on at the cursor where it stopped."""
    source, stored = Source([f"k{n}" for n in range(40)]), [""]
    clock = Clock()

    async with street.two() as (one, two), AsyncExitStack() as stack:
        polling: dict[str, tuple[Polling, asyncio.Task[None]]] = {}
        for name, node in (("one", one), ("two", two)):

            async def commit(page: PolledPage, name: str = name, journal: PostgresJournal = node.journal) -> Stored:
                done = await journal.accept(taken("page", "", page.page.cursor.encode(), page, CURSOR))
                stored.extend([page.page.cursor] if done.stored else [])
                if len(stored) == 21:
                    polling[name][0].stop()  # here, and not when somebody looks: by then all may have been asked for
                return Stored(0, done.stored)

            line = UpstreamLine("A", street.settings, street.outside, {})
            around = MemoryCoordination(clock)
            seats = node.nodes.seats
            desk = PollDesk(node.worker, node.journal, around, clock, commit, alone=seats.alone, doing=seats.doing)
            made = Polling([PollLine(line, "changes", source.seen_by(name), PollerSpec(every_s=0.01))], desk)
            polling[name] = made, asyncio.create_task(made.run())
            stack.callback(made.stop)
        await street.until(lambda: len(stored) > 20, street.beats)
        (first,) = {name for name, _ in source.asked}
        other = "two" if first == "one" else "one"
        await polling[first][1]
        before = len(stored)
        {"one": one, "two": two}[first].nodes.seats.release("poll:A:changes")
        await street.until(lambda: stored[-1] == "40", street.beats)
        polling[other][0].stop()
        await polling[other][1]
        assert {name for name, _ in source.asked} == {"one", "two"}
        assert before == 21 and stored == ["", *(str(n + 1) for n in range(40))], "no page twice in effect, no gap"
