"""What benches share that lay the gateway beside a bare aiohttp server: the peer, the load on both, rates and CPU times."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path

import ground
import uvloop
from aiohttp import web

from tests.postgres import served

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


@contextmanager
def shared_store(place: ground.Ground) -> Iterator[None]:
    """Have the gateway of `place` keep its journal in a PostgreSQL of its own, away from the core that is measured."""
    with served(shared_buffers="256MB", autovacuum="on") as server:
        assert server.process is not None
        first = server.process.pid
        begun = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="utf-8").split()
        for pid in (first, *map(int, begun)):
            os.sched_setaffinity(pid, {ground.aside(number) for number in range(len(ground.CORES))})
        place.keep_in(server.database())
        yield


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
