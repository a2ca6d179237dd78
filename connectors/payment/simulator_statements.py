"""Statements of the simulated intermediaries: one day of the books as a file, in our layout or in a foreign one.

Payment facts 5. Layouts of intermediaries are not public: the foreign ones are invented so that each differs from ours in what
a mapping has to mend (separator, names, amounts times a hundred, words, times, references with a prefix or inside a text).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import msgspec

from connectors.kit.settlement.written import Written, lines_as_csv
from connectors.payment.simulator_books import Charge, Refund, RefundStanding, Txn
from connectors.payment.simulator_wire import VIET_NAM
from connectors.payment.simulator_world import World

Defect = Literal["", "no_trailer", "wrong_count", "wrong_sum", "wrong_date", "wrong_merchant", "repeated_seq"]


class StatementOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A statement of `provider` for `date` (yyyymmdd in Viet Nam; empty: today), file number `seq`.

    `layout` own is that of facts 5, table the intermediary's. `drop` leaves out references, `halve` tells half of their
    amount, `defect` makes the file bad. `fee` in đồng is kept back from each payment. `write`: into `statements_dir`.
    """

    provider: str
    date: str = ""
    seq: int = 1
    layout: Literal["own", "table"] = "own"
    drop: tuple[str, ...] = ()
    halve: tuple[str, ...] = ()
    defect: Defect = ""
    fee: int = 0
    write: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    ref: str
    txn_id: str
    bank_txn_id: str
    amount: int
    fee: int
    status: str
    at: datetime
    channel: str = ""
    bank_code: str = ""
    original: str = ""
    account: str = ""
    text: str = ""

    @property
    def net(self) -> int:
        """What reaches the merchant, or leaves it."""
        return self.amount - self.fee if self.kind == "PAY" else -self.amount


def statement(world: World, ordered: StatementOrder, day: date) -> Written:
    """The file of a day."""
    rows = [row for row in _rows(world, ordered, day) if row.ref not in ordered.drop]
    merchant = world.options.of(ordered.provider).merchant
    named = "KHACHLA1" if ordered.defect == "wrong_merchant" else merchant
    told = day.replace(day=1 if day.day != 1 else 2) if ordered.defect == "wrong_date" else day
    if ordered.layout == "own":
        lines = [
            ["H", "1", ordered.provider, named, f"{told:%Y%m%d}", _iso(world.now()), "VND"],
            *(_own(number, row) for number, row in _numbered(rows, ordered.defect)),
        ]
        if ordered.defect != "no_trailer":
            lines.append(_trailer(rows, ordered.defect))
        content = lines_as_csv(lines, ",")
    else:
        content = _TABLES[ordered.provider](rows, f"{told:%Y%m%d}")
    return Written(f"recon_{ordered.provider}_{merchant}_{day:%Y%m%d}_{ordered.seq}.csv", content)


def _rows(world: World, ordered: StatementOrder, day: date) -> Iterable[_Row]:
    """The day's money in the order of its time."""
    found: list[_Row] = []
    for charge in world.books:
        if charge.provider != ordered.provider:
            continue
        amounts = 2 if charge.ref in ordered.halve else 1
        for txn in charge.txns:
            if _day(txn.paid_at) == day:
                found.append(_payment(charge, txn, txn.amount // amounts, ordered.fee))
        for refund in charge.refunds:
            if _day(refund.asked_at) == day:
                found.append(_refund(charge, refund, refund.standing(world.now())))
    return sorted(found, key=lambda row: row.at)


def _payment(charge: Charge, txn: Txn, amount: int, fee: int) -> _Row:
    return _Row(
        kind="PAY",
        ref=charge.ref,
        txn_id=txn.txn_id,
        bank_txn_id=txn.bank_txn_id,
        amount=amount,
        fee=fee,
        status="pending" if charge.standing.value == "held" else "paid",
        at=txn.paid_at,
        channel=txn.channel,
        bank_code=txn.bank_code,
        account=charge.wire.get("account", ""),
        text=charge.text,
    )


def _refund(charge: Charge, refund: Refund, standing: RefundStanding) -> _Row:
    words = {RefundStanding.DONE: "refunded", RefundStanding.REJECTED: "failed"}
    return _Row(
        kind="REFUND",
        ref=charge.ref if charge.provider == "keypay" else refund.refund_ref,
        txn_id=refund.txn_id,
        bank_txn_id="",
        amount=refund.amount,
        fee=0,
        status=words.get(standing, "refunding"),
        at=refund.asked_at,
        original=refund.original_txn_id,
        text=charge.text,
    )


def _numbered(rows: Sequence[_Row], defect: Defect) -> Iterable[tuple[int, _Row]]:
    return ((1 if defect == "repeated_seq" else number, row) for number, row in enumerate(rows, 1))


def _own(number: int, row: _Row) -> list[str]:
    """A `D` row; references without what an intermediary put before them."""
    return [
        *("D", str(number), row.kind, row.ref.rpartition("_")[2], row.txn_id, row.bank_txn_id, str(row.amount)),
        *(str(row.fee), str(row.net), row.status, _iso(row.at), row.channel, row.bank_code, row.original),
        *("", row.account, ""),
    ]


def _trailer(rows: Sequence[_Row], defect: Defect) -> list[str]:
    pays, backs = [row for row in rows if row.kind == "PAY"], [row for row in rows if row.kind != "PAY"]
    counted = len(pays) + (defect == "wrong_count")
    summed = sum(row.amount for row in pays) + (defect == "wrong_sum")
    back = sum(row.amount for row in backs)
    fees, net = sum(row.fee for row in rows), sum(row.net for row in rows)
    return ["T", *map(str, (counted, summed, len(backs), back, fees, net))]


def _vnpay(rows: Sequence[_Row], _day_text: str) -> bytes:
    """Semicolons, amounts times a hundred, words of its own."""
    words = {
        "paid": "Thành công",
        "pending": "Chờ xử lý",
        "failed": "Thất bại",
        "refunding": "Đang hoàn",
        "refunded": "Đã hoàn",
    }
    head = ["Mã giao dịch", "Mã GD VNPAY", "Số GD ngân hàng", "Loại", "Số tiền", "Phí", "Trạng thái", "Thời gian"]
    lines = [
        [
            *(row.ref, row.original or row.txn_id, row.bank_txn_id, "Thanh toán" if row.kind == "PAY" else "Hoàn tiền"),
            *(str(row.amount * 100), str(row.fee * 100), words[row.status], _local(row.at, "%d/%m/%Y %H:%M:%S")),
        ]
        for row in rows
    ]
    return lines_as_csv([head, *lines], ";")


def _bank(rows: Sequence[_Row], day_text: str) -> bytes:
    """A bank's statement: a title, thousands separators, the reference somewhere in the text, a sum at the end."""
    head = ["Ngày giờ", "Số tham chiếu", "Số tiền", "Nội dung"]
    lines = [
        [
            _local(row.at, "%Y-%m-%d %H:%M:%S"),
            row.txn_id,
            f"{row.amount:,}".replace(",", "."),
            f"CT DEN {row.text.upper()}",
        ]
        for row in rows
    ]
    total = ["Tổng cộng", "", f"{sum(row.amount for row in rows):,}".replace(",", "."), ""]
    return lines_as_csv([["Sao kê tài khoản", day_text], head, *lines, total], ",")


def _plain(rows: Sequence[_Row], _day_text: str) -> bytes:
    """Pipes, short English names, milliseconds, references as the intermediary keeps them."""
    head = ["type", "order_id", "trans_id", "refund_of", "amount", "fee", "status", "time_ms"]
    words = {
        "paid": "SUCCESS",
        "pending": "PENDING",
        "failed": "FAIL",
        "refunding": "PROCESSING",
        "refunded": "SUCCESS",
    }
    lines = [
        [
            *(row.kind.lower(), row.ref, row.txn_id, row.original, str(row.amount), str(row.fee), words[row.status]),
            str(int(row.at.timestamp() * 1000)),
        ]
        for row in rows
    ]
    return lines_as_csv([head, *lines], "|")


_TABLES: dict[str, Callable[[Sequence[_Row], str], bytes]] = {
    "vnpay": _vnpay,
    "vietqr": _bank,
    **dict.fromkeys(("pp", "keypay", "paygov", "momo", "zalopay"), _plain),
}


def _day(at: datetime) -> date:
    return at.astimezone(VIET_NAM).date()


def _iso(at: datetime) -> str:
    return at.astimezone(VIET_NAM).isoformat(timespec="seconds")


def _local(at: datetime, pattern: str) -> str:
    return at.astimezone(VIET_NAM).strftime(pattern)
