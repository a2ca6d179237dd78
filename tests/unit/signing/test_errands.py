"""What has to be fetched before a certificate can be judged: which questions, to whom, in which order; and what asks nothing."""

from __future__ import annotations

import hashlib

from asn1crypto import ocsp, x509
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.simulated_authority import ocsp as responder
from signing.errands import ErrandKind, issuer_errands, status_errands
from tests import pki

ANCHORS = tuple(one.certificate for one in pki.trust().anchors)


def _about(name: str) -> str:
    return hashlib.sha256(pki.certificate(name)).hexdigest()


def test_a_leaf_and_its_authority_are_asked_about_by_response_and_by_list() -> None:
    """R22: the status of the leaf and of its issuing authority; OCSP stands before the list of the same certificate."""
    errands = status_errands((pki.certificate("official"), *pki.chain("official")), ANCHORS)
    assert [(one.kind, one.url, one.about) for one in errands] == [
        (ErrandKind.OCSP, "http://ca.congvu.example/ocsp/duty-ca", _about("official")),
        (ErrandKind.CRL, "http://ca.congvu.example/crl/duty-ca.crl", _about("official")),
        (ErrandKind.OCSP, "http://ca.congvu.example/ocsp/duty-root", _about("duty-ca")),
        (ErrandKind.CRL, "http://ca.congvu.example/crl/duty-root.crl", _about("duty-ca")),
    ]


def test_the_question_is_one_that_a_responder_of_somebody_else_understands() -> None:
    """The request names issuer and serial number; a witness that shares no code with us answers for this very certificate."""
    question = status_errands((pki.certificate("official"), *pki.chain("official")), ANCHORS)[0]
    asked = responder.read_request(question.body)
    answer = ocsp.OCSPResponse.load(pki.authority().ocsp("duty-ca", asked, pki.NOW))
    single = answer.basic_ocsp_response["tbs_response_data"]["responses"][0]
    assert single["cert_id"]["serial_number"].native == x509.Certificate.load(pki.certificate("official")).serial_number
    assert single["cert_status"].name == "good"


def test_an_anchor_is_asked_about_by_nobody() -> None:
    """What the operator installed is trusted until the operator says otherwise."""
    assert status_errands(ANCHORS, ANCHORS) == ()


def test_without_its_issuer_no_response_can_be_asked_for_but_the_list_and_the_issuer_can() -> None:
    """CertID needs the issuer's name and key; the certificate says where to find both."""
    alone = (pki.certificate("official"),)
    assert [one.kind for one in status_errands(alone, ANCHORS)] == [ErrandKind.CRL]
    assert [one.url for one in issuer_errands(alone, ANCHORS)] == ["http://ca.congvu.example/cer/duty-ca.cer"]
    assert issuer_errands((*alone, *pki.chain("official")), ANCHORS) == ()


@given(st.binary(max_size=300))
def test_what_is_no_certificate_has_no_errands(garbage: bytes) -> None:
    """Certificates come from strangers: nothing raises, nothing is asked."""
    assert status_errands((garbage,), ()) == () == issuer_errands((garbage,), ())


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_never_raises(at: int, bit: int) -> None:
    """Whatever one bit does to a certificate, its errands are addresses of http(s) or none."""
    raw = bytearray(pki.certificate("official"))
    raw[at % len(raw)] ^= 1 << bit
    for one in status_errands((bytes(raw), *pki.chain("official")), ANCHORS):
        assert one.url.startswith(("http://", "https://"))


def test_a_flood_of_certificates_asks_a_bounded_number_of_questions() -> None:
    """A document may carry thousands: only the first 32 distinct ones are read."""
    names = list(pki.declaration().certificates)
    many = tuple(pki.certificate(name) for name in names) * 5
    assert len({one.about for one in status_errands(many, ())}) <= 32
