"""Ground for the tests of the simulated providers and population database: a turned clock, a client and a browser by hand."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import msgspec
import pytest
from aiohttp import web

from connectors.kit.simulation import opened
from connectors.vneid.simulator import VneidOptions, World, vneid_app

BACK = "http://127.0.0.1:9/back"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CITIZEN = "001090000000"
CLIENT = {"client_id": "simulator-client", "client_secret": "simulator-secret"}


class Clockwork:
    """Seconds since the epoch that move only when told, and values that are new each time and told in advance."""

    def __init__(self) -> None:
        self.at = 1_795_219_200.0
        self._numbers = itertools.count(1)

    def now(self) -> float:
        return self.at

    def new_token(self) -> str:
        return hashlib.sha256(str(next(self._numbers)).encode()).hexdigest()


@dataclass
class Caller:
    """A client with no opinion and a browser that follows nothing."""

    base: str
    http: aiohttp.ClientSession
    clock: Clockwork
    world: World
    app: web.Application

    async def call(self, method: str, path: str, **how: Any) -> tuple[int, Mapping[str, str], bytes]:
        address = path if path.startswith("http") else self.base + path
        async with self.http.request(method, address, allow_redirects=False, **how) as answer:
            return answer.status, answer.headers, await answer.read()

    async def control(self, method: str, path: str, body: object = None) -> Any:
        raw = None if body is None else msgspec.json.encode(body)
        status, _, text = await self.call(method, f"/_simulator/{path}", data=raw)
        assert status == 200, text
        return msgspec.json.decode(text)

    def authorize_address(self, provider: str = "cdvcqg", **changes: str) -> str:
        params = {
            "response_type": "code",
            "client_id": CLIENT["client_id"],
            "redirect_uri": BACK,
            "scope": "openid",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        path = "/cdvcqg/oauth2/authorize" if provider == "cdvcqg" else f"/{provider}/auth"
        return f"{self.base}{path}?{urlencode({name: value for name, value in params.items() if value})}"

    async def sign_in(self, account: str = CITIZEN, provider: str = "cdvcqg", **changes: str) -> dict[str, str]:
        """The callback's parameters after a scripted login."""
        order = {"address": self.authorize_address(provider, **changes), "account": account}
        return query_of((await self.control("POST", "sign-in", order))["location"])

    async def exchange(self, code: str, provider: str = "cdvcqg", **changes: str) -> tuple[int, Any]:
        """The token call for a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        form |= {**CLIENT, **changes}
        path = "/cdvcqg/oauth2/token" if provider == "cdvcqg" else f"/{provider}/token"
        status, _, raw = await self.call("POST", path, data={name: value for name, value in form.items() if value})
        return status, msgspec.json.decode(raw)

    async def signed_on(self, account: str = CITIZEN, provider: str = "cdvcqg", **changes: str) -> Any:
        """The tokens of somebody who signed on."""
        code = (await self.sign_in(account, provider, **changes))["code"]
        status, tokens = await self.exchange(code, provider)
        assert status == 200, tokens
        return tokens

    async def userinfo(self, token: str, provider: str = "cdvcqg") -> tuple[int, Mapping[str, str], bytes]:
        path = "/cdvcqg/oauth2/userinfo" if provider == "cdvcqg" else f"/{provider}/userinfo"
        return await self.call("POST", path, headers={"Authorization": f"Bearer {token}"})

    async def claims(self, account: str = CITIZEN, provider: str = "cdvcqg") -> dict[str, Any]:
        """Userinfo of somebody who signed on just now."""
        tokens = await self.signed_on(account, provider)
        status, _, raw = await self.userinfo(tokens["access_token"], provider)
        assert status == 200, raw
        claims: dict[str, Any] = msgspec.json.decode(raw)
        return claims

    async def jwks(self, provider: str = "cdvcqg") -> Any:
        path = "/cdvcqg/oauth2/jwks" if provider == "cdvcqg" else f"/{provider}/jwks"
        return msgspec.json.decode((await self.call("GET", path))[2])


OpenWorld = Callable[..., AbstractAsyncContextManager[Caller]]


@pytest.fixture
def open_world() -> OpenWorld:
    """`async with open_world(option=…) as caller`: the simulator on a free port."""

    @asynccontextmanager
    async def opening(**options: object) -> AsyncIterator[Caller]:
        clock = Clockwork()
        world = World(msgspec.convert(options, VneidOptions), clock.now, clock.new_token)
        jar = aiohttp.CookieJar(unsafe=True)
        app = vneid_app(world)
        async with opened(app) as door, aiohttp.ClientSession(cookie_jar=jar) as http:
            yield Caller(f"http://127.0.0.1:{door.port}", http, clock, world, app)

    return opening


def query_of(address: str) -> dict[str, str]:
    """The query parameters of an address."""
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


def part(token: str, index: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token, unverified."""
    raw = token.split(".")[index]
    decoded: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    return decoded
