"""Waiting is state of the journal: schedule, Retry-After, window, breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.kit.errors import Busy, NoAnswer, NotSent
from gateway.config import Breaker, Upstream
from gateway.journal.model import DeliveryState

if TYPE_CHECKING:
    from tests.integration.dispatch.conftest import AskingPostman, House, Postman

Settings = Callable[..., Upstream]


async def test_a_retryable_error_waits_and_is_sent_again_over_a_restart(house: House, postman: Postman) -> None:
    """The schedule stands in the journal, so a restart neither hastens nor forgets it."""
    postman.script["D1"] = [NotSent("Không kết nối được")]
    house.line("A", postman)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "WAITING")
    await house.restart()
    async with house.working():
        house.turn(2.4)
        await asyncio.sleep(0.03)
        assert await house.states("D1") == ["WAITING"]
        house.turn(0.2)
        await house.reach("D1", "DELIVERED")
    (row,) = await house.rows("D1")
    assert [attempt.outcome for attempt in row.attempts] == ["not_sent", "delivered"]
    assert row.attempts[0].detail_vi == "Không kết nối được"


async def test_retry_after_is_honoured(house: House, postman: Postman) -> None:
    """Not a second earlier than the upstream asked for."""
    postman.script["D1"] = [Busy(retry_after_s=120)]
    house.line("A", postman)
    asked_at = house.turned.moment
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "WAITING")
        house.turn(119.0)
        await asyncio.sleep(0.03)
        assert len(postman.heard()) == 1
        house.turn(4.0)
        await house.reach("D1", "DELIVERED")
    assert postman.heard()[1].at >= asked_at + timedelta(seconds=120)


async def test_exhausted_after_fourteen_days_is_held_visible_and_can_be_released(
    house: House, postman: Postman
) -> None:
    """Nothing accepted disappears: after two weeks it is held, told, and sent when a person releases it."""
    postman.everywhere = Busy("Cổng đang bảo trì")
    house.line("A", postman)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "WAITING")
        for day in range(1, 15):
            before = len(postman.heard())
            house.turn(86_400)
            await house.heard(postman, before + 1)
            await house.settled_down("A")
            assert await house.states("D1") == ["WAITING" if day < 14 else "HELD"]
        (lane,) = await house.journal.lanes(blocked_only=True)
        assert "Đã hết thời hạn gửi lại" in lane.block_reason
        assert "Cổng đang bảo trì" in lane.block_reason
        assert house.told.alarms == [("delivery.held", "A")]
        assert "delivery.held" in await house.kinds()


async def test_the_breaker_opens_after_n_failures_and_lets_one_probe_through(
    house: House, postman: Postman, settings: Settings
) -> None:
    """While it is open nothing is sent; then exactly one delivery finds out."""
    postman.everywhere = NotSent("Từ chối kết nối")
    house.line("A", postman, settings(concurrency=4, breaker=Breaker(failures=4, open_s=30)))
    for number in range(20):
        await house.push(f"D{number:02}")
    async with house.working():
        await house.heard(postman, 4)
        await house.opened()
        house.turn(29.0)
        await asyncio.sleep(0.03)
        assert len(postman.heard()) == 4
        gate = asyncio.Event()
        postman.gates = {f"D{number:02}": gate for number in range(20)}
        house.turn(1.5)
        await house.heard(postman, 5)
        house.turn(10.0)
        await asyncio.sleep(0.03)
        assert len(postman.heard()) == 5
        assert house.standing().breaker_state == "probing"
        postman.everywhere = None
        gate.set()
        house.turn(10.0)
        for number in range(20):
            await house.reach(f"D{number:02}", "DELIVERED")
    assert house.told.alarms == [("breaker.opened", "A")]
    kinds = await house.kinds()
    assert (kinds.count("breaker.opened"), kinds.count("breaker.closed")) == (1, 1)


async def test_an_upstream_that_is_down_is_not_charged_to_its_messages(
    house: House, postman: Postman, settings: Settings
) -> None:
    """With the breaker open the attempt is given back: an outage of days uses up no message's patience."""
    postman.everywhere = NotSent()
    house.line("A", postman, settings(concurrency=1, breaker=Breaker(failures=1, open_s=30)))
    await house.push("D1")
    async with house.working():
        for probe in range(1, 6):
            await house.heard(postman, probe)
            await house.opened()
            house.turn(40.0)
        postman.everywhere = None
        await house.reach("D1", "DELIVERED")
    (row,) = await house.rows("D1")
    assert [attempt.outcome for attempt in row.attempts] == ["delivered"]


async def test_an_open_breaker_outlives_a_restart(house: House, postman: Postman, settings: Settings) -> None:
    """A restart is no reason to storm an upstream that just went down."""
    postman.everywhere = NotSent()
    house.line("A", postman, settings(breaker=Breaker(failures=1, open_s=30)))
    await house.push("D1")
    async with house.working():
        await house.opened()
    await house.restart()
    calls = len(postman.heard())
    async with house.working():
        await house.push("D2")
        await house.until_so(lambda: "A" in house.worker.standings())
        await asyncio.sleep(0.05)
        assert len(postman.heard()) == calls
        assert house.standing().breaker_state == "open"


async def test_a_poisoned_dossier_that_never_answers_does_not_open_the_breaker(
    house: House, asking: AskingPostman, settings: Settings
) -> None:
    """One dossier that always times out leaves the way free for all others."""
    asking.always["BAD"] = NoAnswer()
    house.line("A", asking, settings(concurrency=1, breaker=Breaker(failures=3, open_s=3600)))
    await house.push("BAD")
    async with house.working():
        while len(asking.heard("deliver")) < 4:
            await house.reach("BAD", "UNKNOWN")
            house.turn(3700.0)
            await asyncio.sleep(0.005)
        await house.settled_down("A")
        assert house.standing().breaker_state == "closed"
        await house.push("D1")
        await house.reach("D1", "DELIVERED")


async def test_after_an_outage_the_drain_starts_slowly(house: House, postman: Postman, settings: Settings) -> None:
    """One at a time at first, one more with each success: an upstream that just came back is not thrown over again."""
    postman.everywhere = NotSent()
    house.line("A", postman, settings(concurrency=8, breaker=Breaker(failures=1, open_s=30)))
    await house.push("D00")
    async with house.working():
        await house.opened()
        for number in range(1, 12):
            await house.push(f"D{number:02}")
        postman.everywhere = None
        postman.gates = {f"D{number:02}": asyncio.Event() for number in range(12)}
        before = len(postman.heard())
        house.turn(40.0)
        for answered, allowed in enumerate((1, 1, 2, 3, 4)):
            # Calls are counted from the end of the outage: those that were answered, and those that may be under way.
            calls = before + answered + allowed
            await house.until_so(lambda calls=calls: len(postman.heard()) >= calls)  # type: ignore[misc]  # a bound default
            for _ in range(20):
                await house.journal.counts()  # the worker has its turns meanwhile, as many as it wants
            assert len(postman.heard()) == calls
            assert len(postman.waiting()) == allowed
            postman.gates.pop(postman.waiting()[0]).set()
        for gate in postman.gates.values():
            gate.set()
        postman.gates = {}
        for number in range(12):
            await house.reach(f"D{number:02}", "DELIVERED")


async def test_after_an_outage_overdue_dossiers_go_first_and_the_others_go_too(
    house: House, postman: Postman, settings: Settings
) -> None:
    """Of eighteen that waited the nine overdue ones are through after twelve calls; every fourth is the oldest of the rest."""
    postman.everywhere = NotSent()
    house.line("A", postman, settings(concurrency=8, breaker=Breaker(failures=1, open_s=30)))
    await house.push("first")
    async with house.working():
        await house.opened()
        for number in range(9):
            await house.push(f"later-{number}", legal_due=house.turned.moment + timedelta(days=20))
        for number in range(9):
            await house.push(f"overdue-{number}", legal_due=house.turned.moment - timedelta(days=1 + number))
        postman.everywhere = None
        before = len(postman.heard())
        house.turn(40.0)
        for number in range(9):
            await house.reach(f"later-{number}", "DELIVERED")
            await house.reach(f"overdue-{number}", "DELIVERED")
    heard = [call.dossier.partition("-")[0] for call in postman.heard()[before:]]
    assert heard[:12].count("overdue") == 9
    assert 2 <= heard[:12].count("later") <= 3


async def test_waiting_deliveries_are_counted_for_the_operator(house: House, postman: Postman) -> None:
    """Waiting, with its reason, is visible in the journal's counts and in the audit trail."""
    postman.everywhere = NotSent()
    house.line("A", postman)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "WAITING")
    counts = await house.journal.counts()
    assert counts.messages[("A", DeliveryState.WAITING)] == 1
    assert "delivery.waiting" in await house.kinds()
