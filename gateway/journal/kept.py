"""What both stores on disk do alike: writes are jobs of the one writer, reads see one consistent moment of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from gateway.clock import Clock, from_micros, to_micros
from gateway.errors import JournalUnavailable
from gateway.journal import accepting, claiming, ordering, reading, restoring, settling
from gateway.journal.books import Author, Pages
from gateway.journal.model import (
    Accepted,
    Beat,
    Beaten,
    Claim,
    Counts,
    Decide,
    DeliveryRow,
    FeedRow,
    InboundRow,
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
from gateway.journal.restoring import Doubted, Restored
from gateway.journal.server_clock import SPARE, ServerClock
from gateway.journal.swept import Floors, Swept
from gateway.journal.threads import Threads
from gateway.journal.writer import ACCEPT, MOST_JOBS, Ahead, Writer

T = TypeVar("T")
_READERS = 2


class Moments(Protocol):
    """How a store is looked at, in any thread: each has a connection of its own."""

    def look(self, look: Callable[[Pages], T]) -> T:
        """Run `look` on one consistent moment of the store; blocks."""
        ...

    def close(self) -> None:
        """Let go of the connections, when nobody looks any more; blocks."""
        ...


class Readers:
    """Who reads beside the writer: a few threads."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments
        self._threads = Threads("journal-reader", _READERS)

    async def read(self, look: Callable[[Pages], T]) -> T:
        """Run `look` on one consistent moment of the store; raises `JournalUnavailable`."""
        return await self._threads.run(self._moments.look, look)

    def close(self) -> None:
        """Wait for the reads under way, then let go; blocks."""
        self._threads.close()
        self._moments.close()


class KeptJournal:
    """A `gateway.journal.store.Journal` over a writer and readers; each driver opens its own."""

    doubted: Doubted | None = None
    """What this opening brought into doubt, because the store was restored to an earlier moment; None as a rule."""

    clock: Clock
    """Whose wall time is that of the store: dispatch goes by it. In the embedded form the clock of the process."""
    _time: ServerClock | None = None

    def __init__(self, writer: Writer, moments: Moments, author: Author, decide: Decide) -> None:
        self._writer, self._readers = writer, Readers(moments)
        self._author, self._choose = author, chooser(decide)
        self._opened_at = from_micros(author.now())
        self._shares = Shares()
        self._swept: Swept | None = None

    @property
    def writer(self) -> str:
        """The name of this start's evidence chain: node/start id."""
        return self._author.writer

    def grouping(self, most: int) -> None:
        """Commit at most so many operations together, 0 for as many as there is room for: benches compare the two."""
        self._writer.most_jobs = most or MOST_JOBS

    async def accept(self, intake: Intake) -> Accepted:
        """See `Journal.accept`."""
        decide = self._choose()
        ahead = Ahead((intake.dossier,) if intake.dossier else (), accepting.foreseen(intake))
        return await self._writer.submit(ACCEPT, lambda books: accepting.accept(books, intake, decide), ahead)

    async def claim(
        self, upstream: str, *, limit: int, batch: Mapping[str, int], lease: timedelta, now: datetime
    ) -> Sequence[Claim]:
        """See `Journal.claim`."""
        begun, until = to_micros(now), to_micros(now + lease) + (SPARE if self._follows() else 0)
        wanted = claiming.Wanted(upstream, limit, batch, begun, until, self._shares, self._swept)
        claims = await self._writer.submit("claim", lambda books: claiming.claim(books, wanted))
        self._shares.served(upstream, len(claims))
        return claims

    async def set_back(self, upstream: str, by: timedelta, now: datetime) -> None:
        """See `Journal.set_back`."""
        if self._follows():
            return  # what waits is counted by all nodes: no one of them may move it, least of all one after another
        values = upstream, to_micros(now), round(by.total_seconds() * 1_000_000)
        await self._writer.submit("set_back", lambda books: books.run("lane.set_back", *values))

    async def settle(self, settlement: Settlement) -> bool:
        """See `Journal.settle`."""
        return await self._writer.submit(
            "settle", lambda books: settling.settle(books, settlement), Ahead((settlement.lane_id,))
        )

    async def order(self, order: LaneOrder, now: datetime) -> Ordered:
        """See `Journal.order`."""
        # A person's desk goes by the clock of its machine: what is due by the order is due by the store's.
        ahead, at = Ahead((order.dossier,)), to_micros(self.clock.now() if self._follows() else now)
        return await self._writer.submit("order", lambda books: ordering.order(books, order, at), ahead)

    async def record(self, key: RecordKey) -> Record | None:
        """See `Journal.record`."""
        return await self._readers.read(lambda pages: reading.record(pages, key))

    async def records(self, kind: str) -> Sequence[Record]:
        """See `Journal.records`."""
        return await self._readers.read(lambda pages: reading.records(pages, kind))

    async def records_between(self, kind: str, after: str, until: str, limit: int) -> Sequence[Record]:
        """See `Journal.records_between`."""
        return await self._readers.read(lambda pages: reading.records_between(pages, kind, (after, until), limit))

    async def event(self, source: str, event_id: str) -> InboundRow | None:
        """See `Journal.event`."""
        return await self._readers.read(lambda pages: reading.event(pages, source, event_id))

    async def original(self, source: str, event_id: str) -> bytes | None:
        """See `Journal.original`."""
        return await self._readers.read(lambda pages: reading.original(pages, source, event_id))

    async def events_of(self, dossier: str) -> Sequence[InboundRow]:
        """See `Journal.events_of`."""
        return await self._readers.read(lambda pages: reading.events_of(pages, dossier))

    async def parked(self, limit: int = 200) -> Sequence[InboundRow]:
        """See `Journal.parked`."""
        return await self._readers.read(lambda pages: reading.parked(pages, limit))

    async def deliveries_of(self, dossier: str, event_id: str = "") -> Sequence[DeliveryRow]:
        """See `Journal.deliveries_of`."""
        return await self._readers.read(lambda pages: reading.deliveries_of(pages, dossier, event_id))

    async def lanes(
        self, *, upstream: str = "", dossier: str = "", blocked_only: bool = False, limit: int = 200
    ) -> Sequence[LaneRow]:
        """See `Journal.lanes`."""
        wanted = reading.LaneFilter(upstream, dossier, blocked_only, limit)
        return await self._readers.read(lambda pages: reading.lanes(pages, wanted))

    async def feed(self, after: int, limit: int, *, feed_only: bool = True) -> Sequence[FeedRow]:
        """See `Journal.feed`."""
        return await self._readers.read(lambda pages: reading.feed(pages, after, limit, feed_only))

    async def counts(self) -> Counts:
        """See `Journal.counts`."""
        return await self._readers.read(reading.counts)

    async def next_due(self, upstream: str) -> datetime | None:
        """See `Journal.next_due`."""
        floors = Floors() if self._swept is None else self._swept.known(upstream)
        return await self._readers.read(lambda pages: reading.next_due(pages, upstream, floors))

    async def upstream(self, code: str) -> UpstreamRow:
        """See `Journal.upstream`."""
        return await self._readers.read(lambda pages: reading.upstream(pages, code))

    async def remember_upstream(self, row: UpstreamRow, seen: int | None = None) -> UpstreamRow:
        """See `Journal.remember_upstream`."""
        return await self._writer.submit("upstream", lambda books: ordering.remember(books, row, seen))

    async def switch(self, order: UpstreamOrder) -> Ordered:
        """See `Journal.switch`."""
        return await self._writer.submit("order", lambda books: ordering.switch(books, order))

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`: nobody else writes here."""
        held = {} if beat.last else {wish.name: min(wish.wanted, wish.seats) for wish in beat.wishes}
        start = "" if beat.last else self.writer
        mine = NodeRow(self._author.node, start, self._opened_at, 0.0, beat.without_redis, beat.demands)
        return Beaten((replace(mine, generation=beat.generation, version=beat.version),), held)

    async def nodes(self) -> Sequence[NodeRow]:
        """See `Journal.nodes`."""
        return ()

    async def leaves(self, writer: str = "", after: int = 0, limit: int = 1000) -> Sequence[Leaf]:
        """See `Journal.leaves`."""
        return await self._readers.read(lambda pages: reading.leaves(pages, writer, after, limit))

    def _follows(self) -> bool:
        """Whether time is that of a server, whatever `clock` of this machine is set to."""
        return self._time is not None and self._time.follows

    async def restored(self, restored: Restored) -> Doubted:
        """Bring what is open into doubt, because the store is of an earlier moment (`journal.restoring`)."""
        return await self._writer.submit("restored", lambda books: restoring.doubt(books, restored))

    async def ready(self) -> str:
        """See `Journal.ready`."""
        node = self._author.node
        try:
            await self._writer.submit("ready", lambda books: books.run("ready.beat", node, books.now))
        except JournalUnavailable as error:
            cause = f" ({type(error.__cause__).__name__})" if error.__cause__ is not None else ""
            return f"Kho dữ liệu chưa ghi được{cause}"
        return ""

    async def close(self) -> None:
        """See `Journal.close`."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.close()
        self._writer.close()
