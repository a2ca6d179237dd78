"""Builds SOAP 1.1 messages from JSON-like trees: what can be known from the contract is made once, the rest is joining text.

A tree is a mapping by local name: text, number, boolean, moment or bytes for a simple value, a mapping for what has parts, a
list where the contract lets an element stand several times, None for what is left out. An attribute is `@name`, the value of an
element that bears attributes is `#text`. The order of the mapping does not matter: the contract, or the spelling, has one.
Sources: SOAP 1.1 (W3C note, 8 May 2000) 4; XML Schema part 1, 2.6.2 (xsi:nil) and 3.8.4 (model groups).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.soap.lexical import VALUES, WRITERS, CannotBuild
from connectors.kit.soap.models import places
from connectors.kit.soap.quick import GIVES_UP, quick
from connectors.kit.soap.steps import Content, Step, write_one
from connectors.kit.soap.tree import Contract, Lexical, Message, Particle, Shape, local_name, namespace_of

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
"""The namespace of a SOAP 1.1 envelope."""

XSI = "http://www.w3.org/2001/XMLSchema-instance"
"""The namespace of xsi:nil and xsi:type."""

Tree = Mapping[str, Any]
"""A JSON-like value of a message: see the module."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a route wants the same message written (identity facts 7, items 13 and 14); without any, as the contract says.

    `order`: local names in the body element that come first, in this order, the rest after them as the contract has it.
    `wrapper`: another name for the body element; `aliases`: other names for elements; `namespaces`: another namespace for one of
    the contract; `prefixes`: the prefix of a namespace (only the namespace counts); `empty_header`: a Header without blocks.
    """

    order: tuple[str, ...] = ()
    wrapper: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    empty_header: bool = False

    @property
    def departs(self) -> bool:
        """Whether what is written has other names than the contract, so that its schema cannot judge it."""
        return bool(self.wrapper or self.aliases or self.namespaces)


AS_WRITTEN = Spelling()
"""As the contract says."""


class Builder:
    """Writes the messages of one operation. Made once; `build` may be called from anywhere."""

    def __init__(self, contract: Contract, message: Message, spelling: Spelling = AS_WRITTEN) -> None:
        """Raises `ContractUnsupported` when `spelling.order` names what the body element does not have."""
        self._compiling = _Compiling(contract, spelling)
        self._blocks = [self._compiling.step(each) for each in message.headers]
        self._body = self._compiling.step(message.body, wrapper=spelling.wrapper) if message.body is not None else None
        content = self._body.content if self._body is not None else None
        self._quick = quick(content) if content is not None and content.simply_tagged else None
        if message.body is not None and spelling.order:
            self._compiling.known(message.body, spelling.order)
        declared = "".join(f' xmlns:{prefix}="{uri}"' for uri, prefix in self._compiling.prefixes.items())
        soap = self._compiling.soap
        self._start = f'<?xml version="1.0" encoding="UTF-8"?>\n<{soap}:Envelope{declared}>'
        self._header = (f"<{soap}:Header>", f"</{soap}:Header>")
        self._no_header = f"<{soap}:Header/>" if spelling.empty_header else ""
        self._end = f"</{soap}:Body></{soap}:Envelope>"
        self._open_body = f"<{soap}:Body>"
        self._names = frozenset(each.key for each in self._blocks)

    def build(self, body: Tree, headers: Tree | None = None) -> bytes:
        """The whole envelope, UTF-8; raises `CannotBuild` and nothing else."""
        out = [self._start]
        if headers:
            self._write_headers(headers, out)
        else:
            out.append(self._no_header)
        out.append(self._open_body)
        if self._body is not None:
            inside = self._written_quickly(body)
            if inside is None:
                write_one(self._body, body, out)
            else:
                out.append(f"{self._body.opening}>{inside}{self._body.closing}")
        out.append(self._end)
        return "".join(out).encode()

    def _written_quickly(self, body: Tree) -> str | None:
        """What stands in the body element, when it is as most are; right or wrong, the tables say what the rest is."""
        if self._quick is None:
            return None
        try:
            return self._quick(body)
        except GIVES_UP:
            return None

    def _write_headers(self, headers: Tree, out: list[str]) -> None:
        strange = next((key for key in headers if key not in self._names), None)
        if strange is not None:
            raise CannotBuild("soap_thua", f"/{strange}", "Không có khối Header này trong WSDL.")
        out.append(self._header[0])
        for step in self._blocks:
            value = headers.get(step.key)
            if value is not None:
                try:
                    write_one(step, value, out)
                except CannotBuild as error:
                    raise error.under(step.key) from None
        out.append(self._header[1])


class _Compiling:
    """Makes steps out of particles; a type that contains itself is made once."""

    def __init__(self, contract: Contract, spelling: Spelling) -> None:
        self._contract = contract
        self._spelling = spelling
        self.prefixes: dict[str, str] = {}
        self.soap = self._prefix(SOAP, "soapenv")
        self._made: dict[tuple[str, bool], Content] = {}

    def known(self, body: Particle, order: Sequence[str]) -> None:
        """Raises what a wrong setting is: an order that names places which the element does not have."""
        names = {local_name(each.name) for each in places(self._contract.shapes[body.shape].content)}
        strange = [name for name in order if name not in names]
        if strange:
            raise ValueError(f"field order names what {local_name(body.name)} does not have: {', '.join(strange)}")

    def step(self, particle: Particle, *, wrapper: str | None = None) -> Step:
        """One element; `wrapper` is given for the body element alone, where the order of the spelling holds."""
        key = local_name(particle.name)
        alias = wrapper or self._spelling.aliases.get(key, key)
        name = self._qualified(namespace_of(particle.name), alias)
        nil = f' {self._prefix(XSI, "xsi")}:nil="true"/>' if particle.nillable else ""
        nothing = f"<{name}{nil}" if nil else ""
        made = Step(key, f"<{name}", f"</{name}>", particle.minimum, particle.maximum, nothing)
        shape = self._contract.shapes[particle.shape]
        if shape.lexical is not None and not shape.attributes:
            made.opening += ">"
            made.plain = shape.lexical is Lexical.TEXT
            made.lexical = shape.lexical
            made.write = WRITERS[shape.lexical]
        else:
            made.content = self._content(particle.shape, shape, first=wrapper is not None)
            made.write = made.content.write
        return made

    def _content(self, key: str, shape: Shape, *, first: bool) -> Content:
        made = self._made.get((key, first))
        if made is None:
            made = self._made[(key, first)] = Content()
            attributes = [
                (f"@{local_name(each.name)}", self._attribute(each.name), each.required, VALUES[each.lexical])
                for each in shape.attributes
            ]
            steps = [self.step(each) for each in places(shape.content)]
            rank = {name: place for place, name in enumerate(self._spelling.order if first else ())}
            steps.sort(key=lambda step: rank.get(step.key, len(rank)))
            made.fill(shape, steps, attributes)
        return made

    def _attribute(self, name: str) -> str:
        """How an attribute begins: ` prefix:name="`."""
        return f' {self._qualified(namespace_of(name), local_name(name))}="'

    def _qualified(self, namespace: str, name: str) -> str:
        namespace = self._spelling.namespaces.get(namespace, namespace)
        return f"{self._prefix(namespace)}:{name}" if namespace else name

    def _prefix(self, namespace: str, wish: str = "") -> str:
        found = self.prefixes.get(namespace)
        if found is None:
            found = self._spelling.prefixes.get(namespace) or wish or f"n{len(self.prefixes)}"
            if found in self.prefixes.values():
                found = f"n{len(self.prefixes)}"
            self.prefixes[namespace] = found
        return found
