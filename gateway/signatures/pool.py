"""The pool of signature workers: processes without keys that are given paths, bounded task by task, replaced when they fall.

What a stranger's file does to a parser cannot be known beforehand: memory and processor time are bounded by the kernel, the wall
clock by us, and a worker that is stopped costs its own task only. Each is a fresh interpreter (no fork of a process that holds
keys, threads and sockets), and the kernel ends it with its parent, so that nothing is left behind by a SIGKILL.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from gateway.signatures import tasks
from gateway.signatures.tasks import Answer, Commission, Failed, Task
from signing.confinement import Confinement, LimitReached
from signing.errors import KeyUnavailable, SigningError, SigningRefused, Unusable

_LOG = logging.getLogger("gateway.signatures")
_HEAD = struct.Struct(">I")
_LARGEST = 268_435_456
_START_S = 60.0
_FAREWELL_S = 5.0
_START = "import sys; sys.path[:] = sys.argv[2:]; from gateway.signatures.worker import main; main(int(sys.argv[1]))"
_FAMILIES: dict[str, type[SigningError]] = {"refused": SigningRefused, "unavailable": KeyUnavailable}
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Worker:
    """One process, and whether it has been told anything yet."""

    process: asyncio.subprocess.Process
    awake: bool = False

    async def ask(self, raw: bytes) -> Answer:
        """Send one frame and read one; raises what a broken pipe raises."""
        assert self.process.stdin is not None
        self.process.stdin.writelines((_HEAD.pack(len(raw)), raw))
        await self.process.stdin.drain()
        return await self.hear()

    async def hear(self) -> Answer:
        """The next frame."""
        assert self.process.stdout is not None
        (size,) = _HEAD.unpack(await self.process.stdout.readexactly(_HEAD.size))
        if size > _LARGEST:
            raise EOFError
        return tasks.decode(await self.process.stdout.readexactly(size), Answer)

    async def end(self) -> None:
        """Kill, and wait until the kernel has buried it."""
        if self.process.returncode is None:
            self.process.kill()
        if self.process.stdin is not None:
            self.process.stdin.close()
        await self.process.wait()


class Pool:
    """`size` workers. `do` gives a task to the next idle one; made by `opened`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: asyncio.Queue[_Worker | None] = asyncio.Queue()
        self._all: set[_Worker] = set()

    @property
    def processes(self) -> tuple[int, ...]:
        """Process ids of the workers that live, for watching and for tests."""
        return tuple(one.process.pid for one in self._all if one.process.returncode is None)

    async def do(self, task: Task, bounds: Confinement) -> Any:
        """The answer to a task (`tasks.ANSWERS`, bytes else). Raises `LimitReached` and what `signing.errors` holds.

        `LimitReached` says time, memory or crash; the next task finds a fresh worker.
        """
        raw = tasks.encode(Commission(task, bounds.seconds, bounds.memory_bytes))
        worker = await self._idle.get()
        try:
            worker = worker or await self._started()
            answer = await self._answered(worker, raw, bounds)
        except BaseException:
            if worker is not None:
                await self._buried(worker)
            self._idle.put_nowait(None)
            raise
        if answer.failed is not None and answer.failed.kind == "memory":
            await self._buried(worker)  # what else an exhausted interpreter would do, nobody knows
            self._idle.put_nowait(None)
        else:
            self._idle.put_nowait(worker)
        if answer.failed is not None:
            raise _error(answer.failed)
        wanted = tasks.ANSWERS.get(type(task))
        return answer.body if wanted is None else tasks.decode(answer.body, wanted)

    async def open(self) -> None:
        """Start the workers; they warm up while other things start, and the first task waits for the first of them."""
        for _ in range(self._size):
            self._idle.put_nowait(await self._started())

    async def close(self) -> None:
        """Let idle workers go home, and end whatever still runs."""
        for worker in self._all:
            if worker.process.stdin is not None:
                worker.process.stdin.close()
        if self._all:
            await asyncio.wait([asyncio.ensure_future(one.process.wait()) for one in self._all], timeout=_FAREWELL_S)
        for worker in tuple(self._all):
            await self._buried(worker)

    async def _answered(self, worker: _Worker, raw: bytes, bounds: Confinement) -> Answer:
        if not worker.awake:
            await self._woken(worker)
        try:
            async with asyncio.timeout(bounds.seconds):
                return await worker.ask(raw)
        except TimeoutError:
            raise LimitReached("time") from None
        except (OSError, EOFError, msgspec.MsgspecError):
            code = await self._buried(worker)
            _LOG.warning("signature worker fell", extra={"code": code})
            raise LimitReached("time" if code == -signal.SIGXCPU else "crash") from None

    async def _woken(self, worker: _Worker) -> None:
        """A worker that never comes to life is no fault of the document that would have been its first."""
        try:
            async with asyncio.timeout(_START_S):
                await worker.hear()
        except (TimeoutError, OSError, EOFError, msgspec.MsgspecError):
            await self._buried(worker)
            raise _not_started() from None
        worker.awake = True

    async def _started(self) -> _Worker:
        """A fresh process; of our environment, where secrets may stand, it gets nothing."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _START,
                str(os.getpid()),
                *sys.path,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
            )
        except OSError:
            raise _not_started() from None
        worker = _Worker(process)
        self._all.add(worker)
        return worker

    async def _buried(self, worker: _Worker) -> int | None:
        await worker.end()
        self._all.discard(worker)
        return worker.process.returncode


@asynccontextmanager
async def opened(size: int) -> AsyncIterator[Pool]:
    """A pool for as long as the block lasts."""
    pool = Pool(size)
    try:
        await pool.open()
        yield pool
    finally:
        await pool.close()


def _not_started() -> SigningError:
    _LOG.error("signature worker does not start")
    return Unusable("tien_trinh_khong_khoi_dong", "Không khởi động được tiến trình đọc tài liệu; sẽ thử lại.")


def _error(failed: Failed) -> Exception:
    if failed.kind in ("memory", "crash"):
        return LimitReached(failed.kind)
    return _FAMILIES.get(failed.kind, Unusable)(failed.code, failed.message_vi)
