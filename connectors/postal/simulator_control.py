"""The control plane of the simulated post: the clock, scripts, books, and what goes wrong on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
from aiohttp import web

from connectors.kit.simulation import json_answer, order
from connectors.postal.simulator_lies import LieOrders
from connectors.postal.simulator_options import HOUSES
from connectors.postal.simulator_parcels import Event, Happening, Parcel, Script
from connectors.postal.simulator_telling import Delivery
from connectors.postal.simulator_world import KeepsDocuments, ScriptOrder, World


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    advance_s: float = 0.0
    scale: float | None = None
    wait: bool = False


class _Scripts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    default: Script | None = None
    orders: tuple[ScriptOrder, ...] = ()


class _Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    house: str
    number: str
    happening: Happening
    amount: int | None = None
    stop: bool = False
    wait: bool = False


class _Stray(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    house: str
    number: str
    happening: Happening = Happening.DELIVERED
    wait: bool = False


class _Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    order: Literal["as_made", "reversed", "shuffled"] = "as_made"
    seed: int = 0
    wait: bool = False


class _House(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    house: str


@dataclass(frozen=True, slots=True)
class Control:
    """Orders and views of a world."""

    world: World

    def mount(self, app: web.Application) -> None:
        """Add the control plane."""
        routes = app.router
        routes.add_get("/_simulator/clock", self.clock)
        routes.add_post("/_simulator/clock", self.turn)
        routes.add_get("/_simulator/scripts", self.scripts)
        routes.add_put("/_simulator/scripts", self.put_scripts)
        routes.add_get("/_simulator/books", self.books)
        routes.add_post("/_simulator/steps", self.step)
        routes.add_post("/_simulator/strays", self.stray)
        routes.add_put("/_simulator/delivery", self.delivery)
        routes.add_post("/_simulator/release", self.release)
        routes.add_get("/_simulator/codes", self.codes)
        routes.add_get("/_simulator/tokens", self.tokens)
        routes.add_post("/_simulator/tokens/expire", self.expire)
        routes.add_get("/_simulator/lies", self.lies)
        routes.add_put("/_simulator/lies", self.put_lies)
        routes.add_delete("/_simulator/state", self.forget)

    async def clock(self, _request: web.Request) -> web.Response:
        """What time it is there."""
        return json_answer({"now": self.world.clock.now(), "scale": self.world.clock.scale})

    async def turn(self, request: web.Request) -> web.Response:
        """Turn the clock forward, or let it run at another speed; everything that became due has happened in the answer."""
        ordered = await order(request, _Turn)
        if not 0 <= ordered.advance_s <= 10**9 or not 0 <= (ordered.scale or 0.0) <= 10**6:
            raise web.HTTPUnprocessableEntity(text="advance_s: từ 0 đến 1000000000; scale: từ 0 đến 1000000")
        if ordered.scale is not None:
            self.world.clock.run(ordered.scale)
        now = self.world.clock.turn(ordered.advance_s)
        happened = self.world.tick()
        self.world.stir()
        if ordered.wait:
            await self.world.settled()
        return json_answer({"now": now, "scale": self.world.clock.scale, "happened": happened})

    async def scripts(self, _request: web.Request) -> web.Response:
        """What is ordered."""
        return json_answer({"default": self.world.script, "orders": self.world.scripts()})

    async def put_scripts(self, request: web.Request) -> web.Response:
        """Say what the next orders will meet."""
        ordered = await order(request, _Scripts)
        for one in ordered.orders:
            _known(one.house or HOUSES[0])
        self.world.order_scripts(ordered.default, ordered.orders)
        return await self.scripts(request)

    async def books(self, request: web.Request) -> web.Response:
        """Every parcel as it truly is, and sums by house; `?number=` only those with that order number."""
        self.world.tick()
        number = request.query.get("number")
        parcels = [one for one in self.world.books if number in (None, one.number)]
        return json_answer(
            {
                "now": self.world.clock.now(),
                "parcels": [_shown(one) for one in parcels],
                "documents": {
                    name: dict(house.documents)
                    for name, house in self.world.houses.items()
                    if isinstance(house, KeepsDocuments)
                },
                "sums": {name: _sums([one for one in self.world.books if one.house == name]) for name in HOUSES},
                "refused": self.world.refusals,
                "lost_tellings": self.world.teller.lost,
                "held_tellings": len(self.world.teller.held),
            }
        )

    async def step(self, request: web.Request) -> web.Response:
        """Something happens to a parcel by hand, now; with `stop`, nothing else will by itself."""
        ordered = await order(request, _Step)
        self.world.tick()
        parcel = self.world.books.find(ordered.house, ordered.number)
        if parcel is None:
            raise web.HTTPUnprocessableEntity(text="number: không có bưu gửi này")
        if ordered.stop:
            self.world.books.plan(parcel, [], self.world.clock.now())
        self.world.happens(parcel, ordered.happening, ordered.amount)
        if ordered.wait:
            await self.world.settled()
        return json_answer(_shown(parcel))

    async def stray(self, request: web.Request) -> web.Response:
        """Tell something of a parcel that is not ours."""
        ordered = await order(request, _Stray)
        _known(ordered.house)
        now = self.world.clock.now()
        self.world.houses[ordered.house].stray(ordered.number, Event(0, ordered.happening, now, ordered.happening), now)
        if ordered.wait:
            await self.world.settled()
        return json_answer({"number": ordered.number})

    async def delivery(self, request: web.Request) -> web.Response:
        """Let tellings travel otherwise from now on."""
        ordered = await order(request, Delivery)
        self.world.teller.travel(ordered)
        return json_answer(ordered)

    async def release(self, request: web.Request) -> web.Response:
        """Tell what is held."""
        ordered = await order(request, _Release)
        count = self.world.teller.release(ordered.order, ordered.seed, self.world.clock.now())
        if ordered.wait:
            await self.world.settled()
        return json_answer({"told": count})

    async def codes(self, _request: web.Request) -> web.Response:
        """The codes of each house, for the status tables of who listens."""
        return json_answer({name: house.codes() for name, house in self.world.houses.items()})

    async def tokens(self, _request: web.Request) -> web.Response:
        """How many tokens each house issued, refused and turned away."""
        return json_answer({name: house.tokens.shown() for name, house in self.world.houses.items()})

    async def expire(self, request: web.Request) -> web.Response:
        """End all tokens of a house."""
        ordered = await order(request, _House)
        _known(ordered.house)
        return json_answer({"expired": self.world.houses[ordered.house].tokens.expire()})

    async def lies(self, _request: web.Request) -> web.Response:
        """Which lies stand."""
        return json_answer({"orders": self.world.lies.shown()})

    async def put_lies(self, request: web.Request) -> web.Response:
        """Order lies."""
        self.world.lies.replace(await order(request, LieOrders))
        return await self.lies(request)

    async def forget(self, _request: web.Request) -> web.Response:
        """Forget what happened."""
        self.world.forget()
        return json_answer({"parcels": 0})


def _known(house: str) -> None:
    if house not in HOUSES:
        raise web.HTTPUnprocessableEntity(text=f"house: chỉ có {', '.join(HOUSES)}")


def _sums(parcels: list[Parcel]) -> dict[str, int]:
    """Counts and đồng of one house; `doubled` are orders beyond the first of each number."""
    return {
        "orders": len(parcels),
        "numbers": len({one.number for one in parcels}),
        "doubled": len(parcels) - len({one.number for one in parcels}),
        "cod_due": sum(one.cod_due for one in parcels),
        "cod_collected": sum(one.cod_collected or 0 for one in parcels),
        "cod_remitted": sum(one.cod_remitted or 0 for one in parcels),
    }


def _shown(parcel: Parcel) -> dict[str, object]:
    """A parcel as the books show it; names nobody."""
    return {
        "house": parcel.house,
        "number": parcel.number,
        "parcel_id": parcel.parcel_id,
        "item_code": parcel.item_code,
        "created_at": parcel.created_at,
        "state": parcel.state,
        "attempts": parcel.attempts,
        "cancelled": parcel.cancelled,
        "told": parcel.told,
        "left": [step.happening for step in parcel.plan],
        "cod": {
            "due": parcel.cod_due,
            "collected": parcel.cod_collected,
            "collected_at": parcel.cod_collected_at,
            "remitted": parcel.cod_remitted,
            "remitted_at": parcel.cod_remitted_at,
        },
        "history": [
            {
                "number": event.number,
                "happening": event.happening,
                "at": event.at,
                "state": event.state,
                "pos_code": event.pos_code,
                "attempts": event.attempts,
                "amount": event.amount,
            }
            for event in parcel.history
        ],
    }
