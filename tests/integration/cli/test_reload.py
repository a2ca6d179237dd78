"""`gateway reload` and SIGHUP against the running program, as an operator and as systemd know them."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.line.program import ask, until

REASON = "Đổi thời hạn của đề nghị theo quy chế"


@pytest.fixture(scope="module")
def manager() -> Iterator[socket.socket]:
    """A service manager that listens, as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0tthc-reload-{os.getpid()}")
        listening.settimeout(60)
        yield listening


@pytest.fixture(scope="module")
def served(still: Any, manager: socket.socket) -> Any:
    """The installation, running under that manager."""
    extra = {"NOTIFY_SOCKET": "@" + manager.getsockname()[1:].decode()}
    still.line.program.start("gateway", ("serve", "--config", still.line.config), f"{still.line.url()}/healthz", extra)
    assert manager.recv(4_096).startswith(b"READY=1")
    return still


def _generation(office: Any) -> str:
    return str(ask("GET", f"{office.line.url()}/healthz").tree["config_generation"])


def _written(config: Path, hours: str) -> None:
    text = config.read_text(encoding="utf-8")
    head, _, tail = text.partition("[operators]\n")
    rest = "\n".join(line for line in tail.split("\n") if not line.startswith("proposal_hours"))
    config.write_text(f"{head}[operators]\nproposal_hours = {hours}\n{rest}", encoding="utf-8")


def test_an_operator_reloads_and_a_signal_does_the_same(served: Any, manager: socket.socket) -> None:
    """A good file takes over, a wrong one changes nothing; whoever ordered it, log, trail and systemd hear what came of it."""
    config, line = served.line.config, served.line
    first = _generation(served)
    _written(config, "48.0")
    done = line.command("reload", "--reason", REASON)
    assert done.code == 0, done
    second = _generation(served)
    assert second != first
    assert second in done.out

    # A key file is looked at where the gateway runs; what is wrong with it the command cannot see by itself.
    key = served.folder / "keys/portal.password"
    key.rename(key.with_suffix(".gone"))
    _written(config, "47.0")
    done = line.command("reload", "--reason", REASON)
    assert done.code == 78, done
    assert "upstreams.national_dvc.settings.password" in done.err
    assert _generation(served) == second

    process = line.program.running["gateway"]
    process.send_signal(signal.SIGHUP)
    assert manager.recv(4_096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert manager.recv(4_096).startswith(b"READY=1")
    assert _generation(served) == second
    key.with_suffix(".gone").rename(key)
    process.send_signal(signal.SIGHUP)
    assert manager.recv(4_096).startswith(b"RELOADING=1")
    assert manager.recv(4_096).startswith(b"READY=1")
    third = _generation(served)
    assert third not in (first, second)
    until(lambda: "configuration reloaded" in line.program.log("gateway"), "the log tells of it")
    assert "configuration refused" in line.program.log("gateway")

    assert line.program.stop("gateway") == 0
    assert manager.recv(4_096) == b"STOPPING=1"
    reloaded, refused = served.audit("config.reloaded"), served.audit("config.refused")
    assert [row["generation"] for row in reloaded] == [second, third]
    assert [row["actor"] for row in refused][1:] == ["gateway"]
    assert all(row["keys"] == ["upstreams.national_dvc.settings.password"] for row in refused)
    assert all("decision_id" not in row for row in refused[1:])


def test_where_nothing_runs_there_is_nothing_to_reload(still: Any) -> None:
    """The next start reads the file in any case; a file that is wrong is told at once, with every fault."""
    done = still.line.command("reload", "--reason", REASON)
    assert done.code == 2
    assert "cổng đang chạy" in done.err
    _written(still.line.config, "-1.0")
    assert still.line.command("reload", "--reason", REASON).code == 78
