"""Nodes on one database, as far as their ground, each with a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.bootstrap.ground import Ground, open_footing, open_ground
from gateway.cli.installation import Ports, lay_out, write_safely
from gateway.config import Loaded, load
from tests.postgres import Server

Loads = Callable[..., Loaded]


@pytest.fixture
def loads(tmp_path: Path, database_server: Server) -> Iterator[Loads]:
    """The settings of a node by its name."""
    house, dsn = tmp_path / "house", database_server.database()
    lay_out(house, Ports(), ("SEC-DEMO",))
    write_safely(house / "keys/dsn", dsn.encode())

    def made(node: str, **changes: str) -> Loaded:
        own = {"GATEWAY__NODE": node, "GATEWAY__STORAGE__DATA_DIR": f"data-{node}"}
        return load(house / "gateway.toml", {**own, "GATEWAY__STORAGE__POSTGRES__DSN": "file:keys/dsn", **changes})

    yield made
    database_server.drop(dsn)


@asynccontextmanager
async def on_ground(loaded: Loaded) -> AsyncIterator[Ground]:
    """The ground of a node, for the length of the block."""
    async with open_footing(loaded) as footing, open_ground(loaded, footing) as ground:
        yield ground
