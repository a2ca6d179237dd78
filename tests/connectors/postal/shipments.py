"""Parcels for tests: one that is asked for, what carriers and people say of it, and the ledger that judges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.kit.contract import DeliverTask, Effect, ProposeChange, RaiseAlarm, TellFeed
from connectors.postal.changes import OrderPlaced, Scanned, ShipmentAsked, ShipmentChange
from connectors.postal.entering import change_of
from connectors.postal.identity import order_number_of, shipment_id_of
from connectors.postal.ledger import Shipments
from connectors.postal.model import CodLine, Contact, Direction, Place, Placed, Scan
from connectors.postal.shipment import Shipment
from mappings.codec import convert, decode, encode

T0 = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
DOSSIER = "000.00.00.G11-261120-000042"
CARRIER = "vnpost"
DUE = 150_000


def later(seconds: float) -> datetime:
    """A moment, counted from when the parcel was asked for."""
    return T0 + timedelta(seconds=seconds)


def person(name: str = "Nguyễn Thị Mẫu") -> Contact:
    """Somebody invented."""
    place = Place(list_version="GSO-2025-07", province="79", commune="26740", text="Số 1, đường Ví Dụ")
    return Contact(name=name, phone="0900000000", place=place)


def parcel(direction: Direction = Direction.DELIVER, due: int = DUE, ordinal: int = 1, **fields: Any) -> ShipmentAsked:
    """A result for a citizen, with 150 000 đồng to collect, unless said otherwise."""
    number = order_number_of(DOSSIER, direction, ordinal)
    given: dict[str, Any] = {
        "at": T0,
        "shipment_id": shipment_id_of(CARRIER, number),
        "asked_by": "GQHS",
        "request_id": "yc-1",
        "body_sha256": "a" * 64,
        "dossier_code": DOSSIER,
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép",
        "direction": direction,
        "carrier": CARRIER,
        "profile": "h2",
        "order_number": number,
        "sender": person("Bộ phận Một cửa"),
        "receiver": person(),
        "contents": "Giấy phép (bản giấy) 01",
        "note": "",
        "weight_g": 100,
        "service": "HCC",
        "cod_lines": (CodLine(fee_id="phi-1", name="Phí thẩm định", amount=due),) if due else (),
    }
    return ShipmentAsked(**{**given, **fields})


def scan(minutes: float, means: str, event_id: str = "", **fields: Any) -> Scan:
    """What the carrier says happened so many minutes after the parcel was asked for."""
    at = later(minutes * 60)
    given: dict[str, Any] = {
        "event_id": event_id or f"e{minutes}-{means}",
        "occurred_at": at,
        "received_at": at + timedelta(minutes=5),
        "raw_code": means,
        "means": means,
        "source": "feed",
    }
    return Scan(**{**given, **fields})


def scanned(minutes: float, means: str, event_id: str = "", **fields: Any) -> Scanned:
    """The same, as a change that comes five minutes later."""
    told = scan(minutes, means, event_id, **fields)
    return Scanned(at=told.received_at, scan=told)


def placed(seconds: float = 2, **fields: Any) -> OrderPlaced:
    """The carrier took the order."""
    return OrderPlaced(at=later(seconds), placed=Placed(**fields))


class Story:
    """A parcel and what happens to it, change by change, stored and read back in between as the house does."""

    def __init__(self, *changes: ShipmentChange) -> None:
        self.stored: bytes | None = None
        self.effects: list[Effect] = []
        self.keys: set[str] = set()
        self.then(*changes)

    def then(self, *changes: ShipmentChange) -> list[Effect]:
        """What must be done because of these changes, those of them that are new."""
        caused: list[Effect] = []
        for change in changes:
            entered = change_of("x", change)
            if entered.key in self.keys:
                continue
            self.keys.add(entered.key)
            before = decode(self.stored, Shipment) if self.stored is not None else None
            after, effects = Shipments().apply(before, convert(entered.fields, Shipments.change_type))
            self.stored = encode(after)
            caused += effects
        self.effects += caused
        return caused

    def shipment(self) -> Shipment:
        """The parcel as it is stored."""
        assert self.stored is not None
        return decode(self.stored, Shipment)

    def alarms(self) -> list[str]:
        """The codes of all alarms."""
        return [effect.code for effect in self.effects if isinstance(effect, RaiseAlarm)]

    def told(self) -> list[str]:
        """The codes of all rows of the feed."""
        return [effect.code for effect in self.effects if isinstance(effect, TellFeed)]

    def tasks(self, effects: Sequence[Effect] | None = None) -> list[str]:
        """The operations of all tasks."""
        among = self.effects if effects is None else effects
        return [effect.operation for effect in among if isinstance(effect, DeliverTask)]

    def proposals(self) -> list[ProposeChange]:
        """All proposals."""
        return [effect for effect in self.effects if isinstance(effect, ProposeChange)]
