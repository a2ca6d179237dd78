"""Following carriers: pages of a feed with their cursor, and parcels that nobody has seen for days."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.kit.errors import DeliveryError
from connectors.kit.faults import FaultKind
from connectors.postal.feeds import Feed
from connectors.postal.identity import FEEDS, STRAYS, shipment_id_of
from connectors.postal.model import OrderState, ShipmentState
from connectors.postal.strays import Stray
from mappings.codec import decode
from tests.connectors.postal.desk import DOSSIER, Desk, m1, opened_desk

_LONG = 40 * 86_400


async def _feed(desk: Desk) -> Feed:
    entry = await desk.books.read(FEEDS, "vnpost")
    assert entry is not None
    return decode(entry.state, Feed)


async def test_a_feed_is_read_page_by_page_to_its_end_and_goes_on_from_there() -> None:
    """Each scan once, the rounds counted, and nothing asked for twice."""
    async with opened_desk(tracking={"interval_s": 1e-6, "page_size": 2}) as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": _LONG})
        pages = 1
        while (await desk.poll("feed_h2")).more:
            pages += 1
        history = (await desk.shipment(shown["shipment_id"])).history
        assert pages == -(-len(history) // 2) + 1
        assert len({scan.event_id for scan in history}) == len(history)
        feed = await _feed(desk)
        assert (feed.completed, feed.records) == (1, len(history))
        page = await desk.poll("feed_h2")
        assert not page.more and len(page.inputs) == 1 and (await _feed(desk)).completed == 2


async def test_a_page_that_was_lost_before_it_was_stored_is_read_again_and_changes_nothing_twice() -> None:
    """A crash between reading and storing; then one after storing, where the very page comes once more."""
    async with opened_desk(tracking={"interval_s": 3_600.0, "page_size": 3}) as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": _LONG})
        lost = await desk.connector.pollers()["feed_h2"].poll("")
        again = await desk.poll("feed_h2")
        assert [change.key for change in lost.inputs] == [change.key for change in again.inputs]
        before = await desk.shipment(shown["shipment_id"])
        assert desk.books.take(again.inputs) == 0
        assert await desk.shipment(shown["shipment_id"]) == before


async def test_the_poller_keeps_the_interval_between_rounds_itself() -> None:
    """It is a setting, and the manifest cannot know it; within it nobody is asked and nothing is written."""
    async with opened_desk(tracking={"interval_s": 3_600.0}) as desk:
        await desk.poll("feed_h2")
        calls = desk.calls("h2.feed")
        quiet = await desk.poll("feed_h2")
        assert (quiet.inputs, quiet.more, desk.calls("h2.feed")) == ((), False, calls)


async def test_a_page_that_could_not_be_stored_is_asked_for_again_at_once() -> None:
    """Its cursor was never stored, so the interval has not begun."""
    async with opened_desk(tracking={"interval_s": 3_600.0}) as desk:
        poller = desk.connector.pollers()["feed_h2"]
        await poller.poll("")
        await poller.poll("")
        assert desk.calls("h2.feed") == 2


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE_COMMIT, FaultKind.HTTP_503, FaultKind.GARBAGE])
async def test_a_feed_that_fails_moves_no_cursor(kind: FaultKind) -> None:
    """The next poll asks for the same place; nothing was lost."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": _LONG})
        desk.breaks("h2.feed", kind)
        with pytest.raises(DeliveryError) as failed:
            await desk.poll("feed_h2")
        assert failed.value.partial and "feed_h2" not in desk.cursors
        while (await desk.poll("feed_h2")).more:
            pass
        assert (await desk.shipment(shown["shipment_id"])).state is ShipmentState.DELIVERED


async def test_a_page_too_large_to_be_taken_does_not_stop_the_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for in smaller parts; every scan arrives, once."""
    monkeypatch.setattr("connectors.postal.client.MAX_ANSWER_BYTES", 1_500)
    async with opened_desk(tracking={"interval_s": 1e-6, "page_size": 1_000}) as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": _LONG})
        failed = 0
        for _ in range(40):
            try:
                if not (await desk.poll("feed_h2")).more:
                    break
            except DeliveryError:
                failed += 1
        shipment = await desk.shipment(shown["shipment_id"])
        told = (await desk.order("GET", "books"))["parcels"][0]
        assert failed and shipment.state is ShipmentState.DELIVERED
        assert len(shipment.history) == len({scan.event_id for scan in shipment.history}) >= 5, told


async def test_a_record_that_cannot_be_read_stops_no_page() -> None:
    """It is counted and an alarm; all others arrive."""
    async with opened_desk() as desk:
        await desk.asked()
        await desk.order("POST", "clock", {"advance_s": _LONG})
        await desk.order("PUT", "lies", {"orders": [{"lie": "bad_record", "times": 1}]})
        while (await desk.poll("feed_h2")).more:
            pass
        parcel = (await desk.parcels())[0]
        shipment = await desk.shipment(shipment_id_of("vnpost", parcel["number"]))
        assert shipment.state is ShipmentState.DELIVERED and "postal.feed_unreadable" in desk.alarms()


async def test_what_is_not_ours_is_quarantined_and_told_once() -> None:
    """One customer code may serve several systems (postal facts 9)."""
    async with opened_desk() as desk:
        for _ in range(3):
            await desk.order("POST", "strays", {"house": "h2", "number": "KHAC-1", "happening": "delivered"})
        while (await desk.poll("feed_h2")).more:
            pass
        entry = await desk.books.read(STRAYS, shipment_id_of("vnpost", "KHAC-1"))
        assert entry is not None and decode(entry.state, Stray).count == 3
        assert desk.alarms().count("postal.stray") == 1
        await desk.order("POST", "strays", {"house": "h2", "number": "KHAC-1", "happening": "returned"})
        while (await desk.poll("feed_h2")).more:
            pass
        assert desk.alarms().count("postal.stray") == 1
        for number in range(2, 7):
            await desk.order("POST", "strays", {"house": "h2", "number": f"KHAC-{number}", "happening": "delivered"})
        while (await desk.poll("feed_h2")).more:
            pass
        assert desk.alarms().count("postal.stray") == 2


async def test_a_dialect_that_nobody_configured_is_quiet() -> None:
    """Its poller stands in the manifest all the same."""
    async with opened_desk() as desk:
        page = await desk.poll("feed_h3")
        assert (page.inputs, page.cursor, page.more) == ((), "", False)


# --- parcels that nobody has seen -------------------------------------------------------------------------------------


async def test_a_parcel_that_nobody_has_seen_for_days_is_an_alarm() -> None:
    """Once; and a later scan takes it back."""
    async with opened_desk({"script": {"until": "created"}}) as desk:
        shown = await desk.asked()
        assert (await desk.poll("due")).inputs == ()
        desk.ahead = timedelta(days=6)
        await desk.poll("due")
        assert desk.alarms().count("postal.quiet") == 1
        assert "quiet" in (await desk.shipment(shown["shipment_id"])).flags
        assert (await desk.poll("due")).inputs == ()
        desk.ahead = timedelta(days=12)
        await desk.poll("due")
        assert desk.alarms().count("postal.quiet") == 1


async def test_a_silent_parcel_is_asked_about_where_its_carrier_can_be_asked() -> None:
    """A notice was lost: the answer brings what it would have said, and nobody is alarmed."""
    async with opened_desk(carriers=lambda simulator: [m1(simulator)]) as desk:
        shown = await desk.asked(cod_lines=[])
        await desk.order("POST", "clock", {"advance_s": _LONG})
        desk.ahead = timedelta(days=6)
        await desk.poll("due")
        shipment = await desk.shipment(shown["shipment_id"])
        assert (shipment.state, desk.alarms()) == (ShipmentState.DELIVERED, [])
        assert desk.calls("m1.find") == 1


async def test_a_carrier_that_cannot_be_asked_now_stops_no_alarm() -> None:
    """That the time has come does not depend on its answer."""
    async with opened_desk(carriers=lambda simulator: [m1(simulator)]) as desk:
        await desk.asked()
        desk.ahead = timedelta(days=6)
        desk.breaks("m1.find", FaultKind.DROP_BEFORE_COMMIT)
        await desk.poll("due")
        assert "postal.quiet" in desk.alarms()


async def test_a_clock_that_ran_ahead_and_was_put_back_loses_nobody() -> None:
    """The cursor goes back with it."""
    async with opened_desk({"script": {"until": "created"}}) as desk:
        await desk.asked()
        desk.ahead = timedelta(days=400)
        await desk.poll("due")
        desk.ahead = timedelta()
        shown = await desk.asked(request_id="thu-2", dossier_code=f"{DOSSIER}9")
        assert shown["order"] == OrderState.PLACED
        desk.ahead = timedelta(days=6)
        await desk.poll("due")
        assert desk.alarms().count("postal.quiet") == 2
