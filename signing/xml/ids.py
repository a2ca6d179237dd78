"""Elements by their ids: four exact attribute names, one element for each value or an answer that it is ambiguous (X9)."""

from __future__ import annotations

from signing.canonical import Element, attributes_named
from signing.xml.names import ID_NAMES


class Ids:
    """The ids of one document, gathered once and only when something is referred to."""

    def __init__(self, root: Element, body: bytes) -> None:
        self._root = root
        self._body = body
        self._found: dict[str, list[Element]] | None = None

    def elements(self, value: str) -> list[Element]:
        """Every element that bears this id under any of the names; one is right, none is missing, several are an attack."""
        if self._found is None:
            self._found = {}
            for name in (one for one in ID_NAMES if _spelt(one) in self._body):
                for found, element in attributes_named(self._root, name):
                    bearers = self._found.setdefault(found, [])
                    # Two are enough to know that it is ambiguous.
                    if len(bearers) < 2 and all(element is not one for one in bearers):
                        bearers.append(element)
        return self._found.get(value, [])


def _spelt(name: str) -> bytes:
    """How the name is written in UTF-8: names cannot be written by character references (XML 1.0 2.3)."""
    return name.replace("{http://www.w3.org/XML/1998/namespace}", "xml:").encode()
