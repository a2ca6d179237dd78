"""Signing people on: one OpenID Connect client (Core 1.0, code flow with PKCE) with a profile for each provider's dialect.

`SignOnProviders` is the sign-on half of the connector. It knows no store and no browser: the gateway keeps the errand between
its beginning and its end. What is wrong with a sign-on ends in `SignOnRefused`, what is wrong with a provider in `DeliveryError`.
Law: the ministry's users sign on through the national portal by default (Quyết định 3036/QĐ-BVHTTDL Điều 6.1).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from connectors.kit.contract import Budget, Health, Kit
from connectors.kit.errors import DeliveryError, NoAnswer, Retryable, SettingsError
from connectors.kit.signing_on import Errand, LoggedOut, Session, SignedOn, SignOnTraits
from connectors.kit.tokens import Attempt
from connectors.vneid.client_proof import Possession, challenge_of
from connectors.vneid.id_tokens import (
    Expected,
    acr_of,
    check_id_token,
    check_signed_userinfo,
    read_logout_token,
    subject_of,
)
from connectors.vneid.jose import fresh_proof_key
from connectors.vneid.profiles._claims.accounts import Login, Rules
from connectors.vneid.profiles._claims.names import ClaimSet
from connectors.vneid.profiles._claims.reading import Claims, ClaimsRefused
from connectors.vneid.profiles.cdvcqg import mapping as cdvcqg
from connectors.vneid.profiles.cdvcqg import messages as cdvcqg_messages
from connectors.vneid.profiles.vneid import mapping as vneid
from connectors.vneid.profiles.vneid import messages as vneid_messages
from connectors.vneid.provider import ProviderClient, Tokens
from connectors.vneid.published_keys import PublishedKeys
from connectors.vneid.refusals import refused
from connectors.vneid.sign_on_settings import ProviderSettings, allowed_address, checked_providers
from mappings.identity import Account

TITLES: Mapping[str, str] = {
    "cdvcqg": "Cổng Dịch vụ công quốc gia",
    "vneid": "VNeID",
}

_PROBE_S = 10.0
# RFC 6749 A.11: visible ASCII.
_CODE = re.compile(r"[ -~]{1,2048}")
# OIDC Core 3.1.2.6: the person has to do something that this request did not let them do.
_PERSON_NEEDED = frozenset({"login_required", "interaction_required", "account_selection_required", "consent_required"})
# What an id_token says of itself is no claim about the person.
_PROTOCOL = frozenset(
    {
        "iss",
        "aud",
        "exp",
        "iat",
        "nbf",
        "nonce",
        "at_hash",
        "c_hash",
        "s_hash",
        "azp",
        "auth_time",
        "acr",
        "amr",
        "jti",
        "sid",
    }
)
_CLAIM_SETS: Mapping[str, ClaimSet] = {"cdvcqg": cdvcqg_messages.CLAIM_SET, "vneid": vneid_messages.CLAIM_SET}
_MAPPINGS = {"cdvcqg": cdvcqg.to_account, "vneid": vneid.to_account}


class _Provider:
    """One provider that is switched on: its settings, its calls, its keys, its claims."""

    def __init__(self, settings: ProviderSettings, kit: Kit) -> None:
        self.client = ProviderClient(settings, kit)
        self.keys = PublishedKeys(self.client.keys, settings.limits, kit.instant, self.client.common_keys)
        names = _CLAIM_SETS[settings.profile]
        self._rules = Rules(
            provider=settings.name,
            names=replace(
                names,
                person=names.person.changed(settings.claim_map),
                organisation=names.organisation.changed({**settings.claim_map, **settings.organisation_claim_map}),
            ),
            levels=settings.assurance_map,
        )

    @property
    def settings(self) -> ProviderSettings:
        return self.client.settings

    def account(self, tree: Mapping[str, Any], login: Login) -> Account:
        """The account behind the claims; a logout address of a stranger's host is not kept."""
        settings = self.settings
        kept = {name: value for name, value in tree.items() if name not in settings.drop_claims}
        try:
            claims = Claims(kept, settings.multi_value_separator)
            if not all(claims.prose(name) for name in settings.required_claims):
                raise ClaimsRefused("claims_incomplete")
            if any(set(claims.several(name)) & set(values) for name, values in settings.refused_values.items()):
                raise ClaimsRefused("account_state_refused")
            account = _MAPPINGS[settings.profile](claims, login, self._rules)
        except ClaimsRefused as error:
            raise refused(error.code) from None
        if account.logout_uri and not allowed_address(account.logout_uri, settings.hosts, settings.allow_plain):
            return replace(account, logout_uri="")
        return account


class SignOnProviders:
    """The capability SignOn for every provider of the configuration that is enabled, in its order."""

    def __init__(self, providers: Sequence[ProviderSettings], kit: Kit) -> None:
        """Raises `SettingsError` for two providers of one name, or credentials that cannot be used."""
        faults = checked_providers(providers)
        if faults:
            raise SettingsError("vneid", faults)
        self._kit = kit
        self._providers = {one.name: _Provider(one, kit) for one in providers if one.enabled}

    def providers(self) -> Mapping[str, SignOnTraits]:
        """The providers that are switched on, the default one first; the same each time."""
        return {name: _traits(provider.settings) for name, provider in self._providers.items()}

    async def begin(self, errand: Errand, budget: Budget) -> str:
        """The address that the browser must be sent to (with PAR the request was pushed before)."""
        provider = self._provider(errand.provider)
        attempt = Attempt(budget, self._kit.instant())
        await provider.client.discover(attempt)
        settings = provider.settings
        parameters = _request(settings, errand)
        if settings.par:
            request_uri = await provider.client.push(parameters, f"{errand.secrets.state}\npar", attempt)
            parameters = {"client_id": settings.client_id, "request_uri": request_uri}
        return _with_query(settings.authorize_url, parameters)

    async def finish(self, errand: Errand, params: Mapping[str, str], budget: Budget) -> SignedOn:
        """The account behind a callback with the query `params`.

        Keys are fetched before the code is spent. Once it was, whatever breaks is of unknown outcome (`NoAnswer`), because
        another attempt would send the code again.
        """
        provider = self._provider(errand.provider)
        attempt = Attempt(budget, self._kit.instant())
        await provider.client.discover(attempt)
        code = _code_of(errand, params, provider.settings)
        await provider.keys.ready(attempt)
        possession = self._possession(provider.settings, errand)
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": errand.redirect_uri}
        if provider.settings.pkce:
            grant["code_verifier"] = errand.secrets.verifier
        tokens = await provider.client.exchange(grant, f"{errand.secrets.state}\ntoken", possession, attempt)
        try:
            return await self._signed_on(provider, errand, tokens, possession, attempt)
        except Retryable as error:
            text = f"{error.message_vi} Mã xác nhận đã được dùng; cần đăng nhập lại từ đầu."
            raise NoAnswer(text, exchange=error.exchange) from None

    def logout_address(self, session: Session, return_uri: str, state: str) -> str:
        """Where to send the browser to end the provider's session; empty where the provider offers none.

        RP-initiated (OpenID Connect RP-Initiated Logout 1.0, 2), or the address that the claim `logoutUri` gave, which is
        judged again: the list of hosts may have changed since.
        """
        provider = self._providers.get(session.provider)
        if provider is None:
            return ""
        settings = provider.settings
        if settings.leaves_by == "rp":
            hint = {"id_token_hint": session.id_token} if session.id_token else {"client_id": settings.client_id}
            return _with_query(settings.logout_url, {**hint, "post_logout_redirect_uri": return_uri, "state": state})
        given = session.logout_uri
        if settings.leaves_by == "none" or not allowed_address(given, settings.hosts, settings.allow_plain):
            return ""
        name = settings.logout_return_parameter
        return _with_query(given, {name: return_uri}) if name else given

    async def read_logout(self, provider: str, form: Mapping[str, str], budget: Budget) -> LoggedOut:
        """A back-channel logout request, judged; raises `SignOnRefused` for one that is not genuine."""
        chosen = self._provider(provider)
        if not chosen.settings.backchannel:
            raise refused("logout_disabled")
        token = form.get("logout_token", "")
        if not token:
            raise refused("logout_token_missing")
        attempt = Attempt(budget, self._kit.instant())
        proved = await chosen.keys.opened(token, chosen.settings.algorithms, attempt, unasked=True)
        return read_logout_token(proved, chosen.settings, self._kit.now().timestamp())

    async def check(self) -> Health:
        """Whether every provider publishes usable keys: nobody signs on without them, and asking has no effect."""
        started = self._kit.instant()
        for name, provider in self._providers.items():
            asked = self._kit.instant()
            try:
                await provider.client.keys(Attempt(Budget(asked + _PROBE_S, _PROBE_S), asked))
            except DeliveryError as error:
                latency_ms = (self._kit.instant() - started) * 1000
                return Health(
                    ready=False, detail_vi=f"Hệ thống đăng nhập «{name}»: {error.message_vi}", latency_ms=latency_ms
                )
        detail = f"{len(self._providers)} hệ thống đăng nhập công bố khóa dùng được."
        return Health(True, detail, (self._kit.instant() - started) * 1000)

    async def close(self) -> None:
        """Release sockets."""
        for provider in self._providers.values():
            await provider.client.close()

    async def _signed_on(
        self, provider: _Provider, errand: Errand, tokens: Tokens, possession: Possession | None, attempt: Attempt
    ) -> SignedOn:
        settings = provider.settings
        token = await provider.keys.opened(tokens.id_token, settings.algorithms, attempt)
        lowest = tuple(acr for acr in (settings.min_acr, errand.wish.min_acr) if acr)
        expected = Expected(
            self._kit.now().timestamp(), errand.secrets.nonce, tokens.access_token, lowest, errand.wish.fresh
        )
        check_id_token(token, settings, expected)
        subject = subject_of(token.claims)
        claims = {name: value for name, value in token.claims.items() if name not in _PROTOCOL}
        if settings.userinfo_url:
            # What is signed is not overruled by what is merely sent.
            signed = {name: value for name, value in claims.items() if value not in ("", None)}
            claims = {**await self._userinfo(provider, tokens, possession, subject, attempt), **signed}
        account = provider.account(claims, _login(token.claims))
        if account.assurance.ial < max(settings.min_ial, errand.wish.min_ial):
            raise refused("assurance_too_low")
        sid = token.claims.get("sid")
        session = Session(
            provider=settings.name,
            sub=subject,
            sid=sid if isinstance(sid, str) else "",
            # An id_token may hold everything about a person: kept where it ends the session, and nowhere else.
            id_token=tokens.id_token if settings.leaves_by == "rp" else "",
            logout_uri=account.logout_uri,
        )
        return SignedOn(account, session)

    async def _userinfo(
        self, provider: _Provider, tokens: Tokens, possession: Possession | None, subject: str, attempt: Attempt
    ) -> dict[str, Any]:
        """The userinfo claims, of the same `sub` as the id_token (OIDC Core 5.3.2: a MUST against swapped tokens)."""
        answer = await provider.client.userinfo(tokens, possession, attempt)
        tree = answer.tree
        if answer.jwt is not None:
            token = await provider.keys.opened(answer.jwt, provider.settings.algorithms, attempt)
            check_signed_userinfo(token.claims, provider.settings)
            tree = token.claims
        if subject_of(tree) != subject:
            raise refused("subject_mismatch")
        return {name: value for name, value in tree.items() if name not in _PROTOCOL}

    def _provider(self, name: str) -> _Provider:
        provider = self._providers.get(name)
        if provider is None:
            raise refused("provider_unknown")
        return provider

    def _possession(self, settings: ProviderSettings, errand: Errand) -> Possession | None:
        return Possession(fresh_proof_key(), self._kit, errand.secrets.verifier) if settings.dpop else None


def _request(settings: ProviderSettings, errand: Errand) -> dict[str, str]:
    """The parameters of an authorization request (OIDC Core 3.1.2.1, RFC 7636 4.3; identity facts 1.2)."""
    wish, secrets = errand.wish, errand.secrets
    parameters = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": errand.redirect_uri,
        "scope": settings.scope,
        "state": secrets.state,
        "nonce": secrets.nonce,
    }
    if settings.pkce:
        parameters |= {"code_challenge": challenge_of(secrets.verifier), "code_challenge_method": "S256"}
    acr = _highest((settings.asked_acr, settings.min_acr, wish.min_acr), settings.acr_levels)
    if acr:
        parameters["acr_values"] = acr
    if wish.fresh:
        parameters["prompt"] = "login"
    if settings.limits.max_age_s:
        parameters["max_age"] = str(settings.limits.max_age_s)
    return parameters


def _code_of(errand: Errand, params: Mapping[str, str], settings: ProviderSettings) -> str:
    """The code of a callback; who answers and for whom is judged before what it says (RFC 9207 2.4, RFC 6749 10.12)."""
    expected = errand.secrets.state
    # What a browser sends may be no text at all; it is compared as it is.
    given = params.get("state", "").encode("utf-8", "surrogatepass")
    if not expected or not hmac.compare_digest(given, expected.encode()):
        raise refused("state_mismatch")
    issuer = params.get("iss")
    if issuer is None and settings.issuer_parameter_required:
        raise refused("issuer_missing")
    if issuer is not None and issuer != settings.issuer:
        raise refused("issuer_mismatch")
    error = params.get("error", "")
    if error == "access_denied":
        raise refused("access_denied")
    if error:
        raise refused("login_required" if error in _PERSON_NEEDED else "provider_error")
    code = params.get("code", "")
    if not _CODE.fullmatch(code):
        raise refused("code_missing")
    return code


def _login(claims: Mapping[str, Any]) -> Login:
    methods = claims.get("amr")
    listed = methods if isinstance(methods, list) else [methods]
    return Login(acr_of(claims), tuple(one for one in listed if isinstance(one, str) and len(one) <= 100)[:20])


def _highest(acrs: Sequence[str], levels: Sequence[str]) -> str:
    rank = {level: number for number, level in enumerate(levels)}
    return max((acr for acr in acrs if acr), key=lambda acr: rank.get(acr, -1), default="")


def _traits(settings: ProviderSettings) -> SignOnTraits:
    return SignOnTraits(
        settings.name, settings.profile, settings.title_vi or TITLES[settings.profile], settings.acr_levels
    )


def _with_query(address: str, parameters: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"
