"""Power cuts: what was acknowledged is on the disk, or the harness says so (F2; delivery-engine 3.3).

Each round: the gateway's data on an ext4 image, producers that repeat until they are acknowledged, simulators outside of the
image. Then every process is stopped, the image is copied as it is at that moment, the gateway is killed, and a new one starts on
the copy. Before the producers go on, every acknowledged event is asked for: the gateway must know it. Then everything is
delivered and judged by what the simulators hold.

With `synchronous=NORMAL` the same rounds must lose acknowledged events, or the harness proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from gateway.cli.demo import free_ports, scene_of, simulators
from gateway.cli.demonstration import stage
from gateway.cli.demonstration.cast import DIALECTS, SYSTEMS, Role, cast
from gateway.cli.demonstration.play import Play, Progress
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.installation import RESOLUTION_SYSTEM, Ports, lay_out
from gateway.intake.signature import SigningKey, sign_request
from tests.prove import image

_DOSSIERS = 120
_MEGABYTES = 128
_CALM_LIMIT_S = 90.0
_BUFFERED_S = 0.3


@dataclass(slots=True)
class Totals:
    """What the rounds of one setting came to."""

    setting: str
    acknowledged: int = 0
    lost: int = 0
    repeated: int = 0
    broken: list[int] = field(default_factory=list)


class Heard(Play):
    """A play that remembers every event that a sector system was told to be accepted."""

    def remember(self) -> list[tuple[str, str]]:
        """(system, event id) of each, from here on."""
        self.acknowledged: list[tuple[str, str]] = []
        return self.acknowledged

    async def _report(self, role: Role, event: Mapping[str, object]) -> str:
        event_id = await super()._report(role, event)
        self.acknowledged.append((role.system, event_id))
        return event_id


async def prove(rounds: int, control_rounds: int, first_seed: int) -> bool | None:
    """Run the rounds of both settings; None when this machine cannot mount an image: not run is not passed."""
    with tempfile.TemporaryDirectory(prefix="gateway-power-") as trial:
        reason = image.possible(Path(trial))
    if reason:
        print(f"\n== power cut: NOT RUN, this machine cannot mount an image ({reason})", flush=True)
        return None
    print(f"\n== power cut: {rounds} rounds with FULL, {control_rounds} with NORMAL, which must lose something")
    full = await _rounds("FULL", rounds, first_seed)
    control = await _rounds("NORMAL", control_rounds, first_seed)
    held, caught = not full.lost and not full.broken, control.lost > 0
    print(f"FULL:   acknowledged {full.acknowledged}, lost {full.lost}: {'held' if held else f'BROKEN {full.broken}'}")
    says = "seen, as it must be" if caught else "NOTHING WAS LOST: THE HARNESS IS BROKEN"
    print(f"NORMAL: acknowledged {control.acknowledged}, lost {control.lost}: {says}", flush=True)
    return held and caught


async def _rounds(setting: str, rounds: int, first_seed: int) -> Totals:
    totals = Totals(setting)
    for number in range(rounds):
        seed = first_seed + number
        begun = time.monotonic()
        acknowledged, lost, verdict = await _round(setting, seed)
        totals.acknowledged += acknowledged
        totals.lost += lost
        told = ""
        if verdict is not None:
            totals.repeated += verdict.repeated_rows + verdict.echoes
            told = (
                f"; then delivered {verdict.delivered}, lost {verdict.lost}, out of order {verdict.out_of_order}, "
                f"doubled {verdict.doubled}, held {len(verdict.held)}, repeated rows {verdict.repeated_rows}"
            )
            if not verdict.sound:
                totals.broken.append(seed)
                told += "".join(f"\n    {fault}" for fault in verdict.faults[:5])
        print(
            f"{setting} round {number + 1}/{rounds} seed {seed}: acknowledged at the cut {acknowledged}, "
            f"unknown after it {lost}{told}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
    return totals


async def _round(setting: str, seed: int) -> tuple[int, int, Verdict | None]:
    """One cut: how many events were acknowledged, how many of them the gateway does not know any more, what came of all."""
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="gateway-power-"))
    ports = Ports(*free_ports(3))
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        lay_out(folder, ports, SYSTEMS, DIALECTS)
        config = folder / "gateway.toml"
        text = config.read_text(encoding="utf-8")
        # The image is smaller than what files leave free of a disk.
        words = f'[files]\nkeep_free_bytes = 0\n\n[storage]\nsynchronous = "{setting}"\n'
        config.write_text(text.replace("[storage]\n", words), encoding="utf-8")
        scene = scene_of(folder, ports)
        serve = ["serve", "--config", str(config)]
        place = undo.enter_context(ExitStack())  # what is mounted there changes in the middle of the round
        disk = place.enter_context(image.mounted(image.made(folder / "disk.img", _MEGABYTES), folder / "data"))
        async with stage.opened(folder) as boards:
            for name, arguments, ready in simulators(folder, ports):
                await boards.start(name, arguments, ready)
            await boards.start("gateway", serve, f"{scene.gateway}/readyz")
            roles = cast(_DOSSIERS, datetime.now(UTC).date(), seed)
            play = Heard(boards, scene, roles, Progress(total=len(roles)))
            acknowledged = play.remember()
            await play.register()
            pushing = asyncio.create_task(play.push())
            try:
                await asyncio.sleep(chance.uniform(0.2, 1.2))
                _cut(boards, disk, folder / "copy.img")
                # What the gateway had answered before the cut may still lie in a socket buffer: it is acknowledged too.
                await asyncio.sleep(_BUFFERED_S)
                known = [*acknowledged, *await _own(boards, scene.resolution)]
                place.close()
                place.enter_context(image.mounted(folder / "copy.img", folder / "data"))
                await boards.start("gateway", serve, f"{scene.gateway}/readyz")
                keys = {**scene.keys, RESOLUTION_SYSTEM: _resolution_key(folder)}
                lost = await _unknown(boards, scene.gateway, keys, known)
                if setting != "FULL" or lost:
                    return len(known), lost, None  # what was lost leaves gaps that nobody closes
                await pushing
                await play.calm(_CALM_LIMIT_S)
                return len(known), lost, await play.judge()
            finally:
                pushing.cancel()
                await asyncio.gather(pushing, return_exceptions=True)
    raise AssertionError("a round ends inside its stage")


def _cut(boards: stage.Stage, disk: image.Disk, copy: Path) -> None:
    """Everything stands still, the device is copied as it is, the gateway dies; the simulators live on."""
    processes = list(boards.running.values())
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        for process in processes:
            _await_stop(process.pid)
        disk.cut(copy)
        boards.kill("gateway")
    finally:
        for process in boards.running.values():
            os.kill(process.pid, signal.SIGCONT)


def _await_stop(pid: int) -> None:
    """Wait until every thread of a process stands still: a write under way ends first."""
    end = time.monotonic() + 5.0
    while time.monotonic() < end:
        states = {
            (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").iterdir()
        }
        if states == {"T"}:
            return
        time.sleep(0.002)
    raise AssertionError(f"process {pid} does not stand still")


async def _own(boards: stage.Stage, resolution: str) -> list[tuple[str, str]]:
    """The events of the resolution system that the gateway acknowledged, by the simulator's own books."""
    found: list[tuple[str, str]] = []
    offset = 0
    while page := (await boards.get(f"{resolution}/_simulator/dossiers?offset={offset}&limit=500"))["dossiers"]:
        offset += len(page)
        for held in page:
            found += [
                (RESOLUTION_SYSTEM, str(sent["event_id"]))
                for sent in held["sent"]
                if sent["kind"] == "event" and sent["outcome"] == "acknowledged"
            ]
    return found


def _resolution_key(folder: Path) -> SigningKey:
    raw = (folder / f"keys/{RESOLUTION_SYSTEM}.pem").read_bytes()
    return SigningKey.load(raw, f"{RESOLUTION_SYSTEM}-1", "ed25519")


async def _unknown(
    boards: stage.Stage, gateway: str, keys: dict[str, SigningKey], events: list[tuple[str, str]]
) -> int:
    """How many of these events the gateway does not know."""
    lost = 0
    for system, event_id in events:
        target = f"/v1/events/{event_id}"
        headers = sign_request("GET", target, b"", keys[system], int(time.time()))
        async with boards.session.get(f"{gateway}{target}", headers=headers) as response:
            if response.status not in (200, 404):
                raise aiohttp.ClientError(f"{target}: {response.status}")
            lost += response.status == 404
    return lost
