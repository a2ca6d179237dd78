"""A report of settlement as a system asks for it and gets it: which day, in which form, one table or all; and its moments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import TypeVar
from urllib.parse import parse_qsl

from connectors.kit.contract import Reply
from connectors.kit.errors import Finding
from connectors.kit.settlement.statements import FileBad
from mappings.dates import VIETNAM

FORMATS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""The forms of a report, with their media types."""

N = TypeVar("N", bound=str)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)


class WronglyAsked(ValueError):
    """A report that nobody can give; `finding` says why."""

    def __init__(self, code: str, pointer: str, message_vi: str) -> None:
        """Of what was asked nothing is repeated."""
        self.finding = Finding(code, pointer, message_vi)
        super().__init__(code)


def asked_day(text: str) -> str:
    """A day as `yyyymmdd`, from that or from `yyyy-mm-dd`. Raises `WronglyAsked`."""
    found = _DAY.fullmatch(text)
    try:
        if found is not None:
            return f"{date(int(found[1]), int(found[2]), int(found[3])):%Y%m%d}"
    except ValueError:
        pass
    raise WronglyAsked("date", "/date", "Phải là một ngày, yyyy-mm-dd hoặc yyyymmdd.")


def asked_form(query: str, tables: Sequence[N]) -> tuple[str, N | None]:
    """The form and the table that are asked for, none where all are. Raises `WronglyAsked`."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise WronglyAsked("format", "/format", "Quá nhiều tham số.") from None
    asked = dict(pairs)
    form, table = asked.pop("format", "json"), asked.pop("table", "")
    known = {str(name): name for name in tables}
    if asked or len(pairs) != len(dict(pairs)) or form not in FORMATS:
        raise WronglyAsked("format", "/format", f"format: {', '.join(FORMATS)}; ngoài ra chỉ có table.")
    if table and table not in known:
        raise WronglyAsked("table", "/table", f"table: {', '.join(known)}.")
    return form, known.get(table)


def answered(body: bytes, form: str, name: str) -> Reply:
    """A report in its form; one for a spreadsheet comes as a file with that name."""
    headers = {} if form == "json" else {"Content-Disposition": f'attachment; filename="{name}"'}
    return Reply(200, body, FORMATS[form], headers=headers)


def faults_of(bad: FileBad) -> tuple[Finding, ...]:
    """What is wrong with a statement that was sent in as `name` and `content`, line by line."""
    return tuple(
        Finding(one.code, "/content", f"Dòng {one.line}: {one.message_vi}")
        if one.line
        else Finding(one.code, "/name", one.message_vi)
        for one in bad.faults
    )


def local(moment: datetime | None) -> str:
    """A moment as tables show it: the time of Viet Nam, empty where there is none."""
    return f"{moment.astimezone(VIETNAM):%Y-%m-%d %H:%M:%S}" if moment is not None else ""


def day_of(day: str) -> date:
    """The day that `yyyymmdd` names."""
    return date(int(day[:4]), int(day[4:6]), int(day[6:]))
