"""Who may send by which budget, and since when: every node follows what the journal said of all nodes a fixed delay ago.

A node that cannot reach Redis raises a *flag* with its heartbeat. While any flag is up all nodes keep to shares of every limit;
while none is, all take from the budget in Redis. Nobody learns of a change at the same moment, so nobody acts upon it at once:
at `t` each node does what was true at `t - delay_s`, and only if it knows that for certain, that is by one look at the nodes from
before that moment, and one begun after it. So no two nodes ever use different kinds of budget at the same time, whatever is slow,
frozen or cut off (decision 0030, with the proof). Pure: time and looks are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf

DELAY_S = 2.5
"""A node whose last look is older sends nothing. More than two heartbeats, and less than a node may be silent and yet live."""
LIVE_S = 5.0
"""A node whose last heartbeat is older is dead, to all others."""
_STEP_S = 1.0
"""A smaller step of the journal's clock does no harm: a node is dead to the others well after it has stopped sending."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A node as the journal shows it, this one as well. `up`: it did not stop by itself; `silent_s`: since its last heartbeat.

    `turns` counts how often its flag `without_redis` changed; `steady_s` is for how long at least it has not, as far as the
    journal knows (0 is never wrong).
    """

    node: str
    up: bool
    silent_s: float
    without_redis: bool = False
    turns: int = 0
    steady_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at all nodes: `asked` before this node's heartbeat was sent, `answered` when the answer was there (instants)."""

    asked: float
    answered: float
    peers: tuple[Peer, ...]

    def others(self, node: str, live_s: float) -> list[str]:
        """The names of the other nodes that may be sending."""
        return [peer.node for peer in self.peers if peer.node != node and peer.up and peer.silent_s < live_s]

    def flags(self, live_s: float) -> dict[str, int]:
        """Whose flag is up, with its turn. A flag outlives its node until the node counts as dead."""
        return {peer.node: peer.turns for peer in self.peers if peer.without_redis and peer.silent_s < live_s}

    def clear_for_s(self, live_s: float) -> float:
        """For how long at least no flag has been up, where none is."""
        return min((_clear_for_s(peer, live_s) for peer in self.peers), default=inf)


def _clear_for_s(peer: Peer, live_s: float) -> float:
    if peer.without_redis:
        return peer.silent_s - live_s
    return peer.steady_s if peer.turns else inf


class Kind(Enum):
    """Which budget a node may use now."""

    COMMON = "common"
    SHARE = "share"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Permit:
    """What a node may use now. At the instant `since` the budget counts as spent, unless it was used from then on.

    Of a share: this node is the one numbered `rank` (from 0) among `live`.
    """

    kind: Kind
    since: float = -inf
    live: int = 1
    rank: int = 0


NOTHING = Permit(Kind.NEITHER)
WHOLE = Permit(Kind.SHARE)
"""Of a node that is alone by its nature: the embedded form."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Flags were, without a break, all down or not all down from `first` to `last` at least (instants)."""

    first: float
    last: float

    def covers(self, instant: float) -> bool:
        """Whether it is certain of this moment."""
        return self.first <= instant < self.last


class Membership:
    """This node among the others. Who beats for it says `flag` in each heartbeat and hands every look to `saw`, in order."""

    def __init__(self, node: str, *, delay_s: float = DELAY_S, live_s: float = LIVE_S) -> None:
        if not 0 < delay_s <= live_s:
            raise ValueError("a node must not be taken for dead while it may still send")
        self._node, self._delay_s, self._live_s = node, delay_s, live_s
        self._without = False
        self._look: Look | None = None
        self._runs: dict[bool, _Run] = {}
        self._looks = 0
        self._joined = inf
        self._alone = 0
        self._alone_since = inf
        self._place = (1, 0)
        self._placed = inf
        self._not_before = -inf
        self.soon: Callable[[], None] = _nobody
        """Called when a heartbeat at once would shorten the time in which nothing is sent."""

    def say_without_redis(self, without: bool) -> None:
        """Raise the flag, or lower it; the others learn of it with the next heartbeat."""
        if without != self._without:
            self._without = without
            self.soon()

    def flag(self, now: float) -> bool:
        """What the heartbeat sent at `now` says. After a silence the flag is down once: no old flag may seem to have lasted."""
        return self._without and self._look is not None and now - self._look.asked < self._delay_s

    def saw(self, look: Look) -> None:
        """Take in what a heartbeat brought back."""
        before, self._look = self._look, look
        if before is not None and _clock_set(before, look):
            # Whoever did not beat since seems silent, and is not: nothing is sent until all have been heard of again.
            self.lost()
            self._not_before = look.answered + self._live_s
            return
        if before is None or look.answered - before.asked >= self._delay_s:
            # The others may have missed this node, or it them: it begins like one that was never there.
            self._looks, self._joined, self._alone = 0, look.answered, 0
        self._looks += 1
        flags = look.flags(self._live_s)
        others = look.others(self._node, self._live_s)
        self._alone = self._alone + 1 if flags and not others else 0
        if self._alone == 2:
            self._alone_since = look.answered
        place = 1 + len(others), sum(name < self._node for name in others)
        if place != self._place or self._looks == 1:
            self._place, self._placed = place, look.answered
        self._follow(before, look, flags)
        if self._looks == 1 or self._alone == 1 or self._without != (self._node in flags):
            self.soon()

    def lost(self) -> None:
        """Another process beats under this name: nothing is sent from here until a look says otherwise."""
        self._look = None
        self._runs.clear()

    def live(self) -> int:
        """How many nodes live by the last look, this one among them: at least 1."""
        return self._place[0]

    def somebody_without_redis(self) -> bool:
        """Whether a flag was up at the last look."""
        return self._look is not None and bool(self._look.flags(self._live_s))

    def permit(self, now: float) -> Permit:
        """What this node may use at this instant.

        Nobody sends by its first look: a node that comes sees all who were there, or they see it (`_alone` counts on that).
        """
        then = now - self._delay_s
        if self._look is None or self._look.asked <= then or self._looks < 2 or now < self._not_before:
            return NOTHING
        if self._alone >= 2:
            # Nobody else is there who could use anything; whoever comes waits until it was seen.
            return Permit(Kind.SHARE, max(self._alone_since, self._placed), *self._place)
        clear, flagged = self._runs.get(False), self._runs.get(True)
        if clear is not None and clear.covers(then):
            return Permit(Kind.COMMON, clear.first + self._delay_s)
        if flagged is None or not flagged.covers(then):
            return NOTHING
        since = max(max(flagged.first, self._joined) + self._delay_s, self._placed)
        return Permit(Kind.SHARE, since, *self._place) if since <= now else NOTHING

    def _follow(self, before: Look | None, look: Look, flags: dict[str, int]) -> None:
        """Lengthen the run that this look belongs to, or begin a new one."""
        kind = bool(flags)
        # Ages are the journal's; counted back from the answer they are never too long.
        first = look.answered if kind else look.answered - look.clear_for_s(self._live_s)
        run = self._runs.get(kind)
        if run is not None and before is not None and self._lasted(before, look, flags):
            first = min(first, run.first)
        self._runs[kind] = _Run(first, look.asked)

    def _lasted(self, before: Look, look: Look, flags: dict[str, int]) -> bool:
        """Whether what `look` shows of the flags was so ever since `before`."""
        earlier = before.flags(self._live_s)
        if bool(earlier) != bool(flags):
            return False
        if not flags:
            turns = {peer.node: peer.turns for peer in before.peers}
            return all(peer.turns == turns.get(peer.node, 0) and not peer.without_redis for peer in look.peers)
        between_s = look.answered - before.asked
        silent = {peer.node: peer.silent_s for peer in before.peers}
        return any(
            earlier.get(name) == turn and between_s + silent[name] < self._live_s for name, turn in flags.items()
        )


def _clock_set(before: Look, look: Look) -> bool:
    """Whether the journal's clock was set forward between two looks: a silence grew by more than the time there was."""
    silent = {peer.node: peer.silent_s for peer in before.peers}
    most_s = look.answered - before.asked + _STEP_S
    return any(peer.node in silent and peer.silent_s > silent[peer.node] + most_s for peer in look.peers)


def _nobody() -> None:
    """Nobody beats sooner."""
