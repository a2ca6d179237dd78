"""A process that is stopped (SIGSTOP, by itself) while it hands rows over: `python standing_still.py DSN STATEMENT HOW`.

Like a node in the middle of a group it holds a dossier's lock. HOW is `session` for the session of a node, and `copy` or
`pipeline` for what it must not do.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Iterator

import asyncpg

from gateway.journal.dialect import statements
from gateway.journal.session import BlockingSession, DatabaseOptions
from gateway.journal.shared import _name
from gateway.journal.standstill import settings

LOCK_S = 0.5
DOSSIER = "000.00.00.G00-261120-0042"
COLUMNS = ("ref", "dossier", "sealed", "file")


class Halting(list[tuple[object, ...]]):
    """Rows of which the last one is never read: who reads that far is stopped. The others fill every buffer on the way."""

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        yield from itertools.islice(super().__iter__(), len(self) - 1)
        os.kill(os.getpid(), signal.SIGSTOP)


def rows(statement: str) -> Halting:
    """Two megabytes for `payload.put` or `record.put`."""
    wide = b"x" * 1_000
    if statement == "payload.put":
        return Halting((n, DOSSIER, wide, None) for n in range(2_000))
    return Halting(("note", str(n), 1, wide, None, "", 0) for n in range(2_000))


def in_session(dsn: str, statement: str) -> None:
    """As a node does."""
    sql, session = statements(), BlockingSession(DatabaseOptions("frozen", dsn, bytes(32), lock_s=LOCK_S))
    session.begin()
    session.fetch(sql["shared.dossiers"], ([_name(DOSSIER)],))
    session.many(sql[statement], rows(statement))


async def by_library(dsn: str, statement: str, how: str) -> None:
    """With the same settings of the server, in the library's own ways for many rows."""
    sql, connection = statements(), await asyncpg.connect(dsn, server_settings=settings(LOCK_S))
    await connection.execute("BEGIN")
    await connection.fetch(sql["shared.dossiers"], [_name(DOSSIER)])
    if how == "copy":
        await connection.copy_records_to_table("payload", records=rows(statement), columns=COLUMNS)
    else:
        await connection.executemany(sql[statement], rows(statement))


if __name__ == "__main__":
    if sys.argv[3] == "session":
        in_session(sys.argv[1], sys.argv[2])
    else:
        asyncio.run(by_library(*sys.argv[1:]))
