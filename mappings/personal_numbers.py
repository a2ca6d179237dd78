"""Numbers of persons: the personal identification number, the old identity card, the passport; what each may tell.

Of a personal number nobody may conclude where somebody was born or lives: its first three digits are a code of the 63
provinces of its time, and since 01/07/2025 the same digits may name another province. There is no check digit: only the
population database can confirm a number. What looks odd is therefore a warning and never a refusal: mistaken numbers were
issued and kept (identity facts 3.1, 3.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from mappings.codes import IdentityType
from mappings.partial_date import PartialDate
from mappings.provinces import ProvinceList, provinces

_LAYOUT = re.compile(r"[\s.\-]")
_TWELVE = re.compile(r"\d{12}", re.ASCII)
_NINE = re.compile(r"\d{9}", re.ASCII)
_PASSPORT = re.compile(r"(?=.*[A-Z])[A-Z0-9]{6,12}", re.ASCII)
_FIRST_ABROAD = 101
_SEXES = {"1": 0, "2": 1}


class Oddity(StrEnum):
    """What may be odd about a personal number; each has its sentence in `message_vi`."""

    UNKNOWN_PLACE = "unknown_place"
    SEX_DIFFERS = "sex_differs"
    BIRTH_YEAR_DIFFERS = "birth_year_differs"
    NOT_YET_BORN = "not_yet_born"

    @property
    def message_vi(self) -> str:
        """The warning in the words of officers; it repeats no digit."""
        return _MESSAGES[self]


_MESSAGES = {
    Oddity.UNKNOWN_PLACE: "Ba chữ số đầu không thuộc danh mục mã nơi đăng ký khai sinh; cần đối chiếu với cơ sở dữ liệu dân cư.",
    Oddity.SEX_DIFFERS: "Chữ số thứ tư không phù hợp với giới tính đã khai; cần đối chiếu với cơ sở dữ liệu dân cư.",
    Oddity.BIRTH_YEAR_DIFFERS: "Năm sinh trong số định danh khác năm sinh đã khai; cần đối chiếu với cơ sở dữ liệu dân cư.",
    Oddity.NOT_YET_BORN: "Năm sinh trong số định danh ở tương lai; cần đối chiếu với cơ sở dữ liệu dân cư.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PersonalNumber:
    """Số định danh cá nhân: twelve digits, as text (a leading zero is part of it)."""

    digits: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises `ValueError` for anything but twelve ASCII digits; the text does not repeat them."""
        if not _TWELVE.fullmatch(self.digits):
            raise ValueError("số định danh cá nhân phải gồm đúng 12 chữ số")

    @classmethod
    def parse(cls, text: str) -> PersonalNumber:
        """From digits with spaces, dots or dashes between them; raises `ValueError`."""
        return cls(bare(text))

    @property
    def registration_code(self) -> str:
        """Three digits: province of birth registration in the list of its time, or a country. Never shown as a birthplace."""
        return self.digits[:3]

    @property
    def birth_year(self) -> int:
        """The year that century digit and year digits say (TT 07/2016/TT-BCA): 0, 1: 1900s; 2, 3: 2000s; and so on."""
        return 1900 + 100 * (int(self.digits[3]) // 2) + int(self.digits[4:6])

    @property
    def female(self) -> bool:
        """The sex that was registered when the number was issued."""
        return int(self.digits[3]) % 2 == 1

    def oddities(self, today: date, birth: PartialDate | None = None, sex: str = "") -> tuple[Oddity, ...]:
        """What does not fit together; empty is no proof of anything. `sex` as registers code it: 1 male, 2 female."""
        found = []
        if not known_place(self.registration_code):
            found.append(Oddity.UNKNOWN_PLACE)
        if sex in _SEXES and _SEXES[sex] != self.female:
            found.append(Oddity.SEX_DIFFERS)
        if birth is not None and birth.year != self.birth_year:
            found.append(Oddity.BIRTH_YEAR_DIFFERS)
        if self.birth_year > today.year:
            found.append(Oddity.NOT_YET_BORN)
        return tuple(found)


def known_place(registration_code: str) -> bool:
    """Whether the first three digits are a province of the 63, or a country (101 and above).

    Which code those get who are born since 01/07/2025 is not known, so the old list goes on being accepted.
    """
    if int(registration_code) >= _FIRST_ABROAD:
        return True
    return registration_code[0] == "0" and registration_code[1:] in provinces(ProvinceList.BEFORE_2025_07)


def kind_of(text: str) -> IdentityType:
    """What a number that somebody typed seems to be, by its length: 12 digits `cccd`, 9 digits `cmnd`, else a passport.

    `other` where nothing fits, `none` where there is nothing. A tax code is never guessed: ask what it is.
    """
    number = bare(text).upper()
    if not number:
        return IdentityType.NONE
    if _TWELVE.fullmatch(number):
        return IdentityType.CCCD
    if _NINE.fullmatch(number):
        return IdentityType.CMND
    return IdentityType.PASSPORT if _PASSPORT.fullmatch(number) else IdentityType.OTHER


def well_formed(kind: IdentityType, text: str) -> bool:
    """Whether a number can be one of its kind at all; kinds without a known form take anything that is there.

    A CMND has 9 digits, or 12 where it already carried the later personal number.
    """
    number = bare(text)
    match kind:
        case IdentityType.CCCD:
            return _TWELVE.fullmatch(number) is not None
        case IdentityType.CMND:
            return _NINE.fullmatch(number) is not None or _TWELVE.fullmatch(number) is not None
        case IdentityType.PASSPORT:
            return re.fullmatch(r"[A-Z0-9]{6,12}", number.upper(), re.ASCII) is not None
        case IdentityType.NONE:
            return not number
        case _:
            return bool(number)


def bare(text: str) -> str:
    """The number without the spaces, dots and dashes that people write for the eye."""
    return _LAYOUT.sub("", text)
