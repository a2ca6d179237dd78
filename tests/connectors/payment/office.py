"""A whole office of payment in one process: its ledgers on a real journal in memory, its drop folder, a clock that is turned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.kit.contract import Change, Kit, Ledger
from connectors.kit.declarations import LedgerSpec
from connectors.kit.settlement.ledgers import PartLedger, SettlementLedger
from connectors.kit.settlement.reading import parts_of
from connectors.kit.settlement.state import Part, Settlement, head_id
from connectors.payment.changes import PaymentChange, Said
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.ledger import Payments
from connectors.payment.model import Beneficiary, Source, Statement, Verdict
from connectors.payment.payment import Payment
from connectors.payment.references import attempt_ref, payment_id_of
from connectors.payment.settings import ProviderSettings, Settings
from connectors.payment.settlement_kinds import HEADS, KINDS, PARTS
from connectors.payment.settlement_settings import SettlementSettings
from connectors.payment.settling import Settling
from gateway.clock import Clock
from gateway.config import Intake as IntakePolicy
from gateway.coordination.memory import MemoryCoordination
from gateway.evidence.log import chain
from gateway.intake.decide import Decider
from gateway.intake.inputs import Shelf, Taker
from gateway.intake.ledgers import Bound, CursorMove, LedgerBook
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.routes import Routes
from mappings.codec import decode
from mappings.dates import VIETNAM
from tests.connectors.payment.fees import fee, made

UPSTREAM = "payment"
NIGHT = datetime(2026, 9, 22, 0, 30, tzinfo=VIETNAM)
"""Half past midnight after the day that is settled, a Monday."""
ACCOUNT = Beneficiary(account="0011001234567", bank_code="VCB", account_name="CUC", bin="970436")
OPEN = LedgerSpec(sealed=False, effects=("alarm", "tell"))
SEALED = LedgerSpec(sealed=True, effects=("deliver", "propose", "alarm", "tell"))


def provider(profile: str, merchant: str) -> ProviderSettings:
    """An intermediary that is configured."""
    return ProviderSettings(profile=profile, merchant=merchant, notices_from_anywhere=True)  # type: ignore[arg-type]  # a name


@dataclass
class Office:
    """The ledgers, the clock and the drop folder."""

    folder: Path
    settlement: dict[str, Any] = field(default_factory=dict)
    now: datetime = NIGHT
    alarms: list[tuple[str, str]] = field(default_factory=list)
    cursor: str = ""

    def __post_init__(self) -> None:
        """Open everything."""
        specs: dict[str, tuple[Ledger[Any, Any], LedgerSpec]] = {
            LEDGER: (Payments(), SEALED),
            HEADS: (SettlementLedger(KINDS), OPEN),
            PARTS: (PartLedger(KINDS), OPEN),
        }
        bound = {
            (UPSTREAM, kind): Bound(ledger, spec, frozenset({"create", "refund"}))
            for kind, (ledger, spec) in specs.items()
        }
        self.book = LedgerBook(bound, ("resolution",))
        clock = Clock(now=lambda: self.now, chance=lambda: 0.5)
        decide = Decider(Routes({}), {}, IntakePolicy(), None, self.book)
        self.journal = MemoryJournal(MemoryStore(), decide=decide, chain=chain, clock=clock)
        self.shelf = Shelf(UPSTREAM, frozenset({HEADS, PARTS}))
        self.shelf.journal = self.journal
        self.taker = Taker(
            self.journal, self.book, lambda _: None, lambda code, _, text: self.alarms.append((code, text))
        )
        self.settings = Settings(
            public_url="https://cong.example.gov.vn",
            providers=(provider("vnpay", "TESTTMN1"), provider("vietqr", "0011001234567"), provider("momo", "MOMO")),
            beneficiaries={"default": ACCOUNT},
            settlement=SettlementSettings(**{"statements_dir": str(self.folder), "quiet_s": 0.0, **self.settlement}),
        )
        self.kit = Kit(
            upstream=UPSTREAM,
            now=lambda: self.now,
            instant=lambda: self.now.timestamp(),
            coordination=MemoryCoordination(clock),
            secret=lambda reference: reference.partition(":")[2] or reference,
            ledgers=self.shelf,
        )
        self.settling = Settling(self.settings, self.kit)

    def put(self, name: str, raw: bytes) -> None:
        """Lay a file into the drop folder."""
        path = self.folder / name
        path.write_bytes(raw)
        os.utime(path, (self.now.timestamp(), self.now.timestamp()))

    async def tell(self, payment_id: str, *changes: PaymentChange, dossier_code: str = "") -> None:
        """Enter changes into the ledger of a payment."""
        await self.taker.take(UPSTREAM, [change_of(payment_id, change, dossier_code) for change in changes])

    async def ask_for(self, request: str, *, provider: str = "vnpay", at: datetime | None = None) -> str:
        """A fee that is asked for and put before its intermediary; its id."""
        payment_id = payment_id_of("GQHS", request)
        begun = at or self.now - timedelta(hours=13)
        asked = fee(
            at=begun,
            payment_id=payment_id,
            request_id=request,
            dossier_code=f"000.00.00.G11-260921-{request}",
            provider=provider,
            expires_at=begun + timedelta(minutes=15),
        )
        await self.tell(payment_id, asked, made(), dossier_code=asked.dossier_code)
        return payment_id

    async def pay(self, payment_id: str, txn_id: str, at: datetime, *, provider: str = "vnpay") -> None:
        """A verified notice that the first attempt was paid."""
        statement = Statement(
            source=Source.NOTICE,
            provider=provider,
            ref=attempt_ref(payment_id, 1),
            verdict=Verdict.PAID,
            trusted=True,
            amount=500_000,
            currency="VND",
            txn_id=txn_id,
            paid_at=at.astimezone(UTC),
        )
        await self.tell(payment_id, Said(at=at.astimezone(UTC), attempt=1, statement=statement))

    async def step(self) -> bool:
        """One page of the poller, stored with its cursor; whether there is more to do."""
        page = await self.settling.poll(self.cursor)
        if page.inputs or page.cursor != self.cursor:
            move = CursorMove("statements", self.cursor, page.cursor)
            assert (await self.taker.take(UPSTREAM, page.inputs, cursor=move)).moved
        moved, self.cursor = page.cursor != self.cursor, page.cursor
        return page.more and moved

    async def settle(self) -> None:
        """Everything that there is to do now."""
        for _ in range(500):
            if not await self.step():
                break
        await self.step()

    async def payment(self, payment_id: str) -> Payment:
        """A payment as it stands."""
        entry = await self.shelf.read(LEDGER, payment_id)
        assert entry is not None
        return decode(entry.state, Payment)

    async def head(self, provider: str = "vnpay", day: str = "20260921") -> Settlement:
        """The settlement of a day."""
        entry = await self.shelf.read(HEADS, head_id(provider, day))
        assert entry is not None
        return decode(entry.state, Settlement)

    async def parts(self, provider: str = "vnpay", day: str = "20260921") -> Sequence[Part]:
        """The parts of the result that stands."""
        return await parts_of(self.shelf, KINDS, await self.head(provider, day))

    async def open_differences(self, provider: str = "vnpay", day: str = "20260921") -> list[tuple[str, str, str]]:
        """Reference, outcome and detail of what is open."""
        parts = await self.parts(provider, day)
        found = [one for part in parts for one in part.differences if not one.closed]
        return [(str(one.pairing.ref), str(one.pairing.outcome), str(one.pairing.detail)) for one in found]

    async def take(self, *changes: Change) -> int:
        """Changes of any ledger; how many were new."""
        return (await self.taker.take(UPSTREAM, changes)).changed
