"""The aiohttp application of the internal listener: routes and middlewares, nothing else.

Whatever goes wrong leaves as a problem document (RFC 9457). A fault of ours is logged with its stack and told without.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.errors import IntakeError, NotFound
from gateway.intake.accept import Door
from gateway.intake.file_handlers import FileHandlers
from gateway.intake.files import FileDoor
from gateway.intake.handlers import Count, IntakeHandlers
from gateway.intake.problems import problem
from gateway.intake.published.handlers import PublishedHandlers
from gateway.intake.refusals import Call, Refusals
from gateway.observe.crash import Reach, never
from gateway.observe.log import correlation_id
from mappings.codec import encode

CORRELATION_HEADER = "X-Correlation-Id"

_LOG = logging.getLogger("gateway.intake")
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(frozen=True, slots=True)
class InternalParts:
    """What the internal application is made of. `render_metrics` gives the Prometheus text, `count` counts answers.

    Without `files` no route of files is served.
    """

    door: Door
    render_metrics: Callable[[], Awaitable[bytes]]
    count: Count
    config_generation: str = ""
    version: str = ""
    reach: Reach = never
    files: FileDoor | None = None


def create_internal_app(parts: InternalParts) -> web.Application:
    """The application for resolution and sector systems, with its probes."""
    app = web.Application(
        middlewares=[_correlated(parts), _problems(parts)], client_max_size=parts.door.limits.max_body_bytes + 1
    )
    app.on_response_prepare.append(_told_as_problem)
    app.add_routes(IntakeHandlers(parts.door, parts.count, parts.reach).routes())
    app.add_routes(PublishedHandlers(parts.version).routes())
    if parts.files is not None:
        app.add_routes(FileHandlers(parts.files, parts.count).routes())
    app.add_routes(
        [
            web.get("/healthz", _healthz(parts)),
            web.get("/readyz", _readyz(parts)),
            web.get("/metrics", _metrics(parts)),
        ]
    )
    return app


def _correlated(parts: InternalParts) -> Middleware:
    """One id for a request, its log lines and its answer; the caller's own if it is fit to be logged.

    Ours are numbered within this start of the process, whose own id makes them unique: chance costs more than it says.
    """
    start, numbers = parts.door.clock.new_id(), count(1)

    @web.middleware
    async def correlate(request: web.Request, handler: Handler) -> web.StreamResponse:
        chosen = _fit(request) or f"{start}.{next(numbers)}"
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
            return await handler(request)
        except IntakeError as error:
            if error.status in (401, 403):
                await refusals.note(error, _call(request, error))
            return _refusal(request, error, parts)
        except web.HTTPException as error:
            return _refusal(request, _of_framework(error), parts, dict(error.headers))
        except Exception:  # noqa: BLE001 - the last net of the listener: logged with its stack, told without
            _LOG.exception("unexpected fault", extra={"method": request.method, "route": _route(request)})
            return _refusal(request, IntakeError(), parts)

    return refuse


async def _told_as_problem(request: web.Request, response: web.StreamResponse) -> None:
    """An expectation that aiohttp refuses before any middleware runs (RFC 9110 10.1.1), as a problem document too."""
    if isinstance(response, web.HTTPExpectationFailed):
        told = problem(_of_framework(response), request.rel_url.raw_path)
        response.body = told.body
        response.headers.update({**told.headers, "Content-Length": str(len(told.body))})
        response.headers[CORRELATION_HEADER] = _fit(request) or "unknown-request"


def _refusal(
    request: web.Request, error: IntakeError, parts: InternalParts, extra: dict[str, str] | None = None
) -> web.Response:
    told = problem(error, request.rel_url.raw_path)
    parts.count(f"refused_{told.status}")
    allow = {name: value for name, value in (extra or {}).items() if name.lower() == "allow"}
    return web.Response(body=told.body, status=told.status, headers={**told.headers, **allow})


def _call(request: web.Request, error: IntakeError) -> Call:
    """What the trail and the log may tell of a refused request."""
    call = Call(request.method, _route(request), request.headers.get("Signature-Input", ""))
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
        """Alive: this process answers; says which configuration it runs."""
        return _plain({"status": "ok", "config_generation": parts.config_generation, "version": parts.version})

    return healthz


def _readyz(parts: InternalParts) -> Handler:
    async def readyz(_request: web.Request) -> web.Response:
        """Ready: the journal can commit now; makes a real commit."""
        reason = await parts.door.journal.ready()
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
