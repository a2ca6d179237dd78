"""Judges bodies against the XML Schemas of a contract, compiled once; what it says repeats no value.

libxml2 gets every document from memory, as `connectors.kit.soap.documents` read it: nothing is opened while a schema is compiled.
Sources: XML Schema part 1 and 2; WSDL 1.1, 2.2 (types).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.kit.soap.documents import WSDL, XSD, beside, closure, parsed
from connectors.kit.soap.tree import ContractUnsupported
from signing.canonical import Element, XmlRefused

_BASE = "contract:/"
_MOST = 20
_OWN = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, collect_ids=False)


@dataclass(frozen=True, slots=True)
class Invalid:
    """One breach: the rule of XML Schema that was broken (`pattern`, `element_content`, …) and the place, as a pointer."""

    rule: str
    pointer: str


def written(raw: bytes) -> Element:
    """The root of a message that this program has just written, to be judged here; for nothing that came from outside.

    Raises `XmlRefused` for what libxml2 does not read: texts over 10 MB, more than 256 levels.
    """
    try:
        return etree.fromstring(raw, _OWN)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise XmlRefused("xml_sai_cu_phap", f"XML sai cú pháp tại dòng {line}, cột {column}.") from None


class MessageSchema:
    """The schemas of one WSDL, or one schema by itself, ready to judge. Not for several threads at once."""

    def __init__(self, compiled: etree.XMLSchema) -> None:
        self._compiled = compiled

    @classmethod
    def of_wsdl(cls, wsdl: Path) -> MessageSchema:
        """The schemas in `wsdl:types`; raises `ContractUnsupported`."""
        documents = dict(closure(wsdl))
        root = parsed(documents[wsdl.name], wsdl.name)
        return cls(_compiled(_driver(root, wsdl.name, documents), documents))

    @classmethod
    def of_file(cls, xsd: Path) -> MessageSchema:
        """One schema document with what it imports; raises `ContractUnsupported`."""
        documents = closure(xsd)
        return cls(_compiled(parsed(documents[xsd.name], xsd.name), documents, xsd.name))

    def breaches(self, element: Element) -> tuple[Invalid, ...]:
        """What is wrong with an element and everything in it; at most twenty breaches, none when it is valid."""
        if self._compiled.validate(element):
            return ()
        entries = list(self._compiled.error_log)[:_MOST]
        return tuple(dict.fromkeys(Invalid(_rule(each.type_name), _pointer(each.path, element)) for each in entries))


def _rule(name: str) -> str:
    """`SCHEMAV_CVC_PATTERN_VALID` as `pattern`."""
    return name.removeprefix("SCHEMAV_").removeprefix("CVC_").removesuffix("_VALID").lower()


def _pointer(path: str | None, element: Element) -> str:
    """The place below `element`, with local names alone; libxml2 counts repeated elements from one."""
    found = []
    at: Element | None = element
    for step in (path or "").split("/")[2:]:
        name, number = _step(step)
        at, name = _below(at, name, number)
        found.append(name if number is None else f"{name}/{number - 1}")
    return "".join(f"/{each}" for each in found)


def _step(step: str) -> tuple[str, int | None]:
    name, _, number = step.partition("[")
    return name.rpartition(":")[2], int(number[:-1]) if number else None


def _below(at: Element | None, name: str, number: int | None) -> tuple[Element | None, str]:
    """libxml2 writes `*` for an element of a default namespace; its name is looked up in the tree."""
    if at is None:
        return None, name
    named = [child for child in at if name == "*" or etree.QName(child).localname == name]
    place = (number or 1) - 1
    if place >= len(named):
        return None, name
    return named[place], etree.QName(named[place]).localname


def _compiled(root: Element, documents: Mapping[str, bytes], name: str = "") -> etree.XMLSchema:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    parser.resolvers.add(_FromMemory(documents))
    # Read once more with the resolver attached: libxml2 asks the parser of the first document for the others.
    again = etree.fromstring(etree.tostring(root), parser, base_url=_BASE + (name or "driver"))
    try:
        return etree.XMLSchema(again)
    except etree.XMLSchemaParseError as error:
        raise ContractUnsupported(f"schema: {error}") from None


class _FromMemory(etree.Resolver):
    """Gives libxml2 what was read before."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        """The document at an address below the base; anything else is empty, which is no schema."""
        name = (system_url or "").removeprefix(_BASE)
        return self.resolve_string(self._documents.get(name, b""), context, base_url=system_url)


def _driver(wsdl: Element, name: str, documents: dict[str, bytes]) -> Element:
    """One schema that imports every schema of the WSDL; those written inside it get names of their own."""
    inline = [each for types in wsdl.iter(f"{WSDL}types") for each in types if each.tag == f"{XSD}schema"]
    own = {each.get("targetNamespace", ""): f"inline-{place}" for place, each in enumerate(inline)}
    driver = etree.Element(f"{XSD}schema")
    for each in inline:
        space = each.get("targetNamespace", "")
        for pointer in each.iter(f"{XSD}import"):
            named, location = pointer.get("namespace", ""), pointer.get("schemaLocation")
            if location is None and named in own:
                pointer.set("schemaLocation", own[named])
            if not space and location is not None:
                # A schema that only imports: what it imports is taken over as it is.
                _imports(driver, named, beside(name, location))
        if space:
            documents[own[space]] = etree.tostring(each)
            _imports(driver, space, own[space])
    return driver


def _imports(driver: Element, namespace: str, location: str) -> None:
    etree.SubElement(driver, f"{XSD}import", namespace=namespace, schemaLocation=location)
