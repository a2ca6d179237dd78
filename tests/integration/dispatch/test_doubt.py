"""An unknown outcome is enquired about before anything is repeated, and every repeat is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.kit.contract import Delivery, Enquiry, Found, Receipt
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CredentialsRefused,
    DeliveryError,
    NoAnswer,
    NotSent,
    UpstreamFault,
)
from gateway.admin.operations import Operations
from gateway.admin.words import Words
from gateway.clock import Clock
from gateway.config import Upstream
from gateway.dispatch.replay import LanePlace, Switch, lane_order
from gateway.dispatch.upstreams import OperationTraits
from gateway.journal.model import OrderKind

if TYPE_CHECKING:
    from tests.integration.dispatch.conftest import AskingPostman, House, Postman

Settings = Callable[..., Upstream]
Said = Callable[..., Receipt]


@pytest.mark.parametrize("error", [NoAnswer(), AnswerUnreadable(), UpstreamFault()])
async def test_unknown_is_enquired_before_any_repeat_and_never_before_the_calls_deadline(
    house: House, asking: AskingPostman, said: Said, error: DeliveryError
) -> None:
    """A connection that drops after a second may still be at work upstream until the call's ten seconds are over."""
    asking.script["D1"] = [error]
    asking.findings = [Enquiry(Found.DONE, said(house.turned.moment))]
    house.line("A", asking)
    sent_at = house.turned.moment
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(10.0)
        await asyncio.sleep(0.03)
        assert asking.heard("enquire") == []
        house.turn(1.0)
        await house.reach("D1", "DELIVERED")
    (asked,) = asking.heard("enquire")
    assert asked.at >= sent_at + timedelta(seconds=10)
    assert len(asking.heard("deliver")) == 1
    (row,) = await house.rows("D1")
    assert [attempt.outcome for attempt in row.attempts] == [error.code, "enquired_done"]
    assert b'"enquired":true' in row.receipt


async def test_a_delivery_that_was_not_found_is_repeated_once_in_the_same_claim(
    house: House, asking: AskingPostman
) -> None:
    """Not found allows one repeat; it is shown as one."""
    asking.script["D1"] = [NoAnswer()]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.reach("D1", "DELIVERED")
    assert [call.kind for call in asking.calls] == ["deliver", "enquire", "deliver"]
    assert (await house.kinds()).count("delivery.repeated") == 1
    assert [settled.repeated for settled in house.told.settled] == [False, True]


async def test_cannot_tell_holds_with_the_reason(house: House, asking: AskingPostman) -> None:
    """Nobody guesses about a status that counts against the dossier."""
    asking.script["D1"] = [NoAnswer()]
    asking.findings = [Enquiry(Found.CANNOT_TELL, reason_vi="Không tra cứu được tiến độ")]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.reach("D1", "HELD")
    assert len(asking.heard("deliver")) == 1
    (lane,) = await house.journal.lanes(blocked_only=True)
    assert lane.block_reason == "Không tra cứu được tiến độ"


async def test_a_release_of_what_nobody_can_tell_sends_it(house: House, asking: AskingPostman) -> None:
    """A person looked and says send it again: it is sent, not asked about and held for ever."""
    asking.script["D1"] = [NoAnswer()]
    asking.findings = [Enquiry(Found.CANNOT_TELL, reason_vi="Không tra cứu được tiến độ")]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.reach("D1", "HELD")
        order = lane_order(OrderKind.RELEASE, LanePlace("A", "D1"), "Đã xem trên Cổng, chưa có dòng này", "os:test")
        assert (await house.journal.order(order, house.turned.clock.now())).done
        house.coordination.wake("A")
        await house.reach("D1", "DELIVERED")
    assert [call.kind for call in asking.calls] == ["deliver", "enquire", "deliver"]


async def test_cannot_tell_is_repeated_where_the_connector_allows_it(house: House, asking: AskingPostman) -> None:
    """Configuration allows a repeat for statuses that harm nobody twice."""
    asking.script["D1"] = [NoAnswer()]
    asking.findings = [Enquiry(Found.CANNOT_TELL, repeat_allowed=True)]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.reach("D1", "DELIVERED")
    assert len(asking.heard("deliver")) == 2


@pytest.mark.parametrize(("idempotent", "ends", "sent"), [(True, "DELIVERED", 2), (False, "HELD", 1)])
async def test_without_enquiry_only_an_idempotent_operation_is_repeated(
    house: House, postman: Postman, ends: str, sent: int, *, idempotent: bool
) -> None:
    """Where nobody can be asked, the manifest or a person decides."""
    postman.script["D1"] = [NoAnswer()]
    house.line("A", postman, status=OperationTraits(idempotent=idempotent))
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.reach("D1", ends)
    assert len(postman.heard()) == sent


@pytest.mark.parametrize("error", [NotSent(), Busy(), NoAnswer()])
async def test_a_failing_enquiry_leaves_it_unknown_with_backoff(
    house: House, asking: AskingPostman, said: Said, error: DeliveryError
) -> None:
    """A question without an answer says nothing about the delivery; it is asked again later."""
    asking.script["D1"] = [NoAnswer()]
    asking.findings = [error, Enquiry(Found.DONE, said(house.turned.moment))]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.heard(asking, 1, "enquire")
        await house.settled_down("A")
        assert await house.states("D1") == ["UNKNOWN"]
        house.turn(60.0)
        await house.reach("D1", "DELIVERED")
    assert len(asking.heard("deliver")) == 1


async def test_a_done_without_a_receipt_is_no_answer(house: House, asking: AskingPostman) -> None:
    """A connector that says done must say with what."""
    asking.script["D1"] = [NoAnswer()]
    asking.findings = [Enquiry(Found.DONE)]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.heard(asking, 1, "enquire")
        await house.settled_down("A")
        assert await house.states("D1") == ["UNKNOWN"]


async def test_an_enquiry_with_a_wrong_set_up_pauses_and_the_doubt_stays(house: House, asking: AskingPostman) -> None:
    """After the pause the delivery is still enquired about first."""
    asking.script["D1"] = [NoAnswer()]
    asking.findings = [CredentialsRefused()]
    house.line("A", asking)
    await house.push("D1")
    async with house.working() as worker:
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.until_so(lambda: house.standing().paused != "")
        await house.settled_down("A")
        assert await house.states("D1") == ["UNKNOWN"]
        await worker.switch(Switch(("A",), False, "Đã cập nhật tài khoản kết nối", "vanhanh01"))
        await house.reach("D1", "DELIVERED")
    assert [call.kind for call in asking.calls] == ["deliver", "enquire", "enquire", "deliver"]


async def test_a_connector_that_raises_by_mistake_leaves_the_delivery_in_doubt(
    house: House, asking: AskingPostman, said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    """The stack is logged, the text of the error is not: it may quote personal data."""
    asking.script["D1"] = [KeyError("Nguyễn Thử Nghiệm 012345678901")]
    asking.findings = [Enquiry(Found.DONE, said(house.turned.moment))]
    house.line("A", asking)
    await house.push("D1")
    await house.push("D2")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        await house.reach("D2", "DELIVERED")
        house.turn(11.0)
        await house.reach("D1", "DELIVERED")
    assert "KeyError" in caplog.text
    assert "in answer" in caplog.text
    assert "Nguyễn" not in caplog.text
    assert "012345678901" not in caplog.text


async def test_a_connector_that_ignores_its_budget_is_cancelled_and_the_delivery_in_doubt(
    house: House, asking: AskingPostman, settings: Settings
) -> None:
    """No call outlives its budget by more than a grace, so no slot is lost for ever."""
    asking.gates["D1"] = asyncio.Event()
    house.line("A", asking, settings(timeout_s=0.05, lease_s=2.0))
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")


async def test_a_crash_between_send_and_settle_ends_in_doubt_and_is_enquired_after_the_lease(
    house: House, asking: AskingPostman, said: Said
) -> None:
    """What was under way when the process died is never sent again unasked, nor asked about before the lease is over."""
    asking.gates["D1"] = asyncio.Event()
    asking.findings = [Enquiry(Found.DONE, said(house.turned.moment))]
    line = house.line("A", asking)
    await house.push("D1")
    await house.crash_while(asking)
    asking.gates.clear()
    sent_at = asking.heard("deliver")[0].at
    async with house.working():
        house.turn(line.settings.lease() - 0.5)
        await asyncio.sleep(0.03)
        assert asking.heard("enquire") == []
        house.turn(1.0)
        await house.reach("D1", "DELIVERED")
    assert len(asking.heard("deliver")) == 1
    assert asking.heard("enquire")[0].at >= sent_at + timedelta(seconds=line.settings.timeout_s)


async def test_f12_a_message_that_keeps_killing_the_process_is_held_as_poison(
    house: House, asking: AskingPostman, settings: Settings
) -> None:
    """Attempts are counted when they are claimed: after three deaths in a row nobody touches it without a person."""
    asking.gates["D1"] = asyncio.Event()
    line = house.line("A", asking, settings(max_unsettled=3))
    await house.push("D1")
    for _ in range(3):
        await house.crash_while(asking)
        house.turn(line.settings.lease() + 1)
    calls = len(asking.calls)
    async with house.working():
        await house.reach("D1", "HELD")
    assert len(asking.calls) == calls
    (row,) = await house.rows("D1")
    assert [attempt.outcome for attempt in row.attempts] == ["poison"]
    assert house.told.alarms == [("delivery.held", "A")]


async def test_f02b_a_zombie_sends_nothing(house: House, asking: AskingPostman) -> None:
    """A process that slept past 0.7 of its lease between claim and send gives the lane back, uncounted."""
    line = house.line("A", asking)
    await house.push("D1")
    start = house.turned.moment
    house.freeze_claim(0.7 * line.settings.lease())
    async with house.working():
        await house.reach("D1", "DELIVERED")
    assert house.frozen == 1
    (call,) = asking.calls
    assert (call.kind, call.attempt) == ("deliver", 1)
    assert call.at >= start + timedelta(seconds=0.7 * line.settings.lease())
    (row,) = await house.rows("D1")
    assert [attempt.outcome for attempt in row.attempts] == ["delivered"]


async def test_a_zombie_past_its_whole_lease_sends_nothing_either(house: House, asking: AskingPostman) -> None:
    """The delivery reaches the upstream once, by a fresh claim."""
    line = house.line("A", asking)
    await house.push("D1")
    house.freeze_claim(line.settings.lease() + 1)
    async with house.working():
        await house.reach("D1", "DELIVERED")
    assert len(asking.heard("deliver")) == 1


async def test_a_zombie_does_not_even_ask(house: House, asking: AskingPostman) -> None:
    """What is in doubt stays in doubt when the claim grew old: it is asked about by a fresh claim."""
    asking.script["D1"] = [NoAnswer()]
    line = house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.freeze_claim(0.8 * line.settings.lease())
        start = house.turned.moment
        house.turn(11.0)
        await house.reach("D1", "DELIVERED")
    assert house.frozen == 1
    (asked,) = asking.heard("enquire")
    assert asked.at >= start + timedelta(seconds=11 + 0.8 * line.settings.lease())


async def test_an_enquiry_that_took_too_long_leaves_the_repeat_to_the_next_claim(
    house: House, asking: AskingPostman
) -> None:
    """The doubt is gone, but the time to send is over: nothing is sent now, and nobody asks again."""
    line = house.line("A", asking)
    asking.script["D1"] = [NoAnswer()]
    await house.push("D1")
    asking.while_asking = lambda: house.turned.turn(0.8 * line.settings.lease())
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(11.0)
        await house.reach("D1", "DELIVERED")
    assert [call.kind for call in asking.calls] == ["deliver", "enquire", "deliver"]
    (row,) = await house.rows("D1")
    assert [attempt.outcome for attempt in row.attempts] == ["no_answer", "late", "delivered"]


async def test_the_budget_of_a_call_ends_with_the_lease(house: House, postman: Postman, settings: Settings) -> None:
    """After a late start the call gets less time, never more than the lease leaves."""
    budgets: list[tuple[float, float]] = []

    def note(delivery: Delivery) -> None:
        budgets.append((delivery.budget.send_before, delivery.budget.timeout_s))

    postman.before = note
    house.line("A", postman, settings(timeout_s=10.0, lease_s=20.0))
    await house.push("D1")
    start = house.turned.seconds
    house.freeze_claim(13.0)
    async with house.working():
        await house.reach("D1", "DELIVERED")
    assert budgets == [(start + 14.0, 6.5)]


def test_the_house_clock_is_the_clock_of_dispatch(house: House) -> None:
    """The turned clock is what the worker reads; otherwise the tests above prove nothing."""
    assert isinstance(house.turned.clock, Clock)
    before = house.turned.clock.now()
    house.turned.turn(5)
    assert house.turned.clock.now() - before == timedelta(seconds=5)


async def test_an_operator_who_releases_a_doubtful_lane_at_once_does_not_have_it_asked_too_early(
    house: House, asking: AskingPostman
) -> None:
    """The call dropped a moment ago and has ten seconds to take effect: the release waits for them, then asks."""
    house.line("A", asking)
    asking.script["D1"] = [NoAnswer()]
    await house.push("D1")
    upstreams = {"A": house.lines["A"].settings}
    async with house.working() as worker:
        operations = Operations(house.journal, worker, upstreams, house.turned.clock)
        await house.reach("D1", "UNKNOWN")
        await operations.order(OrderKind.RELEASE, Words("officer-1", "đã gọi điện hỏi", upstream="A", dossier="D1"))
        house.turn(9.9)
        await asyncio.sleep(0.05)
        assert asking.heard("enquire") == []
        house.turn(1.2)
        await house.reach("D1", "DELIVERED")
    assert len(asking.heard("enquire")) == 1
