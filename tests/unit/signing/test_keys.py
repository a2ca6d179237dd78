"""Keys in files: opened once, closed to others, with a certificate of their own, and signing what their public half verifies."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, pkcs12

from signing.algorithms import Scheme, algorithm, verifies
from signing.errors import Unusable
from signing.keys import FileSigner, KeyFile, Signer, chain_above, open_key
from tests import pki

PASSPHRASE = "mật khẩu thử nghiệm".encode()


def _pem(*certificates: bytes) -> bytes:
    return b"".join(x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in certificates)


def _write(path: Path, *contents: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(b"".join(contents))
    path.chmod(mode)
    return path


def _pkcs12(folder: Path, name: str, *others: bytes, passphrase: bytes | None = PASSPHRASE) -> Path:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    bag = pkcs12.serialize_key_and_certificates(
        b"khoa", pki.key(name), x509.load_der_x509_certificate(pki.certificate(name)),
        [x509.load_der_x509_certificate(one) for one in others], encryption,
    )  # fmt: skip
    return _write(folder / f"{name}.p12", bag)


def _holds(signer: Signer) -> None:
    public = x509.load_der_x509_certificate(signer.certificate).public_key()
    for chosen in signer.algorithms:
        digest = chosen.digest.of(b"ket qua")
        assert verifies(public, chosen, digest, asyncio.run(signer.sign(digest, chosen)))


@pytest.mark.parametrize("name", ["official", "agency", "official-p256", "official-p384"])
def test_a_pkcs12_file_gives_a_signer_with_its_certificate_and_chain(tmp_path: Path, name: str) -> None:
    """RSA 2048 and 3072, P-256 and P-384: each signs by everything it offers; the root and strangers stay out of the chain."""
    root, stranger = pki.certificate("duty-root"), pki.certificate("public-ca")
    path = _pkcs12(tmp_path, name, root, stranger, *pki.chain(name))
    signer = open_key(KeyFile(path), PASSPHRASE)
    assert signer.certificate == pki.certificate(name) and signer.chain == pki.chain(name)
    assert signer.algorithms[0].digest.name == ("sha384" if name == "official-p384" else "sha256")
    _holds(signer)


def test_a_pem_file_may_hold_key_and_certificates_or_the_key_alone(tmp_path: Path) -> None:
    """One file, or two; PKCS#8 open or under a passphrase; certificates as PEM or DER."""
    key = pki.key_file("official").read_bytes()
    chain = (pki.certificate("official"), *pki.chain("official"))
    both = open_key(KeyFile(_write(tmp_path / "ca hai.pem", key, _pem(*chain))))
    assert (both.certificate, both.chain) == (chain[0], chain[1:])
    certificates = _write(tmp_path / "chung thu.pem", _pem(*chain), mode=0o644)
    alone = open_key(KeyFile(_write(tmp_path / "khoa.pem", key), certificates))
    assert (alone.certificate, alone.chain) == (chain[0], chain[1:])
    locked = pki.key("official").private_bytes(
        Encoding.PEM, serialization.PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)
    )
    plain = _write(tmp_path / "chung thu.cer", chain[0], mode=0o644)
    under = open_key(KeyFile(_write(tmp_path / "khoa kin.pem", locked), plain), PASSPHRASE)
    assert (under.certificate, under.chain) == (chain[0], ())
    _holds(under)


def test_a_key_file_that_others_may_read_is_refused_unless_that_is_wanted(tmp_path: Path) -> None:
    """Group or world: refused with the mode to set; `shared` says that somebody knows."""
    content = (pki.key_file("official-p256").read_bytes(), _pem(pki.certificate("official-p256")))
    for mode in (0o640, 0o604, 0o660):
        path = _write(tmp_path / "khoa.pem", *content, mode=mode)
        with pytest.raises(Unusable, match="0600"):
            open_key(KeyFile(path))
        assert open_key(KeyFile(path, shared=True)).certificate == pki.certificate("official-p256")


def _other(key: object) -> bytes:
    assert isinstance(key, dsa.DSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey)
    return key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, NoEncryption())


def test_what_cannot_be_a_signer_is_refused_with_its_reason_and_without_the_passphrase(tmp_path: Path) -> None:
    """Absent, broken, wrong passphrase, two keys, none, another's certificate, none, weak, or of another kind."""
    key = pki.key_file("official").read_bytes()
    own, other = _pem(pki.certificate("official")), _pem(pki.certificate("agency"))
    locked = _pkcs12(tmp_path, "official").read_bytes()
    weak = (pki.key_file("weak-1024").read_bytes(), _pem(pki.certificate("weak-1024")))
    curve = ec.generate_private_key(ec.SECP256K1())
    cases: list[tuple[str, tuple[bytes, ...], str]] = [
        ("hong.p12", (b"\x30\x03\x02\x01\x03",), "khoa_khong_mo_duoc"),
        ("sai.p12", (locked,), "khoa_khong_mo_duoc"),
        ("hong.pem", (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",), "khoa_khong_mo_duoc"),
        ("hai.pem", (key, key, own), "tep_khoa_khong_mot_khoa"),
        ("khong.pem", (own,), "tep_khoa_khong_mot_khoa"),
        ("khac.pem", (key, other), "chung_thu_khong_khop_khoa"),
        ("thieu.pem", (key,), "chung_thu_khong_khop_khoa"),
        (
            "chung thu hong.pem",
            (key, b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"),
            "chung_thu_khong_doc_duoc",
        ),
        (
            "chung thu la.pem",
            (key, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
            "chung_thu_khong_khop",
        ),
        ("yeu.pem", weak, "khoa_qua_yeu"),
        ("ed25519.pem", (_other(ed25519.Ed25519PrivateKey.generate()),), "khoa_khong_ho_tro"),
    ]
    for name, contents, code in cases:
        with pytest.raises(Unusable, match=code) as refused:
            open_key(KeyFile(_write(tmp_path / name, *contents)), b"not the passphrase" if "sai" in name else None)
        assert "not the passphrase" not in str(refused.value)
    with pytest.raises(Unusable, match="tep_khoa_khong_doc_duoc"):
        open_key(KeyFile(tmp_path / "absent.p12"))
    with pytest.raises(Unusable, match="khoa_qua_yeu"):
        FileSigner(curve, b"", ())


def test_two_copies_of_one_certificate_are_one_and_two_certificates_of_one_key_are_too_many(tmp_path: Path) -> None:
    """A key with two certificates must not pick one by itself: which one signs is the operator's to say."""
    key, certificate = pki.key_file("official-p256").read_bytes(), pki.certificate("official-p256")
    twin = certificate[:-1] + bytes((certificate[-1] ^ 1,))
    assert open_key(KeyFile(_write(tmp_path / "a.pem", key, _pem(certificate, certificate)))).certificate == certificate
    with pytest.raises(Unusable, match="chung_thu_khong_khop_khoa"):
        open_key(KeyFile(_write(tmp_path / "b.pem", key, _pem(certificate, twin))))


def test_a_signer_is_asked_only_for_what_it_can() -> None:
    """Another scheme, or a digest of another length, is refused before the key is touched."""
    signer = FileSigner(pki.key("official-p256"), pki.certificate("official-p256"), ())
    with pytest.raises(Unusable, match="khoa_khong_ho_tro_thuat_toan"):
        asyncio.run(signer.sign(bytes(32), algorithm(Scheme.RSA_PKCS1, "sha256")))
    with pytest.raises(Unusable, match="gia_tri_bam_sai_do_dai"):
        asyncio.run(signer.sign(bytes(31), algorithm(Scheme.ECDSA, "sha256")))


def test_a_key_does_not_leave_its_process_and_is_not_shown() -> None:
    """Pickling is how a key would wander into a worker process; its text shows nothing of it."""
    signer = FileSigner(pki.key("official"), pki.certificate("official"), pki.chain("official"))
    with pytest.raises(TypeError, match="stays"):
        pickle.dumps(signer)
    assert repr(signer) == "FileSigner(1 above)"


def test_many_signatures_at_once_are_all_right() -> None:
    """Fifty RSA signatures in threads, each over its own digest."""
    signer = FileSigner(pki.key("official"), pki.certificate("official"), ())
    chosen = signer.algorithms[0]
    digests = [chosen.digest.of(bytes((number,))) for number in range(50)]

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(signer.sign(digest, chosen) for digest in digests))

    values = asyncio.run(all_of_them())
    public = x509.load_der_x509_certificate(signer.certificate).public_key()
    assert all(verifies(public, chosen, digest, value) for digest, value in zip(digests, values, strict=True))


def test_a_chain_that_runs_in_circles_ends() -> None:
    """Two cross-signed roots name each other; each stands once at most, and what is no certificate is passed over."""
    pool = [
        pki.certificate("duty-root-1-by-2"),
        pki.certificate("duty-root-2-by-1"),
        b"\x30\x00",
        *pki.chain("official"),
    ]
    chain = chain_above(pki.certificate("official"), pool)
    assert len(chain) == len(set(chain)) <= 8 and chain[0] == pki.chain("official")[0]
    assert chain_above(b"not a certificate", pool) == ()
