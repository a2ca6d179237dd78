"""The report of a settlement: every đồng explained, the same words in JSON, CSV and XLSX, and no cell that is a formula."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from lxml import etree

from connectors.kit.settlement.tables import as_csv, neutral
from connectors.payment.settlement_report import TABLES, Report, as_tree, proposed, read_report
from connectors.payment.settlement_xlsx import as_xlsx
from mappings.settlement_words import Action
from tests.connectors.payment.office import NIGHT, Office
from tests.connectors.payment.statement_files import NAME, NOON, pay, statement

SPREADSHEET = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
LATER = NOON + timedelta(seconds=30)
EVIL = '=HYPERLINK("http://x","bấm")'


async def settled(folder: Path) -> Report:
    """A day with a match, money of a stranger whose reference is a formula, money twice, and money that is missing there."""
    office = Office(folder)
    ids = [await office.ask_for(f"yc-{n}") for n in (1, 2, 3)]
    for number, payment_id in enumerate(ids, start=1):
        await office.pay(payment_id, f"14{number:06d}", LATER)
    await office.pay(ids[1], "14000009", LATER)
    rows = [pay(1, f"{ids[0]}a1"), pay(2, f"{ids[1]}a1"), pay(9, f"{ids[1]}a1"), pay(4, EVIL, 70_000)]
    office.put(NAME, statement(*rows))
    await office.settle()
    report = await read_report(office.shelf, "vnpay", "20260921", date(2026, 9, 25))
    assert report is not None
    await office.journal.close()
    return report


async def test_the_sums_explain_the_whole_difference_between_both_sides(tmp_path: Path) -> None:
    """What the intermediary counts, less what we count, is the sum of the named differences: to the last đồng."""
    report = await settled(tmp_path)
    rows = report.table("summary").rows
    total = next(row for row in rows if row[:2] == ("Thu", "Cộng"))
    assert total == ("Thu", "Cộng", 5, 1_570_000, 2_000_000, -430_000)
    differences = report.table("differences")
    column = differences.keys.index("difference")
    assert sum(int(row[column]) for row in differences.rows) == -430_000
    assert {(row[0], row[2]) for row in differences.rows} == {
        ("Thanh toán trùng", "Hoàn khoản trùng cho người nộp (hai người ký)"),
        ("Thiếu: cổng có, trung gian không có", "Chờ sao kê ngày sau, tối đa 2 ngày làm việc"),
        ("Thừa: trung gian có, cổng không có", "Kế toán kiểm tra chứng từ"),
    }
    assert {row[differences.keys.index("age_days")] for row in differences.rows} == {4}


async def test_phi_and_le_phi_stand_apart_and_what_may_not_go_says_why(tmp_path: Path) -> None:
    """No budget codes are configured for these fees, so nothing is transferable; the second payment has a refund besides."""
    report = await settled(tmp_path)
    assert [(row[0], row[1], row[8], row[9], row[10], row[11]) for row in report.table("fees").rows] == [
        ("Phí", "PTD01", 2, 900_000, 900_000, 0),
        ("Lệ phí", "LPC01", 2, 100_000, 100_000, 0),
    ]
    held = {row[-1] for row in report.table("transfers").rows}
    assert held == {"Thiếu hoặc sai mã ngân sách", "Có khoản hoàn: kế toán quyết định"}


async def test_csv_opens_in_a_spreadsheet_as_vietnamese_text_and_no_formula(tmp_path: Path) -> None:
    """A byte order mark, RFC 4180, apostrophes before = + - @; numbers keep their sign."""
    raw = as_csv((await settled(tmp_path)).table("differences"))
    assert raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\r\n")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    strange = next(row for row in rows if row["Lý do"].startswith("Mã tham chiếu không có"))
    assert strange["Mã tham chiếu"] == "'" + EVIL
    assert {row["Chênh (đồng)"] for row in rows} == {"0", "70000", "-500000"}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"])
def test_what_begins_like_a_formula_is_neutralised(text: str) -> None:
    """Facts 5; also behind a tab or a line end, which spreadsheets skip."""
    assert neutral(text) == f"'{text}"
    assert neutral("a=1") == "a=1" and neutral(-5) == -5 and neutral("") == ""


async def test_the_workbook_has_a_sheet_for_each_table_numbers_as_numbers_and_texts_as_texts(tmp_path: Path) -> None:
    """Read back by something else than what wrote it: no formula, no link, nothing calculated."""
    report = await settled(tmp_path)
    with zipfile.ZipFile(io.BytesIO(as_xlsx(report, NIGHT))) as book:
        assert book.testzip() is None
        names = etree.fromstring(book.read("xl/workbook.xml")).xpath("//m:sheet/@name", namespaces=SPREADSHEET)
        assert names == [report.table(name).title for name in TABLES]
        sheets = [etree.fromstring(book.read(f"xl/worksheets/sheet{n}.xml")) for n in range(1, len(TABLES) + 1)]
    for name, sheet in zip(TABLES, sheets, strict=True):
        assert not sheet.xpath("//m:f | //m:hyperlink", namespaces=SPREADSHEET)
        lines = sheet.xpath("//m:sheetData/m:row", namespaces=SPREADSHEET)[1:]
        read = [[_cell(cell) for cell in line.xpath("m:c", namespaces=SPREADSHEET)] for line in lines]
        table = report.table(name)
        assert read == [list(table.titles), *map(list, table.rows)]


def _cell(cell: etree._Element) -> str | int:
    texts = cell.xpath(".//m:t/text()", namespaces=SPREADSHEET)
    if cell.get("t") in ("inlineStr", "str", "s"):
        return "".join(map(str, texts))
    return int(cell.xpath("string(m:v)", namespaces=SPREADSHEET) or 0)


async def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    """So that a file that was handed over can be compared."""
    report = await settled(tmp_path)
    assert as_xlsx(report, NIGHT) == as_xlsx(report, NIGHT)


async def test_programs_get_rows_as_objects_and_how_many_differences_are_open(tmp_path: Path) -> None:
    """The same words as people see."""
    report = await settled(tmp_path)
    tree = as_tree(report, ("summary", "files"))
    assert tree["open"] == 3 and tree["settled"] is True and "differences" not in tree
    files = tree["files"]
    assert isinstance(files, list)
    assert [(file["name"], file["state"], file["rows"]) for file in files] == [(NAME, "Đã đối soát", 4)]


async def test_an_overdue_payment_is_held_and_a_closed_difference_asks_for_nothing(tmp_path: Path) -> None:
    """What is proposed follows what has become of it."""
    office = Office(tmp_path)
    payment_id = await office.ask_for("yc-1")
    await office.pay(payment_id, "14000001", LATER)
    office.put(NAME, statement())
    await office.settle()
    office.now = NIGHT + timedelta(days=2)
    await office.settle()
    (one,) = [one for part in await office.parts() for one in part.differences]
    assert proposed(one) is Action.HOLD_TRANSFER
    await office.journal.close()


async def test_a_day_of_which_no_statement_came_has_no_report(tmp_path: Path) -> None:
    """It is not an empty one."""
    office = Office(tmp_path)
    assert await read_report(office.shelf, "vnpay", "20260921", date(2026, 9, 25)) is None
    await office.journal.close()
