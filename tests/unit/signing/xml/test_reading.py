"""Reading signatures that another tool made: what is right holds, what was touched names its failure."""

from __future__ import annotations

import pytest

from signing.model import DocumentKind, Facts, SignatureFacts
from signing.policy import ReadingLimits
from signing.xml import Wanted, covered_bytes, read_wanted, read_xml
from tests import pki
from tests.unit.signing.xml.made_elsewhere import C14N, Shape, signed

LIMITS = ReadingLimits()
DOCUMENT = "<kq:result xmlns:kq='urn:kq' xmlns='urn:d'><name>Nguyễn Thị Ánh</name><x a='1'/></kq:result>".encode()
INVOICE = "<HDon><DLHDon Id='data'><Ten>Công ty</Ten></DLHDon><DSCKS><NBan/></DSCKS></HDon>".encode()


def failed(facts: Facts | SignatureFacts) -> list[str]:
    return [one.code for one in facts.observations if not one.ok]


def only(raw: bytes) -> SignatureFacts:
    facts = read_xml(raw, LIMITS)
    assert failed(facts) == []
    assert len(facts.signatures) == 1
    return facts.signatures[0]


@pytest.mark.parametrize("c14n", C14N)
@pytest.mark.parametrize("prefix", ["ds", None])
@pytest.mark.parametrize("document", [DOCUMENT, b"<r><a>1</a></r>"])
def test_a_correct_enveloped_signature_of_another_tool_holds(c14n: str, prefix: str | None, document: bytes) -> None:
    """Prefix or default namespace, three canonicalisations, a default namespace above or none (8.2 (1))."""
    found = only(signed(document, Shape(prefix, c14n)))
    assert failed(found) == []
    assert found.covered.extent == "document"
    assert found.certificate == pki.certificate("official")
    assert not found.certificate_protected


def test_text_that_was_changed_fails_by_its_digest_and_proves_nothing() -> None:
    """One letter is enough."""
    raw = signed(DOCUMENT).replace("Ánh".encode(), b"Anh")
    found = only(raw)
    assert "content_digest" in failed(found)
    assert found.covered.extent == "none"
    assert covered_bytes(raw, LIMITS, found.id) is None


def test_an_invoice_with_its_signatures_in_a_container_of_their_own_is_covered() -> None:
    """Invoices of Việt Nam: the data element is signed by id, the signature stands under DSCKS/NBan."""
    raw = signed(INVOICE, Shape(None, "inclusive", "#data", "DSCKS/NBan"))
    found = only(raw)
    assert failed(found) == []
    assert (found.covered.extent, found.covered.path) == ("element", "/HDon[1]/DLHDon[1]")
    assert covered_bytes(raw, LIMITS, found.id) == '<DLHDon Id="data"><Ten>Công ty</Ten></DLHDon>'.encode()


def test_an_element_that_was_put_beside_the_signed_one_is_not_covered() -> None:
    """Unless the message type names the signed element, and then the bytes are its own."""
    raw = signed(INVOICE, Shape(None, "inclusive", "#data", "DSCKS/NBan")).replace(b"<DSCKS>", b"<DLHDon/><DSCKS>")
    assert failed(only(raw)) == ["coverage"]
    named = read_wanted(raw, LIMITS, Wanted(signed_path="/HDon[1]/DLHDon[1]")).signatures[0]
    assert failed(named) == []


def test_a_document_without_a_signature_says_so() -> None:
    """And one that is not XML says that."""
    assert failed(read_xml(DOCUMENT, LIMITS)) == ["signature_found"]
    facts = read_xml(b"%PDF-1.7", LIMITS)
    assert failed(facts) == ["well_formed"]
    assert (facts.kind, facts.signatures) == (DocumentKind.XML, ())
