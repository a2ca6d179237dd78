"""Hostile PDF structures below 2 MB: each makes a careless reader slow, large or endless. Named after what grows."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from tests.unit.signing.pdf.kit import appended, classic, objects, packed, stream

_MIB = 1 << 20


def _xref_stream(rows: bytes, more: bytes, parts: dict[int, bytes] | None = None) -> bytes:
    """A document whose only cross-reference is this stream."""
    out = bytearray(b"%PDF-1.5\n")
    for number, written in (parts or {}).items():
        out += b"%d 0 obj\n%b\nendobj\n" % (number, written)
    start = len(out)
    out += b"9 0 obj\n" + stream(zlib.compress(rows, 9), b"/Type/XRef/Filter/FlateDecode" + more) + b"\nendobj\n"
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def deflate_in_the_cross_reference() -> bytes:
    """A quarter of a megabyte that inflates to a quarter of a gigabyte."""
    engine = zlib.compressobj(9)
    bomb = b"".join(engine.compress(bytes(_MIB)) for _ in range(250)) + engine.flush()
    head = b"/Type/XRef/Filter/FlateDecode/W[1 4 2]/Size 9/Root 1 0 R"
    body = b"%PDF-1.5\n9 0 obj\n" + stream(bomb, head) + b"\nendobj\n"
    return body + b"startxref\n9\n%%EOF\n"


def deflate_in_object_streams() -> bytes:
    """Forty object streams of 40 MB each, all asked for."""
    bomb = zlib.compress(bytes(40 * _MIB), 9)
    parts = objects(1) | {20 + at: stream(bomb, b"/Type/ObjStm/N 1/First 8/Filter/FlateDecode") for at in range(40)}
    raw = classic(parts)
    return appended(raw, {80: b"null"})


def deflate_twice() -> bytes:
    """A stack of filters."""
    bomb = zlib.compress(zlib.compress(bytes(_MIB * 64), 9), 9)
    head = b"/Type/XRef/Filter[/FlateDecode/FlateDecode]/W[1 4 2]/Size 9/Root 1 0 R"
    return b"%PDF-1.5\n9 0 obj\n" + stream(bomb, head) + b"\nendobj\nstartxref\n9\n%%EOF\n"


def objects_without_end() -> bytes:
    """Index promises a thousand million objects."""
    return _xref_stream(bytes(70), b"/W[1 4 2]/Size 1000000000/Index[0 1000000000]/Root 1 0 R")


def rows_without_width() -> bytes:
    """Rows of no bytes at all."""
    return _xref_stream(b"", b"/W[0 0 0]/Size 1000000000/Root 1 0 R")


def object_stream_in_itself() -> bytes:
    """Object 1 lies in stream 5, which lies in itself."""
    rows = b"".join(bytes((2,)) + (5).to_bytes(4, "big") + bytes(2) for _ in range(6))
    return _xref_stream(rows, b"/W[1 4 2]/Size 6/Root 1 0 R")


def object_stream_whose_length_lies_in_it() -> bytes:
    """To read the stream one must know its length, which stands in the stream."""
    packed_object = b"<</Type/ObjStm/N 2/First 8/Length 7 0 R>>\nstream\n1 0 7 5 <<>> 12   \nendstream"
    out = b"%PDF-1.5\n5 0 obj\n" + packed_object + b"\nendobj\n"
    rows = b"".join(
        bytes((kind,)) + place.to_bytes(4, "big") + detail.to_bytes(2, "big")
        for kind, place, detail in (
            (0, 0, 0),
            (2, 5, 0),
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 0),
            (1, 9, 0),
            (0, 0, 0),
            (2, 5, 1),
        )
    )
    start = len(out)
    out += b"9 0 obj\n" + stream(rows, b"/Type/XRef/W[1 4 2]/Size 8/Root 1 0 R") + b"\nendobj\n"
    return out + b"startxref\n%d\n%%%%EOF\n" % start


def pages_in_a_loop() -> bytes:
    """A page tree node is its own kid."""
    return classic({**objects(1), 2: b"<</Type/Pages/Kids[2 0 R 10 0 R]/Count 2>>"})


def pages_that_fan_out() -> bytes:
    """Every level of the page tree names the next one ten times."""
    parts = {1: b"<</Type/Catalog/Pages 20 0 R>>", 4: b"<<>>"}
    for level in range(20, 50):
        parts[level] = b"<</Type/Pages/Kids[%b]>>" % (b"%d 0 R " % (level + 1) * 10)
    return classic(parts)


def pages_without_number() -> bytes:
    """Thirty thousand pages."""
    kids = b"".join(b"%d 0 R " % number for number in range(10, 30_010))
    parts = {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[%b]>>" % kids, 4: b"<<>>"}
    return classic(parts | dict.fromkeys(range(10, 30_010), b"<<>>"))


def fields_in_a_loop() -> bytes:
    """A field is its own kid."""
    form = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>"
    return classic({**objects(1), 1: form, 6: b"<</T(a)/Kids[6 0 R]>>"})


def fields_without_number() -> bytes:
    """Twenty thousand widgets below one field, in each of sixty revisions."""
    kids = b"".join(b"%d 0 R " % number for number in range(10, 20_010))
    parts = {
        1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
        2: b"<</Type/Pages/Kids[]>>",
        4: b"<<>>",
        6: b"<</T(a)/FT/Sig/Kids[%b]>>" % kids,
    }
    raw = classic(parts | dict.fromkeys(range(10, 20_010), b"<</A 1>>"))
    for _ in range(60):
        raw = appended(raw, {5: b"null"})
    return raw


def revisions_without_number() -> bytes:
    """Ten thousand revisions."""
    raw = classic(objects(1))
    pieces, size = [raw], len(raw)
    previous = int(raw[raw.rindex(b"startxref") + 9 :].split()[0])
    for _ in range(12_000):
        piece = b"xref\n0 0\ntrailer\n<</Size 30/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (previous, size)
        previous, size = size, size + len(piece)
        pieces.append(piece)
    return b"".join(pieces)


def ends_without_number() -> bytes:
    """The word startxref two hundred thousand times."""
    return b"%PDF-1.4\n" + b"startxref " * 190_000 + b"\n0\n%%EOF"


def ends_that_lead_nowhere() -> bytes:
    """Eighty thousand ends, each with a place where nothing stands."""
    return b"%PDF-1.4\n" + b"startxref\n12\n%%EOF\n" * 90_000


def brackets() -> bytes:
    """A million opened arrays."""
    return classic({**objects(1), 1: b"<</Type/Catalog/Pages " + b"[" * 1_000_000})


def tokens() -> bytes:
    """A million numbers in the catalog."""
    return classic({**objects(1), 1: b"<</Type/Catalog/Pages 2 0 R/A[" + b"1 " * 950_000 + b"]>>"})


def strings_within_strings() -> bytes:
    """Every object is a string that holds all later objects, in two revisions: each reader of all of them reads a square."""
    count = 30_000
    out = bytearray(b"%PDF-1.4\n")
    rows = bytearray(b"xref\n0 %d\n0000000000 65535 f \n" % (count + 1))
    for number in range(1, count + 1):
        rows += b"%010d 00000 n \n" % len(out)
        out += b"%d 0 obj(" % number
    out += b")" * count + b"endobj\n"
    start = len(out)
    out += rows + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count + 1, start)
    return bytes(out)


def paths_without_number() -> bytes:
    """Every object refers twice to the next: two to the four-hundredth ways from the catalog to the last."""
    parts = objects(1) | {1: b"<</Type/Catalog/Pages 2 0 R/A 100 0 R>>"}
    for number in range(100, 500):
        parts[number] = b"[%d 0 R %d 0 R]" % (number + 1, number + 1)
    return appended(classic(parts), {3: b"<</Type/Font>>"})


def comments() -> bytes:
    """A megabyte of comments between two words."""
    return classic({**objects(1), 1: b"<<" + b"%\n" * 900_000 + b"/Type/Catalog/Pages 2 0 R>>"})


def digits() -> bytes:
    """A number of a million digits."""
    return classic({**objects(1), 1: b"<</Type/Catalog/Pages 2 0 R/A " + b"9" * 1_000_000 + b">>"})


def objects_in_one_stream() -> bytes:
    """A hundred thousand objects in one object stream."""
    parts = {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]>>", 4: b"<<>>"}
    return packed_quickly(parts, 100_000)


def packed_quickly(parts: dict[int, bytes], count: int) -> bytes:
    """An object stream of many small objects, its table beside it."""
    inside = parts | dict.fromkeys(range(10, count), b"0")
    order = {number: at for at, number in enumerate(inside)}
    heads, body = bytearray(), bytearray()
    for number, written in inside.items():
        heads += b"%d %d " % (number, len(body))
        body += written + b" "
    rows = bytearray()
    for number in range(count + 2):
        rows += (
            bytes((2 if number in order else 0,)) + count.to_bytes(4, "big") + order.get(number, 0).to_bytes(3, "big")
        )
    rows[8 * count : 8 * count + 8] = b"\x01" + (9).to_bytes(4, "big") + bytes(3)
    head = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(inside), len(heads))
    out = b"%PDF-1.5\n" + b"%d 0 obj\n" % count + stream(zlib.compress(bytes(heads + body)), head) + b"\nendobj\n"
    start = len(out)
    table = b"/Type/XRef/W[1 4 3]/Size %d/Root 1 0 R/Filter/FlateDecode" % (count + 2)
    out += b"%d 0 obj\n" % (count + 1) + stream(zlib.compress(bytes(rows)), table) + b"\nendobj\n"
    return out + b"startxref\n%d\n%%%%EOF\n" % start


BOMBS: dict[str, Callable[[], bytes]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        deflate_in_the_cross_reference,
        deflate_in_object_streams,
        deflate_twice,
        objects_without_end,
        rows_without_width,
        object_stream_in_itself,
        object_stream_whose_length_lies_in_it,
        pages_in_a_loop,
        pages_that_fan_out,
        pages_without_number,
        fields_in_a_loop,
        fields_without_number,
        revisions_without_number,
        ends_without_number,
        ends_that_lead_nowhere,
        brackets,
        tokens,
        strings_within_strings,
        paths_without_number,
        comments,
        digits,
        objects_in_one_stream,
    )
}
"""Below 2 MB each."""


def _many_paths() -> bytes:
    parts = objects(1) | {1: b"<</Type/Catalog/Pages 2 0 R/A 100 0 R>>"}
    return classic(parts | {number: b"[%d 0 R %d 0 R]" % (number + 1, number + 1) for number in range(100, 500)})


def _many_objects() -> bytes:
    kids = b"".join(b"%d 0 R " % number for number in range(100, 24_000))
    parts = objects(1) | {1: b"<</Type/Catalog/Pages 2 0 R/A[" + kids + b"]>>"}
    return classic(parts | dict.fromkeys(range(100, 24_000), b"[1 2 3]"))


def _many_tokens() -> bytes:
    parts = objects(1) | {1: b"<</Type/Catalog/Pages 2 0 R/A 6 0 R>>", 6: b"[" + b"2 0 R " * 250_000 + b"]"}
    return classic(parts)


TO_SIGN: dict[str, Callable[[], bytes]] = {
    "many-paths": _many_paths,
    "many-objects": _many_objects,
    "many-references": _many_tokens,
    "much-content": lambda: packed(objects(2, filler=1_500_000)),
}
"""Documents below 2 MB that may well be signed: comparing their revisions must stay within the bounds too."""
