"""What the simulated portal demands of a dossier and of a progress row, written from the fact book alone.

An independent witness: nothing here is shared with the client's mapping. The first fault found is the answer, as the
only documented refusal ("Thiếu trường NgayTiepNhan") names one field. Source: national-portal facts 1.4, 2.6, 2.7,
3.1 to 3.5, 4.1, 4.2 and example 02.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone

LOCAL_ZONE = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")

STATES = frozenset(str(code) for code in range(1, 11))

# Dossiers without a reception date exist (2.6: "not counted by QĐ 766"), so only a state that says "received" needs one.
_RECEIVED_STATES = frozenset({"2", "4", "9"})

# Conditional fields (2.6): the end of processing, which the on-time indicator reads, and the refusal.
_ENDED_STATES = frozenset({"3", "7", "8", "9", "10"})

_MANDATORY = (
    *("MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "LoaiDoiTuong", "TrichYeuHoSo", "TrangThaiHoSo"),
    *("HinhThuc", "DonViXuLy"),
)
_MANDATORY_2023 = (
    *("KenhThucHien", "SoGiayToChuHoSo", "NgayNopHoSo", "NoiNopHoSo", "HoSoCoThanhPhanSoHoa"),
    *("TaiKhoanDuocXacThucVoiVNeID", "DuocThanhToanTrucTuyen"),
)
_LISTS_2023 = ("DinhDanhCHS", "DSKetNoiCSDL")
_DATES = ("NgayNopHoSo", "NgayTiepNhan", "NgayHenTra", "NgayTra", "NgayKetThucXuLy", "NgayTuChoi")
_CLOSED = {
    "TrangThaiHoSo": STATES,
    "LoaiDoiTuong": frozenset("1234"),
    "HinhThuc": frozenset("012"),
    "KenhThucHien": frozenset("123"),
    "NoiNopHoSo": frozenset("12"),
    "HoSoCoThanhPhanSoHoa": frozenset("01"),
    "TaiKhoanDuocXacThucVoiVNeID": frozenset("01"),
    "DuocThanhToanTrucTuyen": frozenset("0123"),
}
_LISTS = frozenset(
    {
        *("DinhDanhCHS", "DSKetNoiCSDL", "TaiLieuNop", "DanhSachLePhi", "DanhSachTepDinhKemKhac"),
        *("DanhSachHoSoBoSung", "DanhSachGiayToKetQua"),
    }
)
_NULLABLE = frozenset({"MaDoiTuong", "KenhThucHien"})
_LONGEST = {"TrichYeuHoSo": 1000}

_MANDATORY_IN_ROW = ("MaHoSo", "NguoiXuLy", "ThoiDiemXuLy", "NoiDungXuLy", "TrangThai")
_DATES_IN_ROW = ("ThoiDiemXuLy", "NgayBatDau", "NgayKetThucTheoQuyDinh")
_LONGEST_OFFICER = 50

_DOSSIER_CODE = re.compile(
    r"(?P<unit>(?:\d{3}\.\d{2}\.\d{2}\.)?[A-Y]\d{2}(?:\.[0-9A-Z]+)*)-(?P<date>\d{6}|\d{8})-(?P<seq>\d{4,7})"
)
_PROCEDURE_CODE = re.compile(r"[123]\.\d{6}(\.(\d{3}\.\d{2}\.\d{2}\.)?[A-Y]\d{2}(\.\d+)*)?")
_AMOUNT = re.compile(r"\d{1,15}")
_LONGEST_UNIT = 35
_LONGEST_FILE_NAME = 4000
_IDENTITY = {"1": re.compile(r"[0-9]{12}"), "2": re.compile(r"[0-9]{9}")}
_CLOSED_IN_FILE = {
    "DuocSoHoa": frozenset("01"),
    "DuocTaiSuDung": frozenset("012"),
    "DuocLayTuKhoDMQG": frozenset("01"),
}
# "3" is unknown, and not refused for that (facts U10).
_CLOSED_IN_FEE = {"HinhThucThu": frozenset("1234"), "LoaiPhiLePhi": frozenset("12")}

Fields = Mapping[str, object]


def portal_time(text: object) -> datetime | None:
    """The time in a portal date (yyyyMMddHHmmss, Asia/Ho_Chi_Minh, no suffix); None for anything else."""
    if not (isinstance(text, str) and len(text) == 14 and text.isascii() and text.isdigit()):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=LOCAL_ZONE)
    except ValueError:
        return None


def dossier_code_fits(code: str) -> bool:
    """Whether `code` follows the accepting grammar of 4.1."""
    match = _DOSSIER_CODE.fullmatch(code)
    return match is not None and len(match["unit"]) <= _LONGEST_UNIT


def procedure_code_fits(code: str) -> bool:
    """Whether `code` follows the grammar of 4.2."""
    return _PROCEDURE_CODE.fullmatch(code) is not None


def dossier_fault(fields: Fields, *, full_2023: bool, reception_always: bool) -> str:
    """The first fault of a dossier in the portal's words, or an empty string."""
    return next(_dossier_faults(fields, full_2023, reception_always), "")


def row_fault(row: Fields) -> str:
    """The first fault of a progress row in the portal's words, or an empty string."""
    return next(_row_faults(row), "")


def _dossier_faults(fields: Fields, full_2023: bool, reception_always: bool) -> Iterator[str]:
    yield from _missing(fields, _MANDATORY + (_MANDATORY_2023 if full_2023 else ()))
    if full_2023:
        yield from (_lacks(name) for name in _LISTS_2023 if not fields.get(name))
    if not fields.get("NgayTiepNhan") and (reception_always or fields.get("TrangThaiHoSo") in _RECEIVED_STATES):
        yield _lacks("NgayTiepNhan")
    if fields.get("TrangThaiHoSo") in _ENDED_STATES and not fields.get("NgayKetThucXuLy"):
        yield _lacks("NgayKetThucXuLy")
    if fields.get("TrangThaiHoSo") == "3" and not fields.get("NgayTuChoi"):
        yield _lacks("NgayTuChoi")
    # The due date may be empty where no deadline applies, but the field itself is always said.
    if "NgayHenTra" not in fields:
        yield _lacks("NgayHenTra")
    yield from _shape_faults(fields)
    if not dossier_code_fits(str(fields["MaHoSo"])):
        yield _malformed("MaHoSo")
    if not procedure_code_fits(str(fields["MaTTHC"])):
        yield _malformed("MaTTHC")
    yield from (
        _malformed(name) for name, allowed in _CLOSED.items() if fields.get(name) and fields[name] not in allowed
    )
    yield from _bad_dates(fields, _DATES)
    yield from _part_faults(fields)
    if full_2023:
        yield from _faults_2023(fields)


def _shape_faults(fields: Fields) -> Iterator[str]:
    """Everything is a string except the lists and the few fields seen as null (1.4)."""
    for name, value in fields.items():
        if name in _LISTS:
            if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
                yield _malformed(name)
        elif value is None:
            if name not in _NULLABLE:
                yield _malformed(name)
        elif not isinstance(value, str):
            yield _malformed(name)
        elif len(value) > _LONGEST.get(name, len(value)):
            yield f"Trường {name} vượt quá {_LONGEST[name]} ký tự"


def _part_faults(fields: Fields) -> Iterator[str]:
    for file in _objects(fields, "TaiLieuNop"):
        yield from _missing(file, ("TenTepDinhKem", "IsDeleted"))
        if file["IsDeleted"] not in ("True", "False"):
            yield _malformed("IsDeleted")
    for fee in _objects(fields, "DanhSachLePhi"):
        yield from _missing(fee, ("TenPhiLePhi", "Gia"))
        if not (isinstance(fee["Gia"], str) and _AMOUNT.fullmatch(fee["Gia"])):
            yield _malformed("Gia")
    for result in _objects(fields, "DanhSachGiayToKetQua"):
        yield from _missing(result, ("TenGiayTo", "DuongDanTepTinKetQua"))
        # A result belongs to a dossier that has ended (2.6: "C (9/10)"); before that nothing can have been decided.
        if fields.get("TrangThaiHoSo") not in _ENDED_STATES:
            yield _malformed("DanhSachGiayToKetQua")
    for identity in _objects(fields, "DinhDanhCHS"):
        yield from _missing(identity, ("LoaiDinhDanh", "SoDinhDanh"))


def _faults_2023(fields: Fields) -> Iterator[str]:
    """What the generation of 2023 says more of its own fields (2.6, 2.6.1, 2.6.2)."""
    if fields.get("MaDoiTuong") and fields.get("KenhThucHien") != "2":
        yield _malformed("MaDoiTuong")
    for identity in _objects(fields, "DinhDanhCHS"):
        number, grammar = str(identity["SoDinhDanh"]), _IDENTITY.get(str(identity["LoaiDinhDanh"]))
        if grammar is None:
            yield _malformed("LoaiDinhDanh")
        elif not grammar.fullmatch(number):
            yield _malformed("SoDinhDanh")
    for database in _objects(fields, "DSKetNoiCSDL"):
        yield from _missing(database, ("MaCSDL",))
    for file in _objects(fields, "TaiLieuNop"):
        yield from (_malformed(name) for name, allowed in _CLOSED_IN_FILE.items() if file.get(name) not in allowed)
        if (file["DuocTaiSuDung"] == "2") != bool(file.get("MaKetQuaThayThe")):
            yield _malformed("MaKetQuaThayThe")
        if file["DuocSoHoa"] == "1" and file["IsDeleted"] == "False" and fields["HoSoCoThanhPhanSoHoa"] != "1":
            yield _malformed("HoSoCoThanhPhanSoHoa")
        if len(str(file["TenTepDinhKem"])) > _LONGEST_FILE_NAME:
            yield f"Trường TenTepDinhKem vượt quá {_LONGEST_FILE_NAME} ký tự"
    for fee in _objects(fields, "DanhSachLePhi"):
        yield from (_malformed(name) for name, allowed in _CLOSED_IN_FEE.items() if fee.get(name) not in allowed)


def _row_faults(row: Fields) -> Iterator[str]:
    yield from _missing(row, _MANDATORY_IN_ROW)
    yield from (_malformed(name) for name, value in row.items() if not isinstance(value, str))
    if len(str(row["NguoiXuLy"])) > _LONGEST_OFFICER:
        yield f"Trường NguoiXuLy vượt quá {_LONGEST_OFFICER} ký tự"
    if row["TrangThai"] not in STATES:
        yield _malformed("TrangThai")
    yield from _bad_dates(row, _DATES_IN_ROW)


def _missing(fields: Fields, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = fields.get(name)
        if value is None or value == "" or (isinstance(value, str) and not value.strip()):
            yield _lacks(name)


def _bad_dates(fields: Fields, names: Sequence[str]) -> Iterator[str]:
    return (_malformed(name) for name in names if fields.get(name) and portal_time(fields[name]) is None)


def _objects(fields: Fields, name: str) -> list[Fields]:
    value = fields.get(name)
    return value if isinstance(value, list) else []


def _lacks(name: str) -> str:
    return f"Thiếu trường {name}"


def _malformed(name: str) -> str:
    return f"Trường {name} không đúng định dạng"
