"""The contract of orders: hold, release, skip, replay; audited, chained, and without effect where nothing is to be done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gateway.journal.model import DeliveryState, OrderKind

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Drivers


async def two_messages(desk: Desk) -> None:
    """Two messages in the lane of the desk's dossier."""
    await desk.accept(desk.event(1))
    await desk.accept(desk.event(2))


@pytest.mark.parametrize("kind", list(OrderKind))
async def test_an_order_for_a_lane_that_does_not_exist_does_nothing(desk: Desk, kind: OrderKind) -> None:
    """No lane, nothing done, nothing audited, a reason in Vietnamese."""
    before = await desk.journal.leaves()
    ordered = await desk.order(kind, "x")
    assert not ordered.done
    assert ordered.message_vi
    assert await desk.journal.leaves() == before
    assert await desk.journal.feed(0, 10, feed_only=False) == ()


async def test_an_order_is_audited_and_chained(desk: Desk) -> None:
    """An order that is carried out leaves its audit row and one leaf in the same transaction."""
    await two_messages(desk)
    (before,) = await desk.journal.leaves()
    assert (await desk.order(OrderKind.HOLD)).done
    (after,) = await desk.journal.leaves()
    assert after.n == before.n + 1
    assert (await desk.journal.feed(0, 10, feed_only=False))[-1].kind == "lane.hold"


@pytest.mark.parametrize("prior", [DeliveryState.READY, DeliveryState.WAITING, DeliveryState.UNKNOWN])
async def test_a_hold_stops_the_lane_and_a_release_lets_it_go_on(desk: Desk, prior: DeliveryState) -> None:
    """The head becomes HELD whatever it was; released, it is READY, or UNKNOWN when it was in doubt."""
    await two_messages(desk)
    if prior is not DeliveryState.READY:
        await desk.settle(await desk.claim_one(), prior, next_due=desk.turned.now() + timedelta(hours=1))
    assert (await desk.order(OrderKind.HOLD)).done
    assert await desk.states() == [DeliveryState.HELD, DeliveryState.READY]
    assert await desk.claim() == ()
    assert not (await desk.order(OrderKind.HOLD)).done
    released = await desk.order(OrderKind.RELEASE)
    assert (released.done, released.delivery_id) == (True, "ev-0042-1/portal/progress")
    doubtful = prior is DeliveryState.UNKNOWN
    assert await desk.states() == [DeliveryState.UNKNOWN if doubtful else DeliveryState.READY, DeliveryState.READY]
    claim = await desk.claim_one(batch={"progress": 5})
    assert claim.deliveries[0].doubtful is doubtful
    assert len(claim.deliveries) == (1 if doubtful else 2)


async def test_a_message_held_while_in_doubt_is_enquired_about_when_released(desk: Desk) -> None:
    """An enquiry that could not tell ends in HELD; the doubt is not forgotten by it."""
    await desk.accept(desk.event(1))
    await desk.settle(await desk.claim_one(), DeliveryState.UNKNOWN)
    await desk.settle(await desk.claim_one(), DeliveryState.HELD, block_reason="không tra cứu được")
    await desk.order(OrderKind.RELEASE)
    assert await desk.states() == [DeliveryState.UNKNOWN]
    assert (await desk.claim_one()).deliveries[0].doubtful


async def test_a_release_starts_the_count_of_attempts_anew(desk: Desk) -> None:
    """Otherwise a message held for too many attempts would be held again at once."""
    await desk.accept(desk.event(1))
    for _ in range(3):
        await desk.claim_one()
        desk.turned.turn(31)
    await desk.settle(await desk.claim_one(), DeliveryState.HELD)
    await desk.order(OrderKind.RELEASE)
    (delivery,) = (await desk.claim_one()).deliveries
    assert (delivery.attempts, delivery.unsettled, delivery.first_attempt_at) == (1, 0, None)


async def test_a_release_makes_a_waiting_head_due_at_once(desk: Desk) -> None:
    """A person need not wait for the schedule."""
    await desk.accept(desk.event(1))
    await desk.settle(await desk.claim_one(), DeliveryState.WAITING, next_due=desk.turned.now() + timedelta(days=1))
    assert (await desk.order(OrderKind.RELEASE)).done
    assert await desk.states() == [DeliveryState.READY]
    await desk.claim_one()


async def test_there_is_nothing_to_release_in_a_lane_that_runs(desk: Desk) -> None:
    """READY and due, in flight, or idle: a release changes nothing."""
    await desk.accept(desk.event(1))
    assert not (await desk.order(OrderKind.RELEASE)).done
    claim = await desk.claim_one()
    assert not (await desk.order(OrderKind.RELEASE)).done
    await desk.settle(claim, DeliveryState.DELIVERED)
    assert not (await desk.order(OrderKind.RELEASE)).done


async def test_a_hold_while_sending_is_shown_kept_and_can_be_taken_back(desk: Desk) -> None:
    """The hold waits for the settlement; a release before that cancels it."""
    await two_messages(desk)
    claim = await desk.claim_one()
    assert (await desk.order(OrderKind.HOLD)).done
    assert await desk.states() == [DeliveryState.SENDING, DeliveryState.READY]
    assert (await desk.order(OrderKind.RELEASE)).done
    await desk.settle(claim, DeliveryState.DELIVERED)
    assert (await desk.claim_one()).deliveries[0].sequence == 2


async def test_a_hold_while_sending_holds_a_head_that_still_waits(desk: Desk) -> None:
    """When the attempt fails or stays without answer the same message is held, its doubt kept."""
    await desk.accept(desk.event(1))
    claim = await desk.claim_one()
    await desk.order(OrderKind.HOLD)
    await desk.settle(claim, DeliveryState.UNKNOWN)
    assert await desk.states() == [DeliveryState.HELD]
    await desk.order(OrderKind.RELEASE)
    assert await desk.states() == [DeliveryState.UNKNOWN]


async def test_a_hold_while_sending_survives_the_sender(desk: Desk) -> None:
    """The process died before it settled: the lease runs out, and the lane is held, not handed out."""
    await desk.accept(desk.event(1))
    await desk.claim_one()
    await desk.order(OrderKind.HOLD)
    desk.turned.turn(31)
    assert await desk.claim() == ()
    assert await desk.states() == [DeliveryState.HELD]
    await desk.order(OrderKind.RELEASE)
    assert (await desk.claim_one()).deliveries[0].doubtful


async def test_a_hold_while_sending_holds_what_comes_later(desk: Desk) -> None:
    """The last message succeeds and the lane is empty: the next event is held when it comes, until a release."""
    await desk.accept(desk.event(1))
    claim = await desk.claim_one()
    await desk.order(OrderKind.HOLD)
    await desk.settle(claim, DeliveryState.DELIVERED)
    await desk.accept(desk.event(2))
    assert await desk.states() == [DeliveryState.DELIVERED, DeliveryState.HELD]
    assert await desk.claim() == ()
    await desk.order(OrderKind.RELEASE)
    assert (await desk.claim_one()).deliveries[0].sequence == 2


async def test_an_idle_lane_can_be_held_and_released(desk: Desk) -> None:
    """A person may stop a dossier before its next event; the lane is shown as blocked meanwhile."""
    await desk.accept(desk.event(1))
    await desk.settle(await desk.claim_one(), DeliveryState.DELIVERED)
    assert (await desk.order(OrderKind.HOLD)).done
    (row,) = await desk.journal.lanes(blocked_only=True)
    assert (row.state, row.depth, row.block_reason) == (None, 0, "lý do của người ra lệnh")
    assert (await desk.order(OrderKind.RELEASE)).done
    assert await desk.journal.lanes() == ()
    await desk.accept(desk.event(2))
    assert len(await desk.claim()) == 1


async def test_skipping_a_held_head_lets_the_lane_go_on(desk: Desk) -> None:
    """The held delivery becomes REFUSED, the next one is due at once."""
    await two_messages(desk)
    await desk.order(OrderKind.HOLD)
    ordered = await desk.order(OrderKind.SKIP, "ev-0042-1/portal/progress")
    assert (ordered.done, ordered.delivery_id) == (True, "ev-0042-1/portal/progress")
    assert await desk.states() == [DeliveryState.REFUSED, DeliveryState.READY]
    assert (await desk.claim_one()).deliveries[0].sequence == 2


async def test_skipping_the_only_message_leaves_the_lane_idle(desk: Desk) -> None:
    """Nothing waits afterwards, and a later event goes out as usual."""
    await desk.accept(desk.event(1))
    await desk.order(OrderKind.HOLD)
    assert (await desk.order(OrderKind.SKIP)).done
    assert await desk.journal.lanes() == ()
    await desk.accept(desk.event(2))
    assert (await desk.claim_one()).deliveries[0].sequence == 2


async def test_only_a_held_head_can_be_skipped(desk: Desk) -> None:
    """A message that is not held, or another than the head, is not refused by mistake."""
    await two_messages(desk)
    assert not (await desk.order(OrderKind.SKIP)).done
    await desk.order(OrderKind.HOLD)
    wrong = await desk.order(OrderKind.SKIP, "ev-0042-2/portal/progress")
    assert (wrong.done, wrong.delivery_id) == (False, "ev-0042-1/portal/progress")
    assert await desk.states() == [DeliveryState.HELD, DeliveryState.READY]


async def test_a_replay_appends_a_numbered_copy(desk: Desk) -> None:
    """A terminal delivery is queued again under new ids, with its payload; the original stays what it is."""
    await desk.accept(desk.event(1, carried=b"original"))
    await desk.settle(await desk.claim_one(), DeliveryState.DELIVERED)
    original = "ev-0042-1/portal/progress"
    for number, of in ((1, original), (2, original), (3, f"{original}:r1")):
        ordered = await desk.order(OrderKind.REPLAY, of)
        assert (ordered.done, ordered.delivery_id) == (True, f"{original}:r{number}")
        claim = await desk.claim_one()
        assert [(d.delivery_id, d.payload) for d in claim.deliveries] == [(f"{original}:r{number}", b"original")]
        await desk.settle(claim, DeliveryState.DELIVERED)
    assert await desk.states() == [DeliveryState.DELIVERED] * 4


async def test_a_replay_takes_its_turn_behind_what_waits(desk: Desk) -> None:
    """A copy never overtakes."""
    await two_messages(desk)
    await desk.settle(await desk.claim_one(), DeliveryState.REFUSED)
    await desk.order(OrderKind.REPLAY, "ev-0042-1/portal/progress")
    rows = await desk.journal.deliveries_of(desk.dossier)
    assert [row.delivery_id for row in rows][-1] == "ev-0042-1/portal/progress:r1"
    assert (await desk.claim_one()).deliveries[0].event_id == "ev-0042-2"


async def test_only_a_terminal_delivery_of_the_lane_can_be_replayed(desk: Desk) -> None:
    """What still waits is not doubled, and an unknown id is not invented."""
    await desk.accept(desk.event(1))
    assert not (await desk.order(OrderKind.REPLAY, "ev-0042-1/portal/progress")).done
    assert not (await desk.order(OrderKind.REPLAY, "nobody")).done
    assert not (await desk.order(OrderKind.REPLAY)).done
    assert len(await desk.states()) == 1


async def test_orders_survive_a_restart(driver: Drivers) -> None:
    """A hold that waits for a settlement is on the disk."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
        claim = await desk.claim_one()
        await desk.order(OrderKind.HOLD)
    async with driver.desk() as desk:
        await desk.settle(claim, DeliveryState.WAITING)
        assert await desk.states() == [DeliveryState.HELD]


@pytest.mark.parametrize("held_first", [True, False])
async def test_releasing_a_head_in_doubt_does_not_ask_before_its_call_is_over(desk: Desk, held_first: bool) -> None:
    """The answer to a call was lost a moment ago: a person's release waits until that call can have no effect any more."""
    await two_messages(desk)
    claim = await desk.claim_one()
    await desk.settle(claim, DeliveryState.UNKNOWN, next_due=desk.turned.now() + timedelta(minutes=40))
    desk.turned.turn(5)
    if held_first:
        await desk.order(OrderKind.HOLD)
    assert (await desk.order(OrderKind.RELEASE, doubt_rest=timedelta(seconds=60))).done
    desk.turned.turn(54)
    assert await desk.claim() == ()
    desk.turned.turn(1)
    assert (await desk.claim_one()).deliveries[0].doubtful


async def test_releasing_a_head_that_is_in_doubt_for_long_asks_at_once(desk: Desk) -> None:
    """Its call ended long ago."""
    await two_messages(desk)
    await desk.settle(await desk.claim_one(), DeliveryState.HELD, next_due=None, block_reason="chờ người quyết định")
    await desk.order(OrderKind.RELEASE, doubt_rest=timedelta(seconds=60))
    await desk.settle(await desk.claim_one(), DeliveryState.UNKNOWN)
    await desk.order(OrderKind.HOLD)
    desk.turned.turn(3_600)
    await desk.order(OrderKind.RELEASE, doubt_rest=timedelta(seconds=60))
    assert (await desk.claim_one()).deliveries[0].doubtful
