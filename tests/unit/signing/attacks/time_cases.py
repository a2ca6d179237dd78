"""Rows T1 to T5: validity, revocation, responders, lists and stamps, each wrong in one way, and what is right beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.kit.simulated_authority import certificates, crl
from connectors.kit.simulated_authority.conduct import CrlConduct, OcspConduct, StampConduct
from signing.model import Evidence, TrustDomain
from tests import pki
from tests.unit.signing.attacks.case import PASS, Case, Stamped, either, lists, response

NOW, LATER = pki.NOW, pki.LATER
_DAY = timedelta(days=1)
_THEN = datetime(2024, 6, 1, 3, tzinfo=UTC)
"""When `expired` was still valid."""

_OUT = either("OUT_OF_BOUNDS_NO_POE", "OUT_OF_BOUNDS_NOT_REVOKED")
_UNPROVEN = either("REVOKED_NO_POE")
_WAIT = either("TRY_LATER")
_TIME = either("NO_POE", "TIMESTAMP_ORDER_FAILURE")

_VALIDITY = (
    Case("expired", "T1", _OUT, "expired"),
    Case("expired-claimed-earlier", "T1", _OUT, "expired", claimed=_THEN),
    Case("expired-stamped-afterwards", "T1", _OUT | {"EXPIRED"}, "expired", stamped=(Stamped(NOW),)),
    Case(
        "expired-since-stamped-before", "T1", PASS, "expired", stamped=(Stamped(_THEN),),
        status=lambda: _both(lists("expired", at=_THEN + _DAY), lists("tsa-duty")),
    ),
    Case("not-yet-valid", "T1", _OUT | {"NOT_YET_VALID"}, "not-yet-valid"),
    Case("not-yet-valid-stamped", "T1", either("NOT_YET_VALID"), "not-yet-valid", stamped=(Stamped(NOW),)),
)  # fmt: skip
_REVOKED = (
    Case("revoked-before", "T2", _UNPROVEN | {"REVOKED"}, "revoked-before"),
    Case("revoked-before-stamped", "T2", _UNPROVEN | {"REVOKED"}, "revoked-before", stamped=(Stamped(NOW),)),
    Case(
        "revoked-before-by-ocsp", "T2", _UNPROVEN | {"REVOKED"}, "revoked-before",
        status=lambda: response(OcspConduct(), "revoked-before"),
    ),
    Case(
        "revoked-before-content-stamped", "T2", either("REVOKED"), "revoked-before", stamped=(Stamped(NOW),),
        content_stamp=Stamped(NOW - _DAY),
    ),
    Case("revoked-after-stamped-before", "T2", PASS, "revoked-after", at=LATER, stamped=(Stamped(NOW),)),
    Case("revoked-after-never-stamped", "T2", _UNPROVEN, "revoked-after", at=LATER, claimed=NOW),
    Case("revoked-after-judged-before", "T2", PASS, "revoked-after", at=NOW),
    Case("key-bad-since-before-the-stamp", "T2", _UNPROVEN, "invalid-since", at=LATER, stamped=(Stamped(NOW),)),
    Case("key-bad-since-after-the-stamp", "T2", PASS, "invalid-since", at=LATER, stamped=(Stamped(NOW - 15 * _DAY),)),
    Case("authority-revoked", "T2", either("REVOKED_CA_NO_POE"), "under-revoked-ca", stamped=(Stamped(NOW),)),
    Case("on-hold", "T2", _WAIT | _UNPROVEN | {"REVOKED"}, "on-hold", stamped=(Stamped(NOW),)),
    Case("hold-removed", "T2", PASS, "was-on-hold", stamped=(Stamped(NOW),)),
)  # fmt: skip


def _both(one: Evidence, other: Evidence) -> Evidence:
    return replace(one, crls=(*one.crls, *other.crls))


def _unhold() -> Evidence:
    """The full list of the 10th, on which the certificate is on hold, and the delta of today that removes it."""
    base = NOW - 10 * _DAY
    full = pki.authority().crl("duty-ca", base, CrlConduct(life_s=30 * 86_400))
    delta = pki.authority().crl("duty-ca", NOW, CrlConduct(base=int(base.timestamp())))
    return Evidence(crls=(*lists("duty-ca").crls, full, delta))


def _signed_for_another() -> Evidence:
    """A list that bears duty-ca's name, by a key that nobody vouches for, and the namesake's certificate along with it."""
    key = pki.key("namesake-ca")
    order = crl.List(
        issuer=certificates.name(pki.declaration().certificates["namesake-ca"].subject),
        this_update=NOW,
        next_update=NOW + 7 * _DAY,
        key_identifier=certificates.key_identifier(key),
    )
    return Evidence(crls=(*lists("duty-ca").crls, crl.make(order, key)), certificates=(pki.certificate("namesake-ca"),))


def _list(conduct: CrlConduct, *, also: bool = False) -> Evidence:
    """duty-ca's list under a conduct; `also`: its sound list of long ago beside it."""
    found = lists("official", conduct=conduct, wrong="duty-ca")
    old = pki.authority().crl("duty-ca", NOW - 60 * _DAY)
    return replace(found, crls=(*found.crls, old)) if also else found


_RESPONSES = (
    Case("ocsp-sound", "T3", PASS, status=lambda: response(OcspConduct())),
    Case("ocsp-by-key", "T3", PASS, status=lambda: response(OcspConduct(by_key=True))),
    Case("ocsp-by-the-issuer", "T3", PASS, status=lambda: response(OcspConduct(signer="duty-ca"))),
    *(
        Case(f"ocsp-{name}", "T3", _WAIT, status=lambda conduct=conduct: response(conduct))  # type: ignore[misc]  # bound now
        for name, conduct in (
            ("other-certificate", OcspConduct(about="agency")),
            ("replayed", OcspConduct(age_s=30 * 86_400)),
            ("replayed-without-end", OcspConduct(age_s=30 * 86_400, life_s=None)),
            ("unknown", OcspConduct(status="unknown")),
            ("try-later", OcspConduct(refusal="tryLater")),
            ("unauthorized", OcspConduct(refusal="unauthorized")),
            ("forged", OcspConduct(forge=True)),
            ("by-a-subscriber", OcspConduct(signer="agency")),
            ("by-another-domain", OcspConduct(signer="ocsp-public")),
            ("without-purpose", OcspConduct(signer="ocsp-no-purpose")),
            ("by-expired-delegate", OcspConduct(signer="ocsp-expired")),
            ("by-self-signed-delegate", OcspConduct(signer="ocsp-self-signed")),
            ("by-the-root", OcspConduct(signer="duty-root")),
            ("delegate-not-enclosed", OcspConduct(enclose=False)),
            ("sha1-signed", OcspConduct(digest="sha1")),
            ("from-the-future", OcspConduct(age_s=-10 * 86_400)),
        )
    ),
    Case("ocsp-stranger-good-list-revoked", "T3", _UNPROVEN | {"REVOKED"}, "revoked-before", status=lambda: replace(
        lists("revoked-before"),
        ocsps=(pki.authority().ocsp_of("revoked-before", NOW, OcspConduct(status="good")),),
    )),
)  # fmt: skip
_LISTS = (
    Case("crl-of-users-only", "T4", PASS, status=lambda: _list(CrlConduct(only=("users",)))),
    Case("crl-hold-removed-by-delta", "T4", PASS, "was-on-hold", status=_unhold),
    Case("crl-namesake", "T4", _WAIT, status=_signed_for_another),
    Case("crl-missing", "T4", _WAIT, status=lambda: lists("duty-ca")),
    Case("crl-of-root-missing", "T4", _WAIT, status=lambda: Evidence(crls=(pki.crl("duty-ca"),))),
    Case("nothing-known", "T4", _WAIT, status=Evidence),
    *(
        Case(f"crl-{name}", "T4", _WAIT, status=lambda conduct=conduct: _list(conduct))  # type: ignore[misc]  # bound now
        for name, conduct in (
            ("of-authorities-only", CrlConduct(only=("authorities",))),
            ("of-attributes-only", CrlConduct(only=("attributes",))),
            ("of-some-reasons", CrlConduct(only=("keyCompromise",))),
            ("of-another-point", CrlConduct(point="http://ca.congvu.example/crl/khac.crl")),
            ("delta-alone", CrlConduct(base=1)),
            ("stale", CrlConduct(age_s=60 * 86_400)),
            ("stale-without-end", CrlConduct(age_s=60 * 86_400, life_s=None)),
            ("forged", CrlConduct(forge=True)),
            ("unknown-critical", CrlConduct(unknown_critical=True)),
            ("by-a-stranger", CrlConduct(signer="self-signed")),
            ("indirect-not-authorised", CrlConduct(indirect=True, signer="public-ca")),
            ("sha1-signed", CrlConduct(digest="sha1")),
            ("from-the-future", CrlConduct(age_s=-10 * 86_400)),
        )
    ),
)  # fmt: skip


def _stamp(name: str, conduct: StampConduct, allowed: frozenset[str] = _UNPROVEN | _TIME) -> Case:
    """A signature that only a good stamp can save."""
    return Case(f"stamp-{name}", "T5", allowed, "revoked-after", at=LATER, stamped=(Stamped(NOW, conduct=conduct),))


_STAMPS = (
    _stamp("sound", StampConduct(), PASS),
    _stamp("bound-by-sha1", StampConduct(bound="v1"), PASS | _UNPROVEN | _TIME),
    _stamp("over-other-data", StampConduct(other_imprint=True)),
    _stamp("forged", StampConduct(forge=True)),
    _stamp("bound-to-another", StampConduct(bound_to="tsa-no-purpose")),
    _stamp("unbound", StampConduct(bound="")),
    _stamp("by-a-subscriber", StampConduct(signer="official")),
    _stamp("without-purpose", StampConduct(signer="tsa-no-purpose")),
    _stamp("purpose-not-critical", StampConduct(signer="tsa-not-critical")),
    _stamp("two-purposes", StampConduct(signer="tsa-two-purposes")),
    _stamp("self-signed", StampConduct(signer="tsa-self-signed")),
    _stamp("by-expired-stamper", StampConduct(signer="tsa-expired")),
    _stamp("by-revoked-stamper", StampConduct(signer="tsa-revoked")),
    _stamp("sha1-signed", StampConduct(digest="sha1")),
    Case(
        "stamp-copied-from-another", "T5", _UNPROVEN | _TIME, "revoked-after", at=LATER,
        stamped=(Stamped(NOW, over=b"the signature value of something else"),),
    ),
    Case("stamp-from-the-future", "T5", _TIME, stamped=(Stamped(NOW + _DAY),), time_required=True),
    Case("stamp-required", "T5", either("NO_POE"), time_required=True),
    Case("stamp-required-and-there", "T5", PASS, stamped=(Stamped(NOW),), time_required=True),
    Case(
        "stamp-order-reversed", "T5", either("TIMESTAMP_ORDER_FAILURE"), stamped=(Stamped(NOW - 2 * _DAY),),
        content_stamp=Stamped(NOW - _DAY),
    ),
    Case(
        "stamp-of-another-domain", "T5", _UNPROVEN | _TIME, "revoked-after", at=LATER,
        stamped=(Stamped(NOW, "tsa-public"),), stamp_domains=frozenset({TrustDomain.PUBLIC_DUTY}),
    ),
)  # fmt: skip

TIME_CASES = (*_VALIDITY, *_REVOKED, *_RESPONSES, *_LISTS, *_STAMPS)
