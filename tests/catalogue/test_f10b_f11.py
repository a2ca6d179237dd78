"""F10b and F11 on a PostgreSQL that syncs: commits are not serialised, and what died under a reader costs a claim nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from gateway.clock import Clock, to_micros
from gateway.evidence.log import chain
from gateway.journal.dialect import statements
from gateway.journal.model import Intake, Settlement
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from tests.postgres import Server, served
from tests.prove.zombie import UPSTREAM, carried, decide

START = datetime(2026, 11, 20, tzinfo=UTC)
LEASE = timedelta(seconds=30)
EVENTS = 256
LANES, DEAD = 2_000, 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that waits for its disk."""
    with served() as running:
        yield running


class Turned:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.moment = START

    def clock(self) -> Clock:
        """As the gateway takes it."""
        return Clock(now=lambda: self.moment, instant=lambda: self.moment.timestamp(), chance=lambda: 0.5)


def opened(dsn: str, clock: Clock) -> PostgresJournal:
    """A node's journal."""
    return PostgresJournal.open(DatabaseOptions("n", dsn, b"k" * 32), decide=decide, chain=chain, clock=clock)


async def push(journal: PostgresJournal, lane: int, sequence: int) -> None:
    """Accept one event."""
    code = f"D{lane:04d}"
    raw = carried(code, sequence)
    digest = hashlib.sha256(raw).digest()
    await journal.accept(Intake("event", "S", f"{code}-{sequence}", code, digest, raw, None, sequence))


async def synced(dsn: str) -> int:
    """How often the server has synced its log since it started; sessions tell of it when they end."""
    connection = await asyncpg.connect(dsn)
    found: int = await connection.fetchval("SELECT wal_sync FROM pg_stat_wal")
    await connection.close()
    return found


async def syncs_of(server: Server, most: int) -> int:
    """The syncs that `EVENTS` accepts at once take where at most so many may be committed together."""
    dsn = server.database()
    journal = opened(dsn, Clock())
    journal.grouping(most)
    before = await synced(dsn)
    await asyncio.gather(*(push(journal, lane, 1) for lane in range(EVENTS)))
    await journal.close()
    return await synced(dsn) - before


async def test_f10b_events_that_come_together_share_the_wait_for_the_disk(server: Server) -> None:
    """A sync for every eight events at most. The negative control commits each alone, and is seen to wait for each."""
    assert await syncs_of(server, 0) <= EVENTS / 8
    assert await syncs_of(server, 1) >= EVENTS


async def test_f10b_nothing_in_the_way_of_an_accept_notifies_or_fires(server: Server) -> None:
    """NOTIFY lets one commit at a time through; a trigger on an insertion would be one way for it to come in."""
    assert not [name for name, sql in statements().items() if re.search(r"\b(NOTIFY|pg_notify|LISTEN)\b", sql, re.I)]
    dsn = server.database()
    journal = opened(dsn, Clock())
    await journal.close()
    connection = await asyncpg.connect(dsn)
    inserts = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgtype & 4 > 0"
    assert await connection.fetch(inserts) == []
    triggers = await connection.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    assert triggers, "those that guard updates are seen by this question"
    await connection.close()


async def work(connection: asyncpg.Connection[Any], name: str, now: datetime, floor: int) -> int:
    """The pages that one statement of a claim touches."""
    values = (f"'{UPSTREAM}'", str(to_micros(now)), "64", str(floor))
    sql = statements()[name]
    for number, value in enumerate(values, 1):
        sql = sql.replace(f"${number}", value)
    told = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"))
    plan = told[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def wear(connection: asyncpg.Connection[Any], turned: Turned) -> None:
    """100,000 rows of lanes die, by hand, as they die by claims: each lane is leased, and comes due later."""
    await connection.execute("SET synchronous_commit = off")
    later = "UPDATE lane SET due = $1 WHERE due IS NOT NULL"
    taken = "UPDATE lane SET due = NULL, lease_until = $1::bigint - 60000000 WHERE due IS NOT NULL"  # a lease that ended long ago
    back = "UPDATE lane SET due = $1, lease_until = NULL WHERE lease_until IS NOT NULL"
    for _ in range(DEAD // (3 * LANES) + 1):
        turned.moment += timedelta(seconds=10)
        now = to_micros(turned.moment)
        for sql in (taken, back, later):
            await connection.execute(sql, now)


async def claim_and_put_back(journal: PostgresJournal, turned: Turned) -> None:
    """Two claims of 64 lanes; all of them wait again."""
    for _ in range(2):
        claims = await journal.claim(UPSTREAM, limit=64, batch={}, lease=LEASE, now=turned.moment)
        assert len(claims) == 64
        await asyncio.gather(
            *(journal.settle(Settlement(one.lane_id, one.epoch, (), next_due=turned.moment)) for one in claims)
        )


async def test_f11_what_died_under_a_reader_costs_a_claim_nothing(server: Server) -> None:
    """With one old moment held open nothing can be cleared away: a claim touches as many pages as before, within four times.

    The negative control looks from the beginning, as a claim without a memory would: it steps over everything that died.
    """
    turned, dsn = Turned(), server.database()
    journal = opened(dsn, turned.clock())
    connection, reader = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    await asyncio.gather(*(push(journal, lane, 1) for lane in range(LANES)))
    await claim_and_put_back(journal, turned)
    assert journal._swept is not None
    before = await work(connection, "claim.due", turned.moment, journal._swept.known(UPSTREAM).due)
    async with reader.transaction(isolation="repeatable_read", readonly=True):
        await reader.fetchval("SELECT count(*) FROM lane")
        await wear(connection, turned)
        await claim_and_put_back(journal, turned)
        known = journal._swept.known(UPSTREAM)
        after = [
            await work(connection, name, turned.moment, floor)
            for name, floor in (("claim.due", known.due), ("claim.expired", known.lease))
        ]
        careless = await work(connection, "claim.due", turned.moment, 0)
        assert await journal.next_due(UPSTREAM) == turned.moment
    assert max(after) <= 4 * before, (before, after, careless)
    assert careless > 10 * before, "what died is not seen: the test is broken"
    await journal.close()
    await connection.close()
    await reader.close()
