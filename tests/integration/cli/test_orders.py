"""Operators' decisions about a running gateway: done over its admin socket, with a reason, audited under their name."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from typing import Any

import pytest

from tests.line.program import until
from tests.line.words import SECTOR, event, own

pytestmark = pytest.mark.xdist_group("cli-office")

REASON = "Đơn vị vận hành đã xác minh"
ME = getpass.getuser()
MY_KEY = ("--as", ME)
NATIONAL = ("--upstream", "national_dvc")


@pytest.fixture(autouse=True)
def _well(office: Any) -> Iterator[None]:
    """The portal takes everything again after each test."""
    yield
    office.line.order(
        "national_dvc", "POST", "poison", {"remove": [f"000.00.00.G16-261120-{n:04d}" for n in range(99)]}
    )


def _held(office: Any, code: str) -> Any:
    """The held lane of a dossier, once it is held."""
    return until(
        lambda: next((lane for lane in office.line.view(code)["lanes"] if lane["state"] == "HELD"), None),
        f"{code} is held",
    )


def _poisoned(office: Any) -> str:
    """A dossier of which the portal has refused the first of two events."""
    code: str = office.line.new_dossier()
    office.line.order("national_dvc", "POST", "poison", {"add": [code]})
    office.line.own_events(own(code, "received"), own(code, "processing", 2))
    _held(office, code)
    until(lambda: len(office.line.view(code)["deliveries"]) == 4, "both events are accepted")
    return code


def _told(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Who, and why."""
    return [(row["actor"], row["reason"]) for row in rows]


def test_a_lane_is_held_and_released(office: Any) -> None:
    """What comes into a held lane waits unharmed, `lanes` exits with 1 meanwhile; released it is delivered."""
    code = office.line.new_dossier()
    office.line.own_events(own(code, "received"))
    office.line.portal_has(code, ["2"])
    office.line.settled(code)
    office.decide("hold", *NATIONAL, "--dossier", code)
    office.line.own_events(own(code, "processing", 2))
    lane = until(lambda: office.line.view(code)["lanes"], "the event waits")[0]
    assert lane["block_reason"] == REASON
    shown = office.command("lanes", "--json", "--dossier", code)
    assert shown.code == 1 and [row["dossier"] for row in shown.tree["lanes"]] == [code]
    assert office.line.portal(code)["states"] == ["2"]
    again = office.command("hold", *NATIONAL, "--dossier", code, "--reason", REASON, *MY_KEY)
    assert again.code == 2 and "đã dừng từ trước" in again.err
    office.decide("release", *NATIONAL, "--dossier", code)
    office.line.portal_has(code, ["2", "4"])
    assert _told(office.audit("lane.held", code)) == [(ME, REASON)]
    assert _told(office.audit("lane.released", code)) == [(ME, REASON)]


def test_a_refused_delivery_is_released_once_its_cause_is_mended(office: Any) -> None:
    """The portal refused, somebody mends it there, the operator releases: everything arrives in order."""
    code = _poisoned(office)
    office.line.order("national_dvc", "POST", "poison", {"remove": [code]})
    office.decide("release", *NATIONAL, "--dossier", code)
    assert office.line.portal_has(code, ["2", "4"])["counts"]["creates"] == 1


def test_a_held_delivery_is_skipped_and_the_lane_goes_on(office: Any) -> None:
    """Skipped is refused for ever, with the reason; the next one is tried."""
    code = _poisoned(office)
    first = office.line.view(code)["deliveries"][0]["delivery_id"]
    assert office.decide("skip", *NATIONAL, "--dossier", code)["delivery_id"] == first
    states = [d["state"] for d in office.line.view(code)["deliveries"]]
    assert states[0] == "REFUSED"
    (row,) = (r for r in office.audit("delivery.refused", code) if r["code"] == "skipped")
    assert (row["actor"], row["reason"]) == (ME, REASON)
    assert [
        r["actor"] for r in office.line.feed() if r["dossier_code"] == code and r["kind"] == "delivery.refused"
    ] == [ME]


def test_only_a_held_delivery_can_be_skipped(office: Any) -> None:
    """2 with the sentence of the journal, in JSON too."""
    code = office.line.new_dossier()
    office.line.own_events(own(code, "received"))
    office.line.portal_has(code, ["2"])
    done = office.said("skip", *NATIONAL, "--dossier", code)
    assert done.code == 2 and done.tree["done"] is False and "đang bị giữ" in done.tree["message_vi"]


def test_a_delivered_message_is_replayed_under_a_new_id(office: Any) -> None:
    """The upstream sees it a second time, and the audit says why."""
    code = office.line.new_dossier()
    office.line.own_events(own(code, "received"))
    office.line.portal_has(code, ["2"])
    first = office.line.settled(code)["deliveries"][0]["delivery_id"]
    answer = office.decide("replay", *NATIONAL, "--dossier", code, "--delivery", first)
    assert answer["delivery_id"] not in ("", first)
    view = office.line.settled(code)
    assert [d["state"] for d in view["deliveries"] if d["delivery_id"] == answer["delivery_id"]] == ["DELIVERED"]
    assert office.line.portal(code)["counts"]["creates"] == 1 and office.line.portal(code)["counts"]["echoes"] == 1
    (row,) = office.audit("delivery.replayed", code)
    assert (row["actor"], row["reason"], row["replay_of"]) == (ME, REASON, first)


def test_a_paused_upstream_is_sent_nothing_until_it_is_resumed(office: Any) -> None:
    """Intake goes on; `lanes` exits with 1 and shows why."""
    code = office.line.new_dossier()
    office.decide("pause", "national_dvc")
    try:
        office.line.own_events(own(code, "received"))
        until(lambda: office.line.sent(code, outcome="acknowledged"), "accepted all the same")
        shown = office.command("lanes", "--json")
        assert shown.code == 1
        paused = {row["upstream"]: row["paused"] for row in shown.tree["upstreams"]}
        assert paused == {"national_dvc": REASON, "resolution": ""}
        assert office.line.portal(code) is None
    finally:
        office.decide("resume", "national_dvc")
    office.line.portal_has(code, ["2"])
    assert (ME, REASON) in _told(office.audit("upstream.paused"))
    assert (ME, REASON) in _told(office.audit("upstream.resumed"))


def test_a_sequence_gap_is_skipped_and_what_waited_goes_on(office: Any) -> None:
    """Only a person passes a gap; the missing event is history when it comes after all."""
    code = office.line.new_dossier()
    office.line.push(event(SECTOR, code, 1, "received"))
    waits = event(SECTOR, code, 4, "processing")
    assert office.line.push(waits).tree["status"] == "parked_gap"
    seen = office.command("lanes", "--dossier", code, "--json")
    assert seen.code == 1 and [row["event_id"] for row in seen.tree["parked"]] == [waits["event_id"]]
    assert "chờ sự kiện đứng trước" in office.command("lanes").out
    answer = office.decide("skip", "--source", SECTOR, "--dossier", code)
    assert answer["applied"] == [waits["event_id"]]
    office.line.portal_has(code, ["2", "4"])
    late = office.line.push(event(SECTOR, code, 2, "awaiting_payment"))
    assert (late.status, late.tree["status"]) == (200, "stale")
    (row,) = office.audit("gap.skipped", code)
    assert (row["actor"], row["reason"], row["first"], row["last"]) == (ME, REASON, 2, 3)
    assert office.line.view(code)["state"] == "processing"


def test_a_gap_is_skipped_only_as_far_as_said(office: Any) -> None:
    """--before bounds it; where nothing waits there is nothing to skip."""
    code = office.line.new_dossier()
    office.line.push(event(SECTOR, code, 1, "received"))
    waits = event(SECTOR, code, 5, "processing")
    office.line.push(waits)
    office.decide("skip", "--source", SECTOR, "--dossier", code, "--before", "4")
    (row,) = office.audit("gap.skipped", code)
    assert (row["first"], row["last"]) == (2, 3)
    assert office.line.get(f"/v1/events/{waits['event_id']}", SECTOR).tree["status"] == "parked_gap", (
        "4 is still missing"
    )
    office.decide("skip", "--source", SECTOR, "--dossier", code)
    assert office.line.get(f"/v1/events/{waits['event_id']}", SECTOR).tree["status"] == "accepted"
    nothing = office.said("skip", "--source", SECTOR, "--dossier", code)
    assert nothing.code == 2 and nothing.tree["message_vi"]


def _conflict(office: Any) -> tuple[str, str]:
    """A dossier with an impossible step that waits for a person, and the id of that event."""
    code = office.line.new_dossier()
    for number, state in enumerate(("received", "resolved", "returned"), 1):
        office.line.push(event(SECTOR, code, number, state))
    office.line.portal_has(code, ["2", "9", "10"])
    odd = event(SECTOR, code, 4, "processing")
    assert office.line.push(odd).tree["status"] == "parked_conflict"
    return code, odd["event_id"]


def test_a_parked_conflict_is_applied_by_a_persons_order(office: Any) -> None:
    """`release --source --event`: applied in spite of the table, sent on, audited as overruled."""
    code, odd = _conflict(office)
    answer = office.decide("release", "--source", SECTOR, "--dossier", code, "--event", odd)
    assert answer["applied"] == [odd]
    until(lambda: 4 in [push["sequence"] for push in office.line.pushes(code)], "it was sent on")
    (row,) = office.audit("event.released", code)
    assert (row["actor"], row["reason"], row["overruled"]) == (ME, REASON, True)


def test_a_parked_conflict_is_passed_over_by_a_persons_order(office: Any) -> None:
    """`skip --source --event`: kept as skipped, sent nowhere; what waited behind it goes on."""
    code, odd = _conflict(office)
    behind = event(SECTOR, code, 5, "returned")
    assert office.line.push(behind).tree["status"] == "parked_gap"
    answer = office.decide("skip", "--source", SECTOR, "--dossier", code, "--event", odd)
    assert answer["applied"] == [behind["event_id"]]
    assert office.line.get(f"/v1/events/{odd}", SECTOR).tree["status"] == "skipped"
    until(lambda: 5 in [push["sequence"] for push in office.line.pushes(code)], "the next one was sent on")
    assert 4 not in [push["sequence"] for push in office.line.pushes(code)]
    assert _told(office.audit("event.skipped", code)) == [(ME, REASON)]
    again = office.said("skip", "--source", SECTOR, "--dossier", code, "--event", odd)
    assert again.code == 2 and "không chờ quyết định" in again.tree["message_vi"]


WITHOUT_WORDS: tuple[tuple[str, ...], ...] = (
    ("hold", *NATIONAL, "--dossier", "D"),
    ("release", *NATIONAL, "--dossier", "D"),
    ("skip", *NATIONAL, "--dossier", "D"),
    ("skip", "--source", SECTOR, "--dossier", "D"),
    ("release", "--source", SECTOR, "--dossier", "D", "--event", "E"),
    ("replay", *NATIONAL, "--dossier", "D", "--delivery", "X"),
    ("pause", "national_dvc"),
    ("resume", "national_dvc"),
)


def test_a_reason_of_less_than_ten_letters_is_refused(office: Any, at_once: Any) -> None:
    """2 for every order, and the sentence says what a reason must be; nothing was decided."""
    config = ("--config", str(office.line.config))
    for done in at_once([(*words, "--reason", "vì   thế   ", "--json", *MY_KEY, *config) for words in WITHOUT_WORDS]):
        assert done.code == 2 and done.tree["code"] == "order_incomplete", done
        assert "ít nhất 10 ký tự" in done.tree["message_vi"]
    assert [row["paused"] for row in office.command("lanes", "--json").tree["upstreams"]] == ["", ""]


def test_an_order_about_nothing_is_refused_with_what_there_is(office: Any) -> None:
    """Unknown upstream, unknown lane, unknown delivery: 2, each with its sentence."""
    told = {
        ("hold", "--upstream", "moon", "--dossier", "x"): "national_dvc",
        ("hold", *NATIONAL, "--dossier", "000.00.00.G16-261120-9999"): "của hồ sơ này tới hệ thống này",
        ("hold", *NATIONAL): "mã hồ sơ",
        ("pause", "moon"): "national_dvc",
    }
    for words, sentence in told.items():
        done = office.command(*words, "--reason", REASON, *MY_KEY)
        assert done.code == 2 and sentence in done.err, done


def test_lanes_without_anything_to_do_exit_with_0_or_1_by_what_is_held(office: Any) -> None:
    """The table speaks Vietnamese, the JSON has every figure."""
    code = _poisoned(office)
    table = office.command("lanes", "--blocked")
    assert table.code == 1 and code in table.out and "Luồng bị giữ" in table.out
    tree = office.command("lanes", "--json", "--blocked", "--limit", "1000").tree
    (lane,) = (lane for lane in tree["lanes"] if lane["dossier"] == code)
    assert lane["state"] == "HELD" and lane["depth"] == 4 and lane["block_reason"]
    national = next(row for row in tree["upstreams"] if row["upstream"] == "national_dvc")
    assert national["blocked_lanes"] >= 1 and national["messages"]["HELD"] >= 1 and national["breaker"] == "closed"


def test_doctor_sees_the_running_gateway(office: Any) -> None:
    """The gateway's own readiness is one of the looks."""
    done = office.command("doctor", "--json")
    (alive,) = (finding for finding in done.tree if finding["check"] == "cổng")
    assert alive["ok"] and "200" in alive["seen_vi"]
