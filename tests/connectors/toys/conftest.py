"""The toy library's connector, installed as a distribution of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.toys.installing import as_distribution


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """It is found by its entry point."""
    for entry in as_distribution(tmp_path / "site", "toy_registry"):
        monkeypatch.syspath_prepend(entry)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "toy_registry"]:
        del sys.modules[name]
