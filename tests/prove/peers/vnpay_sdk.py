"""VNPAY's dialect before an independent judge: the npm package `vnpay` verifies what we send and makes notices that we accept.

`make prove ONLY=peers` runs this file; it is no part of `make test`, which installs no peers.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from connectors.payment.model import Made, Order, Verdict
from connectors.payment.profiles.vnpay import PROFILE, signing
from connectors.payment.profiles.vnpay.messages import SIGNATURE
from connectors.payment.speaking import Ack, Call
from connectors.payment.wording import plain_text
from tests.connectors.payment.accounts import NOW, REF, answer, asked, by_get, dialogue, key, order, refund
from tests.line.paying import Till, opened_till
from tests.prove import peers

SECRET, TERMINAL = key("main").value, "TESTTMN1"
SEED = 20_260_921
ROUNDS = 200
_SIGNS = "abcXYZ 019+%&=|#?/.:-_!*~'()ăâđêôơưạảãấầẩẫậĐƯỢ–😀"
_PAGE = ("vnp_Amount", "vnp_IpAddr", "vnp_TxnRef", "vnp_OrderInfo", "vnp_OrderType", "vnp_ReturnUrl", "vnp_Locale")


@dataclass(slots=True)
class Judge:
    """The running package, and the place that plays VNPAY's API for it."""

    url: str
    session: aiohttp.ClientSession
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def says(self, orders: Sequence[dict[str, Any]]) -> list[Any]:
        """What comes of each order."""
        async with self.session.post(self.url, data=json.dumps(list(orders))) as answered:
            results: list[Any] = json.loads(await answered.text())
        return results


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Till]:
    """The real gateway, whose VNPAY is the package."""
    with opened_till(tmp_path_factory.mktemp("sdk"), program_environment) as running:
        yield running


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    """The package in a process of its own; its questions come to us, and are answered as VNPAY signs."""
    heard: list[dict[str, Any]] = []

    async def api(request: web.Request) -> web.Response:
        body = json.loads(await request.text())
        heard.append(body)
        return web.json_response(answered(body))

    app = web.Application()
    app.router.add_post("/merchant_webapi/api/transaction", api)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        account = {"tmnCode": TERMINAL, "secureSecret": SECRET, "host": f"http://127.0.0.1:{port}"}
        async with peers.started("vnpay.mjs", json.dumps(account)) as told, aiohttp.ClientSession() as session:
            yield Judge(str(told["url"]), session, heard)
    finally:
        await runner.cleanup()


def answered(body: dict[str, Any]) -> dict[str, str]:
    """The signed answer to a question of the package: paid. The words are those that the package puts in their place."""
    said = {
        "vnp_ResponseId": "r1", "vnp_Command": str(body["vnp_Command"]), "vnp_ResponseCode": "00", "vnp_Message": "Đã xong",
        "vnp_TmnCode": TERMINAL, "vnp_TxnRef": str(body["vnp_TxnRef"]), "vnp_Amount": "50000000", "vnp_BankCode": "NCB",
        "vnp_PayDate": "20260921143155", "vnp_TransactionNo": "14500001", "vnp_TransactionType": "01",
        "vnp_TransactionStatus": "00", "vnp_OrderInfo": str(body["vnp_OrderInfo"]),
    }  # fmt: skip
    return said | {SIGNATURE: signing.QUERY_ANSWER.sign(said, SECRET)}


def words(chance: random.Random) -> str:
    """Words with everything on which encoders differ."""
    return "".join(chance.choice(_SIGNS) for _ in range(chance.randint(1, 40)))


def orders() -> list[Order]:
    """Two hundred attempts, the same each time."""
    chance = random.Random(SEED)
    return [
        order(
            ref=f"0123456789abca{number + 1}",
            amount=chance.randint(1, 9_999_999_999),
            text=words(chance),
            created_at=NOW + timedelta(seconds=chance.randint(0, 600)),
        )
        for number in range(ROUNDS)
    ]


def page(given: Order) -> str:
    """The query text of our payment page."""
    made = dialogue(PROFILE).create(given)
    assert isinstance(made, Made)
    return urlsplit(made.pay_url).query


async def test_the_package_verifies_every_page_of_ours(judge: Judge) -> None:
    """Any words, any amount; and none with another amount."""
    pages = [dict(parse_qsl(page(given), strict_parsing=True)) for given in orders()]
    found = await judge.says([{"verify": fields} for fields in pages])
    assert [one["isVerified"] for one in found] == [True] * ROUNDS
    assert [one["vnp_Amount"] for one in found] == [given.amount for given in orders()]
    raised = [{**fields, "vnp_Amount": str(int(fields["vnp_Amount"]) + 100)} for fields in pages]
    assert not any(one["isVerified"] for one in await judge.says([{"verify": fields} for fields in raised]))


async def test_the_package_makes_the_page_that_we_make(judge: Judge) -> None:
    """Letter for letter, the signature with it: the words that we send are spelt alike by all encoders."""
    for given in orders()[:20]:
        ours = page(given)
        fields = dict(parse_qsl(ours, strict_parsing=True))
        data: dict[str, Any] = {name: fields[name] for name in _PAGE} | {"vnp_Amount": given.amount}
        data |= {name: int(fields[name]) for name in ("vnp_CreateDate", "vnp_ExpireDate")}
        (theirs,) = await judge.says([{"page": data}])
        assert urlsplit(theirs).query == ours


async def test_notices_of_the_package_are_accepted_and_say_what_it_says(judge: Judge) -> None:
    """In its encoder, which leaves `*` and escapes `~`: raw text is verified, and read as it was meant."""
    chance = random.Random(SEED)
    told: list[dict[str, Any]] = [
        {
            "vnp_Amount": chance.randint(1, 10**12 // 100) * 100, "vnp_BankCode": "NCB", "vnp_OrderInfo": words(chance),
            "vnp_PayDate": "20260921143155", "vnp_ResponseCode": chance.choice(["00", "24"]), "vnp_TmnCode": TERMINAL,
            "vnp_TransactionNo": str(chance.randint(1, 10**8)), "vnp_TransactionStatus": "00", "vnp_TxnRef": REF,
        }
        for _ in range(ROUNDS)
    ]  # fmt: skip
    notices = await judge.says([{"notice": fields} for fields in told])
    ours = dialogue(PROFILE)
    for fields, query in zip(told, notices, strict=True):
        heard = ours.hear(by_get(query))
        assert heard.ack is Ack.TAKEN and heard.statement is not None, fields
        assert heard.statement.amount == fields["vnp_Amount"] // 100
        assert (heard.statement.verdict is Verdict.PAID) == (fields["vnp_ResponseCode"] == "00")
        assert ours.returned(query).signed
        forged = query.replace("vnp_TxnRef=0", "vnp_TxnRef=1")
        assert forged != query and ours.hear(by_get(forged)).ack is Ack.BAD_SIGNATURE
    again = await judge.says([{"verify": dict(parse_qsl(query, strict_parsing=True))} for query in notices])
    assert [one["isVerified"] for one in again] == [True] * ROUNDS


async def test_the_package_asks_as_we_ask_and_verifies_answers_as_we_do(judge: Judge) -> None:
    """querydr: its signature of the same question is ours; an answer that we trust it verifies."""
    call = dialogue(PROFILE).query(asked())
    assert isinstance(call, Call)
    ours = json.loads(call.body)
    names = ("RequestId", "TxnRef", "TransactionDate", "CreateDate", "IpAddr", "OrderInfo")
    (found,) = await judge.says([{"query": {f"vnp_{name}": ours[f"vnp_{name}"] for name in names}}])
    (theirs,) = judge.asked
    assert theirs[SIGNATURE] == ours[SIGNATURE]
    assert found["isVerified"] and found["isSuccess"]
    assert dialogue(PROFILE).queried(asked(), answer(answered(ours))).trusted
    changed = answered(ours) | {"vnp_Amount": "1"}
    assert not dialogue(PROFILE).queried(asked(), answer(changed)).trusted


@pytest.mark.parametrize("whole", [True, False])
async def test_the_package_asks_for_a_refund_as_we_ask(judge: Judge, whole: bool) -> None:
    """refund: the same thirteen values, the same signature. Of an answer it divides the amount before it verifies: not judged."""
    call = dialogue(PROFILE).refund(refund(whole=whole, amount=500_000 if whole else 200_000, reason="Hoàn phí!"))
    assert isinstance(call, Call)
    ours = json.loads(call.body)
    names = ("RequestId", "TransactionType", "TxnRef", "TransactionNo", "TransactionDate", "CreateBy", "CreateDate")
    data: dict[str, Any] = {f"vnp_{name}": ours[f"vnp_{name}"] for name in (*names, "IpAddr", "OrderInfo")}
    await judge.says([{"refund": data | {"vnp_Amount": int(ours["vnp_Amount"]) // 100}}])
    (theirs,) = judge.asked
    assert theirs[SIGNATURE] == ours[SIGNATURE]
    assert ours["vnp_OrderInfo"] == plain_text("Hoan phi Hoàn phí!", 255)


async def test_the_package_pays_at_the_real_gateway(till: Till) -> None:
    """It verifies the address that a caller gets, and its notices are acknowledged as VNPAY knows it: 00, 02, 04, 01 and 97."""
    account = {"tmnCode": "SIMTMN01", "secureSecret": "simulator-vnpay", "host": "http://127.0.0.1:9"}
    async with peers.started("vnpay.mjs", json.dumps(account)) as told, aiohttp.ClientSession() as session:
        theirs = Judge(str(told["url"]), session)
        fees = [await asyncio.to_thread(lambda: till.asked(provider="vnpay")) for _ in range(3)]
        pages = [dict(parse_qsl(urlsplit(fee["pay_url"]).query, strict_parsing=True)) for fee in fees]
        verified = await theirs.says([{"verify": fields} for fields in pages])
        assert [one["isVerified"] for one in verified] == [True] * 3
        references = [fee["attempts"][0]["reference"] for fee in fees]

        def paid(reference: str, **changes: object) -> dict[str, Any]:
            """The parameters of a success."""
            return {
                "vnp_Amount": 50_000_000, "vnp_BankCode": "NCB", "vnp_OrderInfo": "Nộp phí (50%) *A* ~B~ 'C' !",
                "vnp_PayDate": "20261122143155", "vnp_ResponseCode": "00", "vnp_TmnCode": "SIMTMN01",
                "vnp_TransactionNo": f"9{reference[-6:-2]}".encode().hex(), "vnp_TransactionStatus": "00",
                "vnp_TxnRef": reference,
            } | changes  # fmt: skip

        notices = await theirs.says(
            [
                {"notice": paid(references[0])},
                {"notice": paid(references[1], vnp_Amount=5_000_000)},
                {"notice": paid(references[2], vnp_ResponseCode="24", vnp_TransactionStatus="02")},
                {"notice": paid("0123456789abca1")},
            ]
        )

        async def acknowledged(query: str) -> str:
            """What the edge answers a notice."""
            address = URL(f"{till.base}/v1/callbacks/payment/vnpay?{query}", encoded=True)
            async with session.get(address) as answered_by_us:
                body = json.loads(await answered_by_us.text())
                assert answered_by_us.status == 200
            return str(body["RspCode"])

        first, short, cancelled, unknown = notices
        assert await acknowledged(first.replace("vnp_Amount=50000000", "vnp_Amount=50000100")) == "97"
        assert [await acknowledged(one) for one in (first, first, short, cancelled, unknown)] == [
            "00", "02", "04", "00", "01",
        ]  # fmt: skip
    views = [await asyncio.to_thread(till.view, fee["payment_id"]) for fee in fees]
    assert [view["state"] for view in views][::2] == ["paid", "failed"] and views[1]["state"] != "paid"
