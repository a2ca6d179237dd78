"""The operators' board of parcels: all of them with what a person should look at, or one with every step of its way.

Codes, states, sums and times only. What a carrier writes in its own words may name people, so it is not shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

from connectors.kit.contract import Kit, Look, Table, View
from connectors.kit.errors import CannotMap
from connectors.postal.attention import reasons
from connectors.postal.identity import SHIPMENTS, shipment_id_of
from connectors.postal.ledger import ATTENTION
from connectors.postal.model import Direction, Meaning, Scan, ShipmentState
from connectors.postal.parcels import shipment_of
from connectors.postal.shipment import Shipment
from connectors.postal.views import COD_VI, ORDERS_VI, STATES_VI

_DIRECTIONS_VI: Mapping[Direction, str] = {Direction.COLLECT: "nhận hồ sơ", Direction.DELIVER: "trả kết quả"}

_MEANINGS_VI: Mapping[str, str] = {
    **{str(state): words for state, words in STATES_VI.items()},
    Meaning.KEEP: "Thông tin thêm, trạng thái không đổi",
    Meaning.COLLECT_FAILED: "Thu gom không thành công",
    Meaning.COD_COLLECTED: "Đã thu tiền hộ",
    Meaning.COD_REMITTED: "Đã nộp tiền thu hộ",
    Meaning.UNMAPPED: "Mã trạng thái lạ, giữ nguyên",
}
_SOURCES_VI: Mapping[str, str] = {
    "feed": "bưu chính (tra cứu)",
    "webhook": "bưu chính (thông báo)",
    "query": "bưu chính (hỏi lại)",
    "gateway": "cổng",
    "handover": "bảng kê bàn giao",
    "operator": "người vận hành",
}
_COLUMNS = ("Mã bưu gửi", "Hồ sơ", "Chiều", "Số đơn", "Trạng thái", "Lần phát hỏng", "Thu hộ", "Tin cuối", "Cần xem")
_KEYS = ("shipment_id", "dossier", "direction", "order_number", "state", "failed", "cod", "last", "attention")
_STEPS = ("Lúc", "Chặng", "Mã", "Nguồn", "Bưu cục", "Lý do", "Cổng biết lúc")
_STEP_KEYS = ("at", "what", "raw_code", "source", "pos_code", "cause_code", "received_at")
_PAGE = 200
_MOST_READ = 20_000


class Board:
    """The views `shipments` and `shipment`."""

    def __init__(self, carriers: Sequence[str], kit: Kit) -> None:
        """`carriers` are the names in the settings."""
        self._carriers, self._kit = tuple(carriers), kit

    def views(self) -> Mapping[str, View]:
        """Both."""
        return {"shipments": self.shipments, "shipment": self.shipment}

    async def shipments(self, look: Look) -> Table:
        """Parcels, by dossier; those that wait for a person first come with `stuck`."""
        wanted = _Wanted(look)
        rows: list[tuple[str, ...]] = []
        wrong = 0
        async for shipment in self._found(wanted.prefix):
            if not wanted.fits(shipment):
                continue
            if len(rows) == look.limit:
                return _listed(rows, wrong, more=True)
            why = reasons(shipment)
            wrong += bool(why)
            rows.append(_row(shipment, why))
        return _listed(rows, wrong)

    async def shipment(self, look: Look) -> Table:
        """Every step of one parcel, named by its code, its order number or the carrier's code."""
        shipment = await self._named(look.filters.get("shipment", ""))
        why = reasons(shipment)
        steps = shipment.history[-look.limit :]
        note = [
            f"{ORDERS_VI[shipment.order]}; {STATES_VI[shipment.state]}; thu hộ: {COD_VI[shipment.cod]}"
            + (f" {_dong(shipment.cod_due)}" if shipment.cod_due else "")
            + f"; phát không thành công {shipment.attempts} lần."
        ]
        note += [f"Cần người xem: {'; '.join(why)}."] if why else []
        return Table(
            f"Bưu gửi {shipment.shipment_id}: {_DIRECTIONS_VI[shipment.direction]} của hồ sơ {shipment.dossier_code}, "
            f"số đơn {shipment.order_number} tại {shipment.carrier}",
            _STEPS,
            _STEP_KEYS,
            [_step(scan) for scan in steps],
            note_vi=" ".join(note),
            wrong=bool(why),
            more=len(steps) < len(shipment.history) + shipment.dropped,
        )

    async def _found(self, prefix: str) -> AsyncIterator[Shipment]:
        """The parcels behind marks, each once, as they stand now."""
        after, seen = prefix, set[str]()
        while len(seen) < _MOST_READ:
            page = await self._kit.ledgers.marked(SHIPMENTS, after, f"{prefix}~", _PAGE)
            for mark in page:
                after = mark.place
                if mark.ledger_id in seen:
                    continue
                seen.add(mark.ledger_id)
                shipment = await shipment_of(self._kit, mark.ledger_id)
                if shipment is not None:
                    yield shipment
            if len(page) < _PAGE:
                return

    async def _named(self, name: str) -> Shipment:
        """The parcel of this code. Raises `CannotMap` where there is none."""
        candidates = [name, *(shipment_id_of(carrier, name) for carrier in self._carriers)]
        for candidate in candidates:
            if (found := await shipment_of(self._kit, candidate)) is not None:
                return found
        async for found in self._found(f"item/{name}"):
            if found.item_code == name:
                return found
        raise CannotMap(f"Không có bưu gửi nào có mã, số đơn hay mã bưu chính là {name!r}.")


class _Wanted:
    """Which parcels an operator wants to see. Raises `CannotMap` for a state that is none."""

    def __init__(self, look: Look) -> None:
        self._dossier = look.filters.get("dossier", "")
        self._carrier = look.filters.get("carrier", "")
        self._stuck = look.filters.get("stuck", "") not in ("", "0")
        state = look.filters.get("state", "")
        try:
            self._state = ShipmentState(state) if state else None
        except ValueError:
            known = ", ".join(ShipmentState)
            raise CannotMap(f"Không có trạng thái {state!r}; có: {known}.") from None

    @property
    def prefix(self) -> str:
        """The marks that lead to all of them."""
        if self._dossier:
            return f"dossier/{self._dossier}/"
        return f"{ATTENTION}/" if self._stuck else "dossier/"

    def fits(self, shipment: Shipment) -> bool:
        """Whether it is one of them, as it stands now."""
        return (
            (not self._dossier or shipment.dossier_code == self._dossier)
            and (not self._carrier or shipment.carrier == self._carrier)
            and (self._state is None or shipment.state is self._state)
            and (not self._stuck or bool(reasons(shipment)))
        )


def _listed(rows: Sequence[tuple[str, ...]], wrong: int, *, more: bool = False) -> Table:
    note = f"{wrong} bưu gửi cần người xem." if wrong else ""
    return Table("Bưu gửi", _COLUMNS, _KEYS, rows, note_vi=note, wrong=wrong, more=more)


def _row(shipment: Shipment, why: Sequence[str]) -> tuple[str, ...]:
    last = shipment.history[-1].occurred_at if shipment.history else shipment.asked_at
    state = STATES_VI[shipment.state] if shipment.placed_at or shipment.history else ORDERS_VI[shipment.order]
    money = f"{COD_VI[shipment.cod]} {_dong(shipment.cod_due)}" if shipment.cod_due else ""
    return (
        shipment.shipment_id,
        shipment.dossier_code,
        _DIRECTIONS_VI[shipment.direction],
        shipment.order_number,
        state,
        str(shipment.attempts) if shipment.attempts else "",
        money,
        _moment(last),
        "; ".join(why),
    )


def _step(scan: Scan) -> tuple[str, ...]:
    what = _MEANINGS_VI.get(scan.means, scan.means)
    if scan.cod_amount is not None:
        what = f"{what} ({_dong(scan.cod_amount)})"
    return (
        _moment(scan.occurred_at),
        what,
        scan.raw_code,
        _SOURCES_VI.get(scan.source, scan.source),
        scan.pos_code,
        scan.cause_code,
        _moment(scan.received_at),
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _dong(amount: int) -> str:
    return f"{amount:,} đ".replace(",", ".")
