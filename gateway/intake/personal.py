"""Every read of personal data is in the trail before the answer leaves: who read what, of which dossier, over which route.

A store that cannot write the row answers 503, and nothing was read (QĐ 3036 Điều 4.3: personal data is protected).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.audit.events import audit
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.store import Journal

KIND = "personal_read"


@dataclass(frozen=True, slots=True)
class Read:
    """One read: by whom, what kind of thing, which one, and why where that is said.

    `what` is `dossier`, `event`, `feed`, `files`, `ledger` or `audit`.
    """

    reader: str
    what: str
    subject: str
    route: str
    dossier: str = ""
    event_id: str = ""
    purpose: str = ""


async def note(journal: Journal, read: Read) -> int:
    """Write a read down and return its position; raises `JournalUnavailable`, and then nothing may be shown."""
    row = audit(
        "personal.read",
        read.reader,
        read.dossier,
        read.event_id,
        subject=read.subject,
        what=read.what,
        purpose=read.purpose,
        route=read.route,
    )
    accepted = await journal.accept(recording_intake(KIND, read.reader, Recording(audit=(row,))))
    return accepted.position
