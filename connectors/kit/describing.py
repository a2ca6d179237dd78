"""Describes a type of settings: every key that it knows, however deep, with its place, its type and its default."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

NAME = "*"
"""Stands in a place for a name that whoever configures chooses: a key of a table."""

EACH = "[]"
"""Stands in a place for one member of a list."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of settings. `place` ends with its name; `owner` is the struct that declares it; `value` is its default.

    `required`: there is no default. `kind` is what the type says, without what only annotates it.
    """

    place: tuple[str, ...]
    kind: Any
    owner: type[msgspec.Struct]
    required: bool
    value: Any = None

    @property
    def name(self) -> str:
        """The last part of its place."""
        return self.place[-1]

    @property
    def dotted(self) -> str:
        """Its place as one text, such as `callers.*.keys.*.file` or `providers[].client_secret`."""
        return ".".join(self.place).replace(f".{EACH}", EACH)


def keys(kind: type[msgspec.Struct], place: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every key of a struct and of what it holds, in the order of declaration; the members of a union one after the other."""
    config = kind.__struct_config__
    if config.tag_field and place:
        yield Key((*place, config.tag_field), Literal[str(config.tag)], kind, required=True)
    for field in msgspec.structs.fields(kind):
        here = (*place, field.encode_name)
        yield Key(here, bare(field.type), kind, field.required, default_of(field))
        for inner, below in structs_in(field.type, here):
            yield from keys(inner, below)


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """The default of a field; None where it has none."""
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return field.default_factory() if field.default_factory is not msgspec.NODEFAULT else None


def structs_in(kind: Any, place: tuple[str, ...]) -> Iterator[tuple[type[msgspec.Struct], tuple[str, ...]]]:
    """The structs that a type holds, each with its place: behind a choice, in a list, in a table."""
    kind = bare(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind, place
    elif get_origin(kind) in (Union, types.UnionType):
        for member in get_args(kind):
            yield from structs_in(member, place)
    elif get_origin(kind) in (list, tuple, set, frozenset):
        for member in get_args(kind)[:1]:
            yield from structs_in(member, (*place, EACH))
    elif _table(kind):
        yield from structs_in(get_args(kind)[1], (*place, NAME))


def bare(kind: Any) -> Any:
    """A type without what only annotates it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def holds(kind: Any, wanted: type) -> bool:
    """Whether a value of a type, or a member of it, may be of exactly that plain type; structs are not looked into."""
    kind = bare(kind)
    if kind is wanted:
        return True
    return any(holds(member, wanted) for member in get_args(kind) if get_origin(kind) is not Literal)


def _table(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping) and len(get_args(kind)) == 2
