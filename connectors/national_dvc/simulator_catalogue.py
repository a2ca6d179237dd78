"""The simulated portal's catalogues, with the quirks that clients met, and how they change between two looks.

`MAPHILEPHI` is "1'" or "2'" with an apostrophe, `SOTIEN` may be the word "Không" or dotted thousands, and texts end in
blanks. Source: national-portal facts 2.1, 2.2 and example 04.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.national_dvc.simulator_score import Duration

Row = dict[str, Any]  # A raw catalogue row: the wire is an open map of mixed shapes.


class ListedProcedure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A procedure as the options list it. `days` are working days; `fee` is in đồng, 0 for none."""

    code: str
    name: str
    field_code: str = "G16-XX01"
    field_name: str = "Lĩnh vực ví dụ"
    days: int = 5
    fee: int = 0
    public: bool = True
    result_code: str = "KQ.G16.000001"
    result_name: str = "Giấy phép"


def catalogue_of(procedures: Iterable[ListedProcedure], raw: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """The catalogue by `MATTHC`: rows generated from the list, then raw rows as they are given."""
    rows = {entry.code: catalogue_row(entry) for entry in procedures}
    rows.update((str(row.get("MATTHC", "")).strip(), dict(row)) for row in raw)
    return rows


def listing(rows: Iterable[Row]) -> list[Row]:
    """What `LayDanhSachTTHC` shows of the published ones: code and name only (facts 2.1)."""
    return [
        {"MATTHC": row.get("MATTHC", ""), "TENTTHC": row.get("TENTTHC", "")}
        for row in rows
        if str(row.get("TRANGTHAI", "")) == "1"
    ]


SHARED_LISTS = (
    *("LayDanhMucCoQuan", "LayDanhMucLinhVuc", "LayDanhMucDoiTuong", "LayDanhMucCapThucHien", "LayDanhMucCanCuPhapLy"),
    *("LayDanhMucLePhi", "LayDanhMucTinhThanh", "LayDanhMucQuanHuyen", "LayDanhMucPhuongXa", "LayDanhMucQuocGia"),
    *("LayDanhMucDanToc", "LayDanhMucTonGiao", "LayDanhMucTinhTrangHonNhan", "LayDanhMucGioiTinh"),
    *("LayDanhMucThuTucThuocLoai", "LayDanhMucNhomThuTuc", "LayQDCB"),
)
"""The lists beside that of procedures (facts 2.0)."""

DEFAULT_LISTS: Mapping[str, tuple[Row, ...]] = {
    "LayDanhMucCoQuan": (
        {"MADONVI": "000.00.00.G16", "TENDONVI": "Bộ Văn hóa, Thể thao và Du lịch ", "CAPDONVI": 1},
        {"MADONVI": "000.00.05.G16", "TENDONVI": "Cục Du lịch Quốc gia Việt Nam", "CAPDONVI": 2},
    ),
    "LayDanhMucLinhVuc": (
        {"MALINHVUC": "G16-LH01", "TENLINHVUC": "Lữ hành ", "MANGANH": "000.00.00.g16"},
        {"MALINHVUC": "G03-GD10", "TENLINHVUC": "Giáo dục", "MANGANH": "000.00.00.G03"},
    ),
    "LayDanhMucGioiTinh": ({"MA": "1", "TEN": "Nam"}, {"MA": "2", "TEN": "Nữ"}),
    # The district level ended on 01/07/2025 (facts 2.0).
    "LayDanhMucQuanHuyen": (),
}
"""What the lists hold unless the options say otherwise: two agencies, a field of ours and one of another ministry."""


class CatalogueChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happens to the catalogues between two looks; codes of procedures that are not there are passed over."""

    add: tuple[ListedProcedure, ...] = ()
    remove: tuple[str, ...] = ()
    rename: Mapping[str, str] = {}
    hide: tuple[str, ...] = ()
    show: tuple[str, ...] = ()
    lists: Mapping[str, tuple[Row, ...]] = {}


def change_procedures(rows: dict[str, Row], change: CatalogueChange) -> None:
    """Apply a change to the procedures, in place."""
    rows.update(catalogue_of(change.add, ()))
    for code in change.remove:
        rows.pop(code, None)
    for code, name in change.rename.items():
        if code in rows:
            rows[code] = {**rows[code], "TENTTHC": name}
    for codes, public in ((change.hide, 0), (change.show, 1)):
        for code in codes:
            if code in rows:
                rows[code] = {**rows[code], "TRANGTHAI": public}


def durations(row: Row) -> Iterable[Duration]:
    """The legal durations over all channels of a procedure, trimmed; what is not a number is passed over."""
    for channel in row.get("CACHTHUCTHUCHIEN", ()):
        for term in channel.get("THOIGIAN", ()):
            amount = str(term.get("THOIGIANGIAIQUYET", "")).strip()
            if amount.isdigit():
                yield Duration(int(amount), str(term.get("DONVITINH", "")).strip())


def catalogue_row(entry: ListedProcedure) -> Row:
    """A full `LayThuTuc` row of a listed procedure, quirks included."""
    charges = [_charge("1'", f"{entry.fee:,}".replace(",", "."), "Đồng"), _charge("2'", "Không", "")]
    return {
        "ID": str(int.from_bytes(entry.code.encode()[-3:], "big")),
        "MATTHC": entry.code,
        "TENTTHC": f"{entry.name} ",
        "LOAITTHC": "TTHC được luật giao quy định chi tiết",
        "TRANGTHAI": 1 if entry.public else 0,
        "MACOQUANCONGBO": "G16",
        "LINHVUCTHUCHIEN": [{"MALINHVUC": entry.field_code, "TENLINHVUC": f"{entry.field_name} "}],
        "COQUANTHUCHIEN": [{"MADONVI": "000.00.00.G16", "TENDONVI": "Bộ Văn hóa, Thể thao và Du lịch"}],
        "TRINHTUTHUCHIEN": [{"TRUONGHOP": "", "TRINHTU": [{"TENTRINHTU": "Bước 1: Nộp hồ sơ"}]}],
        "CACHTHUCTHUCHIEN": [
            _channel("1", str(entry.days), "Ngày làm việc ", charges if entry.fee else charges[1:]),
            _channel("2", entry.days, "Ngày làm việc", charges[1:]),
            _channel("3", str(entry.days), "Ngày làm việc", [_charge("2'", "", "")]),
        ],
        "THANHPHANHOSO": [
            {
                "TRUONGHOP": "Cấp mới",
                "GIAYTO": [
                    {
                        "MAGIAYTO": "000.00.00.G16-KQ000001",
                        "TENGIAYTO": "Đơn đề nghị ",
                        "SOBANSAO": "0",
                        "TENMAUDON": "",
                        "URL": "",
                    }
                ],
            }
        ],
        "KETQUATHUCHIEN": [{"MAKETQUA": entry.result_code, "TENKETQUA": f"{entry.result_name} "}],
        "DOITUONGTHUCHIEN": [{"TENDOITUONG": "Công dân Việt Nam"}],
        "CANCUPHAPLY": [{"SOVANBAN": "", "TENVANBAN": ""}],
        "YEUCAU": "",
        "MOTADOITUONGTHUCHIEN": "",
    }


def _channel(code: str, amount: str | int, unit: str, charges: list[Row]) -> Row:
    term = {"THOIGIANGIAIQUYET": amount, "DONVITINH": unit, "MOTA": "", "PHILEPHI": charges}
    return {"KENH": code, "THOIGIAN": [term]}


def _charge(code: str, amount: str, unit: str) -> Row:
    return {"MAPHILEPHI": code, "SOTIEN": amount, "DONVI": unit, "MOTA": "", "URL": ""}
