"""How the bench of signatures measures and prints: processor time, medians over rounds, ratios, bounds and aims."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything. `seconds`: of one competitor in one round; `documents`: for the workers; `large`: files at once."""

    rounds: int
    seconds: float
    documents: int
    large: int


FULL, QUICK = Scale(7, 0.35, 160, 4), Scale(3, 0.1, 40, 1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What was promised; `missed` is what was not kept."""

    missed: list[str] = field(default_factory=list)

    def held(self, what: str, value: float, bound: float) -> None:
        """Print a figure that must not exceed its bound, and remember a miss."""
        print(f"{what}: {value:.2f} (bound {bound})")
        if value > bound:
            self.missed.append(f"{what} {value:.2f} > {bound}")


def aim(what: str, value: float, aim: float) -> None:
    """Print a ratio that nothing depends on."""
    print(f"{what}: {value:.2f} (aim {aim}{'' if value <= aim else ', missed'})")


def measured(jobs: dict[str, Callable[[], object]], scale: Scale) -> dict[str, float]:
    """Microseconds of processor time: for each job the median over rounds of the median of its calls; all take turns."""
    rounds: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(scale.rounds):
        for name, job in jobs.items():
            gc.collect()
            calls: list[float] = []
            end = time.perf_counter() + scale.seconds
            while time.perf_counter() < end or len(calls) < 3:
                begun = time.process_time()
                job()
                calls.append(time.process_time() - begun)
            rounds[name].append(statistics.median(calls) * 1e6)
    return {name: statistics.median(values) for name, values in rounds.items()}


def table(title: str, figures: dict[str, float], against: Sequence[str]) -> None:
    print(f"\n== {title}")
    print(f"{'':34}{'us':>10}" + "".join(f"{'to ' + name.split(',')[0]:>26}" for name in against))
    for name, value in figures.items():
        print(f"{name:34}{value:10.0f}" + "".join(f"{value / figures[one]:26.2f}" for one in against), flush=True)
