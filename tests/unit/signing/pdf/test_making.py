"""P-PDF-B and P-PDF-T: what is written verifies, leaves the source as it is, and is not written where it would do harm."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from signing.algorithms import Scheme, SignatureAlgorithm, algorithm
from signing.errors import SigningRefused, Unusable
from signing.making import Profile
from signing.model import SignatureFormat
from signing.pdf.making import complete, imprint, prepare
from tests import pki
from tests.unit.signing.pdf import kit
from tests.unit.signing.pdf.kit import Signing

SOURCES: dict[str, bytes] = {
    "table": kit.classic(kit.objects()),
    "streams": kit.packed(kit.objects()),
    "no line end": kit.classic(kit.objects()).rstrip(),
    "one page": kit.classic(kit.objects(1)),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("profile", [Profile.PDF_B, Profile.PDF_T])
def test_a_made_signature_holds_and_leaves_every_byte_of_the_source(
    kind: str, profile: Profile, tmp_path: Path
) -> None:
    """The source is a prefix of the result; the whole file is covered; the level is the profile's."""
    made = kit.signed(SOURCES[kind], tmp_path, Signing(profile=profile))
    facts = kit.read(made)
    assert made.startswith(SOURCES[kind])
    assert kit.holds(facts)
    (one,) = facts.signatures
    assert (one.format, one.level) == (SignatureFormat.PADES, "B-T" if profile.stamped else "B-B")
    assert one.covered.extent == "document"
    assert one.covered.sha256 == facts.sha256 == hashlib.sha256(made).hexdigest()
    assert one.certificate == pki.certificate("official")
    assert one.certificate_protected
    assert one.claimed_time == pki.NOW
    assert set(one.certificates) >= {pki.certificate("official"), *pki.chain("official")}
    assert [token.gen_time for token in one.tokens] == ([pki.NOW] if profile.stamped else [])
    assert all(seen.ok for token in one.tokens for seen in token.observations)
    assert not [seen for seen in (*facts.observations, *one.observations) if not seen.ok]


@pytest.mark.parametrize(
    ("signer", "chosen"),
    [
        ("official", algorithm(Scheme.RSA_PKCS1, "sha384")),
        ("official", kit.PSS),
        ("agency", kit.RSA),
        ("agency", kit.PSS),
        ("official-p256", algorithm(Scheme.ECDSA, "sha256")),
        ("official-p384", algorithm(Scheme.ECDSA, "sha384")),
    ],
)
def test_every_algorithm_that_we_write_holds(signer: str, chosen: SignatureAlgorithm, tmp_path: Path) -> None:
    """RSA-2048 and 3072, PKCS#1 v1.5 and PSS, both curves."""
    facts = kit.read(kit.signed(SOURCES["table"], tmp_path, Signing(signer, chosen)))
    assert kit.holds(facts)
    assert facts.signatures[0].algorithms[0].name


@pytest.mark.parametrize("kind", SOURCES)
def test_person_then_agency_both_hold(kind: str, tmp_path: Path) -> None:
    """The first signature covers its revision, the second the document; both hold after the second (NĐ 30/2020)."""
    first = kit.signed(SOURCES[kind], tmp_path, Signing("official", name="Cục trưởng"))
    both = kit.signed(first, tmp_path, Signing("agency", profile=Profile.PDF_T))
    facts = kit.read(both)
    assert both.startswith(first)
    assert kit.holds(facts)
    assert [(one.id, one.covered.extent) for one in facts.signatures] == [
        ("Cục trưởng", "revision"),
        ("Signature1", "document"),
    ]
    assert facts.signatures[0].covered.sha256 == hashlib.sha256(first).hexdigest()
    assert max(end for _, end in facts.signatures[0].covered.ranges) == len(first)


def test_a_third_and_fourth_signature_find_names_of_their_own(tmp_path: Path) -> None:
    """Names are counted up past what is there."""
    raw = SOURCES["streams"]
    for signer in ("official", "agency", "official-p256"):
        chosen = algorithm(Scheme.ECDSA, "sha256") if signer == "official-p256" else kit.RSA
        raw = kit.signed(raw, tmp_path, Signing(signer, chosen))
    facts = kit.read(raw)
    assert kit.holds(facts)
    assert [one.id for one in facts.signatures] == ["Signature1", "Signature2", "Signature3"]


FORMS: dict[str, dict[int, bytes]] = {
    "form in the catalog": {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/DA(/Helv 0 Tf)>>>>"},
    "form of its own": {
        1: b"<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R>>",
        6: b"<</Fields 7 0 R/SigFlags 1>>",
        7: b"[]",
    },
    "fields beside": {
        1: b"<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R>>",
        6: b"<</Fields[7 0 R]>>",
        7: b"<</FT/Tx/T(Ghi chu)/V(x)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]>>",
    },
    "annotations in the page": {
        10: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots[8 0 R]>>",
        8: b"<</Subtype/Text>>",
    },
    "annotations beside": {
        10: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots 9 0 R>>",
        9: b"[8 0 R]",
        8: b"<</Subtype/Text>>",
    },
    "one array for both": {
        1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields 9 0 R>>>>",
        10: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots 9 0 R>>",
        9: b"[]",
    },
    "odd names": {1: b"<</Type/Catalog/Pages 2 0 R/A#20b#28(x)/C#23<</D#2F[1 2]>>>>"},
}


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("make", ["table", "streams"])
def test_forms_and_annotations_of_the_source_stay(kind: str, make: str, tmp_path: Path) -> None:
    """Wherever Fields and Annots stand, the field joins what was there, twice in a row, and both signatures hold."""
    source = (kit.classic if make == "table" else kit.packed)({**kit.objects(), **FORMS[kind]})
    once = kit.signed(source, tmp_path)
    twice = kit.signed(once, tmp_path, Signing("agency"))
    assert kit.holds(kit.read(once))
    assert kit.holds(kit.read(twice))


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"no PDF at all", "pdf_khong_doc_duoc"),
        (SOURCES["table"] + b"after the end", "pdf_khong_doc_duoc"),
        (kit.classic(kit.objects(), more=b"/Encrypt<</Filter/Standard>>"), "pdf_bi_ma_hoa"),
        (kit.classic({**kit.objects(), 2: b"<</Type/Pages/Kids[]/Count 0>>"}), "pdf_khong_doc_duoc"),
        (SOURCES["table"].replace(b"startxref\n", b"startxref\n9"), "pdf_khong_doc_duoc"),
    ],
)
def test_what_cannot_be_read_or_signed_is_refused_in_vietnamese(source: bytes, code: str, tmp_path: Path) -> None:
    """Nothing is written, and the sentence is for people."""
    order = kit.order_for(source, tmp_path)
    with pytest.raises(SigningRefused) as refused:
        prepare(order)
    assert refused.value.code == code
    assert "không" in refused.value.message_vi.lower()
    assert not order.target.exists()


@pytest.mark.parametrize(
    "lock", [b"/Lock<</Type/SigFieldLock/Action/All>>", b"/Lock<</Type/SigFieldLock/Action/All/P 1>>"]
)
def test_a_locked_document_gets_no_second_signature(lock: bytes, tmp_path: Path) -> None:
    """An earlier signer who forbade it is obeyed: his signature would break."""
    made = kit.signed(SOURCES["table"], tmp_path)
    with pytest.raises(SigningRefused) as refused:
        prepare(kit.order_for(made.replace(b"/FT/Sig", b"/FT/Sig" + lock), tmp_path, Signing("agency")))
    assert refused.value.code in ("pdf_bi_khoa", "pdf_khong_doc_duoc")
    relocked = kit.classic(
        {
            **kit.objects(),
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
            6: b"<</FT/Sig/T(a)/V 7 0 R" + lock + b">>",
            7: b"<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>",
        }
    )
    with pytest.raises(SigningRefused) as refused:
        prepare(kit.order_for(relocked, tmp_path, Signing("agency")))
    assert refused.value.code == "pdf_bi_khoa"


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    """Two fields of one name would be one field."""
    made = kit.signed(SOURCES["table"], tmp_path, Signing(name="Ký"))
    with pytest.raises(SigningRefused):
        prepare(kit.order_for(made, tmp_path, Signing("agency", name="Ký")))


def test_a_source_that_changes_between_the_steps_is_not_signed(tmp_path: Path) -> None:
    """The signature belongs to the bytes that were prepared (attack C3); the target never appears."""
    order = kit.order_for(SOURCES["table"], tmp_path)
    prepared = prepare(order)
    value = kit.raw_signature(prepared.digest, Signing())
    for other in (SOURCES["table"].replace(b"trang 0", b"trang 9"), SOURCES["table"] + b"\n", b""):
        order.source.write_bytes(other)
        with pytest.raises(SigningRefused) as refused:
            complete(prepared, value, None)
        assert refused.value.code == "tep_da_doi"
        assert not order.target.exists()


def test_a_profile_with_a_stamp_is_not_written_without_one(tmp_path: Path) -> None:
    """P-PDF-T without a token is no P-PDF-T; a token that does not fit its room is refused, not cut."""
    how = Signing(profile=Profile.PDF_T)
    prepared = prepare(kit.order_for(SOURCES["table"], tmp_path, how))
    value = kit.raw_signature(prepared.digest, how)
    with pytest.raises(Unusable) as refused:
        complete(prepared, value, None)
    assert refused.value.code == "thieu_dau_thoi_gian"
    with pytest.raises(Unusable) as refused:
        complete(prepared, value, b"\x30\x84\x00\x01\x00\x00" + bytes(65536))
    assert refused.value.code == "chu_ky_qua_lon"
    assert not prepared.order.target.exists()


def test_what_is_prepared_survives_another_process(tmp_path: Path) -> None:
    """Prepared work is pickled and holds no document, only the revision to append."""
    big = kit.classic(kit.objects(filler=300_000))
    prepared = pickle.loads(pickle.dumps(prepare(kit.order_for(big, tmp_path))))
    assert len(prepared.state) < 30_000
    complete(prepared, kit.raw_signature(prepared.digest, Signing()), None)
    assert kit.holds(kit.read(prepared.order.target.read_bytes()))


def test_the_imprint_is_the_digest_of_the_signature_value(tmp_path: Path) -> None:
    """By whichever digest the authority is asked for."""
    prepared = prepare(kit.order_for(SOURCES["table"], tmp_path))
    assert imprint(prepared, b"value", "sha512") == hashlib.sha512(b"value").digest()


def test_a_missing_source_or_folder_is_unusable(tmp_path: Path) -> None:
    """No traceback of the operating system for a path that is not there."""
    order = kit.order_for(SOURCES["table"], tmp_path)
    prepared = prepare(order)
    value = kit.raw_signature(prepared.digest, Signing())
    with pytest.raises(Unusable):
        complete(replace(prepared, order=replace(order, target=tmp_path / "no" / "x.pdf")), value, None)
    order.source.unlink()
    with pytest.raises(Unusable):
        prepare(order)
