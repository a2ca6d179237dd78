"""The cells of one record of a statement: which cell is what, by the layout, and how its text becomes a value.

Amounts are whole numbers of đồng written in digits: no float is ever made. Codes are taken exactly as they stand; only what
the layout names as a step is done to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from connectors.kit.settlement.layouts import Column, TableLayout
from mappings.dates import VIETNAM
from mappings.settlement_words import Kind, Standing

W = TypeVar("W", Kind, Standing)
Cells = Callable[[Sequence[str], int], Mapping[str, str]]
"""From a record, and its number, to texts by our names of columns."""

LONGEST_CODE = 100
_DIGITS = re.compile(r"-?[0-9]{1,18}", re.ASCII)

KINDS: Mapping[str, Kind] = {kind.casefold(): kind for kind in Kind}
"""Our own words for what a row is about."""
STATUSES: Mapping[str, Standing] = {
    **{standing.casefold(): standing for standing in Standing},
    "success": Standing.PAID,
    "done": Standing.PAID,
}
"""Our own words for how it stands."""


class Unreadable(Exception):
    """Dòng không đọc được theo bố cục."""

    def __init__(self, code: str, message_vi: str) -> None:
        self.code, self.message_vi = code, message_vi
        super().__init__(code)


def own_cells(fields: Sequence[str]) -> Cells:
    """How a `D` row of our own layout with these columns is taken apart."""

    def cells(record: Sequence[str], number: int) -> Mapping[str, str]:
        if len(record) != len(fields) + 1:
            raise Unreadable("columns", f"dòng D phải có {len(fields) + 1} cột, dòng này có {len(record)}.")
        return dict(zip(fields, record[1:], strict=True))

    return cells


def table_cells(layout: TableLayout, header: Sequence[str] | None) -> Cells:
    """How the records of a foreign table are taken apart. Raises `Unreadable` where a named column is missing or twice."""
    places: dict[str, int] = {}
    for name, column in layout.columns.items():
        if header is None:
            places[name] = int(column.source) - 1
            continue
        found = [place for place, title in enumerate(header) if title.strip() == column.source]
        if len(found) != 1:
            raise Unreadable("columns", f"cột «{column.source}» phải có đúng một lần ở dòng tiêu đề.")
        places[name] = found[0]

    def cells(record: Sequence[str], number: int) -> Mapping[str, str]:
        if max(places.values()) >= len(record):
            raise Unreadable("columns", f"dòng có {len(record)} cột, ít hơn bố cục đã cấu hình.")
        return {"seq": str(number), **{name: record[place] for name, place in places.items()}}

    return cells


def stepped(column: Column | None, text: str, reference: Callable[[str], str]) -> str:
    """A cell after the steps of its column, but for those that read a time. `reference` finds what is ours in free text."""
    for step in column.steps if column is not None else ():
        word, _, argument = step.partition(":")
        match word:
            case "trim":
                text = text.strip()
            case "digits":
                text = re.sub(r"[\s.,]", "", text)
            case "/100":
                text = _hundredth(text)
            case "after":
                text = text.partition(argument)[2] if argument in text else text
            case "before":
                text = text.partition(argument)[0]
            case "reference":
                text = reference(text)
    return text


def number_of(texts: Mapping[str, str], name: str, *, optional: bool = False) -> int:
    """A whole number; one that is `optional` is 0 where nothing stands."""
    text = texts.get(name, "")
    if not text and optional:
        return 0
    if not _DIGITS.fullmatch(text):
        raise Unreadable("amount" if name != "seq" else "seq", f"cột {name}: phải là số nguyên.")
    return int(text)


def word_of(text: str, own: Mapping[str, W], words: Mapping[str, W], code: str) -> W:
    """What a word means: by the layout's own list where it has one, else by ours."""
    found = {word.casefold(): meaning for word, meaning in own.items()} if own else words
    meaning = found.get(text.casefold())
    if meaning is None:
        raise Unreadable(code, f"cột {code}: từ không có trong bố cục.")
    return meaning


def moment_of(column: Column | None, text: str, name: str, *, required: bool) -> datetime | None:
    """A time as it was written. Without a zone it is Viet Nam's."""
    step = next((s for s in (column.steps if column else ()) if s.startswith("time:") or s == "epoch_ms"), "")
    if not text and not required:
        return None
    try:
        if step == "epoch_ms":
            return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))
        moment = datetime.strptime(text, step.removeprefix("time:")) if step else datetime.fromisoformat(text)  # noqa: DTZ007 - the zone follows
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(name, "thời điểm không đúng định dạng của bố cục.") from None


def checked_codes(texts: Mapping[str, str], names: Sequence[str]) -> None:
    """Raises `Unreadable` for a code that is none: too long, or with control characters."""
    for name in names:
        text = texts.get(name, "")
        if len(text) > LONGEST_CODE or not text.isprintable():
            raise Unreadable("code", f"cột {name}: mã dài hơn {LONGEST_CODE} ký tự hoặc có ký tự điều khiển.")


def _hundredth(text: str) -> str:
    """An amount that is written times a hundred; exact, or the row is bad."""
    if not _DIGITS.fullmatch(text) or int(text) % 100:
        raise Unreadable("amount", "số tiền nhân 100 phải là bội của 100.")
    return str(int(text) // 100)
