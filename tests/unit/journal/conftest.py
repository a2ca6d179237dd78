"""A desk for the journal's contract: a turned clock, decisions handed in by the test, one store per driver."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import Clock
from gateway.errors import JournalUnavailable
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.model import (
    Accepted,
    AttemptWrite,
    AuditWrite,
    Claim,
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    LaneOrder,
    MessageSettlement,
    NewDelivery,
    Ordered,
    OrderKind,
    Settlement,
    Situation,
)
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from tests.postgres import Server

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DOSSIER = "000.00.00.G00-261120-0042"
OTHER = "000.00.00.G00-261120-0043"
SOURCE = "SEC-DEMO"
PORTAL = "portal"
LEASE = timedelta(seconds=30)
KEK = bytes(range(32))
MADE_UP_NAME = "Nguyễn Thị Mẫu Thử".encode()

Drawn = Callable[[Situation, Intake], Decision]


def sha256(raw: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(raw).digest()


def chain(head: bytes, digests: tuple[bytes, ...]) -> bytes:
    """A chain that is easy to recompute."""
    return sha256(head + b"".join(digests))


def decide(situation: Situation, intake: Intake) -> Decision:
    """The test decides: the intake's subject is a decision, or makes one from the situation."""
    if isinstance(intake.subject, Decision):
        return intake.subject
    if callable(intake.subject):
        made = intake.subject(situation, intake)
        assert isinstance(made, Decision)
        return made
    raise AssertionError("no decision was handed in")


@dataclass
class Turned:
    """A clock that moves only when a test turns it."""

    moment: datetime = START
    ids: int = 0

    def now(self) -> datetime:
        """The time."""
        return self.moment

    def turn(self, seconds: float) -> datetime:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)
        return self.moment

    def clock(self) -> Clock:
        """As the gateway knows it."""
        return Clock(now=self.now, instant=lambda: self.moment.timestamp(), chance=lambda: 0.5)


@dataclass(frozen=True)
class Event:
    """A shorthand for an event and what becomes of it."""

    sequence: int = 1
    dossier: str = DOSSIER
    source: str = SOURCE
    status: InboundStatus = InboundStatus.ACCEPTED
    operations: tuple[tuple[str, str], ...] = ((PORTAL, "progress"),)
    carried: bytes = b""
    raw: bytes = b""
    name: str = ""
    legal_due: datetime | None = None
    supersedes: bool = False
    replaceable: bool = False

    @property
    def event_id(self) -> str:
        """The event's key."""
        return self.name or f"ev-{self.dossier[-4:]}-{self.sequence}"

    def deliveries(self) -> tuple[NewDelivery, ...]:
        """One delivery for each (upstream, operation)."""
        return tuple(
            NewDelivery(
                f"{self.event_id}/{up}/{op}",
                up,
                op,
                self.event_id,
                self.source,
                self.legal_due,
                supersedes=self.supersedes and op == "state",
                replaceable=self.replaceable and op == "state",
            )
            for up, op in self.operations
        )

    def decision(self) -> Decision:
        """What `decide` makes of it."""
        raw = self.raw or b'{"raw":"%d"}' % self.sequence
        return Decision(
            answer=b'{"receipt":"%s"}' % self.event_id.encode(),
            status=202,
            inbound=(
                InboundWrite(
                    self.event_id, self.sequence, self.status, sha256(raw), raw, self.carried or b'{"carried":1}'
                ),
            ),
            deliveries=self.deliveries(),
            last_sequence=self.sequence,
            audit=(AuditWrite("event.accepted", self.source, self.dossier, self.event_id, b"{}", feed=True),),
        )

    def intake(self, subject: Decision | Drawn | None = None) -> Intake:
        """The request that carries it."""
        raw = self.raw or b'{"raw":"%d"}' % self.sequence
        return Intake(
            kind="event",
            source=self.source,
            key=self.event_id,
            dossier=self.dossier,
            digest=sha256(raw),
            raw=raw,
            subject=subject or self.decision(),
            sequence=self.sequence,
        )


@dataclass
class Desk:
    """A journal under test with what a test does to it, said shortly."""

    journal: Journal
    turned: Turned
    folder: Path
    dossier: str = DOSSIER
    other: str = OTHER
    source: str = SOURCE
    portal: str = PORTAL
    lease: timedelta = LEASE

    def event(self, sequence: int = 1, dossier: str = DOSSIER, **changes: Any) -> Event:
        """An event with one delivery to the portal, unless told otherwise."""
        return Event(sequence, dossier, **changes)

    async def accept(self, event: Event, subject: Decision | Drawn | None = None) -> Accepted:
        """Accept an event."""
        return await self.journal.accept(event.intake(subject))

    async def taken(self, event: Event) -> Accepted:
        """Repeat an event, as producers do, until it is accepted."""
        async with asyncio.timeout(60):
            while True:
                try:
                    return await self.accept(event)
                except JournalUnavailable:
                    await asyncio.sleep(0.05)

    async def fill(self, *, lanes: int = 1, messages: int = 1, upstream: str = PORTAL) -> None:
        """Accept `messages` events for each of `lanes` dossiers, in order, time moving by a millisecond."""
        for sequence in range(1, messages + 1):
            for lane in range(lanes):
                dossier = f"000.00.00.G00-261120-{lane:04d}"
                await self.accept(Event(sequence, dossier, operations=((upstream, "progress"),)))
                self.turned.turn(0.001)

    async def claim(
        self, limit: int = 10, batch: Mapping[str, int] | None = None, upstream: str = PORTAL
    ) -> Sequence[Claim]:
        """Claim what is due now."""
        return await self.journal.claim(upstream, limit=limit, batch=batch or {}, lease=LEASE, now=self.turned.now())

    async def claim_one(self, batch: Mapping[str, int] | None = None, upstream: str = PORTAL) -> Claim:
        """Claim the one lane that is due."""
        claims = await self.claim(batch=batch, upstream=upstream)
        assert len(claims) == 1, claims
        return claims[0]

    def attempt(self, outcome: str = "delivered", **changes: Any) -> AttemptWrite:
        """An attempt made just now."""
        made = AttemptWrite(self.turned.now(), self.turned.now(), outcome, 200, "0", "", b"request", b"response")
        return replace(made, **changes)

    async def settle(self, claim: Claim, *states: DeliveryState, **changes: Any) -> bool:
        """Settle the messages of a claim, in order, each with an attempt; the rest is not named."""
        messages = tuple(
            MessageSettlement(delivery.sequence, state, self.attempt(state.value.lower()), b"receipt")
            for delivery, state in zip(claim.deliveries, states, strict=False)
        )
        made = Settlement(claim.lane_id, claim.epoch, messages)
        return await self.journal.settle(replace(made, **changes))

    async def order(self, kind: OrderKind, delivery_id: str = "", dossier: str = DOSSIER, **changes: Any) -> Ordered:
        """A person's order, audited."""
        audit = (AuditWrite(f"lane.{kind}", "officer-1", dossier, "", b"{}"),)
        wanted = LaneOrder(kind, PORTAL, dossier, "lý do của người ra lệnh", "officer-1", delivery_id, audit)
        return await self.journal.order(replace(wanted, **changes), self.turned.now())

    async def states(self, dossier: str = DOSSIER, upstream: str = PORTAL) -> list[DeliveryState]:
        """The states of a lane's messages, in order."""
        rows = await self.journal.deliveries_of(dossier)
        return [row.state for row in rows if row.upstream == upstream]


Opener = Callable[[], Journal]


@dataclass
class Drivers:
    """How one driver opens a store in a folder; the same folder opens the same store. `kept` is the folder of memory."""

    name: str
    folder: Path
    turned: Turned
    kept: MemoryStore = field(default_factory=MemoryStore)
    dsn: str = ""
    opened: list[Journal] = field(default_factory=list)

    def open(self, options: StoreOptions | None = None) -> Journal:
        """Open the store; options are for the one on disk."""
        if self.name == "memory":
            assert options is None, "memory has no options"
            return MemoryJournal(self.kept, decide=decide, chain=chain, clock=self.turned.clock(), node="node-1")
        if self.name == "postgres":
            assert options is None, "these options are for the store on disk"
            shared = DatabaseOptions("node-1", self.dsn, KEK)
            return PostgresJournal.open(shared, decide=decide, chain=chain, clock=self.turned.clock())
        journal = SqliteJournal.open(
            self.folder,
            options or StoreOptions(node="node-1", kek=KEK),
            decide=decide,
            chain=chain,
            clock=self.turned.clock(),
        )
        self.opened.append(journal)
        return journal

    @asynccontextmanager
    async def desk(self, options: StoreOptions | None = None) -> AsyncIterator[Desk]:
        """A desk on a store that is closed at the end."""
        journal = self.open(options)
        try:
            yield Desk(journal, self.turned, self.folder)
        finally:
            await journal.close()


@pytest.fixture
def turned() -> Turned:
    """A clock that the test turns."""
    return Turned()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each driver in turn: another store joins the contract by another name here. What is about disks names `sqlite` alone."""
    own = any(mark.args[0] == "driver" for mark in metafunc.definition.iter_markers("parametrize"))
    if "driver" in metafunc.fixturenames and not own:
        on_disk = metafunc.module.__name__.endswith("test_sqlite")
        metafunc.parametrize("driver", ("sqlite",) if on_disk else ("sqlite", "memory", "postgres"), indirect=True)


@pytest.fixture(scope="session")
def server(database_server: Server) -> Server:
    """One database server for all tests here; each test has a database of its own."""
    return database_server


@pytest.fixture
def dsn(server: Server) -> Iterator[str]:
    """An empty database; its DSN."""
    name = server.database()
    yield name
    server.drop(name)


@pytest.fixture
def driver(request: pytest.FixtureRequest, tmp_path: Path, turned: Turned) -> Iterator[Drivers]:
    """How the store under test is opened."""
    opener = Drivers(request.param, tmp_path / "store", turned)
    if opener.name != "postgres":
        yield opener
        return
    running: Server = request.getfixturevalue("server")
    opener.dsn = running.database()
    yield opener
    running.drop(opener.dsn)


@pytest.fixture
async def desk(driver: Drivers) -> AsyncIterator[Desk]:
    """A desk on a fresh store of each driver."""
    async with driver.desk() as opened:
        yield opened


@pytest.fixture
def desk_type() -> type[Desk]:
    """For tests that open several journals."""
    return Desk
