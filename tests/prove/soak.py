"""A soak: three nodes at a steady rate beside an upstream that fails a third of the time; does anything grow that should not?

Printed every so often, and judged by the slope after a warm-up: memory and file descriptors of each node, connections, dead
rows of the tables that change in place, bytes for each live row of all of them, the write-ahead log, partitions.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web

from gateway.cli.demo import scene_of
from gateway.cli.demonstration import servers, stage
from gateway.cli.demonstration.cast import SECTORS, SYSTEMS
from gateway.cli.demonstration.dossiers import code_of, dossier, received_at, written
from gateway.cli.demonstration.nodes import Node, NodePorts, Shared, lay_out_nodes
from gateway.cli.installation import RESOLUTION_SYSTEM, Ports, lay_out
from gateway.clock import uuid7
from gateway.intake.signature import SigningKey, Stated, sign_head
from mappings.tables import load_table
from tests.prove.sink import Sink
from tests.prove.trends import Tolerance, Trend

RATE_PER_S = 300.0
_NODES = 3
_DOSSIERS = 9_000
_PRODUCERS = 96
_CONCURRENCY = 60
_STANDS_S = 45.0
_SETTINGS = {
    **servers.POSTGRES_SETTINGS,
    "shared_buffers": "256MB",
    "autovacuum_naptime": "10s",
    "max_wal_size": "256MB",
}
_CHANGING = ("lane", "msg", "upstream", "node", "record")
_KEPT = ("lane", "msg", "attempt", "receipt", "inbound", "audit", "leaf", "payload")

_TABLES = """
SELECT parent, sum(live), sum(dead), sum(bytes) FROM (
  SELECT coalesce(p.relname, c.relname) AS parent, s.n_live_tup AS live, s.n_dead_tup AS dead,
    pg_total_relation_size(c.oid) AS bytes
  FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent) t
GROUP BY parent"""
_REST = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'),
  (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir()), (SELECT count(*) FROM pg_inherits)"""


@dataclass(frozen=True, slots=True)
class Length:
    """How long, and how often something is printed; in seconds. `kept`: the share of the rate that must have been taken on."""

    seconds: float
    every_s: float
    kept: float


@dataclass(slots=True)
class Producers:
    """Push events at a steady rate, in order for each dossier, each until it is acknowledged, to any node."""

    session: aiohttp.ClientSession
    urls: Sequence[str]
    keys: dict[str, SigningKey]
    dossiers: Sequence[str]
    sent: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    waits: list[float] = field(default_factory=list)
    _turn: itertools.count[int] = field(default_factory=itertools.count)

    async def register(self) -> None:
        """The resolution system registers every dossier."""
        row = load_table("procedures").rows[0]
        received = received_at(8, 0)

        async def some(codes: Sequence[str]) -> None:
            for code in codes:
                raw = msgspec.json.encode(dossier(code, row, received, "Nguyễn Văn Mẫu", origin="direct"))
                await self._call(RESOLUTION_SYSTEM, "PUT", f"/v1/dossiers/{quote(code, safe='')}", raw)

        await asyncio.gather(*(some(self.dossiers[first::_PRODUCERS]) for first in range(_PRODUCERS)))

    async def push(self, seconds: float) -> None:
        """For so long; a rate that the nodes cannot keep is not made up for."""
        begun = time.monotonic()
        slots = itertools.count()

        async def some(codes: Sequence[str]) -> None:
            for code in itertools.cycle(codes):
                due = begun + next(slots) / RATE_PER_S
                if due > begun + seconds or time.monotonic() > begun + seconds:
                    return
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                asked = time.monotonic()
                await self._call(SECTORS[0], "POST", "/v1/events", self._event(code))
                self.waits.append(time.monotonic() - asked)
                self.accepted += 1

        await asyncio.gather(*(some(self.dossiers[first::_PRODUCERS]) for first in range(_PRODUCERS)))

    def _event(self, code: str) -> bytes:
        number = self.sent[code] = self.sent.get(code, 0) + 1
        now = datetime.now(UTC)
        event: dict[str, object] = {
            "schema_version": "1",
            "event_id": uuid7(now, random.randbytes(10)),
            "system_code": SECTORS[0],
            "dossier_code": code,
            "sequence": number,
            "occurred_at": written(now),
            "state": "processing" if number > 1 else "received",
            "outcome": "none",
            "step": {
                "actor": {"name": "Trần Văn Mẫu", "title": "Chuyên viên", "unit": "Bộ phận Một cửa"},
                "content": f"Thẩm định hồ sơ (bước {number})",
            },
        }
        return msgspec.json.encode(event | ({"previous_sequence": number - 1} if number > 1 else {}))

    async def _call(self, system: str, method: str, target: str, body: bytes) -> None:
        stated, pause = Stated("application/json", sha256(body).digest()), 0.05
        while True:
            headers = sign_head(method, target, stated, self.keys[system], int(time.time()))
            url = self.urls[next(self._turn) % len(self.urls)]
            try:
                async with self.session.request(method, f"{url}{target}", data=body, headers=headers) as response:
                    text = await response.read()
                    if response.status in (200, 201, 202):
                        return
                    if response.status not in (429, 503):
                        raise AssertionError(f"{target}: {response.status} {text[:900].decode(errors='replace')}")
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)


class Gauges:
    """What is watched, each with what it may grow by."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        # Which node a caller's connection leads to is chance: the callers of one node may move to another one.
        memory, files = Tolerance(0.08, 6.0), Tolerance(0.1, _PRODUCERS / _NODES)
        self.trends: dict[str, Trend] = {}
        for node in nodes:
            self._watch(f"{node.name} memory", "MB", memory)
            self._watch(f"{node.name} file descriptors", "", files)
        self._watch("connections", "", Tolerance(0.0, 2.0))
        # Segments are kept up to max_wal_size and then used again: a short soak may not come so far.
        self._watch("write-ahead log", "MB", Tolerance(0.25, 256.0))
        self._watch("partitions", "", Tolerance(0.0, 0.0))
        for table in _CHANGING:
            # Every lane changes every half a minute: between two vacuums all of them may have left a version behind.
            left = float(_DOSSIERS) if table == "lane" else 2_500.0
            self._watch(f"{table} dead rows", "", Tolerance(0.25, left))
        for table in _KEPT:
            # Every lane changes with every event: between two vacuums its table and index hold several versions of each row.
            # A machine that falls behind with deliveries has more events and fewer attempts in it, and an event is longer.
            room = {"lane": Tolerance(0.3, 250.0), "payload": Tolerance(0.2, 16.0)}.get(table, Tolerance(0.1, 16.0))
            self._watch(f"{table} bytes a row", "B", room)

    def _watch(self, name: str, unit: str, tolerance: Tolerance) -> None:
        self.trends[name] = Trend(name, unit, tolerance)

    def look(self, at: float, boards: stage.Stage, nodes: Sequence[Node], told: tuple[str, str]) -> str:
        """Measure everything now; a line for people. `told` is what the database said to `_TABLES` and `_REST`."""
        tables = {line.split("|")[0]: [int(value) for value in line.split("|")[1:]] for line in told[0].splitlines()}
        connections, log, partitions = map(int, told[1].split("|"))
        for node in nodes:
            pid = boards.running[node.name].pid
            self.trends[f"{node.name} memory"].add(at, _resident_mb(pid))
            self.trends[f"{node.name} file descriptors"].add(at, len(list(Path(f"/proc/{pid}/fd").iterdir())))
        self.trends["connections"].add(at, connections)
        self.trends["write-ahead log"].add(at, log / 1e6)
        self.trends["partitions"].add(at, partitions)
        for table in _CHANGING:
            self.trends[f"{table} dead rows"].add(at, tables[table][1])
        for table in _KEPT:
            live, _, size = tables[table]
            if live:
                self.trends[f"{table} bytes a row"].add(at, size / live)
        memory = "+".join(f"{self.trends[f'{node.name} memory'].points[-1][1]:.0f}" for node in nodes)
        files = "+".join(f"{self.trends[f'{node.name} file descriptors'].points[-1][1]:.0f}" for node in nodes)
        dead = " ".join(f"{table} {tables[table][1]}" for table in _CHANGING)
        return (
            f"memory {memory} MB, descriptors {files}, connections {connections}, log {log / 1e6:.0f} MB, "
            f"partitions {partitions}, live rows of msg {tables['msg'][0]}, dead: {dead}"
        )


def _resident_mb(pid: int) -> float:
    told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmRSS")) / 1024


async def prove(length: Length, seed: int) -> bool | None:
    """Soak for so long; None where there is no PostgreSQL or Redis."""
    print(
        f"\n== soak: {length.seconds:.0f} s at {RATE_PER_S:.0f} events/s on {_NODES} nodes, a third of all calls fails"
    )
    with ExitStack() as undo:
        try:
            postgres = undo.enter_context(servers.PostgresServer.served(_SETTINGS))
            redis = undo.enter_context(servers.RedisServer.served())
        except servers.ServerMissing as missing:
            print(f"NOT RUN: {missing}")
            return None
        async with _laid_out(postgres, redis, seed) as (boards, nodes, producers, sink):
            return await _soak(length, postgres, (boards, nodes, producers, sink))


Scene = tuple[stage.Stage, tuple[Node, ...], Producers, Sink]
_DATABASE = "soak"


@asynccontextmanager
async def _laid_out(
    postgres: servers.PostgresServer, redis: servers.RedisServer, seed: int
) -> AsyncIterator[tuple[stage.Stage, tuple[Node, ...], Producers, Sink]]:
    """Nodes, the upstream and the producers, with every dossier registered."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-soak-"))
    gateway, portal, resolution, *behind = servers.free_ports(3 + _NODES)
    ports = Ports(gateway, portal, resolution)
    try:
        postgres.say(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
        lay_out(folder, ports, SYSTEMS)
        keys = dict(scene_of(folder, ports).keys)
        shared = Shared(postgres.dsn(_DATABASE), redis.url())
        _widen(folder / "gateway.toml")
        nodes = lay_out_nodes(folder, shared, [NodePorts(port) for port in behind])
        sink = Sink(random.Random(seed))
        async with AsyncExitStack() as undo:
            runner = web.AppRunner(sink.application(), access_log=None)
            await runner.setup()
            undo.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", resolution).start()
            boards = await undo.enter_async_context(stage.opened(folder))
            await asyncio.gather(*(boards.start(node.name, node.serve, f"{node.url}/readyz") for node in nodes))
            codes = [code_of(received_at(8, 0), number) for number in range(1_000, 1_000 + _DOSSIERS)]
            producers = Producers(boards.session, [node.url for node in nodes], keys, codes)
            await producers.register()
            yield boards, nodes, producers, sink
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _widen(config: Path) -> None:
    """More calls at once than a demonstration needs: at this rate calls that wait for a commit take places as well."""
    told = config.read_text(encoding="utf-8")
    config.write_text(told.replace("concurrency = 16\n", f"concurrency = {_CONCURRENCY}\n", 1), encoding="utf-8")


async def _soak(length: Length, postgres: servers.PostgresServer, scene: Scene) -> bool:
    boards, nodes, producers, sink = scene
    gauges, begun = Gauges(nodes), time.monotonic()
    pushing = asyncio.create_task(producers.push(length.seconds))
    accepted = delivered = 0
    while not pushing.done():
        await asyncio.wait([pushing], timeout=length.every_s)
        at = time.monotonic() - begun
        told = [await asyncio.to_thread(postgres.say, sql, _DATABASE) for sql in (_TABLES, _REST)]
        seen = gauges.look(at, boards, nodes, (told[0], told[1]))
        waits, producers.waits = sorted(producers.waits) or [0.0], []
        print(
            f"{at:5.0f} s: accepted {producers.accepted} (+{producers.accepted - accepted}), delivered {sink.delivered} "
            f"(+{sink.delivered - delivered}), accept p50 {1e3 * waits[len(waits) // 2]:.0f} ms "
            f"p99 {1e3 * waits[int(0.99 * len(waits))]:.0f} ms; {seen}",
            flush=True,
        )
        accepted, delivered = producers.accepted, sink.delivered
    await pushing
    rate, waiting, ended = (
        producers.accepted / (time.monotonic() - begun),
        producers.accepted - sink.delivered,
        time.monotonic(),
    )
    behind = await _delivered(producers, sink)
    print(f"  backlog at the end {waiting}, carried in {time.monotonic() - ended:.0f} s")
    for trend in gauges.trends.values():
        print(f"  {trend}")
    grown = [trend.name for trend in gauges.trends.values() if not trend.flat]
    slow = rate < length.kept * RATE_PER_S
    sound = not (behind or sink.skipped or sink.stale or grown or slow)
    print(
        f"soak: {rate:.0f} events/s of {RATE_PER_S:.0f} accepted, {producers.accepted} in all, {sink.delivered} delivered, "
        f"missing {behind}, out of order {sink.skipped}, stale {sink.stale}, sent again {sink.again}, calls {sink.calls} of "
        f"which {sink.failed} failed; grows: {', '.join(grown) or 'nothing'}{'; TOO SLOW' if slow else ''}: "
        f"{'held' if sound else 'BROKEN'}",
        flush=True,
    )
    return sound


async def _delivered(producers: Producers, sink: Sink) -> int:
    """Wait for what is under way, as long as anything arrives; how many events never did."""
    moved, before = time.monotonic(), -1
    while (left := producers.accepted - sink.delivered) > 0 and time.monotonic() < moved + _STANDS_S:
        if sink.delivered != before:
            moved, before = time.monotonic(), sink.delivered
        await asyncio.sleep(0.2)
    return left
