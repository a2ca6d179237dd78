"""A date of birth as registers hold it: sometimes a day, sometimes a month, for many elderly people only a year.

Never filled up with 01/01: what is not known is not said (identity facts 3.3).
"""

from __future__ import annotations

import re
from datetime import date
from typing import final

_FORMS = (
    re.compile(r"(?P<y>\d{4})", re.ASCII),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)", re.ASCII),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d\d)", re.ASCII),
    re.compile(r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)", re.ASCII),
)
_FIRST, _LAST = 1800, 2199


@final
class PartialDate:
    """Ngày, tháng, năm sinh as far as it is known; `day` never without `month`. A date carries no time zone.

    Immutable, and no dataclass on purpose: in JSON it is its text, which `mappings.codec` sees to. `repr` says the year alone
    (identity facts 5).
    """

    __slots__ = ("_parts",)
    _parts: tuple[int, int | None, int | None]

    def __init__(self, year: int, month: int | None = None, day: int | None = None) -> None:
        """Raises `ValueError` for a date that no calendar has."""
        if not _FIRST <= year <= _LAST:
            raise ValueError(f"năm phải từ {_FIRST} đến {_LAST}")
        if month is None and day is not None:
            raise ValueError("có ngày mà không có tháng")
        date(year, 1 if month is None else month, 1 if day is None else day)
        object.__setattr__(self, "_parts", (year, month, day))

    @property
    def year(self) -> int:
        """The year, always known."""
        return self._parts[0]

    @property
    def month(self) -> int | None:
        """The month, 1 to 12, where it is known."""
        return self._parts[1]

    @property
    def day(self) -> int | None:
        """The day of the month, where it is known."""
        return self._parts[2]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a date does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a date does not change")

    def __eq__(self, other: object) -> bool:
        return self._parts == other._parts if isinstance(other, PartialDate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._parts)

    def __reduce__(self) -> tuple[type[PartialDate], tuple[int, int | None, int | None]]:
        return PartialDate, self._parts

    def __repr__(self) -> str:
        return f"PartialDate({self.year}…)" if self.month is not None else f"PartialDate({self.year})"

    def __str__(self) -> str:
        """`yyyy`, `yyyy-MM` or `yyyy-MM-dd`."""
        return "-".join(f"{part:02d}" for part in self._parts if part is not None)

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
        return all(a is None or b is None or a == b for a, b in zip(self._parts, other._parts, strict=True))
