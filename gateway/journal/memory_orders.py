"""What a person decides about a lane of the memory journal, without SQL; with nothing to do, nothing changes."""

from __future__ import annotations

from datetime import datetime

from gateway.journal.books import row_digest
from gateway.journal.lanes import HELD_VI, lane_id
from gateway.journal.memory_lanes import come_to_rest, push
from gateway.journal.memory_rows import Entry, Lane, Message
from gateway.journal.model import DeliveryState, LaneOrder, Ordered, OrderKind
from mappings.codec import decode, encode


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
        head.replaceable = False
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
    come_to_rest(lane, now)
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
    push(entry, lane, again)
    return Ordered(True, "Đã xếp thông điệp vào cuối luồng để gửi lại", again.delivery_id)
