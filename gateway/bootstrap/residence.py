"""Who lives on the ground: one house at a time, each in a task of its own, exchanged at once when the configuration is read anew.

A reload builds a whole new house beside the one that stands. It takes over in one step, between two requests, or it is taken
down again and nothing has changed (delivery-engine F19). What the old one has begun it carries to its end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

from gateway.admin.reloading import Outcome, ReloadDesk, Teller
from gateway.bootstrap.checking import checked
from gateway.bootstrap.doorway import Room
from gateway.bootstrap.duties import Duties
from gateway.bootstrap.ground import Ground
from gateway.bootstrap.house import House, Tenure, open_house
from gateway.bootstrap.listeners import Doorways
from gateway.bootstrap.plan import Plan, planned
from gateway.config import Loaded
from gateway.config.immovable import immovable
from gateway.errors import ConfigError, JournalUnavailable
from gateway.intake.verification import Verifier

GRACE_S = 60.0
"""How long requests that an old house is answering may take before its connectors are closed under them."""

_log = logging.getLogger("gateway")


class Tenant:
    """One house in a task of its own, so that everything which it starts is bound to its decision and ends with it."""

    def __init__(self, plan: Plan, lines: AsyncExitStack) -> None:
        """`lines` closes the connectors of `plan`; from now on that is this tenant's affair."""
        self.plan, self._lines = plan, lines
        self._standing: asyncio.Future[tuple[House, tuple[Room, Room, Room | None]]] = (
            asyncio.get_running_loop().create_future()
        )
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def house(self) -> House:
        """The house that stands."""
        return self._standing.result()[0]

    async def move_in(self, ground: Ground, tenure: Tenure) -> None:
        """Put the house up; raises what that raises, and then nothing is left of it."""
        self._task = asyncio.create_task(self._live(ground, tenure), name="house")
        try:
            either: tuple[asyncio.Future[Any], ...] = (self._task, self._standing)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if self._task.done():
            self._task.result()

    def take_over(self, doorways: Doorways) -> None:
        """In one step: from here on every new request, every claim and every look is this house's."""
        house, (internal, admin, edge) = self._standing.result()
        doorways.internal.lead_to(internal)
        doorways.admin.lead_to(admin)
        if edge is not None:
            doorways.edge.lead_to(edge)
        house.open()

    async def retire(self) -> None:
        """Begin nothing more, answer what was asked, settle what was sent; then end. Raises what a fault of the house was."""
        house, rooms = self._standing.result()
        resting = house.rest()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                for room in rooms:
                    if room is not None:
                        await room.idle()
        await resting
        await self.leave()

    async def leave(self) -> None:
        """End the house; nobody asks it anything any more."""
        self._leaving.set()
        if self._task is not None:
            await self._task

    async def _live(self, ground: Ground, tenure: Tenure) -> None:
        async with self._lines, open_house(self.plan, ground, tenure) as house, AsyncExitStack() as stack:
            enter = partial(ground.judgement.bind, house.decide)
            internal = await _opened(Room(house.apps.internal, enter), stack)
            admin = await _opened(Room(house.apps.admin, enter), stack)
            edge = await _opened(Room(house.apps.edge, enter), stack) if house.apps.edge is not None else None
            self._standing.set_result((house, (internal, admin, edge)))
            await self._leaving.wait()


async def _opened(room: Room, stack: AsyncExitStack) -> Room:
    await room.open()
    stack.push_async_callback(room.close)
    return room


class Residence:
    """The house that stands now, and how another one takes its place."""

    def __init__(self, ground: Ground, duties: Duties, verifier: Verifier | None) -> None:
        self.doorways = Doorways()
        self.desk = ReloadDesk(ground.journal, self.reload)
        self._ground, self._tenure = ground, Tenure(self.desk, duties, verifier)
        self._tenant: Tenant | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    @property
    def loaded(self) -> Loaded:
        """The configuration in force."""
        return self.house.plan.loaded

    @property
    def house(self) -> House:
        """The house that stands."""
        assert self._tenant is not None, "somebody has moved in"
        return self._tenant.house

    async def move_in(self, plan: Plan, lines: AsyncExitStack) -> None:
        """The first house."""
        tenant = Tenant(plan, lines)
        await tenant.move_in(self._ground, self._tenure)
        tenant.take_over(self.doorways)
        self._tenant = tenant

    async def reload(self, by: Teller) -> Outcome:
        """Read the configuration anew and let it take over whole, or keep the one in force and name every fault.

        `by` writes what came of it into the trail; raises `JournalUnavailable` when it cannot: then nothing has changed.
        """
        async with self._one_at_a_time:
            before = self.loaded
            # In a thread with a loop of its own: files are read and connectors built there, and nobody waits for it here.
            found = await asyncio.to_thread(lambda: asyncio.run(checked(before.file)))
            faults, tenant = found.faults, None
            if found.loaded is not None:
                faults = immovable(before.settings, found.loaded.settings)
                if not faults:
                    tenant, faults = await self._built(found.loaded)
            if tenant is None or found.loaded is None:
                outcome = Outcome(before.generation, before.generation, faults, found.warnings)
                await by(outcome)
                return outcome
            outcome = Outcome(before.generation, found.loaded.generation, (), found.warnings)
            try:
                await by(outcome)
            except BaseException:
                await tenant.leave()
                raise
            await self._exchange(tenant)
            return outcome

    async def _built(self, loaded: Loaded) -> tuple[Tenant | None, tuple[str, ...]]:
        async with AsyncExitStack() as lines:
            try:
                plan = await lines.enter_async_context(planned(loaded, self._ground.footing))
                tenant = Tenant(plan, lines.pop_all())
                await tenant.move_in(self._ground, self._tenure)
            except ConfigError as error:
                return None, error.faults
            return tenant, ()

    async def _exchange(self, tenant: Tenant) -> None:
        before, self._tenant = self._tenant, tenant
        tenant.take_over(self.doorways)
        assert before is not None, "who reloads lives here"
        retiring = asyncio.create_task(self._retired(before, tenant), name="retiring")
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)
        logging.getLogger().setLevel(tenant.plan.loaded.settings.observe.level)

    async def _retired(self, before: Tenant, now: Tenant) -> None:
        """The old house ends; what it was told while both stood is read by the one that stands."""
        try:
            await before.retire()
        finally:
            with suppress(JournalUnavailable):
                await now.house.catch_up()

    async def leave(self) -> None:
        """All houses end, the oldest first."""
        while self._retiring:
            await asyncio.wait(set(self._retiring))
        if self._tenant is not None:
            await self._tenant.leave()


@asynccontextmanager
async def resided(ground: Ground, duties: Duties, verifier: Verifier | None) -> AsyncIterator[Residence]:
    """The residents of a ground; at the end all of them leave."""
    residence = Residence(ground, duties, verifier)
    try:
        yield residence
    finally:
        await residence.leave()
