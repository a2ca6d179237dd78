"""Laws of verdicts (signing facts 5.3): nothing flipped, added, removed or put in another order makes a pass of what is none."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.simulated_authority import certificates, crl
from connectors.kit.simulated_authority.conduct import CrlConduct
from signing.cms.files import read_cms
from signing.grounds import Grounds
from signing.model import Evidence, Indication
from signing.report import Report
from signing.verifying import verify
from tests import pki
from tests.unit.signing.attacks.__main__ import ALL
from tests.unit.signing.attacks.case import CONTENT, Case

_GOOD = [case for case in ALL if case.allowed == {"TOTAL-PASSED"}]
_BAD = [case for case in ALL if "TOTAL-PASSED" not in case.allowed]
_BY_NAME = {case.name: case for case in ALL}
_LONG_AGO = datetime(2021, 1, 1, tzinfo=UTC)
_SAMPLE = _BY_NAME["revoked-after-stamped-before"]


def _judged(document: bytes, grounds: Grounds) -> Report:
    return verify(document, grounds)


def _outcome(case: Case, grounds: Grounds) -> Indication:
    return _judged(case.document(), grounds).conclusion


@pytest.fixture(scope="module")
def sample() -> tuple[bytes, Grounds, str]:
    """A document that passes, its grounds, and the digest of what it covers."""
    document, grounds = _SAMPLE.document(), _SAMPLE.grounds()
    report = _judged(document, grounds)
    assert report.conclusion is Indication.TOTAL_PASSED
    return document, grounds, report.signatures[0].covers.sha256


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_one_bit_of_what_is_signed_is_never_passed(sample: tuple[bytes, Grounds, str], data: st.DataObject) -> None:
    """Content, signed attributes and signature value, every bit of them."""
    document, grounds, _ = sample
    start = document.index(CONTENT)
    signed = [range(start, start + len(CONTENT))]
    value = read_cms(document).signatures[0].signature_value
    signed.append(range(document.index(value), document.index(value) + len(value)))
    place = data.draw(st.sampled_from([octet for part in signed for octet in part]))
    flipped = bytearray(document)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    assert _judged(bytes(flipped), grounds).conclusion is not Indication.TOTAL_PASSED


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_one_bit_anywhere_never_changes_what_is_taken_for_signed(
    sample: tuple[bytes, Grounds, str], data: st.DataObject
) -> None:
    """Where the unsigned part allows a pass (a certificate too many, broken), the covered bytes are the same."""
    document, grounds, covered = sample
    flipped = bytearray(document)
    flipped[data.draw(st.integers(0, len(document) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    report = _judged(bytes(flipped), grounds)
    if report.conclusion is Indication.TOTAL_PASSED:
        assert [one.covers.sha256 for one in report.signatures] == [covered]


@given(st.binary(max_size=400), st.integers(0, 3000), st.booleans())
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_judged_and_never_passed(
    sample: tuple[bytes, Grounds, str], noise: bytes, place: int, inside: bool
) -> None:
    """Alone, or written over a part of a good document; nothing is raised."""
    document, grounds, covered = sample
    mixed = document[:place] + noise + document[place + len(noise) :] if inside else noise
    report = _judged(mixed, grounds)
    passed = report.conclusion is Indication.TOTAL_PASSED
    assert not passed or [one.covers.sha256 for one in report.signatures] == [covered]


@pytest.mark.parametrize("case", _GOOD, ids=lambda case: case.name)
def test_trust_taken_away_never_passes_more(case: Case) -> None:
    """Without anchors nothing passes; without evidence nothing that needs it."""
    grounds = case.grounds()
    assert _outcome(case, replace(grounds, trust=pki.trust("public-root"))) is Indication.INDETERMINATE or (
        case.signer == "citizen"
    )
    assert _outcome(case, replace(grounds, evidence=Evidence())) is not Indication.TOTAL_PASSED


@pytest.mark.parametrize("case", _GOOD, ids=lambda case: case.name)
def test_one_revocation_added_ends_every_pass(case: Case) -> None:
    """The signer's issuer says that it was taken back long ago; whatever else was said, nothing passes."""
    issuer = pki.declaration().certificates[case.signer].issuer
    order = crl.List(
        issuer=certificates.name(pki.declaration().certificates[issuer].subject),
        this_update=case.at,
        next_update=case.at + timedelta(days=1),
        number=1 << 40,
        listed=(crl.Listed(int(pki.declaration().certificates[case.signer].serial, 0), _LONG_AGO, "keyCompromise"),),
        key_identifier=certificates.key_identifier(pki.key(issuer)),
    )
    grounds = case.grounds()
    more = replace(grounds.evidence, crls=(*grounds.evidence.crls, crl.make(order, pki.key(issuer))))
    assert _outcome(case, replace(grounds, evidence=more)) is not Indication.TOTAL_PASSED


@given(st.sampled_from(_BAD), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_revocation_added_and_an_anchor_removed_never_pass_what_did_not(case: Case, chance: random.Random) -> None:
    """The verdict is monotone in trust."""
    grounds = case.grounds()
    anchors = list(grounds.trust.anchors)
    anchors.pop(chance.randrange(len(anchors)))
    fewer = replace(grounds.trust, anchors=tuple(anchors))
    later = pki.authority().crl("duty-ca", case.at, CrlConduct(life_s=1))
    more = replace(grounds.evidence, crls=(*grounds.evidence.crls, later))
    known = _outcome(case, replace(grounds, trust=fewer))
    assert known is not Indication.TOTAL_PASSED
    if case.row not in ("T3", "T4"):  # There a list of the issuer is exactly what is missing.
        assert _outcome(case, replace(grounds, evidence=more)) is not Indication.TOTAL_PASSED


@given(st.sampled_from(ALL), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_trust_and_evidence_means_nothing(case: Case, chance: random.Random) -> None:
    """The same report, whatever stands first."""
    grounds = case.grounds()
    anchors, crls, ocsps = list(grounds.trust.anchors), list(grounds.evidence.crls), list(grounds.evidence.ocsps)
    for one in (anchors, crls, ocsps):
        chance.shuffle(one)
    shuffled = replace(
        grounds,
        trust=replace(grounds.trust, anchors=tuple(anchors)),
        evidence=replace(grounds.evidence, crls=tuple(crls), ocsps=tuple(ocsps)),
    )
    document = case.document()
    assert _judged(document, shuffled) == _judged(document, grounds)
