"""Reads `outcomes.csv`: what an HTTP status, with the `status` word of the answer, lets one conclude."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files

from mappings.tables import TableRow, load_table


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The row that fits an answer: its family and what to tell people."""

    family: str
    meaning_vi: str


def conclude(http_status: int, word: str, at: date) -> Conclusion:
    """The first row that fits; a status stands for itself, as a class (`5xx`), or as `*`."""
    for row in _rows_for(http_status, at):
        if re.search(row["message_pattern"], word):
            return Conclusion(row["family"], row["meaning_vi"])
    # No day is without a catch-all row; before the first one nothing was ever sent.
    return Conclusion("upstream_fault", "Câu trả lời không có trong bảng kết quả")


@lru_cache(maxsize=1024)
def _rows_for(http_status: int, at: date) -> tuple[TableRow, ...]:
    """The rows of a status on a day, in the order of the table."""
    codes = (str(http_status), f"{http_status // 100}xx", "*")
    return tuple(row for row in _rows() if row["code"] in codes and row.holds(at))


@cache
def _rows() -> tuple[TableRow, ...]:
    return load_table("outcomes", files(__package__), ("code", "message_pattern")).rows
