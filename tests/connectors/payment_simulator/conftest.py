"""Ground for the tests of the simulated intermediaries: a turned clock, a merchant that hears notices, a payer by hand."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec
import pytest
from aiohttp import web
from yarl import URL

from connectors.kit.simulation import opened
from connectors.payment.simulator import payment_app
from connectors.payment.simulator_options import PaymentOptions
from connectors.payment.simulator_world import World

START = datetime(2026, 9, 21, 7, 30, 5, tzinfo=UTC)
"""14:30:05 of 21/09/2026 in Viet Nam, the moment of the vectors."""

MERCHANTS: dict[str, dict[str, object]] = {
    "vnpay": {"merchant": "TESTTMN1", "secrets": ["VNPAYTESTSECRET0123456789ABCDEF01"]},
    "momo": {"merchant": "MOMO", "secrets": ["K951B6PE1waDMi640xX08PD3vg6EkVlz"], "access": "F8BBA842ECF85"},
    "zalopay": {
        "merchant": "2553",
        "secrets": ["PcY4iZIKFCIdgZvA6ueMcMHHUbRLYjPL"],
        "second": ["kLtgPl8HHhfvMuDHPwKfgfsY4Ydm9eIz"],
    },
    "pp": {"merchant": "BVHTTDL", "secrets": ["PP-TEST-SECRET-0001"]},
    "keypay": {"merchant": "bvhttdl01", "secrets": ["KP3-HASH-KEY-ONE"], "second": ["KP3-HASH-KEY-TWO"]},
    "vietqr": {"merchant": "970436:0011001234567", "secrets": ["simulator-vietqr"]},
    "paygov": {"merchant": "BVHTTDL", "secrets": ["paygov-secret"], "access": "paygov-access"},
}
"""The merchants and keys of the vectors."""


class Clockwork:
    """A time that moves only when told, and values that are new each time and told in advance."""

    def __init__(self) -> None:
        self.at = START
        self._numbers = itertools.count(1)

    def now(self) -> datetime:
        return self.at

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def count(self) -> int:
        return next(self._numbers)

    def new_token(self) -> str:
        return hashlib.sha256(str(next(self._numbers)).encode()).hexdigest()


@dataclass
class Heard:
    """One notice as it arrived."""

    provider: str
    query: str
    body: bytes
    content_type: str
    headers: Mapping[str, str]


@dataclass
class Merchant:
    """Hears every notice and answers by script; when the script is over, with what settles it."""

    heard: list[Heard] = field(default_factory=list)
    script: list[web.Response] = field(default_factory=list)
    due: Callable[[web.Request], Awaitable[web.Response]] | None = None

    async def owe(self, request: web.Request) -> web.Response:
        """The portal asks what is due."""
        assert self.due is not None
        return await self.due(request)

    async def hear(self, request: web.Request) -> web.Response:
        name = request.match_info["provider"]
        self.heard.append(
            Heard(
                name,
                request.rel_url.raw_query_string,
                await request.read(),
                request.headers.get("Content-Type", ""),
                dict(request.headers),
            )
        )
        return self.script.pop(0) if self.script else SETTLES[name]()


SETTLES: Mapping[str, Callable[[], web.Response]] = {
    "vnpay": lambda: web.json_response({"RspCode": "00", "Message": "Confirm Success"}),
    "momo": lambda: web.Response(status=204),
    "zalopay": lambda: web.json_response({"return_code": 1, "return_message": "ok"}),
    "pp": lambda: web.json_response({"MaLoi": "00"}),
    "keypay": lambda: web.json_response({"return_code": 0, "return_msg": ""}),
    "vietqr": lambda: web.json_response({"accepted": True}),
    "paygov": lambda: web.json_response({"error_code": "SUCCESSFUL", "error_message": ""}),
}


@dataclass
class Ground:
    """A simulator, somebody who calls it, and the merchant that it tells."""

    base: str
    http: aiohttp.ClientSession
    clock: Clockwork
    world: World
    merchant: Merchant
    app: web.Application

    async def call(self, method: str, path: str, **how: Any) -> tuple[int, Mapping[str, str], bytes]:
        address = URL(path if path.startswith("http") else self.base + path, encoded=True)
        async with self.http.request(method, address, allow_redirects=False, **how) as answer:
            return answer.status, answer.headers, await answer.read()

    async def post(self, path: str, body: object) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        status, _, answer = await self.call("POST", path, data=raw, headers={"Content-Type": "application/json"})
        assert status == 200, answer
        return json.loads(answer)

    async def control(self, method: str, path: str, body: object = None, expect: int = 200) -> Any:
        raw = None if body is None else msgspec.json.encode(body)
        status, _, text = await self.call(method, f"/_simulator/{path}", data=raw)
        assert status == expect, text
        return json.loads(text) if expect == 200 or text.startswith(b"{") else text.decode()

    async def does(self, action: str, *, expect: int = 200, **how: object) -> Any:
        return await self.control("POST", "pay", {"action": action, "wait": True, **how}, expect)

    async def lie(self, *lies: str, times: int = 1) -> None:
        await self.control("PUT", "lies", {"orders": [{"lie": lie, "times": times} for lie in lies]})

    async def standing(self, ref: str) -> Any:
        orders = (await self.control("GET", "books"))["orders"]
        return next((one for one in orders if one["ref"] == ref), None)


OpenGround = Callable[..., AbstractAsyncContextManager[Ground]]


@pytest.fixture
def open_ground() -> OpenGround:
    """`async with open_ground(option=…) as ground`: the simulator and a merchant, each on a free port; no pause in schedules."""

    @asynccontextmanager
    async def opening(**options: Any) -> AsyncIterator[Ground]:
        clock, merchant = Clockwork(), Merchant()
        app = web.Application()
        app.router.add_route("*", "/v1/callbacks/payment/{provider}", merchant.hear)
        app.router.add_post("/payments/payment/pp/due", merchant.owe)
        async with opened(app) as door:
            chosen = {
                **MERCHANTS,
                "gateway_url": f"http://127.0.0.1:{door.port}",
                "speed": {"pace": 0.0},
                **options,
            }
            world = World(msgspec.convert(chosen, PaymentOptions), clock.now, clock.new_token)
            simulator = payment_app(world)
            async with opened(simulator) as front, aiohttp.ClientSession() as http:
                yield Ground(f"http://127.0.0.1:{front.port}", http, clock, world, merchant, simulator)

    return opening


def vnpay_address(**changes: str | None) -> str:
    """The signed path of a payer's address, as a merchant writes it (payment facts 8.3); None drops a field."""
    secret = str(MERCHANTS["vnpay"]["secrets"][0])  # type: ignore[index]
    told: dict[str, str | None] = {
        "vnp_Amount": "50000000",
        "vnp_Command": "pay",
        "vnp_CreateDate": "20260921143005",
        "vnp_CurrCode": "VND",
        "vnp_ExpireDate": "20260921144505",
        "vnp_IpAddr": "10.0.0.15",
        "vnp_Locale": "vn",
        "vnp_OrderInfo": "Thanh toan phi ho so G11-260921-000123",
        "vnp_OrderType": "other",
        "vnp_ReturnUrl": "https://cong.example.gov.vn/payment/vnpay/return",
        "vnp_TmnCode": "TESTTMN1",
        "vnp_TxnRef": "260921000123a1",
        "vnp_Version": "2.1.0",
        **changes,
    }
    text = "&".join(f"{name}={quote_plus(value)}" for name, value in sorted(told.items()) if value is not None)
    signature = hmac.new(secret.encode(), text.encode(), "sha512").hexdigest()
    return f"/vnpay/paymentv2/vpcpay.html?{text}&vnp_SecureHash={signature}"


def vnpay_call(fields: Mapping[str, str], order: str) -> dict[str, str]:
    """A signed request to VNPAY's API; `order` names the signed fields without their prefix."""
    secret = str(MERCHANTS["vnpay"]["secrets"][0])  # type: ignore[index]
    text = "|".join(fields[f"vnp_{name}"] for name in order.split())
    return {**fields, "vnp_SecureHash": hmac.new(secret.encode(), text.encode(), "sha512").hexdigest()}


def momo_signed(fields: Mapping[str, object], names: str) -> dict[str, object]:
    """A signed request to MoMo; `names` are the signed fields, the access key among them."""
    own = MERCHANTS["momo"]
    values = {**fields, "accessKey": own["access"]}
    text = "&".join(f"{name}={values[name]}" for name in names.split())
    secret = str(own["secrets"][0])  # type: ignore[index]
    return {**fields, "signature": hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()}
