"""Reads what comes from outside strictly: JSON without doubled names or floats, forms with their raw text, whole amounts.

What an intermediary signed is text. So a number stays the text that it came as (no float ever: 9007199254740993 keeps its last
digit), a name that stands twice is refused before anything is hashed, and nothing is trimmed or normalised (payment facts 4.1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeAlias
from urllib.parse import unquote_to_bytes

MOST_BYTES: Final = 65_536
"""The longest notice that is read (abuse case A28)."""

_MOST_FIELDS: Final = 200
_WHOLE: Final = re.compile(r"(?:0|[1-9][0-9]{0,17})", re.ASCII)


class NotStrict(ValueError):
    """What came is not what it claims to be. The text names the fault by a stable word and never quotes what came."""

    def __init__(self, fault: str) -> None:
        """`fault`: too_long, not_utf8, not_json, not_object, doubled_name, not_a_number, not_text, not_a_form, too_many."""
        self.fault = fault
        super().__init__(fault)


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it was written."""

    text: str


Json: TypeAlias = "bool | str | Number | list[Json] | dict[str, Json] | None"
"""A JSON value with its numbers as text."""


def read_json(body: bytes, most: int = MOST_BYTES) -> Json:
    """The one value in `body`: UTF-8 without a mark of byte order, every name once, only numbers that JSON knows.

    Raises `NotStrict`.
    """
    if len(body) > most:
        raise NotStrict("too_long")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrict("not_utf8") from None
    return read_json_text(text)


def read_json_text(text: str) -> Json:
    """The same for a text within a message. A lone surrogate (an escape without its half) is refused: it has no bytes."""
    try:
        value: Json = json.loads(
            text, object_pairs_hook=_once, parse_int=Number, parse_float=Number, parse_constant=_no_number
        )
        if "\\u" in text:  # only an escape can bring in half of a pair
            json.dumps(value, ensure_ascii=False, default=_number_text).encode()
    except UnicodeEncodeError:
        raise NotStrict("not_text") from None
    except (json.JSONDecodeError, RecursionError):
        raise NotStrict("not_json") from None
    return value


def read_object(body: bytes, most: int = MOST_BYTES) -> dict[str, Json]:
    """The one object in `body`. Raises `NotStrict`."""
    return as_object(read_json(body, most))


def as_object(value: Json) -> dict[str, Json]:
    """`value`, which must be an object. Raises `NotStrict`."""
    if not isinstance(value, dict):
        raise NotStrict("not_object")
    return value


def text_of(members: Mapping[str, Json], name: str) -> str:
    """A scalar as its sender wrote it, for signing and comparing: null and absent are empty, a number is its source text.

    Raises `NotStrict` for an object or a list.
    """
    value = members.get(name)
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case Number(text):
            return text
        case _:
            raise NotStrict("not_text")


def texts_of(members: Mapping[str, Json], names: Sequence[str]) -> dict[str, str]:
    """`text_of` for each of `names` that is there. Raises `NotStrict`."""
    return {name: text_of(members, name) for name in names if name in members}


def scalars_of(members: Mapping[str, Json]) -> dict[str, str]:
    """Every member that is a scalar, as text; objects and lists are left out."""
    return {name: text_of(members, name) for name, value in members.items() if not isinstance(value, dict | list)}


def whole(text: str) -> int | None:
    """A whole number of at most 18 digits: no sign, no leading zero, no point, no exponent; None for anything else."""
    return int(text) if _WHOLE.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class FormField:
    """One parameter of a query text: decoded, and as it was written, which is what was signed."""

    name: str
    value: str = field(repr=False)
    raw_name: str
    raw_value: str = field(repr=False)


def read_form(text: str, most: int = MOST_BYTES) -> tuple[FormField, ...]:
    """The parameters of a query text or of a posted form, in their order; `+` is a space. Every name stands once (A15).

    Raises `NotStrict`, also for escapes that are none (`%zz`) and for values that are no UTF-8.
    """
    if len(text) > most:
        raise NotStrict("too_long")
    parts = [part for part in text.split("&") if part]
    if len(parts) > _MOST_FIELDS:
        raise NotStrict("too_many")
    fields = tuple(_form_field(part) for part in parts)
    if len({one.name for one in fields}) != len(fields):
        raise NotStrict("doubled_name")
    return fields


def form_values(fields: Sequence[FormField]) -> dict[str, str]:
    """The decoded values by name."""
    return {one.name: one.value for one in fields}


def raw_values(fields: Sequence[FormField]) -> dict[str, str]:
    """The raw values by raw name: what is signed, only re-ordered (decision D5)."""
    return {one.raw_name: one.raw_value for one in fields}


def _form_field(part: str) -> FormField:
    raw_name, _, raw_value = part.partition("=")
    return FormField(_decoded(raw_name), _decoded(raw_value), raw_name, raw_value)


_ESCAPES: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*", re.ASCII | re.DOTALL)


def _decoded(raw: str) -> str:
    if not _ESCAPES.fullmatch(raw):
        raise NotStrict("not_a_form")
    try:
        return unquote_to_bytes(raw.replace("+", " ")).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise NotStrict("not_utf8") from None


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrict("doubled_name")
    return members


def _no_number(_text: str) -> NoReturn:
    raise NotStrict("not_a_number")


def _number_text(value: object) -> str:
    return value.text if isinstance(value, Number) else ""
