"""Asks intermediaries about what is due of a payment, each within its own rate; what they said becomes changes (facts 4.5).

Pending and unknown are asked about, never made anew. Where there is nothing to ask, the ledger is told that the time has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.kit.contract import Budget, Change, Kit
from connectors.kit.errors import CannotMap, DeliveryError, NeedsPerson, NotSent
from connectors.payment.changes import BillDiffers, PaymentChange, RefundSaid, Said, TimeCame, Unanswered
from connectors.payment.client import Intermediaries, Intermediary
from connectors.payment.entering import change_of
from connectors.payment.ledger import attempts_to_ask, refunds_to_ask
from connectors.payment.model import Verdict
from connectors.payment.orders import Addresses, asked_of, attempt_of, order_of, refund_order_of
from connectors.payment.payment import Attempt, Payment, RefundState
from connectors.payment.speaking import Bills

AT_ONCE = 8
"""How many payments are asked about at the same time."""
ASK_S = 15.0
"""How long one question may take."""

_BURST = 10
_NOWHERE = Addresses("", "")  # a bill is compared with its order, which goes nowhere


class Asking:
    """Questions about payments. Raises nothing: an intermediary that does not answer is a change as well."""

    def __init__(self, intermediaries: Intermediaries, kit: Kit) -> None:
        self._intermediaries, self._kit = intermediaries, kit
        self._places = asyncio.Semaphore(AT_ONCE)

    async def about(self, payment: Payment) -> Sequence[Change] | None:
        """What is to be told of a payment that is due; None where a rate lets nobody ask now."""
        async with self._places:
            now = self._kit.now()
            told: list[PaymentChange] = []
            for attempt in attempts_to_ask(payment, now):
                if not await self._allowed(attempt.provider):
                    return None
                told += await self._attempt(payment, attempt)
            for refund in refunds_to_ask(payment, now):
                told += await self._refund(payment, refund)
            if not told:
                told.append(TimeCame(at=self._kit.now()))
            return tuple(change_of(payment.payment_id, change, payment.dossier_code) for change in told)

    async def _attempt(self, payment: Payment, attempt: Attempt) -> Sequence[PaymentChange]:
        """What its intermediary says of an attempt; nothing where it cannot be asked."""
        asked = asked_of(payment, attempt)
        try:
            provider = self._intermediaries.needed(attempt.provider)
            question = provider.dialogue.query(asked)
            if question is None:
                return ()
            answer = await provider.call(question, self._budget())
        except DeliveryError as error:
            return (
                Unanswered(
                    at=self._kit.now(),
                    attempt=attempt.number,
                    query=True,
                    sent=not isinstance(error, (NotSent, CannotMap, NeedsPerson)),
                    code=error.code,
                ),
            )
        statement = provider.dialogue.queried(asked, answer)
        told = Said(
            at=self._kit.now(),
            attempt=attempt.number,
            statement=statement,
            expiry_enforced=provider.expiry_enforced,
        )
        paid = statement.trusted and statement.verdict is Verdict.PAID
        return (*await self._bill(payment, attempt, provider), told) if paid else (told,)

    async def _bill(self, payment: Payment, attempt: Attempt, provider: Intermediary) -> Sequence[BillDiffers]:
        """Whether a hop changed the bill of what is paid (abuse case A22); an unreadable bill, or none, says nothing."""
        dialogue = provider.dialogue
        if not (attempt.made.shows_bill and isinstance(dialogue, Bills)):
            return ()
        try:
            question = dialogue.bill(asked_of(payment, attempt))
            if question is None:
                return ()
            answer = await provider.call(question, self._budget())
        except DeliveryError:
            return ()
        billed = dialogue.billed(order_of(payment, attempt, _NOWHERE), answer)
        if not billed.differences:
            return ()
        return (BillDiffers(at=self._kit.now(), attempt=attempt.number, differences=billed.differences),)

    async def _refund(self, payment: Payment, refund: RefundState) -> Sequence[PaymentChange]:
        """What its intermediary says of a refund; nothing where it cannot be asked."""
        order, attempt = refund_order_of(payment, refund, self._kit.now()), attempt_of(payment, refund.attempt)
        if order is None or attempt is None:
            return ()
        try:
            provider = self._intermediaries.needed(attempt.provider)
            question = provider.dialogue.query_refund(order)
            if question is None:
                return ()
            answer = await provider.call(question, self._budget())
        except DeliveryError as error:
            sent = not isinstance(error, (NotSent, CannotMap, NeedsPerson))
            return (Unanswered(at=self._kit.now(), refund_id=refund.refund_id, query=True, sent=sent, code=error.code),)
        statement = provider.dialogue.refund_queried(order, answer)
        return (RefundSaid(at=self._kit.now(), refund_id=refund.refund_id, statement=statement, query=True),)

    async def _allowed(self, provider: str) -> bool:
        """Whether this intermediary may be asked once more now: each has a rate of its own."""
        found = self._intermediaries.named(provider)
        if found is None:
            return True
        budget = f"{self._kit.upstream}.{provider}"
        taken, _ = await self._kit.coordination.take(budget, 1, found.settings.queries_per_s, _BURST)
        return taken > 0

    def _budget(self) -> Budget:
        return Budget(self._kit.instant() + ASK_S, ASK_S)
