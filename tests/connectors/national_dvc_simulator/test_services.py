"""The simulated portal answers as the fact book says: sessions, create, update, lookup, progress, catalogue, adapters."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from connectors.kit.errors import SettingsError
from connectors.national_dvc.simulator import create_app

ADAPTERS = ("/XrdAdapter/RestService/forward", "/VXPAdapter/RestService/forward")
DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"


async def test_a_wrong_password_is_refused_inside_http_200(open_portal: Any) -> None:
    """The refusal is a business answer without a session (1.5, 1.6)."""
    async with open_portal() as portal:
        status, answer = await portal.post("/mapi/login", {"username": "x", "password": "y"})
    assert status == 200
    assert answer == {"error_code": -1, "message": "Sai tài khoản hoặc mật khẩu"}


async def test_a_session_ends_with_its_time(open_portal: Any, papers: Any) -> None:
    """After `session_ttl_s` a call is told that its session ended, and nothing is stored."""
    async with open_portal(session_ttl_s=60.0) as portal:
        portal.clock.at += 61
        answer = await portal.create(papers.dossier())
        assert answer["error_code"] == -2
        assert "hết hạn" in answer["message"]
        assert await portal.held(papers.code) is None
        await portal.login()
        assert (await portal.create(papers.dossier()))["error_code"] == 0


async def test_control_ends_every_session_at_once(open_portal: Any) -> None:
    """`POST sessions/expire` ends what was issued before and says how much that was."""
    async with open_portal() as portal:
        assert await portal.control("POST", "sessions/expire") == {"expired": 1}
        assert (await portal.call("TraCuuHoSo", mahoso="x"))["error_code"] == -2


async def test_two_sessions_of_one_account_live_side_by_side(open_portal: Any) -> None:
    """Sessions are reusable in parallel: a second login does not end the first (1.5)."""
    async with open_portal() as portal:
        first = portal.session
        await portal.login()
        portal.session = first
        assert (await portal.call("TraCuuHoSo", mahoso="x"))["error_code"] == 0


async def test_create_lookup_and_update_tell_existence_and_nothing_more(open_portal: Any, papers: Any) -> None:
    """`TraCuuHoSo` answers `MaHoSo` alone, before nothing and afterwards one row (2.5)."""
    async with open_portal() as portal:
        assert (await portal.call("TraCuuHoSo", mahoso=papers.code))["result"] == []
        assert (await portal.create(papers.dossier()))["message"] == "Đồng bộ thành công"
        assert (await portal.update(papers.dossier("4")))["error_code"] == 0
        assert (await portal.call("TraCuuHoSo", mahoso=papers.code))["result"] == [{"MaHoSo": papers.code}]
        assert (await portal.held(papers.code))["states"] == ["2", "4"]


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "Hồ sơ 000.00.00.G16-241014-0001 đã tồn tại"), (-3, "Mã hồ sơ đã tồn tại"), (0, "đã tồn tại")],
)
async def test_a_second_create_is_a_duplicate_and_changes_nothing(
    open_portal: Any, papers: Any, code: int, words: str
) -> None:
    """All three documented codes of a duplicate can be chosen; the stored dossier stays (1.6)."""
    async with open_portal(duplicate_code=code) as portal:
        await portal.create(papers.dossier("2"))
        answer = await portal.create(papers.dossier("4"))
        assert answer["error_code"] == code
        assert words in answer["message"]
        assert (await portal.held(papers.code))["states"] == ["2"]


async def test_an_update_of_an_unknown_dossier_is_refused(open_portal: Any, papers: Any) -> None:
    """Non-zero and "không tồn tại" (8.1)."""
    async with open_portal() as portal:
        answer = await portal.update(papers.dossier())
        assert answer["error_code"] == -1
        assert answer["message"] == f"Hồ sơ {papers.code} không tồn tại"


async def test_a_call_with_one_bad_dossier_stores_none_of_them(open_portal: Any, papers: Any) -> None:
    """A batch is all or nothing (1.6)."""
    async with open_portal() as portal:
        other = papers.dossier(MaHoSo="000.00.00.G16-241014-0002", DonViXuLy="")
        assert (await portal.create(papers.dossier(), other))["message"] == "Thiếu trường DonViXuLy"
        twice = await portal.create(papers.dossier(), papers.dossier())
        assert "đã tồn tại" in twice["message"]
        assert (await portal.control("GET", "dossiers"))["total"] == 0


@pytest.mark.parametrize(
    ("style", "success", "refusal"), [("number", 0, -1), ("string", "0", "-1"), ("padded", "00", "-1")]
)
async def test_codes_are_spelled_as_the_deployment_spells_them(
    open_portal: Any, style: str, success: object, refusal: object
) -> None:
    """Number, string or padded string (1.6)."""
    async with open_portal(code_style=style) as portal:
        assert (await portal.call("TraCuuHoSo", mahoso="x"))["error_code"] == success
        assert (await portal.call("KhongCo"))["error_code"] == refusal


async def test_rotating_codes_show_every_spelling(open_portal: Any) -> None:
    """Each answer may be spelled otherwise than the one before."""
    async with open_portal(code_style="rotating") as portal:
        seen = [(await portal.call("TraCuuHoSo", mahoso="x"))["error_code"] for _ in range(3)]
    assert sorted(map(repr, seen)) == ["'0'", "'00'", "0"]


async def test_progress_of_an_unknown_dossier_is_refused(open_portal: Any, papers: Any) -> None:
    """The dossier must be on the portal first (2.7)."""
    async with open_portal() as portal:
        assert await portal.progress(papers.row("2")) == {"error_code": -1, "message": "Hồ sơ không tồn tại"}


async def test_progress_rows_are_appended_and_a_repeat_repeats_history(open_portal: Any, papers: Any) -> None:
    """Nothing identifies a row, so sending it again adds it again, and the control plane counts that apart (2.7)."""
    async with open_portal() as portal:
        await portal.create(papers.dossier())
        await portal.progress(papers.row("2"), papers.row("4", "20241014100000"))
        await portal.progress(papers.row("4", "20241014100000"))
        held = await portal.held(papers.code)
    assert [(row["state"], row["repeat_of"]) for row in held["progress"]] == [("2", -1), ("4", -1), ("4", 1)]
    assert held["counts"]["rows"] == 3
    assert held["counts"]["repeated_rows"] == 1


async def test_eleven_rows_or_rows_of_two_dossiers_are_refused(open_portal: Any, papers: Any) -> None:
    """At most ten rows of one dossier in a call (1.4); nothing of such a call is stored."""
    async with open_portal() as portal:
        await portal.create(papers.dossier())
        await portal.create(papers.dossier(MaHoSo="000.00.00.G16-241014-0002"))
        many = await portal.progress(*[papers.row("4", f"202410141{n:02}000") for n in range(11)])
        mixed = await portal.progress(papers.row("4"), papers.row("4", MaHoSo="000.00.00.G16-241014-0002"))
        assert (many["error_code"], mixed["error_code"]) == (-1, -1)
        assert "10 bản ghi" in many["message"]
        assert "cùng một hồ sơ" in mixed["message"]
        assert (await portal.held(papers.code))["progress"] == []


async def test_progress_may_be_answered_in_plain_words(open_portal: Any, papers: Any) -> None:
    """Success and refusal as bare text (1.6), always or in turn."""
    async with open_portal(progress_answers="text") as portal:
        assert await portal.progress(papers.row("2")) == "Hồ sơ không tồn tại"
        await portal.create(papers.dossier())
        assert await portal.progress(papers.row("2")) == "Cập nhật tiến độ thành công"
    async with open_portal(progress_answers="rotating") as portal:
        await portal.create(papers.dossier())
        answers = [await portal.progress(papers.row("2")) for _ in range(2)]
        assert [type(answer) for answer in answers] == [dict, str]


async def test_a_poisoned_dossier_is_refused_until_it_is_cured(open_portal: Any, papers: Any) -> None:
    """Both writing services refuse it for good, by option or at run time, and others are not touched."""
    async with open_portal(poison_dossiers=(papers.code,)) as portal:
        assert (await portal.create(papers.dossier()))["error_code"] == -1
        assert (await portal.create(papers.dossier(MaHoSo="000.00.00.G16-241014-0002")))["error_code"] == 0
        assert await portal.control("POST", "poison", {"remove": [papers.code]}) == {"poison": []}
        assert (await portal.create(papers.dossier()))["error_code"] == 0
        await portal.control("POST", "poison", {"add": [papers.code]})
        assert (await portal.progress(papers.row("2")))[
            "message"
        ] == "Dữ liệu hồ sơ không hợp lệ theo quy định của Cổng"


async def test_the_catalogue_has_the_quirks_that_clients_met(open_portal: Any) -> None:
    """Apostrophes in fee codes, "Không" for an amount, dotted thousands and trailing blanks (2.2)."""
    listed = {"code": "1.004503", "name": "Cấp giấy phép", "fee": 1_200_000, "days": 7}
    async with open_portal(procedures=[listed]) as portal:
        row = (await portal.call("LayThuTuc", maTTHC="1.004503"))["result"][0]
        absent = await portal.call("LayThuTuc", maTTHC="1.000000")
    term = row["CACHTHUCTHUCHIEN"][0]["THOIGIAN"][0]
    assert row["TENTTHC"].endswith(" ")
    assert term["DONVITINH"] == "Ngày làm việc "
    assert [(fee["MAPHILEPHI"], fee["SOTIEN"]) for fee in term["PHILEPHI"]] == [("1'", "1.200.000"), ("2'", "Không")]
    assert absent == {"error_code": 0, "message": "", "result": []}


async def test_the_list_of_procedures_stands_on_the_share_endpoint_alone(open_portal: Any) -> None:
    """`LayDanhSachTTHC` gives code and name of what is public; the integration endpoint does not know it (2.0, 2.1)."""
    listed = [{"code": "1.004503", "name": "Một"}, {"code": "1.004504", "name": "Hai", "public": False}]
    async with open_portal(procedures=listed) as portal:
        body = {"session": portal.session, "madonvi": "000.00.00.G16", "service": "LayDanhSachTTHC"}
        _, shared = await portal.post("/mapi/share", body)
        _, other = await portal.post("/mapi/g", body)
    assert shared["result"] == [{"MATTHC": "1.004503", "TENTTHC": "Một "}]
    assert other["message"] == "Dịch vụ không tồn tại"


async def test_a_raw_catalogue_row_is_told_as_it_is(open_portal: Any, papers: Any) -> None:
    """Options may bring whole rows; then only listed procedures are known, to dossiers too."""
    async with open_portal(catalogue=[{"MATTHC": "1.004503", "TENTTHC": " X "}]) as portal:
        assert (await portal.call("LayThuTuc", maTTHC="1.004503"))["result"] == [
            {"MATTHC": "1.004503", "TENTTHC": " X "}
        ]
        assert (await portal.create(papers.dossier()))["message"] == "Thủ tục 1.999999 không tồn tại"


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_both_adapters_forward_with_dstcode_in_header_or_query(open_portal: Any, adapter: str) -> None:
    """Either adapter name, either place (1.1, 1.2); the call log says which."""
    credentials = {"username": "000.00.00.G16", "password": "simulator"}
    async with open_portal(require_dstcode=True) as portal:
        by_header = await portal.post(f"{adapter}/mapi/login", credentials, dstcode=DSTCODE)
        by_query = await portal.post(f"{adapter}/mapi/login?dstcode={quote(DSTCODE, safe='')}", credentials)
        calls = (await portal.control("GET", "calls"))["calls"]
    assert by_header[1]["error_code"] == by_query[1]["error_code"] == 0
    assert [call["summary"]["dstcode"] for call in calls[-2:]] == ["header", "query"]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "missing"),
        (f"?dstcode={quote(quote(DSTCODE, safe=''), safe='')}", "encoded twice"),
        (
            f"?dstcode={quote(DSTCODE, safe='')}&providerurl={quote(quote('https://a.example', safe=''), safe='')}",
            "twice",
        ),
        (f"?{quote(DSTCODE, safe='')}", "without its name"),
        (f"?dstcode={quote('VN:GOV:000.00.00.G99:other', safe='')}", "another provider"),
    ],
)
async def test_an_adapter_does_not_forward_what_it_cannot_route(open_portal: Any, query: str, why: str) -> None:
    """The encoding traps of 1.2 are answered by the adapter, before the portal."""
    async with open_portal(require_dstcode=True, dstcode=DSTCODE) as portal:
        status, _ = await portal.post(f"{ADAPTERS[0]}/mapi/login{query}", {})
        assert status == 400, why


async def test_a_body_that_is_no_json_object_gets_a_business_refusal(open_portal: Any) -> None:
    """Malformed, too deep or of another type: error -1 in HTTP 200, never a crash."""
    async with open_portal() as portal:
        for body in (b"{", b"[]", b"\xff", b'"x"', b"[" * 100_000):
            status, answer = await portal.post("/mapi/g", body)
            assert (status, answer["error_code"]) == (200, -1)


async def test_another_agency_is_refused(open_portal: Any) -> None:
    """`madonvi` is mandatory, and must be the account's own where the options say so."""
    async with open_portal(madonvi="000.00.00.G10") as portal:
        assert (await portal.call("TraCuuHoSo", mahoso="x"))["message"] == "Mã đơn vị không hợp lệ"


def test_an_unknown_option_is_an_error() -> None:
    """A misspelled option is named instead of ignored."""
    with pytest.raises(SettingsError, match="sesion_ttl_s"):
        create_app({"sesion_ttl_s": 5})
    with pytest.raises(SettingsError):
        create_app({"faults": {"probability": {"slow": 2}}})
