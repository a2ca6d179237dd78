"""The desk of the post before the simulated carriers: parcels asked for, taken back, followed, in doubt."""

from __future__ import annotations

from connectors.postal.model import CodState, OrderState, ShipmentState
from tests.connectors.postal.desk import opened_desk


async def test_a_result_is_ordered_followed_and_arrives() -> None:
    """From the request to the door: one order at the carrier, every scan in the history, the fee collected."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        assert (shown["order"], shown["order_number"]) == ("placed", f"{shown['dossier_code']}-T")
        await desk.order("POST", "clock", {"advance_s": 40 * 86_400})
        while (await desk.poll("feed_h2")).more:
            pass
        shipment = await desk.shipment(shown["shipment_id"])
        assert (shipment.state, shipment.order) == (ShipmentState.DELIVERED, OrderState.PLACED)
        assert shipment.cod in (CodState.COLLECTED, CodState.REMITTED)
        books = await desk.order("GET", "books")
        (parcel,) = books["parcels"]
        told = [one for one in parcel["history"] if one["happening"] != "created"]  # the feed has no word for it
        assert [scan.means for scan in shipment.history] == [one["happening"] for one in told]
