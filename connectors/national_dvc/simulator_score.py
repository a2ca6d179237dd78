"""How the portal scores "đúng hạn" (indicator 2.1): the formula of national-portal facts 5.3, and nothing else.

Times come from the progress rows, as the formula demands. Where the formula leaves a choice, this is ours [assumed]:
of several rows with one state the latest counts; a supplement is completed by the next row in 1, 2, 4 or 6; a dossier
counts as accepted once a row or version in 2 or 4 is held; one without `NgayTiepNhan` is not counted (facts 2.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from connectors.national_dvc.simulator_rules import LOCAL_ZONE, portal_time
from connectors.national_dvc.simulator_store import HeldDossier

_ACCEPTED = frozenset({"2", "4"})
_COMPLETES_SUPPLEMENT = frozenset({"1", "2", "4", "6"})
_SATURDAY = 5


class Rule(StrEnum):
    """Which line of the formula decided."""

    RESOLVED = "resolved"
    RETURNED = "returned"
    ENDED = "ended"
    FIRST_SUPPLEMENT = "first_supplement"
    REPEATED_SUPPLEMENT = "repeated_supplement"
    PERIOD_END = "period_end"
    NO_RECEPTION = "no_reception"
    NO_DUE_DATE = "no_due_date"


@dataclass(frozen=True, slots=True)
class Duration:
    """A legal duration: `unit` is `DONVITINH` as the catalogue spells it, trimmed."""

    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the portal thinks of one dossier. `on_time` is None for one that the indicator does not count."""

    code: str
    on_time: bool | None
    rule: Rule
    finish: datetime | None = None
    due: datetime | None = None
    waited: timedelta = timedelta()

    def shown(self) -> dict[str, object]:
        """The judgement for the control plane; times as portal dates."""
        return {
            "code": self.code,
            "on_time": self.on_time,
            "rule": self.rule,
            "finish": _portal_text(self.finish),
            "due": _portal_text(self.due),
            "waited_s": self.waited.total_seconds(),
        }


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working days: Monday to Friday without the holidays."""

    holidays: frozenset[date] = frozenset()

    def add(self, start: datetime, duration: Duration) -> datetime | None:
        """`start` moved on by a legal duration, keeping the time of day; None for an unknown unit (facts 5.2)."""
        if duration.unit == "Ngày làm việc":
            return self._add_working_days(start, duration.amount)
        if duration.unit == "Ngày":
            return start + timedelta(days=duration.amount)
        if duration.unit == "Giờ":
            return start + timedelta(hours=duration.amount)
        if duration.unit == "Tháng":
            return _add_months(start, duration.amount)
        return None

    def _add_working_days(self, start: datetime, days: int) -> datetime:
        moment = start
        while days > 0:
            moment += timedelta(days=1)
            if moment.weekday() < _SATURDAY and moment.date() not in self.holidays:
                days -= 1
        return moment


@dataclass(frozen=True, slots=True)
class Scorer:
    """The formula with what it needs besides the dossier: the calendar and the procedures' longest legal durations."""

    calendar: Calendar
    durations_of: Callable[[str], Iterable[Duration]]

    def judge(self, held: HeldDossier, period_end: datetime) -> Judgement:
        """What the portal thinks of one dossier at the end of the reporting period."""
        received = portal_time(held.fields.get("NgayTiepNhan"))
        if received is None:
            return Judgement(held.code, None, Rule.NO_RECEPTION)
        due = portal_time(held.fields.get("NgayHenTra")) or self._longest(held.fields, received)
        if due is None:
            return Judgement(held.code, None, Rule.NO_DUE_DATE)
        steps = _steps(held)
        finish, rule = _finish(held, steps, period_end)
        if finish is None:
            return Judgement(held.code, False, rule, None, due)
        waited = _waited(steps, finish)
        return Judgement(held.code, finish - waited <= due, rule, finish - waited, due, waited)

    def _longest(self, fields: Mapping[str, object], received: datetime) -> datetime | None:
        """Reception plus the longest legal duration of the procedure."""
        ends = (self.calendar.add(received, duration) for duration in self.durations_of(str(fields.get("MaTTHC", ""))))
        return max((end for end in ends if end is not None), default=None)


def totals(judgements: Iterable[Judgement], period_end: datetime) -> dict[str, object]:
    """The score of all dossiers: counted, on time, late, and the ratio (None while nothing is counted)."""
    answers = [judgement.on_time for judgement in judgements]
    counted, on_time = sum(answer is not None for answer in answers), sum(answer is True for answer in answers)
    return {
        "period_end": _portal_text(period_end),
        "dossiers": len(answers),
        "counted": counted,
        "on_time": on_time,
        "late": counted - on_time,
        "not_counted": len(answers) - counted,
        "ratio": round(on_time / counted, 6) if counted else None,
    }


Steps = list[tuple[datetime, str]]


def _steps(held: HeldDossier) -> Steps:
    """(time, state) of each row, by business time; rows of one time stay in order of arrival."""
    known = ((portal_time(row.fields.get("ThoiDiemXuLy")), row.state) for row in held.rows)
    return sorted(((moment, state) for moment, state in known if moment is not None), key=lambda step: step[0])


def _finish(held: HeldDossier, steps: Steps, period_end: datetime) -> tuple[datetime | None, Rule]:
    """The finish before waiting is subtracted, and the rule that found it; no time at all means late."""
    latest = {state: moment for moment, state in steps}
    if "9" in latest:
        return latest["9"], Rule.RESOLVED
    if "10" in latest:
        return latest["10"], Rule.RETURNED
    ended = [latest[state] for state in ("8", "3", "7") if state in latest]
    if ended and _was_accepted(held):
        return max(ended), Rule.ENDED
    supplements = sum(state == "5" for _, state in steps)
    if supplements > 1:
        return None, Rule.REPEATED_SUPPLEMENT
    if supplements == 1 and steps[-1][1] == "5":
        return latest["5"], Rule.FIRST_SUPPLEMENT
    return period_end, Rule.PERIOD_END


def _was_accepted(held: HeldDossier) -> bool:
    return any(row.state in _ACCEPTED for row in held.rows) or any(
        version.state in _ACCEPTED for version in held.versions
    )


def _waited(steps: Steps, finish: datetime) -> timedelta:
    """The time between each request for papers and its completion, as far as it lies before the finish."""
    waited, asked = timedelta(), None
    for moment, state in steps:
        if state == "5":
            asked = asked or moment
        elif asked is not None:
            if state in _COMPLETES_SUPPLEMENT and moment <= finish:
                waited += moment - asked
            asked = None
    return waited


def _add_months(start: datetime, months: int) -> datetime:
    """The same day of a later month, or its last day where the month is shorter."""
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    first_after = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    day = min(start.day, (first_after - timedelta(days=1)).day)
    return datetime.combine(date(year, month + 1, day), time(start.hour, start.minute, start.second), LOCAL_ZONE)


def _portal_text(moment: datetime | None) -> str:
    return moment.astimezone(LOCAL_ZONE).strftime("%Y%m%d%H%M%S") if moment is not None else ""
