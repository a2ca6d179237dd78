"""The simulated portal's catalogue of procedures, with the quirks that clients met.

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
