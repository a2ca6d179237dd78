"""Reads SOAP 1.1 answers: one Envelope, one Body, one element in it; whatever else comes is refused with a clear reason.

An answer is untrusted: it is parsed by `signing.canonical.parse_xml` (no DTD, entities, comments; bounded size, depth, count),
and its parts are taken from the places where SOAP puts them, never searched for, so that nothing can be wrapped around them.
Texts of refusals repeat nothing of the answer. What is read is a tree as in `connectors.kit.soap.building`; simple values stay
text (leading zeros count), except booleans.
Sources: SOAP 1.1 4.1 to 4.4; X-Road message protocol 4.0, annex D.2 (non-technical fault); identity facts 2.6, 2.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.soap.building import SOAP, XSI
from connectors.kit.soap.models import places
from connectors.kit.soap.tree import Contract, Lexical, Particle, local_name
from signing.canonical import Element, XmlLimits, XmlRefused, count_in_namespace, parse_xml

ANSWER = XmlLimits(max_bytes=1_048_576, max_depth=32, max_elements=20_000)
"""What an answer may measure (identity facts 6, parser settings)."""

_ENVELOPE, _HEADER, _BODY, _FAULT = (f"{{{SOAP}}}{name}" for name in ("Envelope", "Header", "Body", "Fault"))
_UNDERSTAND = f"{{{SOAP}}}mustUnderstand"
_ACTOR = f"{{{SOAP}}}actor"
_NAMESPACE = SOAP.encode()
_NIL = f"{{{XSI}}}nil"
_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")
_ABOUT_READING = (f"{{{XSI}}}", f"{{{SOAP}}}")
_LONGEST = 500


class NotSoap(ValueError):
    """Câu trả lời không phải thông điệp SOAP đọc được. `code` is stable; the text repeats nothing of the answer.

    Codes: soap_trong (empty), soap_html, soap_khong_phai_xml, soap_phong_bi (not this envelope), soap_header, soap_body,
    soap_fault, soap_noi_dung (the body is not what the contract says), and those of `XmlRefused`.
    """

    def __init__(self, code: str, message_vi: str) -> None:
        self.code = code
        self.message_vi = message_vi
        super().__init__(f"{code}: {message_vi}")


@dataclass(frozen=True, slots=True)
class SoapFault:
    """A fault. `code` without prefix (`Client`, `Server.ClientProxy.NetworkError`); `text` and `detail` may hold anything.

    `technical` is False for the fault inside an answer element, which X-Road calls non-technical.
    """

    code: str
    text: str = field(repr=False)
    actor: str = field(default="", repr=False)
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)
    technical: bool = True

    def starts(self, prefix: str) -> bool:
        """Whether the code is `prefix` or one below it: SOAP 1.1 4.4.1 orders codes by dots."""
        return self.code == prefix or self.code.startswith(f"{prefix}.")

    def detailed(self, name: str) -> str:
        """The first text of that name in the detail, at any depth; empty when there is none."""
        return _first(self.detail, name)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened answer: the blocks of its header, and either the one element of its body or a fault."""

    blocks: tuple[Element, ...] = field(repr=False)
    body: Element | None = field(repr=False)
    fault: SoapFault | None = None

    def header(self, name: str) -> Element | None:
        """The block `{namespace}local`; raises `NotSoap` when it stands twice."""
        found = [block for block in self.blocks if block.tag == name]
        if len(found) > 1:
            raise NotSoap("soap_header", f"Khối Header {local_name(name)} lặp lại trong câu trả lời.")
        return found[0] if found else None


def opened(raw: bytes, limits: XmlLimits = ANSWER, understood: Set[str] = frozenset()) -> Envelope:
    """The envelope in the bytes of an answer; raises `NotSoap` and nothing else.

    `understood`: blocks that may bear mustUnderstand (SOAP 1.1 4.2.3); any other that does makes the answer unreadable.
    """
    root = _parsed(raw, limits)
    if root.tag != _ENVELOPE:
        raise NotSoap("soap_phong_bi", "Câu trả lời là XML nhưng không phải phong bì SOAP 1.1.")
    parts = list(root)
    _refuse_text(root, parts)
    header = parts.pop(0) if parts and parts[0].tag == _HEADER else None
    if len(parts) != 1 or parts[0].tag != _BODY:
        raise NotSoap("soap_body", "Phong bì SOAP phải có đúng một Body, và không có gì khác sau Header.")
    blocks = _blocks(header, understood) if header is not None else ()
    body = parts[0]
    contents = list(body)
    _refuse_text(body, contents)
    if len(contents) != 1:
        raise NotSoap("soap_body", "Body của câu trả lời SOAP phải có đúng một phần tử.")
    content = contents[0]
    if content.tag == _FAULT:
        return Envelope(blocks, None, _fault(content))
    lawful = 2 if header is None else 3
    if not _no_more_than(lawful, raw, root.prefix) and count_in_namespace(root, SOAP) != lawful:
        # The classic of wrapping is a second body that another reader finds.
        raise NotSoap("soap_body", "Câu trả lời có phần tử SOAP lồng không đúng chỗ.")
    return Envelope(blocks, content, _fault_inside(content))


def _no_more_than(count: int, raw: bytes, prefix: str | None) -> bool:
    """Whether the bytes alone prove that no more elements are SOAP's: its namespace is written once, for one prefix."""
    if prefix is None or b"&#" in raw or raw.count(_NAMESPACE) != 1:
        return False
    return raw.count(b"<%s:" % prefix.encode()) == count


def _parsed(raw: bytes, limits: XmlLimits) -> Element:
    start = raw[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise NotSoap("soap_trong", "Câu trả lời SOAP trống.")
    if start[:64].lower().startswith(_HTML):
        raise NotSoap("soap_html", "Hệ thống trả lời một trang HTML thay cho SOAP (thường là của máy chủ trung gian).")
    if not start.startswith(b"<"):
        raise NotSoap("soap_khong_phai_xml", "Câu trả lời không phải XML.")
    try:
        return parse_xml(raw, limits)
    except XmlRefused as error:
        raise NotSoap(error.code, error.message_vi) from None


def _blocks(header: Element, understood: Set[str]) -> tuple[Element, ...]:
    blocks = tuple(header)
    _refuse_text(header, blocks)
    for block in blocks:
        demanded = block.get(_UNDERSTAND, "0") in ("1", "true") and block.get(_ACTOR, _NEXT) == _NEXT
        if demanded and block.tag not in understood:
            raise NotSoap("soap_header", "Câu trả lời đòi hỏi hiểu một khối Header mà cổng không biết.")
    return blocks


def _refuse_text(element: Element, children: Sequence[Element]) -> None:
    for text in (element.text, *[child.tail for child in children]):
        if text is not None and not text.isspace():
            raise NotSoap("soap_phong_bi", "Có chữ nằm ngoài các phần tử của phong bì SOAP.")


def _fault(element: Element) -> SoapFault:
    """SOAP 1.1 4.4; some servers put the parts into the namespace of the envelope, so they are found by local name."""
    parts: dict[str, Element] = {}
    for child in element:
        name = local_name(str(child.tag))
        if name in parts:
            raise NotSoap("soap_fault", "SOAP Fault có phần lặp lại.")
        parts[name] = child
    code = _said(parts.get("faultcode"))
    if not code:
        raise NotSoap("soap_fault", "SOAP Fault không có faultcode.")
    detail = parts.get("detail")
    found = {} if detail is None else _whatever(detail)
    held = found if isinstance(found, dict) else {"#text": found}
    return SoapFault(code.rpartition(":")[2], _said(parts.get("faultstring")), _said(parts.get("faultactor")), held)


def _whatever(element: Element) -> Any:
    """The detail of a fault, which may be anything, a page of HTML too: the first of each name, text between them left out."""
    if not len(element):
        return (element.text or "")[:_LONGEST]
    found: dict[str, Any] = {}
    for child in element:
        name = local_name(str(child.tag))
        if name not in found:
            found[name] = _whatever(child)
    return found


def _fault_inside(content: Element) -> SoapFault | None:
    """X-Road 4.0 annex D.2: a `fault` element with faultCode in the answer; one anywhere else is data."""
    for child in content:
        if local_name(str(child.tag)) == "fault":
            said = {local_name(str(part.tag)): part for part in child}
            if "faultCode" in said:
                return SoapFault(_said(said["faultCode"]), _said(said.get("faultString")), technical=False)
    return None


def _said(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext()).strip()[:_LONGEST]


def loosely(element: Element, many: Set[str] = frozenset()) -> Any:
    """An element by local names alone, whatever its namespaces: text, or a mapping of its attributes and parts.

    Names in `many` are always a list; any other name that stands twice makes the answer ambiguous: raises `NotSoap`.
    A part with xsi:nil is None. Attributes of namespaces that say how to read (xsi, soap) are left out.
    """
    found: dict[str, Any] = {}
    for name, value in element.items():
        key = str(name)
        if key == _NIL and value in ("true", "1"):
            return None
        if not key.startswith(_ABOUT_READING):
            found[f"@{local_name(key)}"] = value
    if not len(element):
        text = element.text or ""
        return {**found, "#text": text} if found else text
    return {**found, **_loose_parts(element, many)}


def _loose_parts(element: Element, many: Set[str] = frozenset()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    _refuse_words(element.text)
    for child in element:
        if child.tail is not None:
            _refuse_words(child.tail)
        name = str(child.tag).rpartition("}")[2]
        value = loosely(child, many)
        if name in many:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise NotSoap("soap_noi_dung", f"Câu trả lời lặp lại trường {name[:60]}.")
        else:
            found[name] = value
    return found


def _refuse_words(between: str | None) -> None:
    if between and not between.isspace():
        raise NotSoap("soap_noi_dung", "Câu trả lời có chữ xen giữa các phần tử.")


def _first(tree: Any, name: str) -> str:
    if isinstance(tree, Mapping):
        held = tree.get(name)
        if isinstance(held, str):
            return held
        tree = list(tree.values())
    if isinstance(tree, list):
        return next((found for each in tree if (found := _first(each, name))), "")
    return ""


class Reader:
    """Reads one kind of element as the contract has it: exact names, lists where it may repeat, booleans as booleans."""

    def __init__(self, contract: Contract, particle: Particle) -> None:
        self.name = particle.name
        self._place = _Place(
            local_name(particle.name), False, particle.nillable, _Places.of(contract, particle.shape, {})
        )

    def read(self, element: Element) -> Any:
        """The tree of an element that the schema accepts, which has no text between its parts then.

        Raises `NotSoap` when it has another name or holds what the contract does not have.
        """
        if element.tag != self.name:
            raise NotSoap("soap_noi_dung", f"Câu trả lời không phải {local_name(self.name)}.")
        return self._place.read(element)


@dataclass(frozen=True, slots=True)
class _Place:
    """One element of a content model: its key in the tree, and how what stands there is read."""

    key: str
    many: bool
    nillable: bool
    inside: _Places
    plain: bool = False

    def read(self, element: Element) -> Any:
        """The value of the element at this place."""
        if self.nillable and element.get(_NIL) in ("true", "1"):
            return None
        return self.inside.read(element)


@dataclass(slots=True)
class _Places:
    """A shape made ready for reading. `open`: other elements may stand there, and are passed over."""

    lexical: Lexical | None = None
    parts: dict[str, _Place] = field(default_factory=dict)
    attributes: dict[str, tuple[str, Lexical]] = field(default_factory=dict)
    open: bool = False

    @classmethod
    def of(cls, contract: Contract, key: str, made: dict[str, _Places]) -> _Places:
        """The places of a shape; a shape that contains itself is made once."""
        known = made.get(key)
        if known is not None:
            return known
        shape = contract.shapes[key]
        found = made[key] = cls(shape.lexical, open=_has_any(shape.content))
        for each in places(shape.content):
            inside = cls.of(contract, each.shape, made)
            plain = inside.lexical not in (None, Lexical.BOOLEAN) and not inside.attributes and not each.nillable
            found.parts[each.name] = _Place(local_name(each.name), each.many, each.nillable, inside, plain)
        found.attributes = {each.name: (f"@{local_name(each.name)}", each.lexical) for each in shape.attributes}
        return found

    def read(self, element: Element) -> Any:
        """The value of an element of this shape."""
        if self.lexical is not None and not self.attributes:
            return _value(element, self.lexical)
        tree: dict[str, Any] = {}
        if self.attributes:
            for name, value in element.items():
                known = self.attributes.get(str(name))
                if known is not None:
                    tree[known[0]] = _lexically(value, known[1])
        if self.lexical is not None:
            tree["#text"] = _value(element, self.lexical)
        else:
            self._take(element, tree)
        return tree

    def _take(self, element: Element, tree: dict[str, Any]) -> None:
        for child in element:
            place = self.parts.get(child.tag)  # type: ignore[arg-type]  # its stubs let a name be bytes too
            if place is None:
                if self.open:
                    continue
                raise NotSoap("soap_noi_dung", "Câu trả lời có phần tử ngoài WSDL.")
            value = (child.text or "") if place.plain and not len(child) else place.read(child)
            if place.many:
                tree.setdefault(place.key, []).append(value)
            elif place.key in tree:
                raise NotSoap("soap_noi_dung", f"Câu trả lời lặp lại trường {place.key}.")
            else:
                tree[place.key] = value


def _has_any(content: Particle | None) -> bool:
    return content is not None and (content.kind == "any" or any(_has_any(part) for part in content.parts))


def _value(element: Element, lexical: Lexical | None) -> Any:
    if len(element):
        raise NotSoap("soap_noi_dung", "Câu trả lời có phần tử bên trong một giá trị đơn.")
    return _lexically(element.text or "", lexical)


def _lexically(text: str, lexical: Lexical | None) -> Any:
    if lexical is not Lexical.BOOLEAN:
        return text
    said = text.strip()
    if said not in ("true", "1", "false", "0"):
        raise NotSoap("soap_noi_dung", "Câu trả lời có giá trị đúng/sai không đọc được.")
    return said in ("true", "1")
