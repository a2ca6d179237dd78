"""Keys of strange build, and strangers who have keys fetched: nothing of it lets anybody in or keeps anybody out."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from joserfc import jwk, jwt

from connectors.kit.errors import ContractChanged
from connectors.kit.signing_on import SignOnRefused
from connectors.vneid.jose import read_keys
from tests.connectors.vneid.sign_on.scripted import Build, Desk, ScriptedProvider, answer, rsa_key


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _public(name: str = "khoa-1", **changed: Any) -> dict[str, Any]:
    return {**rsa_key(name).as_dict(private=False), **changed}


async def _refusal_of(here: Desk) -> str:
    with pytest.raises(SignOnRefused) as raised:
        await here.finish()
    return raised.value.code


async def test_a_forged_logout_keeps_the_keys_of_a_rotation_from_nobody(
    desk: Build, provider: ScriptedProvider
) -> None:
    """Anybody may have the keys fetched once by a logout token of an unknown key; who signs on has a fetch of his own."""
    here = desk()
    await here.finish()
    forged = jwt.encode({"alg": "RS256", "kid": "khoa-la"}, {"a": 1}, rsa_key("khoa-la"), algorithms=["RS256"])
    for _ in range(5):
        with pytest.raises(SignOnRefused):
            await here.client.read_logout("cdvcqg", {"logout_token": forged}, here.budget())
    assert len(provider.named("/oauth2/jwks")) == 2, "the flood is bounded as before"
    provider.published, provider.signs_with = ["khoa-2"], "khoa-2"
    await here.finish()
    assert len(provider.named("/oauth2/jwks")) == 3


async def test_a_short_key_behind_zeros_is_no_key(desk: Build, provider: ScriptedProvider) -> None:
    """1024 bits written with as many letters as 2048: what counts is the number."""
    with pytest.warns():
        short = jwk.RSAKey.generate_key(1024, {"kid": "khoa-1", "use": "sig", "alg": "RS256"})
    told = short.as_dict(private=False)
    number = base64.urlsafe_b64decode(f"{told['n']}==")
    told = {**told, "n": _url(bytes(300) + number)}
    provider.answers["/oauth2/jwks"] = [answer(200, {"keys": [told, _public("khoa-2")]})]
    provider.id_token = lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "khoa-1"}, claims, short, algorithms=["RS256"]
    )
    provider.published = ["khoa-2"]
    assert await _refusal_of(desk()) == "key_unknown"


@pytest.mark.parametrize(
    "member",
    [
        pytest.param({"kty": ["RSA"]}, id="kind-is-a-list"),
        pytest.param({"kty": {}}, id="kind-is-an-object"),
        pytest.param({"n": _url(b"\xc1" * 190_000)}, id="modulus-of-a-whole-answer"),
        pytest.param({"n": 5}, id="modulus-is-a-number"),
        pytest.param({"n": "é" * 400}, id="modulus-of-strange-letters"),
        pytest.param({"e": "AQ"}, id="exponent-one-proves-everything"),
        pytest.param({"use": ["sig"]}, id="use-is-a-list"),
        pytest.param({"use": "enc"}, id="for-encryption"),
        pytest.param({"key_ops": [[1]]}, id="operations-that-are-none"),
        pytest.param({"kid": 1}, id="name-is-a-number"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}, id="point-not-on-the-curve"),
        pytest.param({"kty": "OKP", "crv": {}, "x": "AA"}, id="curve-is-an-object"),
    ],
)
def test_a_key_of_strange_build_is_skipped_and_the_others_stand(member: dict[str, Any]) -> None:
    """One bad entry neither stops sign-ons nor is used."""
    keys = read_keys({"keys": [_public("khoa-1", **member), _public("khoa-2")]})
    assert [kid for kid, _ in keys.keys] == ["khoa-2"]


async def test_an_id_token_is_kept_only_where_it_ends_the_session(desk: Build) -> None:
    """It may hold everything about a person; kept for hours where nothing uses it, it would be there to be stolen."""
    assert (await desk().finish()).session.id_token
    for more in ({"logout_mode": "none"}, {"logout_url": ""}, {"logout_mode": "claim"}):
        assert (await desk(**more).finish()).session.id_token == ""


async def test_an_access_token_that_is_not_bound_is_thrown_away_where_it_was_to_be(
    desk: Build, provider: ScriptedProvider
) -> None:
    """Downgrade: the operator wants DPoP, and the answer is a bearer token that anybody may use (RFC 9449 5)."""
    with pytest.raises(ContractChanged):
        await desk(dpop=True).finish()
    assert provider.named("/oauth2/userinfo") == []
