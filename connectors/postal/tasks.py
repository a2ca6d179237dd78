"""What the ledger asked to be carried to a carrier, carried: a dossier registered, a parcel ordered, an order taken back.

A business refusal is an answer, so it ends in a receipt that teaches the ledger and never holds a lane. What was sent and not
answered is in doubt; it goes out again only where that cannot double a parcel (postal facts 9):

- the carrier, asked by our number, says that it has no such order (`Finds`);
- it is known to refuse a second order with the same number (`order_number_unique`);
- two operators decided that it was never placed.

Else the feed is given three rounds to speak of the parcel, and then people decide.
"""

from __future__ import annotations

from datetime import datetime

from connectors.kit.contract import Budget, Change, Enquiry, Found, Kit, Receipt, TaskDelivery
from connectors.kit.errors import CannotMap, DeliveryError, Exchange, NoAnswer, NotSent, OutcomeUnknown
from connectors.kit.http import HttpAnswer
from connectors.postal.cancelling import Cancelling
from connectors.postal.changes import (
    DossierRegistered,
    OrderAnew,
    OrderPlaced,
    OrderRefused,
    OrderUnanswered,
    Scanned,
    ShipmentChange,
)
from connectors.postal.client import Carrier, Carriers
from connectors.postal.commanding import CANCEL, REGISTER, may_be_sent, surely_not_placed
from connectors.postal.entering import change_of
from connectors.postal.feeds import Feed, rounds_since
from connectors.postal.identity import FEEDS
from connectors.postal.model import Order, OrderState, Placed
from connectors.postal.parcels import order_of, shipment_of
from connectors.postal.settings import TrackingSettings
from connectors.postal.shipment import Shipment
from connectors.postal.speaking import Absent, Call, Feeds, Finds, Refused, Registers, Sighting
from connectors.postal.trouble import error_of
from mappings.codec import decode

ROUNDS = 3
"""So many rounds of the feed that began after an order was in doubt, and are silent about it, end the waiting (facts 9)."""

REGISTER_ATTEMPTS = 5
"""So often a registration is sent to a carrier that answers without saying anything; then the order goes out without it."""

NOTHING = Exchange()
"""Nothing went over the wire."""


class Tasks:
    """Carries and enquires. Every error is of one carrier only."""

    def __init__(self, carriers: Carriers, tracking: TrackingSettings, kit: Kit) -> None:
        self._carriers, self._tracking, self._kit = carriers, tracking, kit
        self._cancelling = Cancelling(carriers, kit)

    async def deliver(self, delivery: TaskDelivery) -> Receipt:
        """The receipt of a task. Raises `NoAnswer` and its kin, and `NotSent`, all `partial`."""
        shipment = await self._shipment(delivery)
        with self._carriers.troubles():
            if delivery.operation == REGISTER:
                return await self._register(shipment, delivery)
            if delivery.operation == CANCEL:
                return await self._cancelling.deliver(shipment, delivery)
            return await self._order(shipment, delivery)

    async def enquire(self, delivery: TaskDelivery) -> Enquiry:
        """What became of a task of unknown outcome."""
        shipment = await self._shipment(delivery)
        with self._carriers.troubles():
            if delivery.operation == REGISTER:
                return self._enquire_registration(shipment)
            if delivery.operation == CANCEL:
                return await self._cancelling.enquire(shipment, delivery)
            return await self._enquire_order(shipment, delivery)

    # --- an order -----------------------------------------------------------------------------------------------------

    async def _order(self, shipment: Shipment, delivery: TaskDelivery) -> Receipt:
        carrier = self._carriers.needed(shipment.carrier)
        if shipment.order is OrderState.IN_DOUBT and not (carrier.numbers_unique and shipment.cancel is None):
            return await self._released(shipment, delivery)
        if shipment.order is not OrderState.IN_DOUBT and not may_be_sent(shipment):
            return self._receipt(shipment, duplicate=True)
        order = order_of(shipment)
        try:
            call = carrier.dialogue.place(order)
        except CannotMap as error:
            # Nothing was sent, and nothing will be better by itself: the order ends, and people hear of it.
            return self._refused(shipment, error.code, error.message_vi)
        answer = await self._called(shipment, carrier, call, delivery)
        found = carrier.dialogue.placed(order, answer)
        exchange = carrier.exchange(call, answer, found.code)
        if isinstance(found, Placed):
            return self._placed(shipment, found, exchange)
        if found.kind == "business" and (shipment.order is not OrderState.IN_DOUBT or surely_not_placed(shipment)):
            return self._refused(shipment, found.code, found.message_vi, exchange)
        # Refused when it went out again: perhaps because it is there already, in words that no table has. People look.
        trouble = error_of(carrier.title_vi, found, answer, exchange)
        raise trouble.teaching(*self._doubts(shipment, trouble), partial=True)

    async def _released(self, shipment: Shipment, delivery: TaskDelivery) -> Receipt:
        """An order in doubt that a person let go: it is asked about once more, and goes out only where that doubles nothing."""
        enquiry = await self._enquire_order(shipment, delivery)
        if enquiry.receipt is not None:
            return enquiry.receipt
        if enquiry.found is Found.NOT_FOUND:
            # What was learned must be on disk before the order goes out; the next attempt sends it.
            raise NotSent("Đơn chưa có ở đơn vị vận chuyển; sẽ gửi lại ngay.").teaching(*enquiry.inputs, partial=True)
        raise CannotMap(
            f"Chưa rõ đơn {shipment.order_number} đã được nhận hay chưa. Hỏi đơn vị vận chuyển, quyết định state = placed hoặc"
            " not_placed, rồi cho đi tiếp."
        )

    async def _enquire_order(self, shipment: Shipment, delivery: TaskDelivery) -> Enquiry:
        if shipment.order in (OrderState.PLACED, OrderState.REFUSED):
            return Enquiry(Found.DONE, self._receipt(shipment, duplicate=True))
        if surely_not_placed(shipment):
            anew = self._change(shipment, OrderAnew(at=self._now()))
            return Enquiry(
                Found.NOT_FOUND, reason_vi="Hai người vận hành đã kết luận đơn chưa được nhận.", inputs=(anew,)
            )
        carrier = self._carriers.needed(shipment.carrier)
        if isinstance(carrier.dialogue, Finds):
            return await self._found(shipment, carrier, carrier.dialogue, delivery)
        if shipment.doubt_since is None:
            # The process that sent it died before it could say so. From now on it counts as in doubt.
            doubt = self._change(shipment, OrderUnanswered(at=self._now()))
            raise NoAnswer(f"Chưa rõ {carrier.title_vi} đã nhận đơn {shipment.order_number} hay chưa.").teaching(
                doubt, partial=True
            )
        if shipment.cancel is not None:
            # It is wanted no more: to take it back asks for it by its number, which settles this too.
            return Enquiry(Found.DONE, self._receipt(shipment))
        if carrier.numbers_unique:
            reason = f"{carrier.title_vi} không nhận hai đơn cùng số hiệu; gửi lại đúng số hiệu cũ."
            return Enquiry(Found.CANNOT_TELL, repeat_allowed=True, reason_vi=reason)
        return await self._listened(shipment, carrier, shipment.doubt_since)

    async def _found(self, shipment: Shipment, carrier: Carrier, finds: Finds, delivery: TaskDelivery) -> Enquiry:
        """What the carrier says, asked for our number. An answer that says nothing is asked for again, as long as it takes."""
        order = order_of(shipment)
        call = finds.find(order)
        answer = await carrier.call(call, delivery.budget)
        found = finds.found(order, answer)
        if isinstance(found, Absent):
            anew = self._change(shipment, OrderAnew(at=self._now()))
            return Enquiry(Found.NOT_FOUND, inputs=(anew,))
        if isinstance(found, Refused):
            raise error_of(carrier.title_vi, found, answer, carrier.exchange(call, answer, found.code))
        placed, sightings = found
        told = OrderPlaced(at=self._now(), placed=placed)
        changes: tuple[ShipmentChange, ...] = (told, *self._scans(order, sightings))
        receipt = self._receipt(shipment, carrier.exchange(call, answer, placed.code), changes=changes)
        return Enquiry(Found.DONE, receipt)

    async def _listened(self, shipment: Shipment, carrier: Carrier, since: datetime) -> Enquiry:
        """Whether the feed had its time to speak of the parcel. It would have been placed by the first word."""
        if isinstance(carrier.dialogue, Feeds):
            entry = await self._kit.ledgers.read(FEEDS, carrier.name)
            feed = decode(entry.state, Feed) if entry is not None else None
            heard = rounds_since(feed, since)
            if heard < ROUNDS:
                raise NoAnswer(
                    f"Chờ luồng hành trình của {carrier.title_vi} ({heard}/{ROUNDS} lượt) trước khi kết luận về đơn"
                    f" {shipment.order_number}.",
                    retry_after_s=self._tracking.interval_s,
                ).teaching(partial=True)
        reason = (
            f"{carrier.title_vi} không trả lời đơn {shipment.order_number}, không có cách hỏi lại và hành trình chưa nhắc tới;"
            " cần người hỏi đơn vị vận chuyển."
        )
        return Enquiry(Found.CANNOT_TELL, reason_vi=reason)

    # --- a registration -----------------------------------------------------------------------------------------------

    async def _register(self, shipment: Shipment, delivery: TaskDelivery) -> Receipt:
        """The dossier made known. Nothing depends on it, so a refusal is told and the order goes out all the same."""
        if not _to_be_registered(shipment):
            return self._receipt(shipment, duplicate=True)
        carrier = self._carriers.needed(shipment.carrier)
        dialogue, order = carrier.dialogue, order_of(shipment)
        if not isinstance(dialogue, Registers):
            return self._receipt(shipment, changes=(DossierRegistered(at=self._now(), code="not_offered"),))
        procedure = (shipment.procedure_code, shipment.procedure_name)
        try:
            call = dialogue.register(order, procedure, shipment.components)
        except CannotMap as error:
            return self._receipt(shipment, changes=(DossierRegistered(at=self._now(), code=error.code),))
        try:
            told, exchange = await self._registered(carrier, dialogue, order, (call, delivery.budget))
        except OutcomeUnknown as error:
            if delivery.attempt < REGISTER_ATTEMPTS:
                raise
            # It says nothing, time and again: a result must not lie about for that.
            told, exchange = DossierRegistered(at=self._now(), code=error.code), error.exchange
        return self._receipt(shipment, exchange, changes=(told,))

    async def _registered(
        self, carrier: Carrier, dialogue: Registers, order: Order, asking: tuple[Call, Budget]
    ) -> tuple[DossierRegistered, Exchange]:
        """What the carrier says of a registration. Raises what no answer of business is."""
        call, budget = asking
        answer = await carrier.call(call, budget)
        found = dialogue.registered(order, answer)
        exchange = carrier.exchange(call, answer, found.code)
        if isinstance(found, Refused) and found.kind != "business":
            raise error_of(carrier.title_vi, found, answer, exchange)
        code = (found.code or "business") if isinstance(found, Refused) else ""
        return DossierRegistered(at=self._now(), code=code), exchange

    def _enquire_registration(self, shipment: Shipment) -> Enquiry:
        if not _to_be_registered(shipment):
            return Enquiry(Found.DONE, self._receipt(shipment, duplicate=True))
        reason = "Đăng ký lại cùng một hồ sơ không gây hại."
        return Enquiry(Found.CANNOT_TELL, repeat_allowed=True, reason_vi=reason)

    # --- words --------------------------------------------------------------------------------------------------------

    async def _called(self, shipment: Shipment, carrier: Carrier, call: Call, delivery: TaskDelivery) -> HttpAnswer:
        """The answer to an order. What is in doubt afterwards the ledger learns before anything else happens."""
        try:
            return await carrier.call(call, delivery.budget)
        except OutcomeUnknown as error:
            raise error.teaching(*self._doubts(shipment, error), partial=True) from None

    def _doubts(self, shipment: Shipment, error: DeliveryError) -> tuple[Change, ...]:
        """What an error teaches about an order: that it may have arrived, where that is so."""
        if not isinstance(error, OutcomeUnknown):
            return ()
        return (self._change(shipment, OrderUnanswered(at=self._now())),)

    def _placed(self, shipment: Shipment, placed: Placed, exchange: Exchange) -> Receipt:
        change = OrderPlaced(at=self._now(), placed=placed)
        return self._receipt(shipment, exchange, duplicate=placed.duplicate, changes=(change,))

    def _refused(self, shipment: Shipment, code: str, message_vi: str, exchange: Exchange = NOTHING) -> Receipt:
        change = OrderRefused(at=self._now(), code=code, message_vi=message_vi)
        return self._receipt(shipment, exchange, changes=(change,), message=message_vi)

    def _scans(self, order: Order, sightings: tuple[Sighting, ...]) -> tuple[Scanned, ...]:
        ours = (one for one in sightings if one.order_number in ("", order.order_number))
        return tuple(Scanned(at=self._now(), scan=one.scan) for one in ours)

    def _receipt(
        self,
        shipment: Shipment,
        exchange: Exchange = NOTHING,
        *,
        changes: tuple[ShipmentChange, ...] = (),
        duplicate: bool = False,
        message: str = "",
    ) -> Receipt:
        inputs = tuple(self._change(shipment, change) for change in changes)
        return Receipt(
            shipment.order_number, self._now(), exchange, duplicate=duplicate, message=message, inputs=inputs
        )

    def _change(self, shipment: Shipment, change: ShipmentChange) -> Change:
        return change_of(shipment.shipment_id, change, shipment.dossier_code)

    async def _shipment(self, delivery: TaskDelivery) -> Shipment:
        shipment = await shipment_of(self._kit, delivery.task.ledger_id)
        if shipment is None:
            raise CannotMap(f"Không có bưu gửi {delivery.task.ledger_id}.")
        return shipment

    def _now(self) -> datetime:
        return self._kit.now()


def _to_be_registered(shipment: Shipment) -> bool:
    return not {"registered", "not_registered"} & set(shipment.flags)
