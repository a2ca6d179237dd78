"""Takes an order back at its carrier, and finds out what became of that where nobody answered.

To ask twice is harmless: the carrier says the same again, or that it has gone already. So nothing is ever held for it; what stays
unclear the history of the parcel tells (postal facts 9: HTTP 404 on cancel is verified by tracking).
"""

from __future__ import annotations

import msgspec

from connectors.kit.contract import Change, Enquiry, Found, Kit, Receipt, TaskDelivery
from connectors.kit.errors import CannotMap, Exchange
from connectors.postal.changes import CancelAnswered, OrderPlaced, ShipmentChange
from connectors.postal.client import Carrier, Carriers
from connectors.postal.commanding import NEVER_SENT, cancel_to_send
from connectors.postal.entering import change_of
from connectors.postal.model import Order, OrderState
from connectors.postal.parcels import order_of
from connectors.postal.shipment import Shipment
from connectors.postal.speaking import Absent, CancelSaid, Finds, Refused
from connectors.postal.trouble import error_of

_NOTHING = Exchange()


class Cancelling:
    """The operation `cancel`. Every error is of one carrier only."""

    def __init__(self, carriers: Carriers, kit: Kit) -> None:
        self._carriers, self._kit = carriers, kit

    async def deliver(self, shipment: Shipment, delivery: TaskDelivery) -> Receipt:
        """The carrier's answer to a cancellation."""
        request_id = str(delivery.task.fields.get("request_id", ""))
        if not cancel_to_send(shipment, request_id):
            return self._receipt(shipment, duplicate=True)
        if shipment.order in (OrderState.ASKED, OrderState.REFUSED):
            # The order never went out, and will not: nobody has to be asked.
            return self._answered(shipment, request_id, CancelSaid("cancelled", NEVER_SENT))
        carrier = self._carriers.needed(shipment.carrier)
        order = order_of(shipment)
        learned: tuple[ShipmentChange, ...] = ()
        if not order.carrier_ref and isinstance(carrier.dialogue, Finds):
            found = await self._found(order, carrier, carrier.dialogue, delivery)
            if found is None:
                return self._answered(shipment, request_id, _absent(shipment))
            order, learned = found
        try:
            call = carrier.dialogue.cancel(order)
        except CannotMap as error:
            return self._answered(shipment, request_id, CancelSaid("refused", error.code))
        answer = await carrier.call(call, delivery.budget)
        said = carrier.dialogue.cancelled(order, answer)
        exchange = carrier.exchange(call, answer, said.code)
        if isinstance(said, Refused):
            raise error_of(carrier.title_vi, said, answer, exchange)
        return self._answered(shipment, request_id, said, exchange, learned)

    async def enquire(self, shipment: Shipment, delivery: TaskDelivery) -> Enquiry:
        """Whether the history has answered; else it is asked once more."""
        if not cancel_to_send(shipment, str(delivery.task.fields.get("request_id", ""))):
            return Enquiry(Found.DONE, self._receipt(shipment, duplicate=True))
        return Enquiry(Found.CANNOT_TELL, repeat_allowed=True, reason_vi="Yêu cầu hủy gửi lại không gây hại.")

    async def _found(
        self, order: Order, carrier: Carrier, finds: Finds, delivery: TaskDelivery
    ) -> tuple[Order, tuple[ShipmentChange, ...]] | None:
        """The order with the carrier's own id, which it wants to hear; None where it has no such order."""
        call = finds.find(order)
        answer = await carrier.call(call, delivery.budget)
        found = finds.found(order, answer)
        if isinstance(found, Absent):
            return None
        if isinstance(found, Refused):
            raise error_of(carrier.title_vi, found, answer, carrier.exchange(call, answer, found.code))
        placed = found[0]
        known = msgspec.structs.replace(order, carrier_ref=placed.carrier_ref, item_code=placed.item_code)
        return known, (OrderPlaced(at=self._kit.now(), placed=placed),)

    def _answered(
        self,
        shipment: Shipment,
        request_id: str,
        said: CancelSaid,
        exchange: Exchange = _NOTHING,
        learned: tuple[ShipmentChange, ...] = (),
    ) -> Receipt:
        told = CancelAnswered(at=self._kit.now(), request_id=request_id, outcome=said.outcome, code=said.code)
        return self._receipt(shipment, exchange, (*learned, told))

    def _receipt(
        self,
        shipment: Shipment,
        exchange: Exchange = _NOTHING,
        changes: tuple[ShipmentChange, ...] = (),
        *,
        duplicate: bool = False,
    ) -> Receipt:
        inputs: tuple[Change, ...] = tuple(
            change_of(shipment.shipment_id, change, shipment.dossier_code) for change in changes
        )
        return Receipt(shipment.order_number, self._kit.now(), exchange, duplicate=duplicate, inputs=inputs)


def _absent(shipment: Shipment) -> CancelSaid:
    """What it means that a carrier does not find an order. One that it took once is somewhere all the same: the history tells."""
    if shipment.order is OrderState.PLACED:
        return CancelSaid("in_doubt", "absent")
    return CancelSaid("cancelled", NEVER_SENT)
