"""`python -m tests.prove`: the promise, proven on this machine. Prints seeds, figures and a verdict; 0 only when it holds.

--scale full   40 rounds of SIGKILL, five paired lag runs, the claim bench at full size; every verdict binds
--scale ci     a fifth of the rounds, which bind, and quick benches, which are printed: a shared machine moves their ratios
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.prove import kill_rounds

_ROUNDS = {"full": 40, "ci": 8}
_BENCHES = {
    "full": (("lag.py",), ("claim.py",), ("accept.py",)),
    "ci": (("lag.py", "--quick"), ("claim.py", "--quick"), ("accept.py", "--quick")),
}


def main() -> int:
    """Run every part, then say what held."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove")
    parser.add_argument("--scale", choices=tuple(_ROUNDS), default="full")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the first round (default: now)")
    parser.add_argument("--rounds", type=int, default=0)
    arguments = parser.parse_args()
    held = {"kill rounds": asyncio.run(kill_rounds.prove(arguments.rounds or _ROUNDS[arguments.scale], arguments.seed))}
    bench = Path(__file__).parents[2] / "bench"
    environment = {**os.environ, "PYTHONPATH": str(bench.parent)}
    printed: dict[str, bool] = {}
    for name, *options in _BENCHES[arguments.scale]:
        print(f"\n== bench/{name} {' '.join(options)}", flush=True)
        command = [sys.executable, str(bench / name), *options]
        outcome = subprocess.run(command, check=False, cwd=bench.parent, env=environment)
        (held if arguments.scale == "full" else printed)[f"bench/{name}"] = outcome.returncode == 0
    print("\n== verdict")
    for part, sound in held.items():
        print(f"{'held  ' if sound else 'BROKEN'}  {part}")
    for part, sound in printed.items():
        print(f"{'held  ' if sound else 'missed'}  {part} (printed, not binding at this scale)")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
