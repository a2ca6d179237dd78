"""Planted names and numbers go where they must (the portal, the resolution system) and can be found nowhere else.

The line of this module lives through everything that could make it talk: refusals, faults of upstreams, a held lane,
a conflict, a large payload that is kept in a file of its own, a kill and a start.
"""

from __future__ import annotations

import json
import signal
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.line.program import ask, until
from tests.line.running import Line
from tests.line.words import RESOLUTION, SECTOR, dossier, event, own

pytestmark = pytest.mark.xdist_group("line-personal-data")

PERSON = "Tôn Nữ Tuyệt Mật"
NUMBER = "079188123456"
PHONE = "0987601234"
MAIL = "tuyetmat.tonnu@example.vn"
STREET = "17 ngõ Không Ai Biết"
OFFICER = "Quách Văn Kín Tiếng"
WORDS = "Gia đình có hoàn cảnh rất riêng tư"
PLANTED = (PERSON, NUMBER, PHONE, MAIL, STREET, OFFICER, WORDS)


def _spellings(text: str) -> set[bytes]:
    """A text as it may stand in a file: composed, decomposed, escaped, in UTF-16."""
    forms = {unicodedata.normalize(form, word) for form in ("NFC", "NFD") for word in (text, text.upper())}
    escaped = {json.dumps(form)[1:-1] for form in forms}
    return {form.encode() for form in forms | escaped} | {form.encode("utf-16-le") for form in forms}


def _found(raw: bytes) -> list[str]:
    """The planted words that stand in some bytes."""
    return [word for word in PLANTED if any(spelling in raw for spelling in _spellings(word))]


@pytest.fixture(scope="module")
def talked(fragile: Line) -> Iterator[Line]:
    """A line that has had every reason to talk about a person."""
    line = fragile
    applicant = {
        "kind": "citizen",
        "name": PERSON,
        "id": {"type": "cccd", "number": NUMBER},
        "phone": PHONE,
        "email": MAIL,
        "address": {"full_text": STREET},
    }
    step = {"actor": {"name": OFFICER, "title": "Chuyên viên"}, "content": WORDS}
    codes = [line.new_code() for _ in range(5)]
    line.register(*(dossier(code, applicant=applicant, summary=WORDS, note=f"{PERSON} {PHONE}") for code in codes))
    usual, poisoned, odd, large, quoted = codes
    line.order("national_dvc", "POST", "poison", {"add": [poisoned]})
    fault = {"fault": "answer", "times": 1, "status": 500, "body": f"{PERSON} {NUMBER}", "content_type": "text/plain"}
    line.faults(
        "national_dvc", {"match": "CapNhatTienDoHoSoMC", **fault}, {"match": "DongBoHoSoMC", "fault": "garbage"}
    )
    line.own_events(own(usual, "received", step=step), own(usual, "processing", 2, step=step))
    line.own_events(own(poisoned, "received", step=step))
    # Above the size that is kept inline: a file of its own.
    fees = [{"id": f"PHI-{n}", "name": f"{PERSON} {WORDS} " * 8, "amount": n} for n in range(100)]
    assert line.push(event(SECTOR, large, 1, "awaiting_payment", fees=fees, step=step)).status == 202
    for number, state in enumerate(("returned", "received"), 1):
        line.push(event(SECTOR, odd, number, state, step=step))
    _refused_ones(line, usual)
    line.portal_has(usual, ["2", "4"])
    until(lambda: any(lane["state"] == "HELD" for lane in line.view(poisoned)["lanes"]), "the poison is held")
    line.settled(large)
    _quoted_by_the_portal(line, quoted, step)
    line.program.stop("gateway", signal.SIGKILL)
    line.start("gateway")
    yield line


def _quoted_by_the_portal(line: Line, code: str, step: Any) -> None:
    """A refusal in whose words the portal repeats the person, in its own capitals too."""
    said = f"Hồ sơ của {PERSON} ({PERSON.upper()}, {NUMBER}, {PHONE}, {MAIL}) do {OFFICER} gửi không hợp lệ: {WORDS}"
    body = json.dumps({"error_code": "-1", "message": said}, ensure_ascii=False)
    answer = {"fault": "answer", "times": 0, "status": 200, "body": body}
    line.faults("national_dvc", {"match": "DongBoHoSoMC", **answer})
    line.own_events(own(code, "received", step=step))
    until(lambda: any(lane["state"] == "HELD" for lane in line.view(code)["lanes"]), "the quoted one is held")
    line.faults("national_dvc")


def _refused_ones(line: Line, code: str) -> None:
    """Requests that are refused for what they say about a person."""
    bad = event(SECTOR, code, 1, PERSON, sub_state=PERSON, occurred_at=NUMBER)
    assert line.push(bad).status == 422
    assert not _found(line.push(bad).body)
    snapshot = dossier(line.new_code(), applicant={"kind": PERSON, "name": PERSON, PHONE: PERSON})
    refused = line.put(snapshot)
    assert refused.status == 422
    told = refused.body.replace(PHONE.encode(), b"")  # a key that we do not know is named by its pointer
    assert not _found(told)
    body = msgspec.json.encode(event(SECTOR, code, 1, "received", sub_state=PERSON))
    ask("POST", f"{line.url()}/v1/events", body, {"Content-Type": "application/json"})
    line.get(f"/v1/dossiers/{PHONE}")


def test_the_person_has_arrived_where_it_must(talked: Line) -> None:
    """Otherwise the other tests of this module prove nothing."""
    held = talked.order("national_dvc", "GET", "dossiers")["dossiers"][0]
    assert held["fields"]["ChuHoSo"] == PERSON and held["fields"]["SoDienThoai"] == PHONE
    assert held["progress"][0]["row"]["NguoiXuLy"] == OFFICER


def test_no_person_stands_in_any_file_of_the_store(talked: Line) -> None:
    """Payloads are sealed: database, write-ahead log and payload files hold no planted word in any spelling."""
    data = talked.folder / "data"
    files = [place for place in data.rglob("*") if place.is_file()]
    assert any(place.parent != data for place in files), "the large payload has a file of its own"
    assert {place.name for place in files} >= {"journal.db", "journal.db-wal"}
    whole = b"".join(place.read_bytes() for place in files)
    assert b"000.00.00.G16-261120-0001" in whole, "what is not personal can be found in the same way"
    assert {str(place): _found(place.read_bytes()) for place in files if _found(place.read_bytes())} == {}


def test_no_file_of_the_store_is_readable_by_others(talked: Line) -> None:
    """The data directory and the socket are the owner's alone."""
    data = talked.folder / "data"
    assert data.stat().st_mode & 0o077 == 0
    assert (data / "admin.sock").stat().st_mode & 0o777 == 0o600


def test_no_person_stands_in_the_log(talked: Line) -> None:
    """Codes and dossiers only, also in the lines about refusals and faults; every line of the program is JSON."""
    log = talked.program.log("gateway")
    assert "request refused" in log
    assert _found(log.encode()) == []
    lines = [line for line in log.splitlines() if line.startswith("{")]
    assert lines and all(json.loads(line)["level"] for line in lines)


def test_no_person_stands_in_the_metrics(talked: Line) -> None:
    """Labels are codes of ours."""
    metrics = ask("GET", f"{talked.url()}/metrics").body
    assert b"gateway_settled_total" in metrics or b"gateway_messages" in metrics
    assert _found(metrics) == []
    assert b"000.00.00.G16" not in metrics, "a label never carries a dossier"


def test_no_person_stands_in_the_feed(talked: Line) -> None:
    """The feed tells courses, not people."""
    rows = talked.feed()
    assert {"delivery.held", "event.parked_conflict"} <= {row["kind"] for row in rows}
    assert _found(msgspec.json.encode(rows)) == []


def test_no_person_stands_in_what_operators_and_callers_are_shown(talked: Line) -> None:
    """Lanes with their reasons, the view of each dossier, each event."""
    shown = talked.command("lanes", "--json", "--limit", "1000")
    assert shown.code == 1 and shown.tree["lanes"]
    assert _found(shown.out.encode()) == []
    assert _found(talked.command("lanes").out.encode()) == []
    for code in {row["dossier_code"] for row in talked.feed() if row["dossier_code"]}:
        answer = talked.get(f"/v1/dossiers/{code}")
        assert answer.status == 200 and _found(answer.body) == []
    for row in [row for row in talked.feed() if row["kind"] == "event.accepted"]:
        answer = talked.get(f"/v1/events/{row['event_id']}?system={row['actor']}", RESOLUTION)
        assert answer.status == 200 and _found(answer.body) == []


def test_no_secret_stands_in_the_log_or_in_the_store(talked: Line) -> None:
    """The portal's password, its sessions and private keys stay in their files."""
    password = (talked.folder / "keys/portal.password").read_bytes().strip()
    kek = (talked.folder / "keys/kek").read_bytes().strip()
    places = [*(p for p in (talked.folder / "data").rglob("*") if p.is_file()), talked.folder / "gateway.log"]
    for place in places:
        raw = Path(place).read_bytes()
        assert password not in raw and kek not in raw and b"PRIVATE KEY" not in raw, place
