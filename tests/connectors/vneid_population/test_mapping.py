"""A question as the register wants it, and a record as the model has it: nothing invented, nothing mixed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from connectors.kit.errors import CannotMap
from connectors.vneid.profiles.dancu.mapping import Asked, birth_of, people, person_fields, request, verdict
from connectors.vneid.profiles.dancu.messages import (
    CongDan,
    CongdanCollection,
    KetQuaXacThuc,
    MessageUnreadable,
    NgaySinh,
    encoded,
    from_tree,
    to_tree,
)
from connectors.vneid.profiles.dancu.rules import FIELD_ORDER, RequestRules
from mappings.identity import PERSON_FIELDS
from mappings.names import NameForm

AT = date(2026, 1, 1)
ASKED = Asked(
    operation="look_up",
    full_name="Nguyễn Văn Thử",
    personal_id="001090000000",
    cmnd="",
    birth="1990-02-28",
    request_id="BVHTTDL-1",
    procedure_code="1.000000",
    unit="G00",
    officer="cb-0001",
    officer_account="canbo.test",
)


def collection(*records: Mapping[str, object]) -> CongdanCollection:
    """An answer with these records."""
    return from_tree({"CongDan": list(records)}, CongdanCollection)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (NameForm.COMPACT_ASCII, "DOTHIDUOM"),
        (NameForm.ASCII_SPACED, "DO THI DUOM"),
        (NameForm.UPPER_UNICODE, "ĐỖ THỊ ĐƯỢM"),
    ],
)
def test_a_name_is_written_in_the_form_of_the_route(form: NameForm, written: str) -> None:
    """Đ does not decompose: without its own rule it would vanish from a compact name."""
    fields = request(replace(ASKED, full_name="Đỗ Thị Đượm"), RequestRules(name_form=form))
    assert fields["HoVaTen"] == written


@pytest.mark.parametrize(
    ("birth", "form", "said"),
    [
        ("1940", "compact", {"Nam": "1940"}),
        ("1951-07", "compact", {"NgayThangNam": "195107"}),
        ("1990-02-28", "compact", {"NgayThangNam": "19900228"}),
        ("19900228", "dashed", {"NgayThangNam": "1990-02-28"}),
        ("1951-07", "dashed", {"NgayThangNam": "1951-07"}),
    ],
)
def test_a_birth_is_asked_as_far_as_it_is_known(birth: str, form: str, said: dict[str, str]) -> None:
    """A year alone goes out as a year: 01/01 was never said by anybody."""
    rules = RequestRules(date_form="dashed" if form == "dashed" else "compact")
    assert request(replace(ASKED, birth=birth), rules)["NgayThangNamSinh"] == said


def test_the_number_decides_by_its_kind_and_the_personal_one_comes_first() -> None:
    """One of the two is sent, never both."""
    both = request(replace(ASKED, cmnd="001000000"), RequestRules())
    assert "SoCMND" not in both and both["SoDinhDanh"] == "001090000000"
    old = request(replace(ASKED, personal_id="", cmnd="001000000"), RequestRules())
    assert "SoDinhDanh" not in old and old["SoCMND"] == "001000000"


def test_everything_that_is_missing_is_said_at_once_and_by_its_place() -> None:
    """Who asks, why, and about whom: a question without any of these is never sent."""
    nothing = Asked("look_up", "", "", "", "", "", "", "", "")
    with pytest.raises(CannotMap) as refused:
        request(nothing, RequestRules())
    found = {(finding.code, finding.pointer) for finding in refused.value.findings}
    assert found == {
        ("missing_number", "/fields/personal_id"),
        ("missing_name", "/fields/full_name"),
        ("birth_malformed", "/fields/birth"),
        ("missing", "/request_id"),
        ("missing", "/procedure_code"),
        ("missing", "/officer"),
        ("missing", "/unit"),
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"personal_id": "12345"}, "number_malformed"),
        ({"personal_id": "٠٠١٠٩٠٠٠٠٠٠٠"}, "number_malformed"),
        ({"full_name": "王小明"}, "missing_name"),
        ({"birth": "28/02/1990"}, "birth_malformed"),
        ({"birth": "1990-02-30"}, "birth_malformed"),
        ({"request_id": "x" * 41}, "too_long"),
        ({"procedure_code": "1" * 21}, "too_long"),
        ({"unit": "G" * 36}, "too_long"),
        ({"officer_account": "canbo.voi-ten-rat-dai"}, "too_long"),
        ({"full_name": "Nguyễn " * 20}, "too_long"),
        ({"operation": "relatives"}, "operation_off"),
        ({"operation": "khong-co"}, "operation_off"),
    ],
)
def test_what_the_register_would_refuse_is_found_before_sending(change: dict[str, str], code: str) -> None:
    """Lengths and forms of the published table (facts 2.4); the finding repeats no value."""
    with pytest.raises(CannotMap) as refused:
        request(replace(ASKED, **change), RequestRules())
    assert [finding.code for finding in refused.value.findings] == [code]
    said = "".join(finding.message_vi for finding in refused.value.findings) + str(refused.value)
    assert not any(value in said for value in change.values() if value)


def test_a_procedure_outside_the_licences_is_not_asked_for() -> None:
    """The licence is granted per procedure (facts 2.7, code 004)."""
    with pytest.raises(CannotMap) as refused:
        request(ASKED, RequestRules(licensed_procedures=("1.004528",)))
    assert [finding.code for finding in refused.value.findings] == ["not_licensed"]


@pytest.mark.parametrize(
    ("source", "constant", "officer"),
    [("account", "", "canbo.test"), ("officer", "", "cb-0001"), ("constant", "VPUB_G00", "VPUB_G00")],
)
def test_the_officer_is_named_as_the_configuration_says(source: str, constant: str, officer: str) -> None:
    """Facts 7, item 12: account, own id, or a constant."""
    rules = RequestRules(
        officer_id_source="account" if source == "account" else "officer" if source == "officer" else "constant",
        officer_constant=constant,
        send_fields=("MaDonVi", "TaiKhoan", "SoDienThoai"),
    )
    fields = request(ASKED, rules)
    assert (fields["MaCanBo"], fields["TaiKhoan"], fields["SoDienThoai"]) == (officer, "canbo.test", "0")
    assert list(fields) == [name for name in FIELD_ORDER if name in fields]


def test_a_constant_procedure_and_unit_stand_in_for_those_of_the_question() -> None:
    """Real clients send a constant MaDVC (facts 2.4)."""
    fields = request(ASKED, RequestRules(procedure_code="VPCP", unit_code="G16"))
    assert (fields["MaDVC"], fields["MaDonVi"]) == ("VPCP", "G16")


@pytest.mark.parametrize(
    ("said", "birth"),
    [
        (NgaySinh(Nam="1990", NgayThangNam="19900228"), "1990-02-28"),
        (NgaySinh(NgayThangNam="1990-02-28"), "1990-02-28"),
        (NgaySinh(NgayThangNam="1951-07"), "1951-07"),
        (NgaySinh(Nam="1940", NgayThangNam=""), "1940"),
        (NgaySinh(Nam="1940", NgayThangNam="19400000"), "1940"),
        (NgaySinh(NgayThangNam="19510700"), "1951-07"),
        (NgaySinh(NgayThangNam="1951-07-00"), "1951-07"),
        (NgaySinh(Nam=" 1940 "), "1940"),
        ("19900228", "1990-02-28"),
        (NgaySinh(Nam="", NgayThangNam=""), ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_birth_is_read_as_far_as_the_register_knows_it(said: NgaySinh | str | None, birth: str) -> None:
    """Every layout that was seen; zeros stand for what is not known."""
    assert birth_of(said) == birth


@pytest.mark.parametrize(
    "said",
    [
        NgaySinh(Nam="1991", NgayThangNam="19900228"),
        NgaySinh(NgayThangNam="19901328"),
        NgaySinh(Nam="một chín chín không"),
        NgaySinh(NgayThangNam="0000"),
        NgaySinh(NgayThangNam="28/02/1990"),
    ],
)
def test_a_birth_that_contradicts_itself_is_no_birth(said: NgaySinh) -> None:
    """Choosing one of two would make data of a doubt."""
    with pytest.raises(MessageUnreadable):
        birth_of(said)


def test_both_shapes_say_the_same_person() -> None:
    """Observed and QCVN 109: other nesting, the same places (facts 2.6)."""
    observed = {
        "SoDinhDanh": "001090000000",
        "HoVaTen": {"Ho": "", "ChuDem": "", "Ten": "NGUYỄN VĂN THỬ"},
        "DanToc": "01",
        "Cha": {"HoVaTen": "NGUYỄN VĂN MẪU", "SoCMND": "001000000"},
    }
    coded = {
        "SoDinhDanh": "001090000000",
        "HoVaTen": {"Ho": "NGUYỄN", "ChuDem": "VĂN", "Ten": "THỬ"},
        "DanToc": {"MaDanToc": "01", "TenGoi": "Kinh"},
        "Cha": {"HoVaTen": {"Ho": "NGUYỄN", "ChuDem": "VĂN", "Ten": "MẪU"}, "SoCMND": "001000000"},
    }
    assert people(collection(observed), ASKED, AT) == people(collection(coded), ASKED, AT)


def test_places_are_those_of_the_model_and_empty_ones_are_left_out() -> None:
    """A full record in every place; what is empty, or a code that no list knows, says nothing."""
    address = {"MaTinhThanh": "01", "MaQuanHuyen": "", "MaPhuongXa": "00001", "ChiTiet": "SỐ 1", "QuocGia": "VN"}
    relative = {"HoVaTen": "NGUYỄN VĂN MẪU", "QuocTich": "VN", "SoDinhDanh": "001060000000"}
    record = from_tree(
        {
            "SoDinhDanh": "001090000000",
            "SoCMND": "",
            "HoVaTen": {"Ten": "NGUYỄN VĂN THỬ"},
            "GioiTinh": "7",
            "TinhTrangHonNhan": "9",
            "NhomMau": "04",
            **dict.fromkeys(("NoiDangKyKhaiSinh", "QueQuan", "ThuongTru"), address),
            "NoiOHienTai": "Số 2 đường Mẫu",
            **dict.fromkeys(("Cha", "Me", "VoChong", "NguoiDaiDien"), relative),
            "ChuHo": {**relative, "QuanHe": "01"},
            "SoSoHoKhau": "000000",
        },
        CongDan,
    )
    fields = person_fields(record, AT)
    assert set(fields) <= set(PERSON_FIELDS)
    assert "sex" not in fields and "marital_status" not in fields and "cmnd" not in fields
    assert fields["blood_group"] == "O" and fields["current_address.detail"] == "Số 2 đường Mẫu"
    assert fields["home_town.commune_code"] == "00001" and "home_town.district_code" not in fields
    assert fields["spouse.personal_id"] == "001060000000" and fields["head_of_household.relation"] == "01"
    assert fields["household_book"] == "000000"


@pytest.mark.parametrize(
    "records",
    [[], [{}], [{"SoDinhDanh": "", "HoVaTen": {"Ten": ""}}], [{"SoDinhDanh": "001090000000", "HoVaTen": {"Ten": " "}}]],
)
def test_nobody_is_found_where_no_name_is(records: list[dict[str, object]]) -> None:
    """An empty collection, and a record without a name, mean that nobody fits (facts 2.6)."""
    assert people(collection(*records), ASKED, AT) == ()


def test_an_answer_about_somebody_else_is_never_data() -> None:
    """A mixed-up answer names another number than the one that was asked for."""
    other = {"SoDinhDanh": "001192000000", "HoVaTen": {"Ten": "TRẦN THỊ THỬ"}}
    with pytest.raises(MessageUnreadable):
        people(collection(other), ASKED, AT)
    by_cmnd = replace(ASKED, personal_id="", cmnd="001000000")
    with pytest.raises(MessageUnreadable):
        people(collection({"SoCMND": "002000000", "HoVaTen": {"Ten": "A"}}), by_cmnd, AT)
    assert people(collection(other), by_cmnd, AT), "the number of another kind says nothing against it"


def test_two_people_for_one_are_never_data() -> None:
    """Two records fit the number: nobody can say which is meant."""
    record = {"SoDinhDanh": "001090000000", "HoVaTen": {"Ten": "NGUYỄN VĂN THỬ"}}
    with pytest.raises(MessageUnreadable):
        people(collection(record, record), ASKED, AT)


def test_a_household_names_all_of_its_members() -> None:
    """Several CongDan are the answer there, not a fault."""
    members = collection({"SoDinhDanh": "001090000000"}, {"SoDinhDanh": "001192000000"}, {})
    found = people(members, replace(ASKED, operation="household"), AT)
    assert [person["personal_id"] for person in found] == ["001090000000", "001192000000"]


@pytest.mark.parametrize(("said", "verified"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_verdict_is_an_xs_boolean(said: str, verified: bool) -> None:
    """Four spellings, two meanings."""
    assert verdict(KetQuaXacThuc(TonTai=said)) is verified


@pytest.mark.parametrize("said", ["", "True", "yes", "2", "đúng"])
def test_a_verdict_in_other_words_is_none(said: str) -> None:
    """Whoever guesses here verifies people by accident."""
    with pytest.raises(MessageUnreadable):
        verdict(KetQuaXacThuc(TonTai=said))


def test_messages_say_nothing_of_a_person_in_their_repr() -> None:
    """A stack trace with locals must not show a record."""
    record = from_tree({"SoDinhDanh": "001090000000", "HoVaTen": {"Ten": "NGUYỄN VĂN THỬ"}}, CongDan)
    shown = f"{record!r} {record.HoVaTen!r} {ASKED!r} {collection({'SoDinhDanh': '001090000000'})!r}"
    assert "001090000000" not in shown and "Nguy" not in shown and "NGUY" not in shown


def test_a_record_of_another_form_is_refused_without_repeating_it() -> None:
    """A list where a text must be: the sentence names the type, never the value."""
    with pytest.raises(MessageUnreadable) as refused:
        from_tree({"CongDan": [{"SoDinhDanh": ["001090000000"]}]}, CongdanCollection)
    assert "001090000000" not in str(refused.value)


def test_attributes_of_a_part_do_not_hide_its_text() -> None:
    """`<HoVaTen lang="vi">…` comes as a mapping with `#text`; the name must not be lost with it."""
    record = {"SoDinhDanh": {"@nguon": "x", "#text": "001090000000"}, "HoVaTen": {"@lang": "vi", "#text": "Nguyễn Thử"}}
    (person,) = people(collection(record), ASKED, AT)
    assert person["full_name"] == "Nguyễn Thử" and person["personal_id"] == "001090000000"


def test_what_is_written_is_escaped() -> None:
    """A name with signs of XML stays a name."""
    message = KetQuaXacThuc(TonTai='<&">')
    assert b'<TonTai>&lt;&amp;"&gt;</TonTai>' in encoded(message) and to_tree(message) == {"TonTai": '<&">'}
