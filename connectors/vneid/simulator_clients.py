"""How a client proves itself to the simulated identity provider: by a secret in the form or the header, by its key, by DPoP.

Every check is real: wrong secrets, other people's assertions and proofs, and replays of both are refused. Sources: RFC 6749 2.3;
RFC 7523 3; OIDC Core 9; RFC 9449 4.3, 8.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import unquote_plus

from connectors.vneid.simulator_jose import UnfitAssertion, base64url, read_assertion, read_possession
from connectors.vneid.simulator_options import ClientOptions
from connectors.vneid.simulator_provider import Params, Provider

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PROOF_AGE_S = 120


class RefusedClient(Exception):
    """Who calls is not the client that they say they are. `by_header`: they tried with HTTP Basic."""

    def __init__(self, *, by_header: bool) -> None:
        self.by_header = by_header
        super().__init__("invalid_client")


class UnfitProof(Exception):
    """A DPoP proof that is missing or wrong; `code` is `invalid_dpop_proof` or `use_dpop_nonce`."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True, repr=False)
class Presented:
    """What the headers of a call prove: `authorization`, the `dpop` proof, and for that the method and the address called."""

    authorization: str = ""
    dpop: str = ""
    method: str = "POST"
    address: str = ""


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one provider, which speaks as `issuer` and is seen at `base`."""

    provider: Provider
    issuer: str
    base: str

    def proved(self, form: Params, authorization: str) -> ClientOptions:
        """The client that proved itself; raises `RefusedClient`."""
        by_header = authorization.startswith("Basic ")
        basic = _basic(authorization)
        client = self.provider.clients.get(form.get("client_id", "") or (basic[0] if basic else self._asserted(form)))
        if client is None:
            raise RefusedClient(by_header=by_header)
        if not self._fits(client, form, basic):
            raise RefusedClient(by_header=by_header)
        return client

    def _fits(self, client: ClientOptions, form: Params, basic: tuple[str, str] | None) -> bool:
        """Whether the client proved itself in its own way."""
        posted = basic is None and _same(form.get("client_secret", ""), client.client_secret)
        shown = basic is not None and basic[0] == client.client_id and _proves(basic[1], client.client_secret)
        if client.token_auth == "private_key_jwt":
            return self._assertion_fits(form, client)
        return {"client_secret_post": posted, "client_secret_basic": shown}.get(client.token_auth, posted or shown)

    def _asserted(self, form: Params) -> str:
        """Whose key made a client assertion that came without `client_id`."""
        for client in self.provider.clients.values():
            try:
                read_assertion(form.get("client_assertion", ""), client.jwks)
            except UnfitAssertion:
                continue
            return client.client_id
        return ""

    def _assertion_fits(self, form: Params, client: ClientOptions) -> bool:
        """private_key_jwt: by the client, for us, still valid, never seen before (RFC 7523 3, OIDC Core 9)."""
        if form.get("client_assertion_type") != _ASSERTION:
            return False
        try:
            claims = read_assertion(form.get("client_assertion", ""), client.jwks)
        except UnfitAssertion:
            return False
        audience, until, name = claims.get("aud"), claims.get("exp"), claims.get("jti")
        audiences = audience if isinstance(audience, list) else [audience]
        here = {self.issuer, *(self.base + self.provider.options.path(endpoint) for endpoint in ("token", "par"))}
        ours = claims.get("iss") == claims.get("sub") == client.client_id
        fits = ours and bool(here.intersection(map(str, audiences)))
        lives = isinstance(until, int | float) and until > self.provider.now()
        if not (fits and lives and isinstance(name, str) and name) or name in self.provider.assertions:
            return False
        self.provider.assertions.add(name)
        return True

    def possession(self, presented: Presented, access_token: str = "") -> str:
        """The thumbprint of the key that a DPoP proof shows possession of; raises `UnfitProof` (RFC 9449 4.3).

        With `access_token` the proof must be made out to it, as at a resource.
        """
        try:
            claims, thumbprint = read_possession(presented.dpop)
        except UnfitAssertion:
            raise UnfitProof("invalid_dpop_proof") from None
        if self.provider.options.dpop_nonce and claims.get("nonce") != self.provider.dpop_nonce:
            raise UnfitProof("use_dpop_nonce")
        at, name = claims.get("iat"), claims.get("jti")
        ath = base64url(hashlib.sha256(access_token.encode()).digest()) if access_token else None
        fits = (
            claims.get("htm") == presented.method
            and claims.get("htu") == presented.address
            and isinstance(at, int | float)
            and abs(at - self.provider.now()) <= _PROOF_AGE_S
            and isinstance(name, str)
            and name not in self.provider.assertions
            and claims.get("ath") == ath
        )
        if not fits:
            raise UnfitProof("invalid_dpop_proof")
        self.provider.assertions.add(str(name))
        return thumbprint


def _same(given: str, known: str) -> bool:
    return bool(known) and hmac.compare_digest(given.encode(), known.encode())


def _proves(given: str, known: str) -> bool:
    """A secret in a header: form-encoded as RFC 6749 2.3.1 asks, or as it is, as many clients send it."""
    return _same(given, known) or _same(unquote_plus(given), known)


def _basic(authorization: str) -> tuple[str, str] | None:
    """Name and secret of a Basic header; None for anything else."""
    kind, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (unquote_plus(name), secret) if kind == "Basic" and colon else None
