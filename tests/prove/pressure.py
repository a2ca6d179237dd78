"""How hard an upstream was pressed, by its own books: calls at once, and calls in any window, against what was agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.cli.demonstration.play import Scene
from gateway.cli.demonstration.stage import Stage

CONCURRENCY, RATE_PER_S, BURST = 16, 1000.0, 200
"""What the installation of the demonstration allows for each of its two upstreams (gateway/cli/installation.py)."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an upstream may be asked to bear: calls at once, calls a second with a burst.

    A call is granted before its lane is claimed and arrives after that transaction: calls that were granted apart may arrive
    together. `way_s` is how long that may take on a busy machine; a limit that is broken for longer is broken.
    """

    concurrency: int = CONCURRENCY
    rate_per_s: float = RATE_PER_S
    burst: int = BURST
    way_s: float = 0.5

    def within(self, seconds: float) -> float:
        """How many calls any window of so many seconds may see."""
        return self.burst + self.rate_per_s * (seconds + self.way_s)


@dataclass(slots=True)
class Pressure:
    """What one upstream saw."""

    name: str
    calls: int = 0
    at_once: int = 0
    in_a_second: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.name}: {self.calls} calls, {self.at_once} at once, {self.in_a_second} in a second"


async def pressure_of(boards: Stage, name: str, scene: Scene, agreed: Agreed = Agreed()) -> Pressure:
    """Ask a simulator for all its calls, and judge them."""
    url = {"national_dvc": scene.portal, "resolution": scene.resolution}[name]
    calls = (await boards.get(f"{url}/_simulator/calls"))["calls"]
    return judged(name, calls, agreed)


def judged(name: str, calls: Sequence[Mapping[str, Any]], agreed: Agreed) -> Pressure:
    """The pressure of a log of calls. A log-in takes a place among the calls at once, but no part of a rate."""
    told = Pressure(name, len(calls))
    if not calls:
        told.faults.append(f"{name}: no call stands in its books, so nothing was judged")
    began = sorted(float(call["instant"]) for call in calls if call["operation"] != "login")
    moves = sorted(
        move for call in calls for move in ((float(call["instant"]), 1), (float(call["ended"] or call["instant"]), -1))
    )
    under_way = 0
    for _, step in moves:  # at one instant who leaves goes first: -1 sorts before 1
        under_way += step
        told.at_once = max(told.at_once, under_way)
    told.in_a_second = densest(began, 1.0)
    for window in (0.1, 1.0, 10.0):
        seen = densest(began, window)
        if seen > agreed.within(window):
            told.faults.append(f"{name}: {seen} calls within {window} s, {agreed.within(window):.0f} are allowed")
    if told.at_once > agreed.concurrency:
        told.faults.append(f"{name}: {told.at_once} calls at once, {agreed.concurrency} are allowed")
    return told


def densest(began: Sequence[float], window_s: float) -> int:
    """The most calls that began within any window of so many seconds; `began` in order."""
    most, first = 0, 0
    for last, at in enumerate(began):
        while at - began[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most
