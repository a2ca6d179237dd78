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

from connectors.kit.soap.lexical import VALUES, WRITERS, CannotBuild, Write, attribute_text, needs_care
from connectors.kit.soap.models import Model, fits, places, unconditional
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


@dataclass(slots=True)
class _Step:
    """One element of a content model, ready to be written."""

    key: str
    opening: str
    closing: str
    minimum: int
    maximum: int | None
    nil: str
    plain: bool = False
    write: Write | None = None


class Builder:
    """Writes the messages of one operation. Made once; `build` may be called from anywhere."""

    def __init__(self, contract: Contract, message: Message, spelling: Spelling = AS_WRITTEN) -> None:
        """Raises `ContractUnsupported` when `spelling.order` names what the body element does not have."""
        self._compiling = _Compiling(contract, spelling)
        self._blocks = [self._compiling.step(each) for each in message.headers]
        self._body = self._compiling.step(message.body, wrapper=spelling.wrapper) if message.body is not None else None
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
            _write_one(self._body, body, out)
        out.append(self._end)
        return "".join(out).encode()

    def _write_headers(self, headers: Tree, out: list[str]) -> None:
        strange = next((key for key in headers if key not in self._names), None)
        if strange is not None:
            raise CannotBuild("soap_thua", f"/{strange}", "Không có khối Header này trong WSDL.")
        out.append(self._header[0])
        for step in self._blocks:
            value = headers.get(step.key)
            if value is not None:
                try:
                    _write_one(step, value, out)
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
        self._made: dict[tuple[str, bool], _Content] = {}

    def known(self, body: Particle, order: Sequence[str]) -> None:
        """Raises what a wrong setting is: an order that names places which the element does not have."""
        names = {local_name(each.name) for each in places(self._contract.shapes[body.shape].content)}
        strange = [name for name in order if name not in names]
        if strange:
            raise ValueError(f"field order names what {local_name(body.name)} does not have: {', '.join(strange)}")

    def step(self, particle: Particle, *, wrapper: str | None = None) -> _Step:
        """One element; `wrapper` is given for the body element alone, where the order of the spelling holds."""
        key = local_name(particle.name)
        alias = wrapper or self._spelling.aliases.get(key, key)
        name = self._qualified(namespace_of(particle.name), alias)
        nil = f' {self._prefix(XSI, "xsi")}:nil="true"/>' if particle.nillable else ""
        nothing = f"<{name}{nil}" if nil else ""
        made = _Step(key, f"<{name}", f"</{name}>", particle.minimum, particle.maximum, nothing)
        shape = self._contract.shapes[particle.shape]
        if shape.lexical is not None and not shape.attributes:
            made.opening += ">"
            made.plain = shape.lexical is Lexical.TEXT
            made.write = WRITERS[shape.lexical]
        else:
            made.write = self._content(particle.shape, shape, first=wrapper is not None).write
        return made

    def _content(self, key: str, shape: Shape, *, first: bool) -> _Content:
        made = self._made.get((key, first))
        if made is None:
            made = self._made[(key, first)] = _Content()
            made.fill(self, shape, self._spelling.order if first else ())
        return made

    def attribute(self, name: str) -> str:
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


class _Content:
    """What stands in an element that has attributes or parts."""

    __slots__ = ("_attributes", "_keys", "_lexical", "_lines", "_model")

    def fill(self, compiling: _Compiling, shape: Shape, order: Sequence[str]) -> None:
        """Make it; done after it is known by its key, because it may contain itself."""
        self._lexical = shape.lexical
        self._attributes = [
            (f"@{local_name(each.name)}", compiling.attribute(each.name), each.required, VALUES[each.lexical])
            for each in shape.attributes
        ]
        self._model: Model | None = Model.of(shape.content)
        steps = [compiling.step(each) for each in places(shape.content)]
        rank = {name: place for place, name in enumerate(order)}
        steps.sort(key=lambda step: rank.get(step.key, len(rank)))
        certain = set(unconditional(shape.content))
        for step in steps:
            if step.key not in certain:
                # Whether it must stand depends on the others: the model says so, not the place alone.
                step.minimum = 0
        # Taken apart, because this is what every element of every message goes through.
        self._lines = [(step.key, step.opening, step.closing, step.plain, step) for step in steps]
        self._keys = {step.key for step in steps} | {key for key, *_ in self._attributes}
        if shape.lexical is not None:
            self._keys.add("#text")

    def write(self, value: Any, out: list[str]) -> None:
        """Attributes, then the parts or the text; closes the opening tag of the element."""
        if not isinstance(value, Mapping):
            if self._lexical is None:
                raise CannotBuild("soap_sai_kieu", "", "Phải là một nhóm trường, không phải một giá trị.")
            value = {"#text": value}
        if self._attributes:
            self._write_attributes(value, out)
        out.append(">")
        if self._lexical is not None:
            _under("#text", WRITERS[self._lexical], value.get("#text", ""), out)
        self._write_steps(value, out)
        if not value.keys() <= self._keys:
            strange = next(key for key in value if key not in self._keys)
            raise CannotBuild("soap_thua", f"/{strange}", "Không có trường này trong thông điệp.")
        if self._model is not None:
            present = {key for key, held in value.items() if held is not None and held != []}
            fault = fits(self._model, present)
            if fault is not None:
                raise CannotBuild(fault.code, fault.pointer, fault.message_vi)

    def _write_attributes(self, value: Tree, out: list[str]) -> None:
        for key, opening, required, text in self._attributes:
            held = value.get(key)
            if held is None:
                if required:
                    raise CannotBuild("soap_thieu", f"/{key}", "Thiếu thuộc tính bắt buộc.")
                continue
            try:
                said = attribute_text(text(held))
            except CannotBuild as error:
                raise error.under(key) from None
            out.append(f'{opening}{said}"')

    def _write_steps(self, value: Tree, out: list[str]) -> None:
        get = value.get
        for key, opening, closing, plain, step in self._lines:
            held = get(key)
            if held is None:
                if step.minimum:
                    _write_missing(step, out, f"/{key}")
            elif plain and type(held) is str and not needs_care(held):
                out.append(f"{opening}{held}{closing}")
            else:
                try:
                    if isinstance(held, list | tuple):
                        _write_many(step, held, out)
                    else:
                        _write_one(step, held, out)
                except CannotBuild as error:
                    raise error.under(key) from None


def _write_one(step: _Step, value: Any, out: list[str]) -> None:
    if step.write is None:
        raise CannotBuild("soap_sai_kieu", "", "Không ghi được trường này.")
    out.append(step.opening)
    step.write(value, out)
    out.append(step.closing)


def _write_many(step: _Step, values: Sequence[Any], out: list[str]) -> None:
    most = step.maximum
    if most == 1:
        raise CannotBuild("soap_sai_kieu", "", "Chỉ có một giá trị ở đây, không phải danh sách.")
    if len(values) < step.minimum or (most is not None and len(values) > most):
        raise CannotBuild("soap_lap", "", "Số phần tử của danh sách không đúng quy định.")
    for place, value in enumerate(values):
        try:
            if value is None:
                _write_missing(step, out, "")
            else:
                _write_one(step, value, out)
        except CannotBuild as error:
            raise error.under(place) from None


def _write_missing(step: _Step, out: list[str], pointer: str) -> None:
    """XML Schema part 1, 2.6.2: what must stand and has no value is written as nil where the contract allows that."""
    if not step.nil:
        raise CannotBuild("soap_thieu", pointer, "Thiếu trường bắt buộc.")
    out.append(step.nil)


def _under(key: str, write: Write, value: Any, out: list[str]) -> None:
    try:
        write(value, out)
    except CannotBuild as error:
        raise error.under(key) from None
