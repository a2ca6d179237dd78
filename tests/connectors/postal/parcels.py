"""Parcels for the tests of papers, with invented people."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from connectors.postal.identity import order_number_of, shipment_id_of
from connectors.postal.model import CodLine, Contact, Direction, Place
from connectors.postal.shipment import Shipment

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CARRIER = "vnpost"


def contact(name: str, text: str, phone: str = "0900000000", old_text: str = "") -> Contact:
    """Somebody somewhere in Hà Nội."""
    place = Place(list_version="GSO-2025-07", province="01", text=text, old_text=old_text)
    return Contact(name=name, phone=phone, place=place)


OFFICE = contact("Bộ phận Một cửa Bộ Ví dụ", "51 đường Ví Dụ, phường Cửa Nam, thành phố Hà Nội", "02400000000")
CITIZEN = contact("Nguyễn Thị Mẫu", "Số 1 ngõ Ví Dụ, phường Ba Đình, thành phố Hà Nội")


def parcel(number: int = 42, direction: Direction = Direction.DELIVER, **other: object) -> Shipment:
    """The parcel of the dossier with that number; `other` are fields that differ."""
    dossier_code = f"G00.10-261120-{number:04}"
    order_number = order_number_of(dossier_code, direction, 1)
    collecting = direction is Direction.COLLECT
    made = Shipment(
        shipment_id=shipment_id_of(CARRIER, order_number),
        dossier_code=dossier_code,
        procedure_code="1.003784",
        procedure_name="Cấp giấy phép ví dụ",
        direction=direction,
        carrier=CARRIER,
        profile="h2",
        order_number=order_number,
        asked_by="one-stop",
        request_id=f"request-{number:04}",
        body_sha256="",
        asked_at=NOW,
        sender=CITIZEN if collecting else OFFICE,
        receiver=OFFICE if collecting else CITIZEN,
        contents="Đơn đề nghị; bản sao giấy tờ" if collecting else "Giấy phép (bản giấy) 01",
        note="",
        weight_g=150,
        service="",
        cod_lines=() if collecting else (CodLine(fee_id="1", name="Lệ phí", amount=150_000),),
    )
    return msgspec.structs.replace(made, **other)
