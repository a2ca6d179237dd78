"""Lanes and upstreams do not delay each other, and each keeps its order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from connectors.kit.contract import Receipt
from connectors.kit.errors import (
    CannotMap,
    CredentialsRefused,
    Finding,
    NotSent,
    Rejected,
)
from gateway.config import Breaker, Upstream
from gateway.dispatch.replay import Switch
from gateway.dispatch.upstreams import OperationTraits

if TYPE_CHECKING:
    from tests.integration.dispatch.conftest import House, Postman

Settings = Callable[..., Upstream]


async def test_events_of_a_dossier_arrive_in_order_each_once(house: House, postman: Postman) -> None:
    """First in, first out, one at a time, with a receipt and one recorded attempt each."""
    house.line("A", postman)
    for _ in range(5):
        await house.push("D1")
    async with house.working():
        await house.reach("D1", *["DELIVERED"] * 5)
    assert [call.sequence for call in postman.heard()] == [1, 2, 3, 4, 5]
    for row in await house.rows("D1"):
        assert b'"reference":"R-1"' in row.receipt
        (attempt,) = row.attempts
        assert (attempt.outcome, attempt.http_status, attempt.upstream_code) == ("delivered", 200, "00")
        assert attempt.request_digest
        assert attempt.response_digest
    assert (await house.kinds()).count("delivery.delivered") == 5
    assert [settled.code for settled in house.told.settled] == ["delivered"] * 5


async def test_f08_one_poisoned_lane_does_not_delay_others(house: House, postman: Postman) -> None:
    """A rejected dossier is held; what is behind it waits, every other lane goes on."""
    postman.always["BAD"] = Rejected("Hồ sơ không tồn tại trên Cổng")
    house.line("A", postman)
    for dossier in ("BAD", "BAD", "D1", "D2", "D1", "D2"):
        await house.push(dossier)
    async with house.working():
        await house.reach("BAD", "HELD", "READY")
        await house.reach("D1", "DELIVERED", "DELIVERED")
        await house.reach("D2", "DELIVERED", "DELIVERED")
        await house.push("D1")
        await house.reach("D1", *["DELIVERED"] * 3)
    assert len(postman.heard(dossier="BAD")) == 1
    (lane,) = await house.journal.lanes(blocked_only=True)
    assert (lane.dossier, lane.block_reason) == ("BAD", "Hồ sơ không tồn tại trên Cổng")
    assert house.told.alarms == [("delivery.held", "A")]


async def test_a_lane_that_hangs_does_not_delay_others(house: House, postman: Postman) -> None:
    """An upstream that does not answer for one dossier answers for the others meanwhile."""
    postman.gates["SLOW"] = asyncio.Event()
    house.line("A", postman)
    await house.push("SLOW")
    async with house.working():
        await house.heard(postman, 1)
        for number in range(20):
            await house.push(f"D{number}")
        for number in range(20):
            await house.reach(f"D{number}", "DELIVERED")
        assert await house.states("SLOW") == ["SENDING"]
        postman.gates["SLOW"].set()
        await house.reach("SLOW", "DELIVERED")


async def test_an_upstream_that_is_down_does_not_delay_another(house: House, settings: Settings) -> None:
    """Every upstream has a loop of its own."""
    down, up = house.postman(), house.postman()
    down.everywhere = NotSent("Không kết nối được")
    house.line("DOWN", down, settings(breaker=Breaker(failures=2)))
    house.line("UP", up)
    async with house.working():
        for number in range(10):
            await house.push(f"D{number}")
        for number in range(10):
            await house.reach(f"D{number}", "DELIVERED", upstream="UP")
    for number in range(10):
        assert (await house.states(f"D{number}", "DOWN"))[0] in ("READY", "WAITING")


async def test_concurrency_is_never_exceeded(house: House, postman: Postman, settings: Settings) -> None:
    """No more calls at once than the upstream was promised."""
    house.line("A", postman, settings(concurrency=3))
    for number in range(9):
        postman.gates[f"D{number}"] = asyncio.Event()
        await house.push(f"D{number}")
    async with house.working():
        await house.heard(postman, 3)
        await asyncio.sleep(0.05)
        assert len(postman.heard()) == 3
        for gate in postman.gates.values():
            gate.set()
        await house.heard(postman, 9)


async def test_the_rate_is_kept(house: House, postman: Postman, settings: Settings) -> None:
    """With a clock that stands still only the burst goes out; a second later one more interval's worth."""
    house.line("A", postman, settings(rate_per_s=2.0, burst=3))
    for number in range(9):
        await house.push(f"D{number}")
    async with house.working():
        await house.heard(postman, 3)
        await asyncio.sleep(0.05)
        assert len(postman.heard()) == 3
        house.turn(1.0)
        await house.heard(postman, 5)
        await asyncio.sleep(0.05)
        assert len(postman.heard()) == 5


async def test_a_wrong_set_up_pauses_the_upstream_once_and_harms_no_message(
    house: House, postman: Postman, settings: Settings
) -> None:
    """Eight deliveries find out at the same moment: one pause, one alarm, one audit row, no attempt counted."""
    postman.everywhere = CredentialsRefused("Cổng từ chối tài khoản")
    house.line("A", postman, settings(concurrency=8))
    for number in range(12):
        await house.push(f"D{number}")
    async with house.working() as worker:
        await house.heard(postman, 8)
        await house.until_so(lambda: house.standing().paused == "Cổng từ chối tài khoản")
        await house.settled_down("A")
        await house.push("LATE")
        assert len(postman.heard()) == 8
        assert {row.state.value for n in range(12) for row in await house.rows(f"D{n}")} == {"READY"}
        assert [lane.attempts for lane in await house.journal.lanes()] == [0] * 13
        assert house.told.alarms == [("upstream.paused", "A")]
        assert (await house.kinds()).count("upstream.paused") == 1
        postman.everywhere = None
        await worker.switch(Switch(("A",), False, "Đã cập nhật mật khẩu tài khoản kết nối", "vanhanh01"))
        for number in range(12):
            await house.reach(f"D{number}", "DELIVERED")
    assert "upstream.resumed" in await house.kinds()


async def test_a_pause_outlives_a_restart(house: House, postman: Postman) -> None:
    """What a person paused stays paused until a person resumes it."""
    house.line("A", postman)
    async with house.working() as worker:
        await worker.switch(Switch(("A",), True, "Bảo trì Cổng theo thông báo số 12", "vanhanh01"))
    await house.push("D1")
    await house.restart()
    async with house.working() as worker:
        await house.until_so(lambda: "A" in house.worker.standings())
        await asyncio.sleep(0.05)
        assert postman.heard() == []
        assert house.standing().paused == "Bảo trì Cổng theo thông báo số 12"
        await worker.switch(Switch(("A",), False, "Cổng đã hoạt động trở lại", "vanhanh01"))
        await house.reach("D1", "DELIVERED")
    assert [kind for kind in await house.kinds() if kind.startswith("upstream.")] == [
        "upstream.paused",
        "upstream.resumed",
    ]


async def test_a_skippable_operation_is_refused_and_the_lane_goes_on(house: House, postman: Postman) -> None:
    """Only what the manifest declares skippable may be passed over without a person."""
    postman.script["D1"] = [Rejected("Không nhận đánh giá này")]
    house.line("A", postman, rating=OperationTraits(skippable=True))
    await house.push("D1", operation="rating")
    await house.push("D1", operation="rating")
    async with house.working():
        await house.reach("D1", "REFUSED", "DELIVERED")
    assert "delivery.refused" in await house.kinds()


async def test_a_held_message_names_every_fault_by_its_place(house: House, postman: Postman) -> None:
    """Who has to mend the dossier sees what to mend."""
    finding = Finding("national_code_missing", "/dossier/procedure/national_code", "thiếu mã thủ tục quốc gia")
    postman.always["D1"] = CannotMap("Chưa gửi được", findings=(finding,))
    house.line("A", postman)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "HELD")
    (lane,) = await house.journal.lanes(blocked_only=True)
    assert lane.block_reason == "Chưa gửi được (/dossier/procedure/national_code: thiếu mã thủ tục quốc gia)"


async def test_memory_of_receipts_reaches_later_deliveries_of_the_lane(
    house: House, postman: Postman, said: Callable[..., Receipt]
) -> None:
    """What a receipt asks to be remembered stands in every later delivery of the same dossier and upstream."""
    seen: list[dict[str, str]] = []
    postman.before = lambda delivery: seen.append(dict(delivery.memory))
    postman.script["D1"] = [said(house.turned.moment, row="1"), said(house.turned.moment, more="2")]
    house.line("A", postman)
    for _ in range(3):
        await house.push("D1")
    async with house.working():
        await house.reach("D1", *["DELIVERED"] * 3)
    assert seen == [{}, {"row": "1"}, {"row": "1", "more": "2"}]
