"""The test PKI stands in the repository as it was made, and making it again changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.kit.simulated_authority import keys
from connectors.kit.simulated_authority.certificates import parts
from connectors.kit.simulated_authority.declaration import DeclarationFault, read_declaration
from tests import pki
from tests.pki import generate


def test_issued_again_from_the_declaration_every_file_is_the_same(tmp_path: Path) -> None:
    """Serial numbers and times are declared, signatures are deterministic, so nothing may differ by one byte."""
    generate.write(pki.declaration(), pki.MADE, tmp_path)
    made = {file.name: file.read_bytes() for file in pki.MADE.glob("*.cer")}
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*")} == made
    assert len(made) == len(pki.declaration().certificates)


def test_the_folder_holds_nothing_that_the_declaration_does_not_name() -> None:
    """A file that no row declares would be trusted by nobody and explained nowhere."""
    declared = {f"{name}.cer" for name in pki.declaration().certificates}
    declared |= {f"{name}.key.pem" for name in pki.declaration().keys}
    assert {file.name for file in pki.MADE.iterdir()} == declared


def test_every_certificate_carries_the_key_that_its_row_names() -> None:
    """Otherwise a signature made in a test would not verify for reasons that no test means."""
    honest = [name for name, row in pki.declaration().certificates.items() if not row.public_info]
    for name in honest:
        assert parts(pki.certificate(name)).key_bits == keys.public_bits(pki.key(name)), name


def test_status_and_stamps_are_the_same_whenever_they_are_made() -> None:
    """CRLs, OCSP responses and tokens are functions of the declaration and the moment."""
    one, other = (pki.authority().crl("duty-ca", pki.NOW) for _ in range(2))
    assert one == other
    assert pki.authority().ocsp_of("citizen", pki.NOW) == pki.authority().ocsp_of("citizen", pki.NOW)
    assert pki.stamp(b"x") == pki.stamp(b"x") != pki.stamp(b"y")


def test_a_key_that_is_missing_is_made_and_then_kept(tmp_path: Path) -> None:
    """New rows get keys; nobody else's key changes because of that."""
    made = keys.ring({"new": "p256"}, tmp_path)["new"]
    assert keys.to_pem(made) == (tmp_path / "new.key.pem").read_bytes()
    assert keys.to_pem(keys.ring({"new": "p256"}, tmp_path)["new"]) == keys.to_pem(made)


def test_a_declaration_that_names_a_stranger_is_refused(tmp_path: Path) -> None:
    """A slip of the pen must not become a certificate by nobody."""
    text = (pki.HERE / "declaration.toml").read_text(encoding="utf-8")
    file = tmp_path / "declaration.toml"
    file.write_text(text.replace('issuer = "public-ca"', 'issuer = "public-cá"'), encoding="utf-8")
    with pytest.raises(DeclarationFault, match="public-cá"):
        read_declaration(file)
    file.write_text(text.replace("path-length = 0", "path_length = 0"), encoding="utf-8")
    with pytest.raises(DeclarationFault, match="path_length"):
        read_declaration(file)
