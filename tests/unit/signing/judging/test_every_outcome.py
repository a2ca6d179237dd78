"""Every sub-indication of EN 319 102-1 can be the outcome of a judgement, and says something to people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from signing.grounds import Grounds
from signing.judge import judge
from signing.model import DocumentKind, Evidence, Facts, Observation, SignatureFormat, SubIndication, TrustDomain
from signing.policy import DEFAULT_POLICY, AlgorithmRules, ExpectedSigner, TimeRules
from signing.rendering import as_tree
from signing.report import Report
from signing.trust import TrustStore
from tests import pki
from tests.unit.signing.judging.cases import NOW, READ, Registry, facts, grounds, hours, judged, signature, token

Outcome = Callable[[], Report]


def _failed(code: str) -> Outcome:
    """One check of the readers that did not hold."""
    kept = tuple(one for one in READ if one.code != code)
    return lambda: judged(facts(signature(observations=(*kept, Observation(code, False)))))


def _real(name: str, document: Facts | None = None, evidence: Evidence | None = None, at: datetime = NOW) -> Outcome:
    """The certificate judged by its own path and status."""

    def outcome() -> Report:
        given = pki.evidence(at=at) if evidence is None else evidence
        return judge(document or facts(signature(name)), Grounds(pki.trust(), at, given))

    return outcome


def _answered(answer: SubIndication) -> Outcome:
    """What only a path can say."""
    return lambda: judged(facts(signature()), registry=Registry({"official": answer}))


def _policy(**changed: object) -> Grounds:
    return grounds(policy=replace(DEFAULT_POLICY, **changed))  # type: ignore[arg-type]  # tests name fields of it


def _made_after(name: str, at: datetime) -> Facts:
    """A signature that covers a trusted content time stamp: it cannot be older."""
    stamp = token(at, "content", certificates=pki.chain("tsa-duty"))
    return facts(signature(name, tokens=(stamp,)))


def _withdrawn() -> Report:
    anchors = tuple(replace(one, distrust_after=NOW - timedelta(days=1)) for one in pki.trust().anchors)
    return judge(facts(signature()), Grounds(TrustStore(anchors), NOW, pki.evidence()))


DUTY = TrustDomain.PUBLIC_DUTY
OUTCOMES: dict[SubIndication, Outcome] = {
    SubIndication.FORMAT_FAILURE: lambda: judged(Facts("00" * 32, 0, DocumentKind.UNKNOWN)),
    SubIndication.HASH_FAILURE: _failed("content_digest"),
    SubIndication.SIG_CRYPTO_FAILURE: _failed("signature_value"),
    SubIndication.REVOKED: _real("revoked-before", _made_after("revoked-before", NOW)),
    SubIndication.EXPIRED: _real("expired", _made_after("expired", NOW)),
    SubIndication.NOT_YET_VALID: _real("not-yet-valid"),
    SubIndication.SIGNED_DATA_NOT_FOUND: _failed("signed_data_present"),
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND: _failed("signing_certificate"),
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: _real("self-signed"),
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE: _withdrawn,
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE: _real("serial-negative"),
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: _real("tls-server"),
    SubIndication.SIG_CONSTRAINTS_FAILURE: _failed("coverage"),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: _real("weak-1024"),
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: lambda: judged(
        facts(signature()), _policy(algorithms=AlgorithmRules(digests={"sha256": datetime(2020, 1, 1, tzinfo=UTC)}))
    ),
    SubIndication.TRY_LATER: _real("official", evidence=Evidence()),
    SubIndication.REVOKED_NO_POE: _real("revoked-before"),
    SubIndication.REVOKED_CA_NO_POE: _answered(SubIndication.REVOKED_CA_NO_POE),
    SubIndication.OUT_OF_BOUNDS_NO_POE: _real("expired", evidence=Evidence()),
    SubIndication.OUT_OF_BOUNDS_NOT_REVOKED: _answered(SubIndication.OUT_OF_BOUNDS_NOT_REVOKED),
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE: _answered(SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE),
    SubIndication.TIMESTAMP_ORDER_FAILURE: lambda: judged(facts(signature(tokens=(token(NOW + hours(1)),)))),
    SubIndication.NO_POE: lambda: judged(facts(signature()), _policy(time=TimeRules(required=True))),
    SubIndication.POLICY_PROCESSING_ERROR: lambda: judged(
        facts(signature()),
        replace(_policy(domains=frozenset({TrustDomain.PUBLIC})), expected=(ExpectedSigner("a", DUTY),)),
    ),
    SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE: _failed("signature_policy"),
    SubIndication.GENERIC: lambda: judged(facts(signature(observations=READ[:-1]))),
    SubIndication.CUSTOM: lambda: judged(
        facts(signature("agency", 100), signature("official", 200)),
        grounds(
            expected=(
                ExpectedSigner("person", DUTY, identifiers=frozenset({"CCCD:001185000011"})),
                ExpectedSigner("agency", DUTY, identifiers=frozenset({"MST:0100112233"})),
            )
        ),
    ),
}


@pytest.mark.parametrize("wanted", list(SubIndication))
def test_every_sub_indication_can_be_the_outcome(wanted: SubIndication) -> None:
    """Named, with its main status, a sentence and an advice; and at least one finding that failed says why."""
    report = OUTCOMES[wanted]()
    assert report.sub_indication is wanted, list(report.signatures)
    tree = as_tree(report)
    assert tree["message_vi"] and tree["advice_vi"]
    findings = [*report.findings, *(one for signed in report.signatures for one in signed.findings)]
    assert any(not one.ok for one in findings) or wanted in (
        SubIndication.REVOKED_CA_NO_POE,
        SubIndication.OUT_OF_BOUNDS_NOT_REVOKED,
        SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE,
    )


def test_a_check_that_was_not_made_is_not_a_check_that_held() -> None:
    """Each of the needed observations, left out, keeps a signature from passing."""
    assert judged(facts(signature())).sub_indication is None
    for left_out in READ:
        kept = tuple(one for one in READ if one is not left_out)
        assert judged(facts(signature(observations=kept))).sub_indication is SubIndication.GENERIC, left_out


def test_what_fails_for_the_document_fails_each_of_its_signatures() -> None:
    """Nobody may read one signature's verdict and miss that the file is ambiguous."""
    broken = facts(signature(), observations=(Observation("ids_unique", False),))
    report = judged(broken)
    assert report.sub_indication is SubIndication.FORMAT_FAILURE
    assert report.signatures[0].sub_indication is SubIndication.FORMAT_FAILURE


def test_old_subfilters_are_read_and_never_pass() -> None:
    """adbe.pkcs7.sha1 and adbe.x509.rsa_sha1: reported only (signing facts 4.2)."""
    report = judged(facts(signature(format=SignatureFormat.PDF_OTHER)))
    assert report.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE


def test_a_document_without_signatures_fails() -> None:
    """At least one: nothing signed is never all signed."""
    assert judged(facts()).sub_indication is SubIndication.FORMAT_FAILURE


def test_one_bad_signature_spoils_the_document() -> None:
    """Without a table every signature must pass; with one, strangers who do not pass still count against it."""
    table = (ExpectedSigner("person", DUTY, identifiers=frozenset({"CCCD:001185000011"})),)
    document = facts(signature("official", 100), signature("company", 200))
    registry = Registry({"company": SubIndication.NO_CERTIFICATE_CHAIN_FOUND})
    for expected in ((), table):
        report = judged(document, grounds(expected=expected), registry)
        assert report.sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
        assert [one.sub_indication for one in report.signatures] == [None, SubIndication.NO_CERTIFICATE_CHAIN_FOUND]
    report = judged(document, grounds(expected=table))
    assert report.sub_indication is None
    assert [one.code for one in report.findings if not one.ok] == ["signer_extra"]


def test_a_signer_who_waits_for_status_is_not_called_a_stranger() -> None:
    """The gateway tries again for the right person; for a stranger it would try for ever."""
    table = (ExpectedSigner("person", DUTY, identifiers=frozenset({"CCCD:001185000011"})),)
    waiting = Registry({"official": SubIndication.TRY_LATER, "agency": SubIndication.TRY_LATER})
    assert judged(facts(signature()), grounds(expected=table), waiting).sub_indication is SubIndication.TRY_LATER
    stranger = judged(facts(signature("agency")), grounds(expected=table), waiting)
    assert stranger.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE


def test_one_signature_cannot_hold_two_rows() -> None:
    """A person and an agency are two signatures, even where one certificate would fit both rows."""
    rows = (ExpectedSigner("person", DUTY), ExpectedSigner("agency", DUTY))
    assert judged(facts(signature()), grounds(expected=rows)).sub_indication is SubIndication.CUSTOM
    both = facts(signature("official", 100), signature("agency", 200))
    assert judged(both, grounds(expected=rows)).sub_indication is None


def test_only_the_formats_of_the_row_count() -> None:
    """A result that has to be PAdES is not one when it is XAdES."""
    row = ExpectedSigner("person", DUTY, formats=frozenset({"PAdES"}))
    assert judged(facts(signature(end=100)), grounds(expected=(row,))).sub_indication is None
    xades = judged(facts(signature()), grounds(expected=(row,)))
    assert xades.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE
