"""What a signed XML result says of the dossier it belongs to is read from its signed part, and from nowhere else (attack C2)."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.signatures.naming import named
from signing.policy import DEFAULT_POLICY

SHAPES = Path(__file__).parents[2] / "vectors/xml_signatures/shapes"


@pytest.mark.parametrize("name", ["default-inclusive-namespace", "prefixed-exclusive-bare"])
def test_the_text_at_the_configured_place_of_the_signed_part_is_what_it_names(name: str) -> None:
    """By Clark names from the root; the root itself, an element in it, and a place that is not there."""
    raw = (SHAPES / f"{name}.xml").read_bytes()
    root, child, text = _first_text(raw)
    assert named(raw, DEFAULT_POLICY, (f"{root}/{child}",)) == (text,)
    assert named(raw, DEFAULT_POLICY, (f"{root}/khong-co", f"khac/{child}")) == ()


def test_what_no_signature_covers_names_nothing() -> None:
    """Whatever it says; and where no place is configured, nothing is looked for."""
    raw = (SHAPES / "default-inclusive-namespace.xml").read_bytes()
    root, child, _ = _first_text(raw)
    assert named(raw, DEFAULT_POLICY, ()) == ()
    assert named(b"<a><b>khong ky</b></a>", DEFAULT_POLICY, ("a/b",)) == ()
    before, _, rest = raw.partition(b"<Signature ")
    unsigned = before + rest[rest.index(b"</Signature>") + len(b"</Signature>") :]
    assert named(unsigned, DEFAULT_POLICY, (f"{root}/{child}",)) == ()


def _first_text(raw: bytes) -> tuple[str, str, str]:
    """Names of the root and of its first element with a text, and that text, by a reader that is not ours."""
    root = ElementTree.fromstring(raw)
    child = next(one for one in root if (one.text or "").strip() and "xmldsig" not in one.tag)
    return root.tag, child.tag, (child.text or "").strip()
