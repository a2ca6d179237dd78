"""What a statement about an attempt makes of it: paid once and for ever, failed, expired, unknown, or left to people. Pure.

The transitions of payment facts 2.3. Nothing here calls anybody: what is unclear becomes due, and whoever follows asks.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from connectors.payment.changes import AttemptMade, BillDiffers, Confirmed, Said, Unanswered
from connectors.payment.guards import MONEY_TROUBLE, Weight, inflow_of, weigh
from connectors.payment.model import Source, State, Statement, Verdict
from connectors.payment.payment import Attempt, Inflow
from connectors.payment.schedule import (
    OPEN,
    TRIES,
    alarming_from,
    asked_until,
    deadline,
    next_question,
    once_more,
    soon,
)
from connectors.payment.standing import stand_paid, take_again
from connectors.payment.turn import Turn

CANNOT_ASK = "cannot_ask"
"""The code of an `Unanswered` question where the intermediary offers none."""

_KEPT = 8
_CLOCKS_DIFFER = timedelta(minutes=5)
_NOT_PAID = frozenset({Verdict.PENDING, Verdict.NOT_FOUND, Verdict.FAILED, Verdict.EXPIRED})


def made(turn: Turn, change: AttemptMade) -> None:
    """The intermediary accepted an attempt. A notice may have come first: then only where the payer goes is new."""
    attempt = turn.attempt(change.attempt)
    if attempt is None:
        return
    attempt = turn.put_attempt(attempt, made=change.made)
    if attempt.state in (State.CREATED, State.UNKNOWN) and not attempt.held:
        attempt = turn.put_attempt(attempt, state=State.PENDING, asked=0)
        turn.put_attempt(attempt, due=next_question(attempt, turn.payment.grace_s, turn.at) or soon(turn.at))


def said(turn: Turn, change: Said) -> None:
    """A source said something of an attempt."""
    attempt, statement = turn.attempt(change.attempt), change.statement
    if attempt is None:
        return
    weight = weigh(turn.payment, attempt, statement)
    if weight in (Weight.NOT_OURS, Weight.OTHER_REFERENCE):
        return
    attempt = _remember(turn, attempt, statement)
    if weight is Weight.UNTRUSTED:
        _doubt(turn, attempt, statement)
    elif weight in MONEY_TROUBLE:
        _hold_money(turn, attempt, statement, weight)
    else:
        _judge(turn, attempt, change)
    _look_at_time(turn, change.attempt)


def unanswered(turn: Turn, change: Unanswered) -> None:
    """A call about an attempt got no answer that says anything. What was put before nobody is in no doubt."""
    attempt = turn.attempt(change.attempt)
    if attempt is None:
        return
    if change.query:
        attempt = turn.put_attempt(attempt, asked=attempt.asked + 1)
        if change.code == CANNOT_ASK:
            attempt = _unaskable(turn, attempt)
        elif attempt.state is State.CREATED and turn.at >= deadline(attempt, turn.payment.grace_s):
            attempt = turn.put_attempt(attempt, state=State.UNKNOWN)
    elif change.sent and attempt.state in (State.CREATED, State.PENDING):
        attempt = turn.put_attempt(attempt, state=State.UNKNOWN, asked=0, last_code=change.code)
    else:
        return
    if change.query and attempt.state not in OPEN and change.code != CANNOT_ASK:
        _ask_once_more(turn, attempt)
        return
    turn.put_attempt(attempt, due=next_question(attempt, turn.payment.grace_s, turn.at))
    _look_at_time(turn, change.attempt)


def confirmed(turn: Turn, change: Confirmed) -> None:
    """Two operators say how a case stands that waits for people. What is paid stays paid."""
    attempt = turn.attempt(change.attempt)
    if attempt is None or not change.approved_by or change.approved_by == change.decided_by:
        return
    if not change.paid:
        if attempt.state is not State.PAID:
            ended = State.FAILED if attempt.state in OPEN else attempt.state
            turn.put_attempt(attempt, state=ended, held="", due=None, last_code="operator")
        return
    statement = Statement(
        source=Source.OPERATOR,
        provider=attempt.provider,
        ref=attempt.ref,
        verdict=Verdict.PAID,
        trusted=True,
        amount=turn.payment.amount,
        txn_id=change.txn_id,
        code="operator",
    )
    _paid(turn, _remember(turn, attempt, statement), statement)


def bill_differs(turn: Turn, change: BillDiffers) -> None:
    """A hop changed the bill: money may go to a stranger. Nothing is paid with it before people have looked."""
    attempt = turn.attempt(change.attempt)
    if attempt is None:
        return
    detail = f"hóa đơn ở trung gian khác với yêu cầu ({', '.join(change.differences)}); cần người kiểm tra ngay."
    if attempt.state is not State.PAID:
        turn.held(attempt, str(Weight.OTHER_BILL), detail)
    elif turn.flag("bill_differs"):
        turn.alarm("bill_differs", detail)


def time_passed(turn: Turn) -> None:
    """Attempts that are due and that nobody can be asked about."""
    for attempt in turn.payment.attempts:
        if attempt.due is not None and attempt.due <= turn.at:
            unanswered(turn, Unanswered(at=turn.at, attempt=attempt.number, query=True, code=CANNOT_ASK))


def _remember(turn: Turn, attempt: Attempt, said: Statement) -> Attempt:
    """Keep a statement as evidence, the newest of them; a query answered counts as a question put."""
    kept = (*[one for one in attempt.said if one != said], said)[-_KEPT:]
    asked = attempt.asked + 1 if said.source is Source.QUERY else attempt.asked
    attempt = turn.put_attempt(attempt, said=kept, asked=asked, last_code=said.code or attempt.last_code)
    # Provided for whoever follows it: each outcome below may set another moment.
    due = next_question(attempt, turn.payment.grace_s, turn.at)
    return turn.put_attempt(attempt, due=due)


def _doubt(turn: Turn, attempt: Attempt, said: Statement) -> None:
    """What nobody vouches for moves nothing: a notice makes its attempt due now, an answer is no answer (D4)."""
    if said.source is Source.QUERY:
        if attempt.state in OPEN and said.verdict is Verdict.CONFIGURATION:
            _misconfigured(turn, attempt, said)
        elif attempt.state in OPEN:
            _ask_again(turn, turn.put_attempt(attempt, state=State.UNKNOWN))
        else:
            _ask_once_more(turn, attempt)
        return
    if attempt.state is State.PAID:
        return
    if said.verdict is Verdict.PAID:
        turn.flag("unverified_notice")
    turn.put_attempt(attempt, due=soon(turn.at), tries=TRIES)


def _hold_money(turn: Turn, attempt: Attempt, said: Statement, weight: Weight) -> None:
    """A verified success with the wrong money, or to the wrong account: evidence for people, never paid by itself.

    Guards G4 and G5; abuse cases A2, A22, A32.
    """
    if said.amount is not None and said.amount > 0 and weight in (Weight.OTHER_AMOUNT, Weight.OTHER_BILL):
        if inflow_of(attempt, said.txn_id) is None:
            attempt = _take_in(turn, attempt, said, counts=False)
        if said.amount != turn.payment.amount:
            turn.flag("underpaid" if said.amount < turn.payment.amount else "overpaid")
    if attempt.state is not State.PAID:
        turn.held(attempt, str(weight), "có tiền vào nhưng không đúng số tiền hoặc nơi nhận; cần người kiểm tra.")


def _judge(turn: Turn, attempt: Attempt, change: Said) -> None:
    """What a verified statement makes of its attempt."""
    said = change.statement
    verdict = said.verdict
    if verdict is Verdict.PAID:
        _paid(turn, attempt, said)
        return
    if attempt.state is State.PAID:
        _after_paid(turn, attempt, said)
        return
    if said.source is Source.QUERY and verdict in _NOT_PAID and not attempt.held:
        turn.answered = True
    if attempt.state not in OPEN or attempt.held:
        return  # late, or with people already
    match verdict:
        case Verdict.FAILED:
            turn.put_attempt(attempt, state=State.FAILED, due=None)
        case Verdict.EXPIRED:
            turn.put_attempt(attempt, state=State.EXPIRED, due=None)
        case Verdict.NOT_FOUND:
            if turn.at >= deadline(attempt, turn.payment.grace_s):
                turn.put_attempt(attempt, state=State.EXPIRED, due=None)
        case Verdict.PENDING:
            _pending(turn, attempt, enforced=change.expiry_enforced and said.source is Source.QUERY)
        case Verdict.HOLD if said.txn_id and said.amount not in (None, turn.payment.amount):
            _hold_money(turn, attempt, said, Weight.OTHER_AMOUNT)
        case Verdict.HOLD:
            attempt = turn.held(attempt, "suspected", "tiền có thể đã chuyển; cần người kiểm tra.", state=State.UNKNOWN)
            _ask_again(turn, attempt)
        case Verdict.CONFIGURATION:
            _misconfigured(turn, attempt, said)
        case Verdict.REFUNDING | Verdict.REFUND_DONE:
            turn.held(attempt, "refund_seen", "tiền đã vào rồi được hoàn ở trung gian.", state=State.UNKNOWN)
        case _:
            attempt = turn.put_attempt(attempt, state=State.UNKNOWN)
            _ask_again(turn, attempt)


def _pending(turn: Turn, attempt: Attempt, *, enforced: bool) -> None:
    """Still under way; once its time is over that is no clear answer any more, but of who takes no money after its expiry.

    There an abandoned order stands open for ever: it is not paid. It is looked at a few times more, and money that was
    under way all the same is a late success (payment facts 2.3: expiry passed and a query says not paid).
    """
    over = turn.at >= deadline(attempt, turn.payment.grace_s)
    if over and enforced and not _money_was_named(attempt):
        attempt = turn.put_attempt(attempt, state=State.EXPIRED, watched=True, tries=TRIES)
        _ask_again(turn, attempt)
        return
    attempt = turn.put_attempt(attempt, state=State.UNKNOWN if over else State.PENDING)
    _ask_again(turn, attempt)


def _ask_again(turn: Turn, attempt: Attempt) -> None:
    turn.put_attempt(attempt, due=next_question(attempt, turn.payment.grace_s, turn.at))


def _ask_once_more(turn: Turn, attempt: Attempt) -> None:
    """A question about what is no longer open stays a question until an answer is clear: money may have come all the same."""
    due = once_more(attempt, turn.payment.grace_s, turn.at)
    turn.put_attempt(attempt, due=due, tries=max(attempt.tries - 1, 0))


def _misconfigured(turn: Turn, attempt: Attempt, said: Statement) -> None:
    """Our own defect (class C): refused at the start it failed, later it says nothing of the money. An alarm either way."""
    if attempt.state is not State.UNKNOWN or said.source is Source.CREATE:
        turn.alarm("configuration", f"{attempt.provider} báo lỗi cấu hình hoặc lỗi của bên gọi (mã {said.code}).")
    if said.source is Source.CREATE:
        turn.put_attempt(attempt, state=State.FAILED, due=None)
    else:
        _ask_again(turn, turn.put_attempt(attempt, state=State.UNKNOWN))


def _after_paid(turn: Turn, attempt: Attempt, said: Statement) -> None:
    """What is paid stays paid (D3). A contrary word is an alarm and a question, never a way back (abuse case A7)."""
    if said.verdict not in (Verdict.FAILED, Verdict.EXPIRED, Verdict.REFUNDING, Verdict.REFUND_DONE):
        return
    refunding = said.verdict in (Verdict.REFUNDING, Verdict.REFUND_DONE)
    if refunding and any(refund.attempt == attempt.number for refund in turn.payment.refunds):
        return
    if turn.flag("refunded_elsewhere" if refunding else "contrary_notice"):
        detail = (
            "trung gian báo đã hoàn tiền mà cổng không yêu cầu."
            if refunding
            else "đã thu nhưng trung gian báo thất bại."
        )
        turn.alarm("contrary_notice", detail)
        if said.source is not Source.QUERY:
            turn.put_attempt(attempt, due=soon(turn.at), tries=TRIES)


def _paid(turn: Turn, attempt: Attempt, said: Statement) -> None:
    """A verified success for the right money: what somebody unverified had said is verified now."""
    turn.unflag("unverified_notice")
    known = inflow_of(attempt, said.txn_id)
    if known is not None and known.counts:
        if said.txn_id and not known.txn_id:
            _name_inflow(turn, attempt, said.txn_id)
        return
    late = attempt.state in (State.FAILED, State.EXPIRED) or turn.payment.state is State.CANCELLED
    attempt = _take_in(turn, attempt, said, counts=True)
    first = attempt.state is not State.PAID
    if first:
        attempt = turn.put_attempt(
            attempt,
            state=State.PAID,
            txn_id=said.txn_id,
            paid_at=said.paid_at,
            paid_time_text=said.time_text,
            held="",
            # A notice says nothing of the bill, which a hop may have changed: it is looked at once (abuse case A22).
            due=soon(turn.at) if attempt.made.shows_bill and said.source is Source.NOTICE else None,
            tries=TRIES,
        )
    if late:
        turn.flag("late_success")
    if turn.is_paid:
        take_again(turn, attempt, said)
    else:
        stand_paid(turn, attempt, said)


def _take_in(turn: Turn, attempt: Attempt, said: Statement, *, counts: bool) -> Attempt:
    """Money came in. A source whose clock tells another time is believed in its money, not in its time (abuse case A30)."""
    if said.paid_at is not None and not (
        turn.payment.created_at - _CLOCKS_DIFFER <= said.paid_at <= turn.at + _CLOCKS_DIFFER
    ):
        turn.flag("clock_skew")
    # What people confirm as paid is as much as came in: more can never go back, and what is too much still can.
    known = inflow_of(attempt, said.txn_id) if said.source is Source.OPERATOR else None
    inflow = Inflow(
        txn_id=said.txn_id,
        amount=known.amount if known is not None else turn.payment.amount if said.amount is None else said.amount,
        at=turn.at,
        source=said.source,
        paid_at=said.paid_at,
        time_text=said.time_text,
        counts=counts,
    )
    others = tuple(one for one in attempt.inflows if one.counts or one.txn_id != said.txn_id)
    return turn.put_attempt(attempt, inflows=(*others, inflow))


def _name_inflow(turn: Turn, attempt: Attempt, txn_id: str) -> None:
    """A source names the transaction that another one left unnamed."""
    inflows = tuple(
        msgspec.structs.replace(one, txn_id=txn_id) if one.counts and not one.txn_id else one for one in attempt.inflows
    )
    turn.put_attempt(attempt, inflows=inflows, txn_id=attempt.txn_id or txn_id)
    # What went back of it, or is on its way, went back of that very transaction.
    for refund in turn.payment.refunds:
        if refund.attempt == attempt.number and not refund.paid_txn_id:
            turn.put_refund(refund, paid_txn_id=txn_id)


def _unaskable(turn: Turn, attempt: Attempt) -> Attempt:
    """Nobody can be asked. What somebody unverified called paid is for people; else its time is over when it is over.

    Money that comes all the same is found by settlement, and is then a late success.
    """
    if attempt.state not in OPEN:
        return attempt
    if "unverified_notice" in turn.payment.flags and any(one.verdict is Verdict.PAID for one in attempt.said):
        return turn.held(
            attempt, "unverified_notice", "có thông báo đã thu nhưng chưa thể kiểm chứng; cần người xác nhận."
        )
    if turn.at >= deadline(attempt, turn.payment.grace_s) and not attempt.held:
        turn.answered = True
        return turn.put_attempt(attempt, state=State.EXPIRED)
    return attempt


def _look_at_time(turn: Turn, number: int) -> None:
    """What nobody could find out for too long becomes an alarm, and in the end a case for people."""
    attempt, payment = turn.attempt(number), turn.payment
    if attempt is None or attempt.state not in OPEN or attempt.state is State.CREATED:
        return
    if turn.at >= asked_until(attempt, payment.grace_s):
        if not attempt.held and _said_nothing_came(attempt):
            turn.put_attempt(attempt, state=State.EXPIRED, due=None)
        elif not attempt.held:
            turn.held(
                attempt, "unresolved", "trung gian không cho biết kết quả; cần người kiểm tra.", state=State.UNKNOWN
            )
    elif turn.at >= alarming_from(attempt, payment.grace_s) and not payment.due_alarmed:
        turn.put(due_alarmed=True)
        turn.alarm("unknown", "chưa rõ kết quả sau 24 giờ.")


def _said_nothing_came(attempt: Attempt) -> bool:
    """Whether the intermediary, asked until the end, says that it is not complete, and nobody ever said that it was paid.

    Then it is over like any other; money that comes all the same is a late success. Who gives no answer is for people.
    """
    last = attempt.said[-1] if attempt.said else None
    return (
        last is not None
        and last.source is Source.QUERY
        and last.trusted
        and last.verdict is Verdict.PENDING
        and not _money_was_named(attempt)
    )


def _money_was_named(attempt: Attempt) -> bool:
    """Whether anybody, verified or not, ever said that money moved for it."""
    return any(one.verdict in (Verdict.PAID, Verdict.HOLD, Verdict.REFUNDING) for one in attempt.said)
