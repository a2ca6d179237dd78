"""This node among the others: it beats every second, knows who lives and who is without Redis, and owns its seats.

Liveness is counted by the store's clock and by our own monotonic one; no two nodes' clocks need agree (delivery-engine 4.5, 4.9).
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.clock import Clock
from gateway.coordination.membership import LIVE_S as LIVE_S
from gateway.coordination.membership import Look, Membership, Peer
from gateway.dispatch.seats import Seats
from gateway.errors import JournalUnavailable
from gateway.journal.model import Beat, NodeRow, UpstreamRow
from gateway.journal.store import Journal

BEAT_S = 1.0
_SOONEST_S = 0.05

_log = logging.getLogger("gateway.dispatch")


def _with_redis() -> bool:
    return False


def _nothing(_upstream: str) -> None:
    """Nobody waits for seats."""


def _unread(_rows: Sequence[UpstreamRow]) -> None:
    """Nobody looks at upstreams."""


def _nobody_asks() -> None:
    """Nobody compares the nodes."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What a node tells of itself: the generation of the configuration in force, and the program's version."""

    generation: str = ""
    version: str = ""


class Nodes:
    """The neighbourhood of one process. With `shared` False it is alone: it never beats, and everything is its own.

    `without_redis` says whether this node cannot reach Redis now. `wake(upstream)` is called when there are more seats than
    before, `look(rows)` with what stands of the upstreams at each beat, `met()` after each beat that the store took; all are set
    by who is interested. With a `membership` it is that which says what is beaten, and sees what comes back.
    """

    def __init__(self, journal: Journal, clock: Clock, *, node: str = "", shared: bool = True) -> None:
        self._journal, self._clock, self._node = journal, clock, node
        self.shared = shared
        self.seats = Seats(clock.instant, shared=shared)
        self.without_redis: Callable[[], bool] = _with_redis
        self.wake: Callable[[str], None] = _nothing
        self.look: Callable[[Sequence[UpstreamRow]], None] = _unread
        self.met: Callable[[], None] = _nobody_asks
        self._runs = Runs()
        self._membership: Membership | None = None
        self._rows: tuple[NodeRow, ...] = ()
        self._beaten_at = -float("inf")
        self._deposed = False
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()

    def join(self, membership: Membership) -> None:
        """Let this decide which budgets are used: its flag goes with each beat, and it sees every answer."""
        self._membership = membership
        self.without_redis = lambda: membership.flag(self._clock.instant())
        membership.soon = self.seats.nudge.set

    @property
    def runs(self) -> Runs:
        """What this node tells the others that it runs."""
        return self._runs

    @runs.setter
    def runs(self, runs: Runs) -> None:
        """Another configuration is in force: the others hear of it with a beat that is made at once."""
        self._runs = runs
        self.seats.nudge.set()

    @property
    def name(self) -> str:
        """The name of this node."""
        return self._node

    def apart(self) -> tuple[NodeRow, ...]:
        """The other live nodes whose configuration is of another generation than the one in force here, as of our last beat."""
        mine = self._runs.generation
        return tuple(row for row in self._others() if row.generation and row.generation != mine)

    def shown(self) -> dict[str, object]:
        """What whoever may ask a probe learns of the nodes, from memory: our name, how many live, whether they agree."""
        return {"name": self._node, "live": self.live(), "agree": not self.apart()}

    def live(self) -> int:
        """How many nodes live, this one among them: at least 1. While we are cut off ourselves, as many as there were."""
        return 1 + len(self._others())

    def rows(self) -> tuple[NodeRow, ...]:
        """Every node that ever beat, as of our last beat; empty in the embedded form."""
        return self._rows

    def is_live(self, row: NodeRow) -> bool:
        """Whether a node of `rows` beats."""
        return bool(row.start) and row.silent_s < LIVE_S

    def counted(self) -> bool:
        """Whether the others must still take this node for live; False for one whose beats have failed too long."""
        return not self.shared or (not self._deposed and self._clock.instant() < self._beaten_at + LIVE_S)

    def any_without_redis(self) -> bool:
        """Whether any live node, this one included, works without Redis."""
        return self.without_redis() or any(row.without_redis for row in self._others())

    async def beat(self) -> bool:
        """One beat now; False when the store did not take it."""
        if not self.shared:
            return True
        demands, wishes = self.seats.wishes(self._node, self._others())
        # Before anything is sent: what the store grants is counted from here (delivery-engine 3.7).
        instant = self._clock.instant()
        try:
            beaten = await self._journal.beat(self._said(Beat(self.without_redis(), demands, wishes)))
        except JournalUnavailable:
            return False
        self._rows, self._beaten_at = beaten.nodes, instant
        if beaten.deposed:
            if not self._deposed:
                what = (
                    "the store has gone back to before this start"
                    if beaten.unopened
                    else "another process beats under our name"
                )
                _log.error("%s; nothing is sent from here", what)
            self._deposed = True
            self.seats.lost()
            if self._membership is not None:
                self._membership.lost()
            return False
        self._deposed = False
        if self._membership is not None:
            self._membership.saw(Look(instant, self._clock.instant(), tuple(map(_peer, beaten.nodes))))
        self.look(beaten.upstreams)
        for upstream in self.seats.granted(beaten.held, instant):
            self.wake(upstream)
        self.met()
        return True

    async def run(self) -> None:
        """Beat until `stop`. Nothing that happens here ends it before: a node that no longer beats sends nothing."""
        if not self.shared:
            return
        self._ended.clear()
        failing = False
        try:
            while not self._stopping.is_set():
                began = self._clock.instant()
                self.seats.nudge.clear()
                beaten = await self._beat_whatever_happens()
                if not beaten and not failing:
                    _log.warning("the journal takes no heartbeat; seats are held until their lease ends")
                failing = not beaten
                await self._rest(began)
        finally:
            self._ended.set()

    async def _beat_whatever_happens(self) -> bool:
        try:
            return await self.beat()
        except Exception as error:  # noqa: BLE001 - the heartbeat of a node ends by `stop` alone
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a heartbeat failed with %s at\n%s", type(error).__name__, frames)
            return False

    async def stop(self) -> None:
        """Beat for the last time and give everything back; for when all work has ended."""
        self._stopping.set()
        self.seats.nudge.set()
        await self._ended.wait()
        if self.shared and not self._deposed:
            with suppress(JournalUnavailable):
                await self._journal.beat(self._said(Beat(last=True)))

    def _said(self, beat: Beat) -> Beat:
        """A beat that tells what runs here."""
        return replace(beat, generation=self._runs.generation, version=self._runs.version)

    def _others(self) -> tuple[NodeRow, ...]:
        """The other nodes that lived at our last beat. A restart of ours under this name is no other node."""
        return tuple(row for row in self._rows if row.node != self._node and self.is_live(row))

    async def _rest(self, began: float) -> None:
        """Until the next beat is due, or somebody needs one at once."""
        await asyncio.sleep(_SOONEST_S)
        left_s = BEAT_S - (self._clock.instant() - began)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, left_s)):
                await self.seats.nudge.wait()


def _peer(row: NodeRow) -> Peer:
    """A row as far as budgets are concerned."""
    return Peer(row.node, bool(row.start), row.silent_s, row.without_redis, row.turns, row.steady_s)
