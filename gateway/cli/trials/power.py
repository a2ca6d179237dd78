"""Power cuts on an image of the disk under test: what was acknowledged is on it, or counted as lost (F2; delivery-engine 3.3).

The gateway's data lie on an ext4 image; producers repeat until they are acknowledged, the simulators stand outside of it. Then
every process is stopped, the image is copied as it is at that moment, the gateway is killed, and a new one starts on the copy.
Before the producers go on, every acknowledged event is asked for: the gateway must know it. Then all is delivered and judged.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.demonstration import stage
from gateway.cli.demonstration.cast import cast
from gateway.cli.demonstration.play import Progress
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.cli.trials import image
from gateway.cli.trials.acknowledged import Heard, own_events, resolution_key, unknown
from gateway.cli.trials.installing import laid_out, staged
from gateway.cli.trials.killing import LIMIT_S, Installation, faulted
from gateway.cli.trials.place import Place

BUFFERED_S = 0.3
_MEGABYTES = 128
_CALM_LIMIT_S = 240.0
_STILL_S = 5.0


@dataclass(slots=True)
class Cut:
    """One cut: how many events were acknowledged, how many of them the gateway does not know any more, what came of all.

    `verdict` is None where something was lost, or where losing is what the settings risk: nobody closes the gaps then.
    """

    seed: int
    acknowledged: int = 0
    lost: int = 0
    verdict: Verdict | None = None


async def one_cut(place: Place, seed: int, dossiers: int) -> Cut:
    """The gateway's data on an image of the disk under test; the power goes in mid-run. What the gateway fails at is its fault.

    Raises `CannotMount`.
    """
    cut = Cut(seed)
    failed = Verdict()
    with faulted(failed):
        async with asyncio.timeout(LIMIT_S):
            await _played(place, cut, dossiers)
    if failed.faults:
        cut.verdict = failed
    return cut


async def _played(place: Place, cut: Cut, dossiers: int) -> None:
    chance = random.Random(cut.seed)
    with ExitStack() as undo:
        laid = undo.enter_context(laid_out(place.folder))
        node, data = laid.alone(place.storage), laid.folder / "data"
        mounts = undo.enter_context(ExitStack())  # what is mounted there changes in the middle of the round
        disk = mounts.enter_context(image.mounted(image.made(laid.folder / "disk.img", _MEGABYTES), data))
        async with staged(laid) as boards:
            house = Installation(boards, laid.scene, (node,), chance)
            await house.start(node)
            roles = cast(dossiers, datetime.now(UTC).date(), cut.seed)
            play = Heard(boards, laid.scene, roles, Progress(total=len(roles)))
            acknowledged = play.remember()
            await play.register()
            pushing = asyncio.create_task(play.push())
            try:
                await asyncio.sleep(chance.uniform(0.2, 1.2))
                _cut(boards, disk, laid.folder / "copy.img")
                # What the gateway had answered before the cut may still lie in a socket buffer: it is acknowledged too.
                await asyncio.sleep(BUFFERED_S)
                known = [*acknowledged, *await own_events(boards, laid.scene.resolution)]
                cut.acknowledged = len(known)
                mounts.close()
                mounts.enter_context(image.mounted(laid.folder / "copy.img", data))
                await house.start(node)
                keys = {**laid.scene.keys, RESOLUTION_SYSTEM: resolution_key(laid.folder)}
                cut.lost = await unknown(boards, laid.scene.gateway, keys, known)
                if place.storage.synchronous != "FULL" or cut.lost:
                    return  # what was lost leaves gaps that nobody closes
                await pushing
                await play.calm(_CALM_LIMIT_S)
                cut.verdict = await play.judge()
            finally:
                pushing.cancel()
                await asyncio.gather(pushing, return_exceptions=True)


def _cut(boards: stage.Stage, disk: image.Disk, copy: Path) -> None:
    """Everything stands still, the device is copied as it is, the gateway dies; the simulators live on."""
    processes = list(boards.running.values())
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        for process in processes:
            await_stop(process.pid)
        disk.cut(copy)
        boards.kill("gateway")
    finally:
        for process in boards.running.values():
            os.kill(process.pid, signal.SIGCONT)


def await_stop(pid: int) -> None:
    """Wait until every thread of a process stands still: a write under way ends first. Raises `CannotMount`."""
    end = time.monotonic() + _STILL_S
    while time.monotonic() < end:
        states = {
            (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").iterdir()
        }
        if states == {"T"}:
            return
        time.sleep(0.002)
    raise image.CannotMount(
        f"tiến trình {pid} không đứng yên sau {_STILL_S:.0f} giây; đĩa quá chậm, hãy thử lại khi máy rảnh"
    )
