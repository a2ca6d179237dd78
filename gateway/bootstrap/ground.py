"""The ground: what stands as long as the process does, whatever is configured anew: store, cabinet, clock, metrics, coordination.

A house (`gateway.bootstrap.house`) is what the configuration describes; it is built upon the ground and may be replaced by
another one. The journal works with `Judgement`, which each house gives its own decision.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from connectors.kit.contract import Coordination
from gateway import __version__
from gateway.bootstrap import gauges
from gateway.bootstrap.cabinets import open_cabinet
from gateway.bootstrap.coordination import open_coordination
from gateway.bootstrap.stores import alone_in_folder, open_store
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.coordination.membership import Membership
from gateway.dispatch.agreement import APART, Agreement
from gateway.dispatch.nodes import Nodes, Runs
from gateway.dispatch.wallclock import Walls
from gateway.intake.recording import Recording, decide_recording
from gateway.journal.cabinet import Cabinet
from gateway.journal.kept import KeptJournal
from gateway.journal.model import Decide, Decision, Intake, Situation
from gateway.observe import crash
from gateway.observe.metrics import Metrics

RESTORED = "store.restored"
"""The alarm: this store is of an earlier moment than what was sent (`journal.restoring`)."""

_BOUND: ContextVar[Decide | None] = ContextVar("decide", default=None)


class Judgement:
    """The decision that the journal calls inside its accept transaction: that of the house that stands now.

    Each intake is decided by the house that took it in: its tasks and requests are bound to its decision, and the journal asks
    for it (`chosen`) when the intake is handed over, so nothing is validated by one configuration and decided by another.
    """

    def __init__(self) -> None:
        self._decide: Decide | None = None

    def bind(self, decide: Decide) -> None:
        """In this task, and in those that it starts, this decision counts."""
        _BOUND.set(decide)

    def chosen(self) -> Decide:
        """The decision about what this task hands over (`gateway.journal.model.chooser`)."""
        return _BOUND.get() or self

    def __call__(self, situation: Situation, intake: Intake) -> Decision:
        """Decide about one intake (`gateway.journal.model.Decide`).

        Before any house has moved in, only what needs no configuration to be decided is: raises `RuntimeError` for the rest.
        """
        decide = self._decide
        if decide is None:
            if isinstance(intake.subject, Recording):
                return decide_recording(situation, intake.subject)
            raise RuntimeError("nothing is accepted before a house stands on the ground")
        return decide(situation, intake)

    def use(self, decide: Decide) -> None:
        """From the next intake on this decides."""
        self._decide = decide


@dataclass(frozen=True, slots=True)
class Footing:
    """What stands before the store is opened, so that connectors can be built, and refused, without touching it."""

    clock: Clock
    metrics: Metrics
    reach: crash.Reach
    coordination: Coordination
    membership: Membership | None = None
    values: Coordination | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """The footing with the store of record and the files beside it. `judgement` is what the journal decides with.

    `nodes` is this node among the others: who lives, and which seats are ours. `walls` is what was seen of the store's clock.
    """

    footing: Footing
    journal: KeptJournal
    cabinet: Cabinet
    judgement: Judgement
    nodes: Nodes
    walls: Walls

    @property
    def clock(self) -> Clock:
        """The clock of the process."""
        return self.footing.clock

    @property
    def metrics(self) -> Metrics:
        """The figures of the process: they go on counting when the house is replaced."""
        return self.footing.metrics

    @property
    def reach(self) -> crash.Reach:
        """The crash points of the process."""
        return self.footing.reach

    @property
    def coordination(self) -> Coordination:
        """Budgets, news and short-lived values."""
        return self.footing.coordination


@asynccontextmanager
async def open_footing(loaded: Loaded) -> AsyncIterator[Footing]:
    """Clock, metrics, crash points, coordination; at the end coordination is taken down."""
    clock = Clock()
    reach = crash.killer(loaded.crash_at) if loaded.crash_at else crash.never
    metrics = Metrics()
    async with open_coordination(loaded, clock, metrics) as made:
        yield Footing(clock, metrics, reach, made.coordination, made.membership, made.values)


@asynccontextmanager
async def open_ground(loaded: Loaded, footing: Footing) -> AsyncIterator[Ground]:
    """Open the store and the cabinet on the footing; at the end both are closed, the store last.

    Raises what the driver's `open` raises (`StoreInUse`, `WrongKey`, `ConfigError`, ...).
    """
    judgement = Judgement()
    with alone_in_folder(loaded):
        journal = open_store(loaded, footing.clock, footing.reach, judgement)
        if journal.doubted is not None:
            count = journal.doubted.deliveries
            told = f"Kho đã được phục hồi về thời điểm trước; {count} thông điệp được hỏi lại trước khi gửi."
            gauges.alarm(footing.metrics, RESTORED, "", told)
        try:
            cabinet = await open_cabinet(loaded, journal)
            try:
                async with _neighbourhood(loaded, footing, journal) as nodes:
                    yield Ground(footing, journal, cabinet, judgement, nodes, Walls(journal.clock))
            finally:
                await asyncio.to_thread(cabinet.close)
        finally:
            await journal.close()


def runs_of(loaded: Loaded) -> Runs:
    """What a node tells of itself under this configuration.

    From its first beat on, before a house stands: a node that came up without a word would seem to agree with all others.
    """
    return Runs(loaded.generation, __version__)


@asynccontextmanager
async def _neighbourhood(loaded: Loaded, footing: Footing, journal: KeptJournal) -> AsyncIterator[Nodes]:
    """This node among the others, beating; at the end it gives its seats back and says that it is gone."""
    shared = loaded.settings.storage.postgres is not None
    nodes = Nodes(journal, footing.clock, node=loaded.settings.node, shared=shared)
    nodes.wake = footing.coordination.wake
    if footing.membership is not None:
        nodes.join(footing.membership)
    footing.metrics.watch_nodes(nodes.live, lambda: len(nodes.apart()))
    nodes.runs = runs_of(loaded)
    raised, ended = partial(gauges.alarm, footing.metrics, APART, ""), partial(gauges.alarm_ended, APART)
    nodes.met = Agreement(nodes, footing.clock, raised, ended).look
    await nodes.beat()
    beating = asyncio.create_task(nodes.run(), name="nodes")
    try:
        yield nodes
    finally:
        await nodes.stop()
        await beating
