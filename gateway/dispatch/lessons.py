"""What an answer taught the ledger that asked for it, made durable before the delivery is settled.

A crash between the two leaves the delivery in doubt, so it is asked about; what the enquiry teaches has the same keys and
changes nothing twice. What no ledger takes, or what cannot be stored before the lease ends, leaves the delivery unknown as
well: nothing that an outside system told is ever passed over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from connectors.kit.contract import Change, Task
from connectors.kit.errors import DeliveryError, Exchange, OutcomeUnknown
from gateway.clock import Clock
from gateway.dispatch.outcomes import Answered
from gateway.dispatch.retry import RetryDecision
from gateway.dispatch.upstreams import Hooks, Lesson
from gateway.errors import GatewayError, JournalUnavailable

_AGAIN_S = (0.05, 0.2, 1.0)

_log = logging.getLogger("gateway.dispatch")


class NotLearned(OutcomeUnknown):
    """Hệ thống nhận đã trả lời nhưng sổ chưa ghi được điều đó; sẽ tra cứu lại."""

    code = "not_learned"


@dataclass(frozen=True, slots=True)
class School:
    """Where lessons of one attempt go. `lease_end` is the instant at which another node may take over."""

    upstream: str
    hooks: Hooks
    clock: Clock
    lease_end: float

    async def teach(self, task: Task | None, changes: Sequence[Change], exchange: Exchange) -> NotLearned | None:
        """Make changes durable; None when they are. `task` is what was carried, None where it was an event.

        Those that are meant for a ledger of the called upstream itself (`Change.here`) come last: what asked learns first.
        """
        owner = task.reported_by if task is not None else self.upstream
        own = tuple(change for change in changes if change.here)
        asked = tuple(change for change in changes if not change.here)
        if owner != self.upstream and not all(_about(change, task) for change in asked):
            _log.error("%s tried to change what is not its own", self.upstream)
            return _unlearned(exchange)
        for lesson in (Lesson(owner, asked, exchange.response), Lesson(self.upstream, own, exchange.response)):
            if lesson.changes and not await self._durable(lesson):
                return _unlearned(exchange)
        return None

    async def _durable(self, lesson: Lesson) -> bool:
        """Have a lesson learned; False where no ledger takes it, or none can before the lease ends."""
        pauses = iter(_AGAIN_S)
        while True:
            try:
                await self.hooks.learn(lesson)
            except JournalUnavailable:
                if self.clock.instant() >= self.lease_end:
                    return False
                await asyncio.sleep(next(pauses, _AGAIN_S[-1]))
                continue
            except (GatewayError, DeliveryError) as error:
                # A fault of the connector; the text of the error may quote what was said.
                _log.error("what %s told could not be taken", self.upstream, extra={"code": type(error).__name__})
                return False
            self.hooks.reach("lesson.learned")
            return True

    async def learned(self, answers: Sequence[Answered], tasks: Sequence[Task | None]) -> tuple[Answered, ...]:
        """The answers, each with its lesson durable; one that could not be learned is of unknown outcome."""
        found: list[Answered] = []
        for answered, task in zip(answers, tasks, strict=True):
            outcome = answered.outcome
            if isinstance(outcome, RetryDecision):
                found.append(answered)
                continue
            fault = await self.teach(task, outcome.inputs, outcome.exchange)
            found.append(answered if fault is None else replace(answered, outcome=fault))
        return tuple(found)


def _about(change: Change, task: Task | None) -> bool:
    """Whether a change is about the very ledger that asked: another upstream may teach no other."""
    if task is None:
        return False
    same = (change.ledger, change.id) == (task.ledger, task.ledger_id)
    return same and change.dossier_code in ("", task.dossier_code) and not change.claims


def _unlearned(exchange: Exchange) -> NotLearned:
    """The trouble is ours: the breaker of the upstream does not hear of it."""
    return NotLearned(exchange=exchange).teaching(partial=True)
