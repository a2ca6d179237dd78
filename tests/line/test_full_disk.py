"""A disk without room: 503 with Retry-After, nothing accepted is lost, and the same bytes are accepted afterwards."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.line.program import ask, until
from tests.line.running import Line, lay, opened
from tests.line.words import SECTOR, event, own

pytestmark = pytest.mark.xdist_group("line-full-disk")


@dataclass(frozen=True)
class Disk:
    """A running line whose store can be denied any room, and given room again."""

    line: Line
    fill: Callable[[], None]
    clear: Callable[[], None]


@pytest.fixture
def tiny_disk(place: Path, program_environment: dict[str, str]) -> Iterator[Disk]:
    """The data directory is a file system of a few megabytes (needs root)."""
    line = lay(place, program_environment)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", str(place / "data")],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(
            "NOTICE: a tiny file system cannot be mounted here (needs root); the limit of a process is tested instead"
        )
    ballast = place / "data/ballast"

    def fill() -> None:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    try:
        line.start()
        yield Disk(line, fill, ballast.unlink)
    finally:
        line.program.close()
        subprocess.run(["umount", str(place / "data")], check=True)


@pytest.fixture
def limited(place: Path, program_environment: dict[str, str]) -> Iterator[Disk]:
    """No file of the gateway's process may grow any more: what a full disk is to its writes."""
    with opened(place, program_environment) as line:
        pid = line.program.running["gateway"].pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

        def fill() -> None:
            # Below the size of the write-ahead log, so that the very next append fails.
            size = (place / "data/journal.db-wal").stat().st_size
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

        def clear() -> None:
            # A process that was killed meanwhile needs no room any more.
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

        yield Disk(line, fill, clear)
        clear()


@pytest.fixture(params=["tiny_disk", "limited"])
def disk(request: pytest.FixtureRequest) -> Any:
    """Both ways of having no room."""
    return request.getfixturevalue(request.param)


def nothing_is_promised(line: Line, bodies: Sequence[bytes]) -> None:
    """The judge of a full disk: every event is answered 503 with its problem document, none is acknowledged."""
    for body in bodies:
        answer = line.call(SECTOR, "POST", "/v1/events", body)
        assert (answer.status, answer.tree.get("code")) == (503, "busy")
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) >= 1 and "lưu" in answer.tree["detail"]


def test_a_gateway_that_answers_without_its_commit_is_caught(place: Path, program_environment: dict[str, str]) -> None:
    """The negative control: the same judge, and a program that acknowledges what found no room."""
    line = lay(place, program_environment)
    line.program.entry = (str(Path(__file__).with_name("forgetful.py")),)
    try:
        line.start()
        code = line.new_dossier()
        assert line.push(event(SECTOR, code, 1, "received")).status == 202
        line.settled(code)
        pid = line.program.running["gateway"].pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, ((place / "data/journal.db-wal").stat().st_size, hard))
        told = event(SECTOR, code, 2, "processing")
        with pytest.raises(AssertionError, match="202"):
            nothing_is_promised(line, [msgspec.json.encode(told)])
        assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404, "acknowledged, and nowhere"
    finally:
        line.program.close()


def test_a_full_disk_answers_503_and_loses_nothing_accepted(disk: Disk) -> None:
    """Accepted before: delivered. Refused while full: never a 202. The same bytes afterwards: accepted, in order."""
    line = disk.line
    code, later = line.new_dossier(), line.new_dossier()
    accepted = event(SECTOR, code, 1, "received")
    assert line.push(accepted).status == 202
    line.portal_has(code, ["2"])
    line.settled(code)

    disk.fill()
    told = [event(SECTOR, code, 2, "processing"), event(SECTOR, later, 1, "received")]
    bodies = [msgspec.json.encode(one) for one in told]
    nothing_is_promised(line, bodies)
    assert ask("GET", f"{line.url()}/readyz").status == 503
    assert ask("GET", f"{line.url()}/healthz").status == 200, "the process lives"
    assert line.get(f"/v1/dossiers/{code}").status == 503, "a read that cannot be written down is not answered"

    disk.clear()
    until(lambda: ask("GET", f"{line.url()}/readyz").status == 200, "the store commits again")
    for body in bodies:
        assert line.call(SECTOR, "POST", "/v1/events", body).tree["status"] == "accepted"
    line.portal_has(code, ["2", "4"])
    line.portal_has(later, ["2"])
    assert [push["sequence"] for push in line.pushes(code)] == [1, 2]
    assert line.get(f"/v1/events/{accepted['event_id']}", SECTOR).tree["status"] == "accepted"


def test_a_gateway_killed_on_a_full_disk_starts_again_with_everything(disk: Disk) -> None:
    """What was accepted before the disk was full survives the death of the process on it."""
    line = disk.line
    code = line.new_dossier()
    assert line.push(event(SECTOR, code, 1, "received")).status == 202
    disk.fill()
    refused = event(SECTOR, code, 2, "processing")
    assert line.push(refused).status == 503
    line.program.stop("gateway", 9)
    disk.clear()
    line.start("gateway")
    line.portal_has(code, ["2"])
    assert line.get(f"/v1/events/{refused['event_id']}", SECTOR).status == 404
    assert line.push(refused).tree["status"] == "accepted"


def test_an_answer_that_could_not_be_settled_on_a_full_disk_has_one_effect(limited: Disk) -> None:
    """The portal did it, the outcome found no room: after room is made it is asked about, and one creation stands."""
    line = limited.line
    code = line.new_dossier()
    line.faults("national_dvc", {"match": "DongBoHoSoMC", "fault": "slow", "times": 1, "seconds": 1.4})
    line.own_events(own(code, "received"))
    until(lambda: [c for c in line.calls("national_dvc", code) if c["ended"] is None], "the call is under way")
    limited.fill()
    until(lambda: line.portal(code), "the portal has it")
    until(lambda: ask("GET", f"{line.url()}/readyz").status == 503, "there is no room")
    limited.clear()
    held = line.portal_has(code, ["2"])
    assert held["counts"]["creates"] == 1 and held["counts"]["repeated_rows"] == 0
    assert [d["state"] for d in line.settled(code)["deliveries"]] == ["DELIVERED", "DELIVERED"]
