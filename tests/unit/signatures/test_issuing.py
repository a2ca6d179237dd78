"""Signatures made: in the law's order, refused where our own certificate does not hold, verified before they leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.kit.simulated_authority.conduct import Conduct, OcspConduct, StampConduct, WireConduct
from gateway.cli.demonstration.cast import paper
from gateway.intake.verification import Question
from gateway.signatures.issuing import Wish
from gateway.signatures.pool import Pool
from signing.algorithms import SignatureAlgorithm
from signing.errors import SigningRefused, StampUnavailable
from signing.keys import KeyFile, Signer, open_key
from signing.making import Profile
from signing.model import Evidence, Indication, TrustDomain
from signing.policy import ExpectedSigner
from tests import pki
from tests.unit.signatures.conftest import House


def signer(name: str, tmp_path: Path) -> Signer:
    """A test key with its certificate and chain, from files as operators have them."""
    certificates = tmp_path / f"{name}.pem"
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_der_x509_certificate

    chain = (pki.certificate(name), *pki.chain(name))
    certificates.write_bytes(b"".join(load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in chain))
    return open_key(KeyFile(pki.key_file(name), certificates, shared=True))


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    """An official signs a structured result."""
    source = tmp_path / "ket-qua.xml"
    source.write_text('<KetQua xmlns="urn:x"><MaHoSo>000.00.00.G16-241014-0001</MaHoSo></KetQua>', "utf-8")
    return Wish(
        signer("official", tmp_path),
        frozenset({TrustDomain.PUBLIC_DUTY}),
        Profile.XML_T,
        source,
        tmp_path / "da-ky.xml",
    )


@pytest.mark.parametrize("profile", [Profile.XML_B, Profile.XML_T, Profile.CMS_B, Profile.CMS_T])
async def test_a_signature_is_made_and_judged_by_our_own_verifier(
    profile: Profile, pool: Pool, house: House, wish: Wish
) -> None:
    """R18 in order; the report of what was made goes along."""
    made = await house.issuer(pool).sign(replace(wish, profile=profile))
    assert made.report.conclusion is Indication.TOTAL_PASSED
    assert wish.target.stat().st_size == made.size
    assert house.calls("tsa") == (1 if profile.stamped else 0)
    assert made.report.signatures[0].proven_by.startswith("signature-timestamp" if profile.stamped else "reception")


async def test_a_person_signs_and_then_the_agency_and_both_pass(
    pool: Pool, house: House, wish: Wish, tmp_path: Path
) -> None:
    """A PDF with two signatures, each made behind the one before; the second is refused over a first that does not hold."""
    first = tmp_path / "mot.pdf"
    first.write_bytes(paper("000.00.00.G16-241014-0001"))
    second, third = tmp_path / "hai.pdf", tmp_path / "ba.pdf"
    issuer = house.issuer(pool)
    await issuer.sign(replace(wish, profile=Profile.PDF_T, source=first, target=second))
    sealing = replace(wish, signer=signer("agency", tmp_path), profile=Profile.PDF_B, source=second, target=third)
    made = await issuer.sign(sealing)
    assert [one.indication for one in made.report.signatures] == [Indication.TOTAL_PASSED] * 2
    broken = tmp_path / "hong.pdf"
    broken.write_bytes(second.read_bytes().replace(b"(Giay phep vi du", b"(Giay phep xi du"))
    with pytest.raises(SigningRefused):
        await issuer.sign(replace(sealing, source=broken, target=tmp_path / "bon.pdf"))
    assert not (tmp_path / "bon.pdf").exists()


@pytest.mark.parametrize("name", ["revoked-before", "expired", "not-yet-valid", "wrong-eku"])
async def test_a_certificate_that_does_not_hold_signs_nothing(
    name: str, pool: Pool, house: House, wish: Wish, tmp_path: Path
) -> None:
    """Điều 29: checked before, so that nothing has to be taken back. No stamp is asked for, no file is written."""
    with pytest.raises(SigningRefused) as refused:
        await house.issuer(pool).sign(replace(wish, signer=signer(name, tmp_path)))
    assert refused.value.code == "chung_thu_ky_khong_dat"
    assert house.calls("tsa") == 0
    assert not wish.target.exists()


@pytest.mark.parametrize(
    "conduct",
    [Conduct(wire=WireConduct(redirect="/")), Conduct(ocsp=OcspConduct(status="unknown"))],
    ids=["no answer", "unknown"],
)
async def test_an_unknown_status_signs_nothing(conduct: Conduct, pool: Pool, house: House, wish: Wish) -> None:
    """R22: both valid, or no signature; not knowing is not valid."""
    if conduct.ocsp.status:
        conduct = Conduct(ocsp=conduct.ocsp, crl=replace_forge(conduct))
    house.conduct(conduct)
    with pytest.raises(SigningRefused) as refused:
        await house.issuer(pool).sign(wish)
    assert refused.value.code == "chung_thu_ky_khong_dat"
    assert not wish.target.exists()


def replace_forge(conduct: Conduct):  # type: ignore[no-untyped-def]  # a msgspec row
    """The same lists, forged."""
    import msgspec

    return msgspec.structs.replace(conduct.crl, forge=True)


async def test_a_key_of_the_other_domain_signs_nothing(pool: Pool, house: House, wish: Wish, tmp_path: Path) -> None:
    """R01: a public certificate is no official's, whatever its names."""
    with pytest.raises(SigningRefused):
        await house.issuer(pool).sign(replace(wish, signer=signer("company", tmp_path)))


@pytest.mark.parametrize(
    ("stamp", "family", "code"),
    [
        (StampConduct(refusal="unacceptedPolicy"), StampUnavailable, "dau_thoi_gian_khong_dung_duoc"),
        (StampConduct(other_imprint=True), StampUnavailable, "dau_thoi_gian_khong_dung_duoc"),
        (StampConduct(nonce="other"), StampUnavailable, "dau_thoi_gian_khong_dung_duoc"),
        (StampConduct(forge=True), StampUnavailable, "dau_thoi_gian_khong_dung_duoc"),
        (StampConduct(offset_s=3_600), SigningRefused, "dong_ho_lech"),
        (StampConduct(offset_s=-3_600), SigningRefused, "dong_ho_lech"),
    ],
    ids=["refused", "other imprint", "other nonce", "forged", "clock behind", "clock ahead"],
)
async def test_a_stamp_that_is_not_ours_or_not_now_is_no_stamp(
    stamp: StampConduct, family: type, code: str, pool: Pool, house: House, wish: Wish
) -> None:
    """A -T profile without a sound stamp is not made, and never quietly becomes -B (T5, T7)."""
    house.conduct(Conduct(stamp=stamp))
    with pytest.raises(family) as refused:
        await house.issuer(pool).sign(wish)
    assert refused.value.code == code  # type: ignore[attr-defined]  # both families are SigningError
    assert not wish.target.exists()


class _OtherKey:
    """A token that answers with a signature of another key, as a mixed-up HSM slot does."""

    def __init__(self, own: Signer, other: Signer) -> None:
        self.certificate, self.chain, self.algorithms = own.certificate, own.chain, own.algorithms
        self._other = other

    async def sign(self, digest: bytes, algorithm: SignatureAlgorithm) -> bytes:
        return await self._other.sign(digest, algorithm)


async def test_a_signature_that_does_not_verify_does_not_leave(
    pool: Pool, house: House, wish: Wish, tmp_path: Path
) -> None:
    """What the key gave back is judged like a stranger's file."""
    mixed_up = _OtherKey(wish.signer, signer("revoked-after", tmp_path))
    with pytest.raises(SigningRefused) as refused:
        await house.issuer(pool).sign(replace(wish, signer=mixed_up, profile=Profile.XML_B))
    assert refused.value.code in ("chu_ky_khong_khop", "chu_ky_vua_tao_khong_dat")
    assert not wish.target.exists()


async def test_a_document_that_cannot_take_the_profile_is_told(pool: Pool, house: House, wish: Wish) -> None:
    """An XML signature into something that is no XML."""
    wish.source.write_bytes(b"%PDF-1.4 no XML")
    with pytest.raises(SigningRefused):
        await house.issuer(pool).sign(wish)
    assert not wish.target.exists()


async def test_the_verifier_gives_back_everything_that_it_judged_by(pool: Pool, house: House, wish: Wish) -> None:
    """The line keeps the evidence: the same judgement can be made again without the network, and a change is seen."""
    await house.issuer(pool).sign(wish)
    content = wish.target.read_bytes()
    expected = (ExpectedSigner("person", TrustDomain.PUBLIC_DUTY, identifiers=frozenset({"CCCD:001185000011"})),)
    at = pki.NOW + timedelta(minutes=5)
    examiner = house.examiner(pool)
    judged = await examiner(Question(content, expected, Evidence(), at, ("{urn:x}KetQua/{urn:x}MaHoSo",)))
    assert judged.report.conclusion is Indication.TOTAL_PASSED
    assert judged.named == ("000.00.00.G16-241014-0001",)
    asked = house.calls("ocsp")
    again = await examiner(Question(content, expected, judged.evidence, at))
    assert again.report == judged.report
    assert house.calls("ocsp") == asked
    changed = content.replace(b"0001", b"0002")
    bad = await examiner(Question(changed, expected, Evidence(), at, ("{urn:x}KetQua/{urn:x}MaHoSo",)))
    assert bad.report.conclusion is Indication.TOTAL_FAILED
    assert bad.named == ()
