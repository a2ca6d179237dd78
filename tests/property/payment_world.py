"""A small world of payment without wires: a house that keeps ledgers as ours does, and an intermediary with books of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.kit.contract import DeliverTask, Effect, ProposeChange
from connectors.payment.changes import PaymentAsked, PaymentChange
from connectors.payment.entering import change_of
from connectors.payment.ledger import Payments
from connectors.payment.model import (
    Beneficiary,
    FeeLine,
    Payer,
    RefundStatement,
    Source,
    Statement,
    Verdict,
)
from connectors.payment.payment import Payment
from connectors.payment.references import payment_id_of
from mappings.codec import convert, decode, encode, encode_sorted
from mappings.codes import FeeKind

T0 = datetime(2026, 9, 21, 7, 30, tzinfo=UTC)
AMOUNT = 500_000
PROVIDER = "vnpay"
IDS = tuple(payment_id_of("GQHS", request) for request in ("yc-1", "yc-2"))


def asked(payment_id: str) -> PaymentAsked:
    """A fee of 500 000 đồng."""
    return PaymentAsked(
        at=T0,
        payment_id=payment_id,
        asked_by="GQHS",
        request_id=payment_id,
        body_sha256="a" * 64,
        dossier_code=f"000.00.00.G11-{payment_id}",
        procedure_code="1.001234",
        procedure_name="Cấp giấy phép",
        service_code="1.001234.01",
        unit_code="000.00.00.G11",
        unit_name="Cục",
        fee_lines=(
            FeeLine(kind=FeeKind.CHARGE, code="P", name="Phí", amount=450_000, id="1"),
            FeeLine(kind=FeeKind.FEE, code="L", name="Lệ phí", amount=50_000, id="2"),
        ),
        amount=AMOUNT,
        text="Nop phi",
        beneficiary=Beneficiary(account="0011001234567"),
        payer=Payer(),
        provider=PROVIDER,
        channel="web",
        expires_at=T0 + timedelta(minutes=15),
        grace_s=900,
        receipts="bien-lai",
    )


@dataclass
class House:
    """The ledgers as they are stored, the keys and claims that were taken, and the lanes. All of it survives a crash."""

    stored: dict[str, bytes] = field(default_factory=dict)
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    lane: list[DeliverTask] = field(default_factory=list)
    effects: dict[str, list[Effect]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def enter(self, payment_id: str, change: PaymentChange) -> None:
        """Take a change as `gateway.intake.ledgers` does: once by its key, refused where its claim is held elsewhere."""
        entered = change_of(payment_id, change)
        lasting = {name: value for name, value in entered.fields.items() if name not in entered.passing}
        content = hashlib.sha256(encode_sorted(lasting)).hexdigest()
        known = self.keys.get((payment_id, entered.key))
        if known is not None:
            if known != content:
                self.refused.append("key_reused")
            return
        if any(self.claims.get(claim, payment_id) != payment_id for claim in entered.claims):
            self.refused.append("claimed_elsewhere")
            return
        self.keys[payment_id, entered.key] = content
        self.claims.update(dict.fromkeys(entered.claims, payment_id))
        before = decode(self.stored[payment_id], Payment) if payment_id in self.stored else None
        after, effects = Payments().apply(before, convert(entered.fields, Payments.change_type))
        self.stored[payment_id] = encode(after)
        self.effects.setdefault(payment_id, []).extend(effects)
        self.lane += [effect for effect in effects if isinstance(effect, DeliverTask) and not effect.to]

    def payment(self, payment_id: str) -> Payment:
        """A payment as it is stored."""
        return decode(self.stored[payment_id], Payment)

    def tasks(self, payment_id: str, operation: str) -> list[DeliverTask]:
        """Every task of an operation that was ever asked for."""
        told = self.effects.get(payment_id, [])
        return [effect for effect in told if isinstance(effect, DeliverTask) and effect.operation == operation]

    def proposals(self, payment_id: str, proposal: str) -> list[ProposeChange]:
        """Every proposal of a kind."""
        told = self.effects.get(payment_id, [])
        return [effect for effect in told if isinstance(effect, ProposeChange) and effect.proposal == proposal]


@dataclass
class Order:
    """One attempt in the books of the intermediary: the transactions with their amounts, and whether it was said to fail."""

    ref: str
    txns: dict[str, int] = field(default_factory=dict)
    failed: bool = False


@dataclass
class Refund:
    """One refund in the books of the intermediary."""

    ref: str
    amount: int
    state: Verdict


@dataclass
class Intermediary:
    """Its own books. It makes an order once, takes a refund once, and never gives back more than it took."""

    orders: dict[str, Order] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    numbers: int = 14_000_000

    def make(self, ref: str) -> None:
        """Accept an order; the same one again is the same."""
        self.orders.setdefault(ref, Order(ref))

    def pay(self, ref: str, amount: int = AMOUNT) -> str:
        """A payer pays; the transaction."""
        self.numbers += 1
        self.orders[ref].txns[str(self.numbers)] = amount
        return str(self.numbers)

    def refund(self, refund_ref: str, ref: str, amount: int, wanted: Verdict) -> Verdict:
        """Take a refund: for the same reference the same answer, for more than was paid a refusal."""
        known = self.refunds.get(refund_ref)
        if known is not None:
            return known.state
        given = sum(r.amount for r in self.refunds.values() if r.ref == ref and r.state is not Verdict.REFUND_REJECTED)
        paid = sum(self.orders[ref].txns.values()) if ref in self.orders else 0
        state = wanted if given + amount <= paid else Verdict.REFUND_REJECTED
        self.refunds[refund_ref] = Refund(ref, amount, state)
        return state

    def says(self, ref: str) -> Statement:
        """The answer to a question about an order: of several transactions the first of the right amount."""
        order = self.orders.get(ref)
        if order is None:
            return said(ref, Verdict.NOT_FOUND, Source.QUERY)
        right = [txn for txn, amount in order.txns.items() if amount == AMOUNT] or list(order.txns)
        if right:
            return said(ref, Verdict.PAID, Source.QUERY, txn_id=right[0], amount=order.txns[right[0]])
        return said(ref, Verdict.FAILED if order.failed else Verdict.PENDING, Source.QUERY)

    def statement(self) -> Sequence[Statement]:
        """Every transaction, as its settlement file lists them."""
        return [
            said(order.ref, Verdict.PAID, Source.STATEMENT, txn_id=txn, amount=amount)
            for order in self.orders.values()
            for txn, amount in order.txns.items()
        ]


def said(ref: str, verdict: Verdict, source: Source = Source.NOTICE, **fields: Any) -> Statement:
    """What the intermediary says, verified."""
    given: dict[str, Any] = {"trusted": True, "amount": AMOUNT, "currency": "VND", "code": str(verdict), **fields}
    return Statement(source=source, provider=PROVIDER, ref=ref, verdict=verdict, **given)


def refund_said(refund_ref: str, verdict: Verdict) -> RefundStatement:
    """What the intermediary says of a refund."""
    return RefundStatement(provider=PROVIDER, refund_ref=refund_ref, verdict=verdict)
