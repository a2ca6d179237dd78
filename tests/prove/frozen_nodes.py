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
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from gateway.cli.demonstration import servers
from gateway.cli.demonstration.front import Relay
from gateway.journal.kept import KeptJournal
from tests.prove import zombie
from tests.prove.frozen import ROOT, Course, Load, Seen, control, listening, tell_guarded

_PIECE = 1 << 16
_STATEMENT = re.compile(rb"P.{4}([^\0]+)\0([^\0]*)\0", re.DOTALL)
"""What a client prepares on a connection: a name, and the text that it stands for (PostgreSQL 15, 55.7, Parse)."""
_CLAIMS = b"JOIN payload p ON p.ref = m.payload_ref"
"""Asked where a claim has found lanes, for what it is to send; no other write of a node asks for that."""
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
            holds = tell_guarded(held, load)
            caught = await control(lambda other: freeze(postgres, load, other, guarded=False), seed)
    except servers.ServerMissing as missing:
        print(f"NOT RUN: {missing}")
        return None
    return holds and caught


class Gate(Relay):
    """Stands between one node and the database, and can freeze the node right after the commit of a claim of its own."""

    def __init__(self, port: int) -> None:
        """`port` is the database's."""
        super().__init__()
        self._port = port
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

    async def lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """To the database."""
        open_ = asyncio.Event()
        open_.set()
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.create_task(self._back(theirs, writer, open_))
        try:
            await self._forth(reader, ours, open_)
        finally:
            back.cancel()
            ours.close()

    async def _forth(self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter, open_: asyncio.Event) -> None:
        asking = {_CLAIMS}  # the text, and the names that stand for it
        claims = False  # whether this transaction has asked
        while piece := await reader.read(_PIECE):
            asking |= {name for name, text in _STATEMENT.findall(piece) if _CLAIMS in text}
            claims = claims or any(words in piece for words in asking)
            stops = self.asked and claims and b"COMMIT" in piece
            claims = claims and b"COMMIT" not in piece
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
