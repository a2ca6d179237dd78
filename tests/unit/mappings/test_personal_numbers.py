"""Numbers of persons: what their digits say, what is odd, and what nobody may conclude. Every number is invented."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mappings.personal_numbers as personal_numbers
from mappings.codes import IdentityType
from mappings.partial_date import PartialDate
from mappings.personal_numbers import Oddity, PersonalNumber, kind_of, known_place, well_formed
from mappings.provinces import ProvinceList, changed_meaning, provinces, successors

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("digits", "year", "female"),
    [
        ("001090000000", 1990, False),
        ("001190000000", 1990, True),
        ("001204000000", 2004, False),
        ("001304000000", 2004, True),
        ("001412000000", 2112, False),
        ("001999000000", 2399, True),
        ("001000000000", 1900, False),
    ],
)
def test_the_fourth_digit_tells_century_and_sex(digits: str, year: int, female: bool) -> None:
    """TT 07/2016/TT-BCA; leading zeros are part of the number."""
    number = PersonalNumber.parse(digits)
    assert (number.birth_year, number.female, number.registration_code) == (year, female, digits[:3])


@pytest.mark.parametrize(
    "text", ["", "1090000000", "00109000000", "0010900000000", "00109000000A", "００１０９０００００００"]
)
def test_what_has_not_twelve_digits_is_no_personal_number(text: str) -> None:
    """A number that lost its leading zeros is refused too; the refusal repeats no digit."""
    with pytest.raises(ValueError, match="12 chữ số") as caught:
        PersonalNumber.parse(text)
    assert not text or text not in str(caught.value)


def test_a_number_shows_nothing_of_itself() -> None:
    """Neither its repr nor its warnings."""
    number = PersonalNumber.parse("001 090-000.000")
    assert number == PersonalNumber("001090000000")
    assert "090" not in repr(number)
    assert not any(character.isdigit() for oddity in Oddity for character in oddity.message_vi)


@pytest.mark.parametrize(
    ("digits", "birth", "sex", "odd"),
    [
        ("001090000000", "1990-02-28", "1", []),
        ("001090000000", "1990", "", []),
        ("001090000000", "1991", "1", [Oddity.BIRTH_YEAR_DIFFERS]),
        ("001090000000", "1990", "2", [Oddity.SEX_DIFFERS]),
        ("001090000000", "1990", "0", []),
        ("003090000000", "1990", "1", [Oddity.UNKNOWN_PLACE]),
        ("101090000000", "1990", "1", []),
        ("001299000000", "2099", "1", [Oddity.NOT_YET_BORN]),
        ("100000000000", "1990", "2", [Oddity.UNKNOWN_PLACE, Oddity.SEX_DIFFERS, Oddity.BIRTH_YEAR_DIFFERS]),
    ],
)
def test_what_does_not_fit_is_a_warning(digits: str, birth: str, sex: str, odd: list[Oddity]) -> None:
    """Mistaken numbers were issued and kept, and stubs use impossible ones: nothing of this may refuse anybody."""
    assert list(PersonalNumber(digits).oddities(TODAY, PartialDate.parse(birth), sex)) == odd


@given(st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_every_twelve_digits_are_a_number_that_can_be_asked_about(digits: str) -> None:
    """There is no check digit: reading one never fails, and no place name comes out of it."""
    number = PersonalNumber.parse(digits)
    assert 1900 <= number.birth_year <= 2399
    for oddity in number.oddities(TODAY):
        assert not any(name in oddity.message_vi for name in provinces(ProvinceList.BEFORE_2025_07).values())


def test_nothing_here_derives_a_birthplace() -> None:
    """After the merger the same three digits may name another province, so the module has no word for it."""
    public = [name for name in (*dir(personal_numbers), *dir(PersonalNumber)) if not name.startswith("_")]
    assert not [name for name in public if "birthplace" in name or "home" in name or "province_name" in name]
    assert {code for code in provinces(ProvinceList.SINCE_2025_07) if changed_meaning(code)} == {
        "15", "24", "44", "52", "80", "82", "91",
    }  # fmt: skip


def test_the_two_lists_of_provinces_are_whole() -> None:
    """63 and 34; each former province has one that it was merged into, and each of the 34 has its former ones."""
    assert len(provinces(ProvinceList.BEFORE_2025_07)) == 63
    assert len(provinces(ProvinceList.SINCE_2025_07)) == 34
    assert set(successors()) == set(provinces(ProvinceList.BEFORE_2025_07))
    assert set(successors().values()) == set(provinces(ProvinceList.SINCE_2025_07))
    assert (successors()["10"], provinces(ProvinceList.SINCE_2025_07)["15"]) == ("15", "Lào Cai")
    assert known_place("015") and known_place("101") and not known_place("003") and not known_place("100")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("001090000000", IdentityType.CCCD),
        ("001 090 000 000", IdentityType.CCCD),
        ("001000000", IdentityType.CMND),
        ("C0000000", IdentityType.PASSPORT),
        ("p00000000", IdentityType.PASSPORT),
        ("0100109106", IdentityType.OTHER),
        ("12345", IdentityType.OTHER),
        ("", IdentityType.NONE),
        ("   ", IdentityType.NONE),
    ],
)
def test_the_kind_of_a_number_is_told_by_its_length(text: str, kind: IdentityType) -> None:
    """9 digits and 12 digits as clients do (identity facts 3.2); ten digits may be anything and are not guessed."""
    assert kind_of(text) is kind


@pytest.mark.parametrize(
    ("kind", "text", "fits"),
    [
        (IdentityType.CCCD, "001090000000", True),
        (IdentityType.CCCD, "001000000", False),
        (IdentityType.CMND, "001000000", True),
        (IdentityType.CMND, "001090000000", True),
        (IdentityType.CMND, "0010000000", False),
        (IdentityType.PASSPORT, "c0000000", True),
        (IdentityType.PASSPORT, "hộ chiếu", False),
        (IdentityType.NONE, "", True),
        (IdentityType.NONE, "001000000", False),
        (IdentityType.OTHER, "X", True),
        (IdentityType.OTHER, "", False),
    ],
)
def test_a_number_can_be_one_of_its_kind_or_not(kind: IdentityType, text: str, fits: bool) -> None:
    """A CMND of twelve digits exists."""
    assert well_formed(kind, text) is fits
