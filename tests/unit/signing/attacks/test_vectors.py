"""The vectors themselves: unique names, every row of the signing facts served, the same bytes whenever they are made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import pki
from tests.unit.signing.attacks.__main__ import ALL, DIGESTS, digests, write
from tests.unit.signing.attacks.case import Case

_BY_NAME = {case.name: case for case in ALL}


def test_made_again_no_vector_changes() -> None:
    """digests.csv holds what was judged; a vector that changes must change it in the same commit."""
    assert digests() == DIGESTS.read_text(encoding="utf-8")


def test_every_row_has_its_vectors_and_something_right_beside_them() -> None:
    """A judge that refuses everything must fail here too."""
    names = [case.name for case in ALL]
    assert len(names) == len(set(names))
    assert {case.row for case in ALL} == {
        "K1",
        "K2",
        "K3",
        "K4",
        "K5",
        "K6",
        "K7",
        "K8",
        "K9",
        "T1",
        "T2",
        "T3",
        "T4",
        "T5",
    }
    passing = {case.row for case in ALL if case.allowed == {"TOTAL-PASSED"}}
    assert passing == {"K4", "K7", "K8", "K9", "T1", "T2", "T3", "T4", "T5"}


def test_a_case_can_be_taken_to_another_tool(tmp_path: Path) -> None:
    """As files: the document, its evidence, the trust folder, and what must come out."""
    case = next(one for one in ALL if one.name == "revoked-after-stamped-before")
    write(case, tmp_path)
    assert (tmp_path / "document.p7m").read_bytes() == case.document()
    assert len(list((tmp_path / "evidence").glob("*.crl"))) == len(case.evidence().crls)
    assert "TOTAL-PASSED" in (tmp_path / "case.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["ocsp-sound", "ecdsa-sound", "long-name", "inside-names", "public-where-public-counts"]
)
def test_openssl_calls_the_sound_vectors_sound(tmp_path: Path, name: str) -> None:
    """The witness is judged by a third party: what it makes without a defect has none."""
    case = _BY_NAME[name]
    code, said = _openssl(case, tmp_path)
    assert code == 0 and "Verification successful" in said, said


@pytest.mark.parametrize("name", ["ecdsa-flipped", "ecdsa-zero", "root-embedded", "under-no-ca-flag", "outside-names"])
def test_openssl_refuses_vectors_for_a_defect_that_it_knows(tmp_path: Path, name: str) -> None:
    """A defect that only our own reader sees might be a defect of our reader."""
    code, said = _openssl(_BY_NAME[name], tmp_path)
    assert code != 0 and "Verification failure" in said, said


def _openssl(case: Case, folder: Path) -> tuple[int, str]:
    document, roots = folder / "document.p7m", folder / "roots.pem"
    document.write_bytes(case.document())
    roots.write_bytes(pki.pem("duty-root") + pki.pem("public-root"))
    moment = str(int(case.at.timestamp()))
    words = ["-inform", "DER", "-in", str(document), "-CAfile", str(roots), "-purpose", "any", "-attime", moment]
    done = subprocess.run(
        ["openssl", "cms", "-verify", "-binary", *words, "-out", str(folder / "content")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stderr
