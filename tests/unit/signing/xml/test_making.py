"""What we write: the source stays as it is, and judges that share no code with us accept it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.algorithms import Scheme
from signing.errors import SigningRefused, Unusable
from signing.policy import ReadingLimits
from signing.xml import covered_bytes, making, read_xml
from tests import pki
from tests.judges import jdk_says, xmlsec1_says
from tests.unit.signing.xml.made_elsewhere import verifies
from tests.unit.signing.xml.signing_by_us import By, order, raw_signature, signed

LIMITS = ReadingLimits()
SMALL = "<kq:KetQua xmlns:kq='urn:kq' Id='k'>\r\n  <kq:Ten>Nguyễn Thị Ánh</kq:Ten>\r\n</kq:KetQua>\r\n".encode()
SOURCES = {
    "prefixed, CRLF": SMALL,
    "default namespace": "<KetQua xmlns='urn:kq'><Ten>Đặng Văn Ỷ</Ten></KetQua>".encode(),
    "no namespace, one tag": b"<KetQua a='1' />",
    "declaration, mark, asides": b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<!-- a --><?xml-stylesheet href='x'?>"
    b"<a:r xmlns:a='urn:a' xmlns:ds='urn:other'><![CDATA[</a:r>]]></a:r  ><!-- </a:r> --><?end </a:r>?>\n",
    "10 KB": b"<r xmlns='urn:r'>" + b"<dong so='1'><ten>\xc3\x81nh &amp; con</ten></dong>\n" * 210 + b"</r>",
    "1 MB": b"<r xmlns='urn:r'>" + b"<dong so='1'><ten>\xc3\x81nh &amp; con</ten></dong>\n" * 21_000 + b"</r>",
    "20 MB of rows": b"<r xmlns='urn:r'>"
    + b"<dong so='1'><ten>\xc3\x81nh &amp; con</ten></dong>\n" * 420_000
    + b"</r>",
    "20 MB": b"<r xmlns='urn:r'><tep>" + b"QUJD" * 5_000_000 + b"</tep></r>",
}
WRITERS = {
    "RSA-2048": By(),
    "RSA-3072": By("agency"),
    "RSA-2048 PSS": By("official", Scheme.RSA_PSS),
    "RSA-3072 PSS SHA-512": By("agency", Scheme.RSA_PSS, "sha512"),
    "P-256": By("official-p256", Scheme.ECDSA),
    "P-384": By("official-p384", Scheme.ECDSA, "sha384"),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Every small source by every writer, and the large ones by three."""
    folder = tmp_path_factory.mktemp("written")
    made = {}
    for number, (name, source) in enumerate(SOURCES.items()):
        for place, (way, by) in enumerate(WRITERS.items()):
            if len(source) > 100_000 and way not in ("RSA-2048", "RSA-2048 PSS", "P-256"):
                continue
            if name == "20 MB of rows" and way != "RSA-2048":
                continue
            path = folder / f"{number}-{place}.xml"
            path.write_bytes(signed(source, replace(by, stamped=len(source) < 100)))
            made[name, way] = path
    return made


def test_the_jdk_accepts_all_that_we_write_with_secure_validation(written: dict[tuple[str, str], Path]) -> None:
    """RSA, PSS and both curves; 10 KB, 1 MB and 20 MB; diacritics; default and prefixed namespaces; CRLF."""
    said = jdk_says(list(written.values()))
    assert {name: one.reason for name, one in zip(written, said, strict=True) if one.verdict != "VALID"} == {}


def test_the_jdk_refuses_each_of_them_when_one_letter_of_content_changes(
    written: dict[tuple[str, str], Path], tmp_path: Path
) -> None:
    """So that its acceptance means something."""
    files = []
    for (_name, way), path in written.items():
        if way == "RSA-2048" and path.stat().st_size < 100_000:
            changed = (
                path.read_bytes().replace(b"Ten>", b"Tem>").replace(b"a='1'", b"a='2'").replace(b"so='1'", b"so='2'")
            )
            changed = changed.replace(b"CDATA[<", b"CDATA[ <")
            (tmp_path / path.name).write_bytes(changed)
            files.append(tmp_path / path.name)
    assert [one.verdict for one in jdk_says(files)] == ["INVALID"] * 5


def test_xmlsec1_accepts_what_it_knows(written: dict[tuple[str, str], Path], tmp_path: Path) -> None:
    """All but PSS, which that version does not know, and one text of 20 MB, which it does not read."""
    root = tmp_path / "root.pem"
    root.write_bytes(_pem(pki.certificate("duty-root")))
    for (name, way), path in written.items():
        if "PSS" not in way and name != "20 MB":
            assert xmlsec1_says(path, root) == "OK", (name, way)


def test_libxmlsec_accepts_pss_and_not_after_a_change(written: dict[tuple[str, str], Path]) -> None:
    """The judge for PSS beside the JDK."""
    for way in ("RSA-2048 PSS", "RSA-3072 PSS SHA-512"):
        raw = written["10 KB", way].read_bytes()
        assert verifies(raw, WRITERS[way].signer)
        assert not verifies(raw.replace(b"so='1'", b"so='2'", 1), WRITERS[way].signer)


@pytest.mark.parametrize("way", WRITERS)
@pytest.mark.parametrize("name", [name for name in SOURCES if "MB" not in name])
def test_the_source_is_in_the_signed_file_byte_for_byte(
    written: dict[tuple[str, str], Path], name: str, way: str
) -> None:
    """Signature inserted, nothing else: taking it out gives the source back, and our reader says the same as the judges."""
    source, raw = SOURCES[name], written[name, way].read_bytes()
    start, end = raw.index(b"<ds:Signature "), raw.rindex(b"</ds:Signature>") + len(b"</ds:Signature>")
    without = raw[:start] + raw[end:]
    assert without == source or without.replace(b"></KetQua>", b"/>") == source
    facts = read_xml(raw, LIMITS)
    (found,) = facts.signatures
    assert [one for one in (*facts.observations, *found.observations) if not one.ok] == []
    assert (found.certificate, found.certificate_protected) == (pki.certificate(WRITERS[way].signer), True)
    assert (found.covered.extent, found.level) == ("document", "B-T" if len(source) < 100 else "B-B")


def test_a_stamped_signature_carries_a_token_over_its_value() -> None:
    """The token's imprint is that of the canonical SignatureValue; another signature's token does not fit."""
    raw = signed(SMALL, By(stamped=True))
    (found,) = read_xml(raw, LIMITS).signatures
    (token,) = found.tokens
    assert token.gen_time == pki.NOW
    assert [one for one in token.observations if not one.ok] == []
    wanted = order(By(stamped=True))
    prepared = making.prepare_bytes(wanted, SMALL)
    value = raw_signature("official", prepared.digest, wanted.algorithm)
    foreign = making.signed_bytes(prepared, SMALL, value, pki.stamp(b"other"))
    (token,) = read_xml(foreign, LIMITS).signatures[0].tokens
    assert [one.code for one in token.observations if not one.ok] == ["timestamp_imprint"]


def test_the_three_steps_over_files_write_the_target_whole(tmp_path: Path) -> None:
    """prepare reads, complete writes; the covered bytes are the canonical source."""
    source, target = tmp_path / "in.xml", tmp_path / "out.xml"
    source.write_bytes(SMALL)
    wanted = order(By(name="chu-ky"), source, target)
    prepared = making.prepare(wanted)
    assert not target.exists()
    making.complete(prepared, raw_signature("official", prepared.digest, wanted.algorithm), None)
    assert covered_bytes(target.read_bytes(), LIMITS, "chu-ky") == (
        '<kq:KetQua xmlns:kq="urn:kq" Id="k">\n  <kq:Ten>Nguyễn Thị Ánh</kq:Ten>\n</kq:KetQua>'.encode()
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.xml", "out.xml"]


def test_a_source_that_changed_or_a_foreign_value_is_not_completed() -> None:
    """Between the confirmation and the embedding nothing may be swapped (signing facts 7 C3)."""
    wanted = order()
    prepared = making.prepare_bytes(wanted, SMALL)
    value = raw_signature("official", prepared.digest, wanted.algorithm)
    with pytest.raises(SigningRefused, match="tai_lieu_da_doi"):
        making.signed_bytes(prepared, SMALL + b" ", value, None)
    with pytest.raises(SigningRefused, match="chu_ky_khong_khop"):
        making.signed_bytes(prepared, SMALL, raw_signature("agency", prepared.digest, wanted.algorithm), None)
    stamped = replace(prepared, order=order(By(stamped=True)))
    with pytest.raises(Unusable, match="thieu_dau_thoi_gian"):
        making.signed_bytes(stamped, SMALL, value, None)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"<a>", "xml_khong_doc_duoc"),
        (b"<!DOCTYPE a><a/>", "xml_khong_doc_duoc"),
        ("<?xml version='1.0' encoding='windows-1258'?><a>x</a>".encode("cp1258"), "xml_khong_phai_utf8"),
        (b"<a xmlns='relative'/>", "xml_khong_chuan_hoa"),
        (signed(SMALL), "da_co_chu_ky"),
        (b"<a><Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/></a>", "da_co_chu_ky"),
    ],
)
def test_a_document_that_is_not_to_be_signed_is_refused_by_name(source: bytes, code: str) -> None:
    """Unreadable, another encoding, no canonical form, or a signature in it that ours would break."""
    with pytest.raises(SigningRefused, match=code):
        making.prepare_bytes(order(), source)


def test_weak_digests_are_never_written() -> None:
    """SHA-1 is read under a legacy policy, never written."""
    with pytest.raises(Unusable, match="thuat_toan_yeu"):
        making.prepare_bytes(order(By(digest="sha1")), SMALL)


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
