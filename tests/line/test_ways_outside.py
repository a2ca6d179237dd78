"""Who owns what: a sector's event goes to the resolution system first, and outside only as its route says."""

from __future__ import annotations

import unicodedata

import pytest

from tests.line.program import until
from tests.line.running import Line
from tests.line.words import AHEAD, RESOLUTION, SECTOR, dossier, event, own

pytestmark = pytest.mark.xdist_group("line")


def _roads(view: object, event_id: str) -> list[tuple[str, str]]:
    """(upstream, operation) of every delivery of an event."""
    assert isinstance(view, dict)
    return sorted((d["upstream"], d["operation"]) for d in view["deliveries"] if d["event_id"] == event_id)


def _echo_of(line: Line, code: str, event_id: str) -> str:
    """The id of the resolution system's own event that was caused by a sector's event, once it was acknowledged."""

    def found() -> str:
        echoes = (m for m in line.sent(code, outcome="acknowledged") if m["caused_by"]["event_id"] == event_id)
        return next((str(m["event_id"]) for m in echoes), "")

    return str(until(found, f"{event_id} is pushed back"))


def test_under_on_push_back_only_the_resolution_systems_own_event_goes_outside(line: Line) -> None:
    """The sector's event reaches the resolution simulator and nothing else; its answer reaches the portal."""
    code = line.new_dossier()
    told = event(SECTOR, code, 1, "received")
    assert line.push(told).tree["status"] == "accepted"
    echo = _echo_of(line, code, told["event_id"])
    line.portal_has(code, ["2"])
    view = line.settled(code)
    assert _roads(view, told["event_id"]) == [("resolution", "event")]
    assert _roads(view, echo) == [("national_dvc", "progress"), ("national_dvc", "state")]
    assert [(p["system_code"], p["event_id"]) for p in line.pushes(code)] == [(SECTOR, told["event_id"])]
    assert line.portal(code)["counts"]["creates"] == 1


def test_under_on_ack_the_event_goes_outside_itself_and_its_echo_is_stored_and_not_sent(line: Line) -> None:
    """After the acknowledgement the sector's own event takes its place in the outside lane; the echo adds nothing."""
    code = line.new_dossier()
    told = event(AHEAD, code, 1, "received")
    assert line.push(told).tree["status"] == "accepted"
    echo = _echo_of(line, code, told["event_id"])
    line.portal_has(code, ["2"])
    view = line.settled(code)
    assert _roads(view, told["event_id"]) == [
        ("national_dvc", "progress"),
        ("national_dvc", "state"),
        ("resolution", "event"),
    ]
    assert _roads(view, echo) == []
    assert (RESOLUTION, "accepted") in [(e["system_code"], e["status"]) for e in view["events"]]
    counts = line.portal(code)["counts"]
    assert (counts["creates"], counts["updates"], counts["rows"]) == (1, 0, 1)


def test_under_on_ack_the_portal_hears_after_the_resolution_system_acknowledged(line: Line) -> None:
    """The follow-up is made in the settle transaction of the push, so it can never run ahead of it."""
    code = line.new_dossier()
    told = event(AHEAD, code, 1, "received")
    line.push(told)
    line.portal_has(code, ["2"])
    by_upstream = {d["operation"]: d for d in line.settled(code)["deliveries"] if d["event_id"] == told["event_id"]}
    acknowledged = by_upstream["event"]["attempts"][-1]["ended"]
    assert by_upstream["state"]["attempts"][0]["started"] >= acknowledged


def test_under_on_ack_a_whole_course_keeps_its_order(line: Line) -> None:
    """Order outside is the order of acknowledgement, which is the order of the sector."""
    code = line.new_dossier()
    for n, state in enumerate(("received", "processing", "resolved", "returned"), 1):
        assert line.push(event(AHEAD, code, n, state)).status == 202
    line.portal_has(code, ["2", "4", "9", "10"])
    assert [p["sequence"] for p in line.pushes(code)] == [1, 2, 3, 4]


def test_a_result_is_withheld_until_its_signature_was_judged_and_the_finding_is_shown(line: Line) -> None:
    """QĐ 3036 Điều 11.2: the portal gets no result paper, and the receipt says `result_unverified`."""
    code = line.new_dossier()
    line.own_events(*(own(code, state, n) for n, state in enumerate(("received", "processing", "resolved"), 1)))
    held = line.portal_has(code, ["2", "4", "9"])
    assert held["fields"]["DanhSachGiayToKetQua"] == []
    view = line.settled(code)
    last = [d for d in view["deliveries"] if d["event_id"] == view["events"][-1]["event_id"]]
    assert [d["receipt"]["findings"] for d in last] == [["result_unverified"], ["result_unverified"]]
    rows = [row for row in line.feed() if row["dossier_code"] == code and row["kind"] == "delivery.delivered"]
    assert ["result_unverified"] in [row["fields"].get("findings") for row in rows]


def test_names_written_in_nfd_are_accepted_and_leave_in_nfc(line: Line) -> None:
    """A system that decomposes its letters is understood, and nobody outside ever sees it."""
    code = line.new_code()
    name, officer, content = "Nguyễn Thị Ổn Định", "Trần Đức Mỹ", "Đã tiếp nhận đủ giấy tờ"
    line.register(dossier(code, applicant={"kind": "citizen", "name": unicodedata.normalize("NFD", name)}))
    step = {"actor": {"name": unicodedata.normalize("NFD", officer)}, "content": unicodedata.normalize("NFD", content)}
    line.own_events(own(code, "received", step=step))
    held = line.portal_has(code, ["2"])
    assert held["fields"]["ChuHoSo"] == name
    assert (held["progress"][0]["row"]["NguoiXuLy"], held["progress"][0]["row"]["NoiDungXuLy"]) == (officer, content)
