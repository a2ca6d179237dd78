"""The desk behind the admin socket, over both stores of record, with operators whose keys the tests hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.kit.contract import Connector
from gateway.admin.coverage import CoverageDesk
from gateway.admin.decisions import Command, Decisions
from gateway.admin.four_eyes import Terms
from gateway.admin.handlers import AdminDesk, commands_of
from gateway.admin.operations import Operations
from gateway.admin.pauses import Pauses, WindowWatch
from gateway.admin.register import Register
from gateway.admin.statement import Envelope, Spoken, Statement, canonical
from gateway.admin.trail import Trail
from gateway.cli.signer import Signer
from gateway.clock import Clock
from gateway.config import Intake as IntakePolicy
from gateway.config import Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.upstreams import UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.evidence.log import chain
from gateway.intake.decide import Decider
from gateway.intake.ledgers import LedgerBook
from gateway.intake.validate import Limits
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from gateway.routes import Routes

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
REASON = "Đơn vị vận hành đã xác minh"
PEER = "os:truc"
MARKED = frozenset({"skip", "pause"})


@dataclass
class Turned:
    """A clock that moves only when a test turns it; its ids differ all the same."""

    moment: datetime = START

    def turn(self, **by: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**by)

    def clock(self) -> Clock:
        """As the gateway knows it."""
        return Clock(now=lambda: self.moment, instant=lambda: self.moment.timestamp(), chance=lambda: 0.5)


@dataclass
class Hall:
    """The desk of one life of the process, and what a test says at it."""

    journal: Journal
    turned: Turned
    desk: AdminDesk
    people: dict[str, Signer]
    worker: Worker
    watch: WindowWatch

    @property
    def commands(self) -> Mapping[str, Command]:
        """Every command of the desk."""
        return commands_of(self.desk)

    async def envelope(self, name: str, command: str, reason: str = REASON, **words: Any) -> Envelope:
        """A decision, signed now."""
        installation = await self.desk.decisions.installation()
        return self.people[name].say(command, Spoken(reason=reason, **words), installation, self.turned.clock())

    async def carry(self, command: str, envelope: Envelope) -> Any:
        """Hand an envelope to the desk."""
        return await self.desk.decisions.take(command, envelope, PEER, self.commands)

    async def say(self, name: str, command: str, reason: str = REASON, **words: Any) -> Any:
        """Sign a decision and hand it in."""
        return await self.carry(command, await self.envelope(name, command, reason, **words))

    async def found(self, name: str = "chi", roles: tuple[str, ...] = ("operator", "supervisor", "admin")) -> Any:
        """The first operator; nobody signs."""
        details = {"name": name, "roles": roles, "keys": [self.person(name).public_key]}
        unsigned = Statement(
            installation="x",
            command="operator-add",
            words=Spoken(REASON, details=details),
            operator="",
            key_id="",
            decision_id=self.turned.clock().new_id(),
            at=self.turned.moment,
        )
        return await self.carry("operator-add", Envelope(canonical(unsigned)))

    def person(self, name: str) -> Signer:
        """A person with a key of their own; the second one made has an ECDSA key."""
        if name not in self.people:
            ecdsa = len(self.people) % 2 == 1
            self.people[name] = Signer(
                name, generate_private_key(SECP256R1()) if ecdsa else Ed25519PrivateKey.generate()
            )
        return self.people[name]

    async def add(self, name: str, *roles: str, **details: Any) -> Any:
        """The first operator adds another one."""
        keys = [self.person(name).public_key]
        return await self.say("chi", "operator-add", details={"name": name, "roles": roles, "keys": keys, **details})

    async def trail(self, kind: str = "") -> list[tuple[str, str, dict[str, Any]]]:
        """Kind, actor and fields of the audit rows."""
        rows = await self.journal.feed(0, 10_000, feed_only=False)
        return [(row.kind, row.actor, msgspec.json.decode(row.fields)) for row in rows if kind in ("", row.kind)]

    async def paused(self) -> list[str]:
        """The upstreams that are paused."""
        return [code for code in ("national", "resolution") if (await self.journal.upstream(code)).paused]


@dataclass
class Building:
    """What outlives the process: the store, the clock on the wall, people with their keys."""

    kind: str
    folder: Path
    turned: Turned = field(default_factory=Turned)
    store: MemoryStore = field(default_factory=MemoryStore)
    people: dict[str, Signer] = field(default_factory=dict)
    terms: Terms = field(default_factory=lambda: Terms("gateway-1", MARKED))
    book: LedgerBook | None = None

    @asynccontextmanager
    async def open(self, **changes: Any) -> AsyncIterator[Hall]:
        """One life of the process."""
        clock = self.turned.clock()
        decide = Decider(Routes({}), {}, IntakePolicy(), None, self.book)
        journal: Journal
        if self.kind == "memory":
            journal = MemoryJournal(self.store, decide=decide, chain=chain, clock=clock)
        else:
            options = StoreOptions(node="gateway-1", kek=bytes(32), synchronous="NORMAL")
            journal = SqliteJournal.open(self.folder, options, decide=decide, chain=chain, clock=clock)
        upstreams = {code: Upstream(connector=code) for code in ("national", "resolution")}
        absent = cast("Connector", None)
        lines = {code: UpstreamLine(code, settings, absent, {}) for code, settings in upstreams.items()}
        worker = Worker(lines, journal, MemoryCoordination(clock), clock)
        watch = WindowWatch(journal, worker, tuple(lines), clock)
        await watch.look()
        desk = AdminDesk(
            operations=Operations(journal, worker, upstreams, clock),
            register=Register(journal, clock),
            decisions=Decisions(journal, clock, replace(self.terms, **changes)),
            trail=Trail(journal, clock),
            coverage=CoverageDesk(journal, {}, Limits.of(IntakePolicy())),
            pauses=Pauses(journal, tuple(upstreams), clock, watch.look),
        )
        try:
            yield Hall(journal, self.turned, desk, self.people, worker, watch)
        finally:
            await journal.close()


@pytest.fixture(params=["sqlite", "memory"])
def building(request: pytest.FixtureRequest, tmp_path: Path) -> Building:
    """Each store of record."""
    return Building(request.param, tmp_path / "store")


@pytest.fixture
async def hall(building: Building) -> AsyncIterator[Hall]:
    """An open desk with a first operator, `chi`."""
    async with building.open() as opened:
        await opened.found()
        yield opened
