"""What the ledger asked to be carried to an intermediary, carried: an attempt made known, a refund asked for (facts 4.5).

A business refusal is an answer, so it ends in a receipt that teaches the ledger; only what may or may not have happened is an
error. The row of the attempt is on disk before any of this runs (decision D8).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.kit.contract import Change, Enquiry, Found, Kit, Receipt, TaskDelivery
from connectors.kit.errors import Busy, CannotMap, DeliveryError, Exchange, NeedsPerson, NoAnswer, OutcomeUnknown
from connectors.kit.http import HttpAnswer, retry_after_s
from connectors.payment.changes import (
    AttemptMade,
    PaymentChange,
    RefundByTransfer,
    RefundSaid,
    Said,
    Unanswered,
)
from connectors.payment.client import Intermediaries, Intermediary
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.ledger import may_be_created
from connectors.payment.model import Made, Order, RefundStatement, Source, State, Statement, Verdict
from connectors.payment.orders import (
    Addresses,
    asked_of,
    attempt_of,
    order_of,
    read_payment,
    refund_of,
    refund_order_of,
)
from connectors.payment.outcomes import by_http_status
from connectors.payment.payment import Attempt, Payment, RefundState
from connectors.payment.profiles.vietqr import mapping as vietqr
from connectors.payment.profiles.vietqr.emvco import pays_into
from connectors.payment.speaking import Call

REFUND = "refund"
"""The operation that asks for a refund; the other one of trigger `effect` is `commanding.CREATE`."""

ENQUIRIES = 3
"""How often an unanswered `create` is enquired about in its lane; after that the schedule of the ledger goes on asking."""

NOTHING = Exchange()
"""Nothing went over the wire."""

_UNSURE = frozenset({Verdict.UNKNOWN, Verdict.REPEAT})
_IN_DOUBT = frozenset({State.CREATED, State.UNKNOWN})
_TO_BE_SENT = frozenset({"sending", "unknown", "to_repeat"})
"""The states of a refund whose call may have to be made, or made again."""


class Tasks:
    """Carries and enquires. Every error is of one intermediary only."""

    def __init__(self, intermediaries: Intermediaries, addresses: Addresses, kit: Kit) -> None:
        self._intermediaries, self._addresses, self._kit = intermediaries, addresses, kit

    async def deliver(self, delivery: TaskDelivery) -> Receipt:
        """The receipt of a task. Raises `NoAnswer` and its kin, and `NotSent`, all `partial`."""
        payment = await self._payment(delivery)
        if delivery.operation == REFUND:
            return await self._refund(payment, self._refund_asked(payment, delivery), delivery)
        return await self._create(payment, self._attempt_asked(payment, delivery), delivery)

    async def enquire(self, delivery: TaskDelivery) -> Enquiry:
        """What became of a task of unknown outcome, by asking the intermediary."""
        payment = await self._payment(delivery)
        if delivery.operation == REFUND:
            return await self._enquire_refund(payment, self._refund_asked(payment, delivery), delivery)
        return await self._enquire_create(payment, self._attempt_asked(payment, delivery), delivery)

    # --- an attempt ---------------------------------------------------------------------------------------------------

    async def _create(self, payment: Payment, attempt: Attempt, delivery: TaskDelivery) -> Receipt:
        if not may_be_created(payment, attempt, self._now()):
            return self._receipt(attempt.ref, duplicate=True)
        order = order_of(payment, attempt, self._addresses)
        doubt = Unanswered(at=self._now(), attempt=attempt.number)
        try:
            provider = self._intermediaries.needed(attempt.provider)
            wanted = provider.dialogue.create(order)
            if isinstance(wanted, Made):
                return self._made(payment, provider, attempt, wanted, NOTHING)
            answer = await self._called(payment, delivery, provider, wanted, doubt)
        except (CannotMap, NeedsPerson) as error:
            # Nothing was sent, and nothing will be better by itself: the attempt ends, and people hear of it.
            refusal = _statement(attempt, Verdict.CONFIGURATION, error.code)
            return self._said(payment, attempt, refusal, error.exchange, error.message_vi)
        return self._concluded(payment, attempt, provider, (order, wanted), answer)

    def _concluded(
        self, payment: Payment, attempt: Attempt, provider: Intermediary, asked: tuple[Order, Call], answer: HttpAnswer
    ) -> Receipt:
        """What an answer to `create` comes to: made, refused for good, to be repeated, or in doubt."""
        order, call = asked
        found = provider.dialogue.created(order, answer)
        exchange = provider.exchange(call, answer)
        if isinstance(found, Made):
            return self._made(payment, provider, attempt, found, exchange)
        statement = found.statement
        if statement.verdict is Verdict.REPEAT:
            raise _busy(provider, answer, exchange)
        if statement.verdict is Verdict.UNKNOWN:
            doubt = Unanswered(at=self._now(), attempt=attempt.number, code=statement.code)
            raise NoAnswer(
                f"{provider.title_vi} chưa trả lời rõ lần tạo thanh toán {attempt.ref}.", exchange=exchange
            ).teaching(self._change(payment, doubt), partial=True)
        return self._said(payment, attempt, statement, exchange, found.message_vi)

    def _made(
        self, payment: Payment, provider: Intermediary, attempt: Attempt, made: Made, exchange: Exchange
    ) -> Receipt:
        """An order that stands, once it is sure that the payer does not pay a stranger (abuse cases A26, A31)."""
        stranger = ""
        linked = all(provider.app_may_open(link) for link in (made.deeplink, made.qr_text) if link)
        if not linked or (made.pay_url and not provider.payer_may_go(made.pay_url)):
            stranger = "pay_url_not_allowed"
        elif made.qr_text and provider.name == vietqr.NAME and not _pays_us(made.qr_text, payment, provider):
            stranger = "qr_of_another_account"
        if stranger:
            strange = _statement(attempt, Verdict.CONFIGURATION, stranger)
            return self._said(payment, attempt, strange, exchange)
        change = AttemptMade(at=self._now(), attempt=attempt.number, made=made)
        return self._receipt(made.provider_ref or attempt.ref, exchange, change=self._change(payment, change))

    async def _enquire_create(self, payment: Payment, attempt: Attempt, delivery: TaskDelivery) -> Enquiry:
        if attempt.state not in _IN_DOUBT:
            return Enquiry(Found.DONE, self._receipt(attempt.ref, duplicate=True))
        patient = delivery.attempt <= ENQUIRIES
        try:
            provider = self._intermediaries.needed(attempt.provider)
            if isinstance(provider.dialogue.create(order_of(payment, attempt, self._addresses)), Made):
                # Made without a call: to make it again has no effect anywhere.
                return Enquiry(Found.NOT_FOUND)
            asked = asked_of(payment, attempt)
            question = provider.dialogue.query(asked)
            if question is None:
                return self._left_to_the_schedule(payment, attempt)
            answer = await provider.call(question, delivery.budget)
        except DeliveryError as error:
            if patient and not isinstance(error, (CannotMap, NeedsPerson)):
                raise error.teaching(partial=True) from None
            return self._left_to_the_schedule(payment, attempt)
        statement = provider.dialogue.queried(asked, answer)
        if statement.verdict is Verdict.NOT_FOUND and statement.trusted and patient:
            # Facts 4.5: "not found" allows a repeat, with the very same reference.
            return Enquiry(Found.NOT_FOUND)
        if statement.verdict in _UNSURE and patient:
            raise NoAnswer(f"{provider.title_vi} chưa cho biết kết quả của {attempt.ref}.").teaching(partial=True)
        told = self._change(payment, Said(at=self._now(), attempt=attempt.number, statement=statement))
        return Enquiry(Found.DONE, self._receipt(attempt.ref, provider.exchange(question, answer), change=told))

    def _left_to_the_schedule(self, payment: Payment, attempt: Attempt) -> Enquiry:
        """Nobody knows: the attempt stands as unknown, is asked about on schedule, and never made anew."""
        doubt = Unanswered(at=self._now(), attempt=attempt.number, code="no_answer")
        return Enquiry(Found.DONE, self._receipt(attempt.ref, change=self._change(payment, doubt)))

    # --- a refund -----------------------------------------------------------------------------------------------------

    async def _refund(self, payment: Payment, refund: RefundState, delivery: TaskDelivery) -> Receipt:
        if refund.state not in _TO_BE_SENT:
            return self._receipt(refund.refund_ref, duplicate=True)
        order = refund_order_of(payment, refund, self._now())
        doubt = Unanswered(at=self._now(), refund_id=refund.refund_id)
        try:
            provider = self._provider_of(payment, refund)
            call = provider.dialogue.refund(order) if provider is not None and order is not None else None
            if provider is None or order is None or call is None:
                by_hand = RefundByTransfer(at=self._now(), refund_id=refund.refund_id)
                return self._receipt(refund.refund_ref, change=self._change(payment, by_hand))
            answer = await self._called(payment, delivery, provider, call, doubt)
        except (CannotMap, NeedsPerson) as error:
            refusal = _refund_statement(refund, Verdict.CONFIGURATION, error.code)
            return self._refund_told(payment, refund, refusal, error.exchange)
        statement = provider.dialogue.refunded(order, answer)
        exchange = provider.exchange(call, answer, statement.code)
        if statement.verdict is Verdict.UNKNOWN:
            raise NoAnswer(
                f"{provider.title_vi} chưa trả lời rõ lệnh hoàn {refund.refund_ref}.", exchange=exchange
            ).teaching(self._change(payment, msgspec.structs.replace(doubt, at=self._now())), partial=True)
        return self._refund_told(payment, refund, statement, exchange)

    async def _enquire_refund(self, payment: Payment, refund: RefundState, delivery: TaskDelivery) -> Enquiry:
        """What became of a refund. Nothing but the intermediary's own "not found" allows the same call again (case A24)."""
        if refund.state not in _TO_BE_SENT:
            return Enquiry(Found.DONE, self._receipt(refund.refund_ref, duplicate=True))
        patient = delivery.attempt <= ENQUIRIES
        order = refund_order_of(payment, refund, self._now())
        try:
            provider = self._provider_of(payment, refund)
            if provider is None or order is None or provider.dialogue.refund(order) is None:
                # No call was ever made for it: the task says so when it is carried again.
                return Enquiry(Found.NOT_FOUND)
            question = provider.dialogue.query_refund(order)
            if question is None:
                return self._refund_left_to_the_schedule(payment, refund)
            answer = await provider.call(question, delivery.budget)
        except DeliveryError as error:
            if patient and not isinstance(error, (CannotMap, NeedsPerson)):
                raise error.teaching(partial=True) from None
            return self._refund_left_to_the_schedule(payment, refund)
        statement = provider.dialogue.refund_queried(order, answer)
        if statement.verdict is Verdict.NOT_FOUND and patient:
            return Enquiry(Found.NOT_FOUND)
        exchange = provider.exchange(question, answer, statement.code)
        return Enquiry(Found.DONE, self._refund_told(payment, refund, statement, exchange, query=True))

    def _refund_left_to_the_schedule(self, payment: Payment, refund: RefundState) -> Enquiry:
        """Nobody knows: the refund is asked about on schedule, and never sent anew."""
        doubt = Unanswered(at=self._now(), refund_id=refund.refund_id)
        return Enquiry(Found.DONE, self._receipt(refund.refund_ref, change=self._change(payment, doubt)))

    def _provider_of(self, payment: Payment, refund: RefundState) -> Intermediary | None:
        """Who is asked for a refund; nobody where the money was taken at the counter."""
        attempt = attempt_of(payment, refund.attempt)
        return self._intermediaries.needed(attempt.provider) if attempt is not None else None

    # --- words --------------------------------------------------------------------------------------------------------

    async def _called(
        self, payment: Payment, delivery: TaskDelivery, provider: Intermediary, call: Call, doubt: Unanswered
    ) -> HttpAnswer:
        """The answer to a call with an effect. What is in doubt afterwards the ledger learns before anything else happens."""
        try:
            answer = await provider.call(call, delivery.budget)
        except OutcomeUnknown as error:
            # It is in doubt from now on: a moment from before the call may lie behind whoever follows what is due.
            in_doubt = msgspec.structs.replace(doubt, at=self._now())
            raise error.teaching(self._change(payment, in_doubt), partial=True) from None
        if by_http_status(answer.status, question=False) is Verdict.REPEAT:
            raise _busy(provider, answer, provider.exchange(call, answer))
        return answer

    def _said(
        self,
        payment: Payment,
        attempt: Attempt,
        statement: Statement,
        exchange: Exchange = NOTHING,
        message_vi: str = "",
    ) -> Receipt:
        told = Said(at=self._now(), attempt=attempt.number, statement=statement)
        return self._receipt(attempt.ref, exchange, change=self._change(payment, told), message=message_vi)

    def _refund_told(
        self,
        payment: Payment,
        refund: RefundState,
        statement: RefundStatement,
        exchange: Exchange,
        *,
        query: bool = False,
    ) -> Receipt:
        told = RefundSaid(at=self._now(), refund_id=refund.refund_id, statement=statement, query=query)
        return self._receipt(refund.refund_ref, exchange, change=self._change(payment, told))

    def _receipt(
        self,
        reference: str,
        exchange: Exchange = NOTHING,
        *,
        change: Change | None = None,
        duplicate: bool = False,
        message: str = "",
    ) -> Receipt:
        inputs = (change,) if change is not None else ()
        return Receipt(reference, self._now(), exchange, duplicate=duplicate, message=message, inputs=inputs)

    def _change(self, payment: Payment, change: PaymentChange) -> Change:
        return change_of(payment.payment_id, change, payment.dossier_code)

    async def _payment(self, delivery: TaskDelivery) -> Payment:
        entry = await self._kit.ledgers.read(LEDGER, delivery.task.ledger_id)
        if entry is None:
            raise CannotMap(f"Không có khoản thanh toán {delivery.task.ledger_id}.")
        return read_payment(entry.state)

    def _attempt_asked(self, payment: Payment, delivery: TaskDelivery) -> Attempt:
        number = delivery.task.fields.get("attempt")
        attempt = attempt_of(payment, number) if isinstance(number, int) else None
        if attempt is None:
            raise CannotMap(f"Khoản thanh toán {payment.payment_id} không có lần thanh toán được yêu cầu.")
        return attempt

    def _refund_asked(self, payment: Payment, delivery: TaskDelivery) -> RefundState:
        refund = refund_of(payment, str(delivery.task.fields.get("refund_id", "")))
        if refund is None:
            raise CannotMap(f"Khoản thanh toán {payment.payment_id} không có lần hoàn tiền được yêu cầu.")
        return refund

    def _now(self) -> datetime:
        return self._kit.now()


def _pays_us(qr_text: str, payment: Payment, provider: Intermediary) -> bool:
    """Whether a transfer code pays into the account of the configuration, before anybody prints it (abuse case A31)."""
    bank_bin, _, account = provider.settings.merchant.partition(":")
    ours = payment.beneficiary
    return pays_into(qr_text, ours.bin or bank_bin, ours.account if ours.bin else account)


def _busy(provider: Intermediary, answer: HttpAnswer, exchange: Exchange) -> DeliveryError:
    """Nothing was done; the same call may be made again."""
    wait_s = retry_after_s(answer.headers)
    text = f"{provider.title_vi} đang bận và chưa xử lý yêu cầu."
    return Busy(text, exchange=exchange, retry_after_s=wait_s).teaching(partial=True)


def _statement(attempt: Attempt, verdict: Verdict, code: str) -> Statement:
    """What we ourselves have to say of an attempt that was not put before anybody."""
    return Statement(
        source=Source.CREATE, provider=attempt.provider, ref=attempt.ref, verdict=verdict, trusted=True, code=code
    )


def _refund_statement(refund: RefundState, verdict: Verdict, code: str) -> RefundStatement:
    return RefundStatement(provider="", refund_ref=refund.refund_ref, verdict=verdict, code=code)
