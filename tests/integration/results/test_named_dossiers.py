"""What a signed XML result says of the dossier it belongs to is read from its signed part, and from nowhere else (attack C2)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.bootstrap.verification import named_dossiers
from gateway.intake.verification import Question
from signing.model import Evidence, Indication
from signing.policy import DEFAULT_POLICY
from signing.report import Report, SignatureReport
from signing.verifying import examine

SHAPES = Path(__file__).parents[2] / "vectors/xml_signatures/shapes"
AT = datetime(2026, 11, 22, tzinfo=UTC)


def named(raw: bytes, conclusion: Indication, *paths: str) -> tuple[str, ...]:
    """The codes that are found, where the judge came to this conclusion."""
    facts = examine(raw)
    (one,) = facts.signatures
    signature = SignatureReport(one.id, one.format, conclusion, None, None, None, None, None, "", one.covered, ())
    report = Report(facts.sha256, facts.size, conclusion, None, (signature,), (), AT, "p", "0" * 64, "test")
    return named_dossiers(Question(raw, (), Evidence(), AT, paths), facts, report, DEFAULT_POLICY)


@pytest.mark.parametrize("name", ["default-inclusive-namespace", "prefixed-exclusive-bare"])
def test_the_text_at_the_configured_place_of_the_signed_part_is_what_it_names(name: str) -> None:
    """By Clark names from the root; the root itself, an element in it, and a place that is not there."""
    raw = (SHAPES / f"{name}.xml").read_bytes()
    root, child, text = _first_text(raw)
    assert named(raw, Indication.TOTAL_PASSED, f"{root}/{child}") == (text,)
    assert named(raw, Indication.TOTAL_PASSED, f"{root}/khong-co", f"khac/{child}") == ()


def test_what_did_not_pass_names_nothing() -> None:
    """Its content is worth nothing, whatever it says."""
    raw = (SHAPES / "default-inclusive-namespace.xml").read_bytes()
    root, child, _ = _first_text(raw)
    assert named(raw, Indication.TOTAL_FAILED, f"{root}/{child}") == ()
    assert named(raw, Indication.TOTAL_PASSED) == ()


def _first_text(raw: bytes) -> tuple[str, str, str]:
    """Names of the root and of its first element with a text, and that text, by a reader that is not ours."""
    root = ElementTree.fromstring(raw)
    child = next(one for one in root if (one.text or "").strip() and "xmldsig" not in one.tag)
    return root.tag, child.tag, (child.text or "").strip()
