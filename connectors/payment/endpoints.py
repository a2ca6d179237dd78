"""The endpoints of callers: ask for a fee to be paid, look at it, try again, cancel, ask for a refund, close at a counter.

Every command carries a `request_id`: the same request again gets the same answer, and another body under it is refused. What
a command comes to the ledger decides inside its transaction; the answer is made of what is durable then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.kit.addresses import may_be_sent
from connectors.kit.contract import Endpoint, Kit, Notice, Reply, Sender
from connectors.kit.errors import Finding
from connectors.kit.refusals import internal
from connectors.payment.changes import (
    AttemptAsked,
    CancelAsked,
    CounterPaid,
    PaymentAsked,
    PaymentChange,
    RefundAccountGiven,
    RefundAsked,
)
from connectors.payment.client import Intermediaries, Intermediary
from connectors.payment.entering import LEDGER, change_of, refund_id_of
from connectors.payment.model import RefundAccount, State
from connectors.payment.orders import attempt_of, read_payment
from connectors.payment.payment import Command, Payment
from connectors.payment.references import payment_id_of
from connectors.payment.refusals import TABLE, Refused
from connectors.payment.requests import (
    AttemptRequest,
    CancelRequest,
    CounterRequest,
    PaymentRequest,
    RefundAccountRequest,
    RefundRequest,
    read_request,
)
from connectors.payment.settings import Settings
from connectors.payment.views import view_of

PAYMENTS = "/v1/payments"
COUNTER = "counter"

_LOOKS_S = (0.02, 0.03, 0.05, 0.1)
"""How soon the ledger is looked at again while a payer waits for the address; the last one from then on."""
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Counter:
    """What the endpoints stand on."""

    settings: Settings
    intermediaries: Intermediaries
    kit: Kit


@dataclass(frozen=True, slots=True)
class _Order:
    """A command on its way to the ledger."""

    payment_id: str
    request_id: str
    body_sha256: str
    status: int


class PaymentEndpoints:
    """The endpoints of callers."""

    def __init__(self, counter: Counter) -> None:
        self._settings, self._intermediaries, self._kit = counter.settings, counter.intermediaries, counter.kit

    def endpoints(self) -> Sequence[Endpoint]:
        """All of them."""
        one = f"{PAYMENTS}/{{payment_id}}"
        return (
            internal("POST", PAYMENTS, self._ask),
            internal("GET", one, self._show),
            internal("POST", f"{one}/attempts", self._attempt),
            internal("POST", f"{one}/cancel", self._cancel),
            internal("POST", f"{one}/refunds", self._refund),
            internal("POST", f"{one}/refunds/{{refund_id}}/account", self._refund_account),
            internal("POST", f"{one}/counter-receipts", self._close_at_counter),
        )

    # --- the intent ---------------------------------------------------------------------------------------------------

    async def _ask(self, notice: Notice, sender: Sender) -> Reply:
        request, digest = read_request(notice.body, PaymentRequest)
        _covered(sender, request.procedure_code)
        payment_id = payment_id_of(sender.system_code, request.request_id)
        known = await self._read(payment_id)
        if known is not None:
            return await self._made(notice.path, payment_id, digest)
        asked = self._asked(request, sender, payment_id, digest)
        # Until when it may be paid follows from when it was asked, so a repeat that races us differs there only.
        change = replace(change_of(payment_id, asked, request.dossier_code), passing=("at", "expires_at"))
        return Reply(202, inputs=(change,), then=lambda: self._made(notice.path, payment_id, digest))

    def _asked(self, request: PaymentRequest, sender: Sender, payment_id: str, digest: str) -> PaymentAsked:
        now = self._kit.now()
        provider = self._provider(request.provider, request.amount) if request.channel != COUNTER else None
        if request.return_url and not may_be_sent(
            request.return_url, self._settings.return_hosts, self._settings.allow_plain
        ):
            raise _invalid("return_url", "/return_url", "Địa chỉ quay về phải thuộc return_hosts của cấu hình.")
        return PaymentAsked(
            at=now,
            payment_id=payment_id,
            asked_by=sender.system_code,
            request_id=request.request_id,
            body_sha256=digest,
            dossier_code=request.dossier_code,
            procedure_code=request.procedure_code,
            procedure_name=request.procedure_name,
            service_code=request.service_code or f"{request.procedure_code}.01",
            unit_code=request.unit_code,
            unit_name=request.unit_name,
            fee_lines=request.lines,
            amount=request.amount,
            text=request.text or f"Thanh toan phi ho so {request.dossier_code}",
            beneficiary=self._settings.beneficiary(request.service_code or f"{request.procedure_code}.01"),
            payer=request.who,
            provider=provider.name if provider is not None else "",
            method=provider.dialect.method if provider is not None else "",
            channel=request.channel,
            expires_at=self._until(now, request.expires_in_minutes),
            grace_s=self._settings.expiry.grace_minutes * 60,
            budgets={
                line.code: self._settings.budgets[line.code]
                for line in request.lines
                if line.code in self._settings.budgets
            },
            payer_address=request.payer_address,
            return_url=request.return_url,
            portal_pull=request.portal_pull,
            completed_rule=self._settings.completed_at,
            receipts=self._settings.receipts,
        )

    async def _made(self, path: str, payment_id: str, digest: str) -> Reply:
        """The payment once its address is there, or as it is when the payer has waited long enough."""
        payment = await self._settled(payment_id, 1)
        if payment is None:
            return Refused("payment_unavailable").reply(path)
        if payment.body_sha256 != digest:
            return Refused("payment_request_reused").reply(path)
        waiting = bool(payment.attempts) and payment.attempts[0].state is State.CREATED
        return _shown(payment, 202 if waiting else 201)

    async def _show(self, notice: Notice, sender: Sender) -> Reply:
        return _shown(await self._own(notice, sender), 200)

    # --- commands -----------------------------------------------------------------------------------------------------

    async def _attempt(self, notice: Notice, sender: Sender) -> Reply:
        payment = await self._own(notice, sender)
        request, digest = read_request(notice.body, AttemptRequest)
        now, provider = self._kit.now(), self._provider(request.provider, payment.amount)
        change = AttemptAsked(
            at=now,
            request_id=request.request_id,
            body_sha256=digest,
            provider=provider.name,
            method=provider.dialect.method,
            expires_at=self._until(now, request.expires_in_minutes),
            channel=request.channel,
            payer_address=request.payer_address,
        )
        order = _Order(payment.payment_id, request.request_id, digest, 201)
        return self._commanded(notice, payment, order, change, passing=("at", "expires_at"))

    async def _cancel(self, notice: Notice, sender: Sender) -> Reply:
        payment = await self._own(notice, sender)
        request, digest = read_request(notice.body, CancelRequest)
        change = CancelAsked(
            at=self._kit.now(),
            request_id=request.request_id,
            body_sha256=digest,
            asked_by=sender.system_code,
            reason=request.reason.strip(),
        )
        return self._commanded(notice, payment, _Order(payment.payment_id, request.request_id, digest, 202), change)

    async def _refund(self, notice: Notice, sender: Sender) -> Reply:
        payment = await self._own(notice, sender)
        request, digest = read_request(notice.body, RefundRequest)
        change = RefundAsked(
            at=self._kit.now(),
            refund_id=refund_id_of(payment.payment_id, request.request_id),
            request_id=request.request_id,
            body_sha256=digest,
            asked_by=sender.system_code,
            amount=request.amount,
            reason=request.reason.strip(),
            attempt=request.attempt,
        )
        return self._commanded(notice, payment, _Order(payment.payment_id, request.request_id, digest, 202), change)

    async def _refund_account(self, notice: Notice, sender: Sender) -> Reply:
        payment = await self._own(notice, sender)
        request, digest = read_request(notice.body, RefundAccountRequest)
        account = RefundAccount(
            account_name=request.account_name.strip(), account=request.account, bank=request.bank.strip()
        )
        change = RefundAccountGiven(
            at=self._kit.now(),
            request_id=request.request_id,
            body_sha256=digest,
            refund_id=notice.params["refund_id"],
            account=account,
        )
        return self._commanded(notice, payment, _Order(payment.payment_id, request.request_id, digest, 201), change)

    async def _close_at_counter(self, notice: Notice, sender: Sender) -> Reply:
        payment = await self._own(notice, sender)
        request, digest = read_request(notice.body, CounterRequest)
        if request.received_at > self._kit.now() + _SKEW:
            raise _invalid("received_at", "/received_at", "Thời điểm thu không được ở tương lai.")
        change = CounterPaid(
            at=self._kit.now(),
            request_id=request.request_id,
            body_sha256=digest,
            method=request.method,
            officer=request.officer,
            receipt_no=request.receipt_no,
            received_at=request.received_at,
            amount=request.amount,
            bank_reference=request.bank_reference,
        )
        return self._commanded(notice, payment, _Order(payment.payment_id, request.request_id, digest, 201), change)

    def _commanded(
        self, notice: Notice, payment: Payment, order: _Order, change: PaymentChange, passing: tuple[str, ...] = ("at",)
    ) -> Reply:
        """A command carried to the ledger, unless it was given before: then its answer again."""

        async def then() -> Reply:
            return await self._answered(notice.path, order)

        if _command(payment, order.request_id) is not None:
            return Reply(202, then=then)
        entered = replace(change_of(payment.payment_id, change, payment.dossier_code), passing=passing)
        return Reply(202, inputs=(entered,), then=then)

    async def _answered(self, path: str, order: _Order) -> Reply:
        """What the ledger made of a command."""
        payment = await self._read(order.payment_id)
        command = _command(payment, order.request_id) if payment is not None else None
        if payment is None or command is None:
            return Refused("payment_unavailable").reply(path)
        if command.body_sha256 != order.body_sha256:
            return Refused("payment_request_reused").reply(path)
        if command.code:
            return Refused(TABLE.code_of(command.code)).reply(path)
        if command.kind == "attempt":
            payment = await self._settled(order.payment_id, len(payment.attempts)) or payment
        return _shown(payment, order.status)

    # --- what they share ----------------------------------------------------------------------------------------------

    async def _settled(self, payment_id: str, number: int) -> Payment | None:
        """The payment, once that attempt was made or refused, within the time that a payer waits."""
        until = self._kit.instant() + self._settings.create_wait_s
        looks = iter(_LOOKS_S)
        while True:
            payment = await self._read(payment_id)
            attempt = attempt_of(payment, number) if payment is not None else None
            if payment is None or attempt is None or attempt.state is not State.CREATED:
                return payment
            if self._kit.instant() >= until:
                return payment
            await asyncio.sleep(next(looks, _LOOKS_S[-1]))

    async def _own(self, notice: Notice, sender: Sender) -> Payment:
        """The payment in the path, if the caller asked for it; nobody else learns that it exists."""
        payment = await self._read(notice.params["payment_id"])
        if payment is None or payment.asked_by != sender.system_code:
            raise Refused("payment_not_found")
        return payment

    async def _read(self, payment_id: str) -> Payment | None:
        entry = await self._kit.ledgers.read(LEDGER, payment_id)
        return read_payment(entry.state) if entry is not None else None

    def _provider(self, name: str, amount: int) -> Intermediary:
        """The intermediary that is wanted, or the default one, where it takes that amount (payment facts 4.3)."""
        chosen = self._intermediaries.named(name) if name else next(iter(self._intermediaries.all()), None)
        if chosen is None:
            raise _invalid("provider", "/provider", "Đơn vị trung gian này chưa được bật trong cấu hình.")
        if not chosen.minimum <= amount <= chosen.maximum:
            told = f"{chosen.title_vi} nhận từ {chosen.minimum} đến {chosen.maximum} đồng mỗi lần."
            raise _invalid("amount_out_of_bounds", "/amount", told)
        return chosen

    def _until(self, now: datetime, minutes: int) -> datetime:
        """Until when it may be paid, a whole second. Raises `Refused` for longer than the configuration allows."""
        longest = self._settings.expiry.longest_minutes
        if minutes > longest:
            raise _invalid("expires_in_minutes", "/expires_in_minutes", f"Nhiều nhất {longest} phút.")
        return now.replace(microsecond=0) + timedelta(minutes=minutes or self._settings.expiry.minutes)


def _command(payment: Payment, request_id: str) -> Command | None:
    return next((command for command in payment.commands if command.request_id == request_id), None)


def _covered(sender: Sender, procedure: str) -> None:
    if sender.role != "resolution" and not {"*", procedure} & set(sender.procedures):
        raise Refused("payment_forbidden")


def _invalid(code: str, pointer: str, message_vi: str) -> Refused:
    return Refused("payment_invalid", findings=(Finding(code, pointer, message_vi),))


def _shown(payment: Payment, status: int) -> Reply:
    headers = {"Location": f"{PAYMENTS}/{payment.payment_id}"} if status in (201, 202) else {}
    return Reply(status, view_of(payment), headers=headers)
