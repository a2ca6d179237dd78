"""Supersede: an older message that was never tried makes room for a newer one that says all of it (decision 0032).

Only where the operation was declared cumulative, and only once the upstream has acknowledged one of the operation: what stands
between the two (a progress row) goes out before the newer one, and may need what the first of them brought about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.journal import lanes
from gateway.journal.books import Books
from gateway.journal.model import AuditWrite, DeliveryState
from mappings.codec import encode_sorted

ACTOR = "gateway"


@dataclass(frozen=True, slots=True)
class Older:
    """What a trace says of the message that made room: its delivery, its event, its operation."""

    delivery_id: str
    event_id: str
    operation: str


def superseded(upstream: str, dossier: str, message: Older, by: str) -> AuditWrite:
    """The audit row `delivery.superseded`; the catalogue of `gateway.audit.events` lists its fields."""
    fields = {
        "attempts": 0,
        "delivery_id": message.delivery_id,
        "operation": message.operation,
        "superseded_by": by,
        "upstream": upstream,
    }
    return AuditWrite("delivery.superseded", ACTOR, dossier, message.event_id, encode_sorted(fields))


def append(books: Books, dossier: str, messages: Iterable[lanes.Fresh]) -> None:
    """Append messages of one dossier to their lanes, and take out what they say again."""
    for appended in lanes.append(books, dossier, messages):
        newer = [(appended.first + n, one) for n, one in enumerate(appended.messages) if one.supersedes]
        if appended.lane is not None and newer:
            _take_out(books, appended.lane, newer)


def _take_out(books: Books, lane: lanes.Lane, newer: Sequence[tuple[int, lanes.Fresh]]) -> None:
    """Supersede what the `newer` messages, just appended to `lane` (as it stood before), say again; the head moves on."""
    gone = {seq for at, message in newer for seq in _replace(books, lane, at, message)}
    if lane.head_seq not in gone:
        return
    head = lanes.head_of(books, lane)
    if head is not None:
        books.run("lane.advance", lane.lane_id, head.seq, head.accepted_at)


def _replace(books: Books, lane: lanes.Lane, at: int, newer: lanes.Fresh) -> list[int]:
    rows = books.rows("append.replaceable", lane.lane_id, lane.head_seq, at, newer.kind)
    if not rows or books.one("append.acknowledged", lane.lane_id, at, newer.kind) is None:
        return []
    for seq, delivery_id, event_id in rows:
        older = Older(delivery_id, event_id, newer.kind)
        books.run("append.supersede", lane.lane_id, seq, newer.delivery_id)
        books.move(lane.upstream, DeliveryState.READY.value, DeliveryState.SUPERSEDED)
        books.audit(superseded(lane.upstream, lane.dossier, older, newer.delivery_id))
    return [row[0] for row in rows]
