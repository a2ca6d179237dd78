"""Our books beside a statement: a payment of the ledger in the words of settlement, and what a pairing tells the ledger. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from connectors.payment.changes import PaymentChange, Said, Settled
from connectors.payment.model import Source, Statement, Verdict
from connectors.payment.payment import Attempt, Inflow, Payment
from connectors.payment.references import referred
from mappings.settlement import day_of
from mappings.settlement_words import (
    Detail,
    Kind,
    OurAttempt,
    OurInflow,
    OurPayment,
    OurRefund,
    Outcome,
    Pairing,
    Share,
)

_GONE = frozenset({"declined", "failed"})
_GRAVEST = (
    Outcome.BENEFICIARY_DIFF,
    Outcome.AMOUNT_DIFF,
    Outcome.STATUS_DIFF,
    Outcome.DUPLICATE,
    Outcome.PAID_AT_PROVIDER_ONLY,
    Outcome.PAID_HERE_ONLY,
    Outcome.REFUND_UNLINKED,
    Outcome.LATE_SUCCESS,
    Outcome.DATE_SHIFT,
    Outcome.MATCHED,
)
_ASKED_AGAIN = frozenset({Outcome.STATUS_DIFF})


@dataclass(frozen=True, slots=True)
class Told:
    """Which statement speaks, and whether it is believed. `business_date` as `yyyymmdd`."""

    at: datetime
    provider: str
    business_date: str
    trusted: bool


def our_payment(payment: Payment) -> OurPayment:
    """A payment in the words of settlement. Refunds that were declined or refused are none."""
    refs = {attempt.number: attempt.ref for attempt in payment.attempts}
    return OurPayment(
        payment_id=payment.payment_id,
        dossier_code=payment.dossier_code,
        attempts=tuple(_attempt(payment, attempt) for attempt in payment.attempts),
        refunds=tuple(
            OurRefund(
                ref=refund.refund_ref,
                attempt_ref=refs.get(refund.attempt, ""),
                amount=refund.amount,
                done=refund.state == "done",
                txn_id=refund.txn_id,
            )
            for refund in payment.refunds
            if refund.state not in _GONE
        ),
        shares=_shares(payment),
        account=payment.beneficiary.account,
        at_counter=payment.counter is not None,
    )


def money_of(inflow: Inflow) -> datetime:
    """The time that settles on which day money is counted: the intermediary's, else ours."""
    return inflow.paid_at or inflow.at


def settled_changes(pairings: Sequence[Pairing], told: Told) -> Iterable[PaymentChange]:
    """What the ledger of a payment is told of its pairings in one statement: one outcome, and what it must hear or ask.

    A statement is believed only where `trusted`; else what it says of an attempt is asked about (decision D2).
    """
    gravest = min(pairings, key=lambda pairing: _GRAVEST.index(pairing.outcome))
    yield Settled(
        at=told.at,
        provider=told.provider,
        business_date=told.business_date,
        outcome=gravest.outcome,
        difference=sum(p.theirs - p.ours for p in pairings if p.kind is Kind.PAY),
        ask=any(_to_ask(pairing) for pairing in pairings),
    )
    for pairing in pairings:
        found = referred(pairing.ref)
        if found is not None and found.kind == "a" and _to_say(pairing):
            yield Said(at=told.at, attempt=found.number, statement=_statement(pairing, told))


def closing(pairing: Pairing, payment: OurPayment | None) -> str:
    """How a difference has closed by what our books say now; "" while it is open. People close the rest."""
    if pairing.outcome is Outcome.DATE_SHIFT and pairing.detail is Detail.NONE:
        return "other_day"
    attempt = next((a for a in payment.attempts if a.ref == pairing.ref), None) if payment is not None else None
    if payment is None or attempt is None:
        return ""
    inflows = [i for i in attempt.inflows if not i.txn_id or i.txn_id in (pairing.txn_id, pairing.bank_txn_id)]
    refunds = [refund for refund in payment.refunds if refund.attempt_ref == attempt.ref]
    match pairing.outcome:
        case Outcome.PAID_AT_PROVIDER_ONLY if any(i.counts and i.amount == pairing.theirs for i in inflows):
            return "paid_here_now"
        case Outcome.PAID_HERE_ONLY if any(inflow.settled_on is not None for inflow in attempt.inflows):
            return "in_other_statement"
        case Outcome.LATE_SUCCESS if not refunds:
            return "fee_still_owed"
        case Outcome.DUPLICATE | Outcome.LATE_SUCCESS | Outcome.AMOUNT_DIFF | Outcome.STATUS_DIFF if any(
            refund.done and refund.amount == (pairing.theirs or pairing.ours) for refund in refunds
        ):
            return "refunded"
    return ""


def _attempt(payment: Payment, attempt: Attempt) -> OurAttempt:
    standing = payment.stands_on == attempt.number
    first = next((inflow for inflow in attempt.inflows if inflow.counts), None)
    named = _settled_days(payment.settled, attempt.provider)
    return OurAttempt(
        ref=attempt.ref,
        provider=attempt.provider,
        amount=payment.amount,
        inflows=tuple(
            OurInflow(
                txn_id=inflow.txn_id,
                amount=inflow.amount,
                day=day_of(money_of(inflow)),
                paid_at=money_of(inflow),
                stands=standing and inflow is first,
                counts=inflow.counts,
                settled_on=next((day for day in named if day != day_of(money_of(inflow))), None),
            )
            for inflow in attempt.inflows
        ),
        late=standing and "late_success" in payment.flags,
    )


def _settled_days(settled: Iterable[tuple[str, str, str]], provider: str) -> tuple[date, ...]:
    """The days whose statements named the payment's money."""
    return tuple(
        datetime.strptime(day, "%Y%m%d").date()  # noqa: DTZ007 - a day in Viet Nam, no moment
        for whose, day, outcome in settled
        if whose == provider and outcome != Outcome.PAID_HERE_ONLY
    )


def _shares(payment: Payment) -> tuple[Share, ...]:
    return tuple(
        Share(
            kind=line.kind,
            code=line.code,
            name=line.name,
            amount=line.amount,
            dvqhns=budget.dvqhns if budget is not None else "",
            chapter=budget.chapter if budget is not None else "",
            sub_item=budget.sub_item if budget is not None else "",
            treasury_code=budget.treasury_code if budget is not None else "",
            treasury_account=budget.treasury_account if budget is not None else "",
        )
        for line in payment.fee_lines
        for budget in (payment.budgets.get(line.code),)
    )


def _to_ask(pairing: Pairing) -> bool:
    """Whether the intermediary must be asked about it."""
    return pairing.outcome in _ASKED_AGAIN and pairing.detail is not Detail.OTHER_TRANSACTION


def _to_say(pairing: Pairing) -> bool:
    """Whether the statement tells the attempt of money that our books have not."""
    news = pairing.outcome in (Outcome.PAID_AT_PROVIDER_ONLY, Outcome.DUPLICATE) and not pairing.ours
    wrong = pairing.outcome is Outcome.AMOUNT_DIFF and pairing.detail is Detail.NOT_PAID_HERE
    unknown = pairing.detail in (Detail.UNKNOWN_REFERENCE, Detail.KNOWN)
    return pairing.kind is Kind.PAY and (news or wrong) and not unknown


def _statement(pairing: Pairing, told: Told) -> Statement:
    return Statement(
        source=Source.STATEMENT,
        provider=told.provider,
        ref=pairing.ref,
        verdict=Verdict.PAID,
        trusted=told.trusted,
        amount=pairing.theirs,
        currency="VND",
        txn_id=pairing.txn_id,
        bank_code=pairing.bank_code,
        paid_at=pairing.paid_at,
        time_text=pairing.paid_at.isoformat() if pairing.paid_at is not None else "",
        code="statement",
    )
