"""What only operators decide about a payment, each with a second operator's key: refunds, and cases that people must look at.

The caller's endpoint only asks for a refund. Approving, declining and telling of a bank transfer happen at the admin desk, and
so does the word about an attempt that was held (payment facts 2.4 class H, 3.4, 7.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from connectors.kit.contract import Change, Decided, Kit
from connectors.kit.errors import CannotMap
from connectors.kit.settlement.deciding import CLOSE, closed_difference
from connectors.payment.changes import Confirmed, PaymentChange, RefundApproved, RefundDeclined, RefundTransferred
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.model import State
from connectors.payment.orders import attempt_of, read_payment, refund_of
from connectors.payment.payment import Attempt, Payment, RefundState
from connectors.payment.settlement_kinds import KINDS

_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,99}", re.ASCII)
_YES, _NO = frozenset({"co", "yes", "true"}), frozenset({"khong", "no", "false"})

Making = Callable[[Payment, Decided], PaymentChange]


class Decisions:
    """Makes changes of decisions. Raises `CannotMap` with the reason, so that nobody signs what cannot be."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def decided(self, decision: Decided) -> Change:
        """The change that a decision makes."""
        if decision.decision == CLOSE:
            return await closed_difference(self._kit.ledgers, KINDS, decision)
        making = _MAKING.get(decision.decision)
        entry = await self._kit.ledgers.read(LEDGER, decision.ledger_id)
        if making is None or entry is None:
            raise CannotMap("Không có khoản thanh toán này, hoặc không có quyết định loại này.")
        payment = read_payment(entry.state)
        return change_of(payment.payment_id, making(payment, decision), payment.dossier_code)


def _approve(payment: Payment, decision: Decided) -> PaymentChange:
    refund = _refund(payment, decision, "asked")
    return RefundApproved(
        at=decision.at,
        refund_id=refund.refund_id,
        decided_by=decision.decided_by,
        approved_by=decision.approved_by,
        decision_id=decision.decision_id,
    )


def _decline(payment: Payment, decision: Decided) -> PaymentChange:
    refund = _refund(payment, decision, "asked")
    return RefundDeclined(
        at=decision.at,
        refund_id=refund.refund_id,
        decided_by=decision.decided_by,
        reason=decision.reason,
        decision_id=decision.decision_id,
    )


def _transferred(payment: Payment, decision: Decided) -> PaymentChange:
    """The account stands in the ledger, sealed: signed words are shown in the trail, so they name the bank's reference only."""
    refund = _refund(payment, decision, "to_transfer", "failed")
    if refund.account is None:
        raise CannotMap("refund_id: hệ thống giải quyết chưa gửi tài khoản nhận tiền hoàn của lần hoàn này.")
    return RefundTransferred(
        at=decision.at,
        refund_id=refund.refund_id,
        bank_reference=_code(decision.fields, "bank_reference"),
        account_name=refund.account.account_name,
        account=refund.account.account,
        bank=refund.account.bank,
        decided_by=decision.decided_by,
        approved_by=decision.approved_by,
        decision_id=decision.decision_id,
    )


def _confirm(payment: Payment, decision: Decided) -> PaymentChange:
    number = _text(decision.fields, "attempt")
    attempt = attempt_of(payment, int(number)) if number.isascii() and number.isdigit() and len(number) < 4 else None
    if attempt is None:
        raise CannotMap("attempt: khoản thanh toán không có lần thanh toán số này.")
    word = _text(decision.fields, "paid").lower()
    if word not in _YES | _NO:
        raise CannotMap("paid: phải là yes hoặc no.")
    waits = attempt.held or attempt.state is State.UNKNOWN
    if not waits and not (word in _YES and _is_second(attempt, decision.fields.get("txn_id", ""))):
        raise CannotMap("attempt: lần thanh toán này không chờ ai kết luận.")
    return Confirmed(
        at=decision.at,
        attempt=attempt.number,
        paid=word in _YES,
        txn_id=_code(decision.fields, "txn_id") if word in _YES else decision.fields.get("txn_id", ""),
        evidence=_text(decision.fields, "evidence"),
        provider=attempt.provider,
        decided_by=decision.decided_by,
        approved_by=decision.approved_by,
        decision_id=decision.decision_id,
    )


def _is_second(attempt: Attempt, txn_id: str) -> bool:
    """Whether money is meant that only a statement names: a second transaction of an attempt that is paid (facts 5)."""
    return attempt.state is State.PAID and bool(txn_id) and all(i.txn_id not in ("", txn_id) for i in attempt.inflows)


_MAKING: Mapping[str, Making] = {
    "refund": _approve,
    "refund_decline": _decline,
    "refund_transferred": _transferred,
    "confirm_payment": _confirm,
}


def _refund(payment: Payment, decision: Decided, *states: str) -> RefundState:
    """The refund that is meant, in the state that the decision needs, or carried out by this very decision already."""
    refund = refund_of(payment, _text(decision.fields, "refund_id"))
    if refund is None:
        raise CannotMap("refund_id: khoản thanh toán không có lần hoàn tiền này.")
    if refund.state not in states and refund.decision_id != decision.decision_id:
        raise CannotMap(
            f"refund_id: lần hoàn tiền đang ở trạng thái {refund.state}, không phải {' hay '.join(states)}."
        )
    return refund


def _text(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "").strip()
    if not value or len(value) > 200 or not value.isprintable():
        raise CannotMap(f"{name}: phải có, nhiều nhất 200 ký tự.")
    return value


def _code(fields: Mapping[str, str], name: str) -> str:
    value = _text(fields, name)
    if not _CODE.fullmatch(value):
        raise CannotMap(f"{name}: phải là một mã, không có khoảng trắng.")
    return value
