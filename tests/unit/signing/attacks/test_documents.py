"""Every case as a document: what the whole judgement says, the right outcome and nothing else, never an exception."""

from __future__ import annotations

import pytest

from signing.verifying import verify
from tests.unit.signing.attacks.__main__ import ALL
from tests.unit.signing.attacks.case import Case


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.row}-{case.name}")
def test_a_document_gets_the_outcome_that_its_defect_demands(case: Case) -> None:
    """TOTAL-PASSED exactly where nothing is wrong; else the sub-indication that names the defect."""
    report = verify(case.document(), case.grounds())
    outcome = report.sub_indication.value if report.sub_indication else report.conclusion.value
    failed = [finding for one in report.signatures for finding in one.findings if not finding.ok]
    assert outcome in case.allowed, failed
    assert (report.conclusion.value == "TOTAL-PASSED") == (outcome == "TOTAL-PASSED")
