"""The rows that one decision gathers while it applies an event and those that waited behind it.

A draft is the only thing that changes while a decision is made; it begins empty and ends as a `Decision`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.intake.receipts import Remark
from gateway.journal.model import (
    PARKED,
    AuditWrite,
    Decision,
    InboundStatus,
    InboundWrite,
    Intake,
    NewDelivery,
    ParkedInbound,
    RecordWrite,
    Situation,
)
from gateway.records import courses, results
from gateway.records.courses import Course
from gateway.records.results import ResultList, Shelf
from mappings.canonical import StatusEvent, VerifiedResult
from mappings.codec import decode, encode


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that is about to be applied: fresh from its sender, or `stored` already and parked until now.

    `remarks` are doubts about its form that were found when it was read.
    """

    source: str
    event: StatusEvent
    event_json: bytes
    table_versions: tuple[str, ...]
    stored: bool = False
    status: InboundStatus = InboundStatus.ACCEPTED
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What is kept of a parked event: a `Carried` whose dossier is not chosen before it is applied."""

    event: StatusEvent
    table_versions: tuple[str, ...] = ()


def carried(
    pending: Pending,
    dossier_json: bytes | None,
    *,
    state_applies: bool = True,
    verified: tuple[VerifiedResult, ...] = (),
) -> bytes:
    """The `Carried` JSON of an event. The stored dossier is spliced in as it is: it was encoded by the same codec."""
    return b"".join(
        (
            b'{"event":',
            pending.event_json,
            b',"dossier":',
            dossier_json or b"null",
            b',"state_applies":true' if state_applies else b',"state_applies":false',
            b',"table_versions":',
            encode(pending.table_versions),
            *((b',"verified":', encode(verified)) if verified else ()),
            b"}",
        )
    )


def waiting(parked: ParkedInbound, source: str) -> Pending:
    """A parked event, ready to be looked at again."""
    kept = decode(parked.carried, _Waiting)
    return Pending(
        source=parked.source or source,
        event=kept.event,
        event_json=encode(kept.event),
        table_versions=kept.table_versions,
        stored=True,
        status=parked.status,
    )


class Draft:
    """Rows in the making. `course` and `dossier_json` are None for a dossier that the source cannot see."""

    def __init__(self, situation: Situation, intake: Intake, course: Course | None, dossier_json: bytes | None) -> None:
        self.situation = situation
        self.intake = intake
        self.course = course
        self.dossier_json = dossier_json
        self._read_course = course
        self._results: ResultList | None = None
        self._shelf: Shelf | None = None
        self._inbound: list[InboundWrite] = []
        self._sequences: dict[str, int] = {}
        self.deliveries: list[NewDelivery] = []
        self.records: list[RecordWrite] = []
        self.audits: list[AuditWrite] = []

    def last(self, source: str) -> int | None:
        """The last sequence of `source` that was applied or passed over, this decision included."""
        if source in self._sequences:
            return self._sequences[source]
        if source == self.intake.source and self.situation.last_sequence is not None:
            return self.situation.last_sequence
        reached = self.course.view(source).sequence if self.course is not None else 0
        return reached or None

    def reach(self, source: str, sequence: int) -> None:
        """Note that `source` has come to `sequence`."""
        self._sequences[source] = sequence

    def keep(self, pending: Pending, status: InboundStatus, content: bytes | None) -> None:
        """Insert the row of a fresh event, or move the row of a stored one to `status`."""
        fresh = not pending.stored
        self._inbound.append(
            InboundWrite(
                event_id=pending.event.event_id,
                sequence=pending.event.sequence,
                status=status,
                digest=self.intake.digest if fresh else b"",
                raw=self.intake.raw if fresh else None,
                carried=content,
                source="" if pending.source == self.intake.source else pending.source,
            )
        )

    def parked(self, source: str) -> list[Pending]:
        """What waits of `source`, in order of sequence, as it was before this decision."""
        rows = self.situation.parked
        own = [row for row in rows if (row.source or self.intake.source) == source and row.status in PARKED]
        return [waiting(row, self.intake.source) for row in sorted(own, key=lambda row: row.sequence)]

    @property
    def results(self) -> ResultList:
        """The results of the dossier, those of this decision included; raises `LookupError` where they were not read."""
        if self._results is not None:
            return self._results
        if results.list_key(self.intake.dossier) not in self.intake.reads:
            raise LookupError("a decision about results that did not read them")
        return results.read_list(self.situation.records, self.intake.dossier)

    def verified(self) -> tuple[VerifiedResult, ...]:
        """What may be said of results beside a state: those whose own deliveries stand in a lane already."""
        if results.list_key(self.intake.dossier) not in self.situation.records:
            return ()
        published = (one for one in self.results.published() if one.sent_to)
        return tuple(VerifiedResult(one.code, one.document) for one in published)

    def put_results(self, listed: ResultList) -> None:
        """Note the results as they are now."""
        self._results = listed

    def look_at(self, code: str) -> None:
        """Have the gateway look at a result as soon as this is committed."""
        shelf = self._shelf or results.read_shelf(self.situation.records, self.intake.dossier)
        self._shelf = shelf.put(code, self.situation.now)

    def moved(self) -> list[tuple[str, InboundStatus]]:
        """What became of each event (by its id) in this decision, in order; two systems may use one id."""
        became = {(row.source, row.event_id): row.status for row in self._inbound}
        return [(event_id, status) for (_, event_id), status in became.items()]

    def has_moved(self, pending: Pending) -> bool:
        """Whether this very event was looked at in this decision already."""
        source = "" if pending.source == self.intake.source else pending.source
        return any((row.source, row.event_id) == (source, pending.event.event_id) for row in self._inbound)

    def decision(self, answer: bytes, status: int) -> Decision:
        """All of it, as the journal takes it."""
        others = {source: at for source, at in self._sequences.items() if source != self.intake.source}
        if self.course is not None and self.course is not self._read_course:
            self.records.append(courses.write(self.intake.dossier, self.course))
        if self._results is not None:
            self.records.append(results.write_list(self.intake.dossier, self._results))
        if self._shelf is not None:
            self.records.append(results.write_shelf(self.intake.dossier, self._shelf))
        return Decision(
            answer=answer,
            status=status,
            inbound=tuple(self._inbound),
            deliveries=tuple(self.deliveries),
            records=tuple(self.records),
            last_sequence=self._sequences.get(self.intake.source),
            audit=tuple(self.audits),
            other_sequences=others,
        )
