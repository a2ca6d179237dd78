"""Reads the outcomes.csv of a sign-on profile: what an OAuth error of the token or PAR endpoint lets one conclude.

A row speaks for an operation (`token`, `par`, `*`: both), an error code of RFC 6749 5.2 (`*`: any) and a pattern of the
description (empty: any). The first row that fits is the answer, so that exceptions stand above their rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from typing import Literal

from mappings.tables import TableRow, load_table

ANY = "*"
Operation = Literal["token", "par"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The row that fits an error: its family and the words for the operator."""

    family: str
    meaning_vi: str


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The table of one profile, ready to be asked."""

    rows: tuple[tuple[TableRow, re.Pattern[str]], ...] = field(repr=False)

    def conclude(self, operation: Operation, code: str, description: str, at: date) -> Conclusion:
        """What an error code means on that day; total, because the table ends in a row for every code."""
        for row, pattern in self.rows:
            fits = row["operation"] in (ANY, operation) and row["code"] in (ANY, code)
            if fits and row.holds(at) and pattern.search(description):
                return Conclusion(row["family"], row["meaning_vi"])
        return Conclusion("rejected", "Nhà cung cấp từ chối với mã không có trong bảng kết quả")


def load_outcomes(profile: str) -> Outcomes:
    """The table that ships with a profile folder."""
    folder = files("connectors.vneid.profiles") / profile
    table = load_table("outcomes", folder, ("operation", "code", "message_pattern"))
    return Outcomes(tuple((row, re.compile(row["message_pattern"], re.IGNORECASE)) for row in table.rows))
