"""Registering a dossier: versions, the course, and who may be told what (dossier-model 2.1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.records import dossiers
from mappings.canonical import DossierTimes


def test_a_new_dossier_is_registered_sealed_and_audited(worlds: Any, words: Any) -> None:
    """201: the snapshot is sealed with its dossier's key, the course is not, the audit row names no person."""
    world = worlds()
    status, body = world.put(3)
    assert (status, body["status"], body["version"], body["applied"]) == (201, "registered", 3, [])
    sealed = {record.key.kind: record.sealed_for for record in world.last_decision.records}
    assert sealed == {"dossier": words.code, "course": ""}
    assert world.audits[-1].kind == "dossier.registered"
    assert "Ví Dụ".encode() not in world.audits[-1].fields
    assert b"Nguy" not in world.records[("course", words.code)].state


def test_the_same_version_and_content_again_changes_nothing(world: Any) -> None:
    """200, also with an old signature, also when the sender wrote the same content in another order."""
    for fresh in (True, False):
        status, body = world.put(fresh=fresh)
        assert (status, body["status"]) == (200, "duplicate") and not world.last_decision.store


def test_a_repeated_registration_gets_the_original_receipt(worlds: Any) -> None:
    """A resolution system that lost our 201 learns when the dossier was registered, not when it asked again."""
    world = worlds()
    _, first = world.put()
    world.now += timedelta(hours=2)
    _, again = world.put()
    assert again["original"] == first
    told = ("receipt_id", "dossier_code", "dossier_uid", "version", "received_at", "digest")
    assert {name: again[name] for name in told} == {name: first[name] for name in told}


@pytest.mark.parametrize(("version", "summary"), [(1, "khác"), (2, ""), (2, "khác"), (1, "")])
def test_a_version_behind_or_with_other_content_is_stale(worlds: Any, version: int, summary: str) -> None:
    """409 stale_version, whatever the lower version says."""
    world = worlds()
    world.put(2, summary="ban đầu")
    status, body = world.put(version, summary=summary)
    assert (status, body["code"]) == (409, "stale_version") and not world.last_decision.store


def test_a_repeated_old_version_is_stale_even_though_it_was_accepted_once(world: Any) -> None:
    """The key was seen before; the version still lies behind."""
    world.put(2)
    assert world.put(1)[1]["code"] == "stale_version"


def test_an_old_signature_registers_nothing_new(worlds: Any) -> None:
    """401: a replayed request must not bring an old snapshot back."""
    assert worlds().put(fresh=False)[0] == 401


def test_a_newer_version_is_what_later_events_carry(world: Any) -> None:
    """Each event carries the dossier as it stood at that moment and nothing newer."""
    world.push("SEC-A", 1, "received")
    assert world.put(2, "received", summary="mới")[1]["status"] == "updated"
    _, body = world.push("SEC-A", 2, "processing")
    assert body["applied_version"] == 2
    assert world.carried("SEC-A", 1).dossier.version == 1 and world.carried("SEC-A", 2).dossier.summary == "mới"


def test_a_snapshot_does_not_unsay_what_the_owner_said_in_events(world: Any) -> None:
    """The authoritative state is that of its last event; a snapshot counts only until the first one."""
    assert world.put(2, "received")[0] == 200 and world.course().state() == "received"
    world.push("RES", 1, "processing")
    world.put(3, "received")
    assert world.course().state() == "processing" and world.course().version == 3
    assert world.push("RES", 2, "resolved")[1]["status"] == "accepted"


def test_a_snapshot_without_a_due_date_keeps_the_one_that_is_known(world: Any, words: Any) -> None:
    """Lanes stay ordered by the date that the citizen was promised."""
    world.put(2, times=DossierTimes())
    assert world.course().due_at == words.due
    extended = words.due.replace(day=9)
    world.put(3, times=DossierTimes(due_at=words.due, extended_due_at=extended))
    assert world.course().due_at == extended


def test_a_snapshot_with_another_procedure_moves_the_dossier_between_consents(worlds: Any, words: Any) -> None:
    """Consent is read at each accept, from the dossier as it stands."""
    world = worlds(unknown_dossier="park")
    world.put()
    world.push("SEC-OTHER", 1, "received")
    other = words.dossier().procedure.__class__("9.999999", "9.999999.000.00.00.G16", "Thủ tục khác")
    assert world.put(2, procedure=other)[1]["applied"] == [words.event_id("SEC-OTHER", 1)]


def test_a_sector_goes_on_where_it_was_when_a_dossier_comes_back_under_its_consent(worlds: Any, words: Any) -> None:
    """Its order is known from the course, although another system's request lets its events go."""
    world = worlds(unknown_dossier="park")
    own = words.dossier().procedure
    other = own.__class__("9.999999", "9.999999.000.00.00.G16", "Thủ tục khác")
    world.put(1, procedure=other)
    assert world.push("SEC-OTHER", 1, "received")[1]["status"] == "accepted"
    world.put(2, procedure=own)
    assert world.push("SEC-OTHER", 2, "processing")[1]["status"] == "parked_gap"
    assert world.put(3, procedure=other)[1]["applied"] == [words.event_id("SEC-OTHER", 2)]
    assert world.sequences["SEC-OTHER"] == 2


def test_a_snapshot_does_not_decide_what_waits_for_a_person(world: Any) -> None:
    """A conflict stays one, told once, until somebody has looked at it."""
    world.push("SEC-A", 1, "returned")
    world.push("SEC-A", 2, "received")
    assert world.put(2, summary="mới")[1]["applied"] == []
    assert world.status("SEC-A", 2) == "parked_conflict" and len(world.told("event.parked_conflict")) == 1


def test_the_uid_and_the_digest_of_a_dossier_are_functions_of_it(words: Any) -> None:
    """No chance in them: every node and every year gives the same."""
    one, two = words.dossier(), words.dossier(2)
    assert dossiers.digest(one) == dossiers.digest(words.dossier()) != dossiers.digest(two)
    assert dossiers.uid(words.code) == dossiers.uid(words.code) != dossiers.uid("x")


def test_two_systems_that_use_one_event_id_both_get_what_waited(worlds: Any) -> None:
    """An event id belongs to its system: what goes for one of them must not leave the other one's event waiting for ever."""
    world = worlds(unknown_dossier="park")
    world.push("SEC-A", 1, "received", event_id="the-same-id")
    world.push("SEC-B", 1, "received", event_id="the-same-id")
    body = world.put()[1]
    assert body["applied"] == ["the-same-id", "the-same-id"]
    assert [(d.source, d.event_id) for d in world.deliveries] == [("SEC-A", "the-same-id"), ("SEC-B", "the-same-id")]
