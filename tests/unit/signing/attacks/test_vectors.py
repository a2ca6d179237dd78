"""The vectors themselves: unique names, every row of the signing facts served, the same bytes whenever they are made."""

from __future__ import annotations

from pathlib import Path

from tests.unit.signing.attacks.__main__ import ALL, DIGESTS, digests, write


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
