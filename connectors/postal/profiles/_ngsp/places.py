"""The post's own codes of a place: an order names provinces and districts by numbers of VNPost (postal facts 8.3)."""

from __future__ import annotations

from typing import Final

from connectors.kit.errors import CannotMap
from connectors.postal.model import Place
from connectors.postal.outward import outward
from mappings.carrier_places import PlaceCodes
from mappings.places import ListVersion, UnknownPlace, province_of

NO_DISTRICT: Final = 0
"""What the SDK's sample sends where the district is not known; since 01/07/2025 there is none."""


def codes_of(place: Place, codes: PlaceCodes) -> tuple[int, int]:
    """Province and district as the post knows them. Raises `CannotMap` for a province without a code in numbers."""
    try:
        found = outward(place, codes)
    except UnknownPlace as fault:
        raise CannotMap(fault.message_vi) from None
    province = _number(found.province)
    if not province:
        raise CannotMap("Mã tỉnh của bưu điện phải là số.")
    return province, _number(found.district) or NO_DISTRICT


def title_of(place: Place) -> str:
    """The name of the province in the list of the address, "" where it has none."""
    try:
        return province_of(ListVersion(place.list_version), place.province).name
    except (ValueError, UnknownPlace):
        return ""


def _number(code: str) -> int:
    return int(code) if code.isascii() and code.isdigit() and len(code) <= 6 else 0
