"""The contract of supersede: an older record that was never tried makes room, and nothing else ever does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.audit.events import CATALOGUE
from gateway.journal.model import DeliveryRow, DeliveryState, OrderKind

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk

READY, DELIVERED, GONE = DeliveryState.READY, DeliveryState.DELIVERED, DeliveryState.SUPERSEDED
BOTH = ("state", "progress")


async def report(desk: Desk, sequence: int, *operations: str, replaceable: bool = True, **changes: Any) -> None:
    """An event whose full record replaces older ones, with its progress row unless told otherwise."""
    to = tuple((desk.portal, operation) for operation in operations or BOTH)
    changes = {"operations": to, "supersedes": True, **changes}
    await desk.accept(desk.event(sequence, replaceable=replaceable, **changes))


async def acknowledge(desk: Desk, messages: int) -> None:
    """The upstream takes the next so many messages of the lane."""
    for _ in range(messages):
        assert await desk.settle(await desk.claim_one(), DELIVERED)


async def known(desk: Desk) -> None:
    """The upstream knows the dossier: its first record and row are there."""
    await report(desk, 1)
    await acknowledge(desk, 2)


async def lane(desk: Desk) -> list[tuple[str, str]]:
    """Operation and state of every message, in order."""
    return [(row.operation, row.state.value) for row in await desk.journal.deliveries_of(desk.dossier)]


async def row(desk: Desk, sequence: int) -> DeliveryRow:
    """The message with this number."""
    return next(row for row in await desk.journal.deliveries_of(desk.dossier) if row.sequence == sequence)


async def test_an_older_record_that_was_never_tried_makes_room_and_its_row_stays(desk: Desk) -> None:
    """The lane goes on with the progress rows of both events, then the newer record; the view and the trail say what happened."""
    await known(desk)
    await report(desk, 2)
    await report(desk, 3)
    assert (await lane(desk))[2:] == [("state", GONE), ("progress", READY), ("state", READY), ("progress", READY)]
    gone = await row(desk, 3)
    assert gone.superseded_by == (await row(desk, 5)).delivery_id == "ev-0042-3/portal/state"
    (told,) = [one for one in await desk.journal.feed(0, 100, feed_only=False) if one.kind == "delivery.superseded"]
    assert (told.actor, told.dossier, told.event_id) == ("gateway", desk.dossier, "ev-0042-2")
    fields = msgspec.json.decode(told.fields)
    assert fields == {
        "attempts": 0,
        "delivery_id": "ev-0042-2/portal/state",
        "operation": "state",
        "superseded_by": "ev-0042-3/portal/state",
        "upstream": "portal",
    }
    assert fields.keys() == CATALOGUE["delivery.superseded"].fields
    assert (await desk.journal.counts()).messages == {
        (desk.portal, READY): 3,
        (desk.portal, DELIVERED): 2,
        (desk.portal, GONE): 1,
    }
    (shown,) = await desk.journal.lanes()
    assert (shown.operation, shown.depth, shown.state) == ("progress", 3, READY)
    sent = []
    for _ in range(3):
        claim = await desk.claim_one()
        sent.append(claim.deliveries[0].delivery_id)
        await desk.settle(claim, DELIVERED)
    assert sent == ["ev-0042-2/portal/progress", "ev-0042-3/portal/state", "ev-0042-3/portal/progress"]
    assert await desk.journal.lanes() == ()


async def test_only_the_newest_of_many_is_left(desk: Desk) -> None:
    """Also of those that are appended by one transaction; each says which one took its place."""
    await known(desk)
    for sequence in range(2, 6):
        await report(desk, sequence, "state")
    assert [state for _, state in (await lane(desk))[2:]] == [GONE, GONE, GONE, READY]
    assert [(await row(desk, n)).superseded_by[:9] for n in (3, 4, 5)] == ["ev-0042-3", "ev-0042-4", "ev-0042-5"]
    assert (await desk.claim_one()).deliveries[0].sequence == 6


async def test_nothing_makes_room_before_the_upstream_has_acknowledged_one(desk: Desk) -> None:
    """The first record makes the dossier there: the rows behind it would fail without it."""
    for sequence in (1, 2, 3):
        await report(desk, sequence)
    assert {state for _, state in await lane(desk)} == {READY}


async def test_what_is_not_declared_so_stays(desk: Desk) -> None:
    """A record that brings something of its own is told, and one that does not supersede takes nobody's place."""
    await known(desk)
    await report(desk, 2, replaceable=False)
    await report(desk, 3, supersedes=False)
    assert {state for _, state in (await lane(desk))[2:]} == {READY}
    await report(desk, 4)
    assert [state for _, state in (await lane(desk))[2:]] == [READY, READY, GONE, READY, READY, READY]


async def test_what_was_tried_is_under_way_or_in_doubt_stays(desk: Desk) -> None:
    """WAITING, UNKNOWN and SENDING ones keep their place: the upstream may have seen them."""
    for fate in (DeliveryState.WAITING, DeliveryState.UNKNOWN, None):
        desk.dossier = f"000.00.00.G00-261120-{fate or 'SENDING'}"
        await report(desk, 1, dossier=desk.dossier, name=f"{fate}-1")
        await acknowledge(desk, 2)
        await report(desk, 2, dossier=desk.dossier, name=f"{fate}-2")
        claim = await desk.claim_one()
        if fate is not None:
            await desk.settle(claim, fate, next_due=desk.turned.now() + timedelta(days=1))
        await report(desk, 3, dossier=desk.dossier, name=f"{fate}-3")
        assert (await lane(desk))[2:] == [
            ("state", fate or DeliveryState.SENDING),
            ("progress", READY),
            ("state", READY),
            ("progress", READY),
        ]


async def test_behind_what_is_under_way_one_makes_room_and_the_settlement_goes_on(desk: Desk) -> None:
    """The claim does not notice."""
    await known(desk)
    await report(desk, 2, "progress")
    claim = await desk.claim_one()
    await report(desk, 3)
    await report(desk, 4)
    assert [state for _, state in (await lane(desk))[2:]] == [DeliveryState.SENDING, GONE, READY, READY, READY]
    assert await desk.settle(claim, DELIVERED)
    assert (await desk.claim_one()).deliveries[0].sequence == 5


async def test_what_a_person_holds_or_let_go_stays(desk: Desk) -> None:
    """A held head waits for its person; what a person released is sent, as was decided."""
    await known(desk)
    await report(desk, 2)
    assert (await desk.order(OrderKind.HOLD)).done
    await report(desk, 3)
    assert (await row(desk, 3)).state is DeliveryState.HELD
    assert (await desk.order(OrderKind.RELEASE)).done
    await report(desk, 4)
    assert [state for _, state in (await lane(desk))[2:]] == [READY, READY, GONE, READY, READY, READY]


async def test_a_head_in_backoff_that_makes_room_keeps_the_hour_of_its_lane(desk: Desk) -> None:
    """The breaker gave the attempt back until later: the lane still waits until then."""
    await known(desk)
    await report(desk, 2)
    later = desk.turned.now() + timedelta(seconds=60)
    await desk.settle(await desk.claim_one(), next_due=later, give_back=True)
    await report(desk, 3)
    assert (await row(desk, 3)).state is GONE
    assert await desk.claim() == ()
    assert await desk.journal.next_due(desk.portal) == later
    desk.turned.turn(60)
    assert (await desk.claim_one()).deliveries[0].sequence == 4
