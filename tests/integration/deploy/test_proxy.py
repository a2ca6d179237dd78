"""The proxy of deploy/ tells nodes the truth about who asks, and leads an address outside always to the same node."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.kit.loopback_tls import self_signed
from gateway.cli.demonstration.servers import free_ports
from gateway.clock import utc_now
from tests.line.program import until

_PATHS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
needs_haproxy = pytest.mark.skipif(shutil.which("haproxy", path=_PATHS) is None, reason="haproxy is not installed")


@pytest.fixture
def deploy() -> Path:
    """The folder."""
    return Path(__file__).parents[3] / "deploy"


@pytest.fixture
async def seen() -> AsyncIterator[tuple[int, list[tuple[str, dict[str, str]]]]]:
    """A node that only writes down which headers reach it, and says that it is ready."""
    requests: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append((request.path, {name.lower(): value for name, value in request.headers.items()}))
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield int(runner.addresses[0][1]), requests
    await runner.cleanup()


@needs_haproxy
def test_on_debian_the_proxy_does_not_serve_as_root(deploy: Path, tmp_path: Path) -> None:
    """The second file names the user of Debian's package; both together are a configuration that haproxy takes."""
    text = (deploy / "haproxy/debian.cfg").read_text(encoding="utf-8")
    assert {"    user haproxy", "    group haproxy", "    chroot /var/lib/haproxy"} <= set(text.splitlines())
    assert 'EXTRAOPTS="-f /etc/haproxy/debian.cfg' in (deploy / "README.md").read_text(encoding="utf-8")
    self_signed(tmp_path, utc_now())
    pem = tmp_path / "proxy.pem"
    pem.write_bytes(b"".join((tmp_path / part).read_bytes() for part in ("certificate.pem", "key.pem")))
    environment = {
        **{f"NODE_{number}": "127.0.0.1" for number in (1, 2, 3)},
        "NODE_PORT": "8080",
        "NODE_EDGE_PORT": "8443",
        "INTERNAL_BIND": ":443",
        "EDGE_BIND": ":9443",
        "PROXY_PEM": str(pem),
        "CLIENT_CA": str(pem),
        "PATH": os.environ["PATH"],
    }
    files = [word for name in ("haproxy.cfg", "debian.cfg") for word in ("-f", str(deploy / "haproxy" / name))]
    line = [shutil.which("haproxy", path=_PATHS) or "haproxy", "-c", *files]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


@needs_haproxy
async def test_the_proxy_hands_the_certificate_on_and_drops_what_strangers_say(
    deploy: Path, tmp_path: Path, seen: tuple[int, list[tuple[str, dict[str, str]]]]
) -> None:
    """`Client-Cert` is the certificate of this very connection as RFC 9440 writes it, or it is not there; on the edge never."""
    port, requests = seen
    with _proxy(deploy, tmp_path, port) as (internal, edge):
        await _asked(tmp_path, internal, edge, requests)


@contextmanager
def _proxy(deploy: Path, folder: Path, port: int, *nodes: str, outside: int | None = None) -> Iterator[tuple[int, int]]:
    """The proxy of the configuration before nodes at these addresses; the ports of its two sides.

    `outside` is the port of their edge; None: that of the inside as well.
    """
    for name in ("proxy", "client"):
        (folder / name).mkdir()
        self_signed(folder / name, utc_now())
        pair = [(folder / name / part).read_bytes() for part in ("certificate.pem", "key.pem")]
        (folder / f"{name}.pem").write_bytes(b"".join(pair))
    internal, edge = free_ports(2)
    environment = {
        **{f"NODE_{number}": (nodes or ("127.0.0.1",) * 3)[number - 1] for number in (1, 2, 3)},
        "NODE_PORT": str(port),
        "NODE_EDGE_PORT": str(outside or port),
        "INTERNAL_BIND": f"127.0.0.1:{internal}",
        "EDGE_BIND": f"127.0.0.1:{edge}",
        "PROXY_PEM": str(folder / "proxy.pem"),
        "CLIENT_CA": str(folder / "client.pem"),
        "PATH": os.environ["PATH"],
    }
    line = [shutil.which("haproxy", path=_PATHS) or "haproxy", "-f", str(deploy / "haproxy/haproxy.cfg")]
    done = subprocess.run([*line, "-c"], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield internal, edge
    finally:
        process.terminate()
        process.wait(timeout=60)


@needs_haproxy
async def test_an_address_outside_meets_one_node_and_all_addresses_together_meet_all(
    deploy: Path, tmp_path: Path
) -> None:
    """What a node counts of an address is then all that there was of it."""
    addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    (port,) = free_ports(1)
    met: dict[str, set[str]] = {}

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        met.setdefault(request.headers["X-Forwarded-For"], set()).add(request.transport.get_extra_info("sockname")[0])
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    for address in addresses:
        await web.TCPSite(runner, address, port).start()
    with _proxy(deploy, tmp_path, port, *addresses) as (_, edge):
        await asyncio.to_thread(until, lambda: _open(edge), "the proxy listens")
        for _ in range(3):
            await _strangers(tmp_path, edge)
    await runner.cleanup()
    assert len(met) == 25  # no multiple of three, or turns would look the same
    assert all(len(nodes) == 1 for nodes in met.values()), met
    assert set().union(*met.values()) == set(addresses)


async def _strangers(folder: Path, edge: int) -> None:
    """One call from each of 25 addresses outside; each is answered."""
    trusting = ssl.create_default_context(cafile=str(folder / "proxy.pem"))
    trusting.check_hostname = False
    for number in range(1, 26):
        connector = aiohttp.TCPConnector(ssl=trusting, local_addr=(f"127.0.1.{number}", 0))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"https://127.0.0.1:{edge}/") as told,
        ):
            assert told.status == 200


@needs_haproxy
async def test_an_edge_node_that_is_not_ready_inside_gets_no_more_calls(deploy: Path, tmp_path: Path) -> None:
    """It still listens to strangers; but its internal `/readyz` says 503, and its addresses go to the others."""
    addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    sick = addresses[1]
    inside, outside = free_ports(2)
    met: set[str] = set()
    ailing: set[str] = set()

    def reached(request: web.Request) -> tuple[str, int]:
        assert request.transport is not None
        address, port = request.transport.get_extra_info("sockname")
        return str(address), int(port)

    async def answer(request: web.Request) -> web.Response:
        address, port = reached(request)
        if port == inside:
            assert request.path == "/readyz"
            return web.Response(status=503 if address in ailing else 200)
        met.add(address)
        return web.Response(text="ok")

    async def spared() -> bool:
        met.clear()
        await _strangers(tmp_path, edge)
        return sick not in met

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    for address in addresses:
        await web.TCPSite(runner, address, inside).start()
        await web.TCPSite(runner, address, outside).start()
    with _proxy(deploy, tmp_path, inside, *addresses, outside=outside) as (_, edge):
        await asyncio.to_thread(until, lambda: _open(edge), "the proxy listens")
        await _strangers(tmp_path, edge)
        assert met == set(addresses)
        ailing.add(sick)
        await asyncio.to_thread(until, lambda: asyncio.run(spared()), "the node is spared")
    await runner.cleanup()
    assert met == set(addresses) - {sick}


def _open(port: int) -> bool:
    with closing(socket.socket()) as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


async def _asked(folder: Path, internal: int, edge: int, requests: list[tuple[str, dict[str, str]]]) -> None:
    forged = {"Client-Cert": ":Zm9yZ2Vk:", "Client-Cert-Chain": ":Zm9yZ2Vk:", "X-Forwarded-For": "203.0.113.7"}

    async def ask(port: int, path: str, certificate: Path | None) -> int:
        trusting = ssl.create_default_context(cafile=str(folder / "proxy.pem"))
        trusting.check_hostname = False
        if certificate is not None:
            trusting.load_cert_chain(certificate)
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"https://127.0.0.1:{port}{path}", headers=forged) as answer,
        ):
            return answer.status

    async def ready() -> bool:
        try:
            return await ask(internal, "/ready-yet", None) == 200
        except aiohttp.ClientError:
            return False

    for _ in range(2_000):
        if await ready():
            break
    assert await ask(internal, "/with", folder / "client.pem") == 200
    assert await ask(internal, "/without", None) == 200
    assert await ask(edge, "/edge", folder / "client.pem") == 200
    assert await ask(internal, "/metrics", None) == 404
    told = dict(requests)
    der = x509.load_pem_x509_certificate((folder / "client.pem").read_bytes()).public_bytes(Encoding.DER)
    assert told["/with"]["client-cert"] == f":{base64.b64encode(der).decode()}:"
    for path in ("/without", "/edge"):
        assert "client-cert" not in told[path]
    assert all("client-cert-chain" not in headers for _, headers in requests)
    assert told["/edge"]["x-forwarded-for"] == "127.0.0.1"
    assert "x-forwarded-for" not in told["/with"]
    assert "/metrics" not in told
