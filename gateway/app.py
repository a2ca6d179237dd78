"""The aiohttp applications of the internal listener and of the edge: routes and middlewares, nothing else.

Each route stands on exactly one listener: the house's own and those that connectors bring along are checked together.
Whatever goes wrong leaves as a problem document (RFC 9457). A fault of ours is logged with its stack and told without.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.clock import Clock
from gateway.errors import IntakeError, NotFound
from gateway.identity.routing import IdentityRoutes
from gateway.intake import xml_answers
from gateway.intake.accept import Door
from gateway.intake.endpoints import PEER, Mounted, RefusedNotice, Turnstile, WaitingRoom, Window, respond
from gateway.intake.file_handlers import FileHandlers
from gateway.intake.files import FileDoor
from gateway.intake.handlers import Count, IntakeHandlers
from gateway.intake.mounting import HOUSE, Claim, exactly_one
from gateway.intake.problems import Problem, problem
from gateway.intake.published.handlers import PublishedHandlers
from gateway.intake.refusals import Call, NoticeRefusals, Refusals
from gateway.intake.result_handlers import LookUp, ResultDoor, ResultHandlers
from gateway.observe.crash import Reach, never
from gateway.observe.log import correlation_id
from gateway.signatures.handlers import SignatureHandlers
from gateway.signatures.requests import SignatureRequests
from mappings.codec import encode

CORRELATION_HEADER = "X-Correlation-Id"

_LOG = logging.getLogger("gateway.intake")
_MOUNTED: web.AppKey[tuple[Mounted, ...]] = web.AppKey("mounted", tuple)
_HARD_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{8,64}")


_SILENT_VI = "Nút này không ghi được nhịp báo vào kho; các nút khác không còn coi nó là đang chạy"


def _alone() -> bool:
    return True


def _by_itself() -> Mapping[str, object]:
    return {"name": "", "live": 1, "agree": True}


@dataclass(frozen=True, slots=True)
class InternalParts:
    """What the internal application is made of. `render_metrics` gives the Prometheus text, `count` counts answers.

    Without `files` no route of files is served, without `results` none of results. `counted` says whether the other nodes must
    take this one for live; `neighbours` tells of them, from memory: callers see it.
    """

    door: Door
    render_metrics: Callable[[], Awaitable[bytes]]
    count: Count
    config_generation: str = ""
    version: str = ""
    pauses: Callable[[], Sequence[Mapping[str, object]]] = tuple
    reach: Reach = never
    files: FileDoor | None = None
    mounted: tuple[Mounted, ...] = ()
    results: ResultDoor | None = None
    signatures: SignatureRequests | None = None
    identity: IdentityRoutes = IdentityRoutes()
    counted: Callable[[], bool] = _alone
    neighbours: Callable[[], Mapping[str, object]] = _by_itself


@dataclass(frozen=True, slots=True)
class EdgeParts:
    """What the edge application is made of: routes of connectors, and of the house the look-up of results and sign-ons.

    There is no probe: strangers learn nothing of how the gateway is; a proxy in front of it looks whether it can connect.
    """

    mounted: tuple[Mounted, ...]
    refusals: NoticeRefusals
    clock: Clock
    count: Count
    look_up: LookUp | None = None
    identity: IdentityRoutes = IdentityRoutes()
    window: Window = Window(max_body_bytes=262_144, body_timeout_s=10.0)
    concurrency: int = 64


def create_internal_app(parts: InternalParts) -> web.Application:
    """The application for resolution and sector systems, with its probes."""
    app = web.Application(
        middlewares=[_correlated(parts.door.clock, trusting=True), _problems(parts)],
        client_max_size=parts.door.limits.max_body_bytes + 1,
    )
    app.on_response_prepare.append(_told_as_problem)
    app.add_routes(IntakeHandlers(parts.door, parts.count, parts.reach).routes())
    app.add_routes(PublishedHandlers(parts.version, parts.mounted).routes())
    if parts.files is not None:
        app.add_routes(FileHandlers(parts.files, parts.count).routes())
    if parts.results is not None:
        app.add_routes(ResultHandlers(parts.results, parts.count).routes())
        app.add_routes(SignatureHandlers(parts.door, parts.signatures, parts.count).routes())
    app.add_routes(parts.identity.internal)
    app.add_routes(_probes(parts))
    return _with_mounted(app, "internal", parts.mounted)


def create_probe_app(parts: InternalParts) -> web.Application:
    """The application of a process that keeps no door (`gateway worker`): its probes and figures, nothing else."""
    app = web.Application(middlewares=[_correlated(parts.door.clock, trusting=True), _problems(parts)])
    app.on_response_prepare.append(_told_as_problem)
    app.add_routes(_probes(parts))
    return app


def _probes(parts: InternalParts) -> list[web.RouteDef]:
    """Whether it lives, whether it can store, what it counted."""
    return [
        web.get("/healthz", _healthz(parts)),
        web.get("/readyz", _readyz(parts)),
        web.get("/metrics", _metrics(parts)),
    ]


def create_edge_app(parts: EdgeParts) -> web.Application:
    """The application that strangers reach: callbacks and edge endpoints of connectors, the look-up of results, sign-ons."""
    turnstile, room = Turnstile(parts.concurrency), WaitingRoom(parts.window, parts.concurrency)

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            await room.arrived(request)
        return await turnstile.through(request, handler)

    app = web.Application(
        middlewares=[_correlated(parts.clock, trusting=False), _hardened, _edge_problems(parts), limit],
        client_max_size=parts.window.max_body_bytes + 1,
    )
    app.on_response_prepare.append(_told_as_problem)
    if parts.look_up is not None:
        app.add_routes(parts.look_up.routes())
    app.add_routes(parts.identity.edge)
    return _with_mounted(app, "edge", parts.mounted)


def claims(app: web.Application, listener: str) -> list[Claim]:
    """Every route of an application, with who serves it."""
    mounted = app.get(_MOUNTED, ())
    by = {(route.method, route.path): route.upstream for route in mounted}
    return [
        Claim(listener, route.method, route.resource.canonical, by.get((route.method, route.resource.canonical), HOUSE))
        for route in app.router.routes()
        if route.resource is not None
    ]


def _with_mounted(app: web.Application, listener: str, mounted: tuple[Mounted, ...]) -> web.Application:
    """The application with what connectors bring along; raises `ConfigError` where two claim one address."""
    here = [route for route in mounted if route.audience == listener]
    brought = [Claim(listener, route.method, route.path, route.upstream) for route in here]
    exactly_one([*claims(app, listener), *brought])
    app[_MOUNTED] = tuple(here)
    for route in here:
        app.router.add_route(route.method, route.path, route.handler)
    return app


def _correlated(clock: Clock, *, trusting: bool) -> Middleware:
    """One id for a request, its log lines and its answer; a trusted caller's own if it is fit to be logged.

    Ours are numbered within this start of the process, whose own id makes them unique: chance costs more than it says.
    """
    start, numbers = clock.new_id(), count(1)

    @web.middleware
    async def correlate(request: web.Request, handler: Handler) -> web.StreamResponse:
        chosen = (_fit(request) if trusting else "") or f"{start}.{next(numbers)}"
        token = correlation_id.set(chosen)
        try:
            response = await handler(request)
        finally:
            correlation_id.reset(token)
        response.headers[CORRELATION_HEADER] = chosen
        return response

    return correlate


def _fit(request: web.Request) -> str:
    """The caller's own id when it is fit to be logged, else empty."""
    offered = request.headers.get(CORRELATION_HEADER, "")
    return offered if _CORRELATION.fullmatch(offered) else ""


def _problems(parts: InternalParts) -> Middleware:
    """Every refusal as a problem document; every fault of ours logged, and told without details."""
    door = parts.door
    refusals = Refusals(door.journal, door.authenticator, door.clock)

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _check_address(request)
            return await handler(request)
        except IntakeError as error:
            if error.status in (401, 403):
                await refusals.note(error, _call(request, error, door))
            return _refusal(request, error, parts.count)
        except web.HTTPException as error:
            return _refusal(request, _of_framework(error), parts.count, dict(error.headers))
        except Exception:  # noqa: BLE001 - the last net of the listener: logged with its stack, told without
            _LOG.exception("unexpected fault", extra={"method": request.method, "route": _route(request)})
            return _refusal(request, IntakeError(), parts.count)

    return refuse


def _check_address(request: web.Request) -> None:
    """U+0000 stands in no name that was ever stored, and not every store can be asked for it."""
    if "\x00" in request.path:
        raise NotFound("Không có địa chỉ này.")
    if "\x00" in request.query_string:
        raise IntakeError("Tham số sau dấu hỏi không được chứa ký tự U+0000.", code="invalid_query", status=400)


async def _told_as_problem(request: web.Request, response: web.StreamResponse) -> None:
    """An expectation that aiohttp refuses before any middleware runs (RFC 9110 10.1.1), as a problem document too."""
    if isinstance(response, web.HTTPExpectationFailed):
        told = problem(_of_framework(response), request.rel_url.raw_path)
        response.body = told.body
        response.headers.update({**told.headers, "Content-Length": str(len(told.body))})
        response.headers[CORRELATION_HEADER] = _fit(request) or "unknown-request"


def _edge_problems(parts: EdgeParts) -> Middleware:
    """As on the internal listener, and the refusal that the sender's own protocol knows where there is one."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedNotice as error:
            await parts.refusals.note(error, _call(request, error), error.upstream, error.reason)
            parts.count("refused_notice")
            return respond(error.reply) if error.reply is not None else _refusal(request, error, parts.count)
        except IntakeError as error:
            return _refusal(request, error, parts.count)
        except web.HTTPException as error:
            return _refusal(request, _of_framework(error), parts.count, dict(error.headers))
        except Exception as error:  # noqa: BLE001 - the last net of the edge: told without details, logged without values
            # The text of the error may quote what a stranger sent; where it happened cannot.
            told = {"kind": type(error).__name__, "frames": "".join(traceback.format_tb(error.__traceback__))}
            _LOG.error("unexpected fault", extra={"method": request.method, "route": _route(request), **told})
            return _refusal(request, IntakeError(), parts.count)

    return refuse


@web.middleware
async def _hardened(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer to a stranger: nothing to frame, to sniff or to refer to, and no word of what answers."""
    response = await handler(request)
    for name, value in _HARD_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "gateway"
    return response


def _refusal(
    request: web.Request, error: IntakeError, count: Count, extra: dict[str, str] | None = None
) -> web.Response:
    told = problem(error, request.rel_url.raw_path)
    if xml_answers.wants_xml(request.headers.get("Accept", ""), error.answer_format):
        headers = {**told.headers, "Content-Type": xml_answers.PROBLEM_MEDIA_TYPE}
        told = Problem(told.status, headers, xml_answers.problem(told.body))
    count(f"refused_{told.status}")
    allow = {name: value for name, value in (extra or {}).items() if name.lower() == "allow"}
    return web.Response(body=told.body, status=told.status, headers={**told.headers, **allow})


def _call(request: web.Request, error: IntakeError, door: Door | None = None) -> Call:
    """What the trail and the log may tell of a refused request."""
    system = door.authenticator.certified(request) if door is not None else ""
    signature = request.headers.get("Signature-Input", "")
    call = Call(request.method, _route(request), signature, request.get(PEER, request.remote or ""), system)
    _LOG.warning("request refused", extra={"code": error.code, "method": call.method, "route": call.route})
    return call


def _of_framework(error: web.HTTPException) -> IntakeError:
    """An error of the router in our words."""
    if error.status == 404:
        return NotFound("Không có địa chỉ này.")
    if error.status == 405:
        return IntakeError("Địa chỉ này không nhận phương thức đó.", code="method_not_allowed", status=405)
    if error.status == 417:
        return IntakeError("Tiêu đề Expect này không được hỗ trợ.", code="expectation_failed", status=417)
    return IntakeError(code="malformed" if error.status < 500 else "", status=error.status)


def _route(request: web.Request) -> str:
    """The pattern of the route, never the path: a path may carry anything."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _healthz(parts: InternalParts) -> Handler:
    async def healthz(_request: web.Request) -> web.Response:
        """Alive: this process answers; says which configuration it runs, and whether all live nodes run the same."""
        told: dict[str, object] = {"status": "ok", "config_generation": parts.config_generation}
        told["node"] = dict(parts.neighbours())
        return _plain(told | {"version": parts.version, "pauses": list(parts.pauses())})

    return healthz


def _readyz(parts: InternalParts) -> Handler:
    async def readyz(_request: web.Request) -> web.Response:
        """Ready: the journal can commit now (makes a real commit), and this node's heartbeats arrive there."""
        reason = await parts.door.journal.ready() or ("" if parts.counted() else _SILENT_VI)
        return _plain({"status": "busy" if reason else "ready", "reason_vi": reason}, 503 if reason else 200)

    return readyz


def _metrics(parts: InternalParts) -> Handler:
    async def metrics(_request: web.Request) -> web.Response:
        """Counters and gauges in the Prometheus text format."""
        text = await parts.render_metrics()
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return metrics


def _plain(tree: dict[str, object], status: int = 200) -> web.Response:
    return web.Response(
        body=encode(tree), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
