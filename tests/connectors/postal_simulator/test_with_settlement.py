"""The statements that the simulated carriers write, and the connector's own reading of statements, judge each other."""

from __future__ import annotations

import io
from typing import Any

import pytest

from connectors.kit.settlement.layouts import Column
from connectors.kit.settlement.statements import Examined, FileBad, examine
from connectors.postal.cod_settings import CodLayout
from connectors.postal.cod_statements import naming_of, reading_of
from connectors.postal.identity import shipment_id_of
from mappings.settlement_words import Standing
from tests.connectors.postal_simulator.conftest import Ground, OpenGround

_NAMING = naming_of(["vnpost"])
_TABLE = CodLayout(
    form="table",
    separator=";",
    header_line=2,
    columns={
        "seq": Column(source="STT"),
        "item_code": Column(source="Mã bưu gửi"),
        "amount": Column(source="Tiền thu hộ đã trả", steps=("digits",)),
        "fee": Column(source="Phí dịch vụ", steps=("digits",)),
        "status": Column(source="Trạng thái"),
        "paid_at": Column(source="Ngày trả", steps=("time:%d/%m/%Y %H:%M:%S",)),
    },
    statuses={"Đã trả": Standing.PAID},
    trailer="Tổng cộng",
)


async def _paid(ground: Ground, **ordered: object) -> Any:
    """The statement of two parcels that were delivered and paid over on 22/11/2026."""
    await ground.sign_in()
    for number in ("A-1-T", "A-2-T"):
        await ground.order(number)
    await ground.turn(60)
    asked = {"house": "h2", "carrier": "vnpost", "date": "20261122", **ordered}
    return await ground.control("POST", "statements", asked)


def _examined(made: Any, layout: CodLayout) -> Examined:
    named = _NAMING.read(made["name"])
    return examine(io.BytesIO(made["content"].encode()), named, reading_of(_NAMING, "vnpost", layout, 200))


async def test_our_own_layout_is_read_row_by_row_with_its_sums(open_ground: OpenGround) -> None:
    """Each row leads to the shipment of its order number."""
    async with open_ground() as ground:
        made = await _paid(ground, fee=1_100)
        found = _examined(made, CodLayout())
        assert found.sha256 == made["sha256"]
        assert found.totals.figures() == (2, 300_000, 0, 0, 2_200, 297_800)
        rows = list(found.part(io.BytesIO(made["content"].encode()), 0))
        assert {row.ref for row in rows} == {shipment_id_of("vnpost", number) for number in ("A-1-T", "A-2-T")}
        codes = {(await ground.parcel(number))["item_code"] for number in ("A-1-T", "A-2-T")}
        assert {row.txn_id for row in rows} == codes
        assert {row.amount for row in rows} == {150_000}


async def test_a_foreign_layout_is_read_by_what_is_configured(open_ground: OpenGround) -> None:
    """By the item code, as it has no number of ours."""
    async with open_ground() as ground:
        made = await _paid(ground, layout="table")
        found = _examined(made, _TABLE)
        rows = list(found.part(io.BytesIO(made["content"].encode()), 0))
        codes = {(await ground.parcel(number))["item_code"] for number in ("A-1-T", "A-2-T")}
        assert {row.ref for row in rows} == {f"#{code}" for code in codes}
        assert sum(row.amount for row in rows) == 300_000


@pytest.mark.parametrize(
    ("defect", "code"),
    [
        ("no_trailer", "trailer"),
        ("wrong_count", "trailer_count"),
        ("wrong_sum", "trailer_sum"),
        ("wrong_date", "date"),
        ("wrong_customer", "merchant"),
        ("repeated_seq", "seq_repeated"),
    ],
)
async def test_every_defect_is_found_for_what_it_is(open_ground: OpenGround, defect: str, code: str) -> None:
    """The file is refused as a whole."""
    async with open_ground() as ground:
        made = await _paid(ground, defect=defect)
        with pytest.raises(FileBad) as bad:
            _examined(made, CodLayout())
        assert code in {fault.code for fault in bad.value.faults}


async def test_lies_about_money_are_good_files(open_ground: OpenGround) -> None:
    """Only matching finds what is missing, halved, doubled or of nobody."""
    async with open_ground() as ground:
        made = await _paid(ground, halve=["A-1-T"], double=["A-2-T"], strange=["LA-1-T"])
        assert _examined(made, CodLayout()).totals.figures()[:2] == (4, 475_000)
        assert _examined(await _paid(ground, drop=["A-1-T"]), CodLayout()).rows == 1
