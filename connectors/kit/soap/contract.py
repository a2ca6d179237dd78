"""Compiles a WSDL from disk into our own tree, once, with zeep; at work the compiled tree is read and zeep is not loaded.

Beside `x.wsdl` lies `x.contract.json`: the tree and the SHA-256 of every document that it was made from. It is used when
these still agree, and made anew in memory when they do not. `python -m connectors.kit.soap.contract x.wsdl` writes it.
zeep is the only reader of WSDL (decision 0020); importing it takes 28 MB and 0.15 s, which is why it stays outside.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from connectors.kit.soap.documents import WSDL, closure, digests, parsed
from connectors.kit.soap.tree import (
    Attribute,
    Binding,
    Contract,
    ContractUnsupported,
    Kind,
    Lexical,
    Message,
    Operation,
    Particle,
    Shape,
    local_name,
)

_KINDS: dict[str, Kind] = {"Sequence": "sequence", "All": "all", "Choice": "choice", "Group": "sequence"}
_NUMBERS = ("Decimal", "Float", "Double")
_MOMENTS = ("Date", "DateTime", "Time")


def load_contract(wsdl: Path) -> Contract:
    """The contract of a WSDL; raises `ContractUnsupported` when its documents cannot be read or understood."""
    documents = closure(wsdl)
    stored = _stored(wsdl)
    if stored is not None and stored.sources == digests(documents):
        return stored
    return compiled(wsdl, documents)


def stored_path(wsdl: Path) -> Path:
    """Where the compiled contract of a WSDL lies."""
    return wsdl.with_suffix(".contract.json")


def written(contract: Contract) -> bytes:
    """The contract as the file holds it: indented, so that a change can be read, and without what is so by default."""
    return msgspec.json.format(msgspec.json.encode(_lean(contract)), indent=1) + b"\n"


def _lean(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_lean(each) for each in value]
    if isinstance(value, dict):
        return {key: _lean(each) for key, each in value.items()}
    if not dataclasses.is_dataclass(value):
        return value
    said = ((each.name, getattr(value, each.name), each.default) for each in dataclasses.fields(value))
    return {name: _lean(held) for name, held, default in said if held != default}


def _stored(wsdl: Path) -> Contract | None:
    try:
        return msgspec.json.decode(stored_path(wsdl).read_bytes(), type=Contract)
    except (OSError, msgspec.MsgspecError):
        return None


def compiled(wsdl: Path, documents: Mapping[str, bytes]) -> Contract:
    """The contract made by zeep from these documents; it opens nothing itself."""
    import zeep.exceptions
    import zeep.settings
    import zeep.wsdl

    if parsed(documents[wsdl.name], wsdl.name).tag != f"{WSDL}definitions":
        raise ContractUnsupported(f"{wsdl.name}: not a WSDL 1.1 document")
    settings = zeep.settings.Settings(strict=True, forbid_dtd=True, forbid_external=True)
    folder = os.path.realpath(wsdl.parent)
    shelf: Any = _Shelf(folder, documents)
    try:
        document = zeep.wsdl.Document(str(Path(folder) / wsdl.name), shelf, settings=settings)
    except (zeep.exceptions.Error, KeyError, LookupError, TypeError, AttributeError) as error:
        # A WSDL that names what it does not define ends in any of these.
        raise ContractUnsupported(f"{wsdl.name}: {type(error).__name__}") from None
    return _Compilation(document).contract(digests(documents))


class _Shelf:
    """Stands where zeep expects a transport: hands out what was read before, and nothing else."""

    def __init__(self, folder: str, documents: Mapping[str, bytes]) -> None:
        self._folder = folder
        self._documents = documents

    def load(self, url: str) -> bytes:
        """The document at a path of the folder."""
        name = os.path.relpath(os.path.realpath(url), self._folder).replace(os.sep, "/")
        if name not in self._documents:
            raise ContractUnsupported("the WSDL reaches for a document that it does not import")
        return self._documents[name]


class _Compilation:
    """One walk over zeep's types; shapes get the name of their type, or a number when they have none."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._shapes: dict[str, Shape] = {}
        self._keys: dict[int, str] = {}

    def contract(self, sources: dict[str, str]) -> Contract:
        """The whole document."""
        addresses = {
            str(port.binding.name): str(port.binding_options.get("address", ""))
            for service in self._document.services.values()
            for port in service.ports.values()
        }
        bindings = {}
        for name, binding in self._document.bindings.items():
            if type(binding).__name__ == "Soap11Binding":
                operations = {key: self._operation(key, each) for key, each in binding._operations.items()}
                text = str(name)
                bindings[local_name(text)] = Binding(text, operations, addresses.get(str(binding.name), ""))
        return Contract(bindings, self._shapes, sources)

    def _operation(self, name: str, found: Any) -> Operation:
        action = str(found.soapaction or "")
        shapes, keys = dict(self._shapes), dict(self._keys)
        try:
            if found.style != "document" or type(found.input).__name__ != "DocumentMessage":
                raise ContractUnsupported(f"style {found.style}: only document/literal is spoken")
            faults = tuple(self._message(each).body for each in found.faults.values())
            return Operation(
                name,
                action,
                self._message(found.input),
                self._message(found.output),
                tuple(each for each in faults if each is not None),
            )
        except ContractUnsupported as error:
            # Half a type must not be taken for a whole one by the next operation.
            self._shapes, self._keys = shapes, keys
            return Operation(name, action, unsupported=str(error))

    def _message(self, found: Any) -> Message:
        if found is None or found.abstract is None:
            return Message()
        header = found.header.type._element if found.header is not None else None
        blocks = tuple(self._element(each) for each in (header or ()))
        if found.body is None:
            return Message(blocks)
        if found._is_body_wrapped:
            raise ContractUnsupported("a body of several parts (WS-I Basic Profile 1.1, R2210)")
        return Message(blocks, self._element(found.body))

    def _element(self, found: Any) -> Particle:
        maximum = None if found.max_occurs == "unbounded" else int(found.max_occurs)
        return Particle(
            "element",
            int(found.min_occurs),
            maximum,
            name=str(found.qname),
            shape=self._shape(found.type, str(found.qname)),
            nillable=bool(found.nillable),
        )

    def _shape(self, found: Any, owner: str) -> str:
        lexical = _lexical(found)
        if lexical is not None:
            self._shapes.setdefault(lexical.value, Shape(lexical))
            return lexical.value
        key = self._keys.get(id(found))
        if key is None:
            key = str(found.qname) if found.is_global and found.qname is not None else f"{owner}#{len(self._keys)}"
            self._keys[id(found)] = key  # before its content, which may lead back here
            self._shapes[key] = Shape()
            self._shapes[key] = self._complex(found)
        return key

    def _complex(self, found: Any) -> Shape:
        if type(found).__name__ == "AnyType" or not hasattr(found, "_element"):
            raise ContractUnsupported(f"type {type(found).__name__}: anything may stand there")
        attributes = tuple(
            Attribute(str(each.qname), _lexical(each.type) or Lexical.TEXT, bool(each.required))
            for _, each in found.attributes
            if each.name is not None  # anyAttribute
        )
        content = found._element
        if content is not None and type(content).__name__ == "Element":
            # simpleContent: zeep keeps its type in an element without a place of its own
            return Shape(_lexical(content.type) or Lexical.TEXT, attributes)
        model = self._particle(content) if content is not None else None
        _refuse_twins(model)
        return Shape(None, attributes, model)

    def _particle(self, found: Any) -> Particle:
        name = type(found).__name__
        if name in ("Any", "AnyObject"):
            return Particle("any", int(found.min_occurs), None)
        if name not in _KINDS:
            return self._element(found)
        maximum = None if found.max_occurs == "unbounded" else int(found.max_occurs)
        parts = tuple(self._particle(each) for each in ((found.child,) if name == "Group" else found))
        minimum = int(found.min_occurs)
        if maximum == 1:
            return Particle(_KINDS[name], minimum, 1, parts=parts)
        if len(parts) == 1 and parts[0].kind == "element" and not parts[0].many:
            # A group that repeats one element is that element, repeated.
            only = parts[0]
            repeated = Particle("element", minimum * only.minimum, maximum, only.name, only.shape, only.nillable)
            return Particle("sequence", 1, 1, parts=(repeated,))
        raise ContractUnsupported("a group of several elements that repeats as a whole")


def _lexical(found: Any) -> Lexical | None:
    """How values of a simple type are written; None when the type is not simple."""
    names = [each.__name__ for each in type(found).__mro__]
    if "ComplexType" in names or "AnySimpleType" not in names:
        return None
    if "Boolean" in names:
        return Lexical.BOOLEAN
    if any(name in names for name in _NUMBERS):
        return Lexical.NUMBER
    if any(name in names for name in _MOMENTS):
        return Lexical.MOMENT
    if "Base64Binary" in names:
        return Lexical.BYTES
    return Lexical.HEX if "HexBinary" in names else Lexical.TEXT


def _refuse_twins(model: Particle | None) -> None:
    """Two places of one local name: a JSON object has one key for both, and could not say which is meant."""
    seen: set[str] = set()
    waiting = [model] if model is not None else []
    while waiting:
        part = waiting.pop()
        waiting.extend(part.parts)
        if part.kind == "element":
            name = local_name(part.name)
            if name in seen:
                raise ContractUnsupported(f"{name} stands at two places of one type")
            seen.add(name)


def main(arguments: list[str]) -> int:
    """Write the compiled contract beside each WSDL that is named."""
    for argument in arguments:
        wsdl = Path(argument)
        stored_path(wsdl).write_bytes(written(compiled(wsdl, closure(wsdl))))
    return 0 if arguments else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
