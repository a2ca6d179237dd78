"""A sector profile of a foreign message: what its owner published, as rules from places of the message to canonical fields.

The owner of a sector system builds and publishes the form in which it reports (QĐ 3036/QĐ-BVHTTDL Điều 5.8). A profile
(`sectors/<name>.toml`, tables beside it) repeats that publication as data; `mappings/README.md` explains each key.
Every place of a message is fed to a field, compared with an expected value, ignored for a stated reason, or unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mappings.codes import DossierStatus, Outcome
from mappings.publication import Publication
from mappings.tables import CodeTable, TableVersion
from mappings.targets import ITEM, Path, Target, label_of
from mappings.values import Reading

TEXT = "#text"
KEY = "key"
SEQUENCE: Path = ("sequence",)
EVENT_ID: Path = ("event_id",)
STATE: Path = ("state",)
OUTCOME: Path = ("outcome",)
OCCURRED: Path = ("occurred_at",)


@dataclass(frozen=True, slots=True)
class Condition:
    """In which states a group of fields is fed: words such as `stopped`, or `resolved/refused` with an outcome."""

    words: frozenset[str] = frozenset()

    def holds(self, state: DossierStatus, outcome: Outcome) -> bool:
        """Whether fields under this condition are fed for such an event; without words they always are."""
        return not self.words or state.value in self.words or f"{state.value}/{outcome.value}" in self.words


@dataclass(frozen=True, slots=True)
class Rule:
    """One field: where it goes, from which places (alternatives), how it is read, and by which table it is translated.

    `column` is the table's column with the value; `also` are further fields that the same row gives, where it gives any.
    `constant` stands for a source: it is put where the object around it is there already. A `key` rule feeds the event's
    id and nothing else.
    """

    to: Path
    target: Target | None
    sources: tuple[Path, ...]
    how: Reading
    table: CodeTable | None = None
    column: str = ""
    also: tuple[tuple[Path, str], ...] = ()
    constant: str | int | bool | None = None
    condition: Condition = Condition()

    @property
    def label(self) -> str:
        """The canonical field as people write it."""
        return label_of(self.to)


@dataclass(slots=True)
class Node:
    """A place in the message: what lies below it by name, what one item of it is, and what is to be done with its value.

    `lists` are the canonical lists of which an item begins here.
    """

    path: Path
    children: dict[str, Node] = field(default_factory=dict)
    item: Node | None = None
    rules: list[Rule] = field(default_factory=list)
    ignored: str = ""
    expected: tuple[str, ...] = ()
    lists: set[str] = field(default_factory=set)

    def at(self, path: Path) -> Node:
        """The node at a path below this one, made where it lacks."""
        node = self
        for number, step in enumerate(path, 1):
            if step == ITEM:
                node.item = node.item or Node(path[:number])
                node = node.item
            else:
                node = node.children.setdefault(step, Node(path[:number]))
        return node

    @property
    def leaf(self) -> bool:
        """Whether a plain value belongs here."""
        return bool(self.rules or self.expected)


@dataclass(frozen=True, slots=True)
class MessageForm:
    """The outer form of a message. `root` and `namespace` are those of an XML document; `prefixes` name further namespaces
    for use in paths; `answer` is how the system wants to be answered."""

    format: Literal["json", "xml"]
    root: str = ""
    namespace: str = ""
    prefixes: Mapping[str, str] = field(default_factory=dict)
    answer: Literal["json", "xml"] = "json"


@dataclass(frozen=True, slots=True)
class Identity:
    """How the id of an event comes to be: a UUID of the message, or a UUID (version 5, RFC 9562 5.5) that is derived from
    the system's code with the values at stated places (`keys`) or with the SHA-256 of the bytes (`body`)."""

    kind: Literal["uuid", "keys", "body"]
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """Hồ sơ kết nối của một chuẩn thông điệp riêng. Build it with `mappings.dialect_file.load_dialect`.

    `arrival`: the messages carry no counter, so the gateway numbers them in the order in which it takes them on.
    `examples` are files beside the profile that must map.
    """

    version: TableVersion
    title_vi: str
    owner_vi: str
    confidence: str
    publication: Publication
    form: MessageForm
    refuses_unknown: bool
    identity: Identity
    arrival: bool
    rules: tuple[Rule, ...]
    tree: Node
    ignored: Mapping[Path, str]
    conditions: Mapping[Path, Condition]
    examples: tuple[str, ...]
    tables: tuple[CodeTable, ...]

    @property
    def name(self) -> str:
        """The name of the profile, without extension."""
        return self.version.name

    def sources_of(self, to: Path) -> tuple[Path, ...]:
        """The places that feed a field, directly or through the row of a table."""
        return tuple(
            source
            for rule in self.rules
            if rule.to == to or any(further == to for further, _ in rule.also)
            for source in rule.sources
        )

    def versions(self) -> tuple[str, ...]:
        """The short versions of the profile and of its tables, as evidence keeps them."""
        return (self.version.short, *(table.version.short for table in self.tables))
