"""Clock jumps of an hour, ahead and back, while the gateway works: nothing is lost, order is kept, no wait is stretched.

The real worker on the real store; the clock is this machine's, set by an hour again and again. The upstream refuses and falls
silent at random, so that there are always lanes that wait and calls that are in doubt. The same run without the watch over the
wall clock must be found wanting, or the harness proves nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from connectors.kit.contract import Delivery, Receipt
from connectors.kit.errors import Exchange, NoAnswer, NotSent
from gateway.clock import Clock, utc_now
from gateway.config import Breaker, Retry, Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.upstreams import OperationTraits, UpstreamLine
from gateway.dispatch.wallclock import Moment, Wall
from gateway.dispatch.worker import Worker
from gateway.evidence.log import chain
from gateway.journal.model import DeliveryState, Intake
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from tests.prove.zombie import UPSTREAM, carried, decide

HOUR = timedelta(hours=1)
_LANES, _MESSAGES = 40, 25
_LIMIT_S = 120.0
_PATIENCE = 6
"""So often may the control find what waited already claimed when the clock was set, and be run again: seen once in thirty."""
_WAITS_S = 5.0
_WAITING = (DeliveryState.WAITING, DeliveryState.UNKNOWN)
_BLIND_LIMIT_S = 10.0  # what waits for an hour need not be waited for
_OPEN_S = 30.0  # how long what was taken without an answer may still be tried


@dataclass(slots=True)
class SetClock:
    """This machine's clock, set by so much."""

    by: timedelta = timedelta()

    def now(self) -> datetime:
        """The time as it was set."""
        return utc_now() + self.by


@dataclass(slots=True)
class Moody:
    """An upstream that takes, refuses, or takes and falls silent; what it took, in order, for each dossier."""

    chance: random.Random
    took: dict[str, list[int]] = field(default_factory=dict)

    async def deliver(self, delivery: Delivery) -> Receipt:
        """One send."""
        await asyncio.sleep(0.002)
        mood = self.chance.random()
        if mood < 0.05:
            raise NotSent
        self.took.setdefault(delivery.dossier_code, []).append(delivery.sequence)
        if mood < 0.08:
            raise NoAnswer
        return Receipt("R", utc_now(), Exchange(b"", b"", 200, "00"))

    async def close(self) -> None:
        """Nothing stays open."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a run: how many arrived of all, how many came out of order, how many are still open, after how long."""

    arrived: int
    wanted: int
    disordered: int
    open: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Everything arrived, in order, and nothing waits any more."""
        return self.arrived == self.wanted and not self.disordered and not self.open


async def prove(seed: int) -> bool:
    """Jumps in both directions with the watch and without it."""
    print(f"\n== clock jumps: the wall clock set by an hour, ahead and back, four times; seed {seed}")
    watched = await jump(seed, watched=True)
    print(f"with the watch:    {_told(watched)}{'' if watched.sound else ': BROKEN'}", flush=True)
    for again in range(_PATIENCE):
        blind = await jump(seed + again, watched=False)
        print(f"without the watch: {_told(blind)}", flush=True)
        if not blind.sound:
            return watched.sound
    print("NOTHING WRONG WITHOUT THE WATCH: THE HARNESS IS BROKEN")
    return False


def _told(came: Came) -> str:
    arrived = f"{came.arrived} of {came.wanted} arrived in {came.seconds:.1f} s"
    return f"{arrived}, {came.disordered} out of order, {came.open} still open"


class _Blind(Wall):
    """A watch that never sees anything: the negative control."""

    def look(self) -> Moment:
        """As if the clock had never been set."""
        moment = super().look()
        return Moment(moment.instant, moment.now)


async def jump(seed: int, *, watched: bool) -> Came:
    """Run a worker while its clock is set back, ahead, ahead, back; stop when all is done, or when it takes too long."""
    chance, clock = random.Random(seed), SetClock()
    source = Clock(now=clock.now)
    upstream = Moody(random.Random(seed + 1))
    settings = Upstream(
        connector="test",
        concurrency=8,
        rate_per_s=100_000.0,
        burst=1_000,
        timeout_s=0.3,
        lease_s=1.0,
        retry=Retry(base_s=0.3, cap_s=1.0),
        breaker=Breaker(failures=1_000_000),
    )
    line = UpstreamLine(UPSTREAM, settings, upstream, {"status": OperationTraits(idempotent=True)})
    with tempfile.TemporaryDirectory(prefix="gateway-clock-") as name:
        options = StoreOptions(node="clock", kek=b"k" * 32)
        journal = SqliteJournal.open(Path(name), options, decide=decide, chain=chain, clock=source)
        worker = Worker({UPSTREAM: line}, journal, MemoryCoordination(source), source)
        if not watched:
            (await worker._standing(UPSTREAM)).wall = _Blind(source)  # no setting does this
        running = asyncio.create_task(worker.run())
        begun = asyncio.get_running_loop().time()
        try:
            pushing = asyncio.create_task(_push(journal))
            for by in (-HOUR, HOUR, HOUR, -HOUR):
                await asyncio.sleep(chance.uniform(0.15, 0.5))
                await _some_wait(journal)
                clock.by += by
            await pushing
            wanted = _LANES * _MESSAGES
            limit_s = _LIMIT_S if watched else _BLIND_LIMIT_S
            await _until(lambda: sum(len(set(took)) for took in upstream.took.values()) == wanted, limit_s)
            left = await _open(journal, _OPEN_S if watched else 0.0)
            return Came(
                _arrived(upstream), wanted, _disordered(upstream), left, asyncio.get_running_loop().time() - begun
            )
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await journal.close()


async def _push(journal: SqliteJournal) -> None:
    for sequence in range(1, _MESSAGES + 1):
        for lane in range(_LANES):
            code = f"D{lane:03d}"
            raw = carried(code, sequence)
            digest = hashlib.sha256(raw).digest()
            await journal.accept(Intake("event", "S", f"{code}-{sequence}", code, digest, raw, None, sequence))


async def _some_wait(journal: SqliteJournal) -> None:
    """Until lanes wait for a moment of the clock, as after each refusal: a jump that finds none of them proves nothing."""
    end = asyncio.get_running_loop().time() + _WAITS_S
    while asyncio.get_running_loop().time() < end:
        if any(state in _WAITING and n for (_, state), n in (await journal.counts()).messages.items()):
            return
        await asyncio.sleep(0.002)


async def _open(journal: SqliteJournal, limit_s: float) -> int:
    """How many messages are not delivered once nothing moves, within a little while and so long at most."""
    end = asyncio.get_running_loop().time() + 3.0 + limit_s
    while True:
        counts = (await journal.counts()).messages
        left = sum(n for (_, state), n in counts.items() if state is not DeliveryState.DELIVERED)
        if not left or asyncio.get_running_loop().time() > end:
            return left
        await asyncio.sleep(0.03)


def _arrived(upstream: Moody) -> int:
    return sum(len(set(took)) for took in upstream.took.values())


def _disordered(upstream: Moody) -> int:
    """How many first arrivals were not the next of their dossier, and how many repeats came after something newer."""
    wrong = 0
    for took in upstream.took.values():
        newest = 0
        for sequence in took:
            wrong += sequence not in (newest, newest + 1)
            newest = max(newest, sequence)
    return wrong


async def _until(met: Callable[[], bool], limit_s: float) -> None:
    """Wait, but not for ever: what has not arrived by then is counted."""
    end = asyncio.get_running_loop().time() + limit_s
    while not met() and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.02)
