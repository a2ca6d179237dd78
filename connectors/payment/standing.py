"""When a fee is paid: what the payment stands on, when it is complete, and who is told of it; paid once more, what goes back.

Completion is the earliest proof that the payer was told: our page that says so, or else our receipt of the verified word, or
by configuration the intermediary's own time (QĐ 3036/QĐ-BVHTTDL Điều 10 khoản 2; payment facts 7.1).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from connectors.kit.contract import RECEIPT, DeliverTask, ProposeChange
from connectors.kit.receipting import ReceiptAnswer, ReceiptOrder
from connectors.payment.changes import PayerTold
from connectors.payment.guards import inflow_of
from connectors.payment.model import FeeLine, Source, State, Statement
from connectors.payment.payment import Attempt, CounterReceipt, Payment, ReceiptState
from connectors.payment.refunding import open_refund
from connectors.payment.turn import Turn
from mappings.amount_words import amount_in_words
from mappings.codec import plain
from mappings.codes import FeeKind, PaymentMethod
from mappings.dates import VIETNAM

PAYMENT_RECEIVED = "payment_received"
"""The proposal to the resolution system that a fee is paid."""

_ND254_FROM = datetime(2026, 7, 1, tzinfo=VIETNAM)
_COUNTER_METHODS = {"cash": PaymentMethod.CASH, "transfer": PaymentMethod.BANK}


def stand_paid(turn: Turn, attempt: Attempt, said: Statement) -> None:
    """The payment stands on this attempt from now on. Where it had been cancelled, the money goes back."""
    cancelled = turn.payment.state is State.CANCELLED
    turn.put(
        state=State.PAID,
        stands_on=attempt.number,
        paid_by=said.source,
        provider_paid_at=said.paid_at,
        notice_received_at=turn.at,
    )
    turn.put(completed_at=completed_at(turn.payment))
    _propose(turn, attempt.provider, attempt.method, said.txn_id)
    turn.tell("paid", attempt=attempt.number, provider=attempt.provider, source=said.source)
    if cancelled:
        open_refund(turn, "late_success", attempt.number, said.txn_id, _came_in(turn, attempt, said))
        return
    if turn.payment.cancel_asked_at is not None:
        turn.tell("not_cancelled", cause="already_paid")
    order_receipts(turn)


def take_again(turn: Turn, attempt: Attempt, said: Statement) -> None:
    """Paid once more: the first keeps, this goes back once two operators have signed (abuse case A11)."""
    if turn.flag("duplicate_payment"):
        turn.alarm("duplicate", "đã thu hai lần; khoản thu sau cần hoàn lại.")
    turn.tell("duplicate", attempt=attempt.number, provider=attempt.provider)
    open_refund(turn, "duplicate_payment", attempt.number, said.txn_id, _came_in(turn, attempt, said))


def _came_in(turn: Turn, attempt: Attempt, said: Statement) -> int:
    """How much came in by a transaction: what people confirmed may be another amount than the fee."""
    inflow = inflow_of(attempt, said.txn_id)
    return inflow.amount if inflow is not None else turn.payment.amount


def stand_on_counter(turn: Turn, receipt: CounterReceipt) -> None:
    """Paid at the agency, where the payer stood when it was: no electronic receipt beside the one that was given."""
    at = min(receipt.received_at, turn.at)
    turn.put(
        state=State.PAID,
        stands_on=0,
        paid_by=Source.COUNTER,
        counter=receipt,
        provider_paid_at=receipt.received_at,
        notice_received_at=turn.at,
        payer_notified_at=at,
    )
    turn.put(completed_at=completed_at(turn.payment))
    if receipt.received_at > turn.at:
        turn.flag("clock_skew")
    _propose(turn, "counter", str(_COUNTER_METHODS.get(receipt.method, PaymentMethod.CASH)), receipt.bank_reference)
    turn.tell("paid", attempt=0, provider="counter", source=Source.COUNTER)


def payer_told(turn: Turn, change: PayerTold) -> None:
    """Our page said it. Only the first time counts, and only what is true could be said."""
    if turn.is_paid and turn.payment.payer_notified_at is None:
        turn.put(payer_notified_at=change.at)
        turn.put(completed_at=completed_at(turn.payment))


def completed_at(payment: Payment) -> datetime | None:
    """When the payment is complete, by the rule that it was asked for under; no time of a clock that is plainly wrong."""
    told = [at for at in (payment.payer_notified_at, payment.notice_received_at) if at is not None]
    if payment.completed_rule == "provider_time" and "clock_skew" not in payment.flags:
        return payment.provider_paid_at or min(told, default=None)
    return min(told, default=None)


def order_receipts(turn: Turn) -> None:
    """Order electronic receipts, one for phí and one for lệ phí (payment facts 7.2): the same key is issued once for ever."""
    payment = turn.payment
    if not payment.receipt_service or payment.receipts or payment.paid_by is Source.COUNTER:
        return
    ordered: list[ReceiptState] = []
    for kind in (FeeKind.CHARGE, FeeKind.FEE):
        lines = [line for line in payment.fee_lines if line.kind is kind]
        if not lines:
            continue
        order = _order(payment, kind, lines, turn.at)
        ordered.append(
            ReceiptState(fkey=order.fkey, line=payment.fee_lines.index(lines[0]), state="ordered", at=turn.at)
        )
        turn.effects.append(DeliverTask(RECEIPT, plain(order), to=payment.receipt_service))
    turn.put(receipts=tuple(ordered))


def receipt_answered(turn: Turn, answer: ReceiptAnswer) -> None:
    """A receipt was issued, or refused for good. What is issued stays issued."""
    receipts = turn.payment.receipts
    known = next((receipt for receipt in receipts if receipt.fkey == answer.fkey), None)
    if known is None or known.state == "issued":
        return
    told = ReceiptState(
        fkey=known.fkey,
        line=known.line,
        state="issued" if answer.issued else "refused",
        form=answer.form,
        symbol=answer.symbol,
        number=answer.number,
        code=answer.code,
        at=answer.at,
    )
    turn.put(receipts=tuple(told if receipt.fkey == told.fkey else receipt for receipt in receipts))
    if answer.issued:
        turn.tell("receipt_issued", fkey=told.fkey, form=told.form, symbol=told.symbol, number=told.number)
    elif known.state != "refused":
        turn.alarm("receipt_refused", f"dịch vụ biên lai từ chối lập biên lai (mã {answer.code}).")


def _order(payment: Payment, kind: FeeKind, lines: list[FeeLine], at: datetime) -> ReceiptOrder:
    amount = sum(line.amount for line in lines)
    budgets = {payment.budgets[line.code].dvqhns for line in lines if line.code in payment.budgets}
    word: Literal["charge", "fee"] = "charge" if kind is FeeKind.CHARGE else "fee"
    return ReceiptOrder(
        fkey=f"{payment.payment_id}-{word}",
        fee_kind=word,
        fee_code=",".join(line.code for line in lines),
        fee_name="; ".join(line.name for line in lines),
        amount=amount,
        amount_words=amount_in_words(amount),
        collected_at=at.astimezone(UTC),
        receipt_rule="ND254" if at >= _ND254_FROM else "ND123",
        dossier_code=payment.dossier_code,
        payment_id=payment.payment_id,
        provider_txn=_standing_txn(payment),
        budget_unit=budgets.pop() if len(budgets) == 1 else "",
        payer_name=payment.payer.name,
        payer_number=payment.payer.number,
        payer_address=payment.payer.address,
    )


def _standing_txn(payment: Payment) -> str:
    return next((attempt.txn_id for attempt in payment.attempts if attempt.number == payment.stands_on), "")


def _propose(turn: Turn, provider: str, method: str, txn_id: str) -> None:
    """Propose to the resolution system, which alone moves the dossier, that the fee is paid."""
    payment = turn.payment
    fields = {
        "payment_id": payment.payment_id,
        "request_id": payment.request_id,
        "provider": provider,
        "method": method or str(PaymentMethod.BANK),
        "amount": payment.amount,
        "lines": [
            {"id": line.id, "kind": line.kind, "code": line.code, "amount": line.amount} for line in payment.fee_lines
        ],
        "fee_ids": [line.id for line in payment.fee_lines if line.id],
        "provider_txn": txn_id,
        "paid_by": payment.paid_by,
        "receipt_no": payment.counter.receipt_no if payment.counter is not None else "",
        "created_at": payment.created_at,
        "provider_paid_at": payment.provider_paid_at,
        "notice_received_at": payment.notice_received_at,
        "payer_notified_at": payment.payer_notified_at,
        "completed_at": payment.completed_at,
        "completed_rule": payment.completed_rule,
        "flags": list(payment.flags),
    }
    turn.effects.append(ProposeChange(PAYMENT_RECEIVED, plain(fields)))
