"""A real PostgreSQL for tests: on a free loopback port, in a folder of its own, never as root, stopped at the end.

Each test gets a database of its own. Without the programs of PostgreSQL 15 or later the tests that need them are skipped.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from gateway.cli.demonstration.servers import (
    PostgresServer,
    free_port,
    hand_over,
    postgres_programs,
    unprivileged,
)

T = TypeVar("T")
_QUICK = {"fsync": "off", "full_page_writes": "off"}
_PLAIN = {"autovacuum": "off"}


def programs() -> Path | None:
    """Where the newest PostgreSQL of Debian stands, if one is new enough."""
    return postgres_programs()


def apart(work: Callable[[], T]) -> T:
    """In a thread without an event loop: sessions of the store have one of their own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def off_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run on a loop of its own in a thread of its own, whatever runs here."""
    return apart(lambda: asyncio.run(work))


@dataclass
class Server(PostgresServer):
    """A server that can be started, killed and started again on the same folder and port; a database for each test."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def database(self) -> str:
        """A new, empty database; returns its DSN."""
        name = f"journal_{next(self.numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
        return self.dsn(name)

    def copy(self, dsn: str) -> str:
        """A copy of a database that nobody uses now; returns its DSN."""
        name = f"journal_{next(self.numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {dsn.rpartition('/')[2]}")
        return self.dsn(name)

    def drop(self, dsn: str) -> None:
        """Remove a database."""
        self.execute("postgres", f"DROP DATABASE IF EXISTS {dsn.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, database: str, sql: str) -> None:
        """Run a statement beside everything else."""

        async def run() -> None:
            connection = await asyncpg.connect(self.dsn(database))
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        off_loop(run())


@contextmanager
def served(**settings: str) -> Iterator[Server]:
    """A server for as long as the block lasts."""
    if programs() is None:
        pytest.skip("PostgreSQL 15 or later is not installed (scripts/setup dev)")
    with Server.served({**_PLAIN, **settings}) as server:
        yield server


@contextmanager
def quickly_served() -> Iterator[Server]:
    """A server that never waits for the disk: for what is about meaning, not about crashes."""
    with served(**_QUICK) as server:
        yield server


@contextmanager
def standby_of(primary: Server, name: str = "standby", port: int = 0, **settings: str) -> Iterator[Server]:
    """A copy of a server that streams from it under a name, for as long as the block lasts.

    Only the primary's own settings say whether commits wait for it. Start it again from the main thread only: a server ends
    with the thread that started it.
    """
    folder = Path(tempfile.mkdtemp(prefix="tthc-standby-"))
    hand_over(folder)
    told = {**primary.settings, "cluster_name": name, **settings}
    standby = Server(folder, primary.program, told, port or free_port(), numbers=primary.numbers)
    how = ["-d", primary.dsn(), "-D", str(folder / "pg"), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"]
    copying = [*unprivileged(), str(primary.program / "pg_basebackup"), *how]
    try:
        copied = subprocess.run(copying, capture_output=True, check=False, cwd="/")
        assert copied.returncode == 0, copied.stderr
        standby.start()
        yield standby
    finally:
        standby.crash()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_standby(primary: Server, names: str) -> None:
    """Have every commit of a server wait for a standby of these names from now on; for none where they are empty."""
    primary.say(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    primary.say("SELECT pg_reload_conf()")
    while primary.say("SHOW synchronous_standby_names") != names:
        pass


def follows(primary: Server, standby: Server) -> bool:
    """Whether a standby shows all that was committed on its primary up to now."""
    written = primary.say("SELECT pg_current_wal_lsn()")
    return standby.say(f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == "t"


@contextmanager
def standbys_of(primary: Server, *names: str) -> Iterator[list[Server]]:
    """Standbys that know all servers, and follow the one that takes writings (docs/operations.md 4.4)."""
    own = [free_port() for _ in names]
    ports = [primary.port, *own]
    hosts = ",".join("127.0.0.1" for _ in ports)
    told = f"host={hosts} port={','.join(map(str, ports))} user=gateway target_session_attrs=read-write"
    with ExitStack() as left:
        made = [standby_of(primary, name, port, primary_conninfo=told) for name, port in zip(names, own, strict=True)]
        yield [left.enter_context(standby) for standby in made]


def fail_over(primary: Server, standbys: list[Server]) -> Server:
    """The primary is killed without a word. Of the standbys the one that is furthest is promoted, as operators are told."""
    primary.kill()
    ranked = []
    for number, server in enumerate(standbys):
        while server.say("SELECT count(*) FROM pg_stat_wal_receiver") != "0":
            pass
        ranked.append((int(server.say("SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn")), -number))
    promoted = standbys[-max(ranked)[1]]
    assert promoted.say("SELECT pg_promote()") == "t"
    return promoted


def hosts_of(servers: list[Server], database: str) -> str:
    """How a database is reached on whichever of these servers takes writings."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://gateway@{hosts}/{database}?target_session_attrs=read-write"
