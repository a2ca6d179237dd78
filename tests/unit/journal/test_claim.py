"""The contract of claim: exclusive leases that expire, oldest first, contiguous batches, attempts counted at the claim."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.journal.model import DeliveryState, OrderKind

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Drivers


async def test_a_claim_holds_the_head_with_its_payload(desk: Desk) -> None:
    """A claimed message carries everything that a sender needs, and is SENDING from then on."""
    await desk.accept(desk.event(1, carried=b'{"one":1}'))
    desk.turned.turn(5)
    claim = await desk.claim_one()
    assert (claim.upstream, claim.dossier, claim.memory) == (desk.portal, desk.dossier, {})
    assert claim.lease_until == desk.turned.now() + desk.lease
    (delivery,) = claim.deliveries
    assert delivery.delivery_id == "ev-0042-1/portal/progress"
    assert (delivery.sequence, delivery.operation, delivery.event_id) == (1, "progress", "ev-0042-1")
    assert (delivery.source, delivery.payload) == (desk.source, b'{"one":1}')
    assert (delivery.attempts, delivery.doubtful, delivery.unsettled) == (1, False, 0)
    assert delivery.accepted_at == desk.turned.now() - timedelta(seconds=5)
    assert delivery.first_attempt_at is None
    assert await desk.states() == [DeliveryState.SENDING]


async def test_a_leased_lane_is_claimed_by_nobody_else(desk: Desk) -> None:
    """While a lease runs its lane is not handed out again, however many ask at once."""
    await desk.fill(lanes=20, messages=2)
    asked = await asyncio.gather(*(desk.claim(limit=3) for _ in range(12)))
    lanes = [claim.lane_id for claims in asked for claim in claims]
    assert len(lanes) == len(set(lanes)) == 20
    assert await desk.claim(limit=50) == ()


async def test_the_oldest_due_come_first_and_no_more_than_asked(desk: Desk) -> None:
    """Lanes are handed out by due time, up to the limit."""
    await desk.fill(lanes=5)
    assert [claim.dossier[-1] for claim in await desk.claim(limit=3)] == ["0", "1", "2"]
    assert [claim.dossier[-1] for claim in await desk.claim(limit=3)] == ["3", "4"]


async def test_lanes_of_other_upstreams_are_not_touched(desk: Desk) -> None:
    """A claim is for one upstream."""
    await desk.accept(desk.event(1, operations=(("portal", "a"), ("postal", "b"))))
    assert [claim.upstream for claim in await desk.claim(upstream="postal")] == ["postal"]
    assert await desk.states(upstream="portal") == [DeliveryState.READY]


async def test_without_a_batch_size_the_head_comes_alone(desk: Desk) -> None:
    """An operation that `batch` does not name, or names with 1, is claimed one by one."""
    await desk.fill(messages=3)
    claim = await desk.claim_one(batch={"another": 10})
    assert [delivery.sequence for delivery in claim.deliveries] == [1]


async def test_a_batch_holds_contiguous_ready_messages_of_one_operation(desk: Desk) -> None:
    """Messages behind the head join up to the batch size, and only as long as the operation is the same."""
    for sequence, operation in enumerate(("a", "a", "a", "b", "a"), start=1):
        await desk.accept(desk.event(sequence, operations=((desk.portal, operation),)))
    first = await desk.claim_one(batch={"a": 2, "b": 10})
    assert [delivery.sequence for delivery in first.deliveries] == [1, 2]
    await desk.settle(first, DeliveryState.DELIVERED, DeliveryState.DELIVERED)
    second = await desk.claim_one(batch={"a": 9, "b": 10})
    assert [delivery.sequence for delivery in second.deliveries] == [3]
    await desk.settle(second, DeliveryState.DELIVERED)
    third = await desk.claim_one(batch={"a": 9, "b": 10})
    assert [(delivery.sequence, delivery.operation) for delivery in third.deliveries] == [(4, "b")]


async def test_a_waiting_head_takes_the_ready_ones_behind_it_along(desk: Desk) -> None:
    """A head in backoff may lead a batch again."""
    await desk.fill(messages=3)
    claim = await desk.claim_one(batch={"progress": 10})
    await desk.settle(claim, DeliveryState.WAITING, next_due=desk.turned.now())
    assert await desk.states("000.00.00.G00-261120-0000") == [
        DeliveryState.WAITING,
        DeliveryState.READY,
        DeliveryState.READY,
    ]
    again = await desk.claim_one(batch={"progress": 10})
    assert [delivery.attempts for delivery in again.deliveries] == [2, 2, 2]


async def test_a_doubtful_head_comes_alone(desk: Desk) -> None:
    """What may have happened is enquired about by itself, before anything behind it moves."""
    await desk.fill(messages=3)
    claim = await desk.claim_one()
    await desk.settle(claim, DeliveryState.UNKNOWN, next_due=desk.turned.now())
    again = await desk.claim_one(batch={"progress": 10})
    assert [(delivery.sequence, delivery.doubtful) for delivery in again.deliveries] == [(1, True)]


async def test_a_message_in_backoff_is_not_claimed_before_its_time(desk: Desk) -> None:
    """`due` in the future hides a lane, and its younger messages with it; other lanes go on (F8)."""
    await desk.fill(lanes=2, messages=2)
    first, second = await desk.claim()
    later = desk.turned.now() + timedelta(seconds=60)
    await desk.settle(first, DeliveryState.WAITING, next_due=later)
    await desk.settle(second, DeliveryState.DELIVERED)
    assert [claim.dossier for claim in await desk.claim()] == [second.dossier]
    assert await desk.journal.next_due(desk.portal) == desk.turned.now() + desk.lease
    desk.turned.turn(60)
    assert first.dossier in [claim.dossier for claim in await desk.claim()]


async def test_an_expired_lease_is_reclaimed_by_the_same_call_and_in_doubt(desk: Desk) -> None:
    """F3, F4: a dead sender's lane comes back by itself; what it was sending may have arrived, so it is doubtful."""
    await desk.fill()
    lost = await desk.claim_one()
    desk.turned.turn(29.9)
    assert await desk.claim() == ()
    desk.turned.turn(0.2)
    found = await desk.claim_one()
    assert found.epoch > lost.epoch
    (delivery,) = found.deliveries
    assert (delivery.doubtful, delivery.attempts, delivery.unsettled) == (True, 2, 1)
    assert delivery.first_attempt_at is not None


async def test_a_lost_batch_is_in_doubt_as_a_whole(desk: Desk) -> None:
    """Each message of a batch whose sender died is UNKNOWN; they come back one by one, in order."""
    await desk.fill(messages=3)
    await desk.claim_one(batch={"progress": 3})
    desk.turned.turn(31)
    for sequence in (1, 2, 3):
        claim = await desk.claim_one(batch={"progress": 3})
        assert [(d.sequence, d.doubtful, d.attempts) for d in claim.deliveries] == [(sequence, True, 2)]
        assert await desk.settle(claim, DeliveryState.DELIVERED)


async def test_expired_leases_survive_a_restart(driver: Drivers) -> None:
    """A killed process leaves SENDING behind: its lease still runs after the restart, and then it is doubtful, never READY."""
    async with driver.desk() as desk:
        await desk.fill()
        await desk.claim_one()
    async with driver.desk() as desk:
        assert await desk.claim() == ()
        assert await desk.journal.next_due(desk.portal) is not None
        desk.turned.turn(31)
        assert (await desk.claim_one()).deliveries[0].doubtful


async def test_attempts_are_counted_at_the_claim(desk: Desk) -> None:
    """F12: a message that kills its sender is counted though nobody settles; a settlement starts the count of deaths anew."""
    await desk.fill()
    for deaths in range(4):
        claim = await desk.claim_one()
        assert (claim.deliveries[0].attempts, claim.deliveries[0].unsettled) == (deaths + 1, deaths)
        desk.turned.turn(31)
    claim = await desk.claim_one()
    await desk.settle(claim, DeliveryState.UNKNOWN, next_due=desk.turned.now())
    after = (await desk.claim_one()).deliveries[0]
    assert (after.attempts, after.unsettled) == (6, 0)


async def test_reclaimed_lanes_come_before_due_ones_and_count_to_the_limit(desk: Desk) -> None:
    """Expired leases are the oldest debt."""
    await desk.fill(lanes=4)
    lost = await desk.claim(limit=2)
    desk.turned.turn(31)
    found = await desk.claim(limit=3)
    assert {claim.lane_id for claim in found[:2]} == {claim.lane_id for claim in lost}
    assert len(found) == 3


async def test_a_claim_of_nothing_changes_nothing(desk: Desk) -> None:
    """Asking an idle store, or for no lanes, is harmless."""
    assert await desk.claim() == ()
    await desk.fill()
    assert await desk.claim(limit=0) == ()
    assert await desk.journal.next_due("nobody") is None


async def test_blocked_lanes_are_invisible_to_the_claim(desk: Desk) -> None:
    """A held lane is not handed out, however long it waits; the others are."""
    await desk.fill(lanes=2)
    await desk.order(OrderKind.HOLD, dossier="000.00.00.G00-261120-0000")
    desk.turned.turn(100_000)
    assert [claim.dossier[-1] for claim in await desk.claim()] == ["1"]


async def test_next_due_is_the_earliest_of_backoff_and_lease_end(desk: Desk) -> None:
    """The dispatcher sleeps until the next lane may be claimed, for whichever reason."""
    await desk.fill(lanes=2)
    first, second = await desk.claim()
    assert await desk.journal.next_due(desk.portal) == first.lease_until
    soon = desk.turned.now() + timedelta(seconds=3)
    await desk.settle(second, DeliveryState.WAITING, next_due=soon)
    assert await desk.journal.next_due(desk.portal) == soon
    await desk.settle(first, DeliveryState.DELIVERED)
    assert await desk.journal.next_due(desk.portal) == soon


async def lane(desk: Desk, name: str, days: float | None) -> None:
    """One event of a dossier that is due so many days from now (None: no day is known), a millisecond after the last."""
    due = None if days is None else desk.turned.now() + timedelta(days=days)
    await desk.accept(desk.event(1, name, name=f"ev-{name}", legal_due=due))
    desk.turned.turn(0.001)


async def claimed(desk: Desk, limit: int) -> list[str]:
    """The dossiers of one claim."""
    return [claim.dossier for claim in await desk.claim(limit=limit)]


async def test_the_dossier_nearest_its_legal_day_goes_first_and_overdue_ones_before_all(desk: Desk) -> None:
    """Where more is ready than one claim may have: by the day that the law gives, within a day by age, without one last."""
    for name, days in (("none", None), ("far", 30), ("soon", 1), ("late", -3), ("later", -40), ("soon too", 1.05)):
        await lane(desk, name, days)
    assert await claimed(desk, 3) == ["later", "late", "soon"]
    assert (await claimed(desk, 1)) == ["none"], "the fourth is the one that has waited longest"
    assert await claimed(desk, 1) == ["soon too"]
    assert await claimed(desk, 1) == ["far"]


async def test_what_can_all_be_claimed_is_claimed_by_age(desk: Desk) -> None:
    """As long as there is room for everything that is ready nobody's day matters."""
    for name, days in (("none", None), ("far", 30), ("late", -3)):
        await lane(desk, name, days)
    assert await claimed(desk, 4) == ["none", "far", "late"]


async def test_a_lane_in_backoff_is_not_claimed_because_its_day_is_near(desk: Desk) -> None:
    """The hour of a lane counts before its day."""
    await lane(desk, "overdue", -3)
    claim = await desk.claim_one()
    await desk.settle(claim, DeliveryState.WAITING, next_due=desk.turned.now() + timedelta(seconds=20))
    for number in range(3):
        await lane(desk, f"other {number}", 9)
    assert await claimed(desk, 1) == ["other 0"]
    desk.turned.turn(21)
    assert await claimed(desk, 1) == ["overdue"]


async def test_a_new_day_of_the_dossier_moves_its_lane(desk: Desk) -> None:
    """What was prolonged waits behind what was not, with all its messages, which stay in their order."""
    await lane(desk, "prolonged", 1)
    await lane(desk, "near", 2)
    again = desk.event(2, "prolonged", name="again", legal_due=desk.turned.now() + timedelta(days=20))
    await desk.accept(again)
    (first,) = await desk.claim(limit=1)
    assert first.dossier == "near"
    (second,) = await desk.claim(limit=1)
    assert (second.dossier, [one.sequence for one in second.deliveries]) == ("prolonged", [1])


async def test_an_endless_flood_of_overdue_dossiers_stops_nobody(desk: Desk) -> None:
    """However many overdue ones come after it, a lane is reached after four times as many claims as lanes waited before it."""
    for number in range(6):
        await lane(desk, f"flood {number}", -9)
    for name in ("without a day", "far"):
        await lane(desk, name, None if name == "without a day" else 60)
    served: list[str] = []
    while not {"without a day", "far"} <= set(served):
        assert len(served) < 4 * 8, served
        await lane(desk, f"flood {6 + 2 * len(served)}", -9)
        await lane(desk, f"flood {7 + 2 * len(served)}", -9)
        served += await claimed(desk, 1)
    assert served[:3] == ["flood 0", "flood 1", "flood 2"]


async def test_a_claim_that_had_room_for_expired_leases_alone_overlooks_nothing_that_is_due(desk: Desk) -> None:
    """What a node remembers of where it looked last (`journal.swept`) says nothing of what it did not look at."""
    await desk.fill(lanes=3)
    (lost,) = await desk.claim(limit=1)
    desk.turned.turn(60)
    (found,) = await desk.claim(limit=1)
    assert found.lane_id == lost.lane_id
    assert await desk.journal.next_due(desk.portal) == desk.turned.now() - timedelta(seconds=60) - timedelta(
        milliseconds=2
    )
    assert len(await desk.claim()) == 2
