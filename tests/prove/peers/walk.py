"""A headless Chromium walks from a system of ours to the provider's login page, to the callback and back, without any script.

The gateway and the simulated provider are real processes. The system that sends people to sign on stands at `localhost`, and so
does the gateway's edge; the provider stands at `127.0.0.1`, which is another site to a browser, as it is in life.
`make prove ONLY=peers` runs this file; it is no part of `make test`, which installs no browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from aiohttp import web

from gateway.cli.demonstration.servers import free_ports
from tests.line.program import ask
from tests.line.running import Line, lay
from tests.line.words import RESOLUTION
from tests.prove.peers import browser

NUMBER, FULL_NAME = "001090000000", "Nguyễn Văn Thử"
PASSWORD, OTP = "mat-khau-chung-minh", "000000"
BOX, SECRET, CODE = "Số định danh cá nhân", "Mật khẩu", "OTP"
SIGN_ONS = "/v1/identity/sign-ons"

_SETTINGS = """
[listen.edge]
host = "127.0.0.1"
port = {edge}

[identity]
public_url = "http://localhost:{edge}"
return_urls = ["http://localhost:{own}/da-dang-nhap"]

[upstreams.vneid]
connector = "vneid"
[[upstreams.vneid.settings.providers]]
name = "cdvcqg"
profile = "cdvcqg"
title_vi = "Cổng Dịch vụ công quốc gia"
issuer = "{provider}/cdvcqg/oauth2/token"
hosts = ["127.0.0.1:{there}"]
allow_plain = ["127.0.0.1"]
authorize_url = "{provider}/cdvcqg/oauth2/authorize"
token_url = "{provider}/cdvcqg/oauth2/token"
jwks_url = "{provider}/cdvcqg/oauth2/jwks"
userinfo_url = "{provider}/cdvcqg/oauth2/userinfo"
logout_url = "{provider}/cdvcqg/oidc/logout"
client_id = "gateway"
client_secret = "file:keys/cdvcqg.secret"
"""
_OPTIONS = """
[[providers]]
name = "cdvcqg"
password = "{password}"
otp = "{otp}"
iss_parameter = true
[[providers.clients]]
client_id = "gateway"
client_secret = "bi-mat-cua-bo-mo-phong"
redirect_uris = ["http://localhost:{edge}/v1/callbacks/vneid/cdvcqg"]
post_logout_uris = ["http://localhost:{edge}/v1/callbacks/vneid/cdvcqg/logged-out"]
backchannel_logout_uri = "http://127.0.0.1:{edge}/v1/callbacks/vneid/cdvcqg/logout"
token_auth = "client_secret_post"
require_pkce = true
"""


@dataclass(slots=True)
class Place:
    """A running gateway with its edge, the simulated provider, and the system of ours that sends people to sign on."""

    line: Line
    edge: str
    provider: str
    own: str
    redeemed: list[tuple[int, Any]] = field(default_factory=list)

    @property
    def return_url(self) -> str:
        """Where people come back to."""
        return f"{self.own}/da-dang-nhap"

    def begun(self) -> Any:
        """A sign-on, begun by the resolution system."""
        answer = self._said("", {"return_url": self.return_url})
        assert answer.status == 201, answer
        return answer.tree

    def redeem(self, sign_on: str, ticket: str) -> tuple[int, Any]:
        """The account for a ticket: status and answer."""
        answer = self._said(f"/{sign_on}/redeem", {"ticket": ticket})
        return answer.status, answer.tree

    def leave(self, sign_on: str) -> Any:
        """The end of a session; the address that the browser must be sent to."""
        answer = self._said(f"/{sign_on}/logout", {"return_url": self.return_url})
        assert answer.status == 200, answer
        return answer.tree["logout_url"]

    def _said(self, path: str, tree: Mapping[str, object]) -> Any:
        return self.line.call(RESOLUTION, "POST", f"{SIGN_ONS}{path}", msgspec.json.encode(tree))

    async def welcome(self, request: web.Request) -> web.Response:
        """Our own page behind the sign-on: it takes the ticket to the gateway and greets the person."""
        sign_on, ticket = request.query.get("sign_on_id", ""), request.query.get("ticket", "")
        if not ticket:
            said = f"Chưa đăng nhập: {request.query.get('error', 'đã ra')}"
            return web.Response(text=f"<h1>{said}</h1>", content_type="text/html")
        status, tree = await asyncio.to_thread(self.redeem, sign_on, ticket)
        self.redeemed.append((status, tree))
        return web.Response(text=f"<h1>Xin chào {tree.get('full_name', '?')}</h1>", content_type="text/html")


@pytest.fixture(scope="module")
def processes(
    tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]
) -> Iterator[tuple[Line, dict[str, Any]]]:
    """Gateway and simulated provider on free ports, for all walks."""
    line = lay(tmp_path_factory.mktemp("walk"), program_environment)
    edge, there, own = free_ports(3)
    ports = {"edge": edge, "there": there, "own": own, "provider": f"http://127.0.0.1:{there}"}
    secret = line.folder / "keys/cdvcqg.secret"
    secret.touch(mode=0o600)
    secret.write_text("bi-mat-cua-bo-mo-phong", "utf-8")
    line.config.write_text(line.config.read_text("utf-8") + _SETTINGS.format(**ports), "utf-8")
    options = line.folder / "simulators/vneid.toml"
    options.write_text(_OPTIONS.format(password=PASSWORD, otp=OTP, **ports), "utf-8")
    try:
        line.program.start("vneid", ["simulate", "vneid", "--port", str(there), "--options", str(options)])
        line.program.await_ready("vneid", f"{ports['provider']}/_simulator/health")
        line.start()
        yield line, ports
    finally:
        line.program.close()


@pytest.fixture
async def place(processes: tuple[Line, dict[str, Any]]) -> AsyncIterator[Place]:
    """The running gateway, and our own page in front of a person."""
    line, ports = processes
    made = Place(line, f"http://localhost:{ports['edge']}", ports["provider"], f"http://localhost:{ports['own']}")
    application = web.Application()
    application.router.add_get("/da-dang-nhap", made.welcome)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", ports["own"]).start()
    ask("DELETE", f"{made.provider}/_simulator/state")
    yield made
    await runner.cleanup()


async def log_in(page: browser.Page) -> None:
    """What a person does at the provider: number, password, one-time code."""
    await page.write(BOX, NUMBER)
    await page.write(SECRET, PASSWORD)
    await page.press("Đăng nhập")
    await page.write(CODE, OTP)
    await page.press("Xác nhận")


def hosts(page: browser.Page) -> set[str]:
    """Where the browser was."""
    return {urlsplit(address).netloc for address in page.asked}


async def test_a_person_walks_to_the_login_page_to_the_callback_and_back(place: Place) -> None:
    """By role and name alone, in Vietnamese; a wrong password is said; what comes back is redeemed once."""
    begun = await asyncio.to_thread(place.begun)
    async with browser.opened() as page:
        await page.go(begun["start_url"])
        assert (await page.address()).startswith(place.provider) and await page.language() == "vi"
        (cookie,) = (await page.cookies(place.edge)).values()
        assert cookie["name"].startswith("__Host-") and cookie["secure"] and cookie["httpOnly"]
        assert (cookie["path"], cookie["sameSite"], cookie["domain"]) == ("/", "Lax", "localhost")
        await page.write(BOX, NUMBER)
        await page.write(SECRET, "sai-mat-khau")
        await page.press("Đăng nhập")
        assert await page.named("alert") and (await page.address()).startswith(place.provider)
        await log_in(page)
        arrived = await page.address()
        assert arrived.startswith(place.return_url)
        assert f"Xin chào {FULL_NAME}" in await page.text()
        assert await page.cookies(place.edge) == {}, "the cookie of a sign-on ends with it"
        assert hosts(page) == {urlsplit(one).netloc for one in (place.edge, place.provider, place.own)}
    ((status, account),) = place.redeemed
    assert status == 200 and account["id_number"] == NUMBER and account["sign_on_id"] == begun["sign_on_id"]
    ticket = dict(parse_qsl(urlsplit(arrived).query))["ticket"]
    again, _ = await asyncio.to_thread(place.redeem, begun["sign_on_id"], ticket)
    assert again in (403, 409, 410), "a ticket is good for one redemption"


async def test_refused_a_callback_in_another_browser(place: Place) -> None:
    """Whoever gets hold of the callback's address has no cookie: a page says so, and the first browser goes on undisturbed."""
    begun = await asyncio.to_thread(place.begun)
    async with browser.opened() as page:
        await page.go(begun["start_url"])
        authorize = next(one for one in page.asked if "/oauth2/authorize" in one)
        order = {"address": authorize, "account": NUMBER}
        told = await asyncio.to_thread(ask, "POST", f"{place.provider}/_simulator/sign-in", msgspec.json.encode(order))
        callback = told.tree["location"]
        assert callback.startswith(f"{place.edge}/v1/callbacks/")
        async with browser.opened() as stranger:
            await stranger.go(callback)
            assert await stranger.language() == "vi"
            assert "trình duyệt khác" in await stranger.text()
            assert not any(one.startswith(place.own) for one in stranger.asked)
        await page.go(callback)
        assert f"Xin chào {FULL_NAME}" in await page.text()
        await page.go(callback)
        assert "chỉ dùng được một lần" in await page.text() or "trình duyệt khác" in await page.text()


async def test_who_changes_their_mind_at_the_login_page_is_led_back(place: Place) -> None:
    """ "Hủy" ends at a page of ours in Vietnamese, whose one link leads back with a code and without a ticket."""
    begun = await asyncio.to_thread(place.begun)
    async with browser.opened() as page:
        await page.go(begun["start_url"])
        await page.press("Hủy")
        assert (await page.address()).startswith(place.edge) and await page.language() == "vi"
        await page.press("Quay lại", role="link")
        arrived = dict(parse_qsl(urlsplit(await page.address()).query))
        assert arrived == {"sign_on_id": begun["sign_on_id"], "error": "access_denied"}
    assert place.redeemed == []


async def test_who_logs_out_is_logged_out_at_the_provider_too_and_comes_back(place: Place) -> None:
    """After it the next sign-on asks for the password again."""
    begun = await asyncio.to_thread(place.begun)
    async with browser.opened() as page:
        await page.go(begun["start_url"])
        await log_in(page)
        second = await asyncio.to_thread(place.begun)
        await page.go(second["start_url"])
        assert (await page.address()).startswith(place.return_url), "the provider's own session signs on silently"
        await page.go(await asyncio.to_thread(place.leave, second["sign_on_id"]))
        assert (await page.address()).startswith(place.return_url)
        await page.go((await asyncio.to_thread(place.begun))["start_url"])
        assert BOX in await page.text()
