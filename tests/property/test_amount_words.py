"""Laws of amounts in words: a reader of our own finds the amount again, so no two amounts are written alike."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.amount_words import MOST, amount_in_words, number_in_words

_AMOUNTS = st.one_of(
    st.integers(0, MOST),
    st.integers(0, 9_999),
    st.builds(lambda head, zeros: min(head * 10**zeros, MOST), st.integers(1, 9_999), st.integers(0, 14)),
)
_VALUES = {
    word: value
    for value, words in enumerate(
        (
            ("không",),
            ("một", "mốt"),
            ("hai",),
            ("ba",),
            ("bốn",),
            ("năm", "lăm"),
            ("sáu",),
            ("bảy",),
            ("tám",),
            ("chín",),
        )
    )
    for word in words
}


def _read(words: str) -> int:
    """A reader that knows nothing of the writer: digits add up, `mươi` and `trăm` multiply, group names close a group."""
    total = group = held = 0
    for word in words.lower().removesuffix(" đồng").split():
        if word in _VALUES:
            held = _VALUES[word]
        elif word == "mười":
            group, held = group + 10, 0
        elif word == "mươi":
            group, held = group + held * 10, 0
        elif word == "trăm":
            group, held = group + held * 100, 0
        elif word == "tỷ":
            total, group, held = (total + group + held) * 1_000_000_000, 0, 0
        elif word in ("nghìn", "triệu"):
            total, group, held = total + (group + held) * {"nghìn": 1_000, "triệu": 1_000_000}[word], 0, 0
        else:
            assert word == "linh", word
    return total + group + held


@settings(max_examples=400)
@given(_AMOUNTS)
def test_every_amount_can_be_read_back_from_its_words(amount: int) -> None:
    """So no two amounts share their words."""
    written = amount_in_words(amount)
    assert _read(written) == amount
    assert written.endswith(" đồng") and written[0].isupper() and "  " not in written


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "không"),
        (10, "mười"),
        (15, "mười lăm"),
        (21, "hai mươi mốt"),
        (55, "năm mươi lăm"),
        (101, "một trăm linh một"),
        (110, "một trăm mười"),
        (1_000, "một nghìn"),
        (1_001, "một nghìn không trăm linh một"),
        (50_000, "năm mươi nghìn"),
        (105_000, "một trăm linh năm nghìn"),
        (650_000, "sáu trăm năm mươi nghìn"),
        (1_000_015, "một triệu không trăm mười lăm"),
        (2_000_500_000, "hai tỷ năm trăm nghìn"),
        (1_000_000_000_000, "một nghìn tỷ"),
    ],
)
def test_numbers_are_said_as_a_cashier_says_them(number: int, words: str) -> None:
    """The exceptions of the language, one by one."""
    assert number_in_words(number) == words


@pytest.mark.parametrize("amount", [-1, MOST + 1])
def test_an_amount_that_nobody_could_read_is_refused(amount: int) -> None:
    """Rather than written wrongly."""
    with pytest.raises(ValueError, match="số tiền"):
        amount_in_words(amount)
