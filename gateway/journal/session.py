"""A session with the server of the shared store: one connection that blocks its thread, and what the server refuses, sorted.

The only module that knows asyncpg. A session has an event loop of its own (decision 0028), so it is not for a thread that
already runs one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
import uvloop

from gateway.errors import GatewayError
from gateway.journal.books import Row, unsigned
from gateway.journal.hosts import each
from gateway.journal.model import Vouch
from gateway.journal.standstill import TYPES, Gathered, gathered, settings, table_of
from gateway.journal.threads import PerThread
from gateway.observe.crash import Reach, never

T = TypeVar("T")


class Unreachable(Exception):
    """The server does not answer, or does not take anything now."""


class Unsayable(Exception):
    """A value that cannot be told to the server: half of a surrogate, a number beyond 64 bits."""


CLASHES = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    Unsayable,
)
"""What other nodes that write at once bring about; the first two, and the last one, may be the fault of an operation."""
REFUSALS: tuple[type[BaseException], ...] = (asyncpg.PostgresError, Unsayable)
"""Whatever the server answers instead of doing what was asked."""
BUSY: tuple[type[BaseException], ...] = (asyncpg.LockNotAvailableError,)
"""Somebody has what is wanted, longer than we wait."""
FORBIDDEN: tuple[type[BaseException], ...] = (asyncpg.InsufficientPrivilegeError,)
"""This user may not do that; of a table that is to go: it is not the table's owner."""
READ_ONLY: tuple[type[BaseException], ...] = (asyncpg.ReadOnlySQLTransactionError,)
"""Nothing may be written there."""


UNREADABLE: tuple[type[BaseException], ...] = (Unreachable, *REFUSALS)
"""Everything by which a session says no."""
FAILURES: tuple[type[BaseException], ...] = (
    Unreachable,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresIOError,
    *READ_ONLY,
)
"""What concerns the whole transaction: the connection, the server, or another node."""
_GONE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # no host is the one that is wanted; the server's protocol is not understood
)
_MALFORMED_VI = "chuỗi kết nối dsn sai cách viết, hoặc nêu tham số hay tệp không dùng được"
_ELSEWHERE = frozenset({"25006", "55000"})
"""What a standby answers, or a session that began while nothing could be written: another session may find who can write."""


class DatabaseUnopenable(GatewayError):
    """Không dùng được cơ sở dữ liệu PostgreSQL; hãy kiểm tra máy chủ, mạng, tài khoản và storage.postgres.dsn."""


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """How the shared store is kept. `dsn` names the database and its user; `kek` is the 32-byte key-encryption key.

    `synchronous_commit` other than "on" is for negative controls of tests. After `lock_s` a wait for another node ends,
    and a transaction that is idle as long (its node was stopped) is ended by the server. `reach` marks crash points; `vouch`
    signs the opening of the evidence chain. `migrate` False: the user may make no tables; a missing step refuses the opening.
    `replicated`: receipts promise a synchronous standby, so a server that waits for none is refused, then and later.
    `server_time`: due times and leases are those of the server's clock, whatever this machine's shows.
    """

    node: str
    dsn: str = field(repr=False)
    kek: bytes = field(repr=False)
    queue_limit: int = 4_096
    synchronous_commit: str = "on"
    connect_s: float = 5.0
    answer_s: float = 30.0
    lock_s: float = 10.0
    migrate: bool = True
    replicated: bool = False
    server_time: bool = False
    reach: Reach = never
    vouch: Vouch = unsigned


class BlockingSession:
    """One connection with an event loop of its own. Not for a thread that already runs one."""

    def __init__(self, options: DatabaseOptions) -> None:
        self._options = options
        self._loop = uvloop.new_event_loop()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._renewed = self._misled = False
        self._warnings = 0
        self._hosts = deque(each(options.dsn))
        self._forms: dict[str, Gathered | None] = {}

    def ensure(self) -> bool:
        """Be connected; True when the connection is a new one. Raises `Unreachable`."""
        if self._connection is not None and not self._connection.is_closed():
            return False
        try:
            self._connection = self._await(self._connect())
        except (ValueError, Unsayable):  # what is said of the string may be a piece of the password
            raise Unreachable(_MALFORMED_VI) from None
        self._connection.add_log_listener(self._hear)
        self._renewed = True
        return True

    def renewed(self) -> bool:
        """Whether the connection is another one than when this was asked last."""
        renewed, self._renewed = self._renewed, False
        return renewed

    def begin(self, how: str = "BEGIN") -> None:
        """Start a transaction, on a new connection where the one at hand turns out to be gone, or to lead where nobody writes."""
        if self._misled:
            self.drop()
        if not self.ensure():
            try:
                self.run(how)
            except Unreachable:
                self.drop()
                self.ensure()
            else:
                return
        self.run(how)

    def commit(self) -> bool:
        """End the transaction; True where the server gave no warning beside its success.

        Raises `Unreachable` also where the server has undone the transaction instead.
        """
        before = self._warnings
        if self._await(self._live().execute("COMMIT")) != "COMMIT":
            raise Unreachable("undone")
        return self._warnings == before

    def run(self, sql: str) -> None:
        """Run a statement, or several, without values."""
        self._await(self._live().execute(sql))

    def fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        """The rows that a statement hands back."""
        return [tuple(row) for row in self._await(self._live().fetch(sql, *values))]

    def many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        """One statement for many rows, as few times as can be; never a COPY or a pipeline (`gateway.journal.standstill`)."""
        one = self._gathered(sql) if len(values) > 1 else None
        for row in values if one is None else one.parts(values):
            self.fetch(sql if one is None else one.sql, row)

    def _gathered(self, sql: str) -> Gathered | None:
        if sql not in self._forms:
            table = table_of(sql)
            self._forms[sql] = gathered(sql, dict(self.fetch(TYPES, (table,)))) if table else None
        return self._forms[sql]

    def version(self) -> int:
        """The server's version as a number (15.4 is 150004)."""
        return int(self.fetch("SELECT current_setting('server_version_num')", ())[0][0])

    def server_pid(self) -> int:
        """The process that greeted us: another one answers where a pooler stands in between."""
        return int(self._live().get_server_pid())

    def drop(self) -> None:
        """Let go of the connection, whatever it is doing."""
        connection, self._connection = self._connection, None
        if self._misled:
            self._hosts.rotate(-1)  # or the same one would answer again
        self._misled = False
        if connection is not None and not connection.is_closed():
            connection.terminate()
            with suppress(*_GONE):
                self._loop.run_until_complete(asyncio.sleep(0))

    def close(self) -> None:
        """Say goodbye and close the loop."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            with suppress(*_GONE):
                self._loop.run_until_complete(connection.close(timeout=self._options.connect_s))
        self._loop.close()

    def _hear(self, _: object, told: asyncpg.PostgresLogMessage) -> None:
        """Called before the answer that the server's words came with is handed out."""
        self._warnings += told.severity_en == "WARNING"

    def _live(self) -> asyncpg.Connection[asyncpg.Record]:
        if self._connection is None:
            raise Unreachable("not connected")
        return self._connection

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(work)
        except _GONE as error:
            if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
                raise Unsayable from error  # the driver cannot even say it: the fault of one operation, not of the server
            raise Unreachable(type(error).__name__) from error
        except asyncpg.PostgresError as error:
            self._misled = self._misled or error.sqlstate in _ELSEWHERE
            raise

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """To the host that was the right one last, else to the next; each gets `connect_s`."""
        for _ in range(len(self._hosts) - 1):
            with suppress(*_GONE):
                return await self._connect_to(self._hosts[0])
            self._hosts.rotate(-1)
        try:
            return await self._connect_to(self._hosts[0])
        except _GONE:
            self._hosts.rotate(-1)
            raise

    async def _connect_to(self, dsn: str) -> asyncpg.Connection[asyncpg.Record]:
        options = self._options
        own = {"application_name": f"tthc-gateway {options.node}", "jit": "off"}
        return await asyncpg.connect(
            dsn,
            timeout=options.connect_s,
            command_timeout=options.answer_s,
            statement_cache_size=512,
            max_cached_statement_lifetime=0,
            server_settings={**own, **settings(options.lock_s), "synchronous_commit": options.synchronous_commit},
        )


class Sessions:
    """A session for each thread that asks something of the server."""

    def __init__(self, options: DatabaseOptions) -> None:
        self._sessions = PerThread(lambda: BlockingSession(options))

    def ask(self, work: Callable[[BlockingSession], T]) -> T:
        """What `work` finds; it is done once more where the connection turned out to be gone, so it must bear that.

        Raises what `UNREADABLE` names, and has given up the connection then.
        """
        session = self._sessions.mine()
        try:
            try:
                return work(session)
            except Unreachable:
                session.drop()
                return work(session)
        except UNREADABLE:
            session.drop()
            raise

    def close(self) -> None:
        """Let go of all of them, when no thread asks any more."""
        self._sessions.close()


def in_short(error: BaseException) -> str:
    """What a server refused, without its DETAIL: that quotes the row, with the names and numbers of people in it."""
    return str(error).partition("\n")[0]


@contextmanager
def connected(options: DatabaseOptions) -> Iterator[BlockingSession]:
    """A session for one errand. Raises `DatabaseUnopenable`, also for what the server refuses within the block."""
    with closing(BlockingSession(options)) as session:
        try:
            session.ensure()
            yield session
        except UNREADABLE as error:
            raise DatabaseUnopenable(f"{DatabaseUnopenable.__doc__} ({in_short(error)})") from error
