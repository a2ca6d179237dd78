"""A doorway: what a listener serves, exchanged between two requests while its socket and its connections stay open.

A request is answered by one house from its head to its last byte: by the one that stood when its head was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web


class Room:
    """One application of one house behind a doorway. `enter` is called in the task of each request before it is handled."""

    def __init__(self, app: web.Application, enter: Callable[[], None]) -> None:
        self._runner = web.AppRunner(app, access_log=None)
        self._enter = enter
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        """Start the application; nothing is served yet."""
        await self._runner.setup()

    async def close(self) -> None:
        """End the application; whoever calls this has waited for `idle`."""
        await self._runner.cleanup()

    async def idle(self) -> None:
        """Return when no request is under way here."""
        # A request whose head was read a moment ago has chosen its room and is not counted before its task runs.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self._idle.wait()

    @property
    def server(self) -> web.Server:
        """The framework's own server of this application."""
        server = self._runner.server
        assert server is not None, "a room is opened before anything leads to it"
        return server

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        self._enter()
        self._under_way += 1
        self._idle.clear()
        try:
            return await self.server.request_handler(request)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()


_ROOM: web.RequestKey[Room] = web.RequestKey("room", Room)


class Doorway:
    """What stands behind the connections of a listener; it leads to one room at a time."""

    def __init__(self) -> None:
        self._room: Room | None = None
        self.server = web.Server(self._handle, request_factory=self._made, access_log=None)

    def lead_to(self, room: Room) -> None:
        """From the next head of a request on, this room answers."""
        self._room = room

    def _made(self, *parts: object) -> web.BaseRequest:
        """A request as the room makes it; the framework calls this when a head was read."""
        room = self._room
        assert room is not None, "a doorway leads somewhere before its socket is opened"
        request: web.BaseRequest = room.server.request_factory(*parts)  # type: ignore[arg-type]  # handed on as they came
        request[_ROOM] = room
        return request

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return await request[_ROOM].handle(request)
