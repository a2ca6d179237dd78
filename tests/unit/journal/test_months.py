"""Partitions of months are made beside whoever reads the whole table: nobody waits behind them, and nobody gives up."""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from typing import TYPE_CHECKING

import asyncpg
import pytest

from gateway.journal.dialect import statements
from gateway.journal.months import Patience, make, partitions
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import BlockingSession, DatabaseOptions
from gateway.journal.statements import shared_migrations
from gateway.journal.upgrading import SharedSteps
from tests.postgres import Server
from tests.unit.journal.conftest import KEK, chain, decide

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Turned

NOW = 1_795_334_400_000_000  # 2026-11-22
DECEMBER = 683
DUMP = "SELECT count(*) FROM payload"
WHENEVER_MADE = """
CREATE FUNCTION stall() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM {what}; END $$;
CREATE EVENT TRIGGER stalls ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION stall()
"""


async def test_a_month_is_made_beside_a_dump_and_beside_rows_that_came_first(server: Server) -> None:
    """While a dump reads a table nothing is made of it; a month that has rows already keeps them where they are."""
    dsn = server.database()
    options = DatabaseOptions("node-1", dsn, KEK)

    def made() -> tuple[list[str], list[str], tuple[str, ...]]:
        with closing(BlockingSession(options)) as session, closing(BlockingSession(options)) as dump:
            session.ensure()
            found = SharedSteps(session, statements(), shared_migrations(), NOW)
            found.open(apply=True)
            dump.begin()
            dump.fetch(DUMP, ())
            beside = found.make_partitions(0)
            dump.run("COMMIT")
            ref = (DECEMBER << 40) + 1
            session.run(f"INSERT INTO payload (ref, dossier, sealed) VALUES ({ref}, 'd', 'x')")
            return beside, found.make_partitions(1), found.look().partitions

    beside, after, left = await asyncio.to_thread(made)
    assert beside == ["attempt_2026_11"]
    assert after == ["payload_2026_11", "attempt_2026_12"] and left == ("payload_2026_12",)
    server.drop(dsn)


async def test_a_node_tries_seldom_while_somebody_reads_the_whole_table_and_succeeds_afterwards(
    server: Server, turned: Turned, caplog: pytest.LogCaptureFixture
) -> None:
    """The month turns while the store is dumped: one try, told once; when the dump is over the partitions are made."""
    dsn = server.database()
    journal = PostgresJournal.open(DatabaseOptions("one", dsn, KEK), decide=decide, chain=chain, clock=turned.clock())
    dump = await asyncpg.connect(dsn)
    there = "SELECT count(*) FROM pg_class WHERE relname ~ '^(payload|attempt)_[0-9_]+$' AND relkind = 'r'"

    async def quiet(minutes: float) -> int:
        turned.turn(minutes * 60)
        assert await journal.ready() == ""
        await dump.fetchval("SELECT pg_sleep(0.05)")  # nobody writes meanwhile: a quiet moment
        return len([row for row in caplog.records if "could not be made now" in row.getMessage()])

    try:
        before = await dump.fetchval(there)
        with caplog.at_level(logging.WARNING):
            async with dump.transaction():
                await dump.fetchval(DUMP)
                turned.turn(40 * 86_400)
                while not await quiet(0):
                    pass
                assert [await quiet(1) for _ in range(5)] == [1] * 5
        while await dump.fetchval(there) == before:
            await quiet(11)
    finally:
        await dump.close()
        await journal.close()
        server.drop(dsn)


@pytest.mark.parametrize("what", ["pg_sleep(60)", "pg_terminate_backend(pg_backend_pid())"])
async def test_a_start_whose_partitions_cannot_be_finished_opens_without_them(
    server: Server, turned: Turned, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """The default partition is read for longer than a node may wait, or the connection breaks: told, and the node works."""
    dsn = server.database()
    await asyncio.to_thread(_with_tables, dsn)
    server.execute(dsn.rpartition("/")[2], WHENEVER_MADE.format(what=what))
    with caplog.at_level(logging.WARNING):
        options = DatabaseOptions("one", dsn, KEK, answer_s=5)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
    try:
        assert await journal.ready() == ""
        assert any("partitions could not be made" in row.getMessage() for row in caplog.records)
    finally:
        await journal.close()
        server.drop(dsn)


async def test_a_month_is_given_up_where_the_default_partition_is_read_too_long(
    server: Server,
) -> None:
    """Nothing is changed and what is missing is named; a later statement has all the time it needs."""
    dsn = server.database()
    await asyncio.to_thread(_with_tables, dsn)
    server.execute(dsn.rpartition("/")[2], WHENEVER_MADE.format(what="pg_sleep(60)"))

    def made() -> tuple[list[str], tuple[str, ...], str]:
        with closing(BlockingSession(DatabaseOptions("node-1", dsn, KEK, answer_s=5))) as session:
            session.begin()
            wanted = list(partitions(DECEMBER))[:1]
            found = make(session, statements(), wanted, Patience(5, 300))
            limit = session.fetch("SELECT current_setting('statement_timeout')", ())[0][0]
            session.run("COMMIT")
            return found, SharedSteps(session, statements(), shared_migrations(), NOW).look().partitions, limit

    made_now, left, limit = await asyncio.to_thread(made)
    assert made_now == [] and "payload_2026_12" in left and limit == "0"
    server.drop(dsn)


def _with_tables(dsn: str) -> None:
    with closing(BlockingSession(DatabaseOptions("node-1", dsn, KEK))) as session:
        session.ensure()
        SharedSteps(session, statements(), shared_migrations(), NOW).open(apply=True)
