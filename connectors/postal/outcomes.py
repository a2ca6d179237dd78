"""Reads the outcomes.csv of a dialect: what a carrier's answer to a call means; the table decides, a row at a time.

A row speaks for an operation (`*`: any), a code (`*`: any, `http-5*`: every one that begins so) and a pattern of the carrier's
own sentence (empty: any). The first row that fits and holds on that day is the answer, so that exceptions stand above their
rule. A code is the carrier's own, or `http-<status>` for an answer that is not 2xx (postal facts 9). `means` says what follows:
a `CancelOutcome` for a cancellation, a kind of `Refused`, or that it was done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from connectors.postal.speaking import CancelOutcome, Refused
from mappings.dates import local_date
from mappings.tables import TableRow, load_table

ANY = "*"

Operation = Literal["order", "cancel", "register", "find", "feed", "price"]
"""What a carrier is asked to do or to tell."""

Kind = Literal["business", "busy", "auth", "unreadable", "configuration"]
"""The kinds of a `Refused`."""

Means = Literal["done", "duplicate", "absent"] | CancelOutcome | Kind
"""`duplicate`: it had that very order already. `absent`: it has none with that number."""

KINDS: tuple[Kind, ...] = ("business", "busy", "auth", "unreadable", "configuration")

_SHOWN = re.compile(r"[A-Za-z0-9_./+-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answered:
    """What is looked up: the operation, the code as text, and the carrier's own sentence, "" where there is none."""

    operation: Operation
    code: str
    message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The row that fits: what follows, the kit's family of it, and the words for people."""

    means: Means
    family: str
    meaning_vi: str
    number: int = 0

    def refused(self, code: str) -> Refused:
        """The same as a refusal; whatever is none of its kinds says nothing that could be relied on."""
        kind: Kind = self.means if self.means in KINDS else "unreadable"
        return Refused(kind, shown(code), self.meaning_vi)


UNLISTED = Conclusion("unreadable", "answer_unreadable", "Câu trả lời không có trong bảng kết quả")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The table of one dialect, ready to be asked."""

    rows: tuple[tuple[TableRow, re.Pattern[str]], ...] = field(repr=False)

    def conclude(self, answered: Answered, at: datetime) -> Conclusion:
        """What an answer means on that day in Viet Nam; whatever no row names is unreadable, never a refusal."""
        day = local_date(at)
        for row, pattern in self.rows:
            if (
                row["operation"] in (ANY, answered.operation)
                and _fits(row["code"], answered.code)
                and row.holds(day)
                and pattern.search(answered.message)
            ):
                return Conclusion(cast(Means, row["means"]), row["family"], row["meaning_vi"], row.number)
        return UNLISTED


@cache
def load_outcomes(dialect: str) -> Outcomes:
    """The table that ships with a dialect's folder."""
    folder = files("connectors.postal.profiles") / dialect
    table = load_table("outcomes", folder, ("operation", "code", "pattern"))
    return Outcomes(tuple((row, re.compile(row["pattern"], re.IGNORECASE)) for row in table.rows))


def shown(code: str) -> str:
    """A code from outside as it may be shown and audited: short and of harmless letters, else `unreadable`."""
    return code if not code or _SHOWN.fullmatch(code) else "unreadable"


def _fits(wanted: str, code: str) -> bool:
    return wanted == code or (wanted.endswith(ANY) and code.startswith(wanted[:-1]))
