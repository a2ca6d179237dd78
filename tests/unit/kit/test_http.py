"""The HTTP door: what may be concluded from each failure, and that nothing leaks or is repeated."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import (
    AnswerUnreadable,
    CannotMap,
    CertificateExpired,
    ContractChanged,
    DeliveryError,
    NoAnswer,
    NotSent,
)
from connectors.kit.http import HttpClient, HttpOptions, HttpRequest, remaining
from connectors.kit.simulation import Door

Serve = Callable[..., AbstractAsyncContextManager[Door]]
Raw = Callable[..., AbstractAsyncContextManager[Any]]
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LOOPBACK = HttpOptions(allow_plain=("127.0.0.1",), redact=("session", "password"))
POST = HttpRequest("POST", "/mapi/g", {"Content-Type": "application/json"}, b'{"session":"s3cret","madonvi":"G16"}')


def client_of(port: int, kit: Kit, options: HttpOptions = LOOPBACK) -> HttpClient:
    return HttpClient(base_url=f"http://127.0.0.1:{port}", kit=kit, options=options)


def saying(text: bytes) -> Peer:
    async def peer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return peer


async def free_port() -> int:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def until(true: Callable[[], bool]) -> None:
    """Give the loop a moment until `true` holds."""
    for _ in range(6_000):
        if true():
            return
        await asyncio.sleep(0.005)


async def outcome(client: HttpClient, budget: Budget, request: HttpRequest = POST) -> DeliveryError:
    """The error that a call ends in; the client is closed afterwards."""
    try:
        with pytest.raises(DeliveryError) as caught:
            await client.call(request, budget)
    finally:
        await client.close()
    return caught.value


async def test_an_answer_comes_back_as_it_was(kit: Kit, budget: Budget, serve: Serve) -> None:
    """Method, path, query, headers and body arrive; status, headers and body come back, with no cookies kept."""
    seen: list[tuple[str, str, str, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, request.headers.get("Cookie", ""), await request.read()))
        answer = web.Response(status=201, body=b"\x00\xff", headers={"X-Ref": "7"})
        answer.set_cookie("sid", "1")
        return answer

    async with serve(handler) as door:
        client = client_of(door.port, kit)
        for _ in range(2):
            answer = await client.call(replace(POST, query={"a b": "c/d"}), budget)
        await client.close()
    assert (answer.status, answer.body, answer.headers["x-ref"]) == (201, b"\x00\xff", "7")
    assert seen == [("POST", "/mapi/g?a%20b=c%2Fd", "", POST.body)] * 2


async def test_a_refused_port_is_not_sent_after_three_tries(kit: Kit, budget: Budget) -> None:
    """Nothing listens: not one byte left, and the upstream may be tried again later."""
    error = await outcome(client_of(await free_port(), kit), budget)
    assert type(error) is NotSent
    assert error.exchange.http_status == 0


async def test_an_upstream_that_comes_up_while_connecting_is_reached(kit: Kit, budget: Budget, serve: Serve) -> None:
    """Within one attempt connecting is tried again: the first try is refused, a later one gets through."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async with serve(handler) as door:
        await door.shut()
        client = client_of(door.port, kit)
        call = asyncio.create_task(client.call(POST, budget))
        await asyncio.sleep(0.05)
        await door.open()
        assert (await call).body == b"ok"
        await client.close()


async def test_a_name_that_does_not_resolve_is_not_sent(kit: Kit, budget: Budget) -> None:
    """A name that no resolver may answer (RFC 6761, .invalid) leaves nothing on the wire."""
    options = HttpOptions(allow_plain=("nowhere.invalid",))
    error = await outcome(HttpClient(base_url="http://nowhere.invalid", kit=kit, options=options), budget)
    assert type(error) is NotSent


async def test_a_self_signed_certificate_is_refused(
    kit: Kit, budget: Budget, serve: Serve, pki: tuple[Path, ssl.SSLContext]
) -> None:
    """A certificate that nobody vouches for stops the upstream and asks for a person; no request is seen."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response()

    async with serve(handler, pki[1]) as door:
        error = await outcome(HttpClient(base_url=f"https://localhost:{door.port}", kit=kit), budget)
    assert type(error) is CertificateExpired
    assert seen == []


async def test_a_certificate_for_another_name_is_refused(
    kit: Kit, budget: Budget, serve: Serve, pki: tuple[Path, ssl.SSLContext]
) -> None:
    """Even with the right anchor the name must match."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    async with serve(handler, pki[1]) as door:
        client = HttpClient(
            base_url=f"https://127.0.0.2:{door.port}", kit=kit, options=HttpOptions(ca_file=str(pki[0]))
        )
        error = await outcome(client, budget)
    assert isinstance(error, CertificateExpired | NotSent)


async def test_a_named_anchor_is_trusted(
    kit: Kit, budget: Budget, serve: Serve, pki: tuple[Path, ssl.SSLContext]
) -> None:
    """`ca_file` names who vouches."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async with serve(handler, pki[1]) as door:
        options = HttpOptions(ca_file=str(pki[0]))
        client = HttpClient(base_url=f"https://localhost:{door.port}/", kit=kit, options=options)
        answer = await client.call(POST, budget)
        await client.close()
    assert answer.body == b"ok"


async def test_a_tls_handshake_with_a_plain_server_is_not_sent(kit: Kit, budget: Budget, serve: Serve) -> None:
    """What answers is no TLS: the request never left."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response()

    async with serve(handler) as door:
        error = await outcome(HttpClient(base_url=f"https://127.0.0.1:{door.port}", kit=kit), budget)
    assert type(error) is NotSent


async def test_a_drop_after_the_request_is_no_answer(kit: Kit, budget: Budget, raw: Raw) -> None:
    """The upstream may have acted; a POST is never repeated by itself, and the secret is not in the evidence."""
    async with raw(saying(b"")) as server:
        error = await outcome(client_of(server.port, kit), budget)
    assert type(error) is NoAnswer
    assert server.connections == 1
    assert error.exchange.request == b'{"session":"***","madonvi":"G16"}'


async def test_a_drop_on_a_reused_connection_is_no_answer_and_not_repeated(kit: Kit, budget: Budget, raw: Raw) -> None:
    """The second POST goes out on the first one's connection, which breaks: one POST each on the wire, not three."""
    heads: list[bytes] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(POST.body))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        heads.append(await reader.readuntil(b"\r\n\r\n"))

    async with raw(peer) as server:
        client = client_of(server.port, kit)
        assert (await client.call(POST, budget)).body == b"ok"
        error = await outcome(client, budget)
    assert type(error) is NoAnswer
    assert (server.connections, len(heads)) == (1, 1)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_not_even_an_idempotent_request_is_repeated_by_itself(
    kit: Kit, budget: Budget, raw: Raw, method: str
) -> None:
    """The library would send these again over a new connection; one byte written is one chance."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")

    async with raw(peer) as server:
        client = client_of(server.port, kit)
        request = HttpRequest(method, "/mapi/g")
        assert (await client.call(request, budget)).body == b"ok"
        error = await outcome(client, budget, request)
        assert type(error) is NoAnswer
        assert len(server.requests) == 1


async def test_a_slow_upstream_is_no_answer_within_the_budget(kit: Kit, budget: Budget, raw: Raw) -> None:
    """The attempt ends with its own time-out, whatever the upstream does."""

    async def peer(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with raw(peer) as server:
        started = time.monotonic()
        error = await outcome(client_of(server.port, kit), replace(budget, timeout_s=0.2))
        lasted = time.monotonic() - started
    assert type(error) is NoAnswer
    assert 0.2 <= lasted < 20


async def test_a_slow_body_is_no_answer(kit: Kit, budget: Budget, raw: Raw) -> None:
    """An answer that never ends is no answer, but what came of it is kept."""

    async def peer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await asyncio.sleep(5)

    async with raw(peer) as server:
        error = await outcome(client_of(server.port, kit), replace(budget, timeout_s=0.2))
    assert type(error) is NoAnswer
    assert (error.exchange.http_status, error.exchange.response) == (200, b"half")


async def test_a_full_pool_is_not_sent(kit: Kit, budget: Budget, raw: Raw) -> None:
    """Waiting for a free connection until the time is up leaves nothing on the wire."""
    held = asyncio.Event()

    async def peer(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        held.set()
        await asyncio.sleep(5)

    async with raw(peer) as server:
        client = client_of(server.port, kit, replace(LOOPBACK, connections=1))
        first = asyncio.create_task(client.call(POST, budget))
        await held.wait()
        error = await outcome(client, replace(budget, timeout_s=0.2))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert type(error) is NotSent
    assert len(server.requests) == 1


async def test_an_expired_budget_touches_no_wire(kit: Kit, budget: Budget, raw: Raw, instant: Any) -> None:
    """Past `send_before` the lease may be another node's: not even a connection is made."""
    instant.at = budget.send_before
    async with raw(saying(b"")) as server:
        error = await outcome(client_of(server.port, kit), budget)
    assert type(error) is NotSent
    assert server.connections == 0


async def test_a_budget_that_expires_while_connecting_sends_no_byte(kit: Kit, budget: Budget, raw: Raw) -> None:
    """The deadline is looked at again right before the first byte, after however long connecting took."""
    readings = iter([0.0, 0.0, *[99.0] * 20])
    late = replace(kit, instant=lambda: next(readings))
    async with raw(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
        error = await outcome(client_of(server.port, late), Budget(send_before=10.0, timeout_s=5.0))
        await asyncio.sleep(0.01)
    assert type(error) is NotSent
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnope\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut short",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 5_000,
    ],
    ids=["not-http", "broken-chunk", "cut-short", "compressed", "announced-too-large", "grows-too-large"],
)
async def test_what_cannot_be_read_is_unreadable(kit: Kit, budget: Budget, raw: Raw, answer: bytes) -> None:
    """An answer came but nothing can be learned from it: it may have happened."""
    async with raw(saying(answer)) as server:
        error = await outcome(client_of(server.port, kit, replace(LOOPBACK, max_answer_bytes=4_000)), budget)
    assert type(error) is AnswerUnreadable
    assert len(error.exchange.response) <= 4_000


async def test_a_proxy_of_the_environment_is_not_used(
    kit: Kit, budget: Budget, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dossiers go to the configured address and to nobody that a variable names."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{await free_port()}")

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async with serve(handler) as door:
        client = client_of(door.port, kit)
        assert (await client.call(POST, budget)).body == b"ok"
        await client.close()


async def test_a_redirect_is_an_answer(kit: Kit, budget: Budget, serve: Serve) -> None:
    """A redirect is not followed: the body would go to somebody the configuration does not name."""
    paths: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with serve(handler) as door:
        client = client_of(door.port, kit)
        answer = await client.call(POST, budget)
        await client.close()
    assert (answer.status, paths) == (302, ["/mapi/g"])


async def test_a_cancelled_call_closes_its_connection(kit: Kit, budget: Budget, serve: Serve) -> None:
    """After a cancellation the connection is gone, no task is left, and the client still works."""
    arrived, released = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/slow":
            arrived.set()
            await released.wait()
        return web.Response(text="ok")

    async with serve(handler) as door:
        before = asyncio.all_tasks()
        client = client_of(door.port, kit)
        call = asyncio.create_task(client.call(replace(POST, path="/slow"), budget))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: door.connections == 0)
        assert door.connections == 0
        released.set()
        await until(lambda: asyncio.all_tasks() == before)
        assert asyncio.all_tasks() == before
        assert (await client.call(POST, budget)).body == b"ok"
        await client.close()


async def test_many_cancelled_calls_leave_the_pool_whole(kit: Kit, budget: Budget, serve: Serve) -> None:
    """A storm of cancellations mixes up no answers and uses up no connection (failure catalogue F17)."""

    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(0.005)
        return web.Response(body=await request.read())

    async def one(number: int, client: HttpClient) -> bool:
        body = str(number).encode()
        call = asyncio.create_task(client.call(replace(POST, body=body), budget))
        if number % 3 == 0:
            await asyncio.sleep(0.002 * (number % 7))
            call.cancel()
        results = await asyncio.gather(call, return_exceptions=True)
        return isinstance(results[0], asyncio.CancelledError) or getattr(results[0], "body", None) == body

    async with serve(handler) as door:
        client = client_of(door.port, kit, replace(LOOPBACK, connections=4))
        assert all(await asyncio.gather(*(one(number, client) for number in range(120))))
        await client.close()


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:80",
        "http://localhost",
        "http://portal.gov.vn",
        "ftp://127.0.0.1",
        "https://user:pw@portal.gov.vn",
        "https://portal.gov.vn/?x=1",
        "https://portal.gov.vn/#x",
        "https://",
        "nonsense",
        "https://portal.gov.vn:99999999",
    ],
)
def test_an_address_that_must_not_be_used_is_refused_at_once(kit: Kit, base: str) -> None:
    """Plain HTTP needs a listed host, loopback too; and no credentials are repeated in the error."""
    with pytest.raises(ContractChanged) as caught:
        HttpClient(base_url=base, kit=kit, options=HttpOptions(allow_plain=("adapter.lan",)))
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("listed", ["adapter.lan", "ADAPTER.lan", "adapter.lan:8080"])
def test_a_listed_host_may_be_plain(kit: Kit, listed: str) -> None:
    """The list names hosts, with or without the port, in any case."""
    HttpClient(base_url="http://Adapter.lan:8080/x", kit=kit, options=HttpOptions(allow_plain=(listed,)))


def test_a_port_that_is_not_listed_stays_closed(kit: Kit) -> None:
    """A listed host with a port opens that port only."""
    with pytest.raises(ContractChanged):
        HttpClient(base_url="http://adapter.lan:81", kit=kit, options=HttpOptions(allow_plain=("adapter.lan:8080",)))


def test_a_missing_anchor_file_is_named(kit: Kit) -> None:
    """A wrong `ca_file` is found at start, not at the first dossier."""
    with pytest.raises(ContractChanged, match="ca_file"):
        HttpClient(base_url="https://portal.gov.vn", kit=kit, options=HttpOptions(ca_file="/nonexistent.pem"))


@pytest.mark.parametrize("headers", [{"X": "a\r\nEvil: 1"}, {"X": "a\x00"}, {"X y": "a"}, {"": "a"}])
async def test_a_header_that_would_split_is_refused(kit: Kit, budget: Budget, headers: dict[str, str]) -> None:
    """Header injection ends before the wire, at the message that caused it."""
    assert type(await outcome(client_of(1, kit), budget, replace(POST, headers=headers))) is CannotMap


async def test_errors_and_values_print_no_body(kit: Kit, budget: Budget) -> None:
    """Neither the repr of a request nor the text of an error shows what was in it."""
    error = await outcome(client_of(await free_port(), kit), budget, replace(POST, query={"cccd": "079200001234"}))
    shown = repr(POST) + repr(error) + str(error) + repr(error.__cause__)
    assert "s3cret" not in shown
    assert "079200001234" not in shown


def test_the_rest_of_a_budget_never_grows(kit: Kit, budget: Budget, instant: Any) -> None:
    """A later call of the same attempt gets what is left of the time, at least nothing."""
    started = instant()
    instant.at += 2
    assert remaining(budget, started, kit) == Budget(budget.send_before, 3.0)
    instant.at += 20
    assert remaining(budget, started, kit).timeout_s == 0.0
