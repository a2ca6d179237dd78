"""Notices of donhang before a judge that is not ours: OpenSSL verifies the published one, and signs notices that we take."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from connectors.kit.contract import Notice
from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.speaking import Hears
from tests.connectors.postal.donhang import SENT, VECTOR, data_of, key_value
from tests.connectors.postal.m1_orders import account, by_post

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="judge not installed: openssl")

_PUBLIC_KEY = """asn1=SEQUENCE:info
[info]
algorithm=SEQUENCE:rsa
key=BITWRAP,SEQUENCE:numbers
[rsa]
oid=OID:rsaEncryption
parameters=NULL
[numbers]
n=INTEGER:0x{modulus}
e=INTEGER:0x{exponent}
"""


def _openssl(*args: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *args], input=given, capture_output=True, check=True, timeout=60).stdout


def _verified(key: Path, signed: bytes, signature: bytes, folder: Path) -> bool:
    """What OpenSSL says of a signature."""
    (folder / "signature").write_bytes(signature)
    arguments = ["dgst", "-sha256", "-verify", str(key), "-signature", str(folder / "signature")]
    ran = subprocess.run(["openssl", *arguments], input=signed, capture_output=True, check=False, timeout=60)
    assert ran.stdout.strip() in (b"Verified OK", b"Verification failure", b"Verification Failure"), ran.stderr
    return ran.returncode == 0


def _published_key(folder: Path) -> Path:
    """The key of the facts as PEM, put together by OpenSSL from its numbers."""
    numbers = {name: base64.b64decode(getattr(VECTOR, name)).hex() for name in ("modulus", "exponent")}
    (folder / "key.cnf").write_text(_PUBLIC_KEY.format(**numbers), encoding="ascii")
    _openssl("asn1parse", "-genconf", str(folder / "key.cnf"), "-noout", "-out", str(folder / "key.der"))
    _openssl("rsa", "-pubin", "-inform", "DER", "-in", str(folder / "key.der"), "-out", str(folder / "key.pem"))
    return folder / "key.pem"


def _heard(key: str, body: Mapping[str, str]) -> str:
    """What we say of a notice under that key."""
    dialogue = PROFILE.open(account(PROFILE, public_keys=(key,)))
    assert isinstance(dialogue, Hears)
    notice: Notice = by_post(body)
    return dialogue.hear(notice).ack


def test_openssl_verifies_the_published_notice(tmp_path: Path) -> None:
    """Over the text of Data and then of SendDate, as UTF-8; in the other order or with a sign in between it does not."""
    key, signature = _published_key(tmp_path), base64.b64decode(VECTOR.sign_data)
    data, sent = VECTOR.data.encode(), VECTOR.send_date.encode()
    assert _verified(key, data + sent, signature, tmp_path)
    assert not _verified(key, sent + data, signature, tmp_path)
    assert not _verified(key, data + b"\n" + sent, signature, tmp_path)
    assert _heard(key.read_text(encoding="ascii"), _body(VECTOR.data, VECTOR.send_date, VECTOR.sign_data)) == "taken"


@pytest.mark.parametrize("form", ["pem", "key value"])
def test_what_openssl_signs_we_take_and_what_it_refuses_we_refuse(form: str, tmp_path: Path) -> None:
    """A key made there, handed over in either form; Vietnamese letters are signed as UTF-8."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(private))
    _openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))
    data = data_of(OrderStatusId=91, CauseName="Người nhận đi vắng 🏠")
    signature = _openssl("dgst", "-sha256", "-sign", str(private), given=f"{data}{SENT}".encode())
    presented = _openssl("base64", "-A", given=signature).decode("ascii")
    key = public.read_text(encoding="ascii")
    if form == "key value":
        modulus = _openssl("rsa", "-pubin", "-in", str(public), "-modulus", "-noout").decode("ascii")
        number = bytes.fromhex(modulus.strip().removeprefix("Modulus="))
        key = key_value(base64.b64encode(number).decode("ascii"), "AQAB")
    assert _heard(key, _body(data, SENT, presented)) == "taken"
    for changed in (data.replace("91", "90"), data + " ", data.replace("vắng", "va\u0306\u0301ng")):
        assert not _verified(public, f"{changed}{SENT}".encode(), signature, tmp_path)
        assert _heard(key, _body(changed, SENT, presented)) == "bad_signature"


def test_a_signature_of_another_scheme_is_refused(tmp_path: Path) -> None:
    """PSS, or SHA-1 with the same key: genuine for OpenSSL under those words, and not what the carrier agreed on."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(private))
    _openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))
    data = data_of()
    for words in (("-sha256", "-sigopt", "rsa_padding_mode:pss"), ("-sha1",), ("-sha512",)):
        signature = _openssl("dgst", *words, "-sign", str(private), given=f"{data}{SENT}".encode())
        presented = base64.b64encode(signature).decode("ascii")
        assert _heard(public.read_text(encoding="ascii"), _body(data, SENT, presented)) == "bad_signature"


def _body(data: str, send_date: str, sign_data: str) -> dict[str, str]:
    return {"Data": data, "SendDate": send_date, "SignData": sign_data}
