"""Read the signatures of an XML document into facts: steps 0 to 5 of signing facts 5.2, one observation for each check.

Nothing raises over content and nothing is trusted: certificates are found, never believed. One parse, one canonicalisation for
each Reference. Sources: XML Signature 1.1, EN 319 132-1, EN 319 102-1 clauses 5.2.2 to 5.2.7.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from signing.admission import NotAdmitted, admitted
from signing.canonical import Element, elements_named, parse_admitted
from signing.model import DocumentKind, Facts, Observation
from signing.policy import ReadingLimits
from signing.xml.coverage import SIGNATURE, is_counter_signature
from signing.xml.ids import Ids
from signing.xml.references import Budget, Place
from signing.xml.signature import NOTHING, PLAIN, Proven, SignatureReading, Wanted

_ID = re.compile(r"[\w.\-]{1,128}")


def read_xml(
    raw: bytes,
    limits: ReadingLimits,
    declared_transforms: frozenset[str] = frozenset(),
    detached: Mapping[str, bytes] = NOTHING,
) -> Facts:
    """The facts of an XML document; never raises over its content."""
    return read_wanted(raw, limits, Wanted(declared_transforms, detached))


def read_wanted(raw: bytes, limits: ReadingLimits, wanted: Wanted) -> Facts:
    """The facts, with everything that a caller may say beside the document."""
    facts, _proven = _read(raw, limits, wanted)
    return facts


def covered_bytes(raw: bytes, limits: ReadingLimits, signature: str, wanted: Wanted = PLAIN) -> bytes | None:
    """Exactly the canonical bytes that this signature (its `SignatureFacts.id`) proves by digest, or None.

    A business reader parses these and nothing else: what was not signed is not in them (signing facts 7 X1-X8, X14). They say
    nothing about who signed: that is the report's word.
    """
    _facts, proven = _read(raw, limits, wanted)
    found = [one for one in proven if one.facts.id == signature]
    if len(found) != 1 or found[0].facts.covered.extent == "none":
        return None
    return b"".join(found[0].contents)


def _read(raw: bytes, limits: ReadingLimits, wanted: Wanted) -> tuple[Facts, list[Proven]]:
    facts = Facts(hashlib.sha256(raw).hexdigest(), len(raw), DocumentKind.XML)
    try:
        body, _encoding = admitted(raw, limits)
        root = parse_admitted(body, limits)
        nodes = _signatures(root, limits)
    except NotAdmitted as fault:
        return replace(facts, observations=(Observation(fault.code, False, fault.detail),)), []
    seen = [Observation("limits", True), Observation("well_formed", True), Observation("signature_found", bool(nodes))]
    place = Place(root, Ids(root, body), limits, wanted.declared_transforms, wanted.detached, Budget(len(raw)))
    readings = [SignatureReading(node, name, place, wanted) for node, name in _named(nodes)]
    proven = [reading.read() for reading in readings]
    evidence = [reading.evidence for reading in readings]
    found = replace(
        facts,
        signatures=tuple(one.facts for one in proven),
        observations=tuple(seen),
        certificates=_once(value for one in evidence for value in one.certificates),
        crls=_once(value for one in evidence for value in one.crls),
        ocsps=_once(value for one in evidence for value in one.ocsps),
    )
    return found, proven


def _named(nodes: Iterable[Element]) -> Iterable[tuple[Element, str]]:
    """Each signature with its Id, or its number where it has none that is usable and its own."""
    used: set[str] = set()
    for number, node in enumerate(nodes, 1):
        name = str(node.get("Id", ""))
        if _ID.fullmatch(name) is None or name in used:
            name = f"#{number}"
        used.add(name)
        yield node, name


def _once(values: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(values))


def _signatures(root: Element, limits: ReadingLimits) -> list[Element]:
    found = [node for node in elements_named(root, SIGNATURE) if not is_counter_signature(node)]
    if len(found) > limits.max_signatures:
        raise NotAdmitted("limits", f"{len(found)} signatures, at most {limits.max_signatures}")
    return found
