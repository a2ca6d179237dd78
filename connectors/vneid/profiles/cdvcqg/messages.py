"""The claims of the national portal's userinfo, named as it names them (identity facts 1.4 [code S1, S2])."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.vneid.profiles._claims.names import ClaimNames, ClaimSet

CLAIMS: Mapping[str, str] = {
    "sub": "tên người dùng trong sản phẩm; không dùng làm khóa",
    "TechID": "mã kỹ thuật cố định của tài khoản: khóa để ghép tài khoản",
    "LoaiTaiKhoan": "1 công dân, 2 doanh nghiệp hoặc tổ chức; chuỗi hoặc số",
    "SoDinhDanh": "số định danh cá nhân, 12 chữ số; có thể trống ở tài khoản cũ",
    "SoCMND": "số CMND, 9 chữ số; có tài khoản ghi 12 chữ số",
    "HoChieu": "số hộ chiếu",
    "MaBHXH": "mã số bảo hiểm xã hội",
    "HoVaTen": "họ và tên",
    "ThuDienTu": "thư điện tử; thường không có",
    "SoDienThoai": "số điện thoại di động",
    "SoDienThoaiBan": "số điện thoại bàn",
    "GioiTinh": "mã giới tính",
    "DanToc": "mã dân tộc (dữ liệu nhạy cảm)",
    "TonGiao": "mã tôn giáo (dữ liệu nhạy cảm)",
    "NhomMau": "mã nhóm máu (dữ liệu nhạy cảm)",
    "TinhTrangHonNhan": "mã tình trạng hôn nhân",
    "NgayThangNamSinh": "ngày, tháng, năm sinh; bắt đầu bằng năm",
    "NoiDangKyKhaiSinh": "nơi đăng ký khai sinh; có thể là JSON trong chuỗi",
    "QueQuan": "quê quán",
    "ThuongTru": "nơi thường trú",
    "NoiOHienNay": "nơi ở hiện nay (ở CSDL dân cư gọi là NoiOHienTai)",
    "QuocTich": "quốc tịch",
    "Cha": "cha",
    "Me": "mẹ",
    "VoChong": "vợ hoặc chồng",
    "NguoiDaiDien": "người đại diện",
    "ChuHo": "chủ hộ",
    "TrangThai": "trạng thái tài khoản; tập giá trị chưa rõ",
    "loAs": "bản ghi mức bảo đảm; dạng chưa rõ",
    "MaSoThue": "mã số thuế, khi LoaiTaiKhoan = 2",
    "MaSoDoanhNghiep": "mã số doanh nghiệp, khi LoaiTaiKhoan = 2",
    "TenDoanhNghiep": "tên doanh nghiệp hoặc tổ chức, khi LoaiTaiKhoan = 2",
    "DiaChi": "địa chỉ, khi LoaiTaiKhoan = 2; có thể là JSON trong chuỗi",
}
"""Claim to its meaning: the complete list seen. An account is made of few of them; the others are never kept."""

_NAMES = ClaimNames(
    cmnd="SoCMND",
    passport="HoChieu",
    email="ThuDienTu",
    phone="SoDienThoai",
    tax_code="MaSoThue",
    enterprise_code="MaSoDoanhNghiep",
    organisation_name="TenDoanhNghiep",
    address="DiaChi",
)

CLAIM_SET = ClaimSet(
    person=_NAMES,
    organisation=_NAMES,
    expected_of_person=("kind", "personal_id", "full_name", "birth", "email", "phone", "level"),
    expected_of_organisation=("kind", "tax_code", "organisation_name", "email", "phone", "level"),
)
"""What the provider is expected to give of a person and of an organisation."""
