"""The toy upstream."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import msgspec
from aiohttp import web

from connectors.kit.faults import Fault, FaultKind
from connectors.kit.simulation import Call, json_answer, mount_control


class Upstream:
    """Holds items and notes."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.notes: list[str] = []
        self.probes = 0
        self.sessions: set[str] = set()
        self.numbers = count(1)

    def log_in(self) -> web.Response:
        session = f"session-{next(self.numbers)}"
        self.sessions.add(session)
        return json_answer({"code": 0, "session": session})

    def put(self, body: Mapping[str, str], fault: Fault | None) -> web.Response:
        if fault is not None and fault.kind is FaultKind.EXPIRED_SESSION:
            self.sessions.clear()
        if body["session"] not in self.sessions:
            return json_answer({"code": 7})
        known = body["id"] in self.items or (fault is not None and fault.kind is FaultKind.DUPLICATE)
        self.items[body["id"]] = body["owner"]
        return json_answer({"code": 1 if known else 0})

    def note(self, body: Mapping[str, str], fault: Fault | None) -> web.Response:
        if fault is not None and fault.kind is FaultKind.EXPIRED_SESSION:
            self.sessions.clear()
        if body["session"] not in self.sessions:
            return json_answer({"code": 7})
        self.notes.append(f"{body['item']} {body['text']}")
        return json_answer({"code": 0})


def create_app(options: Mapping[str, object]) -> web.Application:
    """The upstream as an application."""
    app = web.Application()
    simulation = mount_control(app)
    upstream = Upstream()

    async def login(request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read())

        async def work(_fault: Fault | None) -> web.Response:
            return json_answer({"code": 9}) if body["password"] == "wrong" else upstream.log_in()

        return await simulation.play(Call(request, "login"), work)

    async def items(request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read())

        async def work(fault: Fault | None) -> web.Response:
            return upstream.put(body, fault)

        return await simulation.play(Call(request, "put"), work)

    async def notes(request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read())

        async def work(fault: Fault | None) -> web.Response:
            return upstream.note(body, fault)

        return await simulation.play(Call(request, "note"), work)

    async def item(request: web.Request) -> web.StreamResponse:
        async def work(_fault: Fault | None) -> web.Response:
            return json_answer({"code": 0, "held": request.match_info["id"] in upstream.items})

        return await simulation.play(Call(request, "get"), work)

    async def probe(_request: web.Request) -> web.Response:
        upstream.probes += 1
        return json_answer({"code": 0})

    async def state(_request: web.Request) -> web.Response:
        return json_answer({"items": upstream.items, "notes": upstream.notes, "probes": upstream.probes})

    app.router.add_post("/login", login)
    app.router.add_post("/items", items)
    app.router.add_post("/notes", notes)
    app.router.add_post("/probe", probe)
    app.router.add_get("/items/{id}", item)
    app.router.add_get("/_simulator/state", state)
    return app
