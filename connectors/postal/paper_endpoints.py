"""The endpoints of paper: the label of a parcel, and handover lists drawn up, printed, signed and countersigned.

Every command carries a `request_id`: the same again gets the same answer, another body under it is refused. A list that is
countersigned changes its parcels in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qsl

import msgspec

from connectors.kit.contract import Change, Endpoint, Kit, Notice, Reply, Sender
from connectors.kit.papers import PDF, Paper, PaperRefused
from connectors.kit.refusals import internal
from connectors.kit.requests import finding
from connectors.kit.settlement.tables import as_csv
from connectors.postal import label
from connectors.postal.changes import HandedOver
from connectors.postal.client import Carriers
from connectors.postal.entering import change_of
from connectors.postal.handover import (
    HANDOVERS,
    Countersign,
    Countersigned,
    Handover,
    HandoverLine,
    HandoverMade,
    LineSigned,
    LineStatus,
    batch_no_of,
    countersigned,
    handover_id_of,
    made,
)
from connectors.postal.handover_requests import AREA, AskedHandoverLine, CountersignRequest, HandoverRequest
from connectors.postal.handover_sheet import Sheet, as_pdf, table_of
from connectors.postal.handover_views import view_of
from connectors.postal.label import Issue
from connectors.postal.model import Direction, OrderState, ShipmentState
from connectors.postal.paper_settings import PaperSettings
from connectors.postal.parcels import shipment_of
from connectors.postal.reading import read_request
from connectors.postal.refusals import Refused
from connectors.postal.shipment import Shipment
from connectors.postal.views import STATES_VI
from mappings.codec import decode

LABEL = "/v1/shipments/{shipment_id}/label"
HANDOVERS_PATH = "/v1/handovers"

_PRODUCER = "tthc-gateway"
_SKEW = timedelta(minutes=5)
_DRAWN_UP_LATE = timedelta(days=31)
"""So long after parcels changed hands their list may be drawn up; what is older is a slip of the pen."""
_GIVEN = frozenset({ShipmentState.CREATED, ShipmentState.ACCEPTED, ShipmentState.COLLECTING, ShipmentState.COLLECTED})
"""The states in which the agency can still have a parcel in its hands that it gives to the post."""
_GONE = frozenset({ShipmentState.CANCELLED, ShipmentState.RETURNED})
"""The states in which the post has no parcel any more that it could bring to the agency."""
_SEEN_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class PaperDesk:
    """What the endpoints stand on."""

    settings: PaperSettings
    carriers: Carriers
    kit: Kit


class PaperEndpoints:
    """The endpoints of paper."""

    def __init__(self, desk: PaperDesk) -> None:
        self._settings, self._carriers, self._kit = desk.settings, desk.carriers, desk.kit

    def endpoints(self) -> Sequence[Endpoint]:
        """All of them."""
        one = f"{HANDOVERS_PATH}/{{handover_id}}"
        return (
            internal("GET", LABEL, self._label),
            internal("POST", HANDOVERS_PATH, self._make),
            internal("GET", one, self._show),
            internal("GET", f"{one}/sheet", self._sheet),
            internal("GET", f"{one}/csv", self._csv),
            internal("POST", f"{one}/countersign", self._countersign),
        )

    def signs(self) -> Sequence[tuple[str, str]]:
        """The key that lists are signed with, and how."""
        settings = self._settings
        return ((settings.signing_key, settings.signing_profile),) if settings.signing_key else ()

    # --- labels -------------------------------------------------------------------------------------------------------

    async def _label(self, notice: Notice, sender: Sender) -> Reply:
        shipment = await self._parcel(notice.params["shipment_id"], sender)
        if shipment is None:
            raise Refused("shipment_not_found")
        size = label.SIZES.get(_query(notice, "size") or self._settings.label_size)
        if size is None:
            raise Refused("shipment_invalid", findings=(finding("size", "/size", "Khổ nhãn: a6 hoặc a5."),))
        if shipment.state is ShipmentState.CANCELLED or shipment.order is OrderState.REFUSED:
            raise Refused("shipment_no_label")
        issue = Issue(size, self._carrier_vi(shipment.carrier), _PRODUCER)
        content = await asyncio.to_thread(label.as_pdf, shipment, issue)
        return _file(content, PDF, f"nhan-{shipment.order_number}.pdf")

    # --- a list drawn up ----------------------------------------------------------------------------------------------

    async def _make(self, notice: Notice, sender: Sender) -> Reply:
        request, digest = read_request(notice.body, HandoverRequest, AREA)
        if len(request.lines) > self._settings.most_lines:
            told = f"Nhiều nhất {self._settings.most_lines} bưu gửi trong một bảng kê."
            raise Refused("handover_invalid", findings=(finding("lines", "/lines", told),))
        handover_id = handover_id_of(sender.system_code, request.request_id)

        async def then() -> Reply:
            return await self._made(notice.path, handover_id, digest)

        if await self._read(handover_id) is not None:
            return Reply(201, then=then)
        parcels = await self._parcels(request, sender)
        await self._not_on_another_list(request.lines)
        now = self._kit.now()
        drawn = HandoverMade(
            at=now,
            handover_id=handover_id,
            batch_no=batch_no_of(handover_id, now),
            asked_by=sender.system_code,
            request_id=request.request_id,
            body_sha256=digest,
            direction=Direction(request.direction),
            carrier=parcels[0].carrier,
            agency_code=request.agency_code,
            pos_code=request.pos_code,
            deliverer=request.deliverer.officer,
            lines=tuple(_line(asked, one) for asked, one in zip(request.lines, parcels, strict=True)),
        )
        return Reply(201, inputs=(made(drawn),), then=then)

    async def _made(self, path: str, handover_id: str, digest: str) -> Reply:
        handover = await self._read(handover_id)
        if handover is None:
            return Refused("handover_unavailable").reply(path)
        if handover.body_sha256 != digest:
            return Refused("handover_request_reused").reply(path)
        headers = {"Location": f"{HANDOVERS_PATH}/{handover_id}"}
        return Reply(201, view_of(handover), headers=headers)

    async def _parcels(self, request: HandoverRequest, sender: Sender) -> Sequence[Shipment]:
        """The parcels of a new list, if all of them can be handed over; every fault is named by its line."""
        found: list[Shipment] = []
        findings = []
        for number, line in enumerate(request.lines):
            shipment = await self._parcel(line.shipment_id, sender)
            told = _unfit(shipment, Direction(request.direction), found)
            if told:
                findings.append(finding("unfit", f"/lines/{number}/shipment_id", told))
            elif shipment is not None:
                found.append(shipment)
        if findings:
            raise Refused("handover_invalid", findings=findings)
        return found

    async def _not_on_another_list(self, lines: Sequence[AskedHandoverLine]) -> None:
        """A parcel stands in one open list at a time: else two people would sign for it."""
        findings = []
        for number, line in enumerate(lines):
            begin = f"parcel/{line.shipment_id}"
            for mark in await self._kit.ledgers.marked(HANDOVERS, f"{begin}/", f"{begin}/~", _SEEN_AT_ONCE):
                other = await self._read(mark.ledger_id)
                if other is not None and other.countersign is None:
                    told = f"Bưu gửi đang nằm trong bảng kê {other.batch_no} chưa được ký nhận."
                    findings.append(finding("listed", f"/lines/{number}/shipment_id", told))
        if findings:
            raise Refused("handover_listed", findings=findings)

    # --- a list looked at ---------------------------------------------------------------------------------------------

    async def _show(self, notice: Notice, sender: Sender) -> Reply:
        return Reply(200, view_of(await self._own(notice, sender)))

    async def _csv(self, notice: Notice, sender: Sender) -> Reply:
        handover = await self._own(notice, sender)
        table = table_of(Sheet(handover, await self._applicants(handover), self._settings))
        return _file(as_csv(table), "text/csv; charset=utf-8", f"bang-ke-{handover.batch_no}.csv")

    async def _sheet(self, notice: Notice, sender: Sender) -> Reply:
        handover = await self._own(notice, sender)
        stage = _query(notice, "stage") or handover.stage
        if stage == "made" and handover.countersign is not None:
            # How the list stood when the giver signed it: what was written behind its lines came later.
            handover = msgspec.structs.replace(handover, countersign=None, countersigned_at=None)
        if stage != handover.stage:
            raise Refused("handover_not_countersigned")
        # Whoever reads the list reads the names in it, so their parcels are read, and noted, each time.
        applicants = await self._applicants(handover)
        content = await self._signed(handover, applicants, sender)
        return _file(content, PDF, f"bang-ke-{handover.batch_no}-{stage}.pdf")

    async def _signed(self, handover: Handover, applicants: Mapping[str, str], sender: Sender) -> bytes:
        """The sheet, signed where a key is configured; what was signed once stays as it was signed."""
        settings, signer = self._settings, self._kit.signer
        paper_id = f"handover/{handover.handover_id}/{handover.stage}"
        kept = await signer.kept(paper_id)
        if kept is not None:
            return kept.content
        sheet = Sheet(
            handover=handover,
            applicants=applicants,
            settings=settings,
            carrier_vi=self._carrier_vi(handover.carrier),
            producer=_PRODUCER,
            unsigned=not settings.signing_key,
        )
        content = await asyncio.to_thread(as_pdf, sheet)
        if not settings.signing_key:
            return content
        paper = Paper(
            paper_id=paper_id,
            key=settings.signing_key,
            profile=settings.signing_profile,
            system=sender.system_code,
            purpose=f"Bảng kê bàn giao {handover.batch_no}",
            content=content,
            procedures=tuple(dict.fromkeys(line.procedure_code for line in handover.lines)),
        )
        try:
            return (await signer.sign(paper)).content
        except PaperRefused as refused:
            code = "handover_signing_unavailable" if refused.later else "handover_signing_refused"
            raise Refused(code, refused.message_vi) from None

    # --- a list countersigned -----------------------------------------------------------------------------------------

    async def _countersign(self, notice: Notice, sender: Sender) -> Reply:
        handover = await self._own(notice, sender)
        request, digest = read_request(notice.body, CountersignRequest, AREA)

        async def then() -> Reply:
            return await self._countersigned(notice.path, handover.handover_id, request.request_id, digest)

        if handover.countersign is not None:
            return Reply(200, then=then)
        self._complete(handover, request)
        now = self._kit.now()
        lines = tuple(
            LineSigned(shipment_id=one.shipment_id, status=LineStatus(one.status), note=one.note.strip())
            for one in request.lines
        )
        signed = Countersign(
            request_id=request.request_id,
            body_sha256=digest,
            receiver=request.receiver.officer,
            handed_at=request.handed_at,
            lines=lines,
            evidence_sha256=request.evidence_sha256,
        )
        change = countersigned(handover.handover_id, Countersigned(at=now, countersign=signed))
        return Reply(200, inputs=(change, *self._handed_over(handover, signed)), then=then)

    def _handed_over(self, handover: Handover, signed: Countersign) -> Sequence[Change]:
        """What the countersigning means for each parcel. One list has one word for a parcel, whoever races."""
        now, dossiers = self._kit.now(), {line.shipment_id: line.dossier_code for line in handover.lines}
        return [
            replace(
                change_of(
                    one.shipment_id,
                    HandedOver(
                        at=now,
                        handover_id=handover.handover_id,
                        line_status=one.status.value,
                        handed_at=signed.handed_at,
                    ),
                    dossiers[one.shipment_id],
                ),
                key=f"handed_over/{handover.handover_id}",
            )
            for one in signed.lines
        ]

    def _complete(self, handover: Handover, request: CountersignRequest) -> None:
        """Raises `Refused` where a countersigning does not speak of this list, line by line, or of the future."""
        wanted, given = {line.shipment_id for line in handover.lines}, {line.shipment_id for line in request.lines}
        findings = [
            finding("not_listed", f"/lines/{number}/shipment_id", "Bưu gửi này không có trong bảng kê.")
            for number, line in enumerate(request.lines)
            if line.shipment_id not in wanted
        ]
        if wanted - given:
            told = f"Còn {len(wanted - given)} bưu gửi của bảng kê chưa được ghi tình trạng."
            findings.append(finding("lines", "/lines", told))
        if request.handed_at > self._kit.now() + _SKEW:
            findings.append(finding("handed_at", "/handed_at", "Thời điểm bàn giao không được ở tương lai."))
        if request.handed_at < handover.made_at - _DRAWN_UP_LATE:
            told = "Thời điểm bàn giao sớm hơn lúc lập bảng kê quá một tháng."
            findings.append(finding("handed_at", "/handed_at", told))
        if findings:
            raise Refused("handover_invalid", findings=findings)

    async def _countersigned(self, path: str, handover_id: str, request_id: str, digest: str) -> Reply:
        handover = await self._read(handover_id)
        if handover is None or handover.countersign is None:
            return Refused("handover_unavailable").reply(path)
        if handover.countersign.request_id != request_id:
            return Refused("handover_countersigned").reply(path)
        if handover.countersign.body_sha256 != digest:
            return Refused("handover_request_reused").reply(path)
        return Reply(200, view_of(handover))

    # --- what they share ----------------------------------------------------------------------------------------------

    async def _own(self, notice: Notice, sender: Sender) -> Handover:
        """The list in the path, if the caller drew it up; nobody else learns that it exists."""
        handover = await self._read(notice.params["handover_id"])
        if handover is None or handover.asked_by != sender.system_code:
            raise Refused("handover_not_found")
        return handover

    async def _read(self, handover_id: str) -> Handover | None:
        entry = await self._kit.ledgers.read(HANDOVERS, handover_id)
        return decode(entry.state, Handover) if entry is not None else None

    async def _parcel(self, shipment_id: str, sender: Sender) -> Shipment | None:
        """The parcel, if the caller asked for it."""
        shipment = await shipment_of(self._kit, shipment_id)
        return shipment if shipment is not None and shipment.asked_by == sender.system_code else None

    async def _applicants(self, handover: Handover) -> Mapping[str, str]:
        """The citizen of each parcel, by its id."""
        found: dict[str, str] = {}
        for line in handover.lines:
            shipment = await shipment_of(self._kit, line.shipment_id)
            if shipment is not None:
                collects = shipment.direction is Direction.COLLECT
                found[line.shipment_id] = (shipment.sender if collects else shipment.receiver).name
        return found

    def _carrier_vi(self, name: str) -> str:
        carrier = self._carriers.named(name)
        return carrier.title_vi if carrier is not None else name


def _unfit(shipment: Shipment | None, direction: Direction, before: Sequence[Shipment]) -> str:
    """Why a parcel cannot stand in a new list, in Vietnamese; empty when it can."""
    if shipment is None:
        return "Không có bưu gửi này."
    if shipment.direction is not direction:
        return "Bưu gửi này đi theo chiều khác."
    if before and shipment.carrier != before[0].carrier:
        return "Mỗi bảng kê chỉ của một đơn vị vận chuyển."
    if any(status == LineStatus.OK.value for _, status in shipment.handovers):
        return "Bưu gửi này đã được bàn giao."
    gives = direction is Direction.DELIVER
    if shipment.order is OrderState.REFUSED or (shipment.state not in _GIVEN if gives else shipment.state in _GONE):
        return f"Bưu gửi đang ở trạng thái: {STATES_VI[shipment.state]}."
    return ""


def _line(asked: AskedHandoverLine, shipment: Shipment) -> HandoverLine:
    return HandoverLine(
        shipment_id=shipment.shipment_id,
        dossier_code=shipment.dossier_code,
        procedure_code=shipment.procedure_code,
        order_number=shipment.order_number,
        item_code=shipment.item_code,
        components=asked.component_count,
        sealed=asked.sealed,
        cod_amount=shipment.cod_due,
        note=asked.note.strip(),
    )


def _query(notice: Notice, name: str) -> str:
    """The one value of a parameter, empty where it is not there."""
    found = [value for key, value in parse_qsl(notice.query, keep_blank_values=True, max_num_fields=10) if key == name]
    return found[0] if len(found) == 1 else ""


def _file(content: bytes, content_type: str, name: str) -> Reply:
    """A file of ours under a name made of codes."""
    disposition = f'attachment; filename="{name.replace("/", "-")}"'
    return Reply(200, content, content_type, headers={"Content-Disposition": disposition})
