"""An operator's side over the store itself, while no gateway runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from gateway.admin.handlers import AdminDesk
from gateway.bootstrap.desks import admin_desk
from gateway.bootstrap.enrolment import open_register
from gateway.bootstrap.house import with_register
from gateway.bootstrap.stores import alone_in_folder, open_journal
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.upstreams import UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.intake.register import Register
from gateway.observe import crash


@asynccontextmanager
async def standing_still(loaded: Loaded) -> AsyncIterator[AdminDesk]:
    """An operator's side over the store itself, while no gateway runs: decisions are stored, nothing is sent."""
    clock = Clock()
    register = Register.load(loaded)
    lines: Mapping[str, UpstreamLine] = {
        code: UpstreamLine(code, settings, _Absent(), {}) for code, settings in loaded.settings.upstreams.items()
    }
    with alone_in_folder(loaded):
        journal = open_journal(loaded, register, clock, crash.never)
        try:
            await open_register(journal, register)
            switchboard = Worker(lines, journal, MemoryCoordination(clock), journal.clock)
            desk = admin_desk(loaded, journal, switchboard, clock)
            yield with_register(desk, journal, register, clock)
        finally:
            await journal.close()


class _Absent:
    """Stands where a connector would: nothing is sent while no gateway runs."""

    async def close(self) -> None:
        """Nothing to close."""
