"""The daily summary of receipts for the tax authority, mẫu 01/TH-BLĐT, as CSV in which no cell is a formula.

TT 91/2026/TT-BTC (payment facts 7.2 names the columns); the summary is due on the same day.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from connectors.receipts.book import Entry
from mappings.dates import local_date

COLUMNS = (
    "STT",
    "Ký hiệu mẫu biên lai",
    "Ký hiệu biên lai",
    "Số biên lai",
    "Ngày lập",
    "Tên loại phí, lệ phí",
    "Số tiền (đồng)",
    "Mức thu",
    "Trạng thái",
    "Kỳ điều chỉnh",
    "Biên lai liên quan",
    "Giải trình",
    "Ghi chú",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FIELDS = {
    "payer_name": "tên người nộp",
    "payer_number": "số định danh người nộp",
    "payer_address": "địa chỉ người nộp",
    "fee_name": "tên khoản thu",
    "dossier_code": "mã hồ sơ",
    "other": "nội dung khác",
}


def summary_csv(entries: Iterable[Entry]) -> bytes:
    """The rows of what was issued, by form, symbol and number; UTF-8 with a mark, as spreadsheets of the country expect it."""
    issued = sorted((one for one in entries if one.state == "issued" and one.fee is not None), key=_place)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for turn, entry in enumerate(issued, start=1):
        writer.writerow([turn, *map(cell, _row(entry))])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def cell(text: str) -> str:
    """`text` as a cell: one that begins like a formula gets an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(entry: Entry) -> tuple[str, ...]:
    fee = entry.fee
    assert fee is not None, "issued receipts know their fee"
    day = local_date(fee.collected_at)
    notices = "; ".join(
        f"{one.notice_no} ngày {one.notified_on:%d/%m/%Y}: {_FIELDS[one.field]}" for one in entry.notices
    )
    return (
        entry.form,
        entry.symbol,
        entry.number,
        f"{day:%d/%m/%Y}",
        fee.name,
        str(fee.amount),
        str(fee.amount),
        "Có thông báo sai sót" if entry.notices else "Mới",
        "",
        "",
        notices,
        "" if entry.number else "chưa rõ số biên lai",
    )


def _place(entry: Entry) -> tuple[str, str, int, str]:
    number = int(entry.number) if entry.number.isdigit() else 0
    return entry.form, entry.symbol, number, entry.fee.payment_id if entry.fee else ""
