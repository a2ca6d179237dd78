"""What the service manager is told: whole datagrams in the words of sd_notify(3), and nothing where nobody listens."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway.config import supervision
from gateway.observe.supervision import Supervisor


@pytest.mark.parametrize("abstract", [False, True])
def test_each_state_is_one_datagram(tmp_path: Path, abstract: bool) -> None:
    """On a socket of the file system and on one of the abstract space, as systemd uses either."""
    name = f"tthc-{os.getpid()}-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        manager.setblocking(False)
        supervisor = Supervisor(f"@{name}" if abstract else name, lambda: 5_000_007_999)
        for tell in (supervisor.ready, supervisor.reloading, supervisor.alive, supervisor.stopping):
            tell()
        told = [manager.recv(4_096).decode() for _ in range(4)]
    assert told == [
        f"READY=1\nMAINPID={os.getpid()}",
        "RELOADING=1\nMONOTONIC_USEC=5000007",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_nobody_who_listens_is_no_trouble(tmp_path: Path) -> None:
    """Without a manager, or with one that is gone, the gateway goes on."""
    Supervisor("", lambda: 0).ready()
    Supervisor(str(tmp_path / "nobody"), lambda: 0).ready()


def test_what_the_manager_wants_is_read_from_the_environment() -> None:
    """The watchdog is ours only when it names this very process."""
    told = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000"}
    assert supervision(told) == ("/run/x", 30.0)
    assert supervision({**told, "WATCHDOG_PID": str(os.getpid())}) == ("/run/x", 30.0)
    assert supervision({**told, "WATCHDOG_PID": "1"}) == ("/run/x", 0.0)
    assert supervision({}) == ("", 0.0)
