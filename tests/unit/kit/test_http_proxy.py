"""A forward proxy: the request goes through its tunnel, and what it refuses was never sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import ContractChanged, NotSent
from connectors.kit.http import HttpClient, HttpOptions, HttpRequest
from connectors.kit.loopback_tls import self_signed
from connectors.kit.simulation import Door

Serve = Callable[..., AbstractAsyncContextManager[Door]]


@asynccontextmanager
async def tunnelling(answer: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that answers CONNECT in this way, and what it was asked; with 200 it carries bytes both ways."""
    asked: list[str] = []

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
        sink.close()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.split("\r\n")[0])
        writer.write(answer)
        await writer.drain()
        if b" 200 " in answer:
            host, _, port = head.split()[1].rpartition(":")
            there, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(carry(reader, back), carry(there, writer))
        writer.close()

    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        await server.wait_closed()


async def test_a_call_goes_through_the_tunnel_of_the_proxy(
    kit: Kit, budget: Budget, serve: Serve, tmp_path: Path
) -> None:
    """The proxy learns host and port and nothing else; TLS is with the upstream itself."""
    context = self_signed(tmp_path, datetime.now(UTC))

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with serve(handler, context) as door, tunnelling(b"HTTP/1.1 200 OK\r\n\r\n") as (proxy, asked):
        options = HttpOptions(ca_file=str(tmp_path / "certificate.pem"), proxy=proxy)
        client = HttpClient(base_url=f"https://localhost:{door.port}", kit=kit, options=options)
        answer = await client.call(HttpRequest("POST", "/dancu", body=b"x"), budget)
        await client.close()
        assert (answer.status, answer.body) == (200, b"x")
        assert asked == [f"CONNECT localhost:{door.port} HTTP/1.1"]


async def test_what_a_proxy_refuses_was_not_sent(kit: Kit, budget: Budget) -> None:
    """A refused tunnel, and a proxy that is not there: not one byte of the request left."""
    async with tunnelling(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (proxy, asked):
        client = HttpClient(base_url="https://localhost:9", kit=kit, options=HttpOptions(proxy=proxy))
        with pytest.raises(NotSent):
            await client.call(HttpRequest("GET", "/"), budget)
        await client.close()
        assert asked
    client = HttpClient(base_url="https://localhost:9", kit=kit, options=HttpOptions(proxy=proxy))
    with pytest.raises(NotSent):
        await client.call(HttpRequest("GET", "/"), budget)
    await client.close()


@pytest.mark.parametrize(
    "proxy", ["proxy:3128", "http://a:b@proxy:3128", "https://proxy", "http://proxy/x", "http://["]
)
def test_an_address_that_is_no_proxy_is_refused_at_the_start(kit: Kit, proxy: str) -> None:
    """With credentials it would be a secret in the configuration."""
    with pytest.raises(ContractChanged):
        HttpClient(base_url="https://localhost", kit=kit, options=HttpOptions(proxy=proxy))
