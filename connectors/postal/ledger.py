"""The ledger of parcels: one state machine for every carrier, and what is done about each change of it. Pure.

Postal facts 6.1 and 7. The history folds in `history.py`, the money beside it in `money.py`; commands and the order at the
carrier stand in `commanding.py`. Laws: whatever order things come in, one history gives one state; nothing is said twice;
what cannot be is seen by people; an order that may be with the carrier is never asked for anew without an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.kit.contract import Effect, ProposeChange
from connectors.postal import commanding, money
from connectors.postal.attention import reasons
from connectors.postal.changes import (
    CancelAnswered,
    CancelAsked,
    CodDecided,
    CodSettled,
    DossierRegistered,
    HandedOver,
    OrderAnew,
    OrderPlaced,
    OrderRefused,
    OrderUnanswered,
    Scanned,
    ShipmentAsked,
    ShipmentChange,
    StateDecided,
    TimeCame,
)
from connectors.postal.history import (
    CANCELLED_LATE,
    CONTRADICTED,
    DELIVERED_ON_THE_WAY_BACK,
    MOVED_AFTER_CANCEL,
    OPERATOR,
    TERMINAL,
    deciding,
    folded,
    heard_by_carrier,
    kept,
)
from connectors.postal.identity import SHIPMENTS
from connectors.postal.model import CodState, Direction, OrderState, Scan, ShipmentState
from connectors.postal.shipment import CodSettlement, Shipment
from connectors.postal.turn import Turn
from mappings.dates import to_portal_time

SHIPMENT_DELIVERED = "shipment_delivered"
SHIPMENT_RETURNED = "shipment_returned"
COD_REMITTED = "shipment_cod_remitted"
"""The proposals to the resolution system; the fields are those of `proposal_fields`."""

ATTENTION = "attention"
"""The mark of what a person should look at, or had to."""

QUIET = "quiet"
_PROPOSED = {ShipmentState.DELIVERED: SHIPMENT_DELIVERED, ShipmentState.RETURNED: SHIPMENT_RETURNED}
_COD_PROPOSED = "cod_proposed"
_TOLD = frozenset({ShipmentState.CANCELLED, ShipmentState.EXCEPTION})
_SETTLEMENTS_KEPT = 20
_CLOCKS_DIFFER = timedelta(hours=1)
_SOON = timedelta(seconds=2)

_ALARMS_VI = {
    CONTRADICTED: "hành trình đã kết thúc nhưng đơn vị bưu chính báo khác đi; cần người kiểm tra.",
    MOVED_AFTER_CANCEL: "đơn đã hủy nhưng bưu gửi vẫn có hành trình; cần người kiểm tra.",
    CANCELLED_LATE: "báo hủy khi bưu gửi đã ở bưu chính; cần tìm xem bưu gửi đang ở đâu.",
    DELIVERED_ON_THE_WAY_BACK: "báo đã phát khi đang chuyển hoàn; cần xác minh ai đã nhận.",
    money.COD_SHORT: "số tiền thu hộ ít hơn số phải thu.",
    money.COD_OVER: "số tiền thu hộ nhiều hơn số phải thu.",
    money.COD_UNEXPECTED: "có tiền thu hộ nhưng bưu gửi không phải thu tiền.",
}
"""The alarm of each flag that follows from history and money; its code is the flag."""


class NoSuchShipment(ValueError):
    """Có thay đổi về một bưu gửi chưa từng được yêu cầu."""


class Shipments:
    """The ledger `shipments`."""

    kind = SHIPMENTS
    state_type = Shipment
    change_type: Any = ShipmentChange  # a union, which the type system does not take for a type

    def apply(self, state: Shipment | None, change: ShipmentChange) -> tuple[Shipment, Sequence[Effect]]:
        """The shipment after `change`. Raises `NoSuchShipment` where the first change is not that it was asked for."""
        if state is None:
            if not isinstance(change, ShipmentAsked):
                raise NoSuchShipment(f"{change.__struct_config__.tag}: no shipment was asked for")
            turn = commanding.opened(change)
        else:
            turn = Turn(state, state, change.at)
            _apply(turn, change)
        _finish(turn)
        return turn.shipment, tuple(turn.effects)

    def marks(self, state: Shipment) -> Sequence[str]:
        """What a parcel is found by: its dossier and number, its item code, when it is due, the day of its money."""
        found = [dossier_mark(state.dossier_code, state.direction, state.order_number)]
        if state.due is not None:
            found.append(due_mark(state.due))
        if state.item_code:
            found.append(item_mark(state.item_code))
        if state.cod_collected_at is not None:
            found.append(cod_mark(state.carrier, state.cod_collected_at))
        if reasons(state):
            found.append(f"{ATTENTION}/{state.shipment_id}")
        return tuple(found)


def dossier_mark(dossier_code: str, direction: Direction, order_number: str) -> str:
    """The mark of a parcel of a dossier, one way: its number is free as long as nothing has it."""
    return f"dossier/{dossier_code}/{direction}/{order_number}"


def due_mark(at: datetime) -> str:
    """The mark of what is due at a moment: in the order of time."""
    return f"due/{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def item_mark(item_code: str) -> str:
    """The mark of the carrier's own code of a parcel (S10, postal facts 8.1)."""
    return f"item/{item_code}"


def cod_mark(carrier: str, at: datetime) -> str:
    """The mark of money that a carrier collected, by the day of Viet Nam."""
    return f"cod/{carrier}/{to_portal_time(at)[:8]}"


def is_open(shipment: Shipment) -> bool:
    """Whether more is to come: the order stands or may stand, and the way has not ended."""
    return shipment.order is not OrderState.REFUSED and shipment.state not in TERMINAL


def proposal_fields(shipment: Shipment) -> dict[str, object]:
    """What is proposed to the resolution system: codes, times and sums of the agency, nothing of where anybody lives.

    With the event that says so, by its id, and the digest of what the carrier sent (postal facts 10).
    """
    ended_at = shipment.delivered_at if shipment.state is ShipmentState.DELIVERED else shipment.returned_at
    lines = [{"fee_id": line.fee_id, "name": line.name, "amount": line.amount} for line in shipment.cod_lines]
    collected_at, paid_at = shipment.cod_collected_at, money.remitted_at(shipment)
    event = deciding(shipment.history, shipment.state)
    return {
        "shipment_id": shipment.shipment_id,
        "request_id": shipment.request_id,
        "direction": str(shipment.direction),
        "carrier": shipment.carrier,
        "profile": shipment.profile,
        "order_number": shipment.order_number,
        "item_code": shipment.item_code,
        "state": str(shipment.state),
        "occurred_at": ended_at.isoformat() if ended_at is not None else "",
        "event_id": event.event_id if event is not None else "",
        "raw_code": event.raw_code if event is not None else "",
        "received_at": event.received_at.isoformat() if event is not None else "",
        "evidence": {"sha256": event.evidence if event is not None else ""},
        "cod": {
            "state": str(shipment.cod),
            "amount": shipment.cod_collected if shipment.cod_collected is not None else shipment.cod_due,
            "collected_at": collected_at.isoformat() if collected_at is not None else "",
            "remitted_at": paid_at.isoformat() if paid_at is not None else "",
            "lines": lines,
        },
    }


def _apply(turn: Turn, change: ShipmentChange) -> None:
    match change:
        case Scanned():
            _scanned(turn, change.scan)
        case OrderPlaced():
            commanding.placed(turn, change)
            _heard(turn)
        case OrderRefused():
            commanding.refused(turn, change)
        case OrderUnanswered():
            commanding.unanswered(turn, change)
        case OrderAnew():
            commanding.anew(turn, change)
        case DossierRegistered():
            commanding.registered(turn, change)
        case CancelAsked():
            commanding.cancel_asked(turn, change)
        case CancelAnswered():
            scan = commanding.cancel_answered(turn, change)
            if scan is not None:
                _keep(turn, scan)
        case HandedOver():
            _handed_over(turn, change)
        case StateDecided():
            _state_decided(turn, change)
        case CodSettled():
            _cod_settled(turn, change)
        case CodDecided():
            _cod_decided(turn, change)
        case TimeCame():
            _time_came(turn)


def _scanned(turn: Turn, scan: Scan) -> None:
    """A carrier said something: it has the order, and the parcel is not forgotten."""
    if not _keep(turn, scan):
        return
    if heard_by_carrier(scan):
        commanding.stands(turn)
        _heard(turn)
    if scan.occurred_at > turn.at + _CLOCKS_DIFFER and turn.flag("time_ahead"):
        turn.alarm(
            "time_ahead", "đơn vị bưu chính báo một thời điểm trong tương lai; cần kiểm tra định dạng thời gian."
        )


def _keep(turn: Turn, scan: Scan) -> bool:
    """Put a scan into the history; whether it is new."""
    found = kept(turn.shipment.history, turn.shipment.base, scan)
    if found.changed and turn.flag("event_changed"):
        turn.alarm("event_changed", "cùng một mã sự kiện nhưng trạng thái khác với lần báo trước.")
    turn.put(history=found.history, base=found.base, dropped=turn.shipment.dropped + found.dropped)
    if found.dropped and turn.flag("history_full"):
        turn.alarm("history_full", "hành trình dài bất thường; các sự kiện cũ nhất không được giữ riêng.")
    return found.new


def _heard(turn: Turn) -> None:
    """Somebody has seen the parcel: the time of silence begins again."""
    turn.unflag(QUIET)
    turn.put(due=_silent_until(turn))


def _handed_over(turn: Turn, change: HandedOver) -> None:
    """A list that both sides signed names the parcel (QĐ 45/2016/QĐ-TTg Điều 7; postal facts 7).

    What the agency gives is collected by the post; what the post brings has arrived. Missing or damaged, it has not moved.
    """
    place = (change.handover_id, change.line_status)
    if place in turn.shipment.handovers:
        return
    turn.put(handovers=(*turn.shipment.handovers, place))
    if change.line_status != "ok":
        turn.flag(f"handover_{change.line_status}")
        word_vi = "thiếu" if change.line_status == "missing" else "hư hỏng"
        turn.alarm(f"handover_{change.line_status}", f"bảng kê bàn giao ghi bưu gửi {word_vi}; cần lập biên bản.")
        return
    arrives = turn.shipment.direction is Direction.COLLECT
    scan = Scan(
        event_id=f"gateway:handover:{change.handover_id}",
        occurred_at=change.handed_at,
        received_at=change.at,
        raw_code=change.line_status,
        means=ShipmentState.DELIVERED if arrives else ShipmentState.COLLECTED,
        source="handover",
    )
    if _keep(turn, scan):
        _heard(turn)


def _state_decided(turn: Turn, change: StateDecided) -> None:
    """Two operators say how a parcel stands that nobody else can tell of."""
    if not change.approved_by or change.approved_by == change.decided_by:
        return
    if change.state == commanding.NOT_PLACED:
        if turn.shipment.order is OrderState.IN_DOUBT:
            turn.flag(commanding.NOT_PLACED)
        return
    if change.state not in (*_DECIDABLE, commanding.PLACED):
        return
    if turn.shipment.order is OrderState.IN_DOUBT:
        commanding.stands(turn)
    if change.state == commanding.PLACED:
        return
    scan = Scan(
        event_id=f"gateway:decision:{change.decision_id}",
        occurred_at=change.at,
        received_at=change.at,
        raw_code=change.state,
        means=change.state,
        source=OPERATOR,
        note=change.evidence,
    )
    _keep(turn, scan)


def _cod_settled(turn: Turn, change: CodSettled) -> None:
    """A statement says what was paid over. Said again by the same statement, or by one that stands for it, it counts once.

    One that pays nothing over (a corrected one that names the parcel no more) says nothing of its money.
    """
    gone = {change.statement_id, *change.supersedes}
    others = tuple(one for one in turn.shipment.cod_settlements if one.statement_id not in gone)
    told = CodSettlement(statement_id=change.statement_id, amount=change.paid_over, paid_at=change.paid_at)
    settlements = sorted((*others, *((told,) if told.amount else ())), key=lambda one: (one.paid_at, one.statement_id))
    turn.put(cod_settlements=tuple(settlements[-_SETTLEMENTS_KEPT:]))


def _cod_decided(turn: Turn, change: CodDecided) -> None:
    two = change.approved_by and change.approved_by != change.decided_by
    if two and money.may_be_decided(turn.shipment, change.decision):
        turn.put(cod_decision=change.decision)


def _time_came(turn: Turn) -> None:
    """Nobody has seen the parcel for days (postal facts 5.3: a carrier may simply never say)."""
    due = turn.shipment.due
    if due is None or turn.at < due:
        return
    turn.put(due=_silent_until(turn))
    if is_open(turn.shipment) and turn.flag(QUIET):
        days = turn.shipment.quiet_after_s // 86_400
        turn.alarm(QUIET, f"đã {days} ngày không có tin về bưu gửi; cần hỏi đơn vị bưu chính.")


def _finish(turn: Turn) -> None:
    """What follows from the history and the money as they are now, and who is told of it."""
    _derive(turn)
    commanding.look_at_cancel(turn)
    _tell_state(turn)
    _tell_money(turn)
    _tell_codes(turn)
    shipment = turn.shipment
    waits = shipment.order is OrderState.PLACED and is_open(shipment) and shipment.state is not ShipmentState.EXCEPTION
    if not waits:
        turn.unflag(QUIET)
    turn.put(due=(shipment.due or _silent_until(turn)) if waits else None)


def _derive(turn: Turn) -> None:
    course = folded(turn.shipment.base, turn.shipment.history)
    placed = turn.shipment.placed
    turn.put(
        course=course,
        state=course.state,
        attempts=course.attempts,
        delivered_at=course.delivered_at,
        returned_at=course.returned_at,
        item_code=course.item_code or (placed.item_code if placed is not None else ""),
        unmapped=course.unmapped,
    )
    stands = money.money_of(turn.shipment)
    turn.put(cod=stands.state, cod_collected=stands.collected, cod_collected_at=stands.collected_at)
    holds = (*course.troubles, *stands.flags)
    turn.unflag(*(flag for flag in _ALARMS_VI if flag not in holds))
    for flag in holds:
        if turn.flag(flag):
            turn.alarm(flag, _ALARMS_VI[flag])


def _tell_state(turn: Turn) -> None:
    shipment = turn.shipment
    before = turn.before.state if turn.before is not None else ShipmentState.CREATED
    collected_before = turn.before is not None and turn.before.course.collected_at is not None
    if shipment.direction is Direction.COLLECT and shipment.course.collected_at is not None and not collected_before:
        turn.tell("collected", at=shipment.course.collected_at.isoformat())
    if shipment.state is before:
        return
    if shipment.state in _TOLD:
        turn.tell(shipment.state)
    if shipment.state is ShipmentState.EXCEPTION and not shipment.course.troubles:
        turn.alarm("exception", "bưu gửi gặp sự cố; cần người liên hệ đơn vị bưu chính.")
    if before in TERMINAL:
        turn.alarm("outcome_changed", f"kết quả đổi từ {before} thành {shipment.state} theo tin đến muộn.")
    proposal = _PROPOSED.get(shipment.state)
    if proposal is not None and shipment.proposed != shipment.state:
        turn.put(proposed=str(shipment.state))
        turn.effects.append(ProposeChange(proposal, proposal_fields(turn.shipment)))


def _tell_money(turn: Turn) -> None:
    """Money that was paid over settles the fee, once (postal facts 7: settle only on `remitted`)."""
    if turn.shipment.cod is CodState.REMITTED and turn.shipment.cod_due and turn.flag(_COD_PROPOSED):
        turn.effects.append(ProposeChange(COD_REMITTED, proposal_fields(turn.shipment)))
    told = turn.before is not None and turn.before.cod is CodState.REMITTED and _COD_PROPOSED in turn.before.flags
    if told and turn.shipment.cod is not CodState.REMITTED:
        # What was said to be paid stays said (a payment is never taken back by a program): people must hear of it.
        turn.alarm("cod_taken_back", "tiền thu hộ đã báo trả đủ nhưng bảng kê sau cho thấy chưa đủ; cần kế toán xem.")


def _tell_codes(turn: Turn) -> None:
    known = turn.before.unmapped if turn.before is not None else ()
    for code in turn.shipment.unmapped:
        if code not in known:
            turn.alarm("unmapped_status", f"mã trạng thái {code!r} chưa có trong bảng; giữ nguyên trạng thái.")


def _silent_until(turn: Turn) -> datetime:
    """When silence becomes a question: a whole second, never one that has passed for whoever follows the marks."""
    at = turn.at + max(timedelta(seconds=turn.shipment.quiet_after_s), _SOON)
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)


_DECIDABLE = frozenset({ShipmentState.DELIVERED, ShipmentState.RETURNED, ShipmentState.EXCEPTION})
