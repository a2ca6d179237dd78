"""Streams made plain within a budget: Flate and PNG predictors, the only filters of structure streams (ISO 32000-2 7.4)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from signing.pdf.syntax import Dictionary, Malformed, Name, Value

_MIB = 1024 * 1024


@dataclass(slots=True)
class Budget:
    """How many more bytes may be inflated for one document; a deflate bomb ends here (attack D8)."""

    left: int

    def spend(self, size: int) -> None:
        """Raises `Malformed` when nothing is left."""
        self.left -= size
        if self.left < 0:
            raise Malformed("compressed streams larger than a document of this size may hold", limit=True)


def decoded(dictionary: Dictionary, content: bytes, budget: Budget) -> bytes:
    """The bytes of a structure stream. Raises `Malformed` for another filter, for damage and for too much."""
    filters = _listed(dictionary.get(b"Filter"))
    parameters = _listed(dictionary.get(b"DecodeParms"))
    if not filters:
        budget.spend(len(content))
        return content
    if filters not in ([Name(b"FlateDecode")], [Name(b"Fl")]):
        raise Malformed(f"structure stream with filter {filters[0]!r}")
    content = inflated(content, budget)
    if parameters and isinstance(parameters[0], Dictionary):
        return _predicted(parameters[0], content)
    return content


def inflated(content: bytes, budget: Budget) -> bytes:
    """The content of one deflate stream, complete (RFC 1950); bytes behind its end are ignored."""
    engine = zlib.decompressobj()
    try:
        plain = engine.decompress(content, min(budget.left, 64 * _MIB) + 1)
    except zlib.error as error:
        raise Malformed("a damaged deflate stream") from error
    budget.spend(len(plain))
    if not engine.eof:
        if engine.unconsumed_tail:
            raise Malformed("a deflate stream of more than 64 MiB", limit=True)
        raise Malformed("a deflate stream that breaks off")
    return plain


def _listed(value: Value) -> list[Value]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _predicted(parameters: Dictionary, content: bytes) -> bytes:
    """Undo the predictor of LZW and Flate (7.4.4.4). Only PNG's are met in structure streams, with one byte a sample."""
    predictor = parameters.get(b"Predictor", 1)
    if predictor == 1:
        return content
    columns, colors, bits = (parameters.get(key, default) for key, default in _SHAPE)
    if not (isinstance(predictor, int) and 10 <= predictor <= 15 and colors == 1 and bits == 8):
        raise Malformed(f"predictor {predictor!r} in a structure stream")
    if not isinstance(columns, int) or not 1 <= columns <= 64:
        raise Malformed(f"predictor with {columns!r} columns in a structure stream")
    rows, rest = divmod(len(content), columns + 1)
    if rest:
        raise Malformed("a row of a predicted stream breaks off")
    plain = bytearray()
    above = bytes(columns)
    for start in range(0, rows * (columns + 1), columns + 1):
        above = _row(content[start], content[start + 1 : start + 1 + columns], above)
        plain += above
    return bytes(plain)


_SHAPE: tuple[tuple[bytes, int], ...] = ((b"Columns", 1), (b"Colors", 1), (b"BitsPerComponent", 8))


def _row(kind: int, row: bytes, above: bytes) -> bytes:
    if kind == 0:
        return row
    if kind == 2:
        return bytes([(a + b) & 0xFF for a, b in zip(row, above, strict=True)])
    plain = bytearray(len(row))
    for at, value in enumerate(row):
        left = plain[at - 1] if at else 0
        corner = above[at - 1] if at else 0
        plain[at] = (value + _foreseen(kind, left, above[at], corner)) & 0xFF
    return bytes(plain)


def _foreseen(kind: int, left: int, up: int, corner: int) -> int:
    """What PNG's filters 1, 3 and 4 foresee (ISO/IEC 15948 9.2)."""
    if kind == 1:
        return left
    if kind == 3:
        return (left + up) // 2
    if kind != 4:
        raise Malformed(f"row filter {kind} in a predicted stream")
    guess = left + up - corner
    distances = (abs(guess - left), abs(guess - up), abs(guess - corner))
    return (left, up, corner)[distances.index(min(distances))]
