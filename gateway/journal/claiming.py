"""Claim: due lanes are leased with their head messages; leases that ran out are taken back by the same call (F3, F4).

One indexed scan finds them, so the cost depends on what is claimed and never on what is blocked (F10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.clock import from_micros
from gateway.journal import lanes
from gateway.journal.books import Books, Row
from gateway.journal.model import Claim, ClaimedDelivery, DeliveryState
from gateway.journal.sealing import SealBroken, Stored
from mappings.codec import decode

_BATCHABLE = frozenset({DeliveryState.READY, DeliveryState.WAITING})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dispatcher asks for; times in µs. `batch` names how many messages of an operation one call may carry."""

    upstream: str
    limit: int
    batch: Mapping[str, int]
    now: int
    lease_until: int


def claim(books: Books, wanted: Wanted) -> tuple[Claim, ...]:
    """Lease up to `limit` lanes: first those whose lease ran out, then those due, oldest first."""
    books.run("claim.cut", wanted.upstream, 2 * wanted.lease_until - wanted.now)
    expired = books.rows("claim.expired", wanted.upstream, wanted.now, wanted.limit)
    claims = [claim for row in expired if (claim := _reclaim(books, lanes.Lane(*row), wanted)) is not None]
    due = books.rows("claim.due", wanted.upstream, wanted.now, wanted.limit - len(claims))
    claims += [claim for row in due if (claim := _lease(books, lanes.Lane(*row), wanted)) is not None]
    return tuple(claims)


def _reclaim(books: Books, lane: lanes.Lane, wanted: Wanted) -> Claim | None:
    """Take back a lane whose sender fell silent: what it was sending is in doubt, and a hold ordered meanwhile holds."""
    for _ in books.rows("claim.sending", lane.lane_id, lane.head_seq):
        books.move(lane.upstream, DeliveryState.SENDING.value, DeliveryState.UNKNOWN)
    books.run("claim.doubt", lane.lane_id, lane.head_seq)
    if lane.hold_reason:
        lanes.come_to_rest(books, lane, lanes.Rest(wanted.now, lane.memory))
        return None
    return _lease(books, lane, wanted)


def _lease(books: Books, lane: lanes.Lane, wanted: Wanted) -> Claim | None:
    number = lane.lane_id
    most = max((1, *wanted.batch.values()))
    rows = books.rows("claim.messages", number, lane.head_seq, min(most, lane.next_seq - lane.head_seq))
    chosen = _contiguous(rows, wanted.batch)
    deliveries = _open(books, lane.dossier, chosen)
    if not deliveries:
        _hold_broken(books, lane, wanted)
        return None
    del chosen[len(deliveries) :]
    books.run("claim.lane", number, wanted.lease_until, books.author.writer)
    for row in chosen:
        books.run("claim.send", number, row[0], wanted.now)
        books.move(lane.upstream, row[5], DeliveryState.SENDING)
    return Claim(
        lane_id=number,
        upstream=lane.upstream,
        dossier=lane.dossier,
        epoch=lane.epoch + 1,
        lease_until=from_micros(wanted.lease_until),
        memory=decode(lane.memory.encode(), dict[str, str]),
        deliveries=deliveries,
    )


def _open(books: Books, dossier: str, rows: list[Row]) -> tuple[ClaimedDelivery, ...]:
    """The messages up to the first whose payload cannot be opened."""
    opened: list[ClaimedDelivery] = []
    for row in rows:
        try:
            opened.append(_claimed(books, dossier, row))
        except SealBroken:
            break
    return tuple(opened)


def _hold_broken(books: Books, lane: lanes.Lane, wanted: Wanted) -> None:
    """A payload that cannot be opened stops its own lane and no other."""
    head = lanes.head_of(books, lane)
    if head is not None:
        lanes.hold(books, lane, head, SealBroken.__doc__ or "")
    lanes.come_to_rest(books, lane, lanes.Rest(wanted.now, lane.memory))


def _contiguous(rows: list[Row], batch: Mapping[str, int]) -> list[Row]:
    """The head, and the READY messages of its operation right behind it; a doubtful head comes alone."""
    head = rows[0]
    if head[5] not in _BATCHABLE or head[6]:
        return [head]
    chosen = [head]
    for row in rows[1 : batch.get(head[4], 1)]:
        if row[4] != head[4] or row[5] != DeliveryState.READY or row[0] != chosen[-1][0] + 1:
            break
        chosen.append(row)
    return chosen


def _claimed(books: Books, dossier: str, row: Row) -> ClaimedDelivery:
    seq, delivery_id, source, key, kind, _state, doubtful, attempts, unsettled, accepted_at, first, ref, *where = row
    return ClaimedDelivery(
        delivery_id=delivery_id,
        sequence=seq,
        operation=kind,
        event_id=key,
        source=source,
        attempts=attempts + 1,
        doubtful=bool(doubtful),
        accepted_at=from_micros(accepted_at),
        first_attempt_at=None if first is None else from_micros(first),
        payload=books.opened(dossier, f"payload/{ref}", Stored(*where)),
        unsettled=unsettled,
    )
