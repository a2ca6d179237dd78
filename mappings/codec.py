"""Canonical values to JSON bytes and back: one place, one library, deterministic field order."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()
_SORTED = msgspec.json.Encoder(order="sorted")


def encode(value: object) -> bytes:
    """JSON bytes of a canonical value, fields in the order of its type."""
    return _ENCODER.encode(value)


def encode_sorted(value: object) -> bytes:
    """JSON bytes with keys sorted at every level: the form that digests are taken of."""
    return _SORTED.encode(value)


def decode(raw: bytes, kind: type[T]) -> T:
    """The canonical value of `kind` in `raw`; raises `msgspec.ValidationError` for anything that does not fit."""
    return msgspec.json.decode(raw, type=kind)


def convert(tree: object, kind: type[T]) -> T:
    """A parsed tree of plain JSON values as a canonical value of `kind`; raises `msgspec.ValidationError`."""
    return msgspec.convert(tree, kind)
