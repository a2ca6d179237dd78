"""The lanes of the memory journal: append, claim and settle, as delivery-engine 4 says it, without SQL.

Whatever may be refused is checked before anything changes, because there is no transaction to roll back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.journal.books import JournalFault, row_digest, sha256, storable
from gateway.journal.lanes import HELD_VI, lane_id
from gateway.journal.memory_rows import Entry, Lane, MemoryStore, Message
from gateway.journal.model import (
    AttemptRow,
    AttemptWrite,
    Claim,
    ClaimedDelivery,
    DeliveryState,
    MessageSettlement,
    NewDelivery,
    Settlement,
)
from gateway.journal.pressing import Shares, first, legal_day
from gateway.journal.superseding import Older, superseded

_BATCHABLE = frozenset({DeliveryState.READY, DeliveryState.WAITING})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dispatcher asks for."""

    upstream: str
    limit: int
    batch: Mapping[str, int]
    now: datetime
    lease_until: datetime
    shares: Shares


def known(store: MemoryStore, delivery: NewDelivery) -> bool:
    """Whether this event's operation has its message already; a replay is not counted."""
    return any(
        (message.source, message.event_id, message.operation, message.copy)
        == (delivery.source, delivery.event_id, delivery.operation, 0)
        for lane in store.lanes_to(delivery.upstream)
        for message in lane.messages
    )


def check_new(store: MemoryStore, deliveries: Sequence[NewDelivery], carrying: Mapping[tuple[str, str], bytes]) -> None:
    """Raises `JournalFault` for a delivery whose event carries nothing, or that exists; `carrying` is what is stored with it."""
    names = set()
    for delivery in deliveries:
        event = (delivery.source, delivery.event_id)
        stored = store.inbound.get(event)
        if not (delivery.content or carrying.get(event, stored.carried if stored else b"")):
            raise JournalFault(f"delivery {delivery.delivery_id} belongs to an event that carries nothing")
        name = (*event, delivery.upstream, delivery.operation)
        if name in names or known(store, delivery):
            raise JournalFault(f"delivery {delivery.delivery_id} exists already")
        names.add(name)


def append(entry: Entry, dossier: str, deliveries: Iterable[NewDelivery]) -> None:
    """Append the deliveries to their lanes, in order; lanes in order of their dossiers and upstreams."""
    for delivery in sorted(deliveries, key=lambda wanted: (wanted.dossier or dossier, wanted.upstream)):
        carried = delivery.content or entry.store.inbound[delivery.source, delivery.event_id].carried
        about = delivery.dossier or dossier
        message = Message(
            0,
            delivery.delivery_id,
            delivery.operation,
            delivery.event_id,
            delivery.source,
            carried,
            entry.now,
            DeliveryState.READY,
            replaceable=delivery.replaceable,
        )
        lane = entry.store.lanes.setdefault(
            lane_id(delivery.upstream, about), Lane(delivery.upstream, about, legal_due=delivery.legal_due)
        )
        lane.legal_due = delivery.legal_due or lane.legal_due
        push(entry, lane, message)
        if delivery.supersedes:
            _supersede(entry, lane, message)


def _supersede(entry: Entry, lane: Lane, newer: Message) -> None:
    """Older ones of its operation that were never tried, and may be replaced, make room once one was acknowledged."""
    same = [message for message in lane.messages if message.operation == newer.operation and message is not newer]
    if not any(message.state is DeliveryState.DELIVERED for message in same):
        return
    for message in same:
        if message.replaceable and message.state is DeliveryState.READY and not message.attempts:
            message.state, message.superseded_by = DeliveryState.SUPERSEDED, newer.delivery_id
            older = Older(message.delivery_id, message.event_id, message.operation)
            entry.audit(superseded(lane.upstream, lane.dossier, older, newer.delivery_id))


def push(entry: Entry, lane: Lane, message: Message) -> None:
    """An idle lane wakes up: its message is due at once, or held when the lane was stopped."""
    message.seq = len(lane.messages) + 1
    if lane.head is None and lane.block_reason:
        message.state, message.hold_reason = DeliveryState.HELD, lane.block_reason
    elif lane.head is None:
        lane.due = entry.now
    lane.messages.append(message)


def claim(entry: Entry, wanted: Wanted) -> tuple[Claim, ...]:
    """Lease up to `limit` lanes: first those whose lease ran out, then those due (`journal.pressing`)."""
    lanes = entry.store.lanes_to(wanted.upstream)
    for lane in lanes:
        lane.lease_until = lane.lease_until and min(
            lane.lease_until, wanted.lease_until + (wanted.lease_until - wanted.now)
        )
    expired = [(lane.lease_until, lane.number) for lane in lanes if lane.lease_until and lane.lease_until <= wanted.now]
    claims: list[Claim] = []
    for _, number in sorted(expired)[: wanted.limit]:
        lane = entry.store.lanes[number]
        _doubt(lane, wanted.now)
        if lane.due is not None:
            claims.append(_lease(lane, wanted))
    claims += [_lease(lane, wanted) for lane in _ready(lanes, wanted, wanted.limit - len(claims))]
    for claim_ in claims:
        entry.store.lanes[claim_.lane_id].owner = entry.writer
    return tuple(claims)


def _ready(lanes: Sequence[Lane], wanted: Wanted, limit: int) -> list[Lane]:
    """Up to `limit` lanes that are due, oldest first; where more are ready, the most pressing and a share by age."""
    ready = sorted((lane.due, lane.number) for lane in lanes if lane.due and lane.due <= wanted.now)
    if len(ready) < limit:
        chosen = ready
    else:
        days = {lane.number: legal_day(lane.legal_due) for lane in lanes}
        by_day = sorted(ready, key=lambda known: (days[known[1]], known))
        chosen = first(by_day, ready, limit, wanted.shares.by_age(wanted.upstream, limit))
    by_number = {lane.number: lane for lane in lanes}
    return [by_number[number] for _, number in chosen]


def set_back(lanes: Iterable[Lane], by: timedelta, now: datetime) -> None:
    """Let what waits follow a wall clock that was set back."""
    for lane in lanes:
        if lane.due is not None and lane.due > now:
            lane.due = max(lane.due - by, now)


def _doubt(lane: Lane, now: datetime) -> None:
    """The sender fell silent: what it was sending may have arrived, and a hold ordered meanwhile holds."""
    for message in lane.sending:
        message.state, message.doubtful = DeliveryState.UNKNOWN, True
    come_to_rest(lane, now)


def _lease(lane: Lane, wanted: Wanted) -> Claim:
    chosen = _contiguous(lane.waiting, wanted.batch)
    deliveries = tuple(_claimed(message) for message in chosen)
    for message in chosen:
        message.prior, message.state = message.state, DeliveryState.SENDING
        message.attempts += 1
        message.unsettled += 1
        message.first_attempt_at = message.first_attempt_at or wanted.now
    lane.due, lane.lease_until, lane.epoch = None, wanted.lease_until, lane.epoch + 1
    return Claim(
        lane.number, lane.upstream, lane.dossier, lane.epoch, wanted.lease_until, dict(lane.memory), deliveries
    )


def _contiguous(waiting: Sequence[Message], batch: Mapping[str, int]) -> list[Message]:
    """The head, and the READY messages of its operation right behind it; a doubtful head comes alone."""
    head = waiting[0]
    chosen = [head]
    if head.state in _BATCHABLE and not head.doubtful:
        for message in waiting[1 : batch.get(head.operation, 1)]:
            follows = message.seq == chosen[-1].seq + 1 and message.operation == head.operation
            if not follows or message.state is not DeliveryState.READY:
                break
            chosen.append(message)
    return chosen


def _claimed(message: Message) -> ClaimedDelivery:
    return ClaimedDelivery(
        delivery_id=message.delivery_id,
        sequence=message.seq,
        operation=message.operation,
        event_id=message.event_id,
        source=message.source,
        attempts=message.attempts + 1,
        doubtful=message.doubtful,
        accepted_at=message.accepted_at,
        first_attempt_at=message.first_attempt_at,
        payload=message.payload,
        unsettled=message.unsettled,
    )


def settle(entry: Entry, settlement: Settlement) -> bool:
    """Record what came of a claim; False, and nothing changed, when its epoch has moved on or it was settled already."""
    lane = entry.store.lanes.get(settlement.lane_id)
    if lane is None or lane.epoch != settlement.epoch or lane.lease_until is None:
        return False
    sent = lane.sending
    named = {message.sequence: message for message in settlement.messages}
    _check(sent, named)
    follow_ups = [delivery for delivery in dict.fromkeys(settlement.follow_ups) if not known(entry.store, delivery)]
    check_new(entry.store, follow_ups, {})
    for message in sent:
        _settle_message(entry, lane, message, named.get(message.seq), settlement)
    lane.memory |= settlement.memory
    come_to_rest(lane, _due(entry, lane, settlement, sent))
    append(entry, lane.dossier, follow_ups)
    for row in settlement.audit:
        entry.audit(row)
    entry.leaf(row_digest("settle", lane.number, lane.upstream, lane.dossier, lane.epoch))
    return True


def _check(sent: Sequence[Message], named: Mapping[int, MessageSettlement]) -> None:
    seqs = {message.seq for message in sent}
    for sequence, message in named.items():
        if sequence not in seqs:
            raise JournalFault(f"message {sequence} is not part of this claim")
        if message.state is DeliveryState.SENDING:
            raise JournalFault(f"{message.state} settles nothing")


def _settle_message(
    entry: Entry, lane: Lane, message: Message, named: MessageSettlement | None, settlement: Settlement
) -> None:
    receipt = b"" if named is None else named.receipt
    message.receipt = receipt or message.receipt
    if named is not None and named.attempt is not None:
        n = len(message.history) + 1
        message.history.append(_attempt(n, named.attempt))
    message.state = message.prior if named is None else named.state
    held = message.state is DeliveryState.HELD
    decided = named is not None and named.person_decides
    message.doubtful = message.state is DeliveryState.UNKNOWN or (message.doubtful and held and not decided)
    message.hold_reason = (storable(settlement.block_reason) or HELD_VI) if held else ""
    message.unsettled = 0
    if settlement.give_back:
        message.attempts -= 1
        if not message.attempts:
            message.first_attempt_at = None


def _attempt(n: int, write: AttemptWrite) -> AttemptRow:
    return AttemptRow(
        n,
        write.started,
        write.ended,
        write.outcome,
        write.http_status,
        storable(write.upstream_code),
        storable(write.detail_vi),
        sha256(write.request).hex(),
        sha256(write.response).hex(),
    )


def _due(entry: Entry, lane: Lane, settlement: Settlement, sent: Sequence[Message]) -> datetime:
    """A head that still waits is due as settled; a new head at once, unless it was part of the claim and waits too."""
    head = lane.head
    if head is None or settlement.next_due is None:
        return entry.now
    tried = {sent[0].seq, *(message.sequence for message in settlement.messages)}
    return settlement.next_due if head.state is not DeliveryState.READY or head.seq in tried else entry.now


def come_to_rest(lane: Lane, due: datetime) -> None:
    """The lease ends and the lane gets its next step: idle, a due time, or a person."""
    head, ordered = lane.head, lane.hold_reason
    lane.due, lane.lease_until, lane.hold_reason, lane.block_reason = None, None, "", ""
    if head is None:
        lane.block_reason = ordered
        return
    if ordered and head.state is not DeliveryState.HELD:
        head.state, head.hold_reason = DeliveryState.HELD, ordered
    if head.state is DeliveryState.HELD:
        lane.block_reason = head.hold_reason or HELD_VI
    else:
        lane.due = due
