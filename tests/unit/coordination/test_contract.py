"""What every coordination does, held against both: inside one process, and through a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from connectors.kit.contract import Coordination
from gateway.clock import Clock
from gateway.coordination.memory import MemoryCoordination
from tests.redis_server import Server
from tests.unit.coordination.conftest import coordinated, grown_old

SLOW = 0.001
"""A rate at which nothing comes back while a test runs."""


@pytest.fixture(params=["memory", "redis"])
async def coordination(request: pytest.FixtureRequest) -> AsyncIterator[Coordination]:
    """Each of them, with every budget whole."""
    if request.param == "memory":
        yield MemoryCoordination(Clock())
        return
    server: Server = request.getfixturevalue("redis")
    async with coordinated(server) as made:
        grown_old(server, made)
        yield made


async def test_a_budget_allows_its_burst_and_no_more(coordination: Coordination) -> None:
    """Whatever is wanted; and it says when asking again makes sense."""
    assert (await coordination.take("A", 2, SLOW, 3))[0] == 2
    assert (await coordination.take("A", 10, SLOW, 3))[0] == 1
    allowed, again_s = await coordination.take("A", 10, SLOW, 3)
    assert allowed == 0
    assert 900 < again_s <= 1_000


async def test_budgets_of_several_names_do_not_touch(coordination: Coordination) -> None:
    """One upstream's sends take nothing from another's."""
    assert (await coordination.take("A", 5, SLOW, 5))[0] == 5
    assert (await coordination.take("B", 5, SLOW, 5))[0] == 5
    assert (await coordination.take("A", 1, SLOW, 5))[0] == 0


async def test_a_budget_grows_back_at_its_rate(coordination: Coordination) -> None:
    """What is allowed in a while is what the rate brings in it, after the burst."""
    clock = Clock()
    began, allowed = clock.instant(), 0
    assert (await coordination.take("A", 5, 200.0, 5))[0] == 5
    while allowed < 40:
        allowed += (await coordination.take("A", 5, 200.0, 5))[0]
        await asyncio.sleep(0.001)
    assert allowed <= 200.0 * (clock.instant() - began) + 1e-3


async def test_what_was_not_used_can_be_given_back_once(coordination: Coordination) -> None:
    """Given back at once it is there again; never more than was taken."""
    assert (await coordination.take("A", 4, SLOW, 6))[0] == 4
    assert (await coordination.take("A", 2, SLOW, 6))[0] == 2
    await coordination.take("A", -2, SLOW, 6)
    await coordination.take("A", -2, SLOW, 6)
    assert (await coordination.take("A", 10, SLOW, 6))[0] in (1, 2)
    assert (await coordination.take("A", 10, SLOW, 6))[0] in (0, 1)


async def test_who_took_nothing_gives_nothing_back(coordination: Coordination) -> None:
    """A return is of the sends that the same task was allowed."""
    await coordination.take("A", 100, SLOW, 2)
    await asyncio.create_task(_give(coordination))
    assert (await coordination.take("A", 1, SLOW, 2))[0] == 0


async def _give(coordination: Coordination) -> None:
    await coordination.take("A", -2, SLOW, 2)


async def test_a_wake_up_before_the_wait_is_not_lost(coordination: Coordination) -> None:
    """News that came while nobody waited ends the next wait at once, and only that one."""
    coordination.wake("A")
    coordination.wake("A")
    assert await coordination.wait("A", 5.0)
    assert not await coordination.wait("A", 0.0)


async def test_news_reaches_who_listens_in_order(coordination: Coordination) -> None:
    """From the moment they listen; another topic hears nothing of it."""
    coordination.tell("pause", "before")
    first, other = coordination.news("pause"), coordination.news("breaker")
    for word in ("A", "B"):
        coordination.tell("pause", word)
    coordination.tell("breaker", "C")
    assert [await anext(first), await anext(first)] == ["A", "B"]
    assert await anext(other) == "C"


async def test_values_are_kept_forgotten_and_run_out(coordination: Coordination) -> None:
    """A session of an upstream is never used longer than it was said to live."""
    await coordination.remember("session", "phiên ✓", timedelta(minutes=1))
    assert await coordination.recall("session") == "phiên ✓"
    assert await coordination.recall("another") is None
    await coordination.forget("session")
    await coordination.forget("session")
    assert await coordination.recall("session") is None
    await coordination.remember("session", "short", timedelta(milliseconds=30))
    async with asyncio.timeout(60):
        while await coordination.recall("session") is not None:
            await asyncio.sleep(0.01)
