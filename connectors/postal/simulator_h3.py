"""The simulated LGSP in front of the NGSP adapter: one address, the verb as a service in the query (postal facts 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from connectors.kit.faults import Fault
from connectors.kit.simulation import glance, json_answer
from connectors.postal.simulator_h2 import Verb, guarded, token_answer
from connectors.postal.simulator_ngsp import Ngsp
from connectors.postal.simulator_world import World

ADDRESS: Final = "/h3/postal"
SERVICES: Final[Mapping[str, str]] = {
    "order": "order",
    "cancel": "cancel",
    "tracking": "tracking",
    "document": "document",
    "price": "price",
}
"""The names that this LGSP gave its services; whoever sets one up chooses others."""

_OPERATIONS: Final[Mapping[str, str]] = {
    "order": "order",
    "cancel": "cancel",
    "tracking": "feed",
    "document": "register",
    "price": "price",
}


class H3:
    """The house `h3`."""

    name = "h3"

    def __init__(self, world: World) -> None:
        self.world = world
        self.ngsp = Ngsp(world, self.name, world.options.h3)
        self.tokens, self.documents = self.ngsp.tokens, self.ngsp.documents
        self.codes, self.tell = self.ngsp.codes, self.ngsp.tell
        self.stray, self.forget = self.ngsp.stray, self.ngsp.forget
        self.settled, self.close = self.ngsp.settled, self.ngsp.close
        ngsp = self.ngsp
        self._verbs: Mapping[str, tuple[str, Verb]] = {
            "order": ("POST", lambda body, _query, fault: ngsp.post_order(body, fault)),
            "cancel": ("GET", lambda _body, query, _fault: ngsp.cancel_order(query)),
            "tracking": ("GET", lambda _body, query, _fault: ngsp.track(query)),
            "document": ("POST", lambda body, _query, _fault: ngsp.post_document(body)),
            "price": ("POST", lambda body, _query, _fault: ngsp.price(body)),
        }

    def mount(self, app: web.Application) -> None:
        """Add the token endpoint and the one address, with and without a slash at its end."""
        app.router.add_post("/h3/token", self.token)
        for path in (ADDRESS, f"{ADDRESS}/"):
            app.router.add_route("GET", path, self.call)
            app.router.add_route("POST", path, self.call)

    async def token(self, request: web.Request) -> web.StreamResponse:
        """The token endpoint, in the dialect of the options."""
        authorization = request.headers.get("Authorization", "")
        return await self.world.play(
            request, "h3.token", lambda body, _fault: token_answer(self.ngsp, self.ngsp.own, authorization, body)
        )

    async def call(self, request: web.Request) -> web.StreamResponse:
        """One service."""
        verb = self._verb(request.query.get("service", ""))
        body = await request.read()
        ref = glance(body, "OrderNumber") or request.query.get("OrderNumber", "")[:60]

        def work(raw: bytes, fault: Fault | None) -> web.Response:
            return guarded(self.ngsp, request, fault, lambda: self._answer(request, verb, raw, fault))

        return await self.world.play(request, f"h3.{_OPERATIONS.get(verb, 'unknown')}", work, ref)

    def _verb(self, service: str) -> str:
        names = {**SERVICES, **self.ngsp.own.services}
        return next((verb for verb, name in names.items() if name == service), "")

    def _answer(self, request: web.Request, verb: str, raw: bytes, fault: Fault | None) -> web.Response:
        wanted = self.ngsp.own.service_code
        if wanted and request.headers.get("service-code") != wanted:
            return json_answer({"fault": {"code": 900906, "message": "No matching service-code"}}, 403)
        method, work = self._verbs.get(verb, ("", None))
        if work is None:
            return json_answer({"fault": {"code": 404, "message": "No matching resource found"}}, 404)
        if request.method != method:
            return json_answer({"fault": {"code": 405, "message": "Method not allowed"}}, 405)
        return work(raw, request.query, fault)
