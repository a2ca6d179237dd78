"""Stopping, storing, following up: what the worker owes to the house around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from connectors.kit.contract import Delivery
from connectors.kit.errors import NoAnswer, NotSent
from gateway.config import Breaker, Upstream
from gateway.dispatch.replay import Switch
from gateway.dispatch.upstreams import OperationTraits
from gateway.dispatch.worker import Worker
from gateway.errors import Invalid, JournalUnavailable, NotFound
from gateway.journal.model import NewDelivery

if TYPE_CHECKING:
    from tests.integration.dispatch.conftest import House, Postman

Settings = Callable[..., Upstream]


async def test_a_graceful_stop_settles_what_is_under_way_and_claims_nothing_more(
    house: House, postman: Postman, settings: Settings
) -> None:
    """Stop waits for the answer that is on its way, and leaves the rest READY."""
    postman.gates["D1"] = asyncio.Event()
    house.line("A", postman, settings(concurrency=1))
    await house.push("D1")
    await house.push("D2")
    async with house.working() as worker:
        await house.heard(postman, 1)
        stopping = asyncio.create_task(worker.stop())
        await asyncio.sleep(0.02)
        assert not stopping.done()
        postman.gates["D1"].set()
        await stopping
        assert await house.states("D1") == ["DELIVERED"]
        assert await house.states("D2") == ["READY"]
    assert len(postman.heard()) == 1


async def test_a_stop_does_not_wait_longer_than_the_lease(house: House, postman: Postman, settings: Settings) -> None:
    """A call that never ends cannot keep the process; its delivery is asked about by the next one."""
    postman.gates["D1"] = asyncio.Event()
    house.line("A", postman, settings())
    await house.push("D1")
    async with house.working() as worker:
        await house.heard(postman, 1)
        house.turned.turn(3_600)
        await worker.stop()
    assert await house.states("D1") == ["SENDING"]


async def test_a_worker_that_never_ran_stops_at_once(house: House) -> None:
    """Stopping is safe at any time."""
    worker = Worker({}, house.journal, house.coordination, house.turned.clock)
    await worker.stop()


async def test_an_acknowledged_sector_event_takes_its_place_in_the_outside_lane(house: House, postman: Postman) -> None:
    """Under `on_ack` the follow-up is accepted in the transaction that settles the resolution push, and goes out at once."""

    def follow_ups(delivery: Delivery) -> tuple[NewDelivery, ...]:
        if delivery.upstream != "resolution":
            return ()
        event = delivery.carried.event
        return (NewDelivery(f"{event.event_id}-out", "outside", "status", event.event_id, event.system_code),)

    outside = house.postman()
    house.line("resolution", postman)
    house.line("outside", outside)
    house.follow(follow_ups)
    await house.push("D1", "resolution")
    await house.push("D1", "resolution")
    async with house.working():
        await house.reach("D1", "DELIVERED", "DELIVERED", upstream="outside")
    assert [call.sequence for call in outside.heard()] == [1, 2]
    assert [row.event_id for row in await house.rows("D1", "outside")] == ["D1-1", "D1-2"]


async def test_nothing_follows_a_push_that_was_not_acknowledged(house: House, postman: Postman) -> None:
    """An unknown outcome is no acknowledgement."""
    asked: list[str] = []

    def follow_ups(delivery: Delivery) -> tuple[NewDelivery, ...]:
        asked.append(delivery.delivery_id)
        return ()

    postman.script["D1"] = [NoAnswer()]
    house.line("resolution", postman, status=OperationTraits(idempotent=True))
    house.follow(follow_ups)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        assert asked == []
        house.turn(11.0)
        await house.reach("D1", "DELIVERED")
    assert asked == ["D1-1-resolution"]


async def test_an_outcome_is_kept_in_hand_while_the_disk_is_full(house: House, postman: Postman) -> None:
    """A receipt that cannot be stored yet is stored when the disk has room again; nothing is sent twice."""
    house.line("A", postman)
    await house.push("D1")
    async with house.working():
        house.journal.refuse_settlements = 2
        await house.reach("D1", "DELIVERED")
    assert house.journal.refuse_settlements == 0
    assert len(postman.heard()) == 1


async def test_an_outcome_that_cannot_be_stored_within_the_lease_is_left_to_an_enquiry(
    house: House, postman: Postman
) -> None:
    """After the lease the journal itself says that the delivery is in doubt."""
    line = house.line("A", postman, status=OperationTraits(idempotent=True))
    postman.before = lambda _delivery: house.turned.turn(line.settings.lease() + 1)
    house.journal.refuse_settlements = 1
    await house.push("D1")
    async with house.working():
        await house.heard(postman, 1)
        postman.before = lambda _delivery: None
        await house.reach("D1", "DELIVERED")
    assert len(postman.heard()) == 2
    assert (await house.kinds()).count("delivery.repeated") == 1


async def test_the_crash_points_stand_right_around_the_call(house: House, postman: Postman) -> None:
    """Before the first byte, and after the answer before it is settled."""
    passed: list[str] = []
    postman.before = lambda _delivery: passed.append("call")
    house.line("A", postman)
    house.reaching(passed.append)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "DELIVERED")
    assert passed == ["send.before", "call", "send.after"]


async def test_a_payload_that_cannot_be_read_is_held_and_never_sent(house: House, postman: Postman) -> None:
    """Damage of ours is named; the connector sees nothing of it."""
    house.line("A", postman)
    await house.push_raw("D1", b'{"event": "Nguyen Thu Nghiem"')
    async with house.working():
        await house.reach("D1", "HELD")
    assert postman.calls == []
    (lane,) = await house.journal.lanes(blocked_only=True)
    assert lane.block_reason == "Không đọc lại được nội dung đã lưu của sự kiện."


async def test_a_fault_of_ours_in_one_attempt_stops_nothing_else(
    house: House, postman: Postman, caplog: pytest.LogCaptureFixture
) -> None:
    """The lane is left to its lease; every other lane goes on, and a person is told."""

    def follow_ups(delivery: Delivery) -> tuple[NewDelivery, ...]:
        if delivery.dossier_code == "BAD":
            raise RuntimeError(delivery.carried.dossier.applicant.name)
        return ()

    house.line("A", postman)
    house.follow(follow_ups)
    await house.push("BAD")
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "DELIVERED")
        await house.until_so(lambda: ("dispatch.failed", "A") in house.told.alarms)
    assert await house.states("BAD") == ["SENDING"]
    assert "RuntimeError" in caplog.text
    assert "Nguyễn" not in caplog.text


async def test_a_disabled_upstream_is_left_alone(house: House, postman: Postman, settings: Settings) -> None:
    """What is switched off in the configuration gets nothing; its deliveries wait."""
    house.line("A", postman, settings(enabled=False))
    await house.push("D1")
    async with house.working():
        await asyncio.sleep(0.03)
    assert await house.states("D1") == ["READY"]


async def test_pausing_needs_a_reason_and_a_known_upstream(house: House, postman: Postman) -> None:
    """A decision without a reason is refused, in Vietnamese."""
    house.line("A", postman)
    worker = Worker(house.lines, house.journal, house.coordination, house.turned.clock)
    with pytest.raises(Invalid) as caught:
        await worker.switch(Switch(("A",), True, "vì", "vanhanh01"))
    assert caught.value.faults[0].code == "reason_too_short"
    with pytest.raises(NotFound):
        await worker.switch(Switch(("B",), False, "Hệ thống đã hoạt động trở lại", "vanhanh01"))


async def test_a_paused_upstream_claims_nothing_and_accepts_go_on(house: House, postman: Postman) -> None:
    """What is pushed while an upstream is paused waits unharmed and goes out after the resume."""
    house.line("A", postman)
    async with house.working() as worker:
        await worker.switch(Switch(("A",), True, "Bảo trì theo kế hoạch", "vanhanh01"))
        await house.push("D1")
        await asyncio.sleep(0.03)
        assert await house.states("D1") == ["READY"]
        await worker.switch(Switch(("A",), False, "Bảo trì đã kết thúc", "vanhanh01"))
        await house.reach("D1", "DELIVERED")


@pytest.mark.parametrize(
    ("fault", "alarms"), [(JournalUnavailable(), []), (RuntimeError(), [("dispatch.failed", "A")])]
)
async def test_the_loop_survives_a_claim_that_fails(
    house: House, postman: Postman, fault: Exception, alarms: list[tuple[str, str]]
) -> None:
    """A full disk is waited for; a fault of ours is told; neither ends the loop of an upstream."""
    house.line("A", postman)
    house.journal.claim_faults.append(fault)
    await house.push("D1")
    async with house.working():
        await house.until_so(lambda: not house.journal.claim_faults)
        house.turn(1.0)
        await house.reach("D1", "DELIVERED")
    assert house.told.alarms == alarms


async def test_a_connector_that_cannot_deliver_pauses_its_upstream(house: House) -> None:
    """A set-up that can never work is told at the first delivery, and harms none."""
    house.line("A", house.mute())
    await house.push("D1")
    async with house.working():
        await house.until_so(lambda: house.standing().paused == "Đầu nối này không gửi được thông điệp.")
        await house.reach("D1", "READY")


async def test_a_standing_that_could_not_be_saved_is_saved_later(
    house: House, postman: Postman, settings: Settings
) -> None:
    """An open breaker reaches the store as soon as the store can take it."""
    postman.everywhere = NotSent()
    house.journal.refuse_standings = 1
    house.line("A", postman, settings(breaker=Breaker(failures=1, open_s=30)))
    await house.push("D1")
    async with house.working():
        await house.opened()
        await house.until_so(lambda: house.journal.refuse_standings == 0)
        house.turn(1.0)

        async def kept() -> bool:
            return (await house.journal.upstream("A")).breaker_state == "open"

        await house.until(kept)
