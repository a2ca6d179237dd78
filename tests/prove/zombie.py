"""Two workers on one store, in processes of their own: `python -m tests.prove.zombie store|worker …` (delivery-engine 3.7).

On PostgreSQL each worker reaches the store by itself. The embedded store belongs to one process, so a third one keeps it here
and both workers reach it through a socket, as nodes reach a database: a claim's reply can lie in a socket buffer while its
worker is frozen. Everything else is the real dispatch. A worker that is started with `unguarded` may send however old its
claim has grown; no setting of the gateway does that.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pickle
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from unittest import mock

from connectors.kit.contract import Delivery, Receipt
from connectors.kit.errors import Exchange, NoAnswer, NotSent
from gateway.clock import Clock
from gateway.config import Breaker, Retry, Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch import attempt
from gateway.dispatch.upstreams import OperationTraits, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.evidence.log import chain
from gateway.journal.model import Decision, InboundStatus, InboundWrite, Intake, NewDelivery, Situation
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from mappings.codec import encode
from tests.invented import accepted_event

UPSTREAM = "upstream"
LEASE_S = 1.0
ASKED, FROZEN = "freeze", "frozen"
CLOCK = Clock()
KEK = b"k" * 32
START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)


def decide(_situation: Situation, intake: Intake) -> Decision:
    """Each event goes to the one upstream."""
    return Decision(
        b"{}",
        202,
        inbound=(InboundWrite(intake.key, intake.sequence or 0, InboundStatus.ACCEPTED, carried=intake.raw),),
        deliveries=(NewDelivery(intake.key, UPSTREAM, "status", intake.key, intake.source),),
        last_sequence=intake.sequence,
    )


def carried(dossier: str, sequence: int) -> bytes:
    """An accepted event of an invented dossier."""
    return encode(accepted_event(dossier, sequence, START))


async def fill(journal: Journal, lanes: int, messages: int) -> None:
    """So many messages on each of so many lanes, in order."""
    for sequence in range(1, messages + 1):
        raws = [(f"D{lane:03d}", carried(f"D{lane:03d}", sequence)) for lane in range(lanes)]
        await asyncio.gather(
            *(
                journal.accept(
                    Intake("event", "S", f"{code}-{sequence}", code, hashlib.sha256(raw).digest(), raw, None, sequence)
                )
                for code, raw in raws
            )
        )


async def keep_store(folder: Path, lanes: int, messages: int) -> None:
    """Fill a store, then answer both workers until the process is ended."""
    options = StoreOptions(node="store", kek=KEK, queue_limit=lanes + 1)
    journal = SqliteJournal.open(folder / "store", options, decide=decide, chain=chain, clock=CLOCK)
    await fill(journal, lanes, messages)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            stop = Stop(folder, int.from_bytes(await _frame(reader), "big"))
            while True:
                number, method, args, kwargs = pickle.loads(await _frame(reader))
                asyncio.get_running_loop().create_task(_answer(journal, (writer, stop), number, (method, args, kwargs)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_unix_server(serve, folder / "store.sock")
    (folder / "ready").touch()
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class Stop:
    """Freezes a worker when it was asked for in a file: its claim is made, the reply has not reached it yet.

    That is the worst moment there is: frozen anywhere else, the timers of its own attempt have run out when it wakes.
    """

    folder: Path
    pid: int

    def after_claim(self) -> None:
        """Carry out what was asked for, once, and say so."""
        asked = self.folder / ASKED
        if asked.exists() and asked.read_text(encoding="ascii") == str(self.pid):
            asked.unlink()
            os.kill(self.pid, signal.SIGSTOP)
            (self.folder / FROZEN).touch()


async def _answer(
    journal: Journal, peer: tuple[asyncio.StreamWriter, Stop], number: int, call: tuple[str, Any, Any]
) -> None:
    method, args, kwargs = call
    writer, stop = peer
    outcome: tuple[int, object, Exception | None]
    try:
        outcome = (number, await getattr(journal, method)(*args, **kwargs), None)
    except Exception as error:  # noqa: BLE001 - it is raised where the call was made
        outcome = (number, None, error)
    if method == "claim" and outcome[1]:
        stop.after_claim()
    raw = pickle.dumps(outcome)
    writer.write(len(raw).to_bytes(4, "big") + raw)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))


class FarJournal:
    """The journal at the other end of a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._listening = asyncio.create_task(self._listen())

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        """Any method of the journal."""

        async def call(*args: Any, **kwargs: Any) -> Any:
            self._number += 1
            number = self._number
            self._waiting[number] = asyncio.get_running_loop().create_future()
            raw = pickle.dumps((number, method, args, kwargs))
            self._writer.write(len(raw).to_bytes(4, "big") + raw)
            return await self._waiting[number]

        return call

    async def _listen(self) -> None:
        while True:
            number, value, error = pickle.loads(await _frame(self._reader))
            future = self._waiting.pop(number)
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)


class Sender:
    """A connector that says `dossier sequence name` to the upstream and waits for its word; it keeps its budget's deadline."""

    def __init__(self, socket: Path, name: str) -> None:
        self._socket, self._name = socket, name

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Send once, unless it is too late for the first byte, which is asked about right before it."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
            if CLOCK.instant() >= delivery.budget.send_before:
                writer.close()
                raise NotSent
            writer.write(f"{delivery.dossier_code} {delivery.sequence} {self._name}\n".encode())
            answer = await reader.readline()
            writer.close()
        except OSError as error:
            raise NoAnswer from error
        return Receipt("R", CLOCK.now(), Exchange(b"", answer, 200, "00"))

    async def close(self) -> None:
        """Nothing stays open."""


async def work(folder: Path, name: str, guarded: bool, dsn: str = "") -> None:
    """Deliver until the process is ended; from the database `dsn`, or from the store at the other end of a socket."""
    if not guarded:
        # Both bounds that the instant before the claim gives: of the first byte, and of the whole attempt.
        attempt.SEND_WITHIN = float("inf")
        mock.patch.object(attempt.Ticket, "lease_end", lambda _ticket: float("inf")).start()
    settings = Upstream(
        connector="test",
        concurrency=48,
        rate_per_s=100_000.0,
        burst=1_000,
        timeout_s=0.6,
        lease_s=LEASE_S,
        max_unsettled=1_000,
        retry=Retry(base_s=0.05, cap_s=0.2),
        breaker=Breaker(failures=1_000_000),
    )
    line = UpstreamLine(
        UPSTREAM, settings, Sender(folder / "upstream.sock", name), {"status": OperationTraits(idempotent=True)}
    )
    journal = shared(name, dsn) if dsn else await _far(folder)
    await Worker({UPSTREAM: line}, journal, MemoryCoordination(CLOCK), CLOCK).run()


def shared(node: str, dsn: str) -> Journal:
    """The journal of one of several nodes."""
    return PostgresJournal.open(DatabaseOptions(node, dsn, KEK, 8_192), decide=decide, chain=chain, clock=CLOCK)


async def _far(folder: Path) -> Journal:
    reader, writer = await asyncio.open_unix_connection(folder / "store.sock", limit=1 << 24)
    pid = os.getpid().to_bytes(4, "big")
    writer.write(len(pid).to_bytes(4, "big") + pid)
    return cast("Journal", FarJournal(reader, writer))


if __name__ == "__main__":
    place = Path(sys.argv[2])
    if sys.argv[1] == "store":
        asyncio.run(keep_store(place, int(sys.argv[3]), int(sys.argv[4])))
    else:
        asyncio.run(work(place, sys.argv[3], guarded=sys.argv[4] == "guarded", dsn="".join(sys.argv[5:])))
