"""Every lie that can be ordered is really told, once, and the truth comes back: else a client's refusals prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from lxml import etree

from connectors.vneid.simulator_jose import token_hash
from connectors.vneid.simulator_lies import ID_TOKEN_LIES, LOGOUT_LIES, USERINFO_LIES, Lie
from tests.connectors.vneid_simulator.conftest import CLIENT, part
from tests.connectors.vneid_simulator.questions import DC, ask, body_of, envelope, signed, xroad_header

Said = dict[str, Any]
Check = Callable[[Said, float], bool]

TRUTHS: dict[Lie, Check] = {
    Lie.WRONG_AUDIENCE: lambda said, _: said["aud"] == CLIENT["client_id"],
    Lie.STRANGE_AUDIENCE: lambda said, _: said["aud"] == CLIENT["client_id"] == said["azp"],
    Lie.NO_AZP: lambda said, _: said.get("azp") == CLIENT["client_id"],
    Lie.WRONG_ISSUER: lambda said, _: said["iss"].startswith("http://127.0.0.1"),
    Lie.EXPIRED: lambda said, now: said["exp"] > now,
    Lie.FUTURE_IAT: lambda said, now: said["iat"] <= now,
    Lie.OLD_IAT: lambda said, now: said["iat"] > now - 600,
    Lie.WRONG_NONCE: lambda said, _: said["nonce"] == "nonce-1",
    Lie.NO_NONCE: lambda said, _: "nonce" in said,
    Lie.NO_ACR: lambda said, _: "acr" in said,
    Lie.LOW_ACR: lambda said, _: said["acr"] == "LoA1",
    Lie.NO_SUB: lambda said, _: "sub" in said,
    Lie.HUGE_CLAIMS: lambda said, _: len(str(said)) < 10_000,
}


async def _order(caller: Any, lie: str, **more: object) -> None:
    await caller.control("PUT", "lies", {"orders": [{"lie": lie, **more}]})


@pytest.mark.parametrize("lie", TRUTHS)
async def test_a_lie_about_a_claim_is_told_once(open_world: Any, lie: Lie) -> None:
    """The token is genuinely signed and wrong in this one thing; the next is right."""
    async with open_world() as caller:
        await _order(caller, lie)
        false, true = [await caller.signed_on(acr_values="LoA1") for _ in range(2)]
        keys = KeySet.import_key_set(await caller.jwks())
    holds = TRUTHS[lie]
    if lie is not Lie.HUGE_CLAIMS:  # joserfc itself reads no token of that size.
        jwt.decode(false["id_token"], keys, algorithms=["RS256"])
    assert not holds(part(false["id_token"], 1), caller.clock.at)
    assert holds(part(true["id_token"], 1), caller.clock.at)


def test_no_lie_is_left_without_a_test() -> None:
    """A lie that is added must be looked at here."""
    assert set(ID_TOKEN_LIES) == {*TRUTHS, Lie.WRONG_AT_HASH}
    tested = {
        *TRUTHS,
        Lie.WRONG_AT_HASH,
        *SIGNATURES,
        *CALLBACKS,
        *USERINFO_LIES,
        *LOGOUT_LIES,
        *POPULATION,
        *ELSEWHERE,
    }
    assert tested == set(Lie)


async def test_the_hash_of_the_access_token_is_right_but_for_the_lie(open_world: Any) -> None:
    """`at_hash` binds the access token (OIDC Core 3.1.3.6)."""
    async with open_world() as caller:
        await _order(caller, Lie.WRONG_AT_HASH)
        false, true = await caller.signed_on(), await caller.signed_on()
    assert part(false["id_token"], 1)["at_hash"] != token_hash(false["access_token"])
    assert part(true["id_token"], 1)["at_hash"] == token_hash(true["access_token"])


SIGNATURES = {
    Lie.ALG_NONE: "none",
    Lie.HS256_PUBLIC_KEY: "HS256",
    Lie.UNKNOWN_KID: "RS256",
    Lie.STRANGERS_KEY: "RS256",
    Lie.BAD_SIGNATURE: "RS256",
}


@pytest.mark.parametrize(("lie", "algorithm"), SIGNATURES.items())
async def test_a_false_signature_does_not_verify(open_world: Any, lie: Lie, algorithm: str) -> None:
    """joserfc refuses each with the published keys, and takes the next token."""
    async with open_world() as caller:
        await _order(caller, lie)
        false, true = await caller.signed_on(), await caller.signed_on()
        keys = KeySet.import_key_set(await caller.jwks())
    assert part(false["id_token"], 0)["alg"] == algorithm
    with pytest.raises((JoseError, ValueError)):
        jwt.decode(false["id_token"], keys, algorithms=["RS256"])
    assert jwt.decode(true["id_token"], keys, algorithms=["RS256"]).claims["nonce"] == "nonce-1"


async def test_a_retired_key_signs_on_by_order(open_world: Any) -> None:
    """What was signed with a key that is no longer published."""
    async with open_world() as caller:
        old = await caller.signed_on()
        await caller.control("POST", "keys", {"keep": False})
        await _order(caller, Lie.RETIRED_KEY)
        false = await caller.signed_on()
        known = {key["kid"] for key in (await caller.jwks())["keys"]}
    assert part(false["id_token"], 0)["kid"] == part(old["id_token"], 0)["kid"]
    assert part(false["id_token"], 0)["kid"] not in known


CALLBACKS: dict[Lie, Callable[[dict[str, str]], bool]] = {
    Lie.MIX_UP: lambda back: not back["iss"].startswith("http://127.0.0.1"),
    Lie.NO_ISS: lambda back: "iss" not in back,
    Lie.WRONG_STATE: lambda back: back["state"] != "state-1",
    Lie.NO_STATE: lambda back: "state" not in back,
    Lie.SERVER_ERROR: lambda back: back.get("error") == "server_error",
}


@pytest.mark.parametrize(("lie", "wrong"), CALLBACKS.items())
async def test_a_lie_in_the_callback_is_told_once(
    open_world: Any, lie: Lie, wrong: Callable[[dict[str, str]], bool]
) -> None:
    """`iss` is there by option (RFC 9207), and all else as sent."""
    async with open_world(providers=[{"iss_parameter": True}]) as caller:
        await _order(caller, lie)
        false, true = await caller.sign_in(), await caller.sign_in()
    assert wrong(false)
    assert not wrong(true)
    assert true["iss"] == f"{caller.base}/cdvcqg/oauth2/token"


@pytest.mark.parametrize("lie", USERINFO_LIES)
async def test_a_lie_in_userinfo_is_told_once(open_world: Any, lie: Lie) -> None:
    """The same person twice: the claims differ by the lie."""
    async with open_world() as caller:
        await _order(caller, lie)
        false, true = await caller.claims(provider="vneid"), await caller.claims(provider="vneid")
    changed = {name for name in {*false, *true} if false.get(name) != true.get(name)}
    assert changed
    assert changed <= {"sub", "GhiChu", "logoutUri", "TechID", "SoDinhDanh", "SoCMND", "MaSoThue", "MaSoDoanhNghiep"}


async def test_userinfo_comes_as_a_token_that_is_unsigned_or_for_somebody_else(open_world: Any) -> None:
    """`application/jwt`, signed by option, and wrong by order (facts 1.5)."""
    async with open_world(providers=[{"userinfo": "signed"}]) as caller:
        access = (await caller.signed_on())["access_token"]
        kinds = []
        for lie in (Lie.UNSIGNED_USERINFO, Lie.STRANGERS_USERINFO, ""):
            if lie:
                await _order(caller, lie)
            _, headers, raw = await caller.userinfo(access)
            token = raw.decode()
            assert headers["Content-Type"].startswith("application/jwt")
            kinds.append((part(token, 0)["alg"], part(token, 1)["aud"] == CLIENT["client_id"]))
    assert kinds == [("none", True), ("RS256", False), ("RS256", True)]


async def test_the_discovery_document_may_name_a_stranger(open_world: Any) -> None:
    """Another issuer, another token endpoint, then the true ones."""
    path = "/vneid/.well-known/openid-configuration"
    async with open_world() as caller:
        said = []
        for lie in (Lie.DISCOVERY_ISSUER, Lie.DISCOVERY_STRANGER, Lie.NO_ACR):
            await _order(caller, lie)
            document = msgspec.json.decode((await caller.call("GET", path))[2])
            said.append(
                (document["issuer"] == f"{caller.base}/vneid", document["token_endpoint"].startswith(caller.base))
            )
    assert said == [(False, True), (True, False), (True, True)]


async def test_keys_may_be_missing_or_not_meant_for_signatures(open_world: Any) -> None:
    """An empty set, keys of use `enc`, then the true ones."""
    async with open_world() as caller:
        await _order(caller, Lie.EMPTY_JWKS)
        assert (await caller.jwks())["keys"] == []
        await _order(caller, Lie.ENCRYPTION_KEY)
        assert {key["use"] for key in (await caller.jwks())["keys"]} == {"enc"}
        assert {key["use"] for key in (await caller.jwks())["keys"]} == {"sig"}


async def test_an_id_token_may_be_missing_nameless_or_no_token(open_world: Any) -> None:
    """`no_id_token`, `not_a_token`, `no_kid`."""
    async with open_world() as caller:
        await _order(caller, Lie.NO_ID_TOKEN)
        assert "id_token" not in await caller.signed_on()
        await _order(caller, Lie.NOT_A_TOKEN)
        assert "." not in (await caller.signed_on())["id_token"]
        await _order(caller, Lie.NO_KID)
        assert "kid" not in part((await caller.signed_on())["id_token"], 0)


async def test_a_lie_may_last_and_may_be_meant_for_one_provider(open_world: Any) -> None:
    """`times` 0 never wears out; another provider tells the truth meanwhile; new orders replace old ones."""
    async with open_world() as caller:
        await _order(caller, Lie.NO_NONCE, times=0, provider="vneid")
        assert "nonce" in part((await caller.signed_on())["id_token"], 1)
        for _ in range(3):
            assert "nonce" not in part((await caller.signed_on(provider="vneid"))["id_token"], 1)
        await caller.control("PUT", "lies", {"orders": []})
        assert "nonce" in part((await caller.signed_on(provider="vneid"))["id_token"], 1)


async def test_an_unknown_lie_is_refused(open_world: Any) -> None:
    """422, and what stood stays."""
    async with open_world() as caller:
        await _order(caller, Lie.NO_ACR)
        order = msgspec.json.encode({"orders": [{"lie": "khong-co"}]})
        assert (await caller.call("PUT", "/_simulator/lies", data=order))[0] == 422
        assert (await caller.control("GET", "lies"))["orders"][0]["lie"] == "no_acr"


ELSEWHERE = {
    Lie.RETIRED_KEY,
    Lie.DISCOVERY_ISSUER,
    Lie.DISCOVERY_STRANGER,
    Lie.UNSIGNED_USERINFO,
    Lie.STRANGERS_USERINFO,
    Lie.EMPTY_JWKS,
    Lie.ENCRYPTION_KEY,
    Lie.NO_ID_TOKEN,
    Lie.NOT_A_TOKEN,
    Lie.NO_KID,
    Lie.LOGOUT_UNSIGNED,
    Lie.LOGOUT_STRANGERS_KEY,
}
"""Lies with a test of their own, here or in `test_logout.py`."""


def _name(body: Any) -> str:
    return body[0].findtext(f"{DC}HoVaTen/{DC}Ten") or ""


POPULATION: dict[Lie, Callable[[int, bytes], bool]] = {
    Lie.OTHER_PERSON: lambda _, raw: body_of(raw)[0].findtext(f"{DC}SoDinhDanh") != "001090000000",
    Lie.WRONG_ECHO: lambda _, raw: b"dead</x:id>" in raw,
    Lie.NO_ECHO: lambda _, raw: b"<x:id>" not in raw,
    Lie.SECOND_BODY: lambda _, raw: raw.count(b"CongdanCollection ") == 2,
    Lie.WRAPPED_BODY: lambda _, raw: etree.QName(body_of(raw)).localname == "Wrapper",
    Lie.TRUNCATED: lambda _, raw: not raw.endswith(b"Envelope>") and raw.startswith(b"<?xml"),
    Lie.HTML_PAGE: lambda _, raw: raw.startswith(b"<html>"),
    Lie.DOCTYPE: lambda _, raw: b"<!DOCTYPE" in raw,
    Lie.HUGE_TEXT: lambda _, raw: len(raw) > 3_000_000,
    Lie.CLIENT_PROXY_FAULT: lambda status, raw: status == 500 and b"Server.ClientProxy" in raw,
    Lie.SERVER_PROXY_FAULT: lambda status, raw: status == 500 and b"Server.ServerProxy" in raw,
    Lie.INNER_FAULT: lambda status, raw: status == 200 and body_of(raw).findtext("fault/faultCode") == "500",
    Lie.NAMELESS: lambda _, raw: _name(body_of(raw)) == "",
}


@pytest.mark.parametrize(("lie", "wrong"), POPULATION.items())
async def test_a_lie_of_the_database_is_told_once(
    open_world: Any, lie: Lie, wrong: Callable[[int, bytes], bool]
) -> None:
    """On route F, where every one of them has an occasion; the next answer is right."""
    operation = "TraCuuThongTinCongDan"
    raw = envelope(operation, header=xroad_header(operation))
    async with open_world() as caller:
        await _order(caller, lie, provider="population")
        answers = [
            await caller.call("POST", "/xroad", data=raw, headers={"Content-Type": "text/xml"}) for _ in range(2)
        ]
    (status, _, false), (_, _, true) = answers
    assert wrong(status, false)
    assert not wrong(200, true)
    assert _name(body_of(true)) == "NGUYỄN VĂN THỬ"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        pytest.param({"fault": "http_503"}, 503, id="503"),
        pytest.param({"fault": "busy_429", "seconds": 7}, 429, id="429"),
        pytest.param({"fault": "garbage"}, 200, id="garbage"),
        pytest.param(
            {"fault": "answer", "status": 500, "body": "<html/>", "content_type": "text/html"}, 500, id="canned"
        ),
    ],
)
async def test_the_faults_of_the_kit_hit_the_operation_that_they_name(
    open_world: Any, fault: dict[str, object], status: int
) -> None:
    """By the SOAP name, or by the endpoint's; the call before and after is whole."""
    async with open_world() as caller:
        script = [{"match": "XacThucThongTinCongDan", **fault}, {"match": "token", **fault}]
        await caller.control("PUT", "faults", {"script": script})
        assert (await ask(caller, envelope()))[0] == 200
        headers = signed(caller.clock.at)
        raw = envelope("XacThucThongTinCongDan")
        hit = await caller.call("POST", "/dancu", data=raw, headers=headers)
        assert hit[0] == status
        assert body_of(hit[2]) is None
        assert (await caller.call("POST", "/dancu", data=raw, headers=headers))[0] == 200
        code = (await caller.sign_in())["code"]
        form = {"grant_type": "authorization_code", "code": code, **CLIENT}
        assert (await caller.call("POST", "/cdvcqg/oauth2/token", data=form))[0] == status


async def test_an_expired_lgsp_token_is_played_in_its_own_words(open_world: Any) -> None:
    """`expired_session`: 401 and every token of the LGSP is gone."""
    async with open_world() as caller:
        form = {"grant_type": "client_credentials"}
        token = msgspec.json.decode((await caller.call("POST", "/lgsp/token", data=form))[2])["access_token"]
        await caller.control("PUT", "faults", {"script": [{"match": "*", "fault": "expired_session"}]})
        headers = {"Authorization": f"Bearer {token}"}
        assert [(await caller.call("POST", "/lgsp/dancu", data=envelope(), headers=headers))[0] for _ in range(2)] == [
            401,
            401,
        ]
