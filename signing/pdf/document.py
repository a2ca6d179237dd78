"""A PDF as a chain of revisions, each with its own view of every object; cheap to open, bounded, never repaired.

What is bounded: tokens read, bytes inflated, objects, pages, depth, revisions. So no file of a few megabytes holds a process for
long (signing facts 5.2 step 0, attack D8), whatever its object streams, page trees and cross-references look like.
"""

from __future__ import annotations

from signing.pdf.filters import Budget, decoded
from signing.pdf.syntax import (
    Array,
    Dictionary,
    Malformed,
    Meter,
    Ref,
    Stream,
    Value,
    read_object,
    read_value,
    skip_space,
)
from signing.pdf.xref import Entry, Purse, Revision, read_revisions, stream_bytes, tails
from signing.policy import ReadingLimits

_MIB = 1024 * 1024
_ATTEMPTS = 8
"""Ends of revisions that are tried from the last backwards, where the last does not lead to a document (attack D1)."""


class Document:
    """One PDF. `revisions` oldest first; `whole`: nothing but white space follows the last of them."""

    def __init__(self, raw: bytes, limits: ReadingLimits) -> None:
        """Opens the document; raises `Malformed`."""
        self.raw = raw
        self.purse = purse_for(raw, limits)
        self._objects: dict[tuple[int, Entry], tuple[Ref, Value, int]] = {}
        self._packed: dict[tuple[int, Entry], dict[int, tuple[int, int]]] = {}
        self._plain: dict[tuple[int, Entry], bytes] = {}
        self._opening: set[tuple[int, Entry]] = set()
        self._views: dict[int, View] = {}
        self.links: dict[tuple[int, Entry], tuple[tuple[int, bytes], ...]] = {}
        """What each object refers to, kept between comparisons: (number, key)."""
        self.revisions = self._open()
        self.whole = not raw[self.revisions[-1].mark :].strip(b"\x00\t\n\x0c\r ")

    def _open(self) -> list[Revision]:
        if not self.raw.startswith(b"%PDF-"):
            raise Malformed("the file does not begin with %PDF-")
        ends = tails(self.raw, most=_ATTEMPTS)
        if not ends:
            raise Malformed("no startxref followed by %%EOF")
        first: Malformed | None = None
        for tail in ends:
            try:
                revisions = read_revisions(self.raw, tail.startxref, self.purse)
            except Malformed as malformed:
                if malformed.limit:
                    raise
                first = first or malformed
            else:
                if revisions[-1].end == tail.end:
                    return revisions
                first = first or Malformed("the last startxref leads to a revision that ends elsewhere")
        raise first or Malformed("no revision could be read")

    def view(self, index: int = -1) -> View:
        """The document as it was after this revision; -1: as it is now."""
        index = index if index >= 0 else len(self.revisions) + index
        found = self._views.get(index)
        if found is None:
            found = self._views[index] = View(self, index)
        return found

    @property
    def hybrid(self) -> bool:
        """Whether any revision keeps a cross-reference stream beside its table."""
        return any(one.hybrid for one in self.revisions)

    @property
    def encrypted(self) -> bool:
        """Whether any revision says that the document is encrypted."""
        return any(b"Encrypt" in one.trailer for one in self.revisions)

    def read(self, number: int, entry: Entry, view: View) -> tuple[Ref, Value, int]:
        """The object at this entry: reference, value, and where its value ends (0 within an object stream)."""
        key = (number, entry)
        found = self._objects.get(key)
        if found is None:
            found = self._objects[key] = self._read(number, entry, view)
        return found

    def read_once(self, number: int, entry: Entry, view: View) -> tuple[Ref, Value, int]:
        """As `read`, for those who look at every object once: nothing is kept."""
        return self._objects.get((number, entry)) or self._read(number, entry, view)

    def _read(self, number: int, entry: Entry, view: View) -> tuple[Ref, Value, int]:
        if entry.kind == 1:
            ref, value, end = read_object(self.raw, entry.place, self.purse.meter)
            if ref != (number, entry.detail):
                raise Malformed(f"object {number} {entry.detail} is not where its entry says")
            return ref, value, end
        container = view.entry(entry.place)
        if container is None or container.kind != 1:
            raise Malformed(f"object {number} lies in object stream {entry.place}, which is none")
        plain = self.plain(entry.place, container, view)
        place, index = self._packed[entry.place, container].get(number, (-1, -1))
        if index != entry.detail:
            raise Malformed(f"object {number} is not at its index of object stream {entry.place}")
        value, _ = read_value(plain, place, self.purse.meter)
        return Ref(number, 0), value, 0

    def plain(self, number: int, entry: Entry, view: View) -> bytes:
        """The inflated bytes of an object stream (7.5.7)."""
        key = (number, entry)
        if key in self._opening:
            raise Malformed(f"object stream {number} cannot be opened without itself")
        if key not in self._plain:
            self._opening.add(key)
            _, value, _ = self.read(number, entry, view)
            if not isinstance(value, Stream) or value.dictionary.get(b"Type") != b"ObjStm":
                raise Malformed(f"object {number} is no object stream")
            plain = decoded(value.dictionary, view.content(value), self.purse.budget)
            self._packed[key] = _index(plain, value.dictionary, self.purse)
            self._plain[key] = plain
            self._opening.remove(key)
        return self._plain[key]


class View:
    """The objects of one document as they were after one revision."""

    def __init__(self, document: Document, index: int) -> None:
        self.document = document
        self.index = index
        self._entries: dict[int, Entry] | None = None

    @property
    def entries(self) -> dict[int, Entry]:
        """All objects of this view, free ones left out."""
        if self._entries is None:
            merged: dict[int, Entry] = {}
            for revision in self.document.revisions[: self.index + 1]:
                merged.update(revision.entries)
            self.document.purse.meter.spend(len(merged) // 4)
            self._entries = {number: entry for number, entry in merged.items() if entry.kind and number}
        return self._entries

    def entry(self, number: int) -> Entry | None:
        """Where this object stands, or None when it is free or was never used."""
        if self._entries is not None:
            return self._entries.get(number)
        for revision in reversed(self.document.revisions[: self.index + 1]):
            found = revision.entries.get(number)
            if found is not None:
                return found if found.kind else None
        return None

    def load(self, ref: Ref) -> Value:
        """The object of this reference; null when there is none (7.3.10). Raises `Malformed`."""
        entry = self.entry(ref.number)
        if entry is None or (entry.detail if entry.kind == 1 else 0) != ref.generation:
            return None
        return self.document.read(ref.number, entry, self)[1]

    def at(self, value: Value) -> Value:
        """The value itself, or what it refers to; a reference to a reference is refused."""
        if not isinstance(value, Ref):
            return value
        found = self.load(value)
        if isinstance(found, Ref):
            raise Malformed(f"object {value.number} is itself a reference")
        return found

    def get(self, dictionary: Dictionary, key: bytes) -> Value:
        """The value of a key, references followed."""
        return self.at(dictionary.get(key))

    def dictionary(self, value: Value, what: str) -> Dictionary:
        """A dictionary, references followed; raises `Malformed` naming what it should have been."""
        found = self.at(value)
        if not isinstance(found, Dictionary):
            raise Malformed(f"{what} is no dictionary")
        if found.repeated:
            raise Malformed(f"{what} has the key {found.repeated!r} twice")
        return found

    def array(self, value: Value, what: str) -> Array:
        """An array, references followed; absent is empty."""
        found = self.at(value)
        if found is None:
            return Array()
        if not isinstance(found, Array):
            raise Malformed(f"{what} is no array")
        return found

    def in_file(self, value: Value) -> bool:
        """Whether what this refers to stands in the file itself, so that its positions are positions of the file."""
        entry = self.entry(value.number) if isinstance(value, Ref) else None
        return entry is not None and entry.kind == 1

    @property
    def trailer(self) -> Dictionary:
        """The trailer of this revision."""
        return self.document.revisions[self.index].trailer

    @property
    def root(self) -> Ref:
        """The reference to the catalog; a trailer that leaves it out keeps the older one's."""
        for revision in reversed(self.document.revisions[: self.index + 1]):
            root = revision.trailer.get(b"Root")
            if root is not None:
                if not isinstance(root, Ref):
                    raise Malformed("Root is no reference")
                return root
        raise Malformed("no trailer names a catalog")

    @property
    def info(self) -> Value:
        """What Info of the trailer refers to; a trailer that leaves it out keeps the older one's."""
        return next(
            (
                one.trailer[b"Info"]
                for one in reversed(self.document.revisions[: self.index + 1])
                if b"Info" in one.trailer
            ),
            None,
        )

    @property
    def catalog(self) -> Dictionary:
        """The document catalog (7.7.2)."""
        return self.dictionary(self.root, "the catalog")

    def content(self, stream: Stream) -> bytes:
        """The bytes of a stream as written."""
        length = self.get(stream.dictionary, b"Length")
        if type(length) is not int:
            raise Malformed(f"stream at {stream.start} has no length")
        return stream_bytes(self.document.raw, stream.start, length)[0]

    def plain(self, stream: Stream) -> bytes:
        """The bytes of a stream, inflated within the document's budget."""
        return decoded(stream.dictionary, self.content(stream), self.document.purse.budget)

    def pages(self, most: int) -> int:
        """How many pages there are; raises `Malformed` for loops, for nodes met twice and for more than `most`."""
        seen: set[Ref] = set()
        count = 0
        waiting: list[tuple[Value, int]] = [(self.catalog.get(b"Pages"), 0)]
        while waiting:
            value, depth = waiting.pop()
            if isinstance(value, Ref):
                if value in seen:
                    raise Malformed(f"page tree node {value.number} is met twice")
                seen.add(value)
            node = self.at(value)
            if not isinstance(node, Dictionary):
                continue
            if b"Kids" not in node:
                count += 1
            if count > most or len(seen) > 4 * most or depth > 64:
                raise Malformed(f"more than {most} pages", limit=True)
            waiting += [(kid, depth + 1) for kid in self.array(node.get(b"Kids"), "Kids")]
        return count


def purse_for(raw: bytes, limits: ReadingLimits) -> Purse:
    """What a document of this size may cost: two to five microseconds for a token, four milliseconds for a megabyte inflated."""
    size = len(raw)
    return Purse(meter=Meter(100_000 + size // 5), budget=Budget(64 * _MIB + 16 * size), objects=limits.max_pdf_objects)


def _index(plain: bytes, dictionary: Dictionary, purse: Purse) -> dict[int, tuple[int, int]]:
    """Where each object of an object stream begins, and its index there (7.5.7)."""
    count, first = dictionary.get(b"N"), dictionary.get(b"First")
    if type(count) is not int or type(first) is not int or not 0 <= count <= len(plain) or not 0 <= first <= len(plain):
        raise Malformed("an object stream without N or First")
    purse.meter.spend(count)
    numbers = plain[:first].split(None, 2 * count)[: 2 * count]
    if len(numbers) != 2 * count or not all(number.isdigit() and len(number) <= 10 for number in numbers):
        raise Malformed("the head of an object stream breaks off")
    places: dict[int, tuple[int, int]] = {}
    for index in range(count):
        number, offset = int(numbers[2 * index]), int(numbers[2 * index + 1])
        if places.setdefault(number, (skip_space(plain, first + offset), index))[1] != index:
            raise Malformed(f"object {number} stands twice in one object stream")
    return places
