"""Who is judged against what, echoes, and what moves the authoritative state (dossier-model 3, 4.3; architecture 1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.intake.skipped import SkippedPush, skipped_push_intake
from mappings.canonical import Cause, Reason
from mappings.codes import Outcome


def _echo(world: Any, words: Any, sequence: int, state: str, source: str, of: int) -> dict[str, Any]:
    body = world.push("RES", sequence, state, caused_by=Cause(source, words.event_id(source, of)))[1]
    assert isinstance(body, dict)
    return body


def test_a_sector_runs_ahead_of_the_echoes_of_its_events(world: Any, words: Any) -> None:
    """Its own last event is its base, not the authoritative state that lags behind."""
    for sequence, state in enumerate(("received", "awaiting_supplement", "received"), 1):
        assert world.push("SEC-A", sequence, state)[1]["status"] == "accepted"
    assert _echo(world, words, 1, "received", "SEC-A", 1)["status"] == "accepted"
    assert world.push("SEC-A", 4, "processing")[1]["status"] == "accepted"


def test_an_echo_that_lags_does_not_excuse_a_step_back(world: Any, words: Any) -> None:
    """The echo of an old event is no new decision: from `returned` the sector cannot go back to `received`."""
    world.push("SEC-A", 1, "received")
    world.push("SEC-A", 2, "returned")
    _echo(world, words, 1, "received", "SEC-A", 1)
    assert world.push("SEC-A", 3, "processing")[1]["status"] == "parked_conflict"


def test_a_decision_of_the_resolution_system_resets_every_sectors_view(world: Any) -> None:
    """Its own event, without a cause, is a decision: from then on it is the base."""
    world.push("SEC-A", 1, "processing")
    world.push("RES", 1, "stopped")
    assert world.push("SEC-A", 2, "resolved")[1]["status"] == "parked_conflict"
    world.push("RES", 2, "processing")
    assert world.push("SEC-B", 1, "resolved")[1]["status"] == "accepted"


def test_a_sector_may_act_on_what_another_sector_reported(world: Any) -> None:
    """B goes on from A's word before the resolution system has echoed anything."""
    world.push("SEC-A", 1, "received")
    world.push("SEC-A", 2, "awaiting_payment")
    world.push("SEC-B", 1, "received")
    world.push("SEC-A", 3, "stopped")
    assert world.push("SEC-B", 2, "returned")[1]["status"] == "accepted"


def test_a_sector_that_comes_late_may_start_where_the_owner_left_it(world: Any, words: Any) -> None:
    """B's first word starts from the owner's last own decision, although A's echoes have moved the dossier since."""
    world.push("SEC-A", 1, "returned")
    _echo(world, words, 1, "returned", "SEC-A", 1)
    assert world.push("SEC-B", 1, "received")[1]["status"] == "accepted"
    assert world.course().state() == "returned"


def test_the_resolution_system_is_judged_against_its_own_last_word(world: Any) -> None:
    """What sectors reported does not allow or forbid a step of the owner."""
    world.push("SEC-A", 1, "returned")
    assert world.push("RES", 1, "received")[1]["status"] == "accepted"
    assert world.push("RES", 2, "returned")[1]["status"] == "accepted"
    assert world.push("RES", 3, "received")[1]["status"] == "parked_conflict"


@pytest.mark.parametrize("source", ["RES", "SEC-A"])
def test_a_first_event_may_repeat_the_state_of_the_snapshot(worlds: Any, source: str) -> None:
    """Registered as received, then reported as received: one fact said twice."""
    world = worlds()
    world.put(state="received")
    assert world.push(source, 1, "received")[1]["status"] == "accepted"
    assert world.push(source, 2, "received")[1]["status"] == "parked_conflict"


def test_the_owners_first_event_may_start_from_any_snapshot_since_the_registration(worlds: Any) -> None:
    """A newer snapshot that overtakes the first event in the owner's own queue must not park its course."""
    world = worlds()
    world.put(1, "submitted")
    world.put(2, "processing")
    assert world.push("RES", 1, "received")[1]["status"] == "accepted"


def test_two_echoes_of_one_milestone_are_no_conflict(world: Any, words: Any) -> None:
    """Two sectors may lawfully report the same milestone, and the owner answers both."""
    world.push("SEC-A", 1, "received")
    world.push("SEC-B", 1, "received")
    assert _echo(world, words, 1, "received", "SEC-A", 1)["status"] == "accepted"
    assert _echo(world, words, 2, "received", "SEC-B", 1)["status"] == "accepted"


def test_an_echo_goes_outside_under_on_push_back(world: Any, words: Any) -> None:
    """The default: only the resolution system's own event goes out, and it must."""
    world.push("SEC-A", 1, "received")
    assert world.sent("national") == []
    _echo(world, words, 1, "received", "SEC-A", 1)
    assert [name for name, _ in world.sent("national")] == [words.event_id("RES", 1)] * 2


def test_an_echo_under_on_ack_is_stored_and_shown_and_not_sent_again(world: Any, words: Any) -> None:
    """The sector's own event went outside on acknowledgement; the echo still moves the authoritative state."""
    world.push("SEC-ACK", 1, "received")
    assert _echo(world, words, 1, "received", "SEC-ACK", 1)["status"] == "accepted"
    assert world.sent("national") == [] and world.course().state() == "received"
    assert world.told("event.accepted")[-1]["echo"] is True
    assert world.push("RES", 2, "processing")[1]["status"] == "accepted"
    assert len(world.sent("national")) == 2


def test_an_echo_of_a_late_event_is_not_sent_again_either(world: Any, words: Any) -> None:
    """Under on_ack a predecessor that came after its skip goes outside as history, once."""
    world.push("SEC-ACK", 3, "processing")
    world.skip_gap("SEC-ACK")
    assert world.push("SEC-ACK", 2, "received")[1]["status"] == "stale"
    world.push("RES", 1, "received", caused_by=Cause("SEC-ACK", words.event_id("SEC-ACK", 2)))
    world.push("RES", 2, "processing", caused_by=Cause("SEC-ACK", words.event_id("SEC-ACK", 3)))
    assert world.sent("national") == [] and len(world.sent("resolution")) == 2


def test_a_made_up_cause_cannot_swallow_a_step(world: Any, words: Any) -> None:
    """Under on_ack an echo of an event that never came would reach nobody; it is sent, and its sender is told."""
    body = world.push("RES", 1, "received", caused_by=Cause("SEC-ACK", words.event_id("SEC-ACK", 1)))[1]
    assert [warning["code"] for warning in body["warnings"]] == ["khong_ro_nguyen_nhan"]
    assert len(world.sent("national")) == 2


def test_a_cause_of_a_system_that_is_not_connected_counts_as_the_owners_own_decision(world: Any) -> None:
    """Nobody here can have sent it ahead."""
    world.push("SEC-A", 1, "processing")
    world.push("RES", 1, "stopped", caused_by=Cause("ELSEWHERE", "x"))
    assert world.push("SEC-A", 2, "returned")[1]["status"] == "accepted"
    assert world.course().decision_state == "stopped" and len(world.sent("national")) == 2


def test_a_stopped_dossier_with_an_outcome_does_not_start_again(world: Any) -> None:
    """Section 3: resume only if there is no outcome."""
    world.push("RES", 1, "withdrawal_requested")
    world.push("RES", 2, "stopped", outcome=Outcome.WITHDRAWN)
    assert world.push("RES", 3, "processing")[1]["status"] == "parked_conflict"


def test_a_returned_dossier_is_reopened_only_by_a_person(world: Any, words: Any) -> None:
    """Section 3, guard operator: parked until a person says so, then applied with its deliveries."""
    world.push("RES", 1, "returned")
    assert world.push("RES", 2, "processing")[1]["status"] == "parked_conflict"
    assert world.resolve("RES", words.event_id("RES", 2), apply=True)[0] == 200
    assert world.course().state() == "processing" and len(world.sent("national")) == 4


def test_the_due_date_moves_with_the_owners_word_only(world: Any, words: Any) -> None:
    """A sector's new due date is a proposal; the owner's moves what lanes are ordered by."""
    later = words.due.replace(day=20)
    world.push("SEC-A", 1, "processing", new_due_at=later)
    assert world.course().due_at == words.due
    world.push("RES", 1, "processing", new_due_at=later)
    assert world.course().due_at == later and world.deliveries[-1].legal_due == later


def test_another_state_under_the_same_cause_goes_outside(world: Any, words: Any) -> None:
    """Under on_ack only the step that went ahead is spared; the owner's further step would otherwise reach nobody."""
    world.push("SEC-ACK", 1, "received")
    _echo(world, words, 1, "received", "SEC-ACK", 1)
    assert world.sent("national") == []
    further = _echo(world, words, 2, "processing", "SEC-ACK", 1)
    assert further["status"] == "accepted"
    assert [operation for _, operation in world.sent("national")] == ["sync", "progress"]
    assert [warning["code"] for warning in further["warnings"]] == ["khong_ro_nguyen_nhan"]


def test_another_outcome_under_the_same_cause_goes_outside(world: Any, words: Any) -> None:
    """The owner refuses what the sector granted: the portal must hear it."""
    world.push("SEC-ACK", 1, "resolved")
    cause = Cause("SEC-ACK", words.event_id("SEC-ACK", 1))
    reason = Reason("LD-01", "Không đủ điều kiện")
    world.push("RES", 1, "resolved", caused_by=cause, outcome=Outcome.REFUSED, reason=reason, results=())
    assert len(world.sent("national")) == 2


def test_an_echo_after_a_skipped_push_goes_outside_because_nothing_was_sent_ahead(world: Any, words: Any) -> None:
    """A person skipped the push, so its acknowledgement never set anything off: the echo is the only word that is left."""
    world.push("SEC-ACK", 1, "received")
    skipped = SkippedPush(words.event_id("SEC-ACK", 1))
    world.accept(skipped_push_intake("SEC-ACK", words.code, "order-1", skipped))
    assert world.sent("national") == []
    assert _echo(world, words, 1, "received", "SEC-ACK", 1)["status"] == "accepted"
    assert len(world.sent("national")) == 2


def test_an_echo_before_a_skipped_push_stands_for_its_acknowledgement(world: Any, words: Any) -> None:
    """The answer to the push was lost, the echo came and was not sent; when a person skips the push, the event goes."""
    world.push("SEC-ACK", 1, "received")
    _echo(world, words, 1, "received", "SEC-ACK", 1)
    assert world.sent("national") == []
    skipped = skipped_push_intake("SEC-ACK", words.code, "order-1", SkippedPush(words.event_id("SEC-ACK", 1)))
    world.accept(skipped)
    own = words.event_id("SEC-ACK", 1)
    assert world.sent("national") == [(own, "sync"), (own, "progress")]
    world.accept(replace(skipped, key="order-2"))
    assert len(world.sent("national")) == 2


def test_skipping_a_push_whose_event_stays_inside_sets_nothing_off(world: Any, words: Any) -> None:
    """Under on_push_back only the resolution system's own events go outside."""
    world.push("SEC-A", 1, "received")
    skipped = SkippedPush(words.event_id("SEC-A", 1))
    assert world.accept(skipped_push_intake("SEC-A", words.code, "order-1", skipped)) == (200, {})
    assert world.last_decision.store is False and world.sent("national") == []
