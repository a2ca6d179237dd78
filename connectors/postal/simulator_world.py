"""Everybody and everything of the simulated post: parcels, the clock, what is told of them, lies and scripts.

A house is one carrier: its server and its voice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec
from aiohttp import web

from connectors.kit.faults import Fault
from connectors.kit.simulation import Call, Simulation
from connectors.postal.simulator_clock import TurnedClock
from connectors.postal.simulator_lies import LieOrders, Lies
from connectors.postal.simulator_options import PostalOptions
from connectors.postal.simulator_parcels import Books, Event, Happening, Parcel, Script, Step
from connectors.postal.simulator_telling import Teller, Voice
from connectors.postal.simulator_tokens import SimulatedTokens

_MOST_REAL_WAIT_S = 3_600.0


class House(Voice, Protocol):
    """One carrier."""

    name: str
    tokens: SimulatedTokens

    def mount(self, app: web.Application) -> None:
        """Add its servers."""
        ...

    def codes(self) -> Mapping[Happening, int]:
        """Its codes for what happens; what is not in it is not told."""
        ...

    def stray(self, number: str, event: Event, at: datetime) -> None:
        """Tell something of a parcel that it does not have."""
        ...

    def forget(self) -> None:
        """Lose what was told."""
        ...

    async def settled(self) -> None:
        """Wait until nothing of what was told is under way any more."""
        ...

    async def close(self) -> None:
        """Stop for good."""
        ...


@runtime_checkable
class KeepsDocuments(Protocol):
    """What a carrier adds that dossiers are registered with: how often each was, by its order number."""

    documents: dict[str, int]


class ScriptOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The next `times` orders (0: all) of `house` ("": of any) whose number fits the pattern `number` follow `script`."""

    script: Script
    house: str = ""
    number: str = ".*"
    times: int = 0

    def __post_init__(self) -> None:
        """Refuses a pattern that is none."""
        try:
            re.compile(self.number)
        except re.error as error:
            raise ValueError("number: không phải biểu thức chính quy") from error


@dataclass(slots=True)
class _Ordered:
    order: ScriptOrder
    left: int


class World:
    """What all houses share. `wall` gives the real time in UTC, `new_token` opaque values."""

    def __init__(self, options: PostalOptions, wall: Callable[[], datetime], new_token: Callable[[], str]) -> None:
        self.options = options
        self.wall = wall
        self.new_token = new_token
        self.clock = TurnedClock(wall, options.scale, options.behind_s)
        self.books = Books(self.clock.now)
        self.lies = Lies()
        self.simulation = Simulation()
        self.houses: dict[str, House] = {}
        self.teller = Teller(self.houses)
        self.gateway_url = options.gateway_url
        self.script = options.script
        self.refusals = 0
        self._ordered: list[_Ordered] = []
        self._wake = asyncio.Event()

    def order_scripts(self, default: Script | None, orders: tuple[ScriptOrder, ...]) -> None:
        """Forget the old orders and take these; `default` is for parcels whom none of them names."""
        self.script = default or self.options.script
        self._ordered = [_Ordered(one, one.times) for one in orders]

    def scripts(self) -> list[dict[str, object]]:
        """What is ordered, for the control plane; `left` 0 of an order with `times` 0 means for ever."""
        return [{"order": one.order, "left": one.left} for one in self._ordered]

    def script_for(self, house: str, number: str) -> Script:
        """What a new order with this number will meet; counts as used."""
        for one in self._ordered:
            order = one.order
            if order.house not in ("", house) or not re.fullmatch(order.number, number):
                continue
            if order.times == 0:
                return order.script
            if one.left > 0:
                one.left -= 1
                return order.script
        return self.script

    def take(self, parcel: Parcel) -> Parcel:
        """An order was placed: the carrier has it, and tells so."""
        self.teller.hear(parcel, self.books.take(parcel))
        self._wake.set()
        return parcel

    def cancel(self, parcel: Parcel) -> str:
        """The sender wants it no more: cancelled, requested, too_late, or refused."""
        if parcel.script.cancel == "refuse":
            return "refused"
        if not parcel.cancellable:
            return "cancelled" if parcel.cancelled else "too_late"
        now = self.clock.now()
        if parcel.script.cancel == "request":
            self.teller.hear(parcel, self.books.record(parcel, Happening.CANCEL_REQUESTED, now))
            self.books.beside(parcel, Step(Happening.CANCELLED, parcel.script.cancel_s), now)
            self._wake.set()
            return "requested"
        self.teller.hear(parcel, self.books.cancel(parcel, now))
        return "cancelled"

    def happens(self, parcel: Parcel, happening: Happening, amount: int | None = None) -> Event:
        """Something happens by hand, now; what was planned goes on."""
        now = self.clock.now()
        if happening is Happening.CANCELLED:
            event = self.books.cancel(parcel, now)
        else:
            event = self.books.record(parcel, happening, now, amount)
        self.teller.hear(parcel, event)
        return event

    def tick(self) -> int:
        """Do what is due, in its order, and tell of it; how many things happened."""
        now, count = self.clock.now(), 0
        while (moment := self._earliest()) is not None and moment <= now:
            for parcel, event in self.books.due(moment):
                self.teller.hear(parcel, event)
                count += 1
            self.teller.due(moment)
        return count

    def stir(self) -> None:
        """The clock was turned, or something may be due earlier than before."""
        self._wake.set()

    async def run_clock(self) -> None:
        """Tick whenever something is due, until cancelled."""
        while True:
            self.tick()
            self._wake.clear()
            due = self._earliest()
            wait_s = self.clock.wait_s(due) if due is not None else None
            try:
                async with asyncio.timeout(None if wait_s is None else min(max(0.01, wait_s), _MOST_REAL_WAIT_S)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def play(
        self, request: web.Request, name: str, work: Callable[[bytes, Fault | None], web.Response], ref: str = ""
    ) -> web.StreamResponse:
        """Answer a call by `work` over its body, under the fault plan; time has been looked at before."""
        body = await request.read()

        async def doing(fault: Fault | None) -> web.Response:
            self.tick()
            return work(body, fault)

        return await self.simulation.play(Call(request, name, {"ref": ref} if ref else {}), doing)

    async def settled(self) -> None:
        """Wait until nothing of what was told is under way any more."""
        for house in self.houses.values():
            await house.settled()

    def forget(self) -> None:
        """Lose every parcel, telling, script and lie; numbers and the clock go on."""
        self.books.forget()
        self.teller.forget()
        for house in self.houses.values():
            house.forget()
        self.lies.replace(LieOrders())
        self.order_scripts(None, ())
        self.refusals = 0
        self.simulation.log.calls.clear()

    def _earliest(self) -> datetime | None:
        moments = [one for one in (self.books.next_due(), self.teller.next_due()) if one is not None]
        return min(moments, default=None)
