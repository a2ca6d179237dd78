"""`gateway connectors new`: what it writes is linted, typed, inspected, examined, and runs, before anybody touched it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.kit.conformance import CHECKS, run_check
from connectors.kit.ground import subject
from connectors.kit.manifest import read_manifest
from connectors.kit.skeleton import SkeletonRefused, name_fault, write_skeleton
from tests.line.program import Program
from tests.toys.installing import as_distribution

NAME = "land_registry"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Program:
    """The program, in a folder of its own."""
    return Program(tmp_path_factory.mktemp("new"), program_environment)


@pytest.fixture(scope="module")
def folder(program: Program) -> Path:
    """A connector as the program makes it."""
    done = program.run("connectors", "new", NAME, "--into", program.folder, "--json")
    assert done.code == 0, done.err
    assert {Path(name).name for name in done.tree["files"]} >= {"manifest.toml", "connector.py", "outcomes.csv"}
    return program.folder / NAME


@pytest.fixture
def installed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is installed as a distribution of its own."""
    for entry in as_distribution(tmp_path / "site", NAME, folder.parent):
        monkeypatch.syspath_prepend(entry)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == NAME]:
        del sys.modules[name]


def test_it_passes_the_inspector(folder: Path, program: Program) -> None:
    """Anatomy, tables, examples, answers: nothing to find, and nothing claimed that is not so."""
    checked = program.run("connectors", "check", "--folder", folder, "--json")
    assert (checked.code, checked.tree["findings"]) == (0, [])
    answers = {answer.answer for answer in read_manifest(folder / "manifest.toml").quality.values()}
    assert answers == {"done", "todo"}


def test_it_is_linted_formatted_and_typed(folder: Path, project: Path) -> None:
    """In the style of the house, with the rules of the house."""
    python = Path(sys.executable)
    rules = ["--config", str(project / "pyproject.toml"), "--no-cache", str(folder)]
    for command in (["check", *rules], ["format", "--check", *rules]):
        done = subprocess.run([str(python.with_name("ruff")), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    typed = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(project / "pyproject.toml"),
        "--no-incremental",
        str(folder),
    ]
    done = subprocess.run(typed, capture_output=True, text=True, check=False, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.usefixtures("installed")
async def test_it_conforms(check: str) -> None:
    """Every check of the suite, against its own simulator."""
    assert await run_check(subject(NAME), check) == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "không hợp lệ"),
        ("Land", "không hợp lệ"),
        ("đất_đai", "không hợp lệ"),
        ("land-registry", "không hợp lệ"),
        ("_land", "không hợp lệ"),
        ("land__x", "không hợp lệ"),
        ("../land", "không hợp lệ"),
        ("x" * 41, "không hợp lệ"),
        ("class", "dành riêng"),
        ("kit", "dành riêng"),
        ("national_dvc", "Đã có đầu nối"),
        ("json", "gói Python"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name: str, said: str, tmp_path: Path) -> None:
    """In Vietnamese, and nothing is written."""
    assert said in name_fault(name)
    with pytest.raises(SkeletonRefused, match=said):
        write_skeleton(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(folder: Path, program: Program) -> None:
    """A second time is refused with code 2; what was written by hand stays."""
    readme = folder / "README.md"
    before = readme.read_text(encoding="utf-8")
    again = program.run("connectors", "new", NAME, "--into", program.folder)
    assert again.code == 2 and "đã có" in again.err
    assert readme.read_text(encoding="utf-8") == before
    nowhere = program.run("connectors", "new", "other_one", "--into", program.folder / "nowhere")
    assert nowhere.code == 2 and "không phải là thư mục" in nowhere.err
