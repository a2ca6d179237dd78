"""Which lanes a result may enter: behind its state, and behind every state that was accepted without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.journal.model import DeliveryState
from gateway.journal.shown import DeliveryRow
from gateway.journal.store import Journal
from gateway.records import courses, results
from gateway.records.results import KeptResult, ListedResult
from mappings.codes import DossierStatus

# Which state of a dossier may carry a result that a snapshot, and no event, has named.
_ENDED = frozenset({DossierStatus.RESOLVED, DossierStatus.RETURNED})
_OVER = frozenset({DeliveryState.DELIVERED, DeliveryState.REFUSED, DeliveryState.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Ready:
    """Lanes (upstream, operation) that a result may enter now, seen while the dossier's course had this version."""

    lanes: tuple[tuple[str, str], ...]
    course: int


async def ready_lanes(
    journal: Journal, upstreams: Mapping[str, str], sends_ahead: Callable[[str], bool], kept: KeptResult
) -> Ready:
    """The lanes that have the state to which this result belongs, and not yet the result.

    A state that was accepted without the result and is still on its way outside (its system is `on_ack`, see `sends_ahead`) would
    replace the dossier there without it. So the result comes behind all of these; what is accepted later says it
    beside its state.
    """
    course = await journal.record(courses.key(kept.dossier))
    version = course.version if course is not None else 0
    entry = results.parse_list(await journal.record(results.list_key(kept.dossier))).with_code(kept.code)
    if entry is None:
        return Ready((), version)
    ended = course is not None and courses.parse(course).state() in _ENDED
    rows = await journal.deliveries_of(kept.dossier)
    if any(row.upstream not in upstreams and row.state not in _OVER and sends_ahead(row.source) for row in rows):
        return Ready((), version)
    lanes = tuple(
        (upstream, operation)
        for upstream, operation in upstreams.items()
        if upstream not in entry.sent_to and any(_carries_state(row, upstream, operation, entry, ended) for row in rows)
    )
    return Ready(lanes, version)


def _carries_state(row: DeliveryRow, upstream: str, operation: str, entry: ListedResult, ended: bool) -> bool:
    if row.upstream != upstream or row.operation == operation:
        return False
    named = any((cause.system, cause.event_id) == (row.source, row.event_id) for cause in entry.named_in)
    return named or (not entry.named_in and ended)
