"""Every answer that an event can get (dossier-model 4.2), and what it leaves in the journal."""

from __future__ import annotations

from typing import Any

from gateway.journal.model import InboundStatus, Record
from mappings.canonical import Cause, Reason


def test_an_event_that_is_next_is_accepted_with_a_receipt_and_one_delivery_per_operation(
    world: Any, words: Any
) -> None:
    """202 accepted: stored with the dossier as it stood, routed in lane order, receipt complete."""
    status, body = world.push("RES", 1, "received")
    first = words.event_id("RES", 1)
    assert (status, body["status"], body["event_id"]) == (202, "accepted", first)
    assert body["applied_version"] == 1 and body["durability"] == "local" and body["warnings"] == []
    assert body["digest"].startswith("sha256:") and body["received_at"] == "2026-11-20T08:00:00Z"
    assert body["dossier_uid"] and body["receipt_id"]
    assert world.sent("national") == [(first, "sync"), (first, "progress")]
    assert [d.delivery_id for d in world.deliveries] == [f"RES:{first}:national:sync", f"RES:{first}:national:progress"]
    assert {d.legal_due for d in world.deliveries} == {words.due}
    carried = world.carried("RES", 1)
    assert carried.event == words.event("RES", 1, "received")
    assert carried.dossier == words.dossier() and carried.state_applies and carried.table_versions == ("default@1",)
    assert [row.kind for row in world.audits][-1] == "event.accepted" and world.audits[-1].feed


def test_a_sector_event_goes_to_the_resolution_system_first_and_does_not_change_the_dossier(
    world: Any, words: Any
) -> None:
    """Architecture 1: only the resolution system moves the authoritative state."""
    world.push("SEC-A", 1, "received")
    assert world.sent("resolution") == [(words.event_id("SEC-A", 1), "push")] and world.sent("national") == []
    assert world.course().state() == "submitted"


def test_the_same_key_and_digest_is_a_duplicate_with_the_original_receipt(world: Any) -> None:
    """200 duplicate: the very first receipt inside, nothing written, whatever happened since."""
    _, first = world.push("SEC-A", 1, "received")
    world.push("SEC-A", 2, "processing")
    before = len(world.audits), len(world.deliveries)
    status, body = world.push("SEC-A", 1, "received")
    assert (status, body["status"], body["original"]) == (200, "duplicate", first)
    assert body["receipt_id"] == first["receipt_id"]
    assert not world.last_decision.store and (len(world.audits), len(world.deliveries)) == before


def test_an_old_signature_is_lawful_only_for_what_is_stored_already(world: Any) -> None:
    """4.1: a client that lost our 202 repeats itself lawfully; for anything new the old signature is refused with 401."""
    status, body = world.push("SEC-A", 1, "received", fresh=False)
    assert (status, body["code"]) == (401, "signature_expired") and not world.rows
    world.push("SEC-A", 1, "received")
    assert world.push("SEC-A", 1, "received", fresh=False)[1]["status"] == "duplicate"


def test_a_key_reused_with_other_content_is_a_conflict(world: Any) -> None:
    """409 conflict, even when the other content comes with an old signature."""
    world.push("SEC-A", 1, "received")
    for fresh in (True, False):
        status, body = world.push("SEC-A", 1, "processing", fresh=fresh)
        assert (status, body["code"]) == (409, "conflict") and not world.last_decision.store


def test_a_sequence_reused_by_another_event_is_a_conflict(world: Any) -> None:
    """409: two events may never share a place in the order."""
    world.push("SEC-A", 1, "received")
    status, body = world.push("SEC-A", 1, "processing", event_id="019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111")
    assert (status, body["code"]) == (409, "sequence_reused") and len(world.rows) == 1


def test_a_lower_sequence_is_stale_history_without_effect(world: Any) -> None:
    """200 stale: kept, not applied, not delivered."""
    world.push("SEC-A", 5, "received", previous_sequence=0)
    status, body = world.push("SEC-A", 3, "processing", previous_sequence=1)
    assert (status, body["status"], body["last_sequence"]) == (200, "stale", 5)
    assert world.status("SEC-A", 3) is InboundStatus.STALE
    assert len(world.deliveries) == 1 and world.course().view("SEC-A").state == "received"


def test_a_later_sequence_is_parked_until_its_predecessor_comes(world: Any, words: Any) -> None:
    """202 parked_gap: stored, no delivery; the missing one lets both go, in order, in one transaction."""
    status, body = world.push("SEC-A", 2, "processing")
    assert (status, body["status"]) == (202, "parked_gap") and not world.deliveries
    assert "applied_version" not in body
    world.push("SEC-A", 1, "received")
    assert [name for name, _ in world.sent("resolution")] == [words.event_id("SEC-A", n) for n in (1, 2)]
    assert world.status("SEC-A", 2) is InboundStatus.ACCEPTED and world.sequences["SEC-A"] == 2
    assert world.carried("SEC-A", 2).dossier == words.dossier()
    assert [row.kind for row in world.audits][-2:] == ["event.accepted", "event.released"]


def test_an_impossible_transition_is_parked_with_both_views(world: Any) -> None:
    """202 parked_conflict: stored, held for a person, the authoritative and the source's state kept in the audit row."""
    world.push("SEC-A", 1, "returned")
    status, body = world.push("SEC-A", 2, "received")
    assert (status, body["status"]) == (202, "parked_conflict")
    (views,) = world.told("event.parked_conflict")
    assert (views["authoritative_state"], views["source_state"], views["state"]) == (
        "submitted",
        "returned",
        "received",
    )
    assert world.push("SEC-A", 3, "returned")[1]["status"] == "parked_gap"
    assert len(world.sent("resolution")) == 1


def test_the_lenient_policy_accepts_an_impossible_transition_with_a_warning(worlds: Any) -> None:
    """`transitions: lenient` keeps the line moving and says so in the receipt."""
    world = worlds(transitions="lenient")
    world.put()
    world.push("SEC-A", 1, "returned")
    status, body = world.push("SEC-A", 2, "received")
    assert (status, body["status"]) == (202, "accepted")
    assert [warning["code"] for warning in body["warnings"]] == ["buoc_chuyen_trai_bang"]


def test_a_doubtful_transition_is_accepted_with_a_warning(world: Any) -> None:
    """`warn` rows of the table reach the sender."""
    status, body = world.push("SEC-A", 1, "stopped")
    assert (status, body["status"]) == (202, "accepted")
    assert body["warnings"][0]["code"] == "buoc_chuyen_dang_ngo" and body["warnings"][0]["message_vi"]


def test_an_unknown_dossier_is_refused_by_default(worlds: Any) -> None:
    """404 unknown_dossier: nothing stored."""
    world = worlds()
    status, body = world.push("SEC-A", 1, "received")
    assert (status, body["code"]) == (404, "unknown_dossier") and not world.rows


def test_an_unknown_dossier_is_parked_by_policy_and_its_events_go_when_it_is_registered(
    worlds: Any, words: Any
) -> None:
    """Section 8, `unknown_dossier = park`: events of every source wait for the snapshot, then go in the same transaction."""
    world = worlds(unknown_dossier="park")
    assert world.push("SEC-B", 1, "received")[1]["status"] == "parked_gap"
    assert world.push("SEC-A", 2, "processing")[1]["status"] == "parked_gap"
    assert world.push("SEC-A", 1, "received")[1]["status"] == "parked_gap"
    status, body = world.put()
    assert status == 201
    assert body["applied"] == [words.event_id("SEC-A", 1), words.event_id("SEC-A", 2), words.event_id("SEC-B", 1)]
    assert len(world.sent("resolution")) == 3 and world.sequences == {"SEC-A": 2, "SEC-B": 1}
    assert world.push("SEC-A", 3, "resolved")[1]["status"] == "accepted"


def test_a_dossier_of_a_procedure_without_consent_does_not_exist_for_that_sector(world: Any) -> None:
    """QĐ 3036 Điều 5.7: the answer is that of an unknown dossier, word for word."""
    status, body = world.push("SEC-OTHER", 1, "received")
    assert (status, body["code"]) == (404, "unknown_dossier") and not world.rows


def test_under_park_a_foreign_dossier_answers_as_an_unknown_one_and_never_goes(worlds: Any) -> None:
    """No answer may tell a sector that a dossier of another procedure exists."""
    world = worlds(unknown_dossier="park")
    unknown = world.push("SEC-OTHER", 1, "received")
    world.put()
    known = world.push("SEC-OTHER", 2, "processing")
    hidden = {"receipt_id", "event_id", "digest"}
    assert unknown[0] == known[0] == 202
    assert {k: v for k, v in unknown[1].items() if k not in hidden} == {
        k: v for k, v in known[1].items() if k not in hidden
    }
    assert not world.deliveries and world.status("SEC-OTHER", 1) is InboundStatus.PARKED_GAP


def test_a_state_without_consent_is_forbidden(world: Any) -> None:
    """403 state_not_allowed, before anything is stored."""
    status, body = world.push("SEC-MEEK", 1, "processing")
    assert (status, body["code"]) == (403, "state_not_allowed") and not world.rows
    assert world.push("SEC-MEEK", 1, "received", event_id="019a0f5e-7b1c-7c40-9a51-2f1d6c0a2222")[0] == 202


def test_an_unregistered_system_is_forbidden(world: Any) -> None:
    """A key that outlived its caller's record opens nothing."""
    assert world.push("SEC-GONE", 1, "received")[0] == 403


def test_a_cause_from_a_sector_is_invalid(world: Any) -> None:
    """422: only the resolution system answers events."""
    status, body = world.push("SEC-A", 1, "received", caused_by=Cause("SEC-B", "x"))
    assert status == 422 and body["faults"][0]["pointer"] == "/caused_by"


def test_a_rejected_withdrawal_without_a_reason_is_invalid(world: Any) -> None:
    """4.1: the reason is demanded by the state before; the sender can mend it, so it is told and nothing is kept."""
    world.push("RES", 1, "received")
    world.push("RES", 2, "withdrawal_requested")
    status, body = world.push("RES", 3, "processing")
    assert (status, body["faults"][0]["code"]) == (422, "thieu_ly_do")
    mended = world.push("RES", 3, "processing", reason=Reason("LD", "Không đủ căn cứ"))
    assert mended[1]["status"] == "accepted"


def test_a_parked_event_that_lacks_a_reason_waits_for_a_person(world: Any) -> None:
    """It was answered 202 before the state before it was known, so it can no longer be refused: a person decides."""
    world.push("RES", 3, "processing")
    world.push("RES", 1, "received")
    world.push("RES", 2, "withdrawal_requested")
    assert world.status("RES", 3) is InboundStatus.PARKED_CONFLICT


def test_a_second_supplement_request_before_reception_is_flagged(world: Any) -> None:
    """QĐ 3036 Điều 8.2: once and complete; accepted, but said."""
    assert world.push("SEC-A", 1, "awaiting_supplement")[1]["warnings"] == []
    world.push("SEC-A", 2, "submitted")
    codes = [warning["code"] for warning in world.push("SEC-A", 3, "awaiting_supplement")[1]["warnings"]]
    assert codes == ["bo_sung_lan_hai"]
    world.push("SEC-A", 4, "received")
    assert world.push("SEC-A", 5, "awaiting_supplement")[1]["warnings"] == []


def test_a_dossier_can_be_named_by_the_sectors_own_number_once_both_were_named(world: Any, words: Any) -> None:
    """4.1, subject: the number is learnt with the first applied event, per system, and never moved by a later one."""
    world.push("SEC-A", 1, "received", sector_dossier_id="LH-1")
    learnt = [key for key in world.records if key.kind == "sector_dossier"]
    assert [key.id for key in learnt] == ["SEC-A/LH-1"]
    assert world.records[learnt[0]].state == words.code.encode()


def test_the_sectors_own_number_is_learnt_from_an_event_that_waits(world: Any, words: Any) -> None:
    """Otherwise what follows by number alone would be unknown although its dossier is named and registered."""
    world.push("SEC-A", 2, "processing", sector_dossier_id="LH-1")
    learnt = [key for key in world.records if key.kind == "sector_dossier"]
    assert [world.records[key].state.decode() for key in learnt] == [words.code]
    world.push("SEC-A", 1, "received", sector_dossier_id="LH-1")
    assert world.status("SEC-A", 2) == "accepted"


def test_a_number_of_another_dossier_is_told_and_moves_nothing(world: Any) -> None:
    """The dossier code decides; the sender learns that its two names disagree."""
    world.push("SEC-A", 1, "received", sector_dossier_id="LH-1")
    (known,) = [key for key in world.records if key.kind == "sector_dossier"]
    world.records[known] = Record(known, 1, b"000.00.00.G16-261120-0001")
    _, body = world.push("SEC-A", 2, "processing", sector_dossier_id="LH-1")
    assert [warning["code"] for warning in body["warnings"]] == ["so_cua_ho_so_khac"]
    assert world.records[known].state == b"000.00.00.G16-261120-0001"


def test_what_waits_has_a_limit_and_the_missing_event_is_always_taken(worlds: Any) -> None:
    """429 with Retry-After beyond the limit, nothing stored; the predecessor that all wait for is still accepted."""
    world = worlds(parked_limit=3)
    assert world.put()[0] == 201
    for sequence in (3, 4, 5):
        assert world.push("SEC-A", sequence, "processing")[1]["status"] == "parked_gap"
    status, refused = world.push("SEC-A", 6, "processing")
    assert (status, refused["code"], refused["retry_after_s"]) == (429, "too_many_requests", 60)
    assert world.push("SEC-A", 1, "received")[1]["status"] == "accepted"
    status, body = world.push("SEC-A", 2, "processing")
    assert (status, body["status"]) == (202, "accepted")
    assert world.push("SEC-A", 6, "processing")[1]["status"] == "accepted"
    assert len(world.sent("resolution")) == 6


def test_receipts_say_how_durable_the_store_is(world: Any, words: Any) -> None:
    """Events and registrations alike; a file lies in a folder that no standby has."""
    world.decide.promising("sync-standby")
    _, told = world.push("RES", 1, "received")
    assert told["durability"] == "sync-standby"
    _, again = world.push("RES", 1, "received")
    assert again["original"]["durability"] == "sync-standby"
    _, registered = world.put(2)
    assert registered["durability"] == "sync-standby"
