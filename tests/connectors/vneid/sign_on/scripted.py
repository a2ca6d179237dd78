"""An identity provider that answers by script, and the gateway's part of a sign-on in front of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from joserfc import jwk, jwt

from connectors.kit.contract import Budget
from connectors.kit.signing_on import Errand, SignedOn
from connectors.vneid.sign_on import SignOnProviders
from tests.planted import secret

CLIENT = "ung-dung-thu-nghiem"
SECRET, CODE, ACCESS = secret("client"), secret("code"), secret("access")
CALLBACK = "https://cong.example.gov.vn/v1/callbacks/vneid/cdvcqg"
NUMBER = "001090000000"
CITIZEN: dict[str, Any] = {
    "TechID": "11111111-2222-4333-8444-000000000000",
    "LoaiTaiKhoan": "1",
    "SoDinhDanh": NUMBER,
    "HoVaTen": "Nguyễn Thử Nghiệm",
    "NgayThangNamSinh": "19900203",
    "ThuDienTu": "thu.nghiem@example.vn",
    "SoDienThoai": "0900000000",
    "loAs": "LoA2",
}

_KEYS: dict[str, jwk.RSAKey] = {}


def rsa_key(name: str) -> jwk.RSAKey:
    """A key of the provider, made once for the run: `kid` is the name."""
    if name not in _KEYS:
        _KEYS[name] = jwk.RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})
    return _KEYS[name]


@dataclass(slots=True)
class Clock:
    """Real time, and what a test turned it forward."""

    turned_s: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.turned_s)

    def instant(self) -> float:
        return time.monotonic() + self.turned_s


@dataclass(frozen=True, slots=True)
class Said:
    """One request as the provider saw it."""

    path: str
    method: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass(slots=True)
class ScriptedProvider:
    """Behaves unless a test says how it must not: `id_claims` and `userinfo` are changed, `answers` replaces whole answers.

    `published` are the keys of its JWKS, `signs_with` the key of its tokens. `answers` maps a path to answers that are given
    first, in order: a response, or None to cut the connection. A path in `held` is answered when its event is set.
    """

    clock: Clock
    base_url: str = ""
    published: list[str] = field(default_factory=lambda: ["khoa-1"])
    signs_with: str = "khoa-1"
    id_claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=lambda: dict(CITIZEN))
    nonce: str = ""
    id_token: Callable[[dict[str, Any]], str] | None = None
    token_more: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, list[Callable[[], web.StreamResponse] | None]] = field(default_factory=dict)
    delay_s: dict[str, float] = field(default_factory=dict)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    calls: list[Said] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        """WSO2's default: the token endpoint, not the host (identity facts 1.3)."""
        return f"{self.base_url}/oauth2/token"

    def named(self, path: str) -> list[Said]:
        """The calls of one path."""
        return [call for call in self.calls if call.path == path]

    def claims(self) -> dict[str, Any]:
        """The id_token's claims, as the test wants them; a value of None leaves a claim out."""
        now = int(self.clock.now().timestamp())
        usual = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "nguyen.thu.nghiem@carbon.super",
            "iat": now,
            "exp": now + 3_600,
            "nonce": self.nonce,
            "sid": "phien-0001",
        }
        return {name: value for name, value in {**usual, **self.id_claims}.items() if value is not None}

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """Claims as a token, signed with the provider's present key."""
        key = rsa_key(self.signs_with)
        return jwt.encode(
            {"alg": "RS256", "kid": self.signs_with, **header}, claims, key, algorithms=["RS256", "PS256"]
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any call."""
        form = {name: values[0] for name, values in parse_qs((await request.read()).decode()).items()}
        self.calls.append(Said(request.path, request.method, dict(request.headers), form))
        await asyncio.sleep(self.delay_s.get(request.path, 0.0))
        if request.path in self.held:
            await self.held[request.path].wait()
        answers = self.answers.get(request.path, [])
        if answers:
            answer = answers.pop(0)
            if answer is not None:
                return answer()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if request.path == "/oauth2/jwks":
            return web.json_response({"keys": [rsa_key(name).as_dict(private=False) for name in self.published]})
        if request.path == "/oauth2/userinfo":
            return web.json_response({"sub": self.claims().get("sub"), **self.userinfo})
        if request.path == "/oauth2/par":
            return web.json_response(
                {"request_uri": "urn:ietf:params:oauth:request_uri:1", "expires_in": 60}, status=201
            )
        made = self.id_token or self.signed
        tree = {"access_token": ACCESS, "token_type": "Bearer", "id_token": made(self.claims())}
        return web.json_response({**tree, **self.token_more})


def answer(status: int, body: object = None, **headers: str) -> Callable[[], web.StreamResponse]:
    """An answer for `answers`: JSON, or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda: web.Response(status=status, body=raw, headers={"Content-Type": "application/json", **headers})


@dataclass(slots=True)
class Desk:
    """The gateway's part of a sign-on: the errand, what the browser brings back, the time that it may take."""

    provider: ScriptedProvider
    client: SignOnProviders
    clock: Clock
    errand: Errand
    timeout_s: float = 10.0

    def budget(self) -> Budget:
        return Budget(self.clock.instant() + 30, self.timeout_s)

    async def begin(self) -> dict[str, str]:
        """The parameters of the address that the browser is sent to; the provider learns the nonce from them."""
        address = await self.client.begin(self.errand, self.budget())
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.provider.nonce = asked.get("nonce", "")
        return asked

    async def finish(self, **params: str) -> SignedOn:
        """The callback with the errand's state and a code, or what the test makes of them (empty: left out)."""
        if not self.provider.nonce:
            self.provider.nonce = self.errand.secrets.nonce
        query = {"state": self.errand.secrets.state, "code": CODE, **params}
        given = {name: value for name, value in query.items() if value}
        return await self.client.finish(self.errand, given, self.budget())


Build = Callable[..., Desk]
"""`desk(wish=…, secrets=…, **settings)`: the gateway's part in front of the provider."""
