"""The content of a request is read to a limit and never beyond."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web

from gateway.errors import Invalid, TooLarge
from gateway.intake.validate import read_body


@pytest.fixture
async def door(aiohttp_server: Callable[..., Any]) -> Any:
    """A server that answers with the size of what it read, and counts what it kept."""
    kept: list[int] = []

    async def handler(request: web.Request) -> web.Response:
        try:
            body = await read_body(request, 1_000_000)
        except TooLarge as error:
            return web.Response(status=error.status, text=error.message_vi)
        except Invalid as error:
            return web.Response(status=error.status, text=error.code)
        kept.append(len(body))
        return web.Response(text=hashlib.sha256(body).hexdigest())

    app = web.Application(client_max_size=0)
    app.router.add_post("/", handler)
    server = await aiohttp_server(app)
    return server, kept


async def test_body_at_the_limit(door: Any) -> None:
    """The last byte that fits is read."""
    server, kept = door
    body = b"x" * 1_000_000
    async with ClientSession() as session, session.post(server.make_url("/"), data=body) as answer:
        assert (answer.status, await answer.text()) == (200, hashlib.sha256(body).hexdigest())
    assert kept == [1_000_000]


async def test_body_announced_too_large(door: Any) -> None:
    """Fifty megabytes are refused by their announcement."""
    server, kept = door
    async with ClientSession() as session, session.post(server.make_url("/"), data=b"x" * 1_000_001) as answer:
        assert answer.status == 413
        assert "tải tệp lên trước" in await answer.text()
    assert kept == []


async def test_body_of_50_megabytes_without_announcement(door: Any) -> None:
    """A stream is cut off at the limit: most of it is never taken."""
    server, kept = door
    given = 0

    async def stream() -> Any:
        nonlocal given
        for _ in range(800):
            given += 65_536
            yield b"x" * 65_536

    async with ClientSession() as session:
        try:
            async with session.post(server.make_url("/"), data=stream()) as answer:
                assert answer.status == 413
        except OSError:
            pass  # The server may hang up before it is heard; what counts is that it kept nothing.
    assert kept == []
    assert given < 800 * 65_536


async def test_compressed_body(door: Any) -> None:
    """A small body that unpacks to a large one is not unpacked; the digest is over the bytes as sent."""
    server, kept = door
    async with (
        ClientSession() as session,
        session.post(server.make_url("/"), data=b"x" * 500, compress="gzip") as answer,
    ):
        assert (answer.status, await answer.text()) == (415, "unsupported_encoding")
    assert kept == []
