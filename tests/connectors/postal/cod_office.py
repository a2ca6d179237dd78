"""An accountant's office of the post in one process: ledgers on a real journal in memory, a drop folder, a clock."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.kit.contract import Change, Kit, Ledger
from connectors.kit.declarations import LedgerSpec
from connectors.kit.settlement.ledgers import PartLedger, SettlementLedger
from connectors.kit.settlement.reading import head_of, parts_of
from connectors.kit.settlement.state import Difference, Settlement
from connectors.postal.changes import Scanned, ShipmentChange
from connectors.postal.cod_days import COD, COD_DAYS, CodDay, CodDays, cod_day_id
from connectors.postal.cod_settings import CodSettings
from connectors.postal.cod_settling import CodSettling
from connectors.postal.entering import change_of
from connectors.postal.identity import SHIPMENTS, order_number_of, shipment_id_of
from connectors.postal.ledger import Shipments
from connectors.postal.model import CodLine, Direction, Scan
from connectors.postal.settings import AgencyPlace, AgencySettings, CarrierSettings, Settings
from connectors.postal.shipment import Shipment
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
from tests.connectors.postal.shipments import parcel

UPSTREAM = "postal"
CARRIER, CUSTOMER = "vnpost", "BVHTTDL01"
COLLECTED = datetime(2026, 11, 16, 10, 0, tzinfo=VIETNAM)
"""A Monday morning on which postmen collect."""
NIGHT = datetime(2026, 11, 19, 0, 30, tzinfo=VIETNAM)
"""Half past midnight after the day of the statement."""
DAY = "20261118"
NAME = f"cod_{CARRIER}_{CUSTOMER}_{DAY}_1.csv"
OPEN = LedgerSpec(sealed=False, effects=("alarm", "tell"))
SEALED = LedgerSpec(sealed=True, effects=("deliver", "propose", "alarm", "tell"))


def dossier(number: int) -> str:
    """The dossier of a parcel."""
    return f"000.00.00.G11-261116-{number:06d}"


def order_number(number: int) -> str:
    """Our number of it."""
    return order_number_of(dossier(number), Direction.DELIVER, 1)


def paid(seq: int, number: int, amount: int | str = 150_000, **cells: str) -> list[str]:
    """A row of money that is paid over for a parcel, by our own layout; `cells` by our names of columns."""
    said = {"seq": str(seq), "order_number": order_number(number), "amount": str(amount)} | cells
    names = ("seq", "kind", "order_number", "item_code", "amount", "fee", "net", "status", "paid_at", "note")
    return ["D", *(said.get(name, "") for name in names)]


def written(*records: Sequence[str]) -> bytes:
    """Records as a file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(records)
    return text.getvalue().encode()


def statement(*rows: Sequence[str], day: str = DAY, customer: str = CUSTOMER) -> bytes:
    """A whole file of our own layout, with its sums."""
    came = [row for row in rows if row[2] in ("", "PAY")]
    back = [row for row in rows if row[2] in ("REFUND", "REVERSAL")]
    fees = sum(int(row[6] or 0) for row in rows) + sum(int(row[5]) for row in rows if row[2] == "FEE")
    figures = (
        len(came),
        sum(int(row[5]) for row in came),
        len(back),
        sum(int(row[5]) for row in back),
        fees,
        sum(int(row[7] or 0) for row in rows),
    )
    header = ["H", "1", CARRIER.upper(), customer, day, "2026-11-19T00:10:00+07:00", "VND"]
    return written(header, *rows, ["T", *map(str, figures)])


def carrier(name: str = CARRIER, **more: Any) -> CarrierSettings:
    """A carrier that is configured."""
    given = {"profile": "h2", "base_url": "https://post.example.gov.vn/", "customer": CUSTOMER}
    return CarrierSettings(name=name, **{**given, **more})


def settings_with(several: tuple[CarrierSettings, ...], **cod: Any) -> Settings:
    """Settings of the post."""
    place = AgencyPlace(province="01", text="51 Ngô Quyền")
    agency = AgencySettings(name="Bộ phận Một cửa", phone="02400000000", place=place)
    return Settings(carriers=several, agencies={"default": agency}, cod=CodSettings(**cod))


@dataclass
class CodOffice:
    """The ledgers, the clock and the drop folder."""

    folder: Path
    cod: dict[str, Any] = field(default_factory=dict)
    now: datetime = NIGHT
    alarms: list[tuple[str, str]] = field(default_factory=list)
    cursor: str = ""

    def __post_init__(self) -> None:
        """Open everything."""
        specs: dict[str, tuple[Ledger[Any, Any], LedgerSpec]] = {
            SHIPMENTS: (Shipments(), SEALED),
            COD.heads: (SettlementLedger(COD), OPEN),
            COD.parts: (PartLedger(COD), OPEN),
            COD_DAYS: (CodDays(), OPEN),
        }
        tasks = frozenset({"register", "order", "cancel"})
        bound = {(UPSTREAM, kind): Bound(ledger, spec, tasks) for kind, (ledger, spec) in specs.items()}
        self.book = LedgerBook(bound, ("resolution",))
        clock = Clock(now=lambda: self.now, chance=lambda: 0.5)
        decide = Decider(Routes({}), {}, IntakePolicy(), None, self.book)
        self.journal = MemoryJournal(MemoryStore(), decide=decide, chain=chain, clock=clock)
        self.shelf = Shelf(UPSTREAM, frozenset({COD.heads, COD.parts, COD_DAYS}))
        self.shelf.journal = self.journal
        self.taker = Taker(
            self.journal, self.book, lambda _: None, lambda code, _, text: self.alarms.append((code, text))
        )
        self.settings = settings_with(
            (carrier(), carrier("vnpost_hue", profile="h3")),
            **{"statements_dir": str(self.folder), "quiet_s": 0.0, **self.cod},
        )
        self.kit = Kit(
            upstream=UPSTREAM,
            now=lambda: self.now,
            instant=lambda: self.now.timestamp(),
            coordination=MemoryCoordination(clock),
            secret=lambda reference: reference,
            ledgers=self.shelf,
        )
        self.restart()

    def restart(self) -> None:
        """The poller as a process that has just started has it."""
        self.settling = CodSettling(self.settings, self.kit)

    def put(self, name: str, raw: bytes) -> None:
        """Lay a file into the drop folder."""
        path = self.folder / name
        path.write_bytes(raw)
        os.utime(path, (self.now.timestamp(), self.now.timestamp()))

    async def tell(self, number: int, *changes: ShipmentChange) -> None:
        """Enter changes into the ledger of a parcel."""
        shipment_id = shipment_id_of(CARRIER, order_number(number))
        await self.taker.take(UPSTREAM, [change_of(shipment_id, change, dossier(number)) for change in changes])

    async def deliver(self, number: int, due: int = 150_000, *, at: datetime = COLLECTED, **scan: Any) -> str:
        """A parcel that is ordered and handed over against its money; its id."""
        found = await self.order(number, due, at=at)
        await self.deliver_scan(number, at=at, **scan)
        return found

    async def order(self, number: int, due: int = 150_000, *, at: datetime = COLLECTED) -> str:
        """A parcel that is ordered, a day before `at`."""
        number_text = order_number(number)
        shipment_id = shipment_id_of(CARRIER, number_text)
        lines = (CodLine(fee_id=f"phi-{number}", name="Phí thẩm định", amount=due),) if due else ()
        asked = parcel(
            at=(at - timedelta(days=1)).astimezone(UTC),
            shipment_id=shipment_id,
            dossier_code=dossier(number),
            order_number=number_text,
            request_id=f"yc-{number}",
            cod_lines=lines,
        )
        await self.tell(number, asked)
        return shipment_id

    async def deliver_scan(self, number: int, *, at: datetime = COLLECTED, **fields: Any) -> None:
        """The carrier says that it handed the parcel over."""
        moment = at.astimezone(UTC)
        given: dict[str, Any] = {
            "event_id": f"e-{number}",
            "occurred_at": moment,
            "received_at": moment + timedelta(minutes=5),
            "raw_code": "4",
            "means": "delivered",
            "source": "feed",
            "item_code": f"RA{number:09d}VN",
        }
        told = Scan(**{**given, **fields})
        await self.tell(number, Scanned(at=told.received_at, scan=told))

    async def step(self) -> bool:
        """One page of the poller, stored with its cursor; whether there is more to do."""
        page = await self.settling.poll(self.cursor)
        if page.inputs or page.cursor != self.cursor:
            move = CursorMove("cod", self.cursor, page.cursor)
            assert (await self.taker.take(UPSTREAM, page.inputs, cursor=move)).moved
        moved, self.cursor = page.cursor != self.cursor, page.cursor
        return page.more and moved

    async def settle(self) -> None:
        """Everything that there is to do now."""
        for _ in range(500):
            if not await self.step():
                break
        await self.step()

    async def review(self) -> None:
        """The next round of looking, once it is time."""
        self.now += timedelta(seconds=self.settings.cod.review_every_s + 1)
        await self.settle()

    async def shipment(self, number: int) -> Shipment:
        """A parcel as it stands."""
        entry = await self.shelf.read(SHIPMENTS, shipment_id_of(CARRIER, order_number(number)))
        assert entry is not None
        return decode(entry.state, Shipment)

    async def head(self, day: str = DAY) -> Settlement:
        """The statement of a day."""
        found = await head_of(self.shelf, COD, CARRIER, day)
        assert found is not None
        return found

    async def differences(self, day: str = DAY) -> list[Difference]:
        """All of them, of the result that stands."""
        parts = await parts_of(self.shelf, COD, await self.head(day))
        return [one for part in parts for one in part.differences]

    async def open_differences(self, day: str = DAY) -> list[tuple[str, str, str]]:
        """Order number, outcome and detail of what is open."""
        return sorted(
            (one.pairing.bank_txn_id or one.pairing.txn_id, str(one.pairing.outcome), str(one.pairing.detail))
            for one in await self.differences(day)
            if not one.closed
        )

    async def day(self, day: datetime = COLLECTED) -> CodDay:
        """The money that was collected on a day."""
        entry = await self.shelf.read(COD_DAYS, cod_day_id(CARRIER, f"{day:%Y%m%d}"))
        assert entry is not None
        return decode(entry.state, CodDay)

    async def take(self, *changes: Change) -> int:
        """Changes of any ledger; how many were new."""
        return (await self.taker.take(UPSTREAM, changes)).changed
