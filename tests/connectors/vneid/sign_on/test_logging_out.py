"""The end of a provider's session: where the browser goes, and which notice of a provider is believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.kit.signing_on import LoggedOut, Session, SignOnRefused
from connectors.vneid.id_tokens import LOGOUT_EVENT
from connectors.vneid.sign_on_settings import allowed_address
from tests.connectors.vneid.sign_on.scripted import Build, Desk, ScriptedProvider

RETURN = "https://cong.example.gov.vn/v1/callbacks/vneid/cdvcqg/logged-out"
SESSION = Session("cdvcqg", "nguoi-dung", "phien-0001", "a.b.c", "")
STRANGERS = [
    "https://ke-gian.example/logout",
    "http://xacthuc.example.gov.vn/logout",
    "https://xacthuc.example.gov.vn@ke-gian.example/logout",
    "https://xacthuc.example.gov.vn.ke-gian.example/",
    "https://xacthuc.example.gov.vn:8443/logout",
    "https://xacthuc.example.gov.vn\\@ke-gian.example/",
    "https://xacthuc.example.gov.vn/\r\nSet-Cookie: x",
    "//xacthuc.example.gov.vn/logout",
    "javascript:alert(1)",
    "https://xacthuc.example.gov.vn/logout#x",
    "https:/xacthuc.example.gov.vn/logout",
    "https://[::1]/logout",
    "https://xacthuc.example.gov.vn/" + "x" * 2_000,
    "",
]


def test_rp_initiated_logout_gives_the_id_token_as_hint(desk: Build, provider: ScriptedProvider) -> None:
    """The id_token and not the access token, and the registered return address (identity facts 1.6)."""
    address = desk().client.logout_address(SESSION, RETURN, "trang-thai")
    assert address.startswith(f"{provider.base_url}/oidc/logout?")
    assert parse_qs(urlsplit(address).query) == {
        "id_token_hint": ["a.b.c"],
        "post_logout_redirect_uri": [RETURN],
        "state": ["trang-thai"],
    }


def test_a_session_of_a_provider_that_is_gone_ends_here_only(desk: Build) -> None:
    """The configuration changed since the sign-on; and `none` means none."""
    assert desk(enabled=False).client.logout_address(SESSION, RETURN, "s") == ""
    assert desk(logout_mode="none").client.logout_address(SESSION, RETURN, "s") == ""
    assert desk(logout_url="").client.logout_address(SESSION, RETURN, "s") == ""


async def test_the_claim_logout_uri_is_followed_to_the_providers_own_hosts(
    desk: Build, provider: ScriptedProvider
) -> None:
    """VNeID: the address arrives with the claims (identity facts 1.6)."""
    given = "https://xacthuc.example.gov.vn/dang-xuat?phien=1"
    provider.userinfo["logoutUri"] = given
    signed_on = await desk(profile="vneid").finish()
    assert signed_on.account.logout_uri == signed_on.session.logout_uri == given
    assert desk(profile="vneid").client.logout_address(signed_on.session, RETURN, "s") == given
    named = desk(profile="vneid", logout_return_parameter="redirect").client
    there = named.logout_address(signed_on.session, RETURN, "s")
    assert parse_qs(urlsplit(there).query) == {"phien": ["1"], "redirect": [RETURN]}


@pytest.mark.parametrize("address", STRANGERS)
async def test_open_redirect_a_logout_uri_to_a_strangers_host_is_not_kept(
    desk: Build, provider: ScriptedProvider, address: str
) -> None:
    """The person still signs on; the address is forgotten, and one that was kept before is judged again."""
    provider.userinfo["logoutUri"] = address
    here = desk(profile="vneid")
    signed_on = await here.finish()
    assert signed_on.account.logout_uri == signed_on.session.logout_uri == ""
    assert here.client.logout_address(Session("cdvcqg", logout_uri=address), RETURN, "s") == ""


def test_a_listed_host_with_its_port_is_allowed() -> None:
    """443 needs no word; another port does, and plain HTTP needs its own permission."""
    assert allowed_address("https://a.example/x?y=1", ["a.example"])
    assert allowed_address("https://a.example:443/", ["a.example"])
    assert allowed_address("https://A.example:8443/", ["a.example:8443"])
    assert not allowed_address("http://a.example:8080/", ["a.example:8080"])
    assert allowed_address("http://a.example:8080/", ["a.example:8080"], ["a.example"])


# Back-channel logout.


def logout_claims(provider: ScriptedProvider, **changed: Any) -> dict[str, Any]:
    """A logout token's claims as the product sends them (identity facts 1.6); None leaves one out."""
    now = int(provider.clock.now().timestamp())
    usual = {
        "iss": provider.issuer,
        "aud": "ung-dung-thu-nghiem",
        "sub": "nguoi-dung",
        "sid": "phien-0001",
        "jti": "so-hieu-0001",
        "iat": now,
        "exp": now + 120,
        "events": {LOGOUT_EVENT: {}},
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


async def read(here: Desk, token: str) -> LoggedOut:
    """The provider's notice, judged."""
    return await here.client.read_logout("cdvcqg", {"logout_token": token}, here.budget())


async def test_a_genuine_logout_token_names_the_session_that_ended(desk: Build, provider: ScriptedProvider) -> None:
    """By `sid`, by `sub`, or by both; with or without the type of its own."""
    here = desk()
    assert await read(here, provider.signed(logout_claims(provider))) == LoggedOut(
        "cdvcqg", "so-hieu-0001", "nguoi-dung", "phien-0001"
    )
    assert (await read(here, provider.signed(logout_claims(provider, sub=None), typ="logout+jwt"))).sub == ""
    assert (await read(here, provider.signed(logout_claims(provider, sid=None), typ="JWT"))).sid == ""


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"iss": "https://khac"}, "wrong_issuer", id="issuer"),
        pytest.param({"aud": "ung-dung-khac"}, "wrong_audience", id="audience"),
        pytest.param({"iat": None}, "token_malformed", id="no-iat"),
        pytest.param({"exp": None}, "token_malformed", id="no-exp"),
        pytest.param({"sub": None, "sid": None}, "logout_subject_missing", id="nobody"),
        pytest.param({"events": None}, "logout_event_missing", id="no-event"),
        pytest.param({"events": {LOGOUT_EVENT: True}}, "logout_event_missing", id="event-is-no-object"),
        pytest.param({"events": {"khac": {}}}, "logout_event_missing", id="another-event"),
        pytest.param({"events": [LOGOUT_EVENT]}, "logout_event_missing", id="events-is-a-list"),
        pytest.param({"nonce": "n" * 43}, "logout_nonce_present", id="nonce"),
        pytest.param({"jti": None}, "logout_id_missing", id="no-jti"),
        pytest.param({"jti": "j" * 256}, "logout_id_missing", id="oversize-jti"),
    ],
)
async def test_a_logout_token_that_says_the_wrong_thing_is_refused(
    desk: Build, provider: ScriptedProvider, changed: dict[str, Any], code: str
) -> None:
    """OpenID Connect Back-Channel Logout 1.0, 2.6."""
    with pytest.raises(SignOnRefused, match=code):
        await read(desk(), provider.signed(logout_claims(provider, **changed)))


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        pytest.param(lambda provider: "", "logout_token_missing", id="missing"),
        pytest.param(lambda provider: "a.b.c", "token_malformed", id="noise"),
        pytest.param(
            lambda provider: provider.signed(logout_claims(provider), typ="dpop+jwt"), "logout_token_kind", id="kind"
        ),
        pytest.param(lambda provider: provider.signed(provider.claims()), "logout_subject_missing", id="id-token"),
        pytest.param(
            lambda provider: provider.signed(logout_claims(provider, iat=1_000_000_000, exp=1_000_000_120)),
            "token_expired",
            id="expired",
        ),
        pytest.param(
            lambda provider: provider.signed(logout_claims(provider, iat=1_000_000_000)), "token_too_old", id="old"
        ),
    ],
)
async def test_a_logout_token_that_is_none_is_refused(
    desk: Build, provider: ScriptedProvider, forge: Callable[[ScriptedProvider], str], code: str
) -> None:
    """An id_token in its place would let anybody who saw one end a session."""
    provider.id_claims = {"sub": None, "sid": None} if code == "logout_subject_missing" else {}
    with pytest.raises(SignOnRefused, match=code):
        await read(desk(), forge(provider))


async def test_an_id_token_is_no_logout_token(desk: Build, provider: ScriptedProvider) -> None:
    """Genuine, ours, of a session of ours: and still no logout."""
    provider.nonce = "n" * 43
    with pytest.raises(SignOnRefused, match="logout_event_missing"):
        await read(desk(), provider.signed(provider.claims()))


async def test_back_channel_logout_can_be_switched_off(desk: Build, provider: ScriptedProvider) -> None:
    """A provider that does not send it has no reason to be listened to."""
    with pytest.raises(SignOnRefused, match="logout_disabled"):
        await read(desk(backchannel=False), provider.signed(logout_claims(provider)))
    with pytest.raises(SignOnRefused, match="provider_unknown"):
        await read(desk(enabled=False), provider.signed(logout_claims(provider)))
