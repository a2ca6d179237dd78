"""Distinguished encoding rules (X.690), written by hand: enough for certificates, status answers and stamps, and their defects.

Every function gives one complete element as bytes. Nothing is checked, since a witness also has to write what is wrong.
"""

from __future__ import annotations

from datetime import UTC, datetime

NULL = b"\x05\x00"


class NotDer(ValueError):
    """The bytes are no element of definite length."""


def element(tag: int, body: bytes) -> bytes:
    """One element with the given identifier octet."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE or SEQUENCE OF."""
    return element(0x30, b"".join(parts))


def set_of(*parts: bytes) -> bytes:
    """SET OF, in the order that DER demands (X.690 11.6)."""
    return element(0x31, b"".join(sorted(parts)))


def integer(value: int) -> bytes:
    """INTEGER, negative ones too, in the fewest octets."""
    return element(0x02, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True))


def enumerated(value: int) -> bytes:
    """ENUMERATED."""
    return element(0x0A, bytes((value,)))


def boolean(value: bool) -> bytes:
    """BOOLEAN."""
    return element(0x01, b"\xff" if value else b"\x00")


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    body = b"".join(_arc(arc) for arc in (first * 40 + second, *rest))
    return element(0x06, body)


def _arc(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(0x80 | value & 0x7F)
    return bytes(reversed(octets))


def octets(body: bytes) -> bytes:
    """OCTET STRING."""
    return element(0x04, body)


def bits(body: bytes, unused: int = 0) -> bytes:
    """BIT STRING whose last octet has `unused` padding bits."""
    return element(0x03, bytes((unused,)) + body)


def named_bits(numbers: set[int]) -> bytes:
    """BIT STRING of named bits, trailing zeros left out (X.690 11.2.2)."""
    if not numbers:
        return bits(b"")
    size = max(numbers) // 8 + 1
    body = bytearray(size)
    for number in numbers:
        body[number // 8] |= 0x80 >> number % 8
    return bits(bytes(body), 7 - max(numbers) % 8)


def utf8(text: str) -> bytes:
    """UTF8String."""
    return element(0x0C, text.encode())


def printable(text: str) -> bytes:
    """PrintableString."""
    return element(0x13, text.encode("ascii"))


def ia5(text: str) -> bytes:
    """IA5String."""
    return element(0x16, text.encode("ascii"))


def generalized(moment: datetime) -> bytes:
    """GeneralizedTime in whole seconds, or with the fraction that DER wants when there is one."""
    at = moment.astimezone(UTC)
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return element(0x18, f"{at:%Y%m%d%H%M%S}{fraction}Z".encode())


def time(moment: datetime) -> bytes:
    """Time as RFC 5280 4.1.2.5 wants it: UTCTime until 2049, GeneralizedTime after."""
    at = moment.astimezone(UTC)
    return element(0x17, f"{at:%y%m%d%H%M%S}Z".encode()) if at.year < 2050 else generalized(at)


def explicit(number: int, inner: bytes) -> bytes:
    """An element wrapped in a context tag."""
    return element(0xA0 | number, inner)


def implicit(number: int, inner: bytes) -> bytes:
    """An element whose own tag is replaced by a context tag; it stays primitive or constructed."""
    return bytes((0x80 | number | inner[0] & 0x20,)) + inner[1:]


def split(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, body and what follows of the first element. Raises `NotDer`."""
    if len(data) < 2 or data[0] & 0x1F == 0x1F:
        raise NotDer("no element")
    size, start = data[1], 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or len(data) < 2 + count:
            raise NotDer("length")
        size, start = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < start + size:
        raise NotDer("cut off")
    return data[0], data[start : start + size], data[start + size :]


def children(body: bytes) -> list[tuple[int, bytes, bytes]]:
    """The elements of a constructed body: tag, body, and the whole element. Raises `NotDer`."""
    found = []
    while body:
        tag, inner, rest = split(body)
        found.append((tag, inner, body[: len(body) - len(rest)]))
        body = rest
    return found


def dotted(body: bytes) -> str:
    """The body of an OBJECT IDENTIFIER as text."""
    arcs, value = [], 0
    for octet in body:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    if not arcs:
        raise NotDer("object identifier")
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))
