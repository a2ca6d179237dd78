"""The import contracts: kept by the tree as it stands, and each breach is reported."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gateway

HOME = Path(gateway.__file__).parents[1]

BREACHES = {
    "a connector reaches up into the gateway": ("connectors/kit/http.py", "import gateway.clock"),
    "the gateway knows a connector by name": (
        "gateway/bootstrap/__init__.py",
        "import connectors.national_dvc.connector",
    ),
    "two connectors meet": ("connectors/national_dvc/client.py", "import connectors.resolution.client"),
    "a simulator shares the client's mapping": (
        "connectors/national_dvc/simulator.py",
        "import connectors.national_dvc.profiles.mapi_2019.mapping",
    ),
    "translation does input and output": ("mappings/tables.py", "import asyncio"),
    "the journal reaches up the stairs": ("gateway/journal/model.py", "import gateway.intake.accept"),
    "the line asks the workers of signatures directly": ("gateway/intake/accept.py", "import gateway.signatures.pool"),
    "a second door to the store's library": ("gateway/dispatch/worker.py", "import apsw"),
    "signing opens a socket": ("signing/__init__.py", "import socket"),
    "production imports tests": ("gateway/clock.py", "import pytest"),
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "lint-imports"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
    return subprocess.run(
        [str(program), "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path, project: Path) -> Path:
    """The four storeys and their contracts, in a folder that may be broken."""
    for package in ("gateway", "connectors", "signing", "mappings"):
        shutil.copytree(HOME / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    """All import contracts are kept."""
    outcome = _lint(copy)
    assert outcome.returncode == 0, outcome.stdout[-3000:]


@pytest.mark.parametrize("breach", list(BREACHES))
def test_a_breach_is_reported(copy: Path, breach: str) -> None:
    """An import against the storeys, the doors or the stairs makes the check fail and is named."""
    file, line = BREACHES[breach]
    broken = copy / file
    broken.write_text(broken.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    outcome = _lint(copy)
    assert outcome.returncode != 0
    assert "BROKEN" in outcome.stdout


def test_a_connector_folder_that_nobody_listed_is_bound_by_the_same_contracts(copy: Path) -> None:
    """A fifth connector needs no edit of the contracts to be held to them."""
    folder = copy / "connectors" / "land_registry"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""A stranger."""\n')
    (folder / "client.py").write_text('"""Meets another stranger."""\nimport connectors.resolution.client\n')
    assert _lint(copy).returncode != 0


def test_no_part_of_a_simulator_shares_the_clients_translation() -> None:
    """A simulator in several modules is still a witness: it may know message types, never mapping, rules or client."""
    shared = re.compile(r"connectors\.(\w+)\.(client|connector|profiles\.\w+\.(?!messages\b)\w+)")
    broken: list[str] = []
    for path in sorted((HOME / "connectors").glob("*/simulator*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
            broken.extend(f"{path.name}: {name}" for name in names if shared.match(name))
    assert broken == []
