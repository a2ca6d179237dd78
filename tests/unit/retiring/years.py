"""A shared store at work in 2020 and 2021, and what is done to its old months."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg

from gateway.bootstrap.retirement import Retirement, carried_out
from gateway.clock import Clock
from gateway.evidence.check import Report, check_shared
from gateway.evidence.log import chain
from gateway.intake.recording import Recording
from gateway.journal.kept import KeptJournal
from gateway.journal.model import AuditWrite, Decision, DeliveryState, Intake, LaneOrder, OrderKind, Situation
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.observe.crash import Reach, never
from tests.postgres import Server, apart
from tests.unit.evidence.lively import KEK, PORTAL, Lively, Turned, decide

T = TypeVar("T")
FEBRUARY_2020 = 50 * 12 + 1
MARCH_2020 = FEBRUARY_2020 + 1
APRIL_2021 = 51 * 12 + 3
OLD = ("attempt_2020_02", "payload_2020_02")
WHO = ("officer-1", "hết thời hạn lưu giữ")
DONE, SKIPPED, HELD, LATER = "HS-DONE", "HS-SKIPPED", "HS-HELD", "HS-LATER"


def told(situation: Situation, intake: Intake) -> Decision:
    """As the lively store decides, and the trail tells of each event; what is only recorded is."""
    if isinstance(intake.subject, Recording):
        return Decision(b"{}", 200, audit=intake.subject.audit)
    decision = decide(situation, intake)
    row = AuditWrite("event.accepted", intake.source, intake.dossier, intake.key, b"{}", feed=True)
    return replace(decision, audit=(*decision.audit, row)) if decision.store else decision


@dataclass
class Years:
    """A store with old months."""

    dsn: str
    server: Server
    turned: Turned = field(default_factory=lambda: Turned(datetime(2020, 2, 10, tzinfo=UTC)))

    def open(self, node: str = "gateway-1") -> PostgresJournal:
        """A node, at the time that it is."""
        clock = Clock(now=self.turned.now, chance=lambda: 0.5)
        return PostgresJournal.open(
            DatabaseOptions(node, self.dsn, KEK, lock_s=2.0), decide=told, chain=chain, clock=clock
        )

    @property
    def lively(self) -> Lively:
        """What is done with it."""
        return Lively(None, self.turned)  # type: ignore[arg-type]  # no folder: it is never opened by itself

    async def live(self) -> None:
        """Two months of work, a year apart."""
        journal = self.open()
        for dossier in (DONE, SKIPPED, HELD):
            await self.event(journal, dossier)
        for claim in await self.lively.claims(journal, PORTAL):
            if claim.dossier == DONE:
                await self.lively.settle(journal, claim, DeliveryState.DELIVERED)
            else:
                await self.lively.settle(journal, claim, DeliveryState.HELD, block_reason="chờ người")
        assert (await self.order(journal, OrderKind.SKIP, SKIPPED)).done
        await journal.close()
        self.turned.moment = datetime(2021, 3, 10, tzinfo=UTC)
        journal = self.open()
        await self.event(journal, LATER)
        for claim in await self.lively.claims(journal, PORTAL):
            await self.lively.settle(journal, claim, DeliveryState.DELIVERED)
        await journal.close()
        self.turned.moment = datetime(2026, 11, 20, tzinfo=UTC)

    async def event(self, journal: KeptJournal, dossier: str, sequence: int = 1, **changes: object) -> None:
        """An event for one upstream."""
        await self.lively.event(journal, dossier, sequence, **{"to": (PORTAL,), **changes})

    async def order(self, journal: KeptJournal, kind: OrderKind, dossier: str) -> Any:
        """A person's order about the first delivery of a dossier."""
        wanted = LaneOrder(kind, PORTAL, dossier, "theo yêu cầu của đơn vị", "officer-1", f"{dossier}-1/{PORTAL}")
        return await journal.order(wanted, self.turned.now())

    async def let_held_go(self) -> None:
        """The held one is skipped, as the command that refused said."""
        journal = self.open()
        assert (await self.order(journal, OrderKind.SKIP, HELD)).done
        await journal.close()

    def retire(
        self,
        before: int = MARCH_2020,
        reach: Reach = never,
        pause: Callable[[float], object] = lambda _s: None,
        dsn: str = "",
    ) -> Retirement:
        """Let go of what lies before a month."""
        options = DatabaseOptions("retire", dsn or self.dsn, KEK, migrate=False, reach=reach)
        clock = Clock(now=self.turned.now, chance=lambda: 0.5)
        return apart(lambda: carried_out(options, before, WHO, clock, pause))

    def looked(self, work: Callable[[KeptJournal], Coroutine[Any, Any, T]]) -> T:
        """What a node finds."""

        async def run() -> T:
            journal = self.open()
            try:
                return await work(journal)
            finally:
                await journal.close()

        return asyncio.run(run())

    def check(self) -> Report:
        """Hold it against its evidence."""
        return apart(lambda: check_shared(DatabaseOptions("auditor", self.dsn, KEK)))

    def asked(self, sql: str) -> Any:
        """One value of the database."""

        async def run() -> Any:
            connection = await asyncpg.connect(self.dsn)
            try:
                return await connection.fetchval(sql)
            finally:
                await connection.close()

        return asyncio.run(run())

    def open_a_repair(self) -> None:
        """A difference of the delivered dossier that a person still sees to."""
        told = {
            "upstream": PORTAL, "dossier": DONE, "sight": "missing", "deliveries": {}, "told_vi": "không thấy",
            "opened_at": "2026-11-01T00:00:00Z", "seen_at": "2026-11-01T00:00:00Z",
        }  # fmt: skip
        self.record("repair", f"{PORTAL}/{DONE}", told)

    def record(self, kind: str, place: str, state: object) -> None:
        """A record that somebody writes by hand."""
        values = f"'{kind}', '{place}', 1, convert_to('{json.dumps(state)}', 'UTF8')"
        self.asked(f"INSERT INTO record (kind, id, version, state) VALUES ({values})")

    def there(self, table: str) -> bool:
        """Whether a partition stands."""
        return bool(self.asked(f"SELECT to_regclass('{table}') IS NOT NULL"))
