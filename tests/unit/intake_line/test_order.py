"""The order of one source's events (dossier-model 4.3), and an operator's word about what waits."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.intake.sequence import Place, place
from gateway.journal.model import InboundStatus
from gateway.records.courses import SourceView

_SKIPPED = SourceView(sequence=6, skipped=((5, 6),))


@pytest.mark.parametrize(
    ("sequence", "previous", "last", "expected"),
    [
        (1, None, None, Place.NEXT),
        (1, 0, None, Place.NEXT),
        (9, 0, None, Place.NEXT),
        (2, None, None, Place.GAP),
        (2, 1, None, Place.GAP),
        (8, None, 7, Place.NEXT),
        (12, 7, 7, Place.NEXT),
        (9, None, 7, Place.GAP),
        (9, 8, 7, Place.GAP),
        (9, 6, 7, Place.CONTRADICTION),
        (7, 6, 7, Place.STALE),
        (4, None, 7, Place.STALE),
        (5, None, 7, Place.LATE),
        (6, 5, 6, Place.LATE),
    ],
)
def test_the_place_of_an_event_follows_from_its_predecessor(
    words: Any, sequence: int, previous: int | None, last: int | None, expected: Place
) -> None:
    """A named predecessor decides; without one the numbers must follow each other; skipped numbers are late, not stale."""
    told = words.event("SEC-A", sequence, "processing", previous_sequence=previous)
    assert place(told, last, _SKIPPED) is expected


def test_numbers_may_be_left_out_when_the_predecessor_is_named(world: Any) -> None:
    """`previous_sequence` names the predecessor; a jump of the number itself is no gap."""
    world.push("SEC-A", 3, "received", previous_sequence=0)
    assert world.push("SEC-A", 10, "processing", previous_sequence=3)[1]["status"] == "accepted"


def test_an_event_whose_predecessor_lies_behind_what_was_applied_waits_for_a_person(world: Any) -> None:
    """No event can ever fill such a gap; left as parked_gap it would wait for ever without anybody being asked."""
    world.push("SEC-A", 1, "received")
    world.push("SEC-A", 2, "processing")
    status, body = world.push("SEC-A", 4, "processing", previous_sequence=1)
    assert (status, body["status"]) == (202, "parked_conflict")


def test_a_parked_event_is_never_overtaken(world: Any, words: Any) -> None:
    """A later event that names an older predecessor waits too; it is a person's, once what it ignored has gone."""
    world.push("SEC-A", 5, "received", previous_sequence=4)
    assert world.push("SEC-A", 6, "processing", previous_sequence=0)[1]["status"] == "parked_gap"
    assert not world.deliveries
    world.push("SEC-A", 4, "submitted", previous_sequence=0)
    assert world.status("SEC-A", 5) is InboundStatus.ACCEPTED
    assert world.status("SEC-A", 6) is InboundStatus.PARKED_CONFLICT
    assert world.resolve("SEC-A", words.event_id("SEC-A", 6), apply=True)[0] == 200
    assert [name for name, _ in world.sent("resolution")] == [words.event_id("SEC-A", n) for n in (4, 5, 6)]


def test_a_conflict_keeps_its_followers_parked_whatever_they_name(world: Any) -> None:
    """An event that claims to follow what stands before the conflict would silently jump over it."""
    world.push("SEC-A", 1, "returned")
    world.push("SEC-A", 2, "received")
    assert world.status("SEC-A", 2) is InboundStatus.PARKED_CONFLICT
    assert world.push("SEC-A", 3, "returned", previous_sequence=1)[1]["status"] == "parked_gap"
    assert world.push("SEC-A", 4, "returned")[1]["status"] == "parked_gap"


def test_draining_stops_at_the_first_unlawful_step(world: Any) -> None:
    """What waits behind a conflict stays in its place."""
    for sequence, state in ((4, "returned"), (3, "received"), (2, "returned")):
        world.push("SEC-A", sequence, state)
    world.push("SEC-A", 1, "received")
    statuses = [world.status("SEC-A", sequence) for sequence in (1, 2, 3, 4)]
    assert statuses == ["accepted", "accepted", "parked_conflict", "parked_gap"]
    assert world.sequences["SEC-A"] == 2 and len(world.sent("resolution")) == 2


def test_a_person_passes_a_gap_and_what_waited_goes(world: Any, words: Any) -> None:
    """gap.skipped with its reason in the audit row; last sequence, course and lane move in the same transaction."""
    world.push("SEC-A", 1, "received")
    world.push("SEC-A", 5, "resolved", previous_sequence=4)
    status, body = world.skip_gap("SEC-A")
    assert status == 200 and body["applied"] == [words.event_id("SEC-A", 5)] and body["done"]
    (row,) = world.told("gap.skipped")
    assert (row["first"], row["last"], row["source"]) == (2, 4, "SEC-A") and row["reason"]
    assert world.sequences["SEC-A"] == 5 and world.audits[-2].actor == "van-hanh"


def test_a_predecessor_after_a_skip_is_history_and_its_state_is_not_applied(world: Any, words: Any) -> None:
    """4.3: it still becomes a row with its own time; only operations that say so carry it outside."""
    world.push("RES", 1, "received")
    world.push("RES", 4, "returned", previous_sequence=3)
    world.skip_gap("RES")
    before = world.course()
    status, body = world.push("RES", 3, "processing")
    assert (status, body["status"]) == (200, "stale")
    assert world.status("RES", 3) is InboundStatus.APPLIED_LATE and world.course() == before
    late = [sent for sent in world.sent("national") if sent[0] == words.event_id("RES", 3)]
    assert late == [(words.event_id("RES", 3), "progress")]
    carried = world.carried("RES", 3)
    assert not carried.state_applies and carried.dossier == words.dossier()
    assert world.push("RES", 3, "processing")[1]["status"] == "duplicate"


def test_a_gap_can_be_passed_up_to_a_number_before_anything_waits(world: Any) -> None:
    """`sequence` bounds the gap: the numbers below it are passed, it itself comes next."""
    world.push("SEC-A", 1, "received")
    assert world.skip_gap("SEC-A", 4)[0] == 200
    assert world.push("SEC-A", 4, "processing")[1]["status"] == "accepted"
    assert world.push("SEC-A", 2, "received")[1]["status"] == "stale"
    assert world.status("SEC-A", 2) is InboundStatus.APPLIED_LATE


def test_a_gap_named_by_the_waiting_events_own_number_ends_at_its_predecessor(world: Any) -> None:
    """Event 10 follows 8 by its own word: passing all below 10 lets it go, number 9 never existed."""
    world.push("SEC-A", 1, "received")
    world.push("SEC-A", 10, "processing", previous_sequence=8)
    assert world.skip_gap("SEC-A", 10)[0] == 200
    assert world.sequences["SEC-A"] == 10 and world.told("gap.skipped")[0]["last"] == 8


@pytest.mark.parametrize(("sequence", "code"), [(0, "nothing_waits"), (2, "nothing_waits"), (9, "conflict")])
def test_a_skip_that_would_pass_nothing_or_too_much_is_refused(world: Any, sequence: int, code: str) -> None:
    """Nothing waits; nothing is missing; or an event that did come would be passed over."""
    world.push("SEC-A", 1, "received")
    if sequence == 9:
        world.push("SEC-A", 4, "processing")
    status, body = world.skip_gap("SEC-A", sequence)
    assert (status, body["code"]) == (409 if code == "conflict" else 404, code)
    assert not world.last_decision.store


def test_a_conflict_is_no_gap(world: Any) -> None:
    """The first waiting event misses nothing: a person must decide about that event itself."""
    world.push("SEC-A", 1, "returned")
    world.push("SEC-A", 2, "received")
    assert world.skip_gap("SEC-A")[0] == 409


def test_a_skip_on_a_dossier_that_nobody_registered_is_refused(worlds: Any) -> None:
    """There is no course to note it in."""
    assert worlds().skip_gap("SEC-A")[0] == 404


@pytest.mark.parametrize("apply", [True, False])
def test_a_person_decides_about_a_conflict_and_its_followers_go(world: Any, words: Any, apply: bool) -> None:
    """Applied in spite of the table, or passed over; audited with the reason either way; the lane of the source goes on."""
    world.push("SEC-A", 1, "returned")
    world.push("SEC-A", 2, "received")
    world.push("SEC-A", 3, "processing" if apply else "returned")
    status, body = world.resolve("SEC-A", words.event_id("SEC-A", 2), apply=apply)
    assert status == 200 and words.event_id("SEC-A", 3) in body["applied"]
    assert world.status("SEC-A", 2) is (InboundStatus.ACCEPTED if apply else InboundStatus.SKIPPED)
    assert world.sequences["SEC-A"] == 3 and len(world.sent("resolution")) == (3 if apply else 2)
    rows = world.told("event.released" if apply else "event.skipped")
    assert rows[0]["reason"]
    assert world.push("SEC-A", 2, "received")[1]["status"] == "duplicate"


def test_only_the_first_parked_conflict_can_be_decided(world: Any, words: Any) -> None:
    """Deciding about a later event would overtake what waits before it."""
    world.push("SEC-A", 3, "received")
    for number in (3, 7):
        status, body = world.resolve("SEC-A", words.event_id("SEC-A", number), apply=True)
        assert (status, body["code"]) == (404, "nothing_waits")
    world.push("SEC-A", 1, "returned")
    world.push("SEC-A", 2, "received")
    assert world.resolve("SEC-A", words.event_id("SEC-A", 3), apply=True)[0] == 404
    assert world.resolve("SEC-A", words.event_id("SEC-A", 2), apply=False)[0] == 200
