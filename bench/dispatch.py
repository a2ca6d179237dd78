"""Dispatch on one, two and three nodes of one PostgreSQL: real worker processes, an upstream that answers after 2 ms.

Each number of nodes drains a database of its own that was filled beforehand; a node is a process with the gateway's own worker,
journal and attempts, its connector answers by itself. Timed from the common start signal until the last message is delivered;
every message must have been delivered once, in the order of its lane. Prints rates and their ratios to one node, medians of the
rounds. All processes and the server share this machine's cores: on four of them the third node has little left to run on.
So the floors, which bind where there are at least four cores (`FLOORS`), only say that nodes do not stand in each other's way.
`python bench/dispatch.py [--quick]`
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import ground  # noqa: F401  # the path of what is measured

from connectors.kit.contract import Delivery, Receipt
from connectors.kit.errors import Exchange
from gateway.clock import Clock, utc_now
from gateway.config import Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.upstreams import Hooks, OperationTraits, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.evidence.log import chain
from gateway.journal.model import DeliveryState, Intake
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from mappings.codec import encode
from tests.invented import accepted_event
from tests.postgres import Server, served
from tests.prove.zombie import UPSTREAM, decide

LANES = 400
AT_ONCE = 64
ANSWERS_S = 0.002
KEK = b"k" * 32
FLOORS = {2: 1.1, 3: 1.3}
"""At least so many times what one node delivers. Measured with three on four cores that other work shared: 2.2 and 3.1 times."""
CORES_FOR_FLOORS = 4


class Upstairs:
    """A connector whose system answers everything after a moment, and says on standard output what it was sent."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        """A receipt."""
        await asyncio.sleep(ANSWERS_S)
        sys.stdout.write(f"{delivery.dossier_code} {delivery.sequence}\n")
        return Receipt("R", utc_now(), Exchange(b"asked", b"said", 200, "00"))

    async def close(self) -> None:
        """Nothing is open."""


def opened(node: str, dsn: str) -> PostgresJournal:
    """The journal of a node."""
    return PostgresJournal.open(DatabaseOptions(node, dsn, KEK), decide=decide, chain=chain, clock=Clock())


async def fill(dsn: str, messages: int) -> None:
    """So many messages, spread over the lanes."""
    journal = opened("filling", dsn)
    for first in range(0, messages, 512):
        await asyncio.gather(*(_push(journal, number) for number in range(first, min(first + 512, messages))))
    await journal.close()


async def _push(journal: PostgresJournal, number: int) -> None:
    code, sequence = f"D{number % LANES:03d}", 1 + number // LANES
    raw = encode(accepted_event(code, sequence, utc_now()))
    digest = hashlib.sha256(raw).digest()
    await journal.accept(Intake("event", "SEC-DEMO", f"{code}-{sequence}", code, digest, raw, None, sequence))


async def work(node: str, dsn: str) -> None:
    """A node: ready, then at work from the first line of its input to the second."""
    journal = opened(node, dsn)
    settings = Upstream(connector="bench", concurrency=AT_ONCE, rate_per_s=1e6, burst=100_000, timeout_s=20.0)
    lines: Mapping[str, UpstreamLine] = {
        UPSTREAM: UpstreamLine(UPSTREAM, settings, Upstairs(), {"status": OperationTraits(idempotent=True)})
    }
    clock = Clock()
    worker = Worker(lines, journal, MemoryCoordination(clock), clock, Hooks())
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    running = asyncio.create_task(worker.run())
    await loop.run_in_executor(None, sys.stdin.readline)
    await worker.stop()
    await running
    await journal.close()


async def _delivered(journal: PostgresJournal, messages: int) -> None:
    """Wait until everything is delivered."""
    async with asyncio.timeout(300):
        while (await journal.counts()).messages.get((UPSTREAM, DeliveryState.DELIVERED), 0) < messages:
            await asyncio.sleep(0.02)


def drain(server: Server, nodes: int, messages: int) -> float:
    """Messages a second that so many nodes deliver together."""
    dsn = server.database()
    asyncio.run(fill(dsn, messages))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with ExitStack() as undo:
        running = [
            undo.enter_context(
                subprocess.Popen(
                    [sys.executable, __file__, "--node", f"node-{number}", "--dsn", dsn],
                    stdin=subprocess.PIPE,
                    stdout=undo.enter_context((Path(server.folder) / f"told-{nodes}-{number}").open("w+")),
                    text=True,
                    env=environment,
                )
            )
            for number in range(nodes)
        ]
        told = [Path(server.folder) / f"told-{nodes}-{number}" for number in range(nodes)]
        while not all("ready" in path.read_text() for path in told):
            if any(process.poll() is not None for process in running):
                raise SystemExit("a node ended before it began")
            time.sleep(0.05)

        async def timed() -> float:
            journal = opened("watching", dsn)
            begun = time.perf_counter()
            for process in running:
                _say(process)
            await _delivered(journal, messages)
            spent = time.perf_counter() - begun
            await journal.close()
            return spent

        spent = asyncio.run(timed())
        for process in running:
            _say(process)
            process.wait(60)
        _judge([path.read_text().splitlines()[1:] for path in told], messages)
    server.drop(dsn)
    return messages / spent


def _say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _judge(told: list[list[str]], messages: int) -> None:
    """Each message once, and within a node's own words each lane in order; what another node sent came before or after."""
    sent = [line for words in told for line in words]
    for words in told:
        newest: dict[str, int] = {}
        for dossier, sequence in map(str.split, words):
            if int(sequence) < newest.get(dossier, 0):
                raise SystemExit(f"{dossier}: {sequence} was sent after {newest[dossier]}")
            newest[dossier] = int(sequence)
    if len(sent) != messages or len(set(sent)) != messages:
        raise SystemExit(f"{len(sent)} deliveries of {messages} messages, {len(sent) - len(set(sent))} of them again")


def main() -> int:
    """Drain with one, two and three nodes, round by round; 1 when a floor is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--node", default="", help=argparse.SUPPRESS)
    parser.add_argument("--dsn", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.node:
        asyncio.run(work(arguments.node, arguments.dsn))
        return 0
    rounds, messages = (1, 2_000) if arguments.quick else (3, 6_000)
    rates: dict[int, list[float]] = {1: [], 2: [], 3: []}
    with served(shared_buffers="256MB", autovacuum="on", max_connections="60") as server:
        for _ in range(rounds):
            for nodes, found in rates.items():
                found.append(drain(server, nodes, messages))
    return 0 if _held({nodes: statistics.median(found) for nodes, found in rates.items()}) else 1


def _held(rates: Mapping[int, float]) -> bool:
    """Print the rates of so many nodes, and how they stand to the floors; whether all that bind were held."""
    binding = len(os.sched_getaffinity(0)) >= CORES_FOR_FLOORS
    if not binding:
        print(f"fewer than {CORES_FOR_FLOORS} cores: the floors do not bind")
    held = True
    for nodes, rate in rates.items():
        ratio, floor = rate / rates[1], FLOORS.get(nodes, 0.0)
        verdict = f" (floor {floor}: {'held' if ratio >= floor else 'BROKEN'})" if floor and binding else ""
        print(f"{nodes} node{'s' if nodes > 1 else ' '}: {rate:6.0f} deliveries/s, {ratio:.2f} x one node{verdict}")
        held = held and (not binding or ratio >= floor)
    return held


if __name__ == "__main__":
    raise SystemExit(main())
