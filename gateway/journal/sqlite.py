"""The embedded store of record: SQLite through apsw, which brings its own library (delivery-engine 4.7).

WAL, synchronous=FULL, one writer connection in one thread, read-only connections for readers, no mmap, local disk only.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast

import apsw

from gateway.clock import Clock, to_micros
from gateway.errors import JournalUnavailable
from gateway.journal import accepting, claiming, library, lock, opening, ordering, reading, settling
from gateway.journal.books import Author, Books, Counters, Cursor, Pages, Vault
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

T = TypeVar("T")
_READERS = 2
_QUIET_PAGES = 250  # a quiet moment is used from here on (1 MB)
_FORCED_PAGES = 2_000  # and not waited for from here on (8 MB, some ten milliseconds)
_LOG_LIMIT = "journal_size_limit = 33554432"  # what a long reader made it grow beyond is given back

_FAILURES = (
    apsw.FullError,
    apsw.IOError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ProtocolError,
)


def _steady_plans(connection: apsw.Connection) -> None:
    """Plan a statement by its text alone: otherwise ORDER BY is planned anew at every binding, which costs ten times more."""
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


def library_version() -> str:
    """The version of the SQLite library in use."""
    return apsw.sqlite_lib_version()


class _Engine:
    """The writer's connection and the state of its transaction."""

    failures: tuple[type[BaseException], ...] = _FAILURES
    faults: tuple[type[BaseException], ...] = (apsw.Error,)

    def __init__(self, file: Path, options: StoreOptions) -> None:
        self._connection = apsw.Connection(str(file), statementcachesize=256)
        _steady_plans(self._connection)
        self._cursor = self._connection.cursor()
        for pragma in ("journal_mode = WAL", f"synchronous = {options.synchronous}", "cache_size = -32768", _LOG_LIMIT):
            self._cursor.execute(f"PRAGMA {pragma}").fetchall()
        self._connection.set_busy_timeout(1_000)
        self._wal_pages = 0
        # A hook of ours takes the place of automatic checkpoints, which would run inside a commit.
        self._connection.set_wal_hook(self._note_wal)
        if options.max_pages:
            self.limit(options.max_pages)
        self._scope: tuple[Vault, Author]  # said by `use`, before the first transaction
        self._sql: Mapping[str, str] = {}
        self._counters = Counters(0, 0, 0, b"")
        self._kept = self._counters

    @property
    def cursor(self) -> Cursor:
        """The connection's one cursor."""
        return cast("Cursor", self._cursor)

    def another_cursor(self) -> Cursor:
        """One more cursor on the same connection."""
        return cast("Cursor", self._connection.cursor())

    def use(self, sql: Mapping[str, str], vault: Vault, author: Author, counters: Counters) -> None:
        """What the books of every later operation are made of."""
        self._sql, self._scope, self._counters = sql, (vault, author), counters

    def limit(self, pages: int) -> None:
        """Bound the database file."""
        self._cursor.execute(f"PRAGMA max_page_count = {int(pages)}").fetchall()

    def begin(self) -> None:
        """Start a transaction that holds the write lock from the first statement on."""
        self._kept = self._counters.copy()
        self._cursor.execute("BEGIN IMMEDIATE")

    def books(self) -> Books:
        """The books for one operation."""
        vault, author = self._scope
        return Books((self.cursor, self._sql, vault), author, self._counters)

    def changes(self) -> int:
        """Rows changed so far."""
        return self._connection.total_changes()

    def finish(self) -> None:
        """Bring the tally up to date."""
        for (upstream, state), n in self._counters.moved.items():
            if n:
                self._cursor.execute(self._sql["tally.add"], (upstream, state, n))
        self._counters.moved.clear()

    def commit(self) -> None:
        """Make it durable: the WAL is synced before this returns."""
        try:
            self._cursor.execute("COMMIT")
        except apsw.IOError:
            self._scope[0].shelf.keep()  # the log may hold all of it in spite, and bring it back after a crash
            raise
        self._scope[0].shelf.keep()
        self._counters.new_keys.clear()

    def rollback(self) -> None:
        """Undo; SQLite may have done so itself when the disk was full."""
        self._scope[0].keys.forget(self._counters.new_keys)
        self._counters = self._kept.copy()
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")
        self._scope[0].shelf.discard()

    def tidy(self, *, idle: bool) -> None:
        """Move the WAL into the database: in a quiet moment, or when it has grown too long."""
        if self._wal_pages < (_QUIET_PAGES if idle else _FORCED_PAGES):
            return
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except _FAILURES:
            return  # the WAL stays as it is, complete and durable; the next quiet moment tries again
        self._wal_pages = 0

    def close(self) -> None:
        """Checkpoint what can be, and let go of the file."""
        self._connection.close()

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK


class _Readers:
    """A few threads, each with its own read-only connection that never checkpoints."""

    def __init__(self, file: Path, sql: Mapping[str, str], vault: Vault) -> None:
        self._file, self._sql, self._vault = file, sql, vault
        self._own = threading.local()
        self._connections: list[apsw.Connection] = []
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="journal-reader")
        self._closed = False

    async def read(self, look: Callable[[Pages], T]) -> T:
        """Run `look` on one consistent moment of the store; raises `JournalUnavailable` once closed."""
        if self._closed:
            raise JournalUnavailable
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._look, look)

    def _look(self, look: Callable[[Pages], T]) -> T:
        cursor = self._connection().cursor()
        cursor.execute("BEGIN")
        try:
            return look(Pages(cast("Cursor", cursor), self._sql, self._vault))
        finally:
            cursor.execute("COMMIT")

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = apsw.Connection(str(self._file), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=64)
            _steady_plans(connection)
            connection.set_busy_timeout(1_000)
            connection.wal_autocheckpoint(0)
            self._own.connection = connection
            self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Wait for the reads under way, then close; blocks."""
        self._closed = True
        self._pool.shutdown(wait=True)
        for connection in self._connections:
            connection.close()


def _prepare(engine: _Engine, sql: Mapping[str, str], vault: Vault, author: Author) -> None:
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

    def __init__(self, engine: _Engine, readers: _Readers, parts: _Parts) -> None:
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
            engine = _Engine(path / "journal.db", options)
            undo.callback(engine.close)
            sql = load("queries.sql")
            vault = Vault(KeyRing(options.kek), Shelf(path / "files", options.inline_bytes))
            writer = f"{options.node}/{clock.new_id()}"
            author = Author(options.node, writer, chain, lambda: to_micros(clock.now()))
            _prepare(engine, sql, vault, author)
        except BaseException as error:
            undo.close()
            if isinstance(error, (*_FAILURES, OSError)):
                raise opening.StoreUnopenable(path, error) from error
            raise
        readers = _Readers(path / "journal.db", sql, vault)
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
