"""Accounts at carriers for tests: a standing clock, invented secrets, and a parcel to carry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Contact, Direction, Order, Place
from connectors.postal.speaking import Account, Dialect
from mappings.carrier_places import NO_CODES, PlaceCodes
from tests.planted import secret

NOW = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
CUSTOMER = "BVHTTDL01"
DOSSIER = "G00.10-261120-0042"
NUMBER = f"{DOSSIER}-T"

AGENCY = Contact(
    name="Bộ phận Một cửa",
    phone="02400000000",
    place=Place(
        list_version="GSO-2025-07",
        province="01",
        text="51 Ngô Quyền",
        carrier={"province": "10", "district": "1100"},
    ),
)
CITIZEN = Contact(
    name="Nguyễn Thị Mẫu",
    phone="0900000000",
    place=Place(list_version="GSO-2025-07", province="79", text="Số 1, xã Ví Dụ", carrier={"province": "70"}),
)


def account(
    dialect: Dialect,
    options: msgspec.Struct | None = None,
    *,
    secrets: Mapping[str, str] | None = None,
    statuses: Mapping[str, str] | None = None,
    places: PlaceCodes = NO_CODES,
) -> Account:
    """Ours at a carrier; the clock stands at `NOW`."""
    held = secrets if secrets is not None else {role: secret(role) for role in dialect.roles}
    return Account(
        name="vnpost",
        customer=CUSTOMER,
        secret=lambda role: held.get(role, ""),
        options=options or dialect.options_type(),
        now=lambda: NOW,
        statuses=statuses or {},
        places=places,
    )


def order(**changes: object) -> Order:
    """A result that goes to a citizen, with 150 000 đồng to collect (postal facts 10)."""
    usual = Order(
        order_number=NUMBER,
        direction=Direction.DELIVER,
        dossier_code=DOSSIER,
        sender=AGENCY,
        receiver=CITIZEN,
        contents="Giấy phép (bản giấy) 01",
        note="",
        weight_g=100,
        cod_amount=150_000,
    )
    return msgspec.structs.replace(usual, **changes)


def answer(body: object, status: int = 200) -> HttpAnswer:
    """An answer with a JSON body."""
    return HttpAnswer(status, {}, body if isinstance(body, bytes) else msgspec.json.encode(body), 1.0)
