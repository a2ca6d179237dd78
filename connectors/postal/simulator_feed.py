"""The tracking feed of one simulated carrier: append-only, read by a cursor of ObjectIds (postal facts 2.4)."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from datetime import datetime

from connectors.postal.simulator_parcels import Event

FIRST = "0" * 24
"""The cursor of who has read nothing."""


_GAP = 16
"""Between two ids, so that a record that cannot be read has a place of its own between them."""


@dataclass(frozen=True, slots=True)
class Record:
    """One telling. `oid` grows from record to record; `code` is the carrier's."""

    oid: str
    number: str
    item_code: str
    code: int
    event: Event


@dataclass(slots=True)
class Feed:
    """Everything that a carrier told of one customer, in the order of its telling."""

    records: list[Record] = field(default_factory=list)
    _oids: list[str] = field(default_factory=list)
    _second: int = 0
    _count: int = 0

    def append(self, record: Record, at: datetime) -> Record:
        """Tell it at that real moment, under the next id: ids tell when it was written down, not when it happened."""
        self._second = max(self._second, int(at.timestamp()))
        self._count += _GAP
        told = Record(
            f"{self._second:08x}{self._count:016x}", record.number, record.item_code, record.code, record.event
        )
        self.records.append(told)
        self._oids.append(told.oid)
        return told

    def after(self, oid: str, most: int) -> tuple[list[Record], int]:
        """At most so many records behind that id, and how many there are in all."""
        first = bisect.bisect_right(self._oids, oid)
        return self.records[first : first + most], len(self.records) - first

    def at(self, oid: str) -> Record | None:
        """The record with that id."""
        place = bisect.bisect_left(self._oids, oid)
        return self.records[place] if place < len(self._oids) and self._oids[place] == oid else None

    def forget(self) -> None:
        """Lose the records; ids go on."""
        self.records.clear()
        self._oids.clear()
