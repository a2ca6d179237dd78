"""The admin listener: operators' commands over a Unix socket of mode 0600. HTTP in and out only.

A command is a signed statement (`gateway.admin.statement`); what is carried out is read from the signed bytes themselves.
The operating system's user of the peer process (SO_PEERCRED) is recorded beside the signature.
"""

from __future__ import annotations

import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.admin.consents import ConsentDesk
from gateway.admin.coverage import CoverageDesk
from gateway.admin.decisions import Command, Decisions
from gateway.admin.ledger_decisions import COMMAND, LedgerDecisions
from gateway.admin.operations import LaneQuery, Operations
from gateway.admin.pauses import Pauses
from gateway.admin.register import Register
from gateway.admin.reloading import COMMAND as RELOAD
from gateway.admin.reloading import ReloadDesk, not_running
from gateway.admin.repairs import CLOSE, RepairDesk
from gateway.admin.results import ResultDesk
from gateway.admin.statement import Envelope
from gateway.admin.trail import Trail
from gateway.admin.views import ViewDesk, Wanted
from gateway.admin.words import Words
from gateway.errors import IntakeError, Invalid, UpstreamUnavailable
from gateway.journal.model import OrderKind
from gateway.observe.crash import Reach, never


@dataclass(frozen=True, slots=True)
class AdminDesk:
    """Everything behind the admin socket."""

    operations: Operations
    register: Register
    decisions: Decisions
    trail: Trail
    coverage: CoverageDesk
    pauses: Pauses
    reach: Reach = never
    consents: ConsentDesk | None = None
    results: ResultDesk | None = None
    ledgers: LedgerDecisions | None = None
    views: ViewDesk | None = None
    repairs: RepairDesk | None = None
    reloading: ReloadDesk | None = None


def commands_of(desk: AdminDesk) -> dict[str, Command]:
    """Every command that changes something, by its name."""
    operations, register, consents = desk.operations, desk.register, desk.consents
    results = desk.results.commands() if desk.results is not None else {}
    ledgers = {COMMAND: desk.ledgers.carry} if desk.ledgers is not None else {COMMAND: _nothing_to_decide}
    return {
        **{kind.value: _order_command(operations, kind) for kind in OrderKind},
        "skip-gap": operations.skip_gap,
        "apply-event": lambda words: operations.decide_conflict(words, apply=True),
        "pass-event": lambda words: operations.decide_conflict(words, apply=False),
        "pause": lambda words: operations.switch(words, pause=True),
        "resume": lambda words: operations.switch(words, pause=False),
        "pause-plan": desk.pauses.plan,
        "pause-cancel": desk.pauses.cancel,
        "operator-add": register.add,
        "operator-revoke": register.revoke,
        RELOAD: desk.reloading.carry if desk.reloading is not None else not_running,
        CLOSE: desk.repairs.close if desk.repairs is not None else _nothing_to_decide,
        **results,
        **ledgers,
        **({"consent-add": consents.add, "consent-revoke": consents.revoke} if consents is not None else {}),
    }


async def _nothing_to_decide(_words: Words | None = None) -> Mapping[str, object]:
    """The store alone has no connector that could say what a decision means."""
    told = "Quyết định về sổ của đầu nối chỉ thực hiện được khi cổng đang chạy."
    raise UpstreamUnavailable(told, code="decision_unknown")


async def _nothing_to_read_back() -> Mapping[str, object]:
    """The store alone has no connector that could read anything back."""
    raise UpstreamUnavailable("Chỉ đối chiếu được khi cổng đang chạy.", code="reconcile_none")


async def _nothing_to_show() -> Mapping[str, object]:
    """The store alone has no connector that could say what its ledgers hold."""
    raise UpstreamUnavailable("Bảng của đầu nối chỉ xem được khi cổng đang chạy.", code="view_unknown")


def create_admin_app(desk: AdminDesk) -> web.Application:
    """The application of the admin socket."""
    app = web.Application(middlewares=[_problems])
    commands = commands_of(desk)
    for name in (*commands, "approve", "refuse"):
        app.router.add_post(f"/admin/{name}", _handler(name, desk, commands))
    app.router.add_get("/admin/lanes", _lanes(desk.operations))
    app.router.add_get("/admin/nodes", _look(desk.operations.nodes))
    app.router.add_get("/admin/coverage", _coverage(desk.coverage))
    for name, look in (
        ("identity", desk.decisions.identity),
        ("operators", desk.register.shown),
        ("decisions", desk.decisions.proposals),
        ("windows", desk.pauses.shown),
    ):
        app.router.add_get(f"/admin/{name}", _look(look))
    app.router.add_post("/admin/audit-search", _search(desk))
    app.router.add_post("/admin/audit-export", _export(desk))
    app.router.add_get("/admin/leaves", _leaves(desk.trail))
    app.router.add_get("/admin/ledger-decisions", _look(desk.ledgers.shown if desk.ledgers else _nothing_to_decide))
    app.router.add_get("/admin/views", _look(desk.views.listing if desk.views else _nothing_to_show))
    app.router.add_get("/admin/views/{view}", _view(desk.views))
    app.router.add_get("/admin/reconciliations", _reconciliations(desk.repairs))
    app.router.add_post("/admin/reconcile", _reconcile(desk))
    if desk.results is not None:
        app.router.add_get("/admin/results", _look(desk.results.listing))
    if desk.consents is not None:
        app.router.add_get("/admin/consents", _consents(desk.consents))
    return app


def _search(desk: AdminDesk) -> Handler:
    async def search(request: web.Request) -> web.Response:
        words = await desk.decisions.reader("audit-search", await _envelope(request), _peer(request))
        return _answer(await desk.trail.search(words))

    return search


def _export(desk: AdminDesk) -> Handler:
    async def export(request: web.Request) -> web.StreamResponse:
        words = await desk.decisions.reader("audit-export", await _envelope(request), _peer(request))
        lines = await desk.trail.export(words, await desk.decisions.installation())
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        async for line in lines:
            await response.write(line)
        await response.write_eof()
        return response

    return export


def _leaves(trail: Trail) -> Handler:
    async def leaves(request: web.Request) -> web.Response:
        return _answer(await trail.leaves(request.query.get("writer", ""), int(request.query.get("after", "0"))))

    return leaves


def _look(look: Callable[[], Awaitable[Mapping[str, object]]]) -> Handler:
    async def show(_request: web.Request) -> web.Response:
        return _answer(await look())

    return show


def _lanes(operations: Operations) -> Handler:
    async def lanes(request: web.Request) -> web.Response:
        query = LaneQuery(
            upstream=request.query.get("upstream", ""),
            dossier=request.query.get("dossier", ""),
            blocked_only=request.query.get("blocked") == "1",
            limit=int(request.query.get("limit", "200")),
        )
        return _answer(await operations.lanes(query))

    return lanes


def _coverage(desk: CoverageDesk) -> Handler:
    async def coverage(request: web.Request) -> web.Response:
        last = request.query.get("last", "")
        if not last.isascii() or not last.isdigit() or len(last) > 9:
            raise Invalid("Số thông điệp phải là một số nguyên.", status=400)
        return _answer(await desk.report(request.query.get("system", ""), int(last), _peer(request)))

    return coverage


def _consents(desk: ConsentDesk) -> Handler:
    async def consents(request: web.Request) -> web.Response:
        return _answer(await desk.listing(request.query.get("system", "")))

    return consents


def _reconciliations(repairs: RepairDesk | None) -> Handler:
    async def shown(request: web.Request) -> web.Response:
        if repairs is None:
            return _answer(await _nothing_to_read_back())
        limit = request.query.get("limit", "100")
        if not (limit.isascii() and limit.isdigit() and len(limit) < 5):
            raise Invalid("Số dòng phải là một số nguyên.", status=400)
        return _answer(await repairs.shown(request.query.get("upstream", ""), int(limit)))

    return shown


def _reconcile(desk: AdminDesk) -> Handler:
    async def begin(request: web.Request) -> web.Response:
        words = await desk.decisions.reader("reconcile", await _envelope(request), _peer(request))
        return _answer(await (desk.repairs.begin(words) if desk.repairs is not None else _nothing_to_read_back()))

    return begin


def _view(views: ViewDesk | None) -> Handler:
    async def view(request: web.Request) -> web.Response:
        if views is None:
            return _answer(await _nothing_to_show())
        filters = dict(request.query)
        upstream, limit = filters.pop("_upstream", ""), filters.pop("_limit", "50")
        if not (limit.isascii() and limit.isdigit() and len(limit) < 6):
            raise Invalid("Số dòng phải là một số nguyên.", code="view_filter", status=400)
        return _answer(await views.shown(Wanted(request.match_info["view"], upstream, filters, int(limit))))

    return view


def _order_command(operations: Operations, kind: OrderKind) -> Command:
    async def command(words: Words) -> Mapping[str, object]:
        return await operations.order(kind, words)

    return command


def _handler(name: str, desk: AdminDesk, commands: Mapping[str, Command]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        answer = await desk.decisions.take(name, await _envelope(request), _peer(request), commands)
        # It is on disk already: who loses this answer says the same thing again and gets it again.
        desk.reach("decision.before_answer")
        return _answer(answer)

    return handle


async def _envelope(request: web.Request) -> Envelope:
    try:
        return msgspec.json.decode(await request.read(), type=Envelope)
    except msgspec.MsgspecError as error:
        raise Invalid(
            f"Lệnh không hợp lệ: {error}; mọi quyết định phải được ký.", code="statement_malformed", status=400
        ) from error


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
