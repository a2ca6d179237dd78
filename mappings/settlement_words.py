"""The words of settlement: a row of a statement, a payment as our books have it, and what became of the two.

Payment facts 5. Money is a whole number of đồng, moments are aware. Nothing here is personal data.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a row of a statement is about."""

    PAY = "PAY"
    REFUND = "REFUND"
    REVERSAL = "REVERSAL"
    FEE = "FEE"


class Standing(StrEnum):
    """How the intermediary says that it stands."""

    PAID = "paid"
    PENDING = "pending"
    FAILED = "failed"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    REVERSED = "reversed"


class Outcome(StrEnum):
    """What a row beside our books is (payment facts 5). `BENEFICIARY_DIFF` is abuse case A22 seen by settlement."""

    MATCHED = "MATCHED"
    PAID_AT_PROVIDER_ONLY = "PAID_AT_PROVIDER_ONLY"
    PAID_HERE_ONLY = "PAID_HERE_ONLY"
    AMOUNT_DIFF = "AMOUNT_DIFF"
    STATUS_DIFF = "STATUS_DIFF"
    DUPLICATE = "DUPLICATE"
    DATE_SHIFT = "DATE_SHIFT"
    LATE_SUCCESS = "LATE_SUCCESS"
    BENEFICIARY_DIFF = "BENEFICIARY_DIFF"
    REFUND_UNLINKED = "REFUND_UNLINKED"


class Action(StrEnum):
    """What is proposed about it."""

    CLOSE = "close"
    QUERY = "query"
    QUERY_REFUND = "query_refund"
    WAIT = "wait"
    HOLD_TRANSFER = "hold_transfer"
    REFUND = "refund"
    REVIEW_LATE = "review_late"
    MANUAL = "manual"


class Detail(StrEnum):
    """Why, where the outcome alone does not say it."""

    NONE = ""
    UNKNOWN_REFERENCE = "unknown_reference"
    NOT_PAID_HERE = "not_paid_here"
    NOT_PAID_THERE = "not_paid_there"
    OTHER_TRANSACTION = "other_transaction"
    SECOND_TRANSACTION = "second_transaction"
    OTHER_ATTEMPT_PAID = "other_attempt_paid"
    KNOWN = "known"
    NOT_REFUNDED_HERE = "not_refunded_here"
    REFUND_STATE = "refund_state"
    NEAR_MIDNIGHT = "near_midnight"
    FAR_FROM_MIDNIGHT = "far_from_midnight"
    WRONG_ON_BOTH_SIDES = "wrong_on_both_sides"


DIFFERENCES = frozenset(Outcome) - {Outcome.MATCHED}
"""The outcomes that a report lists one by one."""

TRANSFERABLE = frozenset({Outcome.MATCHED, Outcome.LATE_SUCCESS, Outcome.DATE_SHIFT})
"""The outcomes whose money both sides agree about, so it may go to the treasury (payment facts 7.3)."""

_ACTIONS = {
    Outcome.MATCHED: Action.CLOSE,
    Outcome.PAID_AT_PROVIDER_ONLY: Action.QUERY,
    Outcome.PAID_HERE_ONLY: Action.WAIT,
    Outcome.AMOUNT_DIFF: Action.MANUAL,
    Outcome.STATUS_DIFF: Action.QUERY,
    Outcome.DUPLICATE: Action.REFUND,
    Outcome.DATE_SHIFT: Action.CLOSE,
    Outcome.LATE_SUCCESS: Action.REVIEW_LATE,
    Outcome.BENEFICIARY_DIFF: Action.MANUAL,
    Outcome.REFUND_UNLINKED: Action.MANUAL,
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a statement, in our words. `paid_at` is the intermediary's time, `fee` what it keeps, `net` what it pays."""

    seq: int
    kind: Kind
    ref: str
    amount: int
    standing: Standing
    txn_id: str = ""
    bank_txn_id: str = ""
    fee: int = 0
    net: int = 0
    paid_at: datetime | None = None
    channel: str = ""
    bank_code: str = ""
    original_txn_id: str = ""
    dossier_code: str = ""
    beneficiary_account: str = ""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a fee with the place of its money in the State budget (payment facts 7.4). `kind`: charge phí, fee lệ phí."""

    kind: str
    code: str
    amount: int
    name: str = ""
    dvqhns: str = ""
    chapter: str = ""
    sub_item: str = ""
    treasury_code: str = ""
    treasury_account: str = ""


class OurInflow(msgspec.Struct, frozen=True, kw_only=True):
    """Money that our books have for an attempt. `day` is its business day; `txn_id` "" where its source gave none.

    `stands`: the payment stands on it. `counts`: it is the amount that was asked for. `settled_on`: the neighbouring day
    whose statement named it already.
    """

    txn_id: str
    amount: int
    day: date
    paid_at: datetime
    stands: bool = True
    counts: bool = True
    settled_on: date | None = None


class OurAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt as our books have it. `amount` is what it asks for; `late`: a success came after it had failed or expired."""

    ref: str
    provider: str
    amount: int
    inflows: tuple[OurInflow, ...] = ()
    late: bool = False


class OurRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as our books have it."""

    ref: str
    attempt_ref: str
    amount: int
    done: bool
    txn_id: str = ""


class OurPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as our books have it. `account` is where the money must go; `shares` sum to the amount of an attempt."""

    payment_id: str
    dossier_code: str
    attempts: tuple[OurAttempt, ...]
    refunds: tuple[OurRefund, ...] = ()
    shares: tuple[Share, ...] = ()
    account: str = ""
    at_counter: bool = False


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """What one row, or one payment of ours that no row names, is. `theirs` and `ours` are what each side counts, in đồng.

    `payment_id` is "" where our books know nothing of it, `seq` 0 where no row is.
    """

    outcome: Outcome
    kind: Kind
    ref: str
    payment_id: str = ""
    dossier_code: str = ""
    txn_id: str = ""
    bank_txn_id: str = ""
    theirs: int = 0
    ours: int = 0
    detail: Detail = Detail.NONE
    seq: int = 0
    paid_at: datetime | None = None
    bank_code: str = ""

    @property
    def action(self) -> Action:
        """What is proposed about it."""
        if self.outcome is Outcome.STATUS_DIFF and self.kind is not Kind.PAY:
            return Action.QUERY_REFUND
        if self.outcome is Outcome.STATUS_DIFF and self.detail is Detail.NOT_REFUNDED_HERE:
            return Action.QUERY_REFUND
        if self.detail in (Detail.UNKNOWN_REFERENCE, Detail.OTHER_TRANSACTION, Detail.FAR_FROM_MIDNIGHT):
            return Action.CLOSE if self.outcome is Outcome.MATCHED else Action.MANUAL
        return _ACTIONS[self.outcome]
