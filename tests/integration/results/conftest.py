"""Ground for the life of results: a store of record, a cabinet of real files, the decision, and a verifier that obeys a list."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.clock import Clock
from gateway.config import CallerRecord
from gateway.config import Intake as IntakePolicy
from gateway.evidence.log import chain
from gateway.intake.decide import Decider, EventSubject, event_intake
from gateway.intake.enrolment import ConsentEntry, Entered, entry_intake
from gateway.intake.entitlement import Proof
from gateway.intake.file_decision import FileSubject, file_intake
from gateway.intake.result_orders import ResultOrder, order_intake
from gateway.intake.result_watch import House, ResultRules, ResultWatch, Store
from gateway.intake.snapshot import SnapshotSubject, snapshot_intake
from gateway.intake.verification import Judged, Question
from gateway.journal.cabinet import Cabinet
from gateway.journal.cabinet_folder import FolderCabinet
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.model import Accepted, Intake
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from gateway.observe.working_time import WorkingTime
from gateway.records import dossiers, results
from gateway.records.consents import ConsentKey, ConsentVersion
from gateway.records.files import StoredFile, label
from gateway.records.results import KeptResult, ListedResult
from gateway.routes import EventOperation, Route, Routes
from mappings.canonical import (
    Actor,
    Agency,
    Cause,
    Dossier,
    FileRef,
    Party,
    Procedure,
    ResultDocument,
    StatusEvent,
    Step,
)
from mappings.codec import encode
from mappings.codes import DossierStatus, Origin, Outcome, PartyKind
from mappings.signers import load_signers
from signing.errors import Unusable
from signing.model import DocumentKind, Facts, Indication, SubIndication
from signing.report import Report

# A Monday, 9 o'clock in Viet Nam.
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
CODE, OTHER = "000.00.00.G16-261123-0001", "000.00.00.G16-261123-0002"
GOOD, CHANGED, EARLY, LATER, FOREIGN = (
    b"signed",
    b"changed after signing",
    b"no status yet",
    b"another",
    b"names another",
)

ROUTES = Routes(
    {
        "resolution": (Route("national", (EventOperation("state"), EventOperation("progress", when_late=True))),),
        "sector": (Route("resolution", (EventOperation("push", when_late=True),)),),
    },
    {"national": "results"},
)
WORKING = WorkingTime(frozenset({1, 2, 3, 4, 5}), ((time(8), time(12)), (time(13, 30), time(17, 30))))
CALLERS = {
    "RES": CallerRecord(role="resolution"),
    "SEC-A": CallerRecord(role="sector", consent_no="1/VB", consent_date=date(2026, 1, 1)),
}


@dataclass
class Turned:
    """A clock that moves only when a test turns it."""

    moment: datetime = START

    def turn(self, **by: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**by)

    def clock(self) -> Clock:
        """As the gateway knows it."""
        return Clock(now=lambda: self.moment, instant=lambda: self.moment.timestamp())


@dataclass
class Judge:
    """A verifier that answers by a list: what each content means, and which dossiers it names. It notes what it was asked."""

    verdicts: dict[bytes, tuple[Indication, SubIndication | None]] = field(
        default_factory=lambda: {
            GOOD: (Indication.TOTAL_PASSED, None),
            LATER: (Indication.TOTAL_PASSED, None),
            FOREIGN: (Indication.TOTAL_PASSED, None),
            CHANGED: (Indication.TOTAL_FAILED, SubIndication.HASH_FAILURE),
            EARLY: (Indication.INDETERMINATE, SubIndication.TRY_LATER),
        }
    )
    named: dict[bytes, tuple[str, ...] | None] = field(default_factory=lambda: {FOREIGN: (OTHER,)})
    asked: list[Question] = field(default_factory=list)
    unusable: bool = False
    broken: bool = False
    deadly: bool = False
    waits: dict[bytes, asyncio.Event] = field(default_factory=dict)

    async def __call__(self, question: Question, /) -> Judged:
        """The judgement on the list."""
        self.asked.append(question)
        if self.unusable:
            raise Unusable("trust_folder", "Không đọc được kho tin cậy.")
        if self.deadly:
            raise asyncio.CancelledError  # nothing after this moment happens in this life
        if self.broken:
            raise ValueError("a fault of ours")
        if question.content in self.waits:
            await self.waits[question.content].wait()
        digest = hashlib.sha256(question.content).hexdigest()
        conclusion, sub = self.verdicts[question.content]
        facts = Facts(digest, len(question.content), DocumentKind.CMS)
        report = Report(
            digest, len(question.content), conclusion, sub, (), (), question.at, "vn-default-1", "p" * 64, "test"
        )
        evidence = replace(question.evidence, crls=(b"a list", b"another list"))
        names = self.named.get(question.content, ())
        return Judged(facts, report, evidence, names or (), names_read=names is not None)


@dataclass
class Hall:
    """One life of the process."""

    journal: Journal
    cabinet: Cabinet
    turned: Turned
    judge: Judge
    watch: ResultWatch
    alarms: list[tuple[str, str]]
    woken: list[str]

    async def accept(self, intake: Intake) -> Accepted:
        """Through the accept transaction."""
        return await self.journal.accept(intake)

    async def register(self, code: str = CODE, **fields: Any) -> None:
        """The resolution system registers a dossier, and all files that these words name lie there."""
        snapshot = dossier(code, **fields)
        raw = encode(snapshot)
        subject = SnapshotSubject(snapshot, dossiers.digest(snapshot))
        taken = await self.accept(snapshot_intake("RES", raw, hashlib.sha256(raw).digest(), subject))
        assert taken.status in (200, 201), taken.answer

    async def upload(self, content: bytes, code: str = CODE, source: str = "SEC-A") -> None:
        """A real file, sealed in the cabinet."""
        digest = hashlib.sha256(content).hexdigest()
        draft = await self.cabinet.run(self.cabinet.draft, label(code, digest))
        await self.cabinet.run(draft.write, content)
        await self.cabinet.run(draft.finish)
        stored = StoredFile(draft.place, draft.key, "application/pdf", len(content), b"")
        subject = FileSubject(digest, len(content), stored, proof=Proof(f"{source}-1"))
        taken = await self.accept(file_intake(source, code, subject))
        assert taken.status == 201, taken.answer
        await self.cabinet.run(self.cabinet.settle, draft.place)

    async def push(self, source: str, sequence: int, state: str, **fields: Any) -> Accepted:
        """An event, understood."""
        told = event(source, sequence, state, **fields)
        raw = encode(told)
        subject = EventSubject(told, raw, (), fresh=True, proof=Proof(f"{source}-1"))
        taken = await self.accept(event_intake(source, raw, hashlib.sha256(raw).digest(), subject))
        assert taken.status == 202, taken.answer
        return taken

    async def resolved(self, content: bytes, code: str = CODE, source: str = "RES") -> str:
        """A dossier whose one result is `content`; its code."""
        await self.register(code)
        await self.upload(content, code, source)
        await self.push(source, 1, "processing", dossier_code=code)
        await self.push(source, 2, "resolved", dossier_code=code, results=(document(content),))
        return results.result_code(code, 1)

    async def kept(self, code: str) -> KeptResult:
        """A result as it is stored."""
        record = await self.journal.record(results.key(code))
        assert record is not None
        return results.parse(record)

    async def listed(self, code: str = CODE) -> tuple[ListedResult, ...]:
        """The results of a dossier."""
        return results.parse_list(await self.journal.record(results.list_key(code))).results

    async def lane(self, code: str = CODE, upstream: str = "national") -> list[str]:
        """The operations in a lane, in order."""
        rows = await self.journal.deliveries_of(code)
        return [row.operation for row in rows if row.upstream == upstream]

    async def told(self, kind: str) -> list[dict[str, Any]]:
        """The fields of the audit rows of a kind."""
        rows = await self.journal.feed(0, 10_000, feed_only=False)
        return [msgspec.json.decode(row.fields) for row in rows if row.kind == kind]

    async def open_codes(self) -> set[str]:
        """What the gateway still means to look at."""
        shelves = await self.journal.records(results.OPEN_KIND)
        return {code for record in shelves for code in results.parse_shelf(record).due}

    async def order(self, code: str, what: str, reason: str = "Đã đối chiếu với bản gốc") -> tuple[int, dict[str, Any]]:
        """A person's word about a result."""
        kept = await self.kept(code)
        subject = ResultOrder(code, what, "van-hanh", reason)
        taken = await self.accept(order_intake(kept.dossier, subject, kept.sha256))
        return taken.status, msgspec.json.decode(taken.answer)


@dataclass
class Building:
    """What outlives the process: the store, the files, the clock on the wall, what the verifier thinks."""

    kind: str
    folder: Path
    turned: Turned = field(default_factory=Turned)
    store: MemoryStore = field(default_factory=MemoryStore)
    judge: Judge = field(default_factory=Judge)

    @asynccontextmanager
    async def open(self, routes: Routes = ROUTES, **rules: Any) -> AsyncIterator[Hall]:
        """One life of the process."""
        clock, decide = self.turned.clock(), Decider(routes, CALLERS, IntakePolicy())
        journal: Journal
        if self.kind == "memory":
            journal = MemoryJournal(self.store, decide=decide, chain=chain, clock=clock)
        else:
            options = StoreOptions(node="gateway-1", kek=bytes(32), synchronous="NORMAL")
            journal = SqliteJournal.open(self.folder / "db", options, decide=decide, chain=chain, clock=clock)
        cabinet = FolderCabinet(self.folder / "content")
        alarms: list[tuple[str, str]] = []
        woken: list[str] = []
        house = House(wake=woken.extend, alarm=lambda code, _upstream, told: alarms.append((code, told)))
        chosen = ResultRules(load_signers(), dict(routes.results or {}), WORKING)
        watch = ResultWatch(Store(journal, cabinet, clock), self.judge, replace(chosen, **rules), house)
        by = Entered("van-hanh", "Nhập sổ đồng ý lần đầu")
        await journal.accept(entry_intake(ConsentEntry("SEC-A", _consent(), by, once=True)))
        try:
            yield Hall(journal, cabinet, self.turned, self.judge, watch, alarms, woken)
        finally:
            await journal.close()
            cabinet.close()


def _consent() -> ConsentVersion:
    dated = date(2026, 1, 1)
    return ConsentVersion(
        version=1,
        number="1/VB",
        dated=dated,
        valid_from=dated,
        procedures=("*",),
        states=("*",),
        keys=(ConsentKey("SEC-A-1", "ed25519", "", "print of SEC-A"),),
    )


def event(source: str, sequence: int, state: str, **fields: Any) -> StatusEvent:
    """An event with all that its state demands."""
    base: dict[str, Any] = {
        "event_id": f"{source}-{fields.get('dossier_code', CODE)[-4:]}-{sequence}",
        "system_code": source,
        "dossier_code": CODE,
        "sequence": sequence,
        "occurred_at": START + timedelta(minutes=sequence),
        "state": DossierStatus(state),
        "step": Step(Actor("Trần Văn Mẫu", "Chuyên viên", "Phòng Ví Dụ"), "Đã xử lý"),
        "outcome": Outcome.GRANTED if state == "resolved" else Outcome.NONE,
    }
    return StatusEvent(**{**base, **fields})


def document(content: bytes, ident: str = "GP-1", **fields: Any) -> ResultDocument:
    """A result with this content."""
    file = FileRef("giay-phep.pdf", "application/pdf", len(content), hashlib.sha256(content).hexdigest())
    return ResultDocument(id=ident, name="Giấy phép của ông Nguyễn Văn Mẫu", file=file, **fields)


def dossier(code: str = CODE, **fields: Any) -> Dossier:
    """A registered dossier of an invented person."""
    base: dict[str, Any] = {
        "dossier_code": code,
        "version": 1,
        "origin": Origin.ONLINE_MINISTRY,
        "procedure": Procedure("1.001234", "1.001234.000.00.00.G16", "Cấp giấy phép ví dụ"),
        "agency": Agency("000.00.00.G16", "Cục Ví Dụ"),
        "applicant": Party(PartyKind.CITIZEN, "Nguyễn Thị Ví Dụ", phone="0900000000"),
        "state": DossierStatus.RECEIVED,
    }
    return Dossier(**{**base, **fields})


@dataclass(frozen=True)
class Words:
    """What tests say."""

    code: str = CODE
    other: str = OTHER
    good: bytes = GOOD
    changed: bytes = CHANGED
    early: bytes = EARLY
    later: bytes = LATER
    foreign: bytes = FOREIGN
    start: datetime = START
    routes: Routes = ROUTES

    def document(self, content: bytes, ident: str = "GP-1", **fields: Any) -> ResultDocument:
        """A result with this content."""
        return document(content, ident, **fields)

    def cause(self, system: str, event_id: str) -> Cause:
        """An event that another one answers."""
        return Cause(system, event_id)


@pytest.fixture
def words() -> Words:
    """The words."""
    return Words()


@pytest.fixture(params=["sqlite", "memory"])
def building(request: pytest.FixtureRequest, tmp_path: Path) -> Building:
    """Each store of record."""
    return Building(request.param, tmp_path)


@pytest.fixture
async def hall(building: Building) -> AsyncIterator[Hall]:
    """One life over each store."""
    async with building.open() as opened:
        yield opened
