"""The tables of an embedded store laid bare, to move house: read at one moment, or written part by part, under the lock."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import cast

import apsw

from gateway.journal import lock, opening
from gateway.journal.books import Cursor, Row
from gateway.journal.opening import StoreUnopenable


class EmbeddedTables:
    """`journal.packing.Tables`, and `journal.unpacking.Target`."""

    shared = False
    refused: tuple[type[Exception], ...] = (apsw.ConstraintError, apsw.MismatchError)

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection

    def fetch(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows that a statement finds."""
        return list(self.connection.cursor().execute(sql, tuple(values)))

    def put(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for many rows."""
        self.connection.cursor().executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable at its end."""
        with self.connection:
            yield

    def alone(self) -> AbstractContextManager[None]:
        """See `transaction`: the lock of the folder is held."""
        return self.transaction()

    def room_for(self, table: str, rows: Sequence[Row]) -> None:
        """Rows need no place of their own here."""

    def settle(self) -> None:
        """Nothing: what the planner would note down is no table of ours, and statements name their indexes."""


@contextmanager
def read(folder: Path) -> Iterator[EmbeddedTables]:
    """The store in `folder` as it stands now, with nobody else at work on it; raises `StoreInUse`, `StoreUnopenable`."""
    with _held(folder), _connected(folder, apsw.SQLITE_OPEN_READWRITE) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM migration").fetchall()
        yield EmbeddedTables(connection)


def key_proof(folder: Path) -> bytes:
    """By what the store in `folder` recognises its key; raises `StoreUnopenable`."""
    with _connected(folder, apsw.SQLITE_OPEN_READONLY) as connection:
        row = connection.execute("SELECT value FROM meta WHERE name = 'kek_proof'").fetchone()
        return bytes(row[0]) if row else b""


@contextmanager
def new(folder: Path, now: int) -> Iterator[EmbeddedTables]:
    """A new store in `folder`, or one whose import has begun; raises `StoreInUse`, `StoreUnopenable`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _held(folder), _connected(folder, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        opening.migrate(cast("Cursor", connection.cursor()), now)
        yield EmbeddedTables(connection)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    try:
        handle = lock.take(folder)
    except OSError as error:
        raise StoreUnopenable(folder, error) from error
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def _connected(folder: Path, flags: int) -> Iterator[apsw.Connection]:
    try:
        connection = apsw.Connection(str(folder / "journal.db"), flags=flags)
    except apsw.Error as error:
        raise StoreUnopenable(folder, error) from error
    try:
        connection.set_busy_timeout(1_000)
        yield connection
    except (apsw.CorruptError, apsw.NotADBError, apsw.FullError, apsw.IOError, apsw.CantOpenError) as error:
        raise StoreUnopenable(folder, error) from error
    finally:
        connection.close()
