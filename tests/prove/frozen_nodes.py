"""A frozen node on the shared store: SIGSTOP past its lease, then SIGCONT, while another node goes on (F2b; delivery-engine 3.7).

Two real workers share one PostgreSQL. The connection of the first leads through a gate that can hold back the server's word:
then its claim is committed, the reply lies in its socket buffer, and it stands still for longer than its lease. That is the
worst moment there is. What it sends when it wakes up must not be older than what the upstream has seen: 0 stale sends with
the guard, some without it, or the harness proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from gateway.cli.demonstration import servers
from gateway.journal.kept import KeptJournal
from tests.prove import zombie
from tests.prove.frozen import ROOT, Course, Load, Seen, listening, sound, tell_control

_PIECE = 1 << 16
_COMMITS_S = 0.03  # a commit under way ends within it, on any disk that is fit for a database
_DATABASE = "frozen"


async def prove(freezes: int, seed: int) -> bool | None:
    """Freeze one of two nodes so often, with the guard and without it; None where there is no PostgreSQL."""
    load = Load(freezes)
    print(
        f"\n== frozen node: {freezes} freezes of one of two nodes on PostgreSQL past its lease, seed {seed}", flush=True
    )
    try:
        with servers.PostgresServer.served() as postgres:
            held = await freeze(postgres, load, seed, guarded=True)
            print(
                f"with the guard:    {held.freezes} freezes, {len(held.met)} delivered, {held.again} sent again, "
                f"{held.skipped} out of order, {held.stale} stale",
                flush=True,
            )
            loose = await freeze(postgres, load, seed, guarded=False)
    except servers.ServerMissing as missing:
        print(f"NOT RUN: {missing}")
        return None
    tell_control(loose)
    return sound(held, load) and loose.stale > 0


class Gate:
    """Stands between one node and the database, and can freeze the node right after a commit of its own."""

    def __init__(self, port: int) -> None:
        """`port` is the database's."""
        self._port = port
        self._links: set[asyncio.Task[None]] = set()
        self.victim = 0
        self.asked = False
        self.frozen = asyncio.Event()

    def ask(self) -> None:
        """See `Freezable.ask`."""
        self.frozen.clear()
        self.asked = True

    def stands(self) -> bool:
        """See `Freezable.stands`."""
        return self.frozen.is_set()

    def wake(self) -> None:
        """See `Freezable.wake`."""
        os.kill(self.victim, signal.SIGCONT)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        open_ = asyncio.Event()
        open_.set()
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
            back = asyncio.create_task(self._back(theirs, writer, open_))
            try:
                await self._forth(reader, ours, open_)
            finally:
                back.cancel()
                ours.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(task)
            writer.close()

    async def _forth(self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter, open_: asyncio.Event) -> None:
        while piece := await reader.read(_PIECE):
            stops = self.asked and b"COMMIT" in piece
            if stops:
                self.asked = False
                open_.clear()
            ours.write(piece)
            await ours.drain()
            if stops:
                await asyncio.sleep(_COMMITS_S)
                os.kill(self.victim, signal.SIGSTOP)
                open_.set()
                self.frozen.set()

    async def _back(self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter, open_: asyncio.Event) -> None:
        with suppress(OSError):
            while piece := await theirs.read(_PIECE):
                await open_.wait()
                writer.write(piece)
                await writer.drain()
            writer.close()

    async def close(self) -> None:
        """Hang up."""
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)


@asynccontextmanager
async def gated(port: int) -> AsyncIterator[tuple[Gate, int]]:
    """A gate before the database, and the port that it listens on."""
    gate = Gate(port)
    server = await asyncio.start_server(gate.take, "127.0.0.1", 0)
    try:
        yield gate, int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await gate.close()


async def freeze(postgres: servers.PostgresServer, load: Load, seed: int, *, guarded: bool) -> Seen:
    """Run both nodes and freeze the first one; what the upstream saw when everything had arrived."""
    course = Course(load, random.Random(seed), guarded)
    postgres.say(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
    postgres.say(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
    dsn = postgres.dsn(_DATABASE)
    await _filled(dsn, load)
    processes: list[subprocess.Popen[bytes]] = []
    async with AsyncExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="gateway-frozen-")))
        await undo.enter_async_context(listening(folder / "upstream.sock", course.seen))
        gate, port = await undo.enter_async_context(gated(postgres.port))

        def start(name: str, address: str) -> subprocess.Popen[bytes]:
            words = ["worker", str(folder), name, "guarded" if guarded else "unguarded", address]
            processes.append(subprocess.Popen([sys.executable, "-m", "tests.prove.zombie", *words], cwd=ROOT))
            return processes[-1]

        try:
            victim = start("victim", dsn.replace(f":{postgres.port}/", f":{port}/"))
            gate.victim = victim.pid
            await course.run(gate, lambda: start("heir", dsn))
            return course.seen
        finally:
            for process in processes:
                process.kill()
                process.wait()


async def _filled(dsn: str, load: Load) -> None:
    journal = zombie.shared("store", dsn)
    try:
        await zombie.fill(journal, load.lanes, load.messages)
    finally:
        assert isinstance(journal, KeptJournal)
        await journal.close()
