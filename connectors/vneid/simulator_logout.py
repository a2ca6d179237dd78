"""The end of sessions at the simulated identity provider: asked for by a client, ordered, and told to every client behind.

Sources: OpenID Connect RP-Initiated Logout 1.0; Back-Channel Logout 1.0 (2.4, 2.5); identity facts 1.6 (connect 10 s, read
20 s; `iss`, `aud`, `sub`, `sid`, `jti`, `iat`, `exp`, `events`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp

from connectors.vneid.simulator_jose import unsigned
from connectors.vneid.simulator_lies import LOGOUT_LIES, Lie
from connectors.vneid.simulator_options import ClientOptions
from connectors.vneid.simulator_provider import Params, Provider, Session, Unauthorized, allowed, with_query

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_TOKEN_S = 120
_PATIENCE = aiohttp.ClientTimeout(connect=10.0, sock_read=20.0)


@dataclass(frozen=True, slots=True, repr=False)
class Ending:
    """What a logout request asks for: the sessions that end, and where the browser goes then ("": nowhere)."""

    sessions: tuple[Session, ...]
    address: str
    certain: bool


@dataclass(frozen=True, slots=True)
class Farewell:
    """Ends sessions of one provider, which speaks as `issuer`."""

    provider: Provider
    issuer: str

    def asked(self, params: Params, cookie: str) -> Ending:
        """A client's request by way of the browser; raises `Unauthorized` for an address that is not the client's.

        Without a genuine `id_token_hint` nothing is `certain`: the person is asked first, as the product does.
        """
        claims = self.provider.keys.read(params.get("id_token_hint", ""))
        client = self.provider.clients.get(str(claims.get("azp") or claims.get("aud") or params.get("client_id", "")))
        address = params.get("post_logout_redirect_uri", "")
        if address:
            if client is None or not allowed(address, client.post_logout_uris):
                raise Unauthorized("Địa chỉ quay về sau đăng xuất không được đăng ký cho ứng dụng này.")
            address = with_query(address, {"state": params["state"]} if params.get("state") else {})
        sids = {str(claims.get("sid", "")), cookie}
        sessions = tuple(session for sid, session in self.provider.sessions.items() if sid in sids)
        return Ending(sessions, address, bool(claims))

    def ended(self, sessions: Iterable[Session]) -> list[tuple[ClientOptions, Session]]:
        """End sessions with their tokens; whom to tell."""
        tell: list[tuple[ClientOptions, Session]] = []
        for session in sessions:
            self.provider.sessions.pop(session.sid, None)
            living = self.provider.tokens
            self.provider.tokens = {key: access for key, access in living.items() if access.session is not session}
            self.provider.count("log_outs")
            known = (self.provider.clients.get(name) for name in sorted(session.clients))
            tell += [(client, session) for client in known if client is not None and client.backchannel_logout_uri]
        return tell

    async def tell(self, whom: Iterable[tuple[ClientOptions, Session]]) -> list[dict[str, object]]:
        """POST a logout token to each client; what each answered, 0 for none."""
        told: list[dict[str, object]] = []
        async with aiohttp.ClientSession(timeout=_PATIENCE) as http:
            for client, session in whom:
                form = {"logout_token": self._token(client, session)}
                entry: dict[str, object] = {"client_id": client.client_id, "at": self.provider.now(), "status": 0}
                try:
                    async with http.post(client.backchannel_logout_uri, data=form, allow_redirects=False) as answer:
                        entry |= {"status": answer.status, "cache_control": answer.headers.get("Cache-Control", "")}
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    entry["fault"] = type(error).__name__
                told.append(entry)
        self.provider.farewells += told
        return told

    def _token(self, client: ClientOptions, session: Session) -> str:
        now, person = int(self.provider.now()), session.person
        cdvcqg = self.provider.options.profile == "cdvcqg"
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": f"{person.tech_id}@carbon.super" if cdvcqg else person.tech_id,
            "aud": client.client_id,
            "iat": now,
            "exp": now + _TOKEN_S,
            "jti": self.provider.new_token(),
            "sid": session.sid,
            "events": {_EVENT: {}},
        }
        for lie, change in LOGOUT_LIES.items():
            if self._tells(lie):
                change(claims)
        if self._tells(Lie.LOGOUT_UNSIGNED):
            return unsigned(claims)
        keys = self.provider.keys
        if self._tells(Lie.LOGOUT_STRANGERS_KEY):
            return keys.signed_by_stranger(claims, typ="logout+jwt")
        return keys.signed(claims, typ="logout+jwt")

    def _tells(self, lie: Lie) -> bool:
        return self.provider.lies.tells(lie, self.provider.options.name)
