"""Who must sign a result: the ministry's own rows come first, and a procedure's rows stand in place of the rows `*`."""

from __future__ import annotations

from datetime import date

import pytest

from mappings.lint import lint_table
from mappings.signers import load_signers
from mappings.tables import TABLES, TableUnreadable, declarations, parse_table

DAY = date(2026, 6, 1)
HEADER = "procedure,order,role,domain,formats,identifiers,certificates,note_vi,valid_from,valid_to,source,confidence\n"
PERSON = "BVH-LH-01,1,person,public-duty,PAdES|XAdES,,,,2026-01-01,,QĐ 1 Điều 2,doc\n"
AGENCY = "BVH-LH-01,2,agency,public-duty,,MST:0100109106,,,2026-01-01,2026-12-31,QĐ 1 Điều 2,doc\n"


def test_a_procedure_without_rows_of_its_own_needs_the_seal_of_an_agency() -> None:
    """The row `*` of our table: one signature of an agency in the public-duty domain, marked as assumed."""
    (signer,) = load_signers().required(("BVH-XX-99",), DAY)
    assert (signer.role, signer.domain, signer.assumed) == ("agency", "public-duty", True)
    assert "NĐ 45/2020" in signer.source


def test_the_ministrys_rows_stand_in_place_of_ours_and_in_the_order_of_signing() -> None:
    """Person first, agency second; by the ministry's code or by the national one."""
    tables = load_signers((HEADER + AGENCY + PERSON).encode())
    for codes in (("BVH-LH-01", "1.999001"), ("", "BVH-LH-01")):
        signers = tables.required(codes, DAY)
        assert [(one.order, one.role) for one in signers] == [(1, "person"), (2, "agency")]
    assert signers[0].formats == ("PAdES", "XAdES")
    assert signers[1].identifiers == ("MST:0100109106",)


def test_a_row_counts_only_on_the_days_that_it_names() -> None:
    """After its last day the agency's row is gone; before its first day the procedure falls back to `*`."""
    tables = load_signers((HEADER + PERSON + AGENCY).encode())
    assert len(tables.required(("BVH-LH-01",), date(2027, 1, 1))) == 1
    assert tables.required(("BVH-LH-01",), date(2025, 12, 31)) == tables.required(("other",), date(2025, 12, 31))


def test_a_table_without_any_row_for_a_day_requires_nobody() -> None:
    """Then nothing may pass; it is for the caller to see that an empty answer is no permission."""
    assert load_signers().required(("BVH-LH-01",), date(2019, 1, 1)) == ()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("P,2,agency,public-duty,,,,,2026-01-01,,q,doc\n", "bad_order"),
        ("P,1,clerk,public-duty,,,,,2026-01-01,,q,doc\n", "unknown_value"),
        ("P,1,agency,private,,,,,2026-01-01,,q,doc\n", "unknown_value"),
        ("P,1,agency,public,PAdES|Word,,,,2026-01-01,,q,doc\n", "bad_form"),
        ("P,1,agency,public,,,abc,,2026-01-01,,q,doc\n", "bad_form"),
        ("P,1,agency,public,,0100109106,,,2026-01-01,,q,doc\n", "bad_form"),
        ("P,1,agency,public,,,,,2026-01-01,,,doc\n", "no_source"),
    ],
)
def test_each_defect_of_a_row_is_found_by_the_linter(row: str, code: str) -> None:
    """The linter of `gateway mappings lint` reads the ministry's file as it reads ours."""
    table = parse_table((HEADER + row).encode(), declarations(TABLES)["signers"])
    assert [finding.code for finding in lint_table(table)] == [code]


def test_a_table_that_is_none_is_refused_and_never_taken_for_an_empty_one() -> None:
    """An unreadable file of the ministry is an error with its line."""
    with pytest.raises(TableUnreadable):
        load_signers(b"procedure;order\n")
    wrong = load_signers((HEADER + PERSON.replace(",1,", ",first,")).encode())
    with pytest.raises(TableUnreadable):
        wrong.required(("BVH-LH-01",), DAY)
