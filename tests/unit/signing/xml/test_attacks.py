"""Attacks on XML signatures: none passes, none raises, none reaches out, and business gets signed bytes only."""

from __future__ import annotations

import base64
import re
import resource
import time
from dataclasses import replace
from functools import cache

import pytest

from signing.grounds import Grounds
from signing.judge import judge
from signing.model import Indication
from signing.policy import ReadingLimits
from signing.xml import Wanted, covered_bytes, read_wanted, read_xml
from tests import pki
from tests.corpora import corpus
from tests.unit.signing.xml.made_elsewhere import signed_manifest
from tests.unit.signing.xml.mutations import ATTACKS, DS, FORGED, SIGNED, SOURCE
from tests.unit.signing.xml.signing_by_us import By, signed

LIMITS = ReadingLimits()
PLAIN = Wanted()


@cache
def genuine() -> bytes:
    return signed(SOURCE, By(stamped=True))


def conclusion(raw: bytes) -> Indication:
    grounds = Grounds(pki.trust(), pki.NOW, pki.evidence())
    return judge(read_xml(raw, LIMITS), grounds).conclusion


def failures(raw: bytes, wanted: Wanted = PLAIN) -> set[str]:
    facts = read_wanted(raw, LIMITS, wanted)
    seen = [*facts.observations, *(one for found in facts.signatures for one in found.observations)]
    return {one.code for one in seen if not one.ok}


def test_the_genuine_document_passes_so_that_refusals_mean_something() -> None:
    """The same grounds on which every attack below must fail."""
    assert failures(genuine()) == set()
    assert conclusion(genuine()) is Indication.TOTAL_PASSED


@pytest.mark.parametrize("defect", ATTACKS)
def test_an_attack_does_not_pass_and_its_bytes_are_never_covered(defect: str) -> None:
    """One row of signing facts 7, applied to our own output."""
    raw = ATTACKS[defect](genuine())
    assert raw != genuine()
    assert failures(raw), defect
    assert conclusion(raw) is not Indication.TOTAL_PASSED
    for one in read_xml(raw, LIMITS).signatures:
        assert FORGED not in (covered_bytes(raw, LIMITS, one.id) or b"")


EXPECTED = {
    "x9-id-twice-as-Id": "ids_unique",
    "x9-id-twice-as-xml-id": "ids_unique",
    "x9-id-twice-outside-of-the-signed-bytes": "ids_unique",
    "x10-signature-nested-in-an-object": "signature_position",
    "x10-signature-inside-of-content": "signature_position",
    "x11-xpointer-to-the-root": "reference_form",
    "x11-xslt-transform": "transforms",
    "x11-base64-transform-not-declared": "transforms",
    "x12-reference-to-http": "reference_form",
    "x12-retrieval-method": "reference_form",
    "x12-reference-to-a-relative-uri": "signed_data_present",
    "x13-doctype-behind-a-comment": "well_formed",
    "x15-empty-declaration-as-text": "content_digest",
    "x16-no-reference": "signature_form",
    "x17-target-is-another-signature": "signed_properties",
    "x17-signed-properties-moved-into-content": "signed_properties",
    "x22-comment-in-the-digest-value": "signature_form",
    "x22-padding-bits-in-a-digest": "signature_form",
    "x22-certificate-twice-in-one-value": "signature_form",
    "k1-hmac-by-the-public-key": "algorithm_known",
    "k2-key-value-of-another-key": "key_value",
    "value-of-zeros": "signature_value",
}


@pytest.mark.parametrize("defect", EXPECTED)
def test_the_finding_names_the_defect(defect: str) -> None:
    """So that a person who reads the report knows what was done."""
    assert EXPECTED[defect] in failures(ATTACKS[defect](genuine()))


def test_a_comment_inside_a_value_never_reaches_business() -> None:
    """X14: canonical bytes hold no comment, so the value that is read is the value that was signed."""
    raw = genuine().replace(b"100", b"1<!-- -->00", 1)
    (found,) = read_xml(raw, LIMITS).signatures
    content = covered_bytes(raw, LIMITS, found.id)
    assert failures(raw) == set()
    assert content is not None and SIGNED in content and b"<!--" not in content


def test_signed_unsigned_content_added_anywhere_changes_no_covered_byte() -> None:
    """White space and comments are the only things that may be added where nothing is signed."""
    (found,) = read_xml(genuine(), LIMITS).signatures
    before = covered_bytes(genuine(), LIMITS, found.id)
    for old, new in ((b"</ds:KeyInfo>", b"<!-- x --></ds:KeyInfo>"), (b"<ds:Object>", b"\n<ds:Object>")):
        raw = genuine().replace(old, new, 1)
        assert failures(raw) == set()
        assert covered_bytes(raw, LIMITS, found.id) == before


@pytest.mark.parametrize("signer", ["same-key-other-name", "same-name-other-issuer"])
def test_a_certificate_put_in_the_place_of_the_signers_is_noticed(signer: str) -> None:
    """K6: the signature covers the digest of its certificate."""
    own = base64.b64encode(pki.certificate("official"))
    raw = genuine().replace(own, base64.b64encode(pki.certificate(signer)))
    assert raw != genuine()
    assert "signing_certificate_bound" in failures(raw)
    assert conclusion(raw) is not Indication.TOTAL_PASSED


def test_a_bare_key_value_is_tried_and_never_a_signer() -> None:
    """K2: NO_SIGNING_CERTIFICATE_FOUND, whatever the arithmetic says."""
    raw = re.sub(rb"<ds:KeyInfo>.*</ds:KeyInfo>", b"", genuine(), flags=re.DOTALL)
    assert "signing_certificate" in failures(raw)
    (found,) = read_wanted(raw, LIMITS, Wanted(certificates=(pki.certificate("official"),))).signatures
    assert found.certificate == pki.certificate("official")


def test_a_manifest_counts_only_where_declared_and_with_every_digest_in_it() -> None:
    """X18: undeclared it proves nothing of the content; declared, what it lists is covered as if it were referenced."""
    raw = signed_manifest()
    assert failures(raw) == {"manifest", "coverage"}
    declared = Wanted(frozenset({f"{DS}Manifest"}))
    assert failures(raw, declared) == set()
    (found,) = read_wanted(raw, LIMITS, declared).signatures
    content = covered_bytes(raw, LIMITS, found.id, declared)
    assert content == f'<Object xmlns="{DS}" Id="tep">noi dung</Object>'.encode()
    assert failures(raw.replace(b">noi dung<", b">noi khac<"), declared) == {"manifest", "coverage"}


def test_thousands_of_references_are_refused_before_any_digest() -> None:
    """X19; the policy's number counts."""
    one = genuine()[
        genuine().index(b"<ds:Reference Id") : genuine().index(b"</ds:Reference>") + len(b"</ds:Reference>")
    ]
    raw = genuine().replace(one, one * 3000)
    assert failures(raw) >= {"limits"}
    few = replace(LIMITS, max_signatures=0)
    assert [one.code for one in read_xml(genuine(), few).observations if not one.ok] == ["limits"]


MEGABYTE = 1_000_000
HOSTILE = {
    "x19-attributes-on-one-element": b"<r " + b" ".join(b'a%d="1"' % n for n in range(90_000)) + b"/>",
    "x19-depth": b"<a>" * (MEGABYTE // 7) + b"</a>" * (MEGABYTE // 7),
    "x19-depth-just-allowed-with-leaves": b"<a>" * 254 + b"<b/>" * 240_000 + b"</a>" * 254,
    "x19-namespaces-in-scope": b"".join(b'<a xmlns:n%d="u%d">' % (n, n) for n in range(200))
    + b"<b/>" * 240_000
    + b"</a>" * 200,
    "x19-namespaces-just-allowed": b"".join(b'<a xmlns:n%d="urn:%d">' % (n, n) for n in range(100))
    + b"<b/>" * 240_000
    + b"%s"
    + b"</a>" * 100,
    "x19-attribute-of-a-megabyte": b'<r a="' + b"x" * MEGABYTE + b'"/>',
    "x19-signatures": b"<r>" + b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>' * 18_000 + b"</r>",
    "x19-signatures-just-allowed": b"<r>" + b"<b/>" * 200_000 + b"%s" * 32 + b"</r>",
    "x19-ids": b"<r>" + b'<b Id="goc"/>' * 75_000 + b"%s</r>",
    "x19-comments": b"<r>" + b"<!---->" * 140_000 + b"%s</r>",
    "x13-comments-before-the-root": b"<!---->" * 140_000 + b"<!DOCTYPE r><r/>",
    "x13-spaces-before-the-root": b"<?a?> " * 160_000 + b"<r>%s</r>",
    "x21-declaration-that-never-ends": b"<?xml version='1.0'" + b" " * MEGABYTE,
    "x19-siblings-of-signatures": b"<r>" + b"<b><c/></b>" * 90_000 + b"%s</r>",
    "x19-references-over-and-over": b"<r>" + b"<b/>" * 200_000 + b"%m</r>",
    "x19-namespace-written-at-each-element": b'<r xmlns:p="urn:' + b"x" * 290 + b'">' + b"<p:b/>" * 160_000 + b"%e</r>",
    "x19-namespace-of-half-a-megabyte": b'<r xmlns:p="urn:' + b"x" * 500_000 + b'">' + b"<p:b/>" * 80_000 + b"%e</r>",
    "x19-few-namespaces-far-down": b'<a xmlns:a="1:" xmlns:b="2:" xmlns:c="3:">'
    + b"<a>" * 250
    + b"<b/>" * 240_000
    + b"%s"
    + b"</a>" * 251,
    "x19-prefix-of-its-own-each": b"<r>"
    + b"".join(b'<p%d:b xmlns:p%d="u:%d"/>' % (n, n, n) for n in range(33_000))
    + b"%s</r>",
}


@pytest.mark.parametrize("defect", HOSTILE)
def test_a_hostile_megabyte_is_answered_in_bounded_time_and_memory(defect: str) -> None:
    """Five seconds of a processor and 512 MB; the usual is a tenth of a second."""
    inner = signed(b"<x Id='goc'/>").removeprefix(b"<x Id='goc'>").removesuffix(b"</x>")
    inclusive = inner.replace(
        b"http://www.w3.org/2001/10/xml-exc-c14n#", b"http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    )
    reference = inner[inner.index(b"<ds:Reference Id") : inner.index(b"</ds:Reference>") + len(b"</ds:Reference>")]
    raw = HOSTILE[defect].replace(b"%s", inclusive.replace(b'URI="#goc"', b'URI=""', 1)).replace(b"%e", inner)
    raw = raw.replace(b"%m", inner.replace(reference, reference * 15) * 32)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    facts = read_xml(raw, LIMITS)
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024
    assert not facts.signatures or failures(raw)


XSW = (
    "XSW-enveloped-fake-content.xml",
    "XSW-enveloped-fake-content-misplaced.xml",
    "XSW-enveloped-fake-content-two-same-id.xml",
    "XSW-enveloped-fake-signedProperties.xml",
    "XSW-enveloping-fake-manifest.xml",
    "XSW-enveloping-fake-object.xml",
)


def test_published_wrapping_samples_are_refused_and_their_originals_hold() -> None:
    """EU DSS: six wrapped files, refused with every transform declared that they use; the three genuine ones hold."""
    folder = corpus("esig__dss", "dss-xades/src/test/resources/validation/xsw")
    declared = Wanted(frozenset({f"{DS}base64", f"{DS}Manifest"}))
    refused = {name: failures((folder / name).read_bytes(), declared) for name in XSW}
    assert all(refused.values()), refused
    for name in ("original.xml", "TSL-CY-sign.xml", "TSL-noID.xml"):
        assert failures((folder / name).read_bytes()) == set()
