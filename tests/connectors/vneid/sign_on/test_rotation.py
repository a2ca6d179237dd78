"""Keys of a provider: cached, rotated in mid-run, and never fetched as often as a stranger likes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from joserfc import jwt

from connectors.kit.errors import NoAnswer, UpstreamFault
from connectors.kit.ground import LoneCoordination
from connectors.kit.signing_on import SignOnRefused
from tests.connectors.vneid.sign_on.scripted import Build, Desk, ScriptedProvider, answer, rsa_key


async def refusal_of(here: Desk) -> str:
    """The code of the refusal."""
    with pytest.raises(SignOnRefused) as raised:
        await here.finish()
    return raised.value.code


async def test_keys_are_fetched_once_and_again_when_they_are_old(desk: Build, provider: ScriptedProvider) -> None:
    """An hour by default."""
    here = desk()
    await here.finish()
    await here.finish()
    assert len(provider.named("/oauth2/jwks")) == 1
    provider.clock.turned_s += 3_601
    await here.finish()
    assert len(provider.named("/oauth2/jwks")) == 2


async def test_a_rotation_in_mid_run_is_followed_and_the_old_key_is_dropped(
    desk: Build, provider: ScriptedProvider
) -> None:
    """A new `kid` fetches the keys once; a token of the old key is refused from then on."""
    here = desk()
    await here.finish()
    provider.published, provider.signs_with = ["khoa-2"], "khoa-2"
    await here.finish()
    assert len(provider.named("/oauth2/jwks")) == 2
    provider.signs_with = "khoa-1"
    assert await refusal_of(here) == "key_unknown"


async def test_a_flood_of_unknown_kids_fetches_the_keys_once_in_five_minutes(
    desk: Build, provider: ScriptedProvider
) -> None:
    """Identity facts 1.9 (2); afterwards one more is allowed."""
    here = desk()
    await here.finish()
    provider.signs_with = "khoa-la"
    for _ in range(20):
        assert await refusal_of(here) == "key_unknown"
    assert len(provider.named("/oauth2/jwks")) == 2
    provider.clock.turned_s += 301
    assert await refusal_of(here) == "key_unknown"
    assert len(provider.named("/oauth2/jwks")) == 3


async def test_a_flood_at_once_waits_for_one_fetch(desk: Build, provider: ScriptedProvider) -> None:
    """Twenty sign-ons after a rotation: all succeed, the keys are fetched once more."""
    here = desk()
    await here.finish()
    provider.published, provider.signs_with = ["khoa-2"], "khoa-2"
    provider.delay_s["/oauth2/jwks"] = 0.1
    await asyncio.gather(*(here.finish() for _ in range(20)))
    assert len(provider.named("/oauth2/jwks")) == 2


async def test_a_flood_at_once_shares_one_failure(desk: Build, provider: ScriptedProvider) -> None:
    """Keys that cannot be had are not asked for twenty times."""
    here = desk()
    provider.delay_s["/oauth2/jwks"] = 0.1
    provider.answers["/oauth2/jwks"] = [answer(503)]
    ended = await asyncio.gather(*(here.finish() for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in ended} == {UpstreamFault}
    assert len(provider.named("/oauth2/jwks")) == 1
    assert provider.named("/oauth2/token") == []


async def test_a_provider_without_kids_rotates_too(desk: Build, provider: ScriptedProvider) -> None:
    """One key without a name: a signature that it did not make may be that of its successor."""
    here = desk()

    def nameless(name: str) -> None:
        key = {member: value for member, value in rsa_key(name).as_dict(private=False).items() if member != "kid"}
        provider.answers["/oauth2/jwks"] = [answer(200, {"keys": [key]})]
        provider.signs_with = name

    provider.id_token = lambda claims: _without_kid(provider, claims)
    nameless("khoa-1")
    await here.finish()
    nameless("khoa-2")
    await here.finish()
    nameless("khoa-1")
    assert await refusal_of(here) == "signature_invalid"
    assert len(provider.named("/oauth2/jwks")) == 2


async def test_a_token_without_kid_before_several_keys_is_refused(desk: Build, provider: ScriptedProvider) -> None:
    """OIDC Core 10.1: a `kid` is a must then; trying one after the other would let the sender choose."""
    provider.published = ["khoa-1", "khoa-2"]
    provider.id_token = lambda claims: _without_kid(provider, claims)
    assert await refusal_of(desk()) == "key_unknown"


async def test_a_fetch_that_fails_is_tried_again_soon_and_not_at_once(desk: Build, provider: ScriptedProvider) -> None:
    """A rotation during an outage is not locked out for five minutes, and an outage is not hammered."""
    here = desk()
    await here.finish()
    provider.published, provider.signs_with = ["khoa-2"], "khoa-2"
    provider.answers["/oauth2/jwks"] = [None]
    with pytest.raises(NoAnswer):
        await here.finish()
    assert await refusal_of(here) == "key_unknown"
    assert len(provider.named("/oauth2/jwks")) == 2
    provider.clock.turned_s += 16
    await here.finish()


def _without_kid(provider: ScriptedProvider, claims: dict[str, object]) -> str:
    return jwt.encode({"alg": "RS256"}, claims, rsa_key(provider.signs_with))


async def test_a_second_node_takes_over_what_the_first_one_fetched_and_not_for_longer(
    desk: Build, provider: ScriptedProvider
) -> None:
    """One fetch for both; the hour counts from that fetch, on the second node as well."""
    common = LoneCoordination()
    first, second = desk(coordination=common), desk(coordination=common)
    await first.finish()
    provider.clock.turned_s += 3_000
    await second.finish()
    assert len(provider.named("/oauth2/jwks")) == 1
    provider.clock.turned_s += 601
    await second.finish()
    assert len(provider.named("/oauth2/jwks")) == 2


async def test_a_node_that_took_keys_over_still_asks_for_one_it_does_not_know(
    desk: Build, provider: ScriptedProvider
) -> None:
    """A rotation since then is followed at the first token, as if the keys had been fetched here."""
    common = LoneCoordination()
    await desk(coordination=common).finish()
    provider.published, provider.signs_with = ["khoa-2"], "khoa-2"
    await desk(coordination=common).finish()
    assert len(provider.named("/oauth2/jwks")) == 2


@pytest.mark.parametrize("text", ["", "{}", '{"fetched": "2026-01-01T00:00:00", "tree": {"keys": []}}', "[1]"])
async def test_what_is_no_set_of_keys_in_the_common_place_is_fetched(
    desk: Build, provider: ScriptedProvider, text: str
) -> None:
    """Whatever lies there, it is never worse than if nothing did."""
    common = LoneCoordination()
    await desk(coordination=common).finish()
    for name in list(common._kept):
        await common.remember(name, text, timedelta(hours=1))
    await desk(coordination=common).finish()
    assert len(provider.named("/oauth2/jwks")) == 2
