"""The journal in plain memory, without SQL: for unit tests, and the pure model that the model test holds the stores to.

Same answers, positions, leaves and lanes as the stores on disk; nothing is sealed, and nothing survives the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import JournalUnavailable
from gateway.journal import memory_accepting, memory_lanes, memory_orders, memory_seats
from gateway.journal.books import sha256
from gateway.journal.memory_rows import Entry, Inbound, Lane, MemoryStore, Message
from gateway.journal.model import (
    PARKED,
    Accepted,
    Beat,
    Beaten,
    Chain,
    Claim,
    Counts,
    Decide,
    DeliveryRow,
    DeliveryState,
    FeedRow,
    InboundRow,
    InboundStatus,
    Intake,
    LaneOrder,
    LaneRow,
    Leaf,
    NodeRow,
    Ordered,
    Record,
    RecordKey,
    Settlement,
    UpstreamOrder,
    UpstreamRow,
    chooser,
)
from gateway.journal.pressing import Shares
from mappings.codec import encode_sorted

T = TypeVar("T")


class MemoryJournal:
    """The `gateway.journal.store.Journal` of tests. A second one opened on the same `store` is a restart."""

    def __init__(
        self, store: MemoryStore, *, decide: Decide, chain: Chain, clock: Clock, node: str = "memory-1"
    ) -> None:
        self.store = store
        self.writer = f"{node}/{clock.new_id()}"
        self._choose, self._chain, self._clock = chooser(decide), chain, clock
        self._closed = False
        self._who = memory_seats.Beater(node, self.writer, clock.now())
        self._shares = Shares()
        self._begin_chain(node)

    def _begin_chain(self, node: str) -> None:
        """The first leaf is over a record that names the last head of every other chain."""
        heads = {leaf.writer: {"n": leaf.n, "digest": leaf.digest.hex()} for leaf in self.store.heads()}
        opening = {"writer": self.writer, "node": node, "opened_at": self._clock.now(), "heads": heads}
        state = encode_sorted(opening)
        key = RecordKey("chain_opening", self.writer)
        self.store.records[key] = Record(key, 1, state)
        self.store.newest[node] = self.writer
        self._entry().leaf(sha256(state))

    def _entry(self) -> Entry:
        return Entry(self.store, self.writer, self._chain, self._clock.now())

    async def _write(self, operation: Callable[[Entry], T]) -> T:
        """Do all of it, then let others run, as every store that waits for a disk does: a caller may be cancelled there."""
        if self._closed:
            raise JournalUnavailable(retry_after_s=1)
        outcome = operation(self._entry())
        await asyncio.sleep(0)
        return outcome

    async def _read(self) -> MemoryStore:
        if self._closed:
            raise JournalUnavailable(retry_after_s=1)
        await asyncio.sleep(0)
        return self.store

    async def accept(self, intake: Intake) -> Accepted:
        """See `Journal.accept`."""
        decide = self._choose()
        return await self._write(lambda entry: memory_accepting.accept(entry, intake, decide))

    async def claim(
        self, upstream: str, *, limit: int, batch: Mapping[str, int], lease: timedelta, now: datetime
    ) -> Sequence[Claim]:
        """See `Journal.claim`."""
        wanted = memory_lanes.Wanted(upstream, limit, batch, now, now + lease, self._shares)
        claims = await self._write(lambda entry: memory_lanes.claim(entry, wanted))
        self._shares.served(upstream, len(claims))
        return claims

    async def set_back(self, upstream: str, by: timedelta, now: datetime) -> None:
        """See `Journal.set_back`."""
        await self._write(lambda entry: memory_lanes.set_back(entry.store.lanes_to(upstream), by, now))

    async def settle(self, settlement: Settlement) -> bool:
        """See `Journal.settle`."""
        return await self._write(lambda entry: memory_lanes.settle(entry, settlement))

    async def order(self, order: LaneOrder, now: datetime) -> Ordered:
        """See `Journal.order`."""
        return await self._write(lambda entry: memory_orders.order(entry, order, now))

    async def record(self, key: RecordKey) -> Record | None:
        """See `Journal.record`."""
        return (await self._read()).records.get(key)

    async def records(self, kind: str) -> Sequence[Record]:
        """See `Journal.records`."""
        held = (await self._read()).records
        return tuple(held[key] for key in sorted(held) if key.kind == kind)

    async def records_between(self, kind: str, after: str, until: str, limit: int) -> Sequence[Record]:
        """See `Journal.records_between`."""
        held = (await self._read()).records
        found = (key for key in held if key.kind == kind and after.encode() < key.id.encode() < until.encode())
        return tuple(held[key] for key in sorted(found, key=lambda key: key.id.encode())[:limit])

    async def event(self, source: str, event_id: str) -> InboundRow | None:
        """See `Journal.event`."""
        store = await self._read()
        row = store.inbound.get((source, event_id))
        return None if row is None else _inbound_row(store, row)

    async def parked(self, limit: int = 200) -> Sequence[InboundRow]:
        """See `Journal.parked`."""
        store = await self._read()
        waiting = sorted((row for row in store.inbound.values() if row.status in PARKED), key=lambda row: row.position)
        return tuple(_inbound_row(store, row) for row in waiting[:limit])

    async def original(self, source: str, event_id: str) -> bytes | None:
        """See `Journal.original`."""
        row = (await self._read()).inbound.get((source, event_id))
        return None if row is None else row.raw

    async def events_of(self, dossier: str) -> Sequence[InboundRow]:
        """See `Journal.events_of`."""
        store = await self._read()
        rows = [row for row in store.inbound.values() if row.dossier == dossier]
        return tuple(_inbound_row(store, row) for row in sorted(rows, key=lambda row: row.position))

    async def deliveries_of(self, dossier: str, event_id: str = "") -> Sequence[DeliveryRow]:
        """See `Journal.deliveries_of`."""
        lanes = [lane for lane in (await self._read()).lanes.values() if lane.dossier == dossier]
        return tuple(
            _delivery_row(lane, message)
            for lane in sorted(lanes, key=lambda lane: lane.upstream)
            for message in lane.messages
            if event_id in ("", message.event_id)
        )

    async def lanes(
        self, *, upstream: str = "", dossier: str = "", blocked_only: bool = False, limit: int = 200
    ) -> Sequence[LaneRow]:
        """See `Journal.lanes`."""
        rows = [
            _lane_row(lane)
            for lane in (await self._read()).lanes.values()
            if upstream in ("", lane.upstream)
            and dossier in ("", lane.dossier)
            and (lane.block_reason or (lane.head is not None and not blocked_only))
        ]
        oldest_last = self._clock.now()
        rows.sort(key=lambda row: (not row.block_reason, row.depth == 0, row.oldest_accepted_at or oldest_last))
        return tuple(rows[:limit])

    async def feed(self, after: int, limit: int, *, feed_only: bool = True) -> Sequence[FeedRow]:
        """See `Journal.feed`."""
        trail = (await self._read()).trail
        return tuple(row for row, fed in trail if row.position > after and (fed or not feed_only))[:limit]

    async def counts(self) -> Counts:
        """See `Journal.counts`."""
        store = await self._read()
        messages: dict[tuple[str, DeliveryState], int] = {}
        blocked: dict[str, int] = {}
        oldest: dict[str, datetime] = {}
        for lane in store.lanes.values():
            for message in lane.messages:
                messages[lane.upstream, message.state] = messages.get((lane.upstream, message.state), 0) + 1
            if lane.block_reason:
                blocked[lane.upstream] = blocked.get(lane.upstream, 0) + 1
            if lane.head is not None:
                accepted_at = lane.head.accepted_at
                oldest[lane.upstream] = min(oldest.get(lane.upstream, accepted_at), accepted_at)
        parked = [row for row in store.inbound.values() if row.status in PARKED]
        gaps = (row.received_at for row in parked if row.status is InboundStatus.PARKED_GAP)
        return Counts(messages, blocked, oldest, len(parked), min(gaps, default=None))

    async def next_due(self, upstream: str) -> datetime | None:
        """See `Journal.next_due`."""
        lanes = (await self._read()).lanes_to(upstream)
        return min((at for lane in lanes for at in (lane.due, lane.lease_until) if at is not None), default=None)

    async def upstream(self, code: str) -> UpstreamRow:
        """See `Journal.upstream`."""
        return (await self._read()).upstreams.get(code, UpstreamRow(code))

    async def remember_upstream(self, row: UpstreamRow, seen: int | None = None) -> UpstreamRow:
        """See `Journal.remember_upstream`."""
        return await self._write(lambda entry: memory_seats.remember(entry.store, row, seen))

    async def switch(self, order: UpstreamOrder) -> Ordered:
        """See `Journal.switch`."""
        return await self._write(lambda entry: memory_seats.switch(entry, order))

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`. Several journals on one store are several nodes, and their clock is the store's."""
        return await self._write(lambda entry: memory_seats.beat(entry.store, self._who, beat, entry.now))

    async def nodes(self) -> Sequence[NodeRow]:
        """See `Journal.nodes`."""
        return memory_seats.rows(await self._read(), self._clock.now())

    async def leaves(self, writer: str = "", after: int = 0, limit: int = 1000) -> Sequence[Leaf]:
        """See `Journal.leaves`."""
        store = await self._read()
        return tuple(store.chains.get(writer, ())[after : after + limit]) if writer else store.heads()[:limit]

    async def ready(self) -> str:
        """See `Journal.ready`."""
        return "Kho dữ liệu chưa ghi được" if self._closed else ""

    async def close(self) -> None:
        """See `Journal.close`. The store stays."""
        self._closed = True


def _inbound_row(store: MemoryStore, row: Inbound) -> InboundRow:
    receipt = store.receipts.get((row.source, row.event_id))
    return InboundRow(row.known, row.received_at, b"" if receipt is None else receipt.answer)


def _delivery_row(lane: Lane, message: Message) -> DeliveryRow:
    return DeliveryRow(
        delivery_id=message.delivery_id,
        upstream=lane.upstream,
        operation=message.operation,
        dossier=lane.dossier,
        event_id=message.event_id,
        source=message.source,
        sequence=message.seq,
        state=message.state,
        accepted_at=message.accepted_at,
        receipt=message.receipt,
        attempts=tuple(message.history),
        superseded_by=message.superseded_by,
    )


def _lane_row(lane: Lane) -> LaneRow:
    head = lane.head
    return LaneRow(
        upstream=lane.upstream,
        dossier=lane.dossier,
        depth=len(lane.waiting),
        state=None if head is None else head.state,
        operation="" if head is None else head.operation,
        attempts=0 if head is None else head.attempts,
        due=lane.due,
        block_reason=lane.block_reason,
        legal_due=lane.legal_due,
        oldest_accepted_at=None if head is None else head.accepted_at,
    )
