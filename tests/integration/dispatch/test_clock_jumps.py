"""The wall clock is set while the gateway runs: an hour ahead, an hour back. Due times and leases stand in wall time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.kit.errors import NoAnswer, NotSent
from gateway.config import Breaker
from gateway.dispatch.wallclock import Walls

if TYPE_CHECKING:
    from gateway.config import Upstream
    from tests.integration.dispatch.conftest import AskingPostman, House, Postman

HOUR = timedelta(hours=1)
A_WHILE_S = 0.08


async def test_a_clock_set_ahead_does_not_hand_a_lane_over_while_its_call_runs(
    house: House, asking: AskingPostman
) -> None:
    """The first attempt still runs: nobody asks about it, nobody sends it again, and its receipt counts."""
    house.line("A", asking)
    gate = asking.gates["D1"] = asyncio.Event()
    await house.push("D1")
    async with house.working():
        await house.heard(asking, 1)
        house.turned.moment += HOUR
        await house.push("D2")
        await asyncio.sleep(A_WHILE_S)
        assert [call.kind for call in asking.calls if call.dossier == "D1"] == ["deliver"]
        gate.set()
        await house.reach("D1", "DELIVERED")
        house.turn(60.0)
        await house.reach("D2", "DELIVERED")
    assert [call.kind for call in asking.calls if call.dossier == "D1"] == ["deliver"]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
async def test_a_clock_set_ahead_by_less_than_a_lease_hands_nothing_over_either(
    house: House, asking: AskingPostman, part: float
) -> None:
    """What had its whole lease left seems to have less: it is nobody else's before that lease has truly ended."""
    line = house.line("A", asking)
    lease_s = line.settings.lease()
    asking.gates["D1"] = asyncio.Event()
    await house.push("D1")
    async with house.working():
        await house.heard(asking, 1)
        house.turned.moment += timedelta(seconds=part * lease_s)
        house.turn(0.0)
        await asyncio.sleep(A_WHILE_S)
        house.turn(lease_s - 1.0)
        await asyncio.sleep(A_WHILE_S)
        assert [call.kind for call in asking.calls] == ["deliver"]
        asking.gates["D1"].set()
        await house.reach("D1", "DELIVERED")
        await house.push("D2")
        house.turn(2.0)
        await house.reach("D2", "DELIVERED")
    assert [call.kind for call in asking.calls] == ["deliver", "deliver"]


@pytest.mark.parametrize("noticed", ["by the old one", "by nobody", "without a common watch"])
async def test_a_worker_that_takes_the_place_of_another_rests_as_that_one_did(
    house: House, asking: AskingPostman, noticed: str
) -> None:
    """A reload in the midst of a rest: the old one's call still runs. Without the watch that both share it is asked about."""
    line = house.line("A", asking)
    shared = noticed != "without a common watch"
    house.hooks = replace(house.hooks, walls=Walls(house.turned.clock) if shared else None)
    gate = asking.gates["D1"] = asyncio.Event()
    await house.push("D1")
    async with house.working() as old:
        await house.heard(asking, 1)
        if noticed == "by nobody":
            stopping = asyncio.create_task(old.stop())
            await asyncio.sleep(A_WHILE_S)
        house.turned.moment += HOUR
        house.turn(0.0)
        await asyncio.sleep(A_WHILE_S)
        if noticed != "by nobody":
            stopping = asyncio.create_task(old.stop())
        async with house.working() as new:
            if not shared:
                await house.until_so(lambda: len(asking.calls) > 1)
            await asyncio.sleep(A_WHILE_S)
            asked = [call.kind for call in asking.calls] != ["deliver"]
            assert asked is not shared
            rest_s = (await new.standing("A")).rests_for_s(house.turned.seconds)
            assert rest_s == (pytest.approx(line.settings.lease()) if shared else 0.0)
            gate.set()
            await stopping
            await house.reach("D1", "DELIVERED")
            await house.push("D2")
            house.turn(line.settings.lease())
            await house.reach("D2", "DELIVERED")


async def test_a_clock_set_back_is_followed_once_when_a_worker_takes_the_place_of_another(
    house: House, postman: Postman
) -> None:
    """Both look for a moment: what waits is moved by the step, not by twice the step, or it would be sent too soon."""
    house.line("A", postman)
    house.hooks = replace(house.hooks, walls=Walls(house.turned.clock))
    postman.script["D1"] = [NotSent()]
    await house.push("D1")
    async with house.working() as old:
        await house.reach("D1", "WAITING")
        due = await house.journal.next_due("A")
        assert due is not None

        async def moved() -> bool:
            return await house.journal.next_due("A") != due

        house.turned.moment -= HOUR
        async with house.working():
            house.turn(0.0)
            await house.until(moved)
            await asyncio.sleep(A_WHILE_S)
            await old.stop()
            assert await house.journal.next_due("A") == due - HOUR
            house.turn(6.0)
            await house.reach("D1", "DELIVERED")


async def test_a_clock_set_ahead_does_not_shorten_the_deadline_of_an_unanswered_call(
    house: House, asking: AskingPostman
) -> None:
    """What was sent may still take effect until its own ten seconds have truly passed; only then is it asked about."""
    house.line("A", asking)
    asking.script["D1"] = [NoAnswer()]
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turned.moment += HOUR
        house.turn(1.0)
        await asyncio.sleep(A_WHILE_S)
        assert asking.heard("enquire") == []
        house.turn(60.0)
        await house.reach("D1", "DELIVERED")
    assert len(asking.heard("enquire")) == 1


async def test_a_clock_set_back_does_not_put_off_what_waits(house: House, postman: Postman) -> None:
    """A lane that waits half its backoff waits that long, not an hour more, and what is ready is sent."""
    house.line("A", postman)
    postman.script["D1"] = [NotSent()]
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "WAITING")
        house.turned.moment -= HOUR
        house.turn(6.0)
        await house.reach("D1", "DELIVERED")


async def test_a_clock_set_back_does_not_keep_the_breaker_open(
    house: House, postman: Postman, settings: Callable[..., Upstream]
) -> None:
    """The breaker lets its probe through after its open time, by whatever clock."""
    house.line("A", postman, settings(breaker=Breaker(failures=1, open_s=30.0)))
    postman.script["D1"] = [NotSent()]
    await house.push("D1")
    async with house.working():
        await house.opened()
        house.turned.moment -= HOUR
        house.turn(61.0)
        await house.reach("D1", "DELIVERED")


async def test_a_clock_set_back_over_a_crash_does_not_leave_a_lane_leased_for_an_hour(
    house: House, asking: AskingPostman
) -> None:
    """A lease of a process that is gone ends after its own length, though the clock was set back meanwhile."""
    house.line("A", asking)
    asking.gates["D1"] = asyncio.Event()
    await house.push("D1")
    await house.crash_while(asking)
    asking.gates.clear()
    house.turned.moment -= HOUR
    async with house.working():
        house.turn(1.0)
        await asyncio.sleep(A_WHILE_S)
        assert asking.heard("enquire") == []
        house.turn(60.0)
        await house.reach("D1", "DELIVERED")


async def test_a_clock_set_back_over_a_restart_does_not_keep_the_breaker_open(
    house: House, postman: Postman, settings: Callable[..., Upstream]
) -> None:
    """What was remembered by a clock that was an hour ahead ends after the breaker's own time."""
    house.line("A", postman, settings(breaker=Breaker(failures=1, open_s=30.0)))
    postman.script["D1"] = [NotSent()]
    await house.push("D1")
    async with house.working():
        await house.opened()
    await house.restart()
    await house.journal.set_back("A", HOUR, house.turned.moment - HOUR)
    house.turned.moment -= HOUR
    async with house.working():
        await house.until_so(lambda: "A" in house.worker.standings())
        house.turn(61.0)
        await house.reach("D1", "DELIVERED")
