"""What proves when a signature existed, what does not, and what happens when two proofs contradict each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest

from signing.grounds import Grounds
from signing.judge import judge
from signing.model import DocumentKind, Evidence, Existence, Observation, Purpose, SubIndication, TrustDomain
from signing.policy import DEFAULT_POLICY, TimeRules
from tests import pki
from tests.unit.signing.judging.cases import FILE, NOW, Registry, facts, grounds, hours, judged, signature, token


def _received(at: datetime, digest: str = FILE) -> Evidence:
    return Evidence(existences=(Existence(digest, at, "journal"),))


def test_the_claimed_time_is_never_a_proof() -> None:
    """Whatever the signer says, the certificate is asked about at the moment of judging."""
    registry = Registry()
    report = judged(facts(signature(claimed_time=NOW - hours(48))), registry=registry)
    assert registry.questions[0].proven == NOW
    assert report.signatures[0].proven_time is None
    assert report.signatures[0].signing_time == NOW - hours(48)


def test_a_claim_in_the_future_does_not_pass_and_a_late_one_is_a_remark() -> None:
    """Beyond the skew of a minute: from tomorrow nobody signs; a wrong clock at the signer's is reported."""
    assert judged(facts(signature(claimed_time=NOW + hours(1)))).sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE
    assert judged(facts(signature(claimed_time=NOW + timedelta(seconds=30)))).sub_indication is None
    late = facts(signature(claimed_time=NOW - hours(1), tokens=(token(NOW - hours(2)),)))
    report = judged(late)
    assert report.sub_indication is None
    assert "claimed_later" in [one.code for one in report.signatures[0].findings if not one.ok]


def test_the_earliest_of_all_proofs_is_the_proven_time() -> None:
    """Reception of the file, reception of the value, own stamp: whichever is first."""
    value = sha256(signature().signature_value).hexdigest()
    for evidence, stamped, proven in (
        (_received(NOW - hours(3)), NOW - hours(4), NOW - hours(4)),
        (_received(NOW - hours(3)), NOW - hours(5), NOW - hours(5)),
        (_received(NOW - hours(6), value), NOW - hours(7), NOW - hours(7)),
        (_received(NOW - hours(2)), None, NOW - hours(2)),
    ):
        tokens = (token(stamped),) if stamped else ()
        registry = Registry()
        report = judged(facts(signature(tokens=tokens)), grounds(evidence=evidence), registry)
        assert report.signatures[0].proven_time == proven
        assert [one.proven for one in registry.questions if one.purpose is Purpose.SIGNER] == [proven]


@pytest.mark.parametrize("digest", ["ab" * 32, sha256(b"covered bytes").hexdigest()])
def test_a_reception_of_something_else_proves_nothing(digest: str) -> None:
    """Of another file, or of the bytes that were signed later: neither holds this signature."""
    report = judged(facts(signature()), grounds(evidence=_received(NOW - hours(1), digest)))
    assert report.signatures[0].proven_time is None


def test_a_reception_in_the_future_is_no_reception() -> None:
    """Judged as of an earlier day, what was known later does not count."""
    report = judged(facts(signature()), grounds(evidence=_received(NOW + hours(1))))
    assert report.signatures[0].proven_time is None


def test_a_stamp_of_an_untrusted_authority_is_ignored_and_reported() -> None:
    """T5: it proves nothing, and the signature is judged without it."""
    registry = Registry({"tsa-duty": SubIndication.NO_CERTIFICATE_CHAIN_FOUND})
    report = judged(facts(signature(tokens=(token(NOW - hours(1)),))), registry=registry)
    (signed,) = report.signatures
    assert (signed.sub_indication, signed.proven_time) == (None, None)
    (told,) = [one for one in signed.findings if one.code == "timestamp_trusted"]
    assert not told.ok
    assert "NO_CERTIFICATE_CHAIN_FOUND" in told.detail


def test_where_time_is_required_a_stamper_without_status_is_asked_about_again() -> None:
    """TRY_LATER and not NO_POE: the proof may be good tomorrow."""
    policy = replace(DEFAULT_POLICY, time=TimeRules(required=True))
    document = facts(signature(tokens=(token(NOW - hours(1)),)))
    waits = judged(document, grounds(policy=policy), Registry({"tsa-duty": SubIndication.TRY_LATER}))
    assert waits.sub_indication is SubIndication.TRY_LATER
    never = judged(document, grounds(policy=policy), Registry({"tsa-duty": SubIndication.CHAIN_CONSTRAINTS_FAILURE}))
    assert never.sub_indication is SubIndication.NO_POE


@pytest.mark.parametrize("code", ["timestamp_imprint", "signature_value", "signing_certificate_bound"])
def test_a_stamp_over_other_bytes_or_broken_keeps_the_signature_from_passing(code: str) -> None:
    """T5: copied from another signature, or changed: somebody meddled, and nothing of it is a time."""
    broken = token(NOW - hours(1), observations=(Observation("timestamp_imprint", True), Observation(code, False)))
    report = judged(facts(signature(tokens=(broken,))))
    assert report.sub_indication is SubIndication.NO_POE
    assert report.signatures[0].proven_time is None


def test_a_token_about_which_nothing_was_checked_is_no_proof() -> None:
    """A reader that forgot to check gives no time."""
    report = judged(facts(signature(tokens=(token(NOW - hours(1), observations=()),))))
    assert report.signatures[0].proven_time is None


def test_stamps_that_contradict_what_is_known_are_an_order_failure() -> None:
    """T5: from the future; younger than the reception of the file; younger than the stamp that covers it."""
    future = facts(signature(tokens=(token(NOW + hours(1)),)))
    assert judged(future).sub_indication is SubIndication.TIMESTAMP_ORDER_FAILURE
    known = grounds(evidence=_received(NOW - hours(2)))
    after = facts(signature(tokens=(token(NOW - hours(1)),)))
    assert judged(after, known).sub_indication is SubIndication.TIMESTAMP_ORDER_FAILURE
    covered = facts(
        signature(end=100, tokens=(token(NOW - hours(1)),)), document_tokens=(token(NOW - hours(2), "document", 200),)
    )
    assert judged(covered).sub_indication is SubIndication.TIMESTAMP_ORDER_FAILURE
    content = facts(signature(tokens=(token(NOW - hours(1), "content"), token(NOW - hours(2)))))
    assert judged(content).sub_indication is SubIndication.TIMESTAMP_ORDER_FAILURE


def test_a_minute_of_skew_is_no_contradiction() -> None:
    """Clocks differ; the policy says by how much they may."""
    report = judged(facts(signature(tokens=(token(NOW + timedelta(seconds=59)),))))
    assert report.sub_indication is None


def test_a_document_stamp_proves_what_it_covers_and_nothing_behind_it() -> None:
    """A signature that was appended later must not be dated by the stamp before it."""
    document = facts(
        signature("official", 100),
        signature("agency", 300),
        document_tokens=(token(NOW - hours(2), "document", 200),),
    )
    first, second = judged(document).signatures
    assert first.proven_time == NOW - hours(2)
    assert first.proven_by.startswith("document-timestamp")
    assert second.proven_time is None


def test_a_document_stamp_that_says_not_what_it_covers_proves_nothing() -> None:
    """And in a format without revisions places say nothing about order."""
    unplaced = facts(signature("official", 100), document_tokens=(token(NOW - hours(2), "document"),))
    assert judged(unplaced).signatures[0].proven_time is None
    parallel = facts(
        signature("official", 100), signature("agency", 300, tokens=(token(NOW - hours(2)),)), kind=DocumentKind.CMS
    )
    assert judged(parallel).signatures[0].proven_time is None


def test_a_later_signature_whose_digest_fails_covers_nothing() -> None:
    """Its stamp dates its own value, not the bytes before it."""
    broken = signature(
        "agency",
        200,
        tokens=(token(NOW - hours(2)),),
        observations=(Observation("content_digest", False), Observation("signature_value", True)),
    )
    first, _ = judged(facts(signature("official", 100), broken)).signatures
    assert first.proven_time is None


def test_a_signature_that_covers_a_stamp_is_younger_than_it() -> None:
    """The certificate is then asked about with that bound: only so can a signature be proven to be late."""
    registry = Registry()
    judged(
        facts(signature("official", 100, tokens=(token(NOW - hours(3)),)), signature("agency", 200)), registry=registry
    )
    bounds = {one.certificate: one.created_after for one in registry.questions if one.purpose is Purpose.SIGNER}
    assert bounds[pki.certificate("official")] is None
    assert bounds[pki.certificate("agency")] == NOW - hours(3)


def test_a_stamper_is_judged_when_its_token_is_known_to_have_existed() -> None:
    """Time sliding: the inner token at the time of the outer one, the outer one now."""
    registry = Registry()
    document = facts(
        signature("official", 100, tokens=(token(NOW - hours(5)),)),
        document_tokens=(token(NOW - hours(2), "document", 200),),
    )
    judged(document, registry=registry)
    assert [one.proven for one in registry.questions if one.purpose is Purpose.TIMESTAMP] == [NOW, NOW - hours(2)]


def test_only_stampers_of_the_domains_and_policies_of_the_policy_count() -> None:
    """The policy names whose time it takes."""
    registry = Registry()
    rules = TimeRules(domains=frozenset({TrustDomain.PUBLIC}), policy_oids=frozenset({"1.2.3"}))
    on = grounds(policy=replace(DEFAULT_POLICY, time=rules))
    named = facts(signature(tokens=(token(NOW - hours(1), policy_oid="1.2.3"),)))
    assert judged(named, on, registry).signatures[0].proven_time == NOW - hours(1)
    assert registry.questions[0].domains == frozenset({TrustDomain.PUBLIC})
    other = facts(signature(tokens=(token(NOW - hours(1), policy_oid="1.2.4"),)))
    assert judged(other, on).signatures[0].proven_time is None


def test_revoked_after_the_stamp_passes_and_without_it_does_not() -> None:
    """T2, with real path and real lists: the proof decides, not the day of reading."""
    evidence = pki.evidence(at=pki.LATER)
    on = Grounds(pki.trust(), pki.LATER, evidence)
    stamp = token(NOW - hours(1), certificates=pki.chain("tsa-duty"))
    assert judge(facts(signature("revoked-after", tokens=(stamp,))), on).sub_indication is None
    assert judge(facts(signature("revoked-after")), on).sub_indication is SubIndication.REVOKED_NO_POE
    journal = replace(evidence, existences=(Existence(FILE, NOW, "journal"),))
    assert judge(facts(signature("revoked-after")), replace(on, evidence=journal)).sub_indication is None


def test_the_stamp_of_a_stranger_s_later_signature_proves_nothing_about_what_it_covers() -> None:
    """To an old stamped value anybody finds a key that makes it fit new content: its key must have been certified."""
    stranger = signature("agency", 200, tokens=(token(NOW - hours(2)),))
    document = facts(signature("official", 100), stranger)
    for failed, proven in (
        (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, None),
        (SubIndication.REVOKED_NO_POE, None),
        (None, NOW - hours(2)),
    ):
        first, _ = judged(document, registry=Registry({"agency": failed})).signatures
        assert first.proven_time == proven
