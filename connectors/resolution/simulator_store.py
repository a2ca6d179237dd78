"""What the simulated resolution system holds: pushes as they came, per dossier and in order, and what it sent itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Event = Mapping[str, Any]  # A raw JSON event: what is missing or odd is kept as it came.

# Fields of a sector's event that the resolution system's own event repeats: the step stays what it was.
REPEATED = (
    *("schema_version", "occurred_at", "state", "raw_state", "sub_state", "outcome", "step", "reason", "new_due_at"),
    *("supplement", "fees", "results", "sector_dossier_id"),
)


@dataclass(frozen=True, slots=True)
class Push:
    """One genuine push from the gateway, kept as it came. `at` in seconds since the epoch."""

    at: float
    webhook_id: str
    reference: str
    digest: str
    event: Event

    def shown(self) -> dict[str, object]:
        """The push for the control plane."""
        names: tuple[str, ...] = ("system_code", "sequence", "event_id", "state", "state_applies")
        if "proposal" in self.event:
            names = ("proposal", "reported_by", "ledger", "ledger_id", "version", "fields")
        return {"at": self.at, "webhook_id": self.webhook_id, "reference": self.reference} | {
            name: self.event.get(name) for name in names
        }


@dataclass(slots=True)
class HeldDossier:
    """Everything of one dossier: pushes in order of arrival, its snapshot, its own last event, and the fees asked for since."""

    code: str
    pushes: list[Push] = field(default_factory=list)
    last_sequence: int = 0
    version: int = 0
    snapshot: Event | None = None
    last_event: Event | None = None
    fees: dict[str, Event] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)

    @property
    def state(self) -> str:
        """The state that this system has said last."""
        said = self.last_event or self.snapshot or {}
        return str(said.get("state", ""))

    def unread(self, event: Event) -> list[str]:
        """The files that a push names and that were not fetched yet, by SHA-256; from now on they count as fetched."""
        results = event.get("results")
        files = [result.get("file") for result in results or () if isinstance(result, dict)]
        named = [file.get("sha256") for file in files if isinstance(file, dict)]
        fresh = [sha256 for sha256 in dict.fromkeys(named) if isinstance(sha256, str) and sha256 not in self.fetched]
        self.fetched.update(fresh)
        return fresh


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a push: `status` is accepted, repeat or conflict."""

    status: str
    reference: str


@dataclass(slots=True)
class Records:
    """All dossiers, and each push by its `webhook-id`."""

    dossiers: dict[str, HeldDossier] = field(default_factory=dict)
    by_id: dict[str, Push] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def dossier(self, code: str) -> HeldDossier:
        """The dossier under `code`, new if it was not known."""
        return self.dossiers.setdefault(code, HeldDossier(code))

    def count(self, what: str) -> None:
        """One more of `what`."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def take(self, push: Push) -> Taken:
        """Store a push once; the same `webhook-id` again is a repeat, with other content a conflict."""
        known = self.by_id.get(push.webhook_id)
        if known is not None:
            same = known.digest == push.digest
            self.count("repeats" if same else "conflicts")
            return Taken("repeat" if same else "conflict", known.reference)
        self.count("received")
        self.by_id[push.webhook_id] = push
        self.dossier(str(push.event["dossier_code"])).pushes.append(push)
        return Taken("accepted", push.reference)


@dataclass(frozen=True, slots=True)
class Author:
    """Writes the resolution system's own events. `now_text` is an RFC 3339 time, `new_id` a UUIDv7."""

    system_code: str
    now_text: Callable[[], str]
    new_id: Callable[[], str]

    def answer_to(self, event: Event, held: HeldDossier) -> dict[str, Any]:
        """The authoritative event that a sector's event causes (architecture 1)."""
        own = {name: event[name] for name in REPEATED if name in event}
        cause = {"system": event.get("system_code", ""), "event_id": event.get("event_id", "")}
        return self.complete(own | {"dossier_code": held.code, "caused_by": cause}, held)

    def complete(self, event: Event, held: HeldDossier) -> dict[str, Any]:
        """An own event with the fields that only this system may set: its identity and the next sequence."""
        sent_at, previous = self.now_text(), held.last_sequence
        held.last_sequence = previous + 1
        own: dict[str, Any] = {"schema_version": "1", "event_id": self.new_id(), "occurred_at": sent_at}
        own |= event
        own |= {"system_code": self.system_code, "sequence": previous + 1, "sent_at": sent_at}
        own.pop("previous_sequence", None)
        if previous:
            own["previous_sequence"] = previous
        held.last_event = own
        return own


def digest(body: bytes) -> str:
    """The digest that tells a repeat from other content under the same id."""
    return hashlib.sha256(body).hexdigest()


def uuid7(now_s: float) -> str:
    """A UUID version 7 (RFC 9562, 5.7), made here because a simulator owes nothing to the gateway."""
    value = (int(now_s * 1000) & ((1 << 48) - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
