"""PDF signatures of ours before tools that did not make them: poppler's pdfsig, and openssl on the extracted ranges.

Both lines of pdfsig count: that the signature is valid, and that the whole document is signed (signing facts 8.2(9)). A machine
without the tools skips these tests and says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from signing.algorithms import Scheme, SignatureAlgorithm, algorithm
from signing.making import Profile
from tests import pki
from tests.unit.signing.pdf import kit
from tests.unit.signing.pdf.kit import Signing

pytestmark = pytest.mark.skipif(
    not (shutil.which("pdfsig") and shutil.which("openssl")), reason="judges not installed: pdfsig, openssl"
)

SIZES = {"10 KB": 10_000, "1 MB": 1_000_000, "20 MB": 20_000_000}
KINDS: dict[str, Callable[[dict[int, bytes]], bytes]] = {"1.4 table": kit.classic, "1.5 streams": kit.packed}
SIGNERS: dict[str, tuple[str, SignatureAlgorithm]] = {
    "RSA-2048": ("official", kit.RSA),
    "RSA-2048 PSS": ("official", kit.PSS),
    "RSA-3072": ("agency", kit.RSA),
    "RSA-3072 PSS": ("agency", kit.PSS),
    "P-256": ("official-p256", algorithm(Scheme.ECDSA, "sha256")),
    "P-384": ("official-p384", algorithm(Scheme.ECDSA, "sha384")),
}


@dataclass(frozen=True, slots=True)
class Word:
    """What pdfsig says of one signature."""

    valid: bool
    total: bool
    name: str


def pdfsig(raw: bytes, folder: Path) -> list[Word]:
    """One word for each signature that poppler finds."""
    path = folder / "judged.pdf"
    path.write_bytes(raw)
    said = subprocess.run(
        ["pdfsig", "-nocert", str(path)], capture_output=True, text=True, timeout=60, check=False
    ).stdout
    return [
        Word(
            "Signature Validation: Signature is Valid." in part,
            re.search(r"- Total document signed", part) is not None,
            (re.findall(r"Common Name: (.*)", part) or [""])[0],
        )
        for part in said.split("Signature #")[1:]
    ]


def openssl(raw: bytes, at: int, folder: Path) -> tuple[bool, str]:
    """Whether `openssl cms -verify -cades` takes the CMS of one signature over exactly the bytes of its ranges."""
    ranges = [tuple(map(int, one)) for one in re.findall(rb"/ByteRange\s*\[(\d+) (\d+) (\d+) (\d+)\]", raw)]
    start, gap, resume, length = ranges[at]
    (folder / "content").write_bytes(raw[start:gap] + raw[resume : resume + length])
    (folder / "cms").write_bytes(bytes.fromhex(raw[gap + 1 : resume - 1].decode()))
    (folder / "roots").write_bytes(b"".join(pki.pem(root) for root in ("duty-root", "public-root")))
    (folder / "between").write_bytes(b"".join(pki.pem(name) for name in ("duty-ca", "public-ca")))
    command = ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", str(folder / "cms")]
    command += [
        "-content",
        str(folder / "content"),
        "-CAfile",
        str(folder / "roots"),
        "-certfile",
        str(folder / "between"),
    ]
    command += ["-purpose", "any", "-attime", str(int(pki.NOW.timestamp())), "-out", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", SIGNERS)
def test_every_key_is_taken_by_both_judges(key: str, kind: str, tmp_path: Path) -> None:
    """RSA-2048 and 3072 in PKCS#1 v1.5 and PSS, P-256, P-384; tables and streams; the signer's name with its diacritics."""
    signer, chosen = SIGNERS[key]
    made = kit.signed(KINDS[kind](kit.objects()), tmp_path, Signing(signer, chosen, name="Chữ ký của Nguyễn Thị Ánh"))
    (word,) = pdfsig(made, tmp_path)
    assert (word.valid, word.total) == (True, True)
    subject = x509.load_der_x509_certificate(pki.certificate(signer)).subject
    assert word.name == subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    taken, said = openssl(made, 0, tmp_path)
    assert taken, said


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_size_is_taken_by_both_judges(size: str, kind: str, tmp_path: Path) -> None:
    """10 KB, 1 MB and 20 MB, with a time stamp inside."""
    made = kit.signed(KINDS[kind](kit.objects(filler=SIZES[size])), tmp_path, Signing(profile=Profile.PDF_T))
    assert len(made) > SIZES[size]
    assert [(word.valid, word.total) for word in pdfsig(made, tmp_path)] == [(True, True)]
    taken, said = openssl(made, 0, tmp_path)
    assert taken, said
    assert kit.holds(kit.read(made))


@pytest.mark.parametrize("kind", KINDS)
def test_person_then_agency_are_both_taken(kind: str, tmp_path: Path) -> None:
    """Two signatures: both valid, the second covers the whole document, the first its own revision."""
    first = kit.signed(KINDS[kind](kit.objects()), tmp_path)
    both = kit.signed(first, tmp_path, Signing("agency", profile=Profile.PDF_T))
    assert [(word.valid, word.total) for word in pdfsig(both, tmp_path)] == [(True, False), (True, True)]
    for at in (0, 1):
        taken, said = openssl(both, at, tmp_path)
        assert taken, said


def test_the_judges_refuse_what_was_changed(tmp_path: Path) -> None:
    """A judge that takes everything is none."""
    made = kit.signed(kit.classic(kit.objects()), tmp_path)
    changed = made.replace(b"trang 0", b"trang 9")
    assert [word.valid for word in pdfsig(changed, tmp_path)] == [False]
    assert not openssl(changed, 0, tmp_path)[0]
    longer = kit.appended(made, {30: b"null"})
    assert [(word.valid, word.total) for word in pdfsig(longer, tmp_path)] == [(True, False)]


@pytest.mark.skipif(shutil.which("qpdf") is None, reason="judge not installed: qpdf")
@pytest.mark.parametrize("kind", KINDS)
def test_the_structure_is_sound_to_qpdf(kind: str, tmp_path: Path) -> None:
    """No warning about tables, trailers or objects, after two signatures."""
    both = kit.signed(kit.signed(KINDS[kind](kit.objects()), tmp_path), tmp_path, Signing("agency"))
    (tmp_path / "both.pdf").write_bytes(both)
    done = subprocess.run(["qpdf", "--check", str(tmp_path / "both.pdf")], capture_output=True, text=True, check=False)
    assert (done.returncode, "WARNING" in done.stdout + done.stderr) == (0, False), done.stderr


def test_the_time_stamp_inside_is_taken_by_openssl(tmp_path: Path) -> None:
    """`openssl ts -verify` over the signature value, with the token that stands in the unsigned attributes."""
    made = kit.signed(kit.classic(kit.objects()), tmp_path, Signing(profile=Profile.PDF_T))
    (one,) = kit.read(made).signatures
    (tmp_path / "value").write_bytes(one.signature_value)
    (tmp_path / "stamp").write_bytes(one.tokens[0].token)
    (tmp_path / "roots").write_bytes(pki.pem("duty-root"))
    (tmp_path / "between").write_bytes(pki.pem("duty-ca"))
    command = [
        "openssl",
        "ts",
        "-verify",
        "-token_in",
        "-in",
        str(tmp_path / "stamp"),
        "-data",
        str(tmp_path / "value"),
    ]
    command += ["-CAfile", str(tmp_path / "roots"), "-untrusted", str(tmp_path / "between")]
    command += ["-attime", str(int(pki.NOW.timestamp()))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Verification: OK" in done.stdout + done.stderr, done.stderr
