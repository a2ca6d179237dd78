"""What callers send to the endpoints of shipments. Amounts are whole đồng; a code of a place never stands without its list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal, get_args

import msgspec

from connectors.kit.errors import Finding
from connectors.kit.requests import Request, code_findings, finding, words_findings
from connectors.postal.model import CodLine, Contact, Direction, Place
from connectors.postal.settings import ListVersion
from mappings.places import ListVersion as GsoList
from mappings.places import Standing, understand

MOST_LINES = 50
MOST_COMPONENTS = 100
LARGEST = 9_999_999_999
"""The largest sum that a postman is sent to collect, in đồng."""

_PHONE = re.compile(r"\+?[0-9][0-9 .-]{5,48}[0-9]", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_PROVINCE = re.compile(r"[0-9]{2}", re.ASCII)
_COMMUNE = re.compile(r"[0-9]{5}", re.ASCII)
_DISTRICT = re.compile(r"[0-9]{3}", re.ASCII)
_CARRIER_CODES = frozenset({"province", "district", "ward"})


class AskedPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An address, with the list that its codes are of (postal facts 8.3)."""

    list_version: ListVersion
    province: str
    text: str
    commune: str = ""
    district: str = ""
    old_text: str = ""
    carrier: dict[str, str] = {}

    def __repr__(self) -> str:
        return "<AskedPlace>"

    @property
    def place(self) -> Place:
        """The address in our words."""
        return Place(
            list_version=self.list_version,
            province=self.province,
            text=self.text.strip(),
            commune=self.commune,
            district=self.district,
            old_text=self.old_text.strip(),
            carrier=self.carrier,
        )

    def findings(self, where: str) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from self._province(f"{where}/province")
        if self.commune and not _COMMUNE.fullmatch(self.commune):
            yield finding("commune", f"{where}/commune", "Phải là mã xã, phường, đặc khu gồm 5 chữ số, hoặc bỏ trống.")
        if self.district and not _DISTRICT.fullmatch(self.district):
            yield finding("district", f"{where}/district", "Phải là mã huyện gồm 3 chữ số, hoặc bỏ trống.")
        elif self.district and self.list_version == "GSO-2025-07":
            yield finding("district", f"{where}/district", "Danh mục GSO-2025-07 không còn cấp huyện; bỏ trống.")
        yield from words_findings(f"{where}/text", self.text, 300)
        if self.old_text:
            yield from words_findings(f"{where}/old_text", self.old_text, 300)
        for name, code in self.carrier.items():
            if name not in _CARRIER_CODES or not re.fullmatch(r"[0-9A-Za-z]{1,20}", code):
                yield finding(
                    "carrier", f"{where}/carrier", "Chỉ nhận province, district, ward; mỗi mã từ 1 đến 20 ký tự."
                )

    def _province(self, where: str) -> Iterator[Finding]:
        """A code of the other list is told as what it is there: seven codes name another province since 01/07/2025."""
        if not _PROVINCE.fullmatch(self.province):
            yield finding("province", where, "Phải là mã tỉnh gồm 2 chữ số của danh mục list_version.")
            return
        found = understand(self.province, list_version=GsoList(self.list_version))
        if found.standing is Standing.UNKNOWN:
            yield finding("province", where, found.standing.message_vi)
        elif found.standing is Standing.OTHER_LIST:
            then = found.readings[0].then
            told = f"Danh mục {self.list_version} không có mã này; mã là của {then.name} trong danh mục {then.list_version}."
            yield finding("province", where, told)


class AskedContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The citizen: who gets the result, or hands over the dossier."""

    name: str
    phone: str
    place: AskedPlace
    email: str = ""

    def __repr__(self) -> str:
        return "<AskedContact>"

    @property
    def contact(self) -> Contact:
        """The citizen in our words."""
        return Contact(name=self.name.strip(), phone=self.phone.strip(), place=self.place.place, email=self.email)

    def findings(self, where: str) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from words_findings(f"{where}/name", self.name)
        if not _PHONE.fullmatch(self.phone.strip()):
            yield finding("phone", f"{where}/phone", "Phải là số điện thoại, từ 7 đến 50 ký tự.")
        if self.email and not _EMAIL.fullmatch(self.email):
            yield finding("email", f"{where}/email", "Phải là địa chỉ thư điện tử, hoặc bỏ trống.")
        yield from self.place.findings(f"{where}/place")


class AskedCodLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fee of the dossier that the postman collects. Postage is never one (postal facts 7)."""

    fee_id: str
    name: str
    amount: int


class ShipmentRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/shipments`: a parcel with the result to the citizen, or one with the dossier from the citizen.

    Without `carrier` the default one is taken. `unit_code` names the agency at our end. `register`: the dossier is made known
    to the carrier first, where it wants that. `additional`: a further parcel the same way while another one is on its way.
    """

    choices: ClassVar[Mapping[str, Sequence[str]]] = {
        "direction": tuple(Direction),
        "list_version": get_args(ListVersion),
    }

    dossier_code: str
    procedure_code: str
    procedure_name: str
    direction: Literal["collect", "deliver"]
    citizen: AskedContact
    carrier: str = ""
    unit_code: str = ""
    contents: str = ""
    note: str = ""
    weight_g: int = 0
    service: str = ""
    cod_lines: tuple[AskedCodLine, ...] = ()
    components: tuple[str, ...] = ()
    register: bool = False
    additional: bool = False

    @property
    def way(self) -> Direction:
        """Which way it goes."""
        return Direction(self.direction)

    @property
    def lines(self) -> tuple[CodLine, ...]:
        """The sums to collect, in our words."""
        return tuple(CodLine(fee_id=one.fee_id, name=one.name.strip(), amount=one.amount) for one in self.cod_lines)

    @property
    def words(self) -> str:
        """What the parcel holds, in words (postal facts 7)."""
        if self.contents.strip():
            return self.contents.strip()
        if self.way is Direction.DELIVER:
            return f"Kết quả giải quyết hồ sơ {self.dossier_code}"
        return "; ".join(one.strip() for one in self.components) or f"Thành phần hồ sơ {self.dossier_code}"

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        for name in ("dossier_code", "procedure_code"):
            yield from code_findings(f"/{name}", getattr(self, name))
        for name in ("unit_code", "carrier", "service"):
            if getattr(self, name):
                yield from code_findings(f"/{name}", getattr(self, name))
        yield from words_findings("/procedure_name", self.procedure_name, 500)
        for name in ("contents", "note"):
            if getattr(self, name):
                yield from words_findings(f"/{name}", getattr(self, name), 500)
        yield from self.citizen.findings("/citizen")
        if not 0 <= self.weight_g <= 30_000:
            yield finding("weight_g", "/weight_g", "Từ 1 đến 30000 gam, hoặc bỏ trống.")
        yield from self._components()
        yield from _money(self.cod_lines)

    def _components(self) -> Iterator[Finding]:
        if len(self.components) > MOST_COMPONENTS:
            yield finding("components", "/components", f"Nhiều nhất {MOST_COMPONENTS} thành phần.")
        for number, one in enumerate(self.components):
            yield from words_findings(f"/components/{number}", one, 300)


class CancelRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/shipments/{shipment_id}/cancel`."""

    reason: str

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        yield from words_findings("/reason", self.reason, 500)


class PriceRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/shipments/price`: only places, weight and the sum to collect count."""

    choices: ClassVar[Mapping[str, Sequence[str]]] = ShipmentRequest.choices

    direction: Literal["collect", "deliver"]
    place: AskedPlace
    carrier: str = ""
    unit_code: str = ""
    weight_g: int = 0
    cod_amount: int = 0
    service: str = ""

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        yield from self.place.findings("/place")
        for name in ("carrier", "unit_code", "service"):
            if getattr(self, name):
                yield from code_findings(f"/{name}", getattr(self, name))
        if not 0 <= self.weight_g <= 30_000:
            yield finding("weight_g", "/weight_g", "Từ 1 đến 30000 gam, hoặc bỏ trống.")
        if not 0 <= self.cod_amount <= LARGEST:
            yield finding("cod_amount", "/cod_amount", "Phải là số đồng nguyên, không âm.")


def _money(lines: Sequence[AskedCodLine]) -> Iterator[Finding]:
    if len(lines) > MOST_LINES:
        yield finding("cod_lines", "/cod_lines", f"Nhiều nhất {MOST_LINES} khoản thu hộ.")
    for number, line in enumerate(lines):
        where = f"/cod_lines/{number}"
        yield from code_findings(f"{where}/fee_id", line.fee_id)
        yield from words_findings(f"{where}/name", line.name)
        if not 0 < line.amount <= LARGEST:
            yield finding("amount", f"{where}/amount", "Phải là số đồng nguyên lớn hơn 0.")
    if len({line.fee_id for line in lines}) != len(lines):
        yield finding("cod_lines", "/cod_lines", "Mỗi fee_id chỉ xuất hiện một lần.")
    elif sum(max(line.amount, 0) for line in lines) > LARGEST:
        yield finding("cod_lines", "/cod_lines", "Tổng số tiền thu hộ quá lớn.")
