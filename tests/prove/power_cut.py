"""Power cuts: what was acknowledged is on the disk, or the harness says so (F2; delivery-engine 3.3).

The rounds are those of `gateway selftest` (`gateway.cli.trials.power`), more of them. With `synchronous=NORMAL` the same rounds
must lose acknowledged events, or the harness proves nothing.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.cli.trials import image
from gateway.cli.trials.place import Place
from gateway.cli.trials.power import one_cut
from gateway.config import Storage

_DOSSIERS = 120


@dataclass(slots=True)
class Totals:
    """What the rounds of one setting came to."""

    setting: str
    acknowledged: int = 0
    lost: int = 0
    repeated: int = 0
    broken: list[int] = field(default_factory=list)


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


async def _rounds(setting: Literal["FULL", "NORMAL"], rounds: int, first_seed: int) -> Totals:
    totals = Totals(setting)
    for number in range(rounds):
        seed = first_seed + number
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="gateway-power-") as folder:
            cut = await one_cut(Place(Path(folder), Storage(synchronous=setting)), seed, _DOSSIERS)
        acknowledged, lost, verdict = cut.acknowledged, cut.lost, cut.verdict
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
