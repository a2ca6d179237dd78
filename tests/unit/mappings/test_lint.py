"""The linter: our own tables are clean, and each defect has its finding."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mappings.lint import lint_all, lint_directory, lint_profiles

WriteTables = Callable[[Mapping[str, str]], Path]

PUBLISHED = 'publication = {number = "1", date = 2026-01-01, title_vi = "x"}\n'
HEADER = "state,meaning_vi,valid_from,valid_to,source,confidence\n"
DECLARED = '[k]\nkeys = ["state"]\ncolumns = ["state", "meaning_vi"]\n'


def _codes(folder: Path) -> list[tuple[str, int]]:
    return [(finding.code, finding.row) for finding in lint_directory(folder)]


def test_everything_that_is_shipped_is_clean() -> None:
    """Our own tables and profiles have no finding; this is what `gateway mappings lint` promises."""
    assert lint_all() == ()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("A,x,2020-01-01,,,doc\n", [("no_source", 2)]),
        ("A,x,2020-01-01,2019-01-01,q,doc\n", [("backwards", 2)]),
        (f"A,{unicodedata.normalize('NFD', 'cũ')},2020-01-01,,q,doc\n", [("not_nfc", 2)]),
        ("A,x,2020-01-01,,q,doc\nA,y,2025-01-01,,q,doc\n", [("ambiguous", 3)]),
        ("A,x,2020-01-01,2025-01-01,q,doc\nA,y,2025-01-01,,q,doc\n", [("ambiguous", 3)]),
        ("A,x,2020-01-01,2024-12-31,q,doc\nA,y,2025-01-01,,q,doc\n", []),
        ("A,x,not a day,,q,doc\n", [("unreadable", 2)]),
    ],
)
def test_each_defect_of_a_row_has_its_finding(
    write_tables: WriteTables, rows: str, expected: list[tuple[str, int]]
) -> None:
    """Sources, dates, normal form and overlap, each with the line of the file."""
    folder = write_tables({"k.csv": HEADER + rows, "tables.toml": DECLARED})
    assert _codes(folder) == expected


def test_a_header_that_differs_from_the_declaration_is_found(write_tables: WriteTables) -> None:
    """A renamed or added column is named."""
    folder = write_tables(
        {"k.csv": "state,sense,valid_from,valid_to,source,confidence\n", "tables.toml": DECLARED},
    )
    (finding,) = lint_directory(folder)
    assert finding.code == "unknown_header"
    assert "meaning_vi" in finding.message_vi
    assert "sense" in finding.message_vi


def test_a_value_outside_its_closed_list_is_found(write_tables: WriteTables) -> None:
    """A state that the model does not know, and a code of the wrong form."""
    declared = DECLARED + '[k.domains]\nstate = "DossierStatus"\n[k.patterns]\nmeaning_vi = "^[A-Z]"\n'
    folder = write_tables({"k.csv": HEADER + "done,x,2020-01-01,,q,doc\n", "tables.toml": declared})
    assert _codes(folder) == [("unknown_value", 2), ("bad_form", 2)]


def test_a_gap_in_time_makes_a_table_not_total(write_tables: WriteTables) -> None:
    """Totality is asked of every day on which anything changes, not of today alone."""
    declared = DECLARED + (
        "total = true\ntotal_from = 2020-01-01\nwithout = [['c']]\n[k.domains]\nstate = ['a', 'b', 'c']\n"
    )
    rows = "a,x,2020-01-01,2022-12-31,q,doc\na,y,2023-01-02,,q,doc\nb,z,2019-01-01,,q,doc\n"
    (finding,) = lint_directory(write_tables({"k.csv": HEADER + rows, "tables.toml": declared}))
    assert finding.code == "not_total"
    assert "01/01/2023" in finding.message_vi


def test_a_missing_member_of_a_list_makes_a_table_not_total(write_tables: WriteTables) -> None:
    """A word that was added to the model but not to the table is found before a dossier meets it."""
    declared = DECLARED + "total = true\n[k.domains]\nstate = ['a', 'b']\n"
    folder = write_tables({"k.csv": HEADER + "a,x,2020-01-01,,q,doc\n", "tables.toml": declared})
    assert _codes(folder) == [("not_total", 0)]


def test_a_declaration_without_its_table_is_found(write_tables: WriteTables) -> None:
    """And a table without a declaration, where others are declared."""
    folder = write_tables({"j.csv": HEADER, "tables.toml": DECLARED})
    assert _codes(folder) == [("unreadable", 0), ("undeclared", 0)]


def test_an_unreadable_declaration_is_one_finding(write_tables: WriteTables) -> None:
    """The linter reports; it does not fall over."""
    assert _codes(write_tables({"tables.toml": "[k"})) == [("unreadable", 0)]


def test_a_table_of_a_connector_needs_no_declaration(write_tables: WriteTables) -> None:
    """`outcomes.csv` alone: all its columns but the free text tell rows apart; a repeated row is found."""
    header = "operation,code,family,meaning_vi,valid_from,valid_to,source,confidence\n"
    clean = "create,3,duplicate,trùng,2019-01-01,,q,code\nupdate,3,rejected,sai,2019-01-01,,q,code\n"
    folder = write_tables({"outcomes.csv": header + clean})
    assert _codes(folder) == []
    write_tables({"outcomes.csv": header + clean + "create,3,duplicate,trùng lặp,2019-01-01,,q,code\n"})
    assert _codes(folder) == [("ambiguous", 4)]
    assert [finding.code for finding in lint_all([folder])] == ["ambiguous"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name = 1", "bad_profile"),
        ('name = "p"\ntitle_vi = "t"\npublication = " "\nowner_vi = "o"\n', "no_publication"),
        ('name = "p"\ntitle_vi = "t"\npublication = "Chuẩn 1"\nowner_vi = "o"\n', "no_publication"),
        (
            'name = "p"\ntitle_vi = "t"\npublication = {number = "1", title_vi = "Chuẩn 1"}\nowner_vi = "o"\n',
            "no_publication",
        ),
        (
            f'name = "p"\ntitle_vi = "{unicodedata.normalize("NFD", "ỗ")}"\n{PUBLISHED}owner_vi = "o"\n',
            "not_nfc",
        ),
    ],
)
def test_each_defect_of_a_profile_has_its_finding(write_tables: WriteTables, text: str, code: str) -> None:
    """A profile must load, and must name the published standard that it reads (QĐ 3036 Điều 5.8)."""
    assert [finding.code for finding in lint_profiles(write_tables({"p.toml": text}))] == [code]
