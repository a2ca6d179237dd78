"""The operators' board: every parcel is found, what a person should see is said, and nobody's name stands on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.kit.contract import LedgerEntry, Look, Mark, Table
from connectors.kit.errors import CannotMap
from connectors.postal.board import Board
from connectors.postal.changes import OrderRefused, OrderUnanswered, ShipmentChange
from connectors.postal.ledger import Shipments
from tests.connectors.postal.shipments import CARRIER, DOSSIER, Story, later, parcel, placed, scanned


@dataclass
class Shelf:
    """The ledgers that the board reads; every mark stays, as in the house."""

    states: dict[str, bytes] = field(default_factory=dict)
    places: set[tuple[str, str]] = field(default_factory=set)

    def put(self, *changes: ShipmentChange) -> str:
        """A parcel with what happened to it, marked after each change; its id."""
        story = Story()
        for change in changes:
            story.then(change)
            shipment = story.shipment()
            self.places |= {(mark, shipment.shipment_id) for mark in Shipments().marks(shipment)}
        self.states[shipment.shipment_id] = story.stored or b""
        return shipment.shipment_id

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """A parcel as it stands."""
        assert ledger == "shipments"
        state = self.states.get(ledger_id)
        return LedgerEntry(1, DOSSIER, state) if state is not None else None

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> Sequence[Mark]:
        """Marks in the order of their bytes; a place is mark and id, as in the house."""
        assert ledger == "shipments"
        places = sorted((f"{mark}/{one}", one) for mark, one in self.places)
        return [Mark(place, one) for place, one in places if after < place < until][:limit]


@dataclass
class Kit:
    """As much of a kit as the board takes."""

    ledgers: Shelf


@pytest.fixture
def shelf() -> Shelf:
    """An empty one."""
    return Shelf()


async def _shown(shelf: Shelf, view: str, **filters: str) -> Table:
    kit: Any = Kit(shelf)
    limit = int(filters.pop("limit", "50"))
    return await Board([CARRIER], kit).views()[view](Look(filters, limit))


def _cells(table: Table, key: str) -> list[str]:
    place = table.keys.index(key)
    return [row[place] for row in table.rows]


async def test_each_parcel_stands_once_with_its_state_and_its_money(shelf: Shelf) -> None:
    """Two of a dossier, one of them delivered after a failed attempt: where they are, what was collected, who has to look."""
    on_its_way = shelf.put(parcel(), placed(), scanned(5, "in_transit"))
    there = shelf.put(
        parcel(ordinal=2, request_id="yc-2"), placed(), scanned(9, "failed_attempt"), scanned(20, "delivered")
    )
    table = await _shown(shelf, "shipments")
    assert _cells(table, "shipment_id") == [on_its_way, there]
    assert _cells(table, "state") == ["Đang vận chuyển", "Đã phát"]
    assert _cells(table, "failed") == ["", "1"]
    assert _cells(table, "cod")[0] == "Chờ thu 150.000 đ"
    assert (table.wrong, table.more) == (0, False)
    assert (await _shown(shelf, "shipments", limit="1")).more
    assert _cells(await _shown(shelf, "shipments", state="delivered"), "shipment_id") == [there]
    assert _cells(await _shown(shelf, "shipments", carrier="another"), "shipment_id") == []
    assert len((await _shown(shelf, "shipments", dossier=DOSSIER)).rows) == 2
    assert (await _shown(shelf, "shipments", dossier=DOSSIER[:-1])).rows == [], "a part of a code is another code"


async def test_what_waits_for_a_person_is_found_and_says_why_until_it_is_settled(shelf: Shelf) -> None:
    """An order in doubt is shown; once the carrier spoke of the parcel it is not, though its mark stays for ever."""
    doubtful = shelf.put(parcel(), OrderUnanswered(at=later(3)))
    shelf.put(parcel(ordinal=2, request_id="yc-2"), OrderUnanswered(at=later(3)), scanned(5, "in_transit"))
    strange = shelf.put(parcel(ordinal=3, request_id="yc-3"), placed(), scanned(5, "unmapped", raw_code="77"))
    table = await _shown(shelf, "shipments", stuck="1")
    assert _cells(table, "shipment_id") == sorted([doubtful, strange])
    told = dict(zip(_cells(table, "shipment_id"), _cells(table, "attention"), strict=True))
    assert told == {doubtful: "chưa rõ đơn vị bưu chính đã nhận đơn", strange: "mã trạng thái lạ: 77"}
    assert table.wrong == 2 and table.note_vi.startswith("2 ")


async def test_an_address_that_the_carrier_does_not_know_waits_for_an_officer_until_the_parcel_is_there(
    shelf: Shelf,
) -> None:
    """It is accepted, and somebody has to call (postal facts 9); it stood on no board."""
    doubtful = shelf.put(parcel(), placed(warnings=("ward",)))
    shelf.put(parcel(ordinal=2, request_id="yc-2"), placed(warnings=("ward",)), scanned(20, "delivered"))
    table = await _shown(shelf, "shipments", stuck="1")
    assert _cells(table, "shipment_id") == [doubtful]
    assert "địa chỉ" in _cells(table, "attention")[0]


async def test_a_parcel_that_is_there_though_its_order_was_refused_waits_for_a_person(shelf: Shelf) -> None:
    """Whoever asks for another one meanwhile sends two."""
    refused = OrderRefused(at=later(2), code="status-9", message_vi="x")
    there = shelf.put(parcel(), refused, scanned(5, "in_transit"))
    table = await _shown(shelf, "shipments", stuck="1")
    assert (_cells(table, "shipment_id"), "từ chối" in _cells(table, "attention")[0]) == ([there], True)


@pytest.mark.parametrize("name", ["id", "number", "item"])
async def test_one_parcel_is_found_by_any_of_its_names_and_shows_its_way(shelf: Shelf, name: str) -> None:
    """Its code, our order number, the carrier's code: every step in order, with code, office and cause."""
    asked = parcel()
    known = shelf.put(
        asked,
        placed(),
        scanned(5, "in_transit", item_code="RA473124829VN", pos_code="100000"),
        scanned(90, "failed_attempt", cause_code="12"),
        scanned(200, "returning"),
        scanned(300, "returned"),
    )
    names = {"id": known, "number": asked.order_number, "item": "RA473124829VN"}
    table = await _shown(shelf, "shipment", shipment=names[name])
    assert known in table.title_vi
    carrier = [row for row in table.rows if row[3].startswith("bưu chính")]
    assert [row[1] for row in carrier] == [
        "Đang vận chuyển",
        "Phát không thành công",
        "Đang chuyển hoàn",
        "Đã chuyển hoàn",
    ]
    assert carrier[0][4] == "100000" and carrier[1][5] == "12"
    assert "phát không thành công 1 lần" in table.note_vi


async def test_nothing_that_a_person_is_called_or_lives_at_is_shown(shelf: Shelf) -> None:
    """What the carrier writes in its own words may name people: it stays in the ledger."""
    known = shelf.put(
        parcel(),
        placed(),
        scanned(5, "delivered", text="Đã phát cho Nguyễn Thị Mẫu", note="0900000000", cause="vắng nhà"),
    )
    for view, filters in (("shipments", {}), ("shipment", {"shipment": known})):
        shown = str(await _shown(shelf, view, **filters))
        for secret in ("Mẫu", "0900000000", "Ví Dụ", "vắng nhà"):
            assert secret not in shown


@pytest.mark.parametrize(("view", "filters"), [("shipments", {"state": "lost"}), ("shipment", {"shipment": "no-such"})])
async def test_a_look_for_what_cannot_be_says_so(shelf: Shelf, view: str, filters: dict[str, str]) -> None:
    """A state that is none, and a code that no parcel has."""
    shelf.put(parcel())
    with pytest.raises(CannotMap, match="Không có"):
        await _shown(shelf, view, **filters)
