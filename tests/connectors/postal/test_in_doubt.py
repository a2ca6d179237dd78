"""An order that was sent and not answered: never a lost parcel, never a second one (postal facts 9)."""

from __future__ import annotations

import pytest

from connectors.kit.contract import Enquiry, Found, Receipt
from connectors.kit.errors import CannotMap, NoAnswer, NotSent, OutcomeUnknown, Rejected
from connectors.kit.faults import FaultKind, FaultPlan, ScriptedFault
from connectors.postal.model import OrderState
from tests.connectors.postal.desk import Desk, h2, m1, opened_desk

_DROPS = [FaultKind.DROP_AFTER_COMMIT, FaultKind.DROP_BEFORE_COMMIT]


def _unique(simulator: str) -> list[object]:
    return [h2(simulator, order_number_unique=True)]


def _donhang(simulator: str) -> list[object]:
    return [m1(simulator)]


@pytest.mark.parametrize("drop", _DROPS)
async def test_a_carrier_that_refuses_a_number_twice_gets_the_same_number_again(drop: FaultKind) -> None:
    """The second answer, "it is there already", is the success of the first: one parcel, nobody asked."""
    async with opened_desk({"h2": {"numbers_unique": True}}, carriers=_unique) as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", drop)
        assert await desk.followed(shipment_id, task) == "done"
        assert len(await desk.parcels()) == 1
        assert (await desk.shipment(shipment_id)).order is OrderState.PLACED


@pytest.mark.parametrize("drop", _DROPS)
async def test_a_carrier_that_can_be_asked_is_asked_first(drop: FaultKind) -> None:
    """It has the order, so nothing is sent; or it has none, and the same number goes out."""
    async with opened_desk(carriers=_donhang) as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("m1.order", drop)
        assert await desk.followed(shipment_id, task) == "done"
        (parcel,) = await desk.parcels()
        shipment = await desk.shipment(shipment_id)
        assert shipment.placed is not None and shipment.placed.carrier_ref == parcel["parcel_id"]
        assert desk.calls("m1.order") == (1 if drop is FaultKind.DROP_AFTER_COMMIT else 2)


@pytest.mark.parametrize("drop", _DROPS)
async def test_a_carrier_of_which_nothing_is_known_is_never_sent_an_order_twice(drop: FaultKind) -> None:
    """Three rounds of its feed say nothing, so a person is asked; released without a decision, it still does not go out."""
    async with opened_desk({"script": {"until": "created"}}) as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", drop)
        assert await desk.followed(shipment_id, task) == "held"
        assert desk.calls("h2.order") == 1 and desk.calls("h2.feed") >= 3
        released = await desk.deliver(shipment_id, task)
        assert isinstance(released, CannotMap) and desk.calls("h2.order") == 1


async def test_an_order_that_was_never_placed_goes_out_after_two_people_said_so() -> None:
    """Their word is on disk before anything is sent, and the number stays the same."""
    async with opened_desk() as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", FaultKind.DROP_BEFORE_COMMIT)
        assert await desk.followed(shipment_id, task) == "held"
        await desk.decide("state", shipment_id, state="not_placed", evidence="điện thoại 22/11")
        learned = await desk.deliver(shipment_id, task)
        assert isinstance(learned, NotSent) and desk.calls("h2.order") == 1
        assert isinstance(await desk.deliver(shipment_id, task), Receipt)
        (parcel,) = await desk.parcels()
        assert parcel["number"] == (await desk.shipment(shipment_id)).order_number


async def test_a_refusal_of_the_same_number_was_taken_for_the_end_of_an_order_that_stands() -> None:
    """In words that no table has it may say that the order is there: the caller would have ordered a second parcel."""
    strange = ScriptedFault(fault=FaultKind.ANSWER, match="h2.order", status=201, body='{"Status":7,"Message":"lỗi"}')
    async with opened_desk({"h2": {"numbers_unique": True}}, carriers=_unique) as desk:
        shipment_id, task = await desk.wanted()
        lost = ScriptedFault(fault=FaultKind.DROP_AFTER_COMMIT, match="h2.order")
        desk.simulation.plan = FaultPlan(script=(lost, strange))
        assert await desk.followed(shipment_id, task, most=1) == "held"
        assert isinstance(desk.ended[-1], Rejected) and (await desk.shipment(shipment_id)).order is OrderState.IN_DOUBT
        await desk.order("POST", "clock", {"advance_s": 3_700})
        await desk.poll("feed_h2")
        assert isinstance(await desk.deliver(shipment_id, task), Receipt)
        assert (await desk.shipment(shipment_id)).order is OrderState.PLACED and len(await desk.parcels()) == 1


async def test_an_order_refused_after_two_people_said_it_was_not_there_was_held_for_ever() -> None:
    """Their word takes away what made the refusal doubtful: it is one, and the lane goes on."""
    refusing = {"orders": [{"number": ".*", "script": {"refuse": "Sai địa chỉ"}}]}
    async with opened_desk({"h2": {"numbers_unique": True}}, carriers=_unique) as desk:
        await desk.order("PUT", "scripts", refusing)
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", FaultKind.DROP_BEFORE_COMMIT)
        assert await desk.followed(shipment_id, task, most=1) == "held"
        await desk.decide("state", shipment_id, state="not_placed", evidence="điện thoại 22/11")
        assert isinstance(await desk.deliver(shipment_id, task), Receipt)
        assert (await desk.shipment(shipment_id)).order is OrderState.REFUSED and await desk.parcels() == []


async def test_a_scan_in_the_feed_ends_the_doubt() -> None:
    """Whoever speaks of a parcel has its order: nothing is sent, nobody is asked."""
    async with opened_desk() as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", FaultKind.DROP_AFTER_COMMIT)
        assert isinstance(await desk.deliver(shipment_id, task), NoAnswer)
        assert (await desk.shipment(shipment_id)).order is OrderState.IN_DOUBT
        await desk.order("POST", "clock", {"advance_s": 3_700})
        await desk.poll("feed_h2")
        found = await desk.enquire(shipment_id, task)
        assert isinstance(found, Enquiry) and found.found is Found.DONE
        assert (await desk.shipment(shipment_id)).order is OrderState.PLACED
        assert desk.calls("h2.order") == 1


async def test_a_round_of_the_feed_that_began_before_the_doubt_says_nothing_about_it() -> None:
    """It may have passed the place where the order would have stood."""
    async with opened_desk({"script": {"until": "created"}}) as desk:
        for _ in range(3):
            await desk.poll("feed_h2")
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", FaultKind.DROP_AFTER_COMMIT)
        await desk.deliver(shipment_id, task)
        for waited in range(3):
            asked = await desk.enquire(shipment_id, task)
            assert isinstance(asked, OutcomeUnknown) and f"{waited}/3" in asked.message_vi
            assert asked.partial and asked.retry_after_s == pytest.approx(1e-6)
            await desk.poll("feed_h2")
        held = await desk.enquire(shipment_id, task)
        assert isinstance(held, Enquiry)
        assert (held.found, held.repeat_allowed) == (Found.CANNOT_TELL, False)


async def test_a_process_that_died_while_it_sent_leaves_an_order_in_doubt() -> None:
    """Nobody could say so any more: the first question about it does, before anything is concluded."""
    async with opened_desk({"h2": {"numbers_unique": True}}, carriers=_unique) as desk:
        shipment_id, task = await desk.wanted()
        asked = await desk.enquire(shipment_id, task)
        assert isinstance(asked, NoAnswer)
        shipment = await desk.shipment(shipment_id)
        assert shipment.order is OrderState.IN_DOUBT and shipment.doubt_since is not None
        again = await desk.enquire(shipment_id, task)
        assert isinstance(again, Enquiry) and again.repeat_allowed


async def test_an_order_in_doubt_that_nobody_wants_any_more_is_taken_back_and_not_sent_again() -> None:
    """The carrier may have it, so it is asked to take it back, by its number."""
    async with opened_desk({"h2": {"numbers_unique": True}}, carriers=_unique) as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", FaultKind.DROP_AFTER_COMMIT)
        await desk.deliver(shipment_id, task)
        reply = await desk.ask(
            "POST", f"/v1/shipments/{shipment_id}/cancel", {"request_id": "huy-1", "reason": "thôi"}, carry=False
        )
        assert reply.status == 202
        enquiry = await desk.enquire(shipment_id, task)
        assert isinstance(enquiry, Enquiry) and enquiry.found is Found.DONE
        await desk.carry()
        (parcel,) = await desk.parcels()
        shipment = await desk.shipment(shipment_id)
        assert (parcel["cancelled"], desk.calls("h2.order")) == (True, 1)
        assert shipment.cancel is not None and shipment.cancel.outcome == "cancelled"


@pytest.mark.parametrize("drop", _DROPS)
async def test_a_lost_answer_to_a_cancellation_is_asked_for_again(drop: FaultKind) -> None:
    """To take an order back twice takes it back once."""
    async with opened_desk(carriers=_donhang) as desk:
        shown = await desk.asked()
        desk.breaks("m1.cancel", drop)
        path = f"/v1/shipments/{shown['shipment_id']}/cancel"
        await desk.ask("POST", path, {"request_id": "huy-1", "reason": "thôi"}, carry=False)
        _, task = desk.tasks()[-1]
        assert await desk.followed(shown["shipment_id"], task) == "done"
        assert [one["cancelled"] for one in await desk.parcels()] == [True]
        assert (await desk.shipment(shown["shipment_id"])).cancel is not None


async def test_an_answer_that_nobody_can_read_leaves_doubt_and_no_refusal() -> None:
    """`Status` missing, or a page of a proxy: it may have happened."""
    async with opened_desk({"script": {"until": "created"}}) as desk:
        shipment_id, task = await desk.wanted()
        await desk.order("PUT", "lies", {"orders": [{"lie": "empty_answer", "times": 1}]})
        ended = await desk.deliver(shipment_id, task)
        assert isinstance(ended, OutcomeUnknown) and ended.partial
        shipment = await desk.shipment(shipment_id)
        assert (shipment.order, shipment.refusal) == (OrderState.IN_DOUBT, None)


def _effects(desk: Desk) -> int:
    return len(desk.books.effects)


async def test_what_was_answered_is_carried_again_without_a_call() -> None:
    """A worker that died after the answer was learned brings the task once more."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        before, calls = _effects(desk), desk.calls("h2.order")
        for _, task in desk.tasks():
            again = await desk.deliver(shown["shipment_id"], task)
            assert isinstance(again, Receipt) and again.duplicate
        assert (_effects(desk), desk.calls("h2.order")) == (before, calls)
