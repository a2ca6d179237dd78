"""Sessions at the simulated provider end as the specifications say, and every client behind hears of it once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from connectors.kit.simulation import opened
from connectors.vneid.simulator_lies import LOGOUT_LIES, Lie
from tests.connectors.vneid_simulator.conftest import BACK, CITIZEN, CLIENT, part

EVENT = "http://schemas.openid.net/event/backchannel-logout"
OUT = "/cdvcqg/oidc/logout"


@dataclass
class Listener:
    """A client's back-channel address: it keeps what came and answers as it is told."""

    base: str = ""
    status: int = 200
    tokens: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-www-form-urlencoded"
        self.tokens.append(dict(parse_qsl((await request.read()).decode()))["logout_token"])
        return web.Response(status=self.status, headers={"Cache-Control": "no-store"})


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listening client."""
    heard = Listener()
    app = web.Application()
    app.router.add_post("/back-channel", heard.handle)
    async with opened(app) as door:
        heard.base = f"http://127.0.0.1:{door.port}/back-channel"
        yield heard


def _providers(listener: Listener) -> list[dict[str, Any]]:
    return [{"clients": [{"backchannel_logout_uri": listener.base, "post_logout_uris": [BACK]}]}]


async def test_a_client_ends_the_session_with_its_hint_and_gets_its_browser_back(
    open_world: Any, listener: Listener
) -> None:
    """RP-Initiated Logout: redirect with the state, tokens dead, the client told by a genuine logout token."""
    async with open_world(providers=_providers(listener)) as caller:
        tokens = await caller.signed_on()
        asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BACK, "state": "s-2"}
        status, headers, _ = await caller.call("GET", OUT, params=asked)
        assert (status, headers["Location"]) == (303, f"{BACK}?state=s-2")
        assert (await caller.userinfo(tokens["access_token"]))[0] == 401
        keys = KeySet.import_key_set(await caller.jwks())
    (told,) = listener.tokens
    token = jwt.decode(told, keys, algorithms=["RS256"])
    claims = token.claims
    assert token.header["typ"] == "logout+jwt"
    assert claims["events"] == {EVENT: {}}
    assert claims["aud"] == CLIENT["client_id"]
    assert claims["iss"] == part(tokens["id_token"], 1)["iss"]
    assert claims["sid"] == part(tokens["id_token"], 1)["sid"]
    assert claims["sub"] == part(tokens["id_token"], 1)["sub"]
    assert claims["jti"]
    assert "nonce" not in claims


@pytest.mark.parametrize("address", ["https://evil.example.invalid/", f"{BACK}/x"])
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    open_world: Any, listener: Listener, address: str
) -> None:
    """A page with 400, the session stays, nobody is told."""
    async with open_world(providers=_providers(listener)) as caller:
        tokens = await caller.signed_on()
        asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": address}
        status, headers, _ = await caller.call("GET", OUT, params=asked)
        assert status == 400
        assert "Location" not in headers
        assert (await caller.userinfo(tokens["access_token"]))[0] == 200
    assert listener.tokens == []


async def test_without_a_hint_the_person_is_asked_first(open_world: Any, listener: Listener) -> None:
    """A forged link alone ends nothing: the product shows its consent page (facts 1.6)."""
    async with open_world(providers=_providers(listener)) as caller:
        await caller.control("PUT", "automatic", {"account": CITIZEN, "times": 1})
        await caller.call("GET", caller.authorize_address())
        for hint in ({}, {"id_token_hint": "a.b.c"}):
            status, _, raw = await caller.call("GET", OUT, params=hint)
            assert status == 200
            assert "Bạn có muốn đăng xuất không?" in raw.decode()
        assert (await caller.control("GET", "state"))["providers"]["cdvcqg"]["sessions"] == 1
        await caller.call("POST", OUT, data={"decision": "deny"})
        assert (await caller.control("GET", "state"))["providers"]["cdvcqg"]["sessions"] == 1
        await caller.call("POST", OUT, data={"decision": "allow"})
        assert (await caller.control("GET", "state"))["providers"]["cdvcqg"]["sessions"] == 0


async def test_the_access_token_is_no_hint(open_world: Any, listener: Listener) -> None:
    """What a live client gets wrong (facts 1.6): nothing ends by it."""
    async with open_world(providers=_providers(listener)) as caller:
        tokens = await caller.signed_on()
        await caller.call("GET", OUT, params={"id_token_hint": tokens["access_token"]})
        assert (await caller.userinfo(tokens["access_token"]))[0] == 200


async def test_a_session_that_is_ended_by_order_is_told_to_every_client_in_it(
    open_world: Any, listener: Listener
) -> None:
    """`POST logout` ends the sessions of one person and leaves the others'; what the client said is shown."""
    async with open_world(providers=_providers(listener)) as caller:
        mine, theirs = await caller.signed_on(), await caller.signed_on("001192000000")
        ended = await caller.control("POST", "logout", {"account": CITIZEN})
        assert (ended["sessions"], ended["told"][0]["status"]) == (1, 200)
        assert (await caller.userinfo(mine["access_token"]))[0] == 401
        assert (await caller.userinfo(theirs["access_token"]))[0] == 200
        listener.status = 400
        assert (await caller.control("POST", "logout", {}))["told"][0]["status"] == 400
        listener.base = "http://127.0.0.1:1/"
    assert len(listener.tokens) == 2


async def test_a_client_that_cannot_be_reached_does_not_stop_the_logout(open_world: Any) -> None:
    """Status 0 with the kind of fault; the session is over all the same."""
    clients = [{"backchannel_logout_uri": "http://127.0.0.1:1/"}]
    async with open_world(providers=[{"clients": clients}]) as caller:
        await caller.signed_on()
        ended = await caller.control("POST", "logout", {})
        assert (ended["told"][0]["status"], ended["sessions"]) == (0, 1)
        assert (await caller.control("POST", "logout", {}))["sessions"] == 0


@pytest.mark.parametrize("lie", [*LOGOUT_LIES, Lie.LOGOUT_UNSIGNED, Lie.LOGOUT_STRANGERS_KEY])
async def test_a_false_logout_token_is_wrong_in_what_was_ordered(open_world: Any, listener: Listener, lie: Lie) -> None:
    """Back-Channel Logout 2.6: each check has a token that only it refuses."""
    async with open_world(providers=_providers(listener)) as caller:
        await caller.signed_on()
        await caller.control("PUT", "lies", {"orders": [{"lie": lie}]})
        await caller.control("POST", "logout", {})
        keys = KeySet.import_key_set(await caller.jwks())
    (told,) = listener.tokens
    claims = part(told, 1)
    genuine = True
    try:
        jwt.decode(told, keys, algorithms=["RS256"])
    except (JoseError, ValueError):
        genuine = False
    wrong = {
        Lie.LOGOUT_NONCE: "nonce" in claims,
        Lie.LOGOUT_NO_EVENT: claims["events"] == {},
        Lie.LOGOUT_AUDIENCE: claims["aud"] != CLIENT["client_id"],
        Lie.LOGOUT_EXPIRED: claims["exp"] < caller.clock.at,
        Lie.LOGOUT_NOBODY: "sub" not in claims and "sid" not in claims,
        Lie.LOGOUT_REPLAYED: claims["jti"] == "jti-seen-before",
        Lie.LOGOUT_UNSIGNED: part(told, 0)["alg"] == "none",
        Lie.LOGOUT_STRANGERS_KEY: not genuine and part(told, 0)["alg"] == "RS256",
    }
    assert {name for name, holds in wrong.items() if holds} == {lie}
    assert genuine == (lie not in (Lie.LOGOUT_UNSIGNED, Lie.LOGOUT_STRANGERS_KEY))


async def test_vneid_ends_its_session_at_the_address_of_the_claim(open_world: Any) -> None:
    """`logoutUri` of userinfo, as it came: the session that the browser holds is asked about and ended (facts 1.6)."""
    async with open_world() as caller:
        await caller.control("PUT", "automatic", {"provider": "vneid", "account": CITIZEN, "times": 1})
        await caller.call("GET", caller.authorize_address("vneid"))
        address = (await caller.claims(provider="vneid"))["logoutUri"]
        assert (await caller.call("GET", address))[0] == 200
        await caller.call("POST", address, data={"decision": "allow"})
        assert (await caller.control("GET", "state"))["providers"]["vneid"]["sessions"] == 1
