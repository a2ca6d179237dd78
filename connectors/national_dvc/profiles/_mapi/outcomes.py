"""Reads the outcomes.csv of a profile: what each answer of the portal lets one conclude. The table decides, no code does.

A row speaks for an operation (`*`: any), a code (a number; `*`: any but 0; `text`: a plain sentence without code) and a
message pattern (a regular expression, whatever the case; empty: any). The first row that fits is the answer, so that
exceptions stand above their rule.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from importlib.resources import files

import msgspec

from connectors.national_dvc.profiles._mapi.messages import Answer
from mappings.tables import TableRow, load_table

ANY = "*"
TEXT = "text"


class Operation(StrEnum):
    """What was asked of the portal: the first key of the table."""

    LOGIN = "login"
    CREATE = "create"
    UPDATE = "update"
    PROGRESS = "progress"
    LOOKUP = "lookup"
    PROCEDURE = "procedure"
    CATALOGUE = "catalogue"


class Family(StrEnum):
    """What may be concluded from an answer."""

    DONE = "done"
    DUPLICATE = "duplicate"
    NOT_FOUND = "not_found"
    SESSION_EXPIRED = "session_expired"
    BUSY = "busy"
    REJECTED = "rejected"
    CREDENTIALS_REFUSED = "credentials_refused"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The row that fits an answer. `known` is False for the catch-all row: a code that nobody has described yet."""

    family: Family
    meaning_vi: str
    known: bool
    row: int = 0


class ExtraOutcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row that a deployment adds from what it saw (facts U5); read before the shipped table."""

    operation: str = ANY
    code: str = ANY
    message_pattern: str = ""
    family: Family
    meaning_vi: str

    def __post_init__(self) -> None:
        """Refuses a pattern that is no regular expression, and an operation that does not exist."""
        if self.operation != ANY:
            Operation(self.operation)
        try:
            re.compile(self.message_pattern)
        except re.error as error:
            raise ValueError(f"message_pattern: không phải biểu thức chính quy hợp lệ ({error.msg})") from None


@dataclass(frozen=True, slots=True)
class _Row:
    operation: str
    code: str
    pattern: re.Pattern[str]
    conclusion: Conclusion
    source: TableRow | None = None

    def fits(self, operation: Operation, code: str, message: str) -> bool:
        if self.operation not in (ANY, operation):
            return False
        if self.code != code and not (self.code == ANY and code not in ("0", TEXT)):
            return False
        return self.pattern.search(message) is not None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The table, ready to be asked."""

    rows: tuple[_Row, ...] = field(repr=False)

    def conclude(self, operation: Operation, answer: Answer, at: date) -> Conclusion:
        """What `answer` to `operation` means on that day; total, because the table ends in catch-all rows."""
        code = TEXT if answer.plain else answer.code
        message = unicodedata.normalize("NFC", answer.message)
        for row in self.rows:
            if (row.source is None or row.source.holds(at)) and row.fits(operation, code, message):
                return row.conclusion
        return Conclusion(Family.UNREADABLE, "Câu trả lời không có trong bảng kết quả", known=False)


def load_outcomes(profile: str, extra: Sequence[ExtraOutcome] = ()) -> Outcomes:
    """The table that ships with a profile folder, behind the rows that the configuration adds."""
    folder = files("connectors.national_dvc.profiles") / profile
    table = load_table("outcomes", folder, ("operation", "code", "message_pattern"))
    return Outcomes((*(_extra(row) for row in extra), *(_shipped(row) for row in table.rows)))


def _shipped(row: TableRow) -> _Row:
    catch_all = row["operation"] == ANY and row["code"] == ANY and not row["message_pattern"]
    conclusion = Conclusion(Family(row["family"]), row["meaning_vi"], known=not catch_all, row=row.number)
    return _Row(row["operation"], row["code"], _compiled(row["message_pattern"]), conclusion, row)


def _extra(row: ExtraOutcome) -> _Row:
    conclusion = Conclusion(row.family, row.meaning_vi, known=True)
    return _Row(row.operation, row.code, _compiled(row.message_pattern), conclusion)


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)
