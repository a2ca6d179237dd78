"""The shared store against the same pure model, by the same walk: a kill ends the sessions of a node before its commit, or after.

Positions are numbers of transactions there; they are told as ranks, which must be those of the model.
"""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from gateway.clock import Clock
from gateway.errors import JournalUnavailable
from gateway.evidence.log import chain
from gateway.journal.model import Accepted, FeedRow, InboundRow, KnownInbound, Situation
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from tests.postgres import Server
from tests.property.test_journal_model import BOUNDED, KEK, Disk, JournalMachine

WALKS, STEPS = 8, 30
_POSITIONS = "SELECT position FROM audit UNION SELECT position FROM inbound ORDER BY 1"


def ranked(value: Any, ranks: dict[int, int]) -> Any:
    """The same value with each position as its rank."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(ranked(one, ranks) for one in value)
    if isinstance(value, (Accepted, FeedRow, KnownInbound)):
        return replace(value, position=ranks.get(value.position, value.position))
    if isinstance(value, InboundRow):
        return replace(value, known=ranked(value.known, ranks))
    if isinstance(value, Situation):
        return replace(value, same_sequence=ranked(value.same_sequence, ranks))
    return value


class Ranked:
    """A journal whose positions are ranks; once it was killed, nobody hears of what it refuses."""

    def __init__(self, inner: PostgresJournal, disk: PostgresDisk) -> None:
        self._inner, self._disk = inner, disk

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = await found(*args, **kwargs)
            except JournalUnavailable:
                if self._disk.died:
                    return None
                raise
            return await self._told(answer, name)

        return call

    async def _told(self, answer: Any, name: str) -> Any:
        if name not in ("accept", "feed", "event", "events_of", "parked"):
            return answer
        connection = await asyncpg.connect(self._disk.dsn)
        rows = await connection.fetch(_POSITIONS)
        await connection.close()
        ranks = {row[0]: n for n, row in enumerate(rows, 1)}
        seen = self._disk.saw.seen
        seen[:] = [ranked(one, ranks) for one in seen]  # a rank stays one: positions are larger
        return ranked(answer, ranks)


@dataclass
class PostgresDisk(Disk):
    """A node that can die: from then on nothing of it is committed."""

    dsn: str = ""

    def open(self) -> Any:
        """Open the store of this life."""
        options = DatabaseOptions("node-1", self.dsn, KEK, reach=self._reach)
        return Ranked(PostgresJournal.open(options, decide=self.saw, chain=chain, clock=self.clock), self)

    def keep_image(self) -> None:
        """It dies here."""
        self.died, self.decided = True, len(self.saw.seen)

    def _reach(self, point: str) -> None:
        if point == self.armed and not self.died:
            self.keep_image()
        if self.died and point.endswith("before_commit"):
            asyncio.run(self._end_sessions())

    async def _end_sessions(self) -> None:
        connection = await asyncpg.connect(self.dsn)
        sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tthc-gateway node-1'"
        await connection.fetch(sql)
        await connection.close()


@pytest.fixture(scope="module")
def server(database_server: Server) -> Server:
    """A server for all walks."""
    return database_server


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_shared_store_does_what_the_model_does(server: Server) -> None:
    """No sequence of accepts, claims, settlements, orders, expiries and kills tells the shared store from the model."""

    def store(home: Path, clock: Clock) -> PostgresDisk:
        return PostgresDisk(home, clock, dsn=server.database())

    class PostgresMachine(JournalMachine):
        """The same walk."""

        make_store = staticmethod(store)  # type: ignore[assignment]  # it needs the server

    few = settings(BOUNDED, max_examples=WALKS, stateful_step_count=STEPS, database=None, phases=(Phase.generate,))
    run_state_machine_as_test(PostgresMachine, settings=few)
