"""What the simulated portal demands of dossiers and rows, read from the fact book, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.national_dvc.simulator_rules import dossier_code_fits, dossier_fault, portal_time, row_fault

MANDATORY = [
    *("MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "LoaiDoiTuong", "TrichYeuHoSo", "TrangThaiHoSo"),
    *("HinhThuc", "DonViXuLy", "NgayTiepNhan"),
]
MALFORMED = [
    ("MaHoSo", "HS-2024-1"),
    ("MaTTHC", "TS_lop1.000.00.00.H22"),
    ("TrangThaiHoSo", "11"),
    ("TrangThaiHoSo", 2),
    ("LoaiDoiTuong", "5"),
    ("HinhThuc", "3"),
    ("KenhThucHien", "4"),
    ("NgayTiepNhan", "2024-10-14"),
    ("NgayHenTra", "20241301000000"),
    ("NgayTra", None),
    ("TaiLieuNop", {}),
    ("TaiLieuNop", ["x"]),
    ("Email", 7),
]


def fault_of(fields: dict[str, object], *, full: bool = False, always: bool = False) -> str:
    return dossier_fault(fields, full_2023=full, reception_always=always)


def test_the_full_example_of_the_fact_book_is_accepted(papers: Any) -> None:
    """A dossier as the facts show it has no fault."""
    assert fault_of(papers.dossier()) == ""


@pytest.mark.parametrize("name", MANDATORY)
@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_missing_mandatory_field_is_named(papers: Any, name: str, value: object) -> None:
    """Empty, blank and null are all missing; the answer is the documented sentence (2.6, example 02)."""
    if name == "NgayTiepNhan" and value == "  ":
        return  # A blank date is not missing, it is malformed.
    assert fault_of(papers.dossier(**{name: value})) == f"Thiếu trường {name}"


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_field_is_named(papers: Any, name: str, value: object) -> None:
    """Grammar, closed lists, dates and types (1.4, 3, 4)."""
    assert fault_of(papers.dossier(**{name: value})) == f"Trường {name} không đúng định dạng"


@pytest.mark.parametrize("state", ["1", "3", "5", "6", "7", "8", "10"])
def test_a_dossier_that_was_not_received_needs_no_reception_date(papers: Any, state: str) -> None:
    """The indicators know dossiers without `NgayTiepNhan` (2.6), so only a received one must have it, by default."""
    assert fault_of(papers.dossier(state, NgayTiepNhan="")) == ""
    assert fault_of(papers.dossier(state, NgayTiepNhan=""), always=True) == "Thiếu trường NgayTiepNhan"


def test_the_due_date_may_be_empty_but_not_absent(papers: Any) -> None:
    """`NgayHenTra` is "" where no deadline applies (2.6)."""
    fields = papers.dossier(NgayHenTra="")
    assert fault_of(fields) == ""
    del fields["NgayHenTra"]
    assert fault_of(fields) == "Thiếu trường NgayHenTra"


def test_a_summary_may_have_1000_letters_and_no_more(papers: Any) -> None:
    """The limit counts letters, not bytes (2.6)."""
    assert fault_of(papers.dossier(TrichYeuHoSo="ệ" * 1000)) == ""
    assert fault_of(papers.dossier(TrichYeuHoSo="ệ" * 1001)) == "Trường TrichYeuHoSo vượt quá 1000 ký tự"


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"TaiLieuNop": [{"TenTepDinhKem": "", "IsDeleted": "False"}]}, "Thiếu trường TenTepDinhKem"),
        ({"TaiLieuNop": [{"TenTepDinhKem": "a.pdf", "IsDeleted": "no"}]}, "Trường IsDeleted không đúng định dạng"),
        ({"DanhSachLePhi": [{"TenPhiLePhi": "Phí", "Gia": "1.200"}]}, "Trường Gia không đúng định dạng"),
        ({"DanhSachLePhi": [{"TenPhiLePhi": "", "Gia": "0"}]}, "Thiếu trường TenPhiLePhi"),
        ({"DanhSachGiayToKetQua": [{"TenGiayTo": ""}]}, "Thiếu trường TenGiayTo"),
        ({"DinhDanhCHS": [{"LoaiDinhDanh": "1"}]}, "Thiếu trường SoDinhDanh"),
    ],
)
def test_parts_of_a_dossier_are_checked(papers: Any, parts: dict[str, object], fault: str) -> None:
    """Files, fees, results and identities (2.6.1 to 2.6.4)."""
    assert fault_of(papers.dossier(**parts)) == fault


def test_the_fields_of_2023_are_demanded_only_by_that_profile(papers: Any) -> None:
    """`mapi-2023` makes about ten more fields mandatory, lists included (2.6)."""
    full = {
        "KenhThucHien": "2",
        "SoGiayToChuHoSo": "001099000001",
        "NgayNopHoSo": "20241014081500",
        "NoiNopHoSo": "2",
        "HoSoCoThanhPhanSoHoa": "1",
        "TaiKhoanDuocXacThucVoiVNeID": "1",
        "DuocThanhToanTrucTuyen": "1",
        "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "001099000001"}],
        "DSKetNoiCSDL": [{"MaCSDL": "7"}],
    }
    assert fault_of(papers.dossier(**full), full=True) == ""
    for name in full:
        without = {key: value for key, value in full.items() if key != name}
        assert fault_of(papers.dossier(**without)) == ""
        assert fault_of(papers.dossier(**without), full=True) == f"Thiếu trường {name}"


FULL_2023: dict[str, object] = {
    "KenhThucHien": "2",
    "SoGiayToChuHoSo": "001099000001",
    "NgayNopHoSo": "20241014081500",
    "NoiNopHoSo": "2",
    "HoSoCoThanhPhanSoHoa": "1",
    "TaiKhoanDuocXacThucVoiVNeID": "1",
    "DuocThanhToanTrucTuyen": "1",
    "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "001099000001"}],
    "DSKetNoiCSDL": [{"MaCSDL": "7"}],
}
FILE_2023 = {
    "TenTepDinhKem": "don.pdf",
    "IsDeleted": "False",
    "DuocSoHoa": "1",
    "DuocTaiSuDung": "0",
    "DuocLayTuKhoDMQG": "0",
    "MaKetQuaThayThe": "",
}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"DinhDanhCHS": [{"LoaiDinhDanh": "3", "SoDinhDanh": "001099000001"}]}, "LoaiDinhDanh"),
        ({"DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "012345678"}]}, "SoDinhDanh"),
        ({"DinhDanhCHS": [{"LoaiDinhDanh": "2", "SoDinhDanh": "01234567X"}]}, "SoDinhDanh"),
        ({"TaiLieuNop": [FILE_2023 | {"DuocTaiSuDung": "3"}]}, "DuocTaiSuDung"),
        ({"TaiLieuNop": [FILE_2023 | {"DuocTaiSuDung": "2"}]}, "MaKetQuaThayThe"),
        ({"TaiLieuNop": [FILE_2023 | {"MaKetQuaThayThe": "KQ.G16.000123"}]}, "MaKetQuaThayThe"),
        ({"TaiLieuNop": [FILE_2023], "HoSoCoThanhPhanSoHoa": "0"}, "HoSoCoThanhPhanSoHoa"),
        ({"MaDoiTuong": "tai-khoan", "KenhThucHien": "1"}, "MaDoiTuong"),
        (
            {"DanhSachLePhi": [{"TenPhiLePhi": "Phí", "Gia": "1", "HinhThucThu": "1", "LoaiPhiLePhi": "9"}]},
            "LoaiPhiLePhi",
        ),
    ],
)
def test_what_2023_says_of_its_own_fields_is_checked(papers: Any, changes: dict[str, object], name: str) -> None:
    """Identities by length, files with where they came from, accounts only for what came online (2.6, 2.6.1)."""
    assert fault_of(papers.dossier(**FULL_2023, TaiLieuNop=[FILE_2023]), full=True) == ""
    faulty = papers.dossier(**(FULL_2023 | changes))
    assert fault_of(faulty, full=True) == f"Trường {name} không đúng định dạng"
    assert fault_of(faulty) == ""


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"NguoiXuLy": ""}, "Thiếu trường NguoiXuLy"),
        ({"NguoiXuLy": "x" * 51}, "Trường NguoiXuLy vượt quá 50 ký tự"),
        ({"NoiDungXuLy": " "}, "Thiếu trường NoiDungXuLy"),
        ({"ThoiDiemXuLy": "2024101409300"}, "Trường ThoiDiemXuLy không đúng định dạng"),
        ({"NgayBatDau": "x"}, "Trường NgayBatDau không đúng định dạng"),
        ({"TrangThai": "0"}, "Trường TrangThai không đúng định dạng"),
        ({"TrangThai": 4}, "Trường TrangThai không đúng định dạng"),
        ({}, ""),
    ],
)
def test_a_progress_row_is_checked(papers: Any, changes: dict[str, object], fault: str) -> None:
    """Mandatory fields, lengths, dates and the ten states of a row (2.7)."""
    assert row_fault(papers.row("4", **changes)) == fault


@pytest.mark.parametrize(
    "code",
    [
        "000.00.00.G16-241014-0001",
        "H15.50.05.13-261008-0975",
        "H15.50.05.13-261008-160123",
        "G09.20-20260609-0092637",
    ],
)
def test_every_documented_form_of_a_dossier_code_fits(code: str) -> None:
    """The four examples of 4.1."""
    assert dossier_code_fits(code)


@pytest.mark.parametrize(
    "code", ["", "G16", "G16-241014-001", "Z16-241014-0001", "G16-241014-0001 ", "G16." + "A" * 35 + "-241014-0001"]
)
def test_other_dossier_codes_do_not_fit(code: str) -> None:
    """Too short, unknown letter, trailing blank, unit longer than 35."""
    assert not dossier_code_fits(code)


@given(st.datetimes())
def test_a_portal_date_reads_back_what_was_written(moment: Any) -> None:
    """yyyyMMddHHmmss carries any second of the calendar from year 1000 on."""
    text = f"{moment.year:04}{moment:%m%d%H%M%S}"
    read = portal_time(text)
    assert read is not None
    assert read.replace(tzinfo=None) == moment.replace(microsecond=0)


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers())))
def test_no_body_makes_the_rules_fall_over(fields: dict[str, object]) -> None:
    """Whatever comes, there is a sentence for it."""
    assert fault_of(fields).startswith("Thiếu trường")
    assert row_fault(fields).startswith("Thiếu trường")


@given(
    st.sampled_from([*MANDATORY, "NgayHenTra", "TaiLieuNop", "DanhSachLePhi", "KenhThucHien"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_any_value_in_any_field_has_an_answer(name: str, value: object) -> None:
    """A field of the wrong type is refused or accepted, never a crash."""
    base: dict[str, object] = {
        **dict.fromkeys(MANDATORY, "2"),
        "MaHoSo": "000.00.00.G16-241014-0001",
        "MaTTHC": "1.999999",
        "NgayTiepNhan": "20241014093000",
        "NgayHenTra": "",
    }
    assert isinstance(fault_of(base | {name: value}, full=True), str)


@pytest.mark.parametrize("state", ["3", "7", "8", "9", "10"])
def test_an_ended_dossier_says_when_it_ended(papers: Any, state: str) -> None:
    """The on-time indicator reads it (2.6); a refusal says when it was refused as well."""
    known = papers.dossier(state)
    assert dossier_fault(known, full_2023=False, reception_always=False) == ""
    endless = papers.dossier(state, NgayKetThucXuLy="")
    assert dossier_fault(endless, full_2023=False, reception_always=False) == "Thiếu trường NgayKetThucXuLy"
    undated = dossier_fault(papers.dossier(state, NgayTuChoi=""), full_2023=False, reception_always=False)
    assert undated == ("Thiếu trường NgayTuChoi" if state == "3" else "")
