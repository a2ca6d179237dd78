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
from gateway.journal.pressing import Shares, first
from gateway.journal.sealing import SealBroken, Stored
from gateway.journal.swept import Floors, Swept
from mappings.codec import decode

_BATCHABLE = frozenset({DeliveryState.READY, DeliveryState.WAITING})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dispatcher asks for; times in µs. `batch` names how many messages of an operation one call may carry, `shares`
    how many of the lanes are taken by age alone, `swept` how far this node has looked (None: where nothing dead is in the way).
    """

    upstream: str
    limit: int
    batch: Mapping[str, int]
    now: int
    lease_until: int
    shares: Shares
    swept: Swept | None = None


def claim(books: Books, wanted: Wanted) -> tuple[Claim, ...]:
    """Lease up to `limit` lanes: first those whose lease ran out, then those due (`journal.pressing`)."""
    books.run("claim.cut", wanted.upstream, 2 * wanted.lease_until - wanted.now)
    floors = Floors() if wanted.swept is None else wanted.swept.floors(wanted.upstream, wanted.now)
    ended = books.rows("claim.expired", wanted.upstream, wanted.now, wanted.limit, floors.lease)
    expired = [lanes.Lane(*row) for row in ended]
    claims = [claim for lane in expired if (claim := _reclaim(books, lane, wanted)) is not None]
    limit = wanted.limit - len(claims)
    oldest = [lanes.Lane(*row) for row in books.rows("claim.due", wanted.upstream, wanted.now, limit, floors.due)]
    if wanted.swept is not None:
        # Who was not asked for a lane has seen nothing.
        until = Floors(wanted.now if limit > 0 else floors.due, wanted.now if wanted.limit > 0 else floors.lease)
        wanted.swept.saw(wanted.upstream, wanted.now, floors, _earliest(oldest, expired, until))
    due = oldest if len(oldest) < limit else _pressing(books, wanted, oldest, floors)
    books.soon([("claim.messages", _messages_of(lane, wanted)) for lane in due])
    claims += [claim for lane in due if (claim := _lease(books, lane, wanted)) is not None]
    return tuple(claims)


def _earliest(oldest: list[lanes.Lane], expired: list[lanes.Lane], until: Floors) -> Floors:
    """The earliest that was found of either, `until` where nothing was; below there is nothing."""
    dues = (lane.due for lane in oldest if lane.due is not None)
    ends = (lane.lease_until for lane in expired if lane.lease_until is not None)
    return Floors(min(dues, default=until.due), min(ends, default=until.lease))


def _pressing(books: Books, wanted: Wanted, oldest: list[lanes.Lane], floors: Floors) -> list[lanes.Lane]:
    """As many lanes as there are `oldest`. Only where more are ready than a claim may have it matters who goes first."""
    limit = len(oldest)
    found = books.rows("claim.pressing", wanted.upstream, wanted.now, limit, floors.due)
    return first([lanes.Lane(*row) for row in found], oldest, limit, wanted.shares.by_age(wanted.upstream, limit))


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
    rows = books.rows("claim.messages", *_messages_of(lane, wanted))
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


def _messages_of(lane: lanes.Lane, wanted: Wanted) -> tuple[object, ...]:
    """The lane's number, its head, and how many messages one call may carry at most."""
    most = max((1, *wanted.batch.values()))
    return lane.lane_id, lane.head_seq, min(most, lane.next_seq - lane.head_seq)


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
