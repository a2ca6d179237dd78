"""Our client signs people on at an OpenID provider that we did not write (oidc-provider, certified): what holds, what is refused.

`make prove ONLY=peers` runs this file; it is no part of `make test`, which installs no peers.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp
import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwk

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import CredentialsRefused
from connectors.kit.ground import LoneCoordination
from connectors.kit.secrets import read_setting
from connectors.kit.signing_on import Errand, Secrets, SignedOn, SignOn, SignOnRefused, Wish
from connectors.vneid.sign_on import SignOnProviders
from connectors.vneid.sign_on_settings import ProviderSettings
from mappings.identity import AccountKind
from tests.prove import peers

REDIRECT = "https://cong.example.gov.vn/v1/callbacks/vneid/cdvcqg"
RETURN = "https://cong.example.gov.vn/v1/callbacks/vneid/cdvcqg/logged-out"
SECRET = "chi-dung-de-chung-minh-0000"
PEOPLE = {
    "an": {
        "TechID": "TECH-000000-AN",
        "LoaiTaiKhoan": "1",
        "SoDinhDanh": "001090000000",
        "HoVaTen": "Nguyễn Văn Thử",
        "NgayThangNamSinh": "19900228",
        "ThuDienTu": "thu@example.vn",
        "SoDienThoai": "0900000000",
        "loAs": "LoA2",
    },
    "congty": {
        "TechID": "TECH-000000-CT",
        "LoaiTaiKhoan": 2,
        "MaSoThue": "0100109106",
        "TenDoanhNghiep": "Công ty Mẫu",
        "HoVaTen": "Trần Thị Mẫu",
    },
}


@dataclass(slots=True)
class Clock:
    """Our clock, which a test may turn."""

    turned: timedelta = timedelta()

    def now(self) -> datetime:
        """UTC, turned."""
        return datetime.now(UTC) + self.turned

    def instant(self) -> float:
        """Seconds of a monotonic clock, turned by as much."""
        return time.monotonic() + self.turned.total_seconds()

    def budget(self) -> Budget:
        """Ten seconds from now."""
        return Budget(self.instant() + 10.0, 10.0)


def secrets(tail: str = "a") -> Secrets:
    """Three values of the right length; another tail, another sign-on."""
    return Secrets(*(f"{name}-{tail}".ljust(43, "0") for name in ("state", "nonce", "verifier")))


@dataclass(slots=True)
class Scene:
    """A running provider, our client in front of it, and a person's browser."""

    issuer: str
    client: SignOn
    clock: Clock
    person: aiohttp.ClientSession
    loggings: list[Mapping[str, str]] = field(default_factory=list)

    def errand(self, tail: str = "a") -> Errand:
        """One sign-on."""
        return Errand("cdvcqg", REDIRECT, secrets(tail), Wish())

    async def walked(self, errand: Errand, login: str = "an") -> dict[str, str]:
        """What the browser brings to our callback after the person logged in and agreed."""
        return await self.followed(await self.client.begin(errand, self.clock.budget()), login)

    async def followed(self, address: str, login: str = "an") -> dict[str, str]:
        """Go where one is sent, fill in what is asked, until we are sent to an address of ours."""
        method, form = "GET", None
        for _ in range(16):
            async with self.person.request(method, address, data=form, allow_redirects=False) as answer:
                text, moved = await answer.text(), answer.headers.get("Location")
            if moved is not None:
                address = urljoin(address, moved)
                if address.startswith("https://cong.example.gov.vn/"):
                    return dict(parse_qsl(urlsplit(address).query))
                method, form = "GET", None
                continue
            action = re.search(r'<form[^>]*action="([^"]*)"', text)
            assert action is not None, f"{answer.status}: a page without a form"
            hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
            method, address = "POST", urljoin(address, action[1])
            form = {**dict(hidden), "login": login, "password": "bất kỳ", "logout": "yes"}
        raise AssertionError("never sent back")

    async def signed_on(self, tail: str = "a", login: str = "an") -> SignedOn:
        """A whole sign-on."""
        errand = self.errand(tail)
        return await self.client.finish(errand, await self.walked(errand, login), self.clock.budget())

    async def order(self, path: str) -> None:
        """An order to the program around the provider."""
        async with self.person.post(f"{self.issuer}/_order/{path}") as answer:
            assert answer.status == 200

    async def asked(self, path: str) -> int:
        """How often the provider was asked at an address."""
        async with self.person.get(f"{self.issuer}/_order/counts") as answer:
            return int((await answer.json()).get(path, 0))


Stage = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def staged() -> AsyncIterator[Stage]:
    """Makes scenes, and ends them together."""
    async with AsyncExitStack() as stack:

        async def enter(**differences: Any) -> Scene:
            return await stack.enter_async_context(scene(**differences))

        yield enter


@asynccontextmanager
async def scene(
    *,
    secret: str = SECRET,
    registered: Mapping[str, object] | None = None,
    further_hosts: Sequence[str] = (),
    **differences: object,
) -> AsyncIterator[Scene]:
    """One provider and our client; `differences` are settings of ours, `registered` is what the provider knows of us.

    `{issuer}` in a text stands for the address of the provider; None leaves a setting out.
    """
    clock = Clock()
    loggings: list[Mapping[str, str]] = []

    async def logged_out(request: web.Request) -> web.Response:
        loggings.append({name: str(value) for name, value in (await request.post()).items()})
        return web.Response()

    application = web.Application()
    application.router.add_post("/logout", logged_out)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    known = {
        "client_id": "gateway",
        "client_secret": SECRET,
        "redirect_uris": [REDIRECT],
        "post_logout_redirect_uris": [RETURN],
        "token_endpoint_auth_method": "client_secret_post",
        "backchannel_logout_uri": f"http://127.0.0.1:{runner.addresses[0][1]}/logout",
        "backchannel_logout_session_required": True,
        **(registered or {}),
    }
    wanted = json.dumps({"clients": [{k: v for k, v in known.items() if v is not None}], "people": PEOPLE})
    async with peers.started("provider.mjs", wanted) as told:
        issuer = str(told["issuer"])
        host = urlsplit(issuer).netloc
        provider = {
            "name": "cdvcqg",
            "profile": "cdvcqg",
            "issuer": issuer,
            "hosts": [host, *further_hosts],
            "allow_plain": [host, *further_hosts],
            "authorize_url": f"{issuer}/auth",
            "token_url": f"{issuer}/token",
            "jwks_url": f"{issuer}/jwks",
            "userinfo_url": f"{issuer}/me",
            "logout_url": f"{issuer}/session/end",
            "client_id": "gateway",
            "client_secret": "env:SECRET",
            **differences,
        }
        settings = msgspec.convert(_filled(provider, issuer), ProviderSettings, dec_hook=read_setting)
        kit = Kit("vneid", clock.now, clock.instant, LoneCoordination(), lambda _reference: secret)
        connector = SignOnProviders((settings,), kit)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as person:
            try:
                yield Scene(issuer, connector, clock, person, loggings)
            finally:
                await connector.close()
                await runner.cleanup()


def _filled(provider: Mapping[str, object], issuer: str) -> dict[str, object]:
    return {
        name: value.replace("{issuer}", issuer) if isinstance(value, str) else value
        for name, value in provider.items()
        if value is not None
    }


async def refused(finishing: Awaitable[object]) -> str:
    """The stable code of a refusal."""
    with pytest.raises(SignOnRefused) as caught:
        await finishing
    return caught.value.code


async def test_a_person_signs_on_with_pkce_and_nonce_and_becomes_one_clean_account(staged: Stage) -> None:
    """The provider insists on PKCE and sends our nonce back; every claim arrives at its place."""
    place = await staged()
    address = await place.client.begin(place.errand(), place.clock.budget())
    asked = dict(parse_qsl(urlsplit(address).query))
    assert asked["code_challenge_method"] == "S256" and asked["nonce"] == secrets().nonce
    account = (await place.client.finish(place.errand(), await place.followed(address), place.clock.budget())).account
    assert (account.kind, account.subject_key) == (AccountKind.PERSON, "TECH-000000-AN")
    assert (account.id_number, account.full_name) == ("001090000000", "Nguyễn Văn Thử")
    assert str(account.birth) == "1990-02-28" and account.email == "thu@example.vn"


async def test_an_organisation_signs_on_with_its_number_as_a_number_of_json(staged: Stage) -> None:
    """`LoaiTaiKhoan` may be 2 or "2"."""
    account = (await (await staged()).signed_on(login="congty")).account
    assert account.kind is AccountKind.ORGANISATION and account.organisation is not None
    assert account.organisation.tax_code == "0100109106"


async def test_keys_that_change_in_mid_run_are_fetched_once_and_then_again_after_five_minutes(staged: Stage) -> None:
    """A new key, the old one still published; then a third one alone, which is too early, and five minutes later is not."""
    place = await staged()
    await place.signed_on("a")
    await place.signed_on("b")
    assert await place.asked("/jwks") == 1
    await place.order("rotate")
    await place.signed_on("c")
    assert await place.asked("/jwks") == 2
    await place.order("rotate?drop=1")
    assert await refused(place.signed_on("d")) == "key_unknown"
    assert await place.asked("/jwks") == 2, "a flood of unknown keys would make us fetch without end"
    place.clock.turned = timedelta(minutes=5, seconds=1)
    await place.signed_on("e")
    assert await place.asked("/jwks") == 3


async def test_refused_replayed_code(staged: Stage) -> None:
    """A code is good for one exchange; the second time the provider says invalid_grant."""
    place = await staged()
    errand = place.errand()
    params = await place.walked(errand)
    await place.client.finish(errand, params, place.clock.budget())
    assert await refused(place.client.finish(errand, params, place.clock.budget())) == "code_refused"


async def test_refused_mix_up(staged: Stage) -> None:
    """An answer that names another issuer (RFC 9207): its code is not even shown to the provider."""
    place = await staged()
    params = await place.walked(place.errand())
    assert params["iss"] == place.issuer
    stranger = {**params, "iss": "https://sso.example.vn"}
    assert await refused(place.client.finish(place.errand(), stranger, place.clock.budget())) == "issuer_mismatch"
    assert await place.asked("/token") == 0


async def test_refused_stolen_code_without_its_verifier(staged: Stage) -> None:
    """PKCE: whoever has the code alone gets nothing."""
    place = await staged()
    params = await place.walked(place.errand())
    other = dataclasses.replace(secrets(), verifier=secrets("z").verifier)
    thief = dataclasses.replace(place.errand(), secrets=other)
    assert await refused(place.client.finish(thief, params, place.clock.budget())) == "code_refused"


async def test_refused_token_of_another_sign_on(staged: Stage) -> None:
    """The nonce binds the token to the sign-on that asked for it."""
    place = await staged()
    params = await place.walked(place.errand())
    other = dataclasses.replace(secrets(), nonce=secrets("z").nonce)
    mixed = dataclasses.replace(place.errand(), secrets=other)
    assert await refused(place.client.finish(mixed, params, place.clock.budget())) == "nonce_mismatch"


async def test_refused_callback_of_another_state(staged: Stage) -> None:
    """RFC 6749 10.12."""
    place = await staged()
    params = {**await place.walked(place.errand()), "state": secrets("z").state}
    assert await refused(place.client.finish(place.errand(), params, place.clock.budget())) == "state_mismatch"
    assert await place.asked("/token") == 0


@pytest.mark.parametrize(
    ("turned", "code"),
    [
        (timedelta(hours=2), {"token_expired", "token_too_old"}),
        (timedelta(minutes=11), {"token_too_old"}),
        (timedelta(hours=-1), {"token_from_future"}),
    ],
    ids=["expired", "too-old", "future"],
)
async def test_refused_token_of_another_time(staged: Stage, turned: timedelta, code: set[str]) -> None:
    """Our clock against the provider's: expired, older than ten minutes, from the future."""
    place = await staged()
    params = await place.walked(place.errand())
    place.clock.turned = turned
    assert await refused(place.client.finish(place.errand(), params, place.clock.budget())) in code


async def test_refused_wrong_issuer(staged: Stage) -> None:
    """`iss` of the token must be the configured text exactly, here with a slash too many."""
    place = await staged(issuer="{issuer}/")
    params = await place.walked(place.errand())
    del params["iss"]
    assert await refused(place.client.finish(place.errand(), params, place.clock.budget())) == "wrong_issuer"


async def test_refused_keys_of_another_provider(staged: Stage) -> None:
    """A token is judged by the keys of its provider alone."""
    stranger = await staged()
    place = await staged(jwks_url=f"{stranger.issuer}/jwks", further_hosts=[urlsplit(stranger.issuer).netloc])
    assert await refused(place.signed_on()) in {"key_unknown", "signature_invalid"}


async def test_refused_algorithm_that_is_not_listed(staged: Stage) -> None:
    """The provider signs with RS256; where only ES256 is allowed, that is no signature."""
    place = await staged(algorithms=["ES256"])
    assert await refused(place.signed_on()) == "algorithm_refused"


async def test_refused_downgrade_without_pkce_is_the_providers_own_word(staged: Stage) -> None:
    """With the switch off the provider refuses the request; we say so and exchange nothing."""
    place = await staged(pkce=False)
    params = await place.walked(place.errand())
    assert "code" not in params
    assert await refused(place.client.finish(place.errand(), params, place.clock.budget())) == "provider_error"
    assert await place.asked("/token") == 0


async def test_the_client_proves_itself_in_every_way_that_it_knows(staged: Stage) -> None:
    """client_secret_basic, and private_key_jwt with a key of ours (RFC 7523)."""
    basic = await staged(
        token_auth="client_secret_basic", registered={"token_endpoint_auth_method": "client_secret_basic"}
    )
    assert (await basic.signed_on()).account.subject_key == "TECH-000000-AN"
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = {**jwk.import_key(pem, "RSA").as_dict(private=False), "kid": "cua-ta", "use": "sig", "alg": "RS256"}
    proved = await staged(
        token_auth="private_key_jwt",
        client_secret=None,
        client_key={"key": "env:KEY", "kid": "cua-ta"},
        secret=pem,
        registered={"token_endpoint_auth_method": "private_key_jwt", "client_secret": None, "jwks": {"keys": [public]}},
    )
    assert (await proved.signed_on()).account.subject_key == "TECH-000000-AN"


async def test_refused_client_with_a_wrong_secret_is_our_own_fault_and_no_persons(staged: Stage) -> None:
    """401 at the token endpoint is a matter for the operator: the family is credentials, not the person's sign-on."""
    place = await staged(secret="khong-phai-bi-mat-nay")
    with pytest.raises(CredentialsRefused):
        await place.signed_on()


@pytest.mark.parametrize(
    "switches", [{"par": True}, {"dpop": True}, {"par": True, "dpop": True}], ids=["par", "dpop", "both"]
)
async def test_the_hardening_that_is_off_by_default_works_where_it_is_switched_on(
    staged: Stage, switches: dict[str, bool]
) -> None:
    """Pushed requests (RFC 9126) and proof of possession (RFC 9449)."""
    demanded: dict[str, object] = {}
    if "par" in switches:
        demanded["require_pushed_authorization_requests"] = True
    if "dpop" in switches:
        demanded["dpop_bound_access_tokens"] = True
    place = await staged(registered=demanded, par_url="{issuer}/request", **switches)
    assert (await place.signed_on()).account.subject_key == "TECH-000000-AN"


async def test_the_addresses_come_from_the_providers_own_description(staged: Stage) -> None:
    """OpenID Connect Discovery 1.0; it also announces `iss` in the callback (RFC 9207), and we hold it to that."""
    empty = dict.fromkeys(("authorize_url", "token_url", "jwks_url", "userinfo_url"))
    place = await staged(**empty, discovery_url="{issuer}/.well-known/openid-configuration")
    assert (await place.signed_on()).account.subject_key == "TECH-000000-AN"
    params = await place.walked(place.errand("b"))
    issuer = params.pop("iss")
    assert issuer == place.issuer
    assert await refused(place.client.finish(place.errand("b"), params, place.clock.budget())) == "issuer_missing"


async def test_the_session_ends_at_the_provider_and_its_own_word_of_it_is_believed(staged: Stage) -> None:
    """RP-initiated logout brings the browser back; the back-channel token names the session, and a bent one is refused."""
    place = await staged()
    session = (await place.signed_on()).session
    back = await place.followed(place.client.logout_address(session, RETURN, "so-1"))
    assert back == {"state": "so-1"}
    assert len(place.loggings) == 1, "the provider sent its back-channel logout"
    form = place.loggings[0]
    told = await place.client.read_logout("cdvcqg", form, place.clock.budget())
    assert told.jti and (told.sid == session.sid or told.sub == session.sub)
    head, body, signature = form["logout_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    bent = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "nguoi-khac"}).encode()).decode().rstrip("=")
    forged = {"logout_token": f"{head}.{bent}.{signature}"}
    assert await refused(place.client.read_logout("cdvcqg", forged, place.clock.budget())) == "signature_invalid"
