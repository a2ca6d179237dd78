"""A hostile or careless sector system against the decision: parked chains, foreign dossiers, odd predecessors, odd times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.intake.enrolment import decide_entry
from gateway.intake.entitlement import Proof
from gateway.intake.file_decision import FileRules, FileSubject, file_intake
from gateway.journal.model import Decision, Record, RecordKey, Situation
from gateway.records import files
from mappings.canonical import Cause
from mappings.lifecycle import event_faults


def test_chains_of_several_sources_that_wait_for_a_dossier_leave_in_the_order_of_each(worlds: Any, words: Any) -> None:
    """Under `park` the registration lets every source go as far as its own order allows, and no further."""
    world = worlds(unknown_dossier="park")
    for source, sequence, state in (
        ("SEC-B", 2, "awaiting_supplement"), ("SEC-A", 2, "processing"), ("SEC-B", 1, "processing"),
        ("SEC-A", 1, "received"), ("SEC-A", 4, "resolved"),
    ):  # fmt: skip
        status, body = world.push(source, sequence, state)
        assert (status, body["status"]) == (202, "parked_gap")
    _, told = world.put()
    by_source = {
        source: [world.status(source, n) for n in numbers]
        for source, numbers in (("SEC-A", (1, 2, 4)), ("SEC-B", (1, 2)))
    }
    assert by_source == {"SEC-A": ["accepted", "accepted", "parked_gap"], "SEC-B": ["accepted", "accepted"]}
    assert len(told["applied"]) == 4
    order = [event for event, _ in world.sent("resolution")]
    for source, numbers in (("SEC-A", (1, 2)), ("SEC-B", (1, 2))):
        places = [order.index(words.event_id(source, n)) for n in numbers]
        assert places == sorted(places)


def test_a_foreign_dossier_and_an_unknown_one_answer_alike_under_park(worlds: Any) -> None:
    """Neither version, nor state, nor how far others have come may be read out of a receipt."""
    known, unknown = worlds(unknown_dossier="park"), worlds(unknown_dossier="park")
    known.put()
    known.push("SEC-A", 1, "received")
    answers = [world.push("SEC-OTHER", 1, "received")[1] for world in (known, unknown)]
    for answer in answers:
        answer.pop("received_at")
    assert answers[0] == answers[1]


@pytest.mark.parametrize("previous", [0, 1, 3, 4])
def test_a_predecessor_that_contradicts_what_was_applied_waits_for_a_person(world: Any, previous: int) -> None:
    """After 5, a 6 that follows 0 to 4: no event can ever fill such a gap."""
    world.push("SEC-A", 5, "received", previous_sequence=0)
    status, body = world.push("SEC-A", 6, "processing", previous_sequence=previous)
    assert (status, body["status"]) == (202, "parked_conflict")
    assert world.push("SEC-A", 7, "resolved", previous_sequence=6)[1]["status"] == "parked_gap"


@pytest.mark.parametrize("sequence", [2, 3, 7])
def test_a_sequence_that_waits_or_was_passed_cannot_be_used_again(world: Any, sequence: int) -> None:
    """409 for parked, applied and stale events alike; what was stored first stands."""
    world.push("SEC-A", 3, "received", previous_sequence=0)
    world.push("SEC-A", 2, "processing")
    world.push("SEC-A", 7, "resolved")
    status, body = world.push("SEC-A", sequence, "returned", event_id="019a0f5e-7b1c-7c40-9a51-2f1d6c0a9999")
    assert (status, body["code"]) == (409, "sequence_reused")


def test_a_sector_cannot_name_a_cause_even_for_what_waits(worlds: Any) -> None:
    """422 whether the dossier is known, unknown or foreign: a forged echo is never stored."""
    world = worlds(unknown_dossier="park")
    for source in ("SEC-A", "SEC-OTHER", "SEC-ACK"):
        status, body = world.push(source, 1, "received", caused_by=Cause("RES", "x"))
        assert (status, body["faults"][0]["code"]) == (422, "caused_by_khong_duoc_phep")
    assert world.rows == {}


@pytest.mark.parametrize("sequence", [1, 3])
def test_a_duplicate_of_a_parked_or_stale_event_gets_its_original_receipt(world: Any, sequence: int) -> None:
    """The receipt tells what was told then; the present is read by GET."""
    world.push("SEC-A", 2, "received", previous_sequence=0)
    first = world.push("SEC-A", sequence if sequence == 1 else 4, "processing")
    world.now += timedelta(days=1)
    world.push("SEC-A", 3, "processing")
    again = world.push("SEC-A", sequence if sequence == 1 else 4, "processing", fresh=False)
    assert (again[0], again[1]["status"], again[1]["original"]) == (200, "duplicate", first[1])


def test_an_event_from_before_the_rules_still_needs_its_reason(words: Any) -> None:
    """A date before the tables begin is no way around `thieu_ly_do`."""
    told = words.event("SEC-A", 1, "stopped", occurred_at=datetime(2010, 1, 1, tzinfo=UTC), reason=None)
    assert [fault.code for fault in event_faults(told)] == ["thieu_ly_do"]


def test_an_event_from_the_future_is_taken_and_flagged(world: Any) -> None:
    """A year mistyped would show on the portal for decades: said at once, decided by people."""
    _, body = world.push("SEC-A", 1, "received", occurred_at=world.now + timedelta(days=365))
    assert [warning["code"] for warning in body["warnings"]] == ["thoi_diem_tuong_lai"]
    _, body = world.push("SEC-A", 2, "processing", occurred_at=world.now + timedelta(hours=23))
    assert body["warnings"] == []


def test_a_system_that_may_not_see_a_dossier_cannot_fill_it_up_with_files(words: Any) -> None:
    """Under `park` anybody may upload beforehand, up to a bound; the systems whose dossier it is still have all their room."""
    rules = FileRules(words.callers, parks_unknown=True, most=2)
    records: dict[RecordKey, Record] = {}
    for intake in words.entries():
        records |= _written(decide_entry(_situation(words, records), intake.subject))
    told = []
    for source, number in (
        ("SEC-OTHER", 1),
        ("SEC-OTHER", 2),
        ("SEC-OTHER", 3),
        ("SEC-A", 4),
        ("SEC-A", 5),
        ("SEC-A", 6),
    ):
        stored = files.StoredFile("0" * 32, bytes(32), "application/pdf", 1, b"")
        subject = FileSubject(f"{number:064x}", 1, stored, proof=Proof(f"{source}-1"))
        intake = file_intake(source, words.code, subject)
        decision = rules.store(_situation(words, records), intake, subject)
        records |= _written(decision)
        told.append((source, decision.status))
    assert told == [(source, status) for source in ("SEC-OTHER", "SEC-A") for status in (201, 201, 409)]


def _situation(words: Any, records: dict[RecordKey, Record]) -> Situation:
    return Situation(words.now, None, None, None, None, (), dict(records))


def _written(decision: Decision) -> dict[RecordKey, Record]:
    return {row.key: Record(row.key, row.version, row.state) for row in decision.records}
