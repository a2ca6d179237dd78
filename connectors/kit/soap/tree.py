"""What a WSDL says, as a frozen tree of ours: bindings, operations, messages and the shapes of their elements.

Names of elements and attributes are written `{namespace}local`, as lxml does. A shape is named by a key, because a type of
XML Schema may contain itself. The tree holds what building and reading need; what a value may look like (facets, keys, the
rest of XML Schema) is judged by the schema itself (`connectors.kit.soap.schema`).
Sources: WSDL 1.1 (W3C note, 15 March 2001) 2 and 3; XML Schema part 1, 3.8 and 3.9; WS-I Basic Profile 1.1, 4.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Lexical(StrEnum):
    """How a simple value is written. TEXT stands for every type whose text is kept as it is."""

    TEXT = "text"
    BOOLEAN = "boolean"
    NUMBER = "number"
    MOMENT = "moment"
    BYTES = "bytes"
    HEX = "hex"


Kind = Literal["element", "sequence", "all", "choice", "any"]
"""What a particle is: one element, a group of parts in one of three manners, or a place for foreign elements."""


class ContractUnsupported(ValueError):
    """The WSDL asks for something that this kit does not speak. The text names it; it holds no data of persons."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that an element may bear."""

    name: str
    lexical: Lexical = Lexical.TEXT
    required: bool = False


@dataclass(frozen=True, slots=True)
class Particle:
    """One place in a content model. `maximum` None means without bound; `shape` is a key of `Contract.shapes`."""

    kind: Kind
    minimum: int = 1
    maximum: int | None = 1
    name: str = ""
    shape: str = ""
    nillable: bool = False
    parts: tuple[Particle, ...] = ()

    @property
    def many(self) -> bool:
        """Whether it may stand more than once."""
        return self.maximum is None or self.maximum > 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands inside an element: a simple value (`lexical`), or a content model, and attributes beside either."""

    lexical: Lexical | None = None
    attributes: tuple[Attribute, ...] = ()
    content: Particle | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a binding: the blocks of its header in their order, and the one element of its body."""

    headers: tuple[Particle, ...] = ()
    body: Particle | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `unsupported` says in words why it cannot be spoken; its messages are empty then."""

    name: str
    action: str = ""
    request: Message = Message()
    answer: Message = Message()
    faults: tuple[Particle, ...] = ()
    unsupported: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """A SOAP 1.1 binding: its operations by name, and the address that the WSDL gives (the configuration decides)."""

    name: str
    operations: dict[str, Operation]
    address: str = ""

    def operation(self, name: str) -> Operation:
        """The operation of that name; raises `ContractUnsupported` when there is none or it cannot be spoken."""
        found = self.operations.get(name)
        if found is None:
            raise ContractUnsupported(f"{self.name} has no operation {name}; it has {', '.join(self.operations)}")
        if found.unsupported:
            raise ContractUnsupported(f"{name}: {found.unsupported}")
        return found


@dataclass(frozen=True, slots=True)
class Contract:
    """A WSDL with everything it imports. `sources` are the SHA-256 of every file, by path relative to the WSDL's folder."""

    bindings: dict[str, Binding]
    shapes: dict[str, Shape]
    sources: dict[str, str] = field(default_factory=dict)

    def binding(self, name: str) -> Binding:
        """The binding of that local name; raises `ContractUnsupported` when there is none."""
        found = self.bindings.get(name)
        if found is None:
            raise ContractUnsupported(f"no SOAP 1.1 binding {name}; there are {', '.join(self.bindings)}")
        return found


def local_name(name: str) -> str:
    """The name without its namespace."""
    return name.rpartition("}")[2]


def namespace_of(name: str) -> str:
    """The namespace of a name; empty when it has none."""
    return name[1:].partition("}")[0] if name.startswith("{") else ""
