"""What is put before intermediaries, made from a payment as its ledger keeps it: orders, questions, refunds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from connectors.payment.model import Asked, Order, RefundOrder
from connectors.payment.payment import Attempt, Payment, RefundState


@dataclass(frozen=True, slots=True)
class Addresses:
    """Our addresses on the edge, as payers and intermediaries see them."""

    public_url: str
    upstream: str

    def back(self, provider: str) -> str:
        """Where an intermediary sends the payer's browser."""
        return f"{self.public_url.rstrip('/')}/payments/{self.upstream}/{provider}/return"

    def notices(self, provider: str) -> str:
        """Where an intermediary sends its notices."""
        return f"{self.public_url.rstrip('/')}/v1/callbacks/{self.upstream}/{provider}"


def read_payment(state: bytes) -> Payment:
    """The state of a ledger, read."""
    return msgspec.json.decode(state, type=Payment)


def attempt_of(payment: Payment, number: int) -> Attempt | None:
    """The attempt of that number."""
    return next((attempt for attempt in payment.attempts if attempt.number == number), None)


def refund_of(payment: Payment, refund_id: str) -> RefundState | None:
    """The refund of that id."""
    return next((refund for refund in payment.refunds if refund.refund_id == refund_id), None)


def order_of(payment: Payment, attempt: Attempt, addresses: Addresses) -> Order:
    """An attempt as it is put before its intermediary."""
    return Order(
        ref=attempt.ref,
        amount=payment.amount,
        text=payment.text,
        created_at=attempt.created_at,
        expires_at=attempt.expires_at,
        dossier_code=payment.dossier_code,
        procedure_code=payment.procedure_code,
        procedure_name=payment.procedure_name,
        service_code=payment.service_code,
        unit_code=payment.unit_code,
        unit_name=payment.unit_name,
        fee_lines=payment.fee_lines,
        beneficiary=payment.beneficiary,
        payer=payment.payer,
        payer_address=attempt.payer_address or "127.0.0.1",
        channel=attempt.channel,
        return_url=addresses.back(attempt.provider),
        notify_url=addresses.notices(attempt.provider),
    )


def asked_of(payment: Payment, attempt: Attempt) -> Asked:
    """An attempt as it is asked about."""
    return Asked(
        ref=attempt.ref,
        amount=payment.amount,
        created_at=attempt.created_at,
        time_text=attempt.made.time_text,
        provider_ref=attempt.made.provider_ref,
        txn_id=attempt.txn_id,
        number=attempt.asked + 1,
    )


def refund_order_of(payment: Payment, refund: RefundState, now: datetime) -> RefundOrder | None:
    """A refund as it is put before its intermediary; None for money that no attempt brought (at the counter)."""
    attempt = attempt_of(payment, refund.attempt)
    if attempt is None:
        return None
    return RefundOrder(
        refund_ref=refund.refund_ref,
        ref=attempt.ref,
        txn_id=refund.paid_txn_id or attempt.txn_id,
        amount=refund.amount,
        paid_amount=refund.paid_amount or payment.amount,
        whole=refund.amount == (refund.paid_amount or payment.amount),
        reason=refund.reason,
        by=refund.decided_by or refund.asked_by,
        # The moment of the approval never changes, so a repeat says the same words; ZaloPay wants a recent one, see its codec.
        asked_at=refund.approved_at or now,
        paid_time_text=attempt.paid_time_text,
        time_text=attempt.made.time_text,
        provider_ref=attempt.made.provider_ref,
        refund_txn_id=refund.txn_id,
        number=refund.asked + 1,
    )
