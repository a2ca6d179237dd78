"""The simulated providers really check what a client sends, and claim what the facts say that the real ones claim."""

from __future__ import annotations

import html
import re
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from connectors.kit.errors import SettingsError
from connectors.vneid.simulator import create_app
from tests.connectors.vneid_simulator.conftest import BACK, CITIZEN, CLIENT, part, query_of

KEY_FIELD = re.compile(r'name="sessionDataKey" value="([^"]*)"')


async def _page(caller: Any, **changes: str) -> tuple[str, str]:
    """The login page and the hidden key on it."""
    status, headers, _ = await caller.call("GET", caller.authorize_address(**changes))
    assert status == 303
    status, _, raw = await caller.call("GET", headers["Location"])
    assert status == 200
    found = KEY_FIELD.search(raw.decode())
    assert found is not None
    return raw.decode(), html.unescape(found[1])


async def _submit(caller: Any, key: str, **fields: str) -> tuple[int, str, str]:
    form = {"sessionDataKey": key, "username": CITIZEN, "password": "simulator", **fields}
    status, headers, raw = await caller.call("POST", "/cdvcqg/authenticationendpoint/login.do", data=form)
    return status, headers.get("Location", ""), raw.decode()


async def test_a_person_signs_on_by_the_page_and_the_client_gets_their_account(open_world: Any) -> None:
    """Authorize, page, form, callback, token, userinfo: the whole way of OIDC Core 3.1."""
    async with open_world() as caller:
        _, key = await _page(caller)
        status, location, _ = await _submit(caller, key)
        assert status == 303
        assert location.startswith(f"{BACK}?")
        back = query_of(location)
        assert back["state"] == "state-1"
        status, tokens = await caller.exchange(back["code"])
        assert status == 200
        _, _, raw = await caller.userinfo(tokens["access_token"])
    claims, told = part(tokens["id_token"], 1), msgspec.json.decode(raw)
    assert claims["iss"] == f"{caller.base}/cdvcqg/oauth2/token"  # The product's quirk (facts 1.3).
    assert claims["aud"] == CLIENT["client_id"]
    assert claims["nonce"] == "nonce-1"
    assert claims["sub"] == told["sub"]
    assert told["HoVaTen"] == "Nguyễn Văn Thử"
    assert told["SoDinhDanh"] == CITIZEN


async def test_the_id_token_verifies_with_the_published_keys(open_world: Any) -> None:
    """joserfc, with the published JWKS, accepts what was signed and refuses what was changed."""
    async with open_world() as caller:
        tokens, jwks = await caller.signed_on(), await caller.jwks()
    keys = KeySet.import_key_set(jwks)
    assert jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims["azp"] == CLIENT["client_id"]
    head, _, signature = tokens["id_token"].split(".")
    other = tokens["id_token"].split(".")[1][:-8] + "AAAAAAAA"
    with pytest.raises((BadSignatureError, ValueError)):
        jwt.decode(f"{head}.{other}.{signature}", keys, algorithms=["RS256"])
    assert not {"d", "p", "q"} & set(jwks["keys"][0])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"password": "sai"}, "không đúng", id="wrong password"),
        pytest.param({"username": "099090000000"}, "không đúng", id="nobody"),
        pytest.param({"username": "048095000000"}, "bị khóa", id="locked account"),
    ],
)
async def test_a_wrong_log_in_shows_the_page_again(open_world: Any, fields: dict[str, str], words: str) -> None:
    """Status 401 with the fault announced, no code, and nothing of what was typed."""
    async with open_world() as caller:
        _, key = await _page(caller)
        status, location, text = await _submit(caller, key, **fields)
    assert (status, location) == (401, "")
    assert 'role="alert"' in text
    assert words in text
    assert "sai" not in text


async def test_a_second_factor_is_asked_for_where_the_provider_has_one(open_world: Any) -> None:
    """With `otp` the password alone gives no code, and `amr` names both factors."""
    async with open_world(providers=[{"otp": "246810"}]) as caller:
        _, key = await _page(caller)
        status, location, text = await _submit(caller, key)
        assert (status, location) == (200, "")
        assert 'autocomplete="one-time-code"' in text
        assert (await _submit(caller, key, otp="000000"))[0] == 401
        status, location, _ = await _submit(caller, key, otp="246810")
        _, tokens = await caller.exchange(query_of(location)["code"])
    assert status == 303
    assert part(tokens["id_token"], 1)["amr"] == ["pwd", "otp"]


async def test_a_person_who_presses_cancel_brings_an_error_back(open_world: Any) -> None:
    """access_denied with the state, and no code (RFC 6749 4.1.2.1)."""
    async with open_world() as caller:
        _, key = await _page(caller)
        _, location, _ = await _submit(caller, key, decision="deny")
        again = await _submit(caller, key)
        scripted = await caller.sign_in(account="")
    assert query_of(location)["error"] == "access_denied"
    assert query_of(location)["state"] == "state-1"
    assert again[0] == 400
    assert scripted["error"] == "access_denied"


async def test_the_page_needs_no_script_and_reflects_nothing(open_world: Any) -> None:
    """Labels for every field, a language, a policy without scripts; a client's name is text and stays text."""
    client = {"client_id": "<script>alert(1)</script>", "client_secret": "s"}
    async with open_world(providers=[{"clients": [client]}]) as caller:
        text, key = await _page(caller, client_id=client["client_id"])
        status, headers, _ = await caller.call("GET", f"/cdvcqg/authenticationendpoint/login.do?sessionDataKey={key}")
    assert status == 200
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert '<html lang="vi">' in text
    assert all(f'<label for="{name}">' in text for name in ("username", "password"))
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_id": "ai-do"}, id="unknown client"),
        pytest.param({"redirect_uri": "https://evil.example.invalid/back"}, id="address of a stranger"),
        pytest.param({"redirect_uri": "http://127.0.0.1.example.invalid/"}, id="address that begins like loopback"),
        pytest.param({"request_uri": "urn:ietf:params:oauth:request_uri:khong-co"}, id="unknown pushed request"),
    ],
)
async def test_nobody_is_redirected_for_a_client_that_is_not_known(open_world: Any, changes: dict[str, str]) -> None:
    """A page with 400 and no Location: an open redirect is what RFC 6749 4.1.2.1 forbids."""
    async with open_world() as caller:
        status, headers, _ = await caller.call("GET", caller.authorize_address(**changes))
    assert status == 400
    assert "Location" not in headers


async def test_a_registered_address_is_compared_letter_by_letter(open_world: Any) -> None:
    """With `redirect_uris` loopback alone is not enough."""
    async with open_world(providers=[{"clients": [{"redirect_uris": [BACK]}]}]) as caller:
        assert (await caller.call("GET", caller.authorize_address()))[0] == 303
        assert (await caller.call("GET", caller.authorize_address(redirect_uri=f"{BACK}/")))[0] == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit flow"),
        pytest.param({"scope": "email"}, "invalid_scope", id="no openid"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain challenge"),
        pytest.param({"code_challenge": "ngan"}, "invalid_request", id="malformed challenge"),
        pytest.param({"prompt": "none"}, "login_required", id="nobody signed in"),
    ],
)
async def test_a_wrong_request_comes_back_with_its_error(open_world: Any, changes: dict[str, str], error: str) -> None:
    """The client hears of it, with its state."""
    async with open_world() as caller:
        status, headers, _ = await caller.call("GET", caller.authorize_address(**changes))
    assert status == 303
    assert query_of(headers["Location"])["error"] == error
    assert query_of(headers["Location"])["state"] == "state-1"


async def test_keys_rotate_by_order_and_the_old_ones_stay_or_go(open_world: Any) -> None:
    """With `keep` both are published; without it tokens by the old key are signed by nobody known."""
    async with open_world() as caller:
        old = part((await caller.signed_on())["id_token"], 0)["kid"]
        await caller.control("POST", "keys", {"keep": True})
        new = part((await caller.signed_on())["id_token"], 0)["kid"]
        assert {key["kid"] for key in (await caller.jwks())["keys"]} == {old, new}
        await caller.control("POST", "keys", {"keep": False})
        assert old not in {key["kid"] for key in (await caller.jwks())["keys"]}


async def test_an_automatic_login_lasts_as_often_as_ordered(open_world: Any) -> None:
    """The demo's citizens sign on without a page; afterwards the page is back."""
    async with open_world() as caller:
        await caller.control("PUT", "automatic", {"account": CITIZEN, "times": 1})
        _, headers, _ = await caller.call("GET", caller.authorize_address())
        assert "code" in query_of(headers["Location"])
        caller.http.cookie_jar.clear()
        _, headers, _ = await caller.call("GET", caller.authorize_address())
        assert "sessionDataKey" in query_of(headers["Location"])


async def test_what_happened_can_be_forgotten(open_world: Any) -> None:
    """Codes, tokens, sessions, lies and calls go; people and keys stay."""
    async with open_world() as caller:
        tokens, code = await caller.signed_on(), (await caller.sign_in())["code"]
        await caller.control("PUT", "lies", {"orders": [{"lie": "no_acr", "times": 0}]})
        await caller.control("DELETE", "state")
        assert (await caller.exchange(code))[1]["error"] == "invalid_grant"
        assert (await caller.userinfo(tokens["access_token"]))[0] == 401
        assert (await caller.control("GET", "lies"))["orders"] == []
        assert (await caller.control("GET", "calls"))["calls"]
        assert (await caller.signed_on())["id_token"]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"la": 1}, id="unknown option"),
        pytest.param({"providers": [{"profile": "saml"}]}, id="unknown profile"),
        pytest.param({"providers": [{}, {}]}, id="name taken twice"),
        pytest.param({"providers": [{"name": "../x"}]}, id="name that is a path"),
        pytest.param({"faults": {"la": 1}}, id="unknown fault"),
    ],
)
def test_options_that_nobody_knows_are_refused(options: dict[str, object]) -> None:
    """Each is a settings error, said before anything listens."""
    with pytest.raises(SettingsError):
        create_app(options)


def test_it_starts_with_no_options_at_all() -> None:
    """Both providers and every route, for `gateway simulate vneid` without a file."""
    paths = {route.resource.canonical for route in create_app({}).router.routes() if route.resource is not None}
    assert {"/cdvcqg/oauth2/authorize", "/vneid/auth", "/dancu", "/xroad", "/lgsp/token"} <= paths
