"""Codes of provinces in two independent lists: 63 until 30/06/2025, 34 since; the same digits may name another province.

A code therefore means nothing without its list. A former province has the one that it was merged into (Nghị quyết
202/2025/QH15; Quyết định 19/2025/QĐ-TTg; identity facts 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

from mappings.tables import load_table

TABLE = "provinces"


class ProvinceList(StrEnum):
    """Danh mục đơn vị hành chính cấp tỉnh."""

    BEFORE_2025_07 = "63"
    SINCE_2025_07 = "34"


@cache
def provinces(which: ProvinceList) -> Mapping[str, str]:
    """The names of one list by their two-digit codes."""
    return {row["code"]: row["name"] for row in load_table(TABLE).rows if row["list"] == which}


@cache
def successors() -> Mapping[str, str]:
    """For each code of the 63 the code of the province that its area belongs to now."""
    return {
        row["code"]: row["successor"] for row in load_table(TABLE).rows if row["list"] == ProvinceList.BEFORE_2025_07
    }


def changed_meaning(code: str) -> bool:
    """Whether the digits name one province in the old list and another in the new one (15: Yên Bái, then Lào Cai)."""
    old, new = provinces(ProvinceList.BEFORE_2025_07).get(code), provinces(ProvinceList.SINCE_2025_07).get(code)
    return old is not None and new is not None and successors()[code] == code and _bare(old) != _bare(new)


def _bare(name: str) -> str:
    """Thừa Thiên Huế became Huế: the same province under a shorter name."""
    return name.removeprefix("Thừa Thiên ")
