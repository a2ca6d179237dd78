"""Listening: an application on a TCP address or on a Unix socket, and nothing left behind."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from gateway.bootstrap.doorway import Doorway
from gateway.errors import ConfigError, IntakeError
from gateway.intake.problems import problem

_LOG = logging.getLogger("gateway.intake")
_UNREAD = "unread-request"
_SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket on Linux, without its closing NUL (unix(7))."""


@asynccontextmanager
async def unix_site(served: web.Application | Doorway, path: Path) -> AsyncIterator[None]:
    """An application, or what a doorway leads to, on a Unix socket of mode 0600."""
    path.unlink(missing_ok=True)
    runner = _runner(served)
    await runner.setup()
    try:
        # The mode from the first moment: between bind and chmod a umask of 022 would let others in.
        before = os.umask(0o177)
        try:
            await web.UnixSite(runner, str(path)).start()
        except OSError as error:
            told = f"listen.admin_socket: không mở được {path} ({error.strerror or error})"
            if len(bytes(path)) > _SOCKET_PATH_BYTES:
                told += f"; đường dẫn dài quá {_SOCKET_PATH_BYTES} byte, hãy cài đặt ở thư mục có đường dẫn ngắn hơn"
            raise ConfigError((told,)) from error
        finally:
            os.umask(before)
        path.chmod(0o600)
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


@asynccontextmanager
async def tcp_site(
    served: Doorway,
    host: str,
    port: int,
    setting: str = "listen.internal",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """What a doorway leads to on a TCP address, over TLS with `tls`; gives the port, which the system chose when 0 was asked for.

    `setting` is named where the address cannot be had.
    """
    runner = _Runner(served.server, shutdown_timeout=5.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=1024, ssl_context=tls).start()
        except OSError as error:
            raise _not_ours(setting, host, port, error) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def must_be_free(host: str, port: int, setting: str) -> None:
    """Raises `ConfigError`, as `tcp_site` would, where somebody listens at a TCP address; it is not kept.

    Every other fault of the address is left to `tcp_site`. Port 0 is always free.
    """
    if not port:
        return
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror:
        return
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            # As a server binds: connections that have ended hold no address, and :: leaves 0.0.0.0 to others.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise _not_ours(setting, host, port, error) from error


def _not_ours(setting: str, host: str, port: int, error: OSError) -> ConfigError:
    return ConfigError((f"{setting}: không mở được {host}:{port} ({error.strerror})",))


def _runner(served: web.Application | Doorway) -> web.BaseRunner:
    if isinstance(served, Doorway):
        return web.ServerRunner(served.server)
    return web.AppRunner(served, access_log=None)


class _Protocol(web.RequestHandler):
    """HTTP of one connection, which refuses what it cannot read as everything else is refused.

    The framework answers a malformed head in plain text that repeats it, and logs it: both may hold anything.
    """

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The problem document of a request that no application saw; the connection ends after it (RFC 9112 9.6)."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        _LOG.warning("request not readable", extra={"status": status, "kind": type(exc).__name__})
        unread = IntakeError(
            "Yêu cầu HTTP không đọc được; hãy kiểm tra dòng đầu và các tiêu đề.", code="malformed", status=400
        )
        told = problem(unread if status < 500 else IntakeError())
        response = web.Response(
            body=told.body, status=told.status, headers={**told.headers, "X-Correlation-Id": _UNREAD}
        )
        response.force_close()
        return response


class _Connections(web.Server):
    """Makes the protocol of each new connection, on behalf of the server that keeps account of them."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def __call__(self) -> web.RequestHandler:
        return _Protocol(
            self._server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is how the framework's own runner switches it off
            auto_decompress=False,
        )


class _Runner(web.ServerRunner):
    """Runs a server whose connections speak as `_Protocol` does."""

    @property
    def server(self) -> web.Server | None:
        """What a site asks for a protocol."""
        server = super().server
        return _Connections(server) if server is not None else None
