"""Reads the outcomes.csv of a dialect: what an intermediary's code means for an attempt or a refund; the table decides.

A row speaks for an operation (`create`, `notice`, `query`, `refund`, `refund_query`; `*`: any), a code and, where a dialect has
a second indicator, a status (`*`: any), and a pattern of the message (empty: any). The first row that fits and holds on that
day is the answer, so that exceptions stand above their rule. `verdict` is a class of payment facts 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Literal

from connectors.payment.model import Verdict
from mappings.dates import local_date
from mappings.tables import TableRow, load_table

ANY = "*"
_SHOWN = re.compile(r"[A-Za-z0-9_./+-]{1,40}")

Operation = Literal["create", "notice", "query", "refund", "refund_query"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What is looked up: the code as text, the second indicator and the message, "" where there is none."""

    operation: Operation
    code: str
    status: str = ""
    message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The row that fits: its class, and the words for people."""

    verdict: Verdict
    family: str
    meaning_vi: str


UNLISTED = Conclusion(Verdict.UNKNOWN, "answer_unreadable", "Mã không có trong bảng kết quả")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The table of one dialect, ready to be asked."""

    rows: tuple[tuple[TableRow, re.Pattern[str]], ...] = field(repr=False)

    def conclude(
        self, answered: Answered, at: datetime | date, overriding: Mapping[str, str] | None = None
    ) -> Conclusion:
        """What an answer means on that day in Viet Nam; whatever no row names is unknown, never a failure (decision D4).

        `overriding` are classes by code from the configuration (`code_map` of payment facts 9); they stand above the table.
        """
        if overriding and answered.code in overriding:
            return Conclusion(Verdict(overriding[answered.code]), "", "Theo cấu hình code_map")
        day = local_date(at) if isinstance(at, datetime) else at
        for row, pattern in self.rows:
            fits = (
                row["operation"] in (ANY, answered.operation)
                and row["code"] in (ANY, answered.code)
                and row.values.get("status", ANY) in (ANY, answered.status)
            )
            if fits and row.holds(day) and pattern.search(answered.message):
                return Conclusion(Verdict(row["verdict"]), row["family"], row["meaning_vi"])
        return UNLISTED


@cache
def load_outcomes(dialect: str) -> Outcomes:
    """The table that ships with a dialect's folder."""
    folder = files("connectors.payment.profiles") / dialect
    table = load_table("outcomes", folder, ("operation", "code", "pattern"))
    return Outcomes(tuple((row, re.compile(row["pattern"], re.IGNORECASE)) for row in table.rows))


def by_http_status(status: int, *, question: bool) -> Verdict | None:
    """What an HTTP status alone says (payment facts 4.5); None: the body has to be read.

    4xx is our defect but for 408, 425 and 429, after which the same call may be repeated. 5xx is unknown for a call with an
    effect and repeatable for a question. Redirects are not followed: a place that answers with one is not the one we know.
    """
    if 200 <= status < 300:
        return None
    if status in (408, 425, 429) or (question and status >= 500):
        return Verdict.REPEAT
    if 400 <= status < 500:
        return Verdict.CONFIGURATION
    return Verdict.UNKNOWN


def shown(code: str) -> str:
    """A code from outside as it may be shown and audited: short and of harmless letters, else `unreadable`."""
    return code if not code or _SHOWN.fullmatch(code) else "unreadable"
