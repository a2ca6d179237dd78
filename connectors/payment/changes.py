"""What may change a payment: the inputs of its ledger, one type for each, told apart by `type`.

All are facts that happened and commands that were given, with their moment; what they mean is decided in `ledger.py`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.kit.receipting import ReceiptAnswer
from connectors.payment.model import (
    Beneficiary,
    Budget,
    FeeLine,
    Made,
    Payer,
    RefundAccount,
    RefundStatement,
    Statement,
)


class PaymentAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="asked"):
    """The resolution system asks for a fee to be paid. The lines sum to `amount`; `body_sha256` is of the request's body.

    `provider` empty: at the counter only. `portal_pull`: the national portal may fetch what is due and begin an attempt.
    """

    at: datetime
    payment_id: str
    asked_by: str
    request_id: str
    body_sha256: str
    dossier_code: str
    procedure_code: str
    procedure_name: str
    service_code: str
    unit_code: str
    unit_name: str
    fee_lines: tuple[FeeLine, ...]
    amount: int
    text: str
    beneficiary: Beneficiary
    payer: Payer
    provider: str
    channel: str
    expires_at: datetime
    grace_s: int
    method: str = ""
    budgets: dict[str, Budget] = {}
    payer_address: str = ""
    return_url: str = ""
    portal_pull: bool = False
    completed_rule: str = "notice_time"
    receipts: str = ""  # the upstream that issues receipts, "" for none


class AttemptAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="attempt_asked"):
    """Another attempt, at the same intermediary or another; refused while an earlier one may still succeed.

    `channel` portal: the national portal itself puts it before its platform, so nothing is to be called. `method` is the
    house's word for how it is paid (`PaymentMethod`), as the dialect says it.
    """

    at: datetime
    request_id: str
    provider: str
    expires_at: datetime
    body_sha256: str = ""
    method: str = ""
    channel: str = "web"
    payer_address: str = ""


class AttemptMade(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="made"):
    """The intermediary accepted an attempt."""

    at: datetime
    attempt: int
    made: Made


class Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="said"):
    """A source said something of an attempt: a notice, the answer to a query or to `create`, a line of a bank's statement.

    `expiry_enforced`: this intermediary itself takes no money after the expiry that it was sent with the order.
    """

    at: datetime
    attempt: int
    statement: Statement
    expiry_enforced: bool = False


class Unanswered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="unanswered"):
    """A call about an attempt, or about a refund (`refund_id`), got no answer that says anything: time-out, drop, 5xx.

    `sent` False: not one byte left this machine. `query`: it was a question, so nothing is in doubt but the answer.
    """

    at: datetime
    attempt: int = 0
    refund_id: str = ""
    query: bool = False
    sent: bool = True
    code: str = ""


class CancelAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="cancel_asked"):
    """The resolution system wants the fee no more. It is cancelled once a query has said that it is not paid."""

    at: datetime
    request_id: str
    asked_by: str
    reason: str
    body_sha256: str = ""


class RefundAsked(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refund_asked"):
    """The resolution system asks for money to go back; nothing moves before two operators have signed."""

    at: datetime
    refund_id: str
    request_id: str
    asked_by: str
    amount: int
    reason: str
    attempt: int = 0  # which attempt's money; 0: that of the attempt that the payment stands on
    body_sha256: str = ""


class RefundApproved(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refund_approved"):
    """Two operators have signed a refund."""

    at: datetime
    refund_id: str
    decided_by: str
    approved_by: str
    decision_id: str


class RefundDeclined(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refund_declined"):
    """An operator declined a refund that was asked for."""

    at: datetime
    refund_id: str
    decided_by: str
    reason: str
    decision_id: str


class RefundSaid(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refund_said"):
    """The intermediary said something of a refund. `query`: it was asked about it, and not told to make it."""

    at: datetime
    refund_id: str
    statement: RefundStatement
    query: bool = False


class RefundByTransfer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refund_by_transfer"):
    """The intermediary takes no refunds: an approved one is made by bank transfer (payment facts 7.3)."""

    at: datetime
    refund_id: str


class RefundAccountGiven(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refund_account"):
    """The resolution system says where a refund by bank transfer has to go. The newest word before the transfer counts."""

    at: datetime
    request_id: str
    refund_id: str
    account: RefundAccount
    body_sha256: str = ""


class RefundTransferred(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refund_transferred"):
    """A refund was made by bank transfer: two operators have signed the outgoing reference (payment facts 7.3)."""

    at: datetime
    refund_id: str
    bank_reference: str
    account_name: str
    account: str
    bank: str
    decided_by: str
    approved_by: str
    decision_id: str

    def __repr__(self) -> str:
        """Nothing of the person whose account it is."""
        return f"RefundTransferred({self.refund_id!r})"


class CounterPaid(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="counter_paid"):
    """Paid at the agency, in cash or by transfer: officer, receipt number, time (QĐ 1538/QĐ-BGTVT Điều 10 khoản 3)."""

    at: datetime
    request_id: str
    method: str  # cash, transfer
    officer: str
    receipt_no: str
    received_at: datetime
    amount: int
    bank_reference: str = ""
    body_sha256: str = ""


class Confirmed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="confirmed"):
    """Two operators have looked at a case that waits for people (class H, an unverifiable notice) and say how it stands.

    `provider` is the attempt's, so that its transaction is held for this payment alone (G7).
    """

    at: datetime
    attempt: int
    paid: bool
    txn_id: str
    evidence: str
    decided_by: str
    approved_by: str
    decision_id: str
    provider: str = ""


class BillDiffers(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="bill_differs"):
    """The intermediary's bill of an attempt is not what we ordered: a hop on the way changed it (abuse case A22).

    `differences` names what differs, such as `beneficiary_account`; never the values.
    """

    at: datetime
    attempt: int
    differences: tuple[str, ...]


class PayerTold(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="payer_told"):
    """Our page showed the payer that it is paid (QĐ 3036/QĐ-BVHTTDL Điều 10 khoản 2)."""

    at: datetime


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="settled"):
    """A settlement with the intermediary has an outcome for this payment (payment facts 5).

    `ask`: what is paid or refunded through this intermediary must be asked about once more, now.
    """

    at: datetime
    provider: str
    business_date: str
    outcome: str
    difference: int = 0
    ask: bool = False


class TimeCame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="time_came"):
    """`due` of the payment has passed and there is no question to put: what time alone brings about.

    An attempt or a refund that is due by then is one whose intermediary cannot be asked.
    """

    at: datetime


PaymentChange = (
    PaymentAsked
    | AttemptAsked
    | AttemptMade
    | Said
    | Unanswered
    | CancelAsked
    | RefundAsked
    | RefundApproved
    | RefundDeclined
    | RefundSaid
    | RefundByTransfer
    | RefundAccountGiven
    | RefundTransferred
    | CounterPaid
    | Confirmed
    | BillDiffers
    | PayerTold
    | Settled
    | TimeCame
    | ReceiptAnswer
)
"""Every input of the ledger `payments`."""
