"""A sign-on from its beginning to its account, as the provider sees it and as the gateway gets it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from joserfc import jwk, jwt

from connectors.kit.errors import SettingsError
from connectors.kit.signing_on import SignOn, SignOnRefused, Wish
from connectors.vneid.client_proof import challenge_of
from mappings.codes import IdentityType
from mappings.identity import AccountKind
from mappings.partial_date import PartialDate
from tests.connectors.vneid.sign_on.scripted import ACCESS, SECRET, Build, ScriptedProvider, answer


async def test_a_citizen_signs_on_with_pkce_and_nonce_and_becomes_an_account(
    desk: Build, provider: ScriptedProvider
) -> None:
    """The course of every sign-on: request, code, token, userinfo, account, and a session to end it by."""
    here = desk()
    asked = await here.begin()
    signed_on = await here.finish()
    account = signed_on.account
    assert asked["code_challenge"] == challenge_of(here.errand.secrets.verifier)
    assert asked["code_challenge_method"] == "S256"
    assert (asked["nonce"], asked["state"]) == (here.errand.secrets.nonce, here.errand.secrets.state)
    assert (asked["response_type"], asked["scope"], asked["acr_values"]) == ("code", "openid", "LoA1")
    sent = provider.named("/oauth2/token")[0].form
    assert sent["code_verifier"] == here.errand.secrets.verifier
    assert sent["redirect_uri"] == asked["redirect_uri"] == here.errand.redirect_uri
    assert (account.provider, account.subject_key) == ("cdvcqg", "11111111-2222-4333-8444-000000000000")
    assert (account.kind, account.id_type, account.id_number) == (AccountKind.PERSON, IdentityType.CCCD, "001090000000")
    assert account.birth == PartialDate(1990, 2, 3)
    assert account.missing == ()
    assert signed_on.session.sid == "phien-0001"


def test_the_challenge_is_that_of_rfc_7636() -> None:
    """The vector of RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_it_is_a_sign_on_by_the_contract(desk: Build) -> None:
    """The gateway finds the capability and the providers that are switched on."""
    client = desk().client
    assert isinstance(client, SignOn)
    assert [(one.name, one.title_vi) for one in client.providers().values()] == [
        ("cdvcqg", "Cổng Dịch vụ công quốc gia")
    ]
    assert dict(desk(enabled=False).client.providers()) == {}


async def test_nothing_of_an_account_is_shown_by_its_repr(desk: Build) -> None:
    """Logs and errors print values by `repr`; no name, number, address or token may be in one."""
    shown = repr(await desk().finish())
    for secret in ("001090000000", "Nguyễn", "11111111", "thu.nghiem", "0900000000", "eyJ"):
        assert secret not in shown


async def test_a_wish_for_a_fresh_log_in_and_a_level_goes_into_the_request(desk: Build) -> None:
    """`prompt=login`, and the highest of the levels that anybody wants."""
    asked = await desk(Wish(min_acr="LoA2", fresh=True), min_acr="LoA1", limits={"max_age_s": 300}).begin()
    assert (asked["prompt"], asked["acr_values"], asked["max_age"]) == ("login", "LoA2", "300")


@pytest.mark.parametrize("way", ["client_secret_post", "client_secret_basic"])
async def test_the_client_secret_goes_where_the_configuration_says(
    desk: Build, provider: ScriptedProvider, way: str
) -> None:
    """In the form as the seen clients do it, or in a Basic header, and nowhere else."""
    await desk(token_auth=way).finish()
    call = provider.named("/oauth2/token")[0]
    in_form, header = call.form.get("client_secret"), call.headers.get("Authorization", "")
    if way == "client_secret_post":
        assert (in_form, header) == (SECRET, "")
    else:
        assert in_form is None
        assert base64.b64decode(header.removeprefix("Basic ")) == f"ung-dung-thu-nghiem:{SECRET}".encode()


async def test_a_client_key_makes_an_assertion_that_is_never_the_same_twice(
    desk: Build, provider: ScriptedProvider
) -> None:
    """`private_key_jwt`: made out to the token endpoint, short-lived, signed with our key, without any secret."""
    key = jwk.ECKey.generate_key("P-256")
    pem = key.as_pem(private=True).decode()
    here = desk(
        secrets={"env:k": pem},
        token_auth="private_key_jwt",
        client_secret="",
        client_key={"key": "env:k", "algorithm": "ES256", "kid": "cua-cong"},
    )
    await here.finish()
    await here.finish()
    first, second = (call.form for call in provider.named("/oauth2/token"))
    assert "client_secret" not in first
    token = jwt.decode(first["client_assertion"], key, algorithms=["ES256"])
    assert token.header["kid"] == "cua-cong"
    assert token.claims["iss"] == token.claims["sub"] == "ung-dung-thu-nghiem"
    assert token.claims["aud"] == f"{provider.base_url}/oauth2/token"
    assert token.claims["exp"] - token.claims["iat"] == 60
    other = jwt.decode(second["client_assertion"], key, algorithms=["ES256"])
    assert token.claims["jti"] != other.claims["jti"]


def test_a_client_key_that_is_none_is_found_at_start(desk: Build) -> None:
    """A public key, a wrong curve and noise are settings errors that repeat nothing of the key."""
    public = jwk.ECKey.generate_key("P-256").as_pem(private=False).decode()
    for text in (public, "khong-phai-khoa", jwk.RSAKey.generate_key(2048).as_pem(private=True).decode()):
        with pytest.raises(SettingsError) as raised:
            desk(
                secrets={"env:k": text}, token_auth="private_key_jwt", client_key={"key": "env:k", "algorithm": "ES256"}
            )
        assert text[:20] not in str(raised.value)


async def test_a_pushed_request_leaves_nothing_in_the_browser(desk: Build, provider: ScriptedProvider) -> None:
    """PAR: the browser carries `client_id` and `request_uri` alone; the provider got the rest with our credentials."""
    asked = await desk(par=True).begin()
    assert asked == {"client_id": "ung-dung-thu-nghiem", "request_uri": "urn:ietf:params:oauth:request_uri:1"}
    pushed = provider.named("/oauth2/par")[0].form
    assert (pushed["nonce"], pushed["client_secret"]) == ("n" * 43, SECRET)


async def test_proofs_of_possession_go_to_the_token_and_the_userinfo_endpoint(
    desk: Build, provider: ScriptedProvider
) -> None:
    """DPoP: one key for one sign-on, the access token's hash at the resource, the server's nonce answered once."""
    provider.answers["/oauth2/token"] = [answer(400, {"error": "use_dpop_nonce"}, **{"DPoP-Nonce": "nonce-0001"})]
    provider.token_more = {"token_type": "DPoP"}
    await desk(dpop=True).finish()
    first, second = provider.named("/oauth2/token")
    resource = provider.named("/oauth2/userinfo")[0]
    assert resource.headers["Authorization"] == f"DPoP {ACCESS}"
    proofs = []
    for call in (first, second, resource):
        header, _, _ = call.headers["DPoP"].partition(".")
        public = jwk.ECKey.import_key(_json(header)["jwk"])
        proofs.append((jwt.decode(call.headers["DPoP"], public, algorithms=["ES256"]), public))
    assert len({public.thumbprint() for _, public in proofs}) == 1
    assert len({proof.claims["jti"] for proof, _ in proofs}) == 3
    assert [proof.claims.get("nonce") for proof, _ in proofs] == [None, "nonce-0001", None]
    digest = hashlib.sha256(ACCESS.encode()).digest()
    assert proofs[2][0].claims["ath"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert all(proof.header["typ"] == "dpop+jwt" and "d" not in proof.header["jwk"] for proof, _ in proofs)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_is_asked_by_get_or_by_post(desk: Build, provider: ScriptedProvider, method: str) -> None:
    """Seen clients send POST with an empty body; OIDC recommends GET (identity facts 1.1)."""
    await desk(userinfo_method=method).finish()
    asked = provider.named("/oauth2/userinfo")[0]
    assert (asked.method, asked.headers["Authorization"]) == (method, f"Bearer {ACCESS}")


async def test_a_provider_without_userinfo_gives_its_claims_in_the_id_token(
    desk: Build, provider: ScriptedProvider
) -> None:
    """No userinfo address: the id_token is all there is."""
    provider.id_claims = {"TechID": "T-000000", "SoDinhDanh": "001090000000", "LoaiTaiKhoan": 1}
    signed_on = await desk(userinfo_url="").finish()
    assert (signed_on.account.subject_key, provider.named("/oauth2/userinfo")) == ("T-000000", [])


async def test_what_a_sign_on_demands_of_a_level_is_judged_and_a_missing_level_is_the_lowest(
    desk: Build, provider: ScriptedProvider
) -> None:
    """`acr` by its order, the account level by the map of the configuration (identity facts 1.8)."""
    provider.id_claims = {"acr": "LoA2", "amr": ["pwd", "otp"]}
    signed_on = await desk(Wish(min_ial=2, min_acr="LoA1"), assurance_map={"LoA2": 2}).finish()
    assert (signed_on.account.assurance.ial, signed_on.account.assurance.acr) == (2, "LoA2")
    assert signed_on.account.assurance.methods == ("pwd", "otp")
    for wish in (Wish(min_acr="LoA3"), Wish(min_ial=3)):
        with pytest.raises(SignOnRefused, match="assurance_too_low"):
            await desk(wish, assurance_map={"LoA2": 2}).finish()
    provider.id_claims = {}
    with pytest.raises(SignOnRefused, match="assurance_too_low"):
        await desk(Wish(min_acr="LoA1")).finish()
    with pytest.raises(SignOnRefused, match="assurance_too_low"):
        await desk(min_ial=1).finish()


async def test_a_claim_that_the_configuration_requires_must_come(desk: Build, provider: ScriptedProvider) -> None:
    """And so must the subject key, always: there is no other key to map accounts by."""
    del provider.userinfo["ThuDienTu"]
    assert (await desk().finish()).account.missing == ("ThuDienTu",)
    with pytest.raises(SignOnRefused, match="claims_incomplete"):
        await desk(required_claims=["ThuDienTu"]).finish()
    provider.userinfo["TechID"] = ""
    with pytest.raises(SignOnRefused, match="claims_incomplete"):
        await desk().finish()


async def test_a_provider_that_names_its_claims_otherwise_is_read_by_the_claim_map(
    desk: Build, provider: ScriptedProvider
) -> None:
    """A standard OpenID provider has no TechID: the map says which claim stands for it."""
    provider.userinfo = {"name": "Nguyễn Thử Nghiệm", "birthdate": "1990-02-03"}
    names = {"subject_key": "sub", "full_name": "name", "birth": "birthdate"}
    account = (await desk(claim_map=names).finish()).account
    assert (account.subject_key, account.full_name) == ("nguyen.thu.nghiem@carbon.super", "Nguyễn Thử Nghiệm")
    assert account.birth == PartialDate(1990, 2, 3)


def _json(segment: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return tree
