"""No interleaving of nodes, losses and returns sends more than a limit allows: the proof of decision 0030, walked at random.

A world in which everything may be slow: each heartbeat is sent, carried out, read and committed at moments of its own, a node may
freeze between any two of them, be cut off from Redis, die and begin again; Redis may be emptied, be replaced or stop. All nodes
want to send as much as they can, all the time. The budgets, shares and permits are the ones of the program; Redis is `gcra` with
the mark of `take.lua` (that the two are equal is another test's).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.coordination import gcra
from gateway.coordination.budgets import Budgets
from gateway.coordination.gcra import NEVER, RateLimit
from gateway.coordination.membership import Kind, Look, Membership, Peer

STEP_S = 0.05
BEAT_S = 1.0


@dataclass
class Row:
    """The row of a node in the journal, as it is committed."""

    up: bool
    beat: float
    flag: bool
    turns: int = 0
    steady: float = 0.0


@dataclass
class Server:
    """Redis: the budget, and since when its data is known to be whole."""

    there: bool = True
    arrival: float = NEVER
    born: float = -1e9

    def take(self, now: float, wanted: int, limit: RateLimit, spent_ago: float) -> int:
        """What the script does."""
        self.born = max(self.born, now - spent_ago)
        taken = gcra.take(gcra.standing(self.arrival, now, self.born, limit), now, wanted, limit)
        self.arrival = taken.arrival
        return taken.allowed

    def lose(self, now: float) -> None:
        """Emptied, restarted or replaced."""
        self.arrival, self.born = NEVER, now


@dataclass
class Node:
    """A node, with the heartbeat that is under way."""

    name: str
    membership: Membership
    budgets: Budgets = field(default_factory=Budgets)
    connected: bool = True
    frozen_until: float = -inf
    dead_until: float = -inf
    next_beat: float = 0.0
    steps: list[tuple[float, Callable[[float], None]]] = field(default_factory=list)
    seen: list[Peer] = field(default_factory=list)

    def runs(self, now: float) -> bool:
        """Whether it does anything."""
        return now >= self.frozen_until and now >= self.dead_until


class World:
    """Nodes, a journal and Redis in one random course of time."""

    def __init__(self, chance: random.Random, limit: RateLimit, count: int, delay_s: float) -> None:
        self.chance, self.limit, self.delay_s = chance, limit, delay_s
        self.now = 0.0
        self.rows: dict[str, Row] = {}
        self.redis = Server()
        self.nodes = [Node(f"n{number}", Membership(f"n{number}", delay_s=delay_s)) for number in range(count)]
        self.trouble = True
        self.sent: list[tuple[float, int, str]] = []

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while self.now < until_s:
            self.now += STEP_S * self.chance.uniform(0.2, 1.8)
            if self.trouble:
                self._trouble()
            for node in self.chance.sample(self.nodes, len(self.nodes)):
                self._live(node)

    def _trouble(self) -> None:
        """Something breaks, or mends."""
        if self.chance.random() > 0.03:
            return
        node = self.chance.choice(self.nodes)
        match self.chance.randrange(8):
            case 0 | 1:
                node.connected = not node.connected
            case 2:
                node.frozen_until = self.now + self.chance.choice((0.3, 2.0, 4.0, 8.0))
            case 3:
                self.redis.lose(self.now)
            case 4:
                self.redis.there = not self.redis.there
                if self.redis.there:
                    self.redis.lose(self.now)
            case 5:
                node.dead_until = self.now + self.chance.choice((0.1, 1.0, 6.0))
                node.membership, node.budgets = Membership(node.name, delay_s=self.delay_s), Budgets()
                node.next_beat = 0.0
            case 6:
                node.next_beat = self.now + self.chance.choice((2.0, 4.0))
            case 7:
                for one in self.nodes:
                    one.connected = True

    def _live(self, node: Node) -> None:
        """What a node does at this moment. A frozen one does nothing; its statements in the server go on."""
        for at, step in [one for one in node.steps if one[0] <= self.now]:
            node.steps.remove((at, step))
            step(self.now)
        if not node.runs(self.now):
            return
        node.membership.say_without_redis(not (node.connected and self.redis.there))
        if not node.steps and self.now >= node.next_beat:
            self._beat(node)
        self._send(node)

    def _beat(self, node: Node) -> None:
        """A heartbeat: written, read, committed and answered, each a little later than the one before."""
        asked, flag, member = self.now, node.membership.flag(self.now), node.membership
        slow = self.chance.choice((0.0, 0.02, 0.02, 0.3, 1.5, 5.0) if self.trouble else (0.0, 0.02, 0.3))
        moments = sorted(self.now + self.chance.uniform(0, slow) for _ in range(4))
        written: list[Row] = []
        seen: list[Peer] = []

        def write(now: float) -> None:
            old = self.rows.get(node.name)
            turned = old.flag != flag if old is not None else flag
            turns = (old.turns if old is not None else 0) + turned
            steady = 0.0 if turned or old is None else old.steady or now
            written.append(Row(True, now, flag, turns, steady))

        def read(now: float) -> None:
            rows = self.rows | {node.name: written[0]}
            seen.extend(
                Peer(name, row.up, now - row.beat, row.flag, row.turns, now - row.steady if row.steady else 0.0)
                for name, row in sorted(rows.items())
            )

        def commit(_now: float) -> None:
            self.rows[node.name] = written[0]

        def answer(now: float) -> None:
            if node.membership is not member:
                return
            if now < node.frozen_until:
                node.steps.append((node.frozen_until, answer))
                return
            member.saw(Look(asked, now, tuple(seen)))
            node.next_beat = now + self.chance.choice((0.05, BEAT_S, BEAT_S, BEAT_S))

        node.steps = list(zip(moments, (write, read, commit, answer), strict=True))

    def _send(self, node: Node) -> None:
        """Send as much as is allowed."""
        permit = node.membership.permit(self.now)
        allowed, wanted = 0, self.chance.randint(1, self.limit.burst + 2)
        if permit.kind is Kind.SHARE:
            allowed, _ = node.budgets.take("u", wanted, self.limit, self.now, permit)
        elif permit.kind is Kind.COMMON and node.connected and self.redis.there:
            allowed = self.redis.take(self.now, wanted, self.limit, self.now - permit.since)
        if allowed:
            self.sent.append((self.now, allowed, permit.kind.value))

    def worst(self) -> float:
        """By how many sends the fullest window exceeds the limit; at most 0 when it is kept."""
        worst, total = -inf, 0
        lowest = inf
        for moment, number, _ in self.sent:
            # total sent in (s, now] - rate * (now - s) is largest where total(s) - rate * s was smallest.
            lowest = min(lowest, total - self.limit.rate_per_s * moment)
            total += number
            worst = max(worst, total - self.limit.rate_per_s * moment - lowest - self.limit.burst)
        return worst


LIMITS = st.builds(RateLimit, st.sampled_from([0.5, 2.0, 20.0]), st.sampled_from([1, 2, 3, 7, 20]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), LIMITS, st.integers(1, 4))
def test_no_window_holds_more_than_the_limit_whatever_happens(seed: int, limit: RateLimit, count: int) -> None:
    """Over all nodes together, in every window: burst + rate·t."""
    world = World(random.Random(seed), limit, count, delay_s=2.5)
    world.run(120.0)
    assert world.worst() <= 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_when_everything_is_well_again_the_limit_is_used_again(seed: int) -> None:
    """The negative control of the law above: nodes that never send would keep it as well."""
    limit = RateLimit(20.0, 3)
    world = World(random.Random(seed), limit, 3, delay_s=2.5)
    world.run(60.0)
    world.trouble, world.redis.there = False, True
    for node in world.nodes:
        node.connected, node.frozen_until, node.dead_until = True, -inf, -inf
    world.run(80.0)
    before = sum(number for _, number, _ in world.sent)
    world.run(100.0)
    assert sum(number for _, number, _ in world.sent) - before >= 0.9 * 20 * limit.rate_per_s
    assert {kind for at, _, kind in world.sent if at > 80.0} == {"common"}


def test_a_node_cut_off_does_not_stop_the_others_for_long() -> None:
    """Everybody takes shares, within seconds; and together they use the limit."""
    limit = RateLimit(20.0, 12)
    world = World(random.Random(1), limit, 3, delay_s=2.5)
    world.trouble = False
    world.run(20.0)
    world.nodes[0].connected = False
    world.run(26.0)
    world.run(46.0)
    late = [(number, kind) for at, number, kind in world.sent if at > 26.0]
    assert {kind for _, kind in late} == {"share"}
    assert sum(number for number, _ in late) >= 0.85 * 20 * limit.rate_per_s
    assert world.worst() <= 1e-3


class Hasty(Membership):
    """A node that acts upon what it sees at once."""

    def permit(self, now: float):  # type: ignore[no-untyped-def]
        """Without waiting for the others."""
        permit = super().permit(now)
        look = self._look
        if look is None:
            return permit
        kind = Kind.SHARE if look.flags(self._live_s) else Kind.COMMON
        return type(permit)(kind, -inf, *self._place)


def test_without_the_delay_the_limit_is_broken() -> None:
    """The negative control: the same world with nodes that do not wait exceeds the limit, so it can show it."""
    broken = 0
    for seed in range(10):
        world = World(random.Random(seed), RateLimit(20.0, 7), 3, delay_s=2.5)
        for node in world.nodes:
            node.membership = Hasty(node.name)
        world.run(120.0)
        broken += world.worst() > 1
    assert broken >= 8
