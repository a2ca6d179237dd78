"""Laws of names: the three wire forms fit together, and nearness does not depend on how a name was typed."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from mappings.names import NameForm, NameMatch, clean_name, compare_names, wire_name

_LETTERS = "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ"
_WORD = st.text(st.sampled_from(_LETTERS + _LETTERS.upper()), min_size=1, max_size=8)
_NAMES = st.lists(_WORD, min_size=1, max_size=5).map(" ".join)
_ANY = st.text(max_size=40)


@given(_ANY)
def test_the_wire_forms_of_any_text_are_capitals_and_fit_together(text: str) -> None:
    """Spaces are all that the two ASCII forms differ in; writing a form again changes nothing."""
    compact, spaced = wire_name(text), wire_name(text, NameForm.ASCII_SPACED)
    assert re.fullmatch(r"[A-Z0-9]*", compact) and re.fullmatch(r"([A-Z0-9]+( [A-Z0-9]+)*)?", spaced)
    assert compact == spaced.replace(" ", "")
    assert wire_name(compact) == compact and wire_name(spaced, NameForm.ASCII_SPACED) == spaced
    cleaned = clean_name(text)
    assert clean_name(cleaned) == cleaned and unicodedata.is_normalized("NFC", cleaned)


@given(_NAMES)
def test_a_vietnamese_name_loses_no_letter(name: str) -> None:
    """One capital for each letter, Đ included."""
    assert len(wire_name(name)) == len(name.replace(" ", ""))


@given(_NAMES, st.sampled_from(["NFC", "NFD"]), st.booleans(), st.integers(1, 3))
def test_how_a_name_was_typed_makes_no_difference(name: str, form: str, capitals: bool, spaces: int) -> None:
    """Unicode form, capitals and spaces."""
    typed = unicodedata.normalize(form, name.upper() if capitals else name).replace(" ", " " * spaces)  # type: ignore[arg-type]
    assert compare_names(name, typed) is compare_names(typed, name) is NameMatch.SAME


@given(_NAMES)
def test_a_register_without_marks_contradicts_no_marks(name: str) -> None:
    """Both of its forms."""
    for form in (NameForm.COMPACT_ASCII, NameForm.ASCII_SPACED):
        assert compare_names(name, wire_name(name, form)) in {NameMatch.SAME, NameMatch.UNMARKED}


@given(_NAMES, _NAMES)
def test_two_names_match_exactly_if_their_letters_do(one: str, other: str) -> None:
    """Never by accident, whichever side is the register's."""
    different = compare_names(one, other) is NameMatch.DIFFERENT
    assert different is (wire_name(one) != wire_name(other))
