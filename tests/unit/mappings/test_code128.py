"""Code 128 says what it was given, in as few bars as it can; what it cannot say it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings import code128
from mappings.code128 import bars

TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=50)
MIXED = st.lists(st.one_of(TEXTS, st.text("0123456789", min_size=1, max_size=12)), min_size=1, max_size=4).map("".join)


def read(widths: tuple[int, ...]) -> str:
    """What a reader makes of the bars (ISO/IEC 15417 4.3), with its check."""
    patterns = ["".join(map(str, widths[at : at + 6])) for at in range(0, len(widths) - 7, 6)]
    symbols = [code128._PATTERNS.index(pattern) for pattern in patterns]
    assert "".join(map(str, widths[-7:])) == "2331112"
    *symbols, check = symbols
    assert check == (symbols[0] + sum(place * one for place, one in enumerate(symbols[1:], 1))) % 103
    pairs, said = symbols[0] == 105, ""
    for symbol in symbols[1:]:
        if symbol == (100 if pairs else 99):
            pairs = not pairs
        else:
            said += f"{symbol:02}" if pairs else chr(symbol + 32)
    return said


@given(MIXED)
@settings(max_examples=200, deadline=None)
def test_whatever_is_written_is_read_back(text: str) -> None:
    """Letters, digits and both in turn."""
    widths = bars(text)
    assert read(widths) == text
    assert sum(widths) % 11 == 2  # every character is eleven modules wide, the stop two more


def test_digits_are_written_in_pairs() -> None:
    """An item code of the post (two letters, nine digits, two letters) takes nine characters beside start, sets, check, stop."""
    assert sum(bars("RA473124829VN")) == 11 * (12 + 1) + 13
    assert sum(bars("12345678")) == 11 * (1 + 4 + 1) + 13


def test_the_check_character_of_the_standard_vector() -> None:
    """PJJ123C, the textbook's example: 54 in set A, so 55 in set B, whose start is one more."""
    widths = bars("PJJ123C")
    assert "".join(map(str, widths[-13:-7])) == code128._PATTERNS[55]


@pytest.mark.parametrize("text", ["", "Nguyễn", "a\nb", "\x7f", "１２"])
def test_what_it_cannot_say_is_refused(text: str) -> None:
    """Nothing, diacritics, control characters, digits of other scripts."""
    with pytest.raises(ValueError, match="mã vạch"):
        bars(text)
