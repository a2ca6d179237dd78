"""Two nodes on a real PostgreSQL and a real Redis: the limit holds while Redis is emptied, frozen, stopped and started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.coordination.gcra import RateLimit
from gateway.coordination.membership import Kind, Membership
from gateway.coordination.memory import MemoryCoordination
from gateway.coordination.redis import RedisCoordination, RedisOptions
from gateway.dispatch.nodes import Nodes
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from tests.postgres import Server as Database
from tests.redis_server import Server
from tests.unit.coordination.conftest import KEY
from tests.unit.journal.conftest import KEK, chain, decide

LIMIT = RateLimit(50.0, 10)
LATE_S = 60


@dataclass
class Sends:
    """What was allowed: when asked, when answered, how many, by which node and kind of budget."""

    clock: Clock = field(default_factory=Clock)
    made: list[tuple[float, float, int, str, Kind]] = field(default_factory=list)

    async def press(self, node: str, coordination: MemoryCoordination | RedisCoordination, member: Membership) -> None:
        """Take as much as there is, without end."""
        while True:
            asked = self.clock.instant()
            kind = member.permit(asked).kind
            allowed, _ = await coordination.take("u", 5, LIMIT.rate_per_s, LIMIT.burst)
            if allowed:
                self.made.append((asked, self.clock.instant(), allowed, node, kind))
            await asyncio.sleep(0.003)

    async def until(self, kind: Kind, *nodes: str) -> None:
        """Wait until each of the nodes has sent by this kind of budget from now on."""
        first = len(self.made)
        async with asyncio.timeout(LATE_S):
            while {node for _, _, _, node, by in self.made[first:] if by is kind} < set(nodes):
                await asyncio.sleep(0.01)

    def check(self) -> None:
        """No window holds more than the limit. A send counts at any moment between question and answer that favours us."""
        ordered = sorted(self.made)
        for start, (asked, *_) in enumerate(ordered):
            total = 0
            for _, answered, number, _, _ in ordered[start:]:
                total += number
                assert total <= LIMIT.burst + LIMIT.rate_per_s * (answered - asked) + 1e-3


@asynccontextmanager
async def node(
    name: str, dsn: str, made: Callable[[Membership], MemoryCoordination | RedisCoordination], sends: Sends
) -> AsyncIterator[Membership]:
    """A node that beats in the journal and presses on one upstream."""
    journal = PostgresJournal.open(DatabaseOptions(name, dsn, KEK), decide=decide, chain=chain, clock=Clock())
    member = Membership(name)
    coordination = made(member)
    if isinstance(coordination, RedisCoordination):
        await coordination.begin()
    nodes = Nodes(journal, Clock(), node=name)
    nodes.join(member)
    tasks = [asyncio.create_task(nodes.run()), asyncio.create_task(sends.press(name, coordination, member))]
    try:
        yield member
    finally:
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
        await nodes.stop()
        await tasks[0]
        if isinstance(coordination, RedisCoordination):
            await coordination.close()
        await journal.close()


async def test_the_limit_holds_while_redis_comes_and_goes(redis: Server, database_server: Database) -> None:
    """Emptied: they go on at the steady rate. Stopped or frozen: by shares, both of them. Back again: by the common budget."""
    sends, dsn = Sends(), database_server.database()

    def through(member: Membership) -> RedisCoordination:
        return RedisCoordination(RedisOptions(redis.url(), KEY, answer_s=0.5), Clock(), member)

    try:
        async with AsyncExitStack() as town:
            for name in ("one", "two"):
                await town.enter_async_context(node(name, dsn, through, sends))
            both = ("one", "two")
            await sends.until(Kind.COMMON, *both)
            redis.wipe()
            await sends.until(Kind.COMMON, *both)
            redis.stop()
            await sends.until(Kind.SHARE, *both)
            redis.start()
            await sends.until(Kind.COMMON, *both)
            redis.freeze()
            await sends.until(Kind.SHARE, *both)
            redis.thaw()
            await sends.until(Kind.COMMON, *both)
        sends.check()
    finally:
        database_server.drop(dsn)


async def test_without_any_redis_nodes_keep_to_shares_and_one_alone_has_all(database_server: Database) -> None:
    """The first node is alone and has the whole limit; when another comes both have half, and together never more."""
    sends, dsn = Sends(), database_server.database()

    def shares(member: Membership) -> MemoryCoordination:
        return MemoryCoordination(Clock(), member)

    try:
        async with AsyncExitStack() as town:
            first = await town.enter_async_context(node("one", dsn, shares, sends))
            await sends.until(Kind.SHARE, "one")
            assert first.permit(Clock().instant()).live == 1
            await town.enter_async_context(node("two", dsn, shares, sends))
            await sends.until(Kind.SHARE, "one", "two")
            assert first.permit(Clock().instant()).live == 2
        sends.check()
    finally:
        database_server.drop(dsn)
