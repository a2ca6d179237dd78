"""Power cuts of the database's machine: what any node acknowledged is on its disk, or the harness says so (delivery-engine 3.3).

Each round: PostgreSQL on an ext4 image, nodes and simulators outside of it, producers that repeat until they are acknowledged.
Then every process is stopped, the image is copied as it is at that moment, nodes and database are killed, and the database
starts on the copy. Every acknowledged event is asked for before the producers go on; then everything is delivered and judged.

With `synchronous_commit=off` the same rounds must lose acknowledged events, or the harness proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

from gateway.cli.demonstration import servers
from gateway.cli.demonstration.gateways import risen
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.cli.trials import image
from gateway.cli.trials.acknowledged import Heard, own_events, resolution_key, unknown
from gateway.cli.trials.power import BUFFERED_S, Cut, await_stop
from tests.prove import nodes
from tests.prove.power_cut import controls, cuts, judged

_DOSSIERS = 120
_NODES = 2
_MEGABYTES = 400
_CALM_LIMIT_S = 240.0
# A late writer of the log makes what `off` risks plain; it changes nothing for who waits for the disk.
_SETTINGS = {**servers.POSTGRES_SETTINGS, "wal_writer_delay": "10s", "max_wal_size": "128MB"}


async def prove(rounds: int, control_rounds: int, first_seed: int) -> bool | None:
    """Run the rounds of both settings; None when this machine cannot: not run is not passed."""
    with tempfile.TemporaryDirectory(prefix="gateway-power-") as name:
        programs = servers.postgres_programs()
        reason = image.possible(Path(name)) or ("" if programs else str(servers.ServerMissing.__doc__))
        if reason or programs is None:
            print(f"\n== power cut of the database: NOT RUN ({reason})", flush=True)
            return None
        print(f"\n== power cut of the database: {rounds} rounds with synchronous_commit=on, {control_rounds} with off")
        template = _made(Path(name), programs)
        ground = template, programs
        on = await cuts("on", rounds, first_seed, lambda seed: _one("on", seed, ground))
        off = await controls("off", control_rounds, first_seed, lambda seed: _one("off", seed, ground))
    return judged(on, off)


Ground = tuple[Path, Path]
"""An image with an empty cluster, and the programs of PostgreSQL."""


def _made(folder: Path, programs: Path) -> Path:
    """An image with a cluster that nobody has written to yet; unmounting brings all of it onto the device."""
    template = image.made(folder / "template.img", _MEGABYTES)
    folder.chmod(0o711)  # who runs the database must reach the place
    with image.mounted(template, folder / "made") as disk:
        servers.PostgresServer(disk.mounted, programs).make()
    return template


async def _one(setting: str, seed: int, ground: Ground) -> Cut:
    """One cut; lost is what no node knows any more."""
    template, programs = ground
    chance = random.Random(seed)
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="gateway-power-"))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o711)
        shutil.copyfile(template, folder / "disk.img")
        place = undo.enter_context(ExitStack())  # what is mounted there changes in the middle of the round
        disk = place.enter_context(image.mounted(folder / "disk.img", folder / "data"))
        postgres = servers.PostgresServer(disk.mounted, programs, _SETTINGS)
        undo.callback(postgres.kill)
        postgres.start()
        size = nodes.Size(_DOSSIERS, _NODES, f'synchronous_commit = "{setting}"\n')
        async with nodes.whole(seed, postgres, None, size) as (house, quiet):
            play = Heard(house.boards, quiet.scene, quiet.roles, quiet.progress)
            acknowledged = play.remember()
            await play.register()
            pushing = asyncio.create_task(play.push())
            try:
                await asyncio.sleep(chance.uniform(0.3, 4.0))
                _cut(house, disk, folder / "copy.img")
                # What a node had answered before the cut may still lie in a socket buffer: it is acknowledged too.
                await asyncio.sleep(BUFFERED_S)
                known = [*acknowledged, *await own_events(house.boards, play.scene.resolution)]
                place.close()
                place.enter_context(image.mounted(folder / "copy.img", folder / "data"))
                await risen(postgres)
                await asyncio.gather(*(house.start(node) for node in house.nodes))
                keys = {**play.scene.keys, RESOLUTION_SYSTEM: resolution_key(house.boards.folder)}
                lost = await unknown(house.boards, play.scene.gateway, keys, known)
                if setting != "on" or lost:
                    return Cut(seed, len(known), lost)  # what was lost leaves gaps that nobody closes
                await pushing
                await play.calm(_CALM_LIMIT_S)
                return Cut(seed, len(known), lost, await play.judge())
            finally:
                pushing.cancel()
                await asyncio.gather(pushing, return_exceptions=True)
    raise AssertionError("a round ends inside its installation")


def _cut(house: nodes.House, disk: image.Disk, copy: Path) -> None:
    """Everything stands still, the device is copied as it is, nodes and database die; the simulators live on."""
    processes = [process.pid for process in house.boards.running.values()]
    stopped: list[int] = []
    try:
        for pid in (*processes, *house.postgres.pids()):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        for pid in stopped:
            await_stop(pid)
        disk.cut(copy)
        for node in house.nodes:
            house.boards.kill(node.name)
        house.postgres.kill()
    finally:
        for process in house.boards.running.values():
            os.kill(process.pid, signal.SIGCONT)
