"""How a running gateway ends: politely on SIGTERM, and without loss on SIGKILL."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.line.program import processes_of, until
from tests.line.running import Line, lay
from tests.line.words import SECTOR, event, own

pytestmark = pytest.mark.xdist_group("line-stopping")


@pytest.fixture(autouse=True)
def _all_run(fragile: Line) -> Iterator[None]:
    """Whatever a test stopped runs again for the next one."""
    yield
    fragile.faults("national_dvc")
    if "gateway" not in fragile.program.running:
        fragile.start("gateway")


def test_sigterm_settles_what_is_under_way_and_exits_with_0(fragile: Line) -> None:
    """The portal is slow; the attempt is waited for, settled as delivered, and never repeated."""
    code = fragile.new_dossier()
    fragile.faults("national_dvc", {"match": "DongBoHoSoMC", "fault": "slow", "times": 1, "seconds": 1.2})
    fragile.own_events(own(code, "received"))
    until(lambda: [c for c in fragile.calls("national_dvc", code) if c["ended"] is None], "the call is under way")
    session = fragile.program.running["gateway"].pid
    begun = time.monotonic()
    assert fragile.program.stop("gateway", signal.SIGTERM) == 0
    assert time.monotonic() - begun < 25.0
    assert processes_of(session) == []
    (call,) = (c for c in fragile.calls("national_dvc", code) if c["operation"] == "DongBoHoSoMC")
    assert call["status"] == 200
    fragile.start("gateway")
    fragile.portal_has(code, ["2"])
    delivery = fragile.settled(code)["deliveries"][0]
    assert [a["outcome"] for a in delivery["attempts"]] == ["delivered"]
    assert len([c for c in fragile.calls("national_dvc", code) if c["operation"] == "DongBoHoSoMC"]) == 1


def test_sigint_stops_as_politely(fragile: Line) -> None:
    """Ctrl+C in a window is the same order."""
    assert fragile.program.stop("gateway", signal.SIGINT) == 0
    assert not (fragile.folder / "data/admin.sock").exists()


def test_what_waits_at_a_stop_goes_on_at_the_next_start(fragile: Line) -> None:
    """Waiting is state on disk: accepted before the stop, delivered after the start."""
    code = fragile.new_dossier()
    fragile.order("national_dvc", "POST", "outage", {"seconds": 1.5})
    assert fragile.push(event(SECTOR, code, 1, "received")).status == 202
    assert fragile.program.stop("gateway") == 0
    fragile.start("gateway")
    fragile.portal_has(code, ["2"])


def test_sigkill_loses_no_accepted_event(fragile: Line) -> None:
    """Everything that was answered 202 before the kill is there after the start, once and in order."""
    codes = [fragile.new_dossier() for _ in range(6)]
    for code in codes:
        for number, state in enumerate(("received", "processing"), 1):
            assert fragile.push(event(SECTOR, code, number, state)).status == 202
    fragile.program.stop("gateway", signal.SIGKILL)
    fragile.start("gateway")
    for code in codes:
        held = fragile.portal_has(code, ["2", "4"])
        assert held["counts"]["creates"] == 1


def test_a_gateway_whose_port_is_taken_says_so_and_exits_with_78(
    place: Path, program_environment: dict[str, str]
) -> None:
    """A second listener on one address is a fault of the configuration, named in Vietnamese, without a stack."""
    line = lay(place, program_environment)
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", line.ports.gateway))
        taken.listen()
        done = line.command("serve")
    assert done.code == 78
    assert "không mở được" in done.err and "Traceback" not in done.err
