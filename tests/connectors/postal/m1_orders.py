"""Orders and accounts of the post for tests: invented people, a standing clock, answers as carriers give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from connectors.kit.contract import Notice
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Contact, Direction, Order, Place
from connectors.postal.speaking import Account, Dialect, Dialogue
from tests.planted import secret

NOW = datetime(2026, 11, 21, 3, 10, 0, tzinfo=UTC)  # 10:10 in Viet Nam
CUSTOMER = "BVHTTDL01"
DOSSIER = "G00.10-261120-0042"
NUMBER = f"{DOSSIER}-T"
AGENCY = Contact(
    name="Bộ phận Một cửa",
    phone="02400000000",
    place=Place(list_version="GSO-2025-07", province="01", text="51 Ngô Quyền, Hà Nội"),
)
CITIZEN = Contact(
    name="Nguyễn Thị Mẫu",
    phone="0900 000 000",
    place=Place(
        list_version="GSO-2025-07",
        province="79",
        text="Số 1, xã Ví Dụ, Thành phố Hồ Chí Minh",
        carrier={"province": "70", "district": "7270", "ward": "72710"},
    ),
)


def account(
    dialect: Dialect,
    *,
    secrets: Mapping[str, str] | None = None,
    options: msgspec.Struct | None = None,
    public_keys: Sequence[str] = (),
    statuses: Mapping[str, str] | None = None,
    now: datetime = NOW,
) -> Account:
    """Ours at a carrier; the clock stands at `now`, every secret is invented."""
    held = secrets if secrets is not None else {"token": secret("token")}
    return Account(
        name=f"vnpost-{dialect.name}",
        customer=CUSTOMER,
        secret=lambda role: held.get(role, ""),
        options=options or dialect.options_type(),
        now=lambda: now,
        public_keys=public_keys,
        statuses=statuses or {},
    )


def opened(dialect: Dialect, options: msgspec.Struct | None = None) -> Dialogue:
    """The dialect with that account."""
    return dialect.open(account(dialect, options=options))


def order(**changes: object) -> Order:
    """The result of a dossier, on its way to a citizen."""
    usual = Order(
        order_number=NUMBER,
        direction=Direction.DELIVER,
        dossier_code=DOSSIER,
        sender=AGENCY,
        receiver=CITIZEN,
        contents="Giấy phép (bản giấy) 01",
        note=f"Trả kết quả hồ sơ {DOSSIER}",
        weight_g=100,
        cod_amount=150_000,
    )
    return msgspec.structs.replace(usual, **changes)


def answer(body: object = b"", status: int = 200) -> HttpAnswer:
    """An answer with a JSON body, or with those very bytes."""
    return HttpAnswer(status, {}, body if isinstance(body, bytes) else msgspec.json.encode(body), 1.0)


def by_post(body: object, peer: str = "203.0.113.5", profile: str = "m1") -> Notice:
    """A notice of a carrier."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {"content-type": "application/json"}
    path = f"/v1/callbacks/postal/{profile}"
    return Notice(method="POST", path=path, query="", headers=headers, body=raw, peer=peer, profile=profile)
