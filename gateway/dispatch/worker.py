"""The loop: one for each upstream; it claims what is due, starts attempts, and sleeps until there is something to do.

One upstream's trouble never delays another's, one lane's trouble never delays another lane. This is the only module of
dispatch that catches everything: what a connector raises by mistake leaves the delivery in doubt, with a stack trace.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from typing import TypeVar

from connectors.kit.contract import Coordination
from connectors.kit.errors import DeliveryError, NoAnswer, OutcomeUnknown
from gateway.clock import Clock
from gateway.dispatch.attempt import GRACE_S, Desk, Ticket, attempt
from gateway.dispatch.breaker import Sign
from gateway.dispatch.replay import Switch, checked_reason
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.errors import JournalUnavailable, NotFound
from gateway.journal.model import Ordered, UpstreamOrder, UpstreamRow
from gateway.journal.store import Journal

T = TypeVar("T")

POLL_S = 1.0
TOPIC = "breaker"
# A rate of thousands a second is kept in portions, not by waking for each delivery.
_RATE_PORTION_S = 0.01

_log = logging.getLogger("gateway.dispatch")


async def guarded(call: Awaitable[T], limit_s: float) -> T | DeliveryError:
    """Await a call into a connector. Whatever it raises becomes a value; past `limit_s` and a grace it is cancelled.

    A connector raises only `DeliveryError`. Anything else is a fault of the program at an unknown point of the exchange,
    so the outcome is unknown. The stack is logged without the error's text, which may quote personal data.
    """
    try:
        async with asyncio.timeout(limit_s + GRACE_S):
            return await call
    except DeliveryError as error:
        return error
    except TimeoutError:
        return NoAnswer()
    except Exception as error:  # noqa: BLE001 - a connector's fault must leave the delivery in doubt, not stop the line
        _log.error("a connector failed with %s", _stack(error))
        return OutcomeUnknown("Đầu nối gặp lỗi nội bộ trong khi gửi; không rõ đã thực hiện hay chưa.")


class Worker:
    """Carries deliveries to all upstreams until it is stopped."""

    def __init__(
        self,
        upstreams: Mapping[str, UpstreamLine],
        journal: Journal,
        coordination: Coordination,
        clock: Clock,
        hooks: Hooks | None = None,
    ) -> None:
        self._lines = upstreams
        self._journal = journal
        self._coordination = coordination
        self._clock = clock
        self._hooks = hooks or Hooks()
        self._standings: dict[str, Standing] = {}
        self._under_way: dict[asyncio.Task[None], Ticket] = {}
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()

    async def run(self) -> None:
        """Deliver until `stop`; then wait for the attempts under way, each up to its deadline, and return."""
        self._ended.clear()
        try:
            lines = [line for line in self._lines.values() if line.settings.enabled]
            hearing = asyncio.create_task(self._hear(), name="dispatch:news")
            try:
                async with asyncio.TaskGroup() as loops:
                    for line in lines:
                        loops.create_task(self._drive(line), name=f"dispatch:{line.code}")
            finally:
                hearing.cancel()
            await self._drain()
        finally:
            # Only a cancelled run leaves something here: the leases run out, and what was sent is asked about.
            await self._abandon()
            self._ended.set()

    async def stop(self) -> None:
        """Claim nothing more, settle what is under way, return when that is done."""
        self._stopping.set()
        for code in self._lines:
            self._coordination.wake(code)
        await self._ended.wait()

    async def switch(self, order: Switch) -> Ordered:
        """Pause or resume upstreams as a person decided: durable and audited in one transaction before it takes effect.

        Raises `Invalid` for a poor reason, `NotFound` for an upstream that is not there.
        """
        told = checked_reason(order.reason, order.actor)
        standings = [await self._standing(code) for code in sorted(set(order.upstreams))]
        async with AsyncExitStack() as writing:
            for standing in standings:
                await writing.enter_async_context(standing.writing)
            rows = tuple(standing.would_be(told if order.pause else "") for standing in standings)
            wanted = UpstreamOrder(rows, order.trail(told), order.message_vi(), order.signed)
            ordered = await self._journal.switch(wanted)
            for standing, row in zip(standings, rows, strict=True):
                standing.switched(await self._stands(row))
        for row in rows:
            self._coordination.tell(TOPIC, row.upstream)
            self._coordination.wake(row.upstream)
        return ordered

    async def _stands(self, row: UpstreamRow) -> UpstreamRow:
        """What stands after an order that was stored; where that cannot be read now, what was ordered."""
        try:
            return await self._journal.upstream(row.upstream)
        except JournalUnavailable:
            return row

    def look(self, rows: Sequence[UpstreamRow]) -> None:
        """What stands of the upstreams, as a heartbeat showed it: another node may have opened a breaker, or a person paused."""
        for row in rows:
            standing = self._standings.get(row.upstream)
            if standing is not None and standing.look(row):
                self._coordination.wake(row.upstream)

    async def _hear(self) -> None:
        """News from other nodes only makes faster what the next heartbeat would show."""
        async for code in self._coordination.news(TOPIC):
            if code in self._standings:
                with suppress(JournalUnavailable):
                    self.look((await self._journal.upstream(code),))

    async def close_windows(self, closed: Mapping[str, str]) -> None:
        """Planned pauses in force now: upstream to what is told of it; every other upstream is open, as far as windows go."""
        for code in self._lines:
            (await self._standing(code)).close_for(closed.get(code, ""))
            self._coordination.wake(code)

    def standings(self) -> Mapping[str, UpstreamRow]:
        """Breaker and pause of every upstream that was looked at, as they are now."""
        return {code: standing.row() for code, standing in self._standings.items()}

    async def standing(self, upstream: str) -> Standing:
        """Where an upstream stands, for what calls it beside the lanes. Raises `NotFound`."""
        return await self._standing(upstream)

    async def _standing(self, upstream: str) -> Standing:
        """Where an upstream stands; read from the journal once."""
        if upstream not in self._lines:
            raise NotFound(f"Không có hệ thống nhận tên {upstream!r}.")
        if upstream not in self._standings:
            row = await self._journal.upstream(upstream)
            # Two may have asked at once; the first answer stays, because it may already have changed.
            made = Standing(self._lines[upstream], self._clock, self._hooks, row)
            made.tell = partial(self._coordination.tell, TOPIC)
            self._standings.setdefault(upstream, made)
        return self._standings[upstream]

    async def _drive(self, line: UpstreamLine) -> None:
        """The loop of one upstream. Nothing that happens here ends it before `stop`."""
        while not self._stopping.is_set():
            wait_s = POLL_S
            try:
                standing = await self._standing(line.code)
                await standing.save(self._journal)
                wait_s = await self._round(line, standing)
            except JournalUnavailable:
                _log.warning("the journal is unavailable; dispatch to %s waits", line.code)
            except Exception as error:  # noqa: BLE001 - the loop of an upstream ends by `stop` alone
                _log.error("dispatch to %s failed with %s", line.code, _stack(error))
                self._hooks.alarm("dispatch.failed", line.code, "Vòng gửi gặp lỗi nội bộ; sẽ thử lại.")
            if wait_s > 0:
                await self._coordination.wait(line.code, wait_s)

    async def _round(self, line: UpstreamLine, standing: Standing) -> float:
        """Claim and start as much as may be under way now; the seconds to wait for news, 0 to go on at once."""
        standing.keep_up()
        moment = standing.wall.look()
        if moment.set_by:
            await self._follow_clock(line, standing)
        if (rest_s := standing.rests_for_s(moment.instant)) > 0:
            return min(POLL_S, rest_s)
        wanted = standing.allowance()
        if wanted <= 0:
            if standing.short_of_seats() and await self._due(line.code):
                standing.hungry()
            return min(POLL_S, standing.closed_for_s())
        settings = line.settings
        allowed, again_s = await self._coordination.take(line.code, wanted, settings.rate_per_s, settings.burst)
        if allowed == 0:
            # News does not bring the next send nearer, so only a stop ends this wait.
            await self._rest(min(POLL_S, max(again_s, _portion_s(settings.rate_per_s, settings.burst))))
            return 0.0
        claimed = await self._claim(line, standing, allowed)
        if claimed == allowed:
            standing.hungry()
            return 0.0
        if not claimed:
            standing.drained()
        due = await self._journal.next_due(line.code)
        if due is None:
            return POLL_S
        return min(POLL_S, max(0.002, (due - self._clock.now()).total_seconds()))

    async def _due(self, code: str) -> bool:
        """Whether a lane waits to be claimed now."""
        due = await self._journal.next_due(code)
        return due is not None and due <= self._clock.now()

    async def _follow_clock(self, line: UpstreamLine, standing: Standing) -> None:
        """The wall clock was set: what waits follows it, once."""
        async with standing.wall.following:
            moment = standing.wall.look()
            if not moment.set_by:
                return
            _log.warning("the wall clock was set by %.0f s; %s follows", moment.set_by.total_seconds(), line.code)
            if moment.set_by < timedelta():
                await self._journal.set_back(line.code, -moment.set_by, moment.now)
            standing.clock_was_set(moment)

    async def _claim(self, line: UpstreamLine, standing: Standing, limit: int) -> int:
        """Lease up to `limit` lanes and start their attempts; sends that were allowed and not used are given back."""
        claims = 0
        moment = standing.wall.look()
        # Asked behind the moment from which the calls' time runs: a seat that was lost in between is not counted on.
        most = min(limit, standing.allowance())
        standing.promise(most)
        try:
            if moment.set_by or most <= 0 or standing.rests_for_s(moment.instant) > 0:
                return 0
            leased = await self._journal.claim(
                line.code, limit=most, batch=line.batches(), lease=line.lease(), now=moment.now
            )
            claims = len(leased)
        finally:
            standing.promise(-most)
            if claims < limit:
                settings = line.settings
                await self._coordination.take(line.code, claims - limit, settings.rate_per_s, settings.burst)
        for claim in leased:
            ticket = Ticket(line, claim, moment.instant, probe=standing.start())
            task = asyncio.create_task(self._attempt(ticket, standing))
            self._under_way[task] = ticket
            task.add_done_callback(self._forget)
        return claims

    async def _attempt(self, ticket: Ticket, standing: Standing) -> None:
        """One claim, to its end. A fault of ours leaves the lane to its lease: afterwards it is asked about."""
        code, dossier = ticket.line.code, ticket.claim.dossier
        left = False

        def leave() -> None:
            nonlocal left
            left = True
            standing.answered()
            self._coordination.wake(code)

        try:
            desk = Desk(self._journal, self._clock, self._hooks, guarded, standing, leave)
            conclusion = await attempt(ticket, desk)
            for follow_up in conclusion.settlement.follow_ups:
                self._coordination.wake(follow_up.upstream)
            await standing.save(self._journal)
        except JournalUnavailable:
            _log.warning("the standing of %s could not be saved; the loop saves it later", code)
        except Exception as error:  # noqa: BLE001 - one attempt's fault never touches another lane
            standing.saw(Sign.NOTHING, dossier, probe=ticket.probe)
            _log.error("an attempt to %s failed with %s", code, _stack(error))
            self._hooks.alarm("dispatch.failed", code, "Lượt gửi gặp lỗi nội bộ; sẽ tra cứu khi hết hạn giữ chỗ.")
        finally:
            standing.end(answered=left)
            self._coordination.wake(code)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)

    async def _drain(self) -> None:
        """Wait for what is under way, each attempt up to the end of its lease."""
        while self._under_way:
            latest = max(ticket.lease_end() for ticket in self._under_way.values())
            left_s = latest - self._clock.instant()
            if left_s <= 0:
                return
            await asyncio.wait(set(self._under_way), timeout=left_s)

    async def _abandon(self) -> None:
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _portion_s(rate_per_s: float, burst: int) -> float:
    """How long to gather sends before claiming again: a portion, but never longer than half a full bucket."""
    return min(_RATE_PORTION_S, burst / rate_per_s / 2)


def _stack(error: Exception) -> str:
    """The kind of error and where it happened, without its text and without values."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__} at\n{frames}"
