"""The claims of VNeID's userinfo, named as it names them (identity facts 1.4 [code S1 `UserInfoVneidRequest`])."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.vneid.profiles._claims.names import ClaimNames, ClaimSet

CLAIMS: Mapping[str, str] = {
    "sub": "tên người dùng tại VNeID",
    "LoaiTaiKhoan": "1 công dân, 2 tổ chức; số",
    "SoDinhDanh": "số định danh cá nhân, 12 chữ số",
    "HoVaTen": "họ và tên",
    "NgayThangNamSinh": "ngày, tháng, năm sinh",
    "TechID": "mã kỹ thuật cố định của tài khoản",
    "loAs": "bản ghi mức bảo đảm; dạng chưa rõ",
    "userProfileUri": "địa chỉ trang hồ sơ của người dùng",
    "logoutUri": "địa chỉ để đăng xuất",
    "IAL": "mức độ tài khoản, số nguyên",
}
"""Claim to its meaning: the complete list seen."""

_PERSON = ClaimNames(ial="IAL", logout_uri="logoutUri")
# [assumed] by analogy with the portal: no organisation account of VNeID was seen (facts 1.4, 7 row 7).
_ORGANISATION = ClaimNames(
    ial="IAL",
    logout_uri="logoutUri",
    tax_code="MaSoThue",
    enterprise_code="MaSoDoanhNghiep",
    organisation_name="TenDoanhNghiep",
    address="DiaChi",
)

CLAIM_SET = ClaimSet(
    person=_PERSON,
    organisation=_ORGANISATION,
    expected_of_person=("kind", "personal_id", "full_name", "birth", "ial", "logout_uri"),
    expected_of_organisation=("kind", "tax_code", "organisation_name", "ial", "logout_uri"),
)
"""What the provider is expected to give of a person and of an organisation; it gives no contact data."""
