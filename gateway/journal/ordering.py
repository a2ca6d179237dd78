"""Order: what a person decides about a lane. Reasons are shown, audited, and bound by a leaf."""

from __future__ import annotations

from dataclasses import replace

from gateway.journal import lanes, reading
from gateway.journal.accepting import prove, taken_before
from gateway.journal.books import Books, micros, row_digest
from gateway.journal.lanes import Head, Lane
from gateway.journal.model import (
    TERMINAL,
    DeliveryState,
    LaneOrder,
    Ordered,
    OrderKind,
    UpstreamOrder,
    UpstreamRow,
)
from mappings.codec import decode, encode

_NO_LANE = "Không có luồng giao nhận nào của hồ sơ này tới hệ thống này"


def order(books: Books, wanted: LaneOrder, now: int) -> Ordered:
    """Carry out an order at `now` (µs); with nothing to do nothing is written, not even the audit rows."""
    if (told := taken_before(books, wanted.signed)) is not None:
        return decode(told, Ordered)
    lane = lanes.named(books, wanted.upstream, wanted.dossier)
    if lane is None:
        return Ordered(False, _NO_LANE)
    books.dossier = wanted.dossier
    head = lanes.head_of(books, lane)
    if wanted.kind is OrderKind.HOLD:
        outcome = _hold(books, lane, head, wanted)
    elif wanted.kind is OrderKind.RELEASE:
        outcome = _release(books, lane, head, wanted, now)
    elif wanted.kind is OrderKind.SKIP:
        outcome = _skip(books, lane, head, wanted, now)
    else:
        outcome = _replay(books, lane, wanted)
    if outcome.done:
        prove(books, wanted.signed, encode(outcome))
        for row in wanted.audit:
            books.audit(row)
        books.chain_leaf(
            row_digest(
                "order",
                wanted.kind.value,
                wanted.upstream,
                wanted.dossier,
                wanted.actor,
                wanted.reason,
                outcome.delivery_id,
            )
        )
    return outcome


def _hold(books: Books, lane: Lane, head: Head | None, wanted: LaneOrder) -> Ordered:
    reason = wanted.reason or lanes.HELD_VI
    if lane.block_reason:
        return Ordered(False, f"Luồng đã dừng từ trước: {lane.block_reason}", head.delivery_id if head else "")
    if head is None:
        books.run("order.block", lane.lane_id, reason)
        return Ordered(True, "Luồng đang rỗng; thông điệp tới sẽ bị giữ lại")
    if lane.lease_until is not None:
        books.run("order.hold_later", lane.lane_id, reason)
        return Ordered(True, "Một thông điệp đang được gửi; luồng sẽ dừng ngay khi có kết quả", head.delivery_id)
    lanes.hold(books, lane, head, reason)
    books.run("order.block", lane.lane_id, reason)
    return Ordered(True, "Đã dừng luồng", head.delivery_id)


def _release(books: Books, lane: Lane, head: Head | None, wanted: LaneOrder, now: int) -> Ordered:
    if lane.lease_until is not None:
        if not lane.hold_reason:
            return Ordered(False, "Một thông điệp đang được gửi; không có gì để mở", head.delivery_id if head else "")
        books.run("order.hold_later", lane.lane_id, "")
        return Ordered(True, "Đã bỏ lệnh dừng luồng", head.delivery_id if head else "")
    if head is None:
        if not lane.block_reason:
            return Ordered(False, "Luồng không có gì đang chờ")
        books.run("order.unblock", lane.lane_id, None)
        return Ordered(True, "Đã mở luồng; thông điệp tới sẽ được gửi")
    if head.state is DeliveryState.READY and lane.due is not None and lane.due <= now:
        return Ordered(False, "Luồng không bị giữ; thông điệp sắp được gửi", head.delivery_id)
    state = DeliveryState.UNKNOWN if head.doubtful else DeliveryState.READY
    if head.state is DeliveryState.HELD or state is DeliveryState.READY:
        books.run("order.ready", lane.lane_id, head.seq, state.value)
        books.move(lane.upstream, head.state.value, state)
    books.run("order.unblock", lane.lane_id, _asked_at(books, lane, head, wanted, now) if head.doubtful else now)
    doubt = "; sẽ tra cứu kết quả trước khi gửi lại" if head.doubtful else ""
    return Ordered(True, f"Đã mở luồng{doubt}", head.delivery_id)


def _asked_at(books: Books, lane: Lane, head: Head, wanted: LaneOrder, now: int) -> int:
    """When a head in doubt may be asked about: not before the call that left the doubt can have no effect any more."""
    row = books.one("order.last_end", lane.lane_id, head.seq)
    ended = row[0] if row is not None and row[0] is not None else 0
    return max(now, int(ended) + round(wanted.doubt_rest.total_seconds() * 1_000_000))


def _skip(books: Books, lane: Lane, head: Head | None, wanted: LaneOrder, now: int) -> Ordered:
    if head is None or head.state is not DeliveryState.HELD:
        return Ordered(False, "Chỉ bỏ qua được thông điệp đang bị giữ ở đầu luồng")
    if wanted.delivery_id and wanted.delivery_id != head.delivery_id:
        return Ordered(False, f"Thông điệp đang bị giữ ở đầu luồng là {head.delivery_id}", head.delivery_id)
    books.run("order.refuse", lane.lane_id, head.seq)
    books.move(lane.upstream, head.state.value, DeliveryState.REFUSED)
    lanes.come_to_rest(books, lane, lanes.Rest(now, lane.memory))
    return Ordered(True, "Đã bỏ qua thông điệp; luồng đi tiếp", head.delivery_id)


def _replay(books: Books, lane: Lane, wanted: LaneOrder) -> Ordered:
    row = books.one("order.find", lane.lane_id, wanted.delivery_id)
    if row is None:
        return Ordered(False, "Không có thông điệp này trong luồng")
    state, source, key, kind, copy, req_hash, payload_ref = row
    if DeliveryState(state) not in TERMINAL:
        return Ordered(False, f"Thông điệp chưa kết thúc ({state}); không gửi lại được")
    books.name_again(payload_ref)
    last = books.one("order.last_copy", source, key, lane.upstream, kind)
    number = 1 + (int(last[0]) if last is not None else 0)
    original = wanted.delivery_id.rpartition(":r")[0] if copy else wanted.delivery_id
    again = lanes.Fresh(f"{original}:r{number}", lane.upstream, kind, source, key, payload_ref, req_hash, copy=number)
    lanes.append(books, lane.dossier, [again])
    return Ordered(True, "Đã xếp thông điệp vào cuối luồng để gửi lại", again.delivery_id)


def switch(books: Books, wanted: UpstreamOrder) -> Ordered:
    """Pause or resume upstreams as a person decided, or keep a node's news: rows, trail and proof, bound by one leaf."""
    if (told := taken_before(books, wanted.signed)) is not None:
        return decode(told, Ordered)
    if wanted.seen is not None:
        stand = [_held(books, row.upstream).generation for row in wanted.rows]
        if stand != list(wanted.seen):
            return Ordered(False, "Trạng thái của hệ thống nhận vừa được nơi khác thay đổi")
    outcome = Ordered(True, wanted.message_vi)
    prove(books, wanted.signed, encode(outcome))
    for row in wanted.rows:
        _put(books, "upstream.pause" if wanted.seen is None else "upstream.put", row)
    for entry in wanted.audit:
        books.audit(entry)
    books.chain_leaf(*(row_digest("upstream", row.upstream, row.breaker_state, row.paused) for row in wanted.rows))
    return outcome


def remember(books: Books, row: UpstreamRow, seen: int | None) -> UpstreamRow:
    """Keep an upstream's breaker and pause, where what stands is what was seen; returns what stands."""
    stands = _held(books, row.upstream)
    if seen is not None and stands.generation != seen:
        return stands
    _put(books, "upstream.put", row)
    return replace(row, generation=stands.generation + 1)


def _put(books: Books, how: str, row: UpstreamRow) -> None:
    books.run(how, row.upstream, row.breaker_state, micros(row.breaker_open_until), row.paused)


def _held(books: Books, code: str) -> UpstreamRow:
    """What stands of an upstream, held until the end of the transaction where other nodes write too."""
    if books.one("upstream.held", code) is None:
        books.run("upstream.make", code)
    row = books.one("upstream.held", code)
    return reading.upstream_row(code, row)
