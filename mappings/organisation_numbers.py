"""Numbers of organisations: the tax code with its check digit, and the identifier of agencies.

An enterprise code is its tax code: ten digits, the last a check digit over the nine before; a dependent unit adds a dash and
three digits, which the check digit does not cover. A number of twelve digits is a person's (TT 86/2024/TT-BTC; identity
facts 4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_LAYOUT = re.compile(r"[\s.\-]")
_DIGITS = re.compile(r"\d+", re.ASCII)
_AGENCY = re.compile(r"[A-Z0-9]+(\.[A-Z0-9]+)*", re.ASCII)
_LONGEST_AGENCY = 35


class TaxCodeDefect(StrEnum):
    """Why a text is no tax code of an organisation."""

    NOT_DIGITS = "not_digits"
    WRONG_LENGTH = "wrong_length"
    A_PERSON = "a_person"
    NO_SERIAL = "no_serial"
    WRONG_CHECK_DIGIT = "wrong_check_digit"
    WRONG_UNIT = "wrong_unit"

    @property
    def message_vi(self) -> str:
        """The defect in words; it repeats no digit."""
        return _MESSAGES[self]


_MESSAGES = {
    TaxCodeDefect.NOT_DIGITS: "Mã số thuế chỉ gồm chữ số.",
    TaxCodeDefect.WRONG_LENGTH: "Mã số thuế của tổ chức có 10 chữ số, đơn vị phụ thuộc có 13 chữ số.",
    TaxCodeDefect.A_PERSON: "Số 12 chữ số là số định danh cá nhân, không phải mã số thuế của tổ chức.",
    TaxCodeDefect.NO_SERIAL: "Phần số thứ tự của mã số thuế không được toàn chữ số 0.",
    TaxCodeDefect.WRONG_CHECK_DIGIT: "Chữ số kiểm tra của mã số thuế không đúng; hãy xem lại các chữ số.",
    TaxCodeDefect.WRONG_UNIT: "Ba chữ số cuối của đơn vị phụ thuộc phải từ 001 đến 999.",
}


class NoTaxCode(ValueError):
    """Không phải mã số thuế; `defect` says why, the text repeats nothing of it."""

    def __init__(self, defect: TaxCodeDefect) -> None:
        self.defect = defect
        super().__init__(defect.message_vi)


@dataclass(frozen=True, slots=True)
class TaxCode:
    """Mã số thuế, mã số doanh nghiệp: ten digits, and the three of a dependent unit where it is one (else empty)."""

    base: str
    unit: str = ""

    @classmethod
    def parse(cls, text: str) -> TaxCode:
        """From the digits, however they are grouped; raises `NoTaxCode`."""
        defect = tax_code_defect(text)
        if defect is not None:
            raise NoTaxCode(defect)
        digits = _LAYOUT.sub("", text)
        return cls(digits[:10], digits[10:])

    @property
    def digits(self) -> str:
        """As it is stored: 10 or 13 digits."""
        return self.base + self.unit

    def __str__(self) -> str:
        """As it is printed: `NNNNNNNNNN` or `NNNNNNNNNN-NNN`."""
        return f"{self.base}-{self.unit}" if self.unit else self.base


def tax_code_defect(text: str) -> TaxCodeDefect | None:
    """Why the text is no tax code of an organisation; none where it may be one (only the tax authority knows)."""
    digits = _LAYOUT.sub("", text)
    if not _DIGITS.fullmatch(digits):
        return TaxCodeDefect.NOT_DIGITS
    if len(digits) == 12:
        return TaxCodeDefect.A_PERSON
    if len(digits) not in (10, 13):
        return TaxCodeDefect.WRONG_LENGTH
    if digits[2:9] == "0000000":
        return TaxCodeDefect.NO_SERIAL
    if check_digit(digits[:9]) != digits[9]:
        return TaxCodeDefect.WRONG_CHECK_DIGIT
    if digits[10:] == "000":
        return TaxCodeDefect.WRONG_UNIT
    return None


def check_digit(body: str) -> str:
    """The tenth digit for nine; empty for a body (one in eleven) that has none, because no such code is issued.

    Some programs write 0 there. They are wrong, and would accept codes that nobody has.
    """
    sum_of = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    check = 10 - sum_of % 11
    return "" if check == 10 else str(check)


def agency_code(text: str) -> str:
    """Mã định danh cơ quan (QĐ 20/2020/QĐ-TTg): groups of capitals and digits between dots, at most 35 characters.

    The form is our reading. Raises `ValueError`, which repeats nothing of the text.
    """
    code = text.strip().upper()
    if len(code) > _LONGEST_AGENCY or not _AGENCY.fullmatch(code):
        raise ValueError("mã định danh cơ quan gồm các nhóm chữ và số cách nhau bằng dấu chấm, dài tối đa 35 ký tự")
    return code
