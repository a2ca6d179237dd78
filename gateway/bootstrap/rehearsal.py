"""The start of the outside systems, rehearsed: every connector is built and closed again, nothing is stored or called."""

from __future__ import annotations

from contextlib import AsyncExitStack

from gateway.bootstrap import guests
from gateway.bootstrap.lines import open_lines
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.coordination.memory import MemoryCoordination


async def rehearse(loaded: Loaded) -> tuple[str, ...]:
    """What serving would only warn of; raises `ConfigError` with every fault of the outside systems that serving refuses.

    Secrets are looked up, so this runs where the gateway runs.
    """
    clock = Clock()
    async with AsyncExitStack() as house:
        outside = await open_lines(loaded, clock, MemoryCoordination(clock), house)
        guests.ledger_book(outside, loaded)
        guests.decidable(outside)
        guests.poll_lines(outside)
        return tuple(
            f"upstreams.{code}: đầu nối chờ lời gọi từ bên ngoài nhưng chưa có [listen.edge]; sẽ không nghe thấy gì"
            for code in guests.unserved(outside, loaded)
        )
