"""Payments for tests: a fee that is asked for, what intermediaries say of it, and the ledger that judges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.kit.contract import DeliverTask, Effect, ProposeChange, RaiseAlarm, TellFeed
from connectors.payment.changes import AttemptMade, PaymentAsked, PaymentChange, RefundApproved, Said
from connectors.payment.ledger import Payments
from connectors.payment.model import Beneficiary, FeeLine, Made, Payer, RefundStatement, Source, Statement, Verdict
from connectors.payment.payment import Payment
from connectors.payment.references import attempt_ref, payment_id_of
from mappings.codec import decode, encode
from mappings.codes import FeeKind

T0 = datetime(2026, 9, 21, 7, 30, 5, tzinfo=UTC)
DOSSIER = "000.00.00.G11-260921-000123"
ID = payment_id_of("GQHS", "yc-1")
AMOUNT = 500_000
LINES = (
    FeeLine(kind=FeeKind.CHARGE, code="PTD01", name="Phí thẩm định", amount=450_000, id="phi-1"),
    FeeLine(kind=FeeKind.FEE, code="LPC01", name="Lệ phí cấp", amount=50_000, id="phi-2"),
)


def later(seconds: float) -> datetime:
    """A moment, counted from when the fee was asked for."""
    return T0 + timedelta(seconds=seconds)


def fee(**fields: Any) -> PaymentAsked:
    """A fee of 500 000 đồng at VNPAY, with fifteen minutes and fifteen more."""
    given: dict[str, Any] = {
        "at": T0,
        "payment_id": ID,
        "asked_by": "GQHS",
        "request_id": "yc-1",
        "body_sha256": "a" * 64,
        "dossier_code": DOSSIER,
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép",
        "service_code": "1.001234.01",
        "unit_code": "000.00.00.G11",
        "unit_name": "Cục",
        "fee_lines": LINES,
        "amount": AMOUNT,
        "text": "Nop phi ho so",
        "beneficiary": Beneficiary(account="0011001234567", bank_code="VCB", account_name="CUC"),
        "payer": Payer(name="Nguyễn Văn A", number="001090000000"),
        "provider": "vnpay",
        "method": "bank",
        "channel": "web",
        "expires_at": later(900),
        "grace_s": 900,
    }
    return PaymentAsked(**{**given, **fields})


def word(verdict: Verdict = Verdict.PAID, **fields: Any) -> Statement:
    """What VNPAY says of the first attempt: by default a verified notice of success for the whole amount."""
    given: dict[str, Any] = {
        "source": Source.NOTICE,
        "provider": "vnpay",
        "ref": attempt_ref(ID, 1),
        "verdict": verdict,
        "trusted": True,
        "amount": AMOUNT,
        "currency": "VND",
        "txn_id": "14000001" if verdict is Verdict.PAID else "",
        "code": str(verdict),
        "key_id": "k1",
    }
    return Statement(**{**given, **fields})


def told(seconds: float, statement: Statement, attempt: int = 1) -> Said:
    """Said so many seconds after the fee was asked for."""
    return Said(at=later(seconds), attempt=attempt, statement=statement)


def answered(seconds: float, verdict: Verdict, attempt: int = 1, **fields: Any) -> Said:
    """The answer to a question."""
    statement = word(verdict, source=Source.QUERY, ref=attempt_ref(ID, attempt), **fields)
    return told(seconds, statement, attempt)


def made(seconds: float = 1, attempt: int = 1) -> AttemptMade:
    """Accepted by the intermediary."""
    return AttemptMade(at=later(seconds), attempt=attempt, made=Made(pay_url="https://pay.example/x"))


def approved(seconds: float, refund_id: str, by: str = "lan", second: str = "minh") -> RefundApproved:
    """Signed by two operators."""
    return RefundApproved(
        at=later(seconds), refund_id=refund_id, decided_by=by, approved_by=second, decision_id=f"d-{refund_id}"
    )


def refund_word(refund_ref: str, verdict: Verdict, **fields: Any) -> RefundStatement:
    """What VNPAY says of a refund."""
    return RefundStatement(provider="vnpay", refund_ref=refund_ref, verdict=verdict, **fields)


class Story:
    """A payment and everything that came of the changes it went through; every state is read back as it is stored."""

    def __init__(self, *changes: PaymentChange) -> None:
        self.state: Payment | None = None
        self.effects: list[Effect] = []
        self.then(*changes)

    def payment(self) -> Payment:
        """The payment now."""
        assert self.state is not None
        return self.state

    def then(self, *changes: PaymentChange) -> Sequence[Effect]:
        """Apply changes; the effects of these alone."""
        new: list[Effect] = []
        for change in changes:
            state, effects = Payments().apply(self.state, change)
            self.state = decode(encode(state), Payment)
            new.extend(effects)
        self.effects.extend(new)
        return new

    def tasks(self, operation: str) -> list[DeliverTask]:
        """The tasks of an operation so far."""
        return [e for e in self.effects if isinstance(e, DeliverTask) and e.operation == operation]

    def proposals(self, proposal: str) -> list[ProposeChange]:
        """The proposals of a kind so far."""
        return [e for e in self.effects if isinstance(e, ProposeChange) and e.proposal == proposal]

    def alarms(self) -> list[str]:
        """The codes of the alarms so far."""
        return [e.code for e in self.effects if isinstance(e, RaiseAlarm)]

    def feed(self) -> list[str]:
        """The codes of the rows of the feed so far."""
        return [e.code for e in self.effects if isinstance(e, TellFeed)]
