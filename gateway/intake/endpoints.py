"""Calls that connectors answer: their endpoints on either listener, and callbacks from outside (architecture 7).

HTTP in and out, and the order of things: who calls, what the connector makes of it, what it changes made durable, and only
then the answer. Authenticity of a call from outside is the connector's to judge, and comes before everything else there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from connectors.kit.contract import (
    Audience,
    Change,
    Connector,
    Endpoint,
    Endpoints,
    Listener,
    NotGenuine,
    Notice,
    Reply,
    Sender,
)
from connectors.kit.declarations import CALLBACKS, EndpointSpec
from connectors.kit.errors import DeliveryError, Permanent
from connectors.kit.manifest import Manifest
from gateway.errors import (
    ConfigError,
    Forbidden,
    GatewayError,
    IntakeError,
    TooManyRequests,
    UpstreamRefused,
    UpstreamUnavailable,
)
from gateway.intake import personal
from gateway.intake.accept import Door
from gateway.intake.authenticate import Caller
from gateway.intake.inputs import SEALED_READS, SealedRead, Taker
from gateway.intake.peers import Proxies
from gateway.intake.personal import Read
from gateway.intake.refusals import UNKNOWN
from gateway.intake.validate import BODY, read_body
from gateway.observe.crash import Reach, never
from mappings.codec import encode

T = TypeVar("T")

_LOG = logging.getLogger("gateway.intake")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HEADERS_KEPT = frozenset({"content-type", "date", "user-agent", "x-request-id"})
"""What is kept of a notice's headers beside those of its signature; cookies and credentials never are."""


@dataclass(frozen=True, slots=True)
class Window:
    """How calls are read and answered on one listener. `proxies` are believed about the address that they forward for."""

    max_body_bytes: int
    body_timeout_s: float
    reply_timeout_s: float = 30.0
    proxies: Proxies = Proxies()


class RefusedNotice(IntakeError):
    """Thông báo không chứng minh được nguồn gốc."""

    status = 401
    code = "not_genuine"

    def __init__(self, upstream: str, error: NotGenuine) -> None:
        """A call for `upstream` that its connector found not genuine; `reason` is the connector's stable code."""
        self.upstream, self.reason, self.reply = upstream, error.code, error.reply
        super().__init__(error.message_vi)


@dataclass(frozen=True, slots=True)
class Mounted:
    """A route that a connector serves for upstream `upstream`."""

    upstream: str
    method: str
    path: str
    audience: Audience
    handler: Handler
    spec: EndpointSpec | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What the calls of connectors stand on."""

    door: Door
    taker: Taker
    reach: Reach = never


def guests(code: str, connector: Connector, manifest: Manifest) -> tuple[tuple[Endpoint, EndpointSpec], ...]:
    """The endpoints of an upstream's connector beside their declarations; raises `ConfigError` where the two differ."""
    declared: dict[tuple[str, str], EndpointSpec] = {(s.method, s.path): s for s in manifest.declared.endpoints}
    offered = {(e.method, e.path): e for e in (connector.endpoints() if isinstance(connector, Endpoints) else ())}
    faults = [
        f"upstreams.{code}: đầu nối {manifest.name} khai báo và cung cấp khác nhau điểm {method} {path}"
        for method, path in sorted(declared.keys() ^ offered.keys())
    ]
    faults += [
        f"upstreams.{code}: {method} {path} được khai báo cho {declared[method, path].audience}"
        for method, path in sorted(declared.keys() & offered.keys())
        if declared[method, path].audience != offered[method, path].audience
    ]
    if faults:
        raise ConfigError(tuple(faults))
    return tuple((endpoint, declared[place]) for place, endpoint in offered.items())


class ConnectorCalls:
    """Makes aiohttp handlers of what connectors bring along."""

    def __init__(self, desk: Desk, internal: Window, edge: Window | None) -> None:
        self._desk, self._internal, self._edge = desk, internal, edge

    def mounted(self, code: str, connector: Connector, manifest: Manifest) -> tuple[Mounted, ...]:
        """Every route of one upstream's connector; those of the edge only where there is one."""
        routes = [
            Mounted(code, e.method, e.path.replace("{upstream}", code), e.audience, self._endpoint(code, e, spec), spec)
            for e, spec in guests(code, connector, manifest)
        ]
        listener = manifest.declared.listener
        if listener is not None and isinstance(connector, Listener):
            routes += [
                Mounted(
                    code,
                    method,
                    f"{CALLBACKS}{code}/{profile}",
                    Audience.EDGE,
                    self._callback(code, connector, profile),
                )
                for profile in listener.profiles
                for method in listener.methods
            ]
        return tuple(route for route in routes if route.audience is Audience.INTERNAL or self._edge is not None)

    def _endpoint(self, code: str, endpoint: Endpoint, spec: EndpointSpec) -> Handler:
        if endpoint.audience is Audience.EDGE:
            return self._edge_endpoint(code, endpoint)
        return self._internal_endpoint(code, endpoint, spec)

    def _internal_endpoint(self, code: str, endpoint: Endpoint, spec: EndpointSpec) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            door, window = self._desk.door, self._internal
            body = await read_body(request, window.max_body_bytes, window.body_timeout_s)
            caller = await door.reader(door.authenticator.parts(request), body)
            if caller.role not in spec.roles:
                raise Forbidden("Hệ thống gọi không được dùng điểm này.")
            notice = _notice(request, body, sender=_sender(caller))
            return respond(await self._reply(code, endpoint, notice, window.reply_timeout_s))

        return handle

    def _edge_endpoint(self, code: str, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            window = self._window()
            _behind_proxies(request, window)
            body = await read_body(request, window.max_body_bytes, window.body_timeout_s)
            notice = _notice(request, body)
            return respond(await self._reply(code, endpoint, notice, window.reply_timeout_s))

        return handle

    async def _reply(self, code: str, endpoint: Endpoint, notice: Notice, limit_s: float) -> Reply:
        """What the connector answers, once its changes are durable and what it read of sealed ledgers is in the trail.

        An answer that is made afterwards (`Reply.then`) has the same time again: what it tells of is stored already.
        """
        reads: list[SealedRead] = []
        token = SEALED_READS.set(reads)
        try:
            reply = await _answered(code, endpoint.handler(notice), limit_s)
            await self._take(code, reply.inputs, notice)
            if reply.then is not None:
                self._desk.reach("endpoint.before_answer")
                reply = await _answered(code, reply.then(), limit_s)
        finally:
            SEALED_READS.reset(token)
        reader = notice.sender.system_code if notice.sender is not None else UNKNOWN
        route = f"{endpoint.method} {endpoint.path}"
        read = [(f"{seen.ledger}/{seen.ledger_id}", seen.dossier) for seen in reads]
        for subject, dossier in dict.fromkeys([*read, *((reply.shows,) if reply.shows is not None else ())]):
            noted = Read(reader, "ledger", f"{code}/{subject}", route, dossier)
            await personal.note(self._desk.door.journal, noted)
        return reply

    def _callback(self, code: str, listener: Listener, profile: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            window = self._window()
            _behind_proxies(request, window)
            body = await read_body(request, window.max_body_bytes, window.body_timeout_s)
            notice = _notice(request, body, profile=profile)
            # Authenticity first: a notice that is not genuine changes nothing and raises here.
            reading = await _answered(code, listener.read(notice), window.reply_timeout_s)
            try:
                changed = await self._take(code, reading.inputs, notice)
            except GatewayError as error:
                if reading.unstored is None:
                    raise
                # Its sender knows no problem documents, only its own word for "tell us again".
                _LOG.error("a notice could not be stored", extra={"upstream": code, "code": _code(error)})
                return respond(reading.unstored)
            # Only now is anything acknowledged: what it says is on disk.
            self._desk.reach("callback.before_answer")
            return respond(reading.reply(changed=changed))

        return handle

    def _window(self) -> Window:
        assert self._edge is not None, "edge routes are mounted where there is an edge"
        return self._edge

    async def _take(self, code: str, inputs: Sequence[Change], notice: Notice) -> bool:
        """Make what a call changes durable; whether anything was new."""
        try:
            told = await self._desk.taker.take(code, inputs, original=original(notice) if inputs else b"")
        except DeliveryError as error:
            raise _upstream_error(error) from error
        return told.changed > 0


class Turnstile:
    """At most so many calls at a time; the next is told to come again."""

    def __init__(self, places: int) -> None:
        self._left = places

    async def through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer the call, or raise `TooManyRequests` when every place is taken."""
        if self._left <= 0:
            raise TooManyRequests(retry_after_s=1)
        self._left -= 1
        try:
            return await handler(request)
        finally:
            self._left += 1


class WaitingRoom:
    """Where calls wait whose content is on its way: who sends slowly holds no place of those that are answered.

    One address waits with at most `each` calls, all together with sixteen times as many: what they send is held in memory.
    """

    def __init__(self, window: Window, each: int) -> None:
        self._window, self._each, self._left = window, each, 16 * each
        self._by_peer: dict[str, int] = {}

    async def arrived(self, request: web.Request) -> None:
        """Wait for the content. Raises `TooManyRequests` where too many wait, and what `read_body` raises."""
        if request.content.is_eof():
            return
        window, peer = self._window, _behind_proxies(request, self._window)
        waiting = self._by_peer.get(peer, 0)
        if waiting >= self._each or self._left <= 0:
            raise TooManyRequests(retry_after_s=1)
        self._by_peer[peer] = waiting + 1
        self._left -= 1
        try:
            request[BODY] = await read_body(request, window.max_body_bytes, window.body_timeout_s)
        finally:
            self._left += 1
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]


def original(notice: Notice) -> bytes:
    """What is kept of a notice, as JSON: address, body, and its headers without credentials."""
    kept = {name: _text(value) for name, value in sorted(notice.headers.items()) if _is_kept(name)}
    return encode(
        {
            "method": notice.method,
            "path": notice.path,
            "query": notice.query,
            "headers": kept,
            "body": notice.body,
            "peer": notice.peer,
            "sender": notice.sender.system_code if notice.sender is not None else "",
        }
    )


def _text(value: str) -> str:
    """A header's value with bytes that are no UTF-8 (RFC 9110 5.5 leaves them opaque) written as backslash escapes."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_kept(name: str) -> bool:
    return name in HEADERS_KEPT or "signature" in name or "digest" in name or name.startswith("webhook-")


PEER = web.RequestKey("peer", str)
"""Where a request to the edge keeps the address that it comes from."""


def _behind_proxies(request: web.Request, window: Window) -> str:
    """Find out who calls a proxy of ours, before anything can be refused."""
    peer = window.proxies.peer(request.remote or "", request.headers.getall("X-Forwarded-For", []))
    request[PEER] = peer
    return peer


def _notice(request: web.Request, body: bytes, *, profile: str = "", sender: Sender | None = None) -> Notice:
    return Notice(
        method=request.method,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        headers={name.lower(): ", ".join(request.headers.getall(name)) for name in request.headers},
        body=body,
        peer=request.get(PEER, request.remote or ""),
        profile=profile,
        params=dict(request.match_info),
        sender=sender,
    )


def _sender(caller: Caller) -> Sender:
    return Sender(caller.system_code, caller.role, tuple(caller.record.procedures))


async def _answered(upstream: str, call: Awaitable[T], limit_s: float) -> T:
    """What the connector makes of a call, within its time. Its errors become ours."""
    try:
        async with asyncio.timeout(limit_s):
            return await call
    except NotGenuine as error:
        raise RefusedNotice(upstream, error) from error
    except TimeoutError:
        raise UpstreamUnavailable(f"Đầu nối chưa trả lời trong {limit_s:g} giây.") from None
    except DeliveryError as error:
        raise _upstream_error(error) from error


def _code(error: GatewayError) -> str:
    """The stable code of a fault of ours; a connector that breaks its own declarations has none."""
    return error.code if isinstance(error, IntakeError) else "ledger_fault"


def respond(reply: Reply) -> web.Response:
    """A connector's answer; nobody on the way may keep it."""
    return web.Response(
        body=reply.body,
        status=reply.status,
        headers={**_NO_STORE, **reply.headers, "Content-Type": reply.content_type},
    )


_NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store"}


def _upstream_error(error: DeliveryError) -> IntakeError:
    if isinstance(error, Permanent):
        return UpstreamRefused(error.message_vi)
    return UpstreamUnavailable(error.message_vi, retry_after_s=int(error.retry_after_s or 0))
