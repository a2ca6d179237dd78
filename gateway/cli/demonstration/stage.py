"""The stage: real processes on loopback, started, killed and stopped by the play, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from gateway.cli.screen import EX_BUSY
from gateway.errors import GatewayError

_START_LIMIT_S = 120.0  # a machine that others keep busy takes long; nobody waits longer than needed
_PATIENCE_S = 60.0


class StageFailed(GatewayError):
    """Một tiến trình của buổi trình diễn không khởi động được."""


@dataclass(slots=True)
class Stage:
    """The processes of one play in one folder. Their output goes to log files beside the installation.

    `again_after` are exit codes of a command after which it is given again for a while.
    """

    folder: Path
    session: aiohttp.ClientSession
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    again_after: set[int] = field(default_factory=lambda: {EX_BUSY})

    async def start(self, name: str, arguments: list[str], ready_url: str, module: str = "gateway") -> None:
        """Start `python -m gateway …`, or another module, and wait until it answers.

        An order that is carried out while nothing listens holds the store itself, for a moment: then the gateway starts again.
        """
        until = time.monotonic() + _PATIENCE_S
        while True:
            log = (self.folder / f"{name}.log").open("ab")
            # A session of its own: what happens to the play's terminal does not reach its processes.
            process = subprocess.Popen(
                [*_with_us(), sys.executable, "-m", module, *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            log.close()
            self.running[name] = process
            if await self._answers(process, ready_url):
                return
            if process.poll() != EX_BUSY or time.monotonic() > until:
                tail = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-2_000:]
                raise StageFailed(f"{name} không khởi động được:\n{tail}")
            await asyncio.sleep(0.2)

    async def _answers(self, process: subprocess.Popen[bytes], url: str) -> bool:
        """Whether a process that was started answers before its time is over, or before it ends."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _START_LIMIT_S
        while loop.time() < end and process.poll() is None:
            try:
                async with self.session.get(url) as response:
                    if response.status == 200:
                        return True
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
        return False

    async def run(self, arguments: list[str], ends: int = 0) -> str:
        """Run `python -m gateway …` to its end; its standard output. Raises `StageFailed` unless it ended with this code.

        A gateway that is starting again holds its store and does not listen yet: then the same order is given again.
        """
        until = time.monotonic() + _PATIENCE_S
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway",
                *arguments,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                told, wrong = await process.communicate()
            finally:
                if process.returncode is None:  # nobody waits for it any more
                    process.kill()
                    await process.wait()
            if process.returncode == ends:
                return told.decode()
            if process.returncode not in self.again_after or time.monotonic() > until:
                seen = f"gateway {' '.join(arguments)} (mã {process.returncode}, chờ {ends})"
                raise StageFailed(f"{seen}: {(told + wrong).decode(errors='replace')[-1_000:]}")
            await asyncio.sleep(0.2)

    def kill(self, name: str) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        process = self.running.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    async def get(self, url: str) -> Any:
        """JSON from a control plane."""
        async with self.session.get(url) as response:
            response.raise_for_status()
            return msgspec.json.decode(await response.read())

    async def send(self, method: str, url: str, body: Mapping[str, object] | list[Any]) -> Any:
        """Give a control plane an order."""
        async with self.session.request(
            method, url, data=msgspec.json.encode(body), headers={"Content-Type": "application/json"}
        ) as response:
            text = await response.read()
            if response.status >= 400:
                raise StageFailed(f"{method} {url}: {response.status} {text[:500].decode(errors='replace')}")
            return msgspec.json.decode(text) if text else None

    def close(self) -> None:
        """Stop what still runs: politely, then for good."""
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


def _with_us() -> list[str]:
    """Words before a command, where the machine has them: even who is killed leaves no process behind."""
    return ["setpriv", "--pdeathsig=KILL"] if shutil.which("setpriv") else []


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stage]:
    """A stage that leaves no process behind, whatever happens on it."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64)) as session:
        stage = Stage(folder, session)
        try:
            yield stage
        finally:
            stage.close()
