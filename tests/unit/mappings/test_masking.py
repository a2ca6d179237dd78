"""Masking: the forms of identity facts 5, and nothing of a value where there is no form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.identity import PERSON_FIELDS
from mappings.masking import (
    HIDDEN,
    masked_address,
    masked_birth,
    masked_email,
    masked_field,
    masked_fields,
    masked_name,
    masked_number,
    masked_phone,
)
from mappings.partial_date import PartialDate


def test_each_value_has_the_form_of_the_facts() -> None:
    """Last three of a number, first letters of a name, the year, the province, two digits, the domain."""
    assert masked_number("000000000123") == "*********123"
    assert masked_number("000 000 123") == "******123"
    assert masked_name("Nguyễn Văn Thử") == "N. V. T."
    assert masked_birth("1990-02-28") == masked_birth(PartialDate(1990, 2, 28)) == "1990"
    assert masked_address("01") == "01"
    assert masked_phone("090 000 0012") == HIDDEN + "12"
    assert masked_email("thu.nguyen@example.vn") == HIDDEN + "@example.vn"


@pytest.mark.parametrize("mask", [masked_number, masked_name, masked_birth, masked_address, masked_phone, masked_email])
def test_nothing_is_masked_as_nothing(mask: object) -> None:
    """Whether a value was there may be seen."""
    assert callable(mask) and mask("") == ""


def test_what_has_not_the_form_of_its_kind_is_hidden_whole() -> None:
    """A short number, a name in a place of a date, an address in a place of a code."""
    assert masked_number("12345678") == HIDDEN
    assert masked_birth("hôm qua") == HIDDEN
    assert masked_address("17 ngõ Không Ai Biết") == HIDDEN
    assert masked_email("không phải thư") == masked_email("@example.vn") == HIDDEN
    assert masked_phone("113") == HIDDEN
    assert masked_name("-- 123") == f"{HIDDEN} {HIDDEN}"


@given(st.text(min_size=1, max_size=30), st.sampled_from(PERSON_FIELDS))
def test_no_place_of_a_record_shows_more_than_a_third_of_a_long_value(value: str, place: str) -> None:
    """Whatever a register wrote there."""
    shown = masked_field(place, value)
    if place.endswith(("personal_id", "cmnd")):  # a blank is no number: nothing is shown of it
        assert len(shown.lstrip("*")) <= 3
    elif place not in {"birth"} and not place.endswith(("full_name", "province_code")):
        assert shown == HIDDEN


def test_a_record_shows_which_places_were_filled() -> None:
    """And of the sensitive ones that alone."""
    shown = masked_fields(
        {"personal_id": "001090000000", "religion": "00", "father.full_name": "Nguyễn Văn Mẫu", "sex": ""}
    )
    assert shown == {"personal_id": "*********000", "religion": HIDDEN, "father.full_name": "N. V. M.", "sex": ""}
