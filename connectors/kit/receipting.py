"""What is said to a service that issues electronic receipts (biên lai điện tử), and what it says back.

The words of operation `RECEIPT`: the fields of the task are a `ReceiptOrder`, and the receipt of its delivery carries a
`Change` for the ledger that asked, whose fields are a `ReceiptAnswer` (payment facts 7.2; NĐ 254/2026/NĐ-CP Điều 22 to 25, 29).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

ANSWERED = "receipt_answered"
"""The tag (`type`) of a `ReceiptAnswer` among the changes of the ledger that asked."""


class ReceiptOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One receipt to be issued: phí and lệ phí get separate ones.

    `fkey` names it for ever: asked twice, issued once. `amount` in đồng; `collected_at` decides which rules hold
    (`receipt_rule`: `ND254` from 01/7/2026, `ND123` before). `payer_*` are personal data.
    """

    fkey: str
    fee_kind: Literal["charge", "fee"]
    fee_code: str
    fee_name: str
    amount: int
    amount_words: str
    collected_at: datetime
    receipt_rule: Literal["ND123", "ND254"]
    dossier_code: str
    payment_id: str
    provider_txn: str = ""
    collector_name: str = ""
    collector_tax_code: str = ""
    budget_unit: str = ""
    payer_name: str = ""
    payer_number: str = ""
    payer_address: str = ""

    def __repr__(self) -> str:
        """Without the payer."""
        return f"ReceiptOrder({self.fkey})"


class ReceiptAnswer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=ANSWERED):
    """What became of an order: issued with form, symbol and number, or refused for good with the service's code."""

    fkey: str
    issued: bool
    at: datetime
    form: str = ""
    symbol: str = ""
    number: str = ""
    code: str = ""
    message_vi: str = ""
