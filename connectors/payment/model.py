"""The words of payment: what a fee to be paid is, what became of it, and what a trusted or untrusted source said of it.

Payment facts 2.1 to 2.4; law: QĐ 3036/QĐ-BVHTTDL Điều 10. Money is a whole number of đồng everywhere; moments are aware, in UTC.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from mappings.codes import FeeKind


class State(StrEnum):
    """Where a payment, or one attempt at it, stands (payment facts 2.3)."""

    CREATED = "created"
    PENDING = "pending"
    UNKNOWN = "unknown"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


PAID_LIKE = frozenset({State.PAID, State.REFUNDING, State.PARTIALLY_REFUNDED, State.REFUNDED})
"""Money came in once: no notice takes this back (decision D3 of the facts)."""


class Verdict(StrEnum):
    """What one answer of an intermediary says of an attempt: the classes of payment facts 2.4."""

    PAID = "P"
    PENDING = "N"
    FAILED = "F"
    EXPIRED = "E"
    UNKNOWN = "U"
    REPEAT = "R"
    CONFIGURATION = "C"
    HOLD = "H"
    NOT_FOUND = "not_found"
    REFUNDING = "RF"
    REFUND_DONE = "RD"
    REFUND_REJECTED = "RX"


class Source(StrEnum):
    """Where a statement came from. Only what is verified may move a payment (decision D2)."""

    NOTICE = "notice"
    QUERY = "query"
    CREATE = "create"
    STATEMENT = "statement"
    COUNTER = "counter"
    OPERATOR = "operator"


class FeeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the fee: phí (`charge`) or lệ phí (`fee`); `amount` > 0, in đồng. `id` is the fee's id in the dossier."""

    kind: FeeKind
    code: str
    name: str
    amount: int
    id: str = ""


class Beneficiary(msgspec.Struct, frozen=True, kw_only=True):
    """The account that is paid into, chosen by service code. `bank_code` as the intermediary wants it; `bin` is NAPAS's."""

    account: str
    bank_code: str = ""
    account_name: str = ""
    bin: str = ""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Where the money goes in the State budget (payment facts 7.4)."""

    dvqhns: str = ""
    chapter: str = ""
    sub_item: str = ""
    treasury_code: str = ""
    treasury_account: str = ""


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays: personal data, kept sealed and never printed."""

    name: str = ""
    number: str = ""
    address: str = ""

    def __repr__(self) -> str:
        """Nothing of the person."""
        return "Payer()"


class RefundAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Where a refund by bank transfer goes (payment facts 7.3): a person's account, kept sealed and never printed."""

    account_name: str
    account: str
    bank: str

    def __repr__(self) -> str:
        """Nothing of the person."""
        return "RefundAccount()"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a source said of one attempt, in our words. The guards of payment facts 2.3 judge it, nothing else does.

    `trusted`: its signature (G1), or the authenticated query whose echo was checked, holds for every field used here; False
    only ever leads to a query. `ours`: merchant, partner or terminal code is ours (G2). `ref` is our reference as it was
    said (G3). `amount` in đồng, None where the source gives none, -1 for what is no whole number of đồng; `currency` ""
    where it gives none (G4, G5). `verdict` is P only when every indicator of success is positive (G6). `txn_id` is the
    intermediary's transaction, "" where none. `paid_at` is the source's time as an instant, `time_text` as it stood there.
    `code` is its own code, fit to be shown; `key_id` names the key that verified it.
    """

    source: Source
    provider: str
    ref: str
    verdict: Verdict
    trusted: bool
    ours: bool = True
    amount: int | None = None
    currency: str = ""
    txn_id: str = ""
    bank_code: str = ""
    paid_at: datetime | None = None
    time_text: str = ""
    code: str = ""
    key_id: str = ""
    dossier_code: str = ""


class RefundStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What an intermediary said of one refund: `verdict` is RD, RF, RX, U, R or C."""

    provider: str
    refund_ref: str
    verdict: Verdict
    amount: int | None = None
    txn_id: str = ""
    code: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt as it is put before an intermediary: everything that its `create` needs, as it was stored before any call.

    `ref` is ours (payment facts 2.2: 13 letters of base 32, `a`, the attempt's number; [0-9a-v], at most 20). `text` says
    what is paid for, without personal data. `payer_address` is the payer's IP address. Both addresses are ours, on the edge.
    """

    ref: str
    amount: int
    text: str
    created_at: datetime
    expires_at: datetime
    dossier_code: str
    procedure_code: str
    procedure_name: str
    service_code: str
    unit_code: str
    unit_name: str
    fee_lines: tuple[FeeLine, ...]
    beneficiary: Beneficiary
    payer: Payer
    payer_address: str = "127.0.0.1"
    channel: str = "web"
    return_url: str = ""
    notify_url: str = ""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What an intermediary accepted: where the payer goes (`pay_url`, `deeplink`) or what the payer scans (`qr_text`).

    `provider_ref` is its own id of the order, where it gives one; `time_text` the text of our time that it must be asked
    with later (payment facts 3.1, 3.5). `shows_bill`: the bill that it was given can be asked for once the payment is made.
    """

    pay_url: str = ""
    deeplink: str = ""
    qr_text: str = ""
    provider_ref: str = ""
    time_text: str = ""
    shows_bill: bool = False


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that is asked about: what its `query` needs. `time_text` is `Made.time_text`."""

    ref: str
    amount: int
    created_at: datetime
    time_text: str = ""
    provider_ref: str = ""
    txn_id: str = ""
    number: int = 1


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as it is put before an intermediary. `refund_ref` is ours, never used twice; `amount` in đồng.

    `whole`: everything that was paid goes back. `by` is who decided, as a code. `number` counts the queries about it.
    `time_text` is `Made.time_text` of the attempt, `paid_time_text` what the intermediary wrote when it was paid.
    `refund_txn_id` is the intermediary's own id of this refund, once an answer gave one.
    """

    refund_ref: str
    ref: str
    txn_id: str
    amount: int
    paid_amount: int
    whole: bool
    reason: str
    by: str
    asked_at: datetime
    paid_time_text: str = ""
    provider_ref: str = ""
    refund_txn_id: str = ""
    number: int = 1
    time_text: str = ""
