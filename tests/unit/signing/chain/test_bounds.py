"""Graphs made to be searched for ever, keys made to be slow, bytes made to be misread: an answer all the same, and soon."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from signing.chain import judge_certificate
from signing.chain.certificates import read_certificates
from signing.chain.search import Search
from signing.chain.strength import signed_by
from signing.model import CertificateQuestion, Evidence, Purpose, SubIndication, TrustDomain
from signing.policy import DEFAULT_POLICY
from signing.trust import Anchor, TrustStore
from tests import pki
from tests.unit.signing.chain.making import CA, LEAF, ROOT, T0, Asked, Order, issue, private_key, revoke

_SOON = 2.5
"""Seconds of processor time that any of these may take; the law for a document is five (signing facts 8.2(13))."""

_STATUS = (revoke("root"), revoke("ca"))


def _spent(asked: Asked) -> tuple[SubIndication | None, float]:
    started = time.process_time()
    outcome = asked.verdict().sub_indication
    return outcome, time.process_time() - started


def _lattice(width: int, height: int, top: str) -> list[bytes]:
    """Levels of authorities, each level one name and one key in many certificates: width ** height ways up."""
    made = []
    for level in range(height):
        above = f"level{level + 1}" if level + 1 < height else top
        made += [
            issue(Order(f"level{level}", above, authority=True, serial=1 + level * 1_000 + number))
            for number in range(width)
        ]
    return made


def test_a_lattice_of_authorities_that_leads_nowhere_ends_soon() -> None:
    """Twelve certificates on each of five levels: a quarter of a million paths, none to an anchor."""
    leaf = issue(Order("leaf", "level0"))
    outcome, spent = _spent(Asked(leaf, (ROOT,), tuple(_lattice(12, 5, "nobody")), _STATUS))
    assert outcome is SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE
    assert spent < _SOON


def test_a_lattice_that_leads_to_an_anchor_by_bad_paths_only_ends_soon() -> None:
    """216 paths reach the root and none has status: at most max_paths of them are judged."""
    leaf = issue(Order("leaf", "level0"))
    outcome, spent = _spent(Asked(leaf, (ROOT,), tuple(_lattice(6, 3, "root")), _STATUS))
    assert outcome is SubIndication.TRY_LATER
    assert spent < _SOON


def test_a_ring_of_authorities_that_issue_each_other_is_no_path() -> None:
    """A issues B, B issues A, under several keys: no certificate stands twice in a path."""
    ring = [
        issue(
            Order(subject, issuer, authority=True, key=f"{subject}{number}", signer=f"{issuer}{other}", serial=serial)
        )
        for serial, (subject, issuer, number, other) in enumerate(
            ((one, two, a, b) for one, two in (("A", "B"), ("B", "A")) for a in range(4) for b in range(4)), 1
        )
    ]
    leaf = issue(Order("leaf", "A", signer="A0"))
    outcome, spent = _spent(Asked(leaf, (ROOT,), tuple(ring), _STATUS))
    assert outcome in (SubIndication.NO_CERTIFICATE_CHAIN_FOUND, SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE)
    assert spent < _SOON


def test_a_crowd_of_strangers_does_not_hide_the_good_path() -> None:
    """Sixty namesakes of the authority, each by another issuer: shortest first finds the good one."""
    crowd = tuple(
        issue(Order("ca", f"nobody{one}", authority=True, key="ca", signer="ca", serial=one + 1)) for one in range(60)
    )
    outcome, spent = _spent(Asked(LEAF, (ROOT,), (CA, *crowd), _STATUS))
    assert outcome is None
    assert spent < _SOON


def test_what_the_relying_party_knows_is_not_crowded_out_by_a_document() -> None:
    """The bound on certificates cuts what the document brought, never the evidence."""
    crowd = tuple(issue(Order(f"noise{one}", "nobody", authority=True, signer="ca", key="ca")) for one in range(300))
    when = Asked(LEAF, (ROOT,)).at
    question = CertificateQuestion(LEAF, Purpose.SIGNER, when, when, frozenset(TrustDomain), crowd)
    trust = TrustStore((Anchor(ROOT, TrustDomain.PUBLIC),))
    known = Evidence(certificates=(CA,), crls=_STATUS)
    assert judge_certificate(question, trust, known, DEFAULT_POLICY).sub_indication is None


def test_a_path_longer_than_the_policy_allows_is_not_followed() -> None:
    """max_length counts the certificates below the anchor; one more is the end of the search, and is said."""
    steps = [issue(Order(f"s{one}", f"s{one + 1}" if one < 8 else "root", authority=True)) for one in range(9)]
    lists = tuple(revoke(f"s{one}") for one in range(9))
    short = Asked(issue(Order("leaf", "s2")), (ROOT,), tuple(steps), (revoke("root"), *lists))
    assert short.verdict().sub_indication is None
    long = replace(short, leaf=issue(Order("leaf", "s0")))
    assert long.verdict().sub_indication is SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE


def test_the_search_gives_the_same_paths_in_the_same_order_whatever_order_it_was_given() -> None:
    """Bounds that depended on the order of a document's certificates would let an attacker choose."""
    lattice = _lattice(3, 3, "root")
    leaf = issue(Order("leaf", "level0"))
    (read_leaf,), (anchor,) = read_certificates([leaf]), read_certificates([ROOT])
    found = []
    for order in (lattice, lattice[::-1], lattice[5:] + lattice[:5]):
        search = Search((anchor,), read_certificates(order), max_length=8, max_paths=64)
        found.append([[one.sha256 for one in path] for path in search.paths(read_leaf)])
    assert len(found[0]) == 27 and found[0] == found[1] == found[2]


def test_a_key_that_is_slow_to_use_is_not_used() -> None:
    """An RSA exponent of thousands of bits costs us milliseconds each time: no signature under it is even tried."""
    honest = pki.key("official")
    assert isinstance(honest, rsa.RSAPrivateKey)
    modulus = honest.public_key().public_numbers().n
    slow = rsa.RSAPublicNumbers((1 << 2_000) + 1, modulus).public_key()
    spki = slow.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    asn1 = read_certificates([pki.certificate("official")])[0].asn1
    started = time.process_time()
    assert not any(signed_by(spki, asn1["signature_algorithm"], b"content", b"\1" * 256) for _ in range(500))
    assert time.process_time() - started < 1


def test_a_certificate_of_a_thousand_constrained_names_is_refused_before_they_are_compared() -> None:
    """The library compares each name with each constraint; the product is bounded."""
    many = [x509.DNSName(f"host{one}.example") for one in range(600)]
    bound = issue(Order("bound", "root", authority=True, extensions=((x509.NameConstraints(many, None), True),)))
    leaf = issue(Order("leaf", "bound", extensions=((x509.SubjectAlternativeName(many), False),)))
    outcome, spent = _spent(Asked(leaf, (ROOT,), (bound,), (revoke("root"), revoke("bound"))))
    assert outcome is SubIndication.CHAIN_CONSTRAINTS_FAILURE
    assert spent < _SOON


@pytest.mark.parametrize("entries", [50_000])
def test_a_large_list_is_searched_without_being_unfolded(entries: int) -> None:
    """Lists of large authorities hold tens of thousands of entries; one look-up stays cheap, and finds the last one."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(x509.load_der_x509_certificate(CA).subject)
    when = Asked(LEAF, (ROOT,)).at
    builder = builder.last_update(when).next_update(when.replace(year=when.year + 1))
    revoked = [
        x509.RevokedCertificateBuilder().serial_number(1_000_000 + one).revocation_date(when).build()
        for one in range(entries)
    ]
    builder._revoked_certificates = revoked  # adding them one by one copies the list each time
    crl = builder.sign(private_key("ca"), hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    last = issue(Order("leaf", "ca", serial=1_000_000 + entries - 1))
    outcome, spent = _spent(Asked(last, (ROOT,), (CA,), (revoke("root"), crl)))
    assert outcome is SubIndication.REVOKED_NO_POE
    good, again = _spent(Asked(LEAF, (ROOT,), (CA,), (revoke("root"), crl)))
    assert good is None
    assert spent + again < _SOON


def test_lists_and_namesakes_by_the_hundred_end_soon() -> None:
    """Every list is in the authority's name and by none of its namesakes: the tries are counted, the good list still counts."""
    namesakes = tuple(
        issue(Order("ca", "root", authority=True, key=f"fake{one}", signer="fake", serial=one + 1)) for one in range(60)
    )
    junk = tuple(revoke("ca", at=T0 - timedelta(seconds=one + 1), signer="stranger") for one in range(200))
    outcome, spent = _spent(Asked(LEAF, (ROOT,), (CA, *namesakes), (*_STATUS, *junk)))
    assert outcome is None
    assert spent < _SOON


def test_serial_numbers_up_to_twenty_octets_are_read_and_longer_ones_are_not() -> None:
    """RFC 5280 4.1.2.2: the largest number of 160 bits needs 21 octets of DER and is still one of 20 octets."""
    for serial, expected in (
        (2**159 - 1, None),
        (2**160 - 1, None),
        (2**160, SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE),
    ):
        leaf = _renumbered(LEAF, serial)
        verdict = Asked(leaf, (ROOT,), (CA,), _STATUS).verdict()
        assert verdict.sub_indication is expected, serial


def _renumbered(template: bytes, serial: int) -> bytes:
    """The certificate under another serial number, signed again (the library that issues makes none above 159 bits)."""
    parsed = asn1.Certificate.load(template)
    body = parsed["tbs_certificate"]
    body["serial_number"] = serial
    signature = private_key("ca").sign(body.dump(force=True), ec.ECDSA(hashes.SHA256()))
    return bytes(
        asn1.Certificate(
            {
                "tbs_certificate": body,
                "signature_algorithm": parsed["signature_algorithm"],
                "signature_value": signature,
            }
        ).dump()
    )
