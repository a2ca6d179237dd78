"""What the simulated identity provider answers to servers: tokens, userinfo, pushed requests, introspection, revocation.

Client authentication, PKCE, addresses and single use are really checked. Sources: RFC 6749 3.2, 4.1.3, 5; RFC 7009; RFC 7523;
RFC 7636 4.6; RFC 7662; RFC 9126; OIDC Core 3.1.3, 5.3; quirks of the product in identity facts 1.3, 1.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connectors.vneid.simulator_claims import Dialect, cdvcqg_claims, vneid_claims
from connectors.vneid.simulator_clients import Clients, Presented, RefusedClient, UnfitProof
from connectors.vneid.simulator_jose import ALGORITHMS, challenge_of, spoilt, token_hash, unsigned
from connectors.vneid.simulator_lies import ID_TOKEN_LIES, STRANGER, USERINFO_LIES, Lie
from connectors.vneid.simulator_options import ClientOptions
from connectors.vneid.simulator_persons import SignOnAccount
from connectors.vneid.simulator_provider import Access, Grant, Params, Provider, allowed

_REQUEST_URI = "urn:ietf:params:oauth:request_uri:"
_PUSHED_TTL_S = 90
# The product's own figure, not 86400 (identity facts 1.3).
_REFRESH_TTL_S = 84_600


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """An answer between servers: JSON, or a token with `media_type` application/jwt.

    `challenge` goes into WWW-Authenticate, `nonce` into DPoP-Nonce.
    """

    status: int
    body: Mapping[str, Any] | str
    challenge: str = ""
    nonce: str = ""

    @property
    def media_type(self) -> str:
        """What the body is."""
        return "application/jwt" if isinstance(self.body, str) else "application/json"


@dataclass(frozen=True, slots=True)
class Desk:
    """The endpoints for servers of one provider, as seen at `base`, the simulator's own address."""

    provider: Provider
    base: str

    @property
    def issuer(self) -> str:
        """`iss` of what is said here."""
        return self.provider.options.issuer_at(self.base)

    @property
    def clients(self) -> Clients:
        """Who may speak here, and how they prove it."""
        return Clients(self.provider, self.issuer, self.base)

    def exchange(self, form: Params, presented: Presented) -> Reply:
        """The token endpoint: a code for tokens, once."""
        try:
            client = self.clients.proved(form, presented.authorization)
        except RefusedClient as refused:
            self.provider.count("refused_clients")
            return refusal_of(refused)
        if form.get("grant_type") != "authorization_code":
            return _error("unsupported_grant_type", "Unsupported grant_type value")
        try:
            key = self._key(presented)
        except UnfitProof as unfit:
            return self._unfit(unfit, 400)
        grant = self.provider.codes.get(form.get("code", ""))
        fault = self._grant_fault(grant, client, form)
        if grant is None or fault or grant.key not in ("", key):
            self.provider.count("refused_codes")
            return _error("invalid_grant", fault or "DPoP key mismatch")
        grant.used = True
        self.provider.count("exchanges")
        return self._tokens(grant, client, key)

    def userinfo(self, presented: Presented) -> Reply:
        """The claims behind an access token; one that is bound to a key needs a proof of it (RFC 9449 7)."""
        scheme, _, token = presented.authorization.partition(" ")
        access = self.provider.tokens.get(token)
        if access is None or access.until <= self.provider.now() or scheme != ("DPoP" if access.key else "Bearer"):
            body = {"error": "invalid_token", "error_description": "Access token validation failed"}
            return Reply(401, body, "Bearer")
        if access.key:
            try:
                shown = self.clients.possession(presented, token)
            except UnfitProof as unfit:
                return self._unfit(unfit, 401)
            if shown != access.key:
                return self._unfit(UnfitProof("invalid_dpop_proof"), 401)
        claims = self._claims(access)
        for lie, change in USERINFO_LIES.items():
            if self._tells(lie):
                change(claims)
        self.provider.count("userinfo")
        return Reply(200, self._userinfo_form(claims, access.client_id))

    def push(self, form: Params, presented: Presented) -> Reply:
        """A pushed authorization request (RFC 9126)."""
        try:
            client = self.clients.proved(form, presented.authorization)
        except RefusedClient as refused:
            return refusal_of(refused)
        if "request_uri" in form:
            return _error("invalid_request", "request_uri is not allowed here")
        if not allowed(form.get("redirect_uri", ""), client.redirect_uris):
            return _error("invalid_request", "redirect_uri is not registered")
        secrets = ("client_secret", "client_assertion", "client_assertion_type")
        params = {name: value for name, value in form.items() if name not in secrets}
        uri = _REQUEST_URI + self.provider.new_token()
        self.provider.pushed[uri] = (client.client_id, params, self.provider.now() + _PUSHED_TTL_S)
        return Reply(201, {"request_uri": uri, "expires_in": _PUSHED_TTL_S})

    def introspect(self, form: Params, presented: Presented) -> Reply:
        """Whether a token lives, for an authenticated client (RFC 7662)."""
        try:
            self.clients.proved(form, presented.authorization)
        except RefusedClient as refused:
            return refusal_of(refused)
        access = self.provider.tokens.get(form.get("token", ""))
        if access is None or access.until <= self.provider.now():
            return Reply(200, {"active": False})
        live = {"active": True, "client_id": access.client_id, "scope": access.scope, "token_type": "Bearer"}
        return Reply(200, {**live, "exp": int(access.until), "sub": self._sub(access), "iss": self.issuer})

    def revoke(self, form: Params, presented: Presented) -> Reply:
        """The end of a token: 200 whatever was named (RFC 7009, 2.2)."""
        try:
            self.clients.proved(form, presented.authorization)
        except RefusedClient as refused:
            return refusal_of(refused)
        self.provider.tokens.pop(form.get("token", ""), None)
        return Reply(200, {})

    def jwks(self) -> Mapping[str, Any]:
        """The published keys."""
        if self._tells(Lie.EMPTY_JWKS):
            return {"keys": []}
        published = self.provider.keys.jwks()
        if self._tells(Lie.ENCRYPTION_KEY):
            published = {"keys": [{**key, "use": "enc"} for key in published["keys"]]}
        return published

    def discovery(self) -> Mapping[str, Any]:
        """The provider's description of itself (OIDC Discovery 1.0, 3)."""
        options = self.provider.options
        at = {
            name: self.base + options.path(name) for name in ("authorize", "token", "userinfo", "jwks", "logout", "par")
        }
        elsewhere = f"https://{STRANGER}.example.invalid"
        return {
            "issuer": f"{elsewhere}/oauth2/token" if self._tells(Lie.DISCOVERY_ISSUER) else self.issuer,
            "authorization_endpoint": at["authorize"],
            "token_endpoint": f"{elsewhere}/token" if self._tells(Lie.DISCOVERY_STRANGER) else at["token"],
            "userinfo_endpoint": at["userinfo"],
            "jwks_uri": at["jwks"],
            "pushed_authorization_request_endpoint": at["par"],
            "end_session_endpoint": at["logout"],
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [options.algorithm],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": list(ALGORITHMS),
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "authorization_response_iss_parameter_supported": options.iss_parameter,
        }

    def _tells(self, lie: Lie) -> bool:
        return self.provider.lies.tells(lie, self.provider.options.name)

    def _grant_fault(self, grant: Grant | None, client: ClientOptions, form: Params) -> str:
        """Why a code gives nothing; a second use ends what the first one gave (RFC 6749 4.1.2)."""
        if grant is None or grant.client_id != client.client_id:
            return "Invalid authorization code received from token request"
        if grant.used:
            for token in grant.tokens:
                self.provider.tokens.pop(token, None)
            self.provider.count("replayed_codes")
            return "Inactive authorization code received from token request"
        if grant.until <= self.provider.now():
            return "Expired authorization code received from token request"
        if form.get("redirect_uri", "") != grant.redirect_uri:
            return "Callback URL mismatch"
        return self._verifier_fault(grant.challenge, form.get("code_verifier", ""))

    def _key(self, presented: Presented) -> str:
        """The key that the tokens will be bound to: none without a proof; raises `UnfitProof` where one is demanded."""
        wanted = self.provider.options.dpop
        if wanted == "off" or (wanted == "accepted" and not presented.dpop):
            return ""
        return self.clients.possession(presented)

    def _unfit(self, unfit: UnfitProof, status: int) -> Reply:
        """A refused proof: an OAuth error, with the nonce to use next where one is asked for (RFC 9449 8, 9)."""
        self.provider.count("refused_proofs")
        nonce = self.provider.dpop_nonce if self.provider.options.dpop_nonce else ""
        challenge = f'DPoP error="{unfit.code}"' if status == 401 else ""
        return Reply(status, {"error": unfit.code, "error_description": "DPoP proof"}, challenge, nonce)

    def _verifier_fault(self, challenge: str, verifier: str) -> str:
        if not challenge:
            return "Empty PKCE code_challenge, but a code_verifier was sent" if verifier else ""
        if not verifier.isascii() or not 43 <= len(verifier) <= 128 or challenge_of(verifier) != challenge:
            self.provider.count("refused_verifiers")
            return "PKCE validation failed"
        return ""

    def _tokens(self, grant: Grant, client: ClientOptions, key: str) -> Reply:
        provider, options = self.provider, self.provider.options
        access = provider.new_token()
        until = provider.now() + options.access_token_ttl_s
        provider.tokens[access] = Access(client.client_id, grant.session, grant.scope, until, key)
        grant.tokens.append(access)
        grant.session.clients.add(client.client_id)
        body: dict[str, Any] = {
            "access_token": access,
            "scope": grant.scope,
            "token_type": "DPoP" if key else "Bearer",
            "expires_in": options.access_token_ttl_s,
        }
        if options.refresh_token:
            body |= {"refresh_token": provider.new_token(), "refresh_expires_in": _REFRESH_TTL_S}
        if not self._tells(Lie.NO_ID_TOKEN):
            body["id_token"] = self._id_token(grant, access)
        return Reply(200, body)

    def _id_token(self, grant: Grant, access: str) -> str:
        """Few claims, signed; `acr` only when one was asked for (identity facts 1.5)."""
        now, session = int(self.provider.now()), grant.session
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self._sub(self.provider.tokens[access]),
            "aud": grant.client_id,
            "azp": grant.client_id,
            "iat": now,
            "nbf": now,
            "exp": now + self.provider.options.id_token_ttl_s,
            "auth_time": int(session.at),
            "at_hash": token_hash(access),
            "amr": list(session.methods),
            "sid": session.sid,
            "jti": self.provider.new_token(),
        }
        claims |= {name: value for name, value in (("nonce", grant.nonce), ("acr", grant.acr)) if value}
        for lie, change in ID_TOKEN_LIES.items():
            if self._tells(lie):
                change(claims)
        return self._signed(claims)

    def _signed(self, claims: Mapping[str, Any]) -> str:
        keys = self.provider.keys
        if self._tells(Lie.ALG_NONE):
            return unsigned(claims)
        if self._tells(Lie.HS256_PUBLIC_KEY):
            return keys.signed_by_public_key(claims)
        if self._tells(Lie.STRANGERS_KEY):
            return keys.signed_by_stranger(claims)
        if self._tells(Lie.UNKNOWN_KID):
            return keys.signed_by_stranger(claims, kid=f"{STRANGER}-{self.provider.new_token()[:8]}")
        if self._tells(Lie.RETIRED_KEY):
            return keys.signed_by_retired(claims)
        if self._tells(Lie.NO_KID):
            return keys.signed(claims, kid="")
        if self._tells(Lie.BAD_SIGNATURE):
            return spoilt(keys.signed(claims))
        return STRANGER if self._tells(Lie.NOT_A_TOKEN) else keys.signed(claims)

    def _sub(self, access: Access) -> str:
        """The product's user name with its tenant; the technical id at VNeID. Neither holds a number."""
        person = access.session.person
        return f"{person.tech_id}@carbon.super" if self.provider.options.profile == "cdvcqg" else person.tech_id

    def _claims(self, access: Access) -> dict[str, Any]:
        options, person = self.provider.options, access.session.person
        account = person.account or SignOnAccount()
        if options.profile == "vneid":
            addresses = {name: self.base + options.path(path) for name, path in _VNEID_ADDRESSES}
            claims = vneid_claims(person, account, addresses)
        else:
            claims = cdvcqg_claims(person, account, self._dialect())
        mapped = self.provider.clients[access.client_id].claims
        kept = {name: value for name, value in claims.items() if not mapped or name in mapped}
        return {"sub": self._sub(access), **kept}

    def _dialect(self) -> Dialect:
        """How claims are written this time."""
        options = self.provider.options
        turn = self.provider.counts.get("userinfo", 0) % 2 == 1
        numbers: Literal["string", "number"] = "number" if options.numbers == "number" else "string"
        if options.numbers == "rotating":
            return Dialect("number" if turn else "string", "" if turn else ",", turn, options.dates, options.structures)
        return Dialect(numbers, options.separator, options.blanks, options.dates, options.structures)

    def _userinfo_form(self, claims: dict[str, Any], client_id: str) -> Mapping[str, Any] | str:
        form = self.provider.options.userinfo
        if form == "unsigned" or self._tells(Lie.UNSIGNED_USERINFO):
            return unsigned({**claims, "iss": self.issuer, "aud": client_id})
        if self._tells(Lie.STRANGERS_USERINFO):
            return self.provider.keys.signed({**claims, "iss": self.issuer, "aud": STRANGER})
        return (
            self.provider.keys.signed({**claims, "iss": self.issuer, "aud": client_id}) if form == "signed" else claims
        )


_VNEID_ADDRESSES = (("userProfileUri", "profile"), ("logoutUri", "logout"))


def refusal_of(refused: RefusedClient) -> Reply:
    """401 for a client that is not known (RFC 6749 5.2)."""
    body = {"error": "invalid_client", "error_description": "Client Authentication failed."}
    return Reply(401, body, 'Basic realm="oauth2"' if refused.by_header else "")


def _error(code: str, description: str) -> Reply:
    return Reply(400, {"error": code, "error_description": description})
