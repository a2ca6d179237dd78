"""CMS files: what the reader makes of attached and detached, armoured and several signatures, and what openssl says of ours."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.kit.simulated_authority import cms as witness
from signing import der
from signing.algorithms import DIGESTS, Scheme, SignatureAlgorithm, algorithm
from signing.cms import identifiers as ids
from signing.cms.detached import complete, imprint, prepare
from signing.cms.files import content_of, is_cms, read_cms
from signing.errors import Unusable
from signing.making import Order, Profile
from signing.model import Covered, DocumentKind, Facts, SignatureFormat
from signing.policy import ReadingLimits
from tests import pki
from tests.unit.signing.cms.making import (
    CONTENT,
    P256,
    Parts,
    attribute,
    failed_of,
    good_attributes,
    ours,
    raw_signature,
)

PADDINGS = (Scheme.RSA_PKCS1, Scheme.RSA_PSS)
ALGORITHMS = [
    *(("official", algorithm(scheme, "sha256")) for scheme in PADDINGS),
    *(("agency", algorithm(scheme, digest)) for scheme in PADDINGS for digest in ("sha256", "sha512")),
    ("official-p256", P256),
    ("official-p384", algorithm(Scheme.ECDSA, "sha384")),
]


def _failed(facts: Facts) -> set[str]:
    signatures = [failed_of(one.observations) for one in facts.signatures]
    tokens = [failed_of(token.observations) for one in facts.signatures for token in one.tokens]
    return failed_of(facts.observations).union(*signatures, *tokens)


def _pem(*certificates: bytes) -> bytes:
    return b"".join(x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in certificates)


def _openssl_accepts(folder: Path, signature: Path, content: Path) -> bool:
    (folder / "root.pem").write_bytes(_pem(pki.certificate("duty-root"), pki.certificate("duty-root-2")))
    command = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", str(signature)]
    command += ["-content", str(content), "-CAfile", "root.pem", "-purpose", "any", "-out", "out"]
    command += ["-attime", str(int(pki.NOW.timestamp()))]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0 and "CAdES Verification successful" in done.stderr


def _order(folder: Path, name: str, chosen: SignatureAlgorithm, content: bytes, profile: Profile) -> Order:
    (folder / "kết quả.dat").write_bytes(content)
    source, target = folder / "kết quả.dat", folder / "kết quả.dat.p7s"
    return Order(profile, source, target, pki.certificate(name), pki.chain(name), chosen, pki.NOW)


def _sign(order: Order, name: str) -> None:
    prepared = prepare(order)
    value = raw_signature(name, order.algorithm, prepared.digest)
    token = None
    if order.profile.stamped:
        assert imprint(prepared, value, "sha256") == hashlib.sha256(value).digest()
        token = pki.stamp(value)
    complete(prepared, value, token)


@pytest.mark.parametrize("size", [10_240, 1_048_576, 20_971_520])
@pytest.mark.parametrize(("name", "chosen"), ALGORITHMS)
def test_what_we_sign_passes_openssl_and_our_reader_at_every_size(
    tmp_path: Path, size: int, name: str, chosen: SignatureAlgorithm
) -> None:
    """P-CMS-T by every key and padding, 10 KB to 20 MB: openssl verifies it as CAdES, and no check of ours fails."""
    content = hashlib.shake_128(name.encode()).digest(65_536) * (size // 65_536 or 1)
    content = content[:size]
    order = _order(tmp_path, name, chosen, content, Profile.CMS_T)
    _sign(order, name)
    assert _openssl_accepts(tmp_path, order.target, order.source)
    raw = order.target.read_bytes()
    facts = read_cms(raw, content)
    assert _failed(facts) == set()
    (signature,) = facts.signatures
    assert (signature.format, signature.level, signature.id) == (SignatureFormat.CADES, "B-T", "#1")
    assert signature.certificate == pki.certificate(name) and signature.claimed_time == pki.NOW
    assert signature.covered == Covered("detached", ((0, size),), sha256=hashlib.sha256(content).hexdigest())
    assert signature.tokens[0].gen_time == pki.NOW
    changed = bytearray(content)
    changed[size // 2] ^= 1
    order.source.write_bytes(changed)
    assert not _openssl_accepts(tmp_path, order.target, order.source)
    told = read_cms(raw, bytes(changed))
    assert _failed(told) == {"content_digest", "coverage"}
    assert told.signatures[0].covered == Covered("none")


def test_the_stamp_in_what_we_write_passes_openssl(tmp_path: Path) -> None:
    """`openssl ts -verify` finds the token to be over the signature value."""
    order = _order(tmp_path, "official", ALGORITHMS[0][1], CONTENT, Profile.CMS_T)
    _sign(order, "official")
    (signature,) = read_cms(order.target.read_bytes(), CONTENT).signatures
    (tmp_path / "token").write_bytes(signature.tokens[0].token)
    (tmp_path / "value").write_bytes(signature.signature_value)
    (tmp_path / "root.pem").write_bytes(_pem(pki.certificate("duty-root")))
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-data", "value", "-CAfile", "root.pem"]
    command += ["-attime", str(int(pki.NOW.timestamp()))]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_a_stamp_profile_is_not_completed_without_its_stamp(tmp_path: Path) -> None:
    """-T without a token would be -B under another name: refused, and no file appears; -B writes one."""
    order = _order(tmp_path, "official-p256", P256, CONTENT, Profile.CMS_T)
    prepared = prepare(order)
    with pytest.raises(Unusable, match="thieu_dau_thoi_gian"):
        complete(prepared, b"", None)
    assert not order.target.exists()
    _sign(replace(order, profile=Profile.CMS_B), "official-p256")
    facts = read_cms(order.target.read_bytes(), CONTENT)
    assert _failed(facts) == set() and facts.signatures[0].level == "B-B"


def test_files_that_cannot_be_read_or_written_are_said_and_leave_nothing(tmp_path: Path) -> None:
    """A missing source and a missing folder are unusable; no draft stays behind."""
    order = _order(tmp_path, "official-p256", P256, CONTENT, Profile.CMS_B)
    with pytest.raises(Unusable, match="khong_doc_duoc_tep"):
        prepare(replace(order, source=tmp_path / "absent"))
    prepared = prepare(replace(order, target=tmp_path / "absent" / "x.p7s"))
    with pytest.raises(Unusable, match="khong_ghi_duoc_tep"):
        complete(prepared, b"value", None)
    (tmp_path / "folder").mkdir()
    with pytest.raises(Unusable, match="khong_ghi_duoc_tep"):
        complete(prepare(replace(order, target=tmp_path / "folder")), b"value", None)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "kết quả.dat"]


OPENSSL_FORMS = {
    "DER": ["-outform", "DER"],
    "PEM": ["-outform", "PEM"],
    "streamed": ["-outform", "DER", "-stream"],
    "without attributes": ["-outform", "DER", "-noattr"],
    "key identifier": ["-outform", "DER", "-keyid"],
    "CAdES": ["-outform", "DER", "-cades"],
    "PSS": ["-outform", "DER", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:digest"],
}


@pytest.mark.parametrize(
    ("form", "attached"),
    [(form, attached) for form in OPENSSL_FORMS for attached in (True, False) if attached or form != "streamed"],
)
def test_what_openssl_signs_is_read(tmp_path: Path, form: str, attached: bool) -> None:
    """Every form that openssl writes, attached or detached: read, covered, and refused when the content is another."""
    options = OPENSSL_FORMS[form]
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "signer.pem").write_bytes(_pem(pki.certificate("official")))
    command = ["openssl", "cms", "-sign", "-binary", "-md", "sha256", "-in", "content", "-out", "signed"]
    command += ["-signer", "signer.pem", "-inkey", str(pki.key_file("official")), *options]
    command += ["-nodetach"] if attached else []
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    raw = (tmp_path / "signed").read_bytes()
    facts = read_cms(raw, None if attached else CONTENT)
    assert _failed(facts) == ({"cms_encoding"} if form == "streamed" else set())  # streams have indefinite lengths
    (signature,) = facts.signatures
    assert signature.certificate == pki.certificate("official")
    assert signature.format is (SignatureFormat.CADES if form == "CAdES" else SignatureFormat.CMS)
    assert signature.covered.extent == ("document" if attached else "detached")
    assert signature.covered.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert is_cms(raw) and content_of(raw) == (CONTENT if attached else None)
    for start, end in signature.covered.ranges if attached else ():
        assert raw[start:end] == CONTENT
    if not attached:
        told = _failed(read_cms(raw, CONTENT[1:]))
        assert told & {"content_digest", "signature_value"} and "coverage" in told


def _attached(content: bytes = CONTENT) -> bytes:
    order = witness.Signing(content, pki.certificate("official"), (pki.certificate("official"),))
    return witness.wrap(witness.sign(order, pki.key("official")))


def test_the_range_of_an_attached_content_is_exact_even_where_its_bytes_stand_elsewhere_too() -> None:
    """A content of one octet that also stands in the header is found where it was signed."""
    raw = _attached(b"\x06")
    ((start, end),) = read_cms(raw).signatures[0].covered.ranges
    assert raw[start:end] == b"\x06" and raw[start - 2 : start] == b"\x04\x01"
    empty = read_cms(_attached(b""))
    assert _failed(empty) == set() and empty.signatures[0].covered.sha256 == hashlib.sha256(b"").hexdigest()


def test_armour_is_read_strictly() -> None:
    """PEM with one block, or bare base64 with any line length; words around it, two blocks, or another label are not CMS."""
    text = base64.encodebytes(_attached())
    for armoured in (
        text,
        text.replace(b"\n", b""),
        b"-----BEGIN CMS-----\n" + text + b"-----END CMS-----\n",
        b"-----BEGIN PKCS7-----\r\n" + text.replace(b"\n", b"\r\n") + b"-----END PKCS7-----\r\n",
    ):
        facts = read_cms(armoured)
        assert _failed(facts) == set() and facts.signatures[0].covered.ranges == ()
        assert facts.kind is DocumentKind.CMS and facts.size == len(armoured) and is_cms(armoured)
        assert content_of(armoured) == CONTENT
    block = b"-----BEGIN CMS-----\n" + text + b"-----END CMS-----\n"
    for wrong in (
        b"Kinh gui\n" + block,
        block + block,
        block.replace(b"END CMS", b"END PKCS7"),
        block.replace(b"CMS", b"CERTIFICATE"),
        text[:-5] + b"\n",
        text.replace(b"A", b"!", 1),
        b"",
        b"   ",
    ):
        facts = read_cms(wrong)
        assert "well_formed" in _failed(facts) and facts.signatures == () and content_of(wrong) is None
    for other in (b"%PDF-1.7", b"<a/>", b"0123", b"-----BEGIN X-----\n!!!!", der.sequence(der.encode_oid(ids.DATA))):
        assert not is_cms(other)


def test_each_signer_has_facts_of_its_own() -> None:
    """Two signers, one of whose values is wrong: one signature covers the content, the other covers nothing."""
    body = der.children(der.sole(der.children(der.element(ours()))[1]))
    other = der.children(
        der.sole(der.children(der.element(ours("official-p384", algorithm(Scheme.ECDSA, "sha384"))))[1])
    )
    broken = replace(Parts(signed=tuple(good_attributes().values())), value=b"\x30\x00").message()
    wrong = der.children(der.sole(der.children(der.element(broken))[1]))
    digests = der.set_of(one.content for one in (body[1], other[1]))
    certificates = der.encode(0xA0, body[3].content + other[3].content)
    signers = der.encode(der.SET, body[4].content + other[4].content + wrong[4].content)
    message = der.sequence(
        der.encode_oid(ids.SIGNED_DATA),
        der.encode(0xA0, der.sequence(body[0].raw, digests, body[2].raw, certificates, signers)),
    )
    facts = read_cms(message, CONTENT)
    assert [one.id for one in facts.signatures] == ["#1", "#2", "#3"]
    assert [failed_of(one.observations) for one in facts.signatures] == [set(), set(), {"signature_value", "coverage"}]
    assert [one.covered.extent for one in facts.signatures] == ["detached", "detached", "none"]
    assert facts.signatures[1].certificate == pki.certificate("official-p384")


def test_limits_come_before_everything_else() -> None:
    """Too many bytes, signers or certificates: one failed check, no signature is even looked at."""
    limits = ReadingLimits(max_bytes=100)
    assert _failed(read_cms(ours(), CONTENT, limits)) == {"limits"}
    many = replace(Parts(), signers=3).message()
    assert _failed(read_cms(many, CONTENT, ReadingLimits(max_signatures=2))) == {"limits"}
    assert _failed(read_cms(ours(), CONTENT, ReadingLimits(max_certificates=1))) == {"limits"}
    assert read_cms(ours(), CONTENT, ReadingLimits(max_certificates=1)).signatures == ()


def _bombs() -> dict[str, bytes]:
    tokens = attribute(ids.SIGNATURE_TIME_STAMP, *[pki.stamp(b"khac")] * 16)
    many = tuple(attribute("1.2.3", b"\x05\x00" * 60) for _ in range(64))
    certificate = pki.certificate("official-p256")
    twins = b"".join(certificate[:-1] + bytes((last,)) for last in range(4))
    name = der.sequence(der.sequence(bytes(1_900_000)), der.encode_integer(1))
    return {
        "32 signers with 16 stamps each": replace(Parts(), unsigned=(tokens,), signers=32).message(),
        "32 signers with 64 attributes of 60 values": replace(Parts(), unsigned=many, signers=32).message(),
        "32 signers that four certificates answer to": replace(
            Parts(), certificates=der.encode(0xA0, twins), signers=32
        ).message(),
        "33 signers": replace(Parts(), signers=33).message(),
        "300 certificates": replace(Parts(), certificates=der.encode(0xA0, certificate * 300)).message(),
        "a name of two megabytes": replace(Parts(), identifier=name).message(),
        "a million values in BER": b"\x30\x80" * 30 + b"\x05\x00" * 950_000,
        "two megabytes of blanks": b"A" + b" " * 2_000_000,
        "armour without an end": b"-----BEGIN CMS-----\n" + b"A\n" * 1_000_000,
        "blanks before armour": b"\n" * 2_000_000 + b"-----BEGIN CMS-----\n",
    }


BOMBS = _bombs()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.timeout(30)
def test_a_hostile_file_costs_little_and_proves_nothing(bomb: str) -> None:
    """About 2 MB, beside another file than it may have signed: under five seconds of processor time, and nothing is covered."""
    assert len(BOMBS[bomb]) < 2_100_000
    before = time.process_time()
    facts = read_cms(BOMBS[bomb], CONTENT[1:])
    assert _failed(facts) and {one.covered.extent for one in facts.signatures} <= {"none"}
    assert time.process_time() - before < 5.0


def test_content_inside_and_outside_must_be_the_same() -> None:
    """Whoever hands in a file beside a signature that holds its own content must not be told that the file is signed."""
    assert _failed(read_cms(_attached(), CONTENT)) == set()
    assert _failed(read_cms(_attached(), CONTENT + b".")) == {"cms_content_place"}


def test_a_detached_signature_without_its_file_covers_nothing() -> None:
    """The signed data is missing: said as such, and neither digest, value nor coverage is claimed."""
    facts = read_cms(ours())
    assert _failed(facts) == {"signed_data_present"}
    held = {seen.code for seen in facts.signatures[0].observations if seen.ok}
    assert not held & {"content_digest", "signature_value", "coverage"}
    assert facts.signatures[0].covered == Covered("none")


def _with_unsigned(*attributes: bytes, crls: bytes = b"", signed: dict[str, bytes] | None = None) -> Facts:
    values = {**good_attributes(), **(signed or {})}
    parts = Parts(signed=tuple(values.values()), unsigned=attributes, crls=crls)
    return read_cms(parts.message(), CONTENT)


def test_the_level_is_what_the_structure_claims() -> None:
    """B-T with a stamp, B-LT with status values beside it, B-LTA with an archive stamp, which is remarked as not judged."""
    value = read_cms(Parts(signed=tuple(good_attributes().values()), value=b"\x30\x00").message(), CONTENT)
    assert value.signatures[0].level == "B-B"
    stamp = attribute(ids.SIGNATURE_TIME_STAMP, pki.stamp(b"not this value"))
    stamped = _with_unsigned(stamp)
    assert stamped.signatures[0].level == "B-T" and _failed(stamped) == {"timestamp_imprint"}
    long_term = _with_unsigned(stamp, crls=der.encode(0xA1, pki.crl("duty-ca")))
    assert long_term.signatures[0].level == "B-LT" and long_term.crls == (pki.crl("duty-ca"),)
    archived = _with_unsigned(attribute(ids.ARCHIVE_TIME_STAMPS[0], pki.stamp(b"")))
    assert archived.signatures[0].level == "B-LTA" and _failed(archived) == {"cms_archive_judged"}


def test_a_content_stamp_is_held_against_the_content() -> None:
    """A content time stamp proves that the content existed before it was signed; over other content it proves nothing."""
    at = pki.NOW - timedelta(days=1)
    for content, expected in ((CONTENT, set()), (b"khac", {"timestamp_imprint"})):
        token = attribute(ids.CONTENT_TIME_STAMP, pki.stamp(content, at=at))
        facts = _with_unsigned(signed={ids.CONTENT_TIME_STAMP: token})
        assert _failed(facts) == expected
        (stamp,) = facts.signatures[0].tokens
        assert (stamp.kind, stamp.gen_time) == ("content", at)


def test_a_plain_signature_has_no_level() -> None:
    """Without a signed certificate identifier it is CMS and no CAdES."""
    facts = read_cms(Parts().message(), CONTENT)
    assert (facts.signatures[0].format, facts.signatures[0].level) == (SignatureFormat.CMS, "")
    assert facts.signatures[0].algorithms[0].name == DIGESTS["sha256"].name
