"""The published document behind a profile: who issued it, under which number, on which day (QĐ 3036 Điều 5.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

_KEYS = frozenset({"number", "date", "title_vi"})


@dataclass(frozen=True, slots=True)
class Publication:
    """The published document: number, date of issue, title."""

    number: str
    date: date | None
    title_vi: str

    @property
    def complete(self) -> bool:
        """Whether all three are given."""
        return bool(self.number.strip() and self.title_vi.strip() and self.date is not None)


def publication_of(entry: object) -> Publication:
    """The publication that a profile states; a bare text is a title without number and date, which the linter refuses.

    Raises `TypeError` or `ValueError` for anything else.
    """
    if isinstance(entry, str):
        return Publication("", None, entry)
    if not isinstance(entry, Mapping):
        raise TypeError("publication: cần number, date và title_vi")
    if set(entry) - _KEYS:
        raise ValueError(f"publication: không có khóa {', '.join(sorted(set(entry) - _KEYS))}")
    issued = entry.get("date")
    return Publication(
        str(entry.get("number", "")), issued if type(issued) is date else None, str(entry.get("title_vi", ""))
    )
