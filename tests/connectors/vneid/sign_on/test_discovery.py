"""A provider's own description fills what the configuration left empty, and can do no more."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit.errors import AnswerUnreadable, ContractChanged, DeliveryError, UpstreamFault
from connectors.kit.signing_on import SignOnRefused
from tests.connectors.vneid.sign_on.scripted import Build, Desk, ScriptedProvider, answer

WELL_KNOWN = "/oauth2/token/.well-known/openid-configuration"


def discovering(desk: Build, provider: ScriptedProvider, document: object, status: int = 200, **more: Any) -> Desk:
    """A client that knows the discovery address alone; the provider gives that document once."""
    provider.answers[WELL_KNOWN] = [answer(status, document)]
    empty = dict.fromkeys(("authorize_url", "token_url", "jwks_url", "userinfo_url", "par_url"), "")
    return desk(**{**empty, "discovery_url": provider.base_url + WELL_KNOWN, **more})


def document_of(provider: ScriptedProvider, **changed: Any) -> dict[str, Any]:
    """What the provider says of itself."""
    base = provider.base_url
    return {
        "issuer": provider.issuer,
        "authorization_endpoint": f"{base}/oauth2/authorize",
        "token_endpoint": f"{base}/oauth2/token",
        "jwks_uri": f"{base}/oauth2/jwks",
        "userinfo_endpoint": f"{base}/oauth2/userinfo",
        **changed,
    }


async def test_the_addresses_come_from_the_document_which_is_fetched_once(
    desk: Build, provider: ScriptedProvider
) -> None:
    """Everything from the request to the account, and the second sign-on asks for nothing."""
    here = discovering(desk, provider, document_of(provider))
    assert "code_challenge" in await here.begin()
    assert (await here.finish()).account.id_number == "001090000000"
    await here.finish()
    assert len(provider.named(WELL_KNOWN)) == 1


async def test_what_the_configuration_says_is_not_changed_by_a_document(
    desk: Build, provider: ScriptedProvider
) -> None:
    """A configured token address stays, whatever the document says."""
    document = document_of(provider, token_endpoint=f"{provider.base_url}/noi-khac")
    await discovering(desk, provider, document, token_url=f"{provider.base_url}/oauth2/token").finish()
    assert provider.named("/noi-khac") == []


@pytest.mark.parametrize(
    ("changed", "status", "family"),
    [
        pytest.param({"issuer": "https://khac"}, 200, ContractChanged, id="another-issuer"),
        pytest.param({"issuer": None}, 200, ContractChanged, id="no-issuer"),
        pytest.param({"token_endpoint": "https://ke-gian.example/token"}, 200, ContractChanged, id="strangers-host"),
        pytest.param({"jwks_uri": "http://xacthuc.example.gov.vn/jwks"}, 200, ContractChanged, id="plain-http"),
        pytest.param({"jwks_uri": None}, 200, ContractChanged, id="no-keys"),
        pytest.param({}, 503, UpstreamFault, id="down"),
        pytest.param({}, 404, ContractChanged, id="not-there"),
    ],
)
async def test_a_document_that_must_not_be_believed_stops_the_sign_on(
    desk: Build, provider: ScriptedProvider, changed: dict[str, Any], status: int, family: type[DeliveryError]
) -> None:
    """Another issuer, a stranger's host, plain HTTP, something missing: for the operator; no code leaves."""
    here = discovering(desk, provider, document_of(provider, **changed), status)
    with pytest.raises(DeliveryError) as raised:
        await here.begin()
    assert type(raised.value) is family
    assert "ke-gian" not in raised.value.message_vi
    assert provider.named("/oauth2/token") == []


async def test_noise_is_no_document(desk: Build, provider: ScriptedProvider) -> None:
    """A page of a load balancer in its place."""
    with pytest.raises(AnswerUnreadable):
        await discovering(desk, provider, b"<html>").begin()


async def test_a_provider_that_announces_its_issuer_parameter_is_held_to_it(
    desk: Build, provider: ScriptedProvider
) -> None:
    """RFC 9207 3: whoever sends it always, and does not, is somebody else."""
    document = document_of(provider, authorization_response_iss_parameter_supported=True)
    here = discovering(desk, provider, document)
    await here.begin()
    with pytest.raises(SignOnRefused, match="issuer_missing"):
        await here.finish()
    await here.finish(iss=provider.issuer)
