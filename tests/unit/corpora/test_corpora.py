"""Public test material is named by commit, found only where it was fetched, and never missing in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import corpora


def test_each_corpus_is_one_repository_at_one_commit() -> None:
    """A branch or a tag would let the material change under the tests."""
    assert len(corpora.declared()) >= 8
    for name, one in corpora.declared().items():
        assert one.repository == "https://github.com/" + name.replace("__", "/"), name
        assert re.fullmatch("[0-9a-f]{40}", one.commit), name
        assert one.paths, name
        assert one.licence, name
        assert one.files > 0, name


def test_a_corpus_is_found_under_the_folder_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`<owner>__<name>/<path in the repository>`, as `scripts/corpora` lays it."""
    place = tmp_path / "google__boringssl" / "pki"
    place.mkdir(parents=True)
    monkeypatch.setenv("TTHC_CORPORA", str(tmp_path))
    assert corpora.corpus("google__boringssl", "pki") == place
    assert corpora.present("google__boringssl", "nothing") is None


def test_an_absent_corpus_skips_and_is_counted_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tests over one corpus count once; other skips count not at all."""
    monkeypatch.delenv("TTHC_CORPORA", raising=False)
    reasons = []
    for name in ("esig__dss", "esig__dss", "google__boringssl"):
        with pytest.raises(pytest.skip.Exception) as told:
            corpora.corpus(name)
        reasons.append(f"Skipped: {told.value.msg}")
    line = corpora.not_run([*reasons, "Skipped: no softhsm2 here"])
    assert line.startswith("2 corpora not run")
    assert line.endswith("esig__dss, google__boringssl")
    assert corpora.not_run(["Skipped: no softhsm2 here"]) == ""


def test_a_name_that_is_not_declared_is_our_mistake() -> None:
    """A misspelt name must not look like an absent corpus."""
    with pytest.raises(KeyError):
        corpora.present("esig__dsss")
