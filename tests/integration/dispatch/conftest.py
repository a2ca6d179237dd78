"""A small house for dispatch: a real store on disk, a turned clock, connectors that follow a script."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from connectors.kit.contract import Connector, Delivery, Enquiry, Found, Receipt
from connectors.kit.errors import DeliveryError, Exchange
from gateway.clock import Clock
from gateway.config import Breaker, Retry, Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.upstreams import FollowUps, Hooks, OperationTraits, Settled, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.errors import JournalUnavailable
from gateway.evidence.log import chain
from gateway.journal.model import (
    Claim,
    Decision,
    DeliveryRow,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    NewDelivery,
    Settlement,
    Situation,
    UpstreamRow,
)
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.observe.crash import Reach
from mappings.canonical import Carried
from mappings.codec import encode
from tests.invented import accepted_event

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)

Answer = Receipt | DeliveryError | Exception


class Turned:
    """A clock that moves when it is told to, and a chance that is always the same."""

    def __init__(self, chance: float = 0.5) -> None:
        self.moment = START
        self.seconds = 1_000.0
        self.clock = Clock(now=lambda: self.moment, instant=lambda: self.seconds, chance=lambda: chance)

    def turn(self, seconds: float) -> None:
        """Let time pass for wall clock and monotonic clock alike."""
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Call:
    """What a connector was asked, and when by the turned clock."""

    kind: str
    dossier: str
    sequence: int
    at: datetime
    attempt: int = 0


def receipt(at: datetime, **memory: str) -> Receipt:
    """A plain positive answer."""
    return Receipt("R-1", at, Exchange(b"asked", b"said", 200, "00"), memory=memory)


class Postman:
    """A connector that follows a script for each dossier; without one it answers with a receipt."""

    def __init__(self, turned: Turned) -> None:
        self.turned = turned
        self.calls: list[Call] = []
        self.script: dict[str, list[Answer]] = defaultdict(list)
        self.always: dict[str, Answer] = {}
        self.everywhere: Answer | None = None
        self.gates: dict[str, asyncio.Event] = {}
        self._waiting: list[str] = []
        self.before: Callable[[Delivery], None] = lambda _delivery: None

    def heard(self, kind: str = "deliver", dossier: str = "") -> list[Call]:
        """The calls of one kind, of one dossier or of all."""
        return [call for call in self.calls if call.kind == kind and dossier in ("", call.dossier)]

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Follow the script."""
        self._note("deliver", delivery)
        gate = self.gates.get(delivery.dossier_code)
        if gate is not None:
            self._waiting.append(delivery.dossier_code)
            await gate.wait()
            self._waiting.remove(delivery.dossier_code)
        return self.answer(delivery)

    def waiting(self) -> list[str]:
        """The dossiers whose call is under way, in the order they came."""
        return list(self._waiting)

    def answer(self, delivery: Delivery) -> Receipt:
        """The scripted answer for one delivery."""
        self.before(delivery)
        script = self.script[delivery.dossier_code]
        answer = script.pop(0) if script else self.always.get(delivery.dossier_code, self.everywhere)
        if isinstance(answer, Exception):
            raise answer
        return answer or receipt(self.turned.moment)

    async def close(self) -> None:
        """Nothing is open."""

    def _note(self, kind: str, delivery: Delivery) -> None:
        self.calls.append(Call(kind, delivery.dossier_code, delivery.sequence, self.turned.moment, delivery.attempt))


class Mute:
    """A connector that offers nothing at all."""

    async def close(self) -> None:
        """Nothing is open."""


class AskingPostman(Postman):
    """A connector that can also be asked about what happened."""

    def __init__(self, turned: Turned) -> None:
        super().__init__(turned)
        self.findings: list[Enquiry | DeliveryError] = []
        self.while_asking: Callable[[], None] = lambda: None

    async def enquire(self, delivery: Delivery) -> Enquiry:
        """The next scripted finding; without one: not found."""
        self._note("enquire", delivery)
        gate = self.gates.get(delivery.dossier_code)
        if gate is not None:
            await gate.wait()
        self.while_asking()
        finding = self.findings.pop(0) if self.findings else Enquiry(Found.NOT_FOUND)
        if isinstance(finding, DeliveryError):
            raise finding
        return finding


class BatchPostman(Postman):
    """A connector that carries several deliveries of a lane in one call."""

    def __init__(self, turned: Turned) -> None:
        super().__init__(turned)
        self.batches: list[list[int]] = []
        self.answers: list[Sequence[Receipt | DeliveryError] | DeliveryError] = []

    async def deliver_batch(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | DeliveryError]:
        """The next scripted answers; without any: all are received."""
        self.batches.append([delivery.sequence for delivery in deliveries])
        answers = self.answers.pop(0) if self.answers else [receipt(self.turned.moment)] * len(deliveries)
        if isinstance(answers, DeliveryError):
            raise answers
        return answers


def carried(dossier: str, sequence: int) -> Carried:
    """An accepted event with an invented dossier."""
    return accepted_event(dossier, sequence, START)


def _decide(situation: Situation, intake: Intake) -> Decision:
    """Accept everything: the subject names the deliveries."""
    assert isinstance(intake.subject, tuple)
    return Decision(
        b"{}",
        202,
        inbound=(
            InboundWrite(
                intake.key,
                intake.sequence or 0,
                InboundStatus.ACCEPTED,
                digest=intake.digest,
                raw=intake.raw,
                carried=intake.raw,
            ),
        ),
        deliveries=intake.subject,
        last_sequence=intake.sequence,
    )


class TroubledJournal(SqliteJournal):
    """The store on a bad day: replies that come late, a disk that is full."""

    async def claim(
        self, upstream: str, *, limit: int, batch: Mapping[str, int], lease: timedelta, now: datetime
    ) -> Sequence[Claim]:
        """See `Journal.claim`; the process freezes before it reads the reply."""
        if self.claim_faults:
            raise self.claim_faults.pop(0)
        claims = await super().claim(upstream, limit=limit, batch=batch, lease=lease, now=now)
        if claims:
            self.thaw()
        return claims

    thaw: Callable[[], None] = staticmethod(lambda: None)
    claim_faults: ClassVar[list[Exception]] = []
    refuse_settlements = 0
    refuse_standings = 0

    async def remember_upstream(self, row: UpstreamRow, seen: int | None = None) -> UpstreamRow:
        """See `Journal.remember_upstream`; as often as the test says, the disk is full."""
        if self.refuse_standings:
            self.refuse_standings -= 1
            raise JournalUnavailable
        return await super().remember_upstream(row, seen)

    async def settle(self, settlement: Settlement) -> bool:
        """See `Journal.settle`; as often as the test says, the disk is full."""
        if self.refuse_settlements:
            self.refuse_settlements -= 1
            raise JournalUnavailable
        return await super().settle(settlement)


@dataclass(frozen=True, slots=True)
class Told:
    """What the hooks were told."""

    settled: list[Settled] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)


class House:
    """Everything around the worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.turned = Turned()
        self.told = Told()
        self.lines: dict[str, UpstreamLine] = {}
        self.hooks = Hooks(
            on_settled=self.told.settled.append,
            alarm=lambda code, upstream, _detail: self.told.alarms.append((code, upstream)),
        )
        self.coordination = MemoryCoordination(self.turned.clock)
        self.frozen = 0
        self.journal = self.open()
        self._sequences: dict[str, int] = defaultdict(int)
        self._worker: Worker | None = None

    @property
    def worker(self) -> Worker:
        """The worker that runs."""
        assert self._worker is not None
        return self._worker

    def open(self) -> TroubledJournal:
        """The store, opened (again)."""
        options = StoreOptions(node="test", kek=b"k" * 32)
        journal = TroubledJournal.open(self.folder, options, decide=_decide, chain=chain, clock=self.turned.clock)
        assert isinstance(journal, TroubledJournal)
        return journal

    def line(
        self, code: str, connector: Connector, settings: Upstream | None = None, **operations: OperationTraits
    ) -> UpstreamLine:
        """Add an outside system."""
        chosen = settings or quick()
        self.lines[code] = UpstreamLine(code, chosen, connector, operations or {"status": OperationTraits()})
        return self.lines[code]

    async def push(
        self, dossier: str, *upstreams: str, operation: str = "status", legal_due: datetime | None = None
    ) -> int:
        """Accept one event of a dossier for the upstreams (all of them by default)."""
        return await self.push_raw(dossier, b"", *upstreams, operation=operation, legal_due=legal_due)

    async def push_raw(
        self, dossier: str, raw: bytes, *upstreams: str, operation: str = "status", legal_due: datetime | None = None
    ) -> int:
        """Accept one event with these bytes as what was accepted; without any, an event that can be read."""
        self._sequences[dossier] += 1
        sequence = self._sequences[dossier]
        key = f"{dossier}-{sequence}"
        raw = raw or encode(carried(dossier, sequence))
        deliveries = tuple(
            NewDelivery(f"{key}-{code}", code, operation, key, "SEC-DEMO", legal_due)
            for code in upstreams or self.lines
        )
        await self.journal.accept(
            Intake("event", "SEC-DEMO", key, dossier, hashlib.sha256(raw).digest(), raw, deliveries, sequence)
        )
        for code in upstreams or self.lines:
            self.coordination.wake(code)
        return sequence

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """Run a worker, and stop it gracefully."""
        self._worker = Worker(self.lines, self.journal, self.coordination, self.turned.clock, self.hooks)
        running = asyncio.create_task(self._worker.run())
        try:
            await asyncio.sleep(0)
            yield self._worker
        finally:
            await self._worker.stop()
            await running

    def turn(self, seconds: float) -> None:
        """Let time pass and wake everybody."""
        self.turned.turn(seconds)
        for code in self.lines:
            self.coordination.wake(code)

    async def rows(self, dossier: str, upstream: str = "") -> list[DeliveryRow]:
        """The deliveries of a dossier, of one upstream or all."""
        return [row for row in await self.journal.deliveries_of(dossier) if upstream in ("", row.upstream)]

    async def states(self, dossier: str, upstream: str = "") -> list[str]:
        """The states of a dossier's deliveries, in lane order."""
        return [row.state.value for row in await self.rows(dossier, upstream)]

    async def reach(self, dossier: str, *states: str, upstream: str = "") -> None:
        """Wait until the deliveries of a dossier are in these states."""

        async def there() -> bool:
            return await self.states(dossier, upstream) == list(states)

        await self.until(there)

    async def until(self, true: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
        """Wait until something is so, looking every few milliseconds."""
        async with asyncio.timeout(seconds):
            while not await true():
                await asyncio.sleep(0.003)

    async def until_so(self, true: Callable[[], bool]) -> None:
        """Wait until something is so that can be seen without asking the store."""

        async def so() -> bool:
            return true()

        await self.until(so)

    async def settled_down(self, upstream: str) -> None:
        """Wait until nothing of an upstream is under way."""

        async def calm() -> bool:
            counts = await self.journal.counts()
            return counts.messages.get((upstream, DeliveryState.SENDING), 0) == 0

        await self.until(calm)

    async def restart(self) -> None:
        """Close the store and open it again, as a new process would."""
        await self.journal.close()
        self.journal = self.open()

    def freeze_claim(self, seconds: float) -> None:
        """Let the next claim's reply wait so long in a frozen process."""

        def sleep() -> None:
            self.frozen += 1
            self.journal.thaw = lambda: None
            self.turned.turn(seconds)

        self.journal.thaw = sleep

    def follow(self, follow_ups: FollowUps) -> None:
        """Let acknowledged deliveries set off others."""
        self.hooks = replace(self.hooks, follow_ups=follow_ups)

    def reaching(self, reach: Reach) -> None:
        """Listen at the crash points."""
        self.hooks = replace(self.hooks, reach=reach)

    def standing(self, upstream: str = "A") -> UpstreamRow:
        """Where an upstream stands, as the worker sees it."""
        return self.worker.standings().get(upstream, UpstreamRow(upstream))

    async def opened(self, upstream: str = "A") -> None:
        """Wait until the breaker is open and nothing is under way."""
        await self.until_so(lambda: self.standing(upstream).breaker_state == "open")
        await self.settled_down(upstream)

    async def crash_while(self, postman: Postman) -> None:
        """Run until the next call is under way, then let the process die: nothing is settled."""
        worker = Worker(self.lines, self.journal, self.coordination, self.turned.clock, self.hooks)
        calls = len(postman.calls)
        running = asyncio.create_task(worker.run())
        await self.until_so(lambda: len(postman.calls) > calls)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await self.restart()

    def postman(self) -> Postman:
        """One more connector."""
        return Postman(self.turned)

    def mute(self) -> Mute:
        """A connector that offers nothing."""
        return Mute()

    async def heard(self, postman: Postman, n: int, kind: str = "deliver") -> None:
        """Wait until a connector was called `n` times."""

        async def enough() -> bool:
            return len(postman.heard(kind)) >= n

        await self.until(enough)

    async def kinds(self) -> list[str]:
        """All audit kinds so far, in order."""
        return [row.kind for row in await self.journal.feed(0, 10_000, feed_only=False)]


def quick(**changes: object) -> Upstream:
    """Settings of an upstream that may be pressed; a few keys changed."""
    known: Mapping[str, object] = {
        "connector": "test",
        "concurrency": 8,
        "rate_per_s": 100_000.0,
        "burst": 1_000,
        "timeout_s": 10.0,
        "retry": Retry(base_s=5.0),
        "breaker": Breaker(failures=100),
    }
    return Upstream(**{**known, **changes})  # type: ignore[arg-type]  # the keys are those of the settings


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house with an empty store."""
    built = House(tmp_path / "store")
    yield built
    await built.journal.close()


@pytest.fixture
def postman(house: House) -> Postman:
    """A connector that can only deliver."""
    return Postman(house.turned)


@pytest.fixture
def asking(house: House) -> AskingPostman:
    """A connector that can also be asked."""
    return AskingPostman(house.turned)


@pytest.fixture
def batching(house: House) -> BatchPostman:
    """A connector that carries several deliveries at once."""
    return BatchPostman(house.turned)


@pytest.fixture
def settings() -> Callable[..., Upstream]:
    """Makes settings of an upstream that may be pressed, with a few keys changed."""
    return quick


@pytest.fixture
def said() -> Callable[..., Receipt]:
    """Makes a receipt."""
    return receipt
