"""An upstream that fails a third of the time and remembers little: per dossier the newest event, and counters.

It takes the pushes of the gateway's connector `resolution`. A simulator would hold every push; in a soak of hours its own growth
would be the largest figure on the machine.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

BUSY, DROPPED = 0.22, 0.11
"""How often it does nothing and says 503, and how often it takes the push and hangs up without an answer."""


@dataclass(slots=True)
class Sink:
    """What arrived. `skipped`: a first delivery that was not the next of its dossier; `stale`: an older one after a newer."""

    chance: random.Random
    newest: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    failed: int = 0
    delivered: int = 0
    again: int = 0
    stale: int = 0
    skipped: int = 0

    def application(self) -> web.Application:
        """The upstream as an application."""
        app = web.Application()
        app.router.add_post("/webhooks/gateway", self.take)
        return app

    async def take(self, request: web.Request) -> web.StreamResponse:
        """One push."""
        body = msgspec.json.decode(await request.read())
        event = body["data"] if isinstance(body.get("data"), dict) else body
        drawn = self.chance.random()
        self.calls += 1
        if drawn < BUSY:
            self.failed += 1
            return web.Response(status=503)
        self.saw(str(event["dossier_code"]), int(event["sequence"]))
        if drawn < BUSY + DROPPED:
            self.failed += 1
            if request.transport is not None:
                request.transport.abort()
        return web.json_response({"status": "accepted", "reference": str(self.calls)})

    def saw(self, dossier: str, sequence: int) -> None:
        """One push was taken."""
        newest = self.newest.get(dossier, 0)
        if sequence == newest + 1:
            self.delivered += 1
        elif sequence <= newest:
            self.again += 1
            self.stale += sequence < newest
        else:
            self.skipped += 1
        self.newest[dossier] = max(newest, sequence)
