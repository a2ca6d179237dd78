"""The bill that PP and KeyPay v3 ask for, named as the wire names it (payment facts 3.1 and 3.2: the same Vietnamese names).

All from code. Money is đồng without scale, as text. No signature of either intermediary covers a bill.
"""

from __future__ import annotations

import msgspec


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type of the wire; its `repr` says no value, since bills name persons."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class PhiLePhi(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the fee [code]: `LoaiPhiLePhi` 1 phí, 2 lệ phí (another client sends a word)."""

    LoaiPhiLePhi: str
    MaPhiLePhi: str
    TenPhiLePhi: str
    SoTien: str


class KhoanNop(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """What is paid, in words [code]."""

    NoiDung: str
    SoTien: str


class ThongTinBienLai(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The bill [code]; no signature covers it. `MaDichVu` 2: a fee of a procedure."""

    MaDichVu: str
    MaDVC: str
    TenDVC: str
    MaTTHC: str
    TenTTHC: str
    MaDonVi: str
    TenDonVi: str
    MaHoSo: str
    TKThuHuong: str
    MaNHThuHuong: str
    TenTKThuHuong: str
    PhiLePhi: tuple[PhiLePhi, ...]
    HoTenNguoiNop: str
    SoCMNDNguoiNop: str
    DiaChiNguoiNop: str
    NoiDungThanhToan: str
    DSKhoanNop: tuple[KhoanNop, ...]
    HuyenNguoiNop: str = ""
    TinhNguoiNop: str = ""
