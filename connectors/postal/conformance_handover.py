"""The course of a handover list for the conformance suite: drawn up, drawn up again, countersigned, countersigned by another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.kit.contract import Change
from connectors.postal.handover import (
    Countersign,
    Countersigned,
    HandoverLine,
    HandoverMade,
    LineSigned,
    LineStatus,
    Officer,
    batch_no_of,
    countersigned,
    handover_id_of,
    made,
)
from connectors.postal.model import Direction

_SHIPMENTS = ("0123456789abc", "0123456789abd")
_CLERK = Officer(name="Cán Bộ Hợp Quy", staff_id="cb-1")
_POSTMAN = Officer(name="Bưu Tá Hợp Quy", staff_id="bt-1")


def handover_course(at: datetime) -> Sequence[Change]:
    """What may come to a list, in an order that is likely."""
    handover_id = handover_id_of("HTGQ", "bk-1")
    drawn = HandoverMade(
        at=at,
        handover_id=handover_id,
        batch_no=batch_no_of(handover_id, at),
        asked_by="HTGQ",
        request_id="bk-1",
        body_sha256="1" * 64,
        direction=Direction.DELIVER,
        carrier="vnpost",
        agency_code="G00.10",
        pos_code="100000",
        deliverer=_CLERK,
        lines=tuple(_line(number, shipment_id) for number, shipment_id in enumerate(_SHIPMENTS, 1)),
    )
    first = _countersign(at, "ky-1", LineStatus.DAMAGED)
    return (
        made(drawn),
        countersigned(handover_id, Countersigned(at=at, countersign=first)),
        countersigned(handover_id, Countersigned(at=at, countersign=_countersign(at, "ky-2", LineStatus.OK))),
    )


def _line(number: int, shipment_id: str) -> HandoverLine:
    code = f"000.00.00.G11-261122-{number:06d}"
    return HandoverLine(
        shipment_id=shipment_id,
        dossier_code=code,
        procedure_code="1.001234",
        order_number=f"{code}-T",
        item_code="RA473124829VN",
        components=number,
        sealed=True,
        cod_amount=150_000,
    )


def _countersign(at: datetime, request_id: str, second: LineStatus) -> Countersign:
    lines = zip(_SHIPMENTS, (LineStatus.OK, second), strict=True)
    return Countersign(
        request_id=request_id,
        body_sha256="2" * 64,
        receiver=_POSTMAN,
        handed_at=at,
        lines=tuple(LineSigned(shipment_id=one, status=status, note="rách bì") for one, status in lines),
    )
