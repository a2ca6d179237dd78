"""Accounts at intermediaries for tests: a standing clock, invented secrets, and an order to pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

import msgspec

from connectors.kit.contract import Notice
from connectors.kit.http import HttpAnswer
from connectors.payment.model import Asked, Beneficiary, FeeLine, Order, Payer, RefundOrder
from connectors.payment.speaking import Account, Dialect, Dialogue, Key
from mappings.codes import FeeKind
from tests.planted import secret

NOW = datetime(2026, 9, 21, 7, 30, 5, tzinfo=UTC)  # 14:30:05 in Viet Nam
REF = "0123456789abca1"

ENDPOINTS = MappingProxyType(
    {
        name: f"https://pay.example.gov.vn/{name}"
        for name in (
            *("pay", "api", "create", "query", "refund", "query_refund", "refund_query"),
            *("init", "bill", "detail", "refund_detail"),
        )
    }
)


def key(role: str, value: str = "") -> Key:
    """The one key of a role."""
    return Key(id=f"{role}-1", value=value or secret(role))


def dialogue(
    dialect: Dialect,
    *,
    merchant: str = "TESTTMN1",
    keys: Mapping[str, Sequence[Key]] | None = None,
    options: msgspec.Struct | None = None,
    now: datetime = NOW,
) -> Dialogue:
    """The dialect with an account of ours; the clock stands at `now`."""
    held = keys if keys is not None else {role: (key(role),) for role in dialect.roles}
    return dialect.open(
        Account(
            name=dialect.name,
            merchant=merchant,
            keys=lambda role: held.get(role, ()),
            endpoints=ENDPOINTS,
            options=options or dialect.options_type(),
            now=lambda: now,
        )
    )


def order(**changes: object) -> Order:
    """An attempt of 500 000 đồng."""
    usual = Order(
        ref=REF,
        amount=500_000,
        text="Phí thẩm định hồ sơ G11-260921-000123",
        created_at=NOW,
        expires_at=datetime(2026, 9, 21, 7, 45, 5, tzinfo=UTC),
        dossier_code="000.00.00.G11-260921-000123",
        procedure_code="1.001234",
        procedure_name="Cấp giấy phép",
        service_code="1.001234.01",
        unit_code="G11",
        unit_name="Cục Du lịch",
        fee_lines=(FeeLine(kind=FeeKind.CHARGE, code="PTD01", name="Phí thẩm định", amount=500_000),),
        beneficiary=Beneficiary(account="0011001234567", bank_code="VCB", account_name="CUC DU LICH", bin="970436"),
        payer=Payer(name="Nguyễn Thử Nghiệm", number="001090000000", address="Hà Nội"),
        payer_address="10.0.0.15",
        return_url="https://cong.example.gov.vn/payments/payment/return",
        notify_url="https://cong.example.gov.vn/v1/callbacks/payment",
    )
    return msgspec.structs.replace(usual, **changes)


def asked(**changes: object) -> Asked:
    """The same attempt, asked about."""
    return msgspec.structs.replace(
        Asked(ref=REF, amount=500_000, created_at=NOW, time_text="20260921143005", number=3), **changes
    )


def refund(**changes: object) -> RefundOrder:
    """Part of it goes back."""
    usual = RefundOrder(
        refund_ref="0123456789abcr1",
        ref=REF,
        txn_id="14500001",
        amount=200_000,
        paid_amount=500_000,
        whole=False,
        reason="Hoàn một phần phí",
        by="ke-toan-01",
        asked_at=NOW,
        time_text="20260921143005",
    )
    return msgspec.structs.replace(usual, **changes)


def answer(body: object, status: int = 200) -> HttpAnswer:
    """An answer with a JSON body."""
    return HttpAnswer(status, {}, body if isinstance(body, bytes) else msgspec.json.encode(body), 1.0)


def by_get(query: str) -> Notice:
    """A notice in the query text of a GET."""
    return Notice(method="GET", path="/v1/callbacks/payment/x", query=query, headers={}, body=b"", peer="203.0.113.5")


def by_post(body: object) -> Notice:
    """A notice in the body of a POST."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {"content-type": "application/json"}
    return Notice(
        method="POST", path="/v1/callbacks/payment/x", query="", headers=headers, body=raw, peer="203.0.113.5"
    )
