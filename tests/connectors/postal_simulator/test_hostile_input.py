"""Whatever is sent to whichever address of the simulator, it answers: a simulator that falls over proves nothing."""

from __future__ import annotations

import itertools
import json
from typing import Any

from aiohttp import web
from yarl import URL

from tests.connectors.postal_simulator.conftest import H2, NUMBER, Ground, OpenGround, h2_order

_BODIES = (
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"a":1}',
    b'{"a":"\\ud800"}',
    b'{"a":' + b"9" * 5_000 + b"}",
    b'{"CODAmount":1e999}',
    b'{"a":NaN}',
    b"[" * 50_000,
    b"grant_type=%ff&grant_type=client_credentials",
    b'{"advance_s":1e300}',
    b'{"scale":null,"advance_s":"1"}',
    b'{"house":"h2","number":"x","happening":"delivered"}',
    b'{"house":"h2","date":"99999999"}',
    b'{"orders":[{"number":"[","script":{}}]}',
    b'{"number":"x","times":1000000000}',
)
_WRONG: tuple[Any, ...] = ([], {}, -1, 1.5, True, None, "\u0661", "x" * 5_000, 10**30, float("1e300"))


def _routes(app: web.Application) -> list[tuple[str, str]]:
    """Every route, but that which shuts the door."""
    found = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    return sorted(one for one in found if one[0] != "HEAD" and one[1] != "/_simulator/outage")


async def _sent(ground: Ground, method: str, path: str, body: bytes) -> int:
    text = body.decode("latin-1")[:2_000] if method == "GET" else ""
    query = "".join(sign for sign in text if sign not in " <>#\"'")
    target = URL(f"{ground.base}{path}{'?' if query else ''}{query}", encoded=True)
    headers = {**ground.headers, "h-token": "simulator-h-token"}
    sent = body if method != "GET" else None
    async with ground.http.request(method, target, data=sent, headers=headers, allow_redirects=False) as got:
        await got.read()
        return got.status


async def test_nothing_that_is_sent_breaks_the_simulator(open_ground: OpenGround) -> None:
    """Every route with every body: an answer below 500."""
    async with open_ground() as ground:
        await ground.sign_in()
        app = ground.app
        for (method, path), body in itertools.product(_routes(app), _BODIES):
            assert await _sent(ground, method, path, body) < 500, (method, path, body[:40])


async def test_no_wrong_member_of_an_order_is_taken_and_none_breaks_its_server(open_ground: OpenGround) -> None:
    """Lists, objects, foreign digits and numbers without end where something else belongs."""
    async with open_ground() as ground:
        await ground.sign_in()
        for name, value in itertools.product(h2_order(), _WRONG):
            raw = json.dumps(h2_order(**{name: value})).encode()
            assert await _sent(ground, "POST", f"{H2}/order/post", raw) in (201, 400), (name, value)
        taken = [one["number"] for one in (await ground.control("GET", "books"))["parcels"]]
        # Members that may be null, and any text in one that is a text.
        assert set(taken) == {NUMBER}
        assert len(taken) < len(h2_order()) * 2
