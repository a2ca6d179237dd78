"""Several nodes on one PostgreSQL and one Redis, killed at random: nothing lost, nothing out of order, every re-send told.

Every round is a whole installation of three real gateways and both simulators. Producers push signed events through one address,
to any node, and repeat the same bytes until they are acknowledged. Nodes, all processes of PostgreSQL, and Redis are killed
when the seed says, each is started again on what it left; then everything must arrive. What the simulators wrote down is the
judge: what they hold, every call that reached them, how many at once and how many in any second.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.demonstration import servers, stage
from gateway.cli.demonstration.cast import cast
from gateway.cli.demonstration.front import before
from gateway.cli.demonstration.gateways import risen
from gateway.cli.demonstration.nodes import Node, Shared, lay_out_nodes
from gateway.cli.demonstration.play import Play, Progress
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.trials.installing import laid_out, staged
from gateway.observe import crash
from tests.prove.feed_reader import Reader
from tests.prove.pressure import Agreed, pressure_of
from tests.prove.resent import Resent, resent

NODES = 3
_DOSSIERS = 45
_CALM_LIMIT_S = 240.0
_CRASH, _PASSES, _DOOM_S = "GATEWAY_CRASH_AT", 4, 180.0
POINTS = tuple(point for point in crash.POINTS if not point.startswith("decision."))
"""Where a node kills itself when it is told to: between every two steps of accept, claim, send and settle."""


@dataclass(slots=True)
class House:
    """The nodes of one round and what stands around them."""

    boards: stage.Stage
    nodes: tuple[Node, ...]
    postgres: servers.PostgresServer
    redis: servers.RedisServer | None
    database: str
    chance: random.Random
    done: list[str] = field(default_factory=list)

    async def start(self, node: Node) -> None:
        """Start a node and wait until it is ready."""
        await self.boards.start(node.name, node.serve, f"{node.url}/readyz")

    async def kill_node(self) -> None:
        """SIGKILL of a node, and a new start after a while: the others go on meanwhile."""
        node = self.chance.choice(self.nodes)
        self.done.append(node.name)
        self.boards.kill(node.name)
        await asyncio.sleep(self.chance.uniform(0.0, 1.5))
        await self.start(node)

    async def doom(self, point: str) -> None:
        """Start the first node again as one that kills itself when it has passed this crash point a few times."""
        node = self.nodes[0]
        self.boards.kill(node.name)
        os.environ[_CRASH] = f"{point}:{_PASSES}"
        try:
            await self.start(node)
        finally:
            del os.environ[_CRASH]

    async def meet_doom(self, point: str) -> None:
        """Wait until it has killed itself, and start it as a sound one."""
        node = self.nodes[0]
        process = self.boards.running[node.name]
        async with asyncio.timeout(_DOOM_S):
            while process.poll() is None:
                await asyncio.sleep(0.02)
        assert process.returncode == -signal.SIGKILL, f"{node.name} ended with {process.returncode}"
        self.done.append(f"{node.name} at {point}")
        await self.start(node)

    async def kill_postgres(self) -> None:
        """SIGKILL of every process of the database, and a new start on what is on the disk."""
        self.done.append("postgres")
        self.postgres.kill()
        await asyncio.sleep(self.chance.uniform(0.0, 1.5))
        await risen(self.postgres)

    async def kill_redis(self) -> None:
        """SIGKILL of Redis, which keeps nothing on disk, and a new start."""
        if self.redis is None:
            return
        self.done.append("redis")
        self.redis.kill()
        await asyncio.sleep(self.chance.uniform(0.0, 1.5))
        await risen(self.redis)


@dataclass(slots=True)
class Totals:
    """What all rounds came to."""

    killed: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    delivered: int = 0
    lost: int = 0
    out_of_order: int = 0
    doubled: int = 0
    sent: int = 0
    again: int = 0
    untold: int = 0
    followed: int = 0
    broken: list[int] = field(default_factory=list)

    def add(self, house: House, verdict: Verdict, told: Resent) -> None:
        """One round more."""
        for what in house.done:
            kind = "node" if what.startswith("gateway") else what
            self.killed[kind] = self.killed.get(kind, 0) + 1
        for name in ("accepted", "delivered", "lost", "out_of_order", "doubled"):
            setattr(self, name, getattr(self, name) + getattr(verdict, name))
        self.sent, self.again, self.untold = self.sent + told.sent, self.again + told.again, self.untold + told.untold


async def prove(rounds: int, first_seed: int, points: Sequence[str] = ()) -> bool | None:
    """Run the rounds, and one for each crash point; None where this machine has no PostgreSQL: not run is not passed."""
    print(f"\n== nodes: {rounds} rounds of {NODES} nodes on one PostgreSQL and one Redis, all of them killed at random")
    totals, begun = Totals(), time.monotonic()
    with ExitStack() as undo:
        try:
            postgres = undo.enter_context(servers.PostgresServer.served())
            redis = undo.enter_context(servers.RedisServer.served())
        except servers.ServerMissing as missing:
            print(f"NOT RUN: {missing}")
            return None
        for number in range(rounds):
            seed = first_seed + number
            if not await _round(seed, (postgres, redis), totals):
                totals.broken.append(seed)
        for point in points:
            if not await _round(first_seed, (postgres, redis), totals, point):
                totals.broken.append(first_seed)
    killed = ", ".join(f"{kind} {count}" for kind, count in sorted(totals.killed.items()))
    print(
        f"total: killed {killed}; accepted {totals.accepted}, delivered {totals.delivered}, lost {totals.lost}, "
        f"out of order {totals.out_of_order}, doubled {totals.doubled}; {totals.sent} sends on the wire, {totals.again} "
        f"of them again, {totals.untold} of these not told by the gateway; {totals.followed} rows of the feed, "
        f"{time.monotonic() - begun:.0f} s" + (f"; broken seeds {totals.broken}" if totals.broken else ""),
        flush=True,
    )
    return not totals.broken


async def _round(
    seed: int, shared: tuple[servers.PostgresServer, servers.RedisServer], totals: Totals, point: str = ""
) -> bool:
    """One installation, one seed; whether it was sound, printed. With a crash point one node dies there, and nothing else."""
    begun, (postgres, _) = time.monotonic(), shared
    async with whole(seed, *shared, _SIZE) as (house, play):
        reader = Reader(play)
        following = asyncio.create_task(reader.follow())
        if point:
            await house.doom(point)
        await play.register()
        pushing = asyncio.create_task(play.push())
        await (house.meet_doom(point) if point else _disturb(house))
        await pushing
        await play.calm(_CALM_LIMIT_S)
        following.cancel()
        await asyncio.wait([following])
        feed = await reader.judged(postgres, house.database)
        if not following.cancelled():
            feed.append(f"feed: its reader ended in mid-run: {following.exception()!r}")
        verdict = await play.judge()
        told = await resent(play, house.postgres, house.database)
        pressed = [
            await pressure_of(house.boards, "national_dvc", play.scene, _SIZE.agreed),
            await pressure_of(house.boards, "resolution", play.scene),
        ]
    totals.add(house, verdict, told)
    totals.followed += len(reader.shown)
    faults = [*verdict.faults[:5], *told.faults[:5], *(fault for one in pressed for fault in one.faults), *feed]
    sound = verdict.sound and not faults
    told_of = f"{'; '.join(map(str, pressed))}; feed {len(reader.shown)} rows in {reader.pages} pages"
    print(f"{_line(seed, house, verdict, told)}; {told_of}; {_ended(begun, sound=sound)}", flush=True)
    for fault in faults:
        print(f"    {fault}")
    return sound


async def _disturb(house: House) -> None:
    """Two to four kills of whatever the seed draws, a node among them; some while another is still away."""
    chance = house.chance
    ways: list[Callable[[], Awaitable[None]]] = [house.kill_node]
    for way, odds in ((house.kill_postgres, 0.7), (house.kill_redis, 0.7), (house.kill_node, 0.3)):
        if chance.random() < odds:
            ways.append(way)
    chance.shuffle(ways)
    for kill in ways:
        await asyncio.sleep(chance.uniform(0.1, 1.2))
        await kill()


def _line(seed: int, house: House, verdict: Verdict, told: Resent) -> str:
    return (
        f"seed {seed} killed {', '.join(house.done)}: accepted {verdict.accepted} delivered {verdict.delivered} "
        f"lost {verdict.lost} out of order {verdict.out_of_order} doubled {verdict.doubled} held {len(verdict.held)}; "
        f"sent {told.sent} again {told.again} untold {told.untold}, with an ended session {told.turned_away}"
    )


def _ended(begun: float, *, sound: bool) -> str:
    return f"{time.monotonic() - begun:.0f} s {'ok' if sound else 'BROKEN'}"


@dataclass(frozen=True, slots=True)
class Size:
    """How large an installation is. `storage` are lines for [storage.postgres]; `agreed` is what the portal may be asked to
    bear, and each of its calls takes `call_s`."""

    dossiers: int = _DOSSIERS
    nodes: int = NODES
    storage: str = ""
    agreed: Agreed = Agreed()
    call_s: float = 0.0


_SIZE = Size(agreed=Agreed(concurrency=6, rate_per_s=80.0, burst=20), call_s=0.03)
"""What binds in the rounds: a portal that is slow enough for calls to overlap, and may not be asked for more."""


def _bounded(told: str, agreed: Agreed) -> str:
    """A configuration with other limits for the portal."""
    before_it, portal, rest = told.partition("[upstreams.national_dvc]\n")
    for name, value in (
        ("concurrency", agreed.concurrency),
        ("rate_per_s", agreed.rate_per_s),
        ("burst", agreed.burst),
    ):
        rest = re.sub(rf"(?m)^{name} = [0-9.]+", f"{name} = {value}", rest, count=1)
    return before_it + portal + rest


@asynccontextmanager
async def whole(
    seed: int, postgres: servers.PostgresServer, redis: servers.RedisServer | None, size: Size | None = None
) -> AsyncIterator[tuple[House, Play]]:
    """An installation of all nodes with its simulators, on a database of its own; nothing of it is left at the end."""
    size = size or Size()
    database = f"round_{seed}_{servers.free_port()}"
    postgres.say(f"CREATE DATABASE {database} TEMPLATE template0")
    shared = Shared(postgres.dsn(database), redis.url() if redis is not None else "", size.storage)
    try:
        with laid_out(Path(tempfile.gettempdir()), size.nodes) as laid:
            nodes = lay_out_nodes(laid.folder, shared, laid.behind)
            for node in nodes:
                told = node.config.read_text(encoding="utf-8")
                node.config.write_text(_bounded(told, size.agreed), encoding="utf-8")
            behind = [node.ports.internal for node in nodes]
            async with before(laid.ports.gateway, behind), staged(laid) as boards:
                if size.call_s:
                    slow = {"probability": {"slow": 1.0}, "seconds": {"slow": size.call_s}}
                    await boards.send("PUT", f"{laid.scene.portal}/_simulator/faults", slow)
                house = House(boards, nodes, postgres, redis, database, random.Random(seed))
                await asyncio.gather(*(house.start(node) for node in nodes))
                roles = cast(size.dossiers, datetime.now(UTC).date(), seed)
                yield house, Play(boards, laid.scene, roles, Progress(total=len(roles)))
    finally:
        with suppress(servers.ServerFailed):  # it may lie dead, and then its folder goes with it
            postgres.say(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
