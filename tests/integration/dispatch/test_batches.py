"""One call for several deliveries of a lane: an outcome for each, and a stop at the first failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.kit.contract import Receipt
from connectors.kit.errors import Busy, CredentialsRefused, NoAnswer, NotSent, Rejected
from gateway.config import Breaker, Upstream
from gateway.dispatch.replay import Switch
from gateway.dispatch.upstreams import OperationTraits

if TYPE_CHECKING:
    from tests.integration.dispatch.conftest import BatchPostman, House, Postman

Said = Callable[..., Receipt]
Settings = Callable[..., Upstream]
TEN = OperationTraits(batch=10, idempotent=True)


async def _queue(house: House, batching: BatchPostman, n: int) -> None:
    house.line("A", batching, status=TEN)
    for _ in range(n):
        await house.push("D1")


async def test_contiguous_deliveries_of_a_lane_go_in_one_call(house: House, batching: BatchPostman) -> None:
    """At most as many as the manifest says, in order."""
    await _queue(house, batching, 13)
    async with house.working():
        await house.reach("D1", *["DELIVERED"] * 13)
    assert batching.batches == [list(range(1, 11)), [11, 12, 13]]


async def test_f15_a_batch_stops_at_the_first_failure(house: House, batching: BatchPostman, said: Said) -> None:
    """The lane advances over contiguous successes; confirmed items are never sent again."""
    ok = said(house.turned.moment)
    batching.answers = [[ok, ok, Busy(), NotSent(), NotSent()]]
    await _queue(house, batching, 5)
    async with house.working():
        await house.reach("D1", "DELIVERED", "DELIVERED", "WAITING", "READY", "READY")
        house.turn(6.0)
        await house.reach("D1", *["DELIVERED"] * 5)
    assert batching.batches == [[1, 2, 3, 4, 5], [3, 4, 5]]


async def test_f15_a_success_behind_a_failure_is_not_sent_again(
    house: House, batching: BatchPostman, said: Said
) -> None:
    """What happened upstream stays true, even out of turn (failure catalogue F15)."""
    ok = said(house.turned.moment)
    batching.answers = [[ok, Rejected("Sai bước"), ok]]
    await _queue(house, batching, 3)
    async with house.working():
        await house.reach("D1", "DELIVERED", "HELD", "DELIVERED")
    (lane,) = await house.journal.lanes(blocked_only=True)
    assert lane.block_reason == "Sai bước"


async def test_an_unanswered_batch_leaves_every_item_in_doubt(house: House, batching: BatchPostman) -> None:
    """A transport failure of the whole array says nothing about any item; each is resolved alone, in order."""
    batching.answers = [NoAnswer()]
    await _queue(house, batching, 3)
    async with house.working():
        await house.reach("D1", "UNKNOWN", "UNKNOWN", "UNKNOWN")
        assert batching.calls == []
        house.turn(11.0)
        await house.reach("D1", "DELIVERED", "DELIVERED", "DELIVERED")
    assert [call.sequence for call in batching.heard()] == [1, 2, 3]


async def test_an_item_in_doubt_behind_a_failure_waits_for_the_calls_deadline_too(
    house: House, batching: BatchPostman, said: Said
) -> None:
    """The lane is not due before the last of its doubtful items may be asked about."""
    batching.answers = [[said(house.turned.moment), Busy(), NoAnswer()]]
    sent_at = house.turned.moment
    await _queue(house, batching, 3)
    async with house.working():
        await house.reach("D1", "DELIVERED", "WAITING", "UNKNOWN")
        house.turn(10.5)
        await asyncio.sleep(0.03)
        assert await house.states("D1") == ["DELIVERED", "WAITING", "UNKNOWN"]
        house.turn(1.0)
        await house.reach("D1", *["DELIVERED"] * 3)
    assert min(call.at for call in batching.heard()) >= sent_at + timedelta(seconds=10)


async def test_an_answer_of_the_wrong_length_leaves_every_item_in_doubt(
    house: House, batching: BatchPostman, said: Said
) -> None:
    """A connector that loses count has lost the outcome."""
    batching.answers = [[said(house.turned.moment)]]
    await _queue(house, batching, 2)
    async with house.working():
        await house.reach("D1", "UNKNOWN", "UNKNOWN")


async def test_a_batch_that_finds_the_set_up_wrong_keeps_what_was_confirmed(
    house: House, batching: BatchPostman, said: Said
) -> None:
    """The pause harms nothing behind it and takes nothing back."""
    batching.answers = [[said(house.turned.moment), CredentialsRefused(), NotSent()]]
    await _queue(house, batching, 3)
    async with house.working() as worker:
        await house.until_so(lambda: house.standing().paused != "")
        await house.reach("D1", "DELIVERED", "READY", "READY")
        await worker.switch(Switch(("A",), False, "Đã cập nhật tài khoản kết nối", "vanhanh01"))
        await house.reach("D1", *["DELIVERED"] * 3)


async def test_an_upstream_that_goes_away_during_a_batch_keeps_what_was_confirmed(
    house: House, batching: BatchPostman, said: Said, settings: Settings
) -> None:
    """With the breaker open the rest waits for it."""
    batching.answers = [[said(house.turned.moment), NotSent()]]
    house.line("A", batching, settings(breaker=Breaker(failures=1, open_s=30)), status=TEN)
    for _ in range(2):
        await house.push("D1")
    async with house.working():
        await house.opened()
        assert await house.states("D1") == ["DELIVERED", "READY"]
        house.turn(40.0)
        await house.reach("D1", "DELIVERED", "DELIVERED")


async def test_a_connector_that_cannot_take_batches_gets_them_one_by_one(house: House, postman: Postman) -> None:
    """A manifest that promises more than its connector does not break the line."""
    house.line("A", postman, status=TEN)
    for _ in range(3):
        await house.push("D1")
    async with house.working():
        await house.reach("D1", *["DELIVERED"] * 3)
    assert len(postman.heard()) == 3
