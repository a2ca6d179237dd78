"""Due times and leases stand in wall time: what the journal does when that clock is set back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.journal.model import DeliveryState

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk

HOUR = timedelta(hours=1)


async def test_what_waits_follows_a_clock_that_was_set_back(desk: Desk) -> None:
    """A lane that was due in five minutes is due in five minutes, and one that was due is due."""
    await desk.fill(lanes=2)
    claim = (await desk.claim(limit=1))[0]
    await desk.settle(claim, DeliveryState.WAITING, next_due=desk.turned.now() + timedelta(minutes=5))
    desk.turned.moment -= HOUR
    await desk.journal.set_back(desk.portal, HOUR, desk.turned.now())
    (ready,) = await desk.claim()
    await desk.settle(ready, DeliveryState.DELIVERED)
    assert await desk.journal.next_due(desk.portal) == desk.turned.now() + timedelta(minutes=5)
    desk.turned.turn(300)
    assert len(await desk.claim()) == 1


async def test_setting_the_clock_back_moves_no_other_upstream_and_nothing_into_the_past(desk: Desk) -> None:
    """Each upstream follows by itself, once."""
    await desk.fill()
    claim = await desk.claim_one()
    due = desk.turned.now() + timedelta(minutes=5)
    await desk.settle(claim, DeliveryState.WAITING, next_due=due)
    await desk.journal.set_back("another", HOUR, desk.turned.now())
    assert await desk.journal.next_due(desk.portal) == due
    await desk.journal.set_back(desk.portal, HOUR, desk.turned.now())
    assert await desk.journal.next_due(desk.portal) == desk.turned.now()


async def test_no_lease_outlives_twice_its_length(desk: Desk) -> None:
    """A process died and the clock was set back an hour: its lane comes back after two leases, in doubt, not after an hour."""
    await desk.fill()
    await desk.claim_one()
    desk.turned.moment -= HOUR
    assert await desk.claim() == ()
    desk.turned.turn(2 * desk.lease.total_seconds() - 1)
    assert await desk.claim() == ()
    desk.turned.turn(1)
    (again,) = await desk.claim()
    assert again.deliveries[0].doubtful
