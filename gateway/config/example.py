"""An example of the configuration: every setting with its default and one line of meaning, out of the types themselves.

Lines that begin with `#` and a key or a section are settings that are off, with their default or a value to be filled in; `##`
is another form of the section above. Everything else behind `#` is for people.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from connectors.kit.describing import bare, default_of
from connectors.kit.secrets import SecretRef

FILL = "ĐIỀN"
"""Stands where only the ministry knows what belongs there."""

NAME = "TEN"
"""Stands where whoever configures chooses a name."""

REQUIRED = " (bắt buộc)"
UNSET = " (mặc định: không đặt)"

Meaning = Callable[[type[msgspec.Struct], str], str]
"""What a key means, in Vietnamese; empty where nobody says."""


def lines(kind: type[msgspec.Struct], place: str, meaning: Meaning, off: str = "") -> Iterator[str]:
    """The lines of a struct: its plain keys first, then its sections. `off` is put before what is not in force."""
    if place:
        yield f"{off}[{place}]"
    yield from _body(kind, place, meaning, off)


def _body(kind: type[msgspec.Struct], place: str, meaning: Meaning, off: str) -> Iterator[str]:
    config = kind.__struct_config__
    if config.tag_field:
        yield f"# {meaning(kind, config.tag_field)}"
        yield f"{off}{config.tag_field} = {written(config.tag)}"
    sections = []
    for field in msgspec.structs.fields(kind):
        inner = _section(field.type)
        if inner is not None:
            sections.append((field, inner))
            continue
        told, default = meaning(kind, field.encode_name), default_of(field)
        unset = default is None and not field.required
        value = sample(field.type) if field.required or unset else default
        yield f"# {told}{REQUIRED if field.required else UNSET if unset else ''}"
        yield f"{'#' if unset and not off else off}{field.encode_name} = {written(value)}"
    for field, (form, members) in sections:
        yield ""
        told = meaning(kind, field.encode_name)
        yield f"# {told}{REQUIRED if field.required else ''}"
        there = _there(form, field)
        below = f"{place}.{field.encode_name}" if place else field.encode_name
        below = f"{below}.{NAME}" if form == "table" else below
        mark = off if off or there else "#"
        yield f"{mark}[[{below}]]" if form == "list" else f"{mark}[{below}]"
        yield from _body(members[0], below, meaning, mark)
        for other in members[1:]:
            yield from _body(other, below, meaning, "##")


def _there(form: str, field: msgspec.structs.FieldInfo) -> bool:
    """Whether a section is in force without anybody writing it."""
    return form == "one" and isinstance(default_of(field), msgspec.Struct)


def _section(kind: Any) -> tuple[str, tuple[type[msgspec.Struct], ...]] | None:
    """Whether a type is written as a section: one, a list of them, a table of them by name; and its structs, the usual first."""
    kind = bare(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "one", (kind,)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        found = [one for member in arguments if (one := _section(member)) is not None]
        return (found[0][0], tuple(struct for one in found for struct in one[1])) if found else None
    if origin in (list, tuple) and arguments and (inside := _section(arguments[0])) is not None:
        return "list", inside[1]
    table = isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2
    if table and (inside := _section(arguments[1])) is not None:
        return "table", inside[1]
    return None


def sample(kind: Any) -> Any:
    """A value of a type, for a key that has no default: to be filled in."""
    kind = bare(kind)
    if kind is SecretRef:
        return f"file:keys/{FILL}"
    simple: Mapping[Any, Any] = {str: FILL, int: 0, float: 0.0, bool: False, date: date(2026, 1, 1)}
    if kind in simple:
        return simple[kind]
    if kind is datetime:
        return datetime.fromisoformat("2026-01-01T00:00:00+07:00")
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return sample(next(one for one in arguments if one is not type(None)))
    if origin in (list, tuple):
        return [sample(arguments[0])] if arguments and arguments[0] is not ... else []
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind)).value
    return {}


def written(value: Any) -> str:
    """A value as TOML says it."""
    if isinstance(value, Enum):
        return written(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | date | datetime):
        return value.isoformat() if isinstance(value, date) else repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{written(str(key))} = {written(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(written(one) for one in value)}]"
    text = str(value)
    return f"'{text}'" if "\\" in text and "'" not in text else json.dumps(text, ensure_ascii=False)
