"""A payment as its ledger keeps it: the fee, the attempts to pay it, what went back, and what still has to be done.

Payment facts 2.1. The state is JSON; personal data in it is sealed with the key of its dossier.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.payment.model import Beneficiary, Budget, FeeLine, Made, Payer, Source, State, Statement


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One way that the payer was offered. `ref` is ours at the intermediary; `said` are the last statements that counted.

    `asked` counts the questions put about it. `held`: people must look (class H, another amount, an unverifiable notice).
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


class RefundState(msgspec.Struct, frozen=True, kw_only=True):
    """One refund. `state`: asked, declined, sending, unknown, to_transfer, done, failed. `amount` in đồng."""

    refund_id: str
    refund_ref: str
    attempt: int
    amount: int
    state: str
    reason: str
    asked_by: str
    asked_at: datetime
    cause: str = ""  # late_success, duplicate_payment where the ledger itself opened it
    decided_by: str = ""
    approved_by: str = ""
    decision_id: str = ""
    txn_id: str = ""
    bank_reference: str = ""
    code: str = ""
    asked: int = 0
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
