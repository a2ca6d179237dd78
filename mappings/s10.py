"""Item codes of the post after UPU S10: two letters, eight digits, a check digit, and the country (postal facts 8.1).

The check digit finds a slip of the hand and nothing else: codes that fail it stand in vendors' own documents and were sent by
live systems. What is odd is therefore a warning and never a refusal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_FORM = re.compile(r"([A-Z]{2})(\d{8})(\d)([A-Z]{2})", re.ASCII)
_SPACES = re.compile(r"[\s.\-]+")
_SERIAL = re.compile(r"\d{8}", re.ASCII)
_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_VIET_NAM = "VN"


class ItemOddity(StrEnum):
    """What may be odd about an item code; each has its sentence in `message_vi`."""

    NO_ITEM_CODE = "no_item_code"
    CHECK_DIGIT_DIFFERS = "check_digit_differs"
    FOREIGN = "foreign"

    @property
    def message_vi(self) -> str:
        """The warning in the words of officers; it repeats no sign of the code."""
        return _MESSAGES[self]


_MESSAGES = {
    ItemOddity.NO_ITEM_CODE: "Số hiệu bưu gửi không theo dạng 2 chữ cái, 9 chữ số, 2 chữ cái; vẫn được giữ nguyên để tra cứu.",
    ItemOddity.CHECK_DIGIT_DIFFERS: "Chữ số kiểm tra của số hiệu bưu gửi không khớp; cần đối chiếu với tem trên bưu gửi.",
    ItemOddity.FOREIGN: "Số hiệu bưu gửi do bưu chính nước khác cấp.",
}


class ItemKind(StrEnum):
    """What the two letters in front say (UPU S10): the classes that a public postal service of ours uses."""

    EXPRESS = "express"  # EA-EZ: EMS
    REGISTERED = "registered"  # RA-RZ
    PARCEL = "parcel"  # CA-CZ
    TRACKED = "tracked"  # LA-LZ
    DOMESTIC = "domestic"  # BA-BZ, DA-DZ, NA-NZ, PA-PZ, ZA-ZZ: at the country's own use
    OTHER = "other"


_KINDS = {
    "E": ItemKind.EXPRESS,
    "R": ItemKind.REGISTERED,
    "C": ItemKind.PARCEL,
    "L": ItemKind.TRACKED,
    **dict.fromkeys("BDNPZ", ItemKind.DOMESTIC),
}


@dataclass(frozen=True, slots=True)
class ItemCode:
    """An item code that has the form of one. `text` is all thirteen signs; `valid` says whether its check digit holds.

    A code may be given again after twelve months: whoever keeps one keeps the year that it was given in as well.
    """

    text: str
    service: str
    serial: str
    digit: str
    country: str

    @property
    def valid(self) -> bool:
        """Whether the check digit is the one that the serial number wants."""
        return self.digit == check_digit(self.serial)

    @property
    def kind(self) -> ItemKind:
        """The class that the first letter names."""
        return _KINDS.get(self.service[0], ItemKind.OTHER)


def check_digit(serial: str) -> str:
    """The check digit for a serial number of eight digits; `ValueError` for anything else."""
    if not _SERIAL.fullmatch(serial):
        raise ValueError("số thứ tự của bưu gửi phải có đúng 8 chữ số")
    remainder = 11 - sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, serial, strict=True)) % 11
    return {10: "0", 11: "5"}.get(remainder, str(remainder))


def read_item_code(text: str) -> ItemCode | None:
    """The code in what somebody typed or scanned (spaces, dots, hyphens, small letters); None where it has not the form."""
    bare = _SPACES.sub("", text)
    # Capitals are made of ASCII alone: a dotless ı would become an I that nobody wrote.
    found = _FORM.fullmatch(bare.upper()) if bare.isascii() else None
    return None if found is None else ItemCode(found[0], *found.groups())


def oddities(text: str) -> tuple[ItemOddity, ...]:
    """What is odd about an item code; nothing for "" (none was given yet)."""
    if not text.strip():
        return ()
    code = read_item_code(text)
    if code is None:
        return (ItemOddity.NO_ITEM_CODE,)
    differs = () if code.valid else (ItemOddity.CHECK_DIGIT_DIFFERS,)
    return differs if code.country == _VIET_NAM else (*differs, ItemOddity.FOREIGN)
