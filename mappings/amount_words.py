"""Amounts of money in Vietnamese words, as receipts and vouchers must carry them beside the digits.

Law: NĐ 254/2026/NĐ-CP Điều 22 to 25 (a receipt names its amount in digits and in words; payment facts 7.2). The reading is the
one of schools and banks: mươi/mười, mốt, lăm, "linh" for an empty ten, "không trăm" where a higher group stands before.
"""

from __future__ import annotations

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_GROUPS = ("", "nghìn", "triệu")
_BILLION = 1_000_000_000

MOST = 999_999_999_999_999
"""The largest amount that is written: beyond it no fee, and no reader, is served by words."""


def amount_in_words(amount: int) -> str:
    """`amount` (whole đồng) in words, as a sentence begins: `Một trăm linh năm nghìn đồng`.

    Raises `ValueError` for a negative amount and for one beyond `MOST`.
    """
    if not 0 <= amount <= MOST:
        raise ValueError(f"số tiền phải từ 0 đến {MOST}")
    words = number_in_words(amount)
    return f"{words[:1].upper()}{words[1:]} đồng"


def number_in_words(number: int) -> str:
    """A whole number from 0 to `MOST` in words, in small letters."""
    if number == 0:
        return _DIGITS[0]
    billions, rest = divmod(number, _BILLION)
    words = [*_below_billion(billions, after_more=False), "tỷ"] if billions else []
    return " ".join([*words, *_below_billion(rest, after_more=bool(billions))])


def _below_billion(number: int, *, after_more: bool) -> list[str]:
    """The groups of thousands of a number below 10^9; `after_more`: something larger was said before it."""
    words: list[str] = []
    for place in (2, 1, 0):
        group = number // 1000**place % 1000
        if group:
            words += [*_group(group, whole=after_more or bool(words)), *filter(None, (_GROUPS[place],))]
    return words


def _group(number: int, *, whole: bool) -> list[str]:
    """A number from 1 to 999; `whole`: its hundreds are said even where there are none."""
    hundreds, below = divmod(number, 100)
    words = [_DIGITS[hundreds], "trăm"] if hundreds or whole else []
    if not below:
        return words
    tens, ones = divmod(below, 10)
    if tens == 0:
        return [*words, "linh", _DIGITS[ones]] if words else [_DIGITS[ones]]
    words += ["mười"] if tens == 1 else [_DIGITS[tens], "mươi"]
    return [*words, *_ones(ones, tens)]


def _ones(ones: int, tens: int) -> list[str]:
    """The ones behind a ten: `mốt` behind mươi, `lăm` behind any ten."""
    if not ones:
        return []
    if ones == 1 and tens > 1:
        return ["mốt"]
    return ["lăm"] if ones == 5 else [_DIGITS[ones]]
