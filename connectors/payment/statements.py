"""Statements of intermediaries: what their files are called, and how they are read. It opens nothing itself (payment facts 5)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import BinaryIO

from connectors.kit.settlement.statements import Examined, Named, Naming, Reading
from connectors.kit.settlement.statements import examine as examine_file
from connectors.payment.settlement_settings import Layout
from connectors.payment.statement_rows import read_row
from mappings.settlement import day_of
from mappings.settlement_words import Row

NAMING = Naming("recon", "[a-z]{1,20}", "trung gian", "mã đơn vị")
"""`recon_{provider}_{merchant}_{yyyymmdd}_{seq}.csv`."""


def read_name(name: str) -> Named:
    """What the name of a file says; raises `FileBad` for one that says nothing."""
    return NAMING.read(name)


def examine(stream: BinaryIO, named: Named, layout: Layout, part_rows: int, shift: timedelta) -> Examined:
    """Judge a file from its first byte to its last; raises `FileBad`. Rows lie within the day, give or take `shift`."""
    return examine_file(stream, named, reading_of(layout, part_rows, shift))


def reading_of(layout: Layout, part_rows: int, shift: timedelta) -> Reading:
    """How the files of one intermediary are read."""
    return Reading(NAMING, layout, partial(read_row, layout=layout), partial(_misdated, shift=shift), part_rows)


def _misdated(row: Row, day: date, shift: timedelta) -> str:
    """What is wrong with the time of a row in the statement of a day (payment facts 5)."""
    if row.paid_at is None or day_of(row.paid_at - shift) <= day <= day_of(row.paid_at + shift):
        return ""
    return "thời điểm của giao dịch không thuộc ngày đối soát."
