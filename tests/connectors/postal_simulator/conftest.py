"""Ground for the tests of the simulated carriers: a turned clock, somebody who calls, somebody who hears notices."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from yarl import URL

from connectors.kit.simulation import opened
from connectors.postal.simulator import postal_app
from connectors.postal.simulator_options import PostalOptions
from connectors.postal.simulator_world import World

START = datetime(2026, 11, 20, 1, 0, 0, tzinfo=UTC)
"""08:00 of 20/11/2026 in Viet Nam."""

NUMBER = "G00.10-261120-0042-T"
H2 = "/h2/apiVNPostNGSP/p1.0"
HOUR = 3_600


class Clockwork:
    """A real time that moves only when told, and values that are new each time and told in advance."""

    def __init__(self) -> None:
        self.at = START
        self._numbers = itertools.count(1)

    def now(self) -> datetime:
        return self.at

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def new_token(self) -> str:
        return f"{next(self._numbers):032x}"


@dataclass
class Listener:
    """Hears every notice and answers by script; when the script is over, with 200."""

    heard: list[bytes] = field(default_factory=list)
    script: list[int] = field(default_factory=list)

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(await request.read())
        return web.Response(status=self.script.pop(0) if self.script else 200)


@dataclass
class Ground:
    """A simulator, somebody who calls it, and whoever hears its notices."""

    base: str
    http: aiohttp.ClientSession
    wall: Clockwork
    world: World
    listener: Listener
    app: web.Application
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, **how: Any) -> tuple[int, Mapping[str, str], bytes]:
        headers = {**self.headers, **how.pop("headers", {})}
        address = URL(self.base + path, encoded=True)
        async with self.http.request(method, address, headers=headers, **how) as answer:
            return answer.status, answer.headers, await answer.read()

    async def json(self, method: str, path: str, body: object = None, expect: int = 200) -> Any:
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        status, _, answer = await self.call(method, path, data=raw)
        assert status == expect, (status, answer)
        return json.loads(answer) if answer.startswith((b"{", b"[")) else answer.decode()

    async def control(self, method: str, path: str, body: object = None, expect: int = 200) -> Any:
        raw = None if body is None else msgspec.json.encode(body)
        status, _, text = await self.call(method, f"/_simulator/{path}", data=raw)
        assert status == expect, text
        return json.loads(text) if text.startswith(b"{") else text.decode()

    async def turn(self, hours: float) -> Any:
        return await self.control("POST", "clock", {"advance_s": hours * HOUR})

    async def scripted(self, **script: object) -> None:
        await self.control("PUT", "scripts", {"default": script})

    async def lie(self, lie: str, times: int = 1) -> None:
        await self.control("PUT", "lies", {"orders": [{"lie": lie, "times": times}]})

    async def parcel(self, number: str = NUMBER) -> Any:
        """The first parcel with that number as it truly is, None where there is none."""
        found = (await self.control("GET", f"books?number={number}"))["parcels"]
        return found[0] if found else None

    async def sums(self, house: str) -> Any:
        return (await self.control("GET", "books"))["sums"][house]

    async def sign_in(self, key: str = "simulator-consumer", secret: str = "simulator-consumer-secret") -> None:
        """Fetch a token of the NGSP adapter and carry it from now on."""
        basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
        status, _, body = await self.call(
            "POST",
            "/h2/token",
            data=b"grant_type=client_credentials",
            headers={"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"},
        )
        assert status == 200, body
        self.headers["Authorization"] = f"Bearer {json.loads(body)['access_token']}"

    async def order(self, number: str = NUMBER, expect: int = 201, **changes: Any) -> Any:
        return await self.json("POST", f"{H2}/order/post", h2_order(number, **changes), expect)

    async def cancel(self, number: str = NUMBER) -> Any:
        return await self.json("GET", f"{H2}/order/cancel?CustomerCode=SIMBUUDIEN&OrderNumber={number}", expect=201)

    async def feed(self, cursor: str = "0" * 24, size: int = 500) -> Any:
        return await self.json("GET", f"{H2}/order/tracking?pagesize={size}&lastId={cursor}")

    async def records(self, cursor: str = "0" * 24, size: int = 500) -> list[dict[str, Any]]:
        page = await self.feed(cursor, size)
        return list(page.get("_embedded", {}).get("rh:doc", []))


def h2_order(number: str = NUMBER, **changes: object) -> dict[str, object]:
    """The order of postal facts 10 with invented people; a change to `...` drops a member."""
    told: dict[str, object] = {
        "CustomerCode": "SIMBUUDIEN",
        "OrderNumber": number,
        "CODAmount": 150_000,
        "SenderProvince": 10,
        "SenderDistrict": 1100,
        "SenderAddress": "51 Ngô Quyền",
        "SenderName": "Bộ phận Một cửa",
        "SenderEmail": None,
        "SenderTel": "02400000000",
        "SenderDesc": "Giấy phép (bản giấy) 01",
        "Description": "Trả kết quả hồ sơ G00.10-261120-0042",
        "ReceiverName": "Nguyễn Thị Mẫu",
        "ReceiverAddress": "Số 1, xã Ví Dụ",
        "ReceiverTel": "0900000000",
        "ReceiverProvince": 70,
        "ReceiverDistrict": 0,
        "ReceiverEmail": None,
    }
    return {name: value for name, value in {**told, **changes}.items() if value is not ...}


OpenGround = Callable[..., AbstractAsyncContextManager[Ground]]


@pytest.fixture
def open_ground() -> OpenGround:
    """`async with open_ground(option=…) as ground`: the simulator and a listener, each on a free port; its clock stands still."""

    @asynccontextmanager
    async def opening(**options: Any) -> AsyncIterator[Ground]:
        wall, listener = Clockwork(), Listener()
        app = web.Application()
        app.router.add_post("/v1/callbacks/postal/m1", listener.hear)
        async with opened(app) as door:
            chosen = {"gateway_url": f"http://127.0.0.1:{door.port}", "scale": 0.0, "pace": 0.0, **options}
            world = World(msgspec.convert(chosen, PostalOptions), wall.now, wall.new_token)
            simulator = postal_app(world)
            async with opened(simulator) as front, aiohttp.ClientSession() as http:
                yield Ground(f"http://127.0.0.1:{front.port}", http, wall, world, listener, simulator)

    return opening
