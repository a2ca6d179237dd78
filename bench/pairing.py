"""What benches share that lay the gateway beside a bare aiohttp server: the peer, the load on both, rates and CPU times."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from multiprocessing.pool import Pool
from pathlib import Path

import ground
import uvloop
from aiohttp import web

TICKS = os.sysconf("SC_CLK_TCK")


def bare(port: int, method: str, path: str, answer: tuple[int, bytes]) -> None:
    """The peer: the least that an aiohttp server can do with the same request. `answer`: status and JSON body."""
    status, body = answer

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, status=status, content_type="application/json")

    async def ready(_request: web.Request) -> web.Response:
        return web.Response()

    async def serve() -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route(method, path, handle)
        app.router.add_get("/readyz", ready)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    uvloop.run(serve())


def drive(pool: Pool, port: int, lines: list[list[bytes]], seconds: float) -> list[ground.Answered]:
    """Both load processes at once, each with every second line."""
    halves = [(port, lines[part::2], seconds, ground.aside(1 + part)) for part in range(2)]
    return [answer for part in pool.starmap(_load, halves) for answer in part]


def rate(answers: Sequence[ground.Answered]) -> float:
    """Answers a second."""
    return len(answers) / (max(a.answered for a in answers) - min(a.asked for a in answers))


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, user and system, of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _load(port: int, lines: Sequence[Sequence[bytes]], seconds: float, on_core: int) -> list[ground.Answered]:
    """One load process."""
    os.sched_setaffinity(0, {on_core})
    return uvloop.run(ground.drive(port, lines, seconds))
