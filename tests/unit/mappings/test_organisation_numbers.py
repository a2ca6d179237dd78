"""Tax codes with all vectors of identity facts 4, and identifiers of agencies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.organisation_numbers import NoTaxCode, TaxCode, TaxCodeDefect, agency_code, check_digit, tax_code_defect

_BODIES = st.from_regex(r"[0-9]{9}", fullmatch=True).filter(lambda body: body[2:] != "0000000")


@pytest.mark.parametrize("code", ["0100109106", "0100684378", "0100112437", "0300588569", "0101248141"])
def test_known_codes_are_valid(code: str) -> None:
    """The valid vectors."""
    assert str(TaxCode.parse(code)) == TaxCode.parse(code).digits == code


def test_a_dependent_unit_is_stored_with_thirteen_digits_and_printed_with_a_dash() -> None:
    """However it was grouped."""
    for written in ("0314409058-002", "0314409058002", " 0314409058 - 002 ", "0.314.409.058-002"):
        code = TaxCode.parse(written)
        assert (code.digits, str(code), code.base, code.unit) == (
            "0314409058002",
            "0314409058-002",
            "0314409058",
            "002",
        )


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("0100109107", TaxCodeDefect.WRONG_CHECK_DIGIT),
        ("0100233480", TaxCodeDefect.WRONG_CHECK_DIGIT),
        ("0100109106-000", TaxCodeDefect.WRONG_UNIT),
        ("0100000000", TaxCodeDefect.NO_SERIAL),
        ("0100000008", TaxCodeDefect.NO_SERIAL),
        ("001090000000", TaxCodeDefect.A_PERSON),
        ("010010910", TaxCodeDefect.WRONG_LENGTH),
        ("01001091060", TaxCodeDefect.WRONG_LENGTH),
        ("01001091O6", TaxCodeDefect.NOT_DIGITS),
        ("０１００１０９１０６", TaxCodeDefect.NOT_DIGITS),
        ("", TaxCodeDefect.NOT_DIGITS),
    ],
)
def test_each_defect_is_named(text: str, defect: TaxCodeDefect) -> None:
    """And its sentence repeats no digit of the number."""
    assert tax_code_defect(text) is defect
    with pytest.raises(NoTaxCode) as caught:
        TaxCode.parse(text)
    assert caught.value.defect is defect
    assert not text or text not in str(caught.value)


def test_a_body_whose_sum_is_a_multiple_of_eleven_has_no_code() -> None:
    """Some programs write 0 there, and so accept what nobody has."""
    assert check_digit("010000005") == ""
    assert [tax_code_defect(f"010000005{digit}") for digit in range(10)] == [TaxCodeDefect.WRONG_CHECK_DIGIT] * 10


@given(_BODIES)
def test_of_ten_check_digits_at_most_one_is_right(body: str) -> None:
    """So a code that was typed wrong in its last digit is always seen."""
    valid = [digit for digit in "0123456789" if tax_code_defect(body + digit) is None]
    assert valid == ([check_digit(body)] if check_digit(body) else [])


@given(_BODIES, st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_is_always_seen(body: str, place: int, step: int) -> None:
    """The weights are prime to eleven."""
    digit = check_digit(body)
    wrong = body[:place] + str((int(body[place]) + step) % 10) + body[place + 1 :]
    if digit:
        assert tax_code_defect(wrong + digit) is not None


@pytest.mark.parametrize("code", ["000.00.00.G16", "G16", "H26.15", " g16.001 "])
def test_an_agency_is_groups_between_dots(code: str) -> None:
    """QĐ 20/2020/QĐ-TTg."""
    assert agency_code(code) == code.strip().upper()


@pytest.mark.parametrize("code", ["", ".", "G16.", "G16..1", "G16 1", "Bộ", "1" * 36])
def test_what_is_no_agency_code_is_refused(code: str) -> None:
    """Empty groups, other signs, more than 35 characters."""
    with pytest.raises(ValueError, match="mã định danh cơ quan"):
        agency_code(code)
