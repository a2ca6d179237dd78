"""What only operators decide: where a parcel is and its money, each with a second key; and a difference of a statement.

Nobody else can tell any more: the carrier was asked, the feed is silent, or it contradicts itself. The order of the world comes
first, so a decision that cannot be is refused when it is proposed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.kit.contract import Change, Decided, Kit
from connectors.kit.errors import CannotMap
from connectors.kit.settlement.deciding import CLOSE, closed_difference
from connectors.postal.changes import CodDecided, ShipmentChange, StateDecided
from connectors.postal.cod_days import COD
from connectors.postal.commanding import NOT_PLACED, PLACED
from connectors.postal.entering import change_of
from connectors.postal.model import OrderState, ShipmentState
from connectors.postal.money import CLOSE_SHORT, WAIVE, may_be_decided
from connectors.postal.parcels import shipment_of
from connectors.postal.shipment import Shipment

STATES = (ShipmentState.DELIVERED, ShipmentState.RETURNED, ShipmentState.EXCEPTION)
"""Where operators may say that a parcel is."""

_OF_THE_ORDER = (PLACED, NOT_PLACED)
"""What they may say of an order in doubt."""

Making = Callable[[Shipment, Decided], ShipmentChange]


class Decisions:
    """Makes changes of decisions. Raises `CannotMap` with the reason, so that nobody signs what cannot be."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def decided(self, decision: Decided) -> Change:
        """The change that a decision makes."""
        if decision.decision == CLOSE:
            return await closed_difference(self._kit.ledgers, COD, decision)
        making = _MAKING.get(decision.decision)
        shipment = await shipment_of(self._kit, decision.ledger_id)
        if making is None or shipment is None:
            raise CannotMap("Không có bưu gửi này, hoặc không có quyết định loại này.")
        return change_of(shipment.shipment_id, making(shipment, decision), shipment.dossier_code)


def _state(shipment: Shipment, decision: Decided) -> ShipmentChange:
    word = _text(decision.fields, "state")
    if word not in (*STATES, *_OF_THE_ORDER):
        raise CannotMap(f"state: phải là một trong {', '.join((*STATES, *_OF_THE_ORDER))}.")
    if word in _OF_THE_ORDER and shipment.order is not OrderState.IN_DOUBT and not _carried_out(shipment, decision):
        raise CannotMap(f"state: chỉ kết luận {word} cho đơn đang không rõ đã được nhận hay chưa.")
    if word in STATES and shipment.order is OrderState.ASKED:
        raise CannotMap("state: đơn chưa được gửi tới đơn vị vận chuyển.")
    return StateDecided(
        at=decision.at,
        state=word,
        evidence=_text(decision.fields, "evidence"),
        decided_by=decision.decided_by,
        approved_by=decision.approved_by,
        decision_id=decision.decision_id,
    )


def _cod(shipment: Shipment, decision: Decided) -> ShipmentChange:
    word = _text(decision.fields, "decision")
    if word not in (WAIVE, CLOSE_SHORT):
        raise CannotMap(f"decision: phải là {WAIVE} hoặc {CLOSE_SHORT}.")
    if shipment.cod_decision != word and not may_be_decided(shipment, word):
        raise CannotMap(f"decision: tiền thu hộ đang ở trạng thái {shipment.cod}, không thể {word}.")
    return CodDecided(
        at=decision.at,
        decision=word,
        reason=decision.reason,
        decided_by=decision.decided_by,
        approved_by=decision.approved_by,
        decision_id=decision.decision_id,
    )


_MAKING: Mapping[str, Making] = {"state": _state, "cod": _cod}


def _carried_out(shipment: Shipment, decision: Decided) -> bool:
    """Whether the order went on since the decision was proposed: carried out again, it changes nothing."""
    return bool(decision.approved_by) and shipment.order is not OrderState.REFUSED


def _text(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "").strip()
    if not value or len(value) > 200 or not value.isprintable():
        raise CannotMap(f"{name}: phải có, nhiều nhất 200 ký tự.")
    return value
