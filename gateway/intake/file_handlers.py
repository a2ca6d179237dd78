"""HTTP in and out of the files, sent, asked for, listed and read; what is meant stands in files.py and beside it.

The body of a POST is the file itself, of any media type; the dossier stands in the signed query.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable

from aiohttp import web

from gateway.errors import JournalUnavailable
from gateway.intake import files
from gateway.intake.accept import Arrival
from gateway.intake.authenticate import Caller
from gateway.intake.file_reading import Opened, listed, reading
from gateway.intake.files import FileDoor
from gateway.intake.pulling import pull
from gateway.intake.validate import read_body
from gateway.journal.sealing import SealBroken
from gateway.observe.log import correlation_id
from mappings.codec import encode

ROUTE = "/v1/files"
_LOG = logging.getLogger("gateway.intake")
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class FileHandlers:
    """The handlers of the files."""

    def __init__(self, door: FileDoor, count: Callable[[str], None]) -> None:
        self._door, self._count = door, count

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler of each."""
        return [
            web.post(ROUTE, self.post_file, expect_handler=_not_yet),
            web.post(f"{ROUTE}/pull", self.post_pull),
            web.get(ROUTE, self.get_files, allow_head=False),
            web.get(f"{ROUTE}/{{sha256:[0-9a-f]{{64}}}}", self.get_file, allow_head=False),
        ]

    async def post_file(self, request: web.Request) -> web.Response:
        """`POST /v1/files?dossier=CODE`: one file, before the event that names it (dossier-model 4.1)."""
        sent = await files.announced(self._door, request)
        accepted = await files.store(self._door, sent, request.content, lambda: _go_on(request))
        self._count(f"file_{accepted.status}")
        return web.Response(body=accepted.answer, status=accepted.status, content_type="application/json")

    async def post_pull(self, request: web.Request) -> web.Response:
        """`POST /v1/files/pull`: a file that we fetch from a host of the caller's list."""
        door = self._door.door
        body = await read_body(request, door.limits.max_body_bytes, door.limits.body_timeout_s)
        arrival = Arrival(door.authenticator.parts(request), body, request.headers.get("Content-Type", ""))
        accepted = await pull(self._door, arrival)
        self._count(f"file_pulled_{accepted.status}")
        return web.Response(body=accepted.answer, status=accepted.status, content_type="application/json")

    async def get_files(self, request: web.Request) -> web.Response:
        """`GET /v1/files?dossier=CODE`: digests, sizes, who uploaded and when; no content, nothing personal."""
        caller = await self._reader(request)
        dossier = files.asked_dossier(self._door.door, request.query.getall("dossier", []))
        tree = await listed(self._door.door, caller, dossier)
        return web.Response(body=encode(tree), content_type="application/json", headers={"Cache-Control": "no-store"})

    async def get_file(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/files/{sha256}?dossier=CODE`: the content; that it was read is audited before the first byte."""
        caller = await self._reader(request)
        dossier = files.asked_dossier(self._door.door, request.query.getall("dossier", []))
        sha256 = request.match_info["sha256"]
        asked = dossier, f"GET {ROUTE}/{{sha256}}"
        async with reading(self._door, caller, sha256, asked) as opened:
            response = web.StreamResponse(headers=_headers(opened, sha256))
            response.content_length = opened.size
            await response.prepare(request)
            await self._give(request, response, opened)
            self._count("file_read")
            return response

    async def _give(self, request: web.Request, response: web.StreamResponse, opened: Opened) -> None:
        """The content, chunk by chunk. What breaks midway breaks the connection: half a file must not look like a whole."""
        chunk, given = opened.first, 0
        try:
            while chunk:
                async with asyncio.timeout(self._door.policy.stall_s):
                    await response.write(chunk)
                given += len(chunk)
                chunk = await self._door.cabinet.run(opened.rest.next_chunk)
        except (SealBroken, JournalUnavailable, OSError, TimeoutError) as error:
            _LOG.error("file broken off while it was read", extra={"code": type(error).__name__, "given": given})
            if request.transport is not None:
                request.transport.abort()

    async def _reader(self, request: web.Request) -> Caller:
        """Who reads; an old signature reads nothing."""
        door = self._door.door
        body = await read_body(request, door.limits.max_body_bytes, door.limits.body_timeout_s)
        return await door.reader(door.authenticator.parts(request), body)


def _headers(opened: Opened, sha256: str) -> dict[str, str]:
    """No browser may make anything of the content but a file, and nobody keeps a copy on the way."""
    return {
        "Content-Type": opened.media_type,
        "Content-Digest": f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode('ascii')}:",
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "X-Correlation-Id": correlation_id.get(),
    }


async def _not_yet(_request: web.Request) -> None:
    """Who expects 100 Continue gets it once the head has been judged (RFC 9110, 10.1.1)."""


async def _go_on(request: web.Request) -> None:
    if request.headers.get("Expect", "").lower() != "100-continue":
        return
    await request.writer.write(_GO_ON)
    request.writer.output_size = 0  # as aiohttp does: the answer itself has not begun
