"""A shared store in which a year lies between the first events and the last, for each test one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.postgres import Server
from tests.unit.evidence.lively import Turned
from tests.unit.retiring.years import Years


@pytest.fixture(scope="session")
def lived(database_server: Server) -> Iterator[Years]:
    """Lived through once: it is copied, and itself left alone."""
    made = Years(database_server.database(), database_server)
    asyncio.run(made.live())
    yield made
    database_server.drop(made.dsn)


@pytest.fixture
def years(lived: Years) -> Iterator[Years]:
    """Closed, with a delivered, a skipped and a held dossier of February 2020, and a delivered one of March 2021."""
    copy = replace(lived, dsn=lived.server.copy(lived.dsn), turned=Turned(lived.turned.moment))
    yield copy
    copy.server.drop(copy.dsn)
