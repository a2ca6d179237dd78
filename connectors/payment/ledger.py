"""The ledger of payments: one state machine for every intermediary, and what is done about each change of it. Pure.

Payment facts 2.3. The guards stand in `guards.py`, what statements make of attempts in `judging.py`, what is paid in
`standing.py`, commands in `commanding.py`, refunds in `refunding.py`, the moments to ask again in `schedule.py`.
Laws: what is paid stays paid; only what is verified pays; what came in twice has a refund that people decide about; no more
goes back than came in; what is unknown is asked about and never made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.kit.contract import RECEIPT, DeliverTask, Effect, RaiseAlarm
from connectors.kit.receipting import ReceiptAnswer
from connectors.payment import commanding, judging, refunding, standing
from connectors.payment.changes import (
    AttemptAsked,
    AttemptMade,
    BillDiffers,
    CancelAsked,
    Confirmed,
    CounterPaid,
    PayerTold,
    PaymentAsked,
    PaymentChange,
    RefundAccountGiven,
    RefundApproved,
    RefundAsked,
    RefundByTransfer,
    RefundDeclined,
    RefundSaid,
    RefundTransferred,
    Said,
    Settled,
    TimeCame,
    Unanswered,
)
from connectors.payment.entering import LEDGER
from connectors.payment.model import State
from connectors.payment.payment import Attempt, Payment, RefundState
from connectors.payment.schedule import AWAITED_REFUNDS, OPEN, TRIES, due_of, receipts_late_at, soon
from connectors.payment.turn import Turn
from mappings.dates import to_portal_time

_KEPT_SETTLEMENTS = 20


class NoSuchPayment(ValueError):
    """Có thay đổi về một khoản thanh toán chưa từng được yêu cầu."""


class Payments:
    """The ledger `payments`.

    `receipts` is the upstream that issues electronic receipts today, "" for none: it takes the orders of every payment, also
    of those that were asked for when another one did. Without it (None) each payment keeps its own.
    """

    kind = LEDGER
    state_type = Payment
    change_type: Any = PaymentChange  # a union, which the type system does not take for a type

    def __init__(self, receipts: str | None = None) -> None:
        self._receipts = receipts

    def elsewhere(self) -> Sequence[tuple[str, str]]:
        """What it asks of other upstreams: electronic receipts."""
        return ((self._receipts, RECEIPT),) if self._receipts else ()

    def apply(self, state: Payment | None, change: PaymentChange) -> tuple[Payment, Sequence[Effect]]:
        """The payment after `change`. Raises `NoSuchPayment` where the first change is not that it was asked for."""
        if isinstance(change, PaymentAsked):
            turn = commanding.opened(change) if state is None else Turn(state, change.at)
        elif state is None:
            raise NoSuchPayment(f"{change.__struct_config__.tag}: no payment was asked for")
        else:
            turn = Turn(state, change.at)
            _apply(turn, change)
        _finish(turn)
        return turn.payment, tuple(self._addressed(turn.payment, effect) for effect in turn.effects)

    def marks(self, state: Payment) -> Sequence[str]:
        """What a payment is found by: when it is due, whose day of settlement its money is of, and its dossier."""
        found = [f"dossier/{state.dossier_code}"]
        if state.due is not None:
            found.append(due_mark(state.due))
        for attempt in state.attempts:
            found += [day_mark("paid", attempt.provider, inflow.paid_at or inflow.at) for inflow in attempt.inflows]
        if state.counter is not None:
            found.append(day_mark("paid", "counter", state.counter.received_at))
        for refund in state.refunds:
            if refund.state == "done" and refund.ended_at is not None:
                provider = next((a.provider for a in state.attempts if a.number == refund.attempt), "counter")
                found.append(day_mark("refunded", provider, refund.ended_at))
        return tuple(dict.fromkeys(found))

    def _addressed(self, payment: Payment, effect: Effect) -> Effect:
        """An order of a receipt goes to today's service; where there is none any more, a person must see to it."""
        if self._receipts is None or not (isinstance(effect, DeliverTask) and effect.to):
            return effect
        if self._receipts:
            return replace(effect, to=self._receipts)
        detail_vi = f"Thanh toán {payment.payment_id}: cần biên lai nhưng không còn dịch vụ biên lai nào được cấu hình."
        return RaiseAlarm("payment.receipt_service_gone", detail_vi)


def due_mark(at: datetime) -> str:
    """The mark of what is due at a moment: in the order of time."""
    return f"due/{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def day_mark(word: str, provider: str, at: datetime) -> str:
    """The mark of money of an intermediary, by the day of Viet Nam."""
    return f"{word}/{provider}/{to_portal_time(at)[:8]}"


def attempts_to_ask(payment: Payment, now: datetime) -> tuple[Attempt, ...]:
    """The attempts that must be asked about now."""
    return tuple(attempt for attempt in payment.attempts if attempt.due is not None and attempt.due <= now)


def refunds_to_ask(payment: Payment, now: datetime) -> tuple[RefundState, ...]:
    """The refunds that must be asked about now. Where neither is due but the payment is: enter a `TimeCame`."""
    return tuple(
        refund
        for refund in payment.refunds
        if refund.state in AWAITED_REFUNDS and refund.due is not None and refund.due <= now
    )


def may_be_created(payment: Payment, attempt: Attempt, now: datetime) -> bool:
    """Whether an attempt may (still) be put before its intermediary: nothing has come of it, nobody wants it gone."""
    wanted = payment.state in OPEN and payment.cancel_asked_at is None and not attempt.held
    return wanted and attempt.state in (State.CREATED, State.UNKNOWN) and now < attempt.expires_at


def _apply(turn: Turn, change: PaymentChange) -> None:
    match change:
        case Said():
            judging.said(turn, change)
        case AttemptMade():
            judging.made(turn, change)
        case Unanswered(refund_id=""):
            judging.unanswered(turn, change)
        case BillDiffers():
            judging.bill_differs(turn, change)
        case Confirmed():
            judging.confirmed(turn, change)
        case PayerTold():
            standing.payer_told(turn, change)
        case AttemptAsked():
            commanding.attempt_asked(turn, change)
        case CancelAsked():
            commanding.cancel_asked(turn, change)
        case CounterPaid():
            commanding.counter_paid(turn, change)
        case ReceiptAnswer():
            standing.receipt_answered(turn, change)
        case Settled():
            _settled(turn, change)
        case TimeCame():
            judging.time_passed(turn)
            refunding.time_passed(turn)
            _time_passed(turn)
        case _:
            _apply_to_refund(turn, change)


def _apply_to_refund(turn: Turn, change: PaymentChange) -> None:
    match change:
        case RefundAsked():
            refunding.asked(turn, change)
        case RefundApproved():
            refunding.approved(turn, change)
        case RefundDeclined():
            declined = refunding.declined(turn, change)
            if declined and turn.is_paid:
                standing.order_receipts(turn)  # the money of a cancelled fee stays after all
        case RefundSaid():
            refunding.said(turn, change)
        case RefundByTransfer():
            refunding.by_transfer(turn, change)
        case RefundAccountGiven():
            refunding.account_given(turn, change)
        case RefundTransferred():
            refunding.transferred(turn, change)
        case Unanswered():
            refunding.unanswered(turn, change)


def _settled(turn: Turn, change: Settled) -> None:
    told = (change.provider, change.business_date, change.outcome)
    kept = tuple(one for one in turn.payment.settled if one[:2] != told[:2])
    turn.put(settled=(*kept, told)[-_KEPT_SETTLEMENTS:])
    if change.ask:
        _ask_all(turn, change.provider)


def _ask_all(turn: Turn, provider: str) -> None:
    """What came in and what went back through an intermediary is asked about once more: its statement says otherwise."""
    asked = {attempt.number for attempt in turn.payment.attempts if attempt.provider == provider}
    for attempt in turn.payment.attempts:
        if attempt.number in asked and attempt.inflows:
            turn.put_attempt(attempt, due=soon(turn.at), tries=TRIES)
    for refund in turn.payment.refunds:
        if refund.attempt in asked and refund.state in AWAITED_REFUNDS:
            turn.put_refund(refund, due=soon(turn.at))


def _time_passed(turn: Turn) -> None:
    """What time alone brings about: an intent that nobody ever tried to pay expires, a late receipt is an alarm."""
    payment = turn.payment
    end = payment.expires_at + timedelta(seconds=payment.grace_s)
    if payment.state is State.CREATED and not payment.attempts and turn.at >= end:
        turn.put(state=State.EXPIRED)
        turn.tell("expired")
    late = receipts_late_at(payment)
    if late is not None and turn.at >= late and turn.flag("receipt_late"):
        turn.alarm("receipt_late", "biên lai điện tử chưa được lập sau 15 phút.")


def _finish(turn: Turn) -> None:
    """What follows from the attempts and refunds as they are now: the state of the whole, and when to look again."""
    if turn.is_paid:
        turn.put(state=refunding.state_of(turn.payment))
    elif turn.payment.state is not State.CANCELLED:
        _finish_unpaid(turn)
    due = due_of(turn.payment)
    # A moment that is over has been looked at, or is marked behind whoever follows the marks: it would never be seen again.
    turn.put(due=soon(turn.at) if due is not None and due <= turn.at else due)


def _finish_unpaid(turn: Turn) -> None:
    payment, still_open = turn.payment, turn.open_attempts
    if payment.attempts:
        state = (still_open or payment.attempts)[-1].state
        if state is not payment.state:
            turn.put(state=state)
            if state in (State.FAILED, State.EXPIRED):
                attempt = payment.attempts[-1]
                turn.tell(
                    str(state), attempt=attempt.number, provider=attempt.provider, provider_code=attempt.last_code
                )
    held = any(attempt.held for attempt in payment.attempts)
    if payment.cancel_asked_at is not None and not held and (turn.answered or not still_open):
        turn.put(state=State.CANCELLED)
        turn.tell("cancelled")
