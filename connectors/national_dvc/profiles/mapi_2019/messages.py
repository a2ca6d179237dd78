"""Wire types of the portal's dialect mapi-2019: one dossier of DongBoHoSoMC, in the order of the portal's own samples.

Source: national-portal facts 1.4 (conventions) and 2.6. Parts, rows and answers are those of every generation.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.national_dvc.profiles._mapi.messages import CoSoDuLieu, DinhDanh, GiayToKetQua, LePhi, TaiLieuNop


@dataclass(frozen=True, slots=True)
class HoSo:
    """One dossier of `DongBoHoSoMC` (facts 2.6): mandatory fields first, in the order of the portal's own samples."""

    MaHoSo: str
    MaTTHC: str
    TenTTHC: str
    MaLinhVuc: str
    TenLinhVuc: str
    KenhThucHien: str
    ChuHoSo: str
    LoaiDoiTuong: str
    TrichYeuHoSo: str
    TrangThaiHoSo: str
    HinhThuc: str
    DonViXuLy: str
    NoiNopHoSo: str
    NgayTiepNhan: str = ""
    NgayHenTra: str = ""
    NgayNopHoSo: str = ""
    NgayKetThucXuLy: str = ""
    NgayTra: str = ""
    NgayTuChoi: str = ""
    SoBienNhan: str = ""
    SoGiayToChuHoSo: str = ""
    MaDoiTuong: str | None = None
    ThongTinKhac: str = ""
    Email: str = ""
    Fax: str = ""
    SoDienThoai: str = ""
    ThongTinTra: str = ""
    GhiChu: str = ""
    HoSoCoThanhPhanSoHoa: str = "0"
    TaiKhoanDuocXacThucVoiVNeID: str = "0"
    DuocThanhToanTrucTuyen: str = "0"
    DinhDanhCHS: tuple[DinhDanh, ...] = ()
    DSKetNoiCSDL: tuple[CoSoDuLieu, ...] = ()
    TaiLieuNop: tuple[TaiLieuNop, ...] = ()
    DanhSachLePhi: tuple[LePhi, ...] = ()
    DanhSachTepDinhKemKhac: tuple[str, ...] = ()
    DanhSachHoSoBoSung: tuple[str, ...] = ()
    DanhSachGiayToKetQua: tuple[GiayToKetQua, ...] = ()


MANDATORY = (
    "MaHoSo",
    "MaTTHC",
    "TenTTHC",
    "MaLinhVuc",
    "TenLinhVuc",
    "KenhThucHien",
    "ChuHoSo",
    "LoaiDoiTuong",
    "TrichYeuHoSo",
    "TrangThaiHoSo",
    "HinhThuc",
    "DonViXuLy",
    "NoiNopHoSo",
)
"""Fields of `HoSo` that are never empty (facts 2.6, column M; dates depend on the status)."""
