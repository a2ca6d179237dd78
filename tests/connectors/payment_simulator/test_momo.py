"""The simulated MoMo: its vectors are taken, its notices are signed, its answers are not."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from tests.connectors.payment.vectors import VECTORS
from tests.connectors.payment_simulator.conftest import Ground, OpenGround, momo_signed

_BY_ID = {vector.id: vector for vector in VECTORS}
_ROOT = "/momo/v2/gateway/api"
_CREATE = "accessKey amount extraData ipnUrl orderId orderInfo partnerCode redirectUrl requestId requestType"
_NEWS = (
    "accessKey amount extraData message orderId orderInfo orderType partnerCode payType requestId responseTime "
    "resultCode transId"
)
_QUERY = "accessKey orderId partnerCode requestId"
_REFUND = "accessKey amount description orderId partnerCode requestId transId"


def _order(ground: Ground, **changes: object) -> dict[str, object]:
    """A signed order whose notices go to the merchant of the test."""
    gateway = ground.world.gateway_url
    fields: dict[str, object] = {
        "partnerCode": "MOMO",
        "requestId": "yc1",
        "amount": 500_000,
        "orderId": "260921000123a1",
        "orderInfo": "Phí thẩm định hồ sơ cấp phép",
        "redirectUrl": "https://cong.example.gov.vn/return?x=1",
        "ipnUrl": f"{gateway}/v1/callbacks/payment/momo",
        "requestType": "captureWallet",
        "extraData": "",
        "lang": "vi",
        **changes,
    }
    return momo_signed(fields, _CREATE)


def _ask(names: str, **fields: object) -> dict[str, object]:
    return momo_signed({"partnerCode": "MOMO", "lang": "vi", **fields}, names)


def _verifies(told: dict[str, Any]) -> bool:
    bare = {name: value for name, value in told.items() if name != "signature"}
    return bool(momo_signed(bare, _NEWS)["signature"] == told["signature"])


@pytest.mark.parametrize("vector_id", ["momo-create-space", "momo-create-diacritics"])
async def test_the_orders_of_the_vectors_are_taken(open_ground: OpenGround, vector_id: str) -> None:
    """Accents, an ampersand in an address and an empty field among them."""
    vector = _BY_ID[vector_id]
    fields = {name: value for name, value in (vector.fields or {}).items() if name != "accessKey"}
    async with open_ground() as ground:
        answer = await ground.post(f"{_ROOT}/create", {**fields, "lang": "vi", "signature": vector.signature})
        assert answer["resultCode"] == 0
        assert urlsplit(answer["payUrl"]).path.startswith("/pay/")
        assert "signature" not in answer


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 999}, 22),
        ({"amount": 50_000_001}, 22),
        ({"amount": "500000"}, 21),
        ({"orderId": "ho so"}, 20),
        ({"orderId": "a" * 51}, 20),
        ({"orderInfo": ""}, 20),
        ({"requestType": "buy"}, 20),
        ({"extraData": "!"}, 20),
        ({"ipnUrl": "file:///etc/passwd"}, 20),
        ({"partnerCode": "KHAC"}, 11),
        ({"unknown": "1"}, 20),
    ],
)
async def test_an_order_that_the_guide_does_not_allow_is_refused(
    open_ground: OpenGround, changes: dict[str, object], code: int
) -> None:
    """By result code, with the reference repeated."""
    async with open_ground() as ground:
        answer = await ground.post(f"{_ROOT}/create", _order(ground, **changes))
        assert answer["resultCode"] == code
        assert (await ground.control("GET", "books"))["orders"] == []


async def test_a_signature_over_other_fields_is_refused_and_a_doubled_member_too(open_ground: OpenGround) -> None:
    """13 for the one, 20 for the other."""
    async with open_ground() as ground:
        signed = _order(ground)
        assert (await ground.post(f"{_ROOT}/create", {**signed, "amount": 5_000}))["resultCode"] == 13
        raw = json.dumps(signed)[:-1] + ', "amount": 5000}'
        assert (await ground.post(f"{_ROOT}/create", raw.encode()))["resultCode"] == 20
        assert (await ground.post(f"{_ROOT}/create", json.dumps(signed).replace("500000", "5e5").encode()))[
            "resultCode"
        ] == 20


async def test_the_same_request_gives_the_same_answer_and_another_under_its_id_is_refused(
    open_ground: OpenGround,
) -> None:
    """40 the request id, 41 the order id (facts 3.6)."""
    async with open_ground() as ground:
        first = await ground.post(f"{_ROOT}/create", _order(ground))
        again = await ground.post(f"{_ROOT}/create", _order(ground))
        assert first["payUrl"] == again["payUrl"]
        assert (await ground.post(f"{_ROOT}/create", _order(ground, amount=600_000)))["resultCode"] == 40
        assert (await ground.post(f"{_ROOT}/create", _order(ground, requestId="yc2")))["resultCode"] == 41


async def test_a_notice_is_signed_json_and_only_204_settles_it(open_ground: OpenGround) -> None:
    """200 with a body does not; the browser goes back with the same fields."""
    async with open_ground() as ground:
        made = await ground.post(f"{_ROOT}/create", _order(ground))
        ground.merchant.script = [web.json_response({"ok": True}), web.Response(status=500)]
        did = await ground.does("pay", address=made["payUrl"])
        assert len(ground.merchant.heard) == 3
        told = json.loads(ground.merchant.heard[0].body)
        assert ground.merchant.heard[0].content_type == "application/json"
        assert _verifies(told)
        assert (told["resultCode"], told["amount"]) == (0, 500_000)
        back = dict(parse_qsl(urlsplit(did["location"]).query, keep_blank_values=True))
        assert back.pop("x") == "1"
        assert back == {name: str(value) for name, value in told.items()}


async def test_query_tells_every_standing(open_ground: OpenGround) -> None:
    """42 for an order that is not there; nothing is signed."""
    async with open_ground() as ground:
        ask = _ask(_QUERY, orderId="260921000123a1", requestId="q1")
        assert (await ground.post(f"{_ROOT}/query", ask))["resultCode"] == 42
        made = await ground.post(f"{_ROOT}/create", _order(ground, orderExpireTime=15))
        assert (await ground.post(f"{_ROOT}/query", ask))["resultCode"] == 1000
        await ground.does("process", address=made["payUrl"])
        assert (await ground.post(f"{_ROOT}/query", ask))["resultCode"] == 7000
        await ground.does("pay", address=made["payUrl"])
        paid = await ground.post(f"{_ROOT}/query", ask)
        assert (paid["resultCode"], paid["amount"]) == (0, 500_000)
        assert "signature" not in paid
        late = await ground.post(f"{_ROOT}/create", _order(ground, requestId="yc2", orderId="khac", orderExpireTime=15))
        ground.clock.turn(15 * 60)
        assert late["resultCode"] == 0
        ask = _ask(_QUERY, orderId="khac", requestId="q2")
        assert (await ground.post(f"{_ROOT}/query", ask))["resultCode"] == 1005


async def test_refunds_go_back_once_for_each_request_and_never_beyond_what_was_paid(open_ground: OpenGround) -> None:
    """7002 while under way, then 0 under the refund's own order id."""
    async with open_ground(speed={"pace": 1.0, "refund_s": 60}) as ground:
        made = await ground.post(f"{_ROOT}/create", _order(ground))
        await ground.does("pay", address=made["payUrl"])
        txn_id = int((await ground.standing("260921000123a1"))["transactions"][0]["txn_id"])

        def refund(ref: str, request_id: str, amount: int) -> dict[str, object]:
            told = {"orderId": ref, "requestId": request_id, "amount": amount, "transId": txn_id}
            return _ask(_REFUND, description="Hoàn một phần phí", **told)

        async def code(body: dict[str, object]) -> int:
            return int((await ground.post(f"{_ROOT}/refund", body))["resultCode"])

        assert await code(refund("r1", "yc-r1", 200_000)) == 7002
        assert await code(refund("r1", "yc-r1", 200_000)) == 7002
        assert await code(refund("r1", "yc-r1", 100_000)) == 40
        assert await code(refund("r1", "yc-r2", 100_000)) == 41
        assert await code(refund("260921000123a1", "yc-r3", 100_000)) == 41
        assert await code(refund("r2", "yc-r4", 300_001)) == 1081
        assert await code({**refund("r3", "yc-r5", 1), "transId": 7}) == 13
        asked = _ask(_QUERY, orderId="r1", requestId="rq1")
        assert (await ground.post(f"{_ROOT}/refund/query", asked))["refundTrans"][0]["resultCode"] == 7002
        ground.clock.turn(60)
        told = await ground.post(f"{_ROOT}/refund/query", asked)
        assert (told["resultCode"], told["refundTrans"][0]["amount"]) == (0, 200_000)
        assert (await ground.control("GET", "books"))["sums"]["momo"]["refunded"] == 200_000


async def test_answers_lie_when_told_to(open_ground: OpenGround) -> None:
    """About another order, about another amount, or about nothing (A25)."""
    async with open_ground() as ground:
        made = await ground.post(f"{_ROOT}/create", _order(ground))
        await ground.does("pay", address=made["payUrl"])
        ask = _ask(_QUERY, orderId="260921000123a1", requestId="q1")
        await ground.lie("answer_other_ref")
        assert (await ground.post(f"{_ROOT}/query", ask))["orderId"] != "260921000123a1"
        await ground.lie("answer_other_amount")
        assert (await ground.post(f"{_ROOT}/query", ask))["amount"] == 250_000
        await ground.lie("answer_not_found")
        assert (await ground.post(f"{_ROOT}/query", ask))["resultCode"] == 42
        assert (await ground.post(f"{_ROOT}/query", ask))["resultCode"] == 0


@pytest.mark.parametrize("lie", ["amount_lowered", "status_flipped", "strangers_key", "short_signature", "not_hex"])
async def test_a_forged_notice_does_not_verify(open_ground: OpenGround, lie: str) -> None:
    """Or it would prove nothing."""
    async with open_ground() as ground:
        made = await ground.post(f"{_ROOT}/create", _order(ground))
        await ground.lie(lie)
        await ground.does("fail", address=made["payUrl"])
        assert not _verifies(json.loads(ground.merchant.heard[0].body))


async def test_shapes_of_json_that_say_the_same_still_verify(open_ground: OpenGround) -> None:
    """Escaped letters and blanks change the bytes, not the fields (A19)."""
    async with open_ground() as ground:
        made = await ground.post(f"{_ROOT}/create", _order(ground))
        await ground.does("pay", address=made["payUrl"])
        plain = ground.merchant.heard[0].body
        for lie in ("escaped", "reserialised"):
            told = {"provider": "momo", "ref": "260921000123a1", "lie": lie, "wait": True}
            await ground.control("POST", "notices", told)
            assert ground.merchant.heard[-1].body != plain
            assert _verifies(json.loads(ground.merchant.heard[-1].body))
