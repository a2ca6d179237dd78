"""Several nodes, killed, frozen, cut off, restarted, with clocks that agree on nothing: never more calls than the limit.

Time is turned for the nodes and for the store alike; what a frozen node learns late, it learns after time has passed.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.dispatch.nodes import LIVE_S, Nodes
from gateway.dispatch.seats import MARGIN_S
from gateway.errors import JournalUnavailable
from gateway.evidence.log import chain
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import Lane, MemoryStore
from gateway.journal.model import Beat, Beaten, Decision, Intake, Situation
from gateway.journal.postgres import Beats, PostgresJournal
from gateway.journal.server_clock import ServerClock
from gateway.journal.session import DatabaseOptions
from tests.postgres import Server, apart, off_loop

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
LIMIT = 3
LEASE_S = 30.0
NAMES = ("a", "b", "c")
CODE = "portal"

Step = tuple[str, int, float]
DOINGS = (
    "run",
    "run",
    "run",
    "run",
    "work",
    "end",
    "turn",
    "freeze",
    "hang",
    "thaw",
    "cut",
    "heal",
    "kill",
    "restart",
    "stop",
)


def _steps(doings: tuple[str, ...]) -> st.SearchStrategy[list[Step]]:
    chosen, amounts = st.sampled_from([0, 0, 0, 1, 1, 2]), st.sampled_from([0.2, 2.0, 6.0, MARGIN_S, LEASE_S])
    return st.lists(st.tuples(st.sampled_from(doings), chosen, amounts), min_size=8, max_size=50)


STEPS = _steps(DOINGS)
STEPS_OF_A_SERVER = _steps((*DOINGS, *["set ahead"] * 3)) | _steps((*DOINGS, *["set back"] * 3))
"""Not both: who does not beat between a step back and one ahead hears less than was set (decision 0035)."""
STEPS_THAT_ALL_HEAR = _steps((*DOINGS, *["set ahead"] * 2, *["set back"] * 2))
UNHEARD: list[Step] = [
    ("run", 0, 2.0),
    ("work", 0, 0.0),
    ("set back", 0, LEASE_S),
    ("set back", 0, LEASE_S),
    ("work", 0, 0.0),
    ("set ahead", 1, LEASE_S),
    ("work", 1, 0.0),
    ("work", 1, 0.0),
]
"""One node renews while the clock is back by more than a lease; the other hears of it when it is far ahead again."""
KNOWN_S = LEASE_S + MARGIN_S
"""A node that starts so soon after the server's clock was set ahead cannot know of it (decision 0035)."""


def nobody_decides(_situation: Situation, _intake: Intake) -> Decision:
    """Nothing is accepted here."""
    raise AssertionError


class Beater(Protocol):
    """The part of a journal that is under test."""

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`."""
        ...


class Store:
    """The store in memory: its clock is the time that is turned."""

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self.passed = 0.0

    def now(self) -> float:
        """True time, in seconds."""
        return self.passed

    def wall(self) -> datetime:
        """The store's clock."""
        return START + timedelta(seconds=self.passed)

    async def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds

    async def set_by(self, seconds: float) -> None:
        """The server's clock is set. In memory it is the nodes' own."""

    def open(self, name: str) -> Beater:
        """One more start of a node."""
        return MemoryJournal(self.kept, decide=nobody_decides, chain=chain, clock=Clock(self.wall), node=name)

    async def claimed(self, name: str, calls: int) -> None:
        """The start of `name` that was killed had sent as much: these lanes are leased to it."""
        start = self.kept.nodes[name][0]
        for n in range(calls):
            lane = Lane(CODE, f"{start}-{n}", owner=start, lease_until=self.wall())
            self.kept.lanes[lane.number] = lane

    async def close(self, _opened: object) -> None:
        """Nothing is open."""

    async def clear(self) -> None:
        """Another example."""
        self.kept = MemoryStore()


class Shared(Store):
    """The store on PostgreSQL: time that passes there is what its rows have aged by."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self.dsn, self.starts, self.ahead = dsn, 0, 0.0

    def now(self) -> float:
        """True time, in seconds: the server's clock runs by itself."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.passed

    async def _run(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds
        await self.set_by(seconds)

    async def set_by(self, seconds: float) -> None:
        """The server's clock is set: all that stands by it is so much older, and every node hears it with its next beat."""
        self.ahead += seconds
        by = round(seconds * 1_000_000)
        await self._run(
            f"UPDATE upstream_slot SET lease_until = lease_until - {by}",
            f"UPDATE node SET beat = greatest(beat - {by}, 1) WHERE beat > 0",
        )

    def open(self, name: str) -> Beater:
        """One more start of a node: only what beats of its journal. It is the newest, as one is that has opened the store."""
        self.starts += 1
        options, start = DatabaseOptions(name, self.dsn, bytes(32)), f"{name}/{self.starts}"
        newest = f"INSERT INTO newest_chain (node, chain) VALUES ('{name}', '{start}')"
        off_loop(self._run(f"{newest} ON CONFLICT (node) DO UPDATE SET chain = excluded.chain"))
        return Beats(options, start, Hearing(self))

    async def claimed(self, name: str, calls: int) -> None:
        """The start of `name` that was killed had sent as much."""
        await self._run(
            "INSERT INTO lane (lane_id, upstream, dossier, next_seq, head_seq, head_at, lease_until, owner) "
            f"SELECT hashtextextended(start || n, 0), '{CODE}', start || n, 1, 0, 0, 0, start "
            f"FROM node, generate_series(1, {calls}) AS n WHERE node = '{name}'"
        )

    async def close(self, opened: object) -> None:
        """Let go of the connection."""
        assert isinstance(opened, Beats)
        await asyncio.to_thread(opened.close)

    async def clear(self) -> None:
        """Another example."""
        rows = ", ".join(f"('{name}', 0)" for name in NAMES)
        await self._run("TRUNCATE upstream_slot, node, lane", f"INSERT INTO node (node, started) VALUES {rows}")


class Hearing(ServerClock):
    """Hears the server's clock with all that has passed, and with what it was set by."""

    def __init__(self, store: Shared) -> None:
        super().__init__(Clock(instant=store.now))
        self._store = store
        self.heard(round(time.time() * 1_000_000), store.now())

    def heard(self, server: int, before: float) -> None:
        """See `ServerClock.heard`."""
        super().heard(server + round(self._store.ahead * 1_000_000), before)


class Line:
    """The way to the store: it may freeze before or behind the store's part, and answers may be lost."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.opened = store, store.open(name)
        self.before: asyncio.Event | None = None
        self.behind: asyncio.Event | None = None
        self.cut = False

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`."""
        if self.before is not None:
            await self.before.wait()
        beaten = await self.opened.beat(beat)
        if self.behind is not None:
            await self.behind.wait()
        if self.cut:
            raise JournalUnavailable
        return beaten


@dataclass
class Running:
    """One start of a node with the calls that it has under way, each with the time when it is over at the latest."""

    line: Line
    nodes: Nodes
    calls: list[float] = field(default_factory=list)
    beating: asyncio.Task[bool] | None = None
    """The node is frozen in the middle of this beat."""


class Town:
    """All nodes, and what the upstream sees."""

    def __init__(self, store: Store, *, hears: bool = False) -> None:
        """With `hears` every node beats between one setting of the clock and the next."""
        self.store, self.hears = store, hears
        self.nodes: dict[str, Running] = {}
        self.orphans: list[float] = []
        self.known_at = -math.inf

    def begin(self, name: str) -> Running:
        """Start a node; its clock is as far away from true time as its name says."""
        ahead = 10_000.0 * NAMES.index(name)
        line = Line(self.store, name)
        clock = Clock(lambda: START + timedelta(days=NAMES.index(name)), lambda: self.store.now() + ahead)
        nodes = Nodes(line, clock, node=name)  # type: ignore[arg-type]
        made = self.nodes[name] = Running(line, nodes)
        made.nodes.seats.free(CODE, LIMIT, LEASE_S)
        return made

    def under_way(self) -> int:
        """What the upstream sees, if every call takes as long as it may."""
        return sum(len(running.calls) for running in self.nodes.values()) + len(self.orphans)

    async def turn(self, seconds: float) -> None:
        """Time passes; calls end at the latest when their time is over. A frozen process learns that when it thaws."""
        await self.store.turn(seconds)
        now = self.store.now()
        self.orphans = [ends for ends in self.orphans if ends > now]
        for running in self.nodes.values():
            over = [ends for ends in running.calls if ends <= now]
            running.calls = [ends for ends in running.calls if ends > now]
            running.nodes.seats.use(CODE, -len(over))

    async def act(self, step: Step) -> None:
        """One thing happens."""
        what, number, amount = step
        name = NAMES[number]
        if what == "turn":
            await self.turn(amount)
        elif what in ("set ahead", "set back"):
            await self.store.set_by(
                60 * amount if what == "set ahead" and number else amount * (1 - 2 * (what == "set back"))
            )
            self.known_at = self.store.now() + KNOWN_S
            for running in self.nodes.values() if self.hears else ():
                await self.thaw(running)
                await running.nodes.beat()
        elif what == "run":
            await self.run(amount)
        elif name in self.nodes:
            await self.happen(name, self.nodes[name], what)
        elif what == "restart" and self.store.now() >= self.known_at:
            self.begin(name)

    async def run(self, seconds: float) -> None:
        """Time passes in small steps, and who is not frozen works; every second call is a short one."""
        for tick in range(5):
            await self.turn(seconds / 5)
            for running in [one for one in self.nodes.values() if one.beating is None]:
                self.end(running, len(running.calls) * (tick % 2))
                await self.work(running)
                assert self.under_way() <= LIMIT

    async def happen(self, name: str, running: Running, what: str) -> None:
        """One thing happens to a node that is there; a frozen one can only thaw or be killed."""
        if what in ("thaw", "kill"):
            await self.thaw(running)
        if what == "kill":
            self.orphans += running.calls
            if running.calls:
                await self.store.claimed(name, len(running.calls))
            await self.store.close(self.nodes.pop(name).line.opened)
        elif running.beating is not None:
            return
        elif what == "work":
            await self.work(running)
        elif what == "end":
            self.end(running, 1)
        elif what in ("cut", "heal"):
            running.line.cut = what == "cut"
        elif what in ("freeze", "hang"):
            event = asyncio.Event()
            running.line.before, running.line.behind = (event, None) if what == "hang" else (None, event)
            running.beating = asyncio.create_task(running.nodes.beat())
            for _ in range(5):
                await asyncio.sleep(0)
        elif what == "stop" and not running.calls:
            await running.nodes.stop()
            await self.store.close(self.nodes.pop(name).line.opened)

    async def work(self, running: Running) -> None:
        """Start what may be started before and after a beat."""
        self.start(running)
        await running.nodes.beat()
        self.start(running)

    def end(self, running: Running, calls: int) -> None:
        """So many calls are over before their time, the oldest first."""
        for _ in range(min(calls, len(running.calls))):
            running.calls.pop(0)
            running.nodes.seats.use(CODE, -1)

    def start(self, running: Running) -> None:
        """As many calls as may be; the last one is told to want more."""
        seats = running.nodes.seats
        for _ in range(seats.free(CODE, LIMIT, LEASE_S)):
            running.calls.append(self.store.now() + LEASE_S)
            seats.use(CODE)
        seats.want(CODE)

    async def thaw(self, running: Running) -> None:
        """Go on where it froze."""
        for event in (running.line.before, running.line.behind):
            if event is not None:
                event.set()
        if running.beating is not None:
            await running.beating
        running.line.before = running.line.behind = running.beating = None

    async def settle_down(self) -> None:
        """Everybody thaws, works, and beats for longer than any lease."""
        await self.turn(KNOWN_S)
        for name in NAMES:
            running = self.nodes.get(name) or self.begin(name)
            await self.thaw(running)
            running.line.cut = False
        for _ in range(4):
            await self.turn(LEASE_S + MARGIN_S + LIVE_S)
            for _ in range(3):
                for running in self.nodes.values():
                    running.nodes.seats.free(CODE, LIMIT, LEASE_S)
                    running.nodes.seats.want(CODE)
                    assert await running.nodes.beat()


async def live_through(store: Store, steps: list[Step], *, hears: bool = False) -> None:
    """No step lets more through than the limit, and in the end everybody who works has a share."""
    await store.clear()
    town = Town(store, hears=hears)
    try:
        for name in NAMES[:2]:
            town.begin(name)
        for step in steps:
            await town.act(step)
            assert town.under_way() <= LIMIT, (step, {name: one.calls for name, one in town.nodes.items()})
        await town.settle_down()
        assert {name: one.nodes.seats.held(CODE) for name, one in town.nodes.items()} == dict.fromkeys(NAMES, 1)
    finally:
        for running in town.nodes.values():
            await town.thaw(running)
            await store.close(running.line.opened)


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_nodes_in_memory_never_send_more_than_the_limit(steps: list[Step]) -> None:
    """The law itself, at length."""
    asyncio.run(live_through(Store(), steps))


@pytest.fixture(scope="module")
def shared(database_server: Server) -> Iterator[Shared]:
    """A database with the journal's tables."""
    made = Shared(_with_tables(database_server))
    yield made
    database_server.drop(made.dsn)


def _with_tables(server: Server) -> str:
    dsn = server.database()
    options = DatabaseOptions("maker", dsn, bytes(32))

    def make() -> None:
        journal = PostgresJournal.open(options, decide=nobody_decides, chain=chain, clock=Clock())
        asyncio.run(journal.close())

    apart(make)
    return dsn


@given(STEPS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nodes_on_postgres_never_send_more_than_the_limit(shared: Shared, steps: list[Step]) -> None:
    """The same with real transactions and the server's clock."""
    asyncio.run(live_through(shared, steps))


@given(STEPS_OF_A_SERVER)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([("run", 0, 2.0), ("freeze", 0, 0.0), ("set ahead", 0, LEASE_S), ("run", 0, 2.0), ("run", 0, MARGIN_S)])
@example([("run", 0, 2.0), ("set ahead", 1, LEASE_S), ("run", 0, 2.0), ("kill", 0, 0.0), ("run", 0, 6.0)])
@example([("run", 0, 2.0), ("cut", 1, 0.0), ("set back", 0, LEASE_S), ("run", 0, 6.0), ("heal", 1, 0.0)])
def test_nodes_never_send_more_than_the_limit_while_the_servers_clock_is_set(shared: Shared, steps: list[Step]) -> None:
    """Ahead by less or by more than a lease, and back: who was there before it hears it before it takes anything."""
    asyncio.run(live_through(shared, steps))


@given(STEPS_THAT_ALL_HEAR)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(UNHEARD)
def test_nodes_that_hear_each_step_never_send_more_while_the_clock_is_set_both_ways(
    shared: Shared, steps: list[Step]
) -> None:
    """Ahead and back in any order, as long as nobody misses a step that another one follows."""
    asyncio.run(live_through(shared, steps, hears=True))


def test_a_node_that_misses_a_step_back_before_one_ahead_sends_too_much(shared: Shared) -> None:
    """The limit that decision 0035 states, and the negative control of the law above."""
    with pytest.raises(AssertionError, match="work"):
        asyncio.run(live_through(shared, UNHEARD))


async def test_a_node_that_counted_from_the_answer_would_send_too_much() -> None:
    """The negative control: were seats counted from when the answer is read, a frozen node would send beside its successor."""
    seen = 0
    for counted_from_the_answer in (False, True):
        town = Town(Store())
        frozen, other = town.begin("a"), town.begin("b")
        await frozen.nodes.beat()
        frozen.nodes.seats.want(CODE)
        await town.act(("freeze", 0, 0.0))
        await town.turn(LEASE_S + MARGIN_S + 1.0)
        for _ in range(3):
            town.start(other)
            await other.nodes.beat()
        town.start(other)
        await town.thaw(frozen)
        if counted_from_the_answer:
            frozen.nodes.seats.granted({CODE: LIMIT}, town.store.now())
        town.start(frozen)
        seen = town.under_way()
        assert (seen > LIMIT) is counted_from_the_answer
    assert seen == 2 * LIMIT
