"""The lanes of the memory journal: append, claim, settle and order, as delivery-engine 4 says it, without SQL.

Whatever may be refused is checked before anything changes, because there is no transaction to roll back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.journal.books import JournalFault, row_digest, sha256
from gateway.journal.lanes import HELD_VI, lane_id
from gateway.journal.memory_rows import Entry, Lane, MemoryStore, Message
from gateway.journal.model import (
    AttemptRow,
    AttemptWrite,
    Claim,
    ClaimedDelivery,
    DeliveryState,
    LaneOrder,
    MessageSettlement,
    NewDelivery,
    Ordered,
    OrderKind,
    Settlement,
    UpstreamOrder,
)
from mappings.codec import decode, encode

_BATCHABLE = frozenset({DeliveryState.READY, DeliveryState.WAITING})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dispatcher asks for."""

    upstream: str
    limit: int
    batch: Mapping[str, int]
    now: datetime
    lease_until: datetime


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
        )
        lane = entry.store.lanes.setdefault(
            lane_id(delivery.upstream, about), Lane(delivery.upstream, about, legal_due=delivery.legal_due)
        )
        lane.legal_due = delivery.legal_due or lane.legal_due
        _push(entry, lane, message)


def _push(entry: Entry, lane: Lane, message: Message) -> None:
    """An idle lane wakes up: its message is due at once, or held when the lane was stopped."""
    message.seq = len(lane.messages) + 1
    if lane.head is None and lane.block_reason:
        message.state, message.hold_reason = DeliveryState.HELD, lane.block_reason
    elif lane.head is None:
        lane.due = entry.now
    lane.messages.append(message)


def claim(entry: Entry, wanted: Wanted) -> tuple[Claim, ...]:
    """Lease up to `limit` lanes: first those whose lease ran out, then those due, oldest first."""
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
    due = [(lane.due, lane.number) for lane in lanes if lane.due and lane.due <= wanted.now]
    claims += [_lease(entry.store.lanes[number], wanted) for _, number in sorted(due)[: wanted.limit - len(claims)]]
    return tuple(claims)


def set_back(lanes: Iterable[Lane], by: timedelta, now: datetime) -> None:
    """Let what waits follow a wall clock that was set back."""
    for lane in lanes:
        if lane.due is not None and lane.due > now:
            lane.due = max(lane.due - by, now)


def _doubt(lane: Lane, now: datetime) -> None:
    """The sender fell silent: what it was sending may have arrived, and a hold ordered meanwhile holds."""
    for message in lane.sending:
        message.state, message.doubtful = DeliveryState.UNKNOWN, True
    _come_to_rest(lane, now)


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
    _come_to_rest(lane, _due(entry, lane, settlement, sent))
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
    message.hold_reason = (settlement.block_reason or HELD_VI) if held else ""
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
        write.upstream_code,
        write.detail_vi,
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


def _come_to_rest(lane: Lane, due: datetime) -> None:
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


def order(entry: Entry, wanted: LaneOrder, now: datetime) -> Ordered:
    """Carry out a person's order; with nothing to do nothing is written, not even the audit rows."""
    if (told := entry.taken_before(wanted.signed)) is not None:
        return decode(told, Ordered)
    lane = entry.store.lanes.get(lane_id(wanted.upstream, wanted.dossier))
    if lane is None:
        return Ordered(False, "Không có luồng giao nhận nào của hồ sơ này tới hệ thống này")
    if wanted.kind is OrderKind.HOLD:
        outcome = _hold(lane, wanted.reason or HELD_VI)
    elif wanted.kind is OrderKind.RELEASE:
        outcome = _release(lane, wanted, now)
    elif wanted.kind is OrderKind.SKIP:
        outcome = _skip(lane, wanted.delivery_id, now)
    else:
        outcome = _replay(entry, lane, wanted.delivery_id)
    if outcome.done:
        entry.prove(wanted.signed, encode(outcome))
        for row in wanted.audit:
            entry.audit(row)
        what = (wanted.upstream, wanted.dossier, wanted.actor, wanted.reason, outcome.delivery_id)
        entry.leaf(row_digest("order", wanted.kind.value, *what))
    return outcome


def switch(entry: Entry, wanted: UpstreamOrder) -> Ordered:
    """Pause or resume upstreams as a person decided: their rows, the trail and the proof, bound by one leaf."""
    if (told := entry.taken_before(wanted.signed)) is not None:
        return decode(told, Ordered)
    outcome = Ordered(True, wanted.message_vi)
    entry.prove(wanted.signed, encode(outcome))
    for row in wanted.rows:
        entry.store.upstreams[row.upstream] = row
    for write in wanted.audit:
        entry.audit(write)
    entry.leaf(*(row_digest("upstream", row.upstream, row.breaker_state, row.paused) for row in wanted.rows))
    return outcome


def _hold(lane: Lane, reason: str) -> Ordered:
    head = lane.head
    named = head.delivery_id if head else ""
    if lane.block_reason:
        return Ordered(False, f"Luồng đã dừng từ trước: {lane.block_reason}", named)
    if lane.lease_until is not None:
        lane.hold_reason = reason
        return Ordered(True, "Một thông điệp đang được gửi; luồng sẽ dừng ngay khi có kết quả", named)
    lane.due, lane.block_reason = None, reason
    if head is None:
        return Ordered(True, "Luồng đang rỗng; thông điệp tới sẽ bị giữ lại")
    head.state, head.hold_reason = DeliveryState.HELD, reason
    return Ordered(True, "Đã dừng luồng", named)


def _release(lane: Lane, wanted: LaneOrder, now: datetime) -> Ordered:
    head = lane.head
    if lane.lease_until is not None:
        done, lane.hold_reason = bool(lane.hold_reason), ""
        message_vi = "Đã bỏ lệnh dừng luồng" if done else "Một thông điệp đang được gửi; không có gì để mở"
        return Ordered(done, message_vi, head.delivery_id if head else "")
    if head is None:
        done, lane.block_reason = bool(lane.block_reason), ""
        return Ordered(done, "Đã mở luồng; thông điệp tới sẽ được gửi" if done else "Luồng không có gì đang chờ")
    if head.state is DeliveryState.READY and lane.due is not None and lane.due <= now:
        return Ordered(False, "Luồng không bị giữ; thông điệp sắp được gửi", head.delivery_id)
    if head.state is DeliveryState.HELD or not head.doubtful:
        head.state = DeliveryState.UNKNOWN if head.doubtful else DeliveryState.READY
        head.hold_reason, head.attempts, head.unsettled, head.first_attempt_at = "", 0, 0, None
    ended = (attempt.ended + wanted.doubt_rest for attempt in head.history if head.doubtful)
    lane.due, lane.block_reason = max((now, *ended)), ""
    doubt = "; sẽ tra cứu kết quả trước khi gửi lại" if head.doubtful else ""
    return Ordered(True, f"Đã mở luồng{doubt}", head.delivery_id)


def _skip(lane: Lane, delivery_id: str, now: datetime) -> Ordered:
    head = lane.head
    if head is None or head.state is not DeliveryState.HELD:
        return Ordered(False, "Chỉ bỏ qua được thông điệp đang bị giữ ở đầu luồng")
    if delivery_id and delivery_id != head.delivery_id:
        return Ordered(False, f"Thông điệp đang bị giữ ở đầu luồng là {head.delivery_id}", head.delivery_id)
    head.state = DeliveryState.REFUSED
    _come_to_rest(lane, now)
    return Ordered(True, "Đã bỏ qua thông điệp; luồng đi tiếp", head.delivery_id)


def _replay(entry: Entry, lane: Lane, delivery_id: str) -> Ordered:
    wanted = next((message for message in lane.messages if message.delivery_id == delivery_id), None)
    if wanted is None:
        return Ordered(False, "Không có thông điệp này trong luồng")
    if not wanted.terminal:
        return Ordered(False, f"Thông điệp chưa kết thúc ({wanted.state}); không gửi lại được")
    name = (wanted.source, wanted.event_id, wanted.operation)
    copy = 1 + max(m.copy for m in lane.messages if (m.source, m.event_id, m.operation) == name)
    original = delivery_id.rpartition(":r")[0] if wanted.copy else delivery_id
    again = Message(
        0, f"{original}:r{copy}", wanted.operation, wanted.event_id, wanted.source, wanted.payload, entry.now,
        DeliveryState.READY, copy,
    )  # fmt: skip
    _push(entry, lane, again)
    return Ordered(True, "Đã xếp thông điệp vào cuối luồng để gửi lại", again.delivery_id)
