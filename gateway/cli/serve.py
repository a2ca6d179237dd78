"""`gateway serve`: run the gateway, worker included or apart, until SIGTERM or SIGINT; SIGHUP reads the configuration anew."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import time
from pathlib import Path

import uvloop

from gateway import bootstrap
from gateway.bootstrap.duties import DOOR, EVERYTHING, Duties
from gateway.bootstrap.residence import Residence
from gateway.cli.screen import EX_OK, err
from gateway.config import Loaded, load, supervision
from gateway.errors import JournalUnavailable
from gateway.observe import log
from gateway.observe.supervision import Supervisor

_LOG = logging.getLogger("gateway")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which configuration."""
    parser.add_argument("--config", type=Path, metavar="TỆP", help="tệp cấu hình gateway.toml")
    parser.add_argument(
        "--without-worker",
        action="store_true",
        help="chỉ tiếp nhận; bộ giao nhận chạy riêng bằng gateway worker (cần kho PostgreSQL)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    return stay(arguments.config, DOOR if arguments.without_worker else EVERYTHING)


def stay(config: Path | None, duties: Duties) -> int:
    """Do these duties until stopped."""
    loaded = load(config)
    log.configure(loaded.settings.observe.level)
    uvloop.run(_serve(loaded, duties))
    return EX_OK


async def _serve(loaded: Loaded, duties: Duties) -> None:
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    # From the first moment: a signal that nobody handles ends the process.
    loop.add_signal_handler(signal.SIGHUP, again.set)
    address, silence_s = supervision()
    supervisor = Supervisor(address, time.monotonic_ns)
    async with bootstrap.running(loaded, duties=duties) as gateway:
        scheme = "https" if loaded.settings.listen.internal.tls is not None else "http"
        what = "Cổng đang chạy" if duties.door else "Bộ giao nhận đang chạy; trạng thái và số đo"
        err.print(f"{what} tại {scheme}://{gateway.host}:{gateway.port} (Ctrl+C để dừng)")
        assert gateway.residence is not None, "a gateway that runs has somebody living in it"
        beside = [
            asyncio.create_task(_reloads(gateway.residence, again, supervisor), name="reloads"),
            asyncio.create_task(_breathes(supervisor, silence_s), name="watchdog"),
        ]
        supervisor.ready()
        await stop.wait()
        supervisor.stopping()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        err.print("Đang dừng: chờ các lượt gửi dở dang…")


async def _reloads(residence: Residence, again: asyncio.Event, supervisor: Supervisor) -> None:
    """Each SIGHUP is one look at the configuration; several that come while one is under way are one more."""
    while True:
        await again.wait()
        again.clear()
        supervisor.reloading()
        try:
            outcome = await residence.desk.by_signal("SIGHUP")
        except JournalUnavailable:
            _LOG.error("the configuration was not reloaded: the journal is unavailable")
        else:
            for fault in outcome.faults:
                _LOG.error("configuration refused", extra={"fault": fault})
            for warning in outcome.warnings:
                _LOG.warning("configuration", extra={"told": warning})
            _LOG.warning(
                "configuration kept" if outcome.faults else "configuration reloaded",
                extra={"generation": outcome.generation, "previous": outcome.previous},
            )
        supervisor.ready()


async def _breathes(supervisor: Supervisor, silence_s: float) -> None:
    """Tell the service manager that the loop turns, twice as often as it wants to hear it."""
    while silence_s > 0:
        supervisor.alive()
        await asyncio.sleep(silence_s / 2)
