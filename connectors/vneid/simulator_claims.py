"""What the simulated providers claim of an account: about 33 Vietnamese claims of CDVCQG, ten thin ones of VNeID.

Real names from identity facts 1.4, quirks of the product from 1.5: numbers as text, several values joined into one text,
structures as JSON text, claims left out or empty where the account holds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connectors.vneid.simulator_persons import Address, Person, Relative, SignOnAccount

Claims = dict[str, Any]
Numbers = Literal["string", "number"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How claims are written: numbers as text or not, what joins several values ("" for an array), empty claims or none."""

    numbers: Numbers = "string"
    separator: str = ","
    blanks: bool = True
    dates: Literal["compact", "dashed"] = "compact"
    structures: Literal["text", "object"] = "text"


def cdvcqg_claims(person: Person, account: SignOnAccount, dialect: Dialect) -> Claims:
    """Userinfo of the national portal's sign-on."""
    organisation = account.kind == "2"
    claims: Claims = {
        "TechID": person.tech_id,
        "LoaiTaiKhoan": _number(account.kind, dialect),
        "SoDinhDanh": "" if organisation else person.personal_id,
        "SoCMND": "" if organisation else person.cmnd,
        "HoChieu": "",
        "MaBHXH": "",
        "HoVaTen": person.full_name,
        "ThuDienTu": account.email,
        "SoDienThoai": account.phone,
        "SoDienThoaiBan": "",
        "GioiTinh": _number(person.sex, dialect),
        "DanToc": person.ethnic_group,
        "TonGiao": person.religion,
        "NhomMau": person.blood_group,
        "TinhTrangHonNhan": _number(person.marital_status, dialect),
        "NgayThangNamSinh": _date(person.birth, dialect),
        "NoiDangKyKhaiSinh": _address(person.birth_registration, dialect),
        "QueQuan": _address(person.home_town, dialect),
        "ThuongTru": _address(person.permanent_address, dialect),
        "NoiOHienNay": _address(person.current_address, dialect),
        "QuocTich": person.nationality,
        "Cha": _relative(person.father, dialect),
        "Me": _relative(person.mother, dialect),
        "VoChong": _relative(person.spouse, dialect),
        "NguoiDaiDien": _relative(person.representative, dialect),
        "ChuHo": _relative(person.head_of_household, dialect),
        "TrangThai": "1",
        "loAs": _several(levels(account), dialect),
        "MaSoThue": account.tax_code,
        "MaSoDoanhNghiep": account.enterprise_code,
        "TenDoanhNghiep": account.organisation,
        "DiaChi": account.address,
    }
    return claims if dialect.blanks else {name: value for name, value in claims.items() if value not in ("", {}, [])}


def vneid_claims(person: Person, account: SignOnAccount, addresses: Mapping[str, str]) -> Claims:
    """Userinfo of VNeID itself. `addresses` holds `userProfileUri` and `logoutUri`.

    An organisation's claims are [assumed] to be those of CDVCQG beside the thin ones (identity facts 1.4).
    """
    claims: Claims = {
        "LoaiTaiKhoan": int(account.kind),
        "SoDinhDanh": "" if account.kind == "2" else person.personal_id,
        "HoVaTen": person.full_name,
        "NgayThangNamSinh": person.birth.replace("-", ""),
        "TechID": person.tech_id,
        "loAs": ",".join(levels(account)),
        "IAL": account.level,
        **addresses,
    }
    if account.kind == "2":
        claims |= {
            "MaSoThue": account.tax_code,
            "MaSoDoanhNghiep": account.enterprise_code,
            "TenDoanhNghiep": account.organisation,
        }
    return claims


def levels(account: SignOnAccount) -> list[str]:
    """The levels that the account reaches, lowest first."""
    return [f"LoA{level}" for level in range(1, account.level + 1)]


def _number(text: str, dialect: Dialect) -> str | int:
    return int(text) if dialect.numbers == "number" and text.isdigit() else text


def _several(values: list[str], dialect: Dialect) -> str | list[str]:
    return dialect.separator.join(values) if dialect.separator else values


def _date(birth: str, dialect: Dialect) -> str:
    return birth.replace("-", "") if dialect.dates == "compact" else birth


def _address(address: Address | None, dialect: Dialect) -> object:
    if address is None:
        return ""
    return _structure(
        {
            "MaTinhThanh": address.province,
            "MaPhuongXa": address.commune,
            "ChiTiet": address.detail,
            "QuocGia": address.country,
        },
        dialect,
    )


def _relative(relative: Relative | None, dialect: Dialect) -> object:
    if relative is None:
        return ""
    named = {"HoVaTen": relative.full_name, "SoDinhDanh": relative.personal_id, "SoCMND": relative.cmnd}
    return _structure({**({"QuanHe": relative.relation} if relative.relation else {}), **named}, dialect)


def _structure(tree: dict[str, str], dialect: Dialect) -> object:
    return tree if dialect.structures == "object" else json.dumps(tree, ensure_ascii=False)
