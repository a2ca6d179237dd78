"""Where one upstream stands while the process runs: its breaker, its pause, what is under way. Written through to the journal."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.kit.errors import DeliveryError
from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.dispatch import breaker
from gateway.dispatch.breaker import BreakerState, Circuit, Seen, Sign
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.wallclock import Moment, Wall
from gateway.journal.model import AuditWrite, UpstreamOrder, UpstreamRow
from gateway.journal.store import Journal

ACTOR = "gateway"


class Standing:
    """The breaker and the pause of one upstream. Its methods decide; `save` makes the outcome outlive the process."""

    def __init__(self, line: UpstreamLine, clock: Clock, hooks: Hooks, row: UpstreamRow) -> None:
        self.line = line
        self.under_way = 0
        self.unsettled = 0
        self.wall = Wall(clock)
        self._rests_until = -math.inf
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
        return max(0.0, self._rests_until - instant)

    def clock_was_set(self, moment: Moment) -> None:
        """Let what stands in wall time follow the clock.

        Set ahead, it would end leases and deadlines before their time: nothing is claimed until they have truly passed,
        so that no lane is handed over, and nothing asked about, while a call of ours may still take effect.
        """
        ahead_s = moment.set_by.total_seconds()
        if ahead_s > 0:
            self._rests_until = moment.instant + min(ahead_s, self.line.settings.lease())
        if self._circuit.open_until is not None:
            self._circuit = replace(self._circuit, open_until=self._circuit.open_until + moment.set_by)
        self.wall.adopt(moment)

    def closed_for_s(self) -> float:
        """How long asking again makes no sense, unless something ends meanwhile; infinite when only news changes it."""
        if (
            self._paused
            or self._window
            or self._circuit.state is not BreakerState.OPEN
            or self._circuit.open_until is None
        ):
            return math.inf
        return max(0.002, (self._circuit.open_until - self._clock.now()).total_seconds())

    def allowance(self) -> int:
        """How many deliveries may start now: the upstream sees no more than `concurrency` calls at once.

        Outcomes on their way to the disk take no place of a call, but there are never more than twice as many in all, so
        that a crash leaves few in doubt.
        """
        if self._paused or self._window:
            return 0
        concurrency = self.line.settings.concurrency
        allowed = breaker.allowance(self._circuit, self._clock.now(), concurrency, self.under_way)
        in_hand = self.under_way + self.unsettled
        return max(0, min(allowed, concurrency - self.under_way, 2 * concurrency - in_hand))

    def start(self) -> bool:
        """Note that a delivery starts; True when it is the probe. What was claimed when the breaker opened is none."""
        self.under_way += 1
        circuit = self._circuit
        ripe = circuit.open_until is None or self._clock.now() >= circuit.open_until
        probe = circuit.state is BreakerState.OPEN and ripe
        if probe:
            self._circuit = breaker.started(circuit)
        return probe

    def answered(self) -> None:
        """Note that the upstream is done with a delivery; its outcome is still to be stored."""
        self.under_way -= 1
        self.unsettled += 1

    def end(self, *, answered: bool) -> None:
        """Note that a delivery ended, `answered` before or not."""
        if answered:
            self.unsettled -= 1
        else:
            self.under_way -= 1

    def saw(
        self, sign: Sign, dossier: str, *, probe: bool, error: DeliveryError | None = None
    ) -> tuple[AuditWrite, ...]:
        """Feed the breaker with one outcome; the audit rows of what changed."""
        before = self._circuit
        seen = Seen(sign, dossier, self._clock.now(), probe)
        settings = self.line.settings
        self._circuit = breaker.judged(before, seen, settings.breaker, settings.concurrency)
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
        """A person's pause or resume was stored: now it takes effect."""
        self._saved, self._paused = row, row.paused

    def close_for(self, window: str) -> None:
        """A planned pause is in force, told by `window`; empty: none is. A person's own pause stands beside it."""
        self._window = window

    async def save(self, journal: Journal, news: tuple[AuditWrite, ...] = ()) -> None:
        """Keep what changed since the last time; raises `JournalUnavailable`, and is then tried again later.

        `news` are the audit rows of what changed, where no settlement carries them.
        """
        async with self.writing:
            row = self._row(self._paused)
            if news:
                await journal.switch(UpstreamOrder((row,), news))
            elif row != self._saved:
                await journal.remember_upstream(row)
            self._saved = row

    def row(self) -> UpstreamRow:
        """The standing as it is shown: paused by a person, by a fault, or by a planned window."""
        return self._row(self._paused or self._window)

    def _row(self, paused: str) -> UpstreamRow:
        return UpstreamRow(self.line.code, self._circuit.state.value, self._circuit.open_until, paused)

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
