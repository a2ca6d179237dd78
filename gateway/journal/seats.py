"""Beats and seats in the shared store, in a short transaction of their own, timed by the server's clock (delivery-engine 4.5).

A transaction of another one's rows is never waited for, except for the row of this very node: a late commit of a connection that
was given up is over before the next beat looks, so no beat undoes a later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from gateway.clock import from_micros
from gateway.journal import reading
from gateway.journal.books import Pages, Row
from gateway.journal.nodes import Beat, Beaten, NodeRow, SeatWish
from gateway.journal.server_clock import ServerClock
from gateway.journal.shared_cursor import Session
from mappings.codec import decode, encode_sorted

_LEASES = 2
"""No seat stands in the store for longer than so many leases: `seat.cut` sees to it."""


class SharedSeats:
    """The beats of one start of a node. Used from one thread."""

    def __init__(self, session: Session, sql: Mapping[str, str], names: tuple[str, str], clock: ServerClock) -> None:
        self._session, self._sql = session, sql
        self._node, self._start = names
        self._clock = clock
        self._begun = False
        self._made: dict[str, int] = {}

    def beat(self, beat: Beat) -> Beaten:
        """Say that this start lives, carry out its wishes, look at everybody. Undone as a whole when anything fails."""
        session = self._session
        wishes = () if beat.last else beat.wishes
        if session.renewed():
            self._made.clear()  # a server that was promoted may not have them
        self._make(wishes)
        session.begin()
        before = self._clock.instant()
        beaten = self._beaten(beat, begun=self._begun)
        if not beaten and session.fetch(self._sql["shared.newest"], (self._node,)) == [(self._start,)]:
            # The store had gone back to before this start, and the writer has opened its chain there anew: nobody came after us.
            before = self._clock.instant()
            beaten = self._beaten(beat, begun=False)
        held: dict[str, int] = {}
        for (server,) in beaten:
            self._clock.heard(server, before)
            held = self._seated(wishes, server)
        # Only where writings are taken one comes as far as this: what is missing here is gone, and no standby's delay.
        unopened = not beaten and not session.fetch(self._sql["node.opening"], (self._start,))
        rows = session.fetch(self._sql["node.all"], ())
        upstreams = session.fetch(self._sql["read.all_upstreams"], ())
        session.run("COMMIT")
        self._begun = True
        return Beaten(
            tuple(node_row(row) for row in rows),
            held,
            tuple(reading.upstream_row(row[0], row[1:]) for row in upstreams),
            deposed=not beaten,
            unopened=unopened,
        )

    def _beaten(self, beat: Beat, *, begun: bool) -> list[Row]:
        """The server's time, where this start is that of its node; with `begun` False it becomes so, if it may write."""
        earlier = "" if begun else self._earlier()
        demands = encode_sorted(dict(beat.demands)).decode()
        start = "" if beat.last else self._start
        runs = beat.generation, beat.version
        told = self._node, self._start, int(beat.without_redis), demands, begun, start, *runs
        beaten = self._session.fetch(self._sql["node.beat"], told)
        if beaten and earlier:
            self._session.fetch(self._sql["seat.adopt"], (earlier, self._start))
        return beaten

    def _earlier(self) -> str:
        """The start of this node that beat before us and left seats behind; empty: none.

        They are taken over with the first beat, for its process is dead: all but the seats under calls of its own. What it had
        sent may still be at work outside: as many seats as it has lanes leased, and as it followed sources, wait for the end of
        their lease.
        """
        before = self._session.fetch(self._sql["node.before"], (self._node,))
        return str(before[0][0]) if before and before[0][0] != self._start else ""

    def _make(self, wishes: tuple[SeatWish, ...]) -> None:
        """Have the seats stand in the table; once for each name, and again when there are more."""
        new = {wish.name: wish.seats for wish in wishes if wish.seats > self._made.get(wish.name, 0)}
        if new:
            names = sorted(new)
            self._session.ensure()
            self._session.fetch(self._sql["seat.make"], (names, [new[name] for name in names]))
            self._made |= new

    def _seated(self, wishes: tuple[SeatWish, ...], server: int) -> dict[str, int]:
        """Renew what is kept, give back the rest, take what is missing and free.

        A lease that others had of a seat is over when it was by `server`, the time that this beat heard, and by what that clock
        was set ahead since it may have been written: by its stored time alone it would end that much too soon (decision 0037).
        """
        columns = [list(column) for column in zip(*map(_columns, wishes), strict=True)] or [[], [], [], []]
        names, seats, wanted, leases = columns
        kept = self._session.fetch(self._sql["seat.renew"], (self._start, names, seats, wanted, leases))
        held = Counter(str(name) for name, stays in kept if stays)
        missing = [max(0, want - held[name]) for name, want in zip(names, wanted, strict=True)]
        if any(missing):
            self._session.fetch(self._sql["seat.cut"], (names, leases))
            over = [server - self._clock.set_ahead(_LEASES * lease) for lease in leases]
            taken = self._session.fetch(self._sql["seat.take"], (self._start, names, seats, missing, leases, over))
            held.update(str(name) for (name,) in taken)
        return dict(held)


def _columns(wish: SeatWish) -> tuple[str, int, int, int]:
    return wish.name, wish.seats, wish.wanted, round(wish.lease.total_seconds() * 1_000_000)


def listed(pages: Pages) -> tuple[NodeRow, ...]:
    """Every node with what it holds."""
    held: dict[str, dict[str, int]] = {}
    for owner, name, number in pages.rows("node.held"):
        held.setdefault(owner, {})[name] = number
    return tuple(node_row(row, held.get(row[1])) for row in pages.rows("node.all"))


def node_row(row: Row, held: Mapping[str, int] | None = None) -> NodeRow:
    """A row of the table of nodes."""
    node, start, since, silent, without_redis, demands, turns, steady, *runs = row
    told = decode(demands.encode(), dict[str, int])
    silent_s, steady_s = silent / 1_000_000, steady / 1_000_000
    flag = bool(without_redis)
    return NodeRow(node, start, from_micros(since), silent_s, flag, told, held or {}, turns, steady_s, *runs)
