"""What simulated postmen collected and carriers paid over, told by the feed and by statements, is what our books say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.postal.changes import Scanned
from connectors.postal.cod_days import sums_of
from connectors.postal.cod_report import read_report
from connectors.postal.cod_settings import CodLayout, CodStatements
from mappings.dates import local_date
from tests.connectors.postal.cod_office import CodOffice, order_number
from tests.connectors.postal_simulator.conftest import START, Ground, OpenGround
from tests.connectors.postal_simulator.test_with_dialects import _speaking
from tests.connectors.postal_simulator.test_with_settlement import _TABLE

_WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"step_s": 20_000.0},
    {"cod": "short", "cod_short": 40_000},
    {"cod": "unpaid"},
    {"cod": "late"},
    {"ends": "returned", "failed_attempts": 2},
    {"failed_attempts": 1, "repeat": 1, "reorder": True},
)
_DAYS = 30


async def _books(ground: Ground) -> dict[str, dict[str, Any]]:
    """The money of each parcel as it truly is, by number."""
    found = (await ground.control("GET", "books"))["parcels"]
    return {one["number"]: one["cod"] for one in found}


async def _statements(ground: Ground, office: CodOffice, layout: str) -> None:
    """The statement of every day, laid into the drop folder; a day without money has an empty one."""
    for back in range(_DAYS + 1):
        day = f"{local_date(START) + timedelta(days=back):%Y%m%d}"
        ordered = {"house": "h2", "carrier": "vnpost", "date": day, "layout": layout, "fee": 1_100}
        made = await ground.control("POST", "statements", ordered)
        office.put(made["name"], made["content"].encode())


@pytest.mark.parametrize("layout", ["own", "table"])
async def test_the_books_of_both_sides_agree_to_the_dong(open_ground: OpenGround, tmp_path: Path, layout: str) -> None:
    """Parcel by parcel and in every sum, whichever layout: what is due, collected, paid over, short and still owed."""
    chosen = CodStatements(layout=_TABLE if layout == "table" else CodLayout())
    office = CodOffice(tmp_path, {"carriers": {"vnpost": chosen}, "window_days": 92})
    numbers = range(1, len(_WAYS) + 1)
    async with _speaking(open_ground, "h2") as speaker:
        ground = speaker.ground
        orders = [{"number": order_number(n), "script": way} for n, way in zip(numbers, _WAYS, strict=True)]
        await ground.control("PUT", "scripts", {"orders": orders})
        for n in numbers:
            await speaker.place(order_number(n))
            await office.order(n, at=START + timedelta(days=1))
        ground.wall.turn(_DAYS * 24 * 3_600)
        await ground.control("POST", "clock", {"advance_s": _DAYS * 24 * 3_600, "wait": True})
        by_number = {order_number(n): n for n in numbers}
        for one in await speaker.feed():
            await office.tell(by_number[one.order_number], Scanned(at=one.scan.received_at, scan=one.scan))
        office.now = START + timedelta(days=_DAYS + 1)
        await _statements(ground, office, layout)
        await office.settle()
        await office.review()
        truth = await _books(ground)
    for n in numbers:
        shipment, there = await office.shipment(n), truth[order_number(n)]
        assert (shipment.cod_collected or 0) == (there["collected"] or 0), n
        assert sum(one.amount for one in shipment.cod_settlements) == (there["remitted"] or 0), n
    days = [local_date(START) + timedelta(days=back) for back in range(_DAYS + 1)]
    reports = [await read_report(office.shelf, "vnpost", f"{day:%Y%m%d}", days[-1]) for day in days]
    sums = [sums_of(one.collected.parcels) for one in reports if one is not None]
    assert sum(collected for _, _, collected, _ in sums) == sum(one["collected"] or 0 for one in truth.values())
    assert sum(paid_over for _, _, _, paid_over in sums) == sum(one["remitted"] or 0 for one in truth.values())
    heads = [one.head.sums.pay for one in reports if one is not None]
    theirs = sum(count.theirs for pay in heads for count in pay.values())
    assert theirs == sum(one["remitted"] or 0 for one in truth.values()) > 0
    # Only the one that was paid short is a difference, and only it and the unpaid one are late.
    found = [
        (one.pairing.outcome, one.pairing.payment_id) for r in reports if r for p in r.parts for one in p.differences
    ]
    assert found == [("AMOUNT_DIFF", (await office.shipment(3)).shipment_id)]
    owed = {one.order_number for r in reports if r is not None for one in r.collected.open}
    assert owed == {order_number(3), order_number(4)}
    assert "postal.cod_overdue" in [code for code, _ in office.alarms]
    await office.journal.close()
