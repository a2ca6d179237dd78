"""Whether a step in the life of a dossier is lawful, from the view of the system that reports it. Pure.

Each system is judged against what it can know. The resolution system owns the dossier and is judged against its own last
word. A sector system runs ahead of the echoes of its events, so it is judged against its own last event, or against the
last event of any system (it may act on what another sector reported), until the resolution system decides something of
its own: from then on only that decision and what came after it count.
Source: dossier-model 3 (`mappings/tables/transitions.csv`), 4.3 ("the owner system of the current step wins"), 7 rule 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from gateway.records.courses import RECEIVED, Course, SourceView
from mappings.canonical import StatusEvent
from mappings.codes import DossierStatus, Outcome
from mappings.dates import local_date
from mappings.lifecycle import TransitionVerdict, Verdict, judge_transition

RESOLUTION = "resolution"
_KEPT_CAUSES = 64
_WORSE = {Verdict.ALLOW: 0, Verdict.WARN: 1, Verdict.REFUSE: 2}

# The same few steps are judged for every event of a day; the table does not change while the process lives.
_told = lru_cache(maxsize=4096)(judge_transition)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports an event: its system code and role, and whether the event only echoes a sector's own (`caused_by`)."""

    source: str
    role: str
    echo: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The best verdict over all states that the reporter may have started from, that state, and the table's words."""

    verdict: Verdict
    judged_from: DossierStatus
    message_vi: str = ""


def judge_step(course: Course, event: StatusEvent, reporter: Reporter, *, ordered: bool = False) -> Judgement:
    """Whether `event` is a lawful step for `reporter`; `ordered` says that a person ordered it (guard `operator`).

    The first event of a system may also repeat the state of the snapshot; an echo may repeat the authoritative state,
    because two sectors may lawfully report the same milestone.
    """
    first = course.view(reporter.source).state is None
    if first and event.state in (course.snapshot_state, course.registered_state):
        return Judgement(Verdict.ALLOW, event.state)
    if reporter.echo and event.state is course.state():
        return Judgement(Verdict.ALLOW, event.state)
    on = local_date(event.occurred_at)
    outcome = _outcome_seen(course, reporter)
    found = (
        _guarded(_told(base, event.state, on), base, outcome, ordered=ordered)
        for base in dict.fromkeys(_bases(course, reporter))
    )
    return min(found, key=lambda judgement: _WORSE[judgement.verdict])


def _guarded(told: TransitionVerdict, base: DossierStatus, outcome: Outcome, *, ordered: bool) -> Judgement:
    """The table's verdict, with the guards that only history or a person can answer."""
    if "no_outcome" in told.guards and outcome is not Outcome.NONE:
        return Judgement(Verdict.REFUSE, base, "Hồ sơ đã có kết quả giải quyết.")
    if "operator" in told.guards and not ordered:
        return Judgement(Verdict.REFUSE, base, told.message_vi)
    return Judgement(told.verdict, base, told.message_vi)


def _outcome_seen(course: Course, reporter: Reporter) -> Outcome:
    """The outcome of the dossier in the reporter's eyes: its own last word, or else that of the resolution system."""
    own = course.view(reporter.source).outcome
    return own if own is not Outcome.NONE else course.outcome


def _bases(course: Course, reporter: Reporter) -> tuple[DossierStatus, ...]:
    """The states that the reporter may lawfully start from, the most telling one first."""
    if reporter.role == RESOLUTION:
        # Until its first event, any snapshot since the registration may be the one that it starts from.
        said = course.resolution_state
        return (said,) if said is not None else (course.snapshot_state, course.registered_state)
    view = course.view(reporter.source)
    latest = course.latest_state or course.snapshot_state
    if view.state is not None and view.order > course.decision_order:
        return view.state, latest
    decided = course.decision_state or course.registered_state
    return course.state(), decided, latest


def advance(course: Course, event: StatusEvent, reporter: Reporter) -> Course:
    """The course after `event` was applied."""
    order = course.order + 1
    sources = dict(course.sources)
    skipped = course.view(reporter.source).skipped
    sources[reporter.source] = SourceView(event.sequence, event.state, order, skipped, event.outcome)
    early = event.state is DossierStatus.AWAITING_SUPPLEMENT and not course.received and not reporter.echo
    after = replace(
        course,
        order=order,
        sources=sources,
        latest_state=course.latest_state if reporter.echo else event.state,
        received=course.received or event.state in RECEIVED,
        early_supplements=course.early_supplements + int(early),
    )
    return _decided(after, event, reporter) if reporter.role == RESOLUTION else after


def _decided(course: Course, event: StatusEvent, reporter: Reporter) -> Course:
    """What only the resolution system's word moves: the authoritative state, the outcome, the due date."""
    return replace(
        course,
        resolution_state=event.state,
        outcome=_outcome_after(course, event),
        due_at=event.new_due_at or course.due_at,
        decision_state=course.decision_state if reporter.echo else event.state,
        decision_order=course.decision_order if reporter.echo else course.order,
    )


def _outcome_after(course: Course, event: StatusEvent) -> Outcome:
    """A named outcome holds until work on the dossier starts again."""
    reopened = event.state is DossierStatus.PROCESSING
    return event.outcome if event.outcome is not Outcome.NONE or reopened else course.outcome


def passed_over(course: Course, source: str, gap: tuple[int, int]) -> Course:
    """The course after a person passed over a range of sequences of `source`."""
    view = course.view(source)
    sources = dict(course.sources)
    sources[source] = replace(view, sequence=gap[1], skipped=(*view.skipped, gap))
    return replace(course, order=course.order + 1, sources=sources)


def sent_ahead(course: Course, source: str, event: StatusEvent) -> Course:
    """The course that remembers an event of `source` whose follow-up goes outside on acknowledgement."""
    cause = f"{source}/{event.event_id}/{event.state}/{event.outcome}"
    return replace(course, awaiting_echo=(*course.awaiting_echo, cause)[-_KEPT_CAUSES:])


def echoed(course: Course, event: StatusEvent) -> Course:
    """The course that remembers that the echo of an event has come and was not sent."""
    cause = f"{event.caused_by.system}/{event.caused_by.event_id}" if event.caused_by is not None else ""
    return course if cause in course.echoed else replace(course, echoed=(*course.echoed, cause)[-_KEPT_CAUSES:])


def not_sent_ahead(course: Course, source: str, event_id: str) -> Course:
    """The course that expects no echo of an event, because nothing of it went outside; the same one when it did not."""
    name = f"{source}/{event_id}"
    awaiting = tuple(cause for cause in course.awaiting_echo if not cause.startswith(f"{name}/"))
    if awaiting == course.awaiting_echo:
        return course
    left = tuple(cause for cause in course.echoed if cause != name)
    return replace(course, order=course.order + 1, awaiting_echo=awaiting, echoed=left)


def echoes(course: Course, event: StatusEvent) -> bool:
    """Whether `event` only repeats a step that went outside ahead of it: the same cause, state and outcome.

    Neither a made-up cause nor a further step under a true one may keep a step from going outside.
    """
    if event.caused_by is None:
        return False
    said = f"{event.caused_by.system}/{event.caused_by.event_id}/{event.state}/"
    outcomes = [cause.removeprefix(said) for cause in course.awaiting_echo if cause.startswith(said)]
    return bool(outcomes) and (event.outcome is Outcome.NONE or event.outcome in outcomes)
