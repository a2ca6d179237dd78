"""The simulated VNPAY takes what the guide takes, refuses the rest, and tells of it signed over what it sends."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from tests.connectors.payment.vectors import VECTORS
from tests.connectors.payment_simulator.conftest import MERCHANTS, Ground, OpenGround, vnpay_address, vnpay_call

_BY_ID = {vector.id: vector for vector in VECTORS}
_SECRET = str(MERCHANTS["vnpay"]["secrets"][0])  # type: ignore[index]
_API = "/vnpay/merchant_webapi/api/transaction"
_QUERY = "RequestId Version Command TmnCode TxnRef TransactionDate CreateDate IpAddr OrderInfo"
_REFUND = (
    "RequestId Version Command TmnCode TransactionType TxnRef Amount TransactionNo TransactionDate CreateBy CreateDate "
    "IpAddr OrderInfo"
)
_ANSWER = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType "
    "TransactionStatus OrderInfo"
)
_REF = "260921000123a1"


def _verifies(raw_query: str, secret: str = _SECRET) -> bool:
    """Over the raw text, only put in order, as payment facts 3.5 ask of whoever hears it."""
    pairs = [pair for pair in raw_query.split("&") if not pair.startswith("vnp_SecureHash")]
    text = "&".join(sorted(pairs, key=lambda pair: pair.partition("=")[0]))
    told = dict(parse_qsl(raw_query))["vnp_SecureHash"]
    return hmac.compare_digest(hmac.new(secret.encode(), text.encode(), "sha512").hexdigest(), told)


def _query(request_id: str = "q1", **changes: str) -> dict[str, str]:
    vector = _BY_ID["vnpay-querydr-request"]
    return vnpay_call({**vector.texts(), "vnp_RequestId": request_id, **changes}, _QUERY)


def _refund(ground: Ground, request_id: str, amount: int, kind: str, **changes: str) -> dict[str, str]:
    fields = {**_BY_ID["vnpay-refund-full"].texts(), "vnp_RequestId": request_id, "vnp_TransactionNo": "0"}
    fields |= {"vnp_Amount": str(amount * 100), "vnp_TransactionType": kind, **changes}
    return vnpay_call(fields, _REFUND)


def _signed_answer(answer: Mapping[str, str], names: str) -> bool:
    text = "|".join(answer.get(f"vnp_{name}", "") for name in names.split())
    return answer["vnp_SecureHash"] == hmac.new(_SECRET.encode(), text.encode(), "sha512").hexdigest()


async def test_the_signed_address_of_the_vectors_opens_the_payers_page(open_ground: OpenGround) -> None:
    """What two other implementations signed is taken here, and leads to an order of the same amount."""
    vector = _BY_ID["vnpay-pay-ascii-space"]
    async with open_ground() as ground:
        path = f"/vnpay/paymentv2/vpcpay.html?{vector.canonical}&vnp_SecureHash={vector.signature}"
        status, headers, _ = await ground.call("GET", path)
        assert status == 302
        assert headers["Location"].startswith("/pay/")
        assert (await ground.standing(_REF))["amount"] == 500_000
        page = (await ground.call("GET", headers["Location"]))[2].decode()
        assert "500.000 đồng" in page
        assert "<script" not in page


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vnp_Amount": "500000.00"}, "03"),
        ({"vnp_Amount": "050000000"}, "03"),
        ({"vnp_Amount": "-50000000"}, "03"),
        ({"vnp_Amount": "0"}, "03"),
        ({"vnp_Version": "2.0.0"}, "03"),
        ({"vnp_Command": "refund"}, "03"),
        ({"vnp_CurrCode": "USD"}, "03"),
        ({"vnp_IpAddr": "999.0.0.1"}, "03"),
        ({"vnp_OrderInfo": "Lệ phí"}, "03"),
        ({"vnp_OrderInfo": "Phi (500)"}, "03"),
        ({"vnp_ReturnUrl": "javascript:alert(1)"}, "03"),
        ({"vnp_CreateDate": "20260931143005"}, "03"),
        ({"vnp_ExpireDate": "20260921143004"}, "03"),
        ({"vnp_ExpireDate": None}, "03"),
        ({"vnp_SecureHashType": "SHA512"}, "03"),
        ({"vnp_Secret": "x"}, "03"),
        ({"vnp_TmnCode": "OTHERTMN"}, "02"),
    ],
)
async def test_an_address_that_the_guide_does_not_allow_is_refused_by_number(
    open_ground: OpenGround, changes: dict[str, str | None], code: str
) -> None:
    """Although its signature is right; nothing is opened."""
    async with open_ground() as ground:
        status, _, page = await ground.call("GET", vnpay_address(**changes))
        assert status == 400
        assert f"mã {code}" in page.decode()
        assert (await ground.control("GET", "books"))["orders"] == []


async def test_an_address_changed_after_it_was_signed_is_refused(open_ground: OpenGround) -> None:
    """And one whose parameter stands twice, whatever was signed."""
    async with open_ground() as ground:
        for path in (
            vnpay_address().replace("vnp_Amount=50000000", "vnp_Amount=50000"),
            vnpay_address()[:-1] + "0",
            vnpay_address().partition("&vnp_SecureHash")[0],
        ):
            status, _, page = await ground.call("GET", path)
            assert (status, "mã 70" in page.decode()) == (400, True)
        status, _, page = await ground.call("GET", vnpay_address() + "&vnp_Amount=100")
        assert (status, "mã 03" in page.decode()) == (400, True)


@pytest.mark.parametrize("encoder", ["php", "java", "dotnet", "js", "python"])
async def test_a_notice_verifies_over_its_raw_text_whatever_language_made_it(
    open_ground: OpenGround, encoder: str
) -> None:
    """The browser goes back with the same parameters."""
    async with open_ground(encoder=encoder) as ground:
        did = await ground.does("pay", address=vnpay_address())
        heard = ground.merchant.heard[0]
        told = dict(parse_qsl(heard.query))
        assert _verifies(heard.query)
        assert (told["vnp_ResponseCode"], told["vnp_TransactionStatus"], told["vnp_Amount"]) == ("00", "00", "50000000")
        assert told["vnp_PayDate"] == "20260921143005"
        assert did["location"].startswith("https://cong.example.gov.vn/payment/vnpay/return?")
        assert dict(parse_qsl(urlsplit(did["location"]).query)) == told
        assert (await ground.standing(_REF))["transactions"][0]["txn_id"] == told["vnp_TransactionNo"]


async def test_a_notice_comes_again_until_it_is_confirmed_and_ten_times_at_most(open_ground: OpenGround) -> None:
    """01, 04, 97 and 99 ask for another; 00 and 02 end it (facts 3.5)."""

    def answers(*codes: str) -> list[web.Response]:
        return [web.json_response({"RspCode": code, "Message": ""}) for code in codes]

    async with open_ground() as ground:
        ground.merchant.script = answers("99", "97", "04", "01", "02")
        await ground.does("pay", address=vnpay_address())
        assert len(ground.merchant.heard) == 5
        assert len({heard.query for heard in ground.merchant.heard}) == 1
        ground.merchant.script = answers(*["99"] * 20)
        await ground.does("fail", address=vnpay_address(vnp_TxnRef="khac"))
        assert len(ground.merchant.heard) == 15
        notices = (await ground.control("GET", "notices"))["notices"]
        assert [one["state"] for one in notices] == ["settled", "given_up"]


async def test_what_a_payer_does_is_what_query_says(open_ground: OpenGround) -> None:
    """Signed with its own order, two empty fields at the end; the same request id twice is 94."""
    async with open_ground() as ground:
        assert (await ground.post(_API, _query("q0")))["vnp_ResponseCode"] == "91"
        await ground.call("GET", vnpay_address())
        waiting = await ground.post(_API, _query("q1"))
        assert (waiting["vnp_ResponseCode"], waiting["vnp_TransactionStatus"]) == ("00", "01")
        await ground.does("pay", address=vnpay_address())
        paid = await ground.post(_API, _query("q2"))
        assert paid["vnp_TransactionStatus"] == "00"
        assert paid["vnp_TransactionNo"] == (await ground.standing(_REF))["transactions"][0]["txn_id"]
        assert _signed_answer(paid, f"{_ANSWER} PromotionCode PromotionAmount")
        assert (await ground.post(_API, _query("q2")))["vnp_ResponseCode"] == "94"
        assert (await ground.post(_API, _query("q3", vnp_TransactionDate="20260921143006")))["vnp_ResponseCode"] == "91"
        assert (await ground.post(_API, _query("q4") | {"vnp_TxnRef": "khac"}))["vnp_ResponseCode"] == "97"
        assert (await ground.post(_API, _query("q5", vnp_TmnCode="OTHERTMN")))["vnp_ResponseCode"] == "02"
        assert (await ground.post(_API, b'{"vnp_Command":"querydr","vnp_Command":"querydr"}'))[
            "vnp_ResponseCode"
        ] == "03"


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [("cancel", "24", "02"), ("fail", "51", "02"), ("hold", "07", "07")],
)
async def test_every_end_has_its_code(open_ground: OpenGround, action: str, code: str, status: str) -> None:
    """In the notice and in the answer to a query."""
    async with open_ground() as ground:
        await ground.does(action, address=vnpay_address())
        told = dict(parse_qsl(ground.merchant.heard[0].query))
        assert (told["vnp_ResponseCode"], told["vnp_TransactionStatus"]) == (code, status)
        assert (await ground.post(_API, _query()))["vnp_TransactionStatus"] == status


async def test_an_order_expires_by_its_date_and_a_late_payment_still_arrives(open_ground: OpenGround) -> None:
    """The payer of an expired order is refused; money under way is not stopped by that."""
    async with open_ground(speed={"pace": 0.0, "late_s": 60}) as ground:
        await ground.does("pay_late", address=vnpay_address())
        assert ground.merchant.heard == []
        ground.clock.turn(15 * 60)
        assert (await ground.standing(_REF))["standing"] == "expired"
        await ground.does("pay", address=vnpay_address(), expect=409)
        ground.clock.turn(60)
        standing = await ground.standing(_REF)
        assert (standing["standing"], len(standing["transactions"])) == ("paid", 1)
        notices = (await ground.control("GET", "notices"))["notices"]
        assert [bool(one["txn_id"]) for one in notices] == [False, True]


async def test_paying_twice_is_two_transactions_and_two_notices(open_ground: OpenGround) -> None:
    """Of one order, under different numbers; the second goes back whole, once."""
    async with open_ground() as ground:
        await ground.does("pay_twice", address=vnpay_address())
        numbers = {dict(parse_qsl(heard.query))["vnp_TransactionNo"] for heard in ground.merchant.heard}
        assert len(numbers) == 2
        assert (await ground.control("GET", "books"))["sums"]["vnpay"]["paid"] == 1_000_000
        second = dict(parse_qsl(ground.merchant.heard[1].query))["vnp_TransactionNo"]
        back = await ground.post(_API, _refund(ground, "r1", 500_000, "02", vnp_TransactionNo=second))
        assert (back["vnp_ResponseCode"], back["vnp_TransactionType"]) == ("00", "02")
        again = await ground.post(_API, _refund(ground, "r2", 500_000, "02", vnp_TransactionNo=second))
        assert again["vnp_ResponseCode"] == "95"


async def test_a_refund_is_under_way_then_sent_then_done_and_never_more_than_was_paid(open_ground: OpenGround) -> None:
    """05, 06, then 00 under type 02 or 03; the same request again is 94 and moves nothing."""
    async with open_ground(speed={"pace": 1.0, "refund_s": 100}) as ground:
        assert (await ground.post(_API, _refund(ground, "r0", 500_000, "02")))["vnp_ResponseCode"] == "91"
        await ground.does("pay", address=vnpay_address())
        first = await ground.post(_API, _refund(ground, "r1", 200_000, "03"))
        assert (first["vnp_ResponseCode"], first["vnp_TransactionStatus"]) == ("00", "05")
        assert _signed_answer(first, _ANSWER)
        assert (await ground.post(_API, _refund(ground, "r1", 200_000, "03")))["vnp_ResponseCode"] == "94"
        assert (await ground.post(_API, _refund(ground, "r2", 300_001, "03")))["vnp_ResponseCode"] == "95"
        assert (await ground.post(_API, _refund(ground, "r3", 300_000, "02")))["vnp_ResponseCode"] == "95"
        for seconds, status in ((0, "05"), (50, "06"), (50, "00")):
            ground.clock.turn(seconds)
            answer = await ground.post(_API, _query(f"q{seconds}{status}"))
            assert (answer["vnp_TransactionType"], answer["vnp_TransactionStatus"]) == ("03", status)
        await ground.lie("refund_rejected")
        await ground.post(_API, _refund(ground, "r4", 300_000, "03"))
        assert (await ground.post(_API, _query("q9")))["vnp_TransactionStatus"] == "09"
        assert (await ground.control("GET", "books"))["sums"]["vnpay"]["refunded"] == 200_000


async def test_an_old_key_still_verifies_and_the_newest_signs(open_ground: OpenGround) -> None:
    """While a secret is being exchanged."""
    own = {"merchant": "TESTTMN1", "secrets": ["khoa-moi", _SECRET]}
    async with open_ground(vnpay=own) as ground:
        await ground.does("pay", address=vnpay_address())
        assert _verifies(ground.merchant.heard[0].query, "khoa-moi")


@pytest.mark.parametrize(
    "lie", ["amount_lowered", "strangers_key", "legacy_hash", "empty_signature", "short_signature", "not_hex"]
)
async def test_a_forged_notice_does_not_verify(open_ground: OpenGround, lie: str) -> None:
    """Or it would prove nothing."""
    async with open_ground() as ground:
        await ground.lie(lie)
        await ground.does("pay", address=vnpay_address())
        told = dict(parse_qsl(ground.merchant.heard[0].query, keep_blank_values=True))
        assert not _verifies(ground.merchant.heard[0].query) if told["vnp_SecureHash"] else lie == "empty_signature"


async def test_lies_that_are_signed_verify_and_say_something_else(open_ground: OpenGround) -> None:
    """Another amount, another terminal, another order's transaction, a reference with a blank, signs that disagree."""
    async with open_ground() as ground:
        await ground.does("pay", address=vnpay_address(vnp_TxnRef="dautien"))
        taken = (await ground.standing("dautien"))["transactions"][0]["txn_id"]
        await ground.does("pay", address=vnpay_address())
        for lie, name, value in (
            ("other_amount", "vnp_Amount", "25000000"),
            ("other_merchant", "vnp_TmnCode", "KHACHLA1"),
            ("reused_txn", "vnp_TransactionNo", taken),
            ("blank_ref", "vnp_TxnRef", f"{_REF} "),
            ("zero_width_ref", "vnp_TxnRef", f"{_REF}\u200b"),
            ("contradictory", "vnp_ResponseCode", "99"),
            ("contrary", "vnp_ResponseCode", "51"),
            ("future_time", "vnp_PayDate", "20271026143005"),
        ):
            await ground.control(
                "POST", "notices", {"provider": "vnpay", "ref": _REF, "lie": lie, "amount": 500_000, "wait": True}
            )
            heard = ground.merchant.heard[-1].query
            assert _verifies(heard), lie
            assert dict(parse_qsl(heard))[name] == value


async def test_a_notice_of_an_order_that_nobody_made_is_signed_like_any_other(open_ground: OpenGround) -> None:
    """So that only its reference is wrong."""
    async with open_ground() as ground:
        told = {"provider": "vnpay", "ref": "bichua", "amount": 70_000, "wait": True}
        await ground.control("POST", "notices", told)
        assert _verifies(ground.merchant.heard[0].query)
        assert dict(parse_qsl(ground.merchant.heard[0].query))["vnp_Amount"] == "7000000"
        assert (await ground.control("GET", "books"))["orders"] == []
