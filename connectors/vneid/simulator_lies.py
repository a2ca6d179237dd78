"""Lies by order: what the simulated providers say wrongly when the control plane tells them to, and how often.

    PUT /_simulator/lies    {"orders": [{"lie": "wrong_audience", "times": 1, "provider": "cdvcqg"}]}

replaces every earlier order; `times` 0 never wears out, an empty `provider` means whichever speaks next.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from enum import StrEnum
from typing import Any

from connectors.kit import lies


class Lie(StrEnum):
    """What may be said wrongly, by where it is said.

    Of the id_token its claims (`wrong_audience`, `strange_audience` two with a stranger as `azp`, `no_azp` two without one,
    `wrong_issuer`, `expired`, `future_iat`, `old_iat`, `wrong_nonce`, `no_nonce`, `wrong_at_hash`, `no_acr`, `low_acr`,
    `no_sub`, `huge_claims`), its signature (`alg_none`, `hs256_public_key`, `unknown_kid`, `no_kid`, `strangers_key`,
    `retired_key`, `bad_signature`), or all of it (`no_id_token`, `not_a_token`). Of the callback: `mix_up` (`iss` of
    somebody else), `no_iss`, `wrong_state`, `no_state`, `server_error`. Of userinfo: `sub_mismatch`, `unsigned_userinfo`,
    `strangers_userinfo` (a signed answer for another client), `huge_userinfo`, `stranger_logout_uri`, `no_tech_id`,
    `no_number`. Of the JWKS: `empty_jwks`, `encryption_key` (keys said to be of use `enc`). Of the discovery document:
    `discovery_issuer` another issuer, `discovery_stranger` a token endpoint at a stranger's. Of a logout token: `logout_nonce`,
    `logout_no_event`, `logout_audience`, `logout_expired`, `logout_nobody`, `logout_replayed`, `logout_unsigned`,
    `logout_strangers_key`.

    Of the population database (provider `population`): `other_person` answers somebody else, `wrong_echo` and `no_echo` X-Road
    header blocks that are not the request's, `second_body` two children of the body, `wrapped_body` the answer inside a
    foreign element, `truncated` half an answer, `html_page` a load balancer's page with 200, `doctype` an entity declared,
    `huge_text` a text of three million letters, `client_proxy_fault` and `server_proxy_fault` faults of the security servers,
    `inner_fault` a fault inside the answer's element with 200, `nameless` a person without a name (not found, facts 2.6).
    """

    WRONG_AUDIENCE = "wrong_audience"
    STRANGE_AUDIENCE = "strange_audience"
    NO_AZP = "no_azp"
    WRONG_ISSUER = "wrong_issuer"
    EXPIRED = "expired"
    FUTURE_IAT = "future_iat"
    OLD_IAT = "old_iat"
    WRONG_NONCE = "wrong_nonce"
    NO_NONCE = "no_nonce"
    WRONG_AT_HASH = "wrong_at_hash"
    NO_ACR = "no_acr"
    LOW_ACR = "low_acr"
    NO_SUB = "no_sub"
    HUGE_CLAIMS = "huge_claims"
    ALG_NONE = "alg_none"
    HS256_PUBLIC_KEY = "hs256_public_key"
    UNKNOWN_KID = "unknown_kid"
    NO_KID = "no_kid"
    STRANGERS_KEY = "strangers_key"
    RETIRED_KEY = "retired_key"
    BAD_SIGNATURE = "bad_signature"
    NO_ID_TOKEN = "no_id_token"
    NOT_A_TOKEN = "not_a_token"
    MIX_UP = "mix_up"
    NO_ISS = "no_iss"
    WRONG_STATE = "wrong_state"
    NO_STATE = "no_state"
    SERVER_ERROR = "server_error"
    SUB_MISMATCH = "sub_mismatch"
    UNSIGNED_USERINFO = "unsigned_userinfo"
    STRANGERS_USERINFO = "strangers_userinfo"
    HUGE_USERINFO = "huge_userinfo"
    STRANGER_LOGOUT_URI = "stranger_logout_uri"
    NO_TECH_ID = "no_tech_id"
    NO_NUMBER = "no_number"
    EMPTY_JWKS = "empty_jwks"
    ENCRYPTION_KEY = "encryption_key"
    DISCOVERY_ISSUER = "discovery_issuer"
    DISCOVERY_STRANGER = "discovery_stranger"
    LOGOUT_NONCE = "logout_nonce"
    LOGOUT_NO_EVENT = "logout_no_event"
    LOGOUT_AUDIENCE = "logout_audience"
    LOGOUT_EXPIRED = "logout_expired"
    LOGOUT_NOBODY = "logout_nobody"
    LOGOUT_REPLAYED = "logout_replayed"
    LOGOUT_UNSIGNED = "logout_unsigned"
    LOGOUT_STRANGERS_KEY = "logout_strangers_key"
    OTHER_PERSON = "other_person"
    WRONG_ECHO = "wrong_echo"
    NO_ECHO = "no_echo"
    SECOND_BODY = "second_body"
    WRAPPED_BODY = "wrapped_body"
    TRUNCATED = "truncated"
    HTML_PAGE = "html_page"
    DOCTYPE = "doctype"
    HUGE_TEXT = "huge_text"
    CLIENT_PROXY_FAULT = "client_proxy_fault"
    SERVER_PROXY_FAULT = "server_proxy_fault"
    INNER_FAULT = "inner_fault"
    NAMELESS = "nameless"


LieOrders = lies.LieOrders[Lie]
Lies = lies.Lies[Lie]

STRANGER = "khach-la"
"""Who is meant by nobody: a client, a host or a subject that the other side does not know."""

Claims = MutableMapping[str, Any]
_HUGE = "x" * 3_000_000


def _set(name: str, value: object) -> Callable[[Claims], None]:
    return lambda claims: claims.__setitem__(name, value)


def _shift(name: str, seconds: int) -> Callable[[Claims], None]:
    return lambda claims: claims.__setitem__(name, claims["iat"] + seconds)


def _drop(*names: str) -> Callable[[Claims], None]:
    def drop(claims: Claims) -> None:
        for name in names:
            claims.pop(name, None)

    return drop


def _aged(claims: Claims) -> None:
    claims["iat"], claims["exp"] = claims["iat"] - 86_400, claims["iat"] + 3_600


def _audiences(azp: str) -> Callable[[Claims], None]:
    def widen(claims: Claims) -> None:
        claims["aud"] = [claims["aud"], STRANGER]
        claims.pop("azp", None)
        if azp:
            claims["azp"] = azp

    return widen


ID_TOKEN_LIES: dict[Lie, Callable[[Claims], None]] = {
    Lie.WRONG_AUDIENCE: _set("aud", STRANGER),
    Lie.STRANGE_AUDIENCE: _audiences(STRANGER),
    Lie.NO_AZP: _audiences(""),
    Lie.WRONG_ISSUER: _set("iss", f"https://{STRANGER}.example.invalid/oauth2/token"),
    Lie.EXPIRED: _shift("exp", -7_200),
    Lie.FUTURE_IAT: _shift("iat", 7_200),
    Lie.OLD_IAT: _aged,
    Lie.WRONG_NONCE: _set("nonce", STRANGER),
    Lie.NO_NONCE: _drop("nonce"),
    Lie.WRONG_AT_HASH: _set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
    Lie.NO_ACR: _drop("acr"),
    Lie.LOW_ACR: _set("acr", "LoA0"),
    Lie.NO_SUB: _drop("sub"),
    Lie.HUGE_CLAIMS: _set("GhiChu", _HUGE),
}
"""What each lie does to the claims of an id_token."""

USERINFO_LIES: dict[Lie, Callable[[Claims], None]] = {
    Lie.SUB_MISMATCH: _set("sub", STRANGER),
    Lie.HUGE_USERINFO: _set("GhiChu", _HUGE),
    Lie.STRANGER_LOGOUT_URI: _set("logoutUri", f"https://{STRANGER}.example.invalid/logout"),
    Lie.NO_TECH_ID: _drop("TechID"),
    Lie.NO_NUMBER: lambda claims: claims.update(SoDinhDanh="", SoCMND="", MaSoThue="", MaSoDoanhNghiep=""),
}
"""What each lie does to the claims of userinfo."""

LOGOUT_LIES: dict[Lie, Callable[[Claims], None]] = {
    Lie.LOGOUT_NONCE: _set("nonce", "n"),
    Lie.LOGOUT_NO_EVENT: _set("events", {}),
    Lie.LOGOUT_AUDIENCE: _set("aud", STRANGER),
    Lie.LOGOUT_EXPIRED: _shift("exp", -7_200),
    Lie.LOGOUT_NOBODY: _drop("sub", "sid"),
    Lie.LOGOUT_REPLAYED: _set("jti", "jti-seen-before"),
}
"""What each lie does to the claims of a logout token (Back-Channel Logout 1.0, 2.4)."""
