"""What `bench/soap.py` runs on one core each: the SOAP stub, our bridge, and a bridge as one writes it with zeep.

A bridge takes JSON (`POST /<operation>` with the fields of its request), asks the stub over SOAP 1.1 and answers JSON.

    python -m bench.bridges stub answers.json | ours|door|zeep WSDL BINDING ADDRESS

The first line printed is {"port": ...}.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
import uvloop
from aiohttp import web
from lxml import etree
from yarl import URL

from connectors.kit.contract import Budget, Kit
from connectors.kit.ground import LoneCoordination
from connectors.kit.http import HttpClient, HttpOptions, HttpRequest
from connectors.kit.soap.port import Port

CONNECTIONS = 32
Translate = Callable[[str, bytes], Awaitable[bytes]]


class Stub(asyncio.Protocol):
    """Answers each POST by the operation that its body names; `GET /` gives the last body. Quicker than any bridge."""

    answers: dict[bytes, bytes]
    last = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One more bridge."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Whole requests are answered, the rest is kept."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            if b"transfer-encoding: chunked" in head:
                raise SystemExit("the stub reads bodies by their length")
            _, _, said = head.partition(b"content-length:")
            size = int(said.partition(b"\r\n")[0] or 0)
            if len(self._held) < end + 4 + size:
                return
            body, self._held = self._held[end + 4 : end + 4 + size], self._held[end + 4 + size :]
            self._transport.write(self._answer(body))

    def _answer(self, body: bytes) -> bytes:
        if not body:
            return _response(Stub.last)
        Stub.last = body
        return next(answer for name, answer in Stub.answers.items() if name in body)


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def stub(answers: str) -> None:
    """Serve for ever."""
    held = json.loads(Path(answers).read_text("utf-8"))
    Stub.answers = {name.encode(): _response(text.encode()) for name, text in held.items()}
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
    _told(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def ours(wsdl: str, binding: str, address: str) -> None:
    """Our own parts as a connector holds them: compiled builder, XSD both ways, strict reader; aiohttp carries, as for zeep."""
    port = Port.load(Path(wsdl), binding)
    spoken = {name: port.speak(name) for name in port.operations}
    session, url = _carrier(), URL(address)

    async def translate(operation: str, body: bytes) -> bytes:
        one = spoken[operation]
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": one.action}
        async with session.post(url, data=one.write(msgspec.json.decode(body)), headers=headers) as answer:
            return msgspec.json.encode(one.read(await answer.read()).body)

    await _served(translate)


async def ours_through_the_door(wsdl: str, binding: str, address: str) -> None:
    """The same through the kit's one door to HTTP, which also knows what may have left, leases and deadlines."""
    port = Port.load(Path(wsdl), binding)
    spoken = {name: port.speak(name) for name in port.operations}
    kit = Kit("bench", lambda: datetime.now(UTC), time.monotonic, LoneCoordination(), lambda _reference: "")
    base, _, path = address.rpartition("/")
    options = HttpOptions(allow_plain=("127.0.0.1",), connections=CONNECTIONS)
    client = HttpClient(base_url=base, kit=kit, options=options)

    async def translate(operation: str, body: bytes) -> bytes:
        one = spoken[operation]
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": one.action}
        request = HttpRequest("POST", f"/{path}", headers, one.write(msgspec.json.decode(body)))
        answer = await client.call(request, Budget(kit.instant() + 30, 30))
        return msgspec.json.encode(one.read(answer.body).body)

    await _served(translate)


async def by_zeep(wsdl: str, binding: str, address: str) -> None:
    """zeep builds and reads; aiohttp carries, which is ten times quicker than zeep's own asynchronous transport."""
    import zeep
    import zeep.helpers

    client: Any = zeep.Client(wsdl)  # type: ignore[no-untyped-call]  # zeep has no types
    held: Any = next(one for one in client.wsdl.bindings.values() if one.name.localname == binding)
    service = client.create_service(str(held.name), address)
    as_json: Any = zeep.helpers.serialize_object
    session, url = _carrier(), URL(address)

    async def translate(operation: str, body: bytes) -> bytes:
        envelope = client.create_message(service, operation, **json.loads(body))
        raw = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
        async with session.post(url, data=raw, headers=headers) as answer:
            read = held._operations[operation].process_reply(etree.fromstring(await answer.read()))
        return json.dumps(as_json(read, dict), ensure_ascii=False).encode()

    await _served(translate)


def _carrier() -> aiohttp.ClientSession:
    """The session of both bridges that hold one: connections kept, no cookies."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


async def _served(translate: Translate) -> None:
    async def handle(request: web.Request) -> web.Response:
        answer = await translate(request.match_info["operation"], await request.read())
        return web.Response(body=answer, content_type="application/json")

    application = web.Application()
    application.router.add_post("/{operation}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _told(runner.addresses[0][1])
    await asyncio.Event().wait()


def _told(port: int) -> None:
    print(json.dumps({"port": port, "pid": os.getpid()}), flush=True)


if __name__ == "__main__":
    programs: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
        "stub": stub,
        "ours": ours,
        "door": ours_through_the_door,
        "zeep": by_zeep,
    }
    uvloop.run(programs[sys.argv[1]](*sys.argv[2:]))
