"""The contract of accept: atomic, durable, once; the situation that `decide` sees; the rows that its decision makes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gateway.journal.books import JournalFault
from gateway.journal.model import (
    AuditWrite,
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    Record,
    RecordKey,
    RecordWrite,
    Situation,
)

if TYPE_CHECKING:
    from tests.unit.journal.conftest import Desk, Drivers


class Looking:
    """A decision that also remembers the situation it saw."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.seen: list[Situation] = []

    def __call__(self, situation: Situation, _intake: Intake) -> Decision:
        self.seen.append(situation)
        return self.decision


async def test_an_accepted_event_is_answered_stored_and_queued(desk: Desk) -> None:
    """Accept answers what was decided; the event, its answer and its delivery are there afterwards."""
    accepted = await desk.accept(desk.event(1))
    assert accepted.stored
    assert accepted.status == 202
    row = await desk.journal.event(desk.source, "ev-0042-1")
    assert row is not None
    assert row.answer == accepted.answer == b'{"receipt":"ev-0042-1"}'
    assert row.known.position == accepted.position
    assert row.known.status is InboundStatus.ACCEPTED
    assert row.received_at == desk.turned.now()
    assert await desk.states() == [DeliveryState.READY]


async def test_what_was_accepted_is_there_after_a_restart(driver: Drivers) -> None:
    """A new start on the same store finds events, answers, deliveries and payloads."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1, carried=b'{"carried":"one"}'))
    async with driver.desk() as desk:
        assert await desk.states() == [DeliveryState.READY]
        claim = await desk.claim_one()
        assert claim.deliveries[0].payload == b'{"carried":"one"}'
        row = await desk.journal.event(desk.source, "ev-0042-1")
        assert row is not None
        assert row.answer == b'{"receipt":"ev-0042-1"}'


async def test_a_known_key_is_shown_to_decide_with_receipt_and_digest(desk: Desk) -> None:
    """The same (source, key) again: decide sees the first answer and the first digest, and what it refuses is not stored."""
    event = desk.event(1)
    await desk.accept(event)
    again = Looking(Decision(b"again", 200, store=False))
    answered = await desk.accept(event, again)
    assert not answered.stored
    assert answered.answer == b"again"
    assert again.seen[0].known_receipt == b'{"receipt":"ev-0042-1"}'
    assert again.seen[0].known_digest == event.intake().digest
    assert len(await desk.states()) == 1


async def test_identical_keys_in_one_batch_are_folded(desk: Desk) -> None:
    """Sixty-four simultaneous copies of one request make one event: each later copy sees the first one's receipt."""
    event = desk.event(1)

    def once(situation: Situation, _intake: Intake) -> Decision:
        if situation.known_receipt is not None:
            return Decision(situation.known_receipt, 200, store=False)
        return event.decision()

    answers = await asyncio.gather(*(desk.accept(event, once) for _ in range(64)))
    assert sum(answer.stored for answer in answers) == 1
    assert {answer.answer for answer in answers} == {b'{"receipt":"ev-0042-1"}'}
    assert len(await desk.states()) == 1


async def test_same_key_of_another_source_is_another_event(desk: Desk) -> None:
    """Keys are unique for their source only."""
    await desk.accept(desk.event(1, name="shared"))
    looking = Looking(desk.event(1, name="shared", source="SEC-TWO").decision())
    await desk.accept(desk.event(1, name="shared", source="SEC-TWO"), looking)
    assert looking.seen[0].known_receipt is None
    assert len(await desk.states()) == 2


async def test_a_reused_sequence_shows_the_event_that_has_it(desk: Desk) -> None:
    """`same_sequence` is the other stored event of this source and dossier with this sequence; its own event is not."""
    await desk.accept(desk.event(3))
    looking = Looking(Decision(b"conflict", 409, store=False))
    await desk.accept(desk.event(3, name="another"), looking)
    known = looking.seen[0].same_sequence
    assert known is not None
    assert (known.event_id, known.sequence, known.dossier) == ("ev-0042-3", 3, desk.dossier)
    await desk.accept(desk.event(3), looking)
    assert looking.seen[1].same_sequence is None
    await desk.accept(desk.event(3, desk.other, name="elsewhere"), looking)
    assert looking.seen[2].same_sequence is None


async def test_last_sequence_is_none_first_and_then_what_was_decided(desk: Desk) -> None:
    """The last applied sequence belongs to (source, dossier) and is read inside the transaction."""
    first = Looking(desk.event(5).decision())
    await desk.accept(desk.event(5), first)
    assert first.seen[0].last_sequence is None
    second = Looking(Decision(b"", 200, store=False))
    await desk.accept(desk.event(6), second)
    await desk.accept(desk.event(6, desk.other), second)
    await desk.accept(desk.event(6, source="SEC-TWO"), second)
    assert [situation.last_sequence for situation in second.seen] == [5, None, None]


async def test_parked_events_come_in_order_of_sequence_with_what_they_carried(desk: Desk) -> None:
    """Parked events of this source and dossier are shown in order, opened; others are not."""
    for sequence in (9, 7, 8):
        parked = desk.event(sequence, status=InboundStatus.PARKED_GAP, operations=(), carried=b"c%d" % sequence)
        await desk.accept(parked, replace(parked.decision(), last_sequence=None))
    looking = Looking(Decision(b"", 200, store=False))
    await desk.accept(desk.event(6), looking)
    await desk.accept(desk.event(6, desk.other), looking)
    assert [(row.sequence, row.carried) for row in looking.seen[0].parked] == [(7, b"c7"), (8, b"c8"), (9, b"c9")]
    assert looking.seen[1].parked == ()
    assert (await desk.journal.counts()).parked == 3


async def test_a_parked_event_is_drained_by_its_predecessor_with_its_own_payload(desk: Desk) -> None:
    """When the missing event comes, the parked one moves to accepted and its delivery carries what was stored with it."""
    late = desk.event(2, status=InboundStatus.PARKED_GAP, operations=(), carried=b"second")
    await desk.accept(late, replace(late.decision(), last_sequence=None))
    first = desk.event(1, carried=b"first")
    both = replace(
        first.decision(),
        inbound=(*first.decision().inbound, InboundWrite("ev-0042-2", 2, InboundStatus.ACCEPTED)),
        deliveries=(*first.deliveries(), *desk.event(2).deliveries()),
        last_sequence=2,
    )
    await desk.accept(first, both)
    claim = await desk.claim_one(batch={"progress": 10})
    assert [delivery.payload for delivery in claim.deliveries] == [b"first", b"second"]
    row = await desk.journal.event(desk.source, "ev-0042-2")
    assert row is not None
    assert row.known.status is InboundStatus.ACCEPTED
    assert row.answer == b'{"receipt":"ev-0042-2"}', "the answer that its sender got stays"
    assert (await desk.journal.counts()).parked == 0


async def test_an_unordered_intake_sees_and_moves_parked_events_of_every_source(desk: Desk) -> None:
    """A snapshot lets all parked events of its dossier go, each with its own source's last sequence."""
    for source, sequence in (("SEC-TWO", 1), (desk.source, 2), (desk.source, 1)):
        parked = desk.event(
            sequence, source=source, name=f"{source}-{sequence}", status=InboundStatus.PARKED_GAP, operations=()
        )
        await desk.accept(parked, replace(parked.decision(), last_sequence=None))
    looking = Looking(
        Decision(
            b"",
            200,
            inbound=(InboundWrite("SEC-TWO-1", 1, InboundStatus.ACCEPTED, source="SEC-TWO"),),
            deliveries=desk.event(1, source="SEC-TWO", name="SEC-TWO-1").deliveries(),
            other_sequences={"SEC-TWO": 1},
        )
    )
    snapshot = replace(desk.event(1, source="RES").intake(looking), kind="dossier", key="", sequence=None)
    await desk.journal.accept(snapshot)
    assert [(row.source, row.sequence) for row in looking.seen[0].parked] == [
        (desk.source, 1),
        (desk.source, 2),
        ("SEC-TWO", 1),
    ]
    assert (await desk.claim_one()).deliveries[0].source == "SEC-TWO"
    after = Looking(Decision(b"", 200, store=False))
    await desk.accept(desk.event(2, source="SEC-TWO", name="SEC-TWO-2"), after)
    assert after.seen[0].last_sequence == 1
    assert after.seen[0].parked == ()


async def test_a_stored_event_can_be_given_a_new_content_when_it_moves(desk: Desk) -> None:
    """`carried` of a stored event changes only when it is handed in; digest and position never change."""
    parked = desk.event(2, status=InboundStatus.PARKED_CONFLICT, operations=(), carried=b"old")
    await desk.accept(parked)
    before = await desk.journal.event(desk.source, "ev-0042-2")
    decision = Decision(
        b"",
        200,
        inbound=(InboundWrite("ev-0042-2", 2, InboundStatus.APPLIED_LATE, carried=b"new"),),
        deliveries=desk.event(2).deliveries(),
    )
    await desk.journal.accept(replace(parked.intake(decision), kind="order", key=""))
    after = await desk.journal.event(desk.source, "ev-0042-2")
    assert before is not None
    assert after is not None
    assert after.known == replace(before.known, status=InboundStatus.APPLIED_LATE)
    assert (await desk.claim_one()).deliveries[0].payload == b"new"


async def test_records_are_read_before_and_written_with_the_decision(desk: Desk) -> None:
    """`reads` names what decide sees; absent records are absent; sealed and readable ones come back the same."""
    sealed, plain, absent = RecordKey("dossier", desk.dossier), RecordKey("note", "1"), RecordKey("note", "2")
    first = replace(
        desk.event(1).decision(),
        records=(RecordWrite(sealed, 4, b'{"name":"x"}', desk.dossier), RecordWrite(plain, 1, b"{}")),
    )
    await desk.accept(desk.event(1), first)
    looking = Looking(Decision(b"", 200, store=False))
    await desk.journal.accept(replace(desk.event(2).intake(looking), reads=(sealed, plain, absent)))
    assert looking.seen[0].records == {
        sealed: Record(sealed, 4, b'{"name":"x"}'),
        plain: Record(plain, 1, b"{}"),
    }
    assert await desk.journal.record(sealed) == Record(sealed, 4, b'{"name":"x"}')
    assert await desk.journal.record(absent) is None


async def test_a_record_is_replaced_by_its_next_version(desk: Desk) -> None:
    """A record is put in place of the one before, also when it was readable and is now sealed."""
    key = RecordKey("dossier", desk.dossier)
    for version, sealed_for in ((1, ""), (2, desk.dossier), (3, desk.dossier), (4, "")):
        write = RecordWrite(key, version, b'{"v":%d}' % version, sealed_for)
        await desk.journal.accept(
            replace(desk.event(1).intake(Decision(b"", 200, records=(write,))), kind="dossier", key="", sequence=None)
        )
        assert await desk.journal.record(key) == Record(key, version, b'{"v":%d}' % version)


async def test_the_records_of_a_kind_are_read_together(desk: Desk) -> None:
    """By id, opened, and no other kind among them."""
    writes = (
        RecordWrite(RecordKey("note", "b"), 1, b"{}"),
        RecordWrite(RecordKey("note", "a"), 2, b'{"name":"x"}', desk.dossier),
        RecordWrite(RecordKey("other", "a"), 1, b"{}"),
    )
    await desk.journal.accept(
        replace(desk.event(1).intake(Decision(b"", 200, records=writes)), kind="dossier", key="", sequence=None)
    )
    assert await desk.journal.records("note") == (
        Record(RecordKey("note", "a"), 2, b'{"name":"x"}'),
        Record(RecordKey("note", "b"), 1, b"{}"),
    )
    assert await desk.journal.records("nothing") == ()


async def test_records_are_read_between_two_bounds_in_the_order_of_their_bytes(desk: Desk) -> None:
    """Both bounds excluded, no more than asked for, and no other kind among them."""
    ids = ("due/2", "due/1", "due/3", "due/é", "paid/1")
    writes = tuple(RecordWrite(RecordKey("mark", id_), 1, b"{}") for id_ in ids)
    others = (RecordWrite(RecordKey("marked", "due/2"), 1, b"{}"),)
    await desk.journal.accept(
        replace(
            desk.event(1).intake(Decision(b"", 200, records=writes + others)), kind="dossier", key="", sequence=None
        )
    )

    async def found(after: str, until: str, limit: int = 10) -> list[str]:
        return [record.key.id for record in await desk.journal.records_between("mark", after, until, limit)]

    assert await found("due/", "due0") == ["due/1", "due/2", "due/3", "due/é"]
    assert await found("due/1", "due/3") == ["due/2"]
    assert await found("due/", "due0", 2) == ["due/1", "due/2"]
    assert await found("due/3", "due/1") == []


async def test_without_a_key_no_receipt_is_kept(desk: Desk) -> None:
    """An intake without an idempotency key (a snapshot, an order) is stored each time it comes."""
    looking = Looking(Decision(b"yes", 200, records=(RecordWrite(RecordKey("note", "1"), 1, b"{}"),)))
    intake = replace(desk.event(1).intake(looking), kind="dossier", key="", sequence=None)
    assert (await desk.journal.accept(intake)).stored
    assert (await desk.journal.accept(intake)).stored
    assert [situation.known_receipt for situation in looking.seen] == [None, None]


async def test_with_store_false_nothing_is_written_and_nothing_chained(desk: Desk) -> None:
    """A refusal leaves no row and no leaf, whatever else the decision holds."""
    before = await desk.journal.leaves()
    refused = replace(desk.event(1).decision(), store=False, status=409)
    answered = await desk.accept(desk.event(1), refused)
    assert not answered.stored
    assert answered.status == 409
    assert await desk.journal.leaves() == before
    assert await desk.journal.event(desk.source, "ev-0042-1") is None
    assert await desk.journal.feed(0, 10, feed_only=False) == ()


async def test_deliveries_of_one_event_keep_their_order_in_each_lane(desk: Desk) -> None:
    """Sequences are allocated contiguously in array order; lanes of other upstreams count for themselves."""
    many = (("portal", "sync"), ("postal", "order"), ("portal", "progress"), ("postal", "track"), ("portal", "file"))
    await desk.accept(desk.event(1, operations=many))
    rows = await desk.journal.deliveries_of(desk.dossier)
    assert [(row.upstream, row.sequence, row.operation) for row in rows] == [
        ("portal", 1, "sync"),
        ("portal", 2, "progress"),
        ("portal", 3, "file"),
        ("postal", 1, "order"),
        ("postal", 2, "track"),
    ]


async def test_three_item_arrays_never_run_out_of_order(desk: Desk) -> None:
    """F9: items of one transaction have no tie; each lane's claims come in the order in which they were given."""
    operations = tuple((desk.portal, f"op-{n}") for n in range(3))
    await asyncio.gather(*(desk.accept(desk.event(1, f"dossier-{n:03d}", operations=operations)) for n in range(50)))
    for turn in range(3):
        claims = await desk.claim(limit=100)
        assert {claim.deliveries[0].operation for claim in claims} == {f"op-{turn}"}
        for claim in claims:
            assert await desk.settle(claim, DeliveryState.DELIVERED)


async def test_positions_increase_in_commit_order_and_are_shared_with_the_audit_trail(desk: Desk) -> None:
    """An event's position is that of its own first audit row; positions strictly increase over both."""
    first = await desk.accept(desk.event(1))
    silent = await desk.accept(desk.event(2), replace(desk.event(2).decision(), audit=()))
    third = await desk.accept(desk.event(3))
    row = await desk.journal.event(desk.source, "ev-0042-2")
    assert row is not None
    assert first.position < row.known.position < third.position
    assert silent.position == row.known.position
    feed = await desk.journal.feed(0, 10)
    assert [entry.position for entry in feed] == [first.position, third.position]


async def test_positions_go_on_after_a_restart(driver: Drivers) -> None:
    """No position is ever given twice, also when the last one was an event without an audit row."""
    async with driver.desk() as desk:
        await desk.accept(desk.event(1))
        silent = await desk.accept(desk.event(2), replace(desk.event(2).decision(), audit=()))
    async with driver.desk() as desk:
        assert (await desk.accept(desk.event(3))).position > silent.position


async def test_a_decision_that_raises_reaches_its_caller_and_nobody_else(desk: Desk) -> None:
    """One caller's fault in a batch is its own: the others are stored."""

    def broken(_situation: Situation, _intake: Intake) -> Decision:
        raise ZeroDivisionError("a fault of the decision")

    results = await asyncio.gather(
        *(desk.accept(desk.event(1, f"dossier-{n}"), broken if n == 5 else None) for n in range(10)),
        return_exceptions=True,
    )
    assert [isinstance(result, ZeroDivisionError) for result in results] == [n == 5 for n in range(10)]
    assert (await desk.journal.counts()).messages == {(desk.portal, DeliveryState.READY): 9}


async def test_a_job_that_fails_after_writing_is_taken_out_and_the_others_commit(desk: Desk) -> None:
    """A delivery without an event fails late, when rows are written; nothing of it remains, the rest of the batch does."""
    orphan = replace(desk.event(1, "dossier-5").decision(), deliveries=desk.event(77, "dossier-5").deliveries())
    results = await asyncio.gather(
        *(desk.accept(desk.event(1, f"dossier-{n}"), orphan if n == 5 else None) for n in range(10)),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [n == 5 for n in range(10)]
    assert await desk.journal.event(desk.source, "ev-er-5-1") is None
    assert (await desk.journal.counts()).messages == {(desk.portal, DeliveryState.READY): 9}
    assert len(await desk.journal.feed(0, 100)) == 9
    writer = (await desk.journal.leaves())[0].writer
    numbers = [leaf.n for leaf in await desk.journal.leaves(writer)]
    assert numbers == list(range(1, 11)), "the chain has no hole"


async def test_a_delivery_that_exists_already_is_a_fault_of_the_decision(desk: Desk) -> None:
    """An event is delivered once to each upstream and operation; nothing of a decision that doubles it is kept."""
    await desk.accept(desk.event(1))
    before = await desk.journal.leaves()
    with pytest.raises(JournalFault):
        await desk.accept(desk.event(1))
    assert await desk.journal.leaves() == before
    assert len(await desk.states()) == 1


async def test_a_cancelled_caller_does_not_cancel_the_commit(desk: Desk) -> None:
    """Who stops waiting gets no answer, but what was taken on is stored."""
    waiting = [asyncio.create_task(desk.accept(desk.event(1, f"dossier-{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    for task in waiting[::2]:
        task.cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 10
    await desk.journal.ready()
    assert (await desk.journal.counts()).messages == {(desk.portal, DeliveryState.READY): 20}


async def test_an_event_may_be_stored_without_any_delivery(desk: Desk) -> None:
    """A stale event is history: stored, shown, not sent."""
    await desk.accept(desk.event(1, status=InboundStatus.STALE, operations=()))
    assert await desk.journal.deliveries_of(desk.dossier) == ()
    assert [row.known.status for row in await desk.journal.events_of(desk.dossier)] == [InboundStatus.STALE]


async def test_the_decision_sees_the_clock(desk: Desk) -> None:
    """`now` is the injected clock's time, in UTC."""
    looking = Looking(Decision(b"", 200, store=False))
    desk.turned.turn(3_600)
    await desk.accept(desk.event(1), looking)
    assert looking.seen[0].now == desk.turned.now()
    assert looking.seen[0].now.utcoffset() == timedelta(0)


async def test_audit_rows_keep_their_order_and_fields(desk: Desk) -> None:
    """Audit rows of a decision come back as they were, in order."""
    rows = tuple(AuditWrite(f"kind-{n}", "who", desk.dossier, "ev", b'{"n":%d}' % n, feed=n % 2 == 0) for n in range(4))
    await desk.accept(desk.event(1), replace(desk.event(1).decision(), audit=rows))
    trail = await desk.journal.feed(0, 10, feed_only=False)
    assert [(row.kind, row.actor, row.fields) for row in trail] == [(r.kind, r.actor, r.fields) for r in rows]
    assert [row.kind for row in await desk.journal.feed(0, 10)] == ["kind-0", "kind-2"]
    assert all(row.at == desk.turned.now() for row in trail)


@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000])
async def test_payloads_of_any_size_come_back_whole(driver: Drivers, size: int) -> None:
    """Small payloads stand in the row, large ones in a file; a restart makes no difference."""
    carried = b"\xc3\xa2" * (size // 2) + b"}"
    async with driver.desk() as desk:
        await desk.accept(desk.event(1, carried=carried))
    async with driver.desk() as desk:
        assert (await desk.claim_one()).deliveries[0].payload == carried


async def test_an_accept_names_the_upstreams_that_got_a_delivery_and_no_other(desk: Desk) -> None:
    """Each once, in the order of the deliveries; nothing new means nobody is to be woken."""
    event = desk.event(1, operations=(("portal", "state"), ("resolution", "push"), ("portal", "progress")))
    assert (await desk.accept(event)).upstreams == ("portal", "resolution")
    assert (await desk.accept(desk.event(2, operations=()))).upstreams == ()
