"""The post behind an LGSP, through the whole connector: registered, ordered, followed, taken back and priced at one address."""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.postal.model import OrderState, ShipmentState
from tests.connectors.postal.desk import FEED_STATUSES, opened_desk, wanted

_LONG = 40 * 86_400
_SERVICES = {name: name for name in ("order", "cancel", "tracking", "document", "price")}


def _lgsp(simulator: str) -> list[dict[str, Any]]:
    """The LGSP at the simulator, as an operator configures it."""
    carrier = {
        "name": "buu-dien-qua-truc",
        "profile": "h3",
        "customer": "SIMTRUC",
        "base_url": f"{simulator}/h3/postal",
        "token_url": f"{simulator}/h3/token",
        "secrets": {"consumer_key": "env:H2_KEY", "consumer_secret": "env:H2_SECRET"},
        "statuses": FEED_STATUSES,
        "options": {"settle_s": 0.0, "services": _SERVICES},
        "allow_plain": ["127.0.0.1"],
    }
    return [carrier]


async def test_a_parcel_goes_its_way_through_an_lgsp() -> None:
    """Its dossier registered first, the order placed, every scan of the feed in one history, the fee collected."""
    async with opened_desk(carriers=_lgsp) as desk:
        shown = await desk.asked(register=True)
        assert (desk.calls("h3.register"), desk.calls("h3.order")) == (1, 1)
        assert (await desk.shipment(shown["shipment_id"])).order is OrderState.PLACED
        await desk.order("POST", "clock", {"advance_s": _LONG})
        while (await desk.poll("feed_h3")).more:
            pass
        shipment = await desk.shipment(shown["shipment_id"])
        assert shipment.state is ShipmentState.DELIVERED
        assert all(scan.event_id.startswith("buu-dien-qua-truc-h3:") for scan in shipment.history)
        assert len({scan.event_id for scan in shipment.history}) == len(shipment.history) > 3


async def test_a_price_is_told_by_the_lgsp() -> None:
    """One, for what a public-administration parcel of that weight costs there."""
    async with opened_desk(carriers=_lgsp) as desk:
        asked = {
            "request_id": "gia-1",
            "direction": "deliver",
            "place": wanted()["citizen"]["place"],
            "weight_g": 100,
        }
        reply = await desk.ask("POST", "/v1/shipments/price", asked)
        (price,) = msgspec.json.decode(reply.body)["prices"]
        assert reply.status == 200 and price["service"] == "HCC" and price["amount"] > 0


async def test_an_order_that_was_taken_back_is_cancelled_there_too() -> None:
    """By a GET with the number, answered by the adapter as it answers everything."""
    async with opened_desk(carriers=_lgsp) as desk:
        shown = await desk.asked()
        path = f"/v1/shipments/{shown['shipment_id']}/cancel"
        await desk.ask("POST", path, {"request_id": "huy-1", "reason": "Công dân tới nhận trực tiếp"})
        assert desk.calls("h3.cancel") == 1
        assert (await desk.shipment(shown["shipment_id"])).state is ShipmentState.CANCELLED
        assert [parcel["state"] for parcel in await desk.parcels()] == ["cancelled"]


async def test_a_token_that_ended_is_fetched_anew_once_and_nothing_is_doubled() -> None:
    """The carrier answers 401, which did nothing: one new token, one repeat (postal facts 9)."""
    async with opened_desk(carriers=_lgsp) as desk:
        await desk.asked()
        await desk.order("POST", "tokens/expire", {"house": "h3"})
        shown = await desk.asked(request_id="thu-2", dossier_code="000.00.00.G16-261122-0002")
        assert (await desk.shipment(shown["shipment_id"])).order is OrderState.PLACED
        assert len(await desk.parcels()) == 2 and desk.calls("h3.token") == 2
