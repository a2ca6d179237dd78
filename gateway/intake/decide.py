"""The decision about everything that comes in: a pure function of what was read and what was sent.

It runs inside the accept transaction of the journal, which hands it the rows it may know and writes the rows it returns
(delivery-engine 4.2). Nothing here waits, asks the time, or touches a store.
Source of every answer: dossier-model 4.2; of the order: 4.3; of the snapshot's versions: 2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.config import CallerRecord, Files
from gateway.config import Intake as IntakePolicy
from gateway.errors import Conflict, Fault, Forbidden, IntakeError, Invalid, NotFound, TooManyRequests
from gateway.intake import receipts
from gateway.intake.apply import Line, hold_contradiction, learn_number, sees, tell
from gateway.intake.authenticate import not_fresh
from gateway.intake.course import RESOLUTION
from gateway.intake.draft import Draft, Pending, carried
from gateway.intake.enrolment import ConsentEntry, ConsentRevocation, decide_entry, decide_revocation
from gateway.intake.entitlement import Proof, Scope, covering
from gateway.intake.file_decision import FileReadSubject, FileRules, FileSubject
from gateway.intake.ledgers import InputsSubject, LedgerBook
from gateway.intake.operator import ConflictOrder, GapOrder, decide_conflict, decide_gap
from gateway.intake.proving import ProofRules
from gateway.intake.receipts import LOCAL, Durability, Remark, Told, receipt, refuse
from gateway.intake.recording import Recording, decide_recording
from gateway.intake.refusals import RefusedCall
from gateway.intake.result_decision import (
    ResultBegun,
    ResultJudged,
    decide_begun,
    decide_judged,
)
from gateway.intake.result_orders import ResultOrder, decide_order
from gateway.intake.sequence import Place, place
from gateway.intake.skipped import SkippedPush, decide_skipped_push
from gateway.intake.snapshot import SnapshotRules, SnapshotSubject, decide_snapshot
from gateway.journal.model import Decision, InboundStatus, Intake, RecordKey, Situation
from gateway.records import consents, courses, dossiers, files, results
from gateway.records.consents import EVERYTHING
from gateway.records.courses import Course
from gateway.routes import Routes
from mappings.canonical import StatusEvent
from mappings.codec import encode

EVENT = "event"


@dataclass(frozen=True, slots=True)
class EventSubject:
    """An understood event on its way to the decision. `event_json` is its encoding, made outside of the transaction.

    `fresh` False: its signature is old, which is lawful only for what is stored already (dossier-model 4.1).
    `remarks` are doubts found when it was read. `arrival`: its dialect has no counter, so that it gets the number behind
    everything that is stored of its source and dossier, here, where no other event can take the same one. `proof` is what
    vouched for its request; with none, no sector system is let in.
    """

    event: StatusEvent
    event_json: bytes
    table_versions: tuple[str, ...]
    fresh: bool
    remarks: tuple[Remark, ...] = ()
    arrival: bool = False
    proof: Proof = Proof()


def reads(dossier: str) -> tuple[RecordKey, ...]:
    """The records that every decision about a dossier needs to see."""
    return courses.key(dossier), dossiers.key(dossier), *results.reads(dossier)


class Decider:
    """`decide` for the journal: `Decider(...)(situation, intake)`. Holds configuration only, no state.

    `callers` gives the role and the technical settings of each system: what a system may say, its record in the situation
    decides.
    """

    def __init__(
        self,
        routes: Routes,
        callers: Mapping[str, CallerRecord],
        policy: IntakePolicy,
        of_files: Files | None = None,
        book: LedgerBook | None = None,
    ) -> None:
        self._book = book or LedgerBook({})
        self._line = Line(routes, callers, lenient=policy.transitions == "lenient")
        self._callers = callers
        self._parks_unknown = policy.unknown_dossier == "park"
        self._parked_limit = policy.parked_limit
        file_rules = FileRules(callers, self._parks_unknown, (of_files or Files()).max_per_dossier)
        self._files, self._snapshots = file_rules, SnapshotRules(file_rules)
        self._durability: Durability = LOCAL

    def judging(self, proofs: ProofRules | None) -> Decider:
        """This decider, which believes of identities what these rules find proven; with None it believes the sender."""
        self._snapshots = replace(self._snapshots, proofs=proofs)
        return self

    def promising(self, durability: Durability) -> Decider:
        """This decider, whose receipts say so of the store."""
        self._durability = durability
        self._snapshots = replace(self._snapshots, durability=durability)
        return self

    def __call__(self, situation: Situation, intake: Intake) -> Decision:
        """The answer and the rows for one intake."""
        course = courses.read(situation.records, intake.dossier)
        draft = Draft(situation, intake, course, dossiers.raw(situation.records, intake.dossier))
        match intake.subject:
            case EventSubject() as subject:
                return self._event(draft, subject)
            case SnapshotSubject() as snapshot:
                return decide_snapshot(self._line, draft, snapshot, self._snapshots)
            case FileSubject() as file:
                return self._files.store(situation, intake, file)
            case FileReadSubject() as reading:
                return self._files.read(situation, intake, reading)
            case GapOrder() as gap:
                return decide_gap(self._line, draft, gap)
            case ConflictOrder() as conflict:
                return decide_conflict(self._line, draft, conflict)
            case SkippedPush() as skipped:
                return decide_skipped_push(self._line, draft, skipped)
            case InputsSubject() as inputs:
                return self._book.decide(situation, inputs)
            case ConsentEntry() as entry:
                return decide_entry(situation, entry)
            case ConsentRevocation() as revocation:
                return decide_revocation(situation, revocation)
            case ResultJudged() as judged:
                return decide_judged(situation, intake, judged)
            case ResultBegun() as begun:
                return decide_begun(situation, begun)
            case ResultOrder() as order:
                return decide_order(situation, intake, order)
            case RefusedCall() as refused:
                return Decision(b"", refused.status, audit=(refused.row,))
            case Recording() as recording:
                return decide_recording(situation, recording)
        raise TypeError(f"no decision is known for an intake of kind {intake.kind!r}")

    def _event(self, draft: Draft, subject: EventSubject) -> Decision:
        """Known already, not allowed, contradictory, or new."""
        situation, intake = draft.situation, draft.intake
        if situation.known_receipt is not None and situation.known_digest == intake.digest:
            # Also when the consent has ended since: the receipt is for what was lawful then, and tells nothing new.
            return Decision(receipts.duplicate(situation.known_receipt), 200, store=False)
        scope = covering(self._callers, situation, intake.source, subject.proof)
        if isinstance(scope, IntakeError):
            return refuse(scope)
        if situation.known_receipt is not None:
            return refuse(Conflict("event_id này đã được dùng với nội dung khác."))
        if not subject.fresh:
            return refuse(not_fresh())
        refusal = _not_allowed(intake.source, scope, subject.event)
        if refusal is not None:
            return refusal
        if situation.same_sequence is not None:
            return refuse(
                Conflict("Số thứ tự này đã được dùng cho một sự kiện khác của cùng hồ sơ.", code="sequence_reused")
            )
        pending = _numbered(draft, subject) if subject.arrival else _pending(intake.source, subject)
        seen = draft.course is not None and draft.dossier_json is not None and sees(scope, draft.course)
        if subject.event.results and (seen or self._parks_unknown):
            missing = self._files.faults(situation, intake, scope, subject.event.results)
            if missing:
                return refuse(Invalid(faults=missing))
        if draft.course is None or not seen:
            return self._unknown_dossier(draft, pending)
        return self._place(draft, draft.course, pending)

    def _unknown_dossier(self, draft: Draft, pending: Pending) -> Decision:
        """A dossier that was never registered, or that this caller may not see: the two answers are the same."""
        if not self._parks_unknown:
            return refuse(
                NotFound(f"Hồ sơ {draft.intake.dossier} chưa được hệ thống giải quyết đăng ký.", code="unknown_dossier")
            )
        # Nothing of the dossier may show: neither its version nor how far others have come.
        draft.course = None
        return self._park_gap(draft, pending)

    def _place(self, draft: Draft, course: Course, pending: Pending) -> Decision:
        """Apply, park or keep as history, by the order of the source."""
        source = pending.source
        last = draft.last(source)
        waits_behind = any(
            other.sequence < pending.event.sequence
            for other in draft.situation.parked
            if (other.source or source) == source
        )
        match place(pending.event, last, course.view(source)):
            case Place.STALE:
                draft.keep(pending, InboundStatus.STALE, carried(pending, None, state_applies=False))
                tell(draft, "event.stale", pending, last_sequence=last)
                return self._answer(draft, pending, Told("stale", pending.event.event_id, last_sequence=last), 200)
            case Place.LATE:
                self._line.take_late(draft, course, pending)
                return self._answer(draft, pending, Told("stale", pending.event.event_id, last_sequence=last), 200)
            case Place.GAP:
                return self._park_gap(draft, pending)
            case Place.CONTRADICTION if not waits_behind:
                hold_contradiction(draft, pending)
                return self._answer(draft, pending, Told("parked_conflict", pending.event.event_id), 202)
        # An earlier event that waits keeps later ones waiting, whatever they name as their predecessor: none is overtaken.
        return self._park_gap(draft, pending) if waits_behind else self._apply(draft, course, pending)

    def _park_gap(self, draft: Draft, pending: Pending) -> Decision:
        """Keep an event until its predecessor (or its dossier) has come; not without end, since each accept reads them all."""
        own = pending.source
        if sum((other.source or own) == own for other in draft.situation.parked) >= self._parked_limit:
            return refuse(
                TooManyRequests(
                    f"Đã có {self._parked_limit} sự kiện của hồ sơ này chờ sự kiện đứng trước; hãy gửi sự kiện còn thiếu.",
                    retry_after_s=60,
                )
            )
        last = draft.last(pending.source)
        draft.keep(pending, InboundStatus.PARKED_GAP, carried(pending, None))
        if draft.course is not None:
            learn_number(draft, pending)
        tell(
            draft,
            "event.parked_gap",
            pending,
            last_sequence=last,
            awaits=pending.event.previous_sequence if draft.course is not None else None,
        )
        return self._answer(draft, pending, Told("parked_gap", pending.event.event_id, last_sequence=last), 202)

    def _apply(self, draft: Draft, course: Course, pending: Pending) -> Decision:
        """The event is next: apply it, then all that waited behind it."""
        taken = self._line.take(draft, course, pending)
        if taken.faults:
            return refuse(Invalid(faults=tuple(Fault(f.code, f.pointer, f.message_vi) for f in taken.faults)))
        applied = taken.status is InboundStatus.ACCEPTED
        if applied:
            self._line.drain(draft, pending.source)
        told = Told(taken.status, pending.event.event_id, taken.remarks, version=course.version if applied else None)
        return self._answer(draft, pending, told, 202)

    def _answer(self, draft: Draft, pending: Pending, told: Told, status: int) -> Decision:
        """The decision with its receipt; the receipt never tells one system about the events of another."""
        if pending.remarks:
            told = replace(told, remarks=tuple(dict.fromkeys((*pending.remarks, *told.remarks))))
        return draft.decision(receipt(draft.intake, draft.situation.now, told, self._durability), status)


def _pending(source: str, subject: EventSubject) -> Pending:
    return Pending(source, subject.event, subject.event_json, subject.table_versions, remarks=subject.remarks)


def _numbered(draft: Draft, subject: EventSubject) -> Pending:
    """The event with its number by order of acceptance: behind what was applied, passed over, or waits."""
    source = draft.intake.source
    waiting = (other.sequence for other in draft.situation.parked if (other.source or source) == source)
    event = replace(subject.event, sequence=max(draft.last(source) or 0, *waiting, 0) + 1, previous_sequence=None)
    return replace(_pending(source, subject), event=event, event_json=encode(event))


def _not_allowed(source: str, scope: Scope, event: StatusEvent) -> Decision | None:
    """What the caller's consent, or its role, does not cover."""
    if EVERYTHING not in scope.states and event.state not in scope.states:
        return refuse(
            Forbidden(
                f"Hệ thống {source} không được phép báo trạng thái {event.state} (QĐ 3036 Điều 5.7).",
                code="state_not_allowed",
            )
        )
    if event.caused_by is not None and scope.role != RESOLUTION:
        fault = Fault("caused_by_khong_duoc_phep", "/caused_by", "Chỉ hệ thống giải quyết được gửi caused_by.")
        return refuse(Invalid(faults=(fault,)))
    return None


def event_intake(source: str, original: bytes, digest: bytes, subject: EventSubject) -> Intake:
    """An event as the journal takes it: `original` is what is kept of the request, `digest` that of its body."""
    event = subject.event
    uploaded = (files.list_key(event.dossier_code),) if event.results else ()
    number = (dossiers.sector_key(source, event.sector_dossier_id),) if event.sector_dossier_id else ()
    return Intake(
        kind=EVENT,
        source=source,
        key=event.event_id,
        dossier=event.dossier_code,
        digest=digest,
        raw=original,
        subject=subject,
        # No stored event has the number 0: whoever is numbered here contradicts nobody.
        sequence=0 if subject.arrival else event.sequence,
        reads=(*reads(event.dossier_code), consents.key(source), *number, *uploaded),
    )
