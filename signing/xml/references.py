"""What a Reference points at, through allowed transforms only, to the bytes whose digest was signed.

One canonicalisation for each Reference. Nothing is fetched and nothing is run: external URIs count only when the caller hands
their bytes in, XPath and XSLT never (X11, X12). Sources: XML Signature 1.1 sections 4.4.3, 6.6; signing facts 5.2 step 4.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from signing.admission import NotAdmitted
from signing.algorithms import DIGESTS
from signing.canonical import (
    INCLUSIVE,
    C14n,
    Element,
    NotCanonical,
    canonical_document,
    canonical_element,
    parse_signed,
)
from signing.policy import ReadingLimits
from signing.xml.ids import Ids
from signing.xml.names import BASE64, ENVELOPED
from signing.xml.structure import Malformed, Reference

_NAME = re.compile(r"[^\W\d][\w.\-·]*")
_DIGESTS = {row.uri: row for row in DIGESTS.values()}


class Budget:
    """How many canonical bytes one document may cost, all References of all signatures together (X19)."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = max(_SMALL, 8 * size)

    def spend(self, size: int) -> None:
        """Count these bytes; raises `Malformed` when nothing was left."""
        if self._left <= 0:
            raise Malformed("References canonicalise the document over and over", "limits")
        self._left -= size


_SMALL = 8_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where references are looked up: the document, its ids, bytes handed in by URI, and what the policy allows."""

    root: Element
    ids: Ids
    limits: ReadingLimits
    declared: frozenset[str]
    detached: Mapping[str, bytes]
    budget: Budget


@dataclass(frozen=True, slots=True)
class Resolved:
    """A Reference with the bytes it stands for. `node`: the element, the root for the whole document, None for detached.

    `digest`: sha256 of the bytes in hexadecimal where the Reference used that function, empty else.
    """

    reference: Reference
    node: Element | None
    whole: bool
    content: bytes
    held: bool
    digest: str


def resolve(reference: Reference, signature: Element, place: Place) -> Resolved:
    """The bytes of one Reference and whether their digest is the signed one; raises `Malformed` with the finding that fails."""
    digest = _DIGESTS.get(reference.digest_uri)
    if digest is None:
        raise Malformed(f"digest method {reference.digest_uri[:100]!r}", "algorithm_known")
    node, whole, octets = _target(reference, place)
    enveloped, method, base64_wanted = _plan(reference, place.declared)
    place.budget.spend(0)
    cut = signature if enveloped else None
    try:
        if node is None:
            content = _of_octets(octets, method, base64_wanted, place)
        elif base64_wanted:
            content = _unpacked("".join(str(part) for part in node.itertext(tag=None) if part).encode("utf-8"))
        elif whole:
            content = canonical_document(node, method or INCLUSIVE, cut)
        else:
            content = canonical_element(node, method or INCLUSIVE, cut)
    except NotCanonical as error:
        raise Malformed(str(error), "transforms") from None
    place.budget.spend(len(content))
    computed = hashlib.new(digest.name, content).digest()
    held = hmac.compare_digest(computed, reference.value)
    return Resolved(reference, node, whole, content, held, computed.hex() if digest.name == "sha256" else "")


def _target(reference: Reference, place: Place) -> tuple[Element | None, bool, bytes]:
    """ "" is the document, "#id" the one element of that id; all else must have been handed in."""
    uri = reference.uri
    if uri == "":
        return place.root, True, b""
    if uri is not None and uri.startswith("#"):
        if _NAME.fullmatch(uri[1:]) is None:
            raise Malformed(f"URI {reference.shown} is no plain id", "reference_form")
        bearers = place.ids.elements(uri[1:])
        if len(bearers) > 1:
            raise Malformed(f"id {reference.shown} stands at {len(bearers)} elements", "ids_unique")
        if not bearers:
            raise Malformed(f"no element bears {reference.shown}", "signed_data_present")
        return bearers[0], False, b""
    if uri is not None and uri in place.detached:
        return None, False, place.detached[uri]
    if uri is None or re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:|/", uri):
        raise Malformed(f"external URI {reference.shown}", "reference_form")
    raise Malformed(f"{reference.shown} was not handed in", "signed_data_present")


def _plan(reference: Reference, declared: frozenset[str]) -> tuple[bool, C14n | None, bool]:
    """enveloped-signature at most once and first, then one canonicalisation (or declared base64); nothing else, ever."""
    steps = list(reference.transforms)
    enveloped = bool(steps) and steps[0].uri == ENVELOPED
    if enveloped:
        steps.pop(0)
    for step in steps:
        if step.c14n is None and (step.uri != BASE64 or BASE64 not in declared):
            raise Malformed(f"transform {step.uri[:100]!r}", "transforms")
    if len(steps) > 1:
        raise Malformed(f"{len(steps)} transforms after each other", "transforms")
    if not steps:
        return enveloped, None, False
    if enveloped and steps[0].c14n is None:
        raise Malformed("base64 of an enveloped document", "transforms")
    return enveloped, steps[0].c14n, steps[0].c14n is None


def _of_octets(octets: bytes, method: C14n | None, base64_wanted: bool, place: Place) -> bytes:
    if base64_wanted:
        return _unpacked(octets)
    if method is None:
        return octets
    try:
        return canonical_document(parse_signed(octets, place.limits), method)
    except NotAdmitted as error:
        raise Malformed(f"handed-in data is not XML: {error.detail}", "transforms") from None


def _unpacked(text: bytes) -> bytes:
    try:
        return base64.b64decode(text.translate(None, b" \t\r\n"), validate=True)
    except binascii.Error:
        raise Malformed("data is not base64", "transforms") from None
