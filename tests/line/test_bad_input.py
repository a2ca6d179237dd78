"""What a system may send by mistake or by malice, each by its name: refused with its place, and nothing of it stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.line.program import Answer, ask, until
from tests.line.running import Line
from tests.line.words import SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("line")

Spoil = Callable[[dict[str, Any]], bytes]


@pytest.fixture(scope="module")
def untouched(line: Line) -> Iterator[str]:
    """A registered dossier that every refusal must leave as it was."""
    code = line.new_dossier()
    yield code
    assert line.view(code)["events"] == [] and line.view(code)["deliveries"] == []
    assert [row["kind"] for row in line.feed() if row["dossier_code"] == code] == ["dossier.registered"]
    assert line.pushes(code) == [] and line.portal(code) is None


def _check(answer: Answer, status: int, code: str, faults: set[tuple[str, str]]) -> None:
    """A problem document that names exactly these faults (code and pointer), each with a sentence."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.tree
    assert problem["code"] == code
    assert {(fault["code"], fault["pointer"]) for fault in problem["errors"]} == faults
    for text in (problem["title"], problem["detail"], *(fault["message_vi"] for fault in problem["errors"])):
        assert any(ord(letter) > 127 for letter in text), text


def _raw(change: Callable[[bytes], bytes]) -> Spoil:
    """A defect of the bytes."""
    return lambda tree: change(msgspec.json.encode(tree))


def _with(**changes: Any) -> Spoil:
    """A defect of the tree; None takes a field out."""
    return lambda tree: msgspec.json.encode({k: v for k, v in (tree | changes).items() if v is not None})


def _deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


MALFORMED: dict[str, tuple[Spoil, str, str]] = {
    "json_cut_off_in_the_middle": (_raw(lambda raw: raw[: len(raw) // 2]), "json_sai_cu_phap", ""),
    "empty_body": (_raw(lambda _raw: b""), "json_sai_cu_phap", ""),
    "trailing_rubbish": (_raw(lambda raw: raw + b"}"), "json_sai_cu_phap", ""),
    "single_quotes": (_raw(lambda raw: raw.replace(b'"', b"'")), "json_sai_cu_phap", ""),
    "byte_order_mark": (_raw(lambda raw: b"\xef\xbb\xbf" + raw), "json_co_bom", ""),
    "utf_16": (_raw(lambda raw: raw.decode().encode("utf-16-le")), "json_khong_phai_utf8", ""),
    "latin_1_bytes": (_raw(lambda raw: raw.replace("ầ".encode(), b"\xe2")), "json_khong_phai_utf8", ""),
    "array_at_the_top": (_raw(lambda raw: b"[" + raw + b"]"), "json_khong_phai_doi_tuong", ""),
    "deep_nesting": (_raw(lambda _raw: _deep(33)), "json_qua_sau", ""),
    "very_deep_nesting": (_raw(lambda _raw: b"[" * 400_000), "json_qua_sau", ""),
    "duplicate_key": (_raw(lambda raw: raw[:-1] + b',"state":"returned"}'), "json_trung_khoa", "/state"),
    "duplicate_key_inside": (
        _raw(lambda raw: raw.replace(b'"unit":', b'"title":"Kh\xc3\xa1c","unit":')),
        "json_trung_khoa",
        "/step/actor/title",
    ),
    "duplicate_key_by_escape": (
        _raw(lambda raw: raw[:-1] + rb',"st\u0061te":"returned"}'),
        "json_trung_khoa",
        "/state",
    ),
    "integer_beyond_64_bits": (
        _raw(lambda raw: raw.replace(b'"sequence":1', b'"sequence":9223372036854775808')),
        "json_so_nguyen_qua_lon",
        "/sequence",
    ),
    "integer_of_ten_thousand_digits": (
        _raw(lambda raw: raw.replace(b'"sequence":1', b'"sequence":' + b"9" * 10_000)),
        "json_so_nguyen_qua_lon",
        "/sequence",
    ),
    "not_a_number": (
        _raw(lambda raw: raw.replace(b'"sequence":1', b'"sequence":NaN')),
        "json_so_khong_huu_han",
        "/sequence",
    ),
    "lone_surrogate": (
        _raw(lambda raw: raw.replace(b'"outcome":"none"', rb'"outcome":"none","sub_state":"\ud800"')),
        "json_surrogate_le",
        "/sub_state",
    ),
    "control_character": (
        _raw(lambda raw: raw.replace(b'"outcome":"none"', rb'"outcome":"none","sub_state":"a\u0000b"')),
        "json_ky_tu_dieu_khien",
        "/sub_state",
    ),
}


@pytest.mark.parametrize("defect", MALFORMED)
def test_malformed_json_is_refused_with_400_and_its_place(line: Line, untouched: str, defect: str) -> None:
    """What two parsers could read differently is refused before anything else is looked at."""
    spoil, fault, pointer = MALFORMED[defect]
    told = event(SECTOR, untouched, 1, "received")
    answer = line.call(SECTOR, "POST", "/v1/events", spoil(told))
    _check(answer, 400, "malformed", {(fault, pointer)})
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404


_STEP = {"actor": {"name": "Trần Văn Mẫu"}, "content": "Đã xử lý"}

INVALID: dict[str, tuple[Spoil, set[tuple[str, str]]]] = {
    "sequence_as_text": (_with(sequence="1"), {("sai_kieu", "/sequence")}),
    "sequence_as_fraction": (_with(sequence=1.0), {("sai_kieu", "/sequence")}),
    "sequence_as_boolean": (_with(sequence=True), {("sai_kieu", "/sequence")}),
    "sequence_zero": (_with(sequence=0), {("qua_nho", "/sequence")}),
    "previous_sequence_not_lower": (_with(previous_sequence=1), {("thu_tu_sai", "/previous_sequence")}),
    "step_as_text": (_with(step="Đã xử lý"), {("sai_kieu", "/step")}),
    "results_as_object": (_with(results={}), {("sai_kieu", "/results")}),
    "no_step": (_with(step=None), {("thieu_truong", "/step")}),
    "no_officer": (_with(step={"actor": {}, "content": "Đã xử lý"}), {("thieu_truong", "/step/actor/name")}),
    "blank_officer": (
        _with(step={"actor": {"name": "  "}, "content": "Đã xử lý"}),
        {("de_trong", "/step/actor/name")},
    ),
    "no_event_id": (_with(event_id=None), {("thieu_truong", "/event_id")}),
    "event_id_no_uuid": (_with(event_id="42"), {("sai_uuid", "/event_id")}),
    "event_id_in_capitals": (_with(event_id="019A0F5E-7B1C-7C40-9A51-2F1D6C0A1111"), {("sai_uuid", "/event_id")}),
    "unknown_state": (_with(state="approved"), {("gia_tri_khong_co", "/state")}),
    "unknown_outcome": (_with(outcome="ok"), {("gia_tri_khong_co", "/outcome")}),
    "unknown_raw_state": (_with(state=None, raw_state="77"), {("ma_rieng_chua_khai_bao", "/raw_state")}),
    "no_state_at_all": (_with(state=None), {("thieu_mot_trong", "")}),
    "unknown_schema_version": (_with(schema_version="9"), {("gia_tri_khong_co", "/schema_version")}),
    "unknown_field": (_with(trang_thai="2"), {("truong_khong_biet", "/trang_thai")}),
    "date_without_zone": (_with(occurred_at="2026-11-20T09:00:00"), {("thieu_mui_gio", "/occurred_at")}),
    "date_that_does_not_exist": (_with(occurred_at="2026-02-30T09:00:00+07:00"), {("sai_thoi_diem", "/occurred_at")}),
    "date_in_the_portals_form": (_with(occurred_at="20261120090000"), {("sai_thoi_diem", "/occurred_at")}),
    "impossible_sentinel_date": (
        _with(occurred_at="0000-00-00T00:00:00.000+07:00"),
        {("sai_thoi_diem", "/occurred_at")},
    ),
    "dossier_code_of_no_known_form": (_with(dossier_code="HS-42"), {("ma_ho_so_sai", "/dossier_code")}),
    "no_dossier_named": (_with(dossier_code=None), {("thieu_mot_trong", "")}),
    "supplement_without_reason": (
        _with(
            state="awaiting_supplement",
            supplement={
                "id": "BS-1",
                "requester": "Lê Thị Ví Dụ",
                "content": "Bổ sung",
                "requested_at": "2026-11-20T09:00:00+07:00",
            },
        ),
        {("thieu_ly_do", "/reason")},
    ),
    "refused_at_intake_without_reason": (_with(state="intake_refused"), {("thieu_ly_do", "/reason")}),
    "stopped_without_reason": (_with(state="stopped"), {("thieu_ly_do", "/reason")}),
    "refused_outcome_without_reason": (_with(state="resolved", outcome="refused"), {("thieu_ly_do", "/reason")}),
    "reason_of_blanks": (
        _with(state="stopped", reason={"code": "LD", "text_vi": "   "}),
        {("de_trong", "/reason/text_vi")},
    ),
    "payment_without_fees": (_with(state="awaiting_payment"), {("thieu_khoan_thu", "/fees")}),
    "granted_without_result": (_with(state="resolved", outcome="granted"), {("thieu_giay_to_ket_qua", "/results")}),
    "resolved_without_outcome": (_with(state="resolved"), {("thieu_ket_qua_giai_quyet", "/outcome")}),
    "several_faults_at_once": (
        _with(sequence="1", occurred_at="2026-11-20T09:00:00", state="approved", step=_STEP | {"content": ""}),
        {
            ("sai_kieu", "/sequence"),
            ("thieu_mui_gio", "/occurred_at"),
            ("gia_tri_khong_co", "/state"),
            ("de_trong", "/step/content"),
        },
    ),
}


@pytest.mark.parametrize("defect", INVALID)
def test_an_invalid_event_is_refused_with_422_and_every_fault_by_pointer(
    line: Line, untouched: str, defect: str
) -> None:
    """All faults at once, so that the sender mends them in one go; nothing is stored."""
    spoil, faults = INVALID[defect]
    told = event(SECTOR, untouched, 1, "received")
    answer = line.call(SECTOR, "POST", "/v1/events", spoil(told))
    _check(answer, 422, "invalid", faults)
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404


def test_a_rejected_withdrawal_without_a_reason_is_refused(line: Line) -> None:
    """Only the state before reveals it: 422 `thieu_ly_do`, not stored; with a reason the same sequence is accepted."""
    code = line.new_dossier()
    for number, state in enumerate(("received", "processing", "withdrawal_requested"), 1):
        assert line.push(event(SECTOR, code, number, state)).tree["status"] == "accepted"
    line.portal_has(code, ["2", "4", "7"])
    bare = event(SECTOR, code, 4, "processing")
    _check(line.push(bare), 422, "invalid", {("thieu_ly_do", "/reason")})
    assert line.get(f"/v1/events/{bare['event_id']}", SECTOR).status == 404
    reason = {"code": "LD-02", "text_vi": "Hồ sơ đã có kết quả thẩm định"}
    assert line.push(event(SECTOR, code, 4, "processing", reason=reason)).tree["status"] == "accepted"


def test_a_second_supplement_request_before_reception_is_accepted_and_flagged(line: Line) -> None:
    """QĐ 3036 Điều 8.2: once and complete; the second one is shown to people."""
    code = line.new_dossier(times={"submitted_at": "2026-11-20T08:00:00+07:00"})
    for number, state in enumerate(("awaiting_supplement", "submitted", "awaiting_supplement"), 1):
        answer = line.push(event(SECTOR, code, number, state))
        assert answer.status == 202, answer
    assert [warning["code"] for warning in answer.tree["warnings"]] == ["bo_sung_lan_hai"]


def test_an_idempotency_key_that_is_not_the_event_id_is_refused(line: Line, untouched: str) -> None:
    """One event has one key."""
    told = event(SECTOR, untouched, 1, "received")
    body = msgspec.json.encode(told)
    headers = line.signed(SECTOR, "POST", "/v1/events", body)
    answer = ask("POST", f"{line.url()}/v1/events", body, headers | {"Idempotency-Key": "another"})
    _check(answer, 422, "invalid", {("khoa_khac_event_id", "/event_id")})


def test_a_body_that_is_not_declared_as_json_is_refused(line: Line, untouched: str) -> None:
    """415, signed and well formed as it may be."""
    body = msgspec.json.encode(event(SECTOR, untouched, 1, "received"))
    headers = line.signed(SECTOR, "POST", "/v1/events", body)
    encoded = ask("POST", f"{line.url()}/v1/events", body, headers | {"Content-Encoding": "gzip"})
    assert (encoded.status, encoded.tree["code"]) == (415, "unsupported_encoding")


SNAPSHOTS: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "version_as_text": ({"version": "1"}, {("sai_kieu", "/version")}),
    "version_zero": ({"version": 0}, {("qua_nho", "/version")}),
    "unknown_origin": ({"origin": "fax"}, {("gia_tri_khong_co", "/origin")}),
    "no_applicant": ({"applicant": None}, {("thieu_truong", "/applicant")}),
    "due_date_without_zone": (
        {"times": {"due_at": "2026-12-01T09:00:00"}},
        {("thieu_mui_gio", "/times/due_at")},
    ),
    "code_unlike_the_address": (
        {"dossier_code": "000.00.00.G16-261120-9998"},
        {("ma_ho_so_khac_duong_dan", "/dossier_code")},
    ),
}


@pytest.mark.parametrize("defect", SNAPSHOTS)
def test_an_invalid_snapshot_is_refused_and_registers_nothing(line: Line, defect: str) -> None:
    """422 with pointers; the dossier stays unknown."""
    changes, faults = SNAPSHOTS[defect]
    code = line.new_code()
    tree = {name: value for name, value in (dossier(code) | changes).items() if value is not None}
    _check(line.call("RES-VHTTDL", "PUT", f"/v1/dossiers/{code}", msgspec.json.encode(tree)), 422, "invalid", faults)
    assert line.get(f"/v1/dossiers/{code}").status == 404


@pytest.mark.parametrize("announced", [True, False], ids=["with_its_length", "streamed"])
def test_a_50_mb_body_is_refused_with_413_and_never_held_in_memory(line: Line, untouched: str, announced: bool) -> None:
    """The peak of the process's memory does not rise by anything like the body, announced or chunked."""
    size, chunk = 50 * 1024 * 1024, os.urandom(1 << 16)
    before = line.memory_kib("gateway")["VmHWM"]
    headers = line.signed(SECTOR, "POST", "/v1/events", b"{}")
    if announced:
        headers |= {"Content-Length": str(size)}
    answer = ask("POST", f"{line.url()}/v1/events", (chunk for _ in range(size // len(chunk))), headers)
    assert answer.status == 413
    assert answer.tree["code"] == "too_large" and "1048576" in answer.tree["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert line.memory_kib("gateway")["VmHWM"] - before < 16 * 1024
    assert until(lambda: ask("GET", f"{line.url()}/healthz").status == 200, "the gateway still answers")
