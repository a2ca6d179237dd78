"""Push at the door, look at the simulators: what the resolution system says is what the portal holds."""

from __future__ import annotations

import msgspec
import pytest

from tests.line.running import Line
from tests.line.words import RESOLUTION, SECTOR, STRANGER, dossier, event, own

pytestmark = pytest.mark.xdist_group("line")

STATES = ("received", "processing", "awaiting_supplement", "processing", "resolved", "returned")
PORTAL = ["2", "4", "5", "4", "9", "10"]


@pytest.fixture(scope="module")
def told(line: Line) -> str:
    """A dossier whose whole course the resolution system has told, and the portal has acknowledged."""
    code = line.new_dossier(
        applicant={
            "kind": "citizen",
            "name": "Đặng Thị Kín Đáo",
            "id": {"type": "cccd", "number": "001099887766"},
            "phone": "0912345678",
            "email": "kindao@example.vn",
        }
    )
    line.own_events(*(own(code, state, n) for n, state in enumerate(STATES, 1)))
    line.portal_has(code, PORTAL)
    line.settled(code)
    return code


def test_the_portal_holds_exactly_the_told_states_in_order_with_their_rows(line: Line, told: str) -> None:
    """Each state once as a version and once as a history row, in the order in which they were told."""
    held = line.portal(told)
    assert held["states"] == PORTAL
    assert [row["state"] for row in held["progress"]] == PORTAL
    assert held["counts"]["creates"] == 1 and held["counts"]["repeated_rows"] == 0
    assert [row["row"]["NoiDungXuLy"].split(".")[0] for row in held["progress"]] == [
        f"Đã thực hiện bước {n}" for n in range(1, 7)
    ]
    assert held["fields"]["NgayHenTra"] == "20261201090000"
    assert held["fields"]["ChuHoSo"] == "Đặng Thị Kín Đáo"


def test_the_dossier_view_tells_state_lanes_attempts_acknowledgements_and_due_date(line: Line, told: str) -> None:
    """Everything that an operator of the resolution system asks about a dossier stands in one answer."""
    view = line.view(told)
    assert (view["dossier_code"], view["version"], view["state"], view["outcome"]) == (told, 1, "returned", "granted")
    assert view["due_at"] == "2026-12-01T02:00:00Z"
    assert view["systems"] == [{"system_code": RESOLUTION, "state": "returned", "last_sequence": 6}]
    assert view["lanes"] == []
    assert [e["status"] for e in view["events"]] == ["accepted"] * 6
    assert [(d["operation"], d["state"]) for d in view["deliveries"]] == [
        (operation, "DELIVERED") for _ in STATES for operation in ("state", "progress")
    ]
    for delivery in view["deliveries"]:
        assert delivery["receipt"]["reference"] == told
        assert [a["outcome"] for a in delivery["attempts"]][-1] == "delivered"
        for attempt in delivery["attempts"]:
            assert attempt["started"] <= attempt["ended"] and attempt["http_status"] == 200
            assert len(attempt["request_digest"]) >= 32 and len(attempt["response_digest"]) >= 32
    (known,) = view["acknowledged"]
    assert (known["upstream"], known["waiting"], known["event_id"]) == (
        "national_dvc",
        0,
        view["events"][-1]["event_id"],
    )


def test_the_dossier_view_names_no_applicant(line: Line, told: str) -> None:
    """Who asks for the applicant asks the resolution system: no name, number, telephone or e-mail is shown."""
    shown = line.get(f"/v1/dossiers/{told}").body.decode()
    for personal in ("Kín Đáo", "001099887766", "0912345678", "kindao@example.vn", "Trần Văn Mẫu"):
        assert personal not in shown


def test_an_event_can_be_asked_for_by_its_id(line: Line, told: str) -> None:
    """The receipt that was given, what the event is now, and the deliveries that came of it."""
    first = line.view(told)["events"][0]["event_id"]
    answer = line.get(f"/v1/events/{first}")
    assert answer.status == 200
    known = answer.tree
    assert (known["system_code"], known["dossier_code"], known["sequence"]) == (RESOLUTION, told, 1)
    assert known["status"] == "accepted" and known["receipt"]["status"] == "accepted"
    assert known["receipt"]["event_id"] == first and known["digest"].startswith("sha256:")
    assert [d["operation"] for d in known["deliveries"]] == ["state", "progress"]
    assert known["receipt"] == _answer_to(line, told, first)


def _answer_to(line: Line, code: str, event_id: str) -> object:
    """What the resolution simulator was answered when it sent an event."""
    (message,) = (m for m in line.sent(code) if m["event_id"] == event_id)
    return msgspec.json.decode(message["answer"])


def test_an_unknown_event_id_is_not_found(line: Line) -> None:
    """404 with a stable code."""
    answer = line.get("/v1/events/019a0f5e-7b1c-7c40-9a51-00000000dead")
    assert (answer.status, answer.tree["code"]) == (404, "not_found")


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_the_feed_pages_in_order_and_skips_or_repeats_nothing(line: Line, told: str, limit: int) -> None:
    """Whatever the page size, the cursors lead over the same rows in the same order."""
    whole = [row["cursor"] for row in line.feed()]
    assert len(set(whole)) == len(whole)
    # Rows that come while this pages may only stand behind those that stood there already.
    assert [row["cursor"] for row in line.feed(limit=limit)][: len(whole)] == whole
    middle = whole[len(whole) // 2]
    rest = whole[len(whole) // 2 + 1 :]
    assert [row["cursor"] for row in line.feed(middle, limit)][: len(rest)] == rest


def test_the_feed_tells_the_course_of_a_dossier_in_order(line: Line, told: str) -> None:
    """Registered, then each event accepted and delivered; no field names a person."""
    rows = [row for row in line.feed() if row["dossier_code"] == told]
    assert rows[0]["kind"] == "dossier.registered"
    accepted = [row["fields"]["sequence"] for row in rows if row["kind"] == "event.accepted"]
    assert accepted == [1, 2, 3, 4, 5, 6]
    assert sum(row["kind"] == "delivery.delivered" for row in rows) == 12
    assert all(row["title_vi"] for row in rows)


def test_the_feed_goes_on_from_its_last_cursor(line: Line) -> None:
    """A cursor kept from the last page gives what is new, and nothing else."""
    code = line.new_dossier()
    last = line.feed()[-1]["cursor"]
    assert line.push(event(SECTOR, code, 1, "received")).status == 202
    line.settled(code)
    fresh = [row["kind"] for row in line.feed(last) if row["dossier_code"] == code]
    assert fresh[0] == "event.accepted"


@pytest.mark.parametrize("query", ["after=rubbish", "after=dHRoYzE6MDE", "limit=0", "limit=-1", "limit=x"])
def test_a_made_up_cursor_or_limit_is_refused(line: Line, query: str) -> None:
    """A cursor that was never given, and a page size that is no number, are 400 with a pointer."""
    answer = line.get(f"/v1/feed?{query}")
    assert answer.status == 400
    assert answer.tree["errors"][0]["pointer"] == f"/{query.split('=')[0]}"


def test_a_sector_may_not_read_the_feed(line: Line) -> None:
    """The feed is the resolution system's alone."""
    answer = line.get("/v1/feed", SECTOR)
    assert (answer.status, answer.tree["code"]) == (403, "forbidden")


def test_a_dossier_of_another_sectors_procedures_does_not_exist_for_it(line: Line, told: str) -> None:
    """404 with the same body as for a dossier that was never registered: nothing can be probed."""
    other = line.get(f"/v1/dossiers/{told}", STRANGER)
    never = line.get("/v1/dossiers/000.00.00.G16-261120-9999", STRANGER)
    assert (other.status, other.tree["code"]) == (404, "unknown_dossier")
    assert never.tree | {"instance": "", "detail": ""} == other.tree | {"instance": "", "detail": ""}
    assert other.tree["detail"].replace(told, "X") == never.tree["detail"].replace("000.00.00.G16-261120-9999", "X")


def test_a_sector_sees_the_dossiers_of_its_own_procedures(line: Line) -> None:
    """The consent names a procedure; dossiers of that procedure are there."""
    code = line.new_dossier(
        procedure={"code": "BVH-KHAC-99", "national_code": "1.999099", "name": "Thủ tục khác", "field_name": "Khác"}
    )
    assert line.get(f"/v1/dossiers/{code}", STRANGER).status == 200


def test_a_sector_cannot_read_the_events_of_another_system(line: Line, told: str) -> None:
    """An event id of the resolution system is unknown to a sector, also when it asks by the system's name."""
    first = line.view(told)["events"][0]["event_id"]
    assert line.get(f"/v1/events/{first}", SECTOR).status == 404
    assert line.get(f"/v1/events/{first}?system={RESOLUTION}", SECTOR).status == 404


def test_a_newer_snapshot_moves_the_due_date_and_an_older_one_is_refused(line: Line) -> None:
    """Versions: the same again 200, higher 200, lower or other content under the same version 409 `stale_version`."""
    code = line.new_code()
    first = dossier(code)
    assert line.put(first).status == 201
    again = line.put(first)
    assert (again.status, again.tree["status"]) == (200, "duplicate")
    later = dossier(code, version=2, times=first["times"] | {"due_at": "2026-12-15T09:00:00+07:00"})
    assert line.put(later).status == 200
    assert line.view(code)["due_at"] == "2026-12-15T02:00:00Z"
    for stale in (first, dossier(code, version=2, summary="Nội dung khác")):
        refused = line.put(stale)
        assert (refused.status, refused.tree["code"]) == (409, "stale_version")
    assert line.view(code)["version"] == 2
