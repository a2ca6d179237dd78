"""Strict DER without recursion: one level is read at a time, so neither depth nor length of hostile input costs anything.

What is signed must have one reading only. So lengths are definite and minimal, tags are single octets, integers and object
identifiers minimal, times end with Z. BER of older software (indefinite lengths, strings in pieces) is brought into definite form
first, by `definite`, which is bounded in depth and in elements. Sources: X.690 (2021) clauses 8 to 11, RFC 5280 4.1.2.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
BOOLEAN, UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x01, 0x17, 0x18, 0x30, 0x31

_MAX_DEPTH = 32
_MAX_ELEMENTS = 500_000
_MAX_OID = 64
_PIECES = 0x24  # an OCTET STRING in pieces


class DerError(ValueError):
    """These bytes are not DER of the expected shape. Inside signing only: readers turn it into an observation."""


class BerLength(DerError):
    """A length that BER allows and DER does not; `definite` may help."""


class Element:
    """One encoded value: where it stands in `source`. Bytes are cut out on demand."""

    __slots__ = ("body", "end", "source", "start", "tag")

    def __init__(self, source: bytes, start: int, body: int, end: int) -> None:
        self.source = source
        self.tag = source[start]
        self.start = start
        self.body = body
        self.end = end

    @property
    def raw(self) -> bytes:
        """The whole encoding: tag, length and content."""
        return self.source[self.start : self.end]

    @property
    def content(self) -> bytes:
        """The content alone."""
        return self.source[self.body : self.end]


def element(source: bytes, start: int = 0, end: int | None = None) -> Element:
    """The value that begins at `start` and lies before `end`; raises `DerError`."""
    limit = len(source) if end is None else end
    if start + 2 > limit:
        raise DerError(f"cut off at {start}")
    if source[start] & 0x1F == 0x1F:
        raise DerError(f"long tag at {start}")
    length = source[start + 1]
    body = start + 2
    if length & 0x80:
        octets = length & 0x7F
        if octets == 0:
            raise BerLength(f"indefinite length at {start}")
        if octets > 8 or body + octets > limit:
            raise DerError(f"length of {octets} octets at {start}")
        length = int.from_bytes(source[body : body + octets], "big")
        if length < 0x80 or source[body] == 0:
            raise BerLength(f"length not minimal at {start}")
        body += octets
    if body + length > limit:
        raise DerError(f"longer than what is there at {start}")
    return Element(source, start, body, body + length)


def whole(source: bytes, tag: int) -> Element:
    """The one value of this tag that fills `source`; raises `DerError`, also for anything behind it."""
    only = expect(element(source), tag)
    if only.end != len(source):
        raise DerError(f"{len(source) - only.end} bytes behind the value")
    return only


def children(parent: Element, most: int = 4096) -> list[Element]:
    """The values inside a constructed one, one level only."""
    if not parent.tag & 0x20:
        raise DerError(f"not constructed at {parent.start}")
    found: list[Element] = []
    source, at, end = parent.source, parent.body, parent.end
    while at < end:
        if len(found) == most:
            raise DerError(f"more than {most} values at {parent.start}")
        child = element(source, at, end)
        found.append(child)
        at = child.end
    return found


def expect(found: Element, tag: int) -> Element:
    """The same element, when it has this tag; raises `DerError`."""
    if found.tag != tag:
        raise DerError(f"tag {found.tag:#04x} where {tag:#04x} belongs, at {found.start}")
    return found


def sole(parent: Element) -> Element:
    """The only value inside; raises `DerError`."""
    inside = children(parent, 2)
    if len(inside) != 1:
        raise DerError(f"one value expected at {parent.start}")
    return inside[0]


def integer(found: Element) -> int:
    """An INTEGER in its shortest form."""
    content = expect(found, INTEGER).content
    if not content or (len(content) > 1 and content[0] in (0, 0xFF) and (content[0] ^ content[1]) < 0x80):
        raise DerError(f"integer not minimal at {found.start}")
    return int.from_bytes(content, "big", signed=True)


def oid(found: Element) -> str:
    """An OBJECT IDENTIFIER with dots."""
    return _dotted(expect(found, OID).content)


def octets(found: Element) -> bytes:
    """The content of an OCTET STRING."""
    return expect(found, OCTET_STRING).content


def boolean(found: Element) -> bool:
    """A BOOLEAN: 00 or FF."""
    content = expect(found, BOOLEAN).content
    if content not in (b"\x00", b"\xff"):
        raise DerError(f"boolean at {found.start}")
    return content == b"\xff"


def moment(found: Element) -> datetime:
    """UTCTime or GeneralizedTime in Z with seconds (RFC 5280 4.1.2.5); fractions down to a microsecond are kept (RFC 3161)."""
    text = found.content
    if not (text.isascii() and text.endswith(b"Z")):
        raise DerError(f"time at {found.start}")
    digits, point, fraction = text[:-1].partition(b".")
    if found.tag == UTC_TIME and len(digits) == 12 and not point:
        digits = (b"19" if digits[:2] >= b"50" else b"20") + digits
    elif found.tag != GENERALIZED_TIME:
        raise DerError(f"time at {found.start}")
    badly_cut = point and (not fraction.isdigit() or fraction.endswith(b"0") or len(fraction) > 9)
    if len(digits) != 14 or not digits.isdigit() or badly_cut:
        raise DerError(f"time at {found.start}")
    try:
        whole_seconds = datetime.strptime(digits.decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise DerError(f"time at {found.start}") from None
    return whole_seconds.replace(microsecond=int(fraction.ljust(6, b"0")[:6] or b"0"))


def object_size(raw: bytes) -> int | None:
    """How many bytes the first value in `raw` takes, DER or BER; None when it is none. What follows is the caller's to judge."""
    try:
        return element(raw).end
    except BerLength:
        pass
    except DerError:
        return None
    try:
        return definite(raw)[1]
    except DerError:
        return None


def definite(raw: bytes) -> tuple[bytes, int]:
    """The first value of `raw` with definite minimal lengths and octet strings in one piece, and how many bytes it took.

    Order within sets, and contents of primitive values, stay as they are. Raises `DerError` over limits too.
    """
    parts: list[bytes] = []
    open_values: list[tuple[int, int, list[bytes]]] = []  # tag, end (-1: indefinite), what stood around it
    at = 0
    for _ in range(_MAX_ELEMENTS):
        tag, body, end = _ber_header(raw, at, open_values[-1][1] if open_values else len(raw))
        if tag == 0 and open_values and open_values[-1][1] < 0:
            if body != end:
                raise DerError(f"end of contents at {at}")
            at = end
            parts = _close(open_values.pop(), parts)
        elif tag & 0x20:
            if len(open_values) == _MAX_DEPTH:
                raise DerError("too deep")
            open_values.append((tag, end, parts))
            parts, at = [], body
        else:
            if end < 0:
                raise DerError(f"primitive of indefinite length at {at}")
            parts.append(encode(tag, raw[body:end]))
            at = end
        while open_values and open_values[-1][1] == at:
            parts = _close(open_values.pop(), parts)
        if not open_values:
            return parts[0], at
    raise DerError("too many values")


def _ber_header(raw: bytes, at: int, limit: int) -> tuple[int, int, int]:
    """Tag, begin and end (-1: indefinite) of the value at `at`; `limit` -1 where the parent's end is not known."""
    most = len(raw) if limit < 0 else limit
    if at + 2 > most or raw[at] & 0x1F == 0x1F:
        raise DerError(f"no value at {at}")
    length, body = raw[at + 1], at + 2
    if length == 0x80:
        return raw[at], body, -1
    if length & 0x80:
        count = length & 0x7F
        if count > 8 or body + count > most:
            raise DerError(f"length of {count} octets at {at}")
        length = int.from_bytes(raw[body : body + count], "big")
        body += count
    if body + length > most:
        raise DerError(f"longer than what is there at {at}")
    return raw[at], body, body + length


def _close(opened: tuple[int, int, list[bytes]], inside: list[bytes]) -> list[bytes]:
    tag, _, around = opened
    if tag == _PIECES:
        pieces = [expect(element(one), OCTET_STRING).content for one in inside]
        around.append(encode(OCTET_STRING, b"".join(pieces)))
    else:
        around.append(encode(tag, b"".join(inside)))
    return around


def encode(tag: int, content: bytes) -> bytes:
    """One value: tag, shortest length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets_of_size = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets_of_size))) + octets_of_size + content


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of these encoded values."""
    return encode(SEQUENCE, b"".join(parts))


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """A SET OF in DER order (X.690 11.6): ascending encodings, a shorter one as if padded with zeros."""
    return encode(tag, b"".join(sorted(parts)))


def encode_integer(value: int) -> bytes:
    """An INTEGER."""
    bits = (value if value >= 0 else ~value).bit_length()
    return encode(INTEGER, value.to_bytes(bits // 8 + 1, "big", signed=True))


@lru_cache(maxsize=256)
def encode_oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        content += bytes(reversed(groups))
    return encode(OID, content)


def encode_moment(at: datetime) -> bytes:
    """UTCTime until 2049, GeneralizedTime from then on, whole seconds (RFC 5652 11.3). `at` is aware."""
    utc = at.astimezone(UTC)
    if 1950 <= utc.year < 2050:
        return encode(UTC_TIME, utc.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return encode(GENERALIZED_TIME, utc.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


@lru_cache(maxsize=512)
def _dotted(content: bytes) -> str:
    if not content or len(content) > _MAX_OID or content[-1] & 0x80:
        raise DerError("object identifier")
    arcs: list[int] = []
    arc = 0
    fresh = True
    for octet in content:
        if fresh and octet == 0x80:
            raise DerError("object identifier not minimal")
        arc = arc << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(one) for one in (first, arcs[0] - 40 * first, *arcs[1:]))
