"""The control plane of the simulated donhang's notices: what was sent, once more, lies, keys, and where they go."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from aiohttp import web

from connectors.kit.simulation import json_answer, order, whole_number
from connectors.postal import simulator_wire as wire
from connectors.postal.simulator_lies import OF_NOTICES, Lie
from connectors.postal.simulator_m1 import M1
from connectors.postal.simulator_push import Sent
from connectors.postal.simulator_world import World

_MOST_TIMES = 1_000


class _Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    number: str
    lie: Lie | None = None
    times: int = 1
    wait: bool = False


class _Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    serial: int
    times: int = 1
    wait: bool = False


class _Addresses(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    gateway_url: str


@dataclass(frozen=True, slots=True)
class NoticeControl:
    """Orders and views of the notices."""

    world: World
    m1: M1

    def mount(self, app: web.Application) -> None:
        """Add the control plane."""
        routes = app.router
        routes.add_get("/_simulator/notices", self.notices)
        routes.add_post("/_simulator/notices", self.tell)
        routes.add_post("/_simulator/notices/again", self.again)
        routes.add_get("/_simulator/keys", self.keys)
        routes.add_put("/_simulator/addresses", self.addresses)

    async def notices(self, request: web.Request) -> web.Response:
        """What was sent, and what was answered."""
        after = whole_number(request, "after", 0)
        return json_answer({"notices": [one.shown() for one in self.m1.pusher.sent if one.serial > after]})

    async def tell(self, request: web.Request) -> web.Response:
        """The last news of an order once more, under a new date and signature, or a lie about it."""
        ordered = await order(request, _Notice)
        if ordered.lie is not None and ordered.lie not in OF_NOTICES:
            raise web.HTTPUnprocessableEntity(text="lie: không phải lời nói dối của một thông báo")
        made = [self.m1.told_again(ordered.number, ordered.lie) for _ in range(_times(ordered.times))]
        sent = [one for one in made if one is not None]
        if not sent:
            raise web.HTTPUnprocessableEntity(text="number: không có bưu gửi này")
        return await self._answered(sent, ordered.wait)

    async def again(self, request: web.Request) -> web.Response:
        """The very same bytes again."""
        ordered = await order(request, _Again)
        found = self.m1.pusher.with_serial(ordered.serial)
        if found is None:
            raise web.HTTPUnprocessableEntity(text="serial: không có thông báo này")
        sent = [self.m1.pusher.send(found.letter) for _ in range(_times(ordered.times))]
        return await self._answered(sent, ordered.wait)

    async def keys(self, _request: web.Request) -> web.Response:
        """The public half of the key that signs notices, in both forms that such keys are handed over in."""
        return json_answer({"xml": wire.key_value(self.m1.key), "pem": wire.public_pem(self.m1.key)})

    async def addresses(self, request: web.Request) -> web.Response:
        """Send notices elsewhere from now on."""
        ordered = await order(request, _Addresses)
        self.world.gateway_url = ordered.gateway_url
        return json_answer({"gateway_url": ordered.gateway_url})

    async def _answered(self, sent: list[Sent], wait: bool) -> web.Response:
        if wait:
            await self.m1.pusher.ended(sent)
        return json_answer({"notices": [one.shown() for one in sent]})


def _times(wanted: int) -> int:
    if not 1 <= wanted <= _MOST_TIMES:
        raise web.HTTPUnprocessableEntity(text=f"times: từ 1 đến {_MOST_TIMES}")
    return wanted
