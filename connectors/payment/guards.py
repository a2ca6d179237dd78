"""The guards of payment facts 2.3: what a statement may count for, before anything is decided about it. Pure."""

from __future__ import annotations

from enum import StrEnum

from connectors.payment.model import Source, Statement, Verdict
from connectors.payment.payment import Attempt, Inflow, Payment

CURRENCY = "VND"


class Weight(StrEnum):
    """What a statement about an attempt counts for."""

    COUNTS = "counts"
    UNTRUSTED = "untrusted"  # G1
    NOT_OURS = "not_ours"  # G2
    OTHER_REFERENCE = "other_reference"  # G3
    OTHER_CURRENCY = "currency_differs"  # G4
    OTHER_AMOUNT = "amount_differs"  # G5
    NO_AMOUNT = "amount_missing"  # G5
    OTHER_BILL = "bill_differs"  # abuse case A22: it went to an account that is not ours


MONEY_TROUBLE = frozenset({Weight.OTHER_CURRENCY, Weight.OTHER_AMOUNT, Weight.NO_AMOUNT, Weight.OTHER_BILL})
"""Money is said to have moved, but not the right money, or not to us: people look at it."""


def weigh(payment: Payment, attempt: Attempt, said: Statement) -> Weight:
    """What `said` counts for. G6 is its verdict, which is P only if every indicator was positive; G7 is a claim of the change.

    Whether the reference and the account are ours comes before everything else: what is about somebody else's money is not
    even evidence here. References are compared exactly. The amount binds successes only: a failure moves nothing. The refusal of
    a call that we made comes over the connection that we made, and moves no money: it needs no signature.
    """
    if not said.ours:
        return Weight.NOT_OURS
    if said.ref != attempt.ref or said.provider != attempt.provider:
        return Weight.OTHER_REFERENCE
    refused_at_once = said.source is Source.CREATE and said.verdict is not Verdict.PAID
    if not said.trusted and not refused_at_once:
        return Weight.UNTRUSTED
    if said.verdict is not Verdict.PAID:
        return Weight.COUNTS
    if said.currency not in ("", CURRENCY):
        return Weight.OTHER_CURRENCY
    if said.amount is None:
        return Weight.NO_AMOUNT
    if said.amount != payment.amount:
        return Weight.OTHER_AMOUNT
    return Weight.OTHER_BILL if attempt.held == Weight.OTHER_BILL else Weight.COUNTS


def attempt_of(payment: Payment, number: int) -> Attempt | None:
    """The attempt of that number."""
    return next((attempt for attempt in payment.attempts if attempt.number == number), None)


def inflow_of(attempt: Attempt, txn_id: str) -> Inflow | None:
    """The money of that transaction, if it is known already; what counts before what does not.

    Where one of the two sources names no transaction, both mean the one that counts.
    """
    counted = [inflow for inflow in attempt.inflows if inflow.counts]
    known = [inflow for inflow in counted if not txn_id or inflow.txn_id in ("", txn_id)]
    known += [inflow for inflow in attempt.inflows if not inflow.counts and inflow.txn_id == txn_id]
    return known[0] if known else None
