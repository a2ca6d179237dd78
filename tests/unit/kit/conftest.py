"""Ground for the kit's tests: a kit with a turnable clock, real aiohttp servers and raw sockets on loopback, TLS material."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from connectors.kit.contract import Budget, Kit
from connectors.kit.loopback_tls import self_signed
from connectors.kit.simulation import Door, opened

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class NoCoordination:
    """Nothing is shared: for kits whose connectors need none."""

    async def take(self, upstream: str, wanted: int, rate_per_s: float, burst: int) -> tuple[int, float]:
        return wanted, 0.0

    def wake(self, upstream: str) -> None:
        return None

    async def wait(self, upstream: str, timeout_s: float) -> bool:
        return False

    def tell(self, topic: str, text: str) -> None:
        return None

    async def news(self, topic: str) -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield ""

    async def remember(self, key: str, value: str, ttl: timedelta) -> None:
        return None

    async def recall(self, key: str) -> str | None:
        return None

    async def forget(self, key: str) -> None:
        return None


@dataclass
class Turned:
    """A monotonic clock that moves only when told."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class RawServer:
    """A server that speaks whatever bytes it likes, and counts who came."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@pytest.fixture
def instant() -> Turned:
    """The kit's monotonic clock."""
    return Turned()


@pytest.fixture
def kit(instant: Turned) -> Kit:
    """A kit whose monotonic clock is `instant`."""
    return Kit("upstream", lambda: datetime(2026, 11, 21, tzinfo=UTC), instant, NoCoordination(), lambda name: name)


@pytest.fixture
def budget(instant: Turned) -> Budget:
    """Room enough for a call on loopback."""
    return Budget(send_before=instant() + 10.0, timeout_s=5.0)


@pytest.fixture
def serve() -> Callable[..., AbstractAsyncContextManager[Door]]:
    """Serve one handler for every path, optionally over TLS."""

    def start(handler: Handler, tls: ssl.SSLContext | None = None) -> AbstractAsyncContextManager[Door]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        return opened(app, tls=tls)

    return start


@pytest.fixture
def raw() -> Callable[[Peer], AbstractAsyncContextManager[RawServer]]:
    """Serve raw bytes: the peer gets each connection after the request's head and body were read."""

    @asynccontextmanager
    async def start(peer: Peer) -> AsyncIterator[RawServer]:
        seen = RawServer()

        async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.connections += 1
            try:
                seen.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await peer(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        seen.port = server.sockets[0].getsockname()[1]
        async with server:
            yield seen

    return start


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for localhost and 127.0.0.1: its PEM file, and a server context that shows it."""
    folder = tmp_path_factory.mktemp("pki")
    context = self_signed(folder, datetime.now(UTC))
    return folder / "certificate.pem", context


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The connector `toy_upstream`, installed as a distribution of its own; its folder."""
    source = Path(__file__).with_name("foreign")
    metadata = tmp_path / "toy_upstream-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-upstream\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[tthc_gateway.connectors]\ntoy_upstream = toy_upstream\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(source))
    yield source / "toy_upstream"
    for name in [name for name in sys.modules if name.split(".")[0] == "toy_upstream"]:
        del sys.modules[name]
