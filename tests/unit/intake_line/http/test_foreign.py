"""A system that speaks the dialect its owner published posts that very message, and is answered in its own terms."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

import pytest
from lxml import etree

from gateway.admin.coverage import CoverageDesk
from gateway.audit.trail import TrailQuery, search
from gateway.cli.demonstration.foreign import Paper, message
from gateway.config import Intake
from gateway.errors import ConfigError, Fault, Invalid, NotFound
from gateway.intake.foreign import check_profiles, hear, relocated
from gateway.intake.foreign import message as message_of
from gateway.intake.signature import Stated, sign_head
from gateway.intake.validate import Limits
from mappings.dialect_file import load_dialect

XML = "application/xml"
SHA = hashlib.sha256(b"%PDF-1.7 x").hexdigest()  # of the paper of the words
AT = datetime(2026, 11, 20, 15, 0)  # noqa: DTZ001 - the foreign system writes local time without saying so


async def post(
    site: Any, who: str, body: bytes, content_type: str, **headers: str
) -> tuple[int, bytes, Mapping[str, str]]:
    """A signed message of any media type; status, body, headers."""
    stated = Stated(content_type, hashlib.sha256(body).digest())
    signed = sign_head("POST", "/v1/events", stated, site.keys[who], int(site.time.now.timestamp()))
    async with site.client.request("POST", "/v1/events", data=body, headers={**signed, **headers}) as answer:
        return answer.status, await answer.read(), answer.headers


def row(words: Any, status: object = 2, at: str = "2026-11-20T10:00:00.000", **fields: Any) -> bytes:
    """A row as the JSON example dialect has it."""
    told = {
        "IDHoSo": "HS-1", "MaHoSo": words.code, "NguoiXuLy": "Phạm Văn Mẫu", "ThoiDiemXuLy": at,
        "NoiDungXuLy": "Đã xử lý", "TrangThai": status,
    }  # fmt: skip
    return json.dumps({**told, **fields}).encode()


def members(raw: bytes) -> dict[str, Any]:
    """The members of an XML answer: texts, and the texts of items of lists."""
    root = etree.fromstring(raw)
    return {
        etree.QName(child).localname: [["".join(part.itertext()) for part in item] for item in child]
        if len(child)
        else child.text
        for child in root
    }


async def test_an_xml_message_is_accepted_and_its_receipt_is_the_published_xml(site: Any, words: Any) -> None:
    """The receipt is valid against its schema; the stored event says in our words what the message said in its own."""
    status, body, headers = await post(site, "SEC-XML", message(words.code, 1, "received", AT), XML)
    assert (status, headers["Content-Type"]) == (202, XML)
    text = resources.files("gateway.intake").joinpath("schemas", "receipt.xsd").read_bytes()
    etree.XMLSchema(etree.fromstring(text)).assertValid(etree.fromstring(body))
    told = members(body)
    assert told["status"] == "accepted" and told["dossier_code"] == words.code
    stored = await site.journal.event("SEC-XML", told["event_id"])
    assert stored is not None and stored.known.sequence == 1


async def test_the_same_bytes_again_are_a_duplicate_and_other_bytes_a_conflict(site: Any, words: Any) -> None:
    """The id comes from the message, so a client that lost its answer repeats itself as everybody may."""
    first = message(words.code, 1, "received", AT)
    _, told, _ = await post(site, "SEC-XML", first, XML)
    status, again, _ = await post(site, "SEC-XML", first, XML)
    assert status == 200 and members(again)["status"] == "duplicate"
    assert members(again)["receipt_id"] == members(told)["receipt_id"]
    text = resources.files("gateway.intake").joinpath("schemas", "receipt.xsd").read_bytes()
    etree.XMLSchema(etree.fromstring(text)).assertValid(etree.fromstring(again))
    status, refused, headers = await post(site, "SEC-XML", first.replace(b"Chuy", b"chuy"), XML)
    assert (status, headers["Content-Type"]) == (409, "application/problem+xml")
    assert members(refused)["code"] == "conflict"


async def test_all_faults_are_told_by_places_of_the_message_itself(site: Any, words: Any) -> None:
    """Four faults of four kinds: four entries, each with the path of the sender's own element."""
    body = message(words.code, 1, "resolved", AT, Paper("GP-1", "Giấy phép", 10, SHA)).decode()
    body = body.replace("20/11/2026 15:00:00", "31/02/2026 15:00:00").replace('ma="DA_CAP"', 'ma="LA_LAM"')
    body = body.replace("<HoTen>Hoàng Thị Mẫu</HoTen>", "").replace("</CanBo>", "<La>1</La></CanBo>")
    status, told, _ = await post(site, "SEC-XML", body.encode(), XML)
    assert status == 422
    found = {(fault[0], fault[1]) for fault in members(told)["errors"]}
    assert found == {
        ("sai_thoi_diem", "/ThoiDiem"),
        ("ma_rieng_chua_khai_bao", "/TrangThai/@ma"),
        ("thieu_truong", "/CanBo/HoTen"),
        ("truong_khong_biet", "/CanBo/La"),
    }


async def test_what_the_decision_refuses_is_told_by_foreign_places_too(site: Any, words: Any) -> None:
    """A fault that only the state before shows comes from inside the transaction, in our own words; it is translated."""
    await post(site, "SEC-XML", message(words.code, 1, "received", AT), XML)
    withdrawn = message(words.code, 2, "processing", AT).replace(b"DANG_THAM_DINH", b"XIN_RUT")
    assert (await post(site, "SEC-XML", withdrawn, XML))[0] == 202
    status, told, _ = await post(site, "SEC-XML", message(words.code, 3, "processing", AT), XML)
    assert status == 422
    assert [fault[:2] for fault in members(told)["errors"]] == [["thieu_ly_do", "/LyDo"]]


async def test_results_fees_and_a_supplement_arrive(site: Any, words: Any) -> None:
    """The whole course of a dossier in the foreign dialect, with a supplement and a result."""
    steps = ("received", "processing", "awaiting_supplement", "processing", "resolved")
    await site.upload("RES", words.paper)
    for number, happened in enumerate(steps, 1):
        paper = Paper("GP-1", "Văn bản chấp thuận", 10, SHA) if happened == "resolved" else None
        status, body, _ = await post(site, "SEC-XML", message(words.code, number, happened, AT, paper), XML)
        assert (status, members(body)["status"]) == (202, "accepted"), body
    _, view, _ = await site.call("RES", "GET", f"/v1/dossiers/{words.code}")
    seen = next(entry for entry in view["systems"] if entry["system_code"] == "SEC-XML")
    assert (seen["state"], seen["last_sequence"]) == ("resolved", 5)


async def test_accept_chooses_the_form_of_the_answer(site: Any, words: Any) -> None:
    """An XML system may ask for JSON, and anybody for XML; whoever asks for nothing gets what its profile says."""
    _, body, headers = await post(
        site, "SEC-XML", message(words.code, 1, "received", AT), XML, Accept="application/json"
    )
    assert headers["Content-Type"].startswith("application/json") and json.loads(body)["status"] == "accepted"
    _, body, headers = await post(site, "SEC-ROW", row(words), "application/json", Accept="application/xml")
    assert headers["Content-Type"] == XML and members(body)["status"] == "accepted"
    _, body, headers = await post(site, "SEC-ROW", b"{", "application/json", Accept="application/xml;q=0, */*")
    assert headers["Content-Type"] == "application/problem+json" and json.loads(body)["code"] == "malformed"
    _, body, headers = await post(site, "SEC-XML", b"<", XML)
    assert headers["Content-Type"] == "application/problem+xml" and members(body)["code"] == "malformed"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/xml; charset=iso-8859-1"])
async def test_another_media_type_than_the_published_one_is_refused(site: Any, words: Any, content_type: str) -> None:
    """The profile decides, not the header."""
    status, body, _ = await post(site, "SEC-XML", message(words.code, 1, "received", AT), content_type)
    assert status == 415 and "application/xml" in str(members(body)["detail"])


async def test_text_xml_is_the_same_to_us(site: Any, words: Any) -> None:
    """RFC 7303 9.2."""
    body = message(words.code, 1, "received", AT)
    assert (await post(site, "SEC-XML", body, 'text/xml; charset="UTF-8"'))[0] == 202


async def test_an_idempotency_key_is_optional_and_never_ignored(site: Any, words: Any) -> None:
    """The id is made here: a caller omits the header, or sends the id that its receipt told; another word is refused."""
    body = row(words)
    status, told, _ = await post(site, "SEC-ROW", body, "application/json", **{"Idempotency-Key": "x"})
    assert status == 422 and json.loads(told)["errors"][0]["code"] == "khoa_khac_event_id"
    status, told, _ = await post(site, "SEC-ROW", body, "application/json")
    event_id = json.loads(told)["event_id"]
    assert status == 202
    again = await post(site, "SEC-ROW", body, "application/json", **{"Idempotency-Key": f'"{event_id}"'})
    assert again[0] == 200 and json.loads(again[1])["status"] == "duplicate"


async def test_messages_without_a_counter_are_numbered_as_they_come(site: Any, words: Any) -> None:
    """1, 2, 3 by order of acceptance; a repeat takes no number."""
    told = []
    for minute in (0, 1, 1, 2):
        status = 2 if minute == 0 else 4
        body = row(words, status, f"2026-11-20T10:{minute:02d}:00", NoiDungXuLy=f"Bước {minute}")
        _, raw, _ = await post(site, "SEC-ROW", body, "application/json")
        told.append(json.loads(raw)["status"])
    assert told == ["accepted", "accepted", "duplicate", "accepted"]
    rows = await site.journal.events_of(words.code)
    assert [entry.known.sequence for entry in rows if entry.known.source == "SEC-ROW"] == [1, 2, 3]


async def test_messages_that_come_at_once_get_different_numbers(site: Any, words: Any) -> None:
    """The number is given inside the transaction, so no two events of a dossier ever share one."""
    bodies = [row(words, 2, f"2026-11-20T11:{minute:02d}:00") for minute in range(20)]
    answers = await asyncio.gather(*(post(site, "SEC-ROW", body, "application/json") for body in bodies))
    assert {status for status, _, _ in answers} == {202}
    rows = await site.journal.events_of(words.code)
    assert sorted(e.known.sequence for e in rows if e.known.source == "SEC-ROW") == list(range(1, 21))


async def test_a_parked_conflict_takes_its_number_and_the_next_one_waits_behind_it(site: Any, words: Any) -> None:
    """Later events are stored behind the impossible step, as everybody's are, and none is refused or lost."""
    await site.upload("RES", words.paper)
    sha = {"GiayToId": "1", "TenGiayTo": "GP", "HashTepTin": SHA, "KichThuoc": 10}
    steps: list[tuple[int, dict[str, Any]]] = [
        (2, {}),
        (9, {"DanhSachGiayToKetQua": [sha]}),
        (10, {}),
        (1, {}),
        (10, {"NoiDungXuLy": "Trả lại"}),
    ]
    told = []
    for minute, (status, fields) in enumerate(steps):
        body = row(words, status, f"2026-11-20T12:{minute:02d}:00", **fields)
        told.append(json.loads((await post(site, "SEC-ROW", body, "application/json"))[1])["status"])
    assert told == ["accepted", "accepted", "accepted", "parked_conflict", "parked_gap"]
    rows = await site.journal.events_of(words.code)
    assert [e.known.sequence for e in rows if e.known.source == "SEC-ROW"] == [1, 2, 3, 4, 5]


async def test_an_unknown_field_is_reported_where_the_profile_says_so(site: Any, words: Any) -> None:
    """The event is taken on, the receipt names the field, and the bytes are kept as they came."""
    body = row(words, TruongMoi="giá trị riêng", Nhom={"Con": [1, 2]})
    status, raw, _ = await post(site, "SEC-ROW", body, "application/json")
    told = json.loads(raw)
    assert status == 202
    assert [warning["code"] for warning in told["warnings"]] == ["truong_chua_khai_bao"] * 2
    assert "/TruongMoi" in told["warnings"][0]["message_vi"] and "/Nhom" in told["warnings"][1]["message_vi"]
    assert b"ri\\u00eang" not in raw and "giá trị riêng" not in raw.decode()
    kept = await site.journal.original("SEC-ROW", told["event_id"])
    assert kept.endswith(body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ThongBaoXuLy>&x;</ThongBaoXuLy>', "xml_co_dtd"),
        (b"<ThongBaoXuLy/>", "xml_sai_goc"),
        (b'<ThongBaoXuLy xmlns="urn:khac"/>', "xml_sai_goc"),
        ("<ThongBaoXuLy/>".encode("utf-16"), "xml_khong_phai_utf8"),
        (b"<a>" * 200 + b"</a>" * 200, "xml_qua_sau"),
        (b"", "xml_sai_cu_phap"),
        (
            '<ThongBaoXuLy xmlns="urn:vi-du:nghe-thuat-bieu-dien:thong-bao:1" a="\u202e"/>'.encode(),
            "xml_ky_tu_dieu_khien",
        ),
    ],
)
async def test_hostile_xml_is_refused_as_the_senders_fault(site: Any, body: bytes, code: str) -> None:
    """A clear 4xx with a stable code, never a 5xx."""
    status, raw, _ = await post(site, "SEC-XML", body, XML)
    assert status == (422 if code == "xml_sai_goc" else 400)
    assert members(raw)["errors"][0][0] == code


async def test_our_own_message_is_no_message_of_a_foreign_dialect(site: Any, words: Any) -> None:
    """A caller speaks one dialect; the default one is refused like any other that its owner did not publish."""
    status, told, _ = await site.push("SEC-ROW", words.event("SEC-ROW", 1, "received"))
    assert status == 422
    assert {fault["code"] for fault in told["errors"]} == {"thieu_truong", "thieu_mot_trong"}


def test_a_profile_that_nobody_shipped_stops_the_start(words: Any) -> None:
    """Every such caller is named at once; the resolution system has no dialect of its own."""
    callers = {
        "SEC-1": words.caller(profile="khong_co"),
        "SEC-2": words.caller(profile="bieu_dien_xml"),
        "RES-1": words.caller("resolution", profile="bieu_dien_xml"),
        "SEC-3": words.caller(profile="../tables/transitions"),
    }
    with pytest.raises(ConfigError) as refused:
        check_profiles(callers)
    assert [fault.split(".")[1] for fault in refused.value.faults] == ["SEC-1", "RES-1", "SEC-3"]
    check_profiles(words.callers)


async def test_a_result_that_only_the_decision_refuses_is_placed_in_the_message(words: Any) -> None:
    """Faults in our own words, as every rule of the decision tells them, become faults of the sender's own elements."""
    sent = message_of(message(words.code, 1, "resolved", AT, Paper("GP-1", "Giấy phép", 10, SHA)), XML)
    heard = hear(sent, load_dialect("bieu_dien_xml"), "SEC-XML", Limits.of(Intake()))
    refused = Invalid(
        faults=tuple(Fault("x", pointer, "…") for pointer in ("/results/0/file/sha256", "/fees", "/sent_at", "/la"))
    )
    found = [fault.pointer for fault in relocated(refused, heard).faults]
    assert found == ["/KetQua/Tep/@sha256", "/KhoanThu", "/ThoiDiemGui", ""]


# Field coverage, counted from what was really sent.


@pytest.fixture
def coverage(site: Any, words: Any) -> CoverageDesk:
    """The desk behind `gateway mappings coverage`, over the same store."""
    return CoverageDesk(site.journal, words.callers, Limits.of(Intake()))


async def test_coverage_counts_each_place_of_the_last_messages(site: Any, words: Any, coverage: CoverageDesk) -> None:
    """Mapped, ignored on purpose, unknown and absent; what never came; paths and counts and nothing that was said."""
    for minute in range(3):
        body = row(words, 2, f"2026-11-20T10:{minute:02d}:00", ChucDanh="", MaTTHC="1.2", TruongMoi={"Ten": "Bí mật"})
        assert (await post(site, "SEC-ROW", body, "application/json"))[0] == 202
    told = await coverage.report("SEC-ROW", 2, "os:truc")
    counted = {entry["path"]: entry for entry in told["fields"]}  # type: ignore[attr-defined]
    assert told["messages"] == 2 and told["unreadable"] == 0
    assert counted["NguoiXuLy"]["mapped"] == 2 and counted["NguoiXuLy"]["to"] == ["step.actor.name"]
    assert counted["MaTTHC"]["ignored"] == 2 and counted["MaTTHC"]["reason"]
    assert counted["TruongMoi.Ten"]["unknown"] == 2 and counted["ChucDanh"]["absent"] == 2
    never = told["never_fed"]
    assert isinstance(never, list) and {"step.actor.title", "results[].id"} <= set(never)
    assert not {"event_id", "sequence", "state", "dossier_code"} & set(never)
    text = json.dumps(told, ensure_ascii=False)
    assert "Bí mật" not in text and "Phạm" not in text and words.code not in text


async def test_reading_originals_is_in_the_audit_trail(site: Any, words: Any, coverage: CoverageDesk) -> None:
    """Who, of which system, how many: originals are personal data, whatever is printed of them."""
    await post(site, "SEC-XML", message(words.code, 1, "received", AT), XML)
    await coverage.report("SEC-XML", 500, "os:truc")
    (entry,) = [found async for found in search(site.journal, TrailQuery(kinds=frozenset({"originals.read"})))]
    assert entry.actor == "os:truc"
    assert json.loads(entry.fields) == {"count": 1, "purpose": "mappings coverage", "system": "SEC-XML"}


async def test_coverage_of_our_own_dialect_and_of_a_system_without_messages(
    site: Any, words: Any, coverage: CoverageDesk
) -> None:
    """The default profile is counted as well; a system that never sent has no fields and every field unfed."""
    assert (await site.push("SEC-A", words.event("SEC-A", 1, "received")))[0] == 202
    told = await coverage.report("SEC-A", 10, "os:truc")
    counted = {entry["path"]: entry for entry in told["fields"]}  # type: ignore[attr-defined]
    assert counted["step.actor.name"]["mapped"] == 1 and counted["schema_version"]["expected"] == 1
    silent = await coverage.report("SEC-XML", 10, "os:truc")
    assert silent["messages"] == 0 and silent["fields"] == []


async def test_messages_from_before_a_change_of_dialect_are_told_apart(site: Any, words: Any) -> None:
    """What the present profile cannot read is a number of its own, not a fault of the command."""
    assert (await site.push("SEC-A", words.event("SEC-A", 1, "received")))[0] == 202
    moved = {**words.callers, "SEC-A": words.caller(profile="bieu_dien_xml")}
    told = await CoverageDesk(site.journal, moved, Limits.of(Intake())).report("SEC-A", 10, "os:truc")
    assert (told["messages"], told["unreadable"]) == (0, 1)


@pytest.mark.parametrize(("system", "last"), [("SEC-NOBODY", 10), ("SEC-A", 0), ("SEC-A", 10_001)])
async def test_coverage_of_nobody_or_of_too_many_is_refused(coverage: CoverageDesk, system: str, last: int) -> None:
    """And nothing is read."""
    with pytest.raises((NotFound, Invalid)):
        await coverage.report(system, last, "os:truc")
