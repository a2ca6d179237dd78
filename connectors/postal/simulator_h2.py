"""The simulated NGSP adapter as it stands by itself, with its token endpoint (postal facts 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

from aiohttp import web

from connectors.kit.faults import Fault
from connectors.kit.simulation import basic, glance, json_answer
from connectors.postal.simulator_ngsp import Ngsp
from connectors.postal.simulator_options import NgspOptions
from connectors.postal.simulator_wire import Refusal
from connectors.postal.simulator_world import World

BASE = "/h2/apiVNPostNGSP/p1.0"

Verb = Callable[[bytes, Mapping[str, str], Fault | None], web.Response]
"""Answers one verb from a body, a query and a fault that only the adapter's own words can play."""


def token_answer(ngsp: Ngsp, own: NgspOptions, authorization: str, body: bytes) -> web.Response:
    """The token endpoint, in the dialect of the options (facts 2.1, 3.3)."""
    form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if own.credentials != "basic_key" and form.get("grant_type") != "client_credentials":
        return json_answer({"error": "unsupported_grant_type"}, 400)
    known = {
        "basic": basic(authorization) == (own.consumer_key, own.consumer_secret),
        "bearer": authorization == f"Bearer {own.consumer_secret}",
        "basic_key": authorization == f"Basic {own.consumer_secret}" and not body,
    }
    if not known[own.credentials]:
        ngsp.tokens.refused += 1
        return json_answer({"error": "invalid_client", "error_description": "Client Authentication failed."}, 401)
    answer = {
        "access_token": ngsp.tokens.issue(),
        "scope": "am_application_scope default",
        "token_type": "Bearer",
        "expires_in": int(own.token_ttl_s),
    }
    return json_answer(answer)


class H2:
    """The house `h2`."""

    name = "h2"

    def __init__(self, world: World) -> None:
        self.world = world
        self.ngsp = Ngsp(world, self.name, world.options.h2)
        self.tokens, self.documents = self.ngsp.tokens, self.ngsp.documents
        self.codes, self.tell = self.ngsp.codes, self.ngsp.tell
        self.stray, self.forget = self.ngsp.stray, self.ngsp.forget
        self.settled, self.close = self.ngsp.settled, self.ngsp.close

    def mount(self, app: web.Application) -> None:
        """Add the paths of the adapter."""
        ngsp = self.ngsp
        app.router.add_post("/h2/token", self.token)
        verbs: tuple[tuple[str, str, str, Verb], ...] = (
            ("POST", "order/post", "order", lambda body, _query, fault: ngsp.post_order(body, fault)),
            ("GET", "order/cancel", "cancel", lambda _body, query, _fault: ngsp.cancel_order(query)),
            ("POST", "document/post", "register", lambda body, _query, _fault: ngsp.post_document(body)),
            ("GET", "order/tracking", "feed", lambda _body, query, _fault: ngsp.track(query)),
        )
        for method, path, name, verb in verbs:
            app.router.add_route(method, f"{BASE}/{path}", self._handler(name, verb))

    async def token(self, request: web.Request) -> web.StreamResponse:
        """The token endpoint."""
        authorization = request.headers.get("Authorization", "")
        return await self.world.play(
            request, "h2.token", lambda body, _fault: token_answer(self.ngsp, self.ngsp.own, authorization, body)
        )

    def _handler(self, name: str, verb: Verb) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            ref = glance(body, "OrderNumber") or request.query.get("OrderNumber", "")[:60]

            def work(raw: bytes, fault: Fault | None) -> web.Response:
                return guarded(self.ngsp, request, fault, lambda: verb(raw, request.query, fault))

            return await self.world.play(request, f"h2.{name}", work, ref)

        return handle


def guarded(ngsp: Ngsp, request: web.Request, fault: Fault | None, answer: Callable[[], web.Response]) -> web.Response:
    """The answer to a call with a living token; every refusal in the adapter's words."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    lied = ngsp.lied_to(fault)
    if lied is not None:
        return lied
    if not ngsp.tokens.lives(token if kind == "Bearer" else ""):
        return ngsp.turned_away()
    try:
        return answer()
    except Refusal as refusal:
        return ngsp.refused(refusal)
