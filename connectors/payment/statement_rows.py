"""One record of an intermediary's statement as a row in our words: what its texts mean where they say less than all.

Amounts are whole numbers of đồng written in digits: no float is ever made (payment facts 4.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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
from connectors.payment.settlement_settings import Layout
from mappings.settlement_words import Kind, Row, Standing

_REFERENCE = re.compile(r"(?<![0-9a-z])[0-9a-v]{13}[ar][1-9][0-9]{0,2}(?![0-9a-z])", re.ASCII)
_CODES = ("provider_txn_id", "bank_txn_id", "channel", "bank_code", "original_provider_txn_id", "dossier_no")


def read_row(cells: Mapping[str, str], layout: Layout) -> Row:
    """The row that cells are; raises `Unreadable` with what is wrong. `note` is not kept: it may speak of persons."""
    columns = layout.columns
    texts = {n: stepped(columns.get(n), text, _reference) for n, text in cells.items()} if columns else cells
    kind = word_of(texts.get("kind", "") or Kind.PAY, layout.kinds, KINDS, "kind")
    said = texts.get("status")
    # A statement without such a column lists what happened; an empty cell in one says nothing, so least of all "paid".
    if said is None or (not said and kind is Kind.FEE):
        said = Standing.PAID
    standing = word_of(said, layout.statuses, STATUSES, "status")
    if kind in (Kind.REFUND, Kind.REVERSAL) and standing is Standing.PAID:
        # The word for "it happened": of money that went back it means that it did.
        standing = Standing.REVERSED if kind is Kind.REVERSAL else Standing.REFUNDED
    amount, net = number_of(texts, "amount"), number_of(texts, "net", optional=True)
    fee = number_of(texts, "fee", optional=True)
    if amount < 0 or fee < 0:
        raise Unreadable("amount", "số tiền không được âm; chiều của tiền do loại dòng cho biết.")
    checked_codes(texts, ("merchant_ref", *_CODES))
    return Row(
        seq=number_of(texts, "seq"),
        kind=kind,
        ref=texts["merchant_ref"],
        txn_id=texts.get("provider_txn_id", ""),
        bank_txn_id=texts.get("bank_txn_id", ""),
        amount=amount,
        fee=fee,
        net=net,
        standing=standing,
        paid_at=moment_of(columns.get("paid_at"), texts["paid_at"], "paid_at", required=kind is not Kind.FEE),
        channel=texts.get("channel", ""),
        bank_code=texts.get("bank_code", ""),
        original_txn_id=texts.get("original_provider_txn_id", ""),
        dossier_code=texts.get("dossier_no", ""),
        beneficiary_account=texts.get("beneficiary_account", ""),
    )


def _reference(text: str) -> str:
    """The single reference of ours in free text, "" where there is none or more than one."""
    found = set(_REFERENCE.findall(text.lower()))
    return found.pop() if len(found) == 1 else ""
