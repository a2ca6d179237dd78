"""The contract of reading: events, deliveries, lanes, feed, counts, upstreams, leaves, readiness."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gateway.errors import JournalUnavailable
from gateway.journal.model import (
    AuditWrite,
    DeliveryState,
    InboundStatus,
    OrderKind,
    RecordKey,
    UpstreamOrder,
    UpstreamRow,
)

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Drivers


async def test_what_nobody_stored_is_none_or_empty(desk: Desk) -> None:
    """Reading an empty store fails nowhere."""
    assert await desk.journal.event("a", "b") is None
    assert await desk.journal.record(RecordKey("a", "b")) is None
    assert await desk.journal.events_of("x") == ()
    assert await desk.journal.deliveries_of("x") == ()
    assert await desk.journal.lanes() == ()
    assert await desk.journal.feed(0, 10) == ()
    counts = await desk.journal.counts()
    assert (counts.messages, counts.blocked_lanes, counts.oldest_waiting, counts.parked) == ({}, {}, {}, 0)


async def test_events_of_a_dossier_come_by_position(desk: Desk) -> None:
    """In the order in which they were committed, whatever their source and sequence."""
    await desk.accept(desk.event(7))
    await desk.accept(desk.event(3, source="SEC-TWO"))
    await desk.accept(desk.event(1, desk.other))
    await desk.accept(desk.event(5))
    rows = await desk.journal.events_of(desk.dossier)
    assert [row.known.sequence for row in rows] == [7, 3, 5]
    assert all(row.answer for row in rows)


async def test_deliveries_can_be_asked_for_one_event(desk: Desk) -> None:
    """All of a dossier by upstream and sequence, or only those of one event."""
    both = (("portal", "a"), ("postal", "b"))
    await desk.accept(desk.event(1, operations=both))
    await desk.accept(desk.event(2, operations=both))
    rows = await desk.journal.deliveries_of(desk.dossier)
    assert [(row.upstream, row.sequence) for row in rows] == [
        ("portal", 1),
        ("portal", 2),
        ("postal", 1),
        ("postal", 2),
    ]
    assert [row.event_id for row in await desk.journal.deliveries_of(desk.dossier, "ev-0042-2")] == ["ev-0042-2"] * 2


async def test_lanes_show_what_waits_blocked_ones_first_then_the_oldest(desk: Desk) -> None:
    """Idle lanes are not shown; filters and limit hold."""
    await desk.fill(lanes=4, messages=2)
    await desk.fill(lanes=1, upstream="postal")
    await desk.order(OrderKind.HOLD, dossier="000.00.00.G00-261120-0002")
    await desk.settle((await desk.claim(limit=1))[0], DeliveryState.WAITING, next_due=desk.turned.now() + timedelta(1))
    rows = await desk.journal.lanes()
    assert [(row.upstream, row.dossier[-1]) for row in rows] == [
        ("portal", "2"),
        ("portal", "0"),
        ("portal", "1"),
        ("portal", "3"),
        ("postal", "0"),
    ]
    waiting = rows[1]
    assert (waiting.depth, waiting.state, waiting.operation) == (2, DeliveryState.WAITING, "progress")
    assert (waiting.attempts, waiting.due) == (1, desk.turned.now() + timedelta(1))
    assert [row.dossier[-1] for row in await desk.journal.lanes(limit=2)] == ["2", "0"]
    assert [row.dossier[-1] for row in await desk.journal.lanes(blocked_only=True)] == ["2"]
    assert [row.upstream for row in await desk.journal.lanes(upstream="postal")] == ["postal"]
    one = await desk.journal.lanes(dossier="000.00.00.G00-261120-0000")
    assert [row.upstream for row in one] == ["portal", "postal"]
    assert await desk.journal.lanes(dossier="000.00.00.G00-261120-0000", blocked_only=True) == ()


async def test_a_lane_knows_the_legal_due_date_of_its_dossier(desk: Desk) -> None:
    """The latest one that was handed in; a message without one does not erase it."""
    due = desk.turned.now() + timedelta(days=5)
    await desk.accept(desk.event(1, legal_due=due))
    await desk.accept(desk.event(2))
    assert [row.legal_due for row in await desk.journal.lanes()] == [due]
    await desk.accept(desk.event(3, legal_due=due + timedelta(days=1)))
    assert [row.legal_due for row in await desk.journal.lanes()] == [due + timedelta(days=1)]


async def test_the_feed_skips_no_row_while_others_write(desk: Desk) -> None:
    """A reader that follows the cursor while 400 events are accepted sees each one exactly once, in order."""
    seen: list[int] = []
    done = asyncio.Event()

    async def follow() -> None:
        while True:
            finished = done.is_set()
            rows = await desk.journal.feed(seen[-1] if seen else 0, 7)
            seen.extend(row.position for row in rows)
            if finished and not rows:
                return

    async def push(lane: int) -> None:
        for sequence in range(1, 21):
            await desk.accept(desk.event(sequence, f"dossier-{lane}"))

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(push(lane) for lane in range(20)))
    done.set()
    await follower
    assert len(seen) == len(set(seen)) == 400
    assert seen == sorted(seen)


async def test_counts_follow_every_move(desk: Desk) -> None:
    """Messages by upstream and state, blocked lanes, the oldest waiting, parked events; and they agree with the rows."""
    await desk.fill(lanes=6, messages=2)
    oldest = (await desk.journal.lanes())[0].oldest_accepted_at
    assert oldest is not None
    assert (await desk.journal.counts()).oldest_waiting == {desk.portal: oldest}
    claims = await desk.claim(limit=5)
    outcomes = (
        DeliveryState.DELIVERED,
        DeliveryState.WAITING,
        DeliveryState.UNKNOWN,
        DeliveryState.HELD,
        DeliveryState.REFUSED,
    )
    for claim, state in zip(claims, outcomes, strict=True):
        await desk.settle(claim, state, next_due=desk.turned.now() + timedelta(hours=1))
    await desk.claim(limit=1)
    desk.turned.turn(31)
    await desk.accept(desk.event(9, status=InboundStatus.PARKED_CONFLICT, operations=()))
    counts = await desk.journal.counts()
    shown: dict[tuple[str, DeliveryState], int] = {}
    for lane in range(6):
        for row in await desk.journal.deliveries_of(f"000.00.00.G00-261120-{lane:04d}"):
            shown[row.upstream, row.state] = shown.get((row.upstream, row.state), 0) + 1
    assert counts.messages == shown
    assert counts.blocked_lanes == {desk.portal: 1}
    assert counts.parked == 1


async def test_an_upstream_is_remembered_over_restarts(driver: Drivers) -> None:
    """Breaker and pause are kept; a person's pause leaves its audit row and a leaf."""
    async with driver.desk() as desk:
        assert await desk.journal.upstream("portal") == UpstreamRow("portal")
        kept = UpstreamRow("portal", "open", desk.turned.now() + timedelta(seconds=30), "bảo trì")
        await desk.journal.remember_upstream(kept)
        (before,) = await desk.journal.leaves()
        row = AuditWrite("upstream.paused", "officer-1", "", "", b"{}")
        assert (await desk.journal.switch(UpstreamOrder((kept,), (row,), "đã dừng"))).message_vi == "đã dừng"
        (after,) = await desk.journal.leaves()
        assert after.n == before.n + 1
        assert [row.kind for row in await desk.journal.feed(0, 10, feed_only=False)] == ["upstream.paused"]
    async with driver.desk() as desk:
        assert await desk.journal.upstream("portal") == kept
        await desk.journal.remember_upstream(replace(kept, breaker_state="closed", breaker_open_until=None, paused=""))
        assert await desk.journal.upstream("portal") == UpstreamRow("portal")


async def test_two_writers_of_an_upstream_never_undo_each_other_unseen(desk: Desk) -> None:
    """A write over what was seen changes nothing where something else stands by now, and tells what does; on every store."""
    journal, until = desk.journal, desk.turned.now() + timedelta(seconds=30)
    fresh = await journal.upstream("portal")
    opened = await journal.remember_upstream(
        replace(fresh, breaker_state="open", breaker_open_until=until), fresh.generation
    )
    assert (opened.breaker_state, opened.generation) == ("open", fresh.generation + 1)
    stale = await journal.remember_upstream(replace(fresh, paused="chậm chân"), fresh.generation)
    assert stale == opened == await journal.upstream("portal")
    row = AuditWrite("breaker.opened", "gateway", "", "", b"{}")
    refused = await journal.switch(
        UpstreamOrder((replace(fresh, paused="chậm chân"),), (row,), seen=(fresh.generation,))
    )
    assert not refused.done and await journal.feed(0, 10, feed_only=False) == ()
    assert await journal.upstream("portal") == opened
    told = await journal.switch(
        UpstreamOrder((replace(opened, paused="sai mật khẩu"),), (row,), seen=(opened.generation,))
    )
    assert told.done and (await journal.upstream("portal")).paused == "sai mật khẩu"


async def test_a_person_decides_about_the_pause_and_leaves_the_breaker_as_it_stands(desk: Desk) -> None:
    """Whoever carries the order out may not have seen that another node opened the breaker meanwhile."""
    journal, until = desk.journal, desk.turned.now() + timedelta(seconds=30)
    await journal.remember_upstream(UpstreamRow("portal", "open", until))
    row = AuditWrite("upstream.paused", "officer-1", "", "", b"{}")
    await journal.switch(
        UpstreamOrder((UpstreamRow("portal", paused="bảo trì"), UpstreamRow("other", paused="bảo trì")), (row,))
    )
    assert await journal.upstream("portal") == UpstreamRow("portal", "open", until, "bảo trì")
    assert await journal.upstream("other") == UpstreamRow("other", paused="bảo trì")


async def test_each_start_has_a_chain_that_names_the_last_head_of_every_other(driver: Drivers) -> None:
    """A chain begins with a record of this start; its digest is the first thing that the chain covers."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
        (last,) = await desk.journal.leaves()
    async with driver.desk() as desk:
        heads = await desk.journal.leaves()
        assert [head.writer for head in heads] == sorted(head.writer for head in heads)
        assert last in heads
        (own,) = [head for head in heads if head.writer != last.writer]
        opening = await desk.journal.record(RecordKey("chain_opening", own.writer))
        assert opening is not None
        assert json.loads(opening.state)["heads"] == {last.writer: {"n": last.n, "digest": last.digest.hex()}}


async def test_a_store_that_can_commit_is_ready(desk: Desk) -> None:
    """Ready is empty as long as a real commit succeeds."""
    assert await desk.journal.ready() == ""


async def test_a_closed_journal_refuses_and_says_so(driver: Drivers) -> None:
    """After close nothing is stored and nothing hangs; closing twice is harmless."""
    async with driver.desk() as desk:
        await desk.journal.close()
        with pytest.raises(JournalUnavailable):
            await desk.accept(desk.event(1))
        with pytest.raises(JournalUnavailable):
            await desk.journal.counts()
        assert await desk.journal.ready() != ""


async def test_what_was_taken_on_is_finished_by_close(driver: Drivers) -> None:
    """Close commits what waits before it lets go."""
    async with driver.desk() as desk:
        waiting = [asyncio.create_task(desk.accept(desk.event(1, f"dossier-{n}"))) for n in range(30)]
        await asyncio.sleep(0)
        await desk.journal.close()
        assert all([(await task).stored for task in waiting])
    async with driver.desk() as desk:
        assert (await desk.journal.counts()).messages == {(desk.portal, DeliveryState.READY): 30}


async def test_the_counts_tell_since_when_a_gap_stands(desk: Desk) -> None:
    """The oldest event that waits for its predecessor; one that waits for a person is no gap, and a filled gap is none."""
    assert (await desk.journal.counts()).oldest_gap is None
    conflict = desk.event(3, desk.other, status=InboundStatus.PARKED_CONFLICT, operations=())
    await desk.accept(conflict)
    assert (await desk.journal.counts()).oldest_gap is None
    since = desk.turned.turn(60)
    gap = desk.event(5, status=InboundStatus.PARKED_GAP, operations=())
    await desk.accept(gap)
    desk.turned.turn(60)
    await desk.accept(desk.event(7, status=InboundStatus.PARKED_GAP, operations=()))
    counts = await desk.journal.counts()
    assert (counts.oldest_gap, counts.parked) == (since, 3)


async def test_an_operator_sees_every_event_that_waits_the_longest_first(desk: Desk) -> None:
    """Gaps and conflicts by name, in the order in which they came; what was accepted is not among them."""
    await desk.accept(desk.event(1))
    conflict = desk.event(3, desk.other, status=InboundStatus.PARKED_CONFLICT, operations=())
    gap = desk.event(5, status=InboundStatus.PARKED_GAP, operations=())
    await desk.accept(conflict)
    await desk.accept(gap)
    waiting = await desk.journal.parked()
    assert [(row.known.event_id, row.known.status) for row in waiting] == [
        (conflict.event_id, InboundStatus.PARKED_CONFLICT),
        (gap.event_id, InboundStatus.PARKED_GAP),
    ]
    assert [row.known.event_id for row in await desk.journal.parked(1)] == [conflict.event_id]
