"""The shapes that software in Việt Nam writes, made by the JDK: prefix or default namespace, two canonicalisations, two roots.

The eight files in tests/vectors/xml_signatures/shapes are made by `XmlJudge shapes`; making them again changes nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from signing.policy import ReadingLimits
from signing.xml import read_xml
from tests import pki
from tests.judges import jdk_says, xml_judge

SHAPES = Path(__file__).parents[3] / "vectors" / "xml_signatures" / "shapes"
NAMES = [
    f"{prefix}-{method}-{root}.xml"
    for prefix in ("default", "prefixed")
    for method in ("exclusive", "inclusive")
    for root in ("bare", "namespace")
]
LIMITS = ReadingLimits()


@pytest.mark.parametrize("name", NAMES)
def test_a_correct_signature_of_that_shape_holds(name: str) -> None:
    """Eight of eight; stock signxml refuses those with a default namespace and inclusive C14N (signing facts 8.2 (1))."""
    facts = read_xml((SHAPES / name).read_bytes(), LIMITS)
    (found,) = facts.signatures
    assert [one for one in (*facts.observations, *found.observations) if not one.ok] == []
    assert found.covered.extent == "document"
    assert found.certificate == pki.certificate("official")


@pytest.mark.parametrize(
    "old, new", [(b"value", b"valve"), (b"value", b'val xmlns=""ue'), (b'so="1"', b'so="2"'), (b"Ma=", b"Mb=")]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_change_of_text_fails_in_every_shape(name: str, old: bytes, new: bytes) -> None:
    """None of eight; a declaration written into text is text (X15)."""
    raw = (SHAPES / name).read_bytes()
    assert raw.count(old) == 1
    (found,) = read_xml(raw.replace(old, new), LIMITS).signatures
    assert "content_digest" in [one.code for one in found.observations if not one.ok]
    assert found.covered.extent == "none"


def test_making_the_shapes_again_changes_nothing_and_the_jdk_accepts_them(tmp_path: Path) -> None:
    """The committed files are what their generator writes."""
    xml_judge("shapes", str(tmp_path), str(pki.key_file("official")), str(pki.MADE / "official.cer"))
    assert sorted(path.name for path in SHAPES.iterdir()) == NAMES
    assert all((tmp_path / name).read_bytes() == (SHAPES / name).read_bytes() for name in NAMES)
    assert [one.verdict for one in jdk_says([SHAPES / name for name in NAMES])] == ["VALID"] * 8
