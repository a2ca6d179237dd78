"""SOAP 1.1 as the simulated population database reads and writes it, in its own reading of the facts.

Namespaces and elements from identity facts 2.3 to 2.8; written as text with every value escaped, read by the house's one XML
reader (`signing.canonical.parse_xml`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, Union
from xml.sax.saxutils import escape, quoteattr

from signing.canonical import Element, XmlRefused, parse_xml

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
POPULATION = "http://dancuquocgia.bca"
STUB = "http://gtel.vn/qldc"
RECORDS = "http://www.mic.gov.vn/dancu/1.0"
XROAD = "http://x-road.eu/xsd/xroad.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
_SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"

Tree: TypeAlias = Mapping[str, Union[str, "Tree", None]]
"""An element's children in order: text, further children, or None to leave the element out."""


class NotSoap(ValueError):
    """The bytes are no SOAP 1.1 envelope with one child in its body."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An X-Road identifier: `object_type` and the parts that are given, by their element names."""

    object_type: str
    parts: Mapping[str, str]

    @property
    def slashed(self) -> str:
        """instance/class/member/subsystem: the form of the REST header."""
        names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
        return "/".join(self.parts[name] for name in names if name in self.parts)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the operation's element, its namespace, its fields in order; and the X-Road header blocks as they came.

    `fields` of a structure are its children under `name/child`. `blocks` are raw texts or identifiers, in order.
    """

    operation: str
    namespace: str
    fields: Mapping[str, str] = field(repr=False)
    blocks: Mapping[str, str | Identifier] = field(default_factory=dict, repr=False)
    foreign_headers: int = 0


def read_request(raw: bytes) -> Request:
    """The request in an envelope; raises `NotSoap`, whose text repeats nothing of the bytes."""
    try:
        root = parse_xml(raw)
    except XmlRefused as refused:
        raise NotSoap(refused.code) from None
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        raise NotSoap("envelope")
    parts = list(root)
    names = [_local(part) for part in parts]
    if names not in (["Header", "Body"], ["Body"]) or any(_space(part) != ENVELOPE for part in parts):
        raise NotSoap("structure")
    body = list(parts[-1])
    if len(body) != 1:
        raise NotSoap("body")
    blocks, foreign = _blocks(parts[0] if len(parts) == 2 else None)
    return Request(_local(body[0]), _space(body[0]), _fields(body[0]), blocks, foreign)


def _blocks(header: Element | None) -> tuple[dict[str, str | Identifier], int]:
    """The X-Road blocks in order, and how many of another namespace stood beside them."""
    blocks: dict[str, str | Identifier] = {}
    foreign = 0
    for block in header if header is not None else ():
        if _space(block) != XROAD:
            foreign += 1
        elif len(block):
            kind = block.get(f"{{{IDENTIFIERS}}}objectType", "")
            blocks[_local(block)] = Identifier(kind, {_local(part): (part.text or "").strip() for part in block})
        else:
            blocks[_local(block)] = (block.text or "").strip()
    return blocks, foreign


def _fields(operation: Element) -> dict[str, str]:
    """Every field of a request; a field that came twice, or in another namespace than its operation, is refused."""
    fields: dict[str, str] = {}
    for child in operation:
        leaves = [(f"{_local(child)}/{_local(leaf)}", leaf) for leaf in child] or [(_local(child), child)]
        for name, leaf in leaves:
            if name in fields or _space(leaf) != _space(operation) or len(leaf):
                raise NotSoap("field")
            fields[name] = (leaf.text or "").strip()
    return fields


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _space(element: Element) -> str:
    return str(element.tag).partition("}")[0].removeprefix("{") if "}" in str(element.tag) else ""


def element(name: str, content: Tree | str, prefix: str) -> str:
    """One element with its children, all of one prefix."""
    if isinstance(content, str):
        inner = escape(content)
    else:
        inner = "".join(element(child, value, prefix) for child, value in content.items() if value is not None)
    return f"<{prefix}:{name}>{inner}</{prefix}:{name}>" if inner else f"<{prefix}:{name}/>"


def collection(rows: Sequence[Tree], attributes: Mapping[str, str], *, response: str = "") -> str:
    """`CongdanCollection` with a `CongDan` for each row; `response` wraps it into an element of that name, as stubs do."""
    said = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    inner = "".join(element("CongDan", row, "ns1") for row in rows)
    body = f'<ns1:CongdanCollection xmlns:ns1="{RECORDS}"{said}>{inner}</ns1:CongdanCollection>'
    return f'<dan:{response} xmlns:dan="{POPULATION}">{body}</dan:{response}>' if response else body


def verdict(name: str, found: str) -> str:
    """The answer of a verification, `KetQuaXacThuc` or as stubs name it."""
    return f'<dan:{name} xmlns:dan="{POPULATION}"><dan:TonTai>{escape(found)}</dan:TonTai></dan:{name}>'


def envelope(body: str, blocks: Mapping[str, str | Identifier] | None = None) -> bytes:
    """An envelope around a body, with X-Road header blocks where there are any."""
    header = "".join(_block(name, block) for name, block in (blocks or {}).items())
    head = f"<soapenv:Header>{header}</soapenv:Header>" if header else "<soapenv:Header/>"
    spaces = f'xmlns:soapenv="{ENVELOPE}"'
    if header:
        spaces += f' xmlns:x="{XROAD}" xmlns:i="{IDENTIFIERS}"'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope {spaces}>{head}'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def _block(name: str, block: str | Identifier) -> str:
    if isinstance(block, str):
        told = f' algorithmId="{_SHA512}"' if name == "requestHash" else ""
        return f"<x:{name}{told}>{escape(block)}</x:{name}>"
    parts = "".join(f"<i:{part}>{escape(value)}</i:{part}>" for part, value in block.parts.items())
    return f"<x:{name} i:objectType={quoteattr(block.object_type)}>{parts}</x:{name}>"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer. `code` is the middleware's own (`004`, `005`…), `fault` the SOAP fault code."""

    fault: str
    message: str
    code: str = ""
    status: int = 500


def fault(problem: Problem, request_id: str = "") -> str:
    """A SOAP 1.1 fault; the middleware's code stands in its detail (the form of `examples/fault-business.xml`)."""
    detail = ""
    if problem.code:
        tree: Tree = {"MaLoi": problem.code, "MoTa": problem.message, "MaYeuCau": request_id or None}
        inner = element("Loi", tree, "dan").replace("<dan:Loi>", f'<dan:Loi xmlns:dan="{POPULATION}">', 1)
        detail = f"<detail>{inner}</detail>"
    return (
        f"<soapenv:Fault><faultcode>{escape(problem.fault)}</faultcode>"
        f"<faultstring>{escape(problem.message)}</faultstring>{detail}</soapenv:Fault>"
    )


def inner_fault(name: str, problem: Problem) -> str:
    """X-Road's "non-technical" fault inside the answer's element, HTTP 200 (PR-MESS annex D.2)."""
    return (
        f'<dan:{name} xmlns:dan="{POPULATION}"><fault><faultCode>{escape(problem.code or problem.fault)}</faultCode>'
        f"<faultString>{escape(problem.message)}</faultString></fault></dan:{name}>"
    )
