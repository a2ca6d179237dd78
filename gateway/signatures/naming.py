"""Which dossiers a signed XML document names: read from the bytes that a signature covers, and from nothing else (attack C2)."""

from __future__ import annotations

import re

from signing.admission import NotAdmitted
from signing.canonical import parse_signed
from signing.errors import Unusable
from signing.model import DocumentKind
from signing.policy import Policy
from signing.verifying import covered_bytes, examine

_STEP = re.compile(r"(?:\{[^}]*\})?[^/{}]+")
_MOST = 16
_LONGEST = 256


def named(raw: bytes, policy: Policy, places: tuple[str, ...]) -> tuple[str, ...]:
    """The texts at `places` (Clark names from the root, `{urn:x}KetQua/{urn:x}MaHoSo`), each once; none where nothing is signed.

    `raw`: the document. Never raises over content.
    """
    facts = examine(raw, policy)
    if facts.kind is not DocumentKind.XML or not places:
        return ()
    found: dict[str, None] = {}
    for signature in facts.signatures:
        try:
            root = parse_signed(covered_bytes(raw, facts, signature.id, policy), policy.limits)
        except (Unusable, NotAdmitted):
            continue
        for place in places:
            first, *rest = _STEP.findall(place)
            if root.tag != first:
                continue
            nodes = root.findall("/".join(rest)) if rest else [root]
            found |= dict.fromkeys("".join(one.itertext()).strip()[:_LONGEST] for one in nodes[:_MOST])
    return tuple(text for text in found if text)
