"""One running line for all tests that leave it well, and a line of its own for each module that breaks something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.line.running import Line, opened


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A running line that every test leaves as it found it; each test takes a dossier of its own."""
    with opened(tmp_path_factory.mktemp("line"), program_environment) as running:
        yield running


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A running line that the tests of one module may break and mend."""
    with opened(tmp_path_factory.mktemp("fragile"), program_environment) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for an installation that a test starts itself."""
    return tmp_path / "line"
