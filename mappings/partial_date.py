"""A date of birth as registers hold it: sometimes a day, sometimes a month, for many elderly people only a year.

Never filled up with 01/01: what is not known is not said (identity facts 3.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_FORMS = (
    re.compile(r"(?P<y>\d{4})", re.ASCII),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)", re.ASCII),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d\d)", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)", re.ASCII),
)
_FIRST, _LAST = 1800, 2199


@dataclass(frozen=True, slots=True, order=False)
class PartialDate:
    """Ngày, tháng, năm sinh as far as it is known; `day` never without `month`. A date carries no time zone."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for a date that no calendar has."""
        if not _FIRST <= self.year <= _LAST:
            raise ValueError(f"năm phải từ {_FIRST} đến {_LAST}")
        if self.month is None and self.day is not None:
            raise ValueError("có ngày mà không có tháng")
        date(self.year, 1 if self.month is None else self.month, 1 if self.day is None else self.day)

    def __str__(self) -> str:
        """`yyyy`, `yyyy-MM` or `yyyy-MM-dd`."""
        parts = [f"{self.year:04d}"]
        parts += [f"{part:02d}" for part in (self.month, self.day) if part is not None]
        return "-".join(parts)

    @classmethod
    def parse(cls, text: str) -> PartialDate:
        """From `yyyy`, `yyyyMM`, `yyyyMMdd` and the same with dashes (all seen on the wire); raises `ValueError` otherwise."""
        for form in _FORMS:
            found = form.fullmatch(text.strip())
            if found is not None:
                parts = {name: int(value) for name, value in found.groupdict().items()}
                return cls(parts["y"], parts.get("m"), parts.get("d"))
        raise ValueError("ngày sinh không theo dạng yyyy, yyyy-MM hoặc yyyy-MM-dd")

    @classmethod
    def of(cls, day: date) -> PartialDate:
        """A full date."""
        return cls(day.year, day.month, day.day)

    def agrees(self, other: PartialDate) -> bool:
        """Whether both may be the same day: compared at the coarser precision of the two."""
        mine, theirs = (self.year, self.month, self.day), (other.year, other.month, other.day)
        return all(a is None or b is None or a == b for a, b in zip(mine, theirs, strict=True))
