"""What all tests share: our own environment variables are cleared first, so no test sees a developer's machine.

Where CI decides whether a change lands, Hypothesis draws the same examples at every run; everywhere else it explores.
No example has a deadline of its own: on a loaded machine the first one, which reads the tables, would be the one that fails.
For the same reason nobody is told that drawing them is slow.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import gateway
from gateway.cli.demonstration import servers
from tests import corpora, planted
from tests.postgres import Server, quickly_served

_PATIENT = (HealthCheck.too_slow,)
settings.register_profile("here", deadline=None, suppress_health_check=_PATIENT)
settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None, suppress_health_check=_PATIENT)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_configure(config: pytest.Config) -> None:
    """Search everything that this run brings forth for planted personal data."""
    planted.install(config)
    _part_of_the_ports(os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _part_of_the_ports(worker: str, workers: int) -> None:
    """Workers side by side take their ports apart: one that was free a moment ago is not another's a moment later."""
    if worker:
        size = len(servers.PORTS) // workers
        begins = servers.PORTS.start + int(worker.removeprefix("gw")) * size
        servers.PORTS = range(begins, begins + size)


@pytest.fixture(autouse=True)
def _no_environment_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GATEWAY_"):
            monkeypatch.delenv(name)


@pytest.fixture
def free_port() -> int:
    """A loopback port that was free a moment ago."""
    return servers.free_port()


@pytest.fixture(scope="session")
def program_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which `python -m gateway` finds the same packages as this test run, and nothing else of ours.

    Compiled modules have a place of their own, one for all workers of a run: some hundred starts would compile the program
    as often where the tree may not be written to.
    """
    home = str(Path(gateway.__file__).parents[1])
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    base = tmp_path_factory.getbasetemp()
    compiled = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "bytecode"
    return {**kept, "PYTHONPATH": home, "PYTHONPYCACHEPREFIX": str(compiled), "PYTHONUTF8": "1"}


@pytest.fixture(scope="session")
def project() -> Iterator[Path]:
    """The folder that holds README, pyproject and these tests."""
    yield Path(__file__).parents[1]


@pytest.fixture(scope="session")
def database_server() -> Iterator[Server]:
    """One PostgreSQL for all tests of a session that are about meaning, not about crashes of the server."""
    with quickly_served() as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what public test material was not there: a green run without it proves less."""
    skipped = terminalreporter.stats.get("skipped", [])
    line = corpora.not_run(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    if line:
        terminalreporter.write_line(line)
