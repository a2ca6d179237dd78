"""The simulated providers really check what a client sends, and claim what the facts say that the real ones claim."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet, RSAKey

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
        pytest.param({"username": "001090999999"}, "không đúng", id="nobody"),
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


async def test_a_code_is_good_for_one_exchange_and_a_replay_ends_what_it_gave(open_world: Any) -> None:
    """RFC 6749 4.1.2: invalid_grant, and the access token of the first exchange is dead."""
    async with open_world() as caller:
        code = (await caller.sign_in())["code"]
        _, tokens = await caller.exchange(code)
        status, answer = await caller.exchange(code)
        assert (status, answer["error"]) == (400, "invalid_grant")
        assert (await caller.userinfo(tokens["access_token"]))[0] == 401
        assert (await caller.control("GET", "state"))["providers"]["cdvcqg"]["counts"]["replayed_codes"] == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"code_verifier": ""}, "invalid_grant", id="no verifier"),
        pytest.param({"code_verifier": "x" * 43}, "invalid_grant", id="another verifier"),
        pytest.param({"redirect_uri": f"{BACK}2"}, "invalid_grant", id="another address"),
        pytest.param({"code": "doan-mo"}, "invalid_grant", id="guessed code"),
        pytest.param({"client_secret": "sai"}, "invalid_client", id="wrong secret"),
        pytest.param({"client_secret": ""}, "invalid_client", id="no secret"),
        pytest.param({"client_id": "ai-do"}, "invalid_client", id="unknown client"),
        pytest.param({"client_id": "khac", "client_secret": "khac"}, "invalid_grant", id="code of another client"),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="another grant"),
    ],
)
async def test_a_wrong_exchange_gives_nothing(open_world: Any, changes: dict[str, str], error: str) -> None:
    """Each wrong in one way; the right one afterwards still works, unless the code itself was named to be used."""
    clients = [{}, {"client_id": "khac", "client_secret": "khac"}]
    async with open_world(providers=[{"clients": clients}]) as caller:
        code = (await caller.sign_in())["code"]
        status, answer = await caller.exchange(**{"code": code, **changes})
        assert answer["error"] == error
        assert status == (401 if error == "invalid_client" else 400)
        assert "access_token" not in answer
        assert (await caller.exchange(code))[0] == 200


async def test_codes_and_tokens_end_with_their_time(open_world: Any) -> None:
    """300 s for a code, 3600 s for an access token: the product's defaults (facts 1.3)."""
    async with open_world() as caller:
        code, tokens = (await caller.sign_in())["code"], await caller.signed_on()
        caller.clock.at += 301
        assert (await caller.exchange(code))[1]["error"] == "invalid_grant"
        assert (await caller.userinfo(tokens["access_token"]))[0] == 200
        caller.clock.at += 3_600
        status, headers, _ = await caller.userinfo(tokens["access_token"])
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_verifier_without_a_challenge_is_refused(open_world: Any) -> None:
    """Whoever stripped the challenge from the request cannot use the code of somebody who sent none (RFC 9700, 2.1.1)."""
    async with open_world() as caller:
        code = (await caller.sign_in(code_challenge="", code_challenge_method=""))["code"]
        assert (await caller.exchange(code))[1]["error"] == "invalid_grant"
        assert (await caller.exchange(code, code_verifier=""))[0] == 200


async def test_a_browser_that_is_signed_in_is_not_asked_again_unless_the_client_wants_it(open_world: Any) -> None:
    """`commonAuthId` spares the page; `prompt=login` and `max_age` bring it back (facts 1.5)."""
    async with open_world() as caller:
        _, key = await _page(caller)
        await _submit(caller, key)
        _, headers, _ = await caller.call("GET", caller.authorize_address())
        assert "code" in query_of(headers["Location"])
        for changes in ({"prompt": "login"}, {"max_age": "60"}):
            caller.clock.at += 61
            _, headers, _ = await caller.call("GET", caller.authorize_address(**changes))
            assert "/authenticationendpoint/" in headers["Location"]


async def test_secrets_may_stand_in_a_basic_header(open_world: Any) -> None:
    """client_secret_basic works where it is the client's method, and then the form alone does not."""
    clients = [{**CLIENT, "token_auth": "client_secret_basic"}]
    async with open_world(providers=[{"clients": clients}]) as caller:
        code = (await caller.sign_in())["code"]
        assert (await caller.exchange(code))[1]["error"] == "invalid_client"
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        form["code_verifier"] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        basic = {"Authorization": "Basic c2ltdWxhdG9yLWNsaWVudDpzaW11bGF0b3Itc2VjcmV0"}
        status, _, _ = await caller.call("POST", "/cdvcqg/oauth2/token", data=form, headers=basic)
    assert status == 200


async def test_a_client_proves_itself_by_its_key_once_for_each_assertion(open_world: Any) -> None:
    """private_key_jwt (RFC 7523): a stranger's key, another audience, an old assertion and a replay are refused."""
    key, stranger = RSAKey.generate_key(2048, {"kid": "k1"}), RSAKey.generate_key(2048, {"kid": "k1"})
    clients = [{**CLIENT, "token_auth": "private_key_jwt", "jwks": {"keys": [key.as_dict(private=False)]}}]
    async with open_world(providers=[{"clients": clients}]) as caller:
        code = (await caller.sign_in())["code"]

        def assertion(signer: RSAKey = key, **changes: object) -> str:
            claims = {"iss": CLIENT["client_id"], "sub": CLIENT["client_id"], "jti": "j1", "exp": caller.clock.at + 60}
            claims |= {"aud": f"{caller.base}/cdvcqg/oauth2/token", **changes}
            return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, signer)

        async def tried(value: str) -> Any:
            kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            return await caller.exchange(code, client_secret="", client_assertion=value, client_assertion_type=kind)

        for wrong in (
            assertion(stranger),
            assertion(aud="https://khac.example.invalid"),
            assertion(exp=caller.clock.at - 1),
        ):
            assert (await tried(wrong))[1]["error"] == "invalid_client"
        assert (await caller.exchange(code))[1]["error"] == "invalid_client"
        assert (await tried(assertion()))[0] == 200
        assert (await tried(assertion()))[1]["error"] == "invalid_client"


async def test_a_pushed_request_is_used_once_and_by_its_client_alone(open_world: Any) -> None:
    """PAR (RFC 9126): 201, then authorize with client_id and request_uri only; `require_par` refuses anything else."""
    async with open_world(providers=[{"clients": [{"require_par": True}]}]) as caller:
        assert (await caller.call("GET", caller.authorize_address()))[0] == 400
        form = {**query_of(caller.authorize_address()), **CLIENT}
        status, _, raw = await caller.call("POST", "/cdvcqg/oauth2/par", data=form)
        uri = msgspec.json.decode(raw)["request_uri"]
        assert status == 201
        short = {"client_id": CLIENT["client_id"], "request_uri": uri}
        path = "/cdvcqg/oauth2/authorize"
        assert (await caller.call("GET", path, params=short))[0] == 303
        assert (await caller.call("GET", path, params=short))[0] == 400
        wrong = {**form, "client_secret": "sai"}
        assert (await caller.call("POST", "/cdvcqg/oauth2/par", data=wrong))[0] == 401


async def test_cdvcqg_claims_speak_as_the_product_does(open_world: Any) -> None:
    """Numbers are text, several values are joined, structures are JSON text, what is empty comes empty (facts 1.4, 1.5)."""
    async with open_world() as caller:
        claims = await caller.claims()
    assert claims["LoaiTaiKhoan"] == "1"
    assert claims["GioiTinh"] == "1"
    assert claims["loAs"] == "LoA1,LoA2"
    assert claims["NgayThangNamSinh"] == "19900228"
    assert msgspec.json.decode(claims["Cha"])["HoVaTen"] == "Nguyễn Văn Mẫu"
    assert claims["MaSoThue"] == ""
    assert claims["sub"].endswith("@carbon.super")
    assert "NoiOHienNay" in claims
    assert len(claims) == 33


async def test_rotating_forms_give_every_seen_type_in_turn(open_world: Any) -> None:
    """`numbers` rotating: text and number, joined text and array, empty claims and none."""
    async with open_world(providers=[{"numbers": "rotating"}]) as caller:
        first, second = await caller.claims(), await caller.claims()
    assert {first["LoaiTaiKhoan"], second["LoaiTaiKhoan"]} == {"1", 1}
    assert {type(first["loAs"]), type(second["loAs"])} == {str, list}
    assert ("MaSoThue" in first) != ("MaSoThue" in second)


async def test_vneid_claims_are_thin_and_name_where_to_log_out(open_world: Any) -> None:
    """The ten of facts 1.4, with integers; no contact data; an organisation brings its own."""
    async with open_world() as caller:
        claims, company = await caller.claims(provider="vneid"), await caller.claims("congty-mau", "vneid")
    assert set(claims) == {
        "sub",
        "LoaiTaiKhoan",
        "SoDinhDanh",
        "HoVaTen",
        "NgayThangNamSinh",
        "TechID",
        "loAs",
        "userProfileUri",
        "logoutUri",
        "IAL",
    }
    assert (claims["LoaiTaiKhoan"], claims["IAL"]) == (1, 2)
    assert urlsplit(claims["logoutUri"]).netloc == urlsplit(caller.base).netloc
    assert (company["LoaiTaiKhoan"], company["MaSoThue"], company["SoDinhDanh"]) == (2, "0100000028", "")


async def test_only_mapped_claims_reach_a_client(open_world: Any) -> None:
    """A claim that was not mapped for the client is missing (facts 1.5)."""
    async with open_world(providers=[{"clients": [{"claims": ["TechID", "HoVaTen"]}]}]) as caller:
        assert set(await caller.claims()) == {"sub", "TechID", "HoVaTen"}


@pytest.mark.parametrize(
    ("account", "wanted", "said"),
    [
        pytest.param(CITIZEN, "", None, id="none asked for"),
        pytest.param(CITIZEN, "LoA1", "LoA1", id="as asked"),
        pytest.param("001192000000", "LoA2", "LoA1", id="higher than the account"),
    ],
)
async def test_acr_is_said_when_it_was_asked_for(open_world: Any, account: str, wanted: str, said: str | None) -> None:
    """`acr` is put in the id_token only when an ACR was selected (facts 1.5)."""
    async with open_world() as caller:
        tokens = await caller.signed_on(account, acr_values=wanted)
    assert part(tokens["id_token"], 1).get("acr") == said


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
