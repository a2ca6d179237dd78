"""The tables of a shared store laid bare, to move house: read at one moment, or written part by part while no node is at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache

from gateway.journal.alive import NodesAtWork, refuse_nodes
from gateway.journal.books import Row
from gateway.journal.dialect import statements, translated
from gateway.journal.months import STAY, TABLES, month, partitions
from gateway.journal.retired import MONTH_BITS
from gateway.journal.session import BlockingSession, DatabaseOptions, connected
from gateway.journal.shared_cursor import Session
from gateway.journal.statements import shared_migrations
from gateway.journal.upgrading import SharedSteps

_EARLIEST, _LATEST = 600, 1_200  # 2020 to 2069: what is outside stands in the default partition
_BLOCK = 1_024
_PARTED: Mapping[str, int] = {"payload": 0, "attempt": 4}
"""Tables kept by month, with the place of the column that says which."""

_ENDS_MS = 10_000
_END_NODES = (
    "SELECT pg_terminate_backend(pid, $1::bigint) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE 'tthc-gateway %' AND pid <> pg_backend_pid()"
)

_translated = lru_cache(maxsize=256)(translated)


class SharedTables:
    """`journal.packing.Tables`, and `journal.unpacking.Target`; `refused` are the errors of rows that the tables do not take."""

    shared = True

    def __init__(self, session: Session, refused: tuple[type[Exception], ...] = ()) -> None:
        self._session, self.refused = session, refused
        self._made: set[str] = set()

    @contextmanager
    def one_moment(self) -> Iterator[SharedTables]:
        """Everything that is read stands as it stood at the beginning."""
        self._session.run(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {STAY}")
        yield self
        self._session.run("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable at its end; what fails ends the session with it."""
        self._session.run("BEGIN")
        yield
        self._session.run("COMMIT")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A transaction beside which no node opens this store: each holds this lock while it does."""
        with self.transaction():
            self.fetch("SELECT pg_advisory_xact_lock(?1)", (TABLES,))
            yield

    def fetch(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows that a statement finds."""
        return self._session.fetch(_translated(sql), values)

    def put(self, sql: str, rows: Sequence[Row]) -> None:
        """One statement for many rows."""
        self._session.many(_translated(sql), rows)

    def room_for(self, table: str, rows: Sequence[Row]) -> None:
        """Make the months of these rows, where they have any."""
        if table not in _PARTED:
            return
        at = _PARTED[table]
        months = {row[at] >> MONTH_BITS if table == "payload" else month(row[at]) for row in rows}
        for number in sorted(number for number in months if _EARLIEST <= number < _LATEST):
            for name, statement in partitions(number):
                if name not in self._made and not self.fetch("SELECT to_regclass(?1::text) IS NOT NULL", (name,))[0][0]:
                    self._session.run(statement)
                self._made.add(name)

    def settle(self) -> None:
        """New references of payloads go on above those that came along; the planner learns what stands."""
        mask = (1 << MONTH_BITS) - 1
        (last,) = self.fetch("SELECT coalesce(max(ref & ?1::bigint), 0) FROM payload", (mask,))[0]
        self.fetch("SELECT setval('payload_number', ?1::bigint)", ((last // _BLOCK + 1) * _BLOCK + 1,))
        self._session.run("ANALYZE")


@contextmanager
def shut(opened: BlockingSession) -> Iterator[None]:
    """From here on nobody writes the database of this session: by default no transaction may, and the sessions of nodes end.

    Undone where the block fails, unless it was shut before. Raises `NodesAtWork`: a node has come up since it was looked.
    """
    before = opened.fetch("SELECT current_setting('default_transaction_read_only') = 'on'", ())[0][0]
    name = str(opened.fetch("SELECT quote_ident(current_database())", ())[0][0])
    if not before:
        opened.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        # The setting counts for new sessions only, so those of before end, each with what it has under way.
        if not all(ended for (ended,) in opened.fetch(_END_NODES, (_ENDS_MS,))):
            raise NodesAtWork(NodesAtWork.__doc__)
        refuse_nodes(SharedTables(opened))
        yield
    except BaseException:
        if not before:
            opened.run(f"ROLLBACK; ALTER DATABASE {name} RESET default_transaction_read_only")
        raise


@contextmanager
def session(options: DatabaseOptions, now: int | None = None) -> Iterator[BlockingSession]:
    """A session for what is no node's work, on tables brought up to date where `now` (µs) is told; blocks.

    Raises `DatabaseUnopenable`, also for what goes wrong later on.
    """
    with connected(options) as opened:
        if now is not None:
            SharedSteps(opened, statements(), shared_migrations(), now).open(apply=True)
        yield opened
