"""Reads outcomes.csv: what each answer of the population database, or of whatever stands before it, lets one conclude.

A row speaks for a signal, a code (`*` at its end: any ending) and a message pattern (a regular expression, whatever the case;
empty: any). The first row that fits decides. Signals: `answer` (a readable one), `business` (a code of the database itself, in
a fault's detail or inside an answer), `fault` (a SOAP fault or an X-Road error, by its faultcode), `gateway` (an LGSP's own
`error_code`), `http` (a status without any of these).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

from mappings.tables import CodeTable, TableRow, load_table

_ANY = "*"


class Family(StrEnum):
    """What may be concluded."""

    DONE = "done"
    NOT_FOUND = "not_found"
    NOT_SENT = "not_sent"
    BUSY = "busy"
    REJECTED = "rejected"
    CONSENT_MISSING = "consent_missing"
    CREDENTIALS_REFUSED = "credentials_refused"
    CONTRACT_CHANGED = "contract_changed"
    UPSTREAM_FAULT = "upstream_fault"
    ANSWER_UNREADABLE = "answer_unreadable"


@dataclass(frozen=True, slots=True)
class Signal:
    """What was seen. `message` may hold anything, so it is for patterns only.

    `machine`: what a security server said of machines, with no word of the database behind it; for masked quotation.
    """

    kind: str
    code: str
    message: str = field(default="", repr=False)
    machine: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The row that fits. `known` False: a catch-all, for what nobody has described yet."""

    family: Family
    meaning_vi: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The shipped table behind the codes that the configuration names (`error_map`, identity facts 7.15)."""

    error_map: Mapping[str, Family] = field(default_factory=dict)

    def conclude(self, signal: Signal, at: date) -> Conclusion:
        """What `signal` means on that day; total, because the table ends in a row for everything."""
        if signal.kind in ("business", "gateway", "fault") and signal.code in self.error_map:
            return Conclusion(self.error_map[signal.code], f"Mã {signal.code} (theo cấu hình error_map)")
        message = unicodedata.normalize("NFC", signal.message)
        for row in _table().rows:
            if row.holds(at) and _fits(row, signal, message):
                return Conclusion(
                    Family(row["family"]), row["meaning_vi"], known=bool(row["code"] != _ANY or row["pattern"])
                )
        return Conclusion(Family.UPSTREAM_FAULT, "Trả lời không có trong bảng kết quả", known=False)


def _fits(row: TableRow, signal: Signal, message: str) -> bool:
    if row["signal"] not in (_ANY, signal.kind):
        return False
    code = row["code"]
    if code != signal.code and not (code.endswith(_ANY) and signal.code.startswith(code[:-1])):
        return False
    return _compiled(row["pattern"]).search(message) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)


@cache
def _table() -> CodeTable:
    return load_table("outcomes", files("connectors.vneid.profiles.dancu"), ("signal", "code", "pattern"))
