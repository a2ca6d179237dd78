"""The desk of the post before the simulated carriers: parcels asked for, looked at, taken back, priced."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import DeliverTask, Receipt, Sender
from connectors.kit.errors import Busy, CredentialsRefused, OutcomeUnknown
from connectors.kit.faults import FaultKind
from connectors.postal.model import CodState, OrderState, ShipmentState
from connectors.postal.tasks import REGISTER_ATTEMPTS
from tests.connectors.postal.desk import CITIZEN, DOSSIER, h2, m1, opened_desk, wanted


def _both(simulator: str) -> list[object]:
    return [h2(simulator), m1(simulator)]


def _tree(body: bytes) -> Any:
    return json.loads(body)


async def test_a_result_is_ordered_followed_and_arrives() -> None:
    """From the request to the door: one order at the carrier, every scan in the history, the fee collected."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        assert (shown["order"], shown["order_number"]) == ("placed", f"{DOSSIER}-T")
        await desk.order("POST", "clock", {"advance_s": 40 * 86_400})
        while (await desk.poll("feed_h2")).more:
            pass
        shipment = await desk.shipment(shown["shipment_id"])
        assert (shipment.state, shipment.order) == (ShipmentState.DELIVERED, OrderState.PLACED)
        assert (shipment.cod, shipment.cod_collected) == (CodState.REMITTED, 150_000)
        (parcel,) = await desk.parcels()
        told = [one for one in parcel["history"] if one["happening"] != "created"]  # the feed has no word for it
        assert [scan.means for scan in shipment.history] == [one["happening"] for one in told]


async def test_a_dossier_is_collected_from_the_citizen() -> None:
    """The agency of the configuration receives; the number says which way it goes."""
    async with opened_desk() as desk:
        shown = await desk.asked(direction="collect", cod_lines=[], components=["Đơn đề nghị", "Bản sao giấy phép"])
        shipment = await desk.shipment(shown["shipment_id"])
        assert shipment.order_number == f"{DOSSIER}-N"
        assert (shipment.sender.name, shipment.receiver.name) == (CITIZEN["name"], "Bộ phận Một cửa")
        assert shipment.contents == "Đơn đề nghị; Bản sao giấy phép"


async def test_the_same_request_again_is_the_same_parcel() -> None:
    """However often a caller repeats what it was not answered: one parcel, one order, the same answer."""
    async with opened_desk() as desk:
        first, again = [await desk.ask("POST", "/v1/shipments", wanted()) for _ in range(2)]
        assert (first.status, first.body, first.headers) == (again.status, again.body, again.headers)
        assert len(await desk.parcels()) == 1
        other = await desk.ask("POST", "/v1/shipments", wanted(note="gọi trước khi phát"))
        assert (other.status, _tree(other.body)["code"]) == (409, "shipment_request_reused")


async def test_a_second_parcel_the_same_way_has_to_be_meant() -> None:
    """While one is on its way another is mostly a mistake; asked for on purpose it gets the next number."""
    async with opened_desk() as desk:
        await desk.asked()
        refused = await desk.ask("POST", "/v1/shipments", wanted(request_id="thu-2"))
        assert (refused.status, _tree(refused.body)["code"]) == (409, "shipment_open")
        second = await desk.asked(request_id="thu-2", additional=True)
        assert second["order_number"] == f"{DOSSIER}-T2"
        back = await desk.asked(request_id="thu-3", direction="collect")
        assert back["order_number"] == f"{DOSSIER}-N"
        assert len({one["number"] for one in await desk.parcels()}) == 3


async def test_a_parcel_that_came_back_makes_room_for_the_next() -> None:
    """Its way has ended, so nobody has to say that another is meant."""
    async with opened_desk({"script": {"ends": "returned", "failed_attempts": 2}}) as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": 40 * 86_400})
        while (await desk.poll("feed_h2")).more:
            pass
        shipment = await desk.shipment(shown["shipment_id"])
        assert (shipment.state, shipment.attempts) == (ShipmentState.RETURNED, 2)
        assert (await desk.asked(request_id="thu-2"))["order_number"] == f"{DOSSIER}-T2"


async def test_two_requests_that_race_at_two_carriers_send_one_parcel() -> None:
    """Neither ledger knows of the other one's; the number of the dossier's parcel is held once, whoever carries it."""
    async with opened_desk(carriers=_both) as desk:
        bodies = [wanted(carrier="vnpost"), wanted(carrier="donhang", request_id="thu-2")]
        heard = [await desk.heard("POST", "/v1/shipments", body) for body in bodies]
        for reply in heard:
            desk.books.take(reply.inputs)
        await desk.carry()
        answers = [await reply.then() for reply in heard if reply.then is not None]
        assert [one.status for one in answers] == [201, 409]
        assert _tree(answers[1].body)["code"] == "shipment_number_taken"
        assert [one["house"] for one in await desk.parcels()] == ["h2"]
        again = await desk.ask("POST", "/v1/shipments", bodies[1])
        assert (again.status, _tree(again.body)["code"]) == (409, "shipment_open")


async def test_two_requests_that_race_for_a_number_got_one_parcel_between_them() -> None:
    """The first change wins; the other is told to send again, and then gets the next number."""
    async with opened_desk() as desk:
        endpoint = desk.connector.endpoints()[0]
        bodies = [msgspec.json.encode(wanted(request_id=name)) for name in ("a", "b")]
        replies = [await endpoint.handler(desk.notice("POST", "/v1/shipments", body)) for body in bodies]
        for reply in replies:
            desk.books.take(reply.inputs)
        answers = [await reply.then() for reply in replies if reply.then is not None]
        assert [answer.status for answer in answers] == [201, 409]
        assert _tree(answers[1].body)["code"] == "shipment_number_taken"
        assert (await desk.asked(request_id="b", additional=True))["order_number"] == f"{DOSSIER}-T2"


async def test_nobody_else_learns_that_a_parcel_exists() -> None:
    """Another system gets the answer of a parcel that there is not; one that works on other procedures none at all."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        path, other = f"/v1/shipments/{shown['shipment_id']}", Sender("KHAC", "sector", ("9.999999",))
        for method, where, body in (
            ("GET", path, None),
            ("POST", f"{path}/cancel", {"request_id": "x", "reason": "x"}),
        ):
            reply = await desk.ask(method, where, body, sender=other)
            assert (reply.status, _tree(reply.body)["code"]) == (404, "shipment_not_found")
        refused = await desk.ask("POST", "/v1/shipments", wanted(request_id="y"), sender=other)
        assert (refused.status, _tree(refused.body)["code"]) == (403, "shipment_forbidden")


async def test_an_answer_names_nobody() -> None:
    """Not who gets the parcel, not where they live, not what the carrier wrote about them."""
    phone = "0900000009"  # with a nought at its end it may stand in the number of a scan, by the second at which it was made
    async with opened_desk() as desk:
        shown = await desk.asked(citizen={**CITIZEN, "phone": phone})
        await desk.order("POST", "clock", {"advance_s": 40 * 86_400})
        while (await desk.poll("feed_h2")).more:
            pass
        reply = await desk.ask("GET", f"/v1/shipments/{shown['shipment_id']}")
        text = reply.body.decode()
        assert reply.status == 200 and _tree(reply.body)["history"]
        for word in (CITIZEN["name"], phone, "Ví Dụ", "Ngô Quyền"):
            assert word not in text


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"direction": "sideways"}, "/direction"),
        ({"dossier_code": "có trống"}, "/dossier_code"),
        ({"dossier_code": f"X{'0' * 60}"}, "/dossier_code"),
        ({"carrier": "khong-co"}, "/carrier"),
        ({"weight_g": 30_001}, "/weight_g"),
        ({"cod_lines": [{"fee_id": "A", "name": "Phí", "amount": 0}]}, "/cod_lines/0/amount"),
        ({"cod_lines": [{"fee_id": "A", "name": "Phí", "amount": 1}] * 2}, "/cod_lines"),
        ({"components": ["a", ""]}, "/components/1"),
        ({"citizen": {**CITIZEN, "phone": "không có"}}, "/citizen/phone"),
        ({"citizen": {**CITIZEN, "name": " "}}, "/citizen/name"),
        ({"citizen": {**CITIZEN, "place": {**CITIZEN["place"], "district": "7"}}}, "/citizen/place/district"),
        (
            {"citizen": {**CITIZEN, "place": {**CITIZEN["place"], "list_version": "2030"}}},
            "/citizen/place/list_version",
        ),
        ({"citizen": {**CITIZEN, "place": {**CITIZEN["place"], "province": "79a"}}}, "/citizen/place/province"),
    ],
)
async def test_a_wrong_request_is_refused_by_its_place_and_nothing_is_kept(
    changes: dict[str, object], pointer: str
) -> None:
    """All faults at once, none of their values; no ledger and no carrier hears of it."""
    async with opened_desk() as desk:
        reply = await desk.ask("POST", "/v1/shipments", wanted(**changes))
        told = _tree(reply.body)
        assert (reply.status, told["code"]) == (422, "shipment_invalid")
        assert pointer in [error["pointer"] for error in told["errors"]]
        assert CITIZEN["phone"] not in reply.body.decode() and not desk.books.effects


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"request_id": "a", "request_id": "b"}', b'{"weight_g": NaN}', b"\xff"]
)
async def test_what_is_no_object_is_refused(body: bytes) -> None:
    """A name that stands twice, a number that JSON does not know, bytes that are no text."""
    async with opened_desk() as desk:
        reply = await desk.ask("POST", "/v1/shipments", body)
        assert (reply.status, _tree(reply.body)["code"]) == (400, "shipment_malformed")


async def test_an_order_that_the_carrier_refuses_ends_and_holds_nothing() -> None:
    """It is an answer: the lane goes on, the caller reads why in our words, people are told."""
    async with opened_desk({"script": {"refuse": "Địa chỉ của Nguyễn Thị Mẫu không rõ"}}) as desk:
        shown = await desk.asked()
        assert (shown["order"], shown["refusal"]["code"]) == ("refused", "status-422")
        assert "Nguyễn" not in json.dumps(shown, ensure_ascii=False)
        assert isinstance(desk.ended[-1], Receipt) and "postal.refused" in desk.alarms()
        assert (await desk.asked(request_id="thu-2"))["order_number"] == f"{DOSSIER}-T2"


# --- taken back -------------------------------------------------------------------------------------------------------


async def test_a_parcel_that_nobody_has_picked_up_is_taken_back() -> None:
    """The caller waits for the carrier's word and reads it; asked again, the same answer and no second call."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        path = f"/v1/shipments/{shown['shipment_id']}/cancel"
        replies = [await desk.ask("POST", path, {"request_id": "huy-1", "reason": "nhận trực tiếp"}) for _ in range(2)]
        for reply in replies:
            assert (reply.status, _tree(reply.body)["state"], _tree(reply.body)["cancel"]["outcome"]) == (
                200,
                "cancelled",
                "cancelled",
            )
        assert desk.calls("h2.cancel") == 1
        other = await desk.ask("POST", path, {"request_id": "huy-1", "reason": "lý do khác"})
        assert _tree(other.body)["code"] == "shipment_request_reused"
        over = await desk.ask("POST", path, {"request_id": "huy-2", "reason": "lần nữa"})
        assert (over.status, _tree(over.body)["code"]) == (409, "shipment_already_cancelled")


async def test_a_parcel_that_is_under_way_is_not_taken_back_and_the_caller_reads_where_it_is() -> None:
    """By what we know; the carrier is not asked."""
    async with opened_desk({"script": {"until": "in_transit"}}) as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": 40 * 86_400})
        await desk.poll("feed_h2")
        path = f"/v1/shipments/{shown['shipment_id']}/cancel"
        reply = await desk.ask("POST", path, {"request_id": "huy-1", "reason": "thôi"})
        told = _tree(reply.body)
        assert (reply.status, told["code"]) == (409, "shipment_too_late")
        assert "Đang vận chuyển" in told["detail"] and desk.calls("h2.cancel") == 0


async def test_a_pickup_that_overtakes_a_cancellation_is_told_as_it_is() -> None:
    """The postman was there before our question was: the carrier says so, and the parcel goes on."""
    async with opened_desk({"script": {"until": "in_transit"}}) as desk:
        shown = await desk.asked()
        await desk.order("POST", "clock", {"advance_s": 40 * 86_400})  # nothing of this was told to us yet
        path = f"/v1/shipments/{shown['shipment_id']}/cancel"
        reply = await desk.ask("POST", path, {"request_id": "huy-1", "reason": "thôi"})
        told = _tree(reply.body)
        assert (reply.status, told["cancel"]["outcome"], told["state"]) == (200, "too_late", "created")
        while (await desk.poll("feed_h2")).more:
            pass
        shipment = await desk.shipment(shown["shipment_id"])
        assert shipment.state is ShipmentState.IN_TRANSIT


async def test_a_cancellation_that_is_not_answered_yet_is_told_as_asked() -> None:
    """202 after the time that the configuration gives; what becomes of it stands in the parcel."""
    async with opened_desk() as desk:
        shown = await desk.asked()
        path = f"/v1/shipments/{shown['shipment_id']}/cancel"
        reply = await desk.ask("POST", path, {"request_id": "huy-1", "reason": "thôi"}, carry=False)
        assert (reply.status, _tree(reply.body)["cancel"]["outcome"]) == (202, "")


async def test_an_order_that_has_not_gone_out_is_cancelled_without_asking_anybody() -> None:
    """It never goes out: both tasks end without a call."""
    async with opened_desk() as desk:
        shipment_id, order = await desk.wanted()
        path = f"/v1/shipments/{shipment_id}/cancel"
        await desk.ask("POST", path, {"request_id": "huy-1", "reason": "thôi"}, carry=False)
        assert isinstance(await desk.deliver(shipment_id, order), Receipt)
        await desk.carry()
        shipment = await desk.shipment(shipment_id)
        assert (shipment.state, await desk.parcels()) == (ShipmentState.CANCELLED, [])
        assert desk.calls("h2.order") == desk.calls("h2.cancel") == 0


# --- carriers ---------------------------------------------------------------------------------------------------------


async def test_a_request_may_name_a_carrier_and_else_gets_the_first() -> None:
    """Each parcel stays with the carrier that it was ordered at."""
    async with opened_desk(carriers=_both) as desk:
        first = await desk.asked()
        other = await desk.asked(request_id="thu-2", dossier_code=f"{DOSSIER}9", carrier="donhang")
        assert (first["carrier"], other["carrier"]) == ("vnpost", "donhang")
        assert sorted(one["house"] for one in await desk.parcels()) == ["h2", "m1"]


async def test_a_token_that_ended_is_renewed_once_and_the_order_goes_out_once() -> None:
    """HTTP 401 to a kept token did nothing."""
    async with opened_desk() as desk:
        await desk.asked()
        await desk.order("POST", "tokens/expire", {"house": "h2"})
        await desk.asked(request_id="thu-2", dossier_code=f"{DOSSIER}9")
        assert len(await desk.parcels()) == 2 and desk.calls("h2.token") == 2


@pytest.mark.parametrize("alone", [True, False])
async def test_wrong_credentials_stop_the_whole_post_only_where_there_is_one_carrier(alone: bool) -> None:
    """With one, the upstream pauses until they are put right; of several, the others go on."""

    def carriers(simulator: str) -> list[object]:
        strange = h2(simulator, secrets={"consumer_key": "env:H2_SECRET", "consumer_secret": "env:H2_KEY"})
        return [strange] if alone else [strange, m1(simulator)]

    async with opened_desk(carriers=carriers) as desk:
        shipment_id, task = await desk.wanted()
        ended = await desk.deliver(shipment_id, task)
        assert isinstance(ended, CredentialsRefused) and ended.partial is not alone
        assert (await desk.shipment(shipment_id)).order is OrderState.ASKED and not await desk.parcels()


async def test_a_busy_carrier_is_asked_again_later() -> None:
    """Nothing was done, so nothing is in doubt."""
    async with opened_desk() as desk:
        shipment_id, task = await desk.wanted()
        desk.breaks("h2.order", FaultKind.BUSY_429)
        ended = await desk.deliver(shipment_id, task)
        assert isinstance(ended, Busy) and ended.partial and ended.retry_after_s is not None
        assert isinstance(await desk.deliver(shipment_id, task), Receipt)
        assert len(await desk.parcels()) == 1


async def test_a_dossier_is_registered_where_that_is_wanted_and_offered() -> None:
    """Before the order, in its lane; a carrier without registrations is not asked for one."""
    async with opened_desk(carriers=_both) as desk:
        shown = await desk.asked(register=True, components=["Đơn đề nghị"])
        assert [task.operation for _, task in desk.tasks()] == ["register", "order"]
        assert (await desk.order("GET", "books"))["documents"]["h2"] == {DOSSIER: 1}
        await desk.asked(request_id="thu-2", dossier_code=f"{DOSSIER}9", register=True, carrier="donhang")
        assert [task.operation for _, task in desk.tasks()][2:] == ["order"]
        again = await desk.deliver(shown["shipment_id"], DeliverTask("register", {}))
        assert isinstance(again, Receipt) and again.duplicate and desk.calls("h2.register") == 1


async def test_an_order_that_its_carrier_took_is_not_cancelled_because_a_list_lacks_it() -> None:
    """The postman comes all the same; whoever heard "cancelled" would order a second parcel."""
    async with opened_desk(carriers=lambda simulator: [m1(simulator)]) as desk:
        desk.breaks("m1.order", FaultKind.DUPLICATE)
        shown = await desk.asked()
        assert (await desk.shipment(shown["shipment_id"])).order is OrderState.PLACED
        await desk.order("PUT", "lies", {"orders": [{"lie": "not_found", "times": 1}]})
        cancel = {"request_id": "huy-1", "reason": "không cần nữa"}
        reply = await desk.ask("POST", f"/v1/shipments/{shown['shipment_id']}/cancel", cancel)
        shipment = await desk.shipment(shown["shipment_id"])
        assert reply.status == 200 and shipment.cancel is not None
        assert (shipment.state, shipment.cancel.outcome) == (ShipmentState.CREATED, "in_doubt")
        assert (await desk.parcels())[0]["state"] != "cancelled"


@pytest.mark.parametrize("kind", [FaultKind.HTTP_500, FaultKind.DROP_BEFORE_COMMIT])
async def test_a_registration_that_is_never_answered_does_not_keep_the_parcel_back_for_ever(kind: FaultKind) -> None:
    """Nothing depends on it: after some attempts people hear of it, and the order goes out."""
    async with opened_desk() as desk:
        reply = await desk.ask("POST", "/v1/shipments", wanted(register=True), carry=False)
        shipment_id = _tree(reply.body)["shipment_id"]
        desk.breaks("h2.register", kind, times=0)
        first = desk.delivery(shipment_id, DeliverTask("register", {}))
        with pytest.raises(OutcomeUnknown):
            await desk.connector.deliver_task(first)
        last = await desk.connector.deliver_task(replace(first, attempt=REGISTER_ATTEMPTS))
        desk.books.take(last.inputs)
        assert "postal.not_registered" in desk.alarms()
        assert isinstance(await desk.deliver(shipment_id, DeliverTask("order", {})), Receipt)
        assert len(await desk.parcels()) == 1


@pytest.mark.parametrize("carrier", ["vnpost", "donhang"])
async def test_what_people_wrote_of_a_citizen_never_becomes_evidence(carrier: str) -> None:
    """A note for the postman names whom to call: it goes to the carrier, and into the sealed ledger alone."""
    async with opened_desk(carriers=_both) as desk:
        words = {"note": "Gọi bà Mẫu, 0900000000, trước khi phát", "contents": "Giấy phép của bà Mẫu"}
        await desk.asked(carrier=carrier, **words)
        exchanges = [one.exchange for one in desk.ended if isinstance(one, Receipt)]
        assert exchanges and all(one.request and one.http_status for one in exchanges)
        for one in exchanges:
            kept = (one.request + one.response).decode()
            assert "Mẫu" not in kept and "0900000000" not in kept


async def test_prices_are_told_where_the_carrier_tells_them() -> None:
    """Cheapest first; nothing is ordered and nothing is kept."""
    async with opened_desk(carriers=_both) as desk:
        asked = {"request_id": "gia-1", "direction": "deliver", "place": CITIZEN["place"], "weight_g": 200}
        reply = await desk.ask("POST", "/v1/shipments/price", {**asked, "carrier": "donhang"})
        prices = [one["amount"] for one in _tree(reply.body)["prices"]]
        assert reply.status == 200 and prices and prices == sorted(prices)
        none = await desk.ask("POST", "/v1/shipments/price", asked)
        assert (none.status, _tree(none.body)["code"]) == (409, "shipment_no_price")
        desk.breaks("m1.price", FaultKind.DROP_BEFORE_COMMIT)
        failed = await desk.ask("POST", "/v1/shipments/price", {**asked, "carrier": "donhang"})
        assert (failed.status, _tree(failed.body)["code"]) == (503, "shipment_carrier_failed")
        assert not desk.books.effects


async def test_the_probe_tells_which_carrier_is_away() -> None:
    """One that answers is enough to go on."""
    async with opened_desk(carriers=lambda simulator: [h2(simulator), m1("http://127.0.0.1:9")]) as desk:
        health = await desk.connector.check()
        assert health.ready and "donhang" in health.detail_vi
