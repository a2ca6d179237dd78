"""What callers see of a payment: its state, where the payer goes, what came in and went back. Nothing about the payer."""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.payment.payment import Attempt, Payment, RefundState
from connectors.payment.schedule import OPEN
from mappings.codec import encode


class AttemptView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt. `pay_url`, `deeplink`, `qr_text` only while it may still be paid; `held`: people must look first."""

    number: int
    provider: str
    channel: str
    state: str
    created_at: datetime
    expires_at: datetime
    reference: str
    pay_url: str = ""
    deeplink: str = ""
    qr_text: str = ""
    provider_txn: str = ""
    code: str = ""
    held: str = ""


class RefundView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refund. `state`: asked, declined, sending, unknown, to_repeat, to_transfer, done, failed."""

    refund_id: str
    state: str
    amount: int
    reason: str
    asked_at: datetime
    cause: str = ""
    attempt: int = 0
    provider_txn: str = ""
    bank_reference: str = ""
    code: str = ""
    ended_at: datetime | None = None


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One electronic receipt."""

    state: str
    form: str = ""
    symbol: str = ""
    number: str = ""


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the fee."""

    kind: str
    code: str
    name: str
    amount: int
    id: str


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole. The four times are those of payment facts 7.1; `completed_rule` says which one counts as completion."""

    payment_id: str
    request_id: str
    state: str
    dossier_code: str
    procedure_code: str
    amount: int
    currency: str
    fee_lines: tuple[LineView, ...]
    created_at: datetime
    expires_at: datetime
    attempts: tuple[AttemptView, ...]
    refunds: tuple[RefundView, ...]
    receipts: tuple[ReceiptView, ...]
    flags: tuple[str, ...]
    pay_url: str
    paid_by: str
    provider: str
    provider_txn: str
    provider_paid_at: datetime | None
    notice_received_at: datetime | None
    payer_notified_at: datetime | None
    completed_at: datetime | None
    completed_rule: str
    refunded_amount: int
    cancel_asked_at: datetime | None
    counter_receipt_no: str


def view_of(payment: Payment) -> bytes:
    """The payment as JSON."""
    standing = next((attempt for attempt in payment.attempts if attempt.number == payment.stands_on), None)
    attempts = tuple(_attempt(attempt, wanted=payment.state in OPEN) for attempt in payment.attempts)
    return encode(
        PaymentView(
            payment_id=payment.payment_id,
            request_id=payment.request_id,
            state=payment.state,
            dossier_code=payment.dossier_code,
            procedure_code=payment.procedure_code,
            amount=payment.amount,
            currency="VND",
            fee_lines=tuple(
                LineView(kind=line.kind, code=line.code, name=line.name, amount=line.amount, id=line.id)
                for line in payment.fee_lines
            ),
            created_at=payment.created_at,
            expires_at=payment.expires_at,
            attempts=attempts,
            refunds=tuple(map(_refund, payment.refunds)),
            receipts=tuple(
                ReceiptView(state=one.state, form=one.form, symbol=one.symbol, number=one.number)
                for one in payment.receipts
            ),
            flags=payment.flags,
            pay_url=next((one.pay_url for one in reversed(attempts) if one.pay_url), ""),
            paid_by=payment.paid_by or "",
            provider=standing.provider if standing is not None else "",
            provider_txn=standing.txn_id if standing is not None else "",
            provider_paid_at=payment.provider_paid_at,
            notice_received_at=payment.notice_received_at,
            payer_notified_at=payment.payer_notified_at,
            completed_at=payment.completed_at,
            completed_rule=payment.completed_rule,
            refunded_amount=sum(refund.amount for refund in payment.refunds if refund.state == "done"),
            cancel_asked_at=payment.cancel_asked_at,
            counter_receipt_no=payment.counter.receipt_no if payment.counter is not None else "",
        )
    )


def _attempt(attempt: Attempt, *, wanted: bool) -> AttemptView:
    """An attempt; where the fee is wanted no more, nobody is sent anywhere."""
    payable = wanted and attempt.state in OPEN
    return AttemptView(
        number=attempt.number,
        provider=attempt.provider,
        channel=attempt.channel,
        state=attempt.state,
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
        reference=attempt.ref,
        pay_url=attempt.made.pay_url if payable else "",
        deeplink=attempt.made.deeplink if payable else "",
        qr_text=attempt.made.qr_text if payable else "",
        provider_txn=attempt.txn_id,
        code=attempt.last_code,
        held=attempt.held,
    )


def _refund(refund: RefundState) -> RefundView:
    return RefundView(
        refund_id=refund.refund_id,
        state=refund.state,
        amount=refund.amount,
        reason=refund.reason,
        asked_at=refund.asked_at,
        cause=refund.cause,
        attempt=refund.attempt,
        provider_txn=refund.txn_id,
        bank_reference=refund.bank_reference,
        code=refund.code,
        ended_at=refund.ended_at,
    )
