"""Statement files in our own layout, written by hand: the tests' own reading of payment facts 5."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from mappings.dates import VIETNAM

DAY = date(2026, 9, 21)
NOON = datetime(2026, 9, 21, 12, tzinfo=VIETNAM)
NAME = "recon_vnpay_TESTTMN1_20260921_1.csv"


COLUMNS = (
    "seq",
    "kind",
    "merchant_ref",
    "provider_txn_id",
    "bank_txn_id",
    "amount",
    "fee",
    "net",
    "status",
    "paid_at",
    "channel",
    "bank_code",
    "original_provider_txn_id",
    "dossier_no",
    "beneficiary_account",
    "note",
)


def pay(seq: int, ref: str, amount: int = 500_000, **cells: str) -> list[str]:
    """A row of money that came in; `cells` by our names of columns."""
    said = {
        "seq": str(seq),
        "kind": "PAY",
        "merchant_ref": ref,
        "provider_txn_id": f"14{seq:06d}",
        "amount": str(amount),
        "fee": "1100",
        "net": str(amount - 1100),
        "status": "paid",
        "paid_at": (NOON + timedelta(seconds=seq)).isoformat(),
        "bank_code": "NCB",
    }
    said.update(cells)
    return ["D", *(said.get(name, "") for name in COLUMNS)]


def trailer(rows: Sequence[Sequence[str]]) -> list[str]:
    """The sums of rows."""
    came = [row for row in rows if row[2] == "PAY"]
    back = [row for row in rows if row[2] in ("REFUND", "REVERSAL")]
    fees = sum(int(row[7] or 0) for row in rows) + sum(int(row[6]) for row in rows if row[2] == "FEE")
    figures = (
        len(came),
        sum(int(row[6]) for row in came),
        len(back),
        sum(int(row[6]) for row in back),
        fees,
        sum(int(row[8] or 0) for row in rows),
    )
    return ["T", *map(str, figures)]


def header(provider: str = "VNPAY", merchant: str = "TESTTMN1", day: str = "20260921") -> list[str]:
    """The first row."""
    return ["H", "1", provider, merchant, day, "2026-09-22T00:30:00+07:00", "VND"]


def written(records: Sequence[Sequence[str]], separator: str = ",", end: str = "\r\n") -> bytes:
    """Records as a file."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(records)
    return text.getvalue().encode()


def statement(*rows: Sequence[str], first: Sequence[str] | None = None) -> bytes:
    """A whole file."""
    return written([first if first is not None else header(), *rows, trailer(rows)])
