"""What callers command of a parcel, and what becomes of its order at the carrier. Pure.

A command is taken or refused inside the transaction, and remembered with its answer: repeated, it changes nothing. That the
carrier has an order is never taken back; that it refused one stands until it is seen to have it all the same.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.kit.contract import DeliverTask
from connectors.postal.changes import (
    CancelAnswered,
    CancelAsked,
    DossierRegistered,
    OrderAnew,
    OrderPlaced,
    OrderRefused,
    OrderUnanswered,
    ShipmentAsked,
)
from connectors.postal.history import moves
from connectors.postal.model import OrderState, Placed, Scan, ShipmentState
from connectors.postal.shipment import Cancel, Command, Shipment
from connectors.postal.turn import Turn

REGISTER = "register"
ORDER = "order"
CANCEL = "cancel"
"""The operations of an upstream of the post. The fields of each task hold `shipment_id`, those of `cancel` also `request_id`."""

PLACED = "placed"
"""What two operators say of an order in doubt that the carrier has, although nothing of it was heard."""

NOT_PLACED = "not_placed"
"""The flag of an order in doubt of which two operators said that the carrier does not have it."""

NEVER_SENT = "never_sent"
"""The code of a cancellation that came before the order had gone out: nobody had to be asked."""

ADDRESS_WARNING = "address_warning"
NUMBER_KNOWN = "number_known"
REFUSED_BUT_PLACED = "refused_but_placed"
STILL_IN_DOUBT = "still_in_doubt"

UNDER_WAY = frozenset({"", "requested", "in_doubt", "unknown_order"})
"""Outcomes of a cancellation after which the history still has to say how it ended."""


def opened(change: ShipmentAsked) -> Turn:
    """The shipment as it begins: on disk before anybody is called."""
    shipment = Shipment(
        shipment_id=change.shipment_id,
        dossier_code=change.dossier_code,
        procedure_code=change.procedure_code,
        procedure_name=change.procedure_name,
        direction=change.direction,
        carrier=change.carrier,
        profile=change.profile,
        order_number=change.order_number,
        asked_by=change.asked_by,
        request_id=change.request_id,
        body_sha256=change.body_sha256,
        asked_at=change.at,
        sender=change.sender,
        receiver=change.receiver,
        contents=change.contents,
        note=change.note,
        weight_g=change.weight_g,
        service=change.service,
        cod_lines=change.cod_lines,
        components=change.components,
        register=change.register,
        cancellable=change.cancellable,
        quiet_after_s=change.quiet_after_s,
    )
    turn = Turn(None, shipment, change.at)
    task = {"shipment_id": change.shipment_id}
    if change.register:
        turn.effects.append(DeliverTask(REGISTER, task))
    turn.effects.append(DeliverTask(ORDER, task))
    return turn


def may_be_sent(shipment: Shipment) -> bool:
    """Whether an order that the lane carries now goes out. One in doubt does, where the lane repeats it: under its own number.

    What surely never went out and is wanted no more stays here: see `never_sent`.
    """
    if shipment.order is OrderState.IN_DOUBT:
        return True
    return shipment.order is OrderState.ASKED and shipment.cancel is None and shipment.state is ShipmentState.CREATED


def never_sent(shipment: Shipment, at: datetime) -> CancelAnswered | None:
    """What the lane says instead of sending an order that is wanted no more; None where there is nothing to say."""
    cancel = shipment.cancel
    if cancel is None or cancel.outcome or shipment.order is not OrderState.ASKED:
        return None
    return CancelAnswered(at=at, request_id=cancel.request_id, outcome="cancelled", code=NEVER_SENT)


def surely_not_placed(shipment: Shipment) -> bool:
    """Whether operators said so. Whoever enquires then answers "not found" and brings `OrderAnew` along.

    Without their word an order that is `ASKED` when it is enquired about is in doubt as well: the process died with the answer.
    """
    return NOT_PLACED in shipment.flags


def cancel_to_send(shipment: Shipment, request_id: str) -> bool:
    """Whether the carrier must (still) be asked to take the order back for this request. To ask twice does nothing more."""
    cancel = shipment.cancel
    return cancel is not None and cancel.request_id == request_id and cancel.outcome in ("", "in_doubt")


def registered(turn: Turn, change: DossierRegistered) -> None:
    """The carrier knows the dossier, or does not want to. The order goes out all the same: it says everything once more."""
    if not change.code:
        turn.flag("registered")
    elif turn.flag("not_registered"):
        turn.alarm("not_registered", f"đơn vị bưu chính không nhận đăng ký hồ sơ (mã {change.code}).")


def placed(turn: Turn, change: OrderPlaced) -> None:
    """The carrier has the order. What it says first stands; what it adds later (an item code) is taken in.

    That it had the number already is a repeat of ours only where one of ours may have arrived (postal facts 9: the same payload).
    """
    if change.placed.duplicate and turn.shipment.order is OrderState.ASKED and turn.flag(NUMBER_KNOWN):
        turn.alarm(
            NUMBER_KNOWN, "đơn vị bưu chính nói đã có đơn mang số này trước khi cổng gửi; cần đối chiếu nội dung đơn."
        )
    turn.put(placed=_joined(turn.shipment.placed, change.placed))
    stands(turn)
    if change.placed.warnings and turn.flag(ADDRESS_WARNING):
        parts = ", ".join(_PARTS_VI.get(part, part) for part in change.placed.warnings)
        turn.alarm(ADDRESS_WARNING, f"đơn vị bưu chính không nhận ra {parts} trong địa chỉ; cần kiểm tra lại.")


def _joined(before: Placed | None, told: Placed) -> Placed:
    if before is None:
        return told
    return msgspec.structs.replace(
        before,
        carrier_ref=before.carrier_ref or told.carrier_ref,
        item_code=before.item_code or told.item_code,
        freight=before.freight if before.freight is not None else told.freight,
        warnings=tuple(dict.fromkeys((*before.warnings, *told.warnings))),
    )


def stands(turn: Turn) -> None:
    """The order is with the carrier, by its answer or because it speaks of the parcel."""
    if turn.shipment.order is OrderState.PLACED:
        return
    if turn.shipment.order is OrderState.REFUSED and turn.flag(REFUSED_BUT_PLACED):
        turn.alarm(REFUSED_BUT_PLACED, "đơn vị bưu chính đã từ chối đơn nhưng bưu gửi vẫn có hành trình.")
    turn.put(order=OrderState.PLACED, placed_at=turn.at, doubt_since=None)
    turn.unflag(NOT_PLACED)


def refused(turn: Turn, change: OrderRefused) -> None:
    """The carrier does not take the order. Where it is known to have it already, people must look."""
    if turn.shipment.order is OrderState.REFUSED:
        return
    if turn.shipment.order is OrderState.PLACED:
        if turn.flag(REFUSED_BUT_PLACED):
            turn.alarm(REFUSED_BUT_PLACED, f"đơn đã được nhận nhưng lần gửi sau bị từ chối (mã {change.code}).")
        return
    turn.put(order=OrderState.REFUSED, refusal=(change.code, change.message_vi), doubt_since=None)
    turn.unflag(NOT_PLACED)
    turn.tell("refused", carrier_code=change.code)
    turn.alarm("refused", f"đơn vị bưu chính không nhận đơn (mã {change.code}).")


def unanswered(turn: Turn, change: OrderUnanswered) -> None:
    """The order may be there or not. From when it is in doubt counts: what the feed says afterwards can tell."""
    del change
    if turn.shipment.order is OrderState.ASKED:
        turn.put(order=OrderState.IN_DOUBT, doubt_since=turn.at)
        turn.unflag(NOT_PLACED)


def anew(turn: Turn, change: OrderAnew) -> None:
    """It is not there, so it is as if it had never been sent."""
    del change
    if turn.shipment.order is OrderState.IN_DOUBT:
        turn.put(order=OrderState.ASKED, doubt_since=None)
        turn.unflag(NOT_PLACED)


def cancel_asked(turn: Turn, change: CancelAsked) -> None:
    """The parcel is wanted no more. Only what the carrier does not hold yet can be taken back (postal facts 6.1, 11)."""
    shipment = turn.shipment
    if any((known.kind, known.request_id) == (CANCEL, change.request_id) for known in shipment.commands):
        return
    command = Command(
        request_id=change.request_id, kind=CANCEL, body_sha256=change.body_sha256, code=_not_cancellable(shipment)
    )
    if not turn.command(command):
        return
    turn.put(
        cancel=Cancel(request_id=change.request_id, asked_by=change.asked_by, asked_at=change.at, reason=change.reason)
    )
    task = {"shipment_id": shipment.shipment_id, "request_id": change.request_id}
    turn.effects.append(DeliverTask(CANCEL, task))


def cancel_answered(turn: Turn, change: CancelAnswered) -> Scan | None:
    """What the carrier said to it; the scan that a cancellation is in the history. A requested one ends by later scans.

    An order in doubt that the carrier, asked to take it back, does not know never reached it: it will not go out any more. One
    that it has collected is there. Any other answer leaves the doubt, and no lane carries the order any more: people must ask.
    """
    cancel = turn.shipment.cancel
    if cancel is None or cancel.request_id != change.request_id or cancel.outcome not in UNDER_WAY:
        return None
    outcome, code = change.outcome, change.code
    if outcome == "unknown_order" and turn.shipment.order is OrderState.IN_DOUBT:
        outcome, code = "cancelled", code or "unknown_order"
        turn.put(order=OrderState.ASKED, doubt_since=None)
    ended(turn, outcome, code)
    if outcome == "too_late" and turn.shipment.order is OrderState.IN_DOUBT:
        stands(turn)
    if outcome != "cancelled":
        if turn.shipment.order is OrderState.IN_DOUBT:
            turn.alarm(
                STILL_IN_DOUBT, "đơn vị bưu chính không hủy đơn, nhưng vẫn chưa rõ đơn đã được nhận; cần người hỏi."
            )
        return None
    return Scan(
        event_id=f"gateway:cancel:{change.request_id}",
        occurred_at=change.at,
        received_at=change.at,
        raw_code=code,
        means=ShipmentState.CANCELLED,
        source="gateway",
    )


def look_at_cancel(turn: Turn) -> None:
    """The history answers what the carrier did not: it is cancelled, or it is on its way."""
    cancel = turn.shipment.cancel
    if cancel is None or cancel.outcome not in UNDER_WAY:
        return
    if turn.shipment.state is ShipmentState.CANCELLED:
        ended(turn, "cancelled", cancel.code)
    elif moves(turn.shipment.course):
        ended(turn, "too_late", cancel.code)


def ended(turn: Turn, outcome: str, code: str) -> None:
    """A cancellation has an outcome."""
    cancel = turn.shipment.cancel
    if cancel is None:
        return
    turn.put(
        cancel=Cancel(
            request_id=cancel.request_id,
            asked_by=cancel.asked_by,
            asked_at=cancel.asked_at,
            reason=cancel.reason,
            outcome=outcome,
            code=code,
            answered_at=turn.at,
        )
    )
    if outcome in ("too_late", "refused"):
        turn.tell("not_cancelled", cause=outcome, state=turn.shipment.state)


def _not_cancellable(shipment: Shipment) -> str:
    """Why a parcel cannot be taken back, as a stable code; empty where it can."""
    if shipment.order is OrderState.REFUSED:
        return "order_refused"
    if shipment.state is ShipmentState.CANCELLED:
        return "already_cancelled"
    if shipment.state not in shipment.cancellable or moves(shipment.course):
        return "too_late"
    # What nobody could tell of (HTTP 500, 404) may be asked again: to take the same order back twice does nothing more.
    under_way = shipment.cancel is not None and shipment.cancel.outcome in ("", "requested")
    return "cancel_under_way" if under_way else ""


_PARTS_VI = {"province": "tỉnh, thành phố", "district": "quận, huyện", "ward": "xã, phường"}
