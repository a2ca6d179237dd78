"""Rounds of SIGKILL at random moments: no acknowledged event is lost, no first delivery is out of order.

Every round is a whole installation with both simulators and the real program. Producers push signed events and repeat the same
bytes until they are acknowledged; the gateway is killed once or twice, when the seed says; then everything must arrive.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from gateway.cli.demo import free_ports, scene_of, simulators
from gateway.cli.demonstration import stage
from gateway.cli.demonstration.cast import DIALECTS, SYSTEMS, cast
from gateway.cli.demonstration.play import Play, Progress
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.installation import Ports, lay_out

_DOSSIERS = 45
_CALM_LIMIT_S = 60.0


async def prove(rounds: int, first_seed: int) -> bool:
    """Run the rounds; True when every one was sound."""
    print(f"== kill rounds: {rounds} rounds of SIGKILL at random moments, {_DOSSIERS} dossiers each")
    totals = Verdict()
    broken: list[int] = []
    kills = 0
    begun = time.monotonic()
    for number in range(rounds):
        seed = first_seed + number
        verdict, killed = await one_round(seed, _kill)
        kills += killed
        _add(totals, verdict)
        if not verdict.sound:
            broken.append(seed)
        print(
            f"round {number + 1:2d}/{rounds} seed {seed} kills {killed}: accepted {verdict.accepted} "
            f"delivered {verdict.delivered} lost {verdict.lost} out of order {verdict.out_of_order} "
            f"doubled {verdict.doubled} held {len(verdict.held)} "
            f"repeated rows {verdict.repeated_rows} echoes {verdict.echoes} {'ok' if verdict.sound else 'BROKEN'}",
            flush=True,
        )
        for fault in verdict.faults[:5]:
            print(f"    {fault}")
    print(
        f"total: {kills} kills, accepted {totals.accepted}, delivered {totals.delivered}, lost {totals.lost}, "
        f"out of order {totals.out_of_order}, doubled {totals.doubled}, held lanes {len(totals.held)}, "
        f"repeated rows {totals.repeated_rows}, echoes {totals.echoes}, {time.monotonic() - begun:.0f} s"
        + (f"; broken seeds {broken}" if broken else "")
    )
    return not broken


Start = Callable[[], Awaitable[None]]
Disturb = Callable[[stage.Stage, random.Random, Start], Awaitable[int]]


async def _kill(boards: stage.Stage, chance: random.Random, start: Start) -> int:
    """Kill the gateway once or twice, when the seed says; how often."""
    killed = 0
    for _ in range(chance.choice((1, 1, 2))):
        await asyncio.sleep(chance.uniform(0.02, 0.9))
        boards.kill("gateway")
        killed += 1
        await start()
    return killed


async def one_round(seed: int, disturb: Disturb) -> tuple[Verdict, int]:
    """A whole installation, disturbed while the producers push; what came of it, and how often it was disturbed."""
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="gateway-prove-"))
    ports = Ports(*free_ports(3))
    lay_out(folder, ports, SYSTEMS, DIALECTS)
    scene = scene_of(folder, ports)
    roles = cast(_DOSSIERS, datetime.now(UTC).date(), seed)
    serve = ["serve", "--config", str(folder / "gateway.toml")]
    try:
        async with stage.opened(folder) as boards:
            for name, arguments, ready in simulators(folder, ports):
                await boards.start(name, arguments, ready)
            start = partial(boards.start, "gateway", serve, f"{scene.gateway}/readyz")
            await start()
            play = Play(boards, scene, roles, Progress(total=len(roles)))
            await play.register()
            pushing = asyncio.create_task(play.push())
            disturbed = await disturb(boards, chance, start)
            await pushing
            await play.calm(_CALM_LIMIT_S)
            return await play.judge(), disturbed
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _add(totals: Verdict, verdict: Verdict) -> None:
    for name in ("accepted", "delivered", "lost", "out_of_order", "doubled", "repeated_rows", "echoes"):
        setattr(totals, name, getattr(totals, name) + getattr(verdict, name))
    totals.held.extend(verdict.held)
