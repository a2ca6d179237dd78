"""Where the routes of sign-ons stand in a running gateway: each on its own listener, and nowhere without the section."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from gateway import bootstrap
from gateway.config import load
from tests.line.signing_on import laid_portal

INSIDE = (("POST", "/v1/identity/sign-ons"), ("GET", "/v1/identity/providers"))
OUTSIDE = (
    ("GET", "/v1/identity/sign-ons/x/start"),
    ("GET", "/v1/callbacks/vneid/cdvcqg"),
    ("GET", "/v1/callbacks/vneid/vneid/logged-out"),
    ("POST", "/v1/callbacks/vneid/vneid/logout"),
)


async def _statuses(running: bootstrap.Running, *, edge: bool) -> list[tuple[int, bool]]:
    """What each route is answered with at a listener, and whether that is the answer to an address that nobody serves."""
    host, port = (running.edge_host, running.edge_port) if edge else (running.host, running.port)
    found = []
    async with aiohttp.ClientSession() as session:
        for method, path in (*INSIDE, *OUTSIDE):
            async with session.request(method, f"http://{host}:{port}{path}") as answer:
                found.append((answer.status, "Không có địa chỉ này." in await answer.text()))
    return found


async def test_each_route_of_a_sign_on_stands_on_exactly_one_listener(tmp_path: Path) -> None:
    """A browser never reaches what systems call, nor a system what browsers call."""
    loaded = load(laid_portal(tmp_path / "portal", {}).line.config, {"GATEWAY__LISTEN__INTERNAL__PORT": "0"})
    async with bootstrap.running(loaded) as running:
        inside = await _statuses(running, edge=False)
        outside = await _statuses(running, edge=True)
    assert [nobody for _, nobody in inside] == [False] * 2 + [True] * 4
    assert [status for status, _ in inside[:2]] == [401, 401]
    assert [nobody for _, nobody in outside] == [True] * 2 + [False] * 4
    assert [status for status, _ in outside[2:]] == [404, 400, 200, 400]


async def test_without_the_section_there_are_no_such_routes(tmp_path: Path) -> None:
    """Also where the connector is configured."""
    portal = laid_portal(tmp_path / "portal", {})
    text = portal.line.config.read_text(encoding="utf-8")
    begin = text.index("[identity]")
    portal.line.config.write_text(text[:begin] + text[text.index("[upstreams.vneid]") :], encoding="utf-8")
    async with bootstrap.running(load(portal.line.config, {"GATEWAY__LISTEN__INTERNAL__PORT": "0"})) as running:
        assert all(nobody for _, nobody in await _statuses(running, edge=False))
        assert all(nobody for _, nobody in await _statuses(running, edge=True))
