"""Status at the proven time: freshness, revocation before and after it, holds, and authorities that ended since."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.model import Existence, SubIndication
from signing.policy import DEFAULT_POLICY, StatusRules
from tests.unit.signing.chain.making import CA, DAY, LEAF, ROOT, T0, YEAR, Asked, Entry, Order, answer, issue, revoke

HOUR = timedelta(hours=1)
COMPROMISED = x509.ReasonFlags.key_compromise
BASE = Asked(LEAF, (ROOT,), (CA,), (revoke("root"), revoke("ca")))


def _lists(*leaf_lists: bytes) -> Asked:
    return replace(BASE, crls=(revoke("root"), *leaf_lists))


def _status(proven: datetime, grace_seconds: int) -> Asked:
    """Proven at a moment, judged a day later, on the lists of T0."""
    policy = replace(DEFAULT_POLICY, status=StatusRules(grace_seconds=grace_seconds))
    return replace(BASE, proven=proven, at=proven + DAY, policy=policy)


def test_both_lists_fresh_is_good_and_names_what_was_relied_on() -> None:
    """The base of all tests below passes; `used` holds the digests of the path and of both lists."""
    verdict = BASE.verdict()
    assert verdict.sub_indication is None
    assert set(verdict.used) == {sha256(one).hexdigest() for one in (LEAF, CA, *BASE.crls)}


def test_a_list_is_used_although_the_certificate_names_no_address() -> None:
    """Signing facts 8.2(12): no CRL distribution point, a supplied list, a revoked signer: never a pass."""
    assert b"\x06\x03\x55\x1d\x1f" not in LEAF  # cRLDistributionPoints
    assert _lists(revoke("ca", Entry(LEAF, T0 - DAY))).verdict().sub_indication is SubIndication.REVOKED_NO_POE


def test_a_leafs_list_must_be_as_fresh_as_the_grace_asks() -> None:
    """Issued up to grace_seconds before the proven time counts; a second more does not, though nextUpdate is far."""
    assert _status(T0 + HOUR, grace_seconds=3_600).verdict().sub_indication is None
    late = _status(T0 + HOUR + timedelta(seconds=1), grace_seconds=3_600).verdict()
    assert late.sub_indication is SubIndication.TRY_LATER
    assert any("stale" in one.detail for one in late.findings if one.code == "revocation")


def test_without_a_proof_the_list_that_is_current_now_counts() -> None:
    """Judged as of now, the newest word there can be is the one before its nextUpdate; after that there is none."""
    assert replace(BASE, proven=T0 + 6 * DAY, at=T0 + 6 * DAY).verdict().sub_indication is None
    assert replace(BASE, proven=T0 + 8 * DAY, at=T0 + 8 * DAY).verdict().sub_indication is SubIndication.TRY_LATER


def test_a_negative_grace_demands_a_list_that_is_younger_than_the_proof() -> None:
    """EN 319 102-1 5.2.5: information issued after the proven time."""
    assert _status(T0 - HOUR, grace_seconds=-1_800).verdict().sub_indication is None
    assert _status(T0 - HOUR / 4, grace_seconds=-1_800).verdict().sub_indication is SubIndication.TRY_LATER


def test_an_authoritys_list_counts_until_its_own_next_update() -> None:
    """Roots publish monthly or yearly: the grace is for subscribers, nextUpdate for authorities."""
    monthly = replace(BASE, crls=(revoke("root", at=T0 - 29 * DAY, life=30 * DAY), revoke("ca")))
    assert monthly.verdict().sub_indication is None
    over = replace(BASE, crls=(revoke("root", at=T0 - 31 * DAY, life=30 * DAY), revoke("ca")))
    assert over.verdict().sub_indication is SubIndication.TRY_LATER


def test_without_hard_fail_a_missing_status_is_a_warning_and_a_revocation_still_counts() -> None:
    """`required = false` forgives silence, never a revocation."""
    soft = replace(DEFAULT_POLICY, status=StatusRules(required=False))
    verdict = replace(BASE, crls=(), policy=soft).verdict()
    assert verdict.sub_indication is None
    assert "revocation_unchecked" in {one.code for one in verdict.findings if not one.ok}
    revoked = replace(_lists(revoke("ca", Entry(LEAF, T0 - DAY))), policy=soft)
    assert revoked.verdict().sub_indication is SubIndication.REVOKED_NO_POE


@pytest.mark.parametrize(
    ("moment", "expected"),
    [(T0 - 3 * DAY, None), (T0 - 2 * DAY, SubIndication.REVOKED_NO_POE), (T0 - DAY, SubIndication.REVOKED_NO_POE)],
)
def test_the_proven_time_against_the_revocation_decides(moment: datetime, expected: SubIndication | None) -> None:
    """Proven before the revocation passes; in the same second or later it does not."""
    asked = replace(_lists(revoke("ca", Entry(LEAF, T0 - 2 * DAY, COMPROMISED))), proven=moment)
    assert asked.verdict().sub_indication is expected


def test_a_signature_proven_to_be_younger_than_the_revocation_is_a_failure() -> None:
    """REVOKED needs both: revoked, and a proof that the signature was made afterwards (a content time stamp)."""
    asked = _lists(revoke("ca", Entry(LEAF, T0 - 2 * DAY)))
    assert replace(asked, created_after=T0 - DAY).verdict().sub_indication is SubIndication.REVOKED
    assert replace(asked, created_after=T0 - 3 * DAY).verdict().sub_indication is SubIndication.REVOKED_NO_POE


def test_a_signature_proven_to_be_younger_than_the_validity_is_a_failure() -> None:
    """EXPIRED needs the proof too; without it the end of validity leaves the question open."""
    old = issue(Order("old", "ca", end=T0 - DAY))
    asked = replace(BASE, leaf=old)
    assert asked.verdict().sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE
    assert replace(asked, created_after=T0 - HOUR).verdict().sub_indication is SubIndication.EXPIRED
    assert replace(asked, created_after=T0 - 2 * DAY).verdict().sub_indication is SubIndication.OUT_OF_BOUNDS_NO_POE


def test_an_invalidity_date_before_the_proof_counts_like_the_revocation() -> None:
    """T2: revoked after the stamp, but the key is known to be bad since before it."""
    entry = Entry(LEAF, T0 - DAY, COMPROMISED, invalid=T0 - 10 * DAY)
    asked = replace(_lists(revoke("ca", entry)), proven=T0 - 5 * DAY)
    assert asked.verdict().sub_indication is SubIndication.REVOKED_NO_POE
    assert replace(asked, proven=T0 - 11 * DAY).verdict().sub_indication is None


def test_a_hold_is_waited_for_and_ends_only_by_a_newer_word() -> None:
    """On hold: TRY_LATER. A newer list without the entry ends it; an older one does not; a revocation outlasts both."""
    hold = revoke("ca", Entry(LEAF, T0 - 3 * DAY, x509.ReasonFlags.certificate_hold), at=T0 - HOUR)
    assert _lists(hold).verdict().sub_indication is SubIndication.TRY_LATER
    assert _lists(hold, revoke("ca", at=T0)).verdict().sub_indication is None
    assert _lists(hold, revoke("ca", at=T0 - 2 * HOUR)).verdict().sub_indication is SubIndication.TRY_LATER
    ended = revoke("ca", Entry(LEAF, T0 - 3 * DAY, COMPROMISED), at=T0 - 2 * HOUR)
    assert _lists(hold, ended, revoke("ca")).verdict().sub_indication is SubIndication.REVOKED_NO_POE


def test_a_revocation_counts_however_old_the_list_that_says_so() -> None:
    """What is revoked stays revoked: a stale list with the entry beats a fresh one without it, and a good response."""
    stale = revoke("ca", Entry(LEAF, T0 - 300 * DAY, COMPROMISED), at=T0 - 200 * DAY)
    assert _lists(stale, revoke("ca")).verdict().sub_indication is SubIndication.REVOKED_NO_POE


def test_a_list_from_the_future_is_not_believed() -> None:
    """Neither its silence nor, judged as of then, its entries; a small skew is forgiven."""
    assert _lists(revoke("ca", at=T0 + HOUR)).verdict().sub_indication is SubIndication.TRY_LATER
    assert _lists(revoke("ca", at=T0 + timedelta(seconds=30))).verdict().sub_indication is None


def test_a_list_issued_after_the_end_of_a_certificate_no_longer_speaks_for_it() -> None:
    """RFC 5280 3.3: entries of expired certificates may be dropped, so silence proves nothing."""
    short = issue(Order("short", "ca", end=T0 - 2 * DAY))
    asked = replace(BASE, leaf=short, proven=T0 - 3 * DAY)
    assert asked.verdict().sub_indication is SubIndication.TRY_LATER
    before = revoke("ca", at=T0 - 2 * DAY - HOUR)
    assert replace(asked, crls=(*asked.crls, before)).verdict().sub_indication is None


def _known(*many: bytes, at: datetime) -> tuple[Existence, ...]:
    return tuple(Existence(sha256(one).hexdigest(), at, "journal") for one in many)


def test_under_an_authority_revoked_since_the_status_must_be_proven_to_be_older() -> None:
    """REVOKED_CA_NO_POE: who holds the stolen key can write any list; one known before the revocation is no forgery."""
    proven, revoked_at, now = T0, T0 + 10 * DAY, T0 + 20 * DAY
    mine = revoke("ca", at=T0)
    asked = replace(
        BASE, proven=proven, at=now, crls=(revoke("root", Entry(CA, revoked_at, COMPROMISED), at=now), mine)
    )
    assert asked.verdict().sub_indication is SubIndication.REVOKED_CA_NO_POE
    kept = _known(mine, at=T0 + DAY)
    assert replace(asked, existences=kept).verdict().sub_indication is None
    late = _known(mine, at=revoked_at + DAY)
    assert replace(asked, existences=late).verdict().sub_indication is SubIndication.REVOKED_CA_NO_POE


def test_a_lower_authority_under_a_revoked_one_must_be_proven_to_be_older_too() -> None:
    """The thief of an upper key can make a lower authority of any date; its certificate needs a proof like its lists."""
    lower = issue(Order("lower", "ca", authority=True))
    lists = (revoke("ca", at=T0), revoke("lower", at=T0))
    asked = replace(
        BASE,
        leaf=issue(Order("deep", "lower")),
        others=(CA, lower),
        at=T0 + 20 * DAY,
        crls=(revoke("root", Entry(CA, T0 + 10 * DAY, COMPROMISED), at=T0 + 20 * DAY), *lists),
        existences=_known(*lists, at=T0 + DAY),
    )
    assert asked.verdict().sub_indication is SubIndication.REVOKED_CA_NO_POE
    assert replace(asked, existences=_known(lower, *lists, at=T0 + DAY)).verdict().sub_indication is None


def test_under_an_authority_expired_since_the_status_must_be_proven_to_be_older() -> None:
    """REVOCATION_OUT_OF_BOUNDS_NO_POE: the keeper of an expired key owes nobody care; the journal's proof settles it."""
    now = T0 + 6 * YEAR
    mine = revoke("ca", at=T0)
    asked = replace(BASE, proven=T0, at=now, crls=(revoke("root", at=T0), mine))
    assert asked.verdict().sub_indication is SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE
    assert replace(asked, existences=_known(mine, at=T0 + DAY)).verdict().sub_indication is None


def test_a_list_of_the_issuers_name_by_another_key_needs_a_sound_path_of_the_same_line() -> None:
    """T4: same name, other key. Appointed by the same parent it may speak (key roll-over); by nobody, or elsewhere, not."""
    forged = revoke("ca", signer="stranger")
    assert _lists(forged).verdict().sub_indication is SubIndication.TRY_LATER
    self_made = issue(Order("ca", "ca", authority=True, key="stranger", signer="stranger", serial=77))
    assert replace(_lists(forged), others=(CA, self_made)).verdict().sub_indication is SubIndication.TRY_LATER
    other = issue(Order("other", "root", authority=True))
    elsewhere = issue(Order("ca", "other", authority=True, key="stranger", serial=78))
    crls = (revoke("root"), revoke("other"), forged)
    spread = replace(BASE, others=(CA, other, elsewhere), crls=crls)
    assert spread.verdict().sub_indication is SubIndication.TRY_LATER
    renewed = issue(Order("ca", "root", authority=True, key="stranger", serial=79))
    assert replace(_lists(forged), others=(CA, renewed)).verdict().sub_indication is None


def test_a_delegate_speaks_for_its_own_authority_only_and_while_it_stands() -> None:
    """RFC 6960 4.2.2.2: issued by the very key; revoked, it is silent; without nocheck its own status must be known."""
    purpose = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
    plain = issue(Order("delegate", "ca", extensions=(purpose,)))
    lasting = issue(Order("delegate", "ca", extensions=(purpose, (x509.OCSPNoCheck(), False)), serial=91))
    foreign = issue(Order("delegate", "root", extensions=(purpose, (x509.OCSPNoCheck(), False)), serial=92))
    for delegate, crls, expected in (
        (lasting, (revoke("root"),), None),
        (plain, (revoke("root"),), SubIndication.TRY_LATER),
        (foreign, (revoke("root"),), SubIndication.TRY_LATER),
    ):
        asked = replace(BASE, crls=crls, ocsps=(answer(LEAF, CA, delegate),))
        assert asked.verdict().sub_indication is expected, x509.load_der_x509_certificate(delegate).serial_number
    # The delegate's revocation stands on a list that is too old to clear the leaf, but not too old to silence the delegate.
    old = revoke("ca", Entry(lasting, T0 - 40 * DAY), at=T0 - 30 * DAY)
    silenced = replace(BASE, crls=(revoke("root"), old), ocsps=(answer(LEAF, CA, lasting),))
    assert silenced.verdict().sub_indication is SubIndication.TRY_LATER


def test_what_was_set_aside_is_reported() -> None:
    """A supplied list that nobody entitled signed is named in a warning, with its digest."""
    forged = revoke("ca", signer="stranger")
    verdict = _lists(forged, revoke("ca")).verdict()
    assert verdict.sub_indication is None
    assert [one.detail for one in verdict.findings if one.code == "revocation_source"] == [
        f"{sha256(forged).hexdigest()[:16]}: signed by nobody entitled"
    ]
