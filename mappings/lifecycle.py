"""The life of a dossier, judged from dated tables: may it go from here to there, and does the event carry what it must.

One transition table serves the whole gateway (`tables/transitions.csv`: dossier-model facts 3 joined with
national-portal facts 3.1); what an event must carry stands in `tables/requirements.csv` (dossier-model facts 3 and 4.1;
QĐ 3036/QĐ-BVHTTDL Điều 4.5, 8.2). Everything here is pure and a function of a date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from mappings.canonical import StatusEvent
from mappings.codes import DossierStatus, Outcome
from mappings.dates import local_date
from mappings.faults import SectorFault
from mappings.tables import ANY, TableRow, UnknownCode, load_table

NEW = "new"
_FINAL = frozenset({Outcome.GRANTED, Outcome.REFUSED})


class Verdict(StrEnum):
    """Kết luận: allow, warn (applied, and shown to a person), refuse (kept, held for a person: `parked_conflict`)."""

    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class TransitionVerdict:
    """Kết luận về một bước chuyển trạng thái. `row` is the line of the table, 0 when no line allows the step.

    `guards` names conditions that the step depends on and that no single event can show: `operator` (a person must
    order it) and `no_outcome` (only while the dossier has no outcome). `table` is the short table version.
    """

    verdict: Verdict
    from_state: DossierStatus | None
    to_state: DossierStatus
    message_vi: str
    source: str
    row: int
    guards: tuple[str, ...]
    table: str

    @property
    def possible(self) -> bool:
        """Whether the state may be applied: allowed, or allowed with a warning."""
        return self.verdict is not Verdict.REFUSE


def judge_transition(from_state: DossierStatus | None, to_state: DossierStatus, at_date: date) -> TransitionVerdict:
    """Exactly one verdict for a step on a day; `from_state` None says that no event of the dossier was applied before."""
    table = load_table("transitions")
    start = from_state.value if from_state is not None else NEW
    try:
        row = table.find(start, to_state.value, at=at_date)
    except UnknownCode:
        reason = f"Không thể chuyển trạng thái từ “{start}” sang “{to_state.value}”."
        return TransitionVerdict(Verdict.REFUSE, from_state, to_state, reason, "", 0, (), table.version.short)
    return TransitionVerdict(
        Verdict(row["verdict"]), from_state, to_state, row["note_vi"], row.source, row.number,
        tuple(row["guard"].split()), table.version.short,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Content:
    """What the requirements look at: state, outcome, and which of `reason`, `supplement`, `fees`, `results`,
    `new_due_at` are given; `supplements_before` counts earlier supplement requests before reception."""

    state: DossierStatus
    outcome: Outcome
    given: frozenset[str]
    supplements_before: int = 0


def content_of(event: StatusEvent, supplements_before: int = 0) -> Content:
    """The view of an event that the requirements look at; a reason without text is no reason."""
    given = {name for name in ("supplement", "fees", "results", "new_due_at") if getattr(event, name)}
    if event.reason is not None and event.reason.text_vi.strip():
        given.add("reason")
    return Content(event.state, event.outcome, frozenset(given), supplements_before)


def event_faults(event: StatusEvent) -> tuple[SectorFault, ...]:
    """All faults of an event that do not depend on history; each is a 422 (dossier-model facts 4.1, 4.2)."""
    return content_faults(content_of(event), local_date(event.occurred_at))


def content_faults(content: Content, at_date: date) -> tuple[SectorFault, ...]:
    """As `event_faults`, for an event of which only the view is at hand."""
    return _unmet(ANY, "refuse", content, at_date)


def transition_faults(event: StatusEvent, from_state: DossierStatus | None) -> tuple[SectorFault, ...]:
    """Faults that only the state before reveals: a rejected withdrawal without a reason (422 `thieu_ly_do`)."""
    if from_state is None:
        return ()
    return _unmet(from_state.value, "refuse", content_of(event), local_date(event.occurred_at))


def event_flags(
    event: StatusEvent, from_state: DossierStatus | None = None, supplements_before: int = 0
) -> tuple[SectorFault, ...]:
    """What is accepted but shown to a person, such as a second supplement request before reception.

    `supplements_before` counts the supplement requests already made before the dossier was received
    (NĐ 61/2018/NĐ-CP Điều 17.2.a, QĐ 3036/QĐ-BVHTTDL Điều 8.2: once and complete).
    """
    content = content_of(event, supplements_before)
    at_date = local_date(event.occurred_at)
    flags = _unmet(ANY, "warn", content, at_date)
    return flags if from_state is None else flags + _unmet(from_state.value, "warn", content, at_date)


_MET: dict[str, Callable[[Content], bool]] = {
    "reason": lambda content: "reason" in content.given,
    "supplement": lambda content: "supplement" in content.given,
    "fees": lambda content: "fees" in content.given,
    "results": lambda content: "results" in content.given,
    "outcome_final": lambda content: content.outcome in _FINAL,
    "outcome_withdrawn": lambda content: content.outcome is Outcome.WITHDRAWN,
    "due_reason": lambda content: "new_due_at" not in content.given or "reason" in content.given,
    "single_supplement": lambda content: content.supplements_before == 0,
}

KNOWN_REQUIREMENTS = frozenset(_MET)
KNOWN_GUARDS = frozenset({"operator", "no_outcome"})


def _unmet(from_state: str, effect: str, content: Content, at_date: date) -> tuple[SectorFault, ...]:
    day = max(at_date, _begin())
    found = {
        (row["fault_code"], row["pointer"]): (row["message_vi"], row.number)
        for row in _requirements(from_state, effect, content.state, content.outcome)
        if row.holds(day) and not _MET[row["requirement"]](content)
    }
    return tuple(SectorFault(code, pointer, message, row) for (code, pointer), (message, row) in found.items())


@lru_cache(maxsize=1)
def _begin() -> date:
    """The first day of the table. An event dated before it is judged by its first rows: a date is no way around a rule."""
    return min(row.valid_from for row in load_table("requirements").rows)


@lru_cache(maxsize=2048)
def _requirements(from_state: str, effect: str, state: DossierStatus, outcome: Outcome) -> tuple[TableRow, ...]:
    """The rows that speak about this state and outcome, on any day."""
    return tuple(_speaking(from_state, effect, state, outcome))


def _speaking(from_state: str, effect: str, state: DossierStatus, outcome: Outcome) -> Iterator[TableRow]:
    for row in load_table("requirements").rows:
        if (
            row["from_state"] == from_state
            and row["effect"] == effect
            and row["state"] in (ANY, state.value)
            and row["outcome"] in (ANY, outcome.value)
        ):
            yield row
