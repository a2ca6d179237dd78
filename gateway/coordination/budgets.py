"""Budgets inside one process: the whole limits of a node that is alone, or its shares of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from gateway.coordination import gcra
from gateway.coordination.gcra import NEVER, RateLimit
from gateway.coordination.membership import Kind, Permit

_SWEEP_ABOVE = 256
_PATIENCE_S = 0.25


@dataclass(slots=True)
class Taking:
    """Sends that were allowed to one task at `at`, by the clock of the budget that `source` names."""

    at: float
    left: int
    source: object = None


class Takings:
    """What each task took last of each budget, so that it can give back what it did not use, and nothing else."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[asyncio.Task[object], dict[str, Taking]] = WeakKeyDictionary()

    def note(self, name: str, taking: Taking) -> None:
        """The running task was allowed some sends."""
        task = _running()
        if task is not None and taking.left > 0:
            self._of.setdefault(task, {})[name] = taking

    def give(self, name: str, unused: int) -> Taking | None:
        """What the running task took last, with `left` as much of `unused` as it may give back; None for nothing."""
        task = _running()
        kept = self._of.get(task, {}).get(name) if task is not None else None
        if kept is None or kept.left <= 0:
            return None
        back = min(unused, kept.left)
        kept.left -= back
        return Taking(kept.at, back, kept.source)


def _running() -> asyncio.Task[object] | None:
    """The running task, if there is one."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


class Budgets:
    """The state of all budgets of this process, by name. What strangers may name is forgotten once it is as good as new."""

    def __init__(self) -> None:
        self._arrivals: dict[str, float] = {}
        self._sweep_at = _SWEEP_ABOVE
        self._takings = Takings()

    def take(self, name: str, wanted: int, limit: RateLimit, now: float, permit: Permit) -> tuple[int, float]:
        """How many of `wanted` sends this node's part allows now, and after how many seconds asking again makes sense."""
        share = limit.share(permit.live, permit.rank) if permit.kind is Kind.SHARE else None
        if share is None:
            return min(wanted, 0), _PATIENCE_S
        arrival = gcra.standing(self._arrivals.get(name, NEVER), now, permit.since, share)
        if wanted < 0:
            back = self._takings.give(name, -wanted)
            if back is not None and back.at >= permit.since:
                self._arrivals[name] = gcra.give_back(arrival, now, back.left, back.at, share)
            return wanted, 0.0
        self._sweep(now)
        taken = gcra.take(arrival, now, wanted, share)
        self._arrivals[name] = taken.arrival
        self._takings.note(name, Taking(now, taken.allowed))
        return taken.allowed, taken.retry_after_s

    def __len__(self) -> int:
        """How many budgets are remembered."""
        return len(self._arrivals)

    def _sweep(self, now: float) -> None:
        if len(self._arrivals) >= self._sweep_at:
            # A budget that is whole again is as good as none: strangers may name as many as they like.
            self._arrivals = {name: arrival for name, arrival in self._arrivals.items() if arrival > now}
            self._sweep_at = max(_SWEEP_ABOVE, 2 * len(self._arrivals))
