"""Đối chiếu với hệ thống nhận: how far a reconciliation has come, and the differences that it found, each a repair.

Record kind `reconciliation`, id = upstream: the run under way and the last one that ended. Record kind `repair`, id =
upstream/dossier: a difference that a person sees to. Neither changes a delivery; what was acknowledged stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode

KIND = "repair"
RUNS = "reconciliation"


class RepairState(StrEnum):
    """`open`: a person is to see to it; `agreed`: a later look found it in order; `closed`: a person said why it may stand."""

    OPEN = "open"
    AGREED = "agreed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Repair:
    """A difference between what an upstream acknowledged and what it shows.

    `sight` is missing or differs; `deliveries` are those whose acknowledgement is contradicted, by operation. `times` counts
    the looks that found it so.
    """

    upstream: str
    dossier: str
    sight: str
    deliveries: Mapping[str, str]
    told_vi: str
    opened_at: datetime
    seen_at: datetime
    times: int = 1
    state: RepairState = RepairState.OPEN
    ended_at: datetime | None = None
    reason: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the looks of a run found; `failed` are dossiers about which the upstream gave no answer at all."""

    agrees: int = 0
    missing: int = 0
    differs: int = 0
    cannot_tell: int = 0
    failed: int = 0

    def plus(self, word: str) -> Tally:
        """One more of `word`."""
        return replace(self, **{word: getattr(self, word) + 1})

    def looked(self) -> int:
        """How many dossiers were looked at."""
        return self.agrees + self.missing + self.differs + self.cannot_tell + self.failed


@dataclass(frozen=True, slots=True)
class Run:
    """One reconciliation: what was acknowledged from `since` until `began_at`.

    `position` is how far the trail was read, -1: not begun.
    """

    run: str
    since: datetime
    began_at: datetime
    by: str
    position: int = -1
    tally: Tally = field(default_factory=Tally)
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunBook:
    """The run under way, the last that ended, and how many repairs of this upstream are open."""

    upstream: str
    current: Run | None = None
    last: Run | None = None
    open_repairs: int = 0


def key(upstream: str, dossier: str) -> RecordKey:
    """Where a repair stands."""
    return RecordKey(KIND, f"{upstream}/{dossier}")


def parse(record: Record) -> Repair:
    """The repair in a stored record."""
    return decode(record.state, Repair)


def write(repair: Repair, version: int) -> RecordWrite:
    """The record that puts it in place."""
    return RecordWrite(key(repair.upstream, repair.dossier), version, encode(repair))


def book_key(upstream: str) -> RecordKey:
    """Where the runs of an upstream stand."""
    return RecordKey(RUNS, upstream)


def parse_book(record: Record) -> RunBook:
    """The book in a stored record."""
    return decode(record.state, RunBook)


def write_book(book: RunBook, version: int) -> RecordWrite:
    """The record that puts it in place."""
    return RecordWrite(book_key(book.upstream), version, encode(book))


def seen_again(known: Repair | None, found: Repair) -> Repair:
    """What stands after a look found a difference: one that is open goes on, any other is opened anew."""
    if known is None or known.state is not RepairState.OPEN:
        return found
    return replace(found, opened_at=known.opened_at, times=known.times + 1)
