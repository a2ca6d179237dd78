"""Reads the table of outcomes: what a code of the service, or a status, lets one conclude for the call that heard it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Literal

from mappings.tables import TableRow, load_table

Asked = Literal["publish", "fetch"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The row that fits: its family and what to tell people."""

    family: str
    meaning_vi: str


def conclude(code: str, asked: Asked, at: date) -> Conclusion:
    """The first row that fits; `code` is the service's own (`ERR:13`), `fault`, a status, "" for what says nothing known."""
    codes = (code, f"{code[0]}xx", "*") if re.fullmatch(r"\d{3}", code, re.ASCII) else (code, "*")
    for wanted in codes:
        for row in _rows():
            if row["code"] == wanted and row.holds(at) and re.search(row["message_pattern"], asked):
                return Conclusion(row["family"], row["meaning_vi"])
    # No day is without a catch-all row; before the first one nothing was ever sent.
    return Conclusion("upstream_fault", "Câu trả lời không có trong bảng kết quả")


@cache
def _rows() -> tuple[TableRow, ...]:
    return load_table("outcomes", files(__package__), ("code", "message_pattern")).rows
