"""The search for planted numbers and secrets finds each way in which one may be shown, and makes the run fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.planted import kinds_in, searched, secret

# Put together, so that this file does not show what it looks for.
NUMBER = "001090" + 6 * "0"
OLD = "010" + 6 * "0"
TOKEN = "eyJ" + "hbGciOiJSUzI1NiJ9" + ".eyJzdWIiOiJ0aHUifQ" + ".c2lnbmVk"

LEAKS: Mapping[str, str] = {
    "printed": "print(NUMBER)",
    "error_stream": "print(SECRET, file=sys.stderr)",
    "logged": "logging.getLogger('x').warning('asked about %s', NUMBER)",
    "printed_and_taken": "print(NUMBER); capsys.readouterr()",
    "skipped": "pytest.skip(f'no record of {NUMBER}')",
    "log_file": "(tmp_path / 'gateway.log').write_text(f'token {TOKEN}')",
    "journal": "(tmp_path / 'journal.db').write_bytes(b'\\x00' + NUMBER.encode('utf-16-le'))",
    "answered": "planted.hear('answer 422', NUMBER.encode())",
    "quiet": "print('000.00.00.G16-261120-0001', 1767225600000, '*********000')",
}
_HEAD = f"""
import logging, sys
import pytest
from tests import planted
NUMBER, SECRET, TOKEN = {NUMBER[:6]!r} + 6 * "0", planted.secret("one"), {TOKEN[:10]!r} + {TOKEN[10:]!r}
"""


@pytest.fixture(autouse=True)
def _leave_nothing(tmp_path: Path) -> Iterator[None]:
    """What these tests write would be found at the end of this very run."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite with one passing test for each way to show something, and a quiet one."""
    folder = tmp_path / "suite"
    folder.mkdir()
    tests = "".join(f"def test_{name}(capsys, tmp_path):\n    {body}\n" for name, body in LEAKS.items())
    (folder / "test_leaks.py").write_text(_HEAD + tests, encoding="utf-8")
    (folder / "conftest.py").write_text(
        "from tests import planted\ndef pytest_configure(config):\n    planted.install(config)\n", encoding="utf-8"
    )
    return folder


def _run(folder: Path, project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "xdist", f"--basetemp={folder.parent / 'base'}", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("words", [(), ("-n", "2")], ids=["alone", "distributed"])
def test_a_run_whose_tests_pass_fails_when_anything_was_shown(
    suite: Path, project: Path, words: tuple[str, ...]
) -> None:
    """Each way is named with its place, in one process and in several; the report repeats no value."""
    done = _run(suite, project, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    report = done.stdout.partition("planted personal data was shown")[2]
    for name in LEAKS:
        wanted = {"log_file": "gateway.log", "journal": "journal.db"}.get(name, f"test_{name}:")
        assert (wanted in report) is (name != "quiet"), (name, report)
    assert kinds_in(report) == []


def test_a_quiet_run_passes(suite: Path, project: Path) -> None:
    """Codes, milliseconds and masked numbers are nobody's."""
    done = _run(suite, project, "-k", "quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "planted" not in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        f"VN{NUMBER}",
        f'"{NUMBER}"',
        "001 090" + 2 * " 000",
        f"id={NUMBER}&x",
        secret("two"),
        TOKEN,
        f"CMND:{OLD}",
    ],
)
def test_each_spelling_is_found(text: str) -> None:
    """As text, as UTF-8 and as UTF-16, as databases keep it."""
    assert len(kinds_in(text)) == len(kinds_in(text.encode())) == len(kinds_in(text.encode("utf-16-le"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "00000000-0000-7000-8000-" + 12 * "0",
        64 * "0",
        "1767225600000",
        "0.001090" + 6 * "0",
        "12000" + 6 * "0",
        "001099000001",
        9 * "0",
        "0.010" + 6 * "0",
        f"a{OLD}f",
        "eyJ is no token",
    ],
)
def test_what_is_no_planted_word_is_left_alone(text: str) -> None:
    """Otherwise nobody would believe the search."""
    assert kinds_in(text) == []


def test_a_word_across_two_reads_of_a_large_file_is_found(tmp_path: Path) -> None:
    """Files are read in pieces of 4 MiB."""
    (tmp_path / "large.log").write_bytes(b"." * ((1 << 22) - 5) + f" {NUMBER} ".encode() + b"." * 100)
    (tmp_path / "input.json").write_text(NUMBER, encoding="utf-8")
    assert [place.name for place, _ in searched(tmp_path)] == ["large.log"]
