"""What a question to the population database carries beside the person: rules that each deployment is told by its owner.

No official text settles them (identity facts 7, rows 11 to 14): each is configuration with the form that was seen.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mappings.names import NameForm

DateForm = Literal["compact", "dashed"]
OfficerSource = Literal["account", "officer", "constant"]

WIRE_NAMES: dict[str, str] = {
    "verify": "XacThucThongTinCongDan",
    "look_up": "TraCuuThongTinCongDan",
    "relatives": "XacMinhThongTinNhanThan",
    "household_head": "XacMinhThongTinChuHo",
    "current_residence": "XacMinhThongTinNoiOHienTai",
    "marital_status": "XacMinhTinhTrangHonNhan",
    "household": "CungCapThongTinHoGiaDinh",
}
"""Our operations and their names in the WSDL (facts 2.3)."""

FIELD_ORDER: tuple[str, ...] = (
    "MaYeuCau",
    "MaDVC",
    "MaTichHop",
    "MaCanBo",
    "MaDonVi",
    "TaiKhoan",
    "SoDienThoai",
    "SoDinhDanh",
    "SoCMND",
    "HoVaTen",
    "NgayThangNamSinh",
)
"""The order on the wire that a live client uses (facts 2.4, S4)."""

OPTIONAL_FIELDS = ("MaDonVi", "TaiKhoan", "SoDienThoai")
"""Fields that some routes want and others do not know."""

INTEGRATION_CODES: dict[str, str] = {"verify": "003", "look_up": "037"}
"""`MaTichHop` as it was seen (facts 2.3); the other operations have none that is public."""


class RequestRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a request is filled in (facts 2.4).

    `integration_codes`: `MaTichHop` by operation. `procedure_code`, `unit_code`: said in place of what the question names.
    `licensed_procedures`: the `MaDVC` that may be said at all; empty: any. `officer_id_source`: what goes into `MaCanBo`:
    the officer's account, the officer's id, or `officer_constant`. `officer_phone`: `SoDienThoai`, where it is sent.
    `send_fields`: the optional ones that are sent. `operation_aliases`, `field_aliases`, `namespace`: other spellings of a
    stub (S3), by WSDL name.
    """

    integration_codes: dict[str, str] = msgspec.field(default_factory=INTEGRATION_CODES.copy)
    procedure_code: str = ""
    licensed_procedures: tuple[str, ...] = ()
    unit_code: str = ""
    officer_id_source: OfficerSource = "account"
    officer_constant: str = ""
    officer_phone: str = "0"
    name_form: NameForm = NameForm.COMPACT_ASCII
    date_form: DateForm = "compact"
    field_order: tuple[str, ...] = FIELD_ORDER
    send_fields: tuple[str, ...] = ("MaDonVi",)
    operation_aliases: dict[str, str] = {}
    field_aliases: dict[str, str] = {}
    namespace: str = "http://dancuquocgia.bca"

    def __post_init__(self) -> None:
        """Refuses what could only be found out by a refused call."""
        strange = sorted(set(self.integration_codes) - set(WIRE_NAMES))
        if strange:
            raise ValueError(f"integration_codes: không có thao tác ({', '.join(strange)})")
        if any(not (code.isascii() and code.isdigit() and len(code) <= 20) for code in self.integration_codes.values()):
            raise ValueError("integration_codes: mỗi mã gồm 1 đến 20 chữ số")
        if sorted(self.field_order) != sorted(FIELD_ORDER):
            raise ValueError(f"field_order: phải nêu mỗi trường đúng một lần ({', '.join(FIELD_ORDER)})")
        if set(self.send_fields) - set(OPTIONAL_FIELDS):
            raise ValueError(f"send_fields: chỉ gồm {', '.join(OPTIONAL_FIELDS)}")
        if (self.officer_id_source == "constant") != bool(self.officer_constant):
            raise ValueError("officer_constant: cần khi và chỉ khi officer_id_source = constant")
        unknown = sorted(set(self.operation_aliases) - set(WIRE_NAMES.values()))
        unknown += sorted(set(self.field_aliases) - set(FIELD_ORDER))
        if unknown:
            raise ValueError(f"operation_aliases, field_aliases: tên không có trong WSDL ({', '.join(unknown)})")
