"""What must hold of a proven token before it is believed: of an id_token at its end of a sign-on, and of a logout token.

The checks stand in the order of identity facts 1.9, which is that of OpenID Connect Core 1.0, 3.1.3.7; those of a logout token
follow OpenID Connect Back-Channel Logout 1.0, 2.6. Form, algorithm, key and signature were judged before, in the jose door.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.signing_on import LoggedOut
from connectors.vneid.jose import Token, half_hash
from connectors.vneid.refusals import refused
from connectors.vneid.sign_on_settings import ProviderSettings

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"

# OIDC Core 2: at most 255 ASCII characters.
_LONGEST_SUBJECT = 255
_ID_TOKEN_TYPES = ("", "jwt")
_LOGOUT_TOKEN_TYPES = ("", "jwt", "logout+jwt")


@dataclass(frozen=True, slots=True)
class Expected:
    """What one sign-on expects of its id_token: its nonce, the access token beside it, the lowest `acr`; `now` in seconds.

    `fresh`: the person was to log in again.
    """

    now: float
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)
    min_acrs: tuple[str, ...] = ()
    fresh: bool = False


def check_id_token(token: Token, provider: ProviderSettings, expected: Expected) -> None:
    """Raises `SignOnRefused` at the first check that fails."""
    if _type_of(token) not in _ID_TOKEN_TYPES:
        # A token of another kind (RFC 8725 3.11): a logout token or a proof is no log-in.
        raise refused("token_malformed")
    _check_issuance(token.claims, provider)
    subject_of(token.claims)
    _check_times(token.claims, provider, expected.now)
    nonce = token.claims.get("nonce")
    if nonce is None and provider.nonce_required:
        raise refused("nonce_mismatch")
    if nonce is not None and not _same(nonce, expected.nonce):
        raise refused("nonce_mismatch")
    said = token.claims.get("at_hash")
    if said is not None and not _same(said, half_hash(expected.access_token, str(token.header["alg"]))):
        raise refused("access_token_mismatch")
    for lowest in expected.min_acrs:
        if not reaches(acr_of(token.claims), lowest, provider.acr_levels):
            raise refused("assurance_too_low")
    _check_login_age(token.claims, provider, expected)


def read_logout_token(token: Token, provider: ProviderSettings, now: float) -> LoggedOut:
    """The end of a session that a logout token tells of; raises `SignOnRefused` for one that is not genuine."""
    claims = token.claims
    if _type_of(token) not in _LOGOUT_TOKEN_TYPES:
        raise refused("logout_token_kind")
    _check_issuance(claims, provider)
    _check_times(claims, provider, now)
    subject, session = _text(claims.get("sub")), _text(claims.get("sid"))
    if not subject and not session:
        raise refused("logout_subject_missing")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise refused("logout_event_missing")
    if "nonce" in claims:
        raise refused("logout_nonce_present")
    jti = _text(claims.get("jti"))
    if not jti:
        raise refused("logout_id_missing")
    return LoggedOut(provider.name, jti, sub=subject, sid=session)


def check_signed_userinfo(claims: Mapping[str, Any], provider: ProviderSettings) -> None:
    """`iss` and `aud` of a signed userinfo answer, as far as it says them (OIDC Core 5.3.2)."""
    if "iss" in claims and not _same(claims["iss"], provider.issuer):
        raise refused("wrong_issuer")
    if "aud" in claims and provider.client_id not in _audience(claims):
        raise refused("wrong_audience")


def subject_of(claims: Mapping[str, Any]) -> str:
    """`sub`, which every id_token and every userinfo answer has."""
    subject = _text(claims.get("sub"))
    if not subject:
        raise refused("subject_missing")
    return subject


def acr_of(claims: Mapping[str, Any]) -> str:
    """`acr`; empty, the lowest, when the token does not say it (identity facts 1.5)."""
    return _text(claims.get("acr"))


def reaches(acr: str, lowest: str, levels: Sequence[str]) -> bool:
    """Whether `acr` is at least `lowest` by the configured order; a level that is not in it is the lowest."""
    if not lowest:
        return True
    rank = {level: number for number, level in enumerate(levels, start=1)}
    return rank.get(acr, 0) >= rank.get(lowest, len(levels) + 1)


def _check_issuance(claims: Mapping[str, Any], provider: ProviderSettings) -> None:
    if not _same(claims.get("iss"), provider.issuer):
        raise refused("wrong_issuer")
    audience = _audience(claims)
    if provider.client_id not in audience:
        raise refused("wrong_audience")
    party = claims.get("azp")
    if (len(audience) > 1 and party is None) or (party is not None and not _same(party, provider.client_id)):
        raise refused("wrong_party")


def _check_times(claims: Mapping[str, Any], provider: ProviderSettings, now: float) -> None:
    limits = provider.limits
    expires, issued = _moment(claims.get("exp")), _moment(claims.get("iat"))
    if expires is None or issued is None:
        raise refused("token_malformed")
    if expires <= now - limits.skew_s:
        raise refused("token_expired")
    begins = _moment(claims.get("nbf", issued))
    if begins is None:
        raise refused("token_malformed")
    if max(issued, begins) > now + limits.skew_s:
        raise refused("token_from_future")
    if issued < now - limits.token_age_s - limits.skew_s:
        raise refused("token_too_old")


def _check_login_age(claims: Mapping[str, Any], provider: ProviderSettings, expected: Expected) -> None:
    """`auth_time`, which must be there when `max_age` was sent.

    A provider need not say it after `prompt=login`; where it does, the log-in must be one of this very sign-on.
    """
    limits = provider.limits
    oldest_s = limits.max_age_s
    if expected.fresh and "auth_time" in claims:
        oldest_s = min(oldest_s or limits.token_age_s, limits.token_age_s)
    if not oldest_s:
        return
    logged_in = _moment(claims.get("auth_time"))
    if logged_in is None or logged_in + oldest_s + limits.skew_s < expected.now:
        raise refused("login_too_old")


def _audience(claims: Mapping[str, Any]) -> tuple[str, ...]:
    said = claims.get("aud")
    listed = said if isinstance(said, list) else [said]
    return tuple(one for one in listed if isinstance(one, str))


def _type_of(token: Token) -> str:
    said = token.header.get("typ", "")
    return said.lower().removeprefix("application/") if isinstance(said, str) else "?"


def _moment(value: object) -> float | None:
    """A NumericDate (RFC 7519, 2): a JSON number that is a number; some providers write it as text, which is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -1e12 < value < 1e12 else None


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_SUBJECT else ""


def _same(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), expected.encode())
