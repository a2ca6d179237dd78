"""Following outside sources: one loop for each poller, on the schedule of its manifest, within its upstream's limits.

A page and the cursor behind it are stored in one transaction, so a crash in between asks for the same page again and loses
or repeats nothing. Over all nodes a poller runs once at a time; where another node was faster in spite, its page stands and ours
is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from connectors.kit.contract import Coordination, Page, Poller
from connectors.kit.declarations import PollerSpec
from connectors.kit.errors import DeliveryError, NeedsPerson
from gateway.clock import Clock
from gateway.dispatch import retry
from gateway.dispatch.attempt import GRACE_S
from gateway.dispatch.breaker import Sign, sign_of
from gateway.dispatch.schedule import next_run
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.worker import guarded
from gateway.errors import JournalUnavailable
from gateway.journal.model import AuditWrite, RecordKey
from gateway.journal.store import Journal
from gateway.records import ledgers

LOOK_S = 1.0
# How many failures in a row a person is told of; one night's hiccup is nobody's affair.
ALARM_AFTER = 5
_COMMIT_S = 60.0
_SHORT_S = 0.05

_log = logging.getLogger("gateway.dispatch")


class Came(StrEnum):
    """What came of one run."""

    PAGE = "page"
    NOTHING_NEW = "nothing_new"
    OVERTAKEN = "overtaken"
    NOT_NOW = "not_now"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Polled:
    """One run, for metrics: how many changes were new, and the code of the error where it failed."""

    upstream: str
    poller: str
    came: Came
    changed: int
    at: datetime
    code: str = ""


@dataclass(frozen=True, slots=True)
class PolledPage:
    """A page on its way to the journal: the cursor that it was asked for with stands in `before`."""

    upstream: str
    poller: str
    before: str
    page: Page


@dataclass(frozen=True, slots=True)
class Stored:
    """What the journal made of a page. `moved` False: the cursor stood elsewhere, so nothing was stored."""

    changed: int
    moved: bool


Commit = Callable[[PolledPage], Awaitable[Stored]]
"""Stores a page with its cursor, all of it or nothing. Raises `DeliveryError` for a change that no ledger understands."""


class Standings(Protocol):
    """Where upstreams stand: the worker knows."""

    async def standing(self, upstream: str) -> Standing:
        """The breaker, the pause and what is under way of one upstream."""
        ...


@dataclass(frozen=True, slots=True)
class PollLine:
    """One poller of one upstream with its schedule."""

    line: UpstreamLine
    name: str
    poller: Poller
    spec: PollerSpec


@dataclass(frozen=True, slots=True)
class PollDesk:
    """What polling works with. `told` hears of every run.

    `alone(name, for_s)` says whether this node may follow a source now, for so many seconds; while it is `doing` it, the right
    is kept, however long a page takes.
    """

    standings: Standings
    journal: Journal
    coordination: Coordination
    clock: Clock
    commit: Commit
    hooks: Hooks = Hooks()
    told: Callable[[Polled], None] = lambda _polled: None
    alone: Callable[[str, float], bool] = lambda _name, _for_s: True
    doing: Callable[[str], AbstractContextManager[None]] = lambda _name: nullcontext()


@dataclass(slots=True)
class _Run:
    """How a poller gets on: when its last run ended, and how many failed in a row."""

    last: datetime | None = None
    failures: int = 0
    more: bool = False
    again_s: float = field(default=LOOK_S)


class Polling:
    """Runs all pollers until it is stopped."""

    def __init__(self, lines: Sequence[PollLine], desk: PollDesk) -> None:
        self._lines, self._desk = tuple(lines), desk
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Poll until `stop`; a page under way is stored first."""
        async with asyncio.TaskGroup() as loops:
            for line in self._lines:
                loops.create_task(self._follow(line), name=f"poll:{line.line.code}:{line.name}")

    def stop(self) -> None:
        """Ask for no further page; `run` returns when what is under way has ended."""
        self._stopping.set()

    async def _follow(self, line: PollLine) -> None:
        """The loop of one poller."""
        run, clock = _Run(), self._desk.clock
        due: datetime | None = None
        while not self._stopping.is_set():
            if not self._is_ours(line):
                due = None
                await self._rest(LOOK_S)
                continue
            if due is None:
                # Ours from now on: it goes on where whoever followed before has left off.
                if not await self._begun(line, run):
                    await self._rest(LOOK_S)
                    continue
                due = next_run(line.spec, run.last, clock.now(), clock.chance)
            left_s = (due - clock.now()).total_seconds()
            if left_s > 0:
                await self._rest(min(left_s, LOOK_S))
                continue
            with self._desk.doing(_right(line)):
                came = await guarded(self._once(line, run), line.spec.timeout_s + 2 * _COMMIT_S)
            if isinstance(came, DeliveryError):
                came = self._failed(line, run, came)
            due = self._due(line, run, came)

    def _is_ours(self, line: PollLine) -> bool:
        """Whether a page may be asked for here: no other node asks before that is over."""
        return self._desk.alone(_right(line), line.spec.timeout_s + GRACE_S)

    async def _begun(self, line: PollLine, run: _Run) -> bool:
        """Read when the poller ran last; False while the journal cannot tell."""
        try:
            kept = ledgers.read_cursor(await self._desk.journal.record(_key(line)))
        except JournalUnavailable:
            return False
        run.last = kept.at if kept is not None else None
        return True

    def _due(self, line: PollLine, run: _Run, came: Came) -> datetime:
        """When to run again."""
        clock = self._desk.clock
        now = clock.now()
        if came in (Came.NOT_NOW, Came.FAILED):
            return now + timedelta(seconds=run.again_s)
        if run.more or came is Came.OVERTAKEN:
            return now + timedelta(seconds=0.0 if run.more else _SHORT_S)
        run.last = now
        return next_run(line.spec, now, now, clock.chance)

    async def _once(self, line: PollLine, run: _Run) -> Came:
        """One page, if the upstream may be called now."""
        desk, settings, code = self._desk, line.line.settings, line.line.code
        run.more, run.again_s = False, LOOK_S
        try:
            standing = await desk.standings.standing(code)
            if not standing.room(line.spec.timeout_s + GRACE_S):
                return _no_room(standing, run)
            allowed, again_s = await desk.coordination.take(code, 1, settings.rate_per_s, settings.burst)
            if not allowed:
                run.again_s = max(_SHORT_S, min(LOOK_S, again_s))
                return Came.NOT_NOW
            kept = ledgers.read_cursor(await desk.journal.record(_key(line)))
            before = kept.cursor if kept is not None else ""
            if not self._is_ours(line) or not standing.room(line.spec.timeout_s + GRACE_S):
                await desk.coordination.take(code, -1, settings.rate_per_s, settings.burst)
                return _no_room(standing, run)
            page = await self._page(line, standing, before)
            if isinstance(page, DeliveryError):
                return self._failed(line, run, page)
            return await self._store(line, run, PolledPage(code, line.name, before, page))
        except JournalUnavailable:
            _log.warning("the journal is unavailable; polling of %s waits", code)
            return Came.NOT_NOW

    async def _page(self, line: PollLine, standing: Standing, before: str) -> Page | DeliveryError:
        """Ask for the page; what its outcome says about the upstream goes to the breaker like any delivery's."""
        probe = standing.start()
        try:
            page = await guarded(line.poller.poll(before), line.spec.timeout_s)
        finally:
            standing.end(answered=False)
        error = page if isinstance(page, DeliveryError) else None
        news: tuple[AuditWrite, ...] = standing.saw(
            Sign.ALIVE if error is None else sign_of(error), f"poll:{line.name}", probe=probe, error=error
        )
        if isinstance(error, NeedsPerson) and not error.partial:
            news += standing.pause(error.code, error.message_vi)
        await standing.save(self._desk.journal, news)
        return page

    async def _store(self, line: PollLine, run: _Run, polled: PolledPage) -> Came:
        """Store the page; one that says nothing new is not worth a transaction, unless the day's run must be remembered."""
        desk, page = self._desk, polled.page
        nothing = not page.inputs and page.cursor == polled.before
        if nothing and not line.spec.daily_at:
            stored: Stored | DeliveryError | None = Stored(0, moved=True)
        else:
            desk.hooks.reach("poll.before_commit")
            stored = await guarded(self._committed(polled), _COMMIT_S)
            desk.hooks.reach("poll.after_commit")
        if stored is None:
            return Came.NOT_NOW
        if isinstance(stored, DeliveryError):
            return self._failed(line, run, stored)
        run.failures = 0
        # A page that moved nothing would be asked for again without end.
        run.more = page.more and stored.moved and page.cursor != polled.before
        came = Came.OVERTAKEN if not stored.moved else Came.NOTHING_NEW if nothing else Came.PAGE
        desk.told(Polled(line.line.code, line.name, came, stored.changed, desk.clock.now()))
        return came

    async def _committed(self, polled: PolledPage) -> Stored | None:
        """The page stored; None when the journal cannot store now."""
        try:
            return await self._desk.commit(polled)
        except JournalUnavailable:
            return None

    def _failed(self, line: PollLine, run: _Run, error: DeliveryError) -> Came:
        """Wait longer with each failure in a row; a person is told once."""
        desk, schedule = self._desk, line.line.settings.retry
        run.failures += 1
        ceiling = retry.ceiling_s(run.failures, schedule)
        asked = min(error.retry_after_s or 0.0, schedule.retry_after_cap_s)
        run.again_s = max(asked, ceiling * (0.5 + 0.5 * desk.clock.chance()))
        _log.warning("polling %s of %s failed", line.name, line.line.code, extra={"code": error.code})
        if run.failures == ALARM_AFTER:
            desk.hooks.alarm("poll.failed", line.line.code, f"Bộ đọc định kỳ {line.name}: {error.message_vi}")
        desk.told(Polled(line.line.code, line.name, Came.FAILED, 0, desk.clock.now(), error.code))
        return Came.FAILED

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _no_room(standing: Standing, run: _Run) -> Came:
    """Places that are promised to a claim are taken, or free again, as soon as it is through: that is looked at soon."""
    run.again_s = _SHORT_S if standing.promised else LOOK_S
    return Came.NOT_NOW


def _right(line: PollLine) -> str:
    return f"poll:{line.line.code}:{line.name}"


def _key(line: PollLine) -> RecordKey:
    return ledgers.cursor_key(line.line.code, line.name)
