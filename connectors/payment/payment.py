"""A payment as its ledger keeps it: the fee, the attempts to pay it, what went back, and what still has to be done.

Payment facts 2.1. The state is JSON; personal data in it is sealed with the key of its dossier.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.payment.model import Beneficiary, Budget, FeeLine, Made, Payer, RefundAccount, Source, State, Statement


class Inflow(msgspec.Struct, frozen=True, kw_only=True):
    """Money that a verified source says came in. `counts`: it has the right amount, so it pays, or pays once more.

    `txn_id` is the intermediary's, "" where it gives none; `at` is when we knew, `paid_at` what the source says.
    """

    txn_id: str
    amount: int
    at: datetime
    source: Source
    paid_at: datetime | None = None
    time_text: str = ""
    counts: bool = True


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One way that the payer was offered. `ref` is ours at the intermediary; `said` are the last statements about it.

    `asked` counts the questions put about it, `due` is when it must be asked about next. `watched`: it expired while its
    intermediary still called it open, so it is asked about a few times more. `tries`: how
    many unclear answers more are put up with of a question about what is no longer open. `held`: people must look
    (suspected, amount_differs, currency_differs, amount_missing, unverified_notice, refund_seen, unresolved). `inflows` is all
    money that came in for it; the first that counts is `txn_id`. `method` is a `PaymentMethod` of the house.
    """

    number: int
    ref: str
    provider: str
    channel: str
    state: State
    created_at: datetime
    expires_at: datetime
    payer_address: str = ""
    made: Made = Made()
    txn_id: str = ""
    paid_at: datetime | None = None
    paid_time_text: str = ""
    asked: int = 0
    last_code: str = ""
    held: str = ""
    said: tuple[Statement, ...] = ()
    inflows: tuple[Inflow, ...] = ()
    method: str = ""
    due: datetime | None = None
    watched: bool = False
    tries: int = 0


class RefundState(msgspec.Struct, frozen=True, kw_only=True):
    """One refund. `amount` in đồng.

    `state`: asked, declined, sending, unknown, to_repeat, to_transfer, done, failed. `attempt` is 0 for money taken at the
    counter; `paid_txn_id` is the transaction that goes back. `repeats` counts how often the very same call was made again.
    """

    refund_id: str
    refund_ref: str
    attempt: int
    amount: int
    state: str
    reason: str
    asked_by: str
    asked_at: datetime
    cause: str = ""  # late_success, duplicate_payment where the ledger itself opened it
    paid_txn_id: str = ""
    paid_amount: int = 0
    decided_by: str = ""
    approved_by: str = ""
    decision_id: str = ""
    txn_id: str = ""
    bank_reference: str = ""
    code: str = ""
    asked: int = 0
    repeats: int = 0
    due: datetime | None = None
    account: RefundAccount | None = None
    approved_at: datetime | None = None
    ended_at: datetime | None = None


class ReceiptState(msgspec.Struct, frozen=True, kw_only=True):
    """One electronic receipt of one line: ordered, issued or refused."""

    fkey: str
    line: int
    state: str
    form: str = ""
    symbol: str = ""
    number: str = ""
    code: str = ""
    at: datetime | None = None


class CounterReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid at the agency."""

    method: str
    officer: str
    receipt_no: str
    received_at: datetime
    amount: int
    bank_reference: str = ""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's command and what was answered: `code` is "" where it was taken, a stable code of refusal otherwise."""

    request_id: str
    kind: str
    body_sha256: str
    code: str = ""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """The state of ledger `payments`; its id is `payment_id` (13 letters of base 32: every reference begins with it).

    `due` is when somebody must ask or sweep next, None for never. `flags`: late_success, duplicate_payment,
    contrary_notice, unverified_notice, underpaid, overpaid, clock_skew. `stands_on` is the attempt that paid, 0 for none
    and for the counter.
    """

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
    created_at: datetime
    expires_at: datetime
    grace_s: int
    state: State
    attempts: tuple[Attempt, ...] = ()
    refunds: tuple[RefundState, ...] = ()
    receipts: tuple[ReceiptState, ...] = ()
    commands: tuple[Command, ...] = ()
    budgets: dict[str, Budget] = {}
    return_url: str = ""
    portal_pull: bool = False
    stands_on: int = 0
    paid_by: Source | None = None
    counter: CounterReceipt | None = None
    cancel_reason: str = ""
    cancel_asked_at: datetime | None = None
    flags: tuple[str, ...] = ()
    due: datetime | None = None
    due_alarmed: bool = False
    provider_paid_at: datetime | None = None
    notice_received_at: datetime | None = None
    payer_notified_at: datetime | None = None
    completed_at: datetime | None = None
    completed_rule: str = "notice_time"
    receipt_service: str = ""
    settled: tuple[tuple[str, str, str], ...] = ()  # provider, business date, outcome
