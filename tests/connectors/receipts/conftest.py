"""A receipt service that stands, and the connector in front of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import Change, Kit, LedgerEntry, Mark, Task, TaskDelivery
from connectors.kit.ground import LoneCoordination, fresh_budget
from connectors.kit.receipting import ReceiptAnswer, ReceiptOrder
from connectors.kit.settings import typed
from connectors.kit.simulation import SIMULATION, Simulation, opened
from connectors.receipts.book import Book, Entry
from connectors.receipts.connector import Receipts, create
from connectors.receipts.settings import Settings
from connectors.receipts.simulator import SERVICE, create_app
from connectors.receipts.simulator_store import Held
from mappings.amount_words import amount_in_words
from mappings.codec import convert, encode
from tests import planted

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
COLLECTED = NOW - timedelta(minutes=2)
PASSWORDS = {"env:publishing": planted.secret("receipt publisher"), "env:service": planted.secret("receipt caller")}


def order(**changed: Any) -> ReceiptOrder:
    """A phí of 450 000 đồng."""
    amount = changed.get("amount", 450_000)
    asked = ReceiptOrder(
        fkey="4q7k2m9p0a1bc-charge",
        fee_kind="charge",
        fee_code="PTD01",
        fee_name="Phí thẩm định",
        amount=amount,
        amount_words=amount_in_words(max(amount, 0)),
        collected_at=COLLECTED,
        receipt_rule="ND254",
        dossier_code="000.00.00.G11-261120-000123",
        payment_id="4q7k2m9p0a1bc",
        payer_name="Nguyễn Văn Thử",
        payer_number="001090000000",
    )
    return msgspec.structs.replace(asked, **changed)


def delivery(asked: ReceiptOrder, accepted_at: datetime = NOW) -> TaskDelivery:
    """The order as the line hands it over."""
    task = Task(
        "receipt", "payment", "payments", asked.payment_id, 3, asked.dossier_code, NOW, msgspec.to_builtins(asked)
    )
    return TaskDelivery("d-1", "receipts", "receipt", asked.dossier_code, 1, 1, task, accepted_at, fresh_budget())


@dataclass
class Shelf:
    """The ledgers of the connector, kept as the gateway keeps them."""

    entries: dict[str, tuple[int, Entry]] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    effects: list[object] = field(default_factory=list)

    def take(self, *changes: Change) -> None:
        """Apply what is new of the connector's own."""
        book = Book()
        for change in changes:
            if change.ledger != book.kind or f"{change.id}/{change.key}" in self.seen:
                continue
            self.seen.add(f"{change.id}/{change.key}")
            version, before = self.entries.get(change.id, (0, None))
            after, effects = book.apply(before, convert(change.fields, book.change_type))
            self.entries[change.id] = (version + 1, after)
            self.effects += effects
            self.marks |= {f"{mark}/{change.id}": change.id for mark in book.marks(after)}

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """See `LedgerReader`."""
        kept = self.entries.get(ledger_id)
        return LedgerEntry(kept[0], "", encode(kept[1])) if kept is not None else None

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> list[Mark]:
        """See `LedgerReader`."""
        places = sorted(place for place in self.marks if after < place < until)
        return [Mark(place, self.marks[place]) for place in places[:limit]]


@dataclass
class Counter:
    """The service, the connector, and what it keeps. `passwords` may be changed."""

    connector: Receipts
    simulation: Simulation
    held: Mapping[str, Held]
    shelf: Shelf
    passwords: dict[str, str]

    def issued(self) -> list[tuple[str, str, int, int]]:
        """Key, symbol, number and amount of everything that the service issued."""
        return [(fkey, one.serial, one.number, one.wanted.amount) for fkey, one in self.held.items()]


@dataclass
class Hands:
    """Makes counters, and takes them down again."""

    stack: AsyncExitStack

    async def counter(self, **settings: Any) -> Counter:
        """A fresh service and a fresh connector."""
        app = create_app(
            {"accounts": {"account_password": PASSWORDS["env:publishing"], "password": PASSWORDS["env:service"]}}
        )
        door = await self.stack.enter_async_context(opened(app))
        passwords, shelf = dict(PASSWORDS), Shelf()
        kit = Kit("receipts", lambda: NOW, time.monotonic, LoneCoordination(), passwords.__getitem__, shelf)
        connector = create(settings_of(f"http://127.0.0.1:{door.port}", **settings), kit)
        self.stack.push_async_callback(connector.close)
        return Counter(connector, app[SIMULATION], app[SERVICE].held, shelf, passwords)


@pytest.fixture
async def hands() -> AsyncIterator[Hands]:
    """Makes what a test needs."""
    async with AsyncExitStack() as stack:
        yield Hands(stack)


@pytest.fixture
async def counter(hands: Hands) -> Counter:
    """One of the usual kind."""
    return await hands.counter()


def settings_of(base_url: str, **changed: Any) -> Settings:
    """Settings that are in order, with what is changed."""
    tree: dict[str, object] = {
        "base_url": base_url,
        "account": "bienlai",
        "account_password": "env:publishing",
        "username": "dichvu",
        "password": "env:service",
        "collector": {"name": "Cục Du lịch Quốc gia Việt Nam", "tax_code": "0100000000"},
        "series": [
            {"kind": "charge", "form": "EBL01", "letters": "AA"},
            {"kind": "fee", "form": "EBL01", "letters": "BB"},
        ],
        "allow_plain": ["127.0.0.1"],
        **changed,
    }
    chosen, faults = typed(tree, Settings)
    assert chosen is not None, faults
    return chosen


def answers(changes: tuple[Change, ...]) -> list[ReceiptAnswer]:
    """What the ledger that asked is told."""
    told = [change for change in changes if not change.here]
    assert all((change.ledger, change.id) == ("payments", "4q7k2m9p0a1bc") for change in told)
    return [msgspec.convert(change.fields, ReceiptAnswer) for change in told]
