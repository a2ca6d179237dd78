"""From a CMS file to a verdict: what we write passes, no decisive defect of the core's vectors does, remarks stay remarks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from signing import der
from signing.algorithms import Scheme, SignatureAlgorithm, algorithm
from signing.catalogue import finding_rows
from signing.grounds import Grounds
from signing.model import Indication, SubIndication, TrustDomain
from signing.policy import ExpectedSigner, Policy, TimeRules
from signing.verifying import covered_bytes, examine, verify
from tests import pki
from tests.unit.signing.cms.making import CONTENT, P256, RSA_SHA256, failed, ours, read
from tests.unit.signing.cms.test_core import VECTORS
from tests.unit.signing.cms.test_edge_values import ECDSA, _message

DETACHED = {"content": CONTENT}
PSS = algorithm(Scheme.RSA_PSS, "sha512")


def _grounds(policy: Policy | None = None, *expected: ExpectedSigner) -> Grounds:
    evidence = replace(pki.evidence(), certificates=pki.chain("official-p256"))
    return Grounds(pki.trust(), pki.NOW, evidence, policy or Policy(), expected)


@pytest.mark.parametrize(("name", "chosen"), [("official", RSA_SHA256), ("agency", PSS), ("official-p256", P256)])
@pytest.mark.parametrize("token", [True, False])
def test_what_we_sign_passes_and_gives_back_exactly_what_was_signed(
    name: str, chosen: SignatureAlgorithm, token: bool
) -> None:
    """P-CMS-B and P-CMS-T in the public-duty domain: TOTAL-PASSED, with the stamp as its proof of time where there is one."""
    raw = ours(name, chosen, token=token)
    report = verify(raw, _grounds(), DETACHED)
    (signature,) = report.signatures
    assert (report.conclusion, signature.sub_indication) == (Indication.TOTAL_PASSED, None)
    assert signature.domain is TrustDomain.PUBLIC_DUTY
    assert (signature.proven_time == pki.NOW) is token
    assert covered_bytes(raw, examine(raw, detached=DETACHED), "#1", detached=DETACHED) == CONTENT


def test_a_policy_that_demands_a_stamp_is_met_by_b_t_and_not_by_b_b() -> None:
    """The same signature with and without its stamp."""
    demands = _grounds(Policy(time=TimeRules(required=True)))
    assert verify(ours(token=True), demands, DETACHED).conclusion is Indication.TOTAL_PASSED
    without = verify(ours(), demands, DETACHED)
    assert (without.conclusion, without.sub_indication) == (Indication.INDETERMINATE, SubIndication.NO_POE)


@pytest.mark.parametrize("defect", VECTORS)
def test_no_message_with_a_decisive_defect_passes(defect: str) -> None:
    """The core's vectors, judged with everything else in order: decisive checks decide, remarks do not."""
    raw = VECTORS[defect][0]
    decisive = {code for code in failed(read(raw)) if finding_rows()[code].on_failure}
    decisive -= {"cms_single_signer", "cms_content_place"}  # what PDF and stamps demand; a file may be otherwise
    conclusion = verify(raw, _grounds(), DETACHED).conclusion
    assert (conclusion is Indication.TOTAL_PASSED) is not bool(decisive)


@pytest.mark.parametrize("value", ECDSA)
def test_a_value_at_the_edge_never_passes(value: str) -> None:
    """SIG_CRYPTO_FAILURE for each that is no signature, TOTAL-PASSED for the two that are (K4)."""
    encoded, good = ECDSA[value]
    report = verify(_message(encoded, "official-p256"), _grounds(), DETACHED)
    expected = (Indication.TOTAL_PASSED, None) if good else (Indication.TOTAL_FAILED, SubIndication.SIG_CRYPTO_FAILURE)
    assert (report.conclusion, report.sub_indication) == expected


def test_the_failures_of_5_1_have_the_names_that_en_319_102_gives_them() -> None:
    """Changed content, missing content, foreign domain, plain CMS under a policy that demands protection, trailing bytes."""
    raw = ours(token=True)
    table = ExpectedSigner("agency", TrustDomain.PUBLIC)
    cases = [
        (verify(raw, _grounds(), {"content": CONTENT + b"."}), SubIndication.HASH_FAILURE),
        (verify(raw, _grounds()), SubIndication.SIGNED_DATA_NOT_FOUND),
        (verify(raw, _grounds(Policy(), table), DETACHED), SubIndication.NO_CERTIFICATE_CHAIN_FOUND),
        (verify(raw + b"\x00", _grounds(), DETACHED), SubIndication.FORMAT_FAILURE),
        (verify(der.sequence(), _grounds(), DETACHED), SubIndication.FORMAT_FAILURE),
    ]
    for report, expected in cases:
        assert report.conclusion is not Indication.TOTAL_PASSED
        assert report.sub_indication is expected
