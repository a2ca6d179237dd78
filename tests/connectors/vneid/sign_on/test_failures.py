"""A provider that is down, slow or lying: the right error family each time, one exchange of a code, nothing kept of a body."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CertificateExpired,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    NoAnswer,
    NotSent,
    UpstreamFault,
)
from connectors.kit.loopback_tls import self_signed
from tests.connectors.vneid.sign_on.scripted import ACCESS, CODE, SECRET, Build, Desk, ScriptedProvider, answer, rsa_key

PLANTED = (CODE, ACCESS, SECRET, "001090000000", "v" * 43, "eyJ")


async def fails_with(here: Desk, family: type[DeliveryError]) -> DeliveryError:
    """The sign-on ends in that family, and neither text nor evidence repeats anything of it."""
    with pytest.raises(DeliveryError) as raised:
        await here.finish()
    error = raised.value
    assert type(error) is family
    shown = f"{error} {error.message_vi} {error.exchange}"
    assert not [planted for planted in PLANTED if planted in shown]
    assert (error.exchange.request, error.exchange.response) == (b"", b"")
    return error


@pytest.mark.parametrize(
    ("status", "body", "family"),
    [
        (500, b"", UpstreamFault),
        (502, b"<html>001090000000</html>", UpstreamFault),
        (503, b"", UpstreamFault),
        (429, b"", Busy),
        (404, b"", ContractChanged),
        (302, b"", ContractChanged),
        (401, {"error": "invalid_client"}, CredentialsRefused),
        (400, {"error": "invalid_client"}, CredentialsRefused),
        (400, {"error": "unauthorized_client"}, CredentialsRefused),
        (401, b"<html>", CredentialsRefused),
        (400, {"error": "invalid_request"}, ContractChanged),
        (400, {"error": "unsupported_grant_type"}, ContractChanged),
        (400, {"error": "invalid_scope"}, ContractChanged),
        (400, {"error": "invalid_grant", "error_description": "Callback url mismatch"}, ContractChanged),
        (400, {"error": "temporarily_unavailable"}, Busy),
        (400, {"error": "server_error"}, UpstreamFault),
        (200, f"<html>{ACCESS}</html>".encode(), AnswerUnreadable),
        (200, {"access_token": "", "id_token": "x"}, AnswerUnreadable),
        (200, {"access_token": "ma\r\nX: y", "id_token": "x"}, AnswerUnreadable),
        (200, {"access_token": ACCESS}, ContractChanged),
        (200, {"access_token": ACCESS, "id_token": "x", "token_type": "mac"}, ContractChanged),
        (200, b'{"access_token": "' + b"x" * 300_000 + b'"}', AnswerUnreadable),
    ],
)
async def test_what_the_token_endpoint_answers_decides_the_family_and_the_code_goes_out_once(
    desk: Build, provider: ScriptedProvider, status: int, body: object, family: type[DeliveryError]
) -> None:
    """RFC 6749 5.2 by the profile's table; everything else by its status. Nothing is ever asked twice."""
    provider.answers["/oauth2/token"] = [answer(status, body)]
    await fails_with(desk(), family)
    assert len(provider.named("/oauth2/token")) == 1


async def test_a_connection_that_breaks_after_the_code_left_is_never_repeated(
    desk: Build, provider: ScriptedProvider
) -> None:
    """The provider may have spent the code: unknown, and one call only (identity facts 1.3, rule)."""
    provider.answers["/oauth2/token"] = [None]
    await fails_with(desk(), NoAnswer)
    assert len(provider.named("/oauth2/token")) == 1


async def test_a_slow_token_endpoint_is_left_and_the_code_is_not_sent_again(
    desk: Build, provider: ScriptedProvider
) -> None:
    """The budget of the attempt bounds all its calls together."""
    provider.held["/oauth2/token"] = asyncio.Event()
    here = desk()
    here.timeout_s = 1.0
    await fails_with(here, NoAnswer)
    provider.held["/oauth2/token"].set()
    assert len(provider.named("/oauth2/token")) == 1


async def test_a_provider_that_is_down_loses_nobody_a_code(desk: Build, provider: ScriptedProvider) -> None:
    """Keys come first: without them the code stays unspent, and the same callback may be finished later."""
    provider.answers["/oauth2/jwks"] = [answer(503)]
    here = desk()
    await fails_with(here, UpstreamFault)
    assert provider.named("/oauth2/token") == []
    await here.finish()


async def test_a_dead_token_endpoint_is_not_sent_and_a_dead_userinfo_is_unknown(
    desk: Build, provider: ScriptedProvider
) -> None:
    """Before the exchange: nothing happened. After it the code is spent, so another try would be a replay."""
    hosts = [provider.base_url.removeprefix("http://"), "127.0.0.1:9"]
    await fails_with(desk(token_url="http://127.0.0.1:9/oauth2/token", hosts=hosts), NotSent)
    error = await fails_with(desk(userinfo_url="http://127.0.0.1:9/userinfo", hosts=hosts), NoAnswer)
    assert "đăng nhập lại từ đầu" in error.message_vi


@pytest.mark.parametrize(
    ("status", "body", "family"),
    [
        (403, {"error": "insufficient_scope"}, ContractChanged),
        (404, b"", ContractChanged),
        (503, b"", UpstreamFault),
        (200, b"[]", AnswerUnreadable),
        (200, b"{", AnswerUnreadable),
        (200, b'{"sub": "' + b"x" * 300_000 + b'"}', AnswerUnreadable),
        # Busy says that nothing was done; but the code was spent, and nobody may be told to send it again.
        (429, b"", NoAnswer),
    ],
)
async def test_what_userinfo_answers_decides_the_family(
    desk: Build, provider: ScriptedProvider, status: int, body: object, family: type[DeliveryError]
) -> None:
    """An answer that nobody can read, a scope that was not granted, a provider that is down."""
    provider.answers["/oauth2/userinfo"] = [answer(status, body)]
    await fails_with(desk(), family)


async def test_the_known_race_of_userinfo_is_asked_once_more_and_no_more(
    desk: Build, provider: ScriptedProvider
) -> None:
    """HTTP 500 once is a race of older versions, twice is a fault (identity facts 1.5)."""
    provider.answers["/oauth2/userinfo"] = [answer(500)]
    await desk().finish()
    assert len(provider.named("/oauth2/userinfo")) == 2
    provider.answers["/oauth2/userinfo"] = [answer(500), answer(500), answer(500)]
    await fails_with(desk(), UpstreamFault)
    assert len(provider.named("/oauth2/userinfo")) == 4


async def test_a_signed_userinfo_that_nobody_configured_is_a_matter_for_the_operator(
    desk: Build, provider: ScriptedProvider
) -> None:
    """The words say which setting to change."""
    provider.answers["/oauth2/userinfo"] = [answer(200, b"a.b.c", **{"Content-Type": "application/jwt"})]
    assert "userinfo_format" in (await fails_with(desk(), ContractChanged)).message_vi


@pytest.mark.parametrize(
    ("body", "family"),
    [
        (b"<html>", AnswerUnreadable),
        ({"keys": {}}, AnswerUnreadable),
        ({"keys": []}, ContractChanged),
        (
            {"keys": [{"kty": "RSA", "n": 5, "e": "AQAB"}, {"kty": "EC", "crv": "P-1", "x": "", "y": ""}]},
            ContractChanged,
        ),
        ({"keys": [{"kty": "RSA"}] * 65}, AnswerUnreadable),
    ],
)
async def test_a_key_set_that_is_none_costs_nobody_a_code(
    desk: Build, provider: ScriptedProvider, body: object, family: type[DeliveryError]
) -> None:
    """What cannot be read, and what has no key to use."""
    provider.answers["/oauth2/jwks"] = [answer(200, body)]
    await fails_with(desk(), family)
    assert provider.named("/oauth2/token") == []


async def test_a_redirect_of_an_endpoint_is_not_followed(desk: Build, provider: ScriptedProvider) -> None:
    """A code or a secret goes to the listed host and nowhere that host points to."""
    there = f"{provider.base_url}/ke-gian"
    provider.answers["/oauth2/token"] = [answer(307, b"", Location=there)]
    await fails_with(desk(), ContractChanged)
    assert provider.named("/ke-gian") == []


async def test_no_call_goes_around_the_proxy(desk: Build, provider: ScriptedProvider) -> None:
    """A network that demands a proxy: without it nothing leaves, although the provider could be reached (facts 7, 19)."""
    await fails_with(desk(proxy="http://127.0.0.1:9"), NotSent)
    assert provider.calls == []
    with pytest.raises(ContractChanged, match="proxy"):
        desk(proxy="http://a:b@127.0.0.1:9")


async def test_a_pushed_request_that_is_refused_is_a_matter_for_the_operator(
    desk: Build, provider: ScriptedProvider
) -> None:
    """PAR: unknown client, unknown parameter, no `request_uri`."""
    for status, body, family in (
        (401, {"error": "invalid_client"}, CredentialsRefused),
        (400, {"error": "invalid_request"}, ContractChanged),
        (201, {"expires_in": 60}, AnswerUnreadable),
        (500, b"", UpstreamFault),
    ):
        provider.answers["/oauth2/par"] = [answer(status, body)]
        with pytest.raises(DeliveryError) as raised:
            await desk(par=True).begin()
        assert type(raised.value) is family


async def test_the_probe_tells_a_provider_that_works_from_one_that_does_not(
    desk: Build, provider: ScriptedProvider
) -> None:
    """By its published keys; which provider it is stands in the words."""
    assert (await desk().client.check()).ready
    provider.answers["/oauth2/jwks"] = [None]
    health = await desk().client.check()
    assert not health.ready
    assert "cdvcqg" in health.detail_vi


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(
    desk: Build, provider: ScriptedProvider, tmp_path: Path
) -> None:
    """TLS checks cannot be switched off; a pinned authority makes the same host trusted (identity facts 7, 19)."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({"keys": [rsa_key("khoa-1").as_dict(private=False)]})

    app = web.Application()
    app.router.add_get("/jwks", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self_signed(tmp_path, datetime.now(UTC))).start()
    try:
        host = f"127.0.0.1:{runner.addresses[0][1]}"
        chosen = {"jwks_url": f"https://{host}/jwks", "hosts": [provider.base_url.removeprefix("http://"), host]}
        await fails_with(desk(**chosen), CertificateExpired)
        assert seen == []
        await desk(**chosen, ca_file=str(tmp_path / "certificate.pem")).finish()
        assert seen == ["/jwks"]
    finally:
        await runner.cleanup()
