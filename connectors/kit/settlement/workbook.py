"""Tables as a workbook (XLSX): a sheet for each, amounts as numbers, every text as text.

The one place that knows the library. Rows go to a temporary file as they come, so memory does not grow with the report.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime

import xlsxwriter

from connectors.kit.settlement.tables import Cell, Table, neutral

_WIDEST = 44
_LOOKED_AT = 200


def as_xlsx(title: str, tables: Iterable[Table], now: datetime) -> bytes:
    """The workbook. The same tables at the same time give the same bytes."""
    target = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties({"title": title, "created": now.replace(tzinfo=None)})
        style = _Styles(book)
        for table in tables:
            _sheet(book, style, title, table)
    return target.getvalue()


class _Styles:
    """The formats of a workbook."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self.title = book.add_format({"bold": True, "font_size": 13})
        self.head = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "border": 1, "bg_color": "#DDE8F0"}
        )
        self.number = book.add_format({"num_format": "#,##0", "border": 1})
        self.text = book.add_format({"num_format": "@", "border": 1})
        # What begins like a formula stays text even when somebody edits the cell.
        self.quoted = book.add_format({"num_format": "@", "border": 1, "quote_prefix": True})


def _sheet(book: xlsxwriter.Workbook, style: _Styles, title: str, table: Table) -> None:
    sheet = book.add_worksheet(table.title)
    sheet.freeze_panes(3, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    for column, heading in enumerate(table.titles):
        seen = [len(str(row[column])) for row in table.rows[:_LOOKED_AT]]
        sheet.set_column(column, column, min(_WIDEST, max([10, len(heading) // 2 + 4, *seen]) + 2))
    sheet.write_string(0, 0, f"{title}: {table.title.lower()}", style.title)
    for column, heading in enumerate(table.titles):
        sheet.write_string(2, column, heading, style.head)
    for line, row in enumerate(table.rows, start=3):
        for column, cell in enumerate(row):
            _write(sheet, style, (line, column), cell)
    if table.rows:
        sheet.autofilter(2, 0, 2 + len(table.rows), len(table.titles) - 1)


def _write(sheet: xlsxwriter.worksheet.Worksheet, style: _Styles, place: tuple[int, int], cell: Cell) -> None:
    if isinstance(cell, int):
        sheet.write_number(*place, cell, style.number)
    else:
        sheet.write_string(*place, cell, style.text if neutral(cell) == cell else style.quoted)
