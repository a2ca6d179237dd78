"""Every case at the level of certificates: what `judge_certificate` says of the signer on the evidence of the case."""

from __future__ import annotations

import pytest

from signing.chain import judge_certificate
from signing.model import CertificateQuestion, Purpose
from tests import pki
from tests.unit.signing.attacks.case import Case
from tests.unit.signing.attacks.key_cases import KEY_CASES
from tests.unit.signing.attacks.time_cases import TIME_CASES

_OF_THE_DOCUMENT = ("K1", "K5", "K6", "T5")
_CASES = [
    case
    for case in (*KEY_CASES, *TIME_CASES)
    if case.row not in _OF_THE_DOCUMENT
    and not case.expected
    and not case.name.startswith("ecdsa-")
    and not case.name.endswith(("-content", "-cube-root", "-content-stamped"))
]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.row}-{case.name}")
def test_a_certificate_gets_the_outcome_that_its_defect_demands(case: Case) -> None:
    """The right sub-indication, or none where nothing is wrong; never an exception."""
    grounds = case.grounds()
    proven = min((one.at for one in case.stamped), default=case.at)
    others = tuple(pki.certificate(name) for name in case.enclosed or ()) or pki.chain(case.signer)
    question = CertificateQuestion(pki.certificate(case.signer), Purpose.SIGNER, proven, case.at, case.domains, others)
    verdict = judge_certificate(question, grounds.trust, grounds.evidence, grounds.policy)
    outcome = "TOTAL-PASSED" if verdict.sub_indication is None else verdict.sub_indication.value
    assert outcome in case.allowed, [finding for finding in verdict.findings if not finding.ok]
