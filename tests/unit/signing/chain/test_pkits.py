"""NIST PKITS 1.0.1: every case, policy cases included, comes out as the suite says, and for the reason it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from signing.chain import judge_certificate
from signing.chain.certificates import read_certificate
from signing.model import CertificateQuestion, CertificateVerdict, Evidence, Purpose, SubIndication, TrustDomain
from signing.policy import AlgorithmRules, Policy, StatusRules
from signing.trust import Anchor, TrustStore
from tests import pkits

THEN = datetime(2011, 4, 15, tzinfo=UTC)
"""A moment inside the validity of the suite's material (2010 to 2030)."""

LEFT_OUT = {
    "4.1.4": "signed with DSA, which TT 15/2025/TT-BKHCN does not list (R38) and FIPS 186-5 withdrew: no method of ours",
    "4.1.5": "signed with DSA, as 4.1.4",
}
"""Cases that must pass and do not, each with its reason; the suite has no others."""

POLICY = Policy(
    algorithms=AlgorithmRules(digests=dict.fromkeys(("sha1", "sha256", "sha384", "sha512")), min_rsa_bits=1024),
    status=StatusRules(grace_seconds=10**9),
)
"""The suite's lists are as old as its certificates; its oldest material is signed with SHA-1."""

REVOKED = {SubIndication.REVOKED_NO_POE, SubIndication.REVOKED_CA_NO_POE, SubIndication.TRY_LATER}
CONSTRAINTS = {SubIndication.CHAIN_CONSTRAINTS_FAILURE}
REASONS = {
    "4.1": {SubIndication.NO_CERTIFICATE_CHAIN_FOUND},  # a signature does not verify: no path
    "4.2": {
        SubIndication.NOT_YET_VALID,
        SubIndication.OUT_OF_BOUNDS_NO_POE,
        SubIndication.OUT_OF_BOUNDS_NOT_REVOKED,
    },
    "4.3": {SubIndication.NO_CERTIFICATE_CHAIN_FOUND},  # names do not chain
    "4.4": REVOKED | {SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE},  # 4.4.15 has a negative serial number
    "4.5": REVOKED | CONSTRAINTS,
    "4.7": CONSTRAINTS | {SubIndication.TRY_LATER},  # keyUsage without cRLSign: the list does not count
    "4.14": REVOKED,
    "4.15": REVOKED,
}
"""What a refused case of a section may be refused for; path constraints where the section is not named."""


def _judged(case: pkits.Case) -> CertificateVerdict:
    root, *between, target = (pkits.certificate(name) for name in case.certificates)
    read = read_certificate(target)
    purpose = Purpose.AUTHORITY if read is not None and read.is_authority else Purpose.SIGNER
    rules = replace(
        POLICY.path,
        policies=case.policies,
        explicit_policy=case.explicit_policy,
        inhibit_mapping=case.inhibit_mapping,
        inhibit_any=case.inhibit_any,
    )
    question = CertificateQuestion(target, purpose, THEN, THEN, frozenset({TrustDomain.PUBLIC}), tuple(between))
    trust = TrustStore((Anchor(root, TrustDomain.PUBLIC),))
    return judge_certificate(
        question, trust, Evidence(crls=tuple(map(pkits.crl, case.crls))), replace(POLICY, path=rules)
    )


def test_the_suite_is_complete() -> None:
    """All 224 numbered cases of PKITS 1.0.1 chapters 4.1 to 4.16 are here, with their 249 subparts, 114 of them valid."""
    cases = pkits.cases()
    assert len(cases) == 249 and len({case.number for case in cases}) == 224
    assert sum(case.valid for case in cases) == 114
    assert {case.number.split(".")[1] for case in cases} == {str(one) for one in range(1, 17)}
    assert set(LEFT_OUT) <= {case.number for case in cases if case.valid}


@pytest.mark.parametrize("section", range(1, 17))
def test_every_case_comes_out_as_nist_says(section: int) -> None:
    """Valid cases pass, others are refused for a reason of their section; the resulting policy sets are equal too."""
    mine = [case for case in pkits.cases() if case.number.split(".")[1] == str(section)]
    wrong: list[tuple[str, str, object]] = []
    for case in mine:
        if case.number in LEFT_OUT:
            continue
        verdict = _judged(case)
        allowed = REASONS.get(f"4.{section}", CONSTRAINTS)
        if verdict.sub_indication not in ({None} if case.valid else allowed):
            wrong.append((case.number, case.name, verdict.sub_indication))
        if case.valid and case.user_constrained is not None:
            got = next(one.detail for one in verdict.findings if one.code == "chain_constraints")
            if got != ", ".join(case.user_constrained):
                wrong.append((case.number, case.name, got))
    assert mine and wrong == []


def test_the_cases_left_out_are_refused_and_not_accepted_blindly() -> None:
    """DSA never passes: what is left out fails closed."""
    for case in pkits.cases():
        if case.number in LEFT_OUT:
            assert _judged(case).sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
