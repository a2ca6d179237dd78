"""The watch over results: judges what was named, tries again what could not be judged, lets go what passed.

All that it knows stands in records, so that a start finds its work again after any end of the process. A look changes nothing
but through one transaction of the journal, and that one counts once: whoever is slower finds another version.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import msgspec

from gateway.clock import LOCAL_ZONE, Clock
from gateway.errors import GatewayError
from gateway.intake.result_decision import ResultJudged, begun_intake, judged_intake
from gateway.intake.result_lanes import ready_lanes
from gateway.intake.verification import Judged, Question, Verifier
from gateway.journal.cabinet import Cabinet
from gateway.journal.sealing import SealBroken
from gateway.journal.store import Journal
from gateway.observe.crash import Reach, never
from gateway.observe.working_time import WorkingTime
from gateway.records import courses, files, results
from gateway.records.results import KeptResult, ResultState
from mappings.signers import SignerTables
from signing.errors import SigningError
from signing.model import Evidence, Existence, TrustDomain
from signing.policy import ExpectedSigner

LOOK_S = 0.5
AT_ONCE = 4
# Of these, for results of one system, and for those that were tried before: the rest is there for everybody else.
_OF_ONE = 2
_TRIED = "tried"
JOURNAL = "journal"
OVERDUE = "result.overdue"

_TO_JUDGE = frozenset({ResultState.AWAITING, ResultState.WAITING})
# How long after a result passed its lanes are looked at again, and how often: (until this age, every).
_LANES = ((60.0, 2.0), (3_600.0, 60.0), (float("inf"), 900.0))
# A result whose judgement broke off by a fault of ours is left alone for so long, so that the others go on.
_REST_S = 600.0
# When the store cannot answer, one result is asked for again after so long.
_SHORT_REST_S = 5.0
# How much evidence of the last judgement goes into the next: each try may add a list of megabytes.
_MOST_GIVEN = 16_777_216
# Judgements of one result that may begin and not end before a person has to look (failure catalogue F12).
_MOST_UNSETTLED = 3

_log = logging.getLogger("gateway.results")


@dataclass(frozen=True, slots=True)
class ResultRules:
    """What the ministry decided. `upstreams`: who takes judged results, by which operation; `retry_s` as in `[results]`."""

    signers: SignerTables
    upstreams: Mapping[str, str]
    working: WorkingTime
    retry_s: tuple[float, ...] = (60.0, 300.0, 900.0, 1_800.0)
    alarm_after: timedelta = timedelta(hours=4)
    max_bytes: int = 104_857_600
    dossier_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class House:
    """Whom the watch tells: lanes with something new, alarms (code, upstream, Vietnamese), crash points of tests.

    `sends_ahead`: whether a system's events go outside as soon as the resolution system acknowledged them (`on_ack`).
    `alone`: whether this node judges now. One does: another one could not tell a judgement that is under way here from one
    that broke off, and would count it as a file that kills processes.
    """

    wake: Callable[[tuple[str, ...]], None] = lambda _upstreams: None
    alarm: Callable[[str, str, str], None] = lambda _code, _upstream, _detail: None
    reach: Reach = never
    sends_ahead: Callable[[str], bool] = lambda _system: False
    alone: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Store:
    """Where results and their files are."""

    journal: Journal
    cabinet: Cabinet
    clock: Clock


@dataclass(slots=True)
class _Rest:
    """What this process remembers and may lose: when a code is worth another look, unless its record has moved since."""

    seen: dict[str, datetime] = field(default_factory=dict)
    until: dict[str, datetime] = field(default_factory=dict)
    excused: dict[str, int] = field(default_factory=dict)

    def excuse(self, code: str) -> None:
        """A look broke off because the store could not answer, for which no file is to blame."""
        self.excused[code] = self.excused.get(code, 0) + 1

    def worth(self, code: str, due: datetime, now: datetime) -> bool:
        """Whether a code that is due is looked at now."""
        if self.seen.get(code) != due:
            self.seen[code] = due
            return True
        return self.until.get(code, now) <= now

    def rest(self, code: str, now: datetime, seconds: float) -> None:
        """Leave a code alone for a while."""
        self.until[code] = now + timedelta(seconds=seconds)

    def keep(self, codes: set[str]) -> None:
        """Nothing is remembered of a code that nobody waits for."""
        for gone in (self.seen.keys() | self.until.keys()) - codes:
            self.forget(gone)

    def forget(self, code: str) -> None:
        """Something was written of this code."""
        self.seen.pop(code, None)
        self.until.pop(code, None)
        self.excused.pop(code, None)


class _Turns:
    """Who may be judged now: a few at once, and never all of them of one system, or of those that were tried before."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._of: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def turn(self, kept: KeptResult) -> AsyncIterator[None]:
        """A turn to judge this result."""
        source = kept.event.system_code if kept.event is not None else ""
        name = _TRIED if kept.tries or kept.unsettled else f"of {source}"
        async with self._of.setdefault(name, asyncio.Semaphore(_OF_ONE)), self._slots:
            yield


class ResultWatch:
    """`run` looks again and again and waits for no result; `look` is one look, with all that comes of it."""

    def __init__(self, store: Store, verifier: Verifier, rules: ResultRules, house: House | None = None) -> None:
        self._store, self._verifier, self._rules, self._house = store, verifier, rules, house or House()
        self._rest = _Rest()
        self._turns, self._lanes = _Turns(), asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look until cancelled. A store that cannot answer now is asked again; a slow file keeps nobody else waiting."""
        try:
            while True:
                try:
                    await self._begin()
                except GatewayError as error:
                    _log.warning("no look at the results: %s", type(error).__name__)
                await asyncio.sleep(LOOK_S)
        finally:
            left = tuple(self._under_way.values())
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def look(self) -> int:
        """Take every code that is due one step further; how many were looked at."""
        begun = await self._begin()
        await asyncio.gather(*begun, return_exceptions=True)
        if any(task.cancelled() for task in begun):
            raise asyncio.CancelledError
        return len(begun)

    async def _begin(self) -> list[asyncio.Task[None]]:
        """Begin with every code that is due and not under way."""
        begun: list[asyncio.Task[None]] = []
        if not self._house.alone():
            return begun
        for code in await self._due():
            task = asyncio.create_task(self._step(code), name=f"result {code}")
            self._under_way[code] = task
            task.add_done_callback(partial(self._done, code))
            begun.append(task)
        return begun

    def _done(self, code: str, task: asyncio.Task[None]) -> None:
        """A fault while one result was looked at must not keep the others waiting; its text may quote the content."""
        self._under_way.pop(code, None)
        error = task.exception() if not task.cancelled() else None
        if error is None:
            return
        passing = isinstance(error, GatewayError) and not isinstance(error, SealBroken)
        if passing:
            self._rest.excuse(code)
        self._rest.rest(code, self._store.clock.now(), _SHORT_REST_S if passing else _REST_S)
        _log.error("a look at a result broke off", extra={"code": type(error).__name__, "result": code})

    async def _due(self) -> list[str]:
        """What is due, the longest waiting first."""
        now, found, open_codes = self._store.clock.now(), [], set()
        for record in await self._store.journal.records(results.OPEN_KIND):
            for code, at in results.parse_shelf(record).due.items():
                open_codes.add(code)
                if at <= now and code not in self._under_way and self._rest.worth(code, at, now):
                    found.append((at, code))
        self._rest.keep(open_codes)
        return [code for _, code in sorted(found)]

    async def _step(self, code: str) -> None:
        async with self._lanes:
            kept = await self._kept(code)
            if kept is None or kept.state not in _TO_JUDGE:
                return await self._let_go(kept) if kept is not None else None
        async with self._turns.turn(kept):
            again = await self._kept(code)
            if again is not None and again.state in _TO_JUDGE:  # somebody may have decided while it waited for its turn
                await self._judge(again)
        return None

    async def _kept(self, code: str) -> KeptResult | None:
        record = await self._store.journal.record(results.key(code))
        return results.parse(record) if record is not None else None

    async def _judge(self, kept: KeptResult) -> None:
        """Judge the stored file and write down what came of it."""
        now = self._store.clock.now()
        signers = await expected_signers(self._store.journal, self._rules, kept)
        judged, reason = None, "" if signers else "no_signer_rule"
        if not reason and kept.size > self._rules.max_bytes:
            reason = "too_large"
        if not reason and kept.unsettled - self._rest.excused.get(kept.code, 0) >= _MOST_UNSETTLED:
            reason = "poison"
        if not reason:
            begun = await self._store.journal.accept(begun_intake(kept))
            if not begun.stored:
                return
            kept = replace(kept, version=kept.version + 1)
            content = await self._content(kept)
            judged, reason = (
                await self._answer(kept, content, signers) if content is not None else (None, "file_missing")
            )
        pauses = self._rules.retry_s
        again = now + timedelta(seconds=pauses[min(kept.tries, len(pauses) - 1)])
        waited = self._rules.working.between(kept.waiting_since or now, now)
        ready = await ready_lanes(self._store.journal, self._rules.upstreams, self._house.sends_ahead, kept)
        subject = ResultJudged(
            code=kept.code,
            version=kept.version,
            again_at=again,
            judged=judged,
            reason=reason,
            ready=ready.lanes,
            course=ready.course,
            wanted=tuple(self._rules.upstreams),
            overdue=waited >= self._rules.alarm_after,
            signers=self._rules.signers.version,
        )
        self._house.reach("result.judged")
        await self._write(kept, subject)

    async def _let_go(self, kept: KeptResult) -> None:
        """A result that passed follows its state into each lane, once that has it."""
        now = self._store.clock.now()
        ready = await ready_lanes(self._store.journal, self._rules.upstreams, self._house.sends_ahead, kept)
        wanted = tuple(self._rules.upstreams)
        listed = results.parse_list(await self._store.journal.record(results.list_key(kept.dossier)))
        entry = listed.with_code(kept.code)
        # Named again after it was sent everywhere, it has nothing left to follow: the look below closes it.
        left = set(wanted) - set(entry.sent_to if entry is not None else ())
        if kept.state is ResultState.PASSED and left and not ready.lanes:
            age = (now - (kept.judged_at or now)).total_seconds()
            every = next(every for until, every in _LANES if age < until)
            self._rest.rest(kept.code, now, every)
            return
        subject = ResultJudged(kept.code, kept.version, now, ready=ready.lanes, course=ready.course, wanted=wanted)
        await self._write(kept, subject)

    async def _write(self, kept: KeptResult, subject: ResultJudged) -> None:
        """One transaction; then whoever has to know is told."""
        accepted = await self._store.journal.accept(judged_intake(kept.dossier, subject, kept.sha256))
        self._house.reach("result.written")
        self._rest.forget(kept.code)
        if not accepted.stored:
            return
        self._house.wake(accepted.upstreams)
        told = msgspec.json.decode(accepted.answer)
        if told["state"] == ResultState.HELD:
            self._house.alarm("result.held", "", f"Kết quả {kept.code} được giữ lại: {told['reason']}.")
        if subject.overdue and not kept.alarmed and told["state"] == ResultState.WAITING:
            since = (kept.waiting_since or subject.again_at).astimezone(LOCAL_ZONE)
            self._house.alarm(
                OVERDUE, "", f"Kết quả {kept.code} chờ thông tin chứng thư từ {since:%H:%M ngày %d/%m/%Y}."
            )

    async def _answer(
        self, kept: KeptResult, content: bytes, signers: tuple[ExpectedSigner, ...]
    ) -> tuple[Judged | None, str]:
        """What the verifier says; a set-up that cannot be used is tried again, and is nobody's fault but ours."""
        listed = files.parse_list(await self._store.journal.record(files.list_key(kept.dossier)))
        entry = listed.find(kept.sha256)
        at = entry.at if entry is not None else kept.registered_at
        known = await known_evidence(self._store.journal, kept)
        evidence = replace(known, existences=(Existence(kept.sha256, at, JOURNAL),))
        asked = Question(content, signers, evidence, self._store.clock.now(), self._rules.dossier_paths)
        try:
            return await self._verifier(asked), ""
        except SigningError as error:
            _log.error("results cannot be judged", extra={"code": error.code})
            return None, "verifier_unusable"

    async def _content(self, kept: KeptResult) -> bytes | None:
        """The stored file, whole; None where it cannot be opened any more."""
        return await read_file(self._store, kept.dossier, kept.sha256)


async def expected_signers(journal: Journal, rules: ResultRules, kept: KeptResult) -> tuple[ExpectedSigner, ...]:
    """Who must have signed, by the procedure of the dossier and the day on which the result was named."""
    record = await journal.record(courses.key(kept.dossier))
    codes = courses.parse(record).procedures() if record is not None else ()
    day = kept.registered_at.astimezone(LOCAL_ZONE).date()
    return tuple(
        ExpectedSigner(
            role=one.role,
            domain=TrustDomain(one.domain),
            formats=frozenset(one.formats),
            identifiers=frozenset(one.identifiers),
            certificates=frozenset(one.certificates),
        )
        for one in rules.signers.required(codes, day)
    )


async def known_evidence(journal: Journal, kept: KeptResult) -> Evidence:
    """What the last judgement of a result was given beside it, within bounds: an answer may be had once and not again."""
    found: dict[str, bytes] = {}
    size = 0
    for digest in kept.evidence:
        record = await journal.record(results.evidence_key(digest))
        if record is None or size + len(record.state) > _MOST_GIVEN:
            continue
        found[digest] = record.state
        size += len(record.state)
    return results.given(kept, found)


async def read_file(store: Store, dossier: str, sha256: str) -> bytes | None:
    """A stored file of a dossier, whole; None where it is not there, or cannot be opened any more."""
    record = await store.journal.record(files.key(dossier, sha256))
    if record is None:
        return None
    stored = files.parse(record)
    content = store.cabinet.content(stored.place, stored.key, files.label(dossier, sha256))
    whole = bytearray()
    try:
        while chunk := await store.cabinet.run(content.next_chunk):
            whole += chunk
    except (SealBroken, OSError) as error:
        _log.error("stored result cannot be opened", extra={"code": type(error).__name__, "dossier": dossier})
        return None
    finally:
        await store.cabinet.run(content.close)
    return bytes(whole)
