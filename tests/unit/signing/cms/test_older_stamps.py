"""Older authorities name their certificate by SHA-1, as RFC 3161 taught them: such stamps count, signatures so made do not."""

from __future__ import annotations

from dataclasses import replace

from connectors.kit.simulated_authority import cms, stamps
from signing.cms.making import assemble, signed_attributes
from signing.grounds import Grounds
from signing.model import Indication, SubIndication
from signing.policy import Policy, TimeRules
from signing.verifying import verify
from tests import pki
from tests.unit.signing.cms.making import CONTENT, P256, raw_signature

STRICT = Policy(time=TimeRules(required=True, reference_digests=frozenset()))
DEFAULT = Policy(time=TimeRules(required=True))
DETACHED = {"content": CONTENT}


def _grounds(policy: Policy) -> Grounds:
    return Grounds(pki.trust(), pki.NOW, pki.evidence(), policy)


def test_a_stamp_that_names_its_authority_by_sha1_counts_unless_the_policy_says_otherwise() -> None:
    """ESSCertID of version 1 in the token (RFC 5816 1): proof of time by default, none under a policy that lists no digest."""
    certificate = pki.certificate("official-p256")
    attributes = signed_attributes(P256.digest.of(CONTENT), certificate, P256, pki.NOW)
    value = raw_signature("official-p256", P256, P256.digest.of(attributes))
    stamper = (pki.certificate("tsa-duty"), *pki.chain("tsa-duty"))
    policy = pki.declaration().stampers["tsa-duty"].policy
    stamp = stamps.Stamp(stamper[0], P256.digest.of(value), pki.NOW, 5, policy, enclosed=stamper)
    for bound, rules, expected in (
        ("v1", DEFAULT, (Indication.TOTAL_PASSED, None)),
        ("v1", STRICT, (Indication.INDETERMINATE, SubIndication.NO_POE)),
        ("v2", STRICT, (Indication.TOTAL_PASSED, None)),
    ):
        token = stamps.make(replace(stamp, bound=bound), pki.key("tsa-duty"))
        raw = assemble(attributes, value, P256, (certificate, *pki.chain("official-p256")), token)
        report = verify(raw, _grounds(rules), DETACHED)
        assert (report.conclusion, report.sub_indication) == expected


def test_a_signature_that_names_its_certificate_by_sha1_does_not_pass() -> None:
    """SHA-1 in a document's own signature is for a legacy policy to allow (signing facts 1 point 4)."""
    own = (pki.certificate("official"), *pki.chain("official"))
    order = cms.Signing(CONTENT, own[0], own, detached=True, bound="v1")
    report = verify(cms.wrap(cms.sign(order, pki.key("official"))), _grounds(Policy()), DETACHED)
    assert report.sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE
