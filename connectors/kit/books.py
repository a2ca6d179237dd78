"""The ledgers of one upstream in memory: for a connector that stands alone, as in its conformance checks.

What the gateway does inside its transaction is done here at once: the same key changes nothing twice, a name that another ledger
holds is refused, marks only grow. Effects are kept for whoever wants to look at them.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.kit.ledgers import Change, Effect, Ledger, LedgerEntry, Mark, Marked, Task


@dataclass(slots=True)
class MemoryBooks:
    """A `LedgerReader` whose ledgers are given once the connector is there."""

    ledgers: Sequence[Ledger[Any, Any]] = ()
    effects: list[tuple[Change, Effect]] = field(default_factory=list)
    _entries: dict[tuple[str, str], LedgerEntry] = field(default_factory=dict)
    _keys: set[tuple[str, str, str]] = field(default_factory=set)
    _claims: dict[str, tuple[str, str]] = field(default_factory=dict)
    _marks: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """The ledger as it stands."""
        return self._entries.get((ledger, ledger_id))

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> Sequence[Mark]:
        """At most `limit` marks with `after` < place < `until`, in order."""
        marks = self._marks.get(ledger, [])
        first = bisect.bisect_right(marks, (after, chr(0x10FFFF)))
        found = [Mark(place, ledger_id) for place, ledger_id in marks[first : first + limit] if place < until]
        return tuple(found)

    def take(self, changes: Sequence[Change]) -> int:
        """Apply what is new; how many changes were. What an answer teaches the upstream that asked is not ours to keep.

        Raises `msgspec.ValidationError` for one that its ledger cannot read, `LookupError` for one of ours that is not there.
        """
        return sum(self._taken(change) for change in changes)

    def learn(self, task: Task, changes: Sequence[Change]) -> int:
        """The same of what an answer to a task taught; the ledger that asked may be another connector's, and is not kept here."""
        kinds = {ledger.kind for ledger in self.ledgers}
        return self.take([change for change in changes if change.ledger in kinds or change.ledger != task.ledger])

    def _taken(self, change: Change) -> bool:
        place = (change.ledger, change.id)
        ledger = next((one for one in self.ledgers if one.kind == change.ledger), None)
        if ledger is None:
            if change.here:
                raise LookupError(change.ledger)
            return False
        meaning = msgspec.convert(change.fields, ledger.change_type)
        foreign = any(self._claims.get(claim, place) != place for claim in change.claims)
        if (*place, change.key) in self._keys or foreign:
            return False
        self._keys.add((*place, change.key))
        self._claims.update(dict.fromkeys(change.claims, place))
        held = self._entries.get(place)
        before = msgspec.json.decode(held.state, type=ledger.state_type) if held is not None else None
        after, effects = ledger.apply(before, meaning)
        dossier = (held.dossier_code if held is not None else "") or change.dossier_code
        version = held.version + 1 if held is not None else 1
        self._entries[place] = LedgerEntry(version, dossier, msgspec.json.encode(after))
        self.effects += [(change, effect) for effect in effects]
        if isinstance(ledger, Marked):
            marks = self._marks.setdefault(ledger.kind, [])
            for mark in ledger.marks(after):
                entry = (f"{mark}/{change.id}", change.id)
                at = bisect.bisect_left(marks, entry)
                if at == len(marks) or marks[at] != entry:
                    marks.insert(at, entry)
        return True
