"""One ds:Signature as plain parts, read strictly: every child where the schema has it, nothing inside what is text.

A reader that skips what it does not know lets two programs see two signatures (X14, X16, X22), so what is unknown is refused.
Source: XML Signature 1.1 sections 4 and 6.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from signing.canonical import C14n, Element
from signing.xml.names import C14N_METHODS, DS, EC


class Malformed(ValueError):
    """The signature is not built as its schema says. `code` is the finding that fails."""

    def __init__(self, detail: str, code: str = "signature_form") -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


@dataclass(frozen=True, slots=True)
class Transform:
    """One ds:Transform or ds:CanonicalizationMethod: its URI, and the method when it is a canonicalisation."""

    uri: str
    c14n: C14n | None


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference. `digest_uri` as written; `value` the decoded DigestValue."""

    id: str
    uri: str | None
    type: str
    transforms: tuple[Transform, ...]
    digest_uri: str
    value: bytes

    @property
    def shown(self) -> str:
        """The URI for a detail: short, quoted."""
        return "no URI" if self.uri is None else repr(self.uri[:80])


@dataclass(frozen=True, slots=True)
class SignatureParts:
    """One ds:Signature taken apart; nothing of it is judged yet."""

    node: Element
    id: str
    signed_info: Element
    c14n: Transform
    method: Element
    references: tuple[Reference, ...]
    value_node: Element
    value: bytes
    key_info: Element | None
    objects: tuple[Element, ...]


def elements(node: Element) -> Iterator[Element]:
    """The child elements; comments and instructions are no elements."""
    return (child for child in node if isinstance(child.tag, str))


def text_of(node: Element) -> str:
    """The text of an element that may hold text only; anything inside would cut it in two for some readers (X14)."""
    if len(node):
        raise Malformed(f"{local(node)} holds more than text")
    return node.text or ""


def decoded(node: Element) -> bytes:
    """Strict base64 (RFC 4648, zero padding bits); white space is allowed between letters (XML Schema base64Binary)."""
    try:
        text = text_of(node).encode("ascii").translate(None, b" \t\r\n")
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Malformed(f"{local(node)} is not base64") from None
    if base64.b64encode(value) != text:
        raise Malformed(f"{local(node)} is not base64 in its only form")
    if not value:
        raise Malformed(f"{local(node)} is empty")
    return value


def local(node: Element) -> str:
    """The local name, for details."""
    return str(node.tag).rpartition("}")[2][:60]


def read_signature(node: Element, max_references: int) -> SignatureParts:
    """The parts of a ds:Signature element; raises `Malformed`."""
    children = list(elements(node))
    names = [str(child.tag) for child in children]
    if (node.text or "").strip() or any((child.tail or "").strip() for child in node):
        raise Malformed("Signature holds text of its own")
    if names[:2] != [f"{{{DS}}}SignedInfo", f"{{{DS}}}SignatureValue"]:
        raise Malformed("Signature does not begin with SignedInfo, SignatureValue")
    rest = children[2:]
    key_info = rest.pop(0) if rest and rest[0].tag == f"{{{DS}}}KeyInfo" else None
    if any(child.tag != f"{{{DS}}}Object" for child in rest):
        raise Malformed("Signature holds something besides SignedInfo, SignatureValue, KeyInfo, Object")
    info = list(elements(children[0]))
    if len(info) < 3 or [str(one.tag) for one in info[:2]] != [
        f"{{{DS}}}CanonicalizationMethod",
        f"{{{DS}}}SignatureMethod",
    ]:
        raise Malformed("SignedInfo lacks CanonicalizationMethod, SignatureMethod or a Reference")
    if len(info) - 2 > max_references:
        raise Malformed(f"{len(info) - 2} References, at most {max_references}", "limits")
    return SignatureParts(
        node,
        str(node.get("Id", "")),
        children[0],
        _transform(info[0]),
        info[1],
        tuple(_reference(one) for one in info[2:]),
        children[1],
        decoded(children[1]),
        key_info,
        tuple(rest),
    )


def references_of(manifest: Element, max_references: int) -> tuple[Reference, ...]:
    """The References of a ds:Manifest, with the same strictness; raises `Malformed`."""
    found = list(elements(manifest))
    if not found or len(found) > max_references:
        raise Malformed(f"Manifest with {len(found)} References", "limits" if found else "signature_form")
    return tuple(_reference(one) for one in found)


def _reference(node: Element) -> Reference:
    children = list(elements(node))
    if node.tag != f"{{{DS}}}Reference":
        raise Malformed(f"{local(node)} stands where a Reference must")
    transforms: tuple[Transform, ...] = ()
    if children and children[0].tag == f"{{{DS}}}Transforms":
        steps = list(elements(children.pop(0)))
        if not steps or any(step.tag != f"{{{DS}}}Transform" for step in steps):
            raise Malformed("Transforms holds something else than Transform")
        if len(steps) > _MAX_TRANSFORMS:
            raise Malformed(f"{len(steps)} Transforms in one Reference", "limits")
        transforms = tuple(_transform(step) for step in steps)
    if [str(child.tag) for child in children] != [f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue"]:
        raise Malformed("Reference lacks DigestMethod or DigestValue, or holds more")
    if next(elements(children[0]), None) is not None:
        raise Malformed("DigestMethod with parameters")
    uri = node.get("URI")
    return Reference(
        str(node.get("Id", "")),
        None if uri is None else str(uri),
        str(node.get("Type", "")),
        transforms,
        str(children[0].get("Algorithm", "")),
        decoded(children[1]),
    )


_MAX_TRANSFORMS = 8


def _transform(node: Element) -> Transform:
    uri = str(node.get("Algorithm", ""))
    method = C14N_METHODS.get(uri)
    inside = list(elements(node))
    if method is None:
        return Transform(uri, None)
    if not inside:
        return Transform(uri, method)
    if len(inside) > 1 or inside[0].tag != f"{{{EC}}}InclusiveNamespaces" or not method.exclusive:
        raise Malformed("canonicalisation with unknown parameters", "transforms")
    prefixes = tuple(str(inside[0].get("PrefixList", "")).split())
    if len(prefixes) > _MAX_PREFIXES:
        raise Malformed(f"{len(prefixes)} prefixes in one list", "limits")
    return Transform(uri, C14n(True, method.with_comments, False, prefixes))


_MAX_PREFIXES = 64
