"""Statements of the simulated carriers: what was paid over for parcels on one day, in our layout or in a foreign one.

Postal facts 7. No layout of a carrier is public: the foreign one is invented so that it differs from ours in what a mapping has
to mend (a title line, a separator, thousands, words, times, the item code in place of our number, a summing row).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import msgspec
from aiohttp import web

from connectors.kit.settlement.written import Written, lines_as_csv
from connectors.kit.simulation import json_answer, order
from connectors.postal.simulator_options import HOUSES
from connectors.postal.simulator_wire import VIET_NAM
from connectors.postal.simulator_world import World

Defect = Literal["", "no_trailer", "wrong_count", "wrong_sum", "wrong_date", "wrong_customer", "repeated_seq"]


class CodStatementOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A statement of `house` for `date` (yyyymmdd in Viet Nam; empty: today there), file number `seq`.

    `carrier` is what we call the carrier, in the file's name and head (empty: the house). `drop` leaves out order numbers,
    `halve` tells half of what was paid over, `double` names it twice, `strange` adds parcels of nobody. `fee` in đồng is kept
    back from each. `defect` makes the file bad. `write`: into `statements_dir`.
    """

    house: str
    carrier: str = ""
    date: str = ""
    seq: int = 1
    layout: Literal["own", "table"] = "own"
    drop: tuple[str, ...] = ()
    halve: tuple[str, ...] = ()
    double: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    fee: int = 0
    defect: Defect = ""
    write: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    number: str
    item_code: str
    amount: int
    fee: int
    at: datetime


def statement(world: World, ordered: CodStatementOrder, day: date) -> Written:
    """The file of a day."""
    rows = list(_rows(world, ordered, day))
    customer = world.options.customer(ordered.house)
    carrier = ordered.carrier or ordered.house
    named = "KHACHLA1" if ordered.defect == "wrong_customer" else customer
    told = day.replace(day=1 if day.day != 1 else 2) if ordered.defect == "wrong_date" else day
    if ordered.layout == "table":
        content = _table(rows, told)
    else:
        lines = [["H", "1", carrier, named, f"{told:%Y%m%d}", _iso(world.clock.now()), "VND"]]
        lines += [_own(1 if ordered.defect == "repeated_seq" else seq, row) for seq, row in enumerate(rows, 1)]
        if ordered.defect != "no_trailer":
            lines.append(_trailer(rows, ordered.defect))
        content = lines_as_csv(lines, ",")
    return Written(f"cod_{carrier}_{customer}_{day:%Y%m%d}_{ordered.seq}.csv", content)


def _rows(world: World, ordered: CodStatementOrder, day: date) -> Iterable[_Row]:
    """What was paid over that day, in the order of its time."""
    paid = [
        (one.cod_remitted_at, one)
        for one in world.books
        if one.house == ordered.house and one.cod_remitted_at is not None and _day(one.cod_remitted_at) == day
    ]
    for at, parcel in sorted(paid, key=lambda pair: pair[0]):
        if parcel.number in ordered.drop:
            continue
        amount = (parcel.cod_remitted or 0) // (2 if parcel.number in ordered.halve else 1)
        for _ in range(2 if parcel.number in ordered.double else 1):
            yield _Row(parcel.number, parcel.item_code, amount, ordered.fee, at)
    midnight = datetime(day.year, day.month, day.day, tzinfo=VIET_NAM)
    for number in ordered.strange:
        yield _Row(number, world.books.item_code(), 100_000, ordered.fee, midnight)


def _own(seq: int, row: _Row) -> list[str]:
    """A `D` row: seq, kind, order_number, item_code, amount, fee, net, status, paid_at, note."""
    money = (str(row.amount), str(row.fee), str(row.amount - row.fee))
    return ["D", str(seq), "PAY", row.number, row.item_code, *money, "paid", _iso(row.at), ""]


def _trailer(rows: Sequence[_Row], defect: Defect) -> list[str]:
    """A `T` row: how many and how much came, how many and how much went back, fees, net."""
    count, amount = len(rows) + (defect == "wrong_count"), sum(row.amount for row in rows) + (defect == "wrong_sum")
    fees, net = sum(row.fee for row in rows), sum(row.amount - row.fee for row in rows)
    return ["T", *map(str, (count, amount, 0, 0, fees, net))]


def _table(rows: Sequence[_Row], day: date) -> bytes:
    """A foreign layout: a title, semicolons, thousands with points, the item code only, Vietnamese words, a sum at the end."""
    head = ["STT", "Mã bưu gửi", "Tiền thu hộ đã trả", "Phí dịch vụ", "Trạng thái", "Ngày trả"]
    lines = [
        [
            *(str(seq), row.item_code, _thousands(row.amount), _thousands(row.fee), "Đã trả"),
            row.at.astimezone(VIET_NAM).strftime("%d/%m/%Y %H:%M:%S"),
        ]
        for seq, row in enumerate(rows, 1)
    ]
    total = [
        "Tổng cộng",
        "",
        _thousands(sum(row.amount for row in rows)),
        _thousands(sum(row.fee for row in rows)),
        "",
        "",
    ]
    return lines_as_csv([["Bảng kê trả tiền thu hộ", f"{day:%d/%m/%Y}"], head, *lines, total], ";")


def _thousands(amount: int) -> str:
    return f"{amount:,}".replace(",", ".")


def _day(at: datetime) -> date:
    return at.astimezone(VIET_NAM).date()


def _read_day(text: str) -> date:
    """yyyymmdd; raises `ValueError`."""
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=VIET_NAM).date()


def _iso(at: datetime) -> str:
    return at.astimezone(VIET_NAM).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class StatementControl:
    """Orders of statements."""

    world: World

    def mount(self, app: web.Application) -> None:
        """Add the control plane."""
        app.router.add_post("/_simulator/statements", self.write)

    async def write(self, request: web.Request) -> web.Response:
        """The statement of a day, in the answer and where wanted in the folder."""
        ordered = await order(request, CodStatementOrder)
        if ordered.house not in HOUSES:
            raise web.HTTPUnprocessableEntity(text=f"house: chỉ có {', '.join(HOUSES)}")
        self.world.tick()
        try:
            day = _read_day(ordered.date) if ordered.date else _day(self.world.clock.now())
        except ValueError:
            raise web.HTTPUnprocessableEntity(text="date: dạng yyyymmdd") from None
        made = statement(self.world, ordered, day)
        if ordered.write:
            folder = self.world.options.statements_dir
            try:
                made.put(Path(folder or "/nonexistent"))
            except OSError:
                raise web.HTTPUnprocessableEntity(text="statements_dir: không ghi được") from None
        return json_answer({"name": made.name, "sha256": made.sha256, "content": made.content.decode()})
