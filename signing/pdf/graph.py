"""Which object of a view refers to which: what a change of one object may be seen through."""

from __future__ import annotations

from signing.pdf.document import View
from signing.pdf.syntax import Dictionary, Stream, Value, references

TRAILER = 0
Holder = tuple[int, bytes]
"""An object that refers to another, and the key of it (or of its stream dictionary) below which the reference stands."""


class Graph:
    """The objects that can be reached from Root and Info of one view, and who refers to the wanted ones.

    `holders`: for each wanted number those that refer to it; none when nothing reaches it. References are taken by number,
    whatever their generation; one to what does not exist yet counts as well, because a later revision could define it.
    """

    def __init__(self, view: View, wanted: frozenset[int]) -> None:
        """Raises `Malformed` when something that can be reached cannot be read."""
        self.view = view
        self.holders: dict[int, set[Holder]] = {number: set() for number in wanted}
        self.containers = {entry.place for entry in view.entries.values() if entry.kind == 2}
        self._visit(wanted)

    def _visit(self, wanted: frozenset[int]) -> None:
        document = self.view.document
        seen: set[int] = {TRAILER}
        waiting = self._held(TRAILER, _links({b"Root": self.view.root, b"Info": self.view.info}), wanted)
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            entry = self.view.entry(number)
            if entry is not None:
                links = document.links.get((number, entry))
                if links is None:
                    value = document.read_once(number, entry, self.view)[1]
                    links = document.links[number, entry] = _links(value)
                document.purse.meter.spend(1 + len(links) // 4)
                waiting += self._held(number, links, wanted)

    def _held(self, number: int, links: tuple[Holder, ...], wanted: frozenset[int]) -> list[int]:
        for target, key in links:
            if target in wanted:
                self.holders[target].add((number, key))
        return [target for target, _ in links]

    def only_through(self, number: int, allowed: set[Holder]) -> bool:
        """Whether this object is referred to, and only by these holders."""
        return bool(self.holders[number]) and self.holders[number] <= allowed

    def unreachable(self, number: int) -> bool:
        """Whether nothing refers to this object and nothing is kept in it, so that no reader ever shows it."""
        return not self.holders[number] and number not in self.containers

    def only_below(self, numbers: set[int], top: Holder) -> set[int]:
        """Those of these wanted numbers that cannot be reached but through `top`: all who refer to them are among them."""
        inside = set(numbers)
        targets: dict[int, list[int]] = {}
        for number in numbers:
            for holder in self.holders[number]:
                targets.setdefault(holder[0], []).append(number)
        waiting = [
            number for number in numbers if any(one != top and one[0] not in inside for one in self.holders[number])
        ]
        while waiting:
            number = waiting.pop()
            if number in inside:
                inside.remove(number)
                waiting += targets.get(number, ())
        return inside


def closure(view: View, value: Value) -> set[int]:
    """Numbers of all objects that can be reached from here."""
    seen: set[int] = set()
    waiting = [ref.number for ref in references(value)]
    while waiting:
        number = waiting.pop()
        entry = view.entry(number)
        if number not in seen and entry is not None:
            seen.add(number)
            view.document.purse.meter.spend()
            waiting += [ref.number for ref in references(view.document.read(number, entry, view)[1])]
    return seen


def _links(value: Value | dict[bytes, Value]) -> tuple[Holder, ...]:
    """Every number that an object refers to, with the key below which it does."""
    parts: list[tuple[bytes, Value]]
    if isinstance(value, Stream):
        parts = list(value.dictionary.items())
    elif isinstance(value, Dictionary | dict):
        parts = list(value.items())
    else:
        parts = [(b"", value)]
    return tuple(dict.fromkeys((ref.number, key) for key, one in parts for ref in references(one)))
