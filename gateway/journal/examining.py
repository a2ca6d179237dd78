"""A store laid open for an examination: what each driver shows of it, one consistent moment, row by row, and nothing is written.

What does not fit into memory (every name that every leaf covers) is sorted in a temporary file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import apsw
import msgspec

from gateway.journal.bound import BOUND, SHARED
from gateway.journal.retired import RETIRED as RETIRED
from gateway.journal.retired import Retired as Retired
from gateway.journal.shown import Leaf

_SORTED_AT_ONCE = 4_096


class Doubt(Enum):
    """What is wrong with the leaves of a row among themselves, where it counts its writings."""

    NONE = "none"
    TWICE = "twice"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Standing:
    """A row as it stands: its name (JSON), its digest (empty: no row of ours), the leaf it names."""

    name: bytes
    digest: bytes
    leaf: bytes | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One name in the sorted order: what its row is vouched to be, by which leaf (-1: by none), and the row that stands.

    A row that is written once is what its first leaf says, every other what its last leaf says: that of the highest `mark`,
    where leaves say one (`bound.SHARED`), because leaves of several chains have no order between them.
    """

    name: bytes
    leaf: int
    digest: bytes
    stands: Standing | None
    mark: int = 0
    doubt: Doubt = Doubt.NONE


class Opened(Protocol):
    """A store at one moment. `concurrent`: several nodes write it, so chains grow beside each other and positions have gaps."""

    concurrent: bool

    def writers(self) -> list[str]:
        """The name of every chain."""
        ...

    def leaves(self, writer: str) -> Iterator[Leaf]:
        """The leaves of a chain, in order."""
        ...

    def leaf(self, writer: str, n: int) -> Leaf | None:
        """One leaf."""
        ...

    def opening(self, writer: str) -> bytes | None:
        """The record that a chain was opened with."""
        ...

    def rows(self) -> Iterator[Standing]:
        """Every row of every bound table."""
        ...

    def retired(self) -> Sequence[bytes]:
        """The states of all records of kind `RETIRED`."""
        ...

    def miscounted(self) -> list[tuple[str, str]]:
        """(upstream, state) whose tally is not the number of messages that stand."""
        ...

    def first_hole(self) -> int:
        """The first position that neither an audit row nor an event has; 0 when there is none, or when gaps are normal."""
        ...

    def altered(self) -> list[str] | None:
        """Names of tables, indexes and triggers that are not what the migrations make; None where that cannot be told."""
        ...


class Sorter:
    """Names with their digests, sorted in a temporary file that goes with this object."""

    def __init__(self) -> None:
        self._db = apsw.Connection("")
        self._db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384")
        self._db.execute("CREATE TABLE covered (name BLOB, era INTEGER, mark INTEGER, leaf INTEGER, digest BLOB)")
        self._db.execute("CREATE TABLE stands (name BLOB, digest BLOB, leaf BLOB)")
        self._db.execute("BEGIN")
        self._pending: list[tuple[bytes, int, int, int, bytes]] = []

    def cover(self, covered: Iterable[tuple[bytes, bytes]], era: int, leaf: int, *, marked: bool) -> None:
        """What a leaf covers, by name; leaves are said in their order. `marked`: behind the key of a row stands its mark.

        Marks count within an `era` only: a later one begins where all that stood was bound anew.
        """
        for name, digest in covered:
            key, mark = _parted(name) if marked else (name, 0)
            self._pending.append((key, era, mark, leaf, digest))
        if len(self._pending) >= _SORTED_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self._db.cursor().executemany("INSERT INTO covered VALUES (?, ?, ?, ?, ?)", self._pending)
        self._pending.clear()

    def stand(self, rows: Iterable[Standing]) -> int:
        """The rows that stand; how many they are."""
        self._flush()
        values = ((row.name, row.digest, row.leaf) for row in rows)
        self._db.cursor().executemany("INSERT INTO stands VALUES (?, ?, ?)", values)
        row = self._db.execute("SELECT count(*) FROM stands").fetchone()
        return int(row[0]) if row else 0

    def each(self) -> Iterator[Found]:
        """Every name once: what the leaves have for it, and what stands."""
        order = "SELECT name, era, mark, leaf, digest FROM covered ORDER BY name, era, mark, leaf, rowid"
        covered = iter(self._db.cursor().execute(order))
        stands = iter(self._db.cursor().execute("SELECT name, digest, leaf FROM stands ORDER BY name"))
        claim, row = next(covered, None), next(stands, None)
        while claim is not None or row is not None:
            name = min(entry[0] for entry in (claim, row) if entry is not None)
            once, counted = _written_once(name), _counted(name)
            leaf, digest, mark, doubt, era = -1, b"", 0, Doubt.NONE, -1
            while claim is not None and claim[0] == name:
                _, then, now, at, covers = claim
                if then != era:
                    era, mark, digest = then, mark if once else 0, digest if once else b""
                if counted and now:
                    doubt = _doubt(mark, now, digest == covers) if doubt is Doubt.NONE else doubt
                if leaf < 0 or not once:
                    leaf, digest, mark = at, covers, now
                claim = next(covered, None)
            standing = None
            if row is not None and row[0] == name:
                standing, row = Standing(*row), next(stands, None)
            yield Found(name, leaf, digest, standing, mark, doubt)

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()


def table_of(name: bytes) -> str:
    """The table in the name of a row."""
    return name[2 : name.index(b'"', 2)].decode()


def number_of(found: Found) -> int | None:
    """The number by which a row stands in its partition: the mark of an attempt, the reference of a payload."""
    if found.mark:
        return found.mark
    first = msgspec.json.decode(found.name)[1]
    return first if isinstance(first, int) else None


def _parted(name: bytes) -> tuple[bytes, int]:
    """The name of a row without its mark, and the mark; 0 for a row that has none, or one that is no number of ours."""
    table = SHARED.get(table_of(name))
    if table is None or not table.mark:
        return name, 0
    key, _, mark = name[:-1].rpartition(b",")
    return (key + b"]", int(mark)) if mark.isdigit() and len(mark) < 19 else (name, 0)


def _doubt(before: int, now: int, same: bool) -> Doubt:
    """Whether a writing may follow another; the same one told twice is no harm."""
    if now == before:
        return Doubt.NONE if same else Doubt.TWICE
    return Doubt.NONE if now == before + 1 else Doubt.MISSED


def _written_once(name: bytes) -> bool:
    table = BOUND.get(table_of(name))
    return table is not None and table.fixed


def _counted(name: bytes) -> bool:
    table = SHARED.get(table_of(name))
    return table is not None and table.counts
