"""What a group of operations will read, found with one statement for all of them, and kept while nobody writes it.

Only a saving of round trips: a read that was not foreseen, or whose rows may have changed since, goes to the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol

from gateway.journal.books import Row
from gateway.journal.writer import Read

_VALUE = re.compile(r"\$(\d+)")

# The types of the values, and which of them tells whose rows they are. All operations of a group hold their dossiers.
_READS: Mapping[str, tuple[str, str, int]] = {
    "accept.receipt": ("receipt", "text text", 1),
    "accept.last_sequence": ("source_seq", "text text", 1),
    "accept.parked": ("inbound", "text text", 0),
    "accept.parked_all": ("inbound", "text", 0),
    "accept.same_sequence": ("inbound", "text text bigint text", 0),
    "accept.inbound": ("inbound", "text text", 1),
    "record.get": ("record", "text text", 1),
    "lane.get": ("lane", "bigint", 0),
    "lane.head": ("msg", "bigint bigint", 0),
    "claim.messages": ("msg", "bigint bigint bigint", 0),
    "append.replaceable": ("msg", "bigint bigint bigint text", 0),
    "append.acknowledged": ("msg", "bigint bigint text", 0),
    "settle.claimed": ("msg", "bigint bigint", 0),
    "settle.last_attempt": ("attempt", "bigint bigint", 0),
}
# Whose rows a statement writes; one that is not named here may have written any row of its table.
_WRITES: Mapping[str, tuple[int, ...]] = {
    "accept.receipt_put": (1,),
    "accept.sequence": (1,),
    "accept.inbound_put": (1, 2),
    "record.put": (1,),
    "record.held": (1,),
    "lane.new": (0,),
    "lane.extend": (0,),
    "lane.wake": (0,),
    "lane.rest": (0,),
    "lane.advance": (0,),
    "claim.lane": (0,),
    "order.block": (0,),
    "order.hold_later": (0,),
    "order.unblock": (0,),
    "msg.new": (0,),
    "msg.hold": (0,),
    "append.supersede": (0,),
    "claim.doubt": (0,),
    "claim.send": (0,),
    "settle.msg": (0,),
    "order.ready": (0,),
    "order.refuse": (0,),
    "settle.attempt": (0,),
}


class Source(Protocol):
    """Where rows come from."""

    def fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        """The rows that a statement hands back."""
        ...


class Foreseen:
    """The rows at hand, of one transaction."""

    def __init__(self, sql: Mapping[str, str]) -> None:
        self._many = {name: _for_many(sql[name], types) for name, (_, types, _) in _READS.items() if name != "lane.get"}
        self._rows: dict[tuple[str, tuple[object, ...]], list[Row]] = {}
        self._of: dict[tuple[str, object], list[tuple[str, tuple[object, ...]]]] = {}

    def clear(self) -> None:
        """Another transaction begins."""
        self._rows.clear()
        self._of.clear()

    def look(self, source: Source, reads: Iterable[Read]) -> None:
        """Find the rows of all `reads`, with one statement for each kind of them."""
        wanted: dict[str, dict[tuple[object, ...], None]] = {}
        for name, values in reads:
            wanted.setdefault(name, {})[values] = None
        for name, each in wanted.items():
            asked = list(each)
            for values in asked:
                self.keep(name, values, [])
            for n, *row in source.fetch(self._many[name], [list(column) for column in zip(*asked, strict=True)]):
                self._rows[name, asked[n - 1]].append(tuple(row))

    def keep(self, name: str, values: tuple[object, ...], rows: list[Row]) -> None:
        """Have rows at hand."""
        table, _, whose = _READS[name]
        entry = name, values
        self._rows[entry] = rows
        self._of.setdefault((table, values[whose]), []).append(entry)

    def rows(self, name: str, values: Sequence[object]) -> list[Row] | None:
        """The rows of a named read, if they are at hand."""
        return self._rows.get((name, tuple(values)))

    def at_hand(self, read: Read) -> list[Row]:
        """The rows of a read that was looked for."""
        return self._rows.get(read, [])

    def written(self, tables: Iterable[str], whose: tuple[object, ...] | None) -> None:
        """Rows are written, anybody's where `whose` is None: what may have changed is not at hand any more."""
        for table in tables:
            if whose is None:
                touched = [entries for name, entries in self._of.items() if name[0] == table]
            else:
                touched = [self._of[table, name] for name in whose if (table, name) in self._of]
            for entries in touched:
                for entry in entries:
                    self._rows.pop(entry, None)


def places(name: str) -> tuple[int, ...] | None:
    """Which values of a statement tell whose rows it reads or writes; None when it does not say."""
    return (_READS[name][2],) if name in _READS else _WRITES.get(name)


FORESEEN = frozenset(table for table, _, _ in _READS.values())
"""The tables of which rows may be found beforehand."""


@cache
def _for_many(sql: str, types: str) -> str:
    """A statement for one set of values as a statement for many sets, told apart by their number."""
    names = types.split()
    columns = ", ".join(f"v{n}" for n in range(1, len(names) + 1))
    arrays = ", ".join(f"${n}::{name}[]" for n, name in enumerate(names, 1))
    one = _VALUE.sub(r"k.v\1", sql)
    return f"SELECT k.n, found.* FROM unnest({arrays}) WITH ORDINALITY AS k ({columns}, n), LATERAL ({one}) found"
