"""Applying an event whose turn has come, and all that waited behind it. Pure: it writes into a `Draft` and nowhere else.

Used by every decision that lets events go: an event that is next, a registered dossier, an operator's order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gateway.audit.events import FieldValue, audit
from gateway.config import CallerRecord
from gateway.intake import receipts
from gateway.intake.course import (
    RESOLUTION,
    Judgement,
    Reporter,
    advance,
    echoed,
    echoes,
    judge_step,
    sent_ahead,
)
from gateway.intake.draft import Draft, Pending, carried
from gateway.intake.entitlement import Scope
from gateway.intake.fan_out import Going, fan_out, passing
from gateway.intake.naming import name_results
from gateway.intake.receipts import Remark
from gateway.intake.sequence import Place, place
from gateway.journal.model import InboundStatus, NewDelivery
from gateway.records import consents, dossiers
from gateway.records.consents import EVERYTHING
from gateway.records.courses import Course
from gateway.routes import Routes
from mappings.canonical import StatusEvent
from mappings.faults import SectorFault
from mappings.lifecycle import Verdict, event_flags, transition_faults

_AHEAD = timedelta(days=1)


class Scoped(Protocol):
    """Whoever has a role and procedures."""

    @property
    def role(self) -> str: ...
    @property
    def procedures(self) -> tuple[str, ...]: ...


def sees(record: Scoped, course: Course) -> bool:
    """Whether a dossier exists for this caller: the resolution system owns all, a sector those of its procedures."""
    if record.role == RESOLUTION or EVERYTHING in record.procedures:
        return True
    return any(code in record.procedures for code in course.procedures() if code)


@dataclass(frozen=True, slots=True)
class Order:
    """A person's word that stands behind an application: who, and why."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an event whose turn had come. With `faults` a fresh event was not kept at all: it lacks something
    that only the state before it demands, and its sender can mend that (422)."""

    status: InboundStatus
    remarks: tuple[Remark, ...] = ()
    faults: tuple[SectorFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """What applying needs to know: where events go, who may report, and which steps are lawful."""

    routes: Routes
    callers: Mapping[str, CallerRecord]
    lenient: bool = False

    def reporter(self, source: str, event: StatusEvent) -> Reporter:
        """Who reports this event. An echo names one of our sector systems as its cause."""
        cause = event.caused_by
        known = self.callers.get(cause.system) if cause is not None else None
        return Reporter(source, self.callers[source].role, echo=known is not None and known.role != RESOLUTION)

    def take(self, draft: Draft, course: Course, pending: Pending, order: Order | None = None) -> Taken:
        """Apply `pending`, whose turn has come, or park it when its step is unlawful and no person's `order` overrules."""
        event, reporter = pending.event, self.reporter(pending.source, pending.event)
        judgement = judge_step(course, event, reporter, ordered=order is not None)
        if order is None:
            faults = transition_faults(event, judgement.judged_from)
            if faults and not pending.stored:
                return Taken(InboundStatus.PARKED_CONFLICT, faults=faults)
            if faults or (judgement.verdict is Verdict.REFUSE and not self.lenient):
                self._hold(draft, course, pending, judgement)
                return Taken(InboundStatus.PARKED_CONFLICT)
        doubts = (*self._remarks(course, event, reporter, judgement), *_doubts_of_form(draft, pending))
        remarks = (*pending.remarks, *doubts)
        course = advance(course, pending.event, reporter)
        draft.course = self._noting_echo(course, pending, reporter)
        draft.reach(pending.source, pending.event.sequence)
        draft.keep(pending, InboundStatus.ACCEPTED, carried(pending, draft.dossier_json, verified=draft.verified()))
        draft.deliveries.extend(self._deliveries(course, pending, reporter, late=False))
        self._tell_applied(draft, pending, remarks, order)
        learn_number(draft, pending)
        if self.routes.results is not None:
            name_results(draft, pending.source, pending.event, pending.event.results)
        return Taken(InboundStatus.ACCEPTED, remarks)

    def take_late(self, draft: Draft, course: Course, pending: Pending) -> None:
        """Keep an event that a person had passed over: a row of history with its own time, its state not applied (4.3)."""
        draft.keep(pending, InboundStatus.APPLIED_LATE, carried(pending, draft.dossier_json, state_applies=False))
        reporter = self.reporter(pending.source, pending.event)
        draft.course = self._noting_echo(course, pending, reporter)
        draft.deliveries.extend(self._deliveries(course, pending, reporter, late=True))
        tell(draft, "event.applied_late", pending)
        if self.routes.results is not None:
            name_results(draft, pending.source, pending.event, pending.event.results)

    def _noting_echo(self, course: Course, pending: Pending, reporter: Reporter) -> Course:
        """The course that expects an echo of an event which goes outside on acknowledgement, or has seen that echo."""
        if self._cause_sent_ahead(reporter, pending.event) and echoes(course, pending.event):
            return echoed(course, pending.event)
        if reporter.role == RESOLUTION or self.callers[pending.source].outside != "on_ack":
            return course
        return sent_ahead(course, pending.source, pending.event)

    def drain(self, draft: Draft, source: str) -> None:
        """Apply what waits of `source` as far as it goes; the first unlawful step, or the first gap, stops it.

        What waits is never behind the last sequence: nothing is applied, and nothing passed over, in front of it.
        It was accepted under a consent that held then, and stays lawful when that was revoked since (decision 0008).
        """
        scope = self._scope(draft, source)
        if scope is None or draft.course is None or draft.dossier_json is None or not sees(scope, draft.course):
            return
        for pending in draft.parked(source):
            if draft.has_moved(pending):
                continue
            where = place(pending.event, draft.last(source), draft.course.view(source))
            waits = pending.status is InboundStatus.PARKED_GAP
            if waits and where is Place.CONTRADICTION:
                hold_contradiction(draft, pending)
            if not waits or where is not Place.NEXT:
                return
            if self.take(draft, draft.course, pending).status is not InboundStatus.ACCEPTED:
                return

    def _scope(self, draft: Draft, source: str) -> Scoped | None:
        """What `source` may see: by the newest version in its record, where this transaction read that, else by the view."""
        known = self.callers.get(source)
        registration = consents.read(draft.situation.records, source)
        newest = registration.newest() if registration is not None else None
        if known is None or known.role == RESOLUTION or newest is None:
            return known
        return Scope(known.role, newest.procedures, newest.states)

    def _hold(self, draft: Draft, course: Course, pending: Pending, judgement: Judgement) -> None:
        """Park an unlawful step for a person, with both views in the audit row (dossier-model 3)."""
        draft.keep(pending, InboundStatus.PARKED_CONFLICT, None if pending.stored else carried(pending, None))
        tell(
            draft,
            "event.parked_conflict",
            pending,
            authoritative_state=course.state(),
            source_state=course.view(pending.source).state,
            judged_from=judgement.judged_from,
        )

    def _remarks(
        self, course: Course, event: StatusEvent, reporter: Reporter, judgement: Judgement
    ) -> tuple[Remark, ...]:
        """The doubts that do not stop this event."""
        found = []
        if judgement.verdict is Verdict.WARN:
            found.append(Remark(receipts.DOUBTFUL_STEP, judgement.message_vi))
        if judgement.verdict is Verdict.REFUSE:
            found.append(Remark(receipts.FORCED_STEP, judgement.message_vi))
        earlier = 0 if course.received or reporter.echo else course.early_supplements
        flags = event_flags(event, judgement.judged_from, earlier)
        found.extend(Remark(flag.code, flag.message_vi) for flag in flags)
        if self._cause_sent_ahead(reporter, event) and not echoes(course, event):
            found.append(receipts.CAUSE_UNKNOWN)
        return tuple(found)

    def _cause_sent_ahead(self, reporter: Reporter, event: StatusEvent) -> bool:
        """Whether the cause of this event is a system whose events go outside on acknowledgement."""
        return (
            reporter.echo and event.caused_by is not None and self.callers[event.caused_by.system].outside == "on_ack"
        )

    def _deliveries(
        self, course: Course, pending: Pending, reporter: Reporter, *, late: bool
    ) -> tuple[NewDelivery, ...]:
        """Where the event goes, by the reporter's role, in lane order; an echo under `on_ack` went already."""
        if self._cause_sent_ahead(reporter, pending.event) and echoes(course, pending.event):
            return ()
        routes = self.routes.first(reporter.role)
        going = Going(pending.source, pending.event.event_id, late, course.due_at, passing(pending.event))
        return fan_out(routes, going)

    def follow_ups(self, course: Course, source: str, event_id: str, *, late: bool) -> tuple[NewDelivery, ...]:
        """Where an event of a sector system goes once the resolution system has it, under `outside: on_ack`."""
        return fan_out(self.routes.follow_ups(), Going(source, event_id, late, course.due_at))

    def _tell_applied(self, draft: Draft, pending: Pending, remarks: tuple[Remark, ...], order: Order | None) -> None:
        """The audit row of an applied event: accepted at once, or released from waiting."""
        cause = pending.event.caused_by
        fields: dict[str, FieldValue] = {"warnings": [remark.code for remark in remarks] or None}
        if cause is not None:
            reporter = self.reporter(pending.source, pending.event)
            fields |= {"caused_by_system": cause.system, "caused_by_event": cause.event_id, "echo": reporter.echo}
        if order is not None:
            fields |= {"reason": order.reason, "overruled": True}
        kind = "event.released" if pending.stored else "event.accepted"
        tell(draft, kind, pending, order, **fields)


def learn_number(draft: Draft, pending: Pending) -> None:
    """Remember the sector's own number of the dossier; the first word stands, so that no later event can move it."""
    number = pending.event.sector_dossier_id
    if not number or pending.stored:
        return
    if dossiers.sector_key(pending.source, number) not in draft.situation.records:
        draft.records.append(dossiers.sector_write(pending.source, number, draft.intake.dossier))


def _doubts_of_form(draft: Draft, pending: Pending) -> tuple[Remark, ...]:
    """A sector number that stands for another dossier (the dossier code decides), and a time that lies ahead."""
    event, situation = pending.event, draft.situation
    known = situation.records.get(dossiers.sector_key(pending.source, event.sector_dossier_id))
    differs = known is not None and not pending.stored and known.state.decode() != draft.intake.dossier
    ahead = event.occurred_at > situation.now + _AHEAD
    return (receipts.NUMBER_OF_ANOTHER,) * differs + (receipts.TIME_AHEAD,) * ahead


def hold_contradiction(draft: Draft, pending: Pending) -> None:
    """Park an event whose predecessor lies behind what was applied already: no event can fill that gap, a person must."""
    draft.keep(pending, InboundStatus.PARKED_CONFLICT, None if pending.stored else carried(pending, None))
    tell(draft, "event.parked_conflict", pending)


def tell(draft: Draft, kind: str, pending: Pending, order: Order | None = None, **fields: FieldValue) -> None:
    """Write an audit row about an event, with what identifies it."""
    event = pending.event
    draft.audits.append(
        audit(
            kind,
            order.actor if order is not None else pending.source,
            draft.intake.dossier,
            event.event_id,
            source=pending.source,
            sequence=event.sequence,
            state=event.state,
            occurred_at=event.occurred_at,
            **fields,
        )
    )
