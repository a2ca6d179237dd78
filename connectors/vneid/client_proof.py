"""How the gateway proves itself to a provider: client authentication (RFC 6749 2.3, OIDC Core 9) and DPoP (RFC 9449).

Secrets are read when they are used, so that a new one needs no restart. What must be unique in a proof is made of the
sign-on's own secrets and the moment: no chance is drawn here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from connectors.kit.contract import Kit
from connectors.kit.errors import SettingsError
from connectors.vneid.jose import JoseRefused, SigningKey, base64url, read_signing_key
from connectors.vneid.sign_on_settings import ProviderSettings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_ASSERTION_LIFE_S = 60


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call of the token or PAR endpoint carries besides its parameters."""

    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class ClientProof:
    """The client authentication of one provider's configuration."""

    def __init__(self, settings: ProviderSettings, kit: Kit) -> None:
        """Raises `SettingsError` for a key that cannot be used, and what `Kit.secret` raises: better now than at a sign-on."""
        self._settings = settings
        self._kit = kit
        if settings.token_auth == "private_key_jwt":
            self._key()
        else:
            kit.secret(settings.client_secret)

    def credentials(self, seed: str) -> Credentials:
        """The credentials for one call; `seed` is a secret of the sign-on that no other call has in that form."""
        client_id = self._settings.client_id
        if self._settings.token_auth == "private_key_jwt":
            form = {"client_id": client_id, "client_assertion_type": ASSERTION_TYPE}
            return Credentials({**form, "client_assertion": self._assertion(seed)})
        secret = self._kit.secret(self._settings.client_secret)
        if self._settings.token_auth == "client_secret_post":
            return Credentials({"client_id": client_id, "client_secret": secret})
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return Credentials({"client_id": client_id}, headers)

    def _assertion(self, seed: str) -> str:
        """A client assertion (RFC 7523, 3): short-lived, made out to the token endpoint, never the same twice."""
        chosen = self._settings.client_key
        assert chosen is not None
        now = self._kit.now()
        issued = int(now.timestamp())
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.client_id,
            "aud": chosen.audience or self._settings.token_url,
            "jti": unique(seed, "assertion", now.isoformat()),
            "iat": issued,
            "exp": issued + _ASSERTION_LIFE_S,
        }
        header = {"typ": "JWT", **({"kid": chosen.kid} if chosen.kid else {})}
        return self._key().signed(claims, header)

    def _key(self) -> SigningKey:
        chosen = self._settings.client_key
        assert chosen is not None
        try:
            return read_signing_key(self._kit.secret(chosen.key), chosen.algorithm)
        except JoseRefused:
            fault = f"providers «{self._settings.name}»: client_key.key không phải khóa riêng cho {chosen.algorithm}"
            raise SettingsError("vneid", (fault,)) from None


@dataclass(frozen=True, slots=True)
class Possession:
    """Proofs that whoever holds a token holds a key too (RFC 9449): one key for one sign-on."""

    key: SigningKey = field(repr=False)
    kit: Kit = field(repr=False)
    seed: str = field(repr=False)

    def header(self, method: str, url: str, access_token: str = "", nonce: str = "") -> dict[str, str]:
        """The `DPoP` header of one call; `access_token` where it goes to a resource, `nonce` where the server gave one."""
        now = self.kit.now()
        claims: dict[str, object] = {
            "jti": unique(self.seed, method, url, nonce, now.isoformat()),
            "htm": method,
            "htu": url.partition("?")[0],
            "iat": int(now.timestamp()),
        }
        if access_token:
            claims["ath"] = base64url(hashlib.sha256(access_token.encode()).digest())
        if nonce:
            claims["nonce"] = nonce
        return {"DPoP": self.key.signed(claims, {"typ": "dpop+jwt", "jwk": dict(self.key.public())})}


def challenge_of(verifier: str) -> str:
    """The PKCE challenge of a verifier, method S256 (RFC 7636, 4.2)."""
    return base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def unique(*parts: str) -> str:
    """An id that only whoever knows every part can make again: the parts hold a secret of 256 bits."""
    return base64url(hashlib.sha256("\n".join(parts).encode()).digest())
