"""Verify, from bytes to a verdict: what a document is, what it proves, and what happens when a file misbehaves."""

from __future__ import annotations

import os
import signal
import time
import zlib
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from signing.confinement import Confinement, LimitReached, confined, confinement_for
from signing.errors import Unusable
from signing.grounds import Grounds
from signing.model import DocumentKind, Evidence, Existence, Indication, SubIndication, TrustDomain
from signing.policy import DEFAULT_POLICY, ExpectedSigner, ReadingLimits, TimeRules
from signing.storing import decode_facts, encode_facts
from signing.verifying import covered_bytes, examine, kind_of, verify, verify_confined
from tests import pki, signed
from tests.unit.signing.pdf.kit import classic, objects, stream

NOW = pki.NOW
GROUNDS = Grounds(pki.trust(), NOW, pki.evidence())
XML = '<result xmlns="urn:x"><code>000.00.01.G22-261120-0001</code></result>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One signed file of each kind."""
    place = tmp_path_factory.mktemp("signed")
    content = place / "kq.txt"
    content.write_bytes("Kết quả".encode())
    signed.sign(content, place / "kq.txt.p7s")
    signed.sign(content, place / "stamped.p7s", "agency", stamped=NOW)
    (place / "goc.xml").write_text(XML, encoding="utf-8")
    signed.sign(place / "goc.xml", place / "kq.xml")
    signed.pages(place / "goc.pdf")
    signed.sign(place / "goc.pdf", place / "person.pdf", stamped=NOW - timedelta(hours=2))
    signed.sign(place / "person.pdf", place / "both.pdf", "agency", stamped=NOW - timedelta(hours=1))
    return place


def test_a_detached_signature_passes_beside_its_content_only(folder: Path) -> None:
    """With other content it is HASH_FAILURE, without content nobody can say."""
    raw, content = (folder / "kq.txt.p7s").read_bytes(), (folder / "kq.txt").read_bytes()
    assert verify(raw, GROUNDS, {"kq.txt": content}).conclusion is Indication.TOTAL_PASSED
    assert verify(raw, GROUNDS, {"kq.txt": content + b"."}).sub_indication is SubIndication.HASH_FAILURE
    assert verify(raw, GROUNDS).sub_indication is SubIndication.SIGNED_DATA_NOT_FOUND


def test_an_xml_signature_gives_its_signed_bytes_and_nothing_else(folder: Path) -> None:
    """A business reader gets the canonical root; changed text is told and gives nothing."""
    raw = (folder / "kq.xml").read_bytes()
    report = verify(raw, GROUNDS)
    assert report.conclusion is Indication.TOTAL_PASSED, report
    facts = examine(raw)
    found = covered_bytes(raw, facts, facts.signatures[0].id)
    assert sha256(found).hexdigest() == facts.signatures[0].covered.sha256
    assert b"000.00.01.G22-261120-0001" in found
    assert b"SignatureValue" not in found
    changed = raw.replace(b"-0001<", b"-0002<")
    assert changed != raw
    assert verify(changed, GROUNDS).sub_indication is SubIndication.HASH_FAILURE
    for bytes_, of in ((changed, facts), (changed, examine(changed))):
        with pytest.raises(Unusable):
            covered_bytes(bytes_, of, facts.signatures[0].id)


def test_covered_bytes_of_a_detached_signature_are_its_content(folder: Path) -> None:
    """And a signature that is not there proves nothing."""
    raw, content = (folder / "kq.txt.p7s").read_bytes(), (folder / "kq.txt").read_bytes()
    beside = {"kq.txt": content}
    facts = examine(raw, detached=beside)
    assert covered_bytes(raw, facts, "#1", detached=beside) == content
    with pytest.raises(Unusable):
        covered_bytes(raw, facts, "#2", detached=beside)


def test_stored_facts_are_judged_again_without_the_file(folder: Path) -> None:
    """Another policy or another day, the same facts; the first verdict comes out the same."""
    raw, content = (folder / "stamped.p7s").read_bytes(), (folder / "kq.txt").read_bytes()
    from signing.judge import judge

    facts = examine(raw, detached={"kq.txt": content})
    again = decode_facts(encode_facts(facts))
    assert again == facts
    assert judge(again, GROUNDS) == verify(raw, GROUNDS, {"": content})
    strict = replace(DEFAULT_POLICY, domains=frozenset({TrustDomain.PUBLIC}))
    assert judge(again, replace(GROUNDS, policy=strict)).sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND


def test_stored_facts_of_another_version_or_shape_are_refused(folder: Path) -> None:
    """What is evidence is not guessed at."""
    stored = encode_facts(examine((folder / "kq.xml").read_bytes()))
    for broken in (
        stored.replace(b'"version":1', b'"version":2'),
        stored.replace(b'"kind":"tthc.signature-facts"', b'"kind":"tthc.signature-report"'),
        stored.replace(b'"size":', b'"sizes":'),
        stored.replace(b'"XAdES"', b'"XML"'),
        stored[:-1],
        b"null",
    ):
        assert broken != stored
        with pytest.raises(Unusable):
            decode_facts(broken)


def test_the_stamp_gives_the_time_and_the_claim_does_not(folder: Path) -> None:
    """Proven by the stamp in one, by nothing in the other; a policy that demands proof tells them apart."""
    content = {"": (folder / "kq.txt").read_bytes()}
    strict = replace(GROUNDS, policy=replace(DEFAULT_POLICY, time=TimeRules(required=True)))
    stamped = verify((folder / "stamped.p7s").read_bytes(), strict, content)
    assert stamped.conclusion is Indication.TOTAL_PASSED, stamped
    assert stamped.signatures[0].proven_time == NOW
    assert stamped.signatures[0].proven_by.startswith("signature-timestamp")
    plain = verify((folder / "kq.txt.p7s").read_bytes(), strict, content)
    assert plain.sub_indication is SubIndication.NO_POE
    assert plain.signatures[0].signing_time == NOW
    received = Existence(plain.document_sha256, NOW, "sổ đến")
    known = verify((folder / "kq.txt.p7s").read_bytes(), replace(strict, evidence=_with(received)), content)
    assert known.conclusion is Indication.TOTAL_PASSED
    assert known.signatures[0].proven_by == "reception: sổ đến"


def _with(*received: Existence) -> Evidence:
    return replace(GROUNDS.evidence, existences=received)


def test_the_signer_table_asks_for_the_person_and_not_for_a_name(folder: Path) -> None:
    """The right citizen number passes, another does not, another domain says that nobody of it signed."""
    raw = (folder / "kq.xml").read_bytes()
    duty = TrustDomain.PUBLIC_DUTY

    def told(*rows: ExpectedSigner) -> SubIndication | None:
        return verify(raw, replace(GROUNDS, expected=rows)).sub_indication

    assert told(ExpectedSigner("person", duty, identifiers=frozenset({"CCCD:001185000011"}))) is None
    assert (
        told(ExpectedSigner("person", duty, certificates=frozenset({sha256(pki.certificate("official")).hexdigest()})))
        is None
    )
    assert (
        told(ExpectedSigner("person", duty, identifiers=frozenset({"CCCD:001185000012"})))
        is SubIndication.SIG_CONSTRAINTS_FAILURE
    )
    assert told(ExpectedSigner("person", TrustDomain.PUBLIC)) is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
    assert told(ExpectedSigner("person", duty), ExpectedSigner("agency", duty)) is SubIndication.CUSTOM


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"%PDF-1.7\n", DocumentKind.PDF),
        (b"MZ\x90 %PDF-1.7\n", DocumentKind.PDF),
        (b"\xef\xbb\xbf<a/>", DocumentKind.XML),
        (b"\xff\xfe<\x00a\x00/\x00>\x00", DocumentKind.XML),
        (b"  \n<a/>", DocumentKind.XML),
        (b"PK\x03\x04", DocumentKind.UNKNOWN),
        (b"0\x82\x01\x00", DocumentKind.UNKNOWN),
        (b"", DocumentKind.UNKNOWN),
    ],
)
def test_a_document_is_what_its_content_says(raw: bytes, kind: DocumentKind) -> None:
    """No file name is asked; what is unsigned or unknown fails, with words."""
    assert kind_of(raw) is kind
    report = verify(raw, GROUNDS)
    assert report.conclusion is Indication.TOTAL_FAILED
    assert report.sub_indication is SubIndication.FORMAT_FAILURE


def test_a_file_that_cannot_be_read_is_no_verdict(tmp_path: Path) -> None:
    """Neither an absent file nor a folder is TOTAL-FAILED: nothing was judged."""
    for path in (tmp_path / "absent.pdf", tmp_path):
        with pytest.raises(Unusable):
            verify_confined(path, GROUNDS)


def test_the_confined_verdict_is_the_same_verdict(folder: Path) -> None:
    """A process of its own changes nothing but the risk."""
    beside = {"kq.txt": folder / "kq.txt"}
    assert verify_confined(folder / "kq.txt.p7s", GROUNDS, beside) == verify(
        folder / "kq.txt.p7s", GROUNDS, {"kq.txt": (folder / "kq.txt").read_bytes()}
    )


def test_a_file_beyond_the_limit_of_size_is_not_read(tmp_path: Path) -> None:
    """Its digest still names it in the report."""
    path = tmp_path / "large.xml"
    path.write_bytes(b"<a/>" * 1000)
    small = replace(DEFAULT_POLICY, limits=ReadingLimits(max_bytes=100))
    report = verify_confined(path, replace(GROUNDS, policy=small))
    assert report.sub_indication is SubIndication.FORMAT_FAILURE
    assert report.document_sha256 == sha256(b"<a/>" * 1000).hexdigest()
    assert next(one.code for one in report.findings if not one.ok) == "limits"


def _turns() -> bytes:
    while True:
        pass


def _hoards() -> bytes:
    kept = [bytes(1 << 20)]
    while True:
        kept.append(os.urandom(1 << 20))


def _sleeps() -> bytes:
    time.sleep(600)
    return b""


def _dies() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


@pytest.mark.parametrize(
    ("work", "reason"), [(_turns, "time"), (_sleeps, "time"), (_hoards, "memory"), (_dies, "crash")]
)
def test_work_beyond_its_limits_is_ended_and_said(work: object, reason: str) -> None:
    """A loop, a wait, a hoard and a crash all end soon, and the parent lives on."""
    assert callable(work)
    started = time.monotonic()
    with pytest.raises(LimitReached) as told:
        confined(work, Confinement(1.0 if reason == "time" else 20.0, 96 << 20))
    assert told.value.reason == reason
    assert time.monotonic() - started < 10


def test_large_files_get_more_in_proportion() -> None:
    """Under 2 MB the limits of the policy, above them so much more for each 2 MB."""
    limits = ReadingLimits()
    assert confinement_for(2_000_000, limits) == Confinement(5.0, 536_870_912)
    assert confinement_for(20 * 1024 * 1024, limits).seconds == 50.0
    assert confinement_for(20 * 1024 * 1024, limits).memory_bytes > 536_870_912


def test_person_then_agency_pass_in_that_order_and_not_in_the_other(folder: Path) -> None:
    """Two signatures in two revisions: each covers its own, and the table's order is the order of the revisions."""
    duty = TrustDomain.PUBLIC_DUTY
    raw = (folder / "both.pdf").read_bytes()
    person = ExpectedSigner("person", duty, identifiers=frozenset({"CCCD:001185000011"}))
    agency = ExpectedSigner("agency", duty, certificates=frozenset({sha256(pki.certificate("agency")).hexdigest()}))
    report = verify(raw, replace(GROUNDS, expected=(person, agency)))
    assert report.conclusion is Indication.TOTAL_PASSED, report
    assert [one.covers.extent for one in report.signatures] == ["revision", "document"]
    turned = verify(raw, replace(GROUNDS, expected=(agency, person)))
    assert turned.sub_indication is SubIndication.CUSTOM
    assert (
        verify((folder / "person.pdf").read_bytes(), replace(GROUNDS, expected=(person, agency))).sub_indication
        is not None
    )


def test_a_later_stamp_proves_an_earlier_signature(folder: Path, tmp_path: Path) -> None:
    """The person's signature has no stamp of its own; the agency's stamp covers it."""
    signed.sign(folder / "goc.pdf", tmp_path / "person.pdf")
    signed.sign(tmp_path / "person.pdf", tmp_path / "both.pdf", "agency", stamped=NOW - timedelta(hours=1))
    first, second = verify((tmp_path / "both.pdf").read_bytes(), GROUNDS).signatures
    assert first.proven_time == second.proven_time == NOW - timedelta(hours=1)
    assert first.proven_by.startswith("later-signature-timestamp")
    assert second.proven_by.startswith("signature-timestamp")


def test_covered_bytes_of_a_pdf_are_the_revision_that_was_signed(folder: Path) -> None:
    """What the agency added later is not in what the person signed."""
    raw, before = (folder / "both.pdf").read_bytes(), (folder / "person.pdf").read_bytes()
    facts = examine(raw)
    person, agency = facts.signatures
    assert covered_bytes(raw, facts, person.id) == before
    assert covered_bytes(raw, facts, agency.id) == raw


def test_what_is_missing_is_named_with_its_address_and_nothing_is_where_all_is_there(folder: Path) -> None:
    """A person who lacks a list learns where the certificate says that it is; nobody is asked, nothing is fetched."""
    raw = (folder / "kq.xml").read_bytes()
    report = verify(raw, replace(GROUNDS, evidence=Evidence()))
    assert report.sub_indication is SubIndication.TRY_LATER
    assert "crl http://ca.congvu.example/crl/duty-ca.crl" in report.wanted
    assert verify(raw, GROUNDS).wanted == ()


def _bomb() -> bytes:
    packed = zlib.compress(zlib.compress(bytes(64 << 20), 9), 9)
    return classic({**objects(), 11: stream(packed, b"/Filter[/FlateDecode/FlateDecode]")})


@pytest.mark.parametrize(
    "hostile",
    [
        b"<a>" * 300_000 + b"</a>" * 300_000,
        b"<a " + b" ".join(b'a%d="1"' % number for number in range(90_000)) + b"/>",
        b"<a>" + b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>' * 30_000 + b"</a>",
        b"%PDF-1.7\n1 0 obj\n" + b"[" * 900_000 + b"]" * 900_000,
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + b"\x30\x80" * 900_000,
        _bomb(),
    ],
    ids=["deep", "attributes", "signatures", "brackets", "indefinite", "bomb"],
)
def test_a_hostile_file_under_2_mb_ends_soon_and_fails(hostile: bytes, tmp_path: Path) -> None:
    """Within the limits of the policy, which a loaded machine cannot stretch: the parent ends the child."""
    path = tmp_path / "hostile"
    path.write_bytes(hostile)
    started = time.monotonic()
    assert verify_confined(path, GROUNDS).sub_indication is SubIndication.FORMAT_FAILURE
    assert time.monotonic() - started < GROUNDS.policy.limits.max_seconds + 5


@pytest.mark.parametrize("name", ["b.pdf", "kq.xml"])
def test_a_signature_that_does_not_fit_proves_no_bytes(folder: Path, tmp_path: Path, name: str) -> None:
    """Changed content and a changed value alike: nothing is handed out as covered, whatever else was read."""
    if name == "b.pdf":
        raw = signed.sign(signed.pages(tmp_path / "s.pdf"), tmp_path / name).read_bytes()
        broken = [raw.replace(b"trang 0", b"trang 7")]
    else:
        raw = (folder / name).read_bytes()
        at = raw.index(b"SignatureValue") + raw[raw.index(b"SignatureValue") :].index(b">") + 20
        broken = [raw[:at] + (b"A" if raw[at : at + 1] != b"A" else b"B") + raw[at + 1 :]]
    for one in broken:
        assert one != raw
        facts = examine(one)
        with pytest.raises(Unusable):
            covered_bytes(one, facts, facts.signatures[0].id)
