"""Ground for the intake line's tests: a journal in memory that keeps the seam, and words to say events with."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gateway.clock import Clock, boottime
from gateway.config import CallerRecord
from gateway.config import Intake as IntakePolicy
from gateway.intake.decide import Decider, EventSubject, event_intake
from gateway.intake.enrolment import ConsentEntry, Entered, entry_intake
from gateway.intake.entitlement import Proof
from gateway.intake.file_decision import FileSubject, file_intake
from gateway.intake.operator import conflict_intake, gap_intake
from gateway.intake.snapshot import SnapshotSubject, snapshot_intake
from gateway.journal.model import (
    PARKED,
    AuditWrite,
    Decision,
    InboundStatus,
    InboundWrite,
    Intake,
    KnownInbound,
    NewDelivery,
    ParkedInbound,
    Record,
    RecordKey,
    Situation,
)
from gateway.records import courses, dossiers, files
from gateway.records.consents import ConsentKey, ConsentVersion
from gateway.records.courses import Course
from gateway.routes import EventOperation, Route, Routes
from mappings.canonical import (
    Actor,
    Agency,
    Carried,
    Dossier,
    DossierTimes,
    Fee,
    FileRef,
    Party,
    Procedure,
    Reason,
    ResultDocument,
    StatusEvent,
    Step,
    Supplement,
)
from mappings.codec import decode, encode
from mappings.codes import DossierStatus, Origin, Outcome, PartyKind

CODE = "000.00.00.G16-261120-0042"
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DUE = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)

ROUTES = Routes(
    {
        "resolution": (Route("national", (EventOperation("sync"), EventOperation("progress", when_late=True))),),
        "sector": (Route("resolution", (EventOperation("push", when_late=True),)),),
    }
)


def caller(role: Any = "sector", **fields: Any) -> CallerRecord:
    """A caller's record without keys; consent as the settings demand it."""
    return CallerRecord(role=role, keys={}, consent_no="01/VB", consent_date=date(2026, 1, 1), **fields)


CALLERS: Mapping[str, CallerRecord] = {
    "RES": caller("resolution"),
    "SEC-A": caller(),
    "SEC-B": caller(),
    "SEC-ACK": caller(outside="on_ack"),
    "SEC-OTHER": caller(procedures=("9.999999",)),
    "SEC-MEEK": caller(states=("received",)),
    "SEC-XML": caller(profile="bieu_dien_xml"),
    "SEC-PULL": caller(pull_hosts=("tep.donvi.example.vn",)),
    "SEC-ROW": caller(profile="dieuphoi_2026"),
}


def consent(code: str, record: CallerRecord) -> ConsentVersion:
    """The consent that a caller's record tells of; its key is CODE-1."""
    dated = record.consent_date or date.min
    return ConsentVersion(
        version=1,
        number=record.consent_no,
        dated=dated,
        valid_from=dated,
        valid_to=record.valid_to,
        procedures=record.procedures,
        states=record.states,
        outside=record.outside,
        keys=(ConsentKey(f"{code}-1", "ed25519", "", f"print of {code}"),),
    )


def entries(callers: Mapping[str, CallerRecord] | None = None) -> list[Intake]:
    """The consents of all sector systems, as they are entered into a store."""
    by = Entered("van-hanh", "Nhập sổ đồng ý lần đầu")
    sectors = ((code, record) for code, record in (callers or CALLERS).items() if record.role == "sector")
    return [entry_intake(ConsentEntry(code, consent(code, record), by, once=True)) for code, record in sectors]


@dataclass
class Row:
    """An inbound row of the journal in memory."""

    source: str
    write: InboundWrite
    position: int


@dataclass
class World:
    """A journal in memory around a decider: one `accept` after the other, exactly what the seam says and no more."""

    policy: IntakePolicy = field(default_factory=IntakePolicy)
    callers: Mapping[str, CallerRecord] = field(default_factory=lambda: CALLERS)
    now: datetime = NOW
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    receipts: dict[tuple[str, str], tuple[bytes, bytes]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    records: dict[RecordKey, Record] = field(default_factory=dict)
    deliveries: list[NewDelivery] = field(default_factory=list)
    audits: list[AuditWrite] = field(default_factory=list)
    last_decision: Decision | None = None

    def __post_init__(self) -> None:
        self.decide = Decider(ROUTES, self.callers, self.policy)
        for entry in entries(self.callers):
            for record in self.decide(self.situation(entry), entry).records:
                self.records[record.key] = Record(record.key, record.version, record.state)
        # Events of these words name one file; that it was uploaded is the business of other tests.
        listed = files.FileList().put(files.ListedFile(_FILE.sha256, _FILE.size, tuple(self.callers), self.now))
        written = files.write_list(CODE, listed)
        self.records[written.key] = Record(written.key, written.version, written.state)

    def accept(self, intake: Intake) -> tuple[int, dict[str, Any]]:
        """Decide and write; the status and the answer as a tree."""
        decision = self.last_decision = self.decide(self.situation(intake), intake)
        if decision.store:
            self._write(intake, decision)
        return decision.status, msgspec.json.decode(decision.answer)

    def situation(self, intake: Intake) -> Situation:
        """What the journal would read for this intake."""
        known = self.receipts.get((intake.source, intake.key))
        waiting = [
            row
            for row in self.rows.values()
            if row.write.status in PARKED and (intake.sequence is None or row.source == intake.source)
        ]
        waiting.sort(key=lambda row: (row.source, row.write.sequence))
        return Situation(
            now=self.now,
            known_receipt=known[1] if known else None,
            known_digest=known[0] if known else None,
            same_sequence=self._same_sequence(intake),
            last_sequence=self.sequences.get(intake.source),
            parked=tuple(
                ParkedInbound(
                    row.write.event_id, row.write.sequence, row.write.status, row.write.carried or b"", row.source
                )
                for row in waiting
            ),
            records={key: self.records[key] for key in intake.reads if key in self.records},
        )

    def _same_sequence(self, intake: Intake) -> KnownInbound | None:
        for row in self.rows.values():
            write = row.write
            if row.source == intake.source and write.sequence == intake.sequence and write.event_id != intake.key:
                return KnownInbound(
                    row.source, write.event_id, CODE, write.sequence, write.digest, write.status, row.position
                )
        return None

    def _write(self, intake: Intake, decision: Decision) -> None:
        for write in decision.inbound:
            source = write.source or intake.source
            row = self.rows.get((source, write.event_id))
            if row is None:
                assert write.raw is not None and write.carried is not None and write.digest
                self.rows[source, write.event_id] = Row(source, write, len(self.rows) + 1)
            else:
                row.write = replace(row.write, status=write.status, carried=write.carried or row.write.carried)
        for delivery in decision.deliveries:
            row = self.rows[delivery.source, delivery.event_id]
            decode(row.write.carried or b"", Carried)
        self.deliveries.extend(decision.deliveries)
        self.audits.extend(decision.audit)
        for record in decision.records:
            self.records[record.key] = Record(record.key, record.version, record.state)
        if decision.last_sequence is not None:
            self.sequences[intake.source] = decision.last_sequence
        self.sequences |= decision.other_sequences
        self.receipts.setdefault((intake.source, intake.key), (intake.digest, decision.answer))

    def push(
        self, source: str, sequence: int, state: str, *, fresh: bool = True, **fields: Any
    ) -> tuple[int, dict[str, Any]]:
        """Say an event; its id follows from source and sequence unless it is given."""
        return self.accept(said(source, event(source, sequence, state, **fields), fresh=fresh))

    def put(
        self, version: int = 1, state: str = "submitted", *, fresh: bool = True, **fields: Any
    ) -> tuple[int, dict[str, Any]]:
        """Register the dossier, or a newer version of it."""
        snapshot = dossier(version, state, **fields)
        raw = encode(snapshot)
        subject = SnapshotSubject(snapshot, dossiers.digest(snapshot), fresh)
        return self.accept(snapshot_intake("RES", raw, hashlib.sha256(raw).digest(), subject))

    def skip_gap(self, source: str, sequence: int = 0) -> tuple[int, dict[str, Any]]:
        """An operator passes a gap over."""
        return self.accept(gap_intake(Spoken(source=source, sequence=sequence), uuid.uuid4().hex))

    def resolve(self, source: str, event_id: str, *, apply: bool) -> tuple[int, dict[str, Any]]:
        """An operator decides about a parked event."""
        return self.accept(conflict_intake(Spoken(source=source, event_id=event_id), uuid.uuid4().hex, apply=apply))

    def status(self, source: str, sequence: int) -> InboundStatus:
        """What became of an event."""
        return self.rows[source, event_id(source, sequence)].write.status

    def course(self) -> Course:
        """The course of the dossier."""
        return courses.parse(self.records[courses.key(CODE)])

    def sent(self, upstream: str) -> list[tuple[str, str]]:
        """(event id, operation) of each delivery to an upstream, in lane order."""
        return [(d.event_id, d.operation) for d in self.deliveries if d.upstream == upstream]

    def carried(self, source: str, sequence: int) -> Carried:
        """What is journalled of an event that goes somewhere."""
        return decode(self.rows[source, event_id(source, sequence)].write.carried or b"", Carried)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The fields of the audit rows of a kind."""
        return [msgspec.json.decode(row.fields) for row in self.audits if row.kind == kind]


@dataclass(frozen=True)
class Spoken:
    """An operator's words."""

    source: str
    event_id: str = ""
    sequence: int = 0
    actor: str = "van-hanh"
    reason: str = "Đơn vị xác nhận số này không tồn tại"
    dossier: str = CODE


def event_id(source: str, sequence: int) -> str:
    """The id that `event` gives."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{source}/{sequence}"))


PAPER = b"%PDF-1.7 x"
_FILE = FileRef("gp.pdf", "application/pdf", len(PAPER), hashlib.sha256(PAPER).hexdigest())
_REASON = Reason("LD", "Thiếu giấy tờ", "QĐ 3036 Điều 8")
_NEEDS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "awaiting_supplement": lambda: {
        "reason": _REASON,
        "supplement": Supplement("BS-1", "Phòng Ví Dụ", "Bổ sung bản vẽ", NOW),
    },
    "awaiting_payment": lambda: {"reason": _REASON, "fees": (Fee("P-1", "Phí thẩm định", 100_000),)},
    "intake_refused": lambda: {"reason": _REASON},
    "stopped": lambda: {"reason": _REASON},
    "resolved": lambda: {
        "outcome": Outcome.GRANTED,
        "results": (ResultDocument("GP-1", "Giấy phép", _FILE),),
    },
}


def event(source: str, sequence: int, state: str, **fields: Any) -> StatusEvent:
    """An event with all that its state demands."""
    base: dict[str, Any] = {
        "event_id": event_id(source, sequence),
        "system_code": source,
        "dossier_code": CODE,
        "sequence": sequence,
        "occurred_at": NOW + timedelta(minutes=sequence),
        "state": DossierStatus(state),
        "step": Step(Actor("Trần Văn Mẫu", "Chuyên viên", "Phòng Ví Dụ"), "Đã xử lý"),
        **_NEEDS.get(state, dict)(),
    }
    return StatusEvent(**{**base, **fields})


def said(source: str, told: StatusEvent, *, fresh: bool = True) -> Intake:
    """The intake of an event."""
    raw = encode(told)
    subject = EventSubject(told, raw, ("default@1",), fresh, proof=Proof(f"{source}-1"))
    return event_intake(source, raw, hashlib.sha256(raw).digest(), subject)


def uploaded() -> Intake:
    """The intake of the one file that events of these words name."""
    stored = files.StoredFile("0" * 32, bytes(32), "application/pdf", len(PAPER), b"")
    return file_intake("RES", CODE, FileSubject(_FILE.sha256, _FILE.size, stored))


def dossier(version: int = 1, state: str = "submitted", **fields: Any) -> Dossier:
    """A registered dossier of an invented person."""
    base: dict[str, Any] = {
        "dossier_code": CODE,
        "version": version,
        "origin": Origin.ONLINE_MINISTRY,
        "procedure": Procedure("1.001234", "1.001234.000.00.00.G16", "Cấp giấy phép ví dụ"),
        "agency": Agency("000.00.00.G16", "Cục Ví Dụ"),
        "applicant": Party(PartyKind.CITIZEN, "Nguyễn Thị Ví Dụ", phone="0900000000"),
        "state": DossierStatus(state),
        "times": DossierTimes(due_at=DUE),
    }
    return Dossier(**{**base, **fields})


class TurnedClock:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOW
        self._ahead_s = 0.0

    def clock(self) -> Clock:
        """The clock as production takes it."""
        return Clock(now=lambda: self.now, instant=lambda: boottime() + self._ahead_s)

    def forward(self, seconds: float) -> None:
        """Time passes, on the wall and in the machine."""
        self.now += timedelta(seconds=seconds)
        self._ahead_s += seconds


@dataclass(frozen=True)
class Words:
    """What tests say events with."""

    event: Callable[..., StatusEvent] = staticmethod(event)
    event_id: Callable[[str, int], str] = staticmethod(event_id)
    said: Callable[..., Intake] = staticmethod(said)
    uploaded: Callable[[], Intake] = staticmethod(uploaded)
    dossier: Callable[..., Dossier] = staticmethod(dossier)
    caller: Callable[..., CallerRecord] = staticmethod(caller)
    entries: Callable[..., list[Intake]] = staticmethod(entries)
    routes: Routes = ROUTES
    callers: Mapping[str, CallerRecord] = field(default_factory=lambda: CALLERS)
    code: str = CODE
    paper: bytes = PAPER
    now: datetime = NOW
    due: datetime = DUE
    lease: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class Orders:
    """An operator's orders as the journal takes them."""

    @staticmethod
    def gap(source: str, sequence: int = 0) -> Intake:
        """Pass a gap over."""
        return gap_intake(Spoken(source=source, sequence=sequence), uuid.uuid4().hex)

    @staticmethod
    def conflict(source: str, parked: str, *, apply: bool) -> Intake:
        """Decide about a parked event."""
        return conflict_intake(Spoken(source=source, event_id=parked), uuid.uuid4().hex, apply=apply)


@pytest.fixture(scope="session")
def spoken() -> Orders:
    """What an operator orders."""
    return Orders()


@pytest.fixture
def turned() -> TurnedClock:
    """A wall clock to turn."""
    return TurnedClock()


@pytest.fixture(scope="session")
def words() -> Words:
    """Events and dossiers of invented people."""
    return Words()


@pytest.fixture(scope="session")
def worlds() -> Callable[..., World]:
    """Makes an empty world; `policy` words may be given."""

    def make(callers: Mapping[str, CallerRecord] | None = None, **policy: Any) -> World:
        return World(policy=IntakePolicy(**policy), callers=callers or CALLERS)

    return make


@pytest.fixture
def world(worlds: Callable[..., World]) -> World:
    """A world in which the dossier is registered as submitted."""
    made = worlds()
    assert made.put()[0] == 201
    return made
