"""One more revision behind a PDF, written by hand: an invisible signature field and its signature (ISO 32000-2 7.5.6, 12.7.5.5).

Objects that change are copied as they were written, with one value exchanged; so nothing is lost in translation, and every byte
of the source stays where it is. The new cross-reference has the kind of the last one, table or stream.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from signing.pdf.document import View
from signing.pdf.fields import fields_of, form_of
from signing.pdf.syntax import Array, Dictionary, Malformed, Ref, String, Value

_HOLE = 10
"""Digits of each number in ByteRange: enough for files of 9 GB."""
_SIGNED_ONCE = 3
"""SigFlags: SignaturesExist and AppendOnly (table 225)."""
_WIDGET = "/Type/Annot/Subtype/Widget/FT/Sig/Rect[0 0 0 0]/F 132"
"""Without area on the page; F: Print and Locked (table 167), as PDF/A asks."""


@dataclass(frozen=True, slots=True)
class Increment:
    """What is to be appended. `gap` and `resume`: where in the whole file the hex string of Contents begins and ends."""

    content: bytes
    gap: int
    resume: int


@dataclass(slots=True)
class _Revision:
    """Objects of the new revision as they will be written, by number."""

    view: View
    next_number: int
    objects: dict[int, bytes] = field(default_factory=dict)
    generations: dict[int, int] = field(default_factory=dict)

    def new(self, written: bytes = b"") -> Ref:
        """Takes a number for a new object."""
        ref = Ref(self.next_number, 0)
        self.next_number += 1
        self.objects[ref.number] = written
        return ref

    def put(self, ref: Ref, written: bytes) -> None:
        """Writes an object again."""
        self.objects[ref.number] = written
        self.generations[ref.number] = ref.generation


def free_name(view: View, wanted: str) -> str:
    """The name of the new field: the wanted one, or the first free of Signature1, Signature2; raises `Malformed` when taken."""
    taken = {one.name for one in fields_of(view)}
    if wanted:
        if wanted in taken or "." in wanted:
            raise Malformed(f"a field named {wanted[:64]!r} stands in the document already, or cannot be named so")
        return wanted
    return next(name for number in range(1, len(taken) + 2) if (name := f"Signature{number}") not in taken)


def increment(view: View, name: str, at: datetime, reserved: int) -> Increment:
    """The bytes to append for one signature of `reserved` bytes, claimed to be made `at`; raises `Malformed`."""
    raw = view.document.raw
    last = view.document.revisions[-1]
    first_free = max(last.size, max(view.entries, default=0) + 1)
    revision = _Revision(view, first_free)
    signature = revision.new()
    page_ref, page = _first_page(view)
    widget = revision.new(
        b"<<%b/T%b/V %d 0 R/P %d %d R>>" % (_WIDGET.encode("ascii"), _text(name), signature.number, *page_ref)
    )
    _add_field(revision, widget)
    _extend(revision, page_ref, page, b"Annots", widget)
    del revision.objects[signature.number]
    return _write(revision, raw, signature, _Signature(at, reserved))


@dataclass(frozen=True, slots=True)
class _Signature:
    at: datetime
    reserved: int

    def head(self) -> bytes:
        """The signature dictionary up to its ByteRange."""
        date = self.at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'").encode("ascii")
        return b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(%b)/ByteRange" % date


def _first_page(view: View) -> tuple[Ref, Dictionary]:
    ref = view.catalog.get(b"Pages")
    for _ in range(64):
        if not isinstance(ref, Ref):
            raise Malformed("the first page is no indirect object")
        node = view.dictionary(ref, "a node of the page tree")
        if b"Kids" not in node:
            return ref, node
        kids = view.array(node[b"Kids"], "Kids")
        if not kids:
            raise Malformed("a document without pages")
        ref = kids[0]
    raise Malformed("a page tree that is too deep")


def _add_field(revision: _Revision, widget: Ref) -> None:
    """The field into the form, which is made where there is none."""
    view = revision.view
    held = view.catalog.get(b"AcroForm")
    form = form_of(view)
    if form is None:
        made = revision.new(b"<</Fields[%d 0 R]/SigFlags %d>>" % (widget.number, _SIGNED_ONCE))
        revision.put(view.root, _exchanged(revision, view.root, view.catalog, {b"AcroForm": b"%d 0 R" % made.number}))
        return
    fields = form.get(b"Fields")
    changes: dict[bytes, bytes] = {}
    if form.get(b"SigFlags") != _SIGNED_ONCE:
        changes[b"SigFlags"] = b"%d" % _SIGNED_ONCE
    owner = held if isinstance(held, Ref) else view.root
    if isinstance(fields, Ref):
        revision.put(fields, _longer(revision, fields, view.array(fields, "Fields"), widget))
    else:
        changes[b"Fields"] = _longer(revision, owner, view.array(fields, "Fields"), widget)
    if not changes:
        return
    written = _exchanged(revision, owner, form, changes)
    if not isinstance(held, Ref):
        written = _exchanged(revision, view.root, view.catalog, {b"AcroForm": written})
    revision.put(owner, written)


def _extend(revision: _Revision, ref: Ref, dictionary: Dictionary, key: bytes, widget: Ref) -> None:
    """One more reference in an array of a dictionary, wherever that array stands."""
    value = dictionary.get(key)
    array = revision.view.array(value, key.decode("ascii"))
    if isinstance(value, Ref) and revision.view.at(value) is not None:
        if value.number in revision.objects:
            return  # one array serves as Fields and as Annots, and has the widget already
        revision.put(value, _longer(revision, value, array, widget))
    else:
        revision.put(ref, _exchanged(revision, ref, dictionary, {key: _longer(revision, ref, array, widget)}))


def _source(revision: _Revision, ref: Ref) -> bytes:
    """The bytes in which an object stands as written, which its places count from."""
    view = revision.view
    entry = view.entry(ref.number)
    if entry is None:
        raise Malformed(f"object {ref.number} is missing")
    if entry.kind == 1:
        return view.document.raw
    container = view.entry(entry.place)
    if container is None:
        raise Malformed(f"object stream {entry.place} is missing")
    return view.document.plain(entry.place, container, view)


def _exchanged(revision: _Revision, ref: Ref, dictionary: Dictionary, changes: dict[bytes, bytes]) -> bytes:
    """A dictionary of this object as written, with some values exchanged or added."""
    source = _source(revision, ref)
    parts: list[bytes] = []
    for key, (start, end) in dictionary.spans.items():
        written = changes.get(key, source[start:end])
        parts.append(b"%b %b" % (_name(key), written))
    parts += [b"%b %b" % (_name(key), written) for key, written in changes.items() if key not in dictionary]
    return b"<<" + b"\n".join(parts) + b">>"


def _longer(revision: _Revision, ref: Ref, array: Array, widget: Ref) -> bytes:
    """An array of this object as written, with one more reference."""
    if not array:
        return b"[%d 0 R]" % widget.number
    return _source(revision, ref)[array.start : array.end - 1] + b" %d 0 R]" % widget.number


def _name(key: bytes) -> bytes:
    return b"/" + re.sub(rb"[^!-\"$&'*-.0-;=?-Z\\^-z|~]", lambda found: b"#%02X" % found.group()[0], key)


def _text(name: str) -> bytes:
    """A text string: ASCII as it is, else UTF-16 (7.9.2.2)."""
    if name.isascii() and name.isprintable():
        return b"(" + re.sub(rb"([()\\])", rb"\\\1", name.encode("ascii")) + b")"
    return b"<FEFF" + name.encode("utf-16-be").hex().upper().encode("ascii") + b">"


def _write(revision: _Revision, raw: bytes, signature: Ref, made: _Signature) -> Increment:
    """All objects, the signature last, then the cross-reference and the end of the file."""
    out = bytearray(b"" if raw.endswith((b"\n", b"\r")) else b"\n")
    places: dict[int, int] = {}
    for number, written in sorted(revision.objects.items()):
        places[number] = len(raw) + len(out)
        out += b"%d %d obj\n%b\nendobj\n" % (number, revision.generations.get(number, 0), written)
    places[signature.number] = len(raw) + len(out)
    out += b"%d 0 obj\n%b" % (signature.number, made.head())
    numbers = len(out)
    out += b" " * (3 * (_HOLE + 1) + 4) + b"/Contents"
    gap = len(raw) + len(out)
    out += b"<" + b"0" * (2 * made.reserved) + b">"
    resume = len(raw) + len(out)
    out += b">>\nendobj\n"
    startxref = len(raw) + len(out)
    out += _cross_reference(revision, places, startxref)
    out += b"startxref\n%d\n%%%%EOF\n" % startxref
    ranges = b"[0 %d %d %d]" % (gap, resume, len(raw) + len(out) - resume)
    out[numbers : numbers + len(ranges)] = ranges
    return Increment(bytes(out), gap, resume)


def _cross_reference(revision: _Revision, places: dict[int, int], startxref: int) -> bytes:
    last = revision.view.document.revisions[-1]
    if last.streams and not last.hybrid:
        return _stream(revision, places, startxref)
    rows = bytearray(b"xref\n")
    for first, numbers in _runs(sorted(places)):
        rows += b"%d %d\n" % (first, len(numbers))
        for number in numbers:
            rows += b"%010d %05d n \n" % (places[number], revision.generations.get(number, 0))
    return bytes(rows) + b"trailer\n<<%b>>\n" % _trailer(revision, revision.next_number)


def _stream(revision: _Revision, places: dict[int, int], startxref: int) -> bytes:
    own = revision.next_number
    places = {**places, own: startxref}
    index = b" ".join(b"%d %d" % (first, len(numbers)) for first, numbers in _runs(sorted(places)))
    rows = b"".join(
        b"\x01" + places[number].to_bytes(5, "big") + revision.generations.get(number, 0).to_bytes(2, "big")
        for number in sorted(places)
    )
    head = b"/Type/XRef/W[1 5 2]/Index[%b]/Length %d%b" % (index, len(rows), _trailer(revision, own + 1))
    return b"%d 0 obj\n<<%b>>\nstream\n%b\nendstream\nendobj\n" % (own, head, rows)


def _runs(numbers: list[int]) -> list[tuple[int, list[int]]]:
    runs: list[tuple[int, list[int]]] = []
    for number in numbers:
        if runs and runs[-1][0] + len(runs[-1][1]) == number:
            runs[-1][1].append(number)
        else:
            runs.append((number, [number]))
    return runs


def _trailer(revision: _Revision, size: int) -> bytes:
    """Size, Root, Prev, and Info and ID as they were; the second part of ID is of this revision (14.4)."""
    view = revision.view
    last = view.document.revisions[-1]
    written = b"/Size %d/Root %d %d R/Prev %d" % (size, *view.root, last.startxref)
    info = view.info
    if isinstance(info, Ref):
        written += b"/Info %d %d R" % info
    first = _identifier(view)
    if first:
        changed = hashlib.sha256(b"".join(revision.objects[number] for number in sorted(revision.objects))).hexdigest()
        written += b"/ID[%b<%b>]" % (first, changed[:32].upper().encode("ascii"))
    return written


def _identifier(view: View) -> bytes:
    identifier: Value = view.at(view.trailer.get(b"ID"))
    if not isinstance(identifier, Array) or not identifier:
        return b""
    first = view.at(identifier[0])
    return b"<%b>" % first.value.hex().upper().encode("ascii") if isinstance(first, String) else b""
