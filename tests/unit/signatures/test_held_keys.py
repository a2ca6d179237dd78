"""Keys under their custody: files and a real token, opened once; what they were not given for; nothing secret in any word."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pkcs11
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from connectors.kit.secrets import read_setting
from gateway.config import Loaded, Settings, Signing, SigningKey
from gateway.config.loading import check
from gateway.errors import ConfigError
from gateway.signatures.issuing import Wish
from gateway.signatures.keys import Asked, HeldKey, open_held, open_keys
from gateway.signatures.pool import Pool
from signing import token as door
from signing.errors import KeyUnavailable, Unusable
from signing.making import Profile
from signing.model import Indication
from tests import pki
from tests.unit.signatures.conftest import House

LIBRARIES = [Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/pkcs11/libsofthsm2.so")]
LIBRARY = next((one.resolve() for one in LIBRARIES if one.exists()), None)
PIN = "918273"


def _laid_out(folder: Path) -> None:
    shutil.copy(pki.key_file("official"), folder / "khoa.pem")
    (folder / "khoa.pem").chmod(0o600)
    chain = (pki.certificate("official"), *pki.chain("official"))
    pem = b"".join(load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in chain)
    (folder / "chuoi.pem").write_bytes(pem)


def _custody(**changes: object) -> SigningKey:
    told: dict[str, object] = {
        "kind": "pem",
        "domain": "public-duty",
        "file": "khoa.pem",
        "certificates_file": "chuoi.pem",
        "custodian": "Văn phòng Bộ",
        "entrusted_by": "QĐ 12/QĐ-BVHTTDL",
        "profiles": ("P-XML-B",),
        "systems": ("RES-VHTTDL",),
        "procedures": ("BVH-LH-01",),
    }
    return msgspec.convert(told | changes, SigningKey, dec_hook=read_setting)


def _loaded(folder: Path) -> Loaded:
    return Loaded(settings=Settings(), base=folder)


@pytest.fixture
def held_folder(tmp_path: Path) -> Path:
    """A folder with the official's key and chain."""
    _laid_out(tmp_path)
    return tmp_path


def test_a_custody_says_for_what_whom_and_how_large(held_folder: Path) -> None:
    """Each refusal names its own reason; what was given is allowed, by the ministry's or the national code of the procedure."""
    custody = _custody(max_bytes=1_000)
    held = HeldKey("can-bo", custody, None, None)  # type: ignore[arg-type]  # no key is needed to say no
    good = {"system": "RES-VHTTDL", "profile": Profile.XML_B, "procedures": ("BVH-LH-01", "1.999001")}
    assert held.objection(Asked(**good, media_type="application/xml", size=10)) == ""  # type: ignore[arg-type]
    assert held.serves("RES-VHTTDL") and not held.serves("SEC-DEMO")
    wrong = [
        good | {"profile": Profile.XML_T, "media_type": "application/xml", "size": 10},
        good | {"procedures": ("BVH-KHAC-99",), "media_type": "application/xml", "size": 10},
        good | {"procedures": (), "media_type": "application/xml", "size": 10},
        good | {"media_type": "text/html", "size": 10},
        good | {"media_type": "application/xml", "size": 1_001},
    ]
    reasons = {held.objection(Asked(**one)) for one in wrong}  # type: ignore[arg-type]
    assert "" not in reasons and len(reasons) == 4


async def test_a_key_or_a_secret_that_others_may_read_is_refused_without_a_word_of_it(held_folder: Path) -> None:
    """Mode 0600, or no start; the sentence names neither passphrase nor its place."""
    (held_folder / "khoa.pem").chmod(0o644)
    with pytest.raises(Unusable) as refused:
        await open_held(_loaded(held_folder), "can-bo", _custody())
    assert "0600" in refused.value.message_vi
    (held_folder / "khoa.pem").chmod(0o600)
    (held_folder / "bi-mat").write_text("rat-bi-mat", "utf-8")
    (held_folder / "bi-mat").chmod(0o640)
    with pytest.raises(Unusable) as refused:
        await open_held(_loaded(held_folder), "can-bo", _custody(secret="file:bi-mat"))
    assert "rat-bi-mat" not in str(refused.value) and "bi-mat" not in str(refused.value)


async def test_all_keys_that_cannot_be_opened_are_named_at_once(held_folder: Path) -> None:
    """A start that fails fails once."""
    keys = {"mot": _custody(file="khong-co.pem"), "hai": _custody(algorithm="rsa-pkcs1-md5")}
    settings = Settings(signing=Signing(keys=keys))
    with pytest.raises(ConfigError) as refused:
        await open_keys(Loaded(settings=settings, base=held_folder))
    assert [one.split(":")[0] for one in refused.value.faults] == ["signing.keys.mot", "signing.keys.hai"]


def test_a_configuration_without_custody_is_refused() -> None:
    """Who answers for a key, who may ask and for what are no optional extras; secrets are references."""
    key = {
        "kind": "pem", "domain": "public-duty", "file": "k.pem", "custodian": "", "entrusted_by": "x", "secret": "mat-khau",
        "profiles": ["P-PDF-T", "P-LA"], "systems": ["LA"], "procedures": ["*"],
    }  # fmt: skip
    with pytest.raises(ConfigError) as refused:
        check({"signing": {"keys": {"k": key}, "status": {"hosts": ["10.0.0.1"], "internal": ["ocsp.x.vn"]}}})
    told = "\n".join(refused.value.faults)
    for part in ("k.custodian", "k.secret", "không có hồ sơ ký 'P-LA'", "P-PDF-T cần [signing.timestamp]", "hệ thống 'LA'",
                 "10.0.0.1", "thiếu 'ocsp.x.vn'", "[results]"):  # fmt: skip
        assert part in told, part
    assert "mat-khau" not in told


@pytest.fixture
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A SoftHSM token with the official's key, in a folder of its own."""
    if LIBRARY is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    _run("--init-token", "--free", "--label", "cong", "--pin", PIN, "--so-pin", "564738")
    _run(
        "--import", str(pki.key_file("official")), "--token", "cong", "--label", "official", "--id", "01", "--pin", PIN
    )
    yield
    pkcs11.lib(str(LIBRARY)).finalize()
    door._lines.clear()
    os.environ.pop("SOFTHSM2_CONF")
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


def _run(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


@pytest.mark.usefixtures("token")
async def test_a_key_on_a_token_goes_the_same_way_as_one_in_a_file(held_folder: Path, pool: Pool, house: House) -> None:
    """PKCS#11 through the whole pipeline: own status, prepare elsewhere, sign on the token, stamp, verify."""
    secret = held_folder / "pin"
    secret.write_text(f"{PIN}\n", "ascii")
    secret.chmod(0o600)
    custody = _custody(
        kind="pkcs11", file="", module=str(LIBRARY), token_label="cong", key_label="official", secret="file:pin"
    )
    held = await open_held(_loaded(held_folder), "cong", custody)
    source = held_folder / "kq.xml"
    source.write_text("<KetQua/>", "utf-8")
    wish = Wish(held.signer, frozenset({held.domain}), Profile.XML_T, source, held_folder / "ky.xml")
    made = await house.issuer(pool).sign(wish)
    assert made.report.conclusion is Indication.TOTAL_PASSED
    assert PIN not in repr(held)


@pytest.mark.usefixtures("token")
async def test_a_wrong_pin_is_told_without_the_pin(held_folder: Path) -> None:
    """Tried once; the number stands in no word."""
    secret = held_folder / "pin"
    secret.write_text("000111", "ascii")
    secret.chmod(0o600)
    custody = _custody(
        kind="pkcs11", file="", module=str(LIBRARY), token_label="cong", key_label="official", secret="file:pin"
    )
    with pytest.raises(KeyUnavailable) as refused:
        await open_held(_loaded(held_folder), "cong", custody)
    assert "000111" not in str(refused.value)
