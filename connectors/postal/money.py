"""Cash on delivery, the axis beside a parcel's way: what is due, what was collected, what was paid over. Pure.

Postal facts 6.1 and 7. Where a carrier names no collection, a parcel that was handed over against money says so by itself. What
is paid over is what statements say; until one does, the carrier's own word that it paid stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.postal.history import collected_word
from connectors.postal.model import CodState, OrderState, ShipmentState
from connectors.postal.shipment import Shipment

WAIVE = "waive"
CLOSE_SHORT = "close_short"

COD_SHORT = "cod_short"
COD_OVER = "cod_over"
COD_UNEXPECTED = "cod_unexpected"
FLAGS = (COD_SHORT, COD_OVER, COD_UNEXPECTED)
"""What is said of the money: less than was due, more, or some where none was."""

_NOTHING_COMES = frozenset({ShipmentState.RETURNED, ShipmentState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Money:
    """The axis as it stands. `collected` and `paid` are None where nobody said anything."""

    state: CodState
    collected: int | None
    collected_at: datetime | None
    paid: int | None
    flags: tuple[str, ...]


def money_of(shipment: Shipment) -> Money:
    """What the history, the statements and the operators make of the money of a parcel."""
    collected, collected_at = _collected(shipment)
    paid = paid_over(shipment, collected)
    due = shipment.cod_due
    told = paid if paid is not None else collected
    flags = () if told is None else _flags(due, told)
    if shipment.cod_decision:
        flags = tuple(flag for flag in flags if flag != COD_SHORT)
    return Money(_state(shipment, collected, paid), collected, collected_at, paid, flags)


def paid_over(shipment: Shipment, collected: int | None) -> int | None:
    """What the carrier paid over, by its statements or else by its own word; None where it said nothing."""
    if shipment.cod_settlements:
        return sum(one.amount for one in shipment.cod_settlements)
    course = shipment.course
    if course.cod_remitted_at is None:
        return None
    if course.cod_remitted is not None:
        return course.cod_remitted
    return collected if collected is not None else shipment.cod_due


def remitted_at(shipment: Shipment) -> datetime | None:
    """When the carrier last paid over, by its statements or else by its own word."""
    moments = [one.paid_at for one in shipment.cod_settlements]
    return max(moments, default=shipment.course.cod_remitted_at)


def may_be_decided(shipment: Shipment, decision: str) -> bool:
    """Whether operators may take a decision about the money: nothing is waived that came, nothing closed that is not short."""
    if decision == WAIVE:
        return shipment.cod in (CodState.TO_COLLECT, CodState.COLLECTED, CodState.SHORT)
    return decision == CLOSE_SHORT and shipment.cod is CodState.SHORT and not shipment.cod_decision


def _collected(shipment: Shipment) -> tuple[int | None, datetime | None]:
    course, due = shipment.course, shipment.cod_due
    if course.cod_collected_at is not None:
        amount = course.cod_collected if course.cod_collected is not None else due
        return amount, course.cod_collected_at
    at = collected_word(shipment.direction, course)
    return (due, at) if due and at is not None else (None, None)


def _state(shipment: Shipment, collected: int | None, paid: int | None) -> CodState:
    due = shipment.cod_due
    if paid is not None and paid >= due:
        return CodState.REMITTED if paid or due else CodState.NONE
    if shipment.cod_decision == WAIVE:
        return CodState.WAIVED
    if paid is not None:
        return CodState.SHORT
    if collected is not None and (collected or due):
        return CodState.COLLECTED if collected >= due else CodState.SHORT
    nothing_comes = shipment.state in _NOTHING_COMES or shipment.order is OrderState.REFUSED
    return CodState.NONE if not due or nothing_comes else CodState.TO_COLLECT


def _flags(due: int, told: int) -> tuple[str, ...]:
    if told > due:
        return (COD_OVER,) if due else (COD_UNEXPECTED,)
    return (COD_SHORT,) if told < due else ()
