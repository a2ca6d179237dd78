"""PDF objects are read with their places, or not at all."""

from __future__ import annotations

import pytest

from signing.pdf.filters import Budget, decoded
from signing.pdf.syntax import (
    Array,
    Dictionary,
    Malformed,
    Meter,
    Name,
    Ref,
    Stream,
    String,
    Value,
    read_object,
    read_value,
    references,
    same,
    text_of,
)


def _read(raw: bytes) -> Value:
    return read_value(raw, 0, Meter(1000))[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"null", None),
        (b"true", True),
        (b"-12", -12),
        (b"+.5", 0.5),
        (b"/A#42C", Name(b"ABC")),
        (b"/", Name(b"")),
        (b"12 0 R", Ref(12, 0)),
        (b"(a\\)(b)\\101\\n\\\r\nc)", String(b"a)(b)A\nc", 0, 0)),
        (b"(a\r\nb\rc)", String(b"a\nb\nc", 0, 0)),
        (b"<48 65 6c6C6>", String(b"Hell`", 0, 0)),
        (b"[1 0 2 0 R]", [1, 0, Ref(2, 0)]),
        (b"%x\n<</A<</B[]>>/C 1>>", {b"A": {b"B": []}, b"C": 1}),
    ],
)
def test_each_kind_of_object_is_read_as_written(written: bytes, meant: object) -> None:
    """Escapes, octal digits, line ends, comments and odd hex digits mean what ISO 32000-2 7.3 says."""
    assert _read(written) == meant


@pytest.mark.parametrize(
    "written",
    [b"", b"truex", b"<4g>", b"(never", b"[1 2", b"<</A 1", b"<<1 2>>", b"12R", b"1 %c\n0 R]", b"R", b"9" * 30, b"1e5"],
)
def test_what_is_no_object_is_malformed_and_nothing_else(written: bytes) -> None:
    """Nothing is guessed and no other exception leaves the reader."""
    with pytest.raises(Malformed):
        _read(b"[" + written if written.endswith(b"]") else written)


def test_a_dictionary_knows_where_its_values_stand_and_which_key_is_repeated() -> None:
    """Places are what signatures are about; two readers may take two of two equal keys."""
    raw = b"  <</A (x)/B <41>/A 2>>"
    found = _read(raw)
    assert isinstance(found, Dictionary)
    assert (found.start, found.end, found.repeated) == (2, len(raw), b"A")
    start, end = found.spans[b"B"]
    assert raw[start:end] == b"<41>"
    inner = found[b"B"]
    assert isinstance(inner, String)
    assert (inner.start, inner.end, inner.hexadecimal) == (start, end, True)


def test_an_object_must_end_where_it_says() -> None:
    """An object without endobj, or behind the end of the file, is none; a stream tells where its bytes begin."""
    written = b"\n7 0 obj<</Length 2>>stream\r\nab\nendstream endobj"
    ref, value, _ = read_object(written, 0, Meter(10))
    assert ref == Ref(7, 0)
    assert isinstance(value, Stream)
    assert value.start == written.index(b"ab")
    for raw, place in (
        (b"7 0 obj 1 2 endobj", 0),
        (b"7 0 obj 1", 0),
        (b"7 0 obj 1 endobj", 99),
        (b"7 0 obj 1 endobj", -1),
    ):
        with pytest.raises(Malformed):
            read_object(raw, place, Meter(10))


def test_depth_and_tokens_are_bounded() -> None:
    """A file of brackets neither exhausts the stack nor the clock: it is over the limit."""
    for raw in (b"[" * 5000, b"<</A" * 5000, b"[" + b"1 " * 5000 + b"]"):
        with pytest.raises(Malformed) as refused:
            _read(raw)
        assert refused.value.limit


def test_values_are_the_same_only_in_kind_and_content() -> None:
    """1, 1.0 and true are three values; a string is the same string in hex; order of keys has no meaning."""
    assert same(_read(b"<</A 1/B(a)>>"), _read(b"<</B<61>/A 1>>"))
    for one, other in (
        (b"1", b"1.0"),
        (b"1", b"true"),
        (b"/A", b"(A)"),
        (b"[1]", b"[1 1]"),
        (b"<</A 1>>", b"<</A 1/B 2>>"),
    ):
        assert not same(_read(one), _read(other))


def test_references_are_found_at_any_depth() -> None:
    """In arrays, dictionaries, and the dictionary of a stream."""
    value = _read(b"[1 0 R<</A[2 0 R]/B<</C 3 1 R>>>>]")
    assert isinstance(value, Array)
    assert list(references(value)) == [Ref(1, 0), Ref(2, 0), Ref(3, 1)]


def test_names_in_vietnamese_are_read_in_every_encoding() -> None:
    """UTF-16 with either mark, UTF-8 with its mark; anything else as Latin letters, without failing."""
    name = "Nguyễn Thị Ánh"
    for raw in (
        b"\xfe\xff" + name.encode("utf-16-be"),
        b"\xff\xfe" + name.encode("utf-16-le"),
        b"\xef\xbb\xbf" + name.encode(),
    ):
        assert text_of(raw) == name
    assert text_of(b"\xc1nh\xff") == "\xc1nh\xff"


def test_a_deflate_bomb_ends_at_the_budget() -> None:
    """One megabyte of zeros from a kilobyte is too much when half a megabyte is left."""
    import zlib

    flate = _read(b"<</Filter/FlateDecode>>")
    assert isinstance(flate, Dictionary)
    packed = zlib.compress(bytes(1_000_000))
    assert len(decoded(flate, packed, Budget(1_000_000))) == 1_000_000
    for content, left in ((packed, 500_000), (packed[:-20], 2_000_000), (b"no deflate", 2_000_000)):
        with pytest.raises(Malformed):
            decoded(flate, content, Budget(left))
