"""Addresses of either list of provinces: what a code meant on its day, and what that place is called now.

Since 01/07/2025 there are 34 provinces and no districts; before there were 63. Seven codes name another province since, so a
code is read with its list or with its day, and a bare one may stay ambiguous (postal facts 8.3). Codes of carriers for
places: `mappings.carrier_places`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from mappings.names import NameForm, wire_name
from mappings.provinces import ProvinceList, changed_meaning, provinces, successors
from mappings.tables import load_table

COMMUNES = "commune_blocks"

MERGED_ON = date(2025, 7, 1)
"""The first day of the 34 provinces (Nghị quyết 202/2025/QH15)."""

KNOWN_SINCE = date(2008, 8, 1)
"""The first day of the older list as it stands here: before it there were provinces that it does not have."""

_SHOWN = 12
_COMMUNE = re.compile(r"\d{5}", re.ASCII)
_LEVEL = re.compile(r"^(?:NAY LA |TRUOC LA |TRUOC DAY LA )?(TINH|THANH PHO|TP)\s")
_FORMERLY = re.compile(r"\s(?:CU|TRUOC DAY)$")
# Other spellings in use, without level and marks.
_SPELT = {
    "HCM": "HO CHI MINH",
    "TPHCM": "HO CHI MINH",
    "HUE": "THUA THIEN HUE",
    "HANOI": "HA NOI",
    "DANANG": "DA NANG",
    "DAC LAC": "DAK LAK",
    "DAC NONG": "DAK NONG",
}


class ListVersion(StrEnum):
    """Which list the codes of an address are of: the words that travel (postal facts 8.3)."""

    GSO_2024 = "GSO-2024"
    GSO_2025_07 = "GSO-2025-07"

    @property
    def provinces(self) -> ProvinceList:
        """The list of provinces that belongs to it."""
        return _PROVINCES[self]


_PROVINCES = {
    ListVersion.GSO_2024: ProvinceList.BEFORE_2025_07,
    ListVersion.GSO_2025_07: ProvinceList.SINCE_2025_07,
}


@dataclass(frozen=True, slots=True)
class Province:
    """A province as one list knows it."""

    list_version: ListVersion
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One meaning of a code: the province that it names in one list, and the one that this area belongs to now."""

    then: Province
    now: Province


class Standing(StrEnum):
    """What became of a province code that was asked about; each has its sentence in `message_vi`."""

    VALID = "valid"
    OTHER_LIST = "other_list"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"

    @property
    def message_vi(self) -> str:
        """The finding in the words of officers."""
        return _STANDINGS[self]


_STANDINGS = {
    Standing.VALID: "Mã tỉnh có trong danh mục.",
    Standing.OTHER_LIST: "Mã tỉnh không thuộc danh mục có hiệu lực tại ngày hoặc phiên bản đã nêu; mã thuộc danh mục khác.",
    Standing.AMBIGUOUS: "Mã này chỉ hai tỉnh khác nhau trước và từ 01/07/2025; hãy ghi kèm phiên bản danh mục hoặc ngày.",
    Standing.UNKNOWN: "Không có tỉnh nào mang mã này trong danh mục trước và sau 01/07/2025.",
}


@dataclass(frozen=True, slots=True)
class Understood:
    """What is known of a code or a name. `readings` are the meanings left; `now` is where all of them lead, if to one place.

    `list_version` is the list that was asked for, by its own name or by day; None where nothing was said.
    """

    standing: Standing
    list_version: ListVersion | None
    readings: tuple[Reading, ...]

    @property
    def now(self) -> Province | None:
        """The present province; None where there is none or where the readings differ."""
        found = {reading.now for reading in self.readings}
        return found.pop() if len(found) == 1 else None


class UnknownPlace(LookupError):
    """Mã tỉnh không có trong danh mục của địa chỉ, hoặc không có danh mục ấy. `message_vi` repeats no address."""

    def __init__(self, list_version: str, code: str) -> None:
        self.list_version = list_version[:_SHOWN]
        self.code = code[:_SHOWN]
        self.message_vi = f"Mã tỉnh “{self.code}” không có trong danh mục “{self.list_version}”."
        super().__init__(self.message_vi)


def list_on(day: date) -> ListVersion:
    """The list that holds on that day."""
    return ListVersion.GSO_2025_07 if day >= MERGED_ON else ListVersion.GSO_2024


def province_of(list_version: ListVersion, code: str) -> Province:
    """The province of that list; raises `UnknownPlace`."""
    name = provinces(list_version.provinces).get(code)
    if name is None:
        raise UnknownPlace(list_version, code)
    return Province(list_version, code, name)


def now_of(province: Province) -> Province:
    """The present province that the area of this one belongs to; a present one is itself."""
    if province.list_version is ListVersion.GSO_2025_07:
        return province
    return province_of(ListVersion.GSO_2025_07, successors()[province.code])


@cache
def former_of(code: str) -> tuple[Province, ...]:
    """The provinces of the 63 that became this one of the 34, by code; raises `UnknownPlace`."""
    province_of(ListVersion.GSO_2025_07, code)
    return tuple(
        province_of(ListVersion.GSO_2024, old) for old, new in sorted(successors().items()) if new == code
    )  # fmt: skip


def understand(code: str, *, list_version: ListVersion | None = None, on: date | None = None) -> Understood:
    """What a province code means: in the list that is named, or in the one that held on that day, or at all.

    `OTHER_LIST`: the code is none of that list, or the named list did not hold on that day; `readings` say what it means then.
    `AMBIGUOUS`: nothing was said of list or day, and the code is one of the seven that name another province since 01/07/2025.
    """
    every = tuple(
        _reading(province_of(version, code)) for version in ListVersion if code in provinces(version.provinces)
    )
    return _weighed(every, list_version, on, ambiguous=changed_meaning(code))


def understand_name(name: str, *, list_version: ListVersion | None = None, on: date | None = None) -> Understood:
    """As `understand`, of a province's name; never ambiguous, since every name that both lists have leads to one place now."""
    return _weighed(tuple(map(_reading, provinces_named(name))), list_version, on, ambiguous=False)


def _reading(province: Province) -> Reading:
    return Reading(province, now_of(province))


def _weighed(
    every: tuple[Reading, ...], list_version: ListVersion | None, on: date | None, *, ambiguous: bool
) -> Understood:
    meant = list_version or (list_on(on) if on else None)
    if not every:
        return Understood(Standing.UNKNOWN, meant, ())
    if meant is None:
        return Understood(Standing.AMBIGUOUS if ambiguous else Standing.VALID, None, every)
    fitting = tuple(reading for reading in every if reading.then.list_version is meant)
    held = on is None or list_on(on) is meant
    return Understood(Standing.VALID if fitting and held else Standing.OTHER_LIST, meant, fitting or every)


def provinces_named(name: str) -> tuple[Province, ...]:
    """The provinces of both lists with that name, with or without their level and marks (`TP Huế`, `tinh Bac Giang`)."""
    bare, _ = spoken(name)
    return tuple(
        province_of(version, code)
        for version in ListVersion
        for code, known in provinces(version.provinces).items()
        if bare_name(known) == bare
    )


def former_of_commune(code: str) -> Province | None:
    """The province of the 63 that a commune's code is of, in either list; None for a code outside of every block.

    Codes were given in blocks, and each commune of today has kept a code of the province that it came out of. What the code
    names is another matter: more than two thousand name another commune since the merger (postal facts 8.3).
    """
    if not is_commune_code(code):
        return None
    starts, blocks = _blocks()
    place = bisect_right(starts, code) - 1
    if place < 0 or code > blocks[place][0]:
        return None
    return province_of(ListVersion.GSO_2024, blocks[place][1])


def commune_fits(province: Province, commune: str) -> bool | None:
    """Whether a commune's code is one of that province, in the province's own list; None where nobody can tell."""
    former = former_of_commune(commune)
    if former is None:
        return None
    return province in (former, now_of(former))


@cache
def _blocks() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Where each block of communes' codes begins; where it ends and whose it is."""
    rows = sorted(load_table(COMMUNES).rows, key=lambda row: row["commune_from"])
    return tuple(row["commune_from"] for row in rows), tuple((row["commune_to"], row["province"]) for row in rows)


def is_commune_code(text: str) -> bool:
    """Whether this has the form of a commune's code: five digits. What it names, only its list can tell (facts 8.3)."""
    return _COMMUNE.fullmatch(text) is not None


def spoken(segment: str) -> tuple[str, bool]:
    """A part of an address without its level and marks, and whether it bore a level (tỉnh, thành phố)."""
    plain = wire_name(segment, NameForm.ASCII_SPACED)
    bare = _FORMERLY.sub("", _LEVEL.sub("", plain, count=1))
    return _SPELT.get(bare, bare), _LEVEL.match(plain) is not None


@cache
def bare_name(name: str) -> str:
    """The name of a province in one spelling: capitals, no level, no marks."""
    return spoken(name)[0]
