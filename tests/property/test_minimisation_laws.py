"""Laws of minimisation and comparison: nothing that no row names, nothing sensitive by default, no verdict by side."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from gateway.config.identity_questions import Operation
from mappings.differences import Agreement, compare, differences
from mappings.identity import PERSON_FIELDS
from mappings.person_fields import load_identity_fields, minimised, place_titles, sensitive_places

DAY = date(2026, 6, 1)
_CODES = st.one_of(st.text(max_size=20), st.from_regex(r"BVH-[A-Z]{2}-[0-9]{2}", fullmatch=True))
_OPERATIONS = st.sampled_from(get_args(Operation))
_RECORDS = st.dictionaries(st.sampled_from(PERSON_FIELDS), st.text(max_size=12), max_size=12)


@given(st.tuples(_CODES, _CODES), _OPERATIONS, _RECORDS)
def test_nothing_comes_back_that_no_row_names(codes: tuple[str, str], operation: str, record: dict[str, str]) -> None:
    """Whatever a register said, for whatever procedure; sensitive places need the ministry's own row."""
    allowed = load_identity_fields().allowed(codes, operation, DAY)
    told = minimised(record, allowed)
    assert set(told) <= set(allowed.places) and not set(allowed.places) & sensitive_places()
    assert all(record[place] == value != "" for place, value in told.items())
    assert bool(allowed.places) is bool(allowed.legal_bases), "no place without the law that allows it"


@given(_RECORDS, _RECORDS)
def test_every_declared_place_is_accounted_for_once(declared: dict[str, str], registered: dict[str, str]) -> None:
    """In the order of the catalogue; a place that the register leaves open is never a difference."""
    found = compare(declared, registered)
    assert [one.place for one in found] == [place for place in PERSON_FIELDS if declared.get(place)]
    silent = {one.place for one in found if not registered.get(one.place)}
    assert silent == {one.place for one in found if one.agreement is Agreement.UNCONFIRMED}
    assert not silent & {one.place for one in differences(declared, registered)}


@given(_RECORDS)
def test_what_was_declared_agrees_with_itself(declared: dict[str, str]) -> None:
    """Nothing differs from its own words."""
    assert differences(declared, declared) == ()


@given(_RECORDS, _RECORDS)
def test_words_for_the_trail_repeat_no_value(declared: dict[str, str], registered: dict[str, str]) -> None:
    """The sentence depends on place and agreement alone."""
    for one in compare(declared, registered):
        blank = replace(one, declared="", registered="")
        assert one.message_vi == blank.message_vi and one.message_vi.startswith(place_titles()[one.place])
