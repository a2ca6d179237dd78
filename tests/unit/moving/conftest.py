"""One lively store that each test takes a copy of, and new places for it."""

from __future__ import annotations

import asyncio
import copy
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import Server
from tests.unit.evidence.lively import Lively
from tests.unit.moving.houses import Place


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Lively:
    """A store in which every kind of row stands, closed, with two files in its cabinet."""
    lively = Lively(tmp_path_factory.mktemp("lively") / "store")
    asyncio.run(lively.live())
    for name in ("a1/a1f0", "arrived/b2f0"):
        file = lively.folder / "content" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(name.encode() * 1_000)
    return lively


@pytest.fixture
def home(kept: Lively, tmp_path: Path) -> Place:
    """A copy of that store."""
    folder = tmp_path / "home"
    shutil.copytree(kept.folder, folder)
    return Place(folder, Lively(folder, copy.copy(kept.turned)))


@pytest.fixture
def elsewhere(home: Place, tmp_path: Path) -> Callable[[str], Place]:
    """A new place for an embedded store."""

    def made(name: str) -> Place:
        return Place(tmp_path / name, home.lively)

    return made


@pytest.fixture
def database(home: Place, tmp_path: Path, database_server: Server) -> Iterator[Callable[[str], Place]]:
    """A new place for a shared store."""
    places: list[Place] = []

    def made(name: str) -> Place:
        places.append(Place(tmp_path / name, home.lively, database_server.database()))
        return places[-1]

    yield made
    for place in places:
        database_server.drop(place.dsn)
