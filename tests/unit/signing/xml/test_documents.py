"""Documents as they come: encodings, sizes, several signatures, data beside the signature, evidence added later."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from hashlib import sha256

import pytest
from lxml import etree

from signing.canonical import C14n, canonical_element, parse_signed
from signing.model import Facts, SignatureFacts
from signing.policy import ReadingLimits
from signing.xml import Wanted, covered_bytes, read_wanted, read_xml
from signing.xml.xades import signing_time
from tests import pki
from tests.unit.signing.xml.made_elsewhere import DS, Shape, signed, signed_invoice, signed_template
from tests.unit.signing.xml.signing_by_us import By, order, raw_signature
from tests.unit.signing.xml.signing_by_us import signed as signed_by_us

LIMITS = ReadingLimits()
PLAIN = Wanted()


def failures(raw: bytes, wanted: Wanted = PLAIN, limits: ReadingLimits = LIMITS) -> list[str]:
    facts = read_wanted(raw, limits, wanted)
    return sorted({*_failed(facts), *(code for one in facts.signatures for code in _failed(one))})


def _failed(facts: Facts | SignatureFacts) -> list[str]:
    return [one.code for one in facts.observations if not one.ok]


@pytest.mark.parametrize("encoding", ["windows-1258", "UTF-16"])
def test_a_declared_legacy_encoding_is_the_same_document(encoding: str) -> None:
    """R34: read, never written. The infoset counts, so the signature of the UTF-8 form holds (X21)."""
    text = signed("<r><ten>Đá</ten></r>".encode()).decode()
    codec = {"windows-1258": "cp1258", "UTF-16": "utf-16"}[encoding]
    assert failures(f"<?xml version='1.0' encoding='{encoding}'?>{text}".encode(codec)) == []
    assert failures(f"<?xml version='1.0' encoding='{encoding}'?>{text.replace('Đá', 'Đà')}".encode(codec)) != []


@pytest.mark.parametrize("declared", ["TCVN5712", "UTF-7", "EBCDIC-CP-US"])
def test_an_encoding_outside_of_the_list_is_not_read(declared: str) -> None:
    """One document, one reading."""
    assert failures(f"<?xml version='1.0' encoding='{declared}'?><r/>".encode()) == ["well_formed"]


def test_a_text_of_more_than_ten_million_bytes_is_read_within_our_own_limits() -> None:
    """libxml2's own limit is lifted; ours are not (8.2 (11))."""
    raw = signed_by_us(b"<r><tep>" + b"QUJD" * 3_000_000 + b"</tep></r>")
    assert failures(raw) == []
    assert failures(raw, limits=replace(LIMITS, max_bytes=1_000_000)) == ["limits"]
    deep = b"<a>" * 300 + b"x" * 11_000_000 + b"</a>" * 300
    assert failures(deep) == ["limits"]
    assert failures(b"<a>" * 20 + b"</a>" * 20, limits=replace(LIMITS, max_xml_depth=19)) == ["limits"]
    assert failures(b"<r>" + b"<a/>" * 50 + b"</r>", limits=replace(LIMITS, max_xml_elements=40)) == ["limits"]
    wide = b"<r " + b" ".join(b"a%d='%s'" % (n, b"=" * 9) for n in range(257)) + b"/>"
    assert failures(wide) == ["limits"]
    assert failures(wide.replace(b" a256=", b" a256x=").replace(b" a0='=========' ", b" ")) == ["signature_found"]


PARTS = b"<ho-so><noi-dung Id='nd'><ten>x</ten></noi-dung><ky/><ky-2/></ho-so>"


def test_two_people_sign_the_same_element_side_by_side() -> None:
    """A person, then the agency: independent siblings, each with its own facts (X10 speaks of nested ones)."""
    once = signed(PARTS, Shape("ds", "exclusive", "#nd", "ky"))
    twice = signed(once, Shape("ds", "exclusive", "#nd", "ky-2"), "agency")
    facts = read_xml(twice, LIMITS)
    assert [_failed(one) for one in facts.signatures] == [[], []]
    assert [one.certificate for one in facts.signatures] == [pki.certificate("official"), pki.certificate("agency")]
    assert [one.id for one in facts.signatures] == ["#1", "#2"]
    assert {one.covered.path for one in facts.signatures} == {"/ho-so[1]/noi-dung[1]"}


def test_our_signature_may_follow_one_that_it_does_not_break() -> None:
    """The element was signed first; ours covers the whole document with that signature in it."""
    raw = signed_by_us(signed(PARTS.replace(b"<ky-2/>", b""), Shape("ds", "exclusive", "#nd", "ky")), By("agency"))
    facts = read_xml(raw, LIMITS)
    assert [_failed(one) for one in facts.signatures] == [[], []]
    assert [one.covered.extent for one in facts.signatures] == ["element", "document"]


def test_detached_data_counts_only_when_it_is_handed_in() -> None:
    """Nothing is fetched: without the bytes there is nothing to judge; with others the digest fails."""
    raw = _detached(b"tep goc")
    assert "signed_data_present" in failures(raw)
    given = Wanted(detached={"tep.pdf": b"tep goc"})
    assert failures(raw, given) == []
    (found,) = read_wanted(raw, LIMITS, given).signatures
    assert found.covered.extent == "detached"
    assert covered_bytes(raw, LIMITS, found.id, given) == b"tep goc"
    assert "content_digest" in failures(raw, Wanted(detached={"tep.pdf": b"tep khac"}))


def _detached(content: bytes) -> bytes:
    digest = base64.b64encode(sha256(content).digest()).decode()
    more = "http://www.w3.org/2001/04/"
    info = (
        f'<SignedInfo xmlns="{DS}"><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        f'<SignatureMethod Algorithm="{more}xmldsig-more#rsa-sha256"/><Reference URI="tep.pdf">'
        f'<DigestMethod Algorithm="{more}xmlenc#sha256"/><DigestValue>{digest}</DigestValue></Reference></SignedInfo>'
    )
    canonical = canonical_element(parse_signed(info.encode(), LIMITS), C14n())
    value = raw_signature("official", sha256(canonical).digest(), order().algorithm)
    certificate = base64.b64encode(pki.certificate("official")).decode()
    return (
        f'<Signature xmlns="{DS}">{info}<SignatureValue>{base64.b64encode(value).decode()}</SignatureValue><KeyInfo>'
        f"<X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></Signature>"
    ).encode()


def test_an_enveloping_signature_covers_its_object_and_base64_only_where_declared() -> None:
    """The policy declares base64; then the decoded bytes are what was signed."""
    inside = base64.b64encode(b"%PDF-1.7 ket qua").decode()
    raw = signed_template(inside, "http://www.w3.org/2000/09/xmldsig#base64")
    assert "transforms" in failures(raw)
    declared = Wanted(frozenset({f"{DS}base64"}))
    assert failures(raw, declared) == []
    (found,) = read_wanted(raw, LIMITS, declared).signatures
    assert found.covered.path == f"/{{{DS}}}Signature[1]/{{{DS}}}Object[1]"
    assert covered_bytes(raw, LIMITS, found.id, declared) == b"%PDF-1.7 ket qua"


def test_evidence_in_unsigned_properties_is_handed_on_and_trusted_by_nobody() -> None:
    """CertificateValues and RevocationValues become facts of the document; what cannot be decoded is a warning."""
    raw = signed_by_us(PARTS, By(stamped=True))
    values = (
        "<xades:CertificateValues><xades:EncapsulatedX509Certificate>{}</xades:EncapsulatedX509Certificate></xades:CertificateValues>"
        "<xades:RevocationValues><xades:CRLValues><xades:EncapsulatedCRLValue>{}</xades:EncapsulatedCRLValue></xades:CRLValues>"
        "<xades:OCSPValues><xades:EncapsulatedOCSPValue>{}</xades:EncapsulatedOCSPValue></xades:OCSPValues></xades:RevocationValues>"
    )
    evidence = (pki.certificate("duty-root"), pki.crl("duty-ca"), pki.ocsp("official"))
    written = values.format(*(base64.b64encode(one).decode() for one in evidence)).encode()
    longer = raw.replace(b"</xades:UnsignedSignatureProperties>", written + b"</xades:UnsignedSignatureProperties>")
    facts = read_xml(longer, LIMITS)
    assert (facts.certificates, facts.crls, facts.ocsps) == tuple((one,) for one in evidence)
    assert (facts.signatures[0].level, _failed(facts.signatures[0])) == ("B-LT", [])
    broken = longer.replace(b"<xades:EncapsulatedCRLValue>", b"<xades:EncapsulatedCRLValue>*")
    assert failures(broken) == ["xades_evidence_readable"]


def test_a_counter_signature_is_reported_and_not_judged() -> None:
    """It is unsigned and nested by design; it is no signature of the document."""
    raw = signed_by_us(PARTS, By(stamped=True))
    inner = re.search(rb"<ds:Signature .*</ds:Signature>", raw, re.DOTALL)
    assert inner is not None
    counter = (
        b"<xades:CounterSignature>"
        + inner.group().replace(b"signature-1", b"signature-9")
        + b"</xades:CounterSignature>"
    )
    longer = raw.replace(b"</xades:UnsignedSignatureProperties>", counter + b"</xades:UnsignedSignatureProperties>")
    facts = read_xml(longer, LIMITS)
    assert len(facts.signatures) == 1
    assert "counter_signature_judged" in _failed(facts.signatures[0])


def test_the_time_of_signing_is_read_with_and_without_a_zone() -> None:
    """Local software writes local time; a claimed time proves nothing and is shown."""

    def told(text: str) -> str:
        node = etree.fromstring(f"<t>{text}</t>")
        found = signing_time(node)
        return found.isoformat() if found else "none"

    assert told("2026-11-22T08:00:00Z") == "2026-11-22T08:00:00+00:00"
    assert told("2026-11-22T15:00:00.1234567+07:00") == "2026-11-22T08:00:00.123456+00:00"
    assert told("2026-11-22T15:00:00") == "2026-11-22T08:00:00+00:00"
    assert (told("hôm qua"), told("0001-01-01T00:00:00+14:00")) == ("none", "none")


def test_an_invoice_that_signs_its_time_in_a_property_of_its_own_is_covered() -> None:
    """Invoices of Việt Nam (NĐ 123/2020) sign the data and an Object with SigningTime; the time is claimed, the data proven."""
    raw = signed_invoice()
    facts = read_xml(raw, LIMITS)
    (found,) = facts.signatures
    assert (_failed(facts), _failed(found)) == ([], [])
    assert (found.id, found.covered.path) == ("NBan-1", "/HDon[1]/DLHDon[1]")
    assert found.claimed_time is not None
    assert found.claimed_time.isoformat() == "2026-11-22T01:30:00+00:00"
    assert "content_digest" in failures(raw.replace(b"08:30:00", b"08:31:00"))


@pytest.mark.parametrize(
    "declaration",
    [
        b"<?xml version='1.0'?>",
        b'<?xml version="1.0" encoding="utf-8" standalone="no"?>\r\n',
        b"<?xml version='1.1'?>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?><!-- -->",
    ],
)
def test_a_declaration_changes_nothing_that_was_signed(declaration: bytes) -> None:
    """Canonical XML has none; DOCTYPE behind it is found all the same."""
    raw = signed(b"<r><a>1</a></r>")
    assert failures(declaration + raw) == []
    assert failures(declaration + b"<!DOCTYPE r>" + raw) == ["well_formed"]
