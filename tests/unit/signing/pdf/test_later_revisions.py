"""What may come behind a signature, and what it brings: security stores, document stamps, certifications and locks."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from signing.model import Facts, SignatureFormat
from tests import pki
from tests.unit.signing.pdf import kit
from tests.unit.signing.pdf.kit import Signing, appended, stream


@pytest.fixture
def sole(tmp_path: Path) -> bytes:
    """One signature on a plain document."""
    return kit.signed(kit.classic(kit.objects()), tmp_path)


def _catalog(raw: bytes, more: bytes) -> bytes:
    form = re.findall(rb"/AcroForm (\d+) 0 R", raw)[-1]
    return b"<</Type/Catalog/Pages 2 0 R/Lang(vi)/AcroForm %b 0 R%b>>" % (form, more)


def stored(raw: bytes, at: int = 40) -> bytes:
    """A DSS with certificates, a CRL and an OCSP response, and a VRI entry, all in new objects."""
    crl, ocsp = pki.crl("duty-ca"), pki.ocsp("official")
    parts = {
        1: _catalog(raw, b"/DSS %d 0 R" % at),
        at: b"<</Type/DSS/Certs[%d 0 R]/CRLs[%d 0 R]/OCSPs[%d 0 R]/VRI %d 0 R>>" % (at + 1, at + 2, at + 3, at + 4),
        at + 1: stream(zlib.compress(pki.certificate("duty-ca")), b"/Filter/FlateDecode"),
        at + 2: stream(crl),
        at + 3: stream(ocsp),
        at + 4: b"<</0123456789ABCDEF0123456789ABCDEF01234567<</Cert[%d 0 R]/OCSP[%d 0 R]>>>>" % (at + 1, at + 3),
    }
    return appended(raw, parts)


def stamped(
    raw: bytes, *, rectangle: bytes = b"0 0 0 0", more: bytes = b"", over: bytes | None = None, at: int = 60
) -> bytes:
    """A document time stamp over everything before it."""
    form = re.findall(rb"(\d+) 0 obj\n(<</?Fields[^>]*>>)\nendobj", raw)[-1]
    room = 8_000
    value = b"<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161/ByteRange%b/Contents<%b>>>"
    parts = {
        int(form[0]): re.sub(rb"\[([^\]]*)\]", rb"[\1 %d 0 R]" % at, form[1]),
        at: b"<</FT/Sig/T(Dau %d)/V %d 0 R/Type/Annot/Subtype/Widget/Rect[%b]%b>>" % (at, at + 1, rectangle, more),
        at + 1: value % (b" " * 60, b"0" * room),
    }
    made = appended(raw, parts)
    gap = made.rindex(b"<" + b"0" * room)
    resume = gap + room + 2
    numbers = b"[0 %d %d %d]" % (gap, resume, len(made) - resume)
    made = made.replace(b"/ByteRange" + b" " * 60, b"/ByteRange" + numbers.ljust(60))
    token = pki.stamp(made[:gap] + made[resume:] if over is None else over).hex().encode()
    return made[: gap + 1] + token.ljust(room, b"0") + made[resume - 1 :]


def test_a_signature_holds_with_its_store_and_its_document_stamp(sole: bytes) -> None:
    """B-LT, then B-LTA: evidence and token are in the facts, and the signature covers its own revision (5.2 step 5)."""
    facts = kit.read(stored(sole))
    assert kit.holds(facts), kit.failures(facts)
    assert facts.certificates == (pki.certificate("duty-ca"),)
    assert (facts.crls, facts.ocsps) == ((pki.crl("duty-ca"),), (pki.ocsp("official"),))
    facts = kit.read(stamped(stored(sole)))
    assert kit.holds(facts), kit.failures(facts)
    assert facts.signatures[0].level == "B-LTA"
    (token,) = facts.document_tokens
    assert token.kind == "document"
    assert token.gen_time == pki.NOW
    assert all(seen.ok for seen in token.observations), token.observations
    assert token.covered is not None
    assert token.covered.extent == "document"


def test_person_then_agency_then_store_then_stamp_then_renewal_all_hold(sole: bytes, tmp_path: Path) -> None:
    """The life of a result: two signatures, evidence, a stamp, more evidence, another stamp."""
    raw = stamped(stored(kit.signed(sole, tmp_path, Signing("agency"))))
    facts = kit.read(stamped(stored(raw, at=80), at=100))
    assert kit.holds(facts), [kit.failures(facts, at) for at in range(2)]
    assert len(facts.document_tokens) == 2


def test_a_stamp_alone_is_no_signature() -> None:
    """A document time stamp signs for no person."""
    form = {1: b"<</Type/Catalog/Pages 2 0 R/Lang(vi)/AcroForm 6 0 R>>", 6: b"<</Fields[]/SigFlags 3>>"}
    facts = kit.read(stamped(kit.classic({**kit.objects(), **form})))
    assert not kit.holds(facts)
    assert len(facts.document_tokens) == 1
    assert kit.failures(facts) == {"signature_found"}


@pytest.mark.parametrize("fault", ["shown", "other content", "copied"])
def test_a_document_stamp_that_covers_the_page_or_something_else_is_seen(fault: str, sole: bytes) -> None:
    """With an appearance it would be a picture over signed content; over other bytes it proves nothing (T5)."""
    if fault == "shown":
        facts = kit.read(stamped(sole, rectangle=b"0 0 595 842", more=b"/AP<</N 11 0 R>>"))
        assert kit.failures(facts) == {"coverage"}
        return
    facts = kit.read(stamped(sole, over=b"other" if fault == "other content" else sole))
    (token,) = facts.document_tokens
    assert [seen.code for seen in token.observations if not seen.ok] == ["timestamp_imprint"]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        (
            {41: stream(b"not a certificate"), 42: stream(b"x"), 43: stream(b"y")},
            "false evidence is evidence all the same",
        ),
        ({40: b"<</Type/DSS/Certs[10 0 R]/CRLs 11 0 R>>"}, "a page among the certificates"),
        ({40: b"null"}, "a store that is none"),
        ({40: b"[]"}, "a store that is an array"),
        ({44: b"<</X 40 0 R/Y<</Cert 44 0 R>>>>"}, "a store that refers to itself"),
        ({41: stream(b"x", b"/Filter/Crypt")}, "evidence that cannot be read"),
    ],
)
def test_a_poisoned_store_changes_no_fact_about_the_signature(parts: dict[int, bytes], why: str, sole: bytes) -> None:
    """D9: what it holds is handed on unjudged or left out; the signature's own observations stay as they are."""
    clean, poisoned = kit.read(stored(sole)), kit.read(appended(stored(sole), parts))
    assert _own(poisoned) == _own(clean), why


def _own(facts: Facts) -> list[tuple[str, bool]]:
    return [(seen.code, seen.ok) for seen in facts.signatures[0].observations]


@pytest.mark.parametrize("target", [b"10 0 R", b"11 0 R", b"2 0 R", b"1 0 R"])
def test_a_store_gives_no_right_to_change_what_it_refers_to(target: bytes, tmp_path: Path) -> None:
    """A signed store that names a page, its content or the catalog as a certificate does not open them to later change."""
    catalog = b"<</Type/Catalog/Pages 2 0 R/Lang(vi)/DSS<</Certs[%b]/VRI<</A<</Cert 7 0 R>>>>>>>>" % target
    source = kit.classic({**kit.objects(), 1: catalog, 7: b"[%b]" % target})
    made = kit.signed(source, tmp_path)
    assert kit.holds(kit.read(made))
    for number in (10, 11, 2):
        changed = appended(made, {number: stream(b"q Q") if number == 11 else b"<</Type/Page/Parent 2 0 R>>"})
        assert "coverage" in kit.failures(kit.read(changed))


def _certified(level: int) -> bytes:
    """A document that the official certifies (DocMDP)."""
    parameters = b"<</Type/TransformParams/V/1.2/P %d>>" % level
    more = b"/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams%b>>]" % parameters
    return kit.handmade(kit.classic(kit.objects()), more=more)


def _second(raw: bytes) -> bytes:
    """A further signature by a program that does not ask what the first one allows."""
    return kit.handmade(raw, Signing("agency", name="Signature2"))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_certification_holds_with_evidence_and_stamps(level: int) -> None:
    """They are no change of the document at any level (ISO 32000-2 12.8.2.2.2)."""
    facts = kit.read(stamped(stored(_certified(level))))
    assert kit.holds(facts), kit.failures(facts)
    assert ("pdf_permissions", True) in _own(facts)


@pytest.mark.parametrize(("level", "kept"), [(1, False), (2, True), (3, True), (0, False), (4, False)])
def test_a_further_signature_is_a_change_only_where_none_is_allowed(level: int, kept: bool) -> None:
    """P 1 forbids it, P 2 and 3 allow it; a level that does not exist allows nothing."""
    facts = kit.read(_second(_certified(level)))
    assert ("pdf_permissions" in kit.failures(facts)) is not kept
    assert not kit.failures(facts, 1)


@pytest.mark.parametrize(
    ("action", "kept"),
    [
        (b"/Action/All", False),
        (b"/Action/Include/Fields[(Signature2)]", False),
        (b"/Action/Include/Fields[(Khac)]", True),
        (b"/Action/Exclude/Fields[(Signature2)]", True),
        (b"/Action/Exclude/Fields[(Khac)]", False),
    ],
)
def test_locked_fields_stay_locked(action: bytes, kept: bool) -> None:
    """FieldMDP names which fields may not be filled any more (ISO 32000-2 12.8.2.4)."""
    parameters = b"<</Type/TransformParams/V/1.2%b>>" % action
    more = b"/Reference[<</TransformMethod/FieldMDP/TransformParams%b>>]" % parameters
    facts = kit.read(_second(kit.handmade(kit.classic(kit.objects()), more=more)))
    assert ("pdf_permissions" in kit.failures(facts)) is not kept


@pytest.mark.parametrize(
    ("subfilter", "kind"),
    [
        (b"adbe.pkcs7.detached", SignatureFormat.PDF_PKCS7),
        (b"adbe.pkcs7.sha1", SignatureFormat.PDF_OTHER),
        (b"adbe.x509.rsa_sha1", SignatureFormat.PDF_OTHER),
        (b"ETSI.CAdES.unknown", SignatureFormat.PDF_OTHER),
    ],
)
def test_older_dialects_are_read_and_only_the_detached_one_can_hold(subfilter: bytes, kind: SignatureFormat) -> None:
    """adbe.pkcs7.detached is still written by much local software; the others are reported and never pass."""
    facts = kit.read(kit.handmade(kit.classic(kit.objects()), subfilter=subfilter))
    (one,) = facts.signatures
    assert one.format is kind
    assert kit.holds(facts) is (kind is SignatureFormat.PDF_PKCS7)
    assert ("signature_format" in kit.failures(facts)) is (kind is SignatureFormat.PDF_OTHER)
    assert one.level == ""


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("JavaScript", b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"),
        ("Launch", b"/OpenAction<</S/La#75nch/F(a.exe)>>"),
        ("URI", b"/X<</S/URI/URI(http://a/)>>"),
        ("EmbeddedFiles", b"/Names<</EmbeddedFiles<<>>>>"),
    ],
)
@pytest.mark.parametrize("make", ["table", "streams"])
def test_active_content_is_a_warning_that_names_it(word: str, written: bytes, make: str, tmp_path: Path) -> None:
    """D8: in the file, in object streams, and written with #xx; the signature holds all the same."""
    parts = {**kit.objects(), 1: b"<</Type/Catalog/Pages 2 0 R%b>>" % written}
    facts = kit.read(kit.signed((kit.classic if make == "table" else kit.packed)(parts), tmp_path))
    (seen,) = [one for one in facts.observations if one.code == "active_content"]
    assert (seen.ok, word in seen.detail.split(", ")) == (False, True)
    assert kit.holds(facts)


def test_a_hybrid_file_of_a_word_processor_is_read_with_a_warning(tmp_path: Path) -> None:
    """Objects that only the stream beside the table lists are seen; the signature holds (D8)."""
    parts = kit.objects()
    plain = kit.classic(parts)
    start = int(plain[plain.rindex(b"startxref") + 9 :].split()[0])
    beside = len(plain)
    head = b"/Type/XRef/W[1 4 2]/Size 31/Index[30 1]/Root 1 0 R"
    row = b"\x01" + (beside + 400).to_bytes(4, "big") + b"\0\0"
    body = b"31 0 obj\n" + stream(row, head) + b"\nendobj\n"
    body += b" " * (400 - len(body)) + b"30 0 obj\n(an)\nendobj\n"
    table = beside + len(body)
    trailer = b"xref\n0 0\ntrailer\n<</Size 32/Root 1 0 R/Prev %d/XRefStm %d>>\n" % (start, beside)
    hybrid = plain + body + trailer + b"startxref\n%d\n%%%%EOF\n" % table
    facts = kit.read(kit.signed(hybrid, tmp_path))
    assert kit.holds(facts), kit.failures(facts)
    assert [one.ok for one in facts.observations if one.code == "pdf_single_table"] == [False]
