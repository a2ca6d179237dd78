"""Dated code tables: looked up at a date, versioned by content, total or a named failure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from mappings.codes import (
    CollectionTime,
    DossierStatus,
    FeeKind,
    IdentityType,
    Origin,
    Outcome,
    PartyKind,
    ResultMethod,
)
from mappings.tables import (
    TABLES,
    Confidence,
    TableDeclaration,
    TableUnreadable,
    UnknownCode,
    declarations,
    load_table,
    parse_table,
)

WriteTables = Callable[[Mapping[str, str]], Path]

HEADER = "code,meaning,valid_from,valid_to,source,confidence\n"
TODAY = date(2026, 11, 21)


def test_a_changed_row_is_read_as_it_was_on_each_day(write_tables: WriteTables) -> None:
    """The day of the event decides which generation of a row counts; both end days belong to the row."""
    folder = write_tables(
        {"k.csv": HEADER + "A,cũ,2020-01-01,2025-06-30,QĐ 1,doc\nA,mới,2025-07-01,,QĐ 2,doc\n"},
    )
    table = load_table("k", folder)
    assert table.value("meaning", "A", at=date(2025, 6, 30)) == "cũ"
    assert table.value("meaning", "A", at=date(2025, 7, 1)) == "mới"
    with pytest.raises(UnknownCode):
        table.find("A", at=date(2019, 12, 31))


def test_an_unknown_code_names_table_key_and_day() -> None:
    """A failed lookup says in Vietnamese what was looked for, where and for which day."""
    with pytest.raises(UnknownCode) as caught:
        load_table("portal_channel").find("pigeon", at=TODAY)
    assert (caught.value.table, caught.value.key, caught.value.at) == ("portal_channel", ("pigeon",), TODAY)
    assert "21/11/2026" in caught.value.message_vi
    assert "portal_channel" in str(caught.value)


def test_a_long_foreign_key_is_not_repeated_in_full() -> None:
    """A key may come from outside; its text in a message is bounded."""
    with pytest.raises(UnknownCode) as caught:
        load_table("portal_channel").find("x" * 10_000, at=TODAY)
    assert len(str(caught.value)) < 200


def test_the_version_is_the_name_and_the_digest_of_the_bytes() -> None:
    """Evidence names a table by content; one changed byte is another version."""
    raw = (TABLES / "portal_status.csv").read_bytes()
    version = load_table("portal_status").version
    digest = hashlib.sha256(raw).hexdigest()
    assert version.digest == digest
    assert version.short == f"portal_status@{digest[:12]}" == str(version)
    assert parse_table(raw + b"\n", TableDeclaration("portal_status")).version.digest != digest


def test_a_table_is_parsed_once() -> None:
    """Two loads give the same object."""
    assert load_table("portal_status") is load_table("portal_status")


def test_an_exact_row_wins_over_any_other() -> None:
    """`resolved, refused` has its own row; every other outcome of `resolved` falls to the star."""
    table = load_table("portal_status")
    exact = table.find("resolved", "refused", at=TODAY)
    starred = table.find("resolved", "granted", at=TODAY)
    assert exact.number != starred.number
    assert (exact["portal_code"], exact.confidence) == ("9", Confidence.ASSUMED)


def test_more_exact_keys_win_over_fewer(write_tables: WriteTables) -> None:
    """With several starred rows that fit, the one with the fewest stars counts, whatever the order of the file."""
    rows = "*,*,alles,2020-01-01,,x,doc\na,*,a,2020-01-01,,x,doc\na,b,ab,2020-01-01,,x,doc\n"
    folder = write_tables({"k.csv": "p,q,meaning,valid_from,valid_to,source,confidence\n" + rows})
    table = load_table("k", folder, ("p", "q"))
    found = [table.value("meaning", *key, at=TODAY) for key in (("a", "b"), ("a", "z"), ("z", "b"))]
    assert found == ["ab", "a", "alles"]


def test_the_declared_key_is_used_and_may_be_overridden(write_tables: WriteTables) -> None:
    """A connector may declare its keys beside its tables, or say them when loading."""
    text = "p,q,valid_from,valid_to,source,confidence\na,b,2020-01-01,,x,doc\n"
    folder = write_tables({"k.csv": text, "tables.toml": '[k]\nkeys = ["p", "q"]\n'})
    assert load_table("k", folder).keys == ("p", "q")
    assert load_table("k", folder, ("q",)).find("b", at=TODAY)["p"] == "a"


def test_a_byte_order_mark_of_a_spreadsheet_is_read_over(write_tables: WriteTables) -> None:
    """Saving as CSV UTF-8 in a spreadsheet must not rename the first column."""
    folder = write_tables({"k.csv": "\ufeff" + HEADER + "A,x,2020-01-01,,q,doc\n"})
    assert load_table("k", folder).find("A", at=TODAY)["meaning"] == "x"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("", 1),
        ("code,code,valid_from,valid_to,source,confidence\n", 1),
        ("code,valid_from,valid_to,source\n", 1),
        (HEADER + "A,x,2020-01-01,,q\n", 2),
        (HEADER + "A,x,1/1/2020,,q,doc\n", 2),
        (HEADER + "A,x,,,q,doc\n", 2),
        (HEADER + "A,x,2020-01-01,,q,sure\n", 2),
        (HEADER + 'A,"x,2020-01-01,,q,doc\n', 0),
    ],
)
def test_a_malformed_table_is_refused_with_its_row(write_tables: WriteTables, text: str, row: int) -> None:
    """A file that cannot be read says where, and is never half loaded."""
    with pytest.raises(TableUnreadable) as caught:
        load_table("k", write_tables({"k.csv": text}))
    assert caught.value.row == row


def test_a_missing_table_is_named() -> None:
    """A table that is not shipped is a fault of its own, not an empty table."""
    with pytest.raises(TableUnreadable, match="khong_co"):
        load_table("khong_co")


@pytest.mark.parametrize(
    "text", ["[k", "[k]\nkeys = 3\n", "k = 1\n", "[k]\nunknown = 1\n", '[k.domains]\na = "Nope"\n']
)
def test_a_malformed_declaration_is_refused(write_tables: WriteTables, text: str) -> None:
    """A declaration that says something unknown must not be passed over."""
    with pytest.raises(TableUnreadable):
        declarations(write_tables({"tables.toml": text}))


def test_every_portal_table_is_total_over_its_list() -> None:
    """Every canonical word has a portal code today, except those left out on purpose."""
    assert {load_table("portal_channel").value("portal_code", word, at=TODAY) for word in Origin} == {"1", "2", "3"}
    kinds = [load_table("portal_party_kind").value("portal_code", word, at=TODAY) for word in PartyKind]
    assert kinds == ["1", "2", "4", "4"]
    methods = {word: load_table("portal_result_method").value("portal_code", word, at=TODAY) for word in ResultMethod}
    assert methods == {ResultMethod.DIRECT: "0", ResultMethod.ONLINE: "2", ResultMethod.POST: "1"}
    times = [load_table("portal_collection_time").value("portal_code", word, at=TODAY) for word in CollectionTime]
    assert times == ["1", "2", "4"]
    fees = {word: load_table("portal_fee_kind").value("portal_code", word, at=TODAY) for word in FeeKind}
    assert (fees[FeeKind.CHARGE], fees[FeeKind.FEE]) == ("1", "2")


def test_the_portal_status_follows_the_facts() -> None:
    """The ten codes of national-portal facts 3.1, for every outcome; a draft has none."""
    codes = {
        DossierStatus.SUBMITTED: "1",
        DossierStatus.RECEIVED: "2",
        DossierStatus.INTAKE_REFUSED: "3",
        DossierStatus.PROCESSING: "4",
        DossierStatus.AWAITING_SUPPLEMENT: "5",
        DossierStatus.AWAITING_PAYMENT: "6",
        DossierStatus.WITHDRAWAL_REQUESTED: "7",
        DossierStatus.STOPPED: "8",
        DossierStatus.RESOLVED: "9",
        DossierStatus.RETURNED: "10",
    }
    table = load_table("portal_status")
    for state, code in codes.items():
        for outcome in Outcome:
            assert table.value("portal_code", state, outcome, at=TODAY) == code
    with pytest.raises(UnknownCode):
        table.find(DossierStatus.DRAFT, Outcome.NONE, at=TODAY)


def test_no_portal_code_is_invented_for_an_identity_it_does_not_know() -> None:
    """Only twelve-digit and nine-digit numbers have a code; nothing else is pressed into one."""
    table = load_table("portal_identity_type")
    assert table.value("portal_code", IdentityType.CCCD, at=TODAY) == "1"
    assert table.value("portal_code", IdentityType.CMND, at=TODAY) == "2"
    for kind in set(IdentityType) - {IdentityType.CCCD, IdentityType.CMND}:
        with pytest.raises(UnknownCode):
            table.find(kind, at=TODAY)


def test_the_procedures_are_many_distinct_and_valid_today() -> None:
    """The demonstration draws from at least forty procedures of all the ministry's fields."""
    rows = load_table("procedures").at(TODAY)
    assert len(rows) >= 40
    assert len({row["national_code"] for row in rows}) == len({row["name"] for row in rows}) == len(rows)
    assert len({row["field_code"] for row in rows}) >= 10
    assert all(row.confidence is Confidence.ASSUMED for row in rows)


def test_what_the_readme_says_of_the_procedures_is_so() -> None:
    """46 rows, all assumed: whoever confirms one of them mends the sentence beside the tables as well."""
    rows = load_table("procedures").rows
    assert {row.confidence for row in rows} == {"assumed"}
    readme = (files("mappings") / "README.md").read_text(encoding="utf-8")
    assert f"| {len(rows)} thủ tục" in readme and "**mọi dòng `assumed`**" in readme
