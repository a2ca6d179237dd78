"""The simulated ZaloPay: macs over texts, callbacks on success only, refunds under ids of the merchant."""

from __future__ import annotations

import hmac
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from aiohttp import web

from tests.connectors.payment.vectors import VECTORS
from tests.connectors.payment_simulator.conftest import MERCHANTS, START, Ground, OpenGround

_BY_ID = {vector.id: vector for vector in VECTORS}
_KEY1, _KEY2 = _BY_ID["zalopay-create"].secret, _BY_ID["zalopay-callback-diacritics"].secret
_REF = "260921_bichua000000a1"
_NOW = int(START.timestamp() * 1000)


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


def _signed(fields: dict[str, Any], names: str, tail: str = "") -> dict[str, Any]:
    return {**fields, "mac": _mac(_KEY1, "|".join(str(fields[name]) for name in names.split()) + tail)}


def _order(**changes: Any) -> dict[str, Any]:
    fields = {
        "app_id": 2553,
        "app_user": "nguoi-nop",
        "app_trans_id": _REF,
        "app_time": _NOW,
        "amount": 500_000,
        "item": '[{"ten":"Phí thẩm định"}]',
        "embed_data": '{"redirecturl":"https://cong.example.gov.vn/return"}',
        "description": "Phí thẩm định hồ sơ",
        "expire_duration_seconds": 900,
        **changes,
    }
    return _signed(fields, "app_id app_trans_id app_user amount app_time embed_data item")


def _query(ref: str = _REF) -> dict[str, Any]:
    return _signed({"app_id": 2553, "app_trans_id": ref}, "app_id app_trans_id", f"|{_KEY1}")


async def _made(ground: Ground, **changes: Any) -> Any:
    answer = await ground.post("/zalopay/v2/create", _order(**changes))
    assert answer["return_code"] == 1, answer
    return answer


def test_the_keys_of_the_tests_are_those_of_the_vectors() -> None:
    """Or everything below would only agree with itself."""
    assert MERCHANTS["zalopay"] == {"merchant": "2553", "secrets": [_KEY1], "second": [_KEY2]}
    create = _BY_ID["zalopay-create"]
    assert _mac(_KEY1, create.canonical) == create.signature


@pytest.mark.parametrize(
    ("changes", "sub"),
    [
        ({"app_time": _NOW - 16 * 60_000}, -401),
        ({"app_trans_id": "260920_bichua000000a1"}, -401),
        ({"app_trans_id": "bichua000000a1"}, -401),
        ({"amount": 0}, -401),
        ({"amount": "500000"}, -401),
        ({"expire_duration_seconds": 299}, -401),
        ({"embed_data": "[]"}, -401),
        ({"item": "{}"}, -401),
        ({"app_id": 2554}, -402),
    ],
)
async def test_an_order_that_the_guide_does_not_allow_is_refused(
    open_ground: OpenGround, changes: dict[str, Any], sub: int
) -> None:
    """Amounts, windows of time, the date in Viet Nam, texts that are JSON."""
    async with open_ground() as ground:
        answer = await ground.post("/zalopay/v2/create", _order(**changes))
        assert (answer["return_code"], answer["sub_return_code"]) == (2, sub)


async def test_an_order_is_dated_in_viet_nam_not_in_utc(open_ground: OpenGround) -> None:
    """At three past midnight there it is still yesterday in UTC."""
    async with open_ground() as ground:
        ground.clock.turn(9 * 3600 + 33 * 60)
        later = _NOW + (9 * 3600 + 33 * 60) * 1000
        await _made(ground, app_time=later, app_trans_id="260922_bichua000000a1")


async def test_a_form_is_taken_like_json_and_a_changed_field_is_not(open_ground: OpenGround) -> None:
    """Both content types are in the guide."""
    async with open_ground() as ground:
        status, _, raw = await ground.call(
            "POST",
            "/zalopay/v2/create",
            data=urlencode(_order()).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert (status, json.loads(raw)["return_code"]) == (200, 1)
        changed = {**_order(app_trans_id="260921_khac"), "amount": 5_000}
        assert (await ground.post("/zalopay/v2/create", changed))["sub_return_code"] == -402
        assert (await ground.post("/zalopay/v2/create", _order()))["sub_return_code"] == -68


async def test_a_callback_is_a_text_in_json_whose_mac_is_over_the_text(open_ground: OpenGround) -> None:
    """It comes again after 0 and three times at most; the redirect has a checksum of its own."""
    async with open_ground() as ground:
        made = await _made(ground)
        ground.merchant.script = [web.json_response({"return_code": 0, "return_message": ""}) for _ in range(9)]
        did = await ground.does("pay", address=made["order_url"])
        assert len(ground.merchant.heard) == 4
        told = json.loads(ground.merchant.heard[0].body)
        assert told["mac"] == _mac(_KEY2, told["data"])
        data = json.loads(told["data"])
        assert (data["app_trans_id"], data["amount"]) == (_REF, 500_000)
        back = dict(parse_qsl(urlsplit(did["location"]).query, keep_blank_values=True))
        names = ("appid", "apptransid", "pmcid", "bankcode", "amount", "discountamount", "status")
        assert back["checksum"] == _mac(_KEY2, "|".join(back[name] for name in names))
        ground.merchant.script = [web.json_response({"return_code": -1, "return_message": ""})]
        await ground.control("POST", "notices/again", {"number": did["notices"][0], "wait": True})
        assert len(ground.merchant.heard) == 5


async def test_nothing_is_told_of_a_failure_so_it_has_to_be_asked_for(open_ground: OpenGround) -> None:
    """Query: 3 waiting, 2 failed with its sub code, 1 paid."""
    async with open_ground() as ground:
        made = await _made(ground)
        assert (await ground.post("/zalopay/v2/query", _query()))["return_code"] == 3
        await ground.does("process", address=made["order_url"])
        processing = await ground.post("/zalopay/v2/query", _query())
        assert (processing["return_code"], processing["is_processing"]) == (3, True)
        await ground.does("cancel", address=made["order_url"])
        failed = await ground.post("/zalopay/v2/query", _query())
        assert (failed["return_code"], failed["sub_return_code"]) == (2, -329)
        assert ground.merchant.heard == []
        await _made(ground, app_trans_id="260921_hai")
        ground.clock.turn(900)
        assert (await ground.post("/zalopay/v2/query", _query("260921_hai")))["sub_return_code"] == -322
        assert (await ground.post("/zalopay/v2/query", _query("260921_la")))["return_code"] == 2


@pytest.mark.parametrize("lie", ["amount_lowered", "strangers_key", "reserialised", "escaped", "short_signature"])
async def test_a_forged_or_rewritten_callback_does_not_verify(open_ground: OpenGround, lie: str) -> None:
    """Another rendering of the same JSON among them (A19)."""
    async with open_ground() as ground:
        made = await _made(ground)
        await ground.lie(lie)
        await ground.does("pay", address=made["order_url"])
        told = json.loads(ground.merchant.heard[0].body)
        if lie == "escaped":  # Only where the text holds letters beyond ASCII.
            assert "\\u" in told["data"]
        assert told["mac"] != _mac(_KEY2, told["data"])


async def test_an_invented_success_of_a_failed_order_is_never_signed(open_ground: OpenGround) -> None:
    """There is no failure callback whose status somebody could flip."""
    async with open_ground() as ground:
        made = await _made(ground)
        await ground.lie("status_flipped")
        await ground.does("fail", address=made["order_url"])
        told = json.loads(ground.merchant.heard[0].body)
        assert told["mac"] != _mac(_KEY2, told["data"])


async def test_a_refund_is_the_same_under_its_id_and_ends_by_time(open_ground: OpenGround) -> None:
    """3 then 1; another amount under the id is refused, so is more than is left; -101 once all went back."""
    async with open_ground(speed={"pace": 1.0, "refund_s": 60}) as ground:
        made = await _made(ground)
        await ground.does("pay", address=made["order_url"])
        txn_id = (await ground.standing(_REF))["transactions"][0]["txn_id"]

        def refund(number: str, amount: int) -> dict[str, Any]:
            fields = {"app_id": 2553, "m_refund_id": f"260921_2553_{number}", "zp_trans_id": txn_id, "amount": amount}
            fields |= {"timestamp": _NOW, "description": "Hoàn một phần phí"}
            return _signed(fields, "app_id zp_trans_id amount description timestamp")

        async def codes(path: str, body: dict[str, Any]) -> tuple[int, int]:
            answer = await ground.post(f"/zalopay/v2/{path}", body)
            return answer["return_code"], answer["sub_return_code"]

        assert (await codes("refund", refund("r1", 200_000)))[0] == 3
        assert (await codes("refund", refund("r1", 200_000)))[0] == 3
        assert await codes("refund", refund("r1", 100_000)) == (2, -68)
        assert (await codes("refund", refund("r2", 300_001)))[0] == 2
        ask = {"app_id": 2553, "m_refund_id": "260921_2553_r1", "timestamp": _NOW}
        ask = _signed(ask, "app_id m_refund_id timestamp")
        assert (await codes("query_refund", ask))[0] == 3
        ground.clock.turn(60)
        assert (await codes("query_refund", ask))[0] == 1
        assert (await codes("refund", refund("r3", 300_000)))[0] == 3
        assert await codes("refund", refund("r4", 1)) == (2, -101)
        assert (await ground.control("GET", "books"))["sums"]["zalopay"] == {"paid": 500_000, "refunded": 500_000}
