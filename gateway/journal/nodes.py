"""What nodes tell each other through the journal: that they live, what they wish for, which seats they hold.

A *seat* is a leased, exclusive right: one call (or a fixed number of calls) to an upstream, or one thing that only one node
may do at a time. It belongs to a start of a node, never to a call, so a call costs no write (delivery-engine 4.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.journal.shown import UpstreamRow


@dataclass(frozen=True, slots=True)
class SeatWish:
    """How many of the `seats` named `name` this start wants to hold from now on; what it holds beyond is given back.

    They are held until `lease` after the moment at which the store carries this out, by the store's own clock. Who holds them
    counts from a moment before that, on its own clock, and so never believes in a seat that somebody else was given.
    """

    name: str
    seats: int
    wanted: int
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat: what this node is without, what it could use (`demands`, by seat name), and which seats it wants.

    Among the demands stands too whether it carries deliveries (`gateway.dispatch.seats.CARRIES`).

    `last` says that the node stops: it is live no longer, and everything is given back. `generation` is that of the
    configuration in force here (`gateway.config.loading.generation_of`), `version` the program's.
    """

    without_redis: bool = False
    demands: Mapping[str, int] = field(default_factory=dict)
    wishes: tuple[SeatWish, ...] = ()
    last: bool = False
    generation: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as the others see it. `silent_s`: seconds since its last beat, by the store's clock.

    `start` is this start's name (empty: it stopped by itself), `since` when it opened the store, by its own clock. `demands`
    is what its last beat told. `held`, by seat name, is filled in where nodes are listed for people. `turns` counts how often
    `without_redis` changed, `steady_s` for how long at least it has not (0: nobody can tell). `generation` and `version` are
    the configuration and the program that its last beat told of.
    """

    node: str
    start: str
    since: datetime
    silent_s: float
    without_redis: bool = False
    demands: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    turns: int = 1
    steady_s: float = 0.0
    generation: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Beaten:
    """The answer to a beat: all nodes, how many seats of each name this start holds, what stands of the upstreams.

    `deposed`: this start is not that of its node now, and holds nothing: another process beats under its name, or has opened the
    store since, or (`unopened`) the store has gone back to before this start opened it, and its chain is about to be opened there
    anew. Embedded there is nobody else: `upstreams` is empty, for nobody can have written there what this process does not know.
    """

    nodes: tuple[NodeRow, ...]
    held: Mapping[str, int]
    upstreams: tuple[UpstreamRow, ...] = ()
    deposed: bool = False
    unopened: bool = False
