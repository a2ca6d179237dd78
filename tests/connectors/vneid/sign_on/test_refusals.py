"""What a sign-on must refuse, each test named after the defect that it would let in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk, jws, jwt

from connectors.kit.signing_on import SignOnRefused, Wish
from connectors.vneid.jose import half_hash
from connectors.vneid.refusals import reasons
from tests.connectors.vneid.sign_on.scripted import ACCESS, Build, Desk, ScriptedProvider, answer, rsa_key


async def refused_with(here: Desk, reason: str, /, **params: str) -> None:
    """The sign-on ends in that refusal, in words that the table has and that repeat nothing of the person."""
    with pytest.raises(SignOnRefused) as raised:
        await here.finish(**params)
    assert raised.value.code == reason
    assert raised.value.message_vi == reasons()[reason]
    assert raised.value.__cause__ is None and raised.value.__suppress_context__ is (
        raised.value.__context__ is not None
    )


# What the browser brings back.


async def test_mix_up_an_answer_of_another_issuer_is_refused_and_the_code_stays_unspent(
    desk: Build, provider: ScriptedProvider
) -> None:
    """RFC 9207: the `iss` parameter names somebody else; our code goes to nobody."""
    await refused_with(desk(), "issuer_mismatch", iss="https://ke-gian.example/oauth2/token")
    assert provider.named("/oauth2/token") == []
    await desk().finish(iss=provider.issuer)


async def test_mix_up_a_missing_issuer_is_refused_where_the_provider_is_known_to_send_it(
    desk: Build, provider: ScriptedProvider
) -> None:
    """RFC 9207 2.4: a provider that announces the parameter sends it always."""
    await refused_with(desk(issuer_parameter_required=True), "issuer_missing")
    assert provider.named("/oauth2/token") == []


@pytest.mark.parametrize("state", ["", "x" * 43, "s" * 42, "ş" * 43, "\udcff" * 43])
async def test_login_csrf_a_foreign_state_is_refused(desk: Build, provider: ScriptedProvider, state: str) -> None:
    """A code that somebody else began is never exchanged (RFC 6749 10.12)."""
    await refused_with(desk(), "state_mismatch", state=state)
    assert provider.calls == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "access_denied"),
        ("interaction_required", "login_required"),
        ("server_error", "provider_error"),
        ("<script>", "provider_error"),
    ],
)
async def test_an_error_of_the_provider_ends_the_sign_on_even_beside_a_code(
    desk: Build, provider: ScriptedProvider, error: str, code: str
) -> None:
    """OIDC Core 3.1.2.6; the words for the person are ours, never the query's."""
    await refused_with(desk(), code, error=error, error_description="<b>0900000000</b>")
    assert provider.named("/oauth2/token") == []


@pytest.mark.parametrize("code", ["", "c" * 2_049, "mã", "c\r\nX: y", "\udcff"])
async def test_a_callback_without_a_code_is_refused(desk: Build, code: str) -> None:
    """Nothing to exchange, or nothing that could be a code."""
    await refused_with(desk(), "code_missing", code=code)


async def test_a_replayed_code_is_refused_in_words_for_the_person(desk: Build, provider: ScriptedProvider) -> None:
    """RFC 6749 4.1.2: a second exchange is `invalid_grant`; one call, no second try."""
    provider.answers["/oauth2/token"] = [answer(400, {"error": "invalid_grant"})]
    await refused_with(desk(), "code_refused")
    assert len(provider.named("/oauth2/token")) == 1


# The id_token: form, algorithm, key, signature.


def none_token(claims: dict[str, Any]) -> str:
    """An unsigned token that says so."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}."


def mac_token(claims: dict[str, Any]) -> str:
    """HS256 with the provider's public key as the secret: what a careless verifier accepts."""
    header = {"alg": "HS256", "kid": "khoa-1"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    secret = rsa_key("khoa-1").as_pem(private=False)
    made = hmac.new(secret, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(made).rstrip(b"=")]).decode()


def foreign_token(claims: dict[str, Any]) -> str:
    """Signed by a stranger under the name of the provider's key."""
    return jwt.encode({"alg": "RS256", "kid": "khoa-1"}, claims, rsa_key("ke-la"))


def self_brought_token(claims: dict[str, Any]) -> str:
    """Signed by a stranger whose key comes along in the header."""
    key = jwk.RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "jwk": key.as_dict(private=False)}, claims, key)


def critical_token(claims: dict[str, Any]) -> str:
    """Genuine, but it insists on an extension that nobody here knows."""
    header = {"alg": "RS256", "kid": "khoa-1", "crit": ["exp-hạn"], "exp-hạn": 1}
    return signed_by_hand(header, json.dumps(claims).encode())


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        pytest.param(none_token, "algorithm_refused", id="alg-none"),
        pytest.param(mac_token, "algorithm_refused", id="hs256-with-the-public-key"),
        pytest.param(foreign_token, "signature_invalid", id="signed-by-a-stranger"),
        pytest.param(self_brought_token, "signature_invalid", id="key-brought-along"),
        pytest.param(critical_token, "token_malformed", id="unknown-critical-header"),
        pytest.param(lambda claims: none_token(claims) + "AAAA", "algorithm_refused", id="alg-none-with-a-signature"),
        pytest.param(lambda _: "khong.phai.ma", "token_malformed", id="noise"),
        pytest.param(lambda _: "a.b", "token_malformed", id="two-parts"),
        pytest.param(lambda _: "e" * 70_000, "token_malformed", id="oversize"),
    ],
)
async def test_a_forged_id_token_is_refused(
    desk: Build, provider: ScriptedProvider, forge: Callable[[dict[str, Any]], str], code: str
) -> None:
    """Identity facts 1.9 (1) and (2); userinfo is not even asked."""
    provider.id_token = forge
    await refused_with(desk(), code)
    assert provider.named("/oauth2/userinfo") == []


def signed_by_hand(header: Any, payload: bytes) -> str:
    """Any header and any payload under a genuine signature of the provider's key."""
    segments = [base64.urlsafe_b64encode(raw).rstrip(b"=") for raw in (json.dumps(header).encode(), payload)]
    signature = jws.JWSRegistry.algorithms["RS256"].sign(b".".join(segments), rsa_key("khoa-1"))
    return b".".join([*segments, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.mark.parametrize(
    ("header", "payload", "code"),
    [
        pytest.param(["alg"], b"{}", "token_malformed", id="header-is-a-list"),
        pytest.param("alg", b"{}", "token_malformed", id="header-is-a-text"),
        pytest.param({"alg": ["RS256"]}, b"{}", "algorithm_refused", id="algorithm-is-a-list"),
        pytest.param({"alg": "RS256", "kid": 1}, b"{}", "token_malformed", id="kid-is-a-number"),
        pytest.param({"alg": "RS256", "kid": "khoa-1", "b64": False}, b"{}", "token_malformed", id="unencoded-payload"),
        pytest.param({"alg": "RS256", "kid": "khoa-1"}, b"<html>", "token_malformed", id="payload-is-no-json"),
        pytest.param({"alg": "RS256", "kid": "khoa-1"}, b"[]", "token_malformed", id="payload-is-a-list"),
        pytest.param({"alg": "RS256", "kid": "khoa-1"}, b"[" * 9_000, "token_malformed", id="payload-too-deep"),
        pytest.param({"alg": "RS256", "kid": "khoa-1"}, b"\xff", "token_malformed", id="payload-is-no-text"),
    ],
)
async def test_a_token_of_the_wrong_build_is_refused_though_the_key_is_right(
    desk: Build, provider: ScriptedProvider, header: Any, payload: bytes, code: str
) -> None:
    """A provider that signs what is no token of claims."""
    provider.id_token = lambda _: signed_by_hand(header, payload)
    await refused_with(desk(), code)


async def test_a_changed_payload_under_a_genuine_signature_is_refused(desk: Build, provider: ScriptedProvider) -> None:
    """The claims of one token with the signature of another."""

    def swapped(claims: dict[str, Any]) -> str:
        mine, other = provider.signed(claims), provider.signed({**claims, "sub": "nguoi-khac"})
        return ".".join((mine.split(".")[0], other.split(".")[1], mine.split(".")[2]))

    provider.id_token = swapped
    await refused_with(desk(), "signature_invalid")


async def test_an_algorithm_outside_of_the_list_is_refused_though_the_signature_holds(
    desk: Build, provider: ScriptedProvider
) -> None:
    """PS256 by a key that may do both; only RS256 is on the list."""
    key = jwk.RSAKey.generate_key(2048, {"kid": "khong-noi-ro"})
    public = {"keys": [key.as_dict(private=False)]}
    provider.answers["/oauth2/jwks"] = [answer(200, public), answer(200, public)]
    provider.id_token = lambda claims: jwt.encode(
        {"alg": "PS256", "kid": "khong-noi-ro"}, claims, key, algorithms=["PS256"]
    )
    await refused_with(desk(), "algorithm_refused")
    await desk(algorithms=["RS256", "PS256"]).finish()


async def test_a_weak_key_is_no_key(desk: Build, provider: ScriptedProvider) -> None:
    """An RSA key below 2048 bits, a symmetric and a private key are not taken from a published set."""
    weak = {**rsa_key("khoa-1").as_dict(private=False), "n": "AQAB", "kid": "yeu"}
    keys = {"keys": [weak, {"kty": "oct", "k": "AAAA", "kid": "doi-xung"}, rsa_key("rieng").as_dict(private=True)]}
    good = [rsa_key("khoa-1").as_dict(private=False), {"kty": "AKP", "kid": "moi"}, "rac"]
    provider.answers["/oauth2/jwks"] = [answer(200, {"keys": [*keys["keys"], *good]})]
    provider.signs_with = "rieng"
    await refused_with(desk(), "key_unknown")


# The id_token: what it says. The order is that of identity facts 1.9.


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"iss": "https://xacthuc.dichvucong.gov.vn"}, "wrong_issuer", id="issuer-is-the-host"),
        pytest.param({"iss": None}, "wrong_issuer", id="no-issuer"),
        pytest.param({"aud": "ung-dung-khac"}, "wrong_audience", id="wrong-audience"),
        pytest.param({"aud": ["ung-dung-khac"], "azp": "ung-dung-thu-nghiem"}, "wrong_audience", id="audience-by-azp"),
        pytest.param({"aud": None}, "wrong_audience", id="no-audience"),
        pytest.param({"aud": ["ung-dung-thu-nghiem", "khac"]}, "wrong_party", id="two-audiences-no-azp"),
        pytest.param({"aud": ["ung-dung-thu-nghiem", "khac"], "azp": "khac"}, "wrong_party", id="azp-of-another"),
        pytest.param({"azp": "khac"}, "wrong_party", id="azp-of-another-beside-our-audience"),
        pytest.param({"sub": None}, "subject_missing", id="no-subject"),
        pytest.param({"sub": "s" * 256}, "subject_missing", id="oversize-subject"),
        pytest.param({"nonce": "khac"}, "nonce_mismatch", id="nonce-of-another-sign-on"),
        pytest.param({"nonce": None}, "nonce_mismatch", id="no-nonce"),
        pytest.param({"nonce": ["n" * 43]}, "nonce_mismatch", id="nonce-of-another-type"),
        pytest.param({"at_hash": half_hash("ma-khac", "RS256")}, "access_token_mismatch", id="at-hash-of-another"),
        pytest.param({"exp": None}, "token_malformed", id="never-expires"),
        pytest.param({"exp": "9999999999"}, "token_malformed", id="expiry-as-text"),
        pytest.param({"exp": 1e300}, "token_malformed", id="expiry-beyond-all-time"),
        pytest.param({"iat": True}, "token_malformed", id="issued-at-true"),
        pytest.param({"nbf": "hôm nay"}, "token_malformed", id="not-before-as-text"),
    ],
)
async def test_an_id_token_that_says_the_wrong_thing_is_refused(
    desk: Build, provider: ScriptedProvider, changed: dict[str, Any], code: str
) -> None:
    """The signature holds; what is signed is not for this sign-on."""
    provider.id_claims = changed
    await refused_with(desk(), code)


@pytest.mark.parametrize(
    ("claim", "offset_s", "code"),
    [
        ("exp", -61, "token_expired"),
        ("exp", -50, ""),
        ("iat", 70, "token_from_future"),
        ("iat", 50, ""),
        ("nbf", 70, "token_from_future"),
        ("iat", -670, "token_too_old"),
        ("iat", -650, ""),
    ],
)
async def test_expired_future_and_stale_tokens_are_refused_within_the_tolerance_of_clocks(
    desk: Build, provider: ScriptedProvider, claim: str, offset_s: int, code: str
) -> None:
    """60 s of tolerance, `iat` at most 10 minutes old (identity facts 1.9, 5)."""
    provider.id_claims = {claim: int(provider.clock.now().timestamp()) + offset_s}
    if code:
        await refused_with(desk(), code)
    else:
        await desk().finish()


async def test_an_old_log_in_is_refused_where_a_fresh_one_was_asked_for(
    desk: Build, provider: ScriptedProvider
) -> None:
    """`max_age` was sent, so `auth_time` must be there and be young enough (OIDC Core 3.1.3.7, 13)."""
    now = int(provider.clock.now().timestamp())
    for said in (None, now - 400, True):
        provider.id_claims = {"auth_time": said}
        await refused_with(desk(limits={"max_age_s": 300}), "login_too_old")
    provider.id_claims = {"auth_time": now - 100}
    await desk(limits={"max_age_s": 300}).finish()


async def test_a_session_of_yesterday_is_refused_where_the_person_was_to_log_in_again(
    desk: Build, provider: ScriptedProvider
) -> None:
    """`prompt=login` that a provider ignored shows by its `auth_time`; one that does not say it is believed."""
    now = int(provider.clock.now().timestamp())
    provider.id_claims = {"auth_time": now - 86_400}
    await refused_with(desk(Wish(fresh=True)), "login_too_old")
    await desk().finish()
    for said in (now - 30, None):
        provider.id_claims = {"auth_time": said}
        await desk(Wish(fresh=True)).finish()


async def test_a_userinfo_does_not_overrule_what_is_signed(desk: Build, provider: ScriptedProvider) -> None:
    """The key and the number of the id_token stand, whatever userinfo says beside the right `sub`."""
    provider.id_claims = {"TechID": "T-000000", "SoDinhDanh": "001090000000", "HoVaTen": ""}
    provider.userinfo |= {"TechID": "T-999999", "SoDinhDanh": "079185000000"}
    account = (await desk().finish()).account
    assert (account.subject_key, account.id_number) == ("T-000000", "001090000000")
    assert account.full_name == "Nguyễn Thử Nghiệm"


async def test_a_right_at_hash_and_an_optional_nonce_are_accepted(desk: Build, provider: ScriptedProvider) -> None:
    """The same checks let through what is right; a provider that knows no nonce is a matter of configuration."""
    provider.id_claims = {"at_hash": half_hash(ACCESS, "RS256")}
    await desk().finish()
    provider.id_claims = {"nonce": None}
    await desk(nonce_required=False).finish()
    provider.id_claims = {"nonce": "khac"}
    await refused_with(desk(nonce_required=False), "nonce_mismatch")


async def test_a_logout_token_is_no_id_token(desk: Build, provider: ScriptedProvider) -> None:
    """A genuine token of another kind (RFC 8725 3.11)."""
    provider.id_token = lambda claims: provider.signed(claims, typ="logout+jwt")
    await refused_with(desk(), "token_malformed")


# Userinfo.


async def test_a_swapped_userinfo_of_another_subject_is_refused(desk: Build, provider: ScriptedProvider) -> None:
    """OIDC Core 5.3.2: `sub` must be that of the id_token."""
    provider.userinfo["sub"] = "nguoi-khac"
    await refused_with(desk(), "subject_mismatch")
    provider.userinfo["sub"] = ""
    await refused_with(desk(), "subject_missing")


async def test_an_unsigned_userinfo_is_refused_where_a_signed_one_is_configured(
    desk: Build, provider: ScriptedProvider
) -> None:
    """JSON in place of a JWT, and a JWT with `alg=none` (identity facts 1.5)."""
    await refused_with(desk(userinfo_format="jwt"), "userinfo_unsigned")
    claims = {"sub": provider.claims()["sub"], **provider.userinfo}
    unsigned = answer(200, none_token(claims).encode(), **{"Content-Type": "application/jwt"})
    provider.answers["/oauth2/userinfo"] = [unsigned]
    await refused_with(desk(userinfo_format="jwt"), "algorithm_refused")


async def test_a_userinfo_that_says_it_is_a_token_and_is_none_is_refused(
    desk: Build, provider: ScriptedProvider
) -> None:
    """Bytes that no token has, under the right content type."""
    for raw in (b"\xff.\xff.\xff", b"", b"a.b.c"):
        provider.answers["/oauth2/userinfo"] = [answer(200, raw, **{"Content-Type": "application/jwt"})]
        await refused_with(desk(userinfo_format="jwt"), "token_malformed")


async def test_a_signed_userinfo_is_judged_like_any_token(desk: Build, provider: ScriptedProvider) -> None:
    """Signature, issuer, audience and `sub`."""
    claims = {
        "sub": provider.claims()["sub"],
        "iss": provider.issuer,
        "aud": "ung-dung-thu-nghiem",
        **provider.userinfo,
    }

    def jwt_answer(**changed: Any) -> None:
        signed = provider.signed({**claims, **changed}).encode()
        provider.answers["/oauth2/userinfo"] = [
            answer(200, signed, **{"Content-Type": "application/jwt; charset=UTF-8"})
        ]

    jwt_answer()
    assert (await desk(userinfo_format="jwt").finish()).account.id_number == "001090000000"
    for changed, code in (
        ({"iss": "khac"}, "wrong_issuer"),
        ({"aud": "khac"}, "wrong_audience"),
        ({"sub": "khac"}, "subject_mismatch"),
    ):
        jwt_answer(**changed)
        await refused_with(desk(userinfo_format="jwt"), code)


async def test_oversize_claims_are_refused(desk: Build, provider: ScriptedProvider) -> None:
    """Too many, too long, too deep."""
    deep: Any = "x"
    for _ in range(20):
        deep = [deep]
    for more in (
        {"HoVaTen": "x" * 5_000},
        {f"c{n}": "x" for n in range(300)},
        {"HoVaTen": "x" * 20_000},
        {"DiaChi": deep},
    ):
        provider.userinfo = {"TechID": "T-000000", **more}
        await refused_with(desk(), "claims_oversize")


async def test_an_expired_access_token_at_userinfo_lets_the_person_begin_again(
    desk: Build, provider: ScriptedProvider
) -> None:
    """401 is about this token, not about our client (identity facts 1.5)."""
    provider.answers["/oauth2/userinfo"] = [answer(401, {"error": "invalid_token"})]
    await refused_with(desk(), "userinfo_refused")


async def test_an_account_in_a_state_that_the_configuration_refuses_is_refused(
    desk: Build, provider: ScriptedProvider
) -> None:
    """What `TrangThai` means nobody published; an operator who learns it can act on it (facts 1.4)."""
    provider.userinfo["TrangThai"] = 0
    await desk().finish()
    await refused_with(desk(refused_values={"TrangThai": ["0", "3"]}), "account_state_refused")
    provider.userinfo["TrangThai"] = "1"
    await desk(refused_values={"TrangThai": ["0", "3"]}).finish()


async def test_a_provider_that_is_switched_off_signs_nobody_on(desk: Build) -> None:
    """An errand of yesterday for a provider that the operator took out today."""
    await refused_with(desk(enabled=False), "provider_unknown")
