"""A shared store that cannot be written for a while, or refuses a value, a statement, its own encoding: nobody else suffers."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import ConfigError, JournalUnavailable
from gateway.journal.hosts import each
from gateway.journal.model import Beat, Decision, Intake
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions, DatabaseUnopenable, connected
from tests.postgres import Server

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Turned

from tests.unit.journal.conftest import KEK, chain, decide


async def test_while_no_host_is_writable_nodes_wait_and_go_on_afterwards(server: Server, turned: Turned) -> None:
    """A failover under target_session_attrs=read-write: beats and looks say "not now" until a host can be written again."""
    dsn = server.database()
    name = dsn.rpartition("/")[2]
    options = DatabaseOptions("one", f"{dsn}?target_session_attrs=read-write", KEK, connect_s=2.0)
    journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
    end = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
    try:
        assert not (await journal.beat(Beat())).deposed and await journal.records("note") == ()
        await asyncio.to_thread(
            server.execute, "postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        )
        await asyncio.to_thread(server.execute, "postgres", end)
        with pytest.raises(JournalUnavailable):
            await journal.beat(Beat())
        with pytest.raises(JournalUnavailable):
            await journal.records("note")
        assert await journal.ready() != ""
        await asyncio.to_thread(
            server.execute, "postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only"
        )
        assert not (await journal.beat(Beat())).deposed and await journal.records("note") == ()
    finally:
        await journal.close()
        server.drop(dsn)


async def test_a_session_that_began_while_nothing_could_be_written_is_not_kept(server: Server, turned: Turned) -> None:
    """An export that was broken off, or a standby met by mistake: as soon as somebody can write, the node writes again."""
    dsn = server.database()
    name = dsn.rpartition("/")[2]
    options = DatabaseOptions("one", dsn, KEK, connect_s=2.0)
    journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
    try:
        for sql in (
            f"ALTER DATABASE {name} SET default_transaction_read_only = on",
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",
        ):
            await asyncio.to_thread(server.execute, "postgres", sql)
        assert "ReadOnlySQLTransactionError" in await journal.ready()
        await asyncio.to_thread(
            server.execute, "postgres", f"ALTER DATABASE {name} RESET default_transaction_read_only"
        )
        assert await journal.ready() == ""
    finally:
        await journal.close()
        server.drop(dsn)


async def test_what_the_server_refuses_by_our_fault_stands_in_the_log(
    server: Server, turned: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    """A watch goes on, because it is told "not now"; where it happened is logged, and nothing of what was in the rows."""
    dsn = server.database()
    journal = PostgresJournal.open(DatabaseOptions("one", dsn, KEK), decide=decide, chain=chain, clock=turned.clock())
    try:
        await journal.beat(Beat())
        await asyncio.to_thread(server.execute, dsn.rpartition("/")[2], "ALTER TABLE record RENAME TO secret_name")
        await asyncio.to_thread(
            server.execute, dsn.rpartition("/")[2], "ALTER TABLE node RENAME COLUMN demands TO asked"
        )
        with caplog.at_level(logging.ERROR):
            with pytest.raises(JournalUnavailable):
                await journal.records("note")
            with pytest.raises(JournalUnavailable):
                await journal.beat(Beat())
        said = [record.getMessage() for record in caplog.records if "refused a statement" in record.getMessage()]
        assert "UndefinedTableError" in said[0] and "UndefinedColumnError" in said[1]
        assert "reading.py" in said[0] and "relation" not in said[0]
    finally:
        await journal.close()
        server.drop(dsn)


@pytest.mark.parametrize(
    "bad", [{"dossier": "d\0"}, {"key": "k\0"}, {"key": "\ud800"}, {"dossier": "\ud800"}, {"sequence": 1 << 63}]
)
async def test_a_value_that_no_text_can_hold_is_refused_to_its_own_sender_alone(
    server: Server, turned: Turned, bad: dict[str, Any]
) -> None:
    """It is met before its operation begins, in the looks that a group takes together; the others of the group are stored."""
    dsn = server.database()
    journal = PostgresJournal.open(DatabaseOptions("one", dsn, KEK), decide=decide, chain=chain, clock=turned.clock())
    answer = Decision(b"{}", 202)

    def intake(n: int) -> Intake:
        return Intake("note", "SRC", f"k{n}", f"d{n}", bytes(32), b"raw", lambda *_: answer)

    try:
        work = [journal.accept(replace(intake(n), **(bad if n == 3 else {}))) for n in range(6)]
        told = await asyncio.gather(*work, return_exceptions=True)
        assert [isinstance(one, JournalUnavailable) for one in told] == [n == 3 for n in range(6)], told
    finally:
        await journal.close()
        server.drop(dsn)


def test_a_database_that_cannot_hold_vietnamese_is_refused(server: Server, turned: Turned) -> None:
    """Found out at the start, and not at the first name."""
    server.execute("postgres", "CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(ConfigError, match=r"UTF8.*LATIN1"):
        PostgresJournal.open(
            DatabaseOptions("one", server.dsn("narrow"), KEK), decide=decide, chain=chain, clock=turned.clock()
        )
    server.drop(server.dsn("narrow"))


def test_what_is_wrong_with_a_connection_string_tells_nothing_of_it(turned: Turned) -> None:
    """A password with a slash that was not escaped looks like a port."""
    options = DatabaseOptions("one", "postgresql://gateway:12hunter/2@db.example/gateway", KEK)
    with pytest.raises(DatabaseUnopenable) as found:
        PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
    assert "hunter" not in f"{found.value} {found.value.__cause__!r} {found.value.__context__!r}"


async def test_a_host_that_answers_nothing_hides_no_other_one(server: Server, turned: Turned) -> None:
    """A machine without power is named first: the next host is asked when the patience for one is over."""
    dsn = server.database()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        both = dsn.replace("gateway@", f"gateway@{host},") + "?target_session_attrs=read-write"
        options = DatabaseOptions("one", both, KEK, connect_s=1.0)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
        try:
            assert not (await journal.beat(Beat())).deposed and await journal.records("note") == ()
        finally:
            await journal.close()
            server.drop(dsn)


@pytest.mark.parametrize(
    ("dsn", "hosts"),
    [
        ("postgresql:///base", ["postgresql:///base"]),
        ("postgresql://u:pass@[h1,h2/base", ["postgresql://u:pass@[h1,h2/base"]),
        ("postgresql://u:a,b@h1/base?sslmode=require", ["postgresql://u:a,b@h1/base?sslmode=require"]),
        (
            "postgresql://u:a%40,b@h1,[::1]:5433/base?target_session_attrs=read-write",
            [
                "postgresql://u:a%40,b@h1/base?target_session_attrs=read-write",
                "postgresql://u:a%40,b@[::1]:5433/base?target_session_attrs=read-write",
            ],
        ),
    ],
)
def test_each_host_is_asked_with_everything_else_that_the_string_says(dsn: str, hosts: list[str]) -> None:
    """User, password, database and settings stay; a password may have a comma. What is no URI is left to the library."""
    assert list(each(dsn)) == hosts


async def test_what_a_server_refuses_of_a_row_tells_nothing_of_the_row(server: Server) -> None:
    """Its DETAIL quotes the whole row, and a command would print it."""
    dsn = server.database()

    def refused() -> str:
        with pytest.raises(DatabaseUnopenable) as found, connected(DatabaseOptions("one", dsn, KEK)) as session:
            session.run("CREATE TABLE person (name text, n int CHECK (n > 0))")
            session.run("INSERT INTO person VALUES ('Nguyễn Văn A', 0)")
        return str(found.value)

    told = await asyncio.to_thread(refused)
    assert "person_n_check" in told and "Nguyễn" not in told
    server.drop(dsn)
