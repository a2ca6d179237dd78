"""Manifests: lists of References that the signature value covers without covering what they point at (X18)."""

from __future__ import annotations

from collections.abc import Sequence

from signing.canonical import Element
from signing.xml.names import DS, MANIFEST_TYPE
from signing.xml.references import Place, Resolved, resolve
from signing.xml.structure import Malformed, SignatureParts, elements, references_of

_MANIFEST = f"{{{DS}}}Manifest"


def read_manifests(
    parts: SignatureParts, resolved: Sequence[Resolved], place: Place
) -> tuple[str | None, tuple[Resolved, ...]]:
    """None without a Manifest; "" where the policy declares Manifests and every Reference in them holds; else what is wrong.

    With it what the Manifests list, which counts as signed only when nothing is wrong. One that nobody declared is refused:
    its own validation is the application's business (XML Signature 1.1 section 5.1).
    """
    found = [manifest for one in resolved for manifest in _manifests(one)]
    if not found and not any(one.type == MANIFEST_TYPE for one in parts.references):
        return None, ()
    if MANIFEST_TYPE not in place.declared:
        return "Manifest is not declared", ()
    if not found:
        return "Reference of its type to something else", ()
    listed = []
    budget = place.limits.max_references
    try:
        for manifest in found:
            references = references_of(manifest, budget)
            budget -= len(references)
            for reference in references:
                listed.append(resolve(reference, parts.node, place))
                if not listed[-1].held:
                    return f"digest of {reference.shown}", ()
    except Malformed as fault:
        return fault.detail, ()
    return "", tuple(listed)


def _manifests(one: Resolved) -> list[Element]:
    if one.node is None or one.whole:
        return []
    if one.node.tag == _MANIFEST:
        return [one.node]
    if one.node.tag == f"{{{DS}}}Object":
        return [child for child in elements(one.node) if child.tag == _MANIFEST]
    return []
