"""Ground for the coordination's tests: one real Redis, emptied for each, and a membership that is told everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.clock import Clock
from gateway.coordination.membership import Kind, Membership, Permit
from gateway.coordination.redis import RedisCoordination, RedisOptions
from tests.redis_server import Server, served

KEY = b"a key of these tests: 32 bytes.."


class Known(Membership):
    """A membership that is told what holds: which budget, since when, and how many share it."""

    def __init__(self) -> None:
        super().__init__("a")
        self.holds = Permit(Kind.COMMON)
        self.said: list[bool] = []
        self.changed = asyncio.Event()

    def permit(self, now: float) -> Permit:
        """What the test said."""
        return self.holds

    def say_without_redis(self, without: bool) -> None:
        """Kept for the test to read."""
        self.said.append(without)
        self.changed.set()

    async def says(self, without: bool) -> None:
        """Wait until this is what is said."""
        while not self.said or self.said[-1] is not without:
            self.changed.clear()
            await self.changed.wait()


@dataclass
class Heard:
    """What was told of calls."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, call: str, outcome: str) -> None:
        self.calls.append((call, outcome))


@pytest.fixture(scope="session")
def one_redis() -> Iterator[Server]:
    """The server of this run."""
    with served() as server:
        yield server


@pytest.fixture
def redis(one_redis: Server) -> Iterator[Server]:
    """The server, running and empty."""
    if one_redis.process is None:
        one_redis.start()
    one_redis.wipe()
    yield one_redis
    if one_redis.process is not None:
        one_redis.thaw()


@asynccontextmanager
async def coordinated(
    server: Server, membership: Membership | None = None, told: Heard | None = None, answer_s: float = 10.0
) -> AsyncIterator[RedisCoordination]:
    """A node on this server, patient: on a loaded machine a slow answer must not look like none."""
    options = RedisOptions(server.url(), KEY, answer_s=answer_s, told=told or Heard())
    made = await RedisCoordination.open(options, Clock(), membership or Known())
    try:
        yield made
    finally:
        await made.close()


def grown_old(server: Server, coordination: RedisCoordination) -> None:
    """As if the data of this server had been whole for a day: every budget that nobody used is full."""
    server.say("HSET", coordination._place("mark", ""), "born", "-86400")
