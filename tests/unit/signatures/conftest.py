"""Ground for the tests of signatures at work: real worker processes, and the simulated authority behind a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from connectors.kit.fetching import Fetcher
from connectors.kit.simulated_authority.conduct import Conduct
from connectors.kit.simulated_authority.server import DESK, create_app
from connectors.kit.simulation import SIMULATION, Door, opened
from connectors.kit.status_fetching import StatusFetcher, StatusHosts
from gateway.clock import Clock
from gateway.signatures import pool as pools
from gateway.signatures.examining import Examiner, Rules
from gateway.signatures.issuing import Caution, Issuer
from gateway.signatures.pool import Pool
from gateway.signatures.stamping import Authority, StampDesk
from gateway.signatures.status import Patience, StatusDesk
from signing.policy import DEFAULT_POLICY
from tests import pki

HOST = "ca.congvu.example"
PATIENT, CAREFUL = Patience(), Caution()


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """One worker: a start costs a second of a processor."""
    async with pools.opened(1) as found:
        yield found


@dataclass
class House:
    """The test authority, open for questions, and whoever asks it, under one clock that a test may turn."""

    door: Door
    app: web.Application
    now: list[datetime] = field(default_factory=lambda: [pki.NOW])

    @property
    def here(self) -> str:
        return f"127.0.0.1:{self.door.port}"

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now[0])

    def turn(self, by: timedelta) -> None:
        self.now[0] += by

    def conduct(self, conduct: Conduct) -> None:
        self.app[DESK].conduct = conduct

    def calls(self, operation: str) -> int:
        """How often an operation was asked for."""
        return sum(one.operation == operation for one in self.app[SIMULATION].log.calls)

    def fetcher(self, *, listed: bool = True, max_bytes: int = 1 << 20, timeout_s: float = 5.0) -> StatusFetcher:
        here = (self.here,) if listed else ()
        return StatusFetcher(StatusHosts(here, here, {HOST: self.here}, max_bytes), Fetcher(timeout_s=timeout_s))

    def desk(self, patience: Patience = PATIENT, fetcher: StatusFetcher | None = None) -> StatusDesk:
        return StatusDesk(fetcher or self.fetcher(), self.clock, patience)

    def examiner(self, pool: Pool) -> Examiner:
        return Examiner(pool, self.desk(), Rules(pki.trust(), DEFAULT_POLICY))

    def issuer(self, pool: Pool, caution: Caution = CAREFUL) -> Issuer:
        authority = Authority(f"http://{self.here}/tsa/tsa-duty")
        return Issuer(self.examiner(pool), StampDesk(authority, self.fetcher(), self.clock), self.clock, caution)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """The authority's real servers on loopback, behaving well until told otherwise."""
    now = [pki.NOW]
    app = create_app(pki.authority(), lambda: now[0])
    async with opened(app) as door:
        yield House(door, app, now)
