"""F2b, F3, F7 on the shared store: a frozen node, a node that dies with every lease, servers that are restarted under load."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.kit.contract import Coordination
from gateway.cli.demonstration import servers
from gateway.clock import Clock
from gateway.config import Retry, Upstream
from gateway.coordination.membership import Membership
from gateway.coordination.redis import RedisCoordination, RedisOptions
from gateway.dispatch.nodes import Nodes
from gateway.dispatch.upstreams import OperationTraits
from gateway.errors import JournalUnavailable
from gateway.journal.model import DeliveryState, Intake
from mappings.codec import encode
from tests import redis_server
from tests.catalogue.writing import LANES, assert_all_given_back, shared
from tests.integration.dispatch.conftest import Turned, carried
from tests.integration.dispatch.test_several_nodes import Node, Street
from tests.postgres import Server, served
from tests.prove import frozen_nodes
from tests.prove.frozen import Load, sound

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One database server for this module, with everything that it does for durability."""
    with served() as running:
        yield running


async def test_f02b_a_node_frozen_past_its_lease_behind_its_claim_sends_nothing_old() -> None:
    """The claim is committed and its reply lies unread in the frozen node: what it sends afterwards is not older than seen."""
    load = Load(1, lanes=32, messages=25)
    try:
        with servers.PostgresServer.served({"fsync": "off"}) as postgres:
            seen = await frozen_nodes.freeze(postgres, load, 7, guarded=True)
    except servers.ServerMissing as missing:
        pytest.skip(str(missing))
    assert sound(seen, load), seen


async def test_f03_a_node_killed_with_every_lease_gives_them_all_back(
    server: Server, program_environment: dict[str, str]
) -> None:
    """On PostgreSQL another node claims all of them when they have ended, and not before; the dead one's word is void."""
    dsn = server.database()
    command = [sys.executable, "-m", "tests.catalogue.writing", "hold", dsn, "on"]
    process = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=dict(program_environment), cwd=ROOT, timeout=120
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert process.stdout.splitlines()[-1] == f"holding {LANES}"
    journal = shared(dsn, node="another")
    try:
        await assert_all_given_back(journal)
    finally:
        await journal.close()


class Ticking(Turned):
    """Real time."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()


class Producers:
    """Systems that push events, each repeating one until it is acknowledged."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.acknowledged: list[str] = []
        self.refused = 0
        self.stopping = False

    async def push(self, dossier: str) -> None:
        """One event, until it is stored."""
        raw = encode(carried(dossier, 1))
        while True:
            try:
                await self.node.journal.accept(
                    Intake("event", "SEC-DEMO", dossier, dossier, hashlib.sha256(raw).digest(), raw, None, 1)
                )
            except JournalUnavailable:
                self.refused += 1
                await asyncio.sleep(0.02)
            else:
                self.acknowledged.append(dossier)
                return

    async def run(self, name: str) -> None:
        """One event behind the other."""
        number = 0
        while not self.stopping:
            number += 1
            await self.push(f"{name}-{number}")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def beating(*nodes: Node) -> AsyncIterator[None]:
    """The nodes' hearts beat by themselves."""
    tasks = [asyncio.create_task(node.nodes.run()) for node in nodes]
    try:
        yield
    finally:
        for node in nodes:
            await node.nodes.stop()
        await asyncio.gather(*tasks)


@dataclass
class UnderLoad:
    """Two nodes that events are pushed to all the time."""

    street: Street
    nodes: tuple[Node, Node]
    made: tuple[Producers, Producers]
    pushing: list[asyncio.Task[None]]

    def heard(self) -> list[str]:
        """The dossiers of every call that reached the outside."""
        return [call.dossier for call in self.street.outside.heard()]

    async def healed(self) -> list[str]:
        """Events are taken and delivered once more at both nodes, and all that was acknowledged arrives; its keys."""
        for number, producers in enumerate(self.made):
            await producers.push(f"AFTER-{number}")
        await self.street.until(lambda: len([code for code in self.heard() if code.startswith("AFTER-")]) >= 2)
        for producers in self.made:
            producers.stopping = True
        await asyncio.gather(*self.pushing)
        acknowledged = [key for producers in self.made for key in producers.acknowledged]
        await self.street.until_delivered(self.nodes[0], len(acknowledged), timedelta(seconds=60))
        return acknowledged


@asynccontextmanager
async def under_load(street: Street) -> AsyncIterator[UnderLoad]:
    """Both nodes of a street at work, with some of it done."""
    async with street.two() as (one, two), beating(one, two):
        made = Producers(one), Producers(two)
        pushing = [asyncio.create_task(made[number % 2].run(f"P{number}")) for number in range(4)]
        load = UnderLoad(street, (one, two), made, pushing)
        await street.until(lambda: len(load.heard()) > 40)
        yield load


SETTINGS = Upstream(
    connector="test",
    concurrency=4,
    rate_per_s=10_000.0,
    burst=10_000,
    timeout_s=1.0,
    lease_s=4.0,
    retry=Retry(base_s=0.01, cap_s=0.05),
)


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT], ids=["as-in-a-crash", "in-order"])
async def test_f07_the_database_is_restarted_under_load_and_the_nodes_heal_by_themselves(
    server: Server, how: signal.Signals
) -> None:
    """When it answers again, events are taken and delivered, and nothing is left in between.

    What was under way in a crash is undone, and its callers were not told that it was stored. A claim whose answer was lost is in
    doubt: what it held is sent again, because that is harmless here.
    """
    street = Street(server.database(), turned=Ticking(), settings=SETTINGS, traits=OperationTraits(idempotent=True))
    async with under_load(street) as load:
        await asyncio.to_thread(server.stop, how)
        await street.until(lambda: all(producers.refused for producers in load.made))
        server.start()  # it ends with the thread that starts it, so that must be this one
        acknowledged = await load.healed()
        assert set(load.heard()) == set(acknowledged)
        counts = await load.nodes[1].journal.counts()
        assert counts.messages == {("A", DeliveryState.DELIVERED): len(acknowledged)}, "nothing is in limbo"


@dataclass
class WithRedis(Street):
    """Nodes that share a Redis."""

    url: str = ""
    shared: list[RedisCoordination] = field(default_factory=list)

    async def coordinated(self, name: str, nodes: Nodes) -> Coordination:
        """What a node shares with the others, once its heart beats."""
        membership = Membership(name)
        nodes.join(membership)
        made = await RedisCoordination.open(RedisOptions(self.url, bytes(32)), self.turned.clock, membership)
        self.shared.append(made)
        return made


async def test_f07_redis_is_restarted_under_load_and_the_nodes_heal_by_themselves(server: Server) -> None:
    """Events are taken and delivered while it is away, each node by its share; when it answers again, so they are."""
    with redis_server.served() as redis:
        street = WithRedis(server.database(), turned=Ticking(), settings=SETTINGS, url=redis.url())
        async with under_load(street) as load:
            redis.stop()
            await street.until(lambda: not any(shared.is_up() for shared in street.shared))
            before = len(load.heard())
            await street.until(lambda: len(load.heard()) > before + 20)
            redis.start()
            await street.until(lambda: all(shared.is_up() for shared in street.shared))
            acknowledged = await load.healed()
            assert sorted(load.heard()) == sorted(acknowledged), "nothing lost, nothing twice"
            assert not any(producers.refused for producers in load.made), (
                "what Redis does is nobody's affair at the door"
            )
        for shared in street.shared:
            await shared.close()
