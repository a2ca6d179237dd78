"""Where a sector profile may put a value: every leaf of the canonical event, by its place in our own published message.

Derived from the readers of the default profile, so that a field which the event gains can be fed at once and no list is
kept twice. `system_code` and `caused_by` are nobody's to feed: the signature says who speaks, and only the resolution
system names a cause (dossier-model facts 4.1).
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Union, get_args, get_origin, get_type_hints

from mappings.reading import RecordReader
from mappings.sector import load_profile

ITEM = "[]"
Path = tuple[str, ...]
_WITHHELD = frozenset({"system_code", "caused_by", "schema_version"})
_KINDS: Mapping[object, str] = {str: "text", int: "number", bool: "boolean", datetime: "time", date: "day"}


@dataclass(frozen=True, slots=True)
class Target:
    """A leaf of the canonical event. `kind` is how it is read unless a profile says otherwise; `owner` and `name` are its
    canonical type and field; `required` holds within its object; `codes` are the words of its closed list, if it has one."""

    path: Path
    kind: str
    owner: str
    name: str
    required: bool
    codes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The place as a profile writes it, such as `results[].file.sha256`."""
        return label_of(self.path)


def label_of(path: Path) -> str:
    """A path as people write it: keys joined by dots, `[]` behind a list."""
    return ".".join(path).replace("." + ITEM, ITEM)


def path_of(text: str) -> Path:
    """The path behind a written one; dots inside braces belong to the name. Raises `ValueError` for an empty step."""
    steps: list[str] = []
    depth, word = 0, ""
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if sign == "." and not depth:
            steps.append(word)
            word = ""
        else:
            word += sign
    found: list[str] = []
    for step in (*steps, word):
        name = step.removesuffix(ITEM)
        if not name or ITEM in name:
            raise ValueError(f"đường dẫn “{text}” không hợp lệ")
        found += [name, ITEM] if name != step else [name]
    return tuple(found)


@cache
def targets() -> Mapping[Path, Target]:
    """Every leaf that a profile may feed, in canonical order."""
    return {target.path: target for target in _leaves(load_profile().event, ())}


@cache
def needed_objects() -> tuple[Path, ...]:
    """Objects that every event, or every item of a list, must have: their missing parts are then named one by one."""
    return tuple(_objects(load_profile().event, ()))


def _leaves(reader: RecordReader, above: Path) -> Iterator[Target]:
    hints = get_type_hints(reader.kind)
    for step in reader.steps:
        if not above and step.name in _WITHHELD:
            continue
        path = (*above, *step.paths[0], *((ITEM,) if step.many else ()))
        if step.inner is not None:
            yield from _leaves(step.inner, path)
            continue
        kind, codes = _kind(_plain(hints[step.name]), step.name)
        yield Target(path, kind, reader.kind.__name__, step.name, step.required, codes)


def _objects(reader: RecordReader, above: Path) -> Iterator[Path]:
    for step in reader.steps:
        if step.inner is None or (not above and step.name in _WITHHELD):
            continue
        path = (*above, *step.paths[0], *((ITEM,) if step.many else ()))
        if step.required and not step.many:
            yield path
        if step.required or step.many:
            yield from _objects(step.inner, path)


def _plain(hint: object) -> object:
    """The type behind an optional one."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(arm for arm in get_args(hint) if arm is not type(None))
    return hint


def _kind(hint: object, name: str) -> tuple[str, tuple[str, ...]]:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "code", tuple(member.value for member in hint)
    if name == "sha256":
        return "digest", ()
    if name == "event_id":
        return "uuid", ()
    return _KINDS[hint], ()
