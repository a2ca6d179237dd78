"""Reconciliation: what upstreams acknowledged, held against what they show now; every difference becomes a repair.

It reads the audit trail from a moment on, looks once at each dossier (at its last acknowledgement), and writes what it found
together with how far it came: a run that was cut off goes on where it stood. Nothing here changes a delivery. It goes slowly on
purpose: at most a share of the upstream's rate, never while its breaker is open or it is paused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

import msgspec

from connectors.kit.contract import Acknowledged, Believed, Budget, Coordination, ReadBack, ReadsBack, Sight
from connectors.kit.errors import DeliveryError, NeedsPerson, Retryable
from gateway.audit.events import audit
from gateway.clock import LOCAL_ZONE, Clock
from gateway.config import Upstream
from gateway.dispatch.attempt import GRACE_S
from gateway.dispatch.breaker import Sign, sign_of
from gateway.dispatch.polling import Standings
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks
from gateway.dispatch.worker import guarded
from gateway.errors import JournalUnavailable
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import TERMINAL, AuditWrite, DeliveryRow, DeliveryState, FeedRow, RecordWrite
from gateway.journal.store import Journal
from gateway.records import repairs
from gateway.records.repairs import Repair, RepairState, Run, RunBook

ACTOR = "gateway"
LOOK_S = 1.0
_PAGE = 50
_TRIES = 3
_EARLIER = timedelta(hours=1)
_MOST_OPEN = 1_000_000

_log = logging.getLogger("gateway.admin")


@dataclass(frozen=True, slots=True)
class ReadLine:
    """An upstream that can be read back."""

    code: str
    settings: Upstream
    reads: ReadsBack


class _Lost(Exception):
    """The right to reconcile is not ours any more, or not for long enough: the page is left to whoever has it next."""


def _always(_name: str, _for_s: float) -> bool:
    """Nobody else is there."""
    return True


def _unseen(_name: str) -> AbstractContextManager[None]:
    """Nobody else is there who would take it."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class ReconcileDesk:
    """What reconciling works with.

    `alone` says whether this node may do, for so many seconds, a thing that one node does at a time; while it is `doing` it, the
    right is kept.
    """

    journal: Journal
    standings: Standings
    coordination: Coordination
    clock: Clock
    hooks: Hooks = Hooks()
    alone: Callable[[str, float], bool] = _always
    doing: Callable[[str], AbstractContextManager[None]] = _unseen


class _Delivered(msgspec.Struct, frozen=True):
    """What is read of an audit row of a delivery."""

    upstream: str = ""
    delivery_id: str = ""


@dataclass(slots=True)
class _Page:
    """What one page of the trail taught, before it is written."""

    run: Run
    opened: int = 0
    records: list[RecordWrite] = field(default_factory=list)
    audit: list[AuditWrite] = field(default_factory=list)


class Reconciler:
    """Carries out the reconciliations of all upstreams until it is stopped."""

    def __init__(self, lines: Mapping[str, ReadLine], desk: ReconcileDesk) -> None:
        self.lines, self._desk = lines, desk
        self._since_start = desk.clock.now()
        self._news: dict[str, asyncio.Event] = {code: asyncio.Event() for code in lines}

    async def run(self) -> None:
        """Look at every upstream again and again; ends when it is cancelled, and takes up what was cut off at the next start."""
        async with asyncio.TaskGroup() as loops:
            for line in self.lines.values():
                loops.create_task(self._follow(line), name=f"reconcile:{line.code}")

    def wake(self, upstream: str) -> None:
        """A run was asked for."""
        self._news[upstream].set()

    async def book(self, upstream: str) -> tuple[RunBook, int]:
        """How far an upstream's reconciliations have come, with the version of the record."""
        record = await self._desk.journal.record(repairs.book_key(upstream))
        return (RunBook(upstream), 0) if record is None else (repairs.parse_book(record), record.version)

    async def begin(self, upstream: str, since: datetime, by: str) -> Run | None:
        """Begin a run, durably; None when one is under way already."""
        book, version = await self.book(upstream)
        if book.current is not None:
            return None
        clock = self._desk.clock
        run = Run(clock.new_id(), since, clock.now(), by)
        row = audit("reconciliation.began", by, upstream=upstream, run=run.run, since=since)
        if not await self._write(
            Recording(records=(repairs.write_book(replace(book, current=run), version + 1),), audit=(row,))
        ):
            return None
        self.wake(upstream)
        return run

    async def _follow(self, line: ReadLine) -> None:
        """The loop of one upstream."""
        while True:
            try:
                if self._is_ours(line):
                    await self.turn(line)
            except JournalUnavailable:
                _log.warning("the journal is unavailable; the reconciliation of %s waits", line.code)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._news[line.code].wait()
            self._news[line.code].clear()

    async def turn(self, line: ReadLine) -> None:
        """One look at an upstream: carry the run under way to its end; begin the daily one when its time has come."""
        book, _ = await self.book(line.code)
        if book.current is None and self._is_due(line, book):
            since = self._desk.clock.now() - timedelta(days=line.settings.reconcile.days)
            await self.begin(line.code, since, ACTOR)
            book, _ = await self.book(line.code)
        if book.current is not None:
            with self._desk.doing(_right(line)), suppress(_Lost):
                await self._carry(line)

    def _is_ours(self, line: ReadLine) -> bool:
        """Whether one more look may begin here: no other node looks before it is over."""
        return self._desk.alone(_right(line), _longest_s(line))

    def _is_due(self, line: ReadLine, book: RunBook) -> bool:
        """Whether the time of day has passed since the last run began (or since this program did, where none ever ran)."""
        settings = line.settings.reconcile
        if not settings.enabled:
            return False
        local = self._desk.clock.now().astimezone(LOCAL_ZONE)
        today = datetime.combine(local.date(), time.fromisoformat(settings.daily_at), LOCAL_ZONE)
        latest = today if today <= local else today - timedelta(days=1)
        return (book.last.began_at if book.last is not None else self._since_start) < latest

    async def _carry(self, line: ReadLine) -> None:
        """One run, page by page; each page is written with how far it came."""
        journal = self._desk.journal
        while True:
            book, version = await self.book(line.code)
            if book.current is None:
                return
            page = _Page(book.current)
            if page.run.position < 0:
                await self._open_ones(line, page)
                page.run = replace(page.run, position=await first_position(journal, page.run.since - _EARLIER))
            rows = await journal.feed(page.run.position, _PAGE)
            for row in rows:
                await self._row(line, page, row)
            if rows:
                page.run = replace(page.run, position=rows[-1].position)
            if not rows or rows[-1].at > page.run.began_at + _EARLIER:
                await self._end(line, (book, version), page)
                return
            after = replace(book, current=page.run, open_repairs=book.open_repairs + page.opened)
            await self._write_page(after, version, page)

    async def _end(self, line: ReadLine, book: tuple[RunBook, int], page: _Page) -> None:
        run = replace(page.run, ended_at=self._desk.clock.now())
        after = replace(book[0], current=None, last=run, open_repairs=book[0].open_repairs + page.opened)
        tally = {name: getattr(run.tally, name) for name in ("agrees", "missing", "differs", "cannot_tell", "failed")}
        row = audit("reconciliation.ended", ACTOR, upstream=line.code, run=run.run, since=run.since, **tally)
        page.audit.append(row)
        await self._write_page(after, book[1], page)

    async def _write_page(self, book: RunBook, version: int, page: _Page) -> None:
        """All of a page or nothing; where somebody changed a record meanwhile, the page is looked at again."""
        records = (*page.records, repairs.write_book(book, version + 1))
        await self._write(Recording(records=records, audit=tuple(page.audit)))

    async def _write(self, recording: Recording) -> bool:
        accepted = await self._desk.journal.accept(recording_intake("reconciliation", ACTOR, recording))
        return accepted.status < 400

    async def _open_ones(self, line: ReadLine, page: _Page) -> None:
        """Every repair that is open is looked at again first, however old it is."""
        for repair in await open_repairs(self._desk.journal, line.code, _MOST_OPEN):
            rows = await self._desk.journal.deliveries_of(repair.dossier)
            await self._look(line, page, repair.dossier, rows)

    async def _row(self, line: ReadLine, page: _Page, row: FeedRow) -> None:
        """One row of the trail: a dossier is looked at where this is its last acknowledgement, and nowhere else."""
        if row.kind != "delivery.delivered" or not page.run.since <= row.at <= page.run.began_at:
            return
        told = msgspec.json.decode(row.fields, type=_Delivered)
        if told.upstream != line.code:
            return
        rows = await self._desk.journal.deliveries_of(row.dossier)
        last = max((one for one in rows if _acknowledged(one, line.code)), key=lambda one: one.sequence, default=None)
        if last is not None and last.delivery_id == told.delivery_id:
            await self._look(line, page, row.dossier, rows)

    async def _look(self, line: ReadLine, page: _Page, dossier: str, rows: Sequence[DeliveryRow]) -> None:
        """Look at one dossier, and note what was seen."""
        theirs = [one for one in rows if one.upstream == line.code]
        believed = _believed(line.code, dossier, theirs)
        seen = await self._seen(line, believed)
        if seen is None:
            return
        if isinstance(seen, DeliveryError):
            page.run = replace(page.run, tally=page.run.tally.plus("failed"))
            return
        page.run = replace(page.run, tally=page.run.tally.plus(seen.sight.value))
        await self._noted(page, believed, seen)

    async def _noted(self, page: _Page, believed: Believed, seen: ReadBack) -> None:
        """Open, renew or end the repair of a dossier."""
        now, place = self._desk.clock.now(), repairs.key(believed.upstream, believed.dossier_code)
        if any(write.key == place for write in page.records):
            return
        record = await self._desk.journal.record(place)
        known = repairs.parse(record) if record is not None else None
        version = record.version + 1 if record is not None else 1
        is_open = known is not None and known.state is RepairState.OPEN
        if seen.sight in (Sight.MISSING, Sight.DIFFERS):
            deliveries = {
                name: believed.acknowledged[name].delivery_id
                for name in seen.operations
                if name in believed.acknowledged
            }
            found = Repair(
                believed.upstream, believed.dossier_code, seen.sight.value, deliveries, seen.told_vi, now, now
            )
            self._put(page, repairs.seen_again(known, found), version, "" if is_open else "repair.opened")
            page.opened += 0 if is_open else 1
            if not is_open:
                told = f"Hồ sơ {believed.dossier_code}: {seen.told_vi}"
                self._desk.hooks.alarm("reconciliation.differs", believed.upstream, told)
        elif seen.sight is Sight.AGREES and known is not None and is_open:
            agreed = replace(known, state=RepairState.AGREED, seen_at=now, ended_at=now)
            self._put(page, agreed, version, "repair.agreed")
            page.opened -= 1

    def _put(self, page: _Page, repair: Repair, version: int, kind: str) -> None:
        page.records.append(repairs.write(repair, version))
        if kind:
            page.audit.append(repair_row(kind, ACTOR, repair, repair.told_vi))

    async def _seen(self, line: ReadLine, believed: Believed) -> ReadBack | DeliveryError | None:
        """Ask, a few times where the upstream cannot answer now; within its limits, and at most at our share of its rate."""
        if not believed.acknowledged:
            return None
        seen: ReadBack | DeliveryError | None = None
        for _ in range(_TRIES):
            seen = await self._asked(line, await self._admitted(line), believed)
            await asyncio.sleep(1.0 / (line.settings.rate_per_s * line.settings.reconcile.share))
            if not isinstance(seen, DeliveryError) or isinstance(seen, NeedsPerson):
                break
            if isinstance(seen, Retryable) and seen.retry_after_s:
                await asyncio.sleep(min(seen.retry_after_s, line.settings.retry.retry_after_cap_s))
        return seen

    async def _admitted(self, line: ReadLine) -> Standing:
        """Wait until the upstream may be called: not paused, its breaker closed, a call and a place left over.

        All of it at the moment of the call: while the rate was asked, another call may have begun. Raises `_Lost`.
        """
        settings, coordination = line.settings, self._desk.coordination
        while True:
            standing = await self._desk.standings.standing(line.code)
            again_s = LOOK_S
            if not self._is_ours(line):
                raise _Lost
            if standing.room(_longest_s(line)):
                allowed, again_s = await coordination.take(line.code, 1, settings.rate_per_s, settings.burst)
                if allowed:
                    if self._is_ours(line) and standing.room(_longest_s(line)):
                        return standing
                    await coordination.take(line.code, -1, settings.rate_per_s, settings.burst)
            await asyncio.sleep(min(LOOK_S, max(0.01, again_s)))

    async def _asked(self, line: ReadLine, standing: Standing, believed: Believed) -> ReadBack | DeliveryError | None:
        """One look, begun at once: nothing is waited for since it was admitted."""
        timeout_s = line.settings.timeout_s
        probe = standing.start()
        try:
            budget = Budget(self._desk.clock.instant() + timeout_s, timeout_s)
            seen = await guarded(line.reads.read_back(believed, budget), timeout_s)
        finally:
            standing.end(answered=False)
        error = seen if isinstance(seen, DeliveryError) else None
        sign = Sign.ALIVE if error is None else sign_of(error)
        news = standing.saw(sign, f"reconcile:{believed.dossier_code}", probe=probe, error=error)
        if isinstance(error, NeedsPerson) and not error.partial:
            news += standing.pause(error.code, error.message_vi)
        await standing.save(self._desk.journal, news)
        return seen


def _right(line: ReadLine) -> str:
    return f"reconcile:{line.code}"


def _longest_s(line: ReadLine) -> float:
    """How long one look may take."""
    return line.settings.timeout_s + GRACE_S


def repair_row(kind: str, actor: str, repair: Repair, reason: str) -> AuditWrite:
    """The audit row of what became of a repair."""
    operations = tuple(sorted(repair.deliveries))
    return audit(
        kind,
        actor,
        repair.dossier,
        "",
        upstream=repair.upstream,
        sight=repair.sight,
        operations=operations,
        reason=reason,
    )


async def open_repairs(journal: Journal, upstream: str, limit: int) -> list[Repair]:
    """The open repairs of an upstream, the oldest first, at most `limit`."""
    found: list[Repair] = []
    after, until = f"{upstream}/", f"{upstream}0"
    while page := await journal.records_between(repairs.KIND, after, until, 500):
        found += [one for one in map(repairs.parse, page) if one.state is RepairState.OPEN]
        after = page[-1].key.id
    return sorted(found, key=lambda one: one.opened_at)[:limit]


async def first_position(journal: Journal, moment: datetime) -> int:
    """A position of the trail behind which everything from `moment` on stands; found by halving, since positions follow time."""
    low, high = 0, 1
    while (rows := await journal.feed(high, 1)) and rows[0].at < moment:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        rows = await journal.feed(middle, 1)
        if rows and rows[0].at < moment:
            low = middle
        else:
            high = middle
    return low


def _acknowledged(row: DeliveryRow, upstream: str) -> bool:
    return row.upstream == upstream and row.state is DeliveryState.DELIVERED


def _believed(upstream: str, dossier: str, rows: list[DeliveryRow]) -> Believed:
    """By operation, the last delivery that was acknowledged."""
    last: dict[str, Acknowledged] = {}
    for row in sorted(rows, key=lambda one: one.sequence):
        if row.state is DeliveryState.DELIVERED:
            at = row.attempts[-1].ended if row.attempts else row.accepted_at
            last[row.operation] = Acknowledged(row.delivery_id, row.sequence, at)
    return Believed(upstream, dossier, last, quiet=all(row.state in TERMINAL for row in rows))
