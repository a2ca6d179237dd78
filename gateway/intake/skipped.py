"""A push to the resolution system that a person skipped: what was to follow its acknowledgement (`outside: on_ack`). Pure.

The push will never be acknowledged, so nothing follows it by itself. Its event must not be lost outside for that: an echo
that came already shows that the resolution system has the event, and stands for the acknowledgement; an echo that comes
later goes outside like any event of its own, because nothing was sent ahead (architecture 1).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gateway.intake.apply import Line
from gateway.intake.course import not_sent_ahead
from gateway.intake.draft import Draft
from gateway.journal.model import Decision, Intake
from gateway.records import courses, dossiers
from mappings.codec import encode

SKIPPED_PUSH = "skipped_push"


@dataclass(frozen=True, slots=True)
class SkippedPush:
    """The push of event `event_id` of the intake's source is about to be skipped; `late`: the event came after its gap."""

    event_id: str
    late: bool = False


def skipped_push_intake(source: str, dossier: str, key: str, subject: SkippedPush) -> Intake:
    """The skipped push, as the journal takes it; `key` is a fresh id."""
    raw = encode({"kind": SKIPPED_PUSH, "source": source, "dossier": dossier, "event_id": subject.event_id})
    return Intake(
        kind=SKIPPED_PUSH,
        source=source,
        key=key,
        dossier=dossier,
        digest=hashlib.sha256(raw).digest(),
        raw=raw,
        subject=subject,
        reads=(courses.key(dossier), dossiers.key(dossier)),
    )


def decide_skipped_push(line: Line, draft: Draft, subject: SkippedPush) -> Decision:
    """Send what the echo allows; expect no echo any more."""
    course, source = draft.course, draft.intake.source
    after = not_sent_ahead(course, source, subject.event_id) if course is not None else None
    if course is None or after is course:
        return Decision(b"{}", 200, store=False)
    draft.course = after
    if f"{source}/{subject.event_id}" in course.echoed:
        draft.deliveries.extend(line.follow_ups(course, source, subject.event_id, late=subject.late))
    return draft.decision(b"{}", 200)
