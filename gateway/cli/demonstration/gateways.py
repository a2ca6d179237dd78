"""The gateway of a play: one process, or several nodes with their database and Redis; how it falls in mid-run and rises again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.cli.demonstration import servers
from gateway.cli.demonstration.front import before
from gateway.cli.demonstration.nodes import Node, NodePorts, Shared, lay_out_nodes
from gateway.cli.demonstration.stage import Stage
from gateway.cli.screen import EX_UNAVAILABLE

_RISES_S = 60.0
DATABASE = "trinh_dien"

Fall = tuple[str, Callable[[], Awaitable[None]]]
"""What people are told, and what does it; when it is awaited the fallen stands again."""


class Gateways(Protocol):
    """What carries the dossiers of a play."""

    async def start(self) -> None:
        """Start everything and wait until it is ready."""
        ...

    def falls(self) -> Sequence[Fall]:
        """What is killed in mid-run, one after the other."""
        ...


@dataclass(frozen=True, slots=True)
class OneGateway:
    """The embedded form: one process on one machine."""

    boards: Stage
    folder: Path
    url: str

    async def start(self) -> None:
        """Start it."""
        serve = ["serve", "--config", str(self.folder / "gateway.toml")]
        await self.boards.start("gateway", serve, f"{self.url}/readyz")

    def falls(self) -> Sequence[Fall]:
        """SIGKILL, once."""
        return (("SIGKILL tiến trình cổng kết nối", self._fall),)

    async def _fall(self) -> None:
        self.boards.kill("gateway")
        await self.start()


@dataclass(frozen=True, slots=True)
class Cluster:
    """What several nodes share, and the nodes."""

    postgres: servers.PostgresServer
    redis: servers.RedisServer
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ManyGateways:
    """The form of several nodes on one PostgreSQL and one Redis."""

    boards: Stage
    cluster: Cluster

    async def start(self) -> None:
        """Start all nodes at once; each waits for the others where the tables are made."""
        await asyncio.gather(*(self._start(node) for node in self.cluster.nodes))

    def falls(self) -> Sequence[Fall]:
        """A node, every process of the database, and Redis, in turn; none of it says goodbye."""
        last = self.cluster.nodes[-1]

        async def node() -> None:
            self.boards.kill(last.name)
            await self._start(last)

        async def database() -> None:
            self.cluster.postgres.kill()
            await risen(self.cluster.postgres)

        async def coordination() -> None:
            self.cluster.redis.kill()
            await risen(self.cluster.redis)

        return (
            (f"SIGKILL nút {last.name}", node),
            ("SIGKILL mọi tiến trình PostgreSQL", database),
            ("SIGKILL Redis (mất hết nội dung)", coordination),
        )

    async def _start(self, node: Node) -> None:
        await self.boards.start(node.name, node.serve, f"{node.url}/readyz")


async def risen(server: servers.LocalServer) -> None:
    """Start a server again on what it left, without holding up who waits for others."""
    server.launch()
    async with asyncio.timeout(_RISES_S):
        while not await asyncio.to_thread(server.answers):
            await asyncio.sleep(0.02)


@contextmanager
def clustered(folder: Path, ports: Sequence[NodePorts]) -> Iterator[Cluster]:
    """Start the servers, and make several nodes of the installation in `folder`; raises `ServerMissing`, `ServerFailed`."""
    with ExitStack() as undo:
        postgres, redis = (
            undo.enter_context(servers.PostgresServer.served()),
            undo.enter_context(servers.RedisServer.served()),
        )
        postgres.say(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        yield Cluster(postgres, redis, lay_out_nodes(folder, Shared(postgres.dsn(DATABASE), redis.url()), ports))


@asynccontextmanager
async def led_to(cluster: Cluster, internal: int, edge: int) -> AsyncIterator[None]:
    """Listen where the installation says that the gateway is, on both listeners, and lead callers to the nodes."""
    async with AsyncExitStack() as fronts:
        nodes = [node.ports for node in cluster.nodes]
        await fronts.enter_async_context(before(internal, [ports.internal for ports in nodes]))
        await fronts.enter_async_context(before(edge, [ports.edge for ports in nodes]))
        yield


def patient(boards: Stage) -> None:
    """Let an operator's order that meets a database which is just starting be given again."""
    boards.again_after |= {EX_UNAVAILABLE}
