"""An LGSP for simulators: a WSO2-style gateway in front of whatever a simulator answers (national-portal facts 1.1, 1.5, 1.6).

It issues tokens that run out, refuses calls without a living one in the words of such gateways, exposes each service under
a path of its own, and hands answers on as strings. A simulator mounts it with `mount_lgsp` and gives it its handler;
faults and the call log are those of its `Simulation`. The control plane grows two paths:

    GET  /_simulator/lgsp           how many tokens were issued and refused, how many calls were let through and turned away
    POST /_simulator/lgsp/expire    every token ends
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from connectors.kit.simulation import Call, Simulation, basic, json_answer

Serve = Callable[[web.Request, str], Awaitable[web.StreamResponse]]
"""Answers one service of the simulator behind the LGSP, by its name."""


class LgspOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this LGSP behaves. `credentials`: where the client's secret must stand. `wrap`: which answers become strings.

    `holds_session`: the LGSP keeps the session with the system behind it, so that callers need none.
    """

    client_id: str = "lgsp-client"
    client_secret: str = "lgsp-secret"
    credentials: Literal["basic", "form", "any"] = "any"
    token_path: str = "/token"
    resource: str = "/KetNoiMotCuaQuocGia/{service}"
    token_ttl_s: float = 3_600.0
    wrap: Literal["always", "never", "rotating"] = "always"
    holds_session: bool = False


@dataclass(slots=True)
class SimulatedLgsp:
    """The gateway: its tokens, and its door before the services behind it. `now` is in seconds since the epoch."""

    options: LgspOptions
    simulation: Simulation
    now: Callable[[], float]
    new_token: Callable[[], str]
    serve: Serve
    tokens: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(
        default_factory=lambda: {"issued": 0, "refused_clients": 0, "let_through": 0, "turned_away": 0}
    )
    _turn: itertools.count[int] = field(default_factory=itertools.count)

    async def token(self, request: web.Request) -> web.StreamResponse:
        """The token endpoint: client credentials only (RFC 6749, 4.4)."""
        form = {key: values[-1] for key, values in parse_qs((await request.read()).decode("utf-8", "replace")).items()}
        authorization = request.headers.get("Authorization", "")

        async def work(_fault: object) -> web.Response:
            if form.get("grant_type") != "client_credentials":
                return json_answer({"error": "unsupported_grant_type"}, 400)
            if not self._knows(authorization, form):
                self.counts["refused_clients"] += 1
                return json_answer(
                    {"error": "invalid_client", "error_description": "Client Authentication failed."}, 401
                )
            token = self.new_token()
            self.tokens[token] = self.now() + self.options.token_ttl_s
            self.counts["issued"] += 1
            return json_answer(
                {
                    "access_token": token,
                    "scope": "am_application_scope default",
                    "token_type": "Bearer",
                    "expires_in": int(self.options.token_ttl_s),
                }
            )

        return await self.simulation.play(Call(request, "token"), work)

    async def resource(self, request: web.Request) -> web.StreamResponse:
        """One call of a service: turned away without a living token, else handed on, and its answer wrapped."""
        if not self._lives(request.headers.get("Authorization", "")):
            self.counts["turned_away"] += 1
            self.simulation.log.end(self.simulation.log.begin("lgsp_turned_away", {}), 401)
            fault = {"code": 900901, "message": "Invalid Credentials", "description": "Access failure for API"}
            return json_answer({"fault": fault}, 401)
        self.counts["let_through"] += 1
        return self._wrapped(await self.serve(request, request.match_info.get("service", "")))

    async def shown(self, _request: web.Request) -> web.Response:
        """What happened at this gateway."""
        return json_answer(self.counts)

    async def expire(self, _request: web.Request) -> web.Response:
        """End every token."""
        count = len(self.tokens)
        self.tokens.clear()
        return json_answer({"expired": count})

    def _knows(self, authorization: str, form: Mapping[str, str]) -> bool:
        wanted, expected = self.options.credentials, (self.options.client_id, self.options.client_secret)
        by_header = wanted != "form" and basic(authorization) == expected
        return by_header or (wanted != "basic" and (form.get("client_id"), form.get("client_secret")) == expected)

    def _lives(self, authorization: str) -> bool:
        kind, _, token = authorization.partition(" ")
        return kind == "Bearer" and self.tokens.get(token, 0.0) > self.now()

    def _wrapped(self, answer: web.StreamResponse) -> web.StreamResponse:
        """The answer as a string in `message` (1.6); a failed call and a broken connection stay as they are."""
        wrap = self.options.wrap
        if wrap == "never" or (wrap == "rotating" and next(self._turn) % 2 == 1):
            return answer
        if not isinstance(answer, web.Response) or answer.status != 200 or not isinstance(answer.body, bytes):
            return answer
        try:
            text = answer.body.decode()
        except UnicodeDecodeError:
            return answer
        return json_answer({"message": text})


def mount_lgsp(app: web.Application, lgsp: SimulatedLgsp) -> None:
    """Add the LGSP's paths to a simulator's application."""
    app.router.add_post(lgsp.options.token_path, lgsp.token)
    app.router.add_post(lgsp.options.resource, lgsp.resource)
    app.router.add_get("/_simulator/lgsp", lgsp.shown)
    app.router.add_post("/_simulator/lgsp/expire", lgsp.expire)
