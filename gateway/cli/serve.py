"""`gateway serve`: run the gateway, worker included, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import uvloop

from gateway import bootstrap
from gateway.cli.screen import EX_OK, err
from gateway.config import Loaded, load
from gateway.observe import log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which configuration."""
    parser.add_argument("--config", type=Path, metavar="TỆP", help="tệp cấu hình gateway.toml")


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    loaded = load(arguments.config)
    log.configure(loaded.settings.observe.level)
    uvloop.run(_serve(loaded))
    return EX_OK


async def _serve(loaded: Loaded) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with bootstrap.running(loaded) as gateway:
        scheme = "https" if loaded.settings.listen.internal.tls is not None else "http"
        err.print(f"Cổng đang chạy tại {scheme}://{gateway.host}:{gateway.port} (Ctrl+C để dừng)")
        await stop.wait()
        err.print("Đang dừng: chờ các lượt gửi dở dang…")
