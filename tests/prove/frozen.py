"""A frozen process: SIGSTOP past the lease of what it carries, then SIGCONT (F2b; delivery-engine 3.7).

Two workers share one store. One is frozen again and again for longer than its lease, the other takes over its lanes and goes on.
What the first one sends when it wakes up must not be older than what the upstream has seen: 0 stale sends with the guard (no
first byte later than 0.7 of the lease after the claim was asked for), and some without it, or the harness proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gateway.cli.trials.killing import Installation, Round, one_round
from gateway.cli.trials.place import Place
from gateway.config import Storage
from tests.prove import kill_rounds, zombie

ROOT = Path(__file__).parents[2]
_UPSTREAM_S = 0.002
_ALL_LIMIT_S = 300.0
PATIENCE = 2  # so many times as many freezes may the control take, should the first come when nothing is left to send
_CONTROLS = 4
_WHOLE_S = 6.0  # longer than the lease of the demo's upstreams


@dataclass(slots=True)
class Seen:
    """What the upstream saw, in order; what of it came again, and what came after something newer of its dossier.

    `freezes`: how often the first worker stood still meanwhile; `names`: which workers sent anything.
    """

    newest: dict[str, int] = field(default_factory=dict)
    met: set[tuple[str, int]] = field(default_factory=set)
    again: int = 0
    stale: int = 0
    skipped: int = 0
    freezes: int = 0
    names: set[str] = field(default_factory=set)

    def saw(self, dossier: str, sequence: int) -> None:
        """One send arrived."""
        newest = self.newest.get(dossier, 0)
        if (dossier, sequence) in self.met:
            self.again += 1
        elif sequence != newest + 1:
            self.skipped += 1
        self.stale += sequence < newest
        self.met.add((dossier, sequence))
        self.newest[dossier] = max(newest, sequence)


@dataclass(frozen=True, slots=True)
class Load:
    """How often the first worker is frozen, and what both have to carry: so many messages on each of so many lanes."""

    freezes: int
    lanes: int = 160
    messages: int = 60

    @property
    def all(self) -> int:
        """How many messages that are."""
        return self.lanes * self.messages


async def prove(freezes: int, seed: int) -> bool:
    """Freeze one of two workers so often, with the guard and without it; then the whole program."""
    load = Load(freezes)
    print(
        f"\n== frozen process: {freezes} freezes of one of two workers past its lease of {zombie.LEASE_S:.0f} s, seed {seed}"
    )
    held = await freeze(load, seed, guarded=True)
    holds = tell_guarded(held, load)
    caught = await control(lambda other: freeze(load, other, guarded=False), seed)
    with tempfile.TemporaryDirectory(prefix="gateway-frozen-") as folder:
        place = Place(Path(folder), Storage())
        verdict = (await one_round(place, seed, kill_rounds.DOSSIERS, _freeze_whole)).verdict
    print(
        f"the whole program, frozen for {_WHOLE_S:.0f} s in mid-send and woken: delivered {verdict.delivered}, "
        f"lost {verdict.lost}, out of order {verdict.out_of_order}, doubled {verdict.doubled}, held {len(verdict.held)}",
        flush=True,
    )
    return holds and caught and verdict.sound


async def _freeze_whole(house: Installation, _seen: Round) -> None:
    """The gateway stands still for longer than any lease of its own, its callers and upstreams do not."""
    await asyncio.sleep(house.chance.uniform(0.1, 0.6))
    pid = house.boards.running["gateway"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(_WHOLE_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def tell_guarded(held: Seen, load: Load) -> bool:
    """Say what came of the run with the guard; whether it was sound."""
    holds = sound(held, load)
    print(
        f"with the guard:    {held.freezes} freezes, {len(held.met)} delivered, {held.again} sent again, "
        f"{held.skipped} out of order, {held.stale} stale{'' if holds else ': BROKEN'}",
        flush=True,
    )
    return holds


async def control(one: Callable[[int], Awaitable[Seen]], seed: int) -> bool:
    """Run without the guard, with other seeds too while nothing stale is seen; whether some was: else nothing is proven."""
    for other in range(seed, seed + _CONTROLS):
        loose = await one(other)
        print(
            f"without the guard: {loose.freezes} freezes, {len(loose.met)} delivered, {loose.again} sent again, "
            f"{loose.stale} stale",
            flush=True,
        )
        if loose.stale:
            return True
    print("NOTHING STALE WITHOUT THE GUARD: THE HARNESS IS BROKEN")
    return False


def sound(seen: Seen, load: Load) -> bool:
    """The first worker did stand still; everything arrived, first in order, and nothing old after something newer."""
    return seen.freezes > 0 and len(seen.met) == load.all and not seen.skipped and not seen.stale


class Freezable(Protocol):
    """A worker that can be made to stand still right behind a claim."""

    def ask(self) -> None:
        """It is to stand still behind its next one."""
        ...

    def stands(self) -> bool:
        """Whether it does since it was asked."""
        ...

    def wake(self) -> None:
        """It goes on."""
        ...


@dataclass(slots=True)
class Course:
    """One run, with the guard or without it, and what the upstream saw of it."""

    load: Load
    chance: random.Random
    guarded: bool
    seen: Seen = field(default_factory=Seen)

    def ended(self) -> bool:
        """Whether everything has arrived."""
        return len(self.seen.met) == self.load.all

    async def run(self, victim: Freezable, begin_heir: Callable[[], object]) -> None:
        """Freeze the first worker again and again until everything has arrived; the other one begins when it first stands still.

        Were that one there before, it might have carried everything before the first was up, and nothing would be proven.
        """
        await until(lambda: len(self.seen.met) > self.load.lanes)
        for done in range(self.load.freezes if self.guarded else PATIENCE * self.load.freezes):
            if done >= self.load.freezes and self.seen.stale:
                break  # the control has shown what it must show
            await asyncio.sleep(self.chance.uniform(0.05, 0.2))
            victim.ask()
            await until(lambda: victim.stands() or self.ended())
            if not victim.stands():
                break
            self.seen.freezes += 1
            if not done:
                begin_heir()
                await until(lambda: "heir" in self.seen.names or self.ended())
            await asyncio.sleep(3 * zombie.LEASE_S)
            victim.wake()
        await until(self.ended)


@dataclass(frozen=True, slots=True)
class Victim:
    """The worker that whoever keeps the store freezes when a file asks for it."""

    folder: Path
    pid: int

    def ask(self) -> None:
        """See `Freezable.ask`."""
        asked = self.folder / zombie.ASKED
        asked.with_suffix(".new").write_text(str(self.pid), encoding="ascii")
        asked.with_suffix(".new").rename(asked)

    def stands(self) -> bool:
        """See `Freezable.stands`."""
        return (self.folder / zombie.FROZEN).exists()

    def wake(self) -> None:
        """See `Freezable.wake`."""
        (self.folder / zombie.FROZEN).unlink()
        os.kill(self.pid, signal.SIGCONT)


async def freeze(load: Load, seed: int, *, guarded: bool, environment: Mapping[str, str] | None = None) -> Seen:
    """Run both workers and freeze the first one; what the upstream saw when everything had arrived."""
    course = Course(load, random.Random(seed), guarded)
    processes: list[subprocess.Popen[bytes]] = []
    async with AsyncExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="gateway-frozen-")))
        await undo.enter_async_context(listening(folder / "upstream.sock", course.seen))

        def start(*words: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "tests.prove.zombie", *words]
            processes.append(subprocess.Popen(command, cwd=ROOT, env=dict(environment or os.environ)))
            return processes[-1]

        try:
            store = start("store", str(folder), str(load.lanes), str(load.messages))
            await until(lambda: (folder / "ready").exists() or store.poll() is not None)
            guard = "guarded" if guarded else "unguarded"
            victim = start("worker", str(folder), "victim", guard)
            await course.run(Victim(folder, victim.pid), lambda: start("worker", str(folder), "heir", guard))
            return course.seen
        finally:
            for process in processes:
                process.kill()
                process.wait()


@asynccontextmanager
async def listening(socket: Path, seen: Seen) -> AsyncIterator[None]:
    """An upstream that writes down who said what, takes its time, and answers."""
    calls: set[asyncio.Task[None]] = set()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        calls.add(task)
        try:
            line = (await reader.readline()).split()
            if line:  # a worker that found itself too late hangs up without a word
                seen.saw(line[0].decode(), int(line[1]))
                seen.names.add(line[2].decode())
                await asyncio.sleep(_UPSTREAM_S)
                writer.write(b"ok\n")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            calls.discard(task)

    server = await asyncio.start_unix_server(upstream, socket)
    try:
        yield
    finally:
        server.close()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def until(met: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(_ALL_LIMIT_S):
        while not met():
            await asyncio.sleep(0.01)
