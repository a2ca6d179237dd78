"""The endpoints of callers: a parcel ordered, looked at, taken back, priced.

A request is journalled before anybody is called. Repeated with the same `request_id` it gets the same parcel; the number of a new
one is the next of its dossier that way, and what a race took is asked for again (409, `shipment_number_taken`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.kit.contract import Budget, Endpoint, Kit, Notice, Reply, Sender
from connectors.kit.errors import CannotMap, DeliveryError, Finding
from connectors.kit.refusals import internal
from connectors.kit.requests import finding
from connectors.postal.changes import CancelAsked, ShipmentAsked
from connectors.postal.client import Carrier, Carriers
from connectors.postal.commanding import CANCEL
from connectors.postal.entering import change_of
from connectors.postal.identity import order_number_of, shipment_id_of
from connectors.postal.ledger import is_open
from connectors.postal.model import Contact, Direction, Order, OrderState
from connectors.postal.parcels import MOST_OF_A_DOSSIER, parcels_of, shipment_of
from connectors.postal.reading import covered, read_request
from connectors.postal.refusals import TABLE, Refused
from connectors.postal.requests import CancelRequest, PriceRequest, ShipmentRequest
from connectors.postal.settings import Settings
from connectors.postal.shipment import Command, Shipment
from connectors.postal.speaking import Prices, Registers
from connectors.postal.speaking import Refused as CarrierRefused
from connectors.postal.views import STATES_VI, view_of
from mappings.carrier_places import NO_CODES
from mappings.codec import encode

SHIPMENTS_PATH = "/v1/shipments"

_LOOKS_S = (0.02, 0.03, 0.05, 0.1)
"""How soon the ledger is looked at again while a caller waits for the carrier's word; the last one from then on."""
_PRICE_S = 20.0


@dataclass(frozen=True, slots=True)
class Counter:
    """What the endpoints stand on."""

    settings: Settings
    carriers: Carriers
    kit: Kit


class ShipmentEndpoints:
    """The endpoints of callers."""

    def __init__(self, counter: Counter) -> None:
        self._settings, self._carriers, self._kit = counter.settings, counter.carriers, counter.kit

    def endpoints(self) -> Sequence[Endpoint]:
        """All of them."""
        one = f"{SHIPMENTS_PATH}/{{shipment_id}}"
        return (
            internal("POST", SHIPMENTS_PATH, self._ask),
            internal("POST", f"{SHIPMENTS_PATH}/price", self._price),
            internal("GET", one, self._show),
            internal("POST", f"{one}/cancel", self._cancel),
        )

    # --- a parcel -----------------------------------------------------------------------------------------------------

    async def _ask(self, notice: Notice, sender: Sender) -> Reply:
        request, digest = read_request(notice.body, ShipmentRequest)
        covered(sender, request.procedure_code)
        carrier = self._carrier(request.carrier)
        earlier = await parcels_of(self._kit, request.dossier_code, request.way)
        known = next((one for one in earlier if _asked_for(one, request, sender)), None)
        if known is not None:
            return await self._made(notice.path, known.shipment_id, request, sender, digest)
        if not request.additional and any(is_open(one) for one in earlier):
            raise Refused("shipment_open")
        asked = self._asked(request, sender, digest, carrier, _next_number(request, earlier))
        # When it was asked differs in a repeat that races us, and nothing else does. One parcel has the number, at any carrier.
        change = replace(
            change_of(asked.shipment_id, asked, request.dossier_code),
            passing=("at",),
            claims=(f"order/{asked.order_number}",),
        )
        return Reply(
            201,
            inputs=(change,),
            then=lambda: self._made(notice.path, asked.shipment_id, request, sender, digest),
        )

    def _asked(
        self, request: ShipmentRequest, sender: Sender, digest: str, carrier: Carrier, order_number: str
    ) -> ShipmentAsked:
        agency, citizen = self._settings.agency(request.unit_code), request.citizen.contact
        delivers = request.way is Direction.DELIVER
        chosen = carrier.settings
        asked = ShipmentAsked(
            at=self._kit.now(),
            shipment_id=shipment_id_of(carrier.name, order_number),
            asked_by=sender.system_code,
            request_id=request.request_id,
            body_sha256=digest,
            dossier_code=request.dossier_code,
            procedure_code=request.procedure_code,
            procedure_name=request.procedure_name,
            direction=request.way,
            carrier=carrier.name,
            profile=carrier.dialect.name,
            order_number=order_number,
            sender=agency if delivers else citizen,
            receiver=citizen if delivers else agency,
            contents=request.words,
            note=request.note.strip(),
            weight_g=request.weight_g or chosen.weight_g,
            service=request.service or chosen.service,
            cod_lines=request.lines,
            components=request.components,
            register=request.register and isinstance(carrier.dialogue, Registers),
            cancellable=tuple(map(str, chosen.cancel.allowed_states)),
            quiet_after_s=self._settings.tracking.quiet_after_s,
        )
        self._sayable(carrier, asked)
        return asked

    def _sayable(self, carrier: Carrier, asked: ShipmentAsked) -> None:
        """Raises `Refused` for what the carrier cannot be told, before anything is journalled."""
        if not carrier.settings.order_number.fits(asked.order_number):
            told = f"Số hiệu bưu gửi lập từ mã hồ sơ không hợp với {carrier.title_vi}."
            raise _invalid("order_number", "/dossier_code", told)
        order = Order(
            order_number=asked.order_number,
            direction=asked.direction,
            dossier_code=asked.dossier_code,
            sender=asked.sender,
            receiver=asked.receiver,
            contents=asked.contents,
            note=asked.note,
            weight_g=asked.weight_g,
            cod_amount=sum(line.amount for line in asked.cod_lines),
            service=asked.service,
        )
        try:
            carrier.dialogue.place(order)
        except CannotMap as error:
            raise Refused("shipment_invalid", findings=error.findings or (_fault("", error.message_vi),)) from None

    async def _made(self, path: str, shipment_id: str, request: ShipmentRequest, sender: Sender, digest: str) -> Reply:
        """The parcel as it was asked for; another request may have taken its number meanwhile."""
        shipment = await shipment_of(self._kit, shipment_id)
        if shipment is None or not _asked_for(shipment, request, sender):
            return Refused("shipment_number_taken").reply(path)
        if shipment.body_sha256 != digest:
            return Refused("shipment_request_reused").reply(path)
        return self._shown(shipment, 201)

    async def _show(self, notice: Notice, sender: Sender) -> Reply:
        return self._shown(await self._own(notice, sender), 200)

    # --- taken back ---------------------------------------------------------------------------------------------------

    async def _cancel(self, notice: Notice, sender: Sender) -> Reply:
        shipment = await self._own(notice, sender)
        request, digest = read_request(notice.body, CancelRequest)
        change = CancelAsked(
            at=self._kit.now(),
            request_id=request.request_id,
            asked_by=sender.system_code,
            reason=request.reason.strip(),
            body_sha256=digest,
        )

        async def then() -> Reply:
            return await self._cancelled(notice.path, shipment.shipment_id, request.request_id, digest)

        if _command(shipment, request.request_id) is not None:
            return Reply(202, then=then)
        return Reply(202, inputs=(change_of(shipment.shipment_id, change, shipment.dossier_code),), then=then)

    async def _cancelled(self, path: str, shipment_id: str, request_id: str, digest: str) -> Reply:
        """What became of a cancellation, once the carrier has answered or the caller has waited long enough."""
        until, looks = self._kit.instant() + self._settings.cancel_wait_s, iter(_LOOKS_S)
        while True:
            shipment = await shipment_of(self._kit, shipment_id)
            command = _command(shipment, request_id) if shipment is not None else None
            if shipment is None or command is None:
                return Refused("shipment_unavailable").reply(path)
            if command.body_sha256 != digest:
                return Refused("shipment_request_reused").reply(path)
            if command.code:
                return Refused(TABLE.code_of(command.code), _where(shipment)).reply(path)
            cancel = shipment.cancel
            if cancel is None or cancel.request_id != request_id or cancel.outcome:
                return self._shown(shipment, 200)
            if self._kit.instant() >= until:
                return self._shown(shipment, 202)
            await asyncio.sleep(next(looks, _LOOKS_S[-1]))

    # --- prices -------------------------------------------------------------------------------------------------------

    async def _price(self, notice: Notice, sender: Sender) -> Reply:
        """What a parcel would cost. Asked at once; nothing is ordered and nothing is kept."""
        del sender
        request, _ = read_request(notice.body, PriceRequest)
        carrier = self._carrier(request.carrier)
        dialogue = carrier.dialogue
        if not isinstance(dialogue, Prices):
            raise Refused("shipment_no_price")
        try:
            call = dialogue.price(self._priced(request, carrier))
            answer = await carrier.call(call, Budget(self._kit.instant() + _PRICE_S, _PRICE_S))
        except CannotMap as error:
            raise Refused("shipment_invalid", findings=error.findings or (_fault("", error.message_vi),)) from None
        except DeliveryError as error:
            raise Refused("shipment_carrier_failed", error.message_vi) from None
        found = dialogue.priced(answer)
        if isinstance(found, CarrierRefused):
            code = "shipment_refused" if found.kind == "business" else "shipment_carrier_failed"
            raise Refused(code, found.message_vi)
        tree = {
            "request_id": request.request_id,
            "carrier": carrier.name,
            "prices": [{"service": one.service, "name": one.name, "amount": one.amount} for one in found],
        }
        return Reply(200, encode(tree))

    def _priced(self, request: PriceRequest, carrier: Carrier) -> Order:
        agency = self._settings.agency(request.unit_code)
        # Only the citizen's place is known: who lives there says nothing of the price.
        citizen = Contact(name=agency.name, phone=agency.phone, place=request.place.place)
        delivers = Direction(request.direction) is Direction.DELIVER
        return Order(
            order_number="",
            direction=Direction(request.direction),
            dossier_code="",
            sender=agency if delivers else citizen,
            receiver=citizen if delivers else agency,
            contents="",
            note="",
            weight_g=request.weight_g or carrier.settings.weight_g,
            cod_amount=request.cod_amount,
            service=request.service or carrier.settings.service,
        )

    # --- what they share ----------------------------------------------------------------------------------------------

    async def _own(self, notice: Notice, sender: Sender) -> Shipment:
        """The parcel in the path, if the caller asked for it; nobody else learns that it exists."""
        shipment = await shipment_of(self._kit, notice.params["shipment_id"])
        if shipment is None or shipment.asked_by != sender.system_code:
            raise Refused("shipment_not_found")
        return shipment

    def _carrier(self, name: str) -> Carrier:
        """The carrier that is wanted, or the default one."""
        chosen = self._carriers.named(name) if name else self._carriers.default
        if chosen is None:
            raise _invalid("carrier", "/carrier", "Đơn vị vận chuyển này chưa được bật trong cấu hình.")
        return chosen

    def _shown(self, shipment: Shipment, status: int) -> Reply:
        carrier = self._carriers.named(shipment.carrier)
        causes: Mapping[str, str] = carrier.settings.causes if carrier is not None else {}
        headers = {"Location": f"{SHIPMENTS_PATH}/{shipment.shipment_id}"} if status == 201 else {}
        places = carrier.places if carrier is not None else NO_CODES
        return Reply(status, view_of(shipment, causes, places), headers=headers)


def _asked_for(shipment: Shipment, request: ShipmentRequest, sender: Sender) -> bool:
    return (shipment.request_id, shipment.asked_by) == (request.request_id, sender.system_code)


def _next_number(request: ShipmentRequest, earlier: Sequence[Shipment]) -> str:
    """The first number of the dossier that way that no parcel has, at any carrier."""
    taken = {one.order_number for one in earlier}
    for ordinal in range(1, MOST_OF_A_DOSSIER + 1):
        number = order_number_of(request.dossier_code, request.way, ordinal)
        if number not in taken:
            return number
    raise Refused("shipment_too_many")


def _command(shipment: Shipment, request_id: str) -> Command | None:
    found = (one for one in shipment.commands if (one.kind, one.request_id) == (CANCEL, request_id))
    return next(found, None)


def _where(shipment: Shipment) -> str:
    """Where a parcel is that cannot be taken back."""
    if shipment.order is OrderState.REFUSED:
        return "Đơn đã bị đơn vị vận chuyển từ chối; không có gì để hủy."
    return f"Bưu gửi đang ở trạng thái: {STATES_VI[shipment.state]}."


def _fault(pointer: str, message_vi: str) -> Finding:
    return finding("not_sayable", pointer, message_vi)


def _invalid(code: str, pointer: str, message_vi: str) -> Refused:
    return Refused("shipment_invalid", findings=(finding(code, pointer, message_vi),))
