"""What simulators share: a call log, faults on demand, a control plane, and a listening socket that can really refuse.

A simulator's `create_app(options)` builds an `aiohttp.web.Application`, mounts the control plane with `mount_control`
and answers every upstream call through `Simulation.play`:

    simulation = mount_control(app)
    async def sync(request):
        body = await request.read()
        return await simulation.play(Call(request, "DongBoHoSoMC", {"dossier": code}), lambda fault: work(body, fault))
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import uvloop
from aiohttp import web

from connectors.kit.faults import Fault, FaultKind, FaultPlan, FaultPlanError
from connectors.kit.registry import simulator

Work = Callable[[Fault | None], Awaitable[web.Response]]
"""Does what the upstream does. It is told of `duplicate` and `expired_session`, which only the upstream's own words can play."""

T = TypeVar("T")

_LOG_LIMIT = 200_000
_GRACE_S = 0.5
_GARBAGE = b"<html><body>\xff\xfe 502 proxy </bo"


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Call:
    """One upstream call as the simulator understood it. `summary` holds codes and numbers, no personal data.

    `noted` is what the work adds to it for the log.
    """

    request: web.Request
    operation: str
    summary: Mapping[str, object] = field(default_factory=dict)
    noted: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class LoggedCall:
    """One line of the call log. Times: `at` wall time in UTC, `instant` and `ended` monotonic seconds.

    `status` 0 means that no answer was given; `ended` None that the call is under way.
    """

    number: int
    at: datetime
    instant: float
    operation: str
    summary: Mapping[str, object]
    fault: str = ""
    status: int = 0
    ended: float | None = None


@dataclass(slots=True)
class CallLog:
    """Every call in the order of arrival; the oldest go when there are too many."""

    now: Callable[[], datetime] = _wall
    instant: Callable[[], float] = time.monotonic
    calls: list[LoggedCall] = field(default_factory=list)
    _count: int = 0

    def begin(self, operation: str, summary: Mapping[str, object]) -> LoggedCall:
        """Write down that a call arrived."""
        self._count += 1
        call = LoggedCall(self._count, self.now(), self.instant(), operation, dict(summary))
        self.calls.append(call)
        if len(self.calls) > _LOG_LIMIT:
            del self.calls[: _LOG_LIMIT // 10]
        return call

    def end(self, call: LoggedCall, status: int) -> None:
        """Write down how it was answered."""
        call.status = status
        call.ended = self.instant()


class Simulation:
    """Plays calls under a fault plan and remembers them."""

    def __init__(self, log: CallLog | None = None, plan: FaultPlan | None = None) -> None:
        self.log = log or CallLog()
        self.plan = plan or FaultPlan()
        self.door: Door | None = None

    async def play(self, call: Call, work: Work) -> web.StreamResponse:
        """Answer `call` by `work`, or by the fault that the plan holds for it."""
        fault = self.plan.next(call.operation)
        logged = self.log.begin(call.operation, call.summary)
        logged.fault = fault.kind.value if fault else ""
        try:
            answer = await self._played(call, fault, work)
        except asyncio.CancelledError:
            self.log.end(logged, 0)
            raise
        finally:
            logged.summary = {**logged.summary, **call.noted}
        cut = call.request.transport is None or call.request.transport.is_closing()
        self.log.end(logged, 0 if cut else answer.status)
        return answer

    async def _played(self, call: Call, fault: Fault | None, work: Work) -> web.StreamResponse:
        if fault is None or fault.kind in (FaultKind.DUPLICATE, FaultKind.EXPIRED_SESSION):
            return await work(fault)
        if fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds)
            return await work(None)
        if fault.kind is FaultKind.ANSWER:
            return web.Response(
                status=fault.status, body=fault.body.encode(), headers={"Content-Type": fault.content_type}
            )
        if fault.kind is FaultKind.GARBAGE:
            await work(None)
            return web.Response(status=200, body=_GARBAGE, headers={"Content-Type": "application/json"})
        if fault.kind is FaultKind.BUSY_429:
            return web.Response(status=429, headers={"Retry-After": str(max(0, round(fault.seconds)))})
        if fault.kind in _HTTP:
            return web.Response(status=_HTTP[fault.kind], text="upstream fault")
        if fault.kind is FaultKind.DROP_AFTER_COMMIT:
            await work(None)
        if fault.kind is FaultKind.REFUSE and self.door is not None:
            self.door.shut_for(fault.seconds)
        return _cut(call.request)


_HTTP: Mapping[FaultKind, int] = {FaultKind.HTTP_500: 500, FaultKind.HTTP_502: 502, FaultKind.HTTP_503: 503}


def _cut(request: web.Request) -> web.Response:
    """Break the connection; the returned answer goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


SIMULATION = web.AppKey("simulation", Simulation)


def mount_control(app: web.Application, log: CallLog | None = None, plan: FaultPlan | None = None) -> Simulation:
    """Add the control plane to `app`: `GET /_simulator/health`, `GET /_simulator/calls`, `GET|PUT /_simulator/faults`,
    `POST /_simulator/outage`.

    `GET /_simulator/calls?after=N` gives the calls after number N; an outage is `{"seconds": s}`, for which connecting is
    refused. A simulator adds views of its own state beside them.
    """
    simulation = Simulation(log, plan)
    app[SIMULATION] = simulation
    app.router.add_get("/_simulator/health", _health)
    app.router.add_get("/_simulator/calls", _calls)
    app.router.add_get("/_simulator/faults", _faults)
    app.router.add_put("/_simulator/faults", _put_faults)
    app.router.add_post("/_simulator/outage", _outage)
    return simulation


def json_answer(value: object, status: int = 200) -> web.Response:
    """`value` as a JSON answer; for the control plane and for simulators."""
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


async def order(request: web.Request, kind: type[T]) -> T:
    """What a caller of the control plane asks for, as `kind`; answers 422 for anything else."""
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from error


def whole_number(request: web.Request, name: str, default: int) -> int:
    """A number of the query, not negative; answers 422 for anything else."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise web.HTTPUnprocessableEntity(text=f"{name}: phải là số nguyên không âm")
    return int(text)


def glance(raw: bytes, name: str) -> str:
    """One text of a request that is not judged yet, for the call log: short, "" where there is none."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    value = told.get(name, "") if isinstance(told, dict) else ""
    return value[:60] if isinstance(value, str) and value.isprintable() else ""


def basic(authorization: str) -> tuple[str, str] | None:
    """The name and secret of a Basic header (RFC 7617); None for anything else."""
    kind, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, secret) if kind == "Basic" and colon else None


async def _health(request: web.Request) -> web.Response:
    log = request.app[SIMULATION].log
    return json_answer({"status": "ok", "calls": len(log.calls), "now": log.now()})


async def _calls(request: web.Request) -> web.Response:
    after = whole_number(request, "after", 0)
    return json_answer({"calls": [call for call in request.app[SIMULATION].log.calls if call.number > after]})


async def _faults(request: web.Request) -> web.Response:
    return web.Response(body=request.app[SIMULATION].plan.to_json(), content_type="application/json")


async def _put_faults(request: web.Request) -> web.Response:
    simulation = request.app[SIMULATION]
    try:
        plan = FaultPlan.from_json(await request.read() or b"{}")
    except FaultPlanError as error:
        return json_answer({"fault": str(error)}, 422)
    simulation.plan = plan
    if plan.outage_s() > 0 and simulation.door is not None:
        simulation.door.shut_for(plan.outage_s())
    return web.Response(body=plan.to_json(), content_type="application/json")


class _Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    seconds: float


async def _outage(request: web.Request) -> web.Response:
    ordered, door = await order(request, _Outage), request.app[SIMULATION].door
    if door is None:
        return json_answer({"fault": "cổng nghe không do bộ giả lập mở"}, 409)
    door.shut_for(ordered.seconds)
    return json_answer({"seconds": ordered.seconds})


class Door:
    """The listening socket of a simulator: bound at once, opened, shut for an outage, opened again on the same port."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Raises `OSError` when the port is taken. Until `open` a connection is refused."""
        self._runner = runner
        self._host = host
        self._tls = tls
        self._site: web.SockSite | None = None
        self._outage: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        server = self._runner.server
        return sum(handler.transport is not None for handler in server.connections) if server is not None else 0

    async def open(self) -> None:
        """Listen."""
        sock, self._socket = self._socket or _bound(self._host, self.port), None
        site = web.SockSite(self._runner, sock, ssl_context=self._tls)
        try:
            await site.start()
            self._site = site
        finally:
            if self._site is not site:
                # Cancelled or failed before anybody owned the socket.
                sock.close()

    async def shut(self) -> None:
        """Stop listening, so that connecting is refused, and hang up, after a moment for calls under way to end.

        The port stays bound, or another program would be given it before the outage ends.
        """
        await self._hung_up(keep=True)

    async def _hung_up(self, *, keep: bool) -> None:
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
            if keep:
                with suppress(OSError):  # taken already: opening tries again, and says so
                    self._socket = _bound(self._host, self.port)
        server = self._runner.server
        if server is not None:
            # The first ends idle connections at once; the second waits for the busy ones, then closes all sockets.
            server.pre_shutdown()
            await server.shutdown(_GRACE_S)

    def shut_for(self, seconds: float) -> None:
        """Play an outage of `seconds`; the call that ordered it is still answered."""
        if self._outage is None or self._outage.done():
            self._outage = asyncio.create_task(self._outage_of(seconds))

    async def close(self) -> None:
        """Shut for good; an outage under way ends."""
        if self._outage is not None:
            self._outage.cancel()
            await asyncio.gather(self._outage, return_exceptions=True)
        await self._hung_up(keep=False)
        if self._socket is not None:
            self._socket.close()

    async def _outage_of(self, seconds: float) -> None:
        await self.shut()
        await asyncio.sleep(seconds)
        await self.open()


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


@asynccontextmanager
async def opened(
    app: web.Application, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Door]:
    """`app` behind an open door (port 0 takes a free one); closed and cleaned up at the end."""
    # Handlers go on when their client is gone, as a real upstream does: it may still commit what nobody waits for.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=_GRACE_S)
    await runner.setup()
    try:
        door = Door(runner, host, port, tls)
        simulation = app.get(SIMULATION)
        if simulation is not None:
            simulation.door = door
        try:
            await door.open()
            yield door
        finally:
            await door.close()
    finally:
        await runner.cleanup()


async def run(
    app: web.Application, port: int, host: str = "127.0.0.1", on_ready: Callable[[Door], None] | None = None
) -> None:
    """Serve `app` until SIGTERM or SIGINT. `on_ready` is called once, when connecting works."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with opened(app, port, host) as door:
            if on_ready is not None:
                on_ready(door)
            await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def main(name: str, port: int, options: Mapping[str, object], on_ready: Callable[[Door], None] | None = None) -> None:
    """Run the simulator of connector `name` on loopback until it is told to stop; behind `gateway simulate`."""
    uvloop.run(run(simulator(name)(options), port, on_ready=on_ready))
