"""Tiến trình của hồ sơ: where a dossier stands in everyone's view, read and written by each accepted event.

Record kind `course`, id = dossier code. It holds codes, counters and dates only, so it is stored unsealed and needs no
decoding of the dossier itself. A sector system's event never changes the dossier: it moves that system's own view
(dossier-model 7, rule 1); only the resolution system's events move the authoritative state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.canonical import Dossier
from mappings.codec import decode, encode
from mappings.codes import DossierStatus, Outcome

KIND = "course"


@dataclass(frozen=True, slots=True)
class SourceView:
    """How far one system has come on this dossier.

    `state` is that of its last applied event (None: none applied, only skipped), `order` the place of that event in the
    course. `skipped` are inclusive ranges of sequences that a person passed over (dossier-model 4.3).
    """

    sequence: int = 0
    state: DossierStatus | None = None
    order: int = 0
    skipped: tuple[tuple[int, int], ...] = ()
    outcome: Outcome = Outcome.NONE

    def was_skipped(self, sequence: int) -> bool:
        """Whether a person passed over this sequence."""
        return any(first <= sequence <= last for first, last in self.skipped)


@dataclass(frozen=True, slots=True)
class Course:
    """The course of one dossier. `order` counts applied events and snapshots; every other order is a value of this counter.

    `registered_state` and `snapshot_state` are those of the first and the newest snapshot; `resolution_state` that of the
    resolution system's last event, echoes included; `decision_state` that of its last *own* event (without a cause) at
    `decision_order`; `latest_state` that of the last event of anybody that is no echo. `awaiting_echo` names events
    whose follow-up goes outside on acknowledgement, as "system/event_id/state/outcome"; `echoed` names those, as
    "system/event_id", whose echo has come and was not sent.
    """

    version: int
    digest: str
    procedure: str
    national_procedure: str
    registered_state: DossierStatus
    snapshot_state: DossierStatus
    outcome: Outcome = Outcome.NONE
    due_at: datetime | None = None
    order: int = 0
    resolution_state: DossierStatus | None = None
    decision_state: DossierStatus | None = None
    decision_order: int = 0
    latest_state: DossierStatus | None = None
    received: bool = False
    early_supplements: int = 0
    sources: Mapping[str, SourceView] = field(default_factory=dict)
    awaiting_echo: tuple[str, ...] = ()
    echoed: tuple[str, ...] = ()

    def state(self) -> DossierStatus:
        """The authoritative state: what the resolution system said last, in an event or else in a snapshot."""
        return self.resolution_state or self.snapshot_state

    def view(self, source: str) -> SourceView:
        """One system's view; a fresh one if it has said nothing yet."""
        return self.sources.get(source, _FRESH)

    def procedures(self) -> tuple[str, str]:
        """The codes under which the procedure of this dossier may stand in a consent: the ministry's and the portal's."""
        return self.procedure, self.national_procedure


_FRESH = SourceView()

RECEIVED = frozenset({DossierStatus.RECEIVED, DossierStatus.PROCESSING, DossierStatus.RESOLVED, DossierStatus.RETURNED})
"""States that a dossier reaches only after its reception, from which on time counts (QĐ 3036 Điều 9)."""


def key(code: str) -> RecordKey:
    """Where the course of a dossier stands."""
    return RecordKey(KIND, code)


def read(records: Mapping[RecordKey, Record], code: str) -> Course | None:
    """The course of a dossier among the records read, None when the dossier was never registered."""
    record = records.get(key(code))
    return parse(record) if record is not None else None


def parse(record: Record) -> Course:
    """The course in a stored record."""
    return decode(record.state, Course)


def write(code: str, course: Course) -> RecordWrite:
    """The record that puts a course in place; its version is the course's own counter."""
    return RecordWrite(key(code), course.order, encode(course))


def opened(dossier: Dossier, digest: str) -> Course:
    """The course of a dossier that was registered just now."""
    return Course(
        version=dossier.version,
        digest=digest,
        procedure=dossier.procedure.code,
        national_procedure=dossier.procedure.national_code,
        registered_state=dossier.state,
        snapshot_state=dossier.state,
        outcome=dossier.outcome,
        due_at=due_of(dossier),
        received=dossier.state in RECEIVED or dossier.times.received_at is not None,
    )


def due_of(dossier: Dossier) -> datetime | None:
    """Ngày hẹn trả of a snapshot: the extended one when there is one."""
    return dossier.times.extended_due_at or dossier.times.due_at
