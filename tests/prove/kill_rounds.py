"""Rounds of SIGKILL at random moments: no acknowledged event is lost, no first delivery is out of order.

The rounds are those of `gateway selftest` (`gateway.cli.trials`), more of them.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.trials.killing import one_round
from gateway.cli.trials.place import Place
from gateway.config import Storage

DOSSIERS = 45


async def prove(rounds: int, first_seed: int) -> bool:
    """Run the rounds; True when every one was sound."""
    print(f"== kill rounds: {rounds} rounds of SIGKILL at random moments, {DOSSIERS} dossiers each")
    totals = Verdict()
    broken: list[int] = []
    kills = 0
    begun = time.monotonic()
    for number in range(rounds):
        seed = first_seed + number
        with tempfile.TemporaryDirectory(prefix="gateway-prove-") as folder:
            seen = await one_round(Place(Path(folder), Storage()), seed, DOSSIERS)
        verdict, killed = seen.verdict, seen.kills
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


def _add(totals: Verdict, verdict: Verdict) -> None:
    for name in ("accepted", "delivered", "lost", "out_of_order", "doubled", "repeated_rows", "echoes"):
        setattr(totals, name, getattr(totals, name) + getattr(verdict, name))
    totals.held.extend(verdict.held)
