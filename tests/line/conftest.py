"""One running line for all tests that leave it well, and a line of its own for each module that breaks something."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conforming import brought_along, documented
from tests.line import program
from tests.line.program import Answer
from tests.line.running import Line, opened

_SIMULATED = ("/_simulator", "/vnpay/")
_OF_PAYMENT = ("/v1/payments", "/payments/", "/v1/callbacks/payment/")
_PAYMENT = partial(brought_along, "payment", "payment")
_OF_POST = ("/v1/shipments", "/v1/handovers", "/v1/addresses", "/v1/callbacks/postal/")
_POST = partial(brought_along, "postal", "postal")


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


@pytest.fixture(autouse=True)
def described() -> Iterator[None]:
    """Whatever the gateway answers to any test of the line is an answer that its published description names."""
    faults: list[str] = []

    def look(method: str, url: str, answer: Answer) -> None:
        parts = urlsplit(url)
        if not parts.path.startswith(_SIMULATED):
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            described = documented()
            for paths, brought in ((_OF_PAYMENT, _PAYMENT), (_OF_POST, _POST)):
                described = brought() if parts.path.startswith(paths) else described
            faults.extend(described.faults(method, target, answer.status, answer.headers, answer.body))

    program.OBSERVERS.append(look)
    yield
    program.OBSERVERS.remove(look)
    assert faults == []
