"""Where one upstream stands while the process runs: its breaker, its pause, what is under way. The journal's row is the truth.

Several nodes write that row: each writes what it saw change, over what it saw, and takes over what others wrote meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.kit.errors import DeliveryError
from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.dispatch import breaker
from gateway.dispatch.breaker import BreakerState, Circuit, Seen, Sign
from gateway.dispatch.seats import Seats
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.wallclock import Moment, Wall
from gateway.errors import JournalUnavailable
from gateway.journal.model import AuditWrite, UpstreamOrder, UpstreamRow
from gateway.journal.store import Journal

ACTOR = "gateway"
_TRIES = 4


def _unheard(_upstream: str) -> None:
    """Nobody listens."""


class Standing:
    """The breaker and the pause of one upstream. Its methods decide; `save` makes the outcome outlive the process.

    Calls are made on the seats of `hooks`: without any, those of a node that is alone. `tell` hears what others should read.
    """

    def __init__(self, line: UpstreamLine, clock: Clock, hooks: Hooks, row: UpstreamRow) -> None:
        self.line = line
        self.under_way = 0
        self.promised = 0
        self.unsettled = 0
        self.wall = hooks.walls.of(line.code) if hooks.walls is not None else Wall(clock)
        self._moved = self.wall.moved
        self.tell: Callable[[str], None] = _unheard
        self._seats = hooks.seats or Seats(clock.instant, shared=False)
        self._probing = f"probe:{line.code}"
        self._ripe_at = math.inf
        self._followed: Circuit | None = None
        self._clock = clock
        self._hooks = hooks
        self._circuit: Circuit = breaker.remembered(row)
        if self._circuit.open_until is not None:
            # The clock may have been set back while no process ran.
            latest = clock.now() + timedelta(seconds=line.settings.breaker.open_s)
            self._circuit = replace(self._circuit, open_until=min(self._circuit.open_until, latest))
        self._paused = row.paused
        self._window = ""
        self._saved = row
        # What the loop keeps of the breaker must not overtake, and undo, the pause that a person is just ordering.
        self.writing = asyncio.Lock()

    @property
    def open_until(self) -> datetime | None:
        """Until when the breaker lets nothing but a probe through; None while it is closed."""
        return None if self._circuit.state is BreakerState.CLOSED else self._circuit.open_until

    def rests_for_s(self, instant: float) -> float:
        """How long nothing may be claimed because the wall clock was set ahead; 0 when it may."""
        return max(0.0, self.wall.rests_until - instant)

    def clock_was_set(self, moment: Moment) -> None:
        """Let what stands in wall time follow the clock.

        Set ahead, it would end leases and deadlines before their time: nothing is claimed until they have truly passed,
        so that no lane is handed over, and nothing asked about, while a call of ours may still take effect. For a whole lease,
        however small the step is: what has 40 seconds left seems to have 20 after a step of 20, and is no more over in 20.
        """
        ahead = moment.set_by > timedelta()
        self.wall.adopt(moment, self.line.settings.lease() if ahead else 0.0)
        self.keep_up()

    def keep_up(self) -> None:
        """Let the breaker follow what was adopted since the last time, here or in another house of this process."""
        set_by, self._moved = self.wall.moved - self._moved, self.wall.moved
        if set_by and self._circuit.open_until is not None:
            followed = self._circuit is self._followed
            self._circuit = replace(self._circuit, open_until=self._circuit.open_until + set_by)
            self._followed = self._circuit if followed else self._followed

    def closed_for_s(self) -> float:
        """How long asking again makes no sense, unless something ends meanwhile; infinite when only news changes it."""
        circuit = self._circuit
        if self._paused or self._window or circuit.state is not BreakerState.OPEN or circuit.open_until is None:
            return math.inf
        left_s = (circuit.open_until - self._now()).total_seconds()
        return left_s if left_s > 0 else math.inf

    def allowance(self, for_s: float | None = None) -> int:
        """How many deliveries may start now: the upstream sees no more than `concurrency` calls at once, of all nodes.

        Each is over within `for_s` seconds; None: within the lease of a claim.

        Outcomes on their way to the disk take no place of a call, but there are never more than twice as many in all, so
        that a crash leaves few in doubt.
        """
        if self._paused or self._window:
            return 0
        if self._circuit.state is BreakerState.PROBING:
            self._may_try()  # while the probe is under way the right to it must not lapse
            return 0
        concurrency = self.line.settings.concurrency
        under_way = self.under_way + self.promised
        allowed = breaker.allowance(self._circuit, self._now(), concurrency, under_way)
        allowed = min(allowed, concurrency - under_way, 2 * concurrency - under_way - self.unsettled)
        if allowed <= 0 or not self._may_try():
            return 0
        return min(allowed, self._seats.free(self.line.code, concurrency, for_s or self.line.settings.lease()))

    def room(self, for_s: float) -> bool:
        """Whether one call that is over within `for_s` may start now; where only a seat is missing, one is asked for."""
        if self.allowance(for_s) > 0:
            return True
        self.hungry()
        return False

    def hungry(self) -> None:
        """There is more to send than there are seats for."""
        if not self._paused and not self._window and self._circuit.state is not BreakerState.PROBING:
            self._seats.want(self.line.code)

    def drained(self) -> None:
        """Nothing waits and nothing is under way: the slow start, which the other nodes wait for, has nothing left to do."""
        if self._seats.shared and not self.under_way and self._circuit.state is BreakerState.CLOSED:
            self._circuit = replace(self._circuit, ramp=0)

    def short_of_seats(self) -> bool:
        """Whether nothing stands in the way of a call but a seat."""
        under_way = self.under_way + self.promised
        concurrency = self.line.settings.concurrency
        bound = breaker.allowance(self._circuit, self._now(), concurrency, under_way)
        return not self._paused and not self._window and bound > 0 and under_way < concurrency

    def promise(self, calls: int) -> None:
        """Calls that a claim may bring take their seats before it is made; negative when it is known what it brought."""
        self.promised += calls
        self._seats.use(self.line.code, calls)

    def _may_try(self) -> bool:
        """Over all nodes one at a time finds out whether the upstream is back, and starts slowly (delivery-engine 4.5)."""
        if self._finding_out():
            return self._seats.alone(self._probing, self.line.settings.lease(), wakes=self.line.code)
        self._seats.release(self._probing)
        return True

    def _finding_out(self) -> bool:
        return self._circuit.state is not BreakerState.CLOSED or self._circuit.ramp > 0

    def _now(self) -> datetime:
        """The wall clock, or the end of the breaker's time where that has passed although another node's clock is ahead."""
        now, until = self._clock.now(), self._circuit.open_until
        return max(now, until) if until is not None and self._clock.instant() >= self._ripe_at else now

    def start(self) -> bool:
        """Note that a delivery starts; True when it is the probe. What was claimed when the breaker opened is none."""
        self.under_way += 1
        self._seats.use(self.line.code)
        circuit = self._circuit
        ripe = circuit.open_until is None or self._now() >= circuit.open_until
        probe = circuit.state is BreakerState.OPEN and ripe
        if probe:
            self._circuit = breaker.started(circuit)
        return probe

    def answered(self) -> None:
        """Note that the upstream is done with a delivery; its outcome is still to be stored."""
        self.under_way -= 1
        self.unsettled += 1
        self._seats.use(self.line.code, -1)

    def end(self, *, answered: bool) -> None:
        """Note that a delivery ended, `answered` before or not."""
        if answered:
            self.unsettled -= 1
        else:
            self.under_way -= 1
            self._seats.use(self.line.code, -1)

    def saw(
        self, sign: Sign, dossier: str, *, probe: bool, error: DeliveryError | None = None
    ) -> tuple[AuditWrite, ...]:
        """Feed the breaker with one outcome; the audit rows of what changed."""
        before = self._circuit
        seen = Seen(sign, dossier, self._clock.now(), probe)
        settings = self.line.settings
        self._circuit = breaker.judged(before, seen, settings.breaker, settings.concurrency)
        if self._circuit.state is BreakerState.OPEN and self._circuit.open_until != before.open_until:
            self._ripe_at = math.inf
            self._seats.release(self._probing)
        return self._changed(before, error)

    def pause(self, code: str, reason_vi: str) -> tuple[AuditWrite, ...]:
        """Stop sending because the set-up is at fault; told once, however many deliveries find out."""
        if self._paused:
            return ()
        self._paused = reason_vi
        self._hooks.alarm("upstream.paused", self.line.code, reason_vi)
        return (audit("upstream.paused", ACTOR, upstream=self.line.code, code=code, reason=reason_vi),)

    def would_be(self, paused: str) -> UpstreamRow:
        """The row that a person's pause, or with an empty text a resume, puts in place; for who holds `writing`."""
        return self._row(paused)

    def switched(self, row: UpstreamRow) -> None:
        """A person's pause or resume was stored, and `row` is what stands since: now it takes effect."""
        if row.generation:
            self._follow(row)
        self._paused = row.paused

    def close_for(self, window: str) -> None:
        """A planned pause is in force, told by `window`; empty: none is. A person's own pause stands beside it."""
        self._window = window

    async def save(self, journal: Journal, news: tuple[AuditWrite, ...] = ()) -> None:
        """Keep what changed since the last time; raises `JournalUnavailable`, and is then tried again later.

        `news` are the audit rows of what changed, where no settlement carries them.
        """
        async with self.writing:
            for _ in range(_TRIES):
                row, seen = self._row(self._paused), self._saved.generation
                if row == self._saved:
                    if news:
                        await journal.switch(UpstreamOrder((), news))
                    return
                if not news:
                    stands = await journal.remember_upstream(row, seen)
                elif (await journal.switch(UpstreamOrder((row,), news, seen=(seen,)))).done:
                    stands, news = replace(row, generation=seen + 1), ()
                else:
                    stands = await journal.upstream(self.line.code)
                if stands == row:
                    self._saved = stands
                    self.tell(self.line.code)
                    return
                self._follow(stands)
        raise JournalUnavailable

    def look(self, row: UpstreamRow) -> bool:
        """Another node may have written: take over what is newer than what we know; True when there was anything."""
        if row.generation <= self._saved.generation or self.writing.locked():
            return False
        self._follow(row)
        return True

    def _follow(self, stands: UpstreamRow) -> None:
        """What stands in the store counts, except for what changed here since and did not change there."""
        mine, base = self._row(self._paused), self._saved
        self._saved = stands
        if mine.paused == base.paused or stands.paused != base.paused:
            self._paused = stands.paused
        if _breaker(mine) == _breaker(base) or _breaker(stands) != _breaker(base):
            if _breaker(stands) == _breaker(mine):
                return
            self._circuit = self._followed = breaker.remembered(stands)
            self._moved = self.wall.moved
            self._ripe_at = self._clock.instant() + self.line.settings.breaker.open_s

    def row(self) -> UpstreamRow:
        """The standing as it is shown: paused by a person, by a fault, or by a planned window."""
        return self._row(self._paused or self._window)

    def _row(self, paused: str) -> UpstreamRow:
        state = self._circuit.state
        if self._circuit is self._followed:
            # It is open for us while another node finds out; that it does so is not for us to write over.
            return replace(self._saved, paused=paused)
        if self._seats.shared and self._circuit.ramp > 0:
            # For the others: this node alone starts slowly, and they go on when it is through.
            state = BreakerState.PROBING
        return UpstreamRow(self.line.code, state.value, self._circuit.open_until, paused)

    def _changed(self, before: Circuit, error: DeliveryError | None) -> tuple[AuditWrite, ...]:
        """Audit and alarm for a breaker that opened or closed; a probe that failed is no news."""
        after, code = self._circuit, self.line.code
        if before.state is BreakerState.CLOSED and after.state is BreakerState.OPEN:
            reason = error.message_vi if error is not None else ""
            self._hooks.alarm("breaker.opened", code, reason)
            failed = error.code if error is not None else ""
            fields = audit(
                "breaker.opened",
                ACTOR,
                upstream=code,
                code=failed,
                failures=after.failures,
                open_until=after.open_until,
            )
            return (fields,)
        if before.state is BreakerState.PROBING and after.state is BreakerState.CLOSED:
            return (audit("breaker.closed", ACTOR, upstream=code),)
        return ()


def _breaker(row: UpstreamRow) -> tuple[str, datetime | None]:
    return row.breaker_state, row.breaker_open_until
