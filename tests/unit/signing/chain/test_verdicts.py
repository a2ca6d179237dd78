"""Each certificate of the test PKI gets the verdict that its defect deserves, and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from signing.chain import judge_certificate
from signing.model import (
    CertificateQuestion,
    CertificateVerdict,
    Evidence,
    Purpose,
    SubIndication,
    TrustDomain,
)
from signing.policy import DEFAULT_POLICY, Policy
from tests import pki

BOTH = frozenset(TrustDomain)


def _judged(
    name: str,
    *,
    proven: datetime = pki.NOW,
    at: datetime = pki.NOW,
    evidence: Evidence | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> CertificateVerdict:
    purpose = Purpose.TIMESTAMP if name.startswith("tsa") else Purpose.SIGNER
    question = CertificateQuestion(pki.certificate(name), purpose, proven, at, BOTH, pki.chain(name))
    return judge_certificate(question, pki.trust(), pki.evidence(at=at) if evidence is None else evidence, policy)


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("official", TrustDomain.PUBLIC_DUTY),
        ("agency", TrustDomain.PUBLIC_DUTY),
        ("official-p256", TrustDomain.PUBLIC_DUTY),
        ("official-p384", TrustDomain.PUBLIC_DUTY),
        ("official-2", TrustDomain.PUBLIC_DUTY),
        ("company", TrustDomain.PUBLIC),
        ("citizen", TrustDomain.PUBLIC),
        ("tsa-duty", TrustDomain.PUBLIC_DUTY),
        ("tsa-public", TrustDomain.PUBLIC),
        ("revoked-after", TrustDomain.PUBLIC_DUTY),
    ],
)
def test_a_good_certificate_passes_in_its_own_domain(name: str, domain: TrustDomain) -> None:
    """A sound certificate with fresh status passes, and the verdict names its domain, path and evidence."""
    verdict = _judged(name)
    assert (verdict.sub_indication, verdict.domain) == (None, domain)
    assert verdict.path[0] == pki.certificate(name) and len(verdict.path) == 3 and verdict.used


@pytest.mark.parametrize(
    ("name", "expected", "code"),
    [
        ("expired", SubIndication.OUT_OF_BOUNDS_NO_POE, "certificate_validity"),
        ("not-yet-valid", SubIndication.NOT_YET_VALID, "certificate_started"),
        ("revoked-before", SubIndication.REVOKED_NO_POE, "not_revoked_before_proof"),
        ("wrong-eku", SubIndication.CHAIN_CONSTRAINTS_FAILURE, "extended_key_usage"),
        ("tls-server", SubIndication.CHAIN_CONSTRAINTS_FAILURE, "not_tls_server"),
        ("weak-1024", SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "chain_algorithms"),
        ("sha1-signed", SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "chain_algorithms"),
        ("exponent-3", SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "chain_algorithms"),
    ],
)
def test_a_bad_certificate_gets_the_answer_of_its_defect(name: str, expected: SubIndication, code: str) -> None:
    """Every defect of the declaration gives its own sub-indication and names the failed check."""
    verdict = _judged(name)
    assert verdict.sub_indication is expected
    assert code in {one.code for one in verdict.findings if not one.ok}


def test_without_status_information_the_answer_is_to_try_later() -> None:
    """Hard-fail: no list and no response means TRY_LATER, although everything else holds."""
    assert _judged("official", evidence=Evidence()).sub_indication is SubIndication.TRY_LATER


def test_status_from_before_the_proven_time_is_not_fresh_for_it() -> None:
    """A list of an hour before the stamp may have missed a revocation: wait for the next, unless the policy allows that hour."""
    before = pki.evidence("official", at=pki.NOW - timedelta(hours=1))
    later = pki.NOW + timedelta(minutes=5)
    assert _judged("official", at=later, evidence=before).sub_indication is SubIndication.TRY_LATER
    lenient = replace(DEFAULT_POLICY, status=replace(DEFAULT_POLICY.status, grace_seconds=3_600))
    assert _judged("official", at=later, evidence=before, policy=lenient).sub_indication is None
    assert _judged("official", proven=later, at=later, evidence=before).sub_indication is None


def test_status_of_the_second_in_which_the_stamp_was_made_is_fresh_for_it() -> None:
    """Lists and responses are written in whole seconds, stamps in fractions of them."""
    stamped, now = pki.NOW + timedelta(milliseconds=400), pki.NOW + timedelta(minutes=5)
    assert _judged("official", proven=stamped, at=now, evidence=pki.evidence(at=pki.NOW)).sub_indication is None
    missed = pki.NOW + timedelta(milliseconds=1_400)
    told = _judged("official", proven=missed, at=now, evidence=pki.evidence(at=pki.NOW))
    assert told.sub_indication is SubIndication.TRY_LATER


def test_a_certificate_revoked_after_the_proven_time_is_good_and_before_it_is_not() -> None:
    """The revocation of 2026-11-25 leaves alone what is proven on the 20th, and stops what is only proven now."""
    assert _judged("revoked-after", at=pki.LATER).sub_indication is None
    assert _judged("revoked-after", proven=pki.LATER, at=pki.LATER).sub_indication is SubIndication.REVOKED_NO_POE


def test_a_certificate_expired_now_is_good_for_what_is_proven_within_its_validity() -> None:
    """Past validation: proven inside the validity, judged after it, with status from that time."""
    inside = datetime.fromisoformat("2024-06-01T00:00:00+00:00")
    then = pki.evidence("expired", at=inside)
    assert _judged("expired", proven=inside, at=pki.NOW, evidence=then).sub_indication is None
    assert _judged("expired", proven=pki.NOW - timedelta(days=1)).sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE
