"""The simulated providers check codes, clients and verifiers at the token call, and claim what the facts say (1.3 to 1.5)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.connectors.vneid_simulator.conftest import BACK, CITIZEN, CLIENT, VERIFIER, part, query_of


async def _page(caller: Any) -> str:
    """The hidden key of a login page."""
    _, headers, _ = await caller.call("GET", caller.authorize_address())
    return query_of(headers["Location"])["sessionDataKey"]


async def _submit(caller: Any, key: str) -> None:
    form = {"sessionDataKey": key, "username": CITIZEN, "password": "simulator"}
    status, _, _ = await caller.call("POST", "/cdvcqg/authenticationendpoint/login.do", data=form)
    assert status == 303


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
        key = await _page(caller)
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
        form["code_verifier"] = VERIFIER
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


class Holder:
    """A client that shows possession of a key (RFC 9449)."""

    def __init__(self, caller: Any) -> None:
        self.caller = caller
        self.key = ECKey.generate_key("P-256")
        self._count = 0

    def proof(self, method: str, path: str, **changes: Any) -> dict[str, str]:
        self._count += 1
        claims = {"htm": method, "htu": self.caller.base + path, "iat": int(self.caller.clock.at)}
        claims |= {"jti": f"proof-{self._count}", **changes}
        header = {"alg": "ES256", "typ": changes.pop("typ", "dpop+jwt"), "jwk": self.key.as_dict(private=False)}
        return {"DPoP": jwt.encode(header, claims, self.key, default_type=None)}

    async def exchange(self, headers: dict[str, str]) -> tuple[int, Any, Any]:
        code = (await self.caller.sign_in())["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
        path = "/cdvcqg/oauth2/token"
        status, answered, raw = await self.caller.call("POST", path, data={**form, **CLIENT}, headers=headers)
        return status, answered, msgspec.json.decode(raw)

    async def userinfo(self, token: str, scheme: str = "DPoP", **changes: Any) -> int:
        path = "/cdvcqg/oauth2/userinfo"
        ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        headers = {**self.proof("POST", path, **{"ath": ath, **changes}), "Authorization": f"{scheme} {token}"}
        status, _, _ = await self.caller.call("POST", path, headers=headers)
        return int(status)


async def test_a_token_that_is_bound_to_a_key_is_good_for_its_holder_alone(open_world: Any) -> None:
    """RFC 9449 7: as a Bearer token, with another key, for another token or another address it is worth nothing."""
    async with open_world() as caller:
        holder, thief = Holder(caller), Holder(caller)
        status, _, tokens = await holder.exchange(holder.proof("POST", "/cdvcqg/oauth2/token"))
        assert (status, tokens["token_type"]) == (200, "DPoP")
        token = tokens["access_token"]
        assert await holder.userinfo(token) == 200
        assert await holder.userinfo(token, scheme="Bearer") == 401
        assert (await caller.userinfo(token))[0] == 401
        assert await thief.userinfo(token) == 401
        assert await holder.userinfo(token, ath="AAAA") == 401
        assert await holder.userinfo(token, htu=f"{caller.base}/vneid/userinfo") == 401


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"htm": "GET"}, id="another method"),
        pytest.param({"htu": "https://khac.example.invalid/token"}, id="another address"),
        pytest.param({"iat": 1}, id="old"),
        pytest.param({"typ": "JWT"}, id="no proof at all"),
        pytest.param({"ath": "AAAA"}, id="made for a resource"),
    ],
)
async def test_a_wrong_proof_of_possession_gives_no_token(open_world: Any, changes: dict[str, Any]) -> None:
    """invalid_dpop_proof, and the code is still good (RFC 9449 5)."""
    async with open_world(providers=[{"dpop": "required"}]) as caller:
        holder = Holder(caller)
        status, _, answer = await holder.exchange(holder.proof("POST", "/cdvcqg/oauth2/token", **changes))
        assert (status, answer["error"]) == (400, "invalid_dpop_proof")
        assert (await holder.exchange({}))[2]["error"] == "invalid_dpop_proof"


async def test_a_proof_is_seen_once(open_world: Any) -> None:
    """A replayed proof is refused (RFC 9449 11.1)."""
    async with open_world() as caller:
        holder = Holder(caller)
        proof = holder.proof("POST", "/cdvcqg/oauth2/token")
        assert (await holder.exchange(proof))[0] == 200
        assert (await holder.exchange(proof))[2]["error"] == "invalid_dpop_proof"


async def test_a_provider_may_want_its_own_nonce_in_the_proof(open_world: Any) -> None:
    """use_dpop_nonce with DPoP-Nonce; the repeat with it succeeds (RFC 9449 8)."""
    async with open_world(providers=[{"dpop_nonce": True}]) as caller:
        holder = Holder(caller)
        status, headers, answer = await holder.exchange(holder.proof("POST", "/cdvcqg/oauth2/token"))
        assert (status, answer["error"]) == (400, "use_dpop_nonce")
        proof = holder.proof("POST", "/cdvcqg/oauth2/token", nonce=headers["DPoP-Nonce"])
        assert (await holder.exchange(proof))[0] == 200


async def test_a_code_that_was_asked_for_with_a_key_is_exchanged_with_that_key(open_world: Any) -> None:
    """`dpop_jkt` binds the code itself (RFC 9449 10)."""
    async with open_world() as caller:
        holder = Holder(caller)
        code = (await caller.sign_in(dpop_jkt=holder.key.thumbprint()))["code"]
        assert (await caller.exchange(code))[1]["error"] == "invalid_grant"
