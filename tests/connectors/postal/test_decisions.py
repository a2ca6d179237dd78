"""What two operators decide about a parcel: nothing that is not so, nothing that anybody else can still tell."""

from __future__ import annotations

import pytest

from connectors.kit.contract import Decided
from connectors.kit.errors import CannotMap
from connectors.kit.faults import FaultKind
from connectors.postal.model import CodState, OrderState, ShipmentState
from tests.connectors.postal.desk import Desk, opened_desk


async def _refused(desk: Desk, name: str, shipment_id: str, /, **fields: str) -> str:
    """The reason why a decision cannot be proposed."""
    proposed = Decided(name, shipment_id, fields, "d-1", "op1", "", "thử", desk.now())
    with pytest.raises(CannotMap) as refused:
        await desk.connector.decided(proposed)
    return refused.value.message_vi


async def test_operators_say_where_a_parcel_is_that_nobody_else_can_tell_of() -> None:
    """The resolution system hears of it as of any arrival; the evidence stands in the history, not in the answer."""
    async with opened_desk({"script": {"until": "in_transit"}}) as desk:
        shown = await desk.asked()
        await desk.decide("state", shown["shipment_id"], state="returned", evidence="biên bản 12/BB")
        shipment = await desk.shipment(shown["shipment_id"])
        assert (shipment.state, shipment.proposed) == (ShipmentState.RETURNED, "returned")
        assert shipment.history[-1].source == "operator" and shipment.history[-1].note == "biên bản 12/BB"
        assert b"12/BB" not in (await desk.ask("GET", f"/v1/shipments/{shown['shipment_id']}")).body


@pytest.mark.parametrize("state", ["cancelled", "created", "lost", ""])
async def test_a_state_that_operators_may_not_say_is_refused(state: str) -> None:
    """They find parcels; they do not take orders back."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        assert "state" in await _refused(desk, "state", shown["shipment_id"], state=state, evidence="x")


async def test_an_order_that_the_carrier_has_is_never_decided_away() -> None:
    """It said so itself; only doubt can be ended by a decision."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        told = await _refused(desk, "state", shown["shipment_id"], state="not_placed", evidence="x")
        assert "not_placed" in told
        waiting, _ = await desk.wanted(request_id="thu-2", dossier_code="000.00.00.G16-261122-0002")
        assert "chưa được gửi" in await _refused(desk, "state", waiting, state="delivered", evidence="x")


async def test_a_decision_without_evidence_is_refused() -> None:
    """Whoever reads the trail later wants to know why."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        assert "evidence" in await _refused(desk, "state", shown["shipment_id"], state="delivered")
        assert "evidence" in await _refused(desk, "state", shown["shipment_id"], state="delivered", evidence="a\nb")


async def test_a_word_about_doubt_that_comes_after_the_carriers_own_changes_nothing() -> None:
    """The feed spoke of the parcel while the second operator was signing."""
    async with opened_desk() as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", FaultKind.DROP_AFTER_COMMIT)
        await desk.deliver(shipment_id, task)
        words = {"state": "not_placed", "evidence": "điện thoại"}
        await desk.connector.decided(Decided("state", shipment_id, words, "d-1", "op1", "", "thử", desk.now()))
        await desk.order("POST", "clock", {"advance_s": 3_700})
        await desk.poll("feed_h2")
        await desk.decide("state", shipment_id, **words)
        shipment = await desk.shipment(shipment_id)
        assert shipment.order is OrderState.PLACED and "not_placed" not in shipment.flags
        await desk.deliver(shipment_id, task)
        assert desk.calls("h2.order") == 1


async def test_money_that_nobody_will_collect_is_waived_and_none_that_came() -> None:
    """Two operators, with their reason; what was paid over is no more theirs to waive."""
    async with opened_desk({"script": {"until": "created"}}) as desk:
        shown = await desk.asked()
        assert "close_short" in await _refused(desk, "cod", shown["shipment_id"], decision="close_short")
        assert "decision" in await _refused(desk, "cod", shown["shipment_id"], decision="forget")
        await desk.decide("cod", shown["shipment_id"], decision="waive")
        assert (await desk.shipment(shown["shipment_id"])).cod is CodState.WAIVED
    async with opened_desk() as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": 40 * 86_400})
        while (await desk.poll("feed_h2")).more:
            pass
        assert "remitted" in await _refused(desk, "cod", shown["shipment_id"], decision="waive")


async def test_nothing_is_decided_about_a_parcel_that_there_is_not() -> None:
    """Nor by a name that no decision has."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        assert "Không có bưu gửi" in await _refused(desk, "state", "khongco", state="delivered", evidence="x")
        assert "Không có" in await _refused(desk, "refund", shown["shipment_id"])
