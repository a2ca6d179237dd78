"""The connections of the embedded store: the writer's one with the state of its transaction, and a few that only read.

A failure of the disk or of the file is in `FAILURES`; what else apsw raises is a fault of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import apsw

from gateway.journal.books import Author, Books, Counters, Cursor, Pages, Vault
from gateway.journal.options import StoreOptions
from gateway.journal.threads import PerThread
from gateway.journal.writer import Ahead

T = TypeVar("T")
_QUIET_PAGES = 250  # a quiet moment is used from here on (1 MB)
_FORCED_PAGES = 2_000  # and not waited for from here on (8 MB, some ten milliseconds)
_LOG_LIMIT = "journal_size_limit = 33554432"  # what a long reader made it grow beyond is given back

FAILURES = (
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


class Engine:
    """The writer's connection and the state of its transaction."""

    failures: tuple[type[BaseException], ...] = FAILURES
    faults: tuple[type[BaseException], ...] = (apsw.Error,)
    clashes: tuple[type[BaseException], ...] = ()  # nobody else writes

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

    def begin(self, _ahead: Sequence[Ahead] = ()) -> None:
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
        except FAILURES:
            return  # the WAL stays as it is, complete and durable; the next quiet moment tries again
        self._wal_pages = 0

    def close(self) -> None:
        """Checkpoint what can be, and let go of the file."""
        self._connection.close()

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK


def _reading(file: Path) -> apsw.Connection:
    """A connection that only reads, and never checkpoints."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=64)
    _steady_plans(connection)
    connection.set_busy_timeout(1_000)
    connection.wal_autocheckpoint(0)
    return connection


class EmbeddedMoments:
    """The moments of the embedded store (`gateway.journal.kept.Moments`)."""

    def __init__(self, file: Path, sql: Mapping[str, str], vault: Vault) -> None:
        self._sql, self._vault = sql, vault
        self._connections = PerThread(partial(_reading, file))

    def look(self, look: Callable[[Pages], T]) -> T:
        """See `Moments.look`."""
        cursor = self._connections.mine().cursor()
        cursor.execute("BEGIN")
        try:
            return look(Pages(cast("Cursor", cursor), self._sql, self._vault))
        finally:
            cursor.execute("COMMIT")

    def close(self) -> None:
        """See `Moments.close`."""
        self._connections.close()
