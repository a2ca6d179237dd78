"""Work on a stranger's file in a process of its own, with limits on memory, processor time and patience.

What a parser does with hostile bytes cannot be known beforehand, and a loop in C does not listen to anybody. So the work is done
by a child that the kernel stops: RLIMIT_AS, RLIMIT_CPU, and a wall clock of the parent. `confined` forks for one piece of work
(the command line); `confine_task` is for the workers of a pool, which are given paths and stay alive.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from signing.policy import ReadingLimits

_ORDINARY_SIZE = 2_097_152
_OUT_OF_MEMORY = 112
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Confinement:
    """What one piece of work may take: `seconds` of wall clock and of processor time, `memory_bytes` in all."""

    seconds: float
    memory_bytes: int


class LimitReached(Exception):
    """The work was stopped: `reason` is time, memory or crash. Inside signing and its users only; it becomes an observation."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def confinement_for(size: int, limits: ReadingLimits) -> Confinement:
    """The limits for a file of so many bytes: those of the policy under 2 MB, and in proportion above."""
    further = max(0, size - _ORDINARY_SIZE)
    steps = -(-further // _ORDINARY_SIZE)
    return Confinement(limits.max_seconds * (1 + steps), limits.max_memory_bytes + 24 * further)


def confine_this_process(bounds: Confinement) -> None:
    """Bind this process, for good: memory beyond what it holds already, and processor time beyond what it has spent."""
    for what, value in _bounding(bounds):
        most = _within(what, value)
        resource.setrlimit(what, (most, most))


def confine_task(bounds: Confinement) -> None:
    """Bind a worker's next task: as `confine_this_process`, but a later call may bind the next task anew."""
    for what, value in _bounding(bounds):
        resource.setrlimit(what, (_within(what, value), resource.getrlimit(what)[1]))


def confined(work: Callable[[], bytes], bounds: Confinement) -> bytes:
    """What `work` returns, done in a forked child; raises `LimitReached`. Only for programs of one thread.

    An exception inside is our own mistake: its traceback goes to standard error, and the reason is `crash`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    until = time.monotonic() + bounds.seconds
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(work, bounds, writing)
    os.close(writing)
    answer = None
    try:
        answer = _received(reading, until)
    finally:
        os.close(reading)
        if answer is None:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if answer is None:
        raise LimitReached("time")
    if os.WIFSIGNALED(status):
        raise LimitReached("time" if os.WTERMSIG(status) == signal.SIGXCPU else "crash")
    if os.WEXITSTATUS(status) != 0:
        raise LimitReached("memory" if os.WEXITSTATUS(status) == _OUT_OF_MEMORY else "crash")
    return answer


def _child(work: Callable[[], bytes], bounds: Confinement, writing: int) -> None:
    """Never returns: nothing of the parent's clean-up may run twice."""
    code = 1
    try:
        confine_this_process(bounds)
        answer = work()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        code = 0
    except MemoryError:
        code = _OUT_OF_MEMORY
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        os._exit(code)


def _received(reading: int, until: float) -> bytes | None:
    """Everything the child says, or None when it takes too long."""
    pieces: list[bytes] = []
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return None
        piece = os.read(reading, _CHUNK)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def _bounding(bounds: Confinement) -> tuple[tuple[int, int], ...]:
    """The kernel's limits for what is to come: on top of the memory that is held and the processor time that is spent."""
    pages, resident = (int(one) for one in Path("/proc/self/statm").read_text("ascii").split()[:2])
    memory = (pages - resident) * resource.getpagesize() + bounds.memory_bytes
    spent = resource.getrusage(resource.RUSAGE_SELF)
    processor = int(spent.ru_utime + spent.ru_stime + bounds.seconds) + 1
    return (resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, processor), (resource.RLIMIT_CORE, 0)


def _within(what: int, value: int) -> int:
    """A limit can only be lowered; a stricter one that stands already is kept."""
    _, hard = resource.getrlimit(what)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
