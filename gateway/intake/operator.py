"""An operator's word about events that wait: pass a gap, apply an impossible step in spite, or pass it over. Pure.

Only a person may skip a gap; what arrives after that is kept as history (dossier-model 4.3). Every decision carries its
reason and is audited in its own transaction (QĐ 3036 Điều 19.3).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.audit.events import audit
from gateway.errors import Conflict, IntakeError, NotFound
from gateway.intake.apply import Line, Order, tell
from gateway.intake.course import passed_over
from gateway.intake.draft import Draft, Pending
from gateway.intake.receipts import receipt_id, refuse
from gateway.intake.sequence import gap_before
from gateway.journal.model import Decision, InboundStatus, Intake
from gateway.records import consents, courses, dossiers, results
from gateway.records.courses import Course
from mappings.codec import encode

SKIP_GAP = "skip_gap"
RESOLVE_CONFLICT = "resolve_conflict"


class Words(Protocol):
    """What an operator said: who, why, about which event of which source and dossier.

    `sequence` bounds a gap: pass over all below it; 0 means up to the first event that waits.
    """

    @property
    def actor(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def dossier(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def sequence(self) -> int: ...


@dataclass(frozen=True, slots=True)
class GapOrder:
    """Pass over the sequences below `sequence` (0: below the first event that waits)."""

    order: Order
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class ConflictOrder:
    """Apply the parked event `event_id` in spite of the table (`apply`), or pass it over."""

    order: Order
    event_id: str
    apply: bool


def gap_intake(words: Words, key: str) -> Intake:
    """The order to pass a gap, as the journal takes it; `key` is a fresh id."""
    return _intake(SKIP_GAP, words, key, GapOrder(Order(words.actor, words.reason), words.sequence))


def conflict_intake(words: Words, key: str, *, apply: bool) -> Intake:
    """The order about a parked event, as the journal takes it; `key` is a fresh id."""
    subject = ConflictOrder(Order(words.actor, words.reason), words.event_id, apply)
    return _intake(RESOLVE_CONFLICT, words, key, subject)


def _intake(kind: str, words: Words, key: str, subject: GapOrder | ConflictOrder) -> Intake:
    raw = encode({"kind": kind, "source": words.source, "dossier": words.dossier, "order": subject})
    return Intake(
        kind=kind,
        source=words.source,
        key=key,
        dossier=words.dossier,
        digest=hashlib.sha256(raw).digest(),
        raw=raw,
        subject=subject,
        reads=(
            courses.key(words.dossier),
            dossiers.key(words.dossier),
            consents.key(words.source),
            *results.reads(words.dossier),
        ),
    )


def decide_gap(line: Line, draft: Draft, subject: GapOrder) -> Decision:
    """Pass over what is missing, then apply what waited for it."""
    course, source = draft.course, draft.intake.source
    if course is None:
        return refuse(_nothing(f"Hồ sơ {draft.intake.dossier} chưa được đăng ký."))
    waiting = draft.parked(source)
    gap = _gap(draft, subject, waiting[0] if waiting else None)
    if isinstance(gap, IntakeError):
        return refuse(gap)
    draft.course = passed_over(course, source, gap)
    draft.reach(source, gap[1])
    draft.audits.append(
        audit(
            "gap.skipped",
            subject.order.actor,
            draft.intake.dossier,
            source=source,
            first=gap[0],
            last=gap[1],
            reason=subject.order.reason,
        )
    )
    line.drain(draft, source)
    return _done(draft, f"Đã bỏ qua số thứ tự {gap[0]}-{gap[1]} của {source}.")


def _gap(draft: Draft, subject: GapOrder, first: Pending | None) -> tuple[int, int] | IntakeError:
    """The range to pass over, or why there is none."""
    source = draft.intake.source
    last = draft.last(source)
    if first is None and not subject.sequence:
        return _nothing(f"Không có sự kiện nào của {source} đang chờ trên hồ sơ này.")
    natural = gap_before(first.event, last) if first is not None else None
    if not subject.sequence:
        return natural or Conflict("Sự kiện đầu tiên không chờ số thứ tự nào; hãy quyết định chính sự kiện đó.")
    if subject.sequence <= (last or 0) + 1:
        return _nothing(f"Không thiếu số thứ tự nào trước {subject.sequence}; số cuối đã áp dụng là {last or 0}.")
    if first is not None and subject.sequence > first.event.sequence:
        return Conflict(f"Sự kiện số {first.event.sequence} đang chờ; chỉ có thể bỏ qua các số đứng trước nó.")
    # What the first waiting event names as its predecessor is as far as there is anything to pass.
    return (last or 0) + 1, min(subject.sequence - 1, natural[1] if natural is not None else subject.sequence)


def decide_conflict(line: Line, draft: Draft, subject: ConflictOrder) -> Decision:
    """Apply or pass over the first waiting event of its source, then apply what waited behind it."""
    course, source = draft.course, draft.intake.source
    waiting = draft.parked(source)
    found = next((pending for pending in waiting if pending.event.event_id == subject.event_id), None)
    if course is None or found is None or found.status is not InboundStatus.PARKED_CONFLICT:
        return refuse(_nothing(f"Sự kiện {subject.event_id} của {source} không chờ quyết định."))
    if found is not waiting[0]:
        return refuse(
            Conflict(f"Sự kiện số {waiting[0].event.sequence} đứng trước còn đang chờ; hãy quyết định nó trước.")
        )
    if subject.apply:
        line.take(draft, course, found, subject.order)
    else:
        _pass_over(draft, course, found, subject.order)
    line.drain(draft, source)
    verb = "áp dụng" if subject.apply else "bỏ qua"
    return _done(draft, f"Đã {verb} sự kiện số {found.event.sequence} của {source}.")


def _pass_over(draft: Draft, course: Course, found: Pending, order: Order) -> None:
    """Keep the event as skipped: its source goes on behind it, its state counts for nothing."""
    source, sequence = found.source, found.event.sequence
    draft.course = replace(
        course,
        order=course.order + 1,
        sources={**course.sources, source: replace(course.view(source), sequence=sequence)},
    )
    draft.reach(source, sequence)
    draft.keep(found, InboundStatus.SKIPPED, None)
    tell(draft, "event.skipped", found, order, reason=order.reason)


def _nothing(message_vi: str) -> NotFound:
    return NotFound(message_vi, code="nothing_waits")


def _done(draft: Draft, message_vi: str) -> Decision:
    """What the operator is told: what the order set free, and what waits again for a person."""
    moved = draft.moved()
    answer = {
        "status": "done",
        "done": True,
        "receipt_id": receipt_id(draft.intake),
        "message_vi": message_vi,
        "applied": [event_id for event_id, became in moved if became is InboundStatus.ACCEPTED],
        "held": [event_id for event_id, became in moved if became is InboundStatus.PARKED_CONFLICT],
    }
    return draft.decision(encode(answer), 200)
