"""The embedded store of record: SQLite through apsw, which brings its own library (delivery-engine 4.7).

WAL, synchronous=FULL, one writer connection in one thread, read-only connections for readers, no mmap, local disk only.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from gateway.clock import Clock, to_micros
from gateway.errors import JournalUnavailable
from gateway.journal import accepting, claiming, library, lock, opening, ordering, reading, settling
from gateway.journal.books import Author, Pages, Vault
from gateway.journal.connections import FAILURES, Engine, Readers
from gateway.journal.model import (
    Accepted,
    Chain,
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
    Ordered,
    Record,
    RecordKey,
    Settlement,
    UpstreamOrder,
    UpstreamRow,
)
from gateway.journal.options import StoreOptions as StoreOptions
from gateway.journal.sealing import KeyRing, Shelf
from gateway.journal.statements import load
from gateway.journal.writer import ACCEPT, Writer


def library_version() -> str:
    """The version of the SQLite library in use."""
    return apsw.sqlite_lib_version()


def _prepare(engine: Engine, sql: Mapping[str, str], vault: Vault, author: Author) -> None:
    """Bring the tables up to date, check the key, begin this start's evidence chain."""
    opening.migrate(engine.cursor, author.now())
    pages = Pages(engine.cursor, sql, vault)
    opening.check_key(engine.cursor, pages, sql, vault.keys)
    engine.use(sql, vault, author, opening.counters(pages))
    engine.begin()
    if opening.begin_chain(engine.books()):
        opening.adopt(engine.books(), engine.another_cursor())
    engine.finish()
    engine.commit()


class SqliteJournal:
    """The `gateway.journal.store.Journal` of one process; made by `open`."""

    def __init__(self, engine: Engine, readers: Readers, parts: _Parts) -> None:
        self._engine, self._readers, self._parts = engine, readers, parts
        self._writer = Writer(engine, parts.options.reach, parts.options.queue_limit)

    @classmethod
    def open(cls, path: Path, options: StoreOptions, *, decide: Decide, chain: Chain, clock: Clock) -> SqliteJournal:
        """Open (or make) the store in the directory `path` and begin this start's evidence chain.

        Raises `StoreInUse` when another process has it, `WrongKey` when it was made with another KEK, `StoreUnopenable`
        when the disk or the file does not allow it, `ConfigError` for a library that may lose what several connections write.
        """
        library.refuse_broken(library_version())
        undo = ExitStack()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = lock.take(path)
            undo.callback(os.close, handle)
            engine = Engine(path / "journal.db", options)
            undo.callback(engine.close)
            sql = load("queries.sql")
            vault = Vault(KeyRing(options.kek), Shelf(path / "files", options.inline_bytes))
            writer = f"{options.node}/{clock.new_id()}"
            author = Author(options.node, writer, chain, lambda: to_micros(clock.now()))
            _prepare(engine, sql, vault, author)
        except BaseException as error:
            undo.close()
            if isinstance(error, (*FAILURES, OSError)):
                raise opening.StoreUnopenable(path, error) from error
            raise
        readers = Readers(path / "journal.db", sql, vault)
        return cls(engine, readers, _Parts(options, decide, clock, writer, handle))

    @property
    def writer(self) -> str:
        """The name of this start's evidence chain: node/start id."""
        return self._parts.writer

    async def accept(self, intake: Intake) -> Accepted:
        """See `Journal.accept`."""
        decide = self._parts.decide
        return await self._writer.submit(ACCEPT, lambda books: accepting.accept(books, intake, decide))

    async def claim(
        self, upstream: str, *, limit: int, batch: Mapping[str, int], lease: timedelta, now: datetime
    ) -> Sequence[Claim]:
        """See `Journal.claim`."""
        wanted = claiming.Wanted(upstream, limit, batch, to_micros(now), to_micros(now + lease))
        return await self._writer.submit("claim", lambda books: claiming.claim(books, wanted))

    async def set_back(self, upstream: str, by: timedelta, now: datetime) -> None:
        """See `Journal.set_back`."""
        values = upstream, to_micros(now), round(by.total_seconds() * 1_000_000)
        await self._writer.submit("set_back", lambda books: books.run("lane.set_back", *values))

    async def settle(self, settlement: Settlement) -> bool:
        """See `Journal.settle`."""
        return await self._writer.submit("settle", lambda books: settling.settle(books, settlement))

    async def order(self, order: LaneOrder, now: datetime) -> Ordered:
        """See `Journal.order`."""
        return await self._writer.submit("order", lambda books: ordering.order(books, order, to_micros(now)))

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
        return await self._readers.read(lambda pages: reading.next_due(pages, upstream))

    async def upstream(self, code: str) -> UpstreamRow:
        """See `Journal.upstream`."""
        return await self._readers.read(lambda pages: reading.upstream(pages, code))

    async def remember_upstream(self, row: UpstreamRow) -> None:
        """See `Journal.remember_upstream`."""
        await self._writer.submit("upstream", lambda books: ordering.remember(books, row))

    async def switch(self, order: UpstreamOrder) -> Ordered:
        """See `Journal.switch`."""
        return await self._writer.submit("order", lambda books: ordering.switch(books, order))

    async def leaves(self, writer: str = "", after: int = 0, limit: int = 1000) -> Sequence[Leaf]:
        """See `Journal.leaves`."""
        return await self._readers.read(lambda pages: reading.leaves(pages, writer, after, limit))

    async def ready(self) -> str:
        """See `Journal.ready`."""
        node = self._parts.options.node
        try:
            await self._writer.submit("ready", lambda books: books.run("ready.beat", node, books.now))
        except JournalUnavailable as error:
            cause = f" ({type(error.__cause__).__name__})" if error.__cause__ is not None else ""
            return f"Kho dữ liệu chưa ghi được{cause}"
        return ""

    async def resize(self, max_pages: int) -> None:
        """Bound the database file, in pages of 4096 bytes; takes effect between two operations."""
        await self._writer.submit("resize", lambda _books: self._engine.limit(max_pages))

    async def close(self) -> None:
        """See `Journal.close`."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.close()
        self._writer.close()
        self._parts.release()


@dataclass(slots=True)
class _Parts:
    """What a journal was opened with, and the descriptor of its lock."""

    options: StoreOptions
    decide: Decide
    clock: Clock
    writer: str
    lock_handle: int

    def release(self) -> None:
        """Let another process have the store; a second call does nothing."""
        handle, self.lock_handle = self.lock_handle, -1
        if handle >= 0:
            os.close(handle)
