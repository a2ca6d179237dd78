"""Where a signature stands and what it proves: positions that are allowed, and every element that it leaves unsigned.

A signature proves the document when whatever a person or a program could take for content is among the signed bytes. What may
stand beside them: signatures, containers that hold nothing else, comments and white space.
Sources: signing facts 5.2 steps 2 and 5, 7 X1-X8, X10, X18.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from signing.canonical import Element
from signing.model import Covered
from signing.xml.names import DS, ID_NAMES, XADES
from signing.xml.references import Resolved
from signing.xml.structure import SignatureParts, elements

SIGNATURE = f"{{{DS}}}Signature"
_COUNTER = f"{{{XADES}}}CounterSignature"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_OWN = frozenset(
    {f"{{{DS}}}SignatureProperties", f"{{{DS}}}SignatureProperty", f"{{{DS}}}KeyInfo", f"{{{DS}}}Manifest"}
)


def path_of(node: Element) -> str:
    """The absolute path of an element: "/{urn:x}result[1]/{urn:x}body[2]", counted among siblings of the same name."""
    steps = []
    current: Element | None = node
    while current is not None:
        parent = current.getparent()
        tag = str(current.tag)
        place = 1 if parent is None else 1 + sum(1 for _ in current.itersiblings(tag, preceding=True))
        steps.append(f"{tag}[{place}]")
        current = parent
    return "/" + "/".join(reversed(steps))


def is_counter_signature(node: Element) -> bool:
    """Whether it countersigns another one (XAdES CounterSignature, which is unsigned): no signature of the document."""
    parent = node.getparent()
    return parent is not None and parent.tag == _COUNTER and any(one.tag == SIGNATURE for one in parent.iterancestors())


def position_fault(node: Element) -> str:
    """Why a signature must not stand where it stands, or "": the root, a child of it, or in a container of signatures only."""
    for ancestor in node.iterancestors():
        if ancestor.tag == SIGNATURE:
            return "nested in another signature"
        if ancestor.getparent() is not None and not only_signatures(ancestor):
            return "inside of content"
    return ""


def only_signatures(node: Element) -> bool:
    """Whether an element holds signatures, containers of signatures and white space only, and at least one signature."""
    if node.tag == SIGNATURE:
        return True
    waiting, seen = [node], False
    while waiting:
        one = waiting.pop()
        if (one.text or "").strip() or any(not _harmless(str(name)) for name in one.attrib):
            return False
        for child in one:
            if (child.tail or "").strip() or (not isinstance(child.tag, str) and _is_instruction(child)):
                return False
            if child.tag == SIGNATURE:
                seen = True
            elif isinstance(child.tag, str):
                waiting.append(child)
    return seen


def data_of(parts: SignatureParts, resolved: Sequence[Resolved]) -> list[Resolved]:
    """The References to content: not those to properties and key of this signature itself."""
    return [one for one in resolved if one.node is None or not _belongs_to(one.node, parts)]


def covered(parts: SignatureParts, resolved: Sequence[Resolved]) -> Covered:
    """What held of the content, in the order of References; "none" as soon as one of them did not hold."""
    data = data_of(parts, resolved)
    if not data or not all(one.held for one in resolved):
        return Covered("none")
    digest = data[0].digest if len(data) == 1 else ""
    digest = digest or hashlib.sha256(b"".join(one.content for one in data)).hexdigest()
    if any(one.node is None for one in data):
        return Covered("detached", sha256=digest)
    places = [(one.whole or (one.node is not None and one.node.getparent() is None), one.node) for one in data]
    extent = "document" if len(data) == 1 and places[0][0] else "element"
    return Covered(extent, (), " ".join(path_of(node) for _, node in places if node is not None), digest)


def coverage_fault(parts: SignatureParts, resolved: Sequence[Resolved], signed_path: str = "") -> str:
    """What is not covered, or "". With `signed_path` only the element that the message type names must be covered."""
    data = data_of(parts, resolved)
    if not data:
        return "no Reference to content"
    nodes = [one.node for one in data if one.node is not None]
    if signed_path:
        return "" if signed_path in (path_of(node) for node in nodes) else f"{signed_path[:100]} is not signed"
    signed = [one.node for one in resolved if one.node is not None]
    unsigned = next((holder for holder in parts.objects if not _object_covered(holder, signed)), None)
    if unsigned is not None:
        return "an Object of the signature is not signed"
    root = parts.node.getroottree().getroot()
    whole = any(one.whole for one in data)
    if not whole:
        for beside in (*root.itersiblings(), *root.itersiblings(preceding=True)):
            if _is_instruction(beside):
                return "an instruction beside the root"
    if not nodes:  # detached: the document itself must be signatures and nothing else
        return "" if only_signatures(root) else "content beside a detached signature is not signed"
    return "" if whole or any(node is root for node in nodes) else _uncovered(root, nodes, parts)


def _uncovered(root: Element, nodes: Sequence[Element], parts: SignatureParts) -> str:
    """The first thing outside of the signed elements that is content."""
    ways = [step for node in nodes for step in node.iterancestors()]
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if any(one is node for node in nodes) or one is parts.node or only_signatures(one):
            continue
        if all(one is not step for step in ways):
            return f"{path_of(one)[:200]} is not signed"
        if (one.text or "").strip() or any(not _harmless(str(name)) for name in one.attrib):
            return f"text or attributes of {path_of(one)[:200]} are not signed"
        for child in one:
            if (child.tail or "").strip() or (not isinstance(child.tag, str) and _is_instruction(child)):
                return f"text or an instruction in {path_of(one)[:200]} is not signed"
            if isinstance(child.tag, str):
                waiting.append(child)
    return ""


def _harmless(name: str) -> bool:
    return name in ID_NAMES or name.startswith(_XSI)


def _is_instruction(node: Element) -> bool:
    """A processing instruction may change what people see (xml-stylesheet); a comment never does."""
    return not isinstance(node.tag, str) and hasattr(node, "target")


def _object_covered(holder: Element, signed: Sequence[Element]) -> bool:
    """An Object is signed itself, or each of its children is; only QualifyingProperties have rules of their own."""
    if any(node is holder for node in signed):
        return True
    if (holder.text or "").strip() or any((child.tail or "").strip() for child in holder):
        return False
    return all(
        child.tag == f"{{{XADES}}}QualifyingProperties"
        or any(child is node for node in signed)
        or (child.tag == f"{{{DS}}}SignatureProperties" and _object_covered(child, signed))
        for child in elements(holder)
    )


def _belongs_to(node: Element, parts: SignatureParts) -> bool:
    """Properties, key and lists of this very signature: they describe it and are no content."""
    if node is parts.key_info or node.tag == f"{{{XADES}}}SignedProperties":
        return any(one is parts.node for one in node.iterancestors())
    if node.tag == f"{{{DS}}}Object":
        inside = list(elements(node))
        return node.getparent() is parts.node and bool(inside) and all(_belongs_to(one, parts) for one in inside)
    return node.tag in _OWN and any(one is parts.node for one in node.iterancestors())
