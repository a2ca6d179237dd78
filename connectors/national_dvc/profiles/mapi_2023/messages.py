"""Wire types of the portal's dialect mapi-2023: the dossier with the fields that the service-quality indicators read.

Source: national-portal facts 2.6 (column M, marks "2023"), 5.4 (which indicator reads which field), example 02. Parts, rows
and answers are those of every generation. What is mandatory here has no default: a mapping must say it.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.national_dvc.profiles._mapi.messages import CoSoDuLieu, DinhDanh, GiayToKetQua, LePhi, TaiLieuNop


@dataclass(frozen=True, slots=True)
class HoSo:
    """One dossier of `DongBoHoSoMC` in the generation of 2023 (facts 2.6), in the order of example 02.

    Conditional dates are "" where their condition does not hold; `DinhDanhCHS` and `DSKetNoiCSDL` are never empty.
    """

    MaHoSo: str
    MaTTHC: str
    TenTTHC: str
    MaLinhVuc: str
    TenLinhVuc: str
    SoBienNhan: str
    KenhThucHien: str
    SoGiayToChuHoSo: str
    ChuHoSo: str
    LoaiDoiTuong: str
    MaDoiTuong: str | None
    ThongTinKhac: str
    Email: str
    Fax: str
    SoDienThoai: str
    TrichYeuHoSo: str
    NgayNopHoSo: str
    NgayTiepNhan: str
    NgayHenTra: str
    TrangThaiHoSo: str
    NgayTra: str
    HinhThuc: str
    NgayKetThucXuLy: str
    NgayTuChoi: str
    DonViXuLy: str
    GhiChu: str
    NoiNopHoSo: str
    HoSoCoThanhPhanSoHoa: str
    TaiKhoanDuocXacThucVoiVNeID: str
    DuocThanhToanTrucTuyen: str
    DinhDanhCHS: tuple[DinhDanh, ...]
    DSKetNoiCSDL: tuple[CoSoDuLieu, ...]
    TaiLieuNop: tuple[TaiLieuNop, ...]
    DanhSachLePhi: tuple[LePhi, ...]
    DanhSachGiayToKetQua: tuple[GiayToKetQua, ...]
    ThongTinTra: str = ""
    DanhSachTepDinhKemKhac: tuple[str, ...] = ()
    DanhSachHoSoBoSung: tuple[str, ...] = ()


MANDATORY = (
    *("MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "KenhThucHien", "SoGiayToChuHoSo", "ChuHoSo"),
    *("LoaiDoiTuong", "TrichYeuHoSo", "NgayNopHoSo", "TrangThaiHoSo", "HinhThuc", "DonViXuLy", "NoiNopHoSo"),
    *("HoSoCoThanhPhanSoHoa", "TaiKhoanDuocXacThucVoiVNeID", "DuocThanhToanTrucTuyen"),
)
"""Fields of `HoSo` that are never empty (facts 2.6, columns M and M (2023); other dates depend on the status)."""

MANDATORY_LISTS = ("DinhDanhCHS", "DSKetNoiCSDL")
"""Lists of `HoSo` with at least one item."""
