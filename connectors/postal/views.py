"""What callers see of a shipment: where it is and how it came there, its money, its order. Nothing about persons.

What carriers write in their own words may name people, so of a scan only codes, times and places leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from connectors.postal.model import CodState, OrderState, Scan, ShipmentState
from connectors.postal.outward import place_warnings
from connectors.postal.shipment import Cancel, Shipment
from mappings.carrier_places import NO_CODES, PlaceCodes, province_of_office
from mappings.codec import encode
from mappings.s10 import oddities

STATES_VI: Mapping[ShipmentState, str] = {
    ShipmentState.CREATED: "Đã tạo yêu cầu",
    ShipmentState.ACCEPTED: "Bưu điện đã nhận yêu cầu",
    ShipmentState.COLLECTING: "Đang đến thu gom",
    ShipmentState.COLLECTED: "Bưu điện đã nhận bưu gửi",
    ShipmentState.IN_TRANSIT: "Đang vận chuyển",
    ShipmentState.AT_OFFICE: "Đã đến bưu cục",
    ShipmentState.OUT_FOR_DELIVERY: "Đang đi phát",
    ShipmentState.FAILED_ATTEMPT: "Phát không thành công",
    ShipmentState.DELIVERED: "Đã phát",
    ShipmentState.RETURNING: "Đang chuyển hoàn",
    ShipmentState.RETURNED: "Đã chuyển hoàn",
    ShipmentState.CANCELLED: "Đã hủy",
    ShipmentState.EXCEPTION: "Có sự cố, cần kiểm tra",
}
"""Each state for people."""

ORDERS_VI: Mapping[OrderState, str] = {
    OrderState.ASKED: "Chờ gửi đơn",
    OrderState.PLACED: "Đơn đã được nhận",
    OrderState.REFUSED: "Đơn bị từ chối",
    OrderState.IN_DOUBT: "Chưa rõ đơn đã được nhận hay chưa",
}
"""How our order stands, for people."""

COD_VI: Mapping[CodState, str] = {
    CodState.NONE: "Không thu hộ",
    CodState.TO_COLLECT: "Chờ thu",
    CodState.COLLECTED: "Bưu điện đã thu",
    CodState.REMITTED: "Đã nộp về cơ quan",
    CodState.SHORT: "Nộp thiếu",
    CodState.WAIVED: "Không thu nữa",
}
"""The axis of cash on delivery, for people."""


class ScanView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was said of the parcel. `means`: a state, or what else the code means; `unmapped`: nobody knows.

    `pos_province`: where that post office is, by the name that the post still knows it by. `evidence_sha256`: of what the
    carrier sent, byte for byte.
    """

    event_id: str
    occurred_at: datetime
    received_at: datetime
    means: str
    raw_code: str
    source: str
    pos_code: str = ""
    pos_province: str = ""
    cause_code: str = ""
    cause_vi: str = ""
    solution_code: str = ""
    attempts: int = 0
    cod_amount: int | None = None
    evidence_sha256: str = ""


class CodLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One sum that the postman collects."""

    fee_id: str
    name: str
    amount: int


class SettlementView(msgspec.Struct, frozen=True, kw_only=True):
    """What one statement of the carrier says was paid over."""

    statement_id: str
    amount: int
    paid_at: datetime


class CodView(msgspec.Struct, frozen=True, kw_only=True):
    """The money of a parcel, in đồng."""

    state: str
    state_vi: str
    due: int
    collected: int | None
    collected_at: datetime | None
    lines: tuple[CodLineView, ...]
    settlements: tuple[SettlementView, ...]
    decision: str


class CancelView(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to have the parcel no more. `outcome`: "" while nobody answered; `in_doubt`: the history will tell."""

    request_id: str
    asked_at: datetime
    outcome: str
    code: str
    answered_at: datetime | None


class HandoverView(msgspec.Struct, frozen=True, kw_only=True):
    """A signed handover list that names the parcel, and how it found it: ok, missing, damaged."""

    handover_id: str
    line_status: str


class ItemWarning(msgspec.Struct, frozen=True, kw_only=True):
    """What is odd about the item code; it is kept and used all the same (postal facts 8.1)."""

    code: str
    message_vi: str


class RefusalView(msgspec.Struct, frozen=True, kw_only=True):
    """Why the carrier did not take the order: its own code, our words."""

    code: str
    message_vi: str


class ShipmentView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole."""

    shipment_id: str
    request_id: str
    dossier_code: str
    procedure_code: str
    direction: str
    carrier: str
    profile: str
    order_number: str
    item_code: str
    item_code_warnings: tuple[ItemWarning, ...]
    state: str
    state_vi: str
    order: str
    order_vi: str
    created_at: datetime
    placed_at: datetime | None
    delivered_at: datetime | None
    returned_at: datetime | None
    attempts: int
    refusal: RefusalView | None
    address_warnings: tuple[str, ...]
    freight: int | None
    weight_g: int
    cod: CodView
    cancel: CancelView | None
    handovers: tuple[HandoverView, ...]
    history: tuple[ScanView, ...]
    dropped: int
    unmapped: tuple[str, ...]
    flags: tuple[str, ...]


def view_of(shipment: Shipment, causes: Mapping[str, str] | None = None, places: PlaceCodes = NO_CODES) -> bytes:
    """The shipment as JSON. `causes` says the carrier's causes in Vietnamese, by code; `places` is its table of places."""
    placed = shipment.placed
    return encode(
        ShipmentView(
            shipment_id=shipment.shipment_id,
            request_id=shipment.request_id,
            dossier_code=shipment.dossier_code,
            procedure_code=shipment.procedure_code,
            direction=shipment.direction,
            carrier=shipment.carrier,
            profile=shipment.profile,
            order_number=shipment.order_number,
            item_code=shipment.item_code,
            item_code_warnings=tuple(
                ItemWarning(code=str(one), message_vi=one.message_vi) for one in oddities(shipment.item_code)
            ),
            state=shipment.state,
            state_vi=STATES_VI[shipment.state],
            order=shipment.order,
            order_vi=ORDERS_VI[shipment.order],
            created_at=shipment.asked_at,
            placed_at=shipment.placed_at,
            delivered_at=shipment.delivered_at,
            returned_at=shipment.returned_at,
            attempts=shipment.attempts,
            refusal=RefusalView(code=shipment.refusal[0], message_vi=shipment.refusal[1]) if shipment.refusal else None,
            address_warnings=(*place_warnings(shipment, places), *(placed.warnings if placed is not None else ())),
            freight=placed.freight if placed is not None else None,
            weight_g=shipment.weight_g,
            cod=_cod(shipment),
            cancel=_cancel(shipment.cancel) if shipment.cancel is not None else None,
            handovers=tuple(HandoverView(handover_id=name, line_status=word) for name, word in shipment.handovers),
            history=tuple(_scan(one, causes or {}) for one in shipment.history),
            dropped=shipment.dropped,
            unmapped=shipment.unmapped,
            flags=shipment.flags,
        )
    )


def _cod(shipment: Shipment) -> CodView:
    return CodView(
        state=shipment.cod,
        state_vi=COD_VI[shipment.cod],
        due=shipment.cod_due,
        collected=shipment.cod_collected,
        collected_at=shipment.cod_collected_at,
        lines=tuple(CodLineView(fee_id=one.fee_id, name=one.name, amount=one.amount) for one in shipment.cod_lines),
        settlements=tuple(
            SettlementView(statement_id=one.statement_id, amount=one.amount, paid_at=one.paid_at)
            for one in shipment.cod_settlements
        ),
        decision=shipment.cod_decision,
    )


def _cancel(cancel: Cancel) -> CancelView:
    return CancelView(
        request_id=cancel.request_id,
        asked_at=cancel.asked_at,
        outcome=cancel.outcome,
        code=cancel.code,
        answered_at=cancel.answered_at,
    )


def _scan(scan: Scan, causes: Mapping[str, str]) -> ScanView:
    return ScanView(
        event_id=scan.event_id,
        occurred_at=scan.occurred_at,
        received_at=scan.received_at,
        means=scan.means,
        raw_code=scan.raw_code,
        source=scan.source,
        pos_code=scan.pos_code,
        pos_province=province.name if (province := province_of_office(scan.pos_code)) else "",
        cause_code=scan.cause_code,
        cause_vi=causes.get(scan.cause_code, ""),
        solution_code=scan.solution_code,
        attempts=scan.attempts,
        cod_amount=scan.cod_amount,
        evidence_sha256=scan.evidence,
    )
