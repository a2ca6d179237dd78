"""The embedded store laid open: read only, one consistent moment, in use or at rest, with any key or none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from gateway.errors import GatewayError
from gateway.journal.books import DENSE_FROM, row_digest
from gateway.journal.bound import BOUND, Bound
from gateway.journal.examining import RETIRED, Standing
from gateway.journal.opening import StoreUnopenable
from gateway.journal.reading import digests
from gateway.journal.shown import Leaf
from gateway.journal.statements import migrations
from mappings.codec import encode

_SHELVED = frozenset({"payload", "receipt", "record"})


class StoreOfBefore(GatewayError):
    """Kho do phiên bản trước lập, mắt xích chưa nêu tên các dòng; chạy gateway serve một lần để nâng cấp, rồi kiểm tra lại."""


class EmbeddedStore:
    """A store at one moment. Only its own two cursors read it, one inside the other.

    A text that is no UTF-8 (somebody wrote it by hand) raises nothing: its row stands with an empty digest.
    """

    concurrent = False

    def __init__(self, connection: apsw.Connection, folder: Path) -> None:
        self._connection = connection
        self._files = folder / "files"

    def one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """The first row of a statement."""
        row: tuple[Any, ...] | None = self._connection.cursor().execute(sql, values).fetchone()
        return row

    def writers(self) -> list[str]:
        """The name of every chain."""
        # As bytes, here and below: a text that is no UTF-8 must be a finding, not the end of the examination.
        sql = "SELECT DISTINCT CAST(writer AS BLOB) FROM leaf"
        return sorted({_told(name) for (name,) in self._connection.cursor().execute(sql)})

    def leaves(self, writer: str) -> Iterator[Leaf]:
        """The leaves of a chain, in order."""
        cursor = self._connection.cursor()
        sql = "SELECT n, digest, covers, about FROM leaf WHERE writer = ?1 ORDER BY n"
        for n, digest, covers, about in cursor.execute(sql, (writer,)):
            yield Leaf(writer, n, digest, digests(covers), about)

    def leaf(self, writer: str, n: int) -> Leaf | None:
        """One leaf."""
        row = self.one("SELECT digest, covers, about FROM leaf WHERE writer = ?1 AND n = ?2", writer, n)
        return None if row is None else Leaf(writer, n, row[0], digests(row[1]), row[2])

    def opening(self, writer: str) -> bytes | None:
        """The record that a chain was opened with."""
        row = self.one("SELECT state FROM record WHERE kind = 'chain_opening' AND id = ?1", writer)
        return None if row is None else row[0]

    def retired(self) -> list[bytes]:
        """The states of all records of partitions that were dropped: none here."""
        sql = "SELECT state FROM record WHERE kind = ?1 AND state IS NOT NULL"
        return [state for (state,) in self._connection.cursor().execute(sql, (RETIRED,))]

    def rows(self) -> Iterator[Standing]:
        """Every row of every bound table."""
        for table in BOUND.values():
            extra = ", leaf" if table.name == "receipt" else ""
            for row in self._each(table, extra):
                yield self._standing(table, row[:-1], row[-1]) if extra else self._standing(table, row)

    def _each(self, table: Bound, extra: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a table in its own order; from the first text that is no UTF-8 on, texts are read as bytes."""
        done, end = 0, f"FROM {table.name} NOT INDEXED"
        try:
            for row in self._connection.cursor().execute(f"SELECT {table.columns}{extra} {end}"):
                yield row
                done += 1
        except UnicodeDecodeError:
            names = (*table.key, *table.rest)
            typed = ", ".join(f"typeof({n}), iif(typeof({n}) = 'text', CAST({n} AS BLOB), {n})" for n in names)
            for row in self._connection.cursor().execute(f"SELECT {typed}{extra} {end} LIMIT -1 OFFSET ?1", (done,)):
                pairs = zip(row[: 2 * len(names) : 2], row[1 : 2 * len(names) : 2], strict=True)
                yield (*(_unread(value) if kind == "text" else value for kind, value in pairs), *row[2 * len(names) :])

    def _standing(self, table: Bound, row: tuple[Any, ...], leaf: bytes | None = None) -> Standing:
        told = tuple(str(value) if isinstance(value, _NoText) else value for value in row)
        name = encode((table.name, *told[: len(table.key)]))
        if any(isinstance(value, _NoText) for value in row):
            return Standing(name, b"", leaf)
        if table.name in _SHELVED:
            file = row[len(table.key) + table.rest.index("file")]
            if file is not None and not self._shelf_holds(file):
                return Standing(name, b"", leaf)
        return Standing(name, row_digest(table.name, *table.told(row)), leaf)

    def _shelf_holds(self, name: str) -> bool:
        """A file of sealed bytes is there and is what its name says."""
        try:
            with (self._files / name[:2] / name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == name
        except OSError:
            return False

    def miscounted(self) -> list[tuple[str, str]]:
        """(upstream, state) whose tally is not the number of messages that stand."""
        sql = (
            "SELECT CAST(upstream AS BLOB), CAST(state AS BLOB) FROM (SELECT upstream, state, -n AS n FROM tally UNION ALL "
            "SELECT upstream, state, count(*) FROM msg GROUP BY upstream, state) GROUP BY upstream, state "
            "HAVING sum(n) <> 0 ORDER BY upstream, state"
        )
        return [(_told(upstream), _told(state)) for upstream, state in self._connection.cursor().execute(sql)]

    def first_hole(self) -> int:
        """The first position that neither an audit row nor an event has; 0 when there is none.

        Those that came along with a store that several nodes wrote have gaps, and a restore leaves some out.
        """
        row = self.one("SELECT CAST(value AS INTEGER) FROM cursor WHERE name = ?1", DENSE_FROM)
        before = 0 if row is None else int(row[0])
        expected = before + 1
        sql = "SELECT position FROM audit WHERE position > ?1 UNION SELECT position FROM inbound WHERE position > ?1 ORDER BY 1"
        for (position,) in self._connection.cursor().execute(sql, (before,)):
            if position != expected:
                return expected
            expected += 1
        return 0

    def altered(self) -> list[str]:
        """Names of tables, indexes and triggers that are not what the migrations make."""
        sql = ", ".join(f"CAST({column} AS BLOB)" for column in ("name", "type", "tbl_name", "sql"))
        sql = f"SELECT {sql} FROM sqlite_schema"
        fresh = apsw.Connection(":memory:")
        for step in migrations():
            fresh.execute(step.sql)
        made = {row[0]: row for row in fresh.execute(sql)}
        fresh.close()
        stands = {row[0]: row for row in self._connection.cursor().execute(sql)}
        return sorted(_told(name) for name in made.keys() | stands.keys() if made.get(name) != stands.get(name))


class _NoText(str):
    """A text of the store that is no UTF-8, with signs of replacement: no row that we wrote holds one."""

    __slots__ = ()


def _unread(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _NoText(_told(raw))


def _told(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


@contextmanager
def opened(folder: Path) -> Iterator[EmbeddedStore]:
    """The store in `folder`, read only, as it stands now; raises `StoreUnopenable`, `StoreOfBefore`.

    A store on a medium that cannot be written (an auditor's copy) is read without its shared memory file.
    """
    file = folder / "journal.db"
    try:
        connection = _connected(file)
    except apsw.Error as error:
        raise StoreUnopenable(folder, error) from error
    try:
        if "about" not in {row[1] for row in connection.execute("PRAGMA table_info(leaf)")}:
            raise StoreOfBefore(StoreOfBefore.__doc__)
        yield EmbeddedStore(connection, folder)
    finally:
        connection.close()


def _connected(file: Path) -> apsw.Connection:
    try:
        return _begun(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY))
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if file.with_name("journal.db-wal").exists():
            raise
        return _begun(
            apsw.Connection(
                f"{file.absolute().as_uri()}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            )
        )


def _begun(connection: apsw.Connection) -> apsw.Connection:
    connection.set_busy_timeout(5_000)
    connection.wal_autocheckpoint(0)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM migration").fetchall()
    return connection
