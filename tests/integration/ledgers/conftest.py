"""Ledgers on a real journal of each driver: the toy library's loans, with everything that they may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.kit.contract import Change, LedgerEntry
from connectors.kit.declarations import LedgerSpec
from gateway.clock import Clock
from gateway.config import Intake as IntakePolicy
from gateway.evidence.log import chain
from gateway.intake.decide import Decider
from gateway.intake.inputs import Shelf, Taker
from gateway.intake.ledgers import Bound, LedgerBook
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from gateway.routes import Routes
from tests.toys.toy_registry.profiles.v1.ledger import Loans

CODE = "000.00.00.G16-261122-0001"
OTHER = "000.00.00.G16-261122-0002"
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SEALED = LedgerSpec(sealed=True, effects=("deliver", "propose", "alarm", "tell"))


def change(key: str = "m-1", what: str = "lent", **fields: Any) -> Change:
    """A toy that comes or goes."""
    told = Change("loans", "L-1", key, {"what": what, "toy": "tàu hỏa", "at": 1}, CODE)
    return replace(told, **fields)


@dataclass
class Books:
    """A journal with the loans of upstream `toys`, and what was woken and raised."""

    journal: Journal
    book: LedgerBook
    moment: list[datetime]
    woken: list[tuple[str, ...]] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.moment[0] += timedelta(seconds=seconds)

    @property
    def taker(self) -> Taker:
        """What takes changes on."""
        return Taker(
            self.journal,
            self.book,
            self.woken.append,
            lambda code, upstream, _text: self.alarms.append((code, upstream)),
        )

    async def loan(self, ledger_id: str = "L-1") -> LedgerEntry | None:
        """A loan as it stands."""
        shelf = Shelf("toys")
        shelf.journal = self.journal
        return await shelf.read("loans", ledger_id)

    async def marked(self, after: str = "", until: str = "~", limit: int = 10) -> list[tuple[str, str]]:
        """The marks of loans between two places, each with the loan that it leads to."""
        shelf = Shelf("toys")
        shelf.journal = self.journal
        return [(mark.place, mark.ledger_id) for mark in await shelf.marked("loans", after, until, limit)]

    async def told(self, kind: str = "") -> Sequence[Any]:
        """The audit rows of a kind."""
        rows = await self.journal.feed(0, 1000, feed_only=False)
        return [row for row in rows if kind in ("", row.kind)]


@dataclass(frozen=True)
class Drivers:
    """How a store of one driver is opened; the same folder, or memory, opens the same store."""

    name: str
    folder: Path
    kept: MemoryStore

    @asynccontextmanager
    async def books(self, spec: LedgerSpec = SEALED, ledger: Any = None) -> AsyncIterator[Books]:
        """Books on the store; closed at the end."""
        moment = [NOW]
        clock = Clock(now=lambda: moment[0], chance=lambda: 0.5)
        bound = Bound(ledger or Loans(), spec, frozenset({"remind"}))
        book = LedgerBook({("toys", "loans"): bound}, ("resolution",))
        decide = Decider(Routes({}), {}, IntakePolicy(), None, book)
        journal: Journal
        if self.name == "memory":
            journal = MemoryJournal(self.kept, decide=decide, chain=chain, clock=clock)
        else:
            options = StoreOptions(node="node-1", kek=bytes(range(32)))
            journal = SqliteJournal.open(self.folder, options, decide=decide, chain=chain, clock=clock)
        try:
            yield Books(journal, book, moment)
        finally:
            await journal.close()


@pytest.fixture(params=["sqlite", "memory"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Drivers:
    """Each driver in turn."""
    return Drivers(request.param, tmp_path / "store", MemoryStore())
