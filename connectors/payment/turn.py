"""A payment while one change is applied to it: what it has become so far, and what must be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from connectors.kit.contract import Effect, RaiseAlarm, TellFeed
from connectors.payment.guards import attempt_of
from connectors.payment.model import PAID_LIKE, State
from connectors.payment.payment import Attempt, Command, Payment, RefundState
from connectors.payment.schedule import OPEN

_REFUSALS_KEPT = 50


@dataclass(slots=True)
class Turn:
    """One change, being applied at the moment `at`. `answered`: a query has just said of the open attempt that it is not paid."""

    payment: Payment
    at: datetime
    effects: list[Effect] = field(default_factory=list)
    answered: bool = False

    @property
    def is_paid(self) -> bool:
        """Whether the fee is paid, online or at the counter."""
        return self.payment.state in PAID_LIKE

    @property
    def open_attempts(self) -> tuple[Attempt, ...]:
        """The attempts that may still become paid."""
        return tuple(attempt for attempt in self.payment.attempts if attempt.state in OPEN)

    def put(self, **fields: Any) -> None:
        """The payment, with other fields."""
        self.payment = msgspec.structs.replace(self.payment, **fields)

    def attempt(self, number: int) -> Attempt | None:
        """The attempt of that number, as it is by now."""
        return attempt_of(self.payment, number)

    def put_attempt(self, attempt: Attempt, **fields: Any) -> Attempt:
        """The payment, with other fields of an attempt; the attempt."""
        made = msgspec.structs.replace(attempt, **fields)
        self.put(attempts=tuple(made if a.number == made.number else a for a in self.payment.attempts))
        return made

    def refund(self, refund_id: str) -> RefundState | None:
        """The refund of that id, as it is by now."""
        return next((refund for refund in self.payment.refunds if refund.refund_id == refund_id), None)

    def put_refund(self, refund: RefundState, **fields: Any) -> RefundState:
        """The payment, with other fields of a refund; the refund."""
        made = msgspec.structs.replace(refund, **fields)
        self.put(refunds=tuple(made if r.refund_id == made.refund_id else r for r in self.payment.refunds))
        return made

    def flag(self, flag: str) -> bool:
        """Set a flag; whether it is new."""
        if flag in self.payment.flags:
            return False
        self.put(flags=(*self.payment.flags, flag))
        return True

    def unflag(self, flag: str) -> None:
        """Take a flag back that holds no more."""
        self.put(flags=tuple(one for one in self.payment.flags if one != flag))

    def command(self, command: Command) -> bool:
        """Remember a command and its answer; whether it was taken. Of refusals the newest are kept: callers may try often."""
        refused = [known for known in self.payment.commands if known.code]
        dropped = refused[: max(0, len(refused) - _REFUSALS_KEPT)]
        self.put(commands=(*(known for known in self.payment.commands if known not in dropped), command))
        return not command.code

    def tell(self, code: str, **facts: object) -> None:
        """A row of the feed."""
        told: Mapping[str, str] = {"payment_id": self.payment.payment_id, **{k: str(v) for k, v in facts.items()}}
        self.effects.append(TellFeed(f"payment.{code}", told))

    def alarm(self, code: str, detail_vi: str) -> None:
        """Something that a person must see."""
        self.effects.append(RaiseAlarm(f"payment.{code}", f"Thanh toán {self.payment.payment_id}: {detail_vi}"))

    def held(self, attempt: Attempt, cause: str, detail_vi: str, *, state: State | None = None) -> Attempt:
        """Leave an attempt to people, once for each cause; where `state` is given it is in that state now."""
        if attempt.held != cause:
            self.alarm(cause, detail_vi)
            self.tell("held", attempt=attempt.number, cause=cause)
        return self.put_attempt(attempt, held=cause, state=state or attempt.state)
