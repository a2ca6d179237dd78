"""Results in the running gateway: the watch that judges them, the routes that show them. Without [results] nothing is judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gateway.bootstrap.lines import read_routes
from gateway.bootstrap.verification import result_rules, verifier_of
from gateway.config import Loaded
from gateway.coordination.gcra import RateLimit
from gateway.intake.accept import Door
from gateway.intake.result_handlers import Judging, LookUp, PeerLimit, ResultDoor
from gateway.intake.result_watch import House, ResultWatch, Store
from gateway.intake.verification import Verifier
from gateway.journal.cabinet import Cabinet

_log = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What results need of the house around them; `verifier` None: the one that the configuration describes."""

    door: Door
    cabinet: Cabinet
    house: House
    verifier: Verifier | None = None


def judging_of(loaded: Loaded, verifier: Verifier | None = None) -> Judging | None:
    """What judges; raises `ConfigError` for a configuration that cannot be meant. None without [results]."""
    settings = loaded.settings.results
    if settings is None:
        return None
    rules = result_rules(loaded, settings, read_routes(loaded))
    return Judging(verifier if verifier is not None else verifier_of(loaded, settings), rules)


async def open_results(loaded: Loaded, around: Surroundings, house: AsyncExitStack) -> ResultDoor:
    """The routes of results, and the watch while the house stands."""
    store = Store(around.door.journal, around.cabinet, around.door.clock)
    judging = judging_of(loaded, around.verifier)
    settings = loaded.settings.results
    if judging is None or settings is None:
        _log.warning("[results] is not configured: results are withheld from the outside")
        return ResultDoor(around.door, store)
    watch = asyncio.create_task(ResultWatch(store, judging.verifier, judging.rules, around.house).run(), name="results")
    house.push_async_callback(_end, watch)
    return ResultDoor(around.door, store, judging, settings.public_url, settings.max_validation_bytes)


def look_up(loaded: Loaded, door: Door, count: Callable[[str], None]) -> LookUp | None:
    """The look-up for the public; none where results are not judged, since there is nothing to look up."""
    settings = loaded.settings.results
    if settings is None:
        return None
    per_minute = settings.look_ups_per_minute
    limit = PeerLimit(RateLimit(per_minute / 60, max(1, per_minute // 3)), door.clock)
    return LookUp(door.journal, limit, count)


async def _end(watch: asyncio.Task[None]) -> None:
    """Stop looking; a watch that died of a fault says so in the log."""
    watch.cancel()
    (came,) = await asyncio.gather(watch, return_exceptions=True)
    if isinstance(came, Exception):
        _log.error("the watch over results ended", extra={"code": type(came).__name__})
