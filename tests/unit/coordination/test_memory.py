"""Coordination in one process: no wake-up is lost, nothing is kept longer than it should be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from connectors.kit.contract import Coordination
from gateway.clock import Clock
from gateway.coordination.memory import MemoryCoordination


class Turned:
    """A monotonic clock that is turned by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def coordination(self) -> MemoryCoordination:
        """A coordination on this clock."""
        return MemoryCoordination(
            Clock(now=lambda: datetime(2026, 11, 2, tzinfo=UTC), instant=lambda: self.seconds, chance=lambda: 0.5)
        )


def test_it_keeps_the_protocol() -> None:
    """The type checker compares every signature here."""
    kept: Coordination = Turned().coordination()
    assert kept is not None


async def test_a_wake_up_before_the_wait_is_not_lost() -> None:
    """News that came while nobody waited ends the next wait at once, and only that one."""
    coordination = Turned().coordination()
    coordination.wake("A")
    coordination.wake("A")
    assert await coordination.wait("A", 5.0)
    assert not await coordination.wait("A", 0.0)


async def test_a_wake_up_ends_a_wait_under_way_and_only_of_its_upstream() -> None:
    """Each upstream has its own news."""
    coordination = Turned().coordination()
    waiting = asyncio.create_task(coordination.wait("A", 5.0))
    await asyncio.sleep(0)
    coordination.wake("B")
    await asyncio.sleep(0)
    assert not waiting.done()
    coordination.wake("A")
    assert await waiting


async def test_every_waiter_hears_of_a_wake_up() -> None:
    """Two that wait for the same upstream are both woken."""
    coordination = Turned().coordination()
    waiting = [asyncio.create_task(coordination.wait("A", 5.0)) for _ in range(2)]
    await asyncio.sleep(0)
    coordination.wake("A")
    assert await asyncio.gather(*waiting) == [True, True]


async def test_a_cancelled_wait_loses_no_wake_up() -> None:
    """Who gives up waiting takes no news along."""
    coordination = Turned().coordination()
    waiting = asyncio.create_task(coordination.wait("A", 5.0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    coordination.wake("A")
    assert await coordination.wait("A", 1.0)


async def test_news_reaches_everybody_who_listens_in_order_and_nobody_else() -> None:
    """Two listeners of one topic hear all of it from the moment they listen; another topic hears nothing."""
    coordination = Turned().coordination()
    coordination.tell("pause", "before")
    first, second, other = (coordination.news(topic) for topic in ("pause", "pause", "breaker"))
    coordination.tell("pause", "A")
    coordination.tell("pause", "B")
    coordination.tell("breaker", "C")
    assert [await anext(first), await anext(first)] == ["A", "B"]
    assert [await anext(second), await anext(second)] == ["A", "B"]
    assert await anext(other) == "C"
    waiting = asyncio.create_task(anext(first))
    await asyncio.sleep(0)
    assert not waiting.done()
    coordination.tell("pause", "D")
    assert await waiting == "D"


async def test_news_that_nobody_reads_takes_no_room() -> None:
    """Who listens too slowly misses the oldest (failure catalogue F18)."""
    coordination = Turned().coordination()
    slow = coordination.news("pause")
    for number in range(2_000):
        coordination.tell("pause", str(number))
    assert int(await anext(slow)) >= 2_000 - 256


async def test_rate_is_kept_for_each_upstream_apart() -> None:
    """One upstream's sends take nothing from another's."""
    turned = Turned()
    coordination = turned.coordination()
    assert await coordination.take("A", 10, 2.0, 3) == (3, 0.5)
    assert await coordination.take("B", 1, 2.0, 3) == (1, 0.0)
    assert await coordination.take("A", 1, 2.0, 3) == (0, 0.5)
    turned.seconds += 0.5
    allowed, _ = await coordination.take("A", 5, 2.0, 3)
    assert allowed == 1
    await coordination.take("A", -1, 2.0, 3)
    allowed, _ = await coordination.take("A", 5, 2.0, 3)
    assert allowed == 1


async def test_a_value_is_kept_until_its_time_has_run_out() -> None:
    """A session of an upstream is never used longer than it was said to live."""
    turned = Turned()
    coordination = turned.coordination()
    await coordination.remember("session", "S-1", timedelta(seconds=60))
    turned.seconds += 59.9
    assert await coordination.recall("session") == "S-1"
    turned.seconds += 0.1
    assert await coordination.recall("session") is None
    assert await coordination.recall("session") is None


async def test_a_forgotten_value_is_gone_and_forgetting_twice_is_harmless() -> None:
    """An expired session of the upstream is dropped before its time."""
    coordination = Turned().coordination()
    await coordination.remember("session", "S-1", timedelta(seconds=60))
    await coordination.forget("session")
    await coordination.forget("session")
    assert await coordination.recall("session") is None


async def test_values_that_ran_out_take_no_room() -> None:
    """Keys that are never asked for again do not gather (failure catalogue F18)."""
    turned = Turned()
    coordination = turned.coordination()
    for number in range(2_000):
        await coordination.remember(f"key-{number}", "v", timedelta(seconds=1))
        turned.seconds += 1
    assert len(coordination._values) <= 257


async def test_budgets_that_strangers_name_do_not_fill_the_memory() -> None:
    """One for each guess: those that are whole again are forgotten, those in use stand."""
    turned = Turned()
    coordination = turned.coordination()
    await coordination.take("busy", 5, 0.001, 5)
    for number in range(20_000):
        turned.seconds += 0.01
        await coordination.take(f"guess-{number}", 1, 1.0, 5)
    assert len(coordination._budgets) < 1_000
    assert (await coordination.take("busy", 1, 0.001, 5))[0] == 0
    assert (await coordination.take("guess-1", 5, 1.0, 5))[0] == 5
