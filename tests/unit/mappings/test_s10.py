"""Item codes of the post: vectors of the facts, and that nothing is ever refused for its check digit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.s10 import ItemKind, ItemOddity, check_digit, oddities, read_item_code

SERIALS = st.from_regex(r"[0-9]{8}", fullmatch=True)


@pytest.mark.parametrize(
    ("serial", "digit"), [("47312482", "9"), ("49161088", "9"), ("99003228", "1"), ("01234567", "5")]
)
def test_the_check_digit_is_that_of_the_published_vectors(serial: str, digit: str) -> None:
    """UPU S10 and postal facts 8.1."""
    assert check_digit(serial) == digit


def test_ten_becomes_nought_and_eleven_five() -> None:
    """The two remainders that have no digit of their own; 8 x 7 = 56 leaves 1, and nothing at all leaves 0."""
    assert (check_digit("70000000"), check_digit("00000000")) == ("0", "5")


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("EL491610889VN", ()),
        ("el 4916 1088 9 vn", ()),
        ("RA473124829VN", ()),
        ("BK990032289VN", (ItemOddity.CHECK_DIGIT_DIFFERS,)),
        ("EJ012345678VN", (ItemOddity.CHECK_DIGIT_DIFFERS,)),
        ("RA473124829SE", (ItemOddity.FOREIGN,)),
        ("RA473124820SE", (ItemOddity.CHECK_DIGIT_DIFFERS, ItemOddity.FOREIGN)),
        ("PVN0012345", (ItemOddity.NO_ITEM_CODE,)),
        ("RA４７３124829VN", (ItemOddity.NO_ITEM_CODE,)),
        ("RA473124829Vſ", (ItemOddity.NO_ITEM_CODE,)),
        ("", ()),
    ],
)
def test_what_is_odd_is_named_and_no_more(text: str, odd: tuple[ItemOddity, ...]) -> None:
    """Two codes that vendors print in their own documents fail the check: a warning, never a rejection."""
    assert oddities(text) == odd


def test_a_code_with_a_wrong_digit_is_still_read_whole() -> None:
    """It stands on the parcel, so it is what the parcel is found by."""
    code = read_item_code("BK990032289VN")
    assert code is not None
    assert (code.text, code.valid, code.kind) == ("BK990032289VN", False, ItemKind.DOMESTIC)


def test_the_letters_tell_the_class_of_an_item() -> None:
    """EA to EZ express, RA to RZ registered, CA to CZ parcel, LA to LZ tracked, anything else by its country."""
    kinds = [
        code.kind
        for letters in ("EA", "RZ", "CB", "LA", "ZZ", "VV")
        if (code := read_item_code(f"{letters}473124829VN"))
    ]
    assert kinds == ["express", "registered", "parcel", "tracked", "domestic", "other"]


@pytest.mark.parametrize("serial", ["4731248", "473124829", "4731248A", "４７３１２４８２", ""])
def test_a_serial_number_of_another_length_has_no_check_digit(serial: str) -> None:
    """Eight ASCII digits."""
    with pytest.raises(ValueError, match="8 chữ số"):
        check_digit(serial)


def test_no_warning_repeats_a_sign_of_the_code() -> None:
    """Warnings stand in logs and on screens; an item code leads to a person."""
    assert not any("473124829" in oddity.message_vi for oddity in ItemOddity)


@given(SERIALS, st.integers(0, 7), st.integers(1, 9))
def test_one_digit_mistyped_is_found_unless_two_remainders_share_a_digit(serial: str, place: int, off: int) -> None:
    """The sum modulo 11 always changes; only the remainders folded onto 0 and 5 may hide it."""
    wrong = serial[:place] + str((int(serial[place]) + off) % 10) + serial[place + 1 :]
    same = check_digit(serial) == check_digit(wrong)
    assert not same or check_digit(serial) in "05"
