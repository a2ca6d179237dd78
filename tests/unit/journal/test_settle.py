"""The contract of settle: fenced by epoch, once, whole; the lane advances, waits or is blocked; follow-ups come along."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gateway.journal.books import JournalFault
from gateway.journal.model import (
    AuditWrite,
    DeliveryState,
    MessageSettlement,
    NewDelivery,
    OrderKind,
    Settlement,
)

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Drivers

LANE = "000.00.00.G00-261120-0000"


async def test_a_delivered_head_gives_way_to_the_next_at_once(desk: Desk) -> None:
    """The lane advances and is due now; when nothing waits it is idle."""
    await desk.fill(messages=2)
    claim = await desk.claim_one()
    assert await desk.settle(claim, DeliveryState.DELIVERED, next_due=desk.turned.now() + timedelta(hours=1))
    assert await desk.states(LANE) == [DeliveryState.DELIVERED, DeliveryState.READY]
    second = await desk.claim_one()
    assert second.deliveries[0].sequence == 2
    assert second.epoch > claim.epoch
    assert await desk.settle(second, DeliveryState.DELIVERED)
    assert await desk.journal.next_due(desk.portal) is None
    assert await desk.journal.lanes() == ()


async def test_settling_twice_changes_nothing(desk: Desk) -> None:
    """The second settlement of a claim answers False and leaves no attempt behind."""
    await desk.fill()
    claim = await desk.claim_one()
    assert await desk.settle(claim, DeliveryState.DELIVERED)
    assert not await desk.settle(claim, DeliveryState.HELD)
    assert await desk.states(LANE) == [DeliveryState.DELIVERED]
    assert len((await desk.journal.deliveries_of(LANE))[0].attempts) == 1


async def test_a_settlement_of_an_older_epoch_is_refused(desk: Desk) -> None:
    """A worker that woke up after its lease was taken over changes nothing: no row, no leaf, no audit."""
    await desk.fill()
    zombie = await desk.claim_one()
    desk.turned.turn(31)
    heir = await desk.claim_one()
    before = await desk.journal.leaves()
    assert not await desk.settle(zombie, DeliveryState.DELIVERED, audit=(AuditWrite("x", "", "", "", b"{}"),))
    assert await desk.journal.leaves() == before
    assert await desk.states(LANE) == [DeliveryState.SENDING]
    assert await desk.settle(heir, DeliveryState.DELIVERED)


async def test_a_late_settlement_counts_as_long_as_nobody_took_over(desk: Desk) -> None:
    """The epoch decides, not the clock: a slow answer is still an answer."""
    await desk.fill()
    claim = await desk.claim_one()
    desk.turned.turn(500)
    assert await desk.settle(claim, DeliveryState.DELIVERED)
    assert await desk.states(LANE) == [DeliveryState.DELIVERED]


async def test_of_many_simultaneous_settlements_one_counts(desk: Desk) -> None:
    """However many settle the same claim in one batch, exactly one does."""
    await desk.fill()
    claim = await desk.claim_one()
    done = await asyncio.gather(*(desk.settle(claim, DeliveryState.DELIVERED) for _ in range(8)))
    assert sorted(done) == [False] * 7 + [True]


async def test_an_unknown_lane_settles_nothing(desk: Desk) -> None:
    """A settlement for a lane that does not exist is refused, not an error."""
    assert not await desk.journal.settle(Settlement(4_711, 1, ()))


@pytest.mark.parametrize("state", [DeliveryState.WAITING, DeliveryState.UNKNOWN])
async def test_a_waiting_or_doubtful_head_stops_its_lane_until_due(desk: Desk, state: DeliveryState) -> None:
    """The lane is due when the settlement says, and the younger messages wait behind the head."""
    await desk.fill(messages=2)
    due = desk.turned.now() + timedelta(seconds=90)
    await desk.settle(await desk.claim_one(), state, next_due=due)
    assert await desk.journal.next_due(desk.portal) == due
    desk.turned.turn(90)
    (delivery,) = (await desk.claim_one()).deliveries
    assert (delivery.sequence, delivery.attempts) == (1, 2)
    assert delivery.doubtful == (state is DeliveryState.UNKNOWN)


async def test_doubt_ends_when_the_enquiry_says_that_nothing_happened(desk: Desk) -> None:
    """UNKNOWN settled as WAITING or READY is an ordinary message again."""
    await desk.fill()
    await desk.settle(await desk.claim_one(), DeliveryState.UNKNOWN)
    await desk.settle(await desk.claim_one(), DeliveryState.WAITING)
    assert not (await desk.claim_one()).deliveries[0].doubtful


async def test_a_held_head_waits_for_a_person(desk: Desk) -> None:
    """HELD takes the lane out of scheduling, with the reason shown."""
    await desk.fill(messages=2)
    await desk.settle(await desk.claim_one(), DeliveryState.HELD, block_reason="mã thủ tục không tồn tại")
    desk.turned.turn(1_000_000)
    assert await desk.claim() == ()
    assert await desk.journal.next_due(desk.portal) is None
    (row,) = await desk.journal.lanes(blocked_only=True)
    assert (row.state, row.block_reason, row.depth) == (DeliveryState.HELD, "mã thủ tục không tồn tại", 2)


@pytest.mark.parametrize("state", [DeliveryState.REFUSED, DeliveryState.SUPERSEDED, DeliveryState.DELIVERED])
async def test_each_terminal_state_lets_the_lane_go_on(desk: Desk, state: DeliveryState) -> None:
    """Delivered, refused and superseded messages are behind the lane."""
    await desk.fill(messages=2)
    await desk.settle(await desk.claim_one(), state)
    assert (await desk.claim_one()).deliveries[0].sequence == 2


async def test_a_batch_advances_over_its_contiguous_successes_only(desk: Desk) -> None:
    """F15: the first that did not succeed becomes the head; those not named go back to READY."""
    await desk.fill(messages=4)
    claim = await desk.claim_one(batch={"progress": 4})
    due = desk.turned.now() + timedelta(seconds=10)
    await desk.settle(claim, DeliveryState.DELIVERED, DeliveryState.DELIVERED, DeliveryState.WAITING, next_due=due)
    assert await desk.states(LANE) == [
        DeliveryState.DELIVERED,
        DeliveryState.DELIVERED,
        DeliveryState.WAITING,
        DeliveryState.READY,
    ]
    assert await desk.journal.next_due(desk.portal) == due
    desk.turned.turn(10)
    again = await desk.claim_one(batch={"progress": 4})
    assert [delivery.sequence for delivery in again.deliveries] == [3, 4]


async def test_a_success_behind_a_failure_is_never_sent_again(desk: Desk) -> None:
    """What was confirmed out of turn stays confirmed; the lane skips it when its turn comes."""
    await desk.fill(messages=3)
    claim = await desk.claim_one(batch={"progress": 3})
    await desk.settle(claim, DeliveryState.WAITING, DeliveryState.DELIVERED, DeliveryState.WAITING)
    again = await desk.claim_one(batch={"progress": 3})
    assert [delivery.sequence for delivery in again.deliveries] == [1]
    await desk.settle(again, DeliveryState.DELIVERED)
    assert (await desk.claim_one()).deliveries[0].sequence == 3


async def test_a_message_held_behind_the_head_blocks_when_its_turn_comes(desk: Desk) -> None:
    """A permanent failure in the middle of a batch keeps its reason until it is the head."""
    await desk.fill(messages=2)
    claim = await desk.claim_one(batch={"progress": 2})
    await desk.settle(claim, DeliveryState.WAITING, DeliveryState.HELD, block_reason="bị từ chối")
    assert await desk.journal.lanes(blocked_only=True) == ()
    await desk.settle(await desk.claim_one(), DeliveryState.DELIVERED)
    (row,) = await desk.journal.lanes(blocked_only=True)
    assert row.block_reason == "bị từ chối"


async def test_messages_that_are_not_named_go_back_to_the_state_they_were_claimed_in(desk: Desk) -> None:
    """READY stays READY, WAITING stays WAITING, in doubt stays in doubt; the lane is due as settled."""
    await desk.fill(messages=2)
    due = desk.turned.now() + timedelta(seconds=5)
    for prior in (DeliveryState.READY, DeliveryState.WAITING, DeliveryState.UNKNOWN):
        if prior is not DeliveryState.READY:
            await desk.settle(await desk.claim_one(), prior)
        claim = await desk.claim_one(batch={"progress": 2})
        assert await desk.settle(claim, next_due=due)
        assert await desk.states(LANE) == [prior, DeliveryState.READY]
        assert await desk.journal.next_due(desk.portal) == due
        due = desk.turned.turn(6) + timedelta(seconds=5)
    assert (await desk.claim_one()).deliveries[0].doubtful


async def test_an_attempt_that_was_given_back_is_not_counted(desk: Desk) -> None:
    """Breaker open or upstream paused: the claim counts as if it had not been, the first attempt is still to come."""
    await desk.fill()
    for _ in range(3):
        claim = await desk.claim_one()
        assert (claim.deliveries[0].attempts, claim.deliveries[0].first_attempt_at) == (1, None)
        assert await desk.settle(claim, give_back=True)
    await desk.settle(await desk.claim_one(), DeliveryState.WAITING)
    assert (await desk.claim_one()).deliveries[0].attempts == 2


async def test_the_first_attempt_keeps_its_time(desk: Desk) -> None:
    """The window of days counts from the first claim that was not given back."""
    await desk.fill()
    desk.turned.turn(7)
    first = desk.turned.now()
    await desk.settle(await desk.claim_one(), DeliveryState.WAITING)
    for _ in range(2):
        desk.turned.turn(7)
        claim = await desk.claim_one()
        assert claim.deliveries[0].first_attempt_at == first
        await desk.settle(claim, DeliveryState.WAITING)


async def test_attempts_are_kept_in_order_with_digests_and_without_bodies(desk: Desk) -> None:
    """Every attempt stays, numbered from 1, with the digests of what was sent and answered."""
    await desk.fill()
    await desk.settle(await desk.claim_one(), DeliveryState.WAITING)
    claim = await desk.claim_one()
    started = desk.turned.now()
    ended = desk.turned.turn(1.5)
    unanswered = desk.attempt(
        "no_answer", started=started, ended=ended, http_status=0, detail_vi="hết giờ chờ", response=b""
    )
    await desk.journal.settle(
        Settlement(claim.lane_id, claim.epoch, (MessageSettlement(1, DeliveryState.UNKNOWN, unanswered),))
    )
    (row,) = await desk.journal.deliveries_of(LANE)
    assert [(attempt.n, attempt.outcome) for attempt in row.attempts] == [(1, "waiting"), (2, "no_answer")]
    first, second = row.attempts
    assert first.request_digest == hashlib.sha256(b"request").hexdigest()
    assert first.response_digest == hashlib.sha256(b"response").hexdigest()
    assert (second.started, second.ended, second.http_status) == (started, ended, 0)
    assert (second.response_digest, second.detail_vi) == ("", "hết giờ chờ")


async def test_a_receipt_is_kept_with_its_message(desk: Desk) -> None:
    """The upstream's acknowledgement is shown with the delivery, and an attempt without one does not erase it."""
    await desk.fill()
    await desk.settle(await desk.claim_one(), DeliveryState.DELIVERED)
    (row,) = await desk.journal.deliveries_of(LANE)
    assert row.receipt == b"receipt"


async def test_the_memory_of_a_lane_is_merged(desk: Desk) -> None:
    """What receipts ask to be remembered comes with the next claim of the lane, the newest value of each key."""
    await desk.fill(messages=3)
    await desk.settle(await desk.claim_one(), DeliveryState.DELIVERED, memory={"a": "1", "ghi chú": "một"})
    claim = await desk.claim_one()
    assert claim.memory == {"a": "1", "ghi chú": "một"}
    await desk.settle(claim, DeliveryState.DELIVERED, memory={"a": "2", "b": "3"})
    assert (await desk.claim_one()).memory == {"a": "2", "b": "3", "ghi chú": "một"}


async def test_follow_ups_are_accepted_in_the_same_transaction(desk: Desk) -> None:
    """What follows an acknowledgement takes its place in the other lane, with the payload of its event."""
    await desk.accept(desk.event(1, operations=(("resolution", "push"),), carried=b'{"from":"sector"}'))
    claim = await desk.claim_one(upstream="resolution")
    follow = NewDelivery("ev-0042-1/portal/progress", desk.portal, "progress", "ev-0042-1", desk.source)
    assert await desk.settle(claim, DeliveryState.DELIVERED, follow_ups=(follow,))
    (delivery,) = (await desk.claim_one()).deliveries
    assert (delivery.delivery_id, delivery.payload) == ("ev-0042-1/portal/progress", b'{"from":"sector"}')


async def test_a_follow_up_that_exists_already_does_not_block_the_settlement(desk: Desk) -> None:
    """F5: an event that is replayed to the resolution system is acknowledged again; what followed is not doubled."""
    await desk.accept(desk.event(1, operations=(("resolution", "push"),)))
    follow = NewDelivery("once", desk.portal, "progress", "ev-0042-1", desk.source)
    claim = await desk.claim_one(upstream="resolution")
    await desk.settle(claim, DeliveryState.WAITING, follow_ups=(follow,))
    claim = await desk.claim_one(upstream="resolution")
    assert await desk.settle(claim, DeliveryState.DELIVERED, follow_ups=(replace(follow, delivery_id="twice"),))
    assert [row.delivery_id for row in await desk.journal.deliveries_of(desk.dossier) if row.upstream == "portal"] == [
        "once"
    ]


async def test_a_settlement_is_audited_and_chained(desk: Desk) -> None:
    """Audit rows and one leaf belong to the settlement's transaction."""
    await desk.fill()
    claim = await desk.claim_one()
    (before,) = await desk.journal.leaves()
    await desk.settle(
        claim, DeliveryState.DELIVERED, audit=(AuditWrite("delivery.settled", "worker", LANE, "e", b"{}", feed=True),)
    )
    (after,) = await desk.journal.leaves()
    assert after.n == before.n + 1
    assert (await desk.journal.feed(0, 10))[-1].kind == "delivery.settled"


@pytest.mark.parametrize("state", [DeliveryState.SENDING])
async def test_a_state_that_settles_nothing_is_a_fault(desk: Desk, state: DeliveryState) -> None:
    """SENDING is no outcome: the caller is told, and the claim stays as it was."""
    await desk.fill()
    claim = await desk.claim_one()
    with pytest.raises(JournalFault):
        await desk.settle(claim, state)
    assert await desk.settle(claim, DeliveryState.DELIVERED)


async def test_a_message_outside_the_claim_is_a_fault(desk: Desk) -> None:
    """A settlement may only speak of what it claimed."""
    await desk.fill(messages=2)
    claim = await desk.claim_one()
    with pytest.raises(JournalFault):
        await desk.journal.settle(
            Settlement(claim.lane_id, claim.epoch, (MessageSettlement(2, DeliveryState.DELIVERED),))
        )
    assert await desk.states(LANE) == [DeliveryState.SENDING, DeliveryState.READY]


async def test_settlements_survive_a_restart(driver: Drivers) -> None:
    """Backoff, attempts, memory and holds are on the disk, not in the process (R7)."""
    async with driver.desk() as desk:
        await desk.fill(lanes=2)
        first, second = await desk.claim()
        due: datetime = desk.turned.now() + timedelta(days=3)
        await desk.settle(first, DeliveryState.WAITING, next_due=due, memory={"k": "v"})
        await desk.settle(second, DeliveryState.HELD, block_reason="chờ")
    async with driver.desk() as desk:
        assert await desk.journal.next_due(desk.portal) == due
        assert [row.block_reason for row in await desk.journal.lanes(blocked_only=True)] == ["chờ"]
        desk.turned.turn(3 * 86_400)
        claim = await desk.claim_one()
        assert (claim.memory, claim.deliveries[0].attempts) == ({"k": "v"}, 2)


async def test_a_hold_ordered_while_sending_takes_effect_at_the_settlement(desk: Desk) -> None:
    """A hold is never lost: the next message is held when the one in flight succeeds."""
    await desk.fill(messages=2)
    claim = await desk.claim_one()
    assert (await desk.order(OrderKind.HOLD, dossier=LANE)).done
    await desk.settle(claim, DeliveryState.DELIVERED)
    assert await desk.states(LANE) == [DeliveryState.DELIVERED, DeliveryState.HELD]
    assert await desk.claim() == ()
    (row,) = await desk.journal.lanes(blocked_only=True)
    assert row.block_reason == "lý do của người ra lệnh"


async def test_one_follow_up_named_twice_is_appended_once_and_does_not_block_the_settlement(desk: Desk) -> None:
    """An event and its replay were acknowledged in one call: the settlement holds, and what follows goes out once."""
    await desk.accept(desk.event(1))
    claim = await desk.claim_one()
    follow_up = NewDelivery("follow-1", "outside", "sync", "ev-0042-1", desk.source)
    assert await desk.settle(claim, DeliveryState.DELIVERED, follow_ups=(follow_up, follow_up))
    assert await desk.states(upstream="outside") == [DeliveryState.READY]


async def test_what_came_of_a_call_is_kept_whatever_the_upstream_said(desk: Desk) -> None:
    """Characters that no text of PostgreSQL may have never keep a settlement from being stored: the call would be made again."""
    await desk.fill()
    claim = await desk.claim_one()
    attempt = desk.attempt("rejected", upstream_code="-1\x00", detail_vi="half of one \ud800")
    refused = MessageSettlement(claim.deliveries[0].sequence, DeliveryState.HELD, attempt)
    assert await desk.journal.settle(Settlement(claim.lane_id, claim.epoch, (refused,), block_reason="bad \x00"))
    (row,) = await desk.journal.deliveries_of(LANE)
    assert (row.attempts[0].upstream_code, row.attempts[0].detail_vi) == ("-1\ufffd", "half of one \ufffd")
    assert (await desk.journal.lanes())[0].block_reason == "bad \ufffd"
