"""What callers command of a payment: that it be, another attempt, a cancellation, the receipt of a counter. Pure.

A command is taken or refused inside the transaction, and remembered with its answer: repeated, it changes nothing.
"""

from __future__ import annotations

from connectors.kit.contract import DeliverTask
from connectors.payment.changes import AttemptAsked, CancelAsked, CounterPaid, PaymentAsked
from connectors.payment.model import State
from connectors.payment.payment import Attempt, Command, CounterReceipt, Payment
from connectors.payment.references import attempt_ref
from connectors.payment.schedule import next_question, soon
from connectors.payment.standing import stand_on_counter
from connectors.payment.turn import Turn

CREATE = "create"
"""The operation that puts an attempt before its intermediary; its task's fields are `payment_id` and `attempt`."""

PORTAL = "portal"
"""The channel of an attempt that the national portal itself puts before its platform: nothing is called."""

MOST_ATTEMPTS = 99


def opened(change: PaymentAsked) -> Turn:
    """The payment as it begins: on disk before anybody is called (decision D8 of the facts)."""
    payment = Payment(
        payment_id=change.payment_id,
        asked_by=change.asked_by,
        request_id=change.request_id,
        body_sha256=change.body_sha256,
        dossier_code=change.dossier_code,
        procedure_code=change.procedure_code,
        procedure_name=change.procedure_name,
        service_code=change.service_code,
        unit_code=change.unit_code,
        unit_name=change.unit_name,
        fee_lines=change.fee_lines,
        amount=change.amount,
        text=change.text,
        beneficiary=change.beneficiary,
        payer=change.payer,
        created_at=change.at,
        expires_at=change.expires_at,
        grace_s=change.grace_s,
        state=State.CREATED,
        budgets=change.budgets,
        return_url=change.return_url,
        portal_pull=change.portal_pull,
        completed_rule=change.completed_rule,
        receipt_service=change.receipts,
    )
    turn = Turn(payment, change.at)
    if change.provider:
        first = AttemptAsked(
            at=change.at,
            request_id=change.request_id,
            provider=change.provider,
            expires_at=change.expires_at,
            method=change.method,
            channel=change.channel,
            payer_address=change.payer_address,
        )
        _begin(turn, first)
    return turn


def attempt_asked(turn: Turn, change: AttemptAsked) -> None:
    """Another attempt, unless an earlier one may still succeed: nobody is asked to pay twice."""
    code = _closed(turn) or ("attempt_open" if turn.open_attempts else "")
    if not code and any(attempt.held for attempt in turn.payment.attempts):
        code = "attempt_held"
    if not code and len(turn.payment.attempts) >= MOST_ATTEMPTS:
        code = "too_many_attempts"
    if _answer(turn, _command(change, "attempt", code)):
        _begin(turn, change)


def cancel_asked(turn: Turn, change: CancelAsked) -> None:
    """The fee is wanted no more. Open attempts are asked about first: only who has not paid can be let go."""
    code = "already_paid" if turn.is_paid else ""
    if not _answer(turn, _command(change, "cancel", code)):
        return
    if turn.payment.cancel_asked_at is None:
        turn.put(cancel_asked_at=turn.at, cancel_reason=change.reason)
    for attempt in turn.open_attempts:
        turn.put_attempt(attempt, due=soon(turn.at))


def counter_paid(turn: Turn, change: CounterPaid) -> None:
    """Paid at the agency: closed to online payment from now on; what is paid online all the same goes back."""
    code = _closed(turn)
    if not code and change.amount != turn.payment.amount:
        code = "amount_differs"
    if not _answer(turn, _command(change, "counter_receipt", code)):
        return
    receipt = CounterReceipt(
        method=change.method,
        officer=change.officer,
        receipt_no=change.receipt_no,
        received_at=change.received_at,
        amount=change.amount,
        bank_reference=change.bank_reference,
    )
    stand_on_counter(turn, receipt)


def _closed(turn: Turn) -> str:
    """Why nothing can be paid any more, as a stable code; empty where it can."""
    if turn.is_paid:
        return "already_paid"
    return "cancelled" if turn.payment.cancel_asked_at is not None else ""


def _command(change: AttemptAsked | CancelAsked | CounterPaid, kind: str, code: str) -> Command:
    return Command(request_id=change.request_id, kind=kind, body_sha256=change.body_sha256, code=code)


def _answer(turn: Turn, command: Command) -> bool:
    """Whether a command is new and taken. The same request again, whatever it says, has had its answer."""
    if any(known.request_id == command.request_id for known in turn.payment.commands):
        return False
    return turn.command(command)


def _begin(turn: Turn, change: AttemptAsked) -> None:
    """An attempt, written down before anybody is called; its call goes out through the lane of the dossier."""
    number, portal = len(turn.payment.attempts) + 1, change.channel == PORTAL
    attempt = Attempt(
        number=number,
        ref=attempt_ref(turn.payment.payment_id, number),
        provider=change.provider,
        channel=change.channel,
        state=State.PENDING if portal else State.CREATED,
        created_at=turn.at,
        expires_at=change.expires_at,
        payer_address=change.payer_address,
        method=change.method,
    )
    turn.put(attempts=(*turn.payment.attempts, attempt))
    turn.put_attempt(attempt, due=next_question(attempt, turn.payment.grace_s, turn.at))
    if not portal:
        turn.effects.append(DeliverTask(CREATE, {"payment_id": turn.payment.payment_id, "attempt": number}))
