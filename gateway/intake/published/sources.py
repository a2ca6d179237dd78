"""What is written by hand about the interface, as types: the operations, and the words and codes that they share.

Operations stand in `paths/*.toml`, what they share in `common.toml`. A file that says something unknown, names a code
that is not in the table, or a group that does not exist is refused when it is read, so a slip shows in the first test
and not on a caller's screen.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import msgspec

from gateway.intake.problems import PROBLEMS, CodeEntry

SCHEMA_VERSION = 1
"""The version in the address of a schema and at the end of its `$id`."""

JSON = "application/json"

_HERE = resources.files("gateway.intake.published")
_SCHEMAS = resources.files("gateway.intake").joinpath("schemas")


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what is read from TOML: frozen, strict."""


class Parameter(_Written, frozen=True):
    """A parameter or a header of requests. `schema` is its JSON Schema, `example` a value that fits it."""

    name: str
    place: Literal["path", "query", "header"]
    description: str
    schema: dict[str, Any]
    example: str | int
    required: bool = False


class Header(_Written, frozen=True):
    """A header of answers."""

    description: str
    schema: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "string"})


class Content(_Written, frozen=True):
    """What a request or an answer carries: published schemas (one of them holds), or plain text, with examples by name.

    `further` are media types in which the same is told to those who ask for them; no JSON Schema describes these.
    """

    schemas: tuple[str, ...] = ()
    media: str = JSON
    further: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    description: str = ""


class Answer(_Written, frozen=True):
    """An answer that is no refusal. Without `content` it has none."""

    description: str
    content: Content | None = None
    headers: tuple[str, ...] = ()


class Operation(_Written, frozen=True):
    """One method of one path. `problems` are codes of the table, or @groups of them (`common.toml`).

    `parameters` name shared ones of `common.toml`; `own` are written here. `head`: the method HEAD is served too.
    """

    method: Literal["get", "post", "put", "delete"]
    path: str
    id: str
    tag: str
    summary: str
    description: str
    signed: bool = True
    head: bool = False
    problems: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    own: tuple[Parameter, ...] = ()
    request: Content | None = None
    answers: dict[str, Answer] = {}


class _Paths(_Written, frozen=True):
    operation: tuple[Operation, ...]


class Common(_Written, frozen=True):
    """What all operations share: words about the whole, tags, named parameters and headers, groups of problem codes."""

    title: str
    description: str
    signing: str
    certificate: str
    tags: dict[str, str]
    groups: dict[str, tuple[str, ...]]
    parameters: dict[str, Parameter]
    headers: dict[str, Header]


@dataclass(frozen=True, slots=True)
class Interface:
    """Everything that was written, checked against itself."""

    common: Common
    operations: tuple[Operation, ...]

    def problems(self, operation: Operation) -> Mapping[int, tuple[CodeEntry, ...]]:
        """The codes with which `operation` may refuse, by HTTP status, each once; raises `KeyError` for an unknown one."""
        found: dict[int, list[CodeEntry]] = {}
        for code in dict.fromkeys(self._codes(("@any", *operation.problems))):
            entry = PROBLEMS[code]
            found.setdefault(entry.status, []).append(entry)
        return {status: tuple(found[status]) for status in sorted(found)}

    def _codes(self, named: Iterable[str]) -> Iterable[str]:
        for name in named:
            if name.startswith("@"):
                yield from self._codes(self.common.groups[name[1:]])
            else:
                yield name

    def parameters(self, operation: Operation) -> tuple[Parameter, ...]:
        """The parameters of `operation`, its own first."""
        signing = ("signature_input",) if operation.signed else ()
        digest = ("content_digest",) if operation.signed and operation.request is not None else ()
        shared = (*operation.parameters, *signing, *digest, "correlation_id")
        return (*operation.own, *(self.common.parameters[name] for name in dict.fromkeys(shared)))


@lru_cache(maxsize=1)
def interface() -> Interface:
    """The interface as it is written in this package; raises `msgspec.ValidationError` for a file that cannot be meant."""
    common = msgspec.convert(_toml(_HERE.joinpath("common.toml").read_text(encoding="utf-8")), Common)
    files = sorted((file for file in _HERE.joinpath("paths").iterdir() if file.name.endswith(".toml")), key=str)
    written = [msgspec.convert(_toml(file.read_text(encoding="utf-8")), _Paths) for file in files]
    whole = Interface(common, tuple(operation for paths in written for operation in paths.operation))
    for operation in whole.operations:
        whole.problems(operation)
        whole.parameters(operation)
    return whole


def segments(path: str) -> tuple[str, ...]:
    """The names in braces of a path, in order."""
    return tuple(re.findall(r"\{([a-z_0-9]+)\}", path))


def _toml(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


@lru_cache(maxsize=1)
def schema_texts() -> Mapping[str, bytes]:
    """The published JSON Schemas by name, as they are served: the bytes of the files."""
    files = sorted((file for file in _SCHEMAS.iterdir() if file.name.endswith(".json")), key=str)
    return {file.name.removesuffix(".json"): file.read_bytes() for file in files}


@lru_cache(maxsize=1)
def xml_schema_texts() -> Mapping[str, bytes]:
    """The published XML Schemas by file name: for those who read answers in XML."""
    return {file.name: file.read_bytes() for file in _SCHEMAS.iterdir() if file.name.endswith(".xsd")}


def schema_path(name: str) -> str:
    """Where a schema is served."""
    return f"/schemas/v{SCHEMA_VERSION}/{name}.json"


def example(name: str) -> Any:
    """An example by the name of its file."""
    return json.loads(_HERE.joinpath("examples", f"{name}.json").read_bytes())
