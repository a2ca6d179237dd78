"""The one writer: a thread that commits whatever is waiting, together, without a timer (delivery-engine 3.2, 4.7).

While a commit is on its way to the disk the next batch gathers by itself; its size follows the load.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from gateway.errors import JournalUnavailable
from gateway.journal.books import Books, JournalFault
from gateway.observe.crash import Reach

T = TypeVar("T")
Read = tuple[str, tuple[object, ...]]
MOST_JOBS = 512
ACCEPT = "accept"
_MOST_CLASHES = 8
_EVERY = -1
_ALONE = -2
_PAUSE_S = 0.02
_LOG = logging.getLogger("gateway.journal")


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is known of an operation before it runs: the dossiers (code) and lanes (number) that it is about, what it will read.

    Where other nodes write too, the first is held for it from the beginning; the second only saves time.
    """

    about: tuple[str | int, ...] = ()
    reads: tuple[Read, ...] = ()


_NOTHING = Ahead()


class Engine(Protocol):
    """What the writer needs from a database; every call comes from the writer's thread.

    `failures` are errors of the database itself, which concern the whole transaction; `faults` are rules of the tables
    that one operation broke. `clashes` are what other nodes that write at once bring about: the transaction runs again, a few
    times; where one may be the fault of an operation as well, that operation is tried once more before it is believed.
    """

    failures: tuple[type[BaseException], ...]
    faults: tuple[type[BaseException], ...]
    clashes: tuple[type[BaseException], ...]

    def begin(self, ahead: Sequence[Ahead]) -> None:
        """Start a transaction, knowing of its operations what is known beforehand."""
        ...

    def books(self) -> Books:
        """The books for one operation of the open transaction."""
        ...

    def changes(self) -> int:
        """Rows changed since the connection was opened."""
        ...

    def finish(self) -> None:
        """Write what the operations left to the end of the transaction."""
        ...

    def commit(self) -> None:
        """Make the transaction durable."""
        ...

    def rollback(self) -> None:
        """Undo the transaction, if one is open, and everything counted in it."""
        ...

    def tidy(self, *, idle: bool) -> None:
        """Housekeeping outside the commit path."""
        ...

    def close(self) -> None:
        """Release the database."""
        ...


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """An operation that waits for the writer, and who waits for it."""

    kind: str
    call: Callable[[Books], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    ahead: Ahead = _NOTHING


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: a value, or the error that its caller gets."""

    value: Any = None
    error: BaseException | None = None


class Caught:
    """Takes whatever its block raises, so that one job's fault reaches its own caller and nobody else."""

    error: Exception | None = None

    def __enter__(self) -> Caught:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False


def unavailable(cause: BaseException | None = None) -> JournalUnavailable:
    """The refusal that promises nothing: where an answer was lost a shared store may hold it in spite; who repeats is told."""
    error = JournalUnavailable(retry_after_s=1)
    error.__cause__ = cause
    return error


class Writer:
    """Takes jobs from any event loop and commits them in one thread, in the order they came."""

    def __init__(self, engine: Engine, reach: Reach, queue_limit: int) -> None:
        self._engine = engine
        self._reach = reach
        self._queue_limit = queue_limit
        self._jobs: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._accepts_waiting = 0
        self._lock = threading.Lock()
        self._closed = False
        self.most_jobs = MOST_JOBS
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(self, kind: str, call: Callable[[Books], T], ahead: Ahead = _NOTHING) -> asyncio.Future[T]:
        """Queue a job; its future resolves after the commit. Raises `JournalUnavailable` when full or closed.

        Only accepts are refused when the queue is full: refusing a settlement would turn a success into a doubt.
        """
        loop = asyncio.get_running_loop()
        job = Job(kind, call, loop, loop.create_future(), ahead)
        with self._lock:
            if self._closed or (kind == ACCEPT and self._accepts_waiting >= self._queue_limit):
                raise unavailable()
            self._accepts_waiting += kind == ACCEPT
            self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """Commit what was taken on, then stop; blocks."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            jobs, going = self._take()
            if jobs:
                outcomes = self._commit(jobs)
                self._answer(jobs, outcomes)
            self._tidy(idle=False)
        self._engine.close()

    def _take(self) -> tuple[list[Job[Any]], bool]:
        """Everything that waits, up to the bound; False when the writer is to stop afterwards."""
        taken: list[Job[Any]] = []
        job = self._next()
        while job is not None:
            taken.append(job)
            if len(taken) >= self.most_jobs or self._jobs.empty():
                return taken, True
            job = self._jobs.get()
        return taken, False

    def _next(self) -> Job[Any] | None:
        """The next job. Right after a commit the queue is always empty, so only a pause counts as a quiet moment."""
        try:
            return self._jobs.get(timeout=_PAUSE_S)
        except queue.Empty:
            self._tidy(idle=True)
        return self._jobs.get()

    def _tidy(self, *, idle: bool) -> None:
        """Housekeeping; what it cannot do now waits for the next time."""
        with Caught() as fault:
            self._engine.tidy(idle=idle)
        if fault.error is not None:
            _LOG.error("housekeeping failed: %s", type(fault.error).__name__)

    def _commit(self, jobs: Sequence[Job[Any]]) -> list[Outcome]:
        """One transaction for all jobs. A job that fails after it wrote is taken out, and the others run again without it."""
        outcomes = [Outcome() for _ in jobs]
        left = list(range(len(jobs)))
        clashed: list[int] = []
        while left:
            spoiler = self._transact(jobs, left, outcomes, patient=len(clashed) < _MOST_CLASHES)
            if spoiler is None:
                break
            if spoiler == _ALONE:
                for index in left:
                    self._transact(jobs, [index], outcomes, patient=False)
                break
            if spoiler == _EVERY or (spoiler not in clashed and self._may_pass(outcomes[spoiler])):
                clashed.append(spoiler)
            else:
                left.remove(spoiler)
        return outcomes

    def _may_pass(self, outcome: Outcome) -> bool:
        """What this operation ran into may have been another node at the same moment."""
        error = outcome.error
        return isinstance(error, JournalFault) and isinstance(error.__cause__, self._engine.clashes)

    def _transact(
        self, jobs: Sequence[Job[Any]], left: list[int], outcomes: list[Outcome], *, patient: bool
    ) -> int | None:
        """The job that must be taken out, `_EVERY` when all of them are to run again, None when they are answered.

        `_ALONE`: what keeps failing may be the values of one of them, met before it began. Each is to answer for itself.
        """
        kinds = {jobs[index].kind for index in left}
        with Caught() as whole:
            self._engine.begin([jobs[index].ahead for index in left])
            for index in left:
                before = self._engine.changes()
                outcomes[index] = self._perform(jobs[index])
                if outcomes[index].error is not None and self._engine.changes() != before:
                    self._engine.rollback()
                    return index
            self._engine.finish()
            self._pass("before_commit", kinds)
            self._engine.commit()
            self._pass("after_commit", kinds)
        if whole.error is not None:
            with Caught():  # what cannot be undone now fails the next transaction, which undoes it
                self._engine.rollback()
            if patient and isinstance(whole.error, self._engine.clashes):
                return _EVERY
            _LOG.error("commit failed: %s", type(whole.error).__name__)
            for index in left:
                outcomes[index] = Outcome(error=unavailable(whole.error))
            if len(left) > 1 and isinstance(whole.error, self._engine.clashes):
                return None if isinstance(whole.error, self._engine.failures) else _ALONE
        return None

    def _perform(self, job: Job[Any]) -> Outcome:
        """Run one job; a failure of the database itself is raised, for it concerns the whole transaction."""
        value = None
        with Caught() as fault:
            books = self._engine.books()
            books.what = job.kind
            value = job.call(books)
            books.end()
        if isinstance(fault.error, self._engine.failures):
            raise fault.error
        if isinstance(fault.error, OSError):
            return Outcome(error=unavailable(fault.error))
        if isinstance(fault.error, self._engine.faults):
            broken = JournalFault(JournalFault.__doc__)
            broken.__cause__ = fault.error
            return Outcome(error=broken)
        return Outcome(value, fault.error)

    def _pass(self, where: str, kinds: set[str]) -> None:
        for kind in ("accept", "claim", "settle"):
            if kind in kinds:
                self._reach(f"{kind}.{where}")

    def _answer(self, jobs: Sequence[Job[Any]], outcomes: list[Outcome]) -> None:
        """Resolve the futures, with one call for each event loop (there is one)."""
        with self._lock:
            self._accepts_waiting -= sum(job.kind == ACCEPT for job in jobs)
        pairs = list(zip(jobs, outcomes, strict=True))
        for loop in {job.loop for job in jobs}:
            with suppress(RuntimeError):  # the loop was closed: nobody waits there any more
                loop.call_soon_threadsafe(_resolve, [pair for pair in pairs if pair[0].loop is loop])


def _resolve(pairs: list[tuple[Job[Any], Outcome]]) -> None:
    """Hand out the outcomes, on the event loop. Who was cancelled meanwhile gets nothing; the commit stands."""
    for job, outcome in pairs:
        if job.future.done():
            continue
        if outcome.error is not None:
            job.future.set_exception(outcome.error)
        else:
            job.future.set_result(outcome.value)
