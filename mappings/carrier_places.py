"""Codes that a carrier knows a place by: its own table, else VNPost's prefix of the province before the merger.

Carriers still route by the 63 provinces, and VNPost's list of after the merger is not known (postal facts 8.3). Of a merged
province the former one is known by the commune's code, or read out of the words of the address; where neither says anything its
namesake is a guess, told as one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from mappings.places import (
    ListVersion,
    Province,
    UnknownPlace,
    bare_name,
    former_of,
    former_of_commune,
    is_commune_code,
    province_of,
    spoken,
)
from mappings.provinces import provinces
from mappings.tables import TableUnreadable, load_table

VNPOST = "vnpost_provinces"
CODE_COLUMNS = ("list_version", "province", "commune", "carrier_province", "carrier_district", "carrier_ward")

_CARRIER_CODE = re.compile(r"[0-9A-Za-z]{0,16}", re.ASCII)
_SEGMENTS = re.compile(r"[,;()\n]")
_COUNTRY = "VIET NAM"


class Source(StrEnum):
    """How the carrier's code of a place was found. Only `NAMESAKE` is a guess, and `CarrierPlace.sure` says so."""

    GIVEN = "given"  # by the caller
    TABLE = "table"  # of the carrier
    FORMER = "former"  # the address is of the list that the carrier still routes by
    ONLY = "only"  # a present province that no other was merged into
    COMMUNE = "commune"  # the commune's code is out of the block of a former province
    NAMED = "named"  # the address in words names the former province
    NAMESAKE = "namesake"  # the former province that the present one has its name of


@dataclass(frozen=True, slots=True)
class CarrierPlace:
    """A place in the codes of a carrier; "" where it has none (no district since 01/07/2025)."""

    province: str
    district: str = ""
    ward: str = ""
    source: Source = Source.GIVEN

    @property
    def sure(self) -> bool:
        """False where the former province was guessed; the address in words goes along all the same."""
        return self.source is not Source.NAMESAKE


@dataclass(frozen=True, slots=True)
class Written:
    """An address as somebody wrote it. `text` is in words, `old_text` the same in the words of before the merger."""

    list_version: ListVersion
    province: str
    commune: str = ""
    text: str = field(default="", repr=False)
    old_text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PlaceCodes:
    """A carrier's own table: `(list_version, province, commune)` to its codes; commune "" stands for any of the province."""

    rows: Mapping[tuple[ListVersion, str, str], CarrierPlace] = field(default_factory=dict)

    def find(self, written: Written) -> CarrierPlace | None:
        """The codes for that commune, else those for its province; None where the table has neither."""
        for commune in dict.fromkeys((written.commune, "")):
            row = self.rows.get((written.list_version, written.province, commune))
            if row is not None:
                return row
        return None


NO_CODES = PlaceCodes()
"""A carrier without a table of its own: VNPost's prefixes alone."""


def carrier_place(written: Written, codes: PlaceCodes = NO_CODES) -> CarrierPlace:
    """Where a carrier sends it: its own table, else VNPost's code of the former province; raises `UnknownPlace`.

    Of a merged province the former one is that of the commune's code, else the one that the words name, else its namesake,
    which is a guess.
    """
    province = province_of(written.list_version, written.province)
    found = codes.find(written)
    if found is not None:
        return found
    former, source = _former(province, written)
    return CarrierPlace(vnpost_code(former.code), source=source)


def vnpost_code(former_code: str) -> str:
    """VNPost's code of a province of the 63: the lowest prefix of its offices; raises `UnknownPlace`."""
    found = _prefixes().get(former_code)
    if found is None:
        raise UnknownPlace(ListVersion.GSO_2024, former_code)
    return found[0]


def province_of_office(pos_code: str) -> Province | None:
    """The former province of a post office, by the first two digits of its code; None where no prefix fits."""
    for former_code, (first, last) in _prefixes().items():
        if len(pos_code) >= 2 and first <= pos_code[:2] <= last:
            return province_of(ListVersion.GSO_2024, former_code)
    return None


def read_place_codes(raw: bytes) -> PlaceCodes:
    """A carrier's table from the bytes of its CSV file: the columns of `CODE_COLUMNS`, one row a place.

    Raises `TableUnreadable` with the row: codes that no list has, a row twice, a cell that is no code.
    """
    try:
        lines = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise TableUnreadable("places", 0, "không phải tệp CSV mã hóa UTF-8") from fault
    if not lines or tuple(lines[0]) != CODE_COLUMNS:
        raise TableUnreadable("places", 1, "tiêu đề phải là " + ", ".join(CODE_COLUMNS))
    rows: dict[tuple[ListVersion, str, str], CarrierPlace] = {}
    for number, cells in enumerate(lines[1:], 2):
        key, place = _code_row(number, cells)
        if key in rows:
            raise TableUnreadable("places", number, "trùng với một dòng trước")
        rows[key] = place
    return PlaceCodes(rows)


def _code_row(number: int, cells: list[str]) -> tuple[tuple[ListVersion, str, str], CarrierPlace]:
    if len(cells) != len(CODE_COLUMNS):
        raise TableUnreadable("places", number, f"có {len(cells)} ô, tiêu đề có {len(CODE_COLUMNS)} cột")
    version, province, commune, *carrier = (cell.strip() for cell in cells)
    carrier_province, district, ward = carrier
    if version not in set(ListVersion) or province not in provinces(ListVersion(version).provinces):
        raise TableUnreadable("places", number, "danh mục hoặc mã tỉnh không có")
    if commune and not is_commune_code(commune):
        raise TableUnreadable("places", number, "mã xã phải có 5 chữ số hoặc để trống")
    if not carrier_province or not all(_CARRIER_CODE.fullmatch(code) for code in carrier):
        raise TableUnreadable(
            "places", number, "mã của đơn vị chuyển phát phải là chữ hoặc số, mã tỉnh không được trống"
        )
    place = CarrierPlace(carrier_province, district, ward, Source.TABLE)
    return (ListVersion(version), province, commune), place


def _former(province: Province, written: Written) -> tuple[Province, Source]:
    """The province of the 63 that a carrier knows this place by, and how it was found."""
    if province.list_version is ListVersion.GSO_2024:
        return province, Source.FORMER
    members = former_of(province.code)
    if len(members) == 1:
        return members[0], Source.ONLY
    namesake = next((one for one in members if bare_name(one.name) == bare_name(province.name)), members[0])
    block = former_of_commune(written.commune)
    if block in members:
        return block, Source.COMMUNE
    named = _named(written.old_text, members) or _named(
        written.text, [one for one in members if one is not namesake], levels_only=True
    )
    return (named, Source.NAMED) if named else (namesake, Source.NAMESAKE)


def _named(text: str, members: Iterable[Province], levels_only: bool = False) -> Province | None:
    """The one of `members` that the text names, read from its end; a bare name counts at the very end only."""
    known = {bare_name(one.name): one for one in members}
    parts = [spoken(segment) for segment in _SEGMENTS.split(text)]
    while parts and parts[-1][0] in ("", _COUNTRY):
        parts.pop()
    last = len(parts) - 1
    for place in range(last, -1, -1):
        name, levelled = parts[place]
        if name in known and (levelled or (place == last and not levels_only)):
            return known[name]
    return None


@cache
def _prefixes() -> Mapping[str, tuple[str, str]]:
    """The first and last office prefix of each province of the 63."""
    return {row["province"]: (row["prefix_from"], row["prefix_to"]) for row in load_table(VNPOST).rows}
