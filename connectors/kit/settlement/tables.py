"""Tables for people, and the same for programs: as CSV that no spreadsheet runs, and as objects.

A text that a spreadsheet would take for a formula is neutralised on its way into a file; numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Cell = str | int
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `keys` name the columns for programs, `titles` for people; the cells of money are whole đồng."""

    name: str
    title: str
    keys: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def as_csv(table: Table) -> bytes:
    """A table as CSV (RFC 4180, UTF-8 with a byte order mark, so that spreadsheets read Vietnamese)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.titles)
    writer.writerows([neutral(cell) for cell in row] for row in table.rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def as_objects(tables: Sequence[Table]) -> Mapping[str, Sequence[Mapping[str, Cell]]]:
    """Tables for programs: rows as objects. Words are the same Vietnamese ones that people see."""
    return {table.name: [dict(zip(table.keys, row, strict=True)) for row in table.rows] for table in tables}


def neutral(cell: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what begins like one. Numbers are numbers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
