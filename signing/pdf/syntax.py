"""The written form of PDF objects, read from bytes with the place of everything that was read (ISO 32000-2 clause 7.3).

Positions are what signatures are about: which bytes the value of Contents takes, where a dictionary may be spliced. A reader
that hands out values alone cannot say that. Nothing is repaired: what two readers could read in two ways is `Malformed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Malformed(Exception):
    """These bytes are not a PDF in the sense of ISO 32000; never leaves `signing.pdf`. `limit`: only too large to be read."""

    def __init__(self, detail: str, *, limit: bool = False) -> None:
        self.detail = detail
        self.limit = limit
        super().__init__(detail)


class Ref(NamedTuple):
    """An indirect reference, "12 0 R"."""

    number: int
    generation: int


class Name(bytes):
    """A name without its slash, with #xx resolved."""

    __slots__ = ()


class Meter:
    """How many more tokens may be read from one document: reading costs time by tokens, not by bytes."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, tokens: int = 1) -> None:
        """Raises `Malformed` when nothing is left."""
        self.left -= tokens
        if self.left < 0:
            raise Malformed("more objects to read than a document of this size may hold", limit=True)


@dataclass(frozen=True, slots=True)
class String:
    """A string: its bytes, and where its written form with delimiters stands. Two strings are equal when their bytes are."""

    value: bytes
    start: int = field(compare=False)
    end: int = field(compare=False)
    hexadecimal: bool = field(default=False, compare=False)


class Array(list["Value"]):
    """An array; `start` and `end` of its written form with brackets."""

    __slots__ = ("end", "start")
    start: int
    end: int


class Dictionary(dict[bytes, "Value"]):
    """A dictionary; `spans` of its values as written. `repeated`: the first key that stands twice, else None."""

    __slots__ = ("end", "repeated", "spans", "start")
    start: int
    end: int
    spans: dict[bytes, tuple[int, int]]
    repeated: bytes | None


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its dictionary, and where its bytes begin. How long it is stands in the dictionary, perhaps elsewhere."""

    dictionary: Dictionary
    start: int = field(compare=False)


Value = None | bool | int | float | Name | String | Ref | Array | Dictionary | Stream

MAX_DEPTH = 64
MAX_NUMBER = 19
_SPACE = re.compile(rb"(?:[\x00\t\n\x0c\r ]+|%[^\r\n]*)*+")
_TOKEN = re.compile(
    rb"(?P<ref>\d{1,10}[\x00\t\n\x0c\r ]{1,9}\d{1,5}[\x00\t\n\x0c\r ]{1,9}R(?![^\x00\t\n\x0c\r ()<>\[\]{}/%]))"
    rb"|(?P<number>[+-]?(?:\d++\.?\d*+|\.\d++)(?![^\x00\t\n\x0c\r ()<>\[\]{}/%]))"
    rb"|(?P<name>/[^\x00\t\n\x0c\r ()<>\[\]{}/%]*+)"
    rb"|(?P<open><<|\[)"
    rb"|(?P<hex><[0-9A-Fa-f\x00\t\n\x0c\r ]*+>)"
    rb"|(?P<text>\()"
    rb"|(?P<word>(?:true|false|null)(?![^\x00\t\n\x0c\r ()<>\[\]{}/%]))"
)
_PAREN = re.compile(rb"[()\\]")
_ESCAPE = re.compile(rb"\\(?:([nrtbf()\\])|([0-7]{1,3})|(\r\n|\r|\n)|(.)|$)|\r\n?", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"(": b"(", b")": b")", b"\\": b"\\"}
_HEX_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")
_HEADER = re.compile(rb"(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj")
_STREAM = re.compile(rb"stream(?:\r\n|\n|\r)")
_WORDS: dict[bytes, bool | None] = {b"true": True, b"false": False, b"null": None}


def skip_space(raw: bytes, position: int) -> int:
    """The next place that is neither white space nor comment."""
    found = _SPACE.match(raw, position)
    return found.end() if found else position


def read_value(raw: bytes, position: int, meter: Meter, depth: int = 0) -> tuple[Value, int]:
    """One object, and where the next begins; raises `Malformed`."""
    position = skip_space(raw, position)
    token = _TOKEN.match(raw, position)
    if token is None:
        raise Malformed(f"no object at {position}")
    kind, end, written = token.lastgroup, token.end(), token.group()
    if kind == "name":
        return name_of(written), end
    if kind == "number":
        return _number(written), end
    if kind == "ref":
        first, second, _ = written.replace(b"\x00", b" ").split()
        return Ref(int(first), int(second)), end
    if kind == "open":
        if depth >= MAX_DEPTH:
            raise Malformed(f"nested deeper than {MAX_DEPTH} at {position}", limit=True)
        return (_dictionary if written == b"<<" else _array)(raw, position, meter, depth + 1)
    if kind == "hex":
        return _hexadecimal(written, position, end), end
    if kind == "text":
        return _literal(raw, position)
    return _WORDS[written], end


def read_object(raw: bytes, position: int, meter: Meter) -> tuple[Ref, Value, int]:
    """One indirect object at exactly this place (white space before it is tolerated), and where its value ends.

    For a stream the end is where its bytes begin. Raises `Malformed`.
    """
    if not 0 <= position < len(raw):
        raise Malformed(f"object at {position} lies outside the file")
    header = _HEADER.match(raw, skip_space(raw, position))
    if header is None:
        raise Malformed(f"no object header at {position}")
    value, end = read_value(raw, header.end(), meter)
    end = skip_space(raw, end)
    ref = Ref(int(header[1]), int(header[2]))
    if isinstance(value, Dictionary) and raw.startswith(b"stream", end):
        begins = _STREAM.match(raw, end)
        if begins is None:
            raise Malformed(f"no line end after the word stream at {end}")
        return ref, Stream(value, begins.end()), begins.end()
    if not raw.startswith(b"endobj", end):
        raise Malformed(f"object {ref.number} at {position} does not end in endobj")
    return ref, value, end + 6


def name_of(written: bytes) -> Name:
    """A name as written, with its slash, as a name."""
    bare = written[1:]
    if b"#" in bare:
        bare = _HEX_NAME.sub(lambda found: bytes((int(found[1], 16),)), bare)
    return Name(bare)


def text_of(value: bytes) -> str:
    """A text string in Unicode (clause 7.9.2.2): UTF-16 or UTF-8 by its mark, else Latin letters; never fails."""
    if value.startswith(b"\xfe\xff"):
        return value[2:].decode("utf-16-be", "replace")
    if value.startswith(b"\xff\xfe"):
        return value[2:].decode("utf-16-le", "replace")
    if value.startswith(b"\xef\xbb\xbf"):
        return value[3:].decode("utf-8", "replace")
    return value.decode("latin-1")


def references(value: Value) -> Iterator[Ref]:
    """All indirect references within one object; the object is as deep as `MAX_DEPTH` at most."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Stream):
        yield from references(value.dictionary)
    elif isinstance(value, Dictionary):
        for one in value.values():
            yield from references(one)
    elif isinstance(value, Array):
        for one in value:
            yield from references(one)


def has_twins(dictionary: Dictionary) -> bool:
    """Whether a key stands twice in it as written; never in one that was not read from a file."""
    return getattr(dictionary, "repeated", None) is not None


def same(one: Value, other: Value) -> bool:
    """Whether two values are written with the same meaning; 1 and true are not the same, nor 1 and 1.0. Not for streams."""
    if isinstance(one, Dictionary) and isinstance(other, Dictionary):
        if has_twins(one) or has_twins(other):
            return False  # some readers take the first of two values, some the last
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Array) and isinstance(other, Array):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def _number(written: bytes) -> int | float:
    if len(written) > 64:
        raise Malformed("a number of more than 64 characters")
    if b"." in written:
        return float(written)
    if len(written) > MAX_NUMBER:
        raise Malformed(f"an integer of more than {MAX_NUMBER} digits")
    return int(written)


def _hexadecimal(written: bytes, start: int, end: int) -> String:
    digits = re.sub(rb"[\x00\t\n\x0c\r ]+", b"", written[1:-1])
    if len(digits) % 2:
        digits += b"0"
    return String(bytes.fromhex(digits.decode("ascii")), start, end, hexadecimal=True)


def _literal(raw: bytes, start: int) -> tuple[String, int]:
    depth, position = 1, start + 1
    while depth:
        found = _PAREN.search(raw, position)
        if found is None:
            raise Malformed(f"a string that begins at {start} never ends")
        position = found.end()
        if found.group() == b"\\":
            position += 1
        else:
            depth += 1 if found.group() == b"(" else -1
    return String(_ESCAPE.sub(_unescape, raw[start + 1 : position - 1]), start, position), position


def _unescape(found: re.Match[bytes]) -> bytes:
    letter, octal, line, other = found.groups()
    if letter:
        return _ESCAPED[letter]
    if octal:
        return bytes((int(octal, 8) & 0xFF,))
    if line:
        return b""
    return other or (b"\n" if found.group().startswith(b"\r") else b"")


def _array(raw: bytes, start: int, meter: Meter, depth: int) -> tuple[Array, int]:
    array = Array()
    array.start, position = start, skip_space(raw, start + 1)
    while not raw.startswith(b"]", position):
        meter.spend()
        one, position = read_value(raw, position, meter, depth)
        array.append(one)
        position = skip_space(raw, position)
    array.end = position + 1
    return array, array.end


def _dictionary(raw: bytes, start: int, meter: Meter, depth: int) -> tuple[Dictionary, int]:
    dictionary = Dictionary()
    dictionary.start, dictionary.spans, dictionary.repeated = start, {}, None
    position = skip_space(raw, start + 2)
    while not raw.startswith(b">>", position):
        meter.spend(2)
        key, position = read_value(raw, position, meter, depth)
        if not isinstance(key, Name):
            raise Malformed(f"a key that is no name at {position}")
        begins = skip_space(raw, position)
        value, position = read_value(raw, begins, meter, depth)
        if key in dictionary:
            dictionary.repeated = dictionary.repeated or bytes(key)
        dictionary[bytes(key)] = value
        dictionary.spans[bytes(key)] = (begins, position)
        position = skip_space(raw, position)
    dictionary.end = position + 2
    return dictionary, dictionary.end
