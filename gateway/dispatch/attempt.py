"""The delivery line, numbered: one claim, once. Steps 7 to 11 of the flow (architecture 3).

The loop, lanes and waiting belong to `worker.py`; what an error means is decided in `retry.py`; nothing here repeats a send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec

from connectors.kit.contract import Budget, Delivery, Receipt, Task, TaskDelivery
from connectors.kit.errors import AnswerUnreadable, CannotMap, ContractChanged, DeliveryError, Exchange
from gateway.clock import Clock
from gateway.dispatch import retry
from gateway.dispatch.lessons import School
from gateway.dispatch.outcomes import Answered, Conclusion, Scene, conclude, worst
from gateway.dispatch.resolve import Guard, Repeat, resolve
from gateway.dispatch.retry import Next, RetryDecision
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks, Sending, UpstreamLine
from gateway.errors import JournalUnavailable
from gateway.journal.model import Claim, ClaimedDelivery, Settlement
from gateway.journal.store import Journal
from mappings.canonical import Carried
from mappings.codec import decode

# Before this share of the lease is over the first byte must be out (delivery-engine 3.7, measured).
SEND_WITHIN = 0.7
# How much longer than its budget a connector is waited for before it is cancelled; less than the margin of an enquiry.
GRACE_S = 0.5
_SETTLE_AGAIN_S = (0.05, 0.2, 1.0)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A claim on its way. `t0` was read before the claim statement was sent: a reply can sit in a frozen process."""

    line: UpstreamLine
    claim: Claim
    t0: float
    probe: bool = False

    def send_before(self) -> float:
        """Past this instant no first byte may be sent: the lease may pass to another node."""
        return self.t0 + SEND_WITHIN * self.line.settings.lease()

    def lease_end(self) -> float:
        """When the lease runs out at the latest."""
        return self.t0 + self.line.settings.lease()


@dataclass(frozen=True, slots=True)
class Desk:
    """What an attempt works with. `leave` is called once, as soon as the upstream has nothing more to do with it."""

    journal: Journal
    clock: Clock
    hooks: Hooks
    guard: Guard
    standing: Standing
    leave: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A claimed message with what was accepted."""

    claimed: ClaimedDelivery
    carried: Carried | Task


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Messages that may be sent, in order, or (`ended`) the answer that a claim came to before anything was sent."""

    ready: tuple[_Opened, ...]
    ended: tuple[Answered, ...] = ()
    repeat_vi: str = ""


async def attempt(ticket: Ticket, desk: Desk) -> Conclusion:
    """Carry one claim: each of its deliveries at most once, and record what came of it in one transaction."""
    started = desk.clock.now()

    # 7. Prepare. A message is sent as it was accepted; one that kills its senders or cannot be opened never reaches the
    #    connector, and one that may have arrived before is asked about first.
    prepared = _prepare(ticket, desk.clock)
    if prepared.ready and prepared.ready[0].claimed.doubtful:
        prepared = await _ask(prepared.ready[0], ticket, desk)

    # 8. Send, once. What the answers taught ledgers is durable before anything is settled.
    answers = prepared.ended or await _send(prepared, ticket, desk)

    # 9. Judge. The upstream's own trouble goes to the breaker first, because an open breaker changes what is decided.
    sign, error = worst(answers)
    news = desk.standing.saw(sign, ticket.claim.dossier, probe=ticket.probe, error=error)
    scene = Scene(ticket.line, ticket.claim, desk.clock, started, desk.standing.open_until, desk.hooks.follow_ups)
    conclusion = conclude(answers, scene)
    if conclusion.pause is not None:
        news += desk.standing.pause(conclusion.pause.code, conclusion.pause.reason_vi)
    desk.leave()
    told = conclusion.settlement
    settlement = replace(told, audit=told.audit + news) if news else told

    # 10, 11. Settle. States, receipts, attempts, follow-ups, evidence and audit are one transaction of the journal.
    if await _settle(settlement, ticket, desk):
        _tell(conclusion, ticket, desk.hooks)
    return conclusion


def _prepare(ticket: Ticket, clock: Clock) -> _Prepared:
    """Open what was accepted. A message that cannot be opened is held when it is the head, and waits its turn behind it."""
    head = ticket.claim.deliveries[0]
    poison = retry.poisoned(head.unsettled, ticket.line.settings.max_unsettled)
    if poison is not None:
        return _Prepared((), (Answered(head, None, poison, clock.now()),))
    opened: list[_Opened] = []
    for claimed in ticket.claim.deliveries:
        try:
            task = ticket.line.traits(claimed.operation).task
            carried = decode(claimed.payload, Task) if task else decode(claimed.payload, Carried)
            opened.append(_Opened(claimed, carried))
        except (msgspec.DecodeError, ValueError):
            # The text of the error may quote the payload, so it goes nowhere.
            break
    if not opened:
        unreadable = CannotMap("Không đọc lại được nội dung đã lưu của sự kiện.")
        return _Prepared((), (Answered(head, None, unreadable, clock.now()),))
    return _Prepared(tuple(opened))


async def _ask(opened: _Opened, ticket: Ticket, desk: Desk) -> _Prepared:
    """Find out about a delivery that may have arrived; sending it again is one of the answers."""
    budget = _budget(ticket, desk.clock, ticket.line.settings.enquiry_s)
    if budget is None:
        return _Prepared((), (_late(opened, desk.clock),))
    delivery = _delivery(opened, ticket, budget)
    deadline = desk.clock.now() + timedelta(seconds=budget.timeout_s)
    resolved = await resolve(delivery, ticket.line, desk.guard)
    school, what = _school(ticket, desk), resolved.what
    fault = await school.teach(
        _task(opened), resolved.inputs, what.exchange if isinstance(what, Receipt) else Exchange()
    )
    if fault is not None:
        return _Prepared((), (Answered(opened.claimed, delivery, fault, deadline, asked=True),))
    if isinstance(what, Repeat):
        return _Prepared((opened,), repeat_vi=what.reason_vi)
    answered = Answered(opened.claimed, delivery, what, deadline, asked=True)
    return _Prepared((), await school.learned((answered,), (_task(opened),)))


async def _send(prepared: _Prepared, ticket: Ticket, desk: Desk) -> tuple[Answered, ...]:
    """Hand the deliveries to the connector, unless the claim has grown too old: then a zombie sends nothing."""
    budget = _budget(ticket, desk.clock, ticket.line.settings.timeout_s)
    if budget is None:
        return (_late(prepared.ready[0], desk.clock, prepared.repeat_vi),)
    deliveries = [_delivery(opened, ticket, budget) for opened in prepared.ready]
    deadline = desk.clock.now() + timedelta(seconds=budget.timeout_s)
    desk.hooks.reach("send.before")
    outcomes = await _call(ticket.line, deliveries, desk.guard)
    desk.hooks.reach("send.after")
    answers = tuple(
        Answered(opened.claimed, delivery, outcome, deadline, repeat_vi=prepared.repeat_vi)
        for opened, delivery, outcome in zip(prepared.ready, deliveries, outcomes, strict=True)
    )
    return await _school(ticket, desk).learned(answers, [_task(opened) for opened in prepared.ready])


def _school(ticket: Ticket, desk: Desk) -> School:
    """Where what this claim's answers teach goes."""
    return School(ticket.line.code, desk.hooks, desk.clock, ticket.lease_end())


def _task(opened: _Opened) -> Task | None:
    """What a ledger asked for; None for an event."""
    return opened.carried if isinstance(opened.carried, Task) else None


async def _call(line: UpstreamLine, deliveries: Sequence[Sending], guard: Guard) -> Sequence[Receipt | DeliveryError]:
    """One call into the connector; one outcome for each delivery. An error of the whole call speaks for all of them."""
    first, limit_s = deliveries[0], deliveries[0].budget.timeout_s
    if isinstance(first, TaskDelivery):
        # A task goes alone: its operation is never claimed in batches.
        if line.task_deliverer is None:
            return [ContractChanged("Đầu nối này không gửi được việc của sổ.")] * len(deliveries)
        return [await guard(line.task_deliverer.deliver_task(first), limit_s)]
    if len(deliveries) == 1 and line.deliverer is not None:
        return [await guard(line.deliverer.deliver(first), limit_s)]
    if line.batch_deliverer is None:
        return [ContractChanged("Đầu nối này không gửi được thông điệp.")] * len(deliveries)
    events = [delivery for delivery in deliveries if isinstance(delivery, Delivery)]
    outcomes = await guard(line.batch_deliverer.deliver_batch(events), limit_s)
    if isinstance(outcomes, DeliveryError):
        return [outcomes] * len(deliveries)
    if len(outcomes) != len(deliveries):
        return [AnswerUnreadable("Số kết quả khác với số thông điệp đã gửi.")] * len(deliveries)
    return outcomes


def _budget(ticket: Ticket, clock: Clock, timeout_s: float) -> Budget | None:
    """The time for one call, within what the lease leaves; None when the claim is too old to send anything."""
    now = clock.instant()
    if now >= ticket.send_before():
        return None
    return Budget(ticket.send_before(), min(timeout_s, ticket.lease_end() - now - GRACE_S))


def _delivery(opened: _Opened, ticket: Ticket, budget: Budget) -> Sending:
    claimed, claim = opened.claimed, ticket.claim
    if isinstance(opened.carried, Task):
        return TaskDelivery(
            delivery_id=claimed.delivery_id,
            upstream=claim.upstream,
            operation=claimed.operation,
            dossier_code=claim.dossier,
            sequence=claimed.sequence,
            attempt=claimed.attempts,
            task=opened.carried,
            accepted_at=claimed.accepted_at,
            budget=budget,
            memory=claim.memory,
        )
    return Delivery(
        delivery_id=claimed.delivery_id,
        upstream=claim.upstream,
        operation=claimed.operation,
        dossier_code=claim.dossier,
        sequence=claimed.sequence,
        attempt=claimed.attempts,
        carried=opened.carried,
        accepted_at=claimed.accepted_at,
        budget=budget,
        memory=claim.memory,
    )


def _late(opened: _Opened, clock: Clock, repeat_vi: str = "") -> Answered:
    """Nothing was sent because the claim grew old. What an enquiry has cleared meanwhile stays cleared."""
    now = clock.now()
    reason = "Lượt gửi bị chậm quá thời hạn giữ chỗ nên chưa gửi gì."
    decision = RetryDecision(Next.WAIT if repeat_vi else Next.GIVE_BACK, "late", reason, now)
    return Answered(opened.claimed, None, decision, now)


async def _settle(settlement: Settlement, ticket: Ticket, desk: Desk) -> bool:
    """Record the outcome. While the journal cannot store (full disk), the outcome is kept in hand until the lease ends;
    after that the expired lease speaks: the message is in doubt and is asked about."""
    pauses = iter(_SETTLE_AGAIN_S)
    while True:
        try:
            return await desk.journal.settle(settlement)
        except JournalUnavailable:
            if desk.clock.instant() >= ticket.lease_end():
                return False
            await asyncio.sleep(next(pauses, _SETTLE_AGAIN_S[-1]))


def _tell(conclusion: Conclusion, ticket: Ticket, hooks: Hooks) -> None:
    """Metrics and the alarm, after the outcome is durable."""
    for settled in conclusion.settled:
        hooks.on_settled(settled)
    if conclusion.held_vi:
        hooks.alarm("delivery.held", ticket.line.code, conclusion.held_vi)
