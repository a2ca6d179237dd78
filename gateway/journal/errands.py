"""What is done to a shared store beside keeping the journal in it: its steps looked at and applied, a scratch database made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from gateway.journal.dialect import statements
from gateway.journal.session import (
    UNREADABLE,
    BlockingSession,
    DatabaseOptions,
    DatabaseUnopenable,
    connected,
    in_short,
)
from gateway.journal.statements import shared_migrations
from gateway.journal.upgrading import SharedSteps


@contextmanager
def steps_of(options: DatabaseOptions, now: int) -> Iterator[SharedSteps]:
    """The steps of the shared store, to look at or to apply as the user of `options`. Not for a thread that runs an event loop.

    Raises `DatabaseUnopenable`, also for what that user may not do.
    """
    with connected(options) as session:
        yield SharedSteps(session, statements(), shared_migrations(), now)


@contextmanager
def scratch_database(dsn: str, name: str) -> Iterator[str]:
    """A fresh database beside the one of `dsn`, for as long as the block lasts; how it is reached.

    Not for a thread that runs an event loop. Raises `DatabaseUnopenable` where the user may not make one, or drop it.
    """
    session = BlockingSession(DatabaseOptions(node="selftest", dsn=dsn, kek=b""))
    wrong = DatabaseUnopenable.__doc__
    try:
        session.ensure()
        wrong = f"Không tạo được cơ sở dữ liệu tạm {name}; tài khoản cần quyền CREATEDB."
        session.run(f"CREATE DATABASE {name} TEMPLATE template0")
    except UNREADABLE as error:
        session.close()
        raise DatabaseUnopenable(f"{wrong} ({in_short(error)})") from error
    try:
        yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
    finally:
        try:
            session.begin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        except UNREADABLE as error:
            told = (
                f"Không xóa được cơ sở dữ liệu tạm {name} ({type(error).__name__}); hãy tự xóa: DROP DATABASE {name}."
            )
            raise DatabaseUnopenable(told) from error
        finally:
            session.close()


def commits(dsn: str, times: int = 200) -> list[float]:
    """How long the server takes to commit a small row, so often; seconds of each. `dsn` is that of a scratch database.

    Not for a thread that runs an event loop. Raises `DatabaseUnopenable`.
    """
    session = BlockingSession(DatabaseOptions(node="selftest", dsn=dsn, kek=b""))
    try:
        session.ensure()
        session.run("CREATE TABLE flushed (n int)")
        taken = []
        for number in range(times):
            began = time.perf_counter()
            session.fetch("INSERT INTO flushed VALUES ($1)", (number,))
            taken.append(time.perf_counter() - began)
        return taken
    except UNREADABLE as error:
        raise DatabaseUnopenable(f"{DatabaseUnopenable.__doc__} ({in_short(error)})") from error
    finally:
        session.close()
