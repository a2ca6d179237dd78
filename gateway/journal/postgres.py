"""The shared store of record: PostgreSQL 15 or later, for several nodes at once (delivery-engine 4.8).

The writer, the readers and the heartbeats have threads of their own, each with a session of its own (decision 0028).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import ConfigError
from gateway.journal import arriving, opening, restoring
from gateway.journal.books import Author, Pages, Vault
from gateway.journal.dialect import statements
from gateway.journal.kept import KeptJournal
from gateway.journal.model import Beat, Beaten, Chain, Decide, NodeRow
from gateway.journal.months import TABLES
from gateway.journal.refusals import unavailable
from gateway.journal.replication import refuse_unreplicated
from gateway.journal.sealing import KeyRing, SealBroken, Shelf
from gateway.journal.seats import SharedSeats, listed
from gateway.journal.server_clock import ServerClock
from gateway.journal.session import (
    CLASHES,
    FAILURES,
    READ_ONLY,
    REFUSALS,
    UNREADABLE,
    BlockingSession,
    DatabaseOptions,
    DatabaseUnopenable,
    Sessions,
    in_short,
)
from gateway.journal.shared import SharedEngine
from gateway.journal.shared_cursor import SharedCursor
from gateway.journal.statements import shared_migrations
from gateway.journal.swept import Swept
from gateway.journal.threads import Threads
from gateway.journal.upgrading import SharedSteps
from gateway.journal.writer import Writer

_LOG = logging.getLogger("gateway.journal")

T = TypeVar("T")
_OLDEST = 150_000
_BEAT_S = 4.0  # a beat that takes longer is worth nothing
_IN_THE_ROW = 1 << 30  # no node sees the files of another, so everything that is sealed stands in its row


class SharedMoments:
    """The moments of the shared store (`gateway.journal.kept.Moments`)."""

    def __init__(self, options: DatabaseOptions, vault: Vault) -> None:
        # Keys of its own: what a session opened that still reaches a server of before must seal nothing for the writer.
        self._vault, self._sql = Vault(KeyRing(options.kek), vault.shelf), statements()
        self._sessions = Sessions(options)

    def look(self, look: Callable[[Pages], T]) -> T:
        """See `Moments.look`; taken once more where the connection turned out to be gone. Raises `JournalUnavailable`.

        Also where content is missing or cannot be opened: what a month took that went in this very moment, only the next one
        knows about; and where a standby was promoted, a dossier may have another key.
        """
        try:
            with suppress(SealBroken):
                return self._sessions.ask(lambda session: self._once(session, look))
            self._vault.keys.clear()
            return self._sessions.ask(lambda session: self._once(session, look))
        except UNREADABLE as error:
            raise unavailable(error, FAILURES) from error

    def _once(self, session: BlockingSession, look: Callable[[Pages], T]) -> T:
        session.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return look(Pages(SharedCursor(session, self._sql), self._sql, self._vault))
        finally:
            session.run("COMMIT")

    def close(self) -> None:
        """See `Moments.close`."""
        self._sessions.close()


class Beats:
    """The thread of this node's heartbeats: what fills the writer's queue must not make a node look dead."""

    def __init__(self, options: DatabaseOptions, writer: str, clock: ServerClock) -> None:
        patience = min(options.answer_s, _BEAT_S), min(options.lock_s, _BEAT_S), min(options.connect_s, _BEAT_S)
        answer_s, lock_s, connect_s = patience
        self._session = BlockingSession(replace(options, answer_s=answer_s, lock_s=lock_s, connect_s=connect_s))
        self._seats = SharedSeats(self._session, statements(), (options.node, writer), clock)
        self._thread = Threads("journal-beats", 1)

    async def beat(self, beat: Beat) -> Beaten:
        """One beat; raises `JournalUnavailable`."""
        return await self._thread.run(self._beat, beat)

    def _beat(self, beat: Beat) -> Beaten:
        try:
            return self._seats.beat(beat)
        except UNREADABLE as error:
            self._session.drop()
            raise unavailable(error, FAILURES) from error

    def close(self) -> None:
        """Wait for the beat under way, then let go; blocks."""
        self._thread.close()
        self._session.close()


class PostgresEngine(SharedEngine):
    """The engine over a session with the server, and what that raises, sorted."""

    def __init__(self, session: BlockingSession, scope: tuple[Vault, Author]) -> None:
        super().__init__(session, statements(), scope)
        self.failures, self.faults, self.clashes = FAILURES, REFUSALS, CLASHES
        self.session = session

    def close(self) -> None:
        """Let go of the connection and its loop."""
        self.session.close()


def _prepare(
    session: BlockingSession, engine: PostgresEngine, scope: tuple[Vault, Author], options: DatabaseOptions
) -> None:
    """Bring the tables up to date, or find them so; check the key and the server's numbers, begin this start's evidence chain."""
    if session.version() < _OLDEST:
        raise ConfigError(("storage.postgres.dsn: cần PostgreSQL 15 trở lên",))
    encoding = session.fetch("SELECT current_setting('server_encoding')", ())[0][0]
    if encoding != "UTF8":
        raise ConfigError((f"storage.postgres.dsn: cơ sở dữ liệu phải có bảng mã UTF8, không phải {encoding}",))
    vault, author = scope
    sql = statements()
    upgrading = SharedSteps(session, sql, shared_migrations(), author.now())
    refuse_unreplicated(session, replicated=options.replicated, off=options.synchronous_commit == "off")
    upgrading.open(apply=options.migrate)
    engine.may_make_tables, engine.replicated = options.migrate, options.replicated
    if options.migrate:
        _make_partitions(session, engine)
    session.renewed()  # the start looks at everything itself
    engine.begin()
    session.fetch(sql["shared.alone"], (TABLES,))
    behind = engine.behind()
    pages = Pages(engine.cursor, sql, vault)
    mark = arriving.admit(pages)
    opening.check_key(engine.cursor, pages, sql, vault.keys)
    books = engine.books()
    moved = restoring.server_changed(books, engine.server())
    engine.before = frozenset(row[0] for row in session.fetch(sql["open.chains_of"], (author.node,)))
    arriving.begin(books, mark, lambda: None)
    engine.rebase(books, behind)
    arriving.welcome(books, mark)
    if moved and mark is None:
        restored = restoring.Restored("server", author.now(), server=engine.server())
        engine.doubted = restoring.doubt(books, restored, engine.cursor.flush)
    engine.finish()
    engine.tell_known = lambda: upgrading.know(author.node)
    engine.tell_known()
    engine.commit()


def _make_partitions(session: BlockingSession, engine: PostgresEngine) -> None:
    """The months that are wanted, if they can be made now: the default partition takes the rows until then."""
    try:
        engine.make_partitions()
    except FAILURES as error:
        _LOG.warning("partitions could not be made at the start: %s", type(error).__name__)
        session.ensure()


class PostgresJournal(KeptJournal):
    """The `gateway.journal.store.Journal` of one of several nodes; made by `open`."""

    _beats: Beats

    @classmethod
    def open(cls, options: DatabaseOptions, *, decide: Decide, chain: Chain, clock: Clock) -> PostgresJournal:
        """Connect, bring the tables up to date and begin this start's evidence chain; blocks.

        Raises `DatabaseUnopenable`, `WrongKey` when the store was made with another KEK, `ConfigError` for a server that is
        too old.
        """
        vault, author, time = _scope(options, chain, clock)
        with ThreadPoolExecutor(1) as pool:  # the caller may run an event loop of its own
            engine = pool.submit(_opened, options, (vault, author), time).result()
        journal = cls(Writer(engine, options.reach, options.queue_limit), SharedMoments(options, vault), author, decide)
        journal._beats, journal._swept, journal.doubted = Beats(options, author.writer, time), Swept(), engine.doubted
        journal._time, journal.clock = time, time.clock()
        return journal

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`."""
        beaten = await self._beats.beat(beat)
        if beaten.unopened:
            await (
                self.ready()
            )  # the writer meets the store as it is now, and opens our chain anew: the next beat counts
        return beaten

    async def nodes(self) -> Sequence[NodeRow]:
        """See `Journal.nodes`."""
        return await self._readers.read(listed)

    def _close(self) -> None:
        self._beats.close()
        super()._close()


def engine_of(options: DatabaseOptions, chain: Chain, clock: Clock) -> PostgresEngine:
    """A start of its own for an errand that writes, in this thread, without an event loop; raises as `PostgresJournal.open`."""
    vault, author, time = _scope(options, chain, clock)
    return _opened(options, (vault, author), time)


def _scope(options: DatabaseOptions, chain: Chain, clock: Clock) -> tuple[Vault, Author, ServerClock]:
    vault = Vault(KeyRing(options.kek), Shelf(Path("/nonexistent"), _IN_THE_ROW))
    time = ServerClock(clock, follow=options.server_time)
    return vault, Author(options.node, f"{options.node}/{clock.new_id()}", chain, time.now, options.vouch), time


def _opened(options: DatabaseOptions, scope: tuple[Vault, Author], time: ServerClock) -> PostgresEngine:
    session = BlockingSession(options)
    try:
        session.ensure()
        time.listen(lambda: session.fetch(statements()["server.clock"], ())[0][0])
        engine = PostgresEngine(session, scope)
        _prepare(session, engine, scope, options)
    except BaseException as error:
        session.close()
        if isinstance(error, UNREADABLE):
            seen = arriving.READ_ONLY_VI if isinstance(error, READ_ONLY) else in_short(error)
            raise DatabaseUnopenable(f"{DatabaseUnopenable.__doc__} ({seen})") from error
        raise
    return engine
