"""Refunds: asked for, signed by two operators, made once under one reference, and followed to their end. Pure.

Nothing moves before two keys have signed. A refund is never sent under another reference because its answer was lost: it is
asked about (abuse cases A23, A24). What was taken twice goes back whole, what was paid never more than it was.
"""

from __future__ import annotations

from connectors.kit.contract import DeliverTask, ProposeChange
from connectors.payment.changes import (
    RefundAccountGiven,
    RefundApproved,
    RefundAsked,
    RefundByTransfer,
    RefundDeclined,
    RefundSaid,
    RefundTransferred,
    Unanswered,
)
from connectors.payment.guards import attempt_of
from connectors.payment.model import State, Verdict
from connectors.payment.payment import Command, Payment, RefundState
from connectors.payment.references import refund_ref
from connectors.payment.schedule import (
    AWAITED_REFUNDS,
    MOST_REPEATS,
    next_refund_question,
    refund_asked_until,
)
from connectors.payment.turn import Turn
from mappings.codec import plain

REFUND = "refund"
"""The operation of a refund; its task's fields are `payment_id` and `refund_id`."""

PAYMENT_REFUNDED = "payment_refunded"
"""The proposal to the resolution system that money went back."""

UNDER_WAY = frozenset({"sending", "unknown", "to_repeat", "to_transfer"})
"""Signed, and not at its end."""

_MAY_BE_TRANSFERRED = frozenset({"asked", "to_transfer", "failed"})
MOST_REFUNDS = 900
"""How many may be asked for: their numbers have three digits, and what comes in twice needs some of them."""

_RESERVING = UNDER_WAY | {"asked", "done"}


def open_refund(turn: Turn, cause: str, attempt: int, txn_id: str, amount: int) -> None:
    """A refund that the ledger itself asks for; people decide about it like about any other."""
    number = len(turn.payment.refunds) + 1
    _open(
        turn,
        RefundState(
            refund_id=f"{cause.replace('_', '-')}-{number}",
            refund_ref=refund_ref(turn.payment.payment_id, number),
            attempt=attempt,
            amount=amount,
            paid_amount=amount,
            paid_txn_id=txn_id,
            state="asked",
            reason=cause,
            cause=cause,
            asked_by="gateway",
            asked_at=turn.at,
        ),
    )


def asked(turn: Turn, change: RefundAsked) -> None:
    """The resolution system wants money to go back."""
    if any(command.request_id == change.request_id for command in turn.payment.commands):
        return
    code, number = _refused(turn.payment, change), len(turn.payment.refunds) + 1
    command = Command(request_id=change.request_id, kind="refund", body_sha256=change.body_sha256, code=code)
    taken = turn.command(command)
    if not taken or turn.refund(change.refund_id) is not None:
        return
    txn_id, paid = money_of(turn.payment, _attempt_number(turn.payment, change))
    _open(
        turn,
        RefundState(
            refund_id=change.refund_id,
            refund_ref=refund_ref(turn.payment.payment_id, number),
            attempt=_attempt_number(turn.payment, change),
            amount=change.amount,
            paid_amount=paid,
            paid_txn_id=txn_id,
            state="asked",
            reason=change.reason,
            asked_by=change.asked_by,
            asked_at=turn.at,
        ),
    )


def approved(turn: Turn, change: RefundApproved) -> None:
    """Two operators have signed: the refund is on its way. One operator alone, or for a remainder that is gone, moves nothing."""
    refund = turn.refund(change.refund_id)
    if refund is None or refund.state != "asked" or not _two_signed(change.decided_by, change.approved_by):
        return
    by_hand = refund.attempt == 0
    refund = turn.put_refund(
        refund,
        state="to_transfer" if by_hand else "sending",
        decided_by=change.decided_by,
        approved_by=change.approved_by,
        decision_id=change.decision_id,
        approved_at=turn.at,
    )
    turn.put_refund(refund, due=next_refund_question(refund, turn.at))
    turn.tell("refund_approved", refund_id=refund.refund_id)
    if not by_hand:
        _send(turn, refund)


def declined(turn: Turn, change: RefundDeclined) -> bool:
    """An operator declined; whether the money that the fee stands on stays by that."""
    refund = turn.refund(change.refund_id)
    if refund is None or refund.state != "asked":
        return False
    turn.put_refund(
        refund, state="declined", decided_by=change.decided_by, decision_id=change.decision_id, ended_at=turn.at
    )
    turn.tell("refund_declined", refund_id=refund.refund_id)
    return stands_on(turn.payment, refund.attempt, refund.paid_txn_id)


def said(turn: Turn, change: RefundSaid) -> None:
    """The intermediary said something of a refund. What is done stays done."""
    refund, said = turn.refund(change.refund_id), change.statement
    if refund is None or refund.state not in UNDER_WAY or said.refund_ref != refund.refund_ref:
        return
    if said.amount is not None and said.amount != refund.amount and said.verdict is Verdict.REFUND_DONE:
        turn.alarm("refund_amount_differs", "trung gian báo hoàn một số tiền khác; cần người kiểm tra.")
        _wait(turn, turn.put_refund(refund, state="unknown", code=said.code))
        return
    before = refund.state
    refund = turn.put_refund(refund, code=said.code, txn_id=said.txn_id or refund.txn_id, asked=refund.asked + 1)
    match said.verdict:
        case Verdict.REFUND_DONE:
            _done(turn, refund)
        case Verdict.CONFIGURATION if change.query:
            # Our question was refused, not the refund, which may have been made: nothing of it is free to go back again.
            if refund.state != "unknown":
                turn.alarm("configuration", f"trung gian không nhận câu hỏi về khoản hoàn (mã {said.code}).")
            _wait(turn, turn.put_refund(refund, state="unknown"))
        case Verdict.REFUND_REJECTED | Verdict.CONFIGURATION | Verdict.FAILED:
            _failed(turn, refund, f"trung gian từ chối hoàn tiền (mã {said.code}).")
        case Verdict.REFUNDING:
            _wait(turn, turn.put_refund(refund, state="sending"))
        case Verdict.REPEAT if refund.repeats >= MOST_REPEATS:
            _failed(turn, refund, f"trung gian chưa hoàn tiền sau nhiều lần gửi lại (mã {said.code}).")
        case Verdict.REPEAT:
            _wait(turn, turn.put_refund(refund, state="to_repeat"))
        case Verdict.NOT_FOUND if change.query and before == "unknown" and refund.repeats < MOST_REPEATS:
            # It never arrived: the very same call under the very same reference, once whoever sent it has given up.
            _wait(turn, turn.put_refund(refund, state="to_repeat"))
        case _:
            _wait(turn, turn.put_refund(refund, state="unknown"))


def unanswered(turn: Turn, change: Unanswered) -> None:
    """A call about a refund got no answer: it is asked about, and never sent under another reference (abuse case A24)."""
    refund = turn.refund(change.refund_id)
    if refund is None or refund.state not in UNDER_WAY or refund.state == "to_transfer":
        return
    if change.query:
        refund = turn.put_refund(refund, asked=refund.asked + 1)
    elif change.sent:
        refund = turn.put_refund(refund, state="unknown")
    _wait(turn, refund)


def by_transfer(turn: Turn, change: RefundByTransfer) -> None:
    """The intermediary takes none: people transfer it at a bank."""
    refund = turn.refund(change.refund_id)
    if refund is not None and refund.state in AWAITED_REFUNDS:
        turn.put_refund(refund, state="to_transfer", due=None)
        turn.alarm("refund_by_transfer", "khoản hoàn đã duyệt phải chuyển khoản tại ngân hàng.")


def account_given(turn: Turn, change: RefundAccountGiven) -> None:
    """Where a transfer has to go; refused for a refund that is unknown, or over."""
    if any(command.request_id == change.request_id for command in turn.payment.commands):
        return
    refund = turn.refund(change.refund_id)
    code = "" if refund is not None and refund.state in _MAY_BE_TRANSFERRED else "refund_not_waiting"
    command = Command(request_id=change.request_id, kind="refund_account", body_sha256=change.body_sha256, code=code)
    if turn.command(command) and refund is not None:
        turn.put_refund(refund, account=change.account)


def transferred(turn: Turn, change: RefundTransferred) -> None:
    """People transferred it and two of them signed the bank's reference (payment facts 7.3)."""
    refund = turn.refund(change.refund_id)
    if refund is None or not change.bank_reference or not _two_signed(change.decided_by, change.approved_by):
        return
    payable = refund.state == "failed" and refund.amount <= remainder(turn.payment, refund.attempt, refund.paid_txn_id)
    if refund.state != "to_transfer" and not payable:
        return
    refund = turn.put_refund(
        refund,
        bank_reference=change.bank_reference,
        decided_by=change.decided_by,
        approved_by=change.approved_by,
        decision_id=change.decision_id,
    )
    _done(turn, refund)


def time_passed(turn: Turn) -> None:
    """Refunds whose time has come without a question: the very same call once more, or an alarm."""
    for refund in turn.payment.refunds:
        if refund.due is None or refund.due > turn.at:
            continue
        if refund.state == "to_repeat":
            refund = turn.put_refund(refund, state="sending", repeats=refund.repeats + 1)
            _send(turn, refund)
        _wait(turn, turn.put_refund(refund, asked=refund.asked + 1))


def money_of(payment: Payment, attempt: int) -> tuple[str, int]:
    """The transaction and the amount that may go back for an attempt (0: taken at the counter); ("", 0) where none came in.

    The newest money that does not pay goes first: that is what is there by mistake.
    """
    if attempt == 0:
        counter = payment.counter
        return (counter.bank_reference, counter.amount) if counter is not None else ("", 0)
    found = attempt_of(payment, attempt)
    for inflow in reversed(found.inflows if found is not None else ()):
        if not stands_on(payment, attempt, inflow.txn_id) and remainder(payment, attempt, inflow.txn_id) > 0:
            return inflow.txn_id, inflow.amount
    for inflow in found.inflows if found is not None else ():
        if inflow.counts:
            return inflow.txn_id, inflow.amount
    return "", 0


def remainder(payment: Payment, attempt: int, txn_id: str) -> int:
    """What of that money has not gone back and is not on its way back."""
    return _paid_in(payment, attempt, txn_id) - sum(
        refund.amount
        for refund in payment.refunds
        if refund.attempt == attempt and refund.paid_txn_id == txn_id and refund.state in _RESERVING
    )


def stands_on(payment: Payment, attempt: int, txn_id: str) -> bool:
    """Whether the payment stands on that very money."""
    if attempt != payment.stands_on:
        return False
    found = attempt_of(payment, attempt)
    return found is None or found.txn_id == txn_id


def state_of(payment: Payment) -> State:
    """The state of what is paid, by what went back of the money that it stands on."""
    ours = [r for r in payment.refunds if stands_on(payment, r.attempt, r.paid_txn_id)]
    if any(refund.state in UNDER_WAY for refund in ours):
        return State.REFUNDING
    gone, owed = gone_of_fee(payment)
    if gone >= owed:
        return State.REFUNDED
    return State.PARTIALLY_REFUNDED if gone else State.PAID


def gone_of_fee(payment: Payment) -> tuple[int, int]:
    """What went back of the fee, and what could: money beyond the fee goes back first, and what never came cannot."""
    standing = attempt_of(payment, payment.stands_on)
    came = _paid_in(payment, payment.stands_on, standing.txn_id if standing is not None else "") or payment.amount
    done = sum(
        refund.amount
        for refund in payment.refunds
        if refund.state == "done" and stands_on(payment, refund.attempt, refund.paid_txn_id)
    )
    return max(0, done - max(0, came - payment.amount)), min(came, payment.amount)


def _paid_in(payment: Payment, attempt: int, txn_id: str) -> int:
    if attempt == 0:
        return payment.counter.amount if payment.counter is not None else 0
    found = attempt_of(payment, attempt)
    return sum(inflow.amount for inflow in found.inflows if inflow.txn_id == txn_id) if found is not None else 0


def _attempt_number(payment: Payment, change: RefundAsked) -> int:
    return change.attempt or payment.stands_on


def _refused(payment: Payment, change: RefundAsked) -> str:
    """Why a refund cannot be, as a stable code; empty where it can."""
    known = next((refund for refund in payment.refunds if refund.refund_id == change.refund_id), None)
    if known is not None:
        return "" if known.amount == change.amount else "refund_conflict"
    if len(payment.refunds) >= MOST_REFUNDS:
        return "too_many_refunds"
    attempt = _attempt_number(payment, change)
    txn_id, paid = money_of(payment, attempt)
    if paid == 0:
        return "not_paid"
    if change.amount < 1 or change.amount > remainder(payment, attempt, txn_id):
        return "refund_above_remainder"
    return ""


def _two_signed(first: str, second: str) -> bool:
    return bool(first) and bool(second) and first != second


def _open(turn: Turn, refund: RefundState) -> None:
    turn.put(refunds=(*turn.payment.refunds, refund))
    turn.alarm("refund_asked", "có khoản hoàn chờ hai người duyệt.")
    turn.tell("refund_asked", refund_id=refund.refund_id, amount=refund.amount, cause=refund.cause or "asked")


def _send(turn: Turn, refund: RefundState) -> None:
    fields = {"payment_id": turn.payment.payment_id, "refund_id": refund.refund_id, "repeat": refund.repeats}
    turn.effects.append(DeliverTask(REFUND, fields))


def _wait(turn: Turn, refund: RefundState) -> None:
    """Ask again in time; an answer that never comes is a case for people."""
    due = next_refund_question(refund, turn.at)
    if due is None and refund.state in AWAITED_REFUNDS and turn.at >= refund_asked_until(refund):
        turn.alarm("refund_unresolved", "trung gian không cho biết kết quả hoàn tiền; cần người kiểm tra.")
    turn.put_refund(refund, due=due)


def _failed(turn: Turn, refund: RefundState, detail_vi: str) -> None:
    turn.put_refund(refund, state="failed", due=None, ended_at=turn.at)
    turn.alarm("refund_failed", detail_vi)
    turn.tell("refund_failed", refund_id=refund.refund_id, provider_code=refund.code)


def _done(turn: Turn, refund: RefundState) -> None:
    """Money went back: of what pays the fee, the resolution system is proposed to know; the rest is between us and the payer."""
    refund = turn.put_refund(refund, state="done", due=None, ended_at=turn.at)
    turn.tell("refunded", refund_id=refund.refund_id, amount=refund.amount, cause=refund.cause or "asked")
    payment = turn.payment
    if not stands_on(payment, refund.attempt, refund.paid_txn_id):
        return
    total, owed = gone_of_fee(payment)
    if not total:
        return  # only what was paid too much
    fields = {
        "payment_id": payment.payment_id,
        "refund_id": refund.refund_id,
        "amount": min(refund.amount, total),
        "refunded_total": total,
        "whole": total >= owed,
        "refund_txn": refund.txn_id or refund.bank_reference,
        "reason": refund.reason,
        "refunded_at": turn.at,
        "fee_ids": [line.id for line in payment.fee_lines if line.id],
        "flags": list(payment.flags),
    }
    turn.effects.append(ProposeChange(PAYMENT_REFUNDED, plain(fields)))
