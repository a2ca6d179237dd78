"""Declared against registered: what differs is named with its place, and what a register does not say is no difference."""

from __future__ import annotations

import pytest

from mappings.canonical import Identity, Party
from mappings.codes import IdentityType, PartyKind
from mappings.differences import Agreement, compare, declared_by, differences

DECLARED = {"personal_id": "001090000000", "full_name": "Nguyễn Văn Thử", "birth": "1990-02-28"}
REGISTERED = {"personal_id": "001090000000", "full_name": "NGUYỄN VĂN THỬ", "birth": "1990-02-28", "religion": "00"}


def test_a_declaration_that_fits_has_no_difference() -> None:
    """Every declared place is accounted for, and only those."""
    found = compare(DECLARED, REGISTERED)
    assert {one.place: one.agreement for one in found} == dict.fromkeys(DECLARED, Agreement.SAME)
    assert differences(DECLARED, REGISTERED) == ()


def test_a_wrong_birth_date_is_named_with_its_place_and_both_values_for_the_officer() -> None:
    """The words for the trail carry neither value; the words for the officer carry both, in the order people read."""
    (found,) = differences({**DECLARED, "birth": "1990-02-20"}, REGISTERED)
    assert (found.place, found.pointer, found.agreement) == ("birth", "/date_of_birth", Agreement.DIFFERENT)
    assert found.message_vi == "Ngày, tháng, năm sinh: khác với cơ sở dữ liệu."
    assert found.shown_vi == ("Ngày, tháng, năm sinh: người nộp khai “20/02/1990”, cơ sở dữ liệu ghi “28/02/1990”.")
    assert "1990" not in found.message_vi and "1990" not in repr(found)


@pytest.mark.parametrize(
    ("declared", "registered", "agreement"),
    [
        ("1950-03-01", "1950", Agreement.COARSE),
        ("1950", "1950-03-01", Agreement.COARSE),
        ("1950-03", "1950-03-09", Agreement.COARSE),
        ("1950-03-01", "1950-04", Agreement.DIFFERENT),
        ("1950", "1951", Agreement.DIFFERENT),
        ("19500301", "1950-03-01", Agreement.SAME),
        ("không rõ", "1950", Agreement.DIFFERENT),
    ],
)
def test_partial_births_are_compared_as_far_as_both_are_known(
    declared: str, registered: str, agreement: Agreement
) -> None:
    """01/01 is never filled in, so a year alone contradicts no day of it."""
    (found,) = compare({"birth": declared}, {"birth": registered})
    assert found.agreement is agreement


@pytest.mark.parametrize(
    ("declared", "registered", "agreement"),
    [
        ("Nguyễn Văn Thử", "NGUYEN VAN THU", Agreement.COARSE),
        ("Nguyễn Văn Thử", "NGUYỄN VĂN THỨ", Agreement.SPELLING),
        ("Nguyễn Văn Thử", "NGUYỄN VĂN MẪU", Agreement.DIFFERENT),
    ],
)
def test_names_are_compared_without_marks_and_in_full(declared: str, registered: str, agreement: Agreement) -> None:
    """Another mark is another name perhaps: the officer is told that it is a matter of spelling."""
    (found,) = compare({"full_name": declared}, {"full_name": registered})
    assert found.agreement is agreement and found.differs is (agreement is not Agreement.COARSE)


def test_what_the_register_leaves_open_is_unconfirmed_and_no_difference() -> None:
    """Many records carry no CMND any more."""
    (found,) = compare({"cmnd": "001000000"}, {"cmnd": "", "personal_id": "001090000000"})
    assert found.agreement is Agreement.UNCONFIRMED and not found.differs


def test_the_layout_of_a_number_is_no_difference() -> None:
    """Spaces and dots are for the eye."""
    assert not differences({"personal_id": "001 090 000 000"}, {"personal_id": "001090000000"})
    assert differences({"personal_id": "001090000000"}, {"personal_id": "001090000001"})[0].pointer == "/id/number"


def test_relatives_and_addresses_are_compared_by_the_kind_of_their_part() -> None:
    """A father's name as a name, a code as a code."""
    declared = {"father.full_name": "Nguyễn Văn Mẫu", "permanent_address.province_code": "01"}
    registered = {"father.full_name": "NGUYỄN VĂN MẪU", "permanent_address.province_code": "79"}
    (found,) = differences(declared, registered)
    assert found.place == "permanent_address.province_code" and found.pointer == ""
    assert found.title_vi == "Nơi thường trú: mã tỉnh, thành phố"


@pytest.mark.parametrize(
    ("kind", "number", "place"),
    [
        (IdentityType.CCCD, "001 090 000 000", {"personal_id": "001090000000"}),
        (IdentityType.CMND, "001000000", {"cmnd": "001000000"}),
        (IdentityType.CMND, "001090000000", {"personal_id": "001090000000"}),
        (IdentityType.PASSPORT, "C0000000", {}),
        (IdentityType.NONE, "", {}),
    ],
)
def test_a_party_declares_its_number_where_a_register_keeps_it(
    kind: IdentityType, number: str, place: dict[str, str]
) -> None:
    """A CMND of twelve digits is the later personal number (identity facts 3.2); a passport is no place of the register."""
    party = Party(PartyKind.CITIZEN, " Nguyễn  Văn Thử", Identity(kind, number))
    assert declared_by(party) == {**place, "full_name": "Nguyễn Văn Thử"}


def test_an_organisation_declares_nothing_to_the_population_register() -> None:
    """Its name is no person's name."""
    assert declared_by(Party(PartyKind.BUSINESS, "Công ty Ví Dụ", Identity(IdentityType.TAX_CODE, "0100000001"))) == {}
