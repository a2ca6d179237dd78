"""How well a profile fits what is really sent: of each place how often it was mapped, ignored, unknown. Paths and counts alone.

No value is kept, so a report of it may leave the house; whoever reads the messages for it is audited elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mappings.dialect import Dialect
from mappings.targets import ITEM, Path, label_of, targets
from mappings.translation import Fate, Leaf

_FIXED = frozenset({("schema_version",), ("system_code",)})


@dataclass(slots=True)
class PlaceCount:
    """One place of the messages: how many leaves met each fate there, which fields they fed, why they were ignored."""

    fates: Counter[Fate] = field(default_factory=Counter)
    fields: set[str] = field(default_factory=set)
    reason: str = ""


@dataclass(slots=True)
class Coverage:
    """A count over messages of one system. `unreadable` are those that have no tree in this profile."""

    messages: int = 0
    unreadable: int = 0
    places: dict[str, PlaceCount] = field(default_factory=dict)

    def add(self, leaves: Iterable[Leaf]) -> None:
        """Count a message in a foreign dialect."""
        self.messages += 1
        for leaf in leaves:
            place = self.places.setdefault(leaf.label, PlaceCount())
            place.fates[leaf.fate] += 1
            place.fields.update(leaf.fields)
            if leaf.fate is Fate.IGNORED:
                place.reason = str(leaf.result)

    def add_own(self, tree: Mapping[str, object]) -> None:
        """Count a message in our own form, of which every accepted member has its field."""
        self.messages += 1
        for path, value in _walk(tree, ()):
            place = self.places.setdefault(label_of(path), PlaceCount())
            fate = Fate.EXPECTED if path in _FIXED else Fate.ABSENT if value is None else Fate.MAPPED
            place.fates[fate] += 1
            if fate is Fate.MAPPED and path in targets():
                place.fields.add(label_of(path))

    def report(self, dialect: Dialect | None = None) -> dict[str, object]:
        """The count as plain values: every place by path, and the canonical fields that nothing fed.

        Constants of `dialect` feed their fields without a place in the message.
        """
        fed = {name for place in self.places.values() for name in place.fields}
        if dialect is not None:
            fed |= {rule.label for rule in dialect.rules if rule.constant is not None}
            # What the gateway itself gives: the id, where it is derived, and the number, where order of arrival counts.
            fed |= {"event_id"} if dialect.identity.kind != "uuid" else set()
            fed |= {"sequence"} if dialect.arrival else set()
        return {
            "messages": self.messages,
            "unreadable": self.unreadable,
            "fields": [
                {
                    "path": label,
                    **{fate.value: place.fates[fate] for fate in Fate},
                    "to": sorted(place.fields - {"key"}),
                    "reason": place.reason,
                }
                for label, place in sorted(self.places.items())
            ],
            "never_fed": [target.label for target in targets().values() if target.label not in fed],
        }


def _walk(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _walk(item, (*path, str(key)))
    elif isinstance(value, list) and value:
        for item in value:
            yield from _walk(item, (*path, ITEM))
    else:
        yield path, value
