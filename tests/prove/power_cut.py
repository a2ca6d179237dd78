"""Power cuts: what was acknowledged is on the disk, or the harness says so (F2; delivery-engine 3.3).

The rounds are those of `gateway selftest` (`gateway.cli.trials.power`), more of them. With `synchronous=NORMAL` the same rounds
must lose acknowledged events, or the harness proves nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.cli.trials import image
from gateway.cli.trials.place import Place
from gateway.cli.trials.power import Cut, one_cut
from gateway.config import Storage

_DOSSIERS = 120
_PATIENCE = 15
"""Rounds more, at most, until the control loses something: on a busy disk one cut in two loses nothing at all."""


@dataclass(slots=True)
class Totals:
    """What the rounds of one setting came to."""

    setting: str
    acknowledged: int = 0
    lost: int = 0
    broken: list[int] = field(default_factory=list)

    def __iadd__(self, more: Totals) -> Totals:
        """With what more rounds of the same setting came to."""
        self.acknowledged += more.acknowledged
        self.lost += more.lost
        self.broken += more.broken
        return self

    @property
    def held(self) -> bool:
        """Something was acknowledged before the cuts, and all of it was there afterwards."""
        return self.acknowledged > 0 and not self.lost and not self.broken


async def prove(rounds: int, control_rounds: int, first_seed: int) -> bool | None:
    """Run the rounds of both settings; None when this machine cannot mount an image: not run is not passed."""
    with tempfile.TemporaryDirectory(prefix="gateway-power-") as trial:
        reason = image.possible(Path(trial))
    if reason:
        print(f"\n== power cut: NOT RUN, this machine cannot mount an image ({reason})", flush=True)
        return None
    print(f"\n== power cut: {rounds} rounds with FULL, {control_rounds} with NORMAL, which must lose something")
    full = await cuts("FULL", rounds, first_seed, lambda seed: _one("FULL", seed))
    control = await controls("NORMAL", control_rounds, first_seed, lambda seed: _one("NORMAL", seed))
    return judged(full, control)


async def _one(setting: Literal["FULL", "NORMAL"], seed: int) -> Cut:
    with tempfile.TemporaryDirectory(prefix="gateway-power-") as folder:
        return await one_cut(Place(Path(folder), Storage(synchronous=setting)), seed, _DOSSIERS)


async def controls(setting: str, rounds: int, first_seed: int, one: Callable[[int], Awaitable[Cut]]) -> Totals:
    """So many cuts that should lose something, and a few more while none did."""
    totals = await cuts(setting, rounds, first_seed, one)
    for seed in range(first_seed + rounds, first_seed + rounds + _PATIENCE):
        if totals.lost:
            break
        totals += await cuts(setting, 1, seed, one)
    return totals


async def cuts(setting: str, rounds: int, first_seed: int, one: Callable[[int], Awaitable[Cut]]) -> Totals:
    """So many cuts, by one seed after the other; each is printed."""
    totals = Totals(setting)
    for number in range(rounds):
        seed = first_seed + number
        begun = time.monotonic()
        cut = await one(seed)
        totals.acknowledged += cut.acknowledged
        totals.lost += cut.lost
        told, verdict = "", cut.verdict
        if verdict is not None:
            told = (
                f"; then delivered {verdict.delivered}, lost {verdict.lost}, out of order {verdict.out_of_order}, "
                f"doubled {verdict.doubled}, held {len(verdict.held)}, repeated rows {verdict.repeated_rows}"
            )
            if not verdict.sound:
                totals.broken.append(seed)
                told += "".join(f"\n    {fault}" for fault in verdict.faults[:5])
        print(
            f"{setting} round {number + 1}/{rounds} seed {seed}: acknowledged at the cut {cut.acknowledged}, "
            f"unknown after it {cut.lost}{told}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
    return totals


def judged(safe: Totals, control: Totals) -> bool:
    """Say what both settings came to: with the safe one nothing was lost, with the other one something was."""
    caught = control.lost > 0
    outcome = "held" if safe.held else f"BROKEN {safe.broken}"
    says = "seen, as it must be" if caught else "NOTHING WAS LOST: THE HARNESS IS BROKEN"
    print(f"{safe.setting}: acknowledged {safe.acknowledged}, lost {safe.lost}: {outcome}")
    print(f"{control.setting}: acknowledged {control.acknowledged}, lost {control.lost}: {says}", flush=True)
    return safe.held and caught
