"""Statements of carriers about cash on delivery: what their files are called, and what a row of one says. Opens nothing.

A row says what is paid over for one parcel, on the day that the file is of. It names the parcel by our order number, from which
the shipment follows, or by the carrier's item code, which is looked up later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import partial

from connectors.kit.settlement.cells import (
    KINDS,
    STATUSES,
    Unreadable,
    checked_codes,
    moment_of,
    number_of,
    stepped,
    word_of,
)
from connectors.kit.settlement.statements import Naming, Reading
from connectors.postal.cod_settings import CodLayout
from connectors.postal.identity import shipment_id_of
from mappings.dates import local_date
from mappings.settlement_words import Kind, Row, Standing

BY_ITEM = "#"
"""A reference that begins so is an item code: no id of a shipment does."""


def naming_of(carriers: Iterable[str]) -> Naming:
    """`cod_{carrier}_{customer}_{yyyymmdd}_{seq}.csv`, of the carriers of the settings."""
    # Names may hold one another and an underscore: the longest that fits is meant.
    names = sorted(carriers, key=lambda name: (-len(name), name))
    return Naming("cod", "|".join(map(re.escape, names)), "bưu chính", "mã khách hàng")


def reading_of(naming: Naming, carrier: str, layout: CodLayout, part_rows: int) -> Reading:
    """How the files of one carrier are read."""
    return Reading(naming, layout, partial(read_row, carrier=carrier, layout=layout), _misdated, part_rows)


def read_row(cells: Mapping[str, str], carrier: str, layout: CodLayout) -> Row:
    """The row that cells are; raises `Unreadable` with what is wrong.

    `ref` is the shipment's id, or `#` and the item code; `bank_txn_id` holds the order number as it was written, `txn_id` the
    item code, `paid_at` when it was paid over.
    """
    columns = layout.columns
    texts = {n: stepped(columns.get(n), text, str) for n, text in cells.items()} if columns else cells
    kind = word_of(texts.get("kind", "") or Kind.PAY, layout.kinds, KINDS, "kind")
    said = texts.get("status", "") or Standing.PAID
    standing = word_of(said, layout.statuses, STATUSES, "status")
    if kind in (Kind.REFUND, Kind.REVERSAL) and standing is Standing.PAID:
        standing = Standing.REVERSED if kind is Kind.REVERSAL else Standing.REFUNDED
    amount, fee = number_of(texts, "amount"), number_of(texts, "fee", optional=True)
    if amount < 0 or fee < 0:
        raise Unreadable("amount", "số tiền không được âm; chiều của tiền do loại dòng cho biết.")
    order_number, item_code = texts.get("order_number", "").strip(), texts.get("item_code", "").strip().upper()
    checked_codes({"order_number": order_number, "item_code": item_code}, ("order_number", "item_code"))
    if kind is not Kind.FEE and not order_number and not item_code:
        raise Unreadable("parcel", "phải có số hiệu đơn hoặc mã bưu gửi.")
    return Row(
        seq=number_of(texts, "seq"),
        kind=kind,
        ref=shipment_id_of(carrier, order_number) if order_number else f"{BY_ITEM}{item_code}",
        txn_id=item_code,
        bank_txn_id=order_number,
        amount=amount,
        fee=fee,
        net=number_of(texts, "net", optional=True),
        standing=standing,
        paid_at=moment_of(columns.get("paid_at"), texts.get("paid_at", ""), "paid_at", required=False),
    )


def not_yet(day: date, today: date) -> bool:
    """Whether a statement is of a day that has not come; around midnight clocks may differ."""
    return day > today + timedelta(days=1)


def _misdated(row: Row, day: date) -> str:
    """What is wrong with the time of a row: nobody pays over on a later day than that of the statement."""
    late = row.paid_at is not None and local_date(row.paid_at) > day
    return "thời điểm trả tiền sau ngày của bảng kê." if late else ""
