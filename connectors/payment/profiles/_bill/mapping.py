"""An order as the bill of PP and KeyPay v3, pure: whose account, which lines, who pays.

No signature covers a bill (payment facts 3.1), so what stands in it is checked before it is sent: the lines add up to the amount.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.kit.errors import CannotMap
from connectors.payment.model import FeeLine, Order
from connectors.payment.profiles._bill.messages import KhoanNop, PhiLePhi, ThongTinBienLai
from mappings.codes import FeeKind
from mappings.text import nfc, shorten

FEE_KINDS: Mapping[str, str] = {FeeKind.CHARGE.value: "1", FeeKind.FEE.value: "2"}
"""`LoaiPhiLePhi` by our kind of fee: 1 phí, 2 lệ phí; another client sends words, so it is configuration (facts 9)."""

_FEE = "2"  # MaDichVu: a fee of a procedure, not a fine
_LONGEST_NAME, _KEPT = 250, 200


def bill_of(order: Order, fee_kinds: Mapping[str, str]) -> ThongTinBienLai:
    """The bill of an order. Raises `CannotMap` for lines that do not add up, and for what a bill must have and is missing."""
    _checked(order, fee_kinds)
    name = shorten(nfc(order.procedure_name), _LONGEST_NAME, _KEPT)
    text = nfc(order.text)
    return ThongTinBienLai(
        MaDichVu=_FEE,
        MaDVC=order.service_code,
        TenDVC=name,
        MaTTHC=order.procedure_code,
        TenTTHC=name,
        MaDonVi=order.unit_code,
        TenDonVi=nfc(order.unit_name),
        MaHoSo=order.dossier_code,
        TKThuHuong=order.beneficiary.account,
        MaNHThuHuong=order.beneficiary.bank_code,
        TenTKThuHuong=nfc(order.beneficiary.account_name),
        PhiLePhi=tuple(_line(line, fee_kinds) for line in order.fee_lines),
        HoTenNguoiNop=nfc(order.payer.name),
        SoCMNDNguoiNop=order.payer.number,
        DiaChiNguoiNop=nfc(order.payer.address),
        NoiDungThanhToan=text,
        DSKhoanNop=tuple(KhoanNop(NoiDung=nfc(line.name), SoTien=str(line.amount)) for line in order.fee_lines),
    )


def _line(line: FeeLine, fee_kinds: Mapping[str, str]) -> PhiLePhi:
    return PhiLePhi(
        LoaiPhiLePhi=fee_kinds[line.kind.value],
        MaPhiLePhi=line.code,
        TenPhiLePhi=nfc(line.name),
        SoTien=str(line.amount),
    )


def _checked(order: Order, fee_kinds: Mapping[str, str]) -> None:
    if not order.fee_lines or any(line.amount <= 0 for line in order.fee_lines):
        raise CannotMap("Mỗi khoản nộp phải lớn hơn 0 và phải có ít nhất một khoản.")
    if sum(line.amount for line in order.fee_lines) != order.amount:
        raise CannotMap("Tổng các khoản phí, lệ phí không bằng số tiền phải nộp.")
    unknown = sorted({line.kind.value for line in order.fee_lines} - fee_kinds.keys())
    if unknown:
        raise CannotMap(f"Chưa khai mã loại khoản thu (fee_kinds) cho: {', '.join(unknown)}.")
    needed = {
        "tài khoản thụ hưởng": order.beneficiary.account,
        "mã ngân hàng thụ hưởng": order.beneficiary.bank_code,
        "tên tài khoản thụ hưởng": order.beneficiary.account_name,
        "họ tên người nộp": order.payer.name,
        "số giấy tờ người nộp": order.payer.number,
        "địa chỉ người nộp": order.payer.address,
        "nội dung thanh toán": order.text,
    }
    missing = [title for title, value in needed.items() if not value.strip()]
    if missing:
        raise CannotMap(f"Thông tin biên lai còn thiếu: {', '.join(missing)}.")
