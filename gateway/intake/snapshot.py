"""The decision about a registered dossier: its version, its course, and the events that waited for it. Pure.

Source: dossier-model 2.1 (version), architecture 1 (the resolution system owns the dossier).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.audit.events import FieldValue, audit
from gateway.errors import Conflict, Invalid
from gateway.intake import declared_numbers, proving
from gateway.intake.apply import Line
from gateway.intake.authenticate import not_fresh
from gateway.intake.draft import Draft
from gateway.intake.entitlement import RESOLUTION, Scope
from gateway.intake.file_decision import FileRules
from gateway.intake.naming import name_results
from gateway.intake.proving import ProofRules
from gateway.intake.receipts import LOCAL, Durability, Remark, duplicate, receipt_id, refuse
from gateway.intake.validate import NOT_A_DOSSIER
from gateway.journal.model import AuditWrite, Decision, InboundStatus, Intake
from gateway.records import consents, courses, dossiers, results
from gateway.records.courses import Course
from gateway.records.files import list_key
from mappings.canonical import Dossier
from mappings.codec import decode, encode
from mappings.codes import Outcome
from mappings.dates import local_date

DOSSIER = "dossier"
_OWNER = Scope(RESOLUTION, (), ())  # nobody else registers dossiers (architecture 1)


@dataclass(frozen=True, slots=True)
class SnapshotSubject:
    """An understood snapshot. `digest` is that of its canonical JSON, so that only a change of content is a change."""

    dossier: Dossier
    digest: str
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """How a snapshot is judged beside its version. Without `proofs` no proof is kept, and its sender is believed.

    `durability` is what its receipt says.
    """

    files: FileRules
    proofs: ProofRules | None = None
    durability: Durability = LOCAL


def decide_snapshot(line: Line, draft: Draft, subject: SnapshotSubject, rules: SnapshotRules) -> Decision:
    """201 registered, 200 updated or the same again, 409 for a version that lies behind or says something else.

    422 for a result whose file was not uploaded (the papers that a citizen handed in stay where they were handed in), and for
    a proof of identity that does not hold.
    """
    dossier, before = subject.dossier, draft.course
    if before is not None and dossier.version == before.version and subject.digest == before.digest:
        original = draft.situation.known_receipt
        answer = (
            duplicate(original)
            if original is not None
            else _answer(draft, subject, "duplicate", durability=rules.durability)
        )
        return Decision(answer, 200, store=False)
    if not subject.fresh:
        return refuse(not_fresh())
    if before is not None and dossier.version <= before.version:
        same = "cùng phiên bản nhưng khác nội dung" if dossier.version == before.version else "cũ hơn"
        message = f"Phiên bản {dossier.version} {same} so với phiên bản {before.version} đã đăng ký."
        return refuse(Conflict(message, code="stale_version"))
    if dossier.results and (missing := rules.files.faults(draft.situation, draft.intake, _OWNER, dossier.results)):
        return refuse(Invalid(NOT_A_DOSSIER, faults=missing))
    doubts: tuple[Remark, ...] = ()
    if rules.proofs is not None:
        judged = proving.judge(rules.proofs, draft.situation, draft.intake.source, dossier, _registered(draft))
        dossier, doubts, unfit = judged.dossier, judged.doubts, judged.faults
    else:
        unfit = proving.unkept(dossier)
    if unfit:
        return refuse(Invalid(NOT_A_DOSSIER, faults=unfit))
    draft.course = _course(before, subject)
    draft.records.append(record := dossiers.write(dossier))
    draft.dossier_json = record.state
    draft.audits.append(_row(draft, subject, before))
    if line.routes.results is not None:
        name_results(draft, draft.intake.source, None, dossier.results)
    for source in sorted({row.source or draft.intake.source for row in draft.situation.parked}):
        line.drain(draft, source)
    doubts = (*doubts, *declared_numbers.doubts(subject.dossier, local_date(draft.situation.now)))
    status = "registered" if before is None else "updated"
    return draft.decision(
        _answer(draft, subject, status, doubts, durability=rules.durability), 201 if before is None else 200
    )


def _registered(draft: Draft) -> Dossier | None:
    """The snapshot that stands registered, as it was stored."""
    return decode(draft.dossier_json, Dossier) if draft.dossier_json is not None else None


def _course(before: Course | None, subject: SnapshotSubject) -> Course:
    """The course after this snapshot; what the resolution system said in events stays said."""
    opened = courses.opened(subject.dossier, subject.digest)
    if before is None:
        return replace(opened, order=1)
    return replace(
        before,
        version=opened.version,
        digest=opened.digest,
        procedure=opened.procedure,
        national_procedure=opened.national_procedure,
        snapshot_state=opened.snapshot_state,
        outcome=opened.outcome if opened.outcome is not Outcome.NONE else before.outcome,
        due_at=opened.due_at or before.due_at,
        order=before.order + 1,
        received=before.received or opened.received,
    )


def _row(draft: Draft, subject: SnapshotSubject, before: Course | None) -> AuditWrite:
    dossier = subject.dossier
    told: dict[str, FieldValue] = {
        "version": dossier.version,
        "state": dossier.state,
        "procedure": dossier.procedure.code,
        "due_at": courses.due_of(dossier),
    }
    if before is None:
        return audit("dossier.registered", draft.intake.source, dossier.dossier_code, "", **told)
    return audit(
        "dossier.updated", draft.intake.source, dossier.dossier_code, "", **told, previous_version=before.version
    )


def _answer(
    draft: Draft,
    subject: SnapshotSubject,
    status: str,
    doubts: tuple[Remark, ...] = (),
    *,
    durability: Durability,
) -> bytes:
    """What the resolution system is told; `applied` names the events that had waited for this snapshot."""
    moved = draft.moved()
    warned = {"warnings": doubts} if doubts else {}
    return encode(
        {
            "status": status,
            "receipt_id": receipt_id(draft.intake),
            "dossier_code": subject.dossier.dossier_code,
            "dossier_uid": dossiers.uid(subject.dossier.dossier_code),
            "version": subject.dossier.version,
            "received_at": draft.situation.now,
            "digest": f"sha256:{subject.digest}",
            "durability": durability,
            "applied": [event_id for event_id, became in moved if became is InboundStatus.ACCEPTED],
            **warned,
        }
    )


def snapshot_intake(
    source: str, raw: bytes, digest: bytes, subject: SnapshotSubject, waiting: Iterable[str] = ()
) -> Intake:
    """A snapshot as the journal takes it; the key names the version, since versions are what may not come twice.

    `waiting`: the systems whose events may wait for it; what they may see is read in the same transaction.
    """
    code = subject.dossier.dossier_code
    return Intake(
        kind=DOSSIER,
        source=source,
        key=f"dossier/{code}/{subject.dossier.version}",
        dossier=code,
        digest=digest,
        raw=raw,
        subject=subject,
        reads=(
            courses.key(code),
            dossiers.key(code),
            *results.reads(code),
            *((list_key(code),) if subject.dossier.results else ()),
            *proving.reads(subject.dossier),
            *(consents.key(system) for system in waiting),
        ),
    )
