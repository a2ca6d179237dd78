"""The seats of this node: how many calls it may have under way at an upstream, and what it alone may do now.

A seat is leased from the journal with each heartbeat (delivery-engine 4.5). It counts here until a moment of our own monotonic
clock that was read before the beat was sent, so a frozen or slow node never believes in what the store has given away. The
lease is longer than that of a call: what a node that died has sent is over before anybody else has its seats.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from gateway.journal.model import NodeRow, SeatWish

MOST_SEATS = 64
"""Above this limit a seat stands for several calls, so that a beat stays small; less than one seat's worth is left unused."""
MARGIN_S = 10.0
"""How much longer than a call a seat is leased: so long may beats fail before nothing can be started any more."""
ALONE_S = 10.0
CARRIES = "does:carrying"
"""Among the demands that a beat tells: this node carries deliveries, whether it has any work just now or not."""
_BUSY_S = 5.0
_ASKED_S = 20.0
_NUDGE_S = 0.25
_ALONE = "alone:"


def is_right(name: str) -> bool:
    """Whether a seat is the right to do a thing alone, and no seat of an upstream."""
    return name.startswith(_ALONE)


def right_of(name: str) -> str:
    """What the holder of such a seat does alone."""
    return name.removeprefix(_ALONE)


def layout(limit: int) -> tuple[int, int]:
    """How many seats stand for `limit` calls, and how many calls each of them is; together never more than `limit`."""
    each = max(1, math.ceil(limit / MOST_SEATS))
    return limit // each, each


def fair(seats: int, demands: Mapping[str, int]) -> dict[str, int]:
    """Who gets how many seats: one each in turn, by name, until all are given or nobody wants more (max-min fair)."""
    given = dict.fromkeys(sorted(demands), 0)
    while seats > 0:
        hungry = [name for name, number in given.items() if number < demands[name]][:seats]
        if not hungry:
            break
        for name in hungry:
            given[name] += 1
        seats -= len(hungry)
    return given


@dataclass(slots=True)
class _Bench:
    """The seats of one name: `held` count until the instant `until`; `in_use` calls are under way on them.

    `share` is what is fair beside the others as of the last beat: nothing is started beyond it, so that also a node whose seats
    are never all free comes down to it, call by call.
    `busy_until`: there is more work than seats as far as is known; `asked_at`: when anybody was interested last; `wakes`: who
    waits for the right to do a thing alone.
    """

    seats: int
    each: int
    lease_s: float
    asked_at: float
    held: int = 0
    share: int = MOST_SEATS
    until: float = -math.inf
    in_use: int = 0
    busy_until: float = -math.inf
    wakes: str = ""

    def needed(self) -> int:
        """The seats under the calls that are under way."""
        return math.ceil(self.in_use / self.each)


class Seats:
    """All seats of this node. With `shared` False there is no other node: everything is held, and nothing is asked for.

    `carries` is set where deliveries are carried; the others are told with each beat.
    """

    def __init__(self, instant: Callable[[], float], *, shared: bool) -> None:
        self._instant = instant
        self.shared = shared
        self._benches: dict[str, _Bench] = {}
        self._nudged_at = -math.inf
        self._leases: dict[str, float] = {}
        self.nudge = asyncio.Event()
        self.carries = False

    def free(self, upstream: str, limit: int, lease_s: float) -> int:
        """How many calls may be started now that are over within `lease_s`, if at most `limit` may be under way on all nodes."""
        bench = self._asked(upstream, layout(limit), lease_s + MARGIN_S)
        if not self.shared:
            return max(0, limit - bench.in_use)
        if self._instant() + lease_s > bench.until:
            return 0
        return max(0, min(bench.held, bench.share) * bench.each - bench.in_use)

    def use(self, upstream: str, calls: int = 1) -> None:
        """Calls begin, or (negative) end; `free` has been asked before."""
        bench = self._benches.get(upstream)
        if bench is not None:
            bench.in_use = max(0, bench.in_use + calls)

    def want(self, upstream: str) -> None:
        """There is more to do than there are seats at hand."""
        bench = self._benches.get(upstream)
        if bench is None or not self.shared:
            return
        now = self._instant()
        first = bench.busy_until < now
        bench.busy_until = now + _BUSY_S
        if bench.held < bench.seats and (first or now - self._nudged_at > _NUDGE_S):
            self._nudge(now)

    def held(self, upstream: str) -> int:
        """How many calls the seats held stand for; the whole limit where no other node is. For metrics."""
        bench = self._benches.get(upstream)
        if bench is None:
            return 0
        if not self.shared:
            return bench.seats * bench.each
        return bench.held * bench.each if self._instant() < bench.until else 0

    def names(self) -> tuple[str, ...]:
        """The upstreams that are asked for, by name."""
        return tuple(sorted(name for name in self._benches if not name.startswith(_ALONE)))

    def alone(self, name: str, for_s: float = ALONE_S, *, wakes: str = "") -> bool:
        """Whether this node may do `name` now, while no other does: true for what is over within `for_s`.

        The first time it is mostly False, because the right comes with the next beat. It stays with a node that goes on asking
        or is `doing` it, and comes free when that node stops, ends, or is silent for longer than the lease. `wakes` is told when
        it comes.
        """
        if not self.shared:
            return True
        known = self._benches.get(_ALONE + name)
        bench = self._asked(_ALONE + name, (1, 1), for_s + MARGIN_S)
        bench.wakes, now = wakes, self._instant()
        if known is None:
            self._nudge(now)
        return bench.held > 0 and now + for_s <= bench.until

    @contextmanager
    def doing(self, name: str) -> Iterator[None]:
        """While the block lasts the right to do `name` alone, which `alone` gave, is kept although nobody asks for it."""
        self.use(_ALONE + name)
        try:
            yield
        finally:
            self.use(_ALONE + name, -1)

    def release(self, name: str) -> None:
        """Give the right to do `name` alone to whoever asks next."""
        if self._benches.pop(_ALONE + name, None) is not None:
            self._nudge(self._instant())

    def wishes(self, me: str, live: Sequence[NodeRow]) -> tuple[dict[str, int], tuple[SeatWish, ...]]:
        """What the next beat tells and wishes, given who is live. What is given back counts from this moment no longer."""
        now = self._instant()
        for name in [name for name, bench in self._benches.items() if bench.asked_at < now - _ASKED_S]:
            if not self._benches[name].in_use:
                del self._benches[name]
        others = [row for row in live if row.node != me]
        demands: dict[str, int] = {CARRIES: 1} if self.carries else {}
        wanted: list[SeatWish] = []
        for name, bench in self._benches.items():
            number = 1
            if not name.startswith(_ALONE):
                demands[name] = self._demand(bench, now, 1 + len(others))
                told = {row.node: row.demands.get(name, 0) for row in others}
                bench.share = fair(bench.seats, {**told, me: demands[name]})[me]
                number = max(bench.needed(), bench.share)
            bench.held = min(bench.held, number)
            wanted.append(SeatWish(name, bench.seats, number, timedelta(seconds=bench.lease_s)))
        self._leases = {wish.name: wish.lease.total_seconds() for wish in wanted}
        return demands, tuple(wanted)

    def granted(self, held: Mapping[str, int], instant: float) -> tuple[str, ...]:
        """Take over what a beat brought that was made at `instant` or later; the upstreams that may start more than before."""
        more = []
        for name, lease_s in self._leases.items():
            bench = self._benches.get(name)
            if bench is None:
                continue  # released while the beat was under way: the next one gives it back
            number, before = held.get(name, 0), bench.held if self._instant() < bench.until else 0
            bench.held, bench.until = number, instant + lease_s
            if number > before and (wakes := bench.wakes if name.startswith(_ALONE) else name):
                more.append(wakes)
        return tuple(more)

    def lost(self) -> None:
        """Somebody else beats under our name: nothing is ours."""
        for bench in self._benches.values():
            bench.held, bench.until = 0, -math.inf

    def _demand(self, bench: _Bench, now: float, nodes: int) -> int:
        """All it could use while there is work; otherwise one seat to begin with, where there is one for everybody."""
        if now < bench.busy_until:
            return bench.seats
        return max(bench.needed(), int(nodes <= bench.seats))

    def _asked(self, name: str, places: tuple[int, int], lease_s: float) -> _Bench:
        seats, each = places
        now = self._instant()
        bench = self._benches.get(name)
        if bench is None:
            bench = self._benches[name] = _Bench(seats, each, lease_s, now)
            if self.shared:
                self._nudge(now)
        bench.asked_at, bench.seats, bench.each = now, seats, each
        bench.lease_s = max(bench.lease_s, lease_s)
        return bench

    def _nudge(self, now: float) -> None:
        self._nudged_at = now
        self.nudge.set()
