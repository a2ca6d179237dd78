"""Keys on a PKCS#11 token: a real SoftHSM2 with its tokens in a temporary folder, never those of the machine."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest
from cryptography import x509
from pkcs11 import Attribute, CertificateType, ObjectClass
from pkcs11 import exceptions as faults

from signing import token as door
from signing.algorithms import Scheme, algorithm, verifies
from signing.errors import KeyUnavailable, SigningError, Unusable
from signing.token import TokenKey, open_token
from tests import pki

LIBRARIES = [Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/pkcs11/libsofthsm2.so")]
LIBRARY = next((one.resolve() for one in LIBRARIES if one.exists()), None)
PIN, OFFICER = "918273", "564738"
KEYS = {"official": "01", "agency": "02", "official-p256": "03", "official-p384": "04"}

pytestmark = pytest.mark.skipif(
    LIBRARY is None or shutil.which("softhsm2-util") is None, reason="SoftHSM2 is not installed"
)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tokens with the keys of four signers: "kho" also holds certificates, "khac" has another PIN, "doi" stands twice."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    for label in ("kho", "khac", "doi", "doi"):
        _run("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", OFFICER)
    for name, number in KEYS.items():
        _import("kho", name, number)
    _import("kho", "official-2", "05", label="trung")
    _import("kho", "citizen-cmnd", "06", label="trung")
    _import("khac", "official-p256", "03")
    assert LIBRARY is not None
    module = pkcs11.lib(str(LIBRARY))
    with module.get_token(token_label="kho").open(rw=True, user_pin=PIN) as session:
        for name, number in KEYS.items():
            for at, value in enumerate((pki.certificate(name), *pki.chain(name))):
                _store(session, value, bytes.fromhex(number if at == 0 else f"a{at}"))
        twin = pki.certificate("citizen-cmnd")
        for last in (twin, twin[:-1] + bytes((twin[-1] ^ 1,))):
            _store(session, last, b"\x06")
    yield folder
    module.finalize()
    door._lines.clear()
    os.environ.pop("SOFTHSM2_CONF")
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


def _run(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


def _import(token: str, name: str, number: str, label: str = "") -> None:
    key = str(pki.key_file(name))
    _run("--import", key, "--token", token, "--label", label or name, "--id", number, "--pin", PIN)


def _store(session: pkcs11.Session, value: bytes, number: bytes) -> None:
    certificate = x509.load_der_x509_certificate(value)
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
            Attribute.TOKEN: True,
            Attribute.ID: number,
            Attribute.SUBJECT: certificate.subject.public_bytes(),
            Attribute.VALUE: value,
        }
    )


def _place(name: str, **changes: object) -> TokenKey:
    assert LIBRARY is not None
    place = TokenKey(LIBRARY, token_label="kho", key_label=name)
    return replace(place, **changes)  # type: ignore[arg-type] # any field


def _verified(signer: door.TokenSigner, content: bytes = b"ket qua") -> None:
    public = x509.load_der_x509_certificate(signer.certificate).public_key()
    for chosen in signer.algorithms:
        digest = chosen.digest.of(content)
        assert verifies(public, chosen, digest, asyncio.run(signer.sign(digest, chosen)))


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_found_by_label_with_its_certificate_and_chain_on_the_token(name: str) -> None:
    """RSA by DigestInfo and PSS, ECDSA in DER: everything that is offered is signed and verifies."""
    signer = asyncio.run(open_token(_place(name), PIN))
    assert signer.certificate == pki.certificate(name) and signer.chain == pki.chain(name)
    expected = 6 if name in ("official", "agency") else 3
    assert len(signer.algorithms) == expected
    _verified(signer)


@pytest.mark.usefixtures("tokens")
def test_a_key_may_be_chosen_by_its_number_and_its_certificate_handed_in() -> None:
    """CKA_ID instead of the label, the token by its serial number, the certificate from elsewhere."""
    assert LIBRARY is not None
    serial = pkcs11.lib(str(LIBRARY)).get_token(token_label="kho").serial.decode("ascii")
    place = TokenKey(LIBRARY, token_serial=serial, key_id=b"\x03")
    certificates = (pki.certificate("official-p256"), *pki.chain("official-p256"))
    signer = asyncio.run(open_token(place, PIN, certificates))
    assert (signer.certificate, signer.chain) == (certificates[0], certificates[1:])
    _verified(signer)


def test_a_library_has_one_thread_by_whatever_path(tokens: Path) -> None:
    """A second path to the same library would be a second thread in it, which it does not allow."""
    assert LIBRARY is not None
    (tokens / "lib.so").symlink_to(LIBRARY)
    signer = asyncio.run(open_token(_place("official-p256", library=tokens / "lib.so"), PIN))
    assert signer._line is door._line_of(LIBRARY)
    _verified(signer)


@pytest.mark.usefixtures("tokens")
def test_many_callers_share_one_token() -> None:
    """Two signers, two hundred signatures at once from one loop, and a second loop in another thread: each value is right."""
    rsa, curve = (asyncio.run(open_token(_place(name), PIN)) for name in ("official", "official-p256"))

    async def burst(signer: door.TokenSigner, mark: int) -> list[bool]:
        chosen = signer.algorithms[0]
        public = x509.load_der_x509_certificate(signer.certificate).public_key()
        digests = [chosen.digest.of(bytes((mark, number))) for number in range(100)]
        values = await asyncio.gather(*(signer.sign(digest, chosen) for digest in digests))
        return [verifies(public, chosen, digest, value) for digest, value in zip(digests, values, strict=True)]

    async def both() -> list[bool]:
        one, other = await asyncio.gather(burst(rsa, 1), burst(curve, 2))
        return one + other

    found: list[bool] = []
    beside = threading.Thread(target=lambda: found.extend(asyncio.run(burst(curve, 3))))
    beside.start()
    found.extend(asyncio.run(both()))
    beside.join()
    assert len(found) == 300 and all(found)


@pytest.mark.usefixtures("tokens")
def test_a_lost_session_is_opened_again_within_the_same_request() -> None:
    """The session is closed behind our back, then everybody is logged out: the next signature comes all the same."""
    place = _place("official-p256")
    signer = asyncio.run(open_token(place, PIN))
    line = door._line_of(place.library)
    line._logins[("kho", "")].session.close()
    _verified(signer)
    assert LIBRARY is not None
    pkcs11.lib(str(LIBRARY)).reinitialize()
    _verified(signer)


def test_a_token_that_is_taken_away_makes_the_key_unavailable_and_coming_back_makes_it_good(tokens: Path) -> None:
    """No token, no signature, and the reason for people; with the token back the same signer signs again."""
    signer = asyncio.run(open_token(_place("official-p256"), PIN))
    chosen = signer.algorithms[0]
    assert LIBRARY is not None
    module = pkcs11.lib(str(LIBRARY))
    try:
        (tokens / "tokens").rename(tokens / "away")
        (tokens / "tokens").mkdir()
        module.reinitialize()
        for _ in range(2):
            with pytest.raises(KeyUnavailable, match="khong_thay_thiet_bi"):
                asyncio.run(signer.sign(bytes(32), chosen))
    finally:
        (tokens / "tokens").rmdir()
        (tokens / "away").rename(tokens / "tokens")
        module.reinitialize()
    _verified(signer)


def test_a_wrong_pin_is_tried_once_and_never_again(tokens: Path) -> None:
    """A token locks after a few wrong PINs: the second request does not reach it; the right PIN still opens it."""
    place = _place("official-p256", token_label="khac", key_id=b"\x03", key_label="")
    for _ in range(12):
        with pytest.raises(KeyUnavailable, match="pin_bi_tu_choi") as refused:
            asyncio.run(open_token(place, "000000", [pki.certificate("official-p256")]))
        assert "000000" not in str(refused.value)
    signer = asyncio.run(open_token(place, PIN, [pki.certificate("official-p256")]))
    _verified(signer)
    with pytest.raises(KeyUnavailable, match="pin_bi_tu_choi"):
        asyncio.run(open_token(place, "111111", [pki.certificate("official-p256")]))


@pytest.mark.usefixtures("tokens")
def test_what_cannot_be_found_on_a_token_is_said() -> None:
    """No such token, two of one name, no such key, two keys, no certificate, two, a certificate of another kind, no library."""
    assert LIBRARY is not None
    own = [pki.certificate("official")]
    cases: list[tuple[TokenKey, list[bytes], type[SigningError], str]] = [
        (_place("official", token_label="vang"), [], KeyUnavailable, "khong_thay_thiet_bi"),
        (_place("official", token_label="doi"), [], Unusable, "thiet_bi_khong_duy_nhat"),
        (_place("khong co"), [], Unusable, "khoa_khong_duy_nhat"),
        (_place("trung"), [], Unusable, "khoa_khong_duy_nhat"),
        (_place("trung", key_id=b"\x05"), [], Unusable, "thieu_chung_thu_tren_thiet_bi"),
        (_place("trung", key_id=b"\x06"), [], Unusable, "thieu_chung_thu_tren_thiet_bi"),
        (_place("official-p256"), own, Unusable, "chung_thu_khong_khop_khoa"),
        (_place("official"), [b"not a certificate"], Unusable, "chung_thu_khong_doc_duoc"),
        (_place("official", library=Path("/nowhere/lib.so")), [], Unusable, "thu_vien_pkcs11"),
    ]
    for place, certificates, family, code in cases:
        with pytest.raises(family, match=code):
            asyncio.run(open_token(place, PIN, certificates))


@pytest.mark.usefixtures("tokens")
def test_a_value_that_the_certificate_does_not_verify_is_not_given_out() -> None:
    """The certificate of another RSA key was handed in: nobody gets a signature that fails at the receiver."""
    signer = asyncio.run(open_token(_place("official"), PIN, [pki.certificate("official-2")]))
    with pytest.raises(KeyUnavailable, match="khoa_khong_khop_chung_thu"):
        asyncio.run(signer.sign(bytes(32), algorithm(Scheme.RSA_PKCS1, "sha256")))


@pytest.mark.usefixtures("tokens")
def test_a_token_that_does_not_answer_in_time_is_unavailable() -> None:
    """While another call holds the thread of the library, a caller waits as long as it was told, and no longer."""
    place = _place("official-p256")
    signer = asyncio.run(open_token(place, PIN))
    impatient = asyncio.run(open_token(replace(place, timeout_seconds=5.0), PIN))
    impatient._place = replace(place, timeout_seconds=0.01)
    line, held, go_on = door._line_of(place.library), threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        go_on.wait(30)

    async def scene() -> None:
        holding = asyncio.ensure_future(line.ask(place, hold))
        await asyncio.to_thread(held.wait, 30)
        with pytest.raises(KeyUnavailable, match="thiet_bi_khong_tra_loi"):
            await impatient.sign(bytes(32), impatient.algorithms[0])
        go_on.set()
        await holding

    asyncio.run(scene())
    _verified(signer)


@pytest.mark.usefixtures("tokens")
def test_a_token_that_fails_twice_is_unavailable_and_the_fault_is_named() -> None:
    """One fault is met with a new login, the second is told, with the name that the vendor's manual has for it."""
    place = _place("official-p256", token_label="none such")
    line, calls = door._line_of(place.library), []

    def broken() -> None:
        calls.append(1)
        raise faults.DeviceError

    with pytest.raises(KeyUnavailable, match="DeviceError"):
        asyncio.run(line.ask(place, broken))
    assert len(calls) == 2


@pytest.mark.usefixtures("tokens")
def test_neither_the_pin_nor_the_session_leaves_the_process() -> None:
    """Shown or pickled, a signer says where its key lies and nothing else."""
    signer = asyncio.run(open_token(_place("official-p256"), PIN))
    assert repr(signer) == "TokenSigner('kho')" and PIN not in repr(signer)
    with pytest.raises(TypeError, match="stays"):
        pickle.dumps(signer)
