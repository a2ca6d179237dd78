"""`gateway sign` as an operator uses it: real keys in files, a real authority on loopback, an exit code that says the outcome."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509 import load_der_x509_certificate

from connectors.kit.simulated_authority import keys
from connectors.kit.simulated_authority.authority import Authority
from connectors.kit.simulated_authority.conduct import Conduct, OcspConduct, StampConduct, WireConduct
from connectors.kit.simulated_authority.server import DESK, create_app
from connectors.kit.simulation import opened
from tests import pki


@dataclass(frozen=True)
class Desk:
    """An operator's folder with key, chain, trust and a document, and the authority that the certificates name."""

    place: Path
    url: str
    authority: Authority
    app: web.Application
    environment: dict[str, str]

    def key(self, name: str) -> tuple[str, ...]:
        """The arguments for a test key as PEM files."""
        chain = (self.authority.certificates[name], *self.authority.chain(name))
        pem = b"".join(load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in chain)
        (self.place / f"{name}-chain.pem").write_bytes(pem)
        copy = self.place / f"{name}.pem"
        shutil.copy(pki.key_file(name), copy)
        copy.chmod(0o600)
        return ("--key", f"{name}.pem", "--chain", f"{name}-chain.pem")

    async def gateway(self, *words: str) -> tuple[int, str, str]:
        """Run the program in the folder."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            *words,
            cwd=self.place,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, faults = await process.communicate()
        return process.returncode or 0, said.decode(), faults.decode()

    async def sign(self, *words: str) -> tuple[int, str, str]:
        """Sign with this folder's trust."""
        return await self.gateway("sign", *words, "--trust", "trust", "--internal")


@pytest.fixture
async def desk(tmp_path: Path, program_environment: dict[str, str]) -> AsyncIterator[Desk]:
    """The authority answers as of now; its certificates name the loopback address of this test."""
    app = create_app(pki.authority(), lambda: datetime.now(UTC))
    async with opened(app) as door:
        url = f"http://127.0.0.1:{door.port}"
        declared = pki.declaration().at(url)
        authority = Authority(declared, keys.ring(declared.keys, pki.MADE))
        app[DESK].authority = authority
        pki.trust_folder(tmp_path / "trust")
        (tmp_path / "ket-qua.xml").write_text("<KetQua><Ten>Nguyễn Thị Ánh</Ten></KetQua>", "utf-8")
        yield Desk(tmp_path, url, authority, app, program_environment)


async def test_a_file_is_signed_stamped_and_verifies_with_the_program_itself(desk: Desk) -> None:
    """The whole way of a person: sign, look at the verdict, and see the same verdict from `gateway verify`."""
    done, said, faults = await desk.sign(
        "ket-qua.xml", "--profile", "P-XML-T", *desk.key("official-far"), "--tsa", f"{desk.url}/tsa/tsa-duty", "--json"
    )
    assert done == 0, faults
    told = json.loads(said)
    assert (told["file"], told["conclusion"], told["domain"]) == ("ket-qua-da-ky.xml", "TOTAL-PASSED", "public-duty")
    assert told["stamped_at"]
    evidence = desk.place / "evidence"
    evidence.mkdir()
    now = datetime.now(UTC)
    for issuer in ("duty-root", "duty-ca"):
        (evidence / f"{issuer}.crl").write_bytes(desk.authority.crl(issuer, now))
    code, text, faults = await desk.gateway(
        "verify", "ket-qua-da-ky.xml", "--trust", "trust", "--evidence", "evidence", "--json"
    )
    assert code == 0, text + faults


async def test_a_place_that_cannot_be_written_is_named_for_every_kind_of_file(desk: Desk) -> None:
    """Exit code 3 and a reason in Vietnamese, no traceback; what is written may be read by others as the umask says."""
    key = desk.key("official-far")
    for profile in ("P-XML-B", "P-CMS-B"):
        code, said, faults = await desk.sign("ket-qua.xml", "--profile", profile, *key, "--out", "khong-co/x")
        assert (code, said) == (3, "") and "Traceback" not in faults
        assert "Không ghi được tệp (không có tệp hoặc thư mục này)." in " ".join(faults.split())
        code, _, faults = await desk.sign("ket-qua.xml", "--profile", profile, *key, "--out", f"{profile}.out")
        assert code == 0, faults
    modes = {(desk.place / f"{profile}.out").stat().st_mode for profile in ("P-XML-B", "P-CMS-B")}
    assert modes == {(desk.place / "ket-qua.xml").stat().st_mode}


async def test_what_is_missing_on_the_command_line_is_said_before_anything_is_asked(desk: Desk) -> None:
    """A stamped profile needs an authority; services in a private network need a word that they may be asked."""
    key = desk.key("official-far")
    code, _, faults = await desk.sign("ket-qua.xml", "--profile", "P-XML-T", *key)
    assert code == 64 and "--tsa URL" in faults
    code, said, faults = await desk.gateway("sign", "ket-qua.xml", "--profile", "P-XML-B", *key, "--trust", "trust")
    assert code == 2 and "--internal" in said and "--evidence" in said, faults


async def test_a_detached_signature_stands_beside_its_file(desk: Desk) -> None:
    """Any file can be signed; PKCS#12 with its passphrase from a file of mode 0600."""
    certificate = load_der_x509_certificate(desk.authority.certificates["official-far"])
    above = [load_der_x509_certificate(one) for one in desk.authority.chain("official-far")]
    sealed = BestAvailableEncryption("mật khẩu".encode())
    store = pkcs12.serialize_key_and_certificates(b"k", pki.key("official-far"), certificate, above, sealed)
    (desk.place / "khoa.p12").write_bytes(store)
    (desk.place / "khoa.p12").chmod(0o600)
    secret = desk.place / "mat-khau"
    secret.write_text("mật khẩu\n", "utf-8")
    secret.chmod(0o600)
    words = ("ket-qua.xml", "--profile", "P-CMS-B", "--key", "khoa.p12", "--passphrase-file", "mat-khau")
    code, said, faults = await desk.sign(*words)
    assert code == 0, faults
    assert "ĐẠT" in said and (desk.place / "ket-qua.xml.p7s").exists()
    secret.chmod(0o644)
    code, _, faults = await desk.sign(*words, "--out", "khac.p7s")
    assert code == 3 and "0600" in faults
    assert "mật khẩu" not in faults.replace("Tệp mật khẩu", "")


@pytest.mark.parametrize(
    ("name", "conduct", "extra", "code"),
    [
        ("expired", Conduct(), (), 2),
        ("official-far", Conduct(wire=WireConduct(redirect="/")), (), 2),
        ("official-far", Conduct(stamp=StampConduct(refusal="unacceptedPolicy")), ("T",), 69),
        ("official-far", Conduct(stamp=StampConduct(offset_s=7_200)), ("T",), 2),
        ("official-far", Conduct(ocsp=OcspConduct(status="revoked")), (), 2),
    ],
    ids=["expired", "no status", "no stamp", "clock off", "revoked"],
)
async def test_what_must_not_be_signed_is_refused_and_nothing_is_written(
    desk: Desk, name: str, conduct: Conduct, extra: tuple[str, ...], code: int
) -> None:
    """Exit codes for scripts, a Vietnamese sentence for people, no file left behind."""
    desk.app[DESK].conduct = conduct
    profile = ("--profile", "P-XML-T", "--tsa", f"{desk.url}/tsa/tsa-duty") if extra else ("--profile", "P-XML-B")
    done, said, faults = await desk.sign("ket-qua.xml", *profile, *desk.key(name))
    assert done == code, said + faults
    assert faults.startswith("✗ ")
    assert "Traceback" not in faults
    assert not (desk.place / "ket-qua-da-ky.xml").exists()


async def test_without_trust_or_over_an_existing_file_nothing_is_signed(desk: Desk) -> None:
    """Usage is checked before the key is opened."""
    key = desk.key("official-far")
    code, _, faults = await desk.gateway("sign", "ket-qua.xml", "--profile", "P-XML-B", *key)
    assert code == 3 and "--trust" in faults
    code, _, _ = await desk.sign("ket-qua.xml", "--profile", "P-XML-B", *key, "--out", "ket-qua.xml")
    assert code == 64
    code, _, faults = await desk.sign("khong-co.xml", "--profile", "P-XML-B", *key)
    assert code == 3 and "Không đọc được" in faults
