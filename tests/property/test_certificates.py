"""Laws of verdicts on certificates (signing facts 5.3): order means nothing, less trust and more revocation never help."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.chain import judge_certificate
from signing.model import CertificateQuestion, CertificateVerdict, Evidence, Purpose, TrustDomain
from signing.policy import DEFAULT_POLICY
from signing.trust import TrustStore
from tests import pki
from tests.unit.signing.chain.making import CA, DAY, LEAF, ROOT, T0, Asked, Entry, Order, issue, revoke

_NAMES = tuple(name for name, row in pki.declaration().certificates.items() if not row.ca)
_OTHERS = tuple(pki.certificate(name) for name, row in pki.declaration().certificates.items() if row.ca)
_EVIDENCE = pki.evidence()


def _judged(name: str, trust: TrustStore, evidence: Evidence, others: tuple[bytes, ...]) -> CertificateVerdict:
    domains = frozenset(TrustDomain)
    question = CertificateQuestion(pki.certificate(name), Purpose.SIGNER, pki.NOW, pki.NOW, domains, others)
    return judge_certificate(question, trust, evidence, DEFAULT_POLICY)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_verdict_is_equal_whatever_the_order_of_what_is_handed_in(data: st.DataObject) -> None:
    """Certificates, lists, responses and anchors in any order, some twice: the same verdict, finding by finding."""
    name = data.draw(st.sampled_from(_NAMES))
    others = tuple(data.draw(st.permutations(_OTHERS)))
    crls, ocsps = data.draw(st.permutations(_EVIDENCE.crls)), data.draw(st.permutations(_EVIDENCE.ocsps))
    shuffled = Evidence(crls=(*crls, crls[0]), ocsps=(*ocsps, ocsps[0]))
    anchors = TrustStore(tuple(data.draw(st.permutations(pki.trust().anchors))))
    straight = _judged(name, pki.trust(), _EVIDENCE, _OTHERS)
    assert _judged(name, anchors, shuffled, (*others, others[0])) == straight


@given(st.sampled_from(_NAMES), st.sets(st.integers(0, 2)), st.sets(st.integers(0, 20)))
@settings(max_examples=80, deadline=None)
def test_less_trust_and_fewer_certificates_never_make_a_pass(name: str, roots: set[int], gone: set[int]) -> None:
    """What does not pass with every anchor and certificate does not pass with some of them."""
    fewer = TrustStore(tuple(one for place, one in enumerate(pki.trust().anchors) if place not in roots))
    others = tuple(one for place, one in enumerate(_OTHERS) if place not in gone)
    if _judged(name, fewer, _EVIDENCE, others).sub_indication is None:
        assert _judged(name, pki.trust(), _EVIDENCE, _OTHERS).sub_indication is None


_HOURS = st.integers(-40, 40)
_REASONS = st.sampled_from([None, *x509.ReasonFlags]).filter(lambda one: one is not x509.ReasonFlags.remove_from_crl)


@given(st.tuples(_HOURS, _HOURS, _HOURS), _REASONS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_revocation_more_never_makes_a_pass(
    hours: tuple[int, int, int], reason: x509.ReasonFlags | None, of_the_authority: bool
) -> None:
    """An entry more in a list, of any date and reason, or a list with it beside: what did not pass still does not."""
    proven, issued, revoked = (T0 + timedelta(hours=one) for one in hours)
    lists = (revoke("root", at=issued), revoke("ca", at=issued))
    entry = Entry(CA if of_the_authority else LEAF, revoked, reason)
    listed = revoke("root" if of_the_authority else "ca", entry, at=issued)
    base = replace(Asked(LEAF, (ROOT,), (CA,), lists), proven=proven, at=T0 + 2 * DAY)
    for crls in ((*lists, listed), (listed, lists[1]) if of_the_authority else (lists[0], listed)):
        if replace(base, crls=crls).verdict().sub_indication is None:
            assert base.verdict().sub_indication is None


_SAMPLES = (LEAF, CA, *_EVIDENCE.crls[:2], _EVIDENCE.ocsps[0])


@given(st.integers(0, len(_SAMPLES) - 1), st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 60))
@settings(max_examples=300, deadline=None)
def test_bytes_that_were_changed_or_cut_are_judged_and_raise_nothing(
    which: int, place: int, octet: int, cut: int
) -> None:
    """Certificates, lists and responses with one octet changed and an end cut off, in every role."""
    whole = bytearray(_SAMPLES[which])
    whole[place % len(whole)] = octet
    changed = bytes(whole[: len(whole) - (cut if cut > 50 else 0)])
    leaf = Asked(changed, (ROOT,), (CA,), (revoke("root"), revoke("ca"))).verdict()
    assert leaf.findings
    asked = Asked(LEAF, (ROOT, changed), (CA, changed), (revoke("root"), revoke("ca"), changed), (changed,))
    assert asked.verdict().sub_indication is None


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_random_bytes_are_judged_and_raise_nothing(noise: bytes) -> None:
    """In every role at once; the good path beside them still passes."""
    assert Asked(noise, (ROOT,), (CA,)).verdict().sub_indication is not None
    asked = Asked(LEAF, (ROOT, noise), (CA, noise), (revoke("root"), revoke("ca"), noise), (noise,))
    assert asked.verdict().sub_indication is None


@given(st.lists(st.sampled_from(["ca", "root", "leaf", "other"]), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_path_passes_without_an_anchor_at_its_end(issuers: list[str]) -> None:
    """Certificates of any issuers, all sound, none by the root's key: never a pass."""
    made = tuple(
        issue(Order(subject, issuer, authority=True, signer=f"not-{issuer}", key=f"not-{subject}", serial=1 + place))
        for place, (subject, issuer) in enumerate(zip(issuers, [*issuers[1:], "root"], strict=True))
    )
    leaf = issue(Order("leaf", issuers[0], signer=f"not-{issuers[0]}"))
    verdict = Asked(leaf, (ROOT,), made, (revoke("root"), revoke("ca"))).verdict()
    assert verdict.sub_indication is not None and verdict.domain is None
