"""The bytes that one revision added: its objects, its cross-reference and its end, and nothing between them.

A reader that rebuilds broken files finds objects by searching for them; so what stands in no cross-reference may not stand in a
revision at all, and what a revision lists must stand in it (attacks D1, D4, D7).
"""

from __future__ import annotations

from signing.pdf.document import View
from signing.pdf.syntax import Malformed, Stream, skip_space
from signing.pdf.xref import Entry, Revision, stream_bytes


def region_fault(old: View, new: View) -> str:
    """What is wrong with the bytes of the revision of `new`, or nothing."""
    document = new.document
    revision, before = document.revisions[new.index], document.revisions[old.index]
    own = {number: entry for number, entry in revision.entries.items() if entry.kind and entry != old.entry(number)}
    try:
        places = sorted(_extents(new, own) + list(revision.spans))
    except Malformed as malformed:
        return malformed.detail
    at = before.mark
    for start, end in places:
        if start < before.mark:
            return f"the revision lists an object at {start}, which stands before it"
        if start < at or skip_space(document.raw, at) != skip_space(document.raw, start):
            return f"bytes {at} to {start} belong to no object of the revision"
        at = end
    return _packed_fault(own, revision) or _end_fault(document.raw, at, revision)


def _extents(view: View, own: dict[int, Entry]) -> list[tuple[int, int]]:
    """Where the objects of a revision begin and end, its cross-reference streams left out."""
    spans = set(view.document.revisions[view.index].streams)
    found: list[tuple[int, int]] = []
    for number, entry in own.items():
        if entry.kind != 1 or number in spans:
            continue
        _, value, end = view.document.read(number, entry, view)
        if isinstance(value, Stream):
            length = view.get(value.dictionary, b"Length")
            if type(length) is not int:
                raise Malformed(f"stream object {number} has no length")
            end = stream_bytes(view.document.raw, value.start, length)[1]
        found.append((entry.place, end))
    return found


def _packed_fault(own: dict[int, Entry], revision: Revision) -> str:
    for number, entry in own.items():
        if entry.kind == 2:
            container = own.get(entry.place)
            if container is None or container.kind != 1 or container.place > revision.startxref:
                return f"object {number} lies in an object stream of an earlier revision"
    return ""


def _end_fault(raw: bytes, at: int, revision: Revision) -> str:
    """Behind the last section stands startxref, and the end of the revision right behind that."""
    place = skip_space(raw, at)
    if place == revision.tail:
        return ""
    return f"bytes {at} to {revision.mark} belong to no object of the revision"
