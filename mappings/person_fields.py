"""What may be known of a person for which procedure: the minimisation table, dated, each row with its legal basis.

Only what a row names comes back from a register; without a row nothing does. A procedure's own rows stand in place of those
of a wider pattern, never beside them, and the ministry's own file comes before ours (Luật 91/2025/QH15 Điều 3: only what the
purpose needs; identity facts 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from mappings.identity import PERSON_FIELDS, PersonFields
from mappings.tables import ANY, TABLES, CodeTable, TableRow, declarations, load_table, parse_table

TABLE = "identity_fields"
PLACES = "person_fields"
_GROUP = ".*"


@dataclass(frozen=True, slots=True)
class AllowedFields:
    """The places that may come back, in the order of `PERSON_FIELDS`, and why.

    `assumed`: a row behind it rests on our own reading. `rows` are the rows that decided, for evidence ("identity_fields:3").
    """

    places: tuple[str, ...] = ()
    legal_bases: tuple[str, ...] = ()
    assumed: bool = False
    rows: tuple[str, ...] = ()

    def __contains__(self, place: object) -> bool:
        return place in self.places


@dataclass(frozen=True, slots=True)
class IdentityFields:
    """The tables in order of precedence: the ministry's own, where there is one, then ours."""

    tables: tuple[CodeTable, ...]

    def allowed(self, procedures: Iterable[str], operation: str, at: date) -> AllowedFields:
        """What a question of this operation may bring back for a procedure (its codes, the ministry's first) on that day.

        The narrowest pattern that fits decides alone: a whole code, then the longest beginning (`BVH-LH-*`), then `*`. Where
        the ministry's own table has a fitting row of any width, ours is not looked at.
        """
        codes = [code for code in procedures if code]
        for table in self.tables:
            for pattern in _patterns(codes):
                rows = [row for row in table.at(at) if row["procedure"] == pattern and row["operation"] == operation]
                if rows:
                    return _allowed(table, rows)
        return AllowedFields()

    @property
    def version(self) -> str:
        """The short versions of all tables, for evidence."""
        return " ".join(table.version.short for table in self.tables)


def load_identity_fields(own: bytes | None = None) -> IdentityFields:
    """Our table behind the ministry's `own` file (same columns); raises `TableUnreadable` for one that cannot be read."""
    ours = load_table(TABLE)
    if own is None:
        return IdentityFields((ours,))
    return IdentityFields((parse_table(own, declarations(TABLES)[TABLE]), ours))


def minimised(fields: PersonFields, allowed: AllowedFields) -> dict[str, str]:
    """Of what a register said, what may be handed on: allowed places with a value, in order; the rest is forgotten here."""
    return {place: fields[place] for place in allowed.places if fields.get(place)}


@cache
def sensitive_places() -> frozenset[str]:
    """Dữ liệu cá nhân nhạy cảm: places that only a row naming them lets through (NĐ 356/2025/NĐ-CP Điều 4)."""
    return frozenset(row["place"] for row in load_table(PLACES).rows if row["sensitive"] == "yes")


@cache
def place_titles() -> Mapping[str, str]:
    """Each place of `PERSON_FIELDS` in the words of officers."""
    return {row["place"]: row["title_vi"] for row in load_table(PLACES).rows}


def place_faults(table: CodeTable) -> Iterator[tuple[int, str]]:
    """Lines of the table whose place no register has, or that let a whole group in where one is not known."""
    for row in table.rows:
        if not _expanded(row["place"]):
            yield row.number, f"Cột place: “{row['place']}” không phải một trường hay một nhóm trường của công dân."


def catalogue_faults(table: CodeTable) -> Iterator[tuple[int, str]]:
    """Where the catalogue of places and the canonical list are not the same, in the same order."""
    for row, place in zip(table.rows, PERSON_FIELDS, strict=False):
        if row["place"] != place:
            yield row.number, f"Cột place: “{row['place']}”, theo danh mục phải là “{place}”."
            return
    if len(table.rows) != len(PERSON_FIELDS):
        yield 0, f"Bảng có {len(table.rows)} trường, danh mục có {len(PERSON_FIELDS)}."


def _patterns(codes: list[str]) -> Iterator[str]:
    """The cells that may stand for these codes, the narrowest first: codes, then beginnings from the longest, then any."""
    yield from codes
    longest = max(map(len, codes), default=0)
    for size in range(longest, 0, -1):
        yield from (code[:size] + ANY for code in codes if len(code) >= size)
    yield ANY


def _allowed(table: CodeTable, rows: list[TableRow]) -> AllowedFields:
    named = {place for row in rows for place in _expanded(row["place"])}
    return AllowedFields(
        tuple(place for place in PERSON_FIELDS if place in named),
        tuple(dict.fromkeys(row["legal_basis"] for row in rows)),
        any(row.confidence == "assumed" for row in rows),
        tuple(f"{table.name}:{row.number}" for row in rows),
    )


def _expanded(cell: str) -> tuple[str, ...]:
    """The places behind a cell: one place, or the parts of an address or a relative (`permanent_address.*`)."""
    if cell.endswith(_GROUP):
        return tuple(place for place in PERSON_FIELDS if place.startswith(cell[: -len(ANY)]))
    return (cell,) if cell in PERSON_FIELDS else ()
