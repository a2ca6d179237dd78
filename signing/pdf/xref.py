"""Cross-reference sections of a PDF, newest to oldest, and the revisions they make (ISO 32000-2 clauses 7.5.4 to 7.5.8).

Every section is read at the place that startxref or Prev names, or not at all: nothing is searched for and nothing rebuilt,
because whoever rebuilds may see another document than was signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

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

MAX_REVISIONS = 256


class Entry(NamedTuple):
    """Where one object stands. `kind` 0 free, 1 at `place` in the file, 2 at index `detail` of object stream `place`.

    `detail` of kind 0 and 1 is the generation.
    """

    kind: int
    place: int
    detail: int


@dataclass(frozen=True, slots=True)
class Section:
    """One cross-reference section: from `start` to `end` (behind trailer or stream object). `stream`: its own object.

    `hybrid`: a table with a stream beside it, which older readers do not see (7.5.8.4); word processors still write that.
    """

    start: int
    end: int
    entries: dict[int, Entry]
    trailer: Dictionary
    stream: Ref | None
    hybrid: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """What one save of the document added. `startxref`: what its end names. `tail`: where that word stands; `mark`: behind %%EOF;
    `end`: the end of that line.

    `entries` of all its sections (two in a linearized file); `streams`: object numbers of its cross-reference streams.
    `spans`: (start, end) of its sections. `hybrid`: see `Section`.
    """

    startxref: int
    tail: int
    mark: int
    end: int
    entries: dict[int, Entry]
    trailer: Dictionary
    streams: frozenset[int]
    spans: tuple[tuple[int, int], ...]
    hybrid: bool

    @property
    def size(self) -> int:
        """One more than the highest object number, as the trailer says."""
        size = self.trailer.get(b"Size")
        return size if isinstance(size, int) else 0


@dataclass(slots=True)
class Purse:
    """What reading one document may still cost: tokens, inflated bytes and objects."""

    meter: Meter
    budget: Budget
    objects: int


_TABLE = re.compile(rb"xref[\x00\t\n\x0c\r ]+")
_SUBSECTION = re.compile(rb"(\d{1,10})[\x00\t\x0c ]+(\d{1,10})[\x00\t\n\x0c\r ]+")
_ROW = re.compile(rb"(\d{10}) (\d{5}) ([nf])[\r\n\t ]{1,3}")
_TAIL = re.compile(rb"startxref[\x00\t\n\x0c\r ]+(\d{1,12})[\x00\t\n\x0c\r ]+%%EOF(\r\n|\n|\r)?")
_OBJECT = re.compile(rb"\d{1,10}[\x00\t\n\x0c\r ]+\d{1,5}[\x00\t\n\x0c\r ]+obj")


class Tail(NamedTuple):
    """One end of a revision: the place that it names, where it begins, the end of %%EOF and of that line."""

    startxref: int
    begin: int
    mark: int
    end: int


def tails(raw: bytes, *, most: int = MAX_REVISIONS) -> list[Tail]:
    """The ends of revisions, the last of the file first."""
    found: list[Tail] = []
    stop = len(raw)
    while len(found) < most:
        place = raw.rfind(b"startxref", 0, stop)
        if place < 0:
            break
        match = _TAIL.match(raw, place)
        if match:
            found.append(Tail(int(match[1]), place, match.end() - len(match[2] or b""), match.end()))
        stop = place
    return found


def read_revisions(raw: bytes, startxref: int, purse: Purse) -> list[Revision]:
    """All revisions that hang on this place, oldest first; raises `Malformed`."""
    sections: list[Section] = []
    place: int | None = startxref
    while place is not None:
        if any(place == one.start for one in sections):
            raise Malformed(f"cross-reference sections in a loop at {place}")
        if len(sections) >= MAX_REVISIONS:
            raise Malformed(f"more than {MAX_REVISIONS} cross-reference sections", limit=True)
        section = _read_section(raw, place, purse)
        sections.append(section)
        previous = section.trailer.get(b"Prev")
        if previous is not None and not isinstance(previous, int):
            raise Malformed(f"Prev of the section at {place} is no number")
        place = previous
    return list(_revisions(sections, tails(raw, most=4 * MAX_REVISIONS)[::-1]))


def _revisions(sections: list[Section], ends: list[Tail]) -> Iterator[Revision]:
    oldest_first = sections[::-1]
    if len(oldest_first) > 1 and oldest_first[1].start < oldest_first[0].start:
        main, first_page, *oldest_first = oldest_first
        yield _revision(ends, first_page, main)
    last = 0
    for section in oldest_first:
        if section.start < last:
            raise Malformed(f"the section at {section.start} stands before an older one")
        last = section.start
        yield _revision(ends, section)


def _revision(ends: list[Tail], section: Section, main: Section | None = None) -> Revision:
    """One revision; `main` is the second section of a linearized file, which the first-page section goes before (Annex F)."""
    last = main or section
    tail = next((one for one in ends if one.begin >= last.end and one.startxref == section.start), None)
    if tail is None:
        raise Malformed(f"no startxref names the section at {section.start} after it")
    sections = [one for one in (section, main) if one]
    return Revision(
        startxref=section.start,
        tail=tail.begin,
        mark=tail.mark,
        end=tail.end,
        entries={**(main.entries if main else {}), **section.entries},
        trailer=section.trailer,
        streams=frozenset(one.stream.number for one in sections if one.stream),
        spans=tuple((one.start, one.end) for one in sections),
        hybrid=any(one.hybrid for one in sections),
    )


def _read_section(raw: bytes, place: int, purse: Purse) -> Section:
    if not 0 < place < len(raw):
        raise Malformed(f"a cross-reference section at {place}, outside the file")
    begins = skip_space(raw, place)
    if raw.startswith(b"xref", begins):
        return _read_table(raw, place, begins, purse)
    if _OBJECT.match(raw, begins):
        return _read_stream(raw, place, purse)
    raise Malformed(f"no cross-reference section at {place}")


def _read_table(raw: bytes, place: int, begins: int, purse: Purse) -> Section:
    head = _TABLE.match(raw, begins)
    if head is None:
        raise Malformed(f"no cross-reference table at {place}")
    entries: dict[int, Entry] = {}
    at = head.end()
    while not raw.startswith(b"trailer", at):
        subsection = _SUBSECTION.match(raw, at)
        if subsection is None:
            raise Malformed(f"no subsection of a cross-reference table at {at}")
        first, count, at = int(subsection[1]), int(subsection[2]), subsection.end()
        _charge(count, purse)
        for number in range(first, first + count):
            row = _ROW.match(raw, at)
            if row is None:
                raise Malformed(f"no row of a cross-reference table at {at}")
            at = row.end()
            _add(entries, number, Entry(1 if row[3] == b"n" else 0, int(row[1]), int(row[2])))
        at = skip_space(raw, at)
    trailer, end = read_value(raw, at + 7, purse.meter)
    if not isinstance(trailer, Dictionary) or trailer.repeated:
        raise Malformed(f"trailer at {at} is no dictionary, or has a key twice")
    beside = trailer.get(b"XRefStm")
    if beside is None:
        return Section(place, end, entries, _checked(trailer, entries), None)
    if not isinstance(beside, int) or not 0 < beside < len(raw):
        raise Malformed(f"XRefStm of the section at {place} is no place of the file")
    hidden = _read_stream(raw, beside, purse)
    both = hidden.entries | {
        number: entry for number, entry in entries.items() if entry.kind or number not in hidden.entries
    }
    return Section(place, max(end, hidden.end), both, _checked(trailer, both), hidden.stream, hybrid=True)


def _read_stream(raw: bytes, place: int, purse: Purse) -> Section:
    ref, value, begins = read_object(raw, place, purse.meter)
    if not isinstance(value, Stream) or value.dictionary.get(b"Type") != b"XRef" or value.dictionary.repeated:
        raise Malformed(f"object at {place} is no cross-reference stream")
    dictionary = value.dictionary
    length = dictionary.get(b"Length")
    if not isinstance(length, int):
        raise Malformed(f"cross-reference stream at {place} does not say its length itself")
    content, end = stream_bytes(raw, begins, length)
    entries: dict[int, Entry] = {}
    plain = decoded(dictionary, content, purse.budget)
    for number, entry in _stream_rows(plain, dictionary, purse):
        _add(entries, number, entry)
    return Section(place, end, entries, _checked(dictionary, entries), ref)


def stream_bytes(raw: bytes, begins: int, length: int) -> tuple[bytes, int]:
    """The bytes of a stream and the end of its object; raises `Malformed` when endstream and endobj do not follow."""
    stop = begins + length
    if length < 0 or stop > len(raw):
        raise Malformed(f"stream at {begins} has an impossible length")
    end = skip_space(raw, stop)
    if not raw.startswith(b"endstream", end):
        raise Malformed(f"stream at {begins} does not end after its length")
    end = skip_space(raw, end + 9)
    if not raw.startswith(b"endobj", end):
        raise Malformed(f"no endobj after the stream at {begins}")
    return raw[begins:stop], end + 6


def _stream_rows(plain: bytes, dictionary: Dictionary, purse: Purse) -> Iterator[tuple[int, Entry]]:
    """The rows of a cross-reference stream (7.5.8.3)."""
    widths = _numbers(dictionary.get(b"W"))
    size = dictionary.get(b"Size")
    index = _numbers(dictionary.get(b"Index", None)) or ([0, size] if isinstance(size, int) else [])
    if len(widths) != 3 or any(not 0 <= width <= 8 for width in widths) or not sum(widths) or len(index) % 2:
        raise Malformed("a cross-reference stream without W, Index or Size")
    first, second, third = widths
    step, at = sum(widths), 0
    for start, count in zip(index[::2], index[1::2], strict=True):
        _charge(count, purse)
        for number in range(start, start + count):
            row = plain[at : at + step]
            if len(row) < step:
                raise Malformed("a cross-reference stream breaks off")
            at += step
            kind = int.from_bytes(row[:first], "big") if first else 1
            place = int.from_bytes(row[first : first + second], "big")
            detail = int.from_bytes(row[first + second :], "big") if third else 0
            # Of a kind that nobody knows: the null object, whatever an older section says of this number (7.5.8.3).
            yield number, Entry(kind if kind <= 2 else 0, place, detail)


def _charge(count: int, purse: Purse) -> None:
    purse.objects -= max(count, 0)
    if count < 0 or purse.objects < 0:
        raise Malformed("more objects than a document may have", limit=True)


def _add(entries: dict[int, Entry], number: int, entry: Entry) -> None:
    """One object stands once in a section, or two readers would take two of them."""
    if entries.setdefault(number, entry) != entry:
        raise Malformed(f"object {number} stands twice in one cross-reference section")


def _checked(trailer: Dictionary, entries: dict[int, Entry]) -> Dictionary:
    size = trailer.get(b"Size")
    if not isinstance(size, int) or size < 1:
        raise Malformed("a trailer without Size")
    if any(number >= size for number, entry in entries.items() if entry.kind):
        raise Malformed("an object number that Size does not reach")
    return trailer


def _numbers(value: Value) -> list[int]:
    if not isinstance(value, Array) or not all(type(one) is int for one in value):
        return []
    return [one for one in value if isinstance(one, int)]
