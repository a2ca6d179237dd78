"""How a statement is written, as data: which column is what, and how its text becomes a value.

Layouts of those who send statements are not public, so each is configuration. Without one a statement has our own layout.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import msgspec

STEPS = ("trim", "digits", "/100", "epoch_ms", "reference")
"""The steps without an argument: see `Column`."""
STEPS_WITH = ("after", "before", "time")
"""The steps with an argument behind a colon."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column of a foreign statement: its name in the header row, or its number from 1 where there is no such row.

    `steps` are applied in order: `trim` blanks; `digits` drops thousands separators (. , and blanks); `/100` divides an
    amount that is written times a hundred, exactly; `after:X`, `before:X` keep what stands behind or before the first X
    (ZaloPay's `yyMMdd_`); `reference` finds the single reference of ours in free text, without regard to case (a bank
    copies only the purpose of a transfer); `time:FORMAT` reads a time of Viet Nam, `epoch_ms` milliseconds.
    """

    source: str
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a step that does not exist."""
        for step in self.steps:
            name, colon, argument = step.partition(":")
            if step not in STEPS and not (name in STEPS_WITH and colon and argument):
                known = ", ".join((*STEPS, *(f"{name}:…" for name in STEPS_WITH)))
                raise ValueError(f"steps: không có bước «{step}» (có: {known})")


class TableLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a statement is written. `form` "own": rows H, D, T of our own layout; "table": one header row, then data rows.

    `header_line` is the line of the column names, 0 for none. `columns` by our names (`fields`, of which `needed` must be
    found); `trailer`: the text that a last, summing row begins with; it is read no further.
    """

    fields: ClassVar[tuple[str, ...]] = ()
    needed: ClassVar[frozenset[str]] = frozenset()

    form: Literal["own", "table"] = "own"
    separator: Literal[",", ";", "|", "\t"] = ","
    header_line: int = 1
    columns: dict[str, Column] = {}
    trailer: str = ""

    def __post_init__(self) -> None:
        """Refuses a layout by which nothing could be read."""
        if self.form == "own":
            if self.columns:
                raise ValueError('columns: chỉ dùng với form = "table"')
            return
        strange = sorted(set(self.columns) - set(self.fields))
        if strange:
            raise ValueError(f"columns: không có cột {', '.join(strange)} (có: {', '.join(self.fields)})")
        missing = sorted(self.needed - set(self.columns))
        if missing:
            raise ValueError(f"columns: còn thiếu {', '.join(missing)}")
        if self.header_line < 0:
            raise ValueError("header_line: không được âm")
        numbered = all(re.fullmatch(r"[1-9][0-9]{0,2}", column.source) for column in self.columns.values())
        if self.header_line == 0 and not numbered:
            raise ValueError("columns: khi header_line = 0, source là số thứ tự cột, từ 1")
