"""How a simulated identity provider behaves: its profile, its clients, and where its endpoints stand (identity facts 1.1).

What the facts leave unknown is an option with its default here; endpoints of VNeID other than `/auth` are [assumed].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Profile = Literal["cdvcqg", "vneid"]

ENDPOINTS: Mapping[Profile, Mapping[str, str]] = {
    "cdvcqg": {
        "authorize": "/oauth2/authorize",
        "token": "/oauth2/token",
        "userinfo": "/oauth2/userinfo",
        "jwks": "/oauth2/jwks",
        "par": "/oauth2/par",
        "introspect": "/oauth2/introspect",
        "revoke": "/oauth2/revoke",
        "discovery": "/oauth2/token/.well-known/openid-configuration",
        "logout": "/oidc/logout",
        "login": "/authenticationendpoint/login.do",
        "profile": "/myaccount",
    },
    "vneid": {
        "authorize": "/auth",
        "token": "/token",
        "userinfo": "/userinfo",
        "jwks": "/jwks",
        "par": "/par",
        "introspect": "/introspect",
        "revoke": "/revoke",
        "discovery": "/.well-known/openid-configuration",
        "logout": "/logout",
        "login": "/login",
        "profile": "/profile",
    },
}
"""Path of every endpoint by profile, after the provider's own address."""

TITLES: Mapping[Profile, str] = {
    "cdvcqg": "Cổng Dịch vụ công quốc gia",
    "vneid": "VNeID - Hệ thống định danh và xác thực điện tử",
}
"""What the login page calls the provider."""


class ClientOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A client that the provider knows.

    No `redirect_uris`: any address on loopback will do, so that a first try needs no registration; the same for
    `post_logout_uris`. `jwks` is for private_key_jwt. `claims`: those mapped for this client, all when empty.
    """

    client_id: str = "simulator-client"
    client_secret: str = "simulator-secret"
    redirect_uris: tuple[str, ...] = ()
    post_logout_uris: tuple[str, ...] = ()
    token_auth: Literal["client_secret_post", "client_secret_basic", "private_key_jwt", "any_secret"] = "any_secret"
    jwks: dict[str, Any] = {}
    backchannel_logout_uri: str = ""
    claims: tuple[str, ...] = ()
    require_pkce: bool = False
    require_par: bool = False

    def __repr__(self) -> str:
        return f"ClientOptions(client_id={self.client_id!r})"


class ProviderOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One identity provider, under `/{name}` of the simulator. Lifetimes in seconds, defaults of the product (facts 1.3).

    `issuer`: empty means the token endpoint's address for `cdvcqg` (the product's quirk) and the provider's own for `vneid`.
    `iss_parameter`: whether the callback carries `iss` (RFC 9207). `numbers` rotating: text and number in turn, and so for
    `separator` "" (an array). `userinfo`: as JSON, as a signed token, or as an unsigned one (the product's fault, 1.5).
    `dpop`: whether tokens are bound to the key of a proof (RFC 9449); `dpop_nonce`: a proof must carry the server's nonce.
    `password` is everybody's; `otp` empty: no second factor is asked for. `remember_s`: how long a browser stays signed in.
    """

    name: str = "cdvcqg"
    profile: Profile = "cdvcqg"
    clients: tuple[ClientOptions, ...] = (ClientOptions(),)
    issuer: str = ""
    iss_parameter: bool = False
    algorithm: Literal["RS256", "PS256", "ES256"] = "RS256"
    code_ttl_s: int = 300
    access_token_ttl_s: int = 3_600
    id_token_ttl_s: int = 3_600
    refresh_token: bool = True
    numbers: Literal["string", "number", "rotating"] = "string"
    separator: str = ","
    blanks: bool = True
    dates: Literal["compact", "dashed"] = "compact"
    structures: Literal["text", "object"] = "text"
    userinfo: Literal["json", "signed", "unsigned"] = "json"
    password: str = "simulator"
    otp: str = ""
    dpop: Literal["off", "accepted", "required"] = "accepted"
    dpop_nonce: bool = False
    remember_s: int = 36_000
    pending_ttl_s: int = 600

    def __repr__(self) -> str:
        return f"ProviderOptions(name={self.name!r}, profile={self.profile!r})"

    def path(self, endpoint: str) -> str:
        """Where an endpoint stands on this simulator."""
        return f"/{self.name}{ENDPOINTS[self.profile][endpoint]}"

    def issuer_at(self, base: str) -> str:
        """`iss` of everything said at `base`, the simulator's own address."""
        default = self.path("token") if self.profile == "cdvcqg" else f"/{self.name}"
        return self.issuer or base + default
