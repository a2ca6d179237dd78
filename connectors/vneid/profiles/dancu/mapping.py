"""Canonical to population database and back, pure: a question becomes a request, a record becomes places of a person.

Identity facts 2.4 (requests), 2.6 (answers), 3.3 (dates). Nothing is invented: what the register does not say has no place, a
birth is never filled up with 01/01, a code that no list knows says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files

from connectors.kit.errors import CannotMap, Finding
from connectors.vneid.profiles.dancu.messages import (
    ChuHo,
    CongDan,
    CongdanCollection,
    DanToc,
    DiaChi,
    HoTen,
    KetQuaXacThuc,
    MessageUnreadable,
    NgaySinh,
    NguoiThan,
    TonGiao,
    Tree,
)
from connectors.vneid.profiles.dancu.rules import WIRE_NAMES, RequestRules
from mappings.identity import PersonFields
from mappings.names import joined_name, wire_name
from mappings.partial_date import PartialDate
from mappings.tables import CodeTable, load_table
from mappings.text import nfc

_LIMITS = {"MaYeuCau": 40, "MaDVC": 20, "MaDonVi": 35, "MaCanBo": 20, "TaiKhoan": 100, "HoVaTen": 100}
"""Lengths of the published field table (facts 2.4, S7)."""
_ERROR_NAME = re.compile(r"loi|error|fault|exception", re.IGNORECASE)
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_ADDRESSES = {
    "birth_registration": "NoiDangKyKhaiSinh",
    "home_town": "QueQuan",
    "permanent_address": "ThuongTru",
    "current_address": "NoiOHienTai",
}
_RELATIVES = {"father": "Cha", "mother": "Me", "spouse": "VoChong", "representative": "NguoiDaiDien"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it concerns the wire. `operation` is a name of ours; the three about the person come as text."""

    operation: str
    full_name: str = field(repr=False)
    personal_id: str = field(repr=False)
    cmnd: str = field(repr=False)
    birth: str = field(repr=False)
    request_id: str
    procedure_code: str
    unit: str
    officer: str
    officer_account: str = ""


def request(asked: Asked, rules: RequestRules) -> Tree:
    """The fields of a request in the order of the wire, WSDL names; raises `CannotMap` with every finding at once."""
    findings: list[Finding] = []
    values = {
        **_who_and_why(asked, rules),
        "MaTichHop": rules.integration_codes.get(asked.operation, ""),
        **_number(asked, findings),
        "HoVaTen": _name(asked, rules, findings),
        **_birth(asked, rules, findings),
    }
    findings += _unfit(values, asked, rules)
    if findings:
        raise CannotMap("Câu hỏi chưa đủ hoặc chưa đúng để gửi tới CSDLQG về dân cư.", findings=tuple(findings))
    return {name: values[name] for name in rules.field_order if name in values}


def verdict(answer: KetQuaXacThuc) -> bool:
    """Whether what was said fits; raises `MessageUnreadable` for what is no xs:boolean."""
    if answer.TonTai in _TRUE:
        return True
    if answer.TonTai in _FALSE:
        return False
    raise MessageUnreadable("TonTai không phải giá trị đúng hoặc sai.")


def people(answer: CongdanCollection, asked: Asked, at: date) -> tuple[PersonFields, ...]:
    """Everybody who was found; nobody, when nobody fits (facts 2.6, "Not found").

    A look-up needs a name, as the known clients demand. A record of another person than the one who was asked for raises
    `MessageUnreadable`: a mixed-up answer must never become somebody's data. A household names all of its members.
    """
    found = [person for person in (person_fields(one, at) for one in answer.CongDan) if person]
    if asked.operation == "household":
        return tuple(found)
    if asked.operation == "look_up":
        found = [person for person in found if person.get("full_name")]
    mine = [person for person in found if _is(person, asked)]
    if found and not mine:
        raise MessageUnreadable("Câu trả lời là của người khác với người được hỏi.")
    if len(mine) > 1:
        raise MessageUnreadable("Câu trả lời có nhiều người cho một câu hỏi về một người.")
    return tuple(mine)


def refuse_error(tree: object) -> None:
    """Raises `MessageUnreadable` where an error stands beside a yes or no: then neither was said of anybody.

    Other elements are left alone; an error code of zeros says that there was none.
    """
    if isinstance(tree, dict) and any(
        _ERROR_NAME.search(name) and (isinstance(held, dict | list) or str(held or "").strip(" 0"))
        for name, held in tree.items()
    ):
        raise MessageUnreadable("KetQuaXacThuc kèm một lỗi.")


def refuse_vague(tree: object) -> None:
    """Raises `MessageUnreadable` where a collection that names nobody says something else: then it does not say "nobody".

    Only an empty one, or records without anything that is known of a person, mean that nobody fits (facts 2.6); an error of a
    stub or a gateway in its place, words, or a count of people who are not there, leave open what the register knows.
    """
    if not isinstance(tree, dict):
        return
    records = tree.get("CongDan", [])
    strange = [name for name, held in tree.items() if name[0] != "@" and name != "CongDan" and str(held or "").strip()]
    if strange or (not records and str(tree.get("@SoCongDan") or "0").strip(" 0")):
        raise MessageUnreadable("CongdanCollection không có công dân nào mà lại nói điều khác.")
    known = frozenset(CongDan.__struct_fields__)
    if any(isinstance(one, dict) and one and not known & frozenset(one) for one in records):
        raise MessageUnreadable("CongDan không có phần tử nào đã biết.")


def person_fields(record: CongDan | str, at: date) -> dict[str, str]:
    """What a record says, by the places of `mappings.identity.PERSON_FIELDS`; empty values have no place."""
    if isinstance(record, str):
        if record:
            raise MessageUnreadable("CongDan chứa chữ thay vì phần tử con.")
        return {}
    places = {
        "personal_id": record.SoDinhDanh,
        "cmnd": record.SoCMND,
        "full_name": _full_name(record.HoVaTen),
        "sex": _word("sex", record.GioiTinh, at),
        "birth": birth_of(record.NgayThangNamSinh),
        "nationality": record.QuocTich,
        "ethnic_group": record.DanToc.MaDanToc if isinstance(record.DanToc, DanToc) else record.DanToc,
        "religion": record.TonGiao.MaTonGiao if isinstance(record.TonGiao, TonGiao) else record.TonGiao,
        "blood_group": _word("blood_group", record.NhomMau, at),
        "marital_status": _word("marital_status", record.TinhTrangHonNhan, at),
        **{
            f"{place}.{part}": value
            for place, name in _ADDRESSES.items()
            for part, value in _address(getattr(record, name))
        },
        **{
            f"{place}.{part}": value
            for place, name in _RELATIVES.items()
            for part, value in _relative(getattr(record, name))
        },
        **{f"head_of_household.{part}": value for part, value in _head(record.ChuHo)},
        "household_book": record.SoSoHoKhau,
    }
    return {place: nfc(value.strip()) for place, value in places.items() if value and value.strip()}


def birth_of(said: NgaySinh | str | None) -> str:
    """A birth as far as the register knows it (facts 3.3): the date, else the year; zeros in a date stand for unknown parts.

    Raises `MessageUnreadable` for what is no date, and where year and date contradict each other.
    """
    if said is None or isinstance(said, str):
        said = NgaySinh(NgayThangNam=said or "")
    year, day = (said.Nam or "").strip(), (said.NgayThangNam or "").strip()
    if not (year or day):
        return ""
    try:
        born = PartialDate.parse(_without_zeros(day or year))
        stated = PartialDate.parse(year or day[:4])
    except ValueError:
        raise MessageUnreadable("NgayThangNamSinh không phải ngày, tháng, năm sinh.") from None
    if born.year != stated.year:
        raise MessageUnreadable("NgayThangNamSinh tự mâu thuẫn giữa năm và ngày.")
    return str(born)


def _who_and_why(asked: Asked, rules: RequestRules) -> dict[str, str]:
    """Who asks for which procedure (facts 2.10)."""
    officers = {
        "account": asked.officer_account or asked.officer,
        "officer": asked.officer,
        "constant": rules.officer_constant,
    }
    optional = {
        "MaDonVi": rules.unit_code or asked.unit,
        "TaiKhoan": asked.officer_account or asked.officer,
        "SoDienThoai": rules.officer_phone,
    }
    return {
        "MaYeuCau": asked.request_id,
        "MaDVC": rules.procedure_code or asked.procedure_code,
        "MaCanBo": officers[rules.officer_id_source],
        **{name: optional[name] for name in rules.send_fields},
    }


def _number(asked: Asked, findings: list[Finding]) -> dict[str, str]:
    """One of the two numbers, by its length; the personal number where both are known (facts 1.4, 2.4)."""
    for name, place, value, size in (
        ("SoDinhDanh", "personal_id", asked.personal_id, 12),
        ("SoCMND", "cmnd", asked.cmnd, 9),
    ):
        if value:
            if not (value.isascii() and value.isdigit() and len(value) == size):
                findings.append(_finding("number_malformed", f"/fields/{place}", f"Số phải gồm đúng {size} chữ số."))
            return {name: value}
    findings.append(_finding("missing_number", "/fields/personal_id", "Thiếu số định danh cá nhân hoặc số CMND."))
    return {}


def _name(asked: Asked, rules: RequestRules, findings: list[Finding]) -> str:
    name = wire_name(asked.full_name, rules.name_form)
    if not name:
        findings.append(_finding("missing_name", "/fields/full_name", "Thiếu họ và tên viết được bằng chữ Việt."))
    return name


def _birth(asked: Asked, rules: RequestRules, findings: list[Finding]) -> dict[str, Tree]:
    """The year alone, or as much of the date as is known; exactly one of the two (facts 2.4)."""
    try:
        born = PartialDate.parse(asked.birth)
    except ValueError:
        sentence = "Thiếu ngày sinh, hoặc không theo dạng yyyy, yyyy-MM, yyyy-MM-dd."
        findings.append(_finding("birth_malformed", "/fields/birth", sentence))
        return {}
    if born.month is None:
        return {"NgayThangNamSinh": {"Nam": str(born)}}
    written = str(born) if rules.date_form == "dashed" else str(born).replace("-", "")
    return {"NgayThangNamSinh": {"NgayThangNam": written}}


def _unfit(values: Mapping[str, object], asked: Asked, rules: RequestRules) -> Iterator[Finding]:
    """What must be there and fit, but for the person: who asks, why, and within which licence."""
    pointers = {
        "MaYeuCau": "/request_id",
        "MaDVC": "/procedure_code",
        "MaCanBo": "/officer",
        "MaDonVi": "/unit",
        "TaiKhoan": "/officer_account",
        "HoVaTen": "/fields/full_name",
    }
    for name, pointer in pointers.items():
        value = str(values.get(name, "-"))
        if not value.strip() and name != "HoVaTen":
            yield _finding("missing", pointer, f"Thiếu {name}: ai hỏi, vì thủ tục nào phải được nêu.")
        elif len(value) > _LIMITS[name]:
            yield _finding("too_long", pointer, f"{name} dài hơn {_LIMITS[name]} ký tự.")
    if not values["MaTichHop"] or asked.operation not in WIRE_NAMES:
        yield _finding("operation_off", "/operation", "Thao tác chưa được bật hoặc chưa có mã tích hợp.")
    if rules.licensed_procedures and values["MaDVC"] not in rules.licensed_procedures:
        yield _finding("not_licensed", "/procedure_code", "Thủ tục chưa được cấp phép khai thác CSDLQG về dân cư.")


def _is(person: PersonFields, asked: Asked) -> bool:
    """Whether a record may be of the person asked for: no number of the same kind says otherwise."""
    pairs = ((asked.personal_id, "personal_id"), ("" if asked.personal_id else asked.cmnd, "cmnd"))
    return all(not mine or person.get(place, mine) == mine for mine, place in pairs)


def _full_name(said: HoTen | str | None) -> str:
    if isinstance(said, HoTen):
        return joined_name(*(part for part in (said.Ho, said.ChuDem, said.Ten) if part))
    return joined_name(said or "")


def _address(said: DiaChi | str | None) -> Iterator[tuple[str, str | None]]:
    if isinstance(said, DiaChi):
        yield "province_code", said.MaTinhThanh
        yield "district_code", said.MaQuanHuyen
        yield "commune_code", said.MaPhuongXa
        yield "unit_code", said.MaDonViHanhChinh
        yield "detail", said.ChiTiet
        yield "country", said.QuocGia
    elif said:
        yield "detail", said


def _relative(said: NguoiThan | str | None) -> Iterator[tuple[str, str | None]]:
    if isinstance(said, NguoiThan):
        yield "full_name", _full_name(said.HoVaTen)
        yield "personal_id", said.SoDinhDanh
        yield "cmnd", said.SoCMND
        yield "nationality", said.QuocTich
    elif said:
        yield "full_name", joined_name(said)


def _head(said: ChuHo | str | None) -> Iterator[tuple[str, str | None]]:
    if isinstance(said, ChuHo):
        yield "full_name", _full_name(said.HoVaTen)
        yield "personal_id", said.SoDinhDanh
        yield "cmnd", said.SoCMND
        yield "nationality", said.QuocTich
        yield "relation", said.QuanHe
    elif said:
        yield "full_name", joined_name(said)


def _without_zeros(day: str) -> str:
    """A date of eight or six digits, or the same with dashes, without the parts that are zero: 19900000 says 1990."""
    digits = day.replace("-", "")
    while len(digits) > 4 and digits.endswith("00"):
        digits = digits[:-2]
    return digits if digits != day.replace("-", "") else day


def _word(place: str, code: str | None, at: date) -> str:
    return "" if not (code or "").strip() else _codes().find(place, str(code).strip(), at=at)["word"]


@cache
def _codes() -> CodeTable:
    return load_table("codes", files("connectors.vneid.profiles.dancu"), ("field", "code"))


def _finding(code: str, pointer: str, message_vi: str) -> Finding:
    return Finding(code, pointer, message_vi)
