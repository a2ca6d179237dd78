"""The client in front of the simulated providers: whoever misreads a fact alone is found out, and every lie is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import msgspec
import pytest

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import DeliveryError
from connectors.kit.ground import LoneCoordination
from connectors.kit.secrets import read_setting
from connectors.kit.signing_on import Errand, Secrets, SignedOn, SignOnRefused, Wish
from connectors.kit.simulation import opened
from connectors.vneid.sign_on import SignOnProviders
from connectors.vneid.sign_on_settings import ProviderSettings
from connectors.vneid.simulator import create_app
from connectors.vneid.simulator_lies import Lie
from connectors.vneid.simulator_options import ENDPOINTS, Profile
from mappings.codes import IdentityType
from mappings.identity import AccountKind

CALLBACK = "http://127.0.0.1:9/v1/callbacks/vneid/cdvcqg"
CITIZEN, COMPANY = "001090000000", "tech-cong-ty-mau"

# What each lie about a sign-on ends in: a refusal's code, a family's code, or nothing at all (what was lied about is harmless
# or left out). `retired_key` needs a rotation first, logout lies a logout; they have tests of their own.
ENDS: dict[Lie, str] = {
    Lie.WRONG_AUDIENCE: "wrong_audience",
    Lie.STRANGE_AUDIENCE: "wrong_party",
    Lie.NO_AZP: "wrong_party",
    Lie.WRONG_ISSUER: "wrong_issuer",
    Lie.EXPIRED: "token_expired",
    Lie.FUTURE_IAT: "token_from_future",
    Lie.OLD_IAT: "token_too_old",
    Lie.WRONG_NONCE: "nonce_mismatch",
    Lie.NO_NONCE: "nonce_mismatch",
    Lie.WRONG_AT_HASH: "access_token_mismatch",
    Lie.NO_ACR: "assurance_too_low",
    Lie.LOW_ACR: "assurance_too_low",
    Lie.NO_SUB: "subject_missing",
    Lie.HUGE_CLAIMS: "answer_unreadable",
    Lie.ALG_NONE: "algorithm_refused",
    Lie.HS256_PUBLIC_KEY: "algorithm_refused",
    Lie.UNKNOWN_KID: "key_unknown",
    Lie.NO_KID: "",
    Lie.STRANGERS_KEY: "signature_invalid",
    Lie.BAD_SIGNATURE: "signature_invalid",
    Lie.NO_ID_TOKEN: "contract_changed",
    Lie.NOT_A_TOKEN: "token_malformed",
    Lie.MIX_UP: "issuer_mismatch",
    Lie.NO_ISS: "issuer_missing",
    Lie.WRONG_STATE: "state_mismatch",
    Lie.NO_STATE: "state_mismatch",
    Lie.SERVER_ERROR: "provider_error",
    Lie.SUB_MISMATCH: "subject_mismatch",
    Lie.UNSIGNED_USERINFO: "contract_changed",
    Lie.STRANGERS_USERINFO: "contract_changed",
    Lie.HUGE_USERINFO: "answer_unreadable",
    Lie.STRANGER_LOGOUT_URI: "",
    Lie.NO_TECH_ID: "claims_incomplete",
    Lie.NO_NUMBER: "",
    Lie.EMPTY_JWKS: "contract_changed",
    Lie.ENCRYPTION_KEY: "contract_changed",
}


@dataclass
class Meeting:
    """A simulated provider and our client in front of it."""

    base: str
    http: aiohttp.ClientSession
    client: SignOnProviders
    name: str

    @property
    def errand(self) -> Errand:
        return Errand(self.name, CALLBACK, Secrets("s" * 43, "n" * 43, "v" * 43), Wish(min_acr=self.min_acr))

    min_acr: str = ""

    def budget(self) -> Budget:
        return Budget(time.monotonic() + 30, 10.0)

    async def control(self, method: str, path: str, body: object) -> Any:
        async with self.http.request(
            method, f"{self.base}/_simulator/{path}", data=msgspec.json.encode(body)
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def callback(self, account: str = CITIZEN) -> dict[str, str]:
        """What the browser brings back after a person signed in there."""
        address = await self.client.begin(self.errand, self.budget())
        location = (await self.control("POST", "sign-in", {"address": address, "account": account}))["location"]
        return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))

    async def sign_on(self, account: str = CITIZEN) -> SignedOn:
        return await self.client.finish(self.errand, await self.callback(account), self.budget())

    async def ended(self) -> str:
        """How a sign-on ends: a stable code, or nothing for an account."""
        try:
            await self.sign_on()
        except (SignOnRefused, DeliveryError) as error:
            return error.code
        return ""

    async def lie(self, lie: Lie) -> None:
        await self.control("PUT", "lies", {"orders": [{"lie": lie, "provider": self.name}]})


@asynccontextmanager
async def meeting(
    profile: str = "cdvcqg", options: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Meeting]:
    """The simulator on a free port, with that provider's options, and a client with those settings."""
    provider = {"name": profile, "profile": profile, **(options or {})}
    async with opened(create_app({"providers": [provider]})) as door, aiohttp.ClientSession() as http:
        host = f"127.0.0.1:{door.port}"
        root = f"http://{host}/{profile}"
        paths = {"authorize_url": "/oauth2/authorize", "token_url": "/oauth2/token", "jwks_url": "/oauth2/jwks"}
        paths |= {"userinfo_url": "/oauth2/userinfo", "par_url": "/oauth2/par", "logout_url": "/oidc/logout"}
        if profile == "vneid":
            paths = {"authorize_url": "/auth", "token_url": "/token", "jwks_url": "/jwks", "userinfo_url": "/userinfo"}
            paths["par_url"] = "/par"
        tree = {
            "name": profile,
            "profile": profile,
            "issuer": f"{root}/oauth2/token" if profile == "cdvcqg" else root,
            "hosts": [host],
            "client_id": "simulator-client",
            "client_secret": "env:s",
            "allow_plain": ["127.0.0.1"],
            **{name: root + path for name, path in paths.items()},
            **more,
        }
        if "discovery_path" in tree:
            tree["discovery_url"] = root + str(tree.pop("discovery_path"))
        kit = Kit(
            "vneid",
            lambda: datetime.now(UTC),
            time.monotonic,
            LoneCoordination(),
            {"env:s": "simulator-secret"}.__getitem__,
        )
        client = SignOnProviders((msgspec.convert(tree, ProviderSettings, dec_hook=read_setting),), kit)
        try:
            yield Meeting(f"http://{host}", http, client, profile)
        finally:
            await client.close()


@pytest.mark.parametrize("profile", ["cdvcqg", "vneid"])
@pytest.mark.parametrize(
    "switches", [{}, {"par": True}, {"token_auth": "client_secret_basic", "userinfo_method": "GET"}]
)
async def test_a_citizen_and_an_organisation_sign_on_in_either_dialect(profile: str, switches: dict[str, Any]) -> None:
    """The provider checks PKCE, the client's proof and the redirect address; both kinds of account come out clean."""
    async with meeting(profile, **switches) as met:
        citizen = (await met.sign_on()).account
        company = (await met.sign_on(COMPANY)).account
    assert (citizen.kind, citizen.id_type, citizen.id_number) == (AccountKind.PERSON, IdentityType.CCCD, CITIZEN)
    assert (citizen.subject_key, citizen.assurance.ial) == ("tech-thu", 2 if profile == "vneid" else 0)
    assert (company.kind, company.id_type) == (AccountKind.ORGANISATION, IdentityType.TAX_CODE)
    assert company.organisation is not None
    assert company.organisation.name


@pytest.mark.parametrize("nonce", [False, True])
async def test_a_token_is_bound_to_a_key_of_the_sign_on(nonce: bool) -> None:
    """DPoP (RFC 9449) where the provider demands it, with its own nonce and without."""
    async with meeting(options={"dpop": "required", "dpop_nonce": nonce}, dpop=True) as met:
        assert (await met.sign_on()).account.id_number == CITIZEN
    async with meeting(options={"dpop": "required"}) as met:
        assert await met.ended() == "contract_changed"


@pytest.mark.parametrize(
    "dialect",
    [
        {"numbers": "number", "separator": "", "blanks": False, "dates": "dashed", "structures": "object"},
        {"numbers": "rotating", "separator": ","},
        {"userinfo": "signed"},
        {"algorithm": "ES256"},
        {"algorithm": "PS256"},
    ],
)
async def test_every_quirk_of_the_product_gives_the_same_account(dialect: dict[str, Any]) -> None:
    """Texts or numbers, joined or listed, empty or left out, JSON or signed (identity facts 1.5)."""
    more: dict[str, Any] = {"userinfo_format": "jwt"} if dialect.get("userinfo") == "signed" else {}
    more["algorithms"] = [dialect.get("algorithm", "RS256")]
    mapped = {"LoA1": 1, "LoA2": 2}
    async with meeting(assurance_map=mapped) as met:
        usual = (await met.sign_on()).account
    async with meeting(options=dialect, assurance_map=mapped, **more) as met:
        accounts = [(await met.sign_on()).account for _ in range(2)]
    for account in accounts:
        assert account.id_number == usual.id_number == CITIZEN
        assert (account.full_name, account.birth, account.email) == (usual.full_name, usual.birth, usual.email)
        assert account.assurance.ial == usual.assurance.ial == 2


@pytest.mark.parametrize("lie", ENDS)
async def test_every_lie_of_a_provider_ends_as_it_must(lie: Lie) -> None:
    """Told once: refused by its name; afterwards the same client signs the same person on."""
    async with meeting(options={"iss_parameter": True}, issuer_parameter_required=True, min_acr="LoA1") as met:
        await met.lie(lie)
        assert await met.ended() == ENDS[lie]
        if lie is Lie.UNKNOWN_KID:
            return
        assert await met.ended() == ""


def test_no_lie_about_a_sign_on_is_left_out() -> None:
    """A lie that nobody tries is a promise that nobody keeps."""
    population = {
        "other_person", "wrong_echo", "no_echo", "second_body", "wrapped_body", "truncated", "html_page", "doctype",
        "huge_text", "client_proxy_fault", "server_proxy_fault", "inner_fault", "nameless",
    }  # fmt: skip
    elsewhere = {lie for lie in Lie if lie.startswith(("logout_", "discovery_")) or lie in population}
    elsewhere |= {Lie.RETIRED_KEY}
    assert set(Lie) == set(ENDS) | elsewhere


@pytest.mark.parametrize("profile", ["cdvcqg", "vneid"])
async def test_a_provider_that_describes_itself_is_believed_as_far_as_it_may_be(profile: Profile) -> None:
    """Discovery fills what is left out; another issuer, or an endpoint at a stranger's, ends it before anything is sent."""
    more: dict[str, Any] = dict.fromkeys(("authorize_url", "token_url", "jwks_url", "userinfo_url", "par_url"), "")
    more["discovery_path"] = ENDPOINTS[profile]["discovery"]
    async with meeting(profile, **more) as met:
        for lie in (Lie.DISCOVERY_ISSUER, Lie.DISCOVERY_STRANGER):
            await met.lie(lie)
            assert await met.ended() == "contract_changed"
        assert await met.ended() == ""


async def test_a_key_that_the_provider_withdrew_is_no_key_any_more() -> None:
    """A rotation is followed in mid-run, and what the old key signs afterwards is refused."""
    async with meeting() as met:
        assert await met.ended() == ""
        await met.control("POST", "keys", {"provider": "cdvcqg", "keep": False})
        assert await met.ended() == ""
        await met.lie(Lie.RETIRED_KEY)
        assert await met.ended() == "key_unknown"


async def test_a_code_that_was_spent_is_refused_when_it_comes_again() -> None:
    """The same callback twice: the second browser gets nothing."""
    async with meeting() as met:
        params = await met.callback()
        await met.client.finish(met.errand, params, met.budget())
        with pytest.raises(SignOnRefused, match="code_refused"):
            await met.client.finish(met.errand, params, met.budget())


async def test_a_person_who_presses_cancel_is_told_so() -> None:
    """`access_denied` is nobody's fault."""
    async with meeting() as met:
        with pytest.raises(SignOnRefused, match="access_denied"):
            await met.sign_on("")


async def test_a_logout_goes_through_the_provider_and_its_notice_names_the_session() -> None:
    """RP-initiated with the id_token as hint; the browser comes back to the registered address with our state."""
    async with meeting() as met:
        signed_on = await met.sign_on()
        address = met.client.logout_address(signed_on.session, "http://127.0.0.1:9/da-thoat", "trang-thai")
        async with met.http.get(address, allow_redirects=False) as answer:
            location = answer.headers["Location"]
        assert parse_qs(urlsplit(location).query) == {"state": ["trang-thai"]}
        async with met.http.get(f"{met.base}/_simulator/state") as answer:
            assert (await answer.json())["providers"]["cdvcqg"]["counts"]["log_outs"] == 1
