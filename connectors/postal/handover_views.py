"""What callers see of a handover list: its lines by their codes, what was written behind them, and who gave and took.

The names of applicants stand on the sheet and in the table alone.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.postal.handover import Handover, HandoverLine, LineStatus, Officer
from connectors.postal.handover_sheet import STATUSES_VI
from mappings.codec import encode


class LineView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line. `line_status`: ok, missing or damaged once the list is countersigned."""

    seq: int
    shipment_id: str
    dossier_code: str
    order_number: str
    component_count: int
    sealed: bool
    cod_amount: int
    item_code: str = ""
    note: str = ""
    line_status: str = ""
    line_status_vi: str = ""
    signed_note: str = ""


class HandoverView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A list. `state`: made (open) or countersigned."""

    handover_id: str
    batch_no: str
    request_id: str
    state: str
    direction: str
    carrier: str
    agency_code: str
    created_at: datetime
    deliverer: Officer
    lines: tuple[LineView, ...]
    total_lines: int
    total_components: int
    total_cod_amount: int
    pos_code: str = ""
    receiver: Officer | None = None
    handed_at: datetime | None = None
    countersigned_at: datetime | None = None
    evidence_sha256: str = ""

    def __repr__(self) -> str:
        return f"HandoverView({self.handover_id!r})"


def view_of(handover: Handover) -> bytes:
    """The list as JSON."""
    signed = handover.countersign
    view = HandoverView(
        handover_id=handover.handover_id,
        batch_no=handover.batch_no,
        request_id=handover.request_id,
        state=handover.stage,
        direction=handover.direction.value,
        carrier=handover.carrier,
        agency_code=handover.agency_code,
        pos_code=handover.pos_code,
        created_at=handover.made_at,
        deliverer=handover.deliverer,
        lines=tuple(_line(handover, number, line) for number, line in enumerate(handover.lines, 1)),
        total_lines=len(handover.lines),
        total_components=handover.components,
        total_cod_amount=handover.cod_amount,
        receiver=signed.receiver if signed is not None else None,
        handed_at=signed.handed_at if signed is not None else None,
        countersigned_at=handover.countersigned_at,
        evidence_sha256=signed.evidence_sha256 if signed is not None else "",
    )
    return encode(view)


def _line(handover: Handover, number: int, line: HandoverLine) -> LineView:
    signed = handover.signed(line.shipment_id)
    status = signed.status if signed is not None else None
    return LineView(
        seq=number,
        shipment_id=line.shipment_id,
        dossier_code=line.dossier_code,
        order_number=line.order_number,
        item_code=line.item_code,
        component_count=line.components,
        sealed=line.sealed,
        cod_amount=line.cod_amount,
        note=line.note,
        line_status=status.value if status is not None else "",
        line_status_vi=STATUSES_VI[LineStatus(status)] if status is not None else "",
        signed_note=signed.note if signed is not None else "",
    )
