"""The pieces that every settlement shares: names of files, tables for people and programs, cells of strangers' tables."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.settlement.cells import Unreadable, moment_of, number_of, stepped, table_cells
from connectors.kit.settlement.layouts import Column, TableLayout
from connectors.kit.settlement.statements import FileBad, Naming
from connectors.kit.settlement.tables import Table, as_csv, as_objects, neutral

NAMING = Naming("cod", "vnpost_hue|vnpost", "bưu chính", "mã khách hàng")


class Layout(TableLayout, frozen=True, kw_only=True):
    """A layout with two columns, one of which must be found."""

    fields: ClassVar[tuple[str, ...]] = ("amount", "ref")
    needed: ClassVar[frozenset[str]] = frozenset({"amount"})


def table(*rows: tuple[str | int, ...]) -> Table:
    """A table of two columns."""
    return Table("t", "Bảng", ("name", "amount"), ("Tên", "Số tiền (đồng)"), rows)


def test_a_name_says_whose_file_it_is_of_which_day_and_which_number() -> None:
    """The longest sender that fits is meant; letters may be large."""
    named = NAMING.read("COD_VNPOST_HUE_BV_1_20261118_12.csv")
    assert (named.provider, named.merchant, named.business_date, named.seq) == (
        "vnpost_hue",
        "BV_1",
        date(2026, 11, 18),
        12,
    )


@pytest.mark.parametrize(
    "name",
    [
        "cod_ems_BV_20261118_1.csv",
        "cod_vnpost_BV_20261131_1.csv",
        "cod_vnpost_BV_20261118_.csv",
        "cod_vnpost__20261118_1.csv",
        "cod_vnpost_BV_20261118_1.csv.exe",
        "recon_vnpost_BV_20261118_1.csv",
        "cod_vnpost_BV_２０２６1118_1.csv",
        "",
    ],
)
def test_a_name_that_says_nothing_is_refused_with_the_form_that_is_wanted(name: str) -> None:
    """Another sender, no day, no number, no customer, another kind of file, digits that are none."""
    with pytest.raises(FileBad) as raised:
        NAMING.read(name)
    [fault] = raised.value.faults
    assert (fault.code, fault.line) == ("name", 0)
    assert "cod_{bưu chính}_{mã khách hàng}_{yyyymmdd}_{số thứ tự}.csv" in fault.message_vi


@given(st.lists(st.tuples(st.text(max_size=12), st.integers()), max_size=5))
@settings(max_examples=150)
def test_whatever_stands_in_a_cell_no_spreadsheet_runs_it_and_nothing_is_lost(rows: list[tuple[str, int]]) -> None:
    """A text comes back as it was but for an apostrophe in front; a number stays a number, also below zero."""
    rows = [(text.replace("\r", " ").replace("\n", " ").replace("\0", " "), amount) for text, amount in rows]
    rows = [(text.encode("utf-8", "replace").decode(), amount) for text, amount in rows]
    raw = as_csv(table(*rows))
    assert raw.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert read[0] == ["Tên", "Số tiền (đồng)"]
    for (text, amount), (cell, figure) in zip(rows, read[1:], strict=True):
        assert not cell.startswith(("=", "+", "-", "@", "\t"))
        assert cell == neutral(text) and cell.removeprefix("'") == text.removeprefix("'")
        assert int(figure) == amount


def test_programs_get_the_same_rows_as_objects() -> None:
    """By the names of the columns, with nothing neutralised: a program runs no formula."""
    assert as_objects([table(("=1", 2))]) == {"t": [{"name": "=1", "amount": 2}]}


def test_a_layout_that_cannot_be_read_is_refused_before_any_file_comes() -> None:
    """Unknown columns, a missing one, names where there is no header row, columns for our own layout."""
    Layout(form="table", header_line=0, columns={"amount": Column(source="2")})
    tries: tuple[dict[str, Any], ...] = (
        {"form": "table", "columns": {"sum": Column(source="A"), "amount": Column(source="B")}},
        {"form": "table", "columns": {"ref": Column(source="A")}},
        {"form": "table", "header_line": 0, "columns": {"amount": Column(source="A")}},
        {"form": "table", "header_line": -1, "columns": {"amount": Column(source="A")}},
        {"form": "own", "columns": {"amount": Column(source="A")}},
    )
    for wrong in tries:
        with pytest.raises(ValueError, match=r"columns|header_line"):
            Layout(**wrong)
    with pytest.raises(ValueError, match="steps"):
        Column(source="A", steps=("guess",))


def test_a_column_must_stand_in_the_header_exactly_once() -> None:
    """Missing, or twice: either way nobody knows which one is meant."""
    layout = Layout(form="table", columns={"amount": Column(source="Tiền")})
    assert table_cells(layout, ["STT", "Tiền"])(["1", "5"], 7) == {"seq": "7", "amount": "5"}
    for header in (["STT"], ["Tiền", "Tiền"]):
        with pytest.raises(Unreadable):
            table_cells(layout, header)
    with pytest.raises(Unreadable):
        table_cells(layout, ["STT", "Tiền"])(["1"], 1)


def test_texts_become_values_by_their_steps_and_by_nothing_else() -> None:
    """A point is no thousand unless the layout says so; a time without a zone is Viet Nam's."""
    assert stepped(Column(source="A", steps=("trim", "digits")), " 150.000 ", str) == "150000"
    assert stepped(Column(source="A", steps=("/100",)), "15000000", str) == "150000"
    assert stepped(Column(source="A", steps=("after:_", "before:-")), "x_DON-1", str) == "DON"
    for text in ("150.000", "", "１", "1e3", " 1"):
        with pytest.raises(Unreadable):
            number_of({"amount": text}, "amount")
    with pytest.raises(Unreadable):
        stepped(Column(source="A", steps=("/100",)), "150", str)
    noon = datetime(2026, 11, 18, 5, tzinfo=UTC)
    assert moment_of(None, "2026-11-18T12:00:00", "paid_at", required=True) == noon
    assert moment_of(Column(source="A", steps=("time:%d/%m/%Y %H:%M",)), "18/11/2026 12:00", "x", required=True) == noon
    assert moment_of(None, "", "paid_at", required=False) is None
    with pytest.raises(Unreadable):
        moment_of(None, "", "paid_at", required=True)
