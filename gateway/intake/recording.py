"""Records and audit rows that need no situation but their own: written if nothing has changed since they were looked at. Pure.

Operators, proposals and planned pauses are decided outside of the transaction, by one process and from what it read. What it
read may be old by the time it is written: each record names the version that it follows, and another one refuses the whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gateway.errors import Conflict
from gateway.intake.receipts import refuse
from gateway.journal.model import AuditWrite, Decision, Intake, NewDelivery, RecordWrite, Signed, Situation
from mappings.codec import encode


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows on their way in, with the answer (JSON) that the one who waits gets. A record's version is one above the known.

    `deliveries` bring their content and their dossier along.
    """

    answer: bytes = b"{}"
    records: tuple[RecordWrite, ...] = ()
    audit: tuple[AuditWrite, ...] = ()
    deliveries: tuple[NewDelivery, ...] = ()


def recording_intake(kind: str, source: str, subject: Recording, signed: Signed | None = None) -> Intake:
    """The rows as the journal takes them; without a key, since `signed` is what makes a repetition known."""
    raw = encode((kind, source, subject))
    return Intake(
        kind=kind,
        source=source,
        key="",
        dossier="",
        digest=hashlib.sha256(raw).digest(),
        raw=raw,
        subject=subject,
        reads=tuple(write.key for write in subject.records),
        signed=signed,
    )


def decide_recording(situation: Situation, subject: Recording) -> Decision:
    """Everything, or nothing where a record has moved on."""
    for write in subject.records:
        known = situation.records.get(write.key)
        if write.version != (known.version if known is not None else 0) + 1:
            told = "Nội dung vừa được người khác thay đổi; hãy xem lại rồi quyết định lại."
            return refuse(Conflict(told, code="changed_meanwhile"))
    return Decision(subject.answer, 200, records=subject.records, audit=subject.audit, deliveries=subject.deliveries)
