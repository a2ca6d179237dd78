"""Every row of the table of answers (dossier-model 4.2), at the real door: status, code, what is kept, what is not."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from tests.line.program import Answer, ask
from tests.line.running import Line
from tests.line.words import MEEK, RESOLUTION, SECTOR, STRANGER, dossier, event

pytestmark = pytest.mark.xdist_group("line")


def _refused(answer: Answer, status: int, code: str) -> None:
    """A problem document with a stable code and Vietnamese for people."""
    assert (answer.status, answer.tree["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "vi"
    assert answer.tree["type"] == f"urn:tthc-gateway:problem:{code}" and answer.tree["status"] == status
    assert any(ord(letter) > 127 for letter in answer.tree["detail"])


def _sequences(line: Line, code: str) -> list[tuple[int, str]]:
    return sorted((e["sequence"], e["status"]) for e in line.view(code)["events"] if e["system_code"] == SECTOR)


def test_202_accepted_comes_with_a_receipt(line: Line) -> None:
    """receipt_id, event_id, dossier_uid, applied_version, received_at, digest of the very bytes."""
    code = line.new_dossier()
    told = event(SECTOR, code, 1, "received")
    body = msgspec.json.encode(told)
    answer = line.call(SECTOR, "POST", "/v1/events", body)
    assert answer.status == 202
    receipt = answer.tree
    assert receipt["status"] == "accepted" and receipt["event_id"] == told["event_id"]
    assert receipt["digest"] == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert receipt["applied_version"] == 1 and receipt["durability"] == "local" and receipt["warnings"] == []
    assert receipt["receipt_id"] and receipt["received_at"] and receipt["dossier_uid"] == line.view(code)["dossier_uid"]


def test_200_duplicate_repeats_the_original_receipt(line: Line) -> None:
    """The same key with the same bytes: nothing new is stored, the first receipt comes back word for word."""
    code = line.new_dossier()
    told = event(SECTOR, code, 1, "received")
    first, again = line.push(told), line.push(told)
    assert (again.status, again.tree["status"]) == (200, "duplicate")
    assert again.tree["original"] == first.tree
    assert _sequences(line, code) == [(1, "accepted")]


def test_200_stale_keeps_a_lower_sequence_as_history(line: Line) -> None:
    """A sequence below the last applied one is kept, not applied, and goes nowhere."""
    code = line.new_dossier()
    for number, previous in ((1, None), (5, 1)):
        line.push(event(SECTOR, code, number, "received" if number == 1 else "processing", previous_sequence=previous))
    late = event(SECTOR, code, 3, "awaiting_payment", previous_sequence=1)
    answer = line.push(late)
    assert (answer.status, answer.tree["status"], answer.tree["last_sequence"]) == (200, "stale", 5)
    assert _sequences(line, code) == [(1, "accepted"), (3, "stale"), (5, "accepted")]
    view = line.settled(code)
    assert late["event_id"] not in [d["event_id"] for d in view["deliveries"]]


def test_202_parked_gap_waits_for_its_predecessor(line: Line) -> None:
    """Sequence 3 before 2: parked; when 2 comes both are applied, and both arrive in order."""
    code = line.new_dossier()
    line.push(event(SECTOR, code, 1, "received"))
    answer = line.push(event(SECTOR, code, 3, "resolved"))
    assert (answer.status, answer.tree["status"], answer.tree["last_sequence"]) == (202, "parked_gap", 1)
    assert _sequences(line, code) == [(1, "accepted"), (3, "parked_gap")]
    assert line.push(event(SECTOR, code, 2, "processing")).tree["status"] == "accepted"
    assert _sequences(line, code) == [(1, "accepted"), (2, "accepted"), (3, "accepted")]
    line.portal_has(code, ["2", "4", "9"])
    assert [push["sequence"] for push in line.pushes(code)] == [1, 2, 3]


def test_202_parked_conflict_keeps_an_impossible_transition_for_a_person(line: Line) -> None:
    """returned -> received: stored, held with both views, sent nowhere."""
    code = line.new_dossier()
    for number, state in enumerate(("received", "resolved", "returned"), 1):
        assert line.push(event(SECTOR, code, number, state)).tree["status"] == "accepted"
    line.portal_has(code, ["2", "9", "10"])
    odd = event(SECTOR, code, 4, "received")
    answer = line.push(odd)
    assert (answer.status, answer.tree["status"]) == (202, "parked_conflict")
    view = line.settled(code)
    assert view["state"] == "returned"
    assert [d for d in view["deliveries"] if d["event_id"] == odd["event_id"]] == []
    (row,) = (r for r in line.feed() if r["event_id"] == odd["event_id"])
    assert row["kind"] == "event.parked_conflict"
    assert (row["fields"]["authoritative_state"], row["fields"]["source_state"]) == ("returned", "returned")
    behind = line.push(event(SECTOR, code, 5, "returned"))
    assert behind.tree["status"] == "parked_gap", "what comes behind it waits with it"


def test_409_conflict_for_a_key_with_other_content(line: Line) -> None:
    """The same event_id over other bytes is refused, and the first stays what it was."""
    code = line.new_dossier()
    told = event(SECTOR, code, 1, "received")
    line.push(told)
    _refused(line.push(told | {"occurred_at": "2026-11-20T10:59:00+07:00"}), 409, "conflict")
    assert _sequences(line, code) == [(1, "accepted")]


def test_409_sequence_reused_by_another_event(line: Line) -> None:
    """Another event under a used sequence is refused, applied or parked."""
    code = line.new_dossier()
    line.push(event(SECTOR, code, 1, "received"))
    line.push(event(SECTOR, code, 3, "processing"))
    for number in (1, 3):
        other = event(SECTOR, code, number, "processing")
        _refused(line.push(other), 409, "sequence_reused")
        assert line.get(f"/v1/events/{other['event_id']}", SECTOR).status == 404
    assert _sequences(line, code) == [(1, "accepted"), (3, "parked_gap")]


def test_403_for_a_system_that_speaks_in_the_name_of_another(line: Line) -> None:
    """system_code must be the code of the system whose key signed."""
    code = line.new_dossier()
    body = msgspec.json.encode(event(SECTOR, code, 1, "received"))
    _refused(line.call(STRANGER, "POST", "/v1/events", body), 403, "wrong_system")
    assert line.view(code)["events"] == []


def test_403_for_a_state_outside_the_consent(line: Line) -> None:
    """The consent names states; another one is refused with the clause."""
    code = line.new_dossier()
    refused = line.push(event(MEEK, code, 1, "processing"))
    _refused(refused, 403, "state_not_allowed")
    assert "Điều 5.7" in refused.tree["detail"]
    assert line.push(event(MEEK, code, 1, "received")).status == 202


def test_403_for_a_sector_that_registers_a_dossier(line: Line) -> None:
    """Only the resolution system owns dossiers."""
    code = line.new_code()
    target = f"/v1/dossiers/{code}"
    _refused(line.call(SECTOR, "PUT", target, msgspec.json.encode(dossier(code))), 403, "forbidden")
    assert line.get(target).status == 404


def test_404_unknown_dossier_for_an_event_of_a_dossier_that_was_never_registered(line: Line) -> None:
    """By default such an event is refused, and not stored."""
    told = event(SECTOR, line.new_code(), 1, "received")
    _refused(line.push(told), 404, "unknown_dossier")
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404


def test_404_unknown_dossier_for_a_dossier_of_another_sectors_procedure(line: Line) -> None:
    """To a system without consent for its procedure a registered dossier does not exist."""
    code = line.new_dossier()
    _refused(line.push(event(STRANGER, code, 1, "received")), 404, "unknown_dossier")
    assert line.view(code)["events"] == []


def test_422_caused_by_is_the_resolution_systems_alone(line: Line) -> None:
    """A sector cannot dress its event as an echo."""
    code = line.new_dossier()
    cause = {"system": RESOLUTION, "event_id": "019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111"}
    answer = line.push(event(SECTOR, code, 1, "received", caused_by=cause))
    _refused(answer, 422, "invalid")
    assert [(e["code"], e["pointer"]) for e in answer.tree["errors"]] == [("caused_by_khong_duoc_phep", "/caused_by")]
    assert line.view(code)["events"] == []


def test_405_and_404_of_the_router_are_problems_too(line: Line) -> None:
    """Whatever goes wrong leaves as a problem document."""
    wrong = ask("DELETE", f"{line.url()}/v1/events")
    _refused(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
    _refused(ask("GET", f"{line.url()}/v2/nothing"), 404, "not_found")


def test_the_probes_answer_without_a_signature(line: Line) -> None:
    """/healthz with the configuration's generation, /readyz after a real commit, /metrics as text."""
    health = ask("GET", f"{line.url()}/healthz").tree
    assert health["status"] == "ok" and health["config_generation"] and health["version"]
    assert ask("GET", f"{line.url()}/readyz").tree["status"] == "ready"
    metrics = ask("GET", f"{line.url()}/metrics")
    assert b"gateway_intake_total" in metrics.body and metrics.headers["content-type"].startswith("text/plain")
