"""Bills of fees (ThongTinBienLai, bill_info) as the simulated PP and KeyPay check, keep and show them (payment facts 3.1).

No signature covers a bill: a hop on the way may change one, which is what `other_beneficiary` plays (abuse case A22).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.payment import simulator_wire as wire
from connectors.payment.simulator_wire import Refusal

_ALWAYS = (
    *("MaDichVu", "TKThuHuong", "MaNHThuHuong", "TenTKThuHuong", "HoTenNguoiNop", "SoCMNDNguoiNop", "DiaChiNguoiNop"),
    *("NoiDungThanhToan",),
)
_OF_FEES = ("MaDVC", "TenDVC", "MaTTHC", "TenTTHC", "MaDonVi", "TenDonVi", "MaHoSo")
_OF_FINES = (
    *("MaLoaiHinhThuPhat", "TenLoaiHinhThuPhat", "MaCoQuanQD", "TenCoQuanQD", "KhoBac", "NgayQD", "SoQD"),
    *("ThoiGianViPham", "DiaDiemViPham", "TenNguoiViPham"),
)
_OPTIONAL = ("HuyenNguoiNop", "TinhNguoiNop", "TaiKhoanThuNSNN")
_LINE = ("LoaiPhiLePhi", "MaPhiLePhi", "TenPhiLePhi", "SoTien")


def checked_bill(told: object, amount: int, code: str) -> dict[str, Any]:
    """A bill whose lines sum to `amount`; raises `Refusal(code)` naming what is missing or wrong."""
    if not isinstance(told, dict):
        raise Refusal(code, "missing ThongTinBienLai")
    kind = wire.as_text(told, "MaDichVu", code, "1|2")
    needed = (*_ALWAYS, *(_OF_FEES if kind == "2" else _OF_FINES))
    wire.only(told, (*needed, *_OPTIONAL, "PhiLePhi", "DSKhoanNop"), code)
    for name in needed:
        wire.as_text(told, name, code, r"(?s).{1,500}")
    if len(told.get("TenTTHC", "")) > 250:
        raise Refusal(code, "TenTTHC is too long")
    parts = _lines(told, "DSKhoanNop", ("NoiDung", "SoTien"), code)
    sums = [sum(int(line["SoTien"]) for line in parts)]
    if kind == "2":
        lines = _lines(told, "PhiLePhi", _LINE, code)
        sums.append(sum(int(line["SoTien"]) for line in lines))
    if any(one != amount for one in sums):
        raise Refusal(code, "the lines do not sum to SoTien")
    return dict(told)


def other_beneficiary(bill: Mapping[str, Any]) -> dict[str, Any]:
    """The bill with somebody else's account."""
    return {**bill, "TKThuHuong": "0009999999999", "TenTKThuHuong": "KHACH LA"}


def pdf_of(ref: str, amount: int) -> bytes:
    """A bill as a PDF of one line."""
    text = f"BIEN LAI {ref} {amount} VND".encode("ascii", "replace")
    stream = b"BT /F1 12 Tf 72 720 Td (" + text + b") Tj ET"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    out, places = b"%PDF-1.4\n", list[int]()
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


def _lines(told: Mapping[str, Any], name: str, fields: tuple[str, ...], code: str) -> list[dict[str, str]]:
    lines = told.get(name)
    if not isinstance(lines, list) or not lines:
        raise Refusal(code, f"missing {name}")
    for line in lines:
        if not isinstance(line, dict):
            raise Refusal(code, f"invalid {name}")
        wire.only(line, fields, code)
        for each in fields:
            wire.as_text(line, each, code)
        wire.as_digits(line, "SoTien", code)
    return lines
