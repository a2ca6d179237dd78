"""Canonical values to JSON bytes and back: one place, one library, deterministic field order."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from mappings.partial_date import PartialDate

T = TypeVar("T")


def _as_text(value: object) -> str:
    """What JSON has no form for, as text: a date known in part."""
    if isinstance(value, PartialDate):
        return str(value)
    raise NotImplementedError(f"no JSON form for {type(value).__name__}")


def _from_text(kind: type, value: Any) -> Any:
    """The value of such a kind in its text; a `ValueError` becomes a `msgspec.ValidationError` that names the place."""
    if kind is object:  # a field that may hold anything holds what JSON says
        return value
    if kind is not PartialDate:
        raise NotImplementedError(f"no JSON form for {kind.__name__}")
    if not isinstance(value, str):
        raise ValueError("ngày sinh phải là chuỗi ký tự")
    return PartialDate.parse(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_as_text)
_SORTED = msgspec.json.Encoder(order="sorted", enc_hook=_as_text)


def encode(value: object) -> bytes:
    """JSON bytes of a canonical value, fields in the order of its type."""
    return _ENCODER.encode(value)


def encode_sorted(value: object) -> bytes:
    """JSON bytes with keys sorted at every level: the form that digests are taken of."""
    return _SORTED.encode(value)


def decode(raw: bytes, kind: type[T]) -> T:
    """The canonical value of `kind` in `raw`; raises `msgspec.ValidationError` for anything that does not fit."""
    return msgspec.json.decode(raw, type=kind, dec_hook=_from_text)


def convert(tree: object, kind: type[T]) -> T:
    """A parsed tree of plain JSON values as a canonical value of `kind`; raises `msgspec.ValidationError`."""
    return msgspec.convert(tree, kind, dec_hook=_from_text)


def plain(value: object) -> Any:
    """A canonical value as a tree of plain JSON values."""
    return msgspec.to_builtins(value, enc_hook=_as_text)
