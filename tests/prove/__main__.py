"""`python -m tests.prove`: the promise, proven on this machine. Prints seeds, figures and a verdict; 0 only when it holds.

--scale full   40 rounds of SIGKILL, 20 on three nodes with their database and Redis, 100 more while fees are paid and 100
               while parcels are ordered, 8 power cuts of each store, freezes, clock jumps, a million blocked lanes, ten
               thousand random messages of each foreign dialect, 60 requests to each operation of the published interface,
               software that we did not write, a soak of 20 minutes on three nodes, lag runs, benches: all bind but bare figures
--scale ci     a fifth of the rounds, which bind, and quick benches, which are printed: a shared machine moves their ratios
--only PART    kill, nodes, soak, payments, parcels, feed, power, frozen, clock, backlog, foreign, exploring, peers, benches; may
               be repeated

Parcels, power, frozen, clock, backlog and exploring run with a negative control beside them: the same run with the promise
switched off must fail, or the part is broken. What a machine cannot do (mount an image, run the peers) is said and counted as
not run, never as passed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.prove import (
    backlog,
    clock,
    frozen,
    frozen_nodes,
    kill_rounds,
    nodes,
    parcels,
    payments,
    peers,
    power_cut,
    power_nodes,
    redis_gone,
    soak,
)
from tests.prove.peers import browser

_ROUNDS = {"full": 40, "ci": 8}
_NODE_ROUNDS = {"full": 20, "ci": 3}
# At the other scale the rate is only printed: a shared machine moves it.
_SOAK = {"full": soak.Length(1_200.0, 30.0, kept=0.95), "ci": soak.Length(75.0, 5.0, kept=0.0)}
_FEE_ROUNDS = {"full": 100, "ci": 6}
_PARCEL_ROUNDS = {"full": 100, "ci": 4}
_CUTS = {"full": (8, 4), "ci": (2, 1)}
_FREEZES = {"full": 4, "ci": 1}
_BLOCKED = {"full": 1_000_000, "ci": 200_000}
_MESSAGES = {"full": 10_000, "ci": 2_000}
_REQUESTS = {"full": 60, "ci": 24}
_QUICK = ("--quick",)
# The one list of what is measured; `make bench` goes by it too. Options at full scale, and at the other.
_BENCHES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "accept.py": ((), _QUICK),
    "claim.py": ((), _QUICK),
    "dispatch.py": ((), _QUICK),
    "feed.py": (("--events", "100000"), _QUICK),
    "lag.py": ((), _QUICK),
    "notices.py": ((), _QUICK),
    "round_trip.py": ((), _QUICK),
    "settlement.py": ((), ("20000",)),
    "signing.py": ((), _QUICK),
    "slow_disk.py": ((), _QUICK),
    "soap.py": ((), _QUICK),
    "stores.py": ((), _QUICK),
}
# Figures without a bound: they tell how long much takes, beside no peer. A run that ends in a fault is broken all the same.
_FIGURES = ("settlement.py",)
_FEED = {"full": (60_000, 10), "ci": (10_000, 2)}
_PARTS = (
    "kill",
    "nodes",
    "soak",
    "payments",
    "parcels",
    "feed",
    "power",
    "frozen",
    "clock",
    "backlog",
    "foreign",
    "exploring",
    "peers",
    "benches",
)

_PEERS = {
    "sign-on at oidc-provider": ("sign_on.py", peers.node),
    "SOAP with node-soap, zeep": ("soap.py", peers.node),
    "VNPAY with npm vnpay": ("vnpay_sdk.py", peers.node),
    "a browser signs on": ("walk.py", browser.chromium),
    "a phone pays": ("paying.py", browser.chromium),
}


def main() -> int:
    """Run every part, then say what held."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove")
    parser.add_argument("--scale", choices=tuple(_ROUNDS), default="full")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the first round (default: now)")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--only", choices=_PARTS, action="append", help="this part alone; may be repeated")
    arguments = parser.parse_args()
    # A harness that is told to stop takes down what it mounted and started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scale, seed = arguments.scale, arguments.seed
    wanted = tuple(arguments.only or _PARTS)
    held: dict[str, bool | None] = {}
    if "kill" in wanted:
        held["kill rounds"] = asyncio.run(kill_rounds.prove(arguments.rounds or _ROUNDS[scale], seed))
    if "nodes" in wanted:
        held["nodes under SIGKILL"] = asyncio.run(
            nodes.prove(
                arguments.rounds or _NODE_ROUNDS[scale], seed, nodes.POINTS if scale == "full" else nodes.POINTS[1::4]
            )
        )
        held["Redis wiped and away"] = asyncio.run(redis_gone.prove(seed))
    if "soak" in wanted:
        held["soak"] = asyncio.run(soak.prove(_SOAK[scale], seed))
    if "payments" in wanted:
        held["payments under SIGKILL"] = payments.prove(arguments.rounds or _FEE_ROUNDS[scale], seed)
    if "feed" in wanted:
        held["a feed under SIGKILL"] = _followed(*_FEED[scale])
    if "parcels" in wanted:
        held["parcels under SIGKILL"] = parcels.prove(arguments.rounds or _PARCEL_ROUNDS[scale], seed)
    if "power" in wanted:
        held["power cut"] = asyncio.run(power_cut.prove(*_CUTS[scale], seed))
        held["power cut of the database"] = asyncio.run(power_nodes.prove(*_CUTS[scale], seed))
    if "frozen" in wanted:
        held["frozen process"] = asyncio.run(frozen.prove(_FREEZES[scale], seed))
        held["frozen node"] = asyncio.run(frozen_nodes.prove(_FREEZES[scale], seed))
    if "clock" in wanted:
        held["clock jumps"] = asyncio.run(clock.prove(seed))
    if "backlog" in wanted:
        held["blocked lanes"] = asyncio.run(backlog.prove(_BLOCKED[scale]))
    if "foreign" in wanted:
        print(f"\n== {_MESSAGES[scale]} random messages of each foreign dialect", flush=True)
        held["foreign messages"] = _tested("property/test_foreign_messages.py", TTHC_FOREIGN_EXAMPLES=_MESSAGES[scale])
    if "exploring" in wanted:
        print(f"\n== {_REQUESTS[scale]} requests drawn for each operation of the published interface", flush=True)
        held["published interface"] = _tested("line/test_exploring.py", TTHC_EXAMPLES=_REQUESTS[scale])
    if "peers" in wanted:
        held |= _with_peers()
    printed = _benches(scale, held) if "benches" in wanted else {}
    return _verdict(held, printed)


def _tested(file: str, **sizes: int) -> bool:
    """Run one file of tests at another size than `make test` does; whether it passed."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, **{name: str(size) for name, size in sizes.items()}}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests / file)]
    return subprocess.run(command, check=False, cwd=tests.parent, env=environment).returncode == 0


def _with_peers() -> dict[str, bool | None]:
    """What holds with software that we did not write; not run where it is not installed."""
    held: dict[str, bool | None] = {}
    for part, (file, there) in _PEERS.items():
        print(f"\n== {part}", flush=True)
        held[part] = _tested(f"prove/peers/{file}") if there() else None
    return held


def _followed(events: int, kills: int) -> bool:
    """Whether a gateway that is killed while it follows a carrier's feed stores each scan once."""
    print(f"\n== a feed of {events} scans, {kills} times SIGKILL", flush=True)
    bench = Path(__file__).parents[2] / "bench"
    command = [sys.executable, str(bench / "feed.py"), "--events", str(events), "--kills", str(kills)]
    environment = {**os.environ, "PYTHONPATH": str(bench.parent)}
    return subprocess.run(command, check=False, cwd=bench.parent, env=environment).returncode == 0


def _benches(scale: str, held: dict[str, bool | None]) -> dict[str, str]:
    """Run the benches; at full scale their verdicts bind. What is only printed, by name, with a word about it."""
    bench = Path(__file__).parents[2] / "bench"
    environment = {**os.environ, "PYTHONPATH": str(bench.parent)}
    printed: dict[str, str] = {}
    for name, (full, other) in _BENCHES.items():
        options = full if scale == "full" else other
        print(f"\n== bench/{name} {' '.join(options)}", flush=True)
        command = [sys.executable, str(bench / name), *options]
        sound = subprocess.run(command, check=False, cwd=bench.parent, env=environment).returncode == 0
        if name in _FIGURES and sound:
            printed[f"bench/{name}"] = "printed"
        elif scale == "full":
            held[f"bench/{name}"] = sound
        else:
            printed[f"bench/{name}"] = "held" if sound else "missed"
    return printed


def _verdict(held: dict[str, bool | None], printed: dict[str, str]) -> int:
    words = {True: "held   ", None: "NOT RUN", False: "BROKEN "}
    print("\n== verdict")
    for part, word in printed.items():
        why = "figures without a bound" if word == "printed" else "printed, not binding at this scale"
        print(f"{word:7} {part} ({why})")
    for outcome, said in words.items():  # what did not hold comes last: the end of a long output is what is read
        for part in (part for part, sound in held.items() if sound is outcome):
            print(f"{said} {part}")
    return 1 if False in held.values() else 0


if __name__ == "__main__":
    raise SystemExit(main())
