"""Who a certificate names: identifiers by rules about the issuer, never by names; names that cannot deceive a screen."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from asn1crypto import x509
from hypothesis import given
from hypothesis import strategies as st

from signing.identity import displayed, identify, shipped_rules
from signing.model import CertificateVerdict, SubIndication, TrustDomain
from signing.policy import ExpectedSigner, IdentifierRule
from tests import pki
from tests.unit.signing.judging.cases import facts, grounds, judged, signature

UID = "0.9.2342.19200300.100.1.1"


def _verdict(name: str, domain: TrustDomain, issuer: str) -> CertificateVerdict:
    return CertificateVerdict(domain, (pki.certificate(name), pki.certificate(issuer)), None, ())


@pytest.mark.parametrize(
    ("name", "domain", "issuer", "identifiers"),
    [
        ("official", TrustDomain.PUBLIC_DUTY, "duty-ca", ("CCCD:001185000011",)),
        ("agency", TrustDomain.PUBLIC_DUTY, "duty-ca", ("MST:0100112233",)),
        ("company", TrustDomain.PUBLIC, "public-ca", None),
        ("citizen", TrustDomain.PUBLIC, "public-ca", None),
        ("citizen-cmnd", TrustDomain.PUBLIC, "public-ca", None),
    ],
)
def test_identifiers_are_read_by_the_rules_of_the_domain(
    name: str, domain: TrustDomain, issuer: str, identifiers: tuple[str, ...] | None
) -> None:
    """Tax code, citizen number, old identity number: each with its kind."""
    found = identify(pki.certificate(name), _verdict(name, domain, issuer)).identifiers
    assert found
    assert identifiers is None or found == identifiers
    assert all(re.fullmatch(r"(MST|CCCD|CMND):[0-9-]+", one) for one in found)


def test_a_certificate_without_a_path_has_no_identifier() -> None:
    """Anybody can write a tax code into a certificate of his own."""
    assert identify(pki.certificate("company"), None).identifiers == ()
    nowhere = CertificateVerdict(None, (), SubIndication.NO_CERTIFICATE_CHAIN_FOUND, ())
    assert identify(pki.certificate("company"), nowhere).identifiers == ()


def test_a_rule_that_names_the_authority_takes_the_place_of_those_for_any() -> None:
    """By key identifier or by the digest of the DER name of the issuing certificate; another one is not meant."""
    ca = x509.Certificate.load(pki.certificate("public-ca"))
    verdict = _verdict("company", TrustDomain.PUBLIC, "public-ca")
    pattern = "(?:MST|CCCD): ?(?P<value>[0-9]+)"
    for mark in (f"key:{ca.key_identifier.hex()}", f"name:{sha256(ca.subject.dump()).hexdigest()}"):
        own = IdentifierRule(TrustDomain.PUBLIC, mark, UID, pattern, "OWN")
        (found,) = identify(pki.certificate("company"), verdict, (own,)).identifiers
        assert found.startswith("OWN:")
    foreign = IdentifierRule(TrustDomain.PUBLIC, "key:00ff", UID, pattern, "OWN")
    (found,) = identify(pki.certificate("company"), verdict, (foreign,)).identifiers
    assert found.startswith("MST:")
    other_domain = IdentifierRule(TrustDomain.PUBLIC_DUTY, "*", UID, pattern, "OWN")
    (found,) = identify(pki.certificate("company"), verdict, (other_domain,)).identifiers
    assert found.startswith("MST:")


def test_two_values_of_one_kind_are_none() -> None:
    """K9: an attacker must not choose which one a reader sees."""
    verdict = _verdict("official", TrustDomain.PUBLIC_DUTY, "duty-ca")
    again = IdentifierRule(TrustDomain.PUBLIC_DUTY, "*", "2.5.4.6", "(?P<value>VN)", "CCCD")
    assert identify(pki.certificate("official"), verdict, (again,)).identifiers == ()


@pytest.mark.parametrize("rule", shipped_rules())
def test_shipped_rules_take_whole_values_of_ascii_digits_only(rule: IdentifierRule) -> None:
    """No prefix, no suffix, no digit of another script."""
    assert rule.pattern.isascii()
    for text in (
        "MST:0100109106 x",
        "xMST:0100109106",
        "MST:０１００１０９１０６",
        "MST:010010910",
        "CCCD:00118500001",
        "CCCD:001185000011\n",
    ):
        assert re.fullmatch(rule.pattern, text, re.ASCII) is None


def test_a_namesake_is_somebody_else() -> None:
    """The same name in another certificate does not fill the row; names are not asked at all."""
    duty = TrustDomain.PUBLIC_DUTY
    row = ExpectedSigner("person", duty, certificates=frozenset({sha256(pki.certificate("official")).hexdigest()}))
    assert judged(facts(signature("official")), grounds(expected=(row,))).sub_indication is None
    for other in ("official-p256", "homoglyph"):
        report = judged(facts(signature(other)), grounds(expected=(row,)))
        assert report.sub_indication is not None, other


@given(st.text(max_size=400))
def test_what_is_displayed_is_one_harmless_line(text: str) -> None:
    """C5: no control, no direction mark, no line end, bounded, and shown twice it is the same."""
    shown = displayed(text)
    assert len(shown) <= 256
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]", shown)
    assert displayed(shown) == shown


def test_vietnamese_is_shown_composed() -> None:
    """Decomposed diacritics, as some software writes them, look the same on every screen."""
    assert displayed("Nguye\u0302\u0303n Thi\u0323 A\u0301nh") == "Nguyễn Thị Ánh"
