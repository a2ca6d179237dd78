"""Evidence folders that somebody else filled: every one is read or refused by name, quickly and without a traceback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from signing.chain.loading import certificate_file
from signing.errors import Unusable
from signing.evidence_folder import read_evidence
from tests import pki


@pytest.mark.parametrize(
    "row",
    [
        'sha256 = "{zeros}"\nat = 0001-01-01T00:00:00+14:00',
        'sha256 = "{zeros}"\nat = 9999-12-31T23:59:59-12:00',
        'file = "a\\u0000b"\nat = 2026-01-01T00:00:00Z',
    ],
)
def test_a_reception_outside_of_the_calendar_or_of_no_file_is_refused(tmp_path: Path, row: str) -> None:
    """Sums with such moments leave the calendar; a name with a NUL is no name."""
    text = "[[received]]\nsource = 'x'\n" + row.format(zeros="0" * 64)
    (tmp_path / "received.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Unusable):
        read_evidence(tmp_path)


def test_armour_that_never_ends_is_refused_at_once(tmp_path: Path) -> None:
    """White space without an end must not be tried in every way."""
    endless = tmp_path / "a.pem"
    endless.write_bytes(b"-----BEGIN CERTIFICATE-----" + b" \n" * 200_000 + b"!")
    began = time.process_time()
    with pytest.raises(Unusable):
        read_evidence(tmp_path)
    with pytest.raises(Unusable):
        certificate_file(endless)
    assert time.process_time() - began < 2


def test_armour_as_tools_write_it_is_read(tmp_path: Path) -> None:
    """Text before the block, and two blocks in one file."""
    (tmp_path / "a.pem").write_bytes(b"Subject: x\n" + pki.pem("duty-ca") + b"\n\n" + pki.pem("public-ca"))
    assert read_evidence(tmp_path).certificates == (pki.certificate("duty-ca"), pki.certificate("public-ca"))
