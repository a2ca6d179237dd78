"""The composition root: the only place that builds objects from the configuration, and takes them down again in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from gateway.bootstrap.duties import EVERYTHING, Duties, check
from gateway.bootstrap.ground import open_footing, open_ground
from gateway.bootstrap.listeners import Running as Running
from gateway.bootstrap.listeners import listen, unclaimed
from gateway.bootstrap.plan import planned
from gateway.bootstrap.residence import resided
from gateway.bootstrap.standing import standing_still as standing_still
from gateway.bootstrap.stores import open_journal as open_journal
from gateway.config import Loaded
from gateway.intake.verification import Verifier


@asynccontextmanager
async def running(
    loaded: Loaded, verifier: Verifier | None = None, duties: Duties = EVERYTHING
) -> AsyncIterator[Running]:
    """Open the store, start the worker, listen; at the end stop listening, settle what is under way, close the store.

    `verifier` takes the place of the one that [results] describes, `duties` says which part of it all this process does.
    """
    check(loaded, duties)
    async with open_footing(loaded) as footing, AsyncExitStack() as first:
        plan = await first.enter_async_context(planned(loaded, footing))
        await unclaimed(loaded, duties.door)
        async with (
            open_ground(loaded, footing) as ground,
            resided(ground, duties, verifier) as residence,
            AsyncExitStack() as sockets,
        ):
            await residence.move_in(plan, first.pop_all())
            listening = await listen(loaded, residence.doorways, residence.house.apps, sockets)
            yield replace(listening, residence=residence)
