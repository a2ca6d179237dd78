"""What a foreign message became: our own published message, where each part came from, and the fate of every leaf.

Nothing of a message is without a fate: each leaf was mapped, compared, said to be absent, ignored for a stated reason,
unknown, or faulty. The fates are what `mappings explain` shows and `mappings coverage` counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mappings.dialect import Dialect, Rule
from mappings.faults import SectorFault
from mappings.reading import pointer_of
from mappings.targets import ITEM, Path, label_of

_SHOWN_KEY = 64


class Fate(StrEnum):
    """Số phận của một giá trị trong thông điệp. `expected` was compared with what the publication fixes."""

    MAPPED = "mapped"
    EXPECTED = "expected"
    ABSENT = "absent"
    IGNORED = "ignored"
    UNKNOWN = "unknown"
    FAULTY = "faulty"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a message: its pointer, its path with `[]` for items, and the numbers of those items."""

    pointer: str = ""
    path: Path = ()
    numbers: tuple[int, ...] = ()

    def step(self, key: str) -> Place:
        """A member below this place; overlong names are cut, since they are shown."""
        shown = key if len(key) <= _SHOWN_KEY else key[: _SHOWN_KEY - 1] + "…"
        return Place(self.pointer + pointer_of((shown,)), (*self.path, shown), self.numbers)

    def item(self, number: int) -> Place:
        """An item of the list at this place."""
        return Place(f"{self.pointer}/{number}", (*self.path, ITEM), (*self.numbers, number))

    def only_item(self) -> Place:
        """This very place as the only item of a list: XML writes a list of one like a single element."""
        return Place(self.pointer, (*self.path, ITEM), (*self.numbers, 0))


@dataclass(slots=True)
class Leaf:
    """One leaf of a message with its fate. `fields` are the canonical fields that it feeds, `table` and `row` what decided
    (empty and 0 when nothing did), `result` the canonical value, the reason for ignoring it, or the fault."""

    place: Place
    value: object = field(repr=False)
    fate: Fate = Fate.UNKNOWN
    fields: tuple[str, ...] = ()
    table: str = ""
    row: int = 0
    result: object = ""
    rules: tuple[Rule, ...] = field(default=(), repr=False)

    @property
    def label(self) -> str:
        """Its path as people write it, the same for every item of a list."""
        return label_of(self.place.path) or "/"


@dataclass(frozen=True, slots=True)
class Whence:
    """Where parts of the translated message came from. `items` gives for each list the pointers of its items, in order."""

    dialect: Dialect
    pointers: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def locate(self, pointer: str) -> str:
        """The place in the message as it was sent behind a place of the translated one.

        For a value that is missing: where it was to stand. For a group of fields: the place around all of them.
        """
        exact = self.pointers.get(pointer)
        if exact is not None:
            return exact
        path, item = self._path(pointer)
        while path:
            places = [self.source_pointer(source, path[0], item) for source in self._sources_below(path)]
            if places:
                return _around(places) or places[0]
            path = path[:-1]
        return ""

    def fault(self, fault: SectorFault) -> SectorFault:
        """A fault of the translated message as a fault of the message that was sent."""
        return SectorFault(fault.code, self.locate(fault.pointer), fault.message_vi, fault.row)

    def source_pointer(self, source: Path, name: str = "", item: int | None = None) -> str:
        """The pointer of a place that a rule reads; within the given item of a canonical list where it is in one."""
        pointers = self.items.get(name, ())
        if ITEM in source and item is not None and item < len(pointers):
            return pointers[item] + pointer_of(source[len(source) - source[::-1].index(ITEM) :])
        return pointer_of(source[: source.index(ITEM)] if ITEM in source else source)

    def _sources_below(self, path: Path) -> list[Path]:
        exact = list(self.dialect.sources_of(path)[:1])
        return exact or [
            rule.sources[0] for rule in self.dialect.rules if rule.sources and rule.to[: len(path)] == path
        ]

    @staticmethod
    def _path(pointer: str) -> tuple[Path, int | None]:
        steps = pointer.split("/")[1:]
        if len(steps) > 1 and steps[1].isdigit():
            return (steps[0], ITEM, *steps[2:]), int(steps[1])
        return tuple(steps), None


def _around(places: list[str]) -> str:
    """The innermost place that holds all of these; empty when only the whole message does."""
    common: list[str] = []
    for steps in zip(*(place.split("/") for place in places), strict=False):
        if len(set(steps)) > 1:
            break
        common.append(steps[0])
    return "/".join(common)


@dataclass(frozen=True, slots=True)
class Translation:
    """A foreign message in the form of our own published one (`tree`), as far as it could be read, with all its faults.

    `unknown` are the pointers of what the publication does not know, where the profile reports such parts.
    """

    tree: dict[str, object] = field(repr=False)
    faults: tuple[SectorFault, ...]
    leaves: tuple[Leaf, ...] = field(repr=False)
    unknown: tuple[str, ...]
    whence: Whence = field(repr=False)
