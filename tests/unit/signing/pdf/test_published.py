"""Published PDF files: attacks of others never hold, and correct files of others are not refused for their structure.

Read from TTHC_CORPORA and never committed; absent ones are counted at the end of the run. Figures of a run with all of them (at
the commits of tests/corpora.toml): 26 of 26 attack files refused; of 132 signed files of EU DSS 18 refused for structure, each
named below with its reason, and no file in which a cross-reference stream takes a number that was used.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.algorithms import Digest
from signing.cms.core import read_signed_data
from signing.der import object_size
from signing.grounds import Grounds
from signing.judge import judge
from signing.model import Facts, Indication, TrustDomain
from signing.pdf import revision_bytes
from signing.pdf.document import Document
from signing.pdf.syntax import Malformed
from signing.policy import AlgorithmRules, PathRules, Policy, StatusRules
from signing.trust import Anchor, TrustStore
from tests.corpora import corpus
from tests.unit.signing.pdf import kit

PDFBOX = "mkl-public__testarea-pdfbox2"
ITEXT = "mkl-public__testarea-itext5"
DSS = "esig__dss"
PDFBOX_AT = "src/test/resources/mkl/testarea/pdfbox2/sign"
ITEXT_AT = "src/test/resources/mkl/testarea/itext5/signature"
DSS_AT = "dss-pades/src/test/resources/validation"

SAVING = tuple(f"isa_{letter}.pdf" for letter in "ABCDEFGHI")
WRAPPING = tuple(f"siwa_{letter}.pdf" for letter in "ABCDE")
FORGERY = (
    "usf_01_Empty_Contents.pdf",
    "usf_02_00_Contents.pdf",
    "usf_03_Null_Contents.pdf",
    "usf_04_No_Contents_Value.pdf",
    "usf_05_No_Contents.pdf",
    "usf_12_Null_ByteRange.pdf",
    "usf_14_No_ByteRange.pdf",
)
SHADOW = (
    "hide-shadow-file-signed.pdf",
    "replace-shadow-file-signed-manipulated.pdf",
    "hide-and-replace-shadow-file-signed-1.pdf",
    "hide-and-replace-shadow-file-signed-2.pdf",
    "hide-and-replace-shadow-file-signed-3.pdf",
)
STRUCTURE = frozenset(
    {"limits", "well_formed", "pdf_not_encrypted", "signature_found", "byte_range", "signature_container"}
)

REFUSED = {
    "BadEncodedCMS.pdf": "the CMS has an integer that is not minimal",
    "DSS-2155.pdf": "bytes that are no zeros follow the CMS in Contents",
    "encrypted.pdf": "encrypted",
    "hello_signed_INCSAVE_signed_EDITED.pdf": "edited after signing: ByteRange no longer fits",
    "malformed-pades.pdf": "bytes before %PDF-",
    "pades-spoofing-replaced-reason.pdf": "a spoof: ByteRange does not leave out exactly Contents",
    "pades_infinite_loop.pdf": "tables in a loop",
    "pades_opposite_infinite_loop.pdf": "tables in a loop",
    "pdf-byterange-overlap.pdf": "the ranges overlap",
    "pdf-eof.pdf": "the signed range ends behind the file",
    "pdf-removed-pages.pdf": "edited after signing: bytes that are no zeros follow the CMS",
    "pdf-signed-corrupted.pdf": "damaged",
    "pdf-signed-out-of-byteRange.pdf": "ByteRange does not leave out exactly Contents",
    "pdf-spoofing-attack.pdf": "a spoof: the trailer says encrypted",
    "pdf-with-empty-sig.pdf": "Contents is empty",
    "pdf-with-two-empty-sigs.pdf": "Contents is empty",
    "siwa.pdf": "an attack",
    "timestamped-fields.pdf": "document time stamps and no signature",
}
"""Signed files of DSS that are refused for structure: all are broken, attacks, encrypted, or carry no signature."""


def _file(name: str) -> bytes:
    if name in SHADOW:
        return (corpus(ITEXT, ITEXT_AT) / name).read_bytes()
    return (corpus(PDFBOX, PDFBOX_AT) / name).read_bytes()


def _grounds(facts: Facts) -> Grounds:
    """The attacker's dream: the signers' own certificates are anchors, old algorithms count, no status is asked for."""
    anchors = tuple(
        Anchor(one, TrustDomain.PUBLIC_DUTY) for signature in facts.signatures for one in signature.certificates
    )
    digests = dict.fromkeys(("sha1", "sha256", "sha384", "sha512"))
    return Grounds(
        TrustStore(anchors),
        datetime(2019, 1, 1, tzinfo=UTC),
        policy=replace(
            Policy(),
            algorithms=AlgorithmRules(digests=digests, min_rsa_bits=512, min_exponent=3),
            status=StatusRules(required=False),
            path=replace(PathRules(), key_usages=frozenset()),
        ),
    )


@pytest.mark.parametrize("name", SAVING + WRAPPING + FORGERY + SHADOW)
def test_no_published_attack_passes_even_with_its_signer_trusted(name: str) -> None:
    """Under the most generous grounds the report is not TOTAL-PASSED, and the facts alone say why."""
    facts = kit.read(_file(name))
    assert not kit.holds(facts)
    assert judge(facts, _grounds(facts)).conclusion is not Indication.TOTAL_PASSED
    seen = set().union(*(kit.failures(facts, at) for at in range(max(1, len(facts.signatures)))))
    wanted = {"coverage"} if name in SAVING + SHADOW else set(STRUCTURE)
    assert seen & wanted, seen


@pytest.mark.parametrize("name", [one for one in SAVING if one != "isa_G.pdf"] + list(SHADOW))
def test_without_the_attack_the_same_file_holds(name: str) -> None:
    """Cut back to what was signed, the file is good: so it was refused for what was added, and for nothing else.

    isa_G is signed with adbe.pkcs7.sha1, which is reported and never passes.
    """
    raw = _file(name)
    facts = kit.read(raw)
    assert [kit.failures(facts, at) for at in range(len(facts.signatures))] == [{"coverage"}]
    honest = kit.read(revision_bytes(raw, facts.signatures[0].covered))
    assert kit.holds(honest), kit.failures(honest)


@pytest.mark.parametrize("name", WRAPPING)
def test_the_wrapped_signature_itself_is_sound(name: str) -> None:
    """Digest and value of the wrapped signature hold over the ranges that it names: only their places are wrong."""
    raw = _file(name)
    value = max(re.findall(rb"/Contents ?<([0-9A-Fa-f]{500,})", raw), key=len)
    ranges = [[int(one) for one in found] for found in re.findall(rb"/ByteRange ?\[ ?(\d+) +(\d+) +(\d+) +(\d+)", raw)]

    def sound(start: int, first: int, resume: int, second: int) -> bool:
        content = raw[start : start + first] + raw[resume : resume + second]
        cms = bytes.fromhex(value[: len(value) // 2 * 2].decode()) + bytes(16)  # some attackers took padding and more

        def digest_of(digest: Digest) -> bytes:
            return digest.of(content)

        read = read_signed_data(cms[: object_size(cms)], digest_of, attached=False)
        held = {one.code for one in read.all_observations if one.ok}
        return {"content_digest", "signature_value"} <= held

    assert any(sound(*numbers) for numbers in ranges)


def _structure(raw: bytes) -> set[str]:
    facts = kit.read(raw)
    failed = set(kit.failures(replace(facts, signatures=())))
    for one in facts.signatures:
        failed |= {seen.code for seen in one.observations if not seen.ok}
    return failed & STRUCTURE


def test_correct_files_of_dss_are_not_refused_for_structure() -> None:
    """Signing facts 8.2(15): exactly the files named above are, each for its reason; every other signed file is read."""
    folder = corpus(DSS, DSS_AT)
    signed = {path for path in folder.rglob("*.pdf") if b"/ByteRange" in path.read_bytes()}
    refused = {path.name for path in signed if _structure(path.read_bytes())}
    assert len(signed) >= 130
    assert refused == set(REFUSED)


def test_a_number_used_again_by_a_cross_reference_stream_is_no_fault() -> None:
    """PDFBox writes so (signing facts 8.2(15)): such files are read, and what came after a signature is judged by difference."""
    reused = {path.name: path.read_bytes() for path in _all_signed() if _reuses(path.read_bytes())}
    assert len(reused) >= 2
    assert {name for name, raw in reused.items() if _structure(raw)} <= set(REFUSED)


def _all_signed() -> list[Path]:
    folders = (corpus(DSS, DSS_AT), corpus(PDFBOX, PDFBOX_AT), corpus(ITEXT, ITEXT_AT))
    return [
        path for folder in folders for path in sorted(folder.rglob("*.[pP]df")) if b"/ByteRange" in path.read_bytes()
    ]


def _reuses(raw: bytes) -> bool:
    """Whether a cross-reference stream has a number that was something else before."""
    try:
        revisions = Document(raw, kit.LIMITS).revisions
    except Malformed:
        return False
    return any(
        number in earlier.streams or number in earlier.entries
        for at, one in enumerate(revisions)
        for number in one.streams
        for earlier in revisions[:at]
    )


HONEST_SECOND_STEPS = (
    "pades-ltv.pdf",
    "pades-ltv-with-reason.pdf",
    "pades-lt-extended-dss.pdf",
    "pades-lt-extended-abde.pdf",
)


@pytest.mark.parametrize("name", HONEST_SECOND_STEPS)
def test_evidence_and_stamps_added_by_others_keep_the_signature(name: str) -> None:
    """DSS, VRI, document time stamps and further signatures written by other software are no change (5.2 step 5)."""
    facts = kit.read((corpus(DSS, DSS_AT) / name).read_bytes())
    assert all("coverage" not in kit.failures(facts, at) for at in range(len(facts.signatures)))
    assert facts.document_tokens
    assert facts.certificates
