"""The ground of the failure catalogue: the house of the dispatch tests, and a running line of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.dispatch.conftest import House
from tests.line.running import Line, opened


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A worker's house with an empty store."""
    built = House(tmp_path / "store")
    yield built
    await built.journal.close()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """The real program between its simulators."""
    with opened(tmp_path_factory.mktemp("line"), program_environment) as running:
        yield running
