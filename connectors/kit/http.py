"""The one door to HTTP: one session, deadlines, TLS, and the answer to "did it leave this machine?".

Everything a connector sends goes through `HttpClient.call`. What may be concluded from a failure is decided here and
nowhere else, by aiohttp's `on_request_headers_sent` trace: before it not one byte of the request was written, after it
the upstream may have acted (architecture 6). tenacity repeats inside the connect phase only; a request of which one
byte was written is never repeated here.
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import aiohttp
import tenacity
from aiohttp import http_exceptions
from yarl import URL

from connectors.kit.addresses import checked_base, checked_headers, checked_proxy, joined
from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CertificateExpired,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    NoAnswer,
    NotSent,
    Rejected,
    UpstreamFault,
)
from connectors.kit.http_answers import HttpAnswer as HttpAnswer
from connectors.kit.redact import masked

_CONNECT_TRIES = 3
# An idle connection is dropped before common servers drop theirs: a request written to a connection that is closing
# is a false "may have happened".
_KEEP_ALIVE_S = 2.0
_NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_FAILURES = (aiohttp.ClientError, http_exceptions.HttpProcessingError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How an upstream may be reached.

    `allow_plain` lists the hosts (`host` or `host:port`) that may be reached over plain HTTP; loopback is no exception.
    `ca_file` is a PEM file of trust anchors in place of the machine's; `client_cert_file` and `client_key_file` are ours, for a
    server that asks for a certificate, read when the connector is built. `proxy` is the forward proxy (RFC 9110, 9.3.6:
    CONNECT) that a network demands; what it refuses was not sent. `max_answer_bytes` bounds what is read of an
    answer. `connections` bounds open connections. `redact` names JSON keys and headers whose values never become
    evidence or text.
    """

    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""
    client_cert_file: str = ""
    client_key_file: str = ""
    proxy: str = ""
    connect_timeout_s: float = 5.0
    max_answer_bytes: int = 8 * 1024 * 1024
    connections: int = 16
    redact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `path`, `query`: plain text, percent-encoded once, in `HttpClient`. `service`: the upstream's name of it."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    query: Mapping[str, str] | None = field(default=None, repr=False)
    service: str = ""


@dataclass(slots=True)
class _Wire:
    """What is known about one call while it lasts."""

    kit: Kit
    send_before: float
    sent: bool = False
    status: int = 0
    received: bytearray = field(default_factory=bytearray)

    def about_to_write(self) -> None:
        """Called when the next thing is the first byte; the last moment at which a stale lease can stop it."""
        if self.sent:
            # aiohttp would repeat an idempotent request whose connection broke; whether to repeat is not its affair.
            raise NoAnswer
        if self.kit.instant() >= self.send_before:
            raise NotSent("Đã quá hạn được phép gửi; chưa gửi byte nào.")
        self.sent = True


class HttpClient:
    """Calls one upstream. Raises only `DeliveryError`; closing it ends everything under way."""

    def __init__(self, *, base_url: str, kit: Kit, options: HttpOptions = HttpOptions()) -> None:
        """Raises `ContractChanged` for a base URL that must not be used."""
        self._base = checked_base(base_url, options.allow_plain)
        self._kit = kit
        self._options = options
        self._proxy = checked_proxy(options.proxy)
        self._tls = _tls(options) if self._base.startswith("https:") else None
        self._session: aiohttp.ClientSession | None = None

    async def call(self, request: HttpRequest, budget: Budget) -> HttpAnswer:
        """The upstream's answer, whatever its status. Redirects are answers; cookies and compression are off.

        Raises `NotSent` when not one byte was written, `NoAnswer` when the answer did not come in time or the
        connection broke, `AnswerUnreadable` when what came cannot be read, `CertificateExpired` when the upstream's
        certificate cannot be trusted, `CannotMap` for a request that HTTP cannot carry.
        """
        url = joined(self._base, request.path, request.query)
        headers = checked_headers(request.headers)
        wire = _Wire(self._kit, budget.send_before)
        if self._kit.instant() >= budget.send_before:
            raise NotSent("Đã quá hạn được phép gửi; chưa gửi byte nào.", exchange=self.exchange(request))
        started = self._kit.instant()
        try:
            async with asyncio.timeout(max(budget.timeout_s, 0.0)):
                answer = await self._connected(request, url, headers, wire)
        except DeliveryError as error:
            error.exchange = self._so_far(request, wire)
            raise
        except _FAILURES as error:
            # The cause is dropped: its text may hold the address with its query.
            raise self._concluded(error, request, wire) from None
        latency_ms = (self._kit.instant() - started) * 1000
        return HttpAnswer(answer.status, answer.headers, bytes(wire.received), latency_ms)

    def exchange(self, request: HttpRequest, answer: HttpAnswer | None = None, upstream_code: str = "") -> Exchange:
        """What went over the wire, secrets removed: for receipts and errors."""
        if answer is None:
            return Exchange(request=masked(request.body, self._options.redact), upstream_code=upstream_code)
        return Exchange(
            request=masked(request.body, self._options.redact),
            response=masked(answer.body, self._options.redact),
            http_status=answer.status,
            upstream_code=upstream_code,
        )

    async def close(self) -> None:
        """Close every connection. The client can be used again afterwards, with new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _connected(
        self, request: HttpRequest, url: URL, headers: dict[str, str], wire: _Wire
    ) -> aiohttp.ClientResponse:
        """One request, with up to three tries to reach the upstream before the first byte.

        tenacity is entered only with a connection that did not come about: counting tries costs more than most calls.
        """
        try:
            return await self._once(request, url, headers, wire)
        except _NO_CONNECTION as error:
            if not _may_connect_again(error, wire):
                raise
            failed: BaseException | None = error
        tries = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_CONNECT_TRIES),
            wait=tenacity.wait_exponential(multiplier=0.1, max=1.0),
            retry=tenacity.retry_if_exception(lambda error: _may_connect_again(error, wire)),
            reraise=True,
        )

        async def once_more() -> aiohttp.ClientResponse:
            nonlocal failed
            if failed is not None:
                first, failed = failed, None
                raise first
            return await self._once(request, url, headers, wire)

        return await tries(once_more)

    async def _once(
        self, request: HttpRequest, url: URL, headers: dict[str, str], wire: _Wire
    ) -> aiohttp.ClientResponse:
        pending = self._opened().request(
            request.method,
            url,
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
            proxy=self._proxy,
            trace_request_ctx=wire,
        )
        async with pending as answer:
            wire.status = answer.status
            try:
                await self._read(answer, wire)
            finally:
                if not answer.content.at_eof():
                    # A connection with half an answer on it must not serve anybody else.
                    answer.close()
            return answer

    async def _read(self, answer: aiohttp.ClientResponse, wire: _Wire) -> None:
        """Take the whole body, or say why it cannot be taken."""
        encoding = answer.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise AnswerUnreadable("Câu trả lời bị nén dù không được yêu cầu.")
        limit = self._options.max_answer_bytes
        if (answer.content_length or 0) > limit:
            raise AnswerUnreadable(f"Câu trả lời lớn hơn {limit} byte.")
        async for chunk in answer.content.iter_any():
            wire.received += chunk
            if len(wire.received) > limit:
                del wire.received[limit:]
                raise AnswerUnreadable(f"Câu trả lời lớn hơn {limit} byte.")

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made at the first call because it belongs to the running loop."""
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_on_headers)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._options.connections,
                    ssl=self._tls if self._tls is not None else True,
                    keepalive_timeout=_KEEP_ALIVE_S,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._options.connect_timeout_s),
                trace_configs=[trace],
                auto_decompress=False,
                headers={"Accept-Encoding": "identity", "User-Agent": "tthc-gateway"},
            )
        return self._session

    def _so_far(self, request: HttpRequest, wire: _Wire) -> Exchange:
        return Exchange(
            request=masked(request.body, self._options.redact),
            response=masked(bytes(wire.received), self._options.redact),
            http_status=wire.status,
        )

    def _concluded(self, error: BaseException, request: HttpRequest, wire: _Wire) -> DeliveryError:
        """What may be concluded from a failure of the transport."""
        exchange = self._so_far(request, wire)
        kind = type(error).__name__
        if not wire.sent and isinstance(error, aiohttp.ClientConnectorCertificateError):
            return CertificateExpired(exchange=exchange)
        if not wire.sent:
            return NotSent(f"Chưa gửi được: không kết nối được tới hệ thống nhận ({kind}).", exchange=exchange)
        broken = (aiohttp.ClientPayloadError, aiohttp.ClientResponseError, http_exceptions.HttpProcessingError)
        if isinstance(error, broken) and not isinstance(error, aiohttp.ServerDisconnectedError):
            return AnswerUnreadable(f"Hệ thống nhận trả lời nội dung không đọc được ({kind}).", exchange=exchange)
        return NoAnswer(f"Đã gửi nhưng không nhận được câu trả lời ({kind}).", exchange=exchange)


def remaining(budget: Budget, started: float, kit: Kit) -> Budget:
    """What is left of `budget` for a further call of the attempt that began at `started` (of `Kit.instant`)."""
    return Budget(budget.send_before, max(0.0, budget.timeout_s - (kit.instant() - started)))


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After` (RFC 9110, 10.2.3), never negative; None when absent or unreadable.

    A date is read against `now`, or against the `Date` of the same answer: two times of one clock.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,10}", value, re.ASCII):
        return float(value)
    until = _http_date(value)
    since = now or _http_date(headers.get("Date", ""))
    if until is None or since is None:
        return None
    seconds = (until - since).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def refusal(
    answer: HttpAnswer, exchange: Exchange | None = None, busy: tuple[int, ...] = (429,)
) -> DeliveryError | None:
    """What a status alone lets one conclude; None for 2xx, whose body must be read.

    `busy` lists the statuses of which the upstream's document says that nothing was done; an undocumented 503 is a
    fault of unknown effect even with `Retry-After`.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    exchange = exchange or Exchange(response=answer.body, http_status=status)
    text = f"Hệ thống nhận trả lời HTTP {status}."
    wait_s = retry_after_s(answer.headers)
    if status in busy:
        return Busy(text, exchange=exchange, retry_after_s=wait_s)
    if status >= 500 or status == 408:
        return UpstreamFault(text, exchange=exchange, retry_after_s=wait_s)
    if status in (401, 403):
        return CredentialsRefused(text, exchange=exchange)
    if status < 400 or status in (404, 405, 410):
        return ContractChanged(text, exchange=exchange)
    return Rejected(text, exchange=exchange)


async def _on_headers(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """aiohttp calls this right before the request's first byte is handed to the socket."""
    context.trace_request_ctx.about_to_write()


def _may_connect_again(error: BaseException, wire: _Wire) -> bool:
    """Only a connection that never came about; a certificate does not get better by asking again."""
    connecting = isinstance(error, _NO_CONNECTION)
    in_time = wire.kit.instant() < wire.send_before
    return connecting and in_time and not wire.sent and not isinstance(error, aiohttp.ClientSSLError)


def _tls(options: HttpOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca_file or None)
    except (OSError, ssl.SSLError):
        raise ContractChanged("Không đọc được tệp chứng thư gốc (ca_file).") from None
    if options.client_cert_file:
        try:
            # An empty password: a key that needs one is refused instead of asked for at a terminal.
            context.load_cert_chain(options.client_cert_file, options.client_key_file or None, password="")
        except (OSError, ssl.SSLError):
            raise ContractChanged("Không đọc được chứng thư hoặc khóa của cổng (client_cert_file).") from None
    return context


def _http_date(text: str) -> datetime | None:
    """An HTTP-date (RFC 9110, 5.6.7) as an aware time."""
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    # The obsolete asctime form names no zone; HTTP-dates are always GMT.
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
