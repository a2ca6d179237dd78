"""The evidence of a store on its way: leaves as they have arrived, held against the rows as the export carries them.

A row of a shared store counts how often it was written over, and an embedded one has no place for that number; so the rows
are read where both are known. That what stands in the new store is what was read, the import has seen to, part by part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from gateway.evidence.check import Report, examine
from gateway.evidence.openings import NOBODY, Trust
from gateway.journal.carried import Carried, row, standing_digest
from gateway.journal.examining import Opened, Sorter, Standing
from gateway.journal.shown import Leaf
from mappings.codec import encode

_SHELVED = frozenset({"payload", "receipt", "record"})
Lines = Callable[[], Iterator[tuple[Carried, bytes]]]


@dataclass(slots=True)
class OnItsWay:
    """What is examined (`journal.examining.Opened`): `arrived` has the leaves; `lines` are the rows of bound tables.

    `concurrent`: where the store comes from several nodes wrote it. `has_file` knows whether a file of sealed bytes has come.
    """

    arrived: Opened
    lines: Lines
    concurrent: bool
    has_file: Callable[[str], bool]

    def writers(self) -> list[str]:
        """The name of every chain."""
        return self.arrived.writers()

    def leaves(self, writer: str) -> Iterator[Leaf]:
        """The leaves of a chain, in order."""
        return self.arrived.leaves(writer)

    def leaf(self, writer: str, n: int) -> Leaf | None:
        """One leaf."""
        return self.arrived.leaf(writer, n)

    def opening(self, writer: str) -> bytes | None:
        """The record that a chain was opened with."""
        return self.arrived.opening(writer)

    def retired(self) -> Sequence[bytes]:
        """The states of all records of partitions that were dropped."""
        return self.arrived.retired()

    def rows(self) -> Iterator[Standing]:
        """Every row of every bound table, as the export has it."""
        for carried, raw in self.lines():
            columns, more = row(carried, raw)
            digest = standing_digest(carried, raw)
            if carried.name in _SHELVED:
                file = columns[carried.columns.index("file")]
                if file is not None and not self.has_file(file):
                    digest = b""
            leaf = more["leaf"] if carried.name == "receipt" else None
            yield Standing(encode((carried.name, *columns[: len(carried.key)])), digest, leaf)

    def miscounted(self) -> list[tuple[str, str]]:
        """(upstream, state) whose tally is not the number of messages that have arrived."""
        return self.arrived.miscounted()

    def first_hole(self) -> int:
        """The first position that nothing has; 0 when there is none, or when gaps are normal."""
        return 0 if self.concurrent else self.arrived.first_hole()

    def altered(self) -> list[str] | None:
        """Nothing: the tables were made just now."""
        return []


def check_moved(store: OnItsWay, trust: Trust = NOBODY) -> Report:
    """Hold a store on its way against its evidence."""
    with closing(Sorter()) as sorter:
        return examine(store, sorter, trust)
