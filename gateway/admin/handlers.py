"""The admin listener: operators' commands over a Unix socket of mode 0600. HTTP in and out only.

The actor is the operating system's user of the peer process (SO_PEERCRED), so nobody can sign with another's name;
operators' own keys come later and will stand beside it.
"""

from __future__ import annotations

import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from gateway.admin.operations import LaneQuery, Operations, Words
from gateway.errors import IntakeError, Invalid
from gateway.journal.model import OrderKind

Command = Callable[[Words], Awaitable[Mapping[str, object]]]


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a command."""

    reason: str = ""
    upstream: str = ""
    dossier: str = ""
    delivery_id: str = ""
    source: str = ""
    event_id: str = ""
    sequence: int = 0
    details: dict[str, Any] = {}


def create_admin_app(operations: Operations) -> web.Application:
    """The application of the admin socket."""
    app = web.Application(middlewares=[_problems])
    commands: dict[str, Command] = {
        kind.value: _order_command(operations, kind) for kind in (OrderKind.HOLD, OrderKind.RELEASE, OrderKind.REPLAY)
    }
    commands["skip"] = _order_command(operations, OrderKind.SKIP)
    commands["skip-gap"] = operations.skip_gap
    commands["apply-event"] = lambda words: operations.decide_conflict(words, apply=True)
    commands["pass-event"] = lambda words: operations.decide_conflict(words, apply=False)
    commands["pause"] = operations.pause
    commands["resume"] = operations.resume
    for name, command in commands.items():
        app.router.add_post(f"/admin/{name}", _handler(command))

    async def lanes(request: web.Request) -> web.Response:
        query = LaneQuery(
            upstream=request.query.get("upstream", ""),
            dossier=request.query.get("dossier", ""),
            blocked_only=request.query.get("blocked") == "1",
            limit=int(request.query.get("limit", "200")),
        )
        return _answer(await operations.lanes(query))

    app.router.add_get("/admin/lanes", lanes)
    return app


def _order_command(operations: Operations, kind: OrderKind) -> Command:
    async def command(words: Words) -> Mapping[str, object]:
        return await operations.order(kind, words)

    return command


def _handler(command: Command) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            order = msgspec.json.decode(await request.read(), type=Order)
        except msgspec.MsgspecError as error:
            raise Invalid(f"Lệnh không hợp lệ: {error}", status=400) from error
        return _answer(await command(Words(actor=_peer(request), **msgspec.structs.asdict(order))))

    return handle


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except IntakeError as error:
        told = " ".join((error.message_vi, *(fault.message_vi for fault in error.faults)))
        return web.json_response({"code": error.code, "message_vi": told}, status=error.status)


def _answer(body: Mapping[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(body, enc_hook=str), content_type="application/json")


def _peer(request: web.Request) -> str:
    """The operating system's user behind the socket, as `os:name`."""
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is None:
        return "os:unknown"
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", raw)
    try:
        return f"os:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"os:{uid}"
