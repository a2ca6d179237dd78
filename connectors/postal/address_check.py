"""The check of addresses: is this province of that list or that day, what is it now, and how do the carriers know it.

Codes and names of provinces alone: an address in words is somebody's home and never stands in the address of a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl

from connectors.kit.contract import Endpoint, Notice, Reply, Sender
from connectors.kit.errors import Finding
from connectors.kit.refusals import internal
from connectors.kit.requests import finding
from connectors.postal.client import Carrier, Carriers
from connectors.postal.refusals import Refused
from mappings.carrier_places import Written, carrier_place
from mappings.codec import encode
from mappings.places import (
    KNOWN_SINCE,
    ListVersion,
    Province,
    Reading,
    Standing,
    Understood,
    commune_fits,
    former_of,
    former_of_commune,
    is_commune_code,
    now_of,
    understand,
    understand_name,
)

ADDRESSES_PATH = "/v1/addresses/check"

_NAMES = ("province", "name", "list_version", "on", "commune", "carrier")
_LONGEST_QUERY = 1_000
_PROVINCE = re.compile(r"[0-9]{2}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_NAME = 60
_ELSEWHERE_VI = "Mã xã này thuộc khối mã của tỉnh khác; kiểm tra lại mã tỉnh, mã xã và phiên bản danh mục."
_COMMUNE_VI = (
    "Mã xã chỉ có nghĩa cùng phiên bản danh mục: sau 01/07/2025 hơn hai nghìn mã cũ chỉ xã, phường khác. "
    "Cổng giữ mã như đã ghi và không tự đổi."
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What somebody asks about: a province by its code or by its name."""

    province: str
    name: str
    list_version: ListVersion | None
    on: date | None
    commune: str
    carrier: str


class AddressEndpoints:
    """The check of addresses. It asks nobody and keeps nothing."""

    def __init__(self, carriers: Carriers) -> None:
        self._carriers = carriers

    def endpoints(self) -> Sequence[Endpoint]:
        """The one."""
        return (internal("GET", ADDRESSES_PATH, self._check),)

    async def _check(self, notice: Notice, sender: Sender) -> Reply:
        del sender
        asked = _asked(notice.query)
        carriers = self._chosen(asked.carrier)
        if asked.name:
            found = understand_name(asked.name, list_version=asked.list_version, on=asked.on)
        else:
            found = understand(asked.province, list_version=asked.list_version, on=asked.on)
        tree = {
            "standing": str(found.standing),
            "message_vi": found.standing.message_vi,
            "list_version": found.list_version,
            "on": asked.on.isoformat() if asked.on else None,
            "readings": [_reading(one) for one in found.readings],
            "now": _now(found.now),
            "commune": _commune(asked.commune, found),
            "carriers": [_told(one, found, asked.commune) for one in carriers if _sure(found)],
        }
        return Reply(200, encode(tree))

    def _chosen(self, name: str) -> tuple[Carrier, ...]:
        if not name:
            return self._carriers.all()
        chosen = self._carriers.named(name)
        if chosen is None:
            raise _invalid(finding("carrier", "/carrier", "Đơn vị vận chuyển này chưa được bật trong cấu hình."))
        return (chosen,)


def _asked(query: str) -> _Asked:
    """The question; raises `Refused` that names every fault and repeats no value."""
    try:
        if len(query) > _LONGEST_QUERY:
            raise ValueError
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=len(_NAMES))
    except ValueError:
        raise _invalid(finding("shape", "", f"Chỉ nhận các tham số: {', '.join(_NAMES)}.")) from None
    given = dict(pairs)
    if len(given) != len(pairs) or not set(given) <= set(_NAMES):
        raise _invalid(finding("shape", "", f"Chỉ nhận các tham số, mỗi tham số một lần: {', '.join(_NAMES)}."))
    given = {name: value.strip() for name, value in given.items()}
    findings = tuple(_findings(given))
    if findings:
        raise _invalid(*findings)
    version, on = given.get("list_version"), given.get("on")
    return _Asked(
        province=given.get("province", ""),
        name=given.get("name", ""),
        list_version=ListVersion(version) if version else None,
        on=date.fromisoformat(on) if on else None,
        commune=given.get("commune", ""),
        carrier=given.get("carrier", ""),
    )


def _findings(given: Mapping[str, str]) -> Iterator[Finding]:
    province, name = given.get("province", ""), given.get("name", "")
    if bool(province) == bool(name):
        yield finding("province", "/province", "Nêu province (mã tỉnh) hoặc name (tên tỉnh), một trong hai.")
    if province and not _PROVINCE.fullmatch(province):
        yield finding("province", "/province", "Phải là mã tỉnh gồm 2 chữ số.")
    if len(name) > _LONGEST_NAME or not name.isprintable():
        yield finding("name", "/name", f"Phải là tên tỉnh, nhiều nhất {_LONGEST_NAME} ký tự.")
    if given.get("list_version", "") not in {"", *ListVersion}:
        yield finding("list_version", "/list_version", f"Phải là một trong: {', '.join(ListVersion)}.")
    if given.get("on") and not _is_known_day(given["on"]):
        yield finding("on", "/on", f"Phải là một ngày dạng yyyy-mm-dd, từ {KNOWN_SINCE:%d/%m/%Y}.")
    if given.get("commune") and not is_commune_code(given["commune"]):
        yield finding("commune", "/commune", "Phải là mã xã, phường, đặc khu gồm 5 chữ số, hoặc bỏ trống.")


def _is_known_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text)) and date.fromisoformat(text) >= KNOWN_SINCE
    except ValueError:
        return False


def _sure(found: Understood) -> bool:
    """Whether it is known which place is meant: a code that may name two sends no parcel."""
    return found.standing is Standing.VALID


def _told(carrier: Carrier, found: Understood, commune: str) -> dict[str, object]:
    """How a carrier knows it; the newest reading where both lists have the same province."""
    then = found.readings[-1].then
    place = carrier_place(Written(then.list_version, then.code, commune), carrier.places)
    return {
        "carrier": carrier.name,
        "province": place.province,
        "district": place.district,
        "ward": place.ward,
        "source": str(place.source),
        "sure": place.sure,
    }


def _reading(reading: Reading) -> dict[str, object]:
    return _province(reading.then) | {"now": _province(reading.now)}


def _now(province: Province | None) -> dict[str, object] | None:
    """The present province, with those that became it."""
    if province is None:
        return None
    return _province(province) | {"former": [_province(one) for one in former_of(province.code)]}


def _province(province: Province) -> dict[str, object]:
    return {"list_version": str(province.list_version), "code": province.code, "name": province.name}


def _commune(code: str, found: Understood) -> dict[str, object] | None:
    """Which former province a commune's code is of, and whether that fits what was asked about; null where nobody can tell."""
    if not code:
        return None
    former = former_of_commune(code)
    fits = commune_fits(found.readings[-1].then, code) if _sure(found) else None
    told = _province(former) | {"now": _province(now_of(former))} if former is not None else None
    return {"code": code, "former": told, "fits": fits, "message_vi": _ELSEWHERE_VI if fits is False else _COMMUNE_VI}


def _invalid(*findings: Finding) -> Refused:
    return Refused("address_invalid", findings=findings)
