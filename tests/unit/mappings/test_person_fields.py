"""Minimisation: only what a row names comes back, the narrowest rows decide alone, and the linter reads every cell."""

from __future__ import annotations

from datetime import date

import pytest

from mappings.identity import PERSON_FIELDS
from mappings.lint import lint_directory, lint_table
from mappings.person_fields import AllowedFields, load_identity_fields, minimised, place_titles, sensitive_places
from mappings.tables import TABLES, TableUnreadable, declarations, parse_table

DAY = date(2026, 6, 1)
HEADER = "procedure,operation,place,legal_basis,note_vi,valid_from,valid_to,source,confidence\n"
RECORD = dict.fromkeys(PERSON_FIELDS, "giá trị")


def _own(*rows: str) -> bytes:
    return (HEADER + "".join(f"{row}\n" for row in rows)).encode()


def test_without_a_row_nothing_of_a_record_comes_back() -> None:
    """No procedure of ours needs a marital status; an operation without rows yields an empty record, and no error."""
    allowed = load_identity_fields().allowed(("BVH-LH-01", "1.999001"), "marital_status", DAY)
    assert allowed == AllowedFields()
    assert minimised(RECORD, allowed) == {}


def test_by_default_reception_learns_number_name_and_birth_and_no_more() -> None:
    """And is told on which law that rests, and that the reading is ours."""
    allowed = load_identity_fields().allowed(("BVH-LH-01", "1.999001"), "look_up", DAY)
    assert tuple(minimised(RECORD, allowed)) == ("personal_id", "cmnd", "full_name", "birth")
    assert "Luật 91/2025/QH15" in allowed.legal_bases[0] and allowed.assumed
    assert all(row.startswith("identity_fields:") for row in allowed.rows) and len(allowed.rows) == 4


def test_no_row_of_ours_lets_anything_sensitive_through() -> None:
    """Ethnic group, religion and blood group are for the ministry to allow, by name."""
    tables = load_identity_fields()
    named = {row["place"] for table in tables.tables for row in table.rows}
    assert sensitive_places() == {"ethnic_group", "religion", "blood_group"}
    assert not named & sensitive_places()


def test_the_narrowest_pattern_decides_alone() -> None:
    """A whole code before a beginning, a longer beginning before a shorter one, each in place of the wider."""
    tables = load_identity_fields(
        _own(
            "*,look_up,full_name,L,,2026-01-01,,q,doc",
            "BVH-*,look_up,birth,L,,2026-01-01,,q,doc",
            "BVH-HD-*,look_up,sex,L,,2026-01-01,,q,doc",
            "BVH-HD-01,look_up,religion,L,,2026-01-01,,q,doc",
        )
    )
    found = {
        code: tables.allowed((code, ""), "look_up", DAY).places for code in ("BVH-HD-01", "BVH-HD-02", "BVH-X", "Y")
    }
    assert found == {
        "BVH-HD-01": ("religion",),
        "BVH-HD-02": ("sex",),
        "BVH-X": ("birth",),
        "Y": ("full_name",),
    }
    assert tables.allowed(("", "BVH-HD-01"), "look_up", DAY).places == ("religion",), "also by the national code"


def test_the_ministrys_own_table_is_not_widened_by_ours() -> None:
    """Its row for every procedure narrows what our narrower row would allow; where it is silent, ours speaks."""
    tables = load_identity_fields(_own("*,look_up,full_name,L,,2026-01-01,,q,doc"))
    assert tables.allowed(("BVH-HD-01",), "look_up", DAY).places == ("full_name",)
    silent = load_identity_fields(_own("Z,verify,full_name,L,,2026-01-01,,q,doc"))
    assert "sex" in silent.allowed(("BVH-HD-01",), "look_up", DAY)
    assert len(silent.version.split()) == 2


def test_a_group_stands_for_its_parts_and_a_row_for_its_days() -> None:
    """An address as a whole; after the last day of the row the wider one is back."""
    tables = load_identity_fields(
        _own(
            "P,look_up,permanent_address.*,L,,2026-01-01,2026-06-30,q,doc",
            "*,look_up,full_name,L,,2026-01-01,,q,doc",
        )
    )
    places = tables.allowed(("P",), "look_up", DAY).places
    assert len(places) == 6 and all(place.startswith("permanent_address.") for place in places)
    assert tables.allowed(("P",), "look_up", date(2026, 7, 1)).places == ("full_name",)
    assert tables.allowed(("P",), "look_up", date(2025, 12, 31)).places == ()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("P,look_up,shoe_size,L,,2026-01-01,,q,doc", "unknown_value"),
        ("P,look_up,shoes.*,L,,2026-01-01,,q,doc", "unknown_value"),
        ("P,look_up,*,L,,2026-01-01,,q,doc", "unknown_value"),
        ("P,spy,birth,L,,2026-01-01,,q,doc", "unknown_value"),
        ("P,look_up,birth,,,2026-01-01,,q,doc", "bad_form"),
        ("P*Q,look_up,birth,L,,2026-01-01,,q,doc", "bad_form"),
        ("P,look_up,birth,L,,2026-01-01,,,doc", "no_source"),
    ],
)
def test_each_defect_of_a_row_is_found_by_the_linter(row: str, code: str) -> None:
    """An unknown place would otherwise be a permission that nobody has."""
    table = parse_table(_own(row), declarations(TABLES)["identity_fields"])
    assert code in {finding.code for finding in lint_table(table)}


def test_a_table_that_cannot_be_read_is_refused() -> None:
    """At the start of the gateway, and not at the first question."""
    with pytest.raises(TableUnreadable):
        load_identity_fields(b"procedure,operation\n")


def test_the_catalogue_of_places_is_the_canonical_list() -> None:
    """Every place has its name for officers; a catalogue that left one out is found by the linter."""
    assert tuple(place_titles()) == PERSON_FIELDS
    assert not lint_directory(TABLES)
    raw = (TABLES / "person_fields.csv").read_bytes()
    short = parse_table(raw.rsplit(b"\n", 2)[0] + b"\n", declarations(TABLES)["person_fields"])
    swapped = parse_table(raw.replace(b"\ncmnd,", b"\nother,"), declarations(TABLES)["person_fields"])
    for table in (short, swapped):
        assert "unknown_value" in {finding.code for finding in lint_table(table)}
