"""A real HTTP server that plays the toy library. Beside the usual control plane:

POST /_simulator/move       [movement, …]: they stand in the list of changes from now on
GET  /_simulator/state      cards, reminders by loan, movements
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from connectors.kit.faults import Fault
from connectors.kit.simulation import Call, Simulation, Work, json_answer, mount_control, order

from .profiles.v1.messages import Card, Changes, Movement, Reminder

PAGE = 2


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the library behaves."""

    secret: str = ""


@dataclass
class Library:
    """What it holds; writing the same id twice has one effect."""

    secret: str
    simulation: Simulation
    cards: dict[str, Card] = field(default_factory=dict)
    reminders: dict[str, Reminder] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)

    async def take_card(self, request: web.Request) -> web.StreamResponse:
        """A card."""
        card = await order(request, Card)

        async def work(fault: Fault | None) -> web.Response:
            known = card.id in self.cards
            self.cards.setdefault(card.id, card)
            return json_answer({"code": int(known or fault is not None)})

        return await self._play(request, "card", card.dossier, work)

    async def take_reminder(self, request: web.Request) -> web.StreamResponse:
        """A reminder."""
        reminder = await order(request, Reminder)

        async def work(fault: Fault | None) -> web.Response:
            known = reminder.id in self.reminders
            self.reminders.setdefault(reminder.id, reminder)
            return json_answer({"code": int(known or fault is not None)})

        return await self._play(request, "reminder", reminder.dossier, work)

    async def look(self, request: web.Request) -> web.StreamResponse:
        """Whether a card or a reminder is held."""
        held = request.match_info["id"] in (*self.cards, *self.reminders)

        async def work(_fault: Fault | None) -> web.Response:
            return json_answer({"code": 0, "reference": "yes" if held else "no"})

        return await self._play(request, "look", "", work)

    async def changes(self, request: web.Request) -> web.StreamResponse:
        """A page of movements; the cursor counts them."""
        after = int(request.query.get("after") or 0)

        async def work(_fault: Fault | None) -> web.Response:
            page = tuple(self.movements[after : after + PAGE])
            following = after + len(page)
            return json_answer(Changes(page, str(following) if following else "", following < len(self.movements)))

        return await self._play(request, "changes", "", work)

    async def move(self, request: web.Request) -> web.Response:
        """Toys come and go."""
        self.movements.extend(await order(request, list[Movement]))
        return json_answer({"movements": len(self.movements)})

    async def state(self, _request: web.Request) -> web.Response:
        """All of it."""
        return json_answer({"cards": self.cards, "reminders": self.reminders, "movements": self.movements})

    async def _play(self, request: web.Request, name: str, dossier: str, work: Work) -> web.StreamResponse:
        if self.secret and request.headers.get("Authorization") != f"Bearer {self.secret}":
            return web.Response(status=401)
        return await self.simulation.play(Call(request, name, {"dossier": dossier}), work)


def create_app(options: Mapping[str, object]) -> web.Application:
    """The library as an application."""
    chosen = msgspec.convert(dict(options), Options)
    app = web.Application()
    library = Library(chosen.secret, mount_control(app))
    app.router.add_post("/cards", library.take_card)
    app.router.add_get("/cards/{id}", library.look)
    app.router.add_post("/reminders", library.take_reminder)
    app.router.add_get("/reminders/{id}", library.look)
    app.router.add_get("/changes", library.changes)
    app.router.add_post("/_simulator/move", library.move)
    app.router.add_get("/_simulator/state", library.state)
    return app
