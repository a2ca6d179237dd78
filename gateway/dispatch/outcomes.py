"""From answers to a settlement, pure: the next state of each message of a claim, and what the lane does next.

The lane advances over contiguous successes; the first message that did not succeed sets its next step (delivery-engine 4.4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.kit.contract import Delivery, Receipt
from connectors.kit.errors import DeliveryError, Exchange, OutcomeUnknown
from gateway.audit.events import FieldValue, audit
from gateway.clock import Clock
from gateway.dispatch import retry
from gateway.dispatch.breaker import Sign, sign_of
from gateway.dispatch.resolve import NOBODY_CAN_TELL
from gateway.dispatch.retry import History, Next, RetryDecision
from gateway.dispatch.upstreams import FollowUps, Sending, Settled, UpstreamLine
from gateway.journal.model import (
    AttemptWrite,
    AuditWrite,
    Claim,
    ClaimedDelivery,
    DeliveryState,
    MessageSettlement,
    NewDelivery,
    Settlement,
)
from mappings.codec import encode_sorted

ACTOR = "gateway"
_LONGEST_REASON = 1_000

_STATE = {
    Next.WAIT: DeliveryState.WAITING,
    Next.ENQUIRE: DeliveryState.UNKNOWN,
    Next.HOLD: DeliveryState.HELD,
    Next.REFUSE: DeliveryState.REFUSED,
}
_AUDIT = {
    Next.WAIT: "delivery.waiting",
    Next.ENQUIRE: "delivery.unknown",
    Next.HOLD: "delivery.held",
    Next.REFUSE: "delivery.refused",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one message of a claim.

    `outcome` is a receipt, an error of the connector, or a decision of ours. `delivery` is None when the message could not
    even be opened. `asked`: the outcome is that of an enquiry. `repeat_vi` says why an unknown delivery was sent again.
    `deadline` is the end of the time that the last call was given.
    """

    claimed: ClaimedDelivery
    delivery: Sending | None
    outcome: Receipt | DeliveryError | RetryDecision
    deadline: datetime
    asked: bool = False
    repeat_vi: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a settlement is judged by besides the answers. `open_until` is set while the breaker is open."""

    line: UpstreamLine
    claim: Claim
    clock: Clock
    started: datetime
    open_until: datetime | None
    follow_ups: FollowUps


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt as the journal keeps it (JSON, keys sorted): what the upstream said and the digests of what was said.

    `enquired` says that the delivery was found to have happened by asking, not by its own answer.
    """

    reference: str
    at: datetime
    duplicate: bool
    enquired: bool
    message: str
    http_status: int
    upstream_code: str
    findings: tuple[str, ...]
    request_sha256: str
    response_sha256: str


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The settlement of a claim, what to count, and the reason (Vietnamese) for an alarm when a message was held."""

    settlement: Settlement
    settled: tuple[Settled, ...]
    held_vi: str = ""
    pause: RetryDecision | None = None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """One message after judgement; `message` None leaves it in the state it was claimed in."""

    answered: Answered
    decision: RetryDecision | None
    message: MessageSettlement | None
    audit: tuple[AuditWrite, ...] = ()


def worst(answers: Sequence[Answered]) -> tuple[Sign, DeliveryError | None]:
    """What the answers say about the upstream itself: the first error that says something, else that it is alive.

    The trouble of one part of an upstream says nothing about the whole.
    """
    sign = Sign.NOTHING
    for answered in answers:
        if isinstance(answered.outcome, DeliveryError):
            told = sign_of(answered.outcome)
            if told is not Sign.NOTHING:
                return told, answered.outcome
        elif isinstance(answered.outcome, Receipt):
            sign = Sign.ALIVE
    return sign, None


def conclude(answers: Sequence[Answered], scene: Scene) -> Conclusion:
    """The settlement of a claim from the answers to its messages, which are in order and begin at the head."""
    verdicts: list[_Verdict] = []
    stop: RetryDecision | None = None
    for answered in answers:
        verdict = _judge(answered, scene) if stop is None else _after_stop(answered, scene)
        verdicts.append(verdict)
        if stop is None and verdict.decision is not None and verdict.decision.next is not Next.REFUSE:
            stop = verdict.decision
    held_vi = next((v.decision.reason_vi for v in verdicts if v.decision and v.decision.next is Next.HOLD), "")
    return Conclusion(
        _settlement(verdicts, stop, scene),
        tuple(_count(v.answered, v.message, scene) for v in verdicts if v.message is not None),
        held_vi,
        stop if stop is not None and stop.next is Next.PAUSE else None,
    )


def _settlement(verdicts: Sequence[_Verdict], stop: RetryDecision | None, scene: Scene) -> Settlement:
    named = tuple(verdict.message for verdict in verdicts if verdict.message is not None)
    memory: dict[str, str] = {}
    for verdict in verdicts:
        if isinstance(verdict.answered.outcome, Receipt):
            memory.update(verdict.answered.outcome.memory)
    return Settlement(
        lane_id=scene.claim.lane_id,
        epoch=scene.claim.epoch,
        messages=named,
        next_due=_next_due(verdicts, stop, scene),
        block_reason=stop.reason_vi if stop is not None and stop.next is Next.HOLD else "",
        memory=memory,
        # What a batch achieved before its upstream went away was an attempt; nothing of it is given back.
        give_back=not named,
        follow_ups=_follow_ups(verdicts, scene.follow_ups),
        audit=tuple(row for verdict in verdicts for row in verdict.audit),
    )


def _next_due(verdicts: Sequence[_Verdict], stop: RetryDecision | None, scene: Scene) -> datetime | None:
    """When the lane may be claimed again; None: at once, if anything waits.

    A message behind the first failure may be in doubt too: the lane waits for its deadline as well.
    """
    if stop is None or stop.next is Next.HOLD:
        return None
    due = stop.at or scene.clock.now()
    for verdict in verdicts:
        if verdict.message is not None and verdict.message.state is DeliveryState.UNKNOWN:
            due = max(due, verdict.answered.deadline + retry.ENQUIRY_MARGIN)
    return due


def _follow_ups(verdicts: Sequence[_Verdict], follow_ups: FollowUps) -> tuple[NewDelivery, ...]:
    found: list[NewDelivery] = []
    for verdict in verdicts:
        delivery = verdict.answered.delivery
        # A task is no event: nothing goes outside because of its acknowledgement.
        if isinstance(verdict.answered.outcome, Receipt) and isinstance(delivery, Delivery):
            found.extend(follow_ups(delivery))
    return tuple(found)


def _judge(answered: Answered, scene: Scene) -> _Verdict:
    """The next state of a message whose predecessors all succeeded."""
    if isinstance(answered.outcome, Receipt):
        return _delivered(answered, answered.outcome, scene)
    decision = _decision(answered, answered.outcome, scene)
    state = _STATE.get(decision.next)
    if state is None:
        return _Verdict(answered, decision, None)
    decided = replace(decision, reason_vi=_reason(answered.outcome, decision))
    row = _trace_failure(answered, decided, scene)
    message = MessageSettlement(
        answered.claimed.sequence,
        state,
        _attempt(answered, decided, scene),
        person_decides=decided.code in NOBODY_CAN_TELL,
    )
    return _Verdict(answered, decided, message, (*_repeated(answered, scene), row))


def _after_stop(answered: Answered, scene: Scene) -> _Verdict:
    """A message behind the first failure of its batch: what happened upstream stays true, everything else waits its turn."""
    if isinstance(answered.outcome, Receipt):
        return _delivered(answered, answered.outcome, scene)
    if isinstance(answered.outcome, OutcomeUnknown):
        return _judge(answered, scene)
    return _Verdict(answered, None, None)


def _decision(answered: Answered, outcome: DeliveryError | RetryDecision, scene: Scene) -> RetryDecision:
    if isinstance(outcome, RetryDecision):
        return outcome
    claimed, line = answered.claimed, scene.line
    history = History(
        attempts=claimed.attempts,
        first_attempt_at=claimed.first_attempt_at or scene.started,
        deadline=answered.deadline,
        skippable=line.traits(claimed.operation).skippable,
        doubtful=claimed.doubtful,
        open_until=scene.open_until,
    )
    judge = retry.enquire_again if answered.asked else retry.decide
    return judge(outcome, history, line.settings.retry, scene.clock)


def _delivered(answered: Answered, receipt: Receipt, scene: Scene) -> _Verdict:
    claimed, exchange = answered.claimed, receipt.exchange
    kept = KeptReceipt(
        reference=receipt.reference,
        at=receipt.at,
        duplicate=receipt.duplicate,
        enquired=answered.asked,
        message=receipt.message,
        http_status=exchange.http_status,
        upstream_code=exchange.upstream_code,
        findings=receipt.findings,
        request_sha256=_digest(exchange.request),
        response_sha256=_digest(exchange.response),
    )
    row = _trace(
        "delivery.delivered",
        answered,
        scene,
        reference=receipt.reference,
        duplicate=receipt.duplicate,
        upstream_code=exchange.upstream_code,
        findings=receipt.findings,
    )
    message = MessageSettlement(
        claimed.sequence, DeliveryState.DELIVERED, _attempt(answered, None, scene), encode_sorted(kept)
    )
    return _Verdict(answered, None, message, (*_repeated(answered, scene), row))


def _trace(kind: str, answered: Answered, scene: Scene, **fields: FieldValue) -> AuditWrite:
    """An audit row about one message."""
    claimed = answered.claimed
    return audit(
        kind,
        ACTOR,
        scene.claim.dossier,
        claimed.event_id,
        upstream=scene.line.code,
        operation=claimed.operation,
        delivery_id=claimed.delivery_id,
        attempts=claimed.attempts,
        **fields,
    )


def _trace_failure(answered: Answered, decision: RetryDecision, scene: Scene) -> AuditWrite:
    """The audit row of a message that was not delivered."""
    kind, reason = _AUDIT[decision.next], decision.reason_vi
    if decision.next is Next.WAIT:
        return _trace(kind, answered, scene, code=decision.code, reason=reason, due=decision.at)
    if decision.next is Next.HOLD and isinstance(answered.outcome, DeliveryError):
        findings = [finding.code for finding in answered.outcome.findings]
        return _trace(kind, answered, scene, code=decision.code, reason=reason, findings=findings)
    return _trace(kind, answered, scene, code=decision.code, reason=reason)


def _repeated(answered: Answered, scene: Scene) -> tuple[AuditWrite, ...]:
    """The audit row of a delivery that was sent again in doubt: every repeat is counted and shown (delivery-engine 4.6)."""
    if not answered.repeat_vi:
        return ()
    return (_trace("delivery.repeated", answered, scene, reason=answered.repeat_vi),)


def _attempt(answered: Answered, decision: RetryDecision | None, scene: Scene) -> AttemptWrite:
    """The attempt as it is kept."""
    outcome = answered.outcome
    exchange = Exchange() if isinstance(outcome, RetryDecision) else outcome.exchange
    return AttemptWrite(
        started=scene.started,
        ended=scene.clock.now(),
        outcome=_code(answered),
        http_status=exchange.http_status,
        upstream_code=exchange.upstream_code,
        detail_vi=" ".join(filter(None, (answered.repeat_vi, decision.reason_vi if decision is not None else ""))),
        request=exchange.request,
        response=exchange.response,
    )


def _code(answered: Answered) -> str:
    """The attempt's outcome: `delivered`, `duplicate` or `enquired_done`; else the stable code of the error or decision."""
    outcome = answered.outcome
    if not isinstance(outcome, Receipt):
        return outcome.code
    if answered.asked:
        return "enquired_done"
    return "duplicate" if outcome.duplicate else "delivered"


def _reason(outcome: DeliveryError | RetryDecision, decision: RetryDecision) -> str:
    """The reason for people, with every finding of a refused message by its place."""
    if isinstance(outcome, RetryDecision) or not outcome.findings:
        return decision.reason_vi[:_LONGEST_REASON]
    faults = "; ".join(f"{finding.pointer}: {finding.message_vi}" for finding in outcome.findings)
    return f"{decision.reason_vi} ({faults})"[:_LONGEST_REASON]


def _count(answered: Answered, message: MessageSettlement, scene: Scene) -> Settled:
    claimed = answered.claimed
    return Settled(
        scene.line.code,
        claimed.operation,
        message.state,
        _code(answered),
        claimed.accepted_at,
        scene.clock.now(),
        repeated=bool(answered.repeat_vi),
    )


def _digest(body: bytes) -> str:
    """SHA-256 in hex; empty when nothing was sent or answered."""
    return hashlib.sha256(body).hexdigest() if body else ""
