"""Where an event stands in the order of its source: next, waiting, late, or never to be applied. Pure.

The sequence is strictly increasing per dossier and system; `previous_sequence` names the predecessor and allows numbers to
be left out on purpose. Source: dossier-model 4.1 (ordering) and 4.3.
"""

from __future__ import annotations

from enum import Enum

from gateway.records.courses import SourceView
from mappings.canonical import StatusEvent


class Place(Enum):
    """What the order of its source allows for an event."""

    NEXT = "next"
    GAP = "gap"
    STALE = "stale"
    LATE = "late"
    CONTRADICTION = "contradiction"


def place(event: StatusEvent, last: int | None, view: SourceView) -> Place:
    """The place of `event` after `last`, the last sequence that was applied or passed over (None: none was).

    CONTRADICTION: it names a predecessor older than what was applied already, so no missing event can ever fill its gap.
    """
    reached = last or 0
    if last is not None and event.sequence <= last:
        return Place.LATE if view.was_skipped(event.sequence) else Place.STALE
    if event.previous_sequence is None:
        return Place.NEXT if event.sequence == reached + 1 else Place.GAP
    if event.previous_sequence == reached:
        return Place.NEXT
    return Place.GAP if event.previous_sequence > reached else Place.CONTRADICTION


def gap_before(event: StatusEvent, last: int | None) -> tuple[int, int] | None:
    """The inclusive range of sequences that is missing between `last` and `event`, None when nothing is."""
    before = event.previous_sequence if event.previous_sequence is not None else event.sequence - 1
    reached = last or 0
    return (reached + 1, before) if before > reached else None
