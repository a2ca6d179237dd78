"""Listening: an application on a TCP address or on a Unix socket, and nothing left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from gateway.errors import ConfigError


@asynccontextmanager
async def unix_site(app: web.Application, path: Path) -> AsyncIterator[None]:
    """`app` on a Unix socket of mode 0600."""
    path.unlink(missing_ok=True)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.UnixSite(runner, str(path)).start()
        except OSError as error:
            raise ConfigError((f"listen.admin_socket: không mở được {path} ({error.strerror or error})",)) from error
        path.chmod(0o600)
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


@asynccontextmanager
async def tcp_site(app: web.Application, host: str, port: int, setting: str = "listen.internal") -> AsyncIterator[int]:
    """`app` on a TCP address; gives the port, which the system chose when 0 was asked for.

    `setting` is named where the address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, auto_decompress=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            raise ConfigError((f"{setting}: không mở được {host}:{port} ({error.strerror})",)) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
