"""Coordination of several nodes through Redis: common rate budgets, wake-ups and news, sealed values. Never the only copy.

Absent, wiped, frozen or another one than a moment ago: slower and more careful, never wrong, never over a limit (delivery-engine
4.5, 4.10; decision 0030).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from importlib.resources import files
from itertools import count
from math import inf
from typing import Any

from gateway.clock import Clock
from gateway.coordination.board import Board, News
from gateway.coordination.budgets import Budgets, Taking, Takings
from gateway.coordination.contact import Contact, Partner, Unanswered
from gateway.coordination.contact import RedisOptions as RedisOptions
from gateway.coordination.gcra import RateLimit
from gateway.coordination.membership import Kind, Membership, Permit
from gateway.coordination.memory import MemoryCoordination
from gateway.coordination.outbox import Outbox
from gateway.coordination.sealing import Seal
from gateway.coordination.skew import Skew

TOO_LARGE = 8 * 1024 * 1024
"""Characters of a value that is still kept: the largest revocation lists are a few megabytes."""
_SMALL = 16 * 1024
"""Characters of a value that a node keeps itself as well, for when Redis is away: sessions, not revocation lists."""
_SOON_S = 0.05
_PATIENCE_S = 0.25
_PROBE = "probe"

_log = logging.getLogger("gateway.coordination")


class RedisCoordination:
    """The `Coordination` of `connectors.kit.contract` for several nodes. Use `open`, and `close` it."""

    def __init__(self, options: RedisOptions, clock: Clock, membership: Membership) -> None:
        """Raises `ValueError` for an address that is none."""
        self._options, self._clock, self._membership = options, clock, membership
        self._seal = Seal(options.key)
        self._board, self._outbox = Board(), Outbox()
        self._shares, self._takings = Budgets(), Takings()
        self._alone = MemoryCoordination(clock)
        self._skew = Skew()
        self._spent_at = -inf
        self._nonces = count(1)
        self._name = clock.new_id()
        script = files("gateway.coordination").joinpath("take.lua").read_text(encoding="utf-8")
        partner = Partner(
            self._probe, self._heard, lambda: self._outbox.taken(self._name), self._membership.say_without_redis
        )
        self._contact = Contact(options, clock, script, partner)

    @classmethod
    async def open(cls, options: RedisOptions, clock: Clock, membership: Membership) -> RedisCoordination:
        """Made and begun. Raises `ValueError` for a bad address."""
        made = cls(options, clock, membership)
        await made.begin()
        return made

    async def begin(self) -> None:
        """Begin to keep in touch; returns after the first attempt, whatever came of it."""
        await self._contact.begin()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._contact.close()

    def is_up(self) -> bool:
        """Whether Redis answered when it was last asked."""
        return self._contact.is_up()

    async def take(self, upstream: str, wanted: int, rate_per_s: float, burst: int) -> tuple[int, float]:
        """How many of `wanted` sends are allowed now, and after how many seconds asking again makes sense.

        A negative `wanted` gives back sends that were allowed to this task and not made.
        """
        limit, permit = RateLimit(rate_per_s, burst), self._membership.permit(self._clock.instant())
        if permit.kind is Kind.SHARE:
            self._options.told("take", "share")
            return self._shares.take(upstream, wanted, limit, self._clock.instant(), permit)
        if permit.kind is Kind.NEITHER:
            return min(wanted, 0), _PATIENCE_S
        taking = self._takings.give(upstream, -wanted) if wanted < 0 else Taking(0.0, wanted)
        if taking is None:
            return wanted, 0.0
        try:
            return await self._contact.asked("take", lambda: self._take(upstream, taking, wanted < 0, (limit, permit)))
        except Unanswered:
            return min(wanted, 0), _SOON_S

    def wake(self, upstream: str) -> None:
        """Say, on every node, that there may be work for `upstream`; kept here until somebody waits."""
        self._board.wake(upstream)
        self._outbox.wake(upstream)

    async def wait(self, upstream: str, timeout_s: float) -> bool:
        """Wait for `wake` or the time-out; True when woken. A wake-up that came to this node before the wait is not lost."""
        return await self._board.wait(upstream, timeout_s)

    def tell(self, topic: str, text: str) -> None:
        """Tell `text` to all who listen to `topic`: here at once, on the other nodes soon or, without Redis, never."""
        self._board.tell(topic, text)
        self._outbox.tell(topic, text)

    def news(self, topic: str) -> News:
        """What is told of `topic`, on whichever node, from now on."""
        return self._board.news(topic)

    async def remember(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep a short-lived value for all nodes, sealed; one beyond `TOO_LARGE` is not kept."""
        life_ms = int(ttl.total_seconds() * 1000)
        if len(value) > TOO_LARGE or life_ms <= 0:
            return
        if len(value) <= _SMALL:
            await self._alone.remember(key, value, ttl)
        await self._tried_on("remember", "SET", self._place("kept", key), self._seal.seal(key, value), "PX", life_ms)

    async def recall(self, key: str) -> str | None:
        """The value kept under `key`. What another put there, or changed, does not open and is as if absent.

        While Redis is away a node has what it kept itself.
        """
        try:
            sealed = await self._contact.asked(
                "recall", lambda: self._contact.exchange("GET", self._place("kept", key))
            )
        except Unanswered:
            return await self._alone.recall(key)
        return self._seal.open(key, sealed) if isinstance(sealed, bytes) else None

    async def forget(self, key: str) -> None:
        """Drop the value under `key`."""
        await self._alone.forget(key)
        await self._tried_on("forget", "DEL", self._place("kept", key))

    async def _take(
        self, upstream: str, taking: Taking, back: bool, terms: tuple[RateLimit, Permit]
    ) -> tuple[int, float]:
        """Ask the common budget; what is answered too late to be true any more is as if refused."""
        limit, permit = terms
        spent_at, nonce, sent = max(permit.since, self._spent_at), str(next(self._nonces)), self._clock.instant()
        answer = await self._run(
            upstream,
            -taking.left if back else taking.left,
            repr(limit.rate_per_s),
            limit.burst,
            "" if spent_at == -inf else repr(sent - spent_at),
            repr(taking.at),
            str(taking.source or "-"),
            nonce,
        )
        answered = self._clock.instant()
        if answer[0] != nonce.encode():
            raise Unanswered
        if back:
            return -taking.left, 0.0
        allowed, again_s, source, at = int(answer[1]), float(answer[2]), answer[3].decode(), float(answer[4])
        if self._note_clock(answer, sent, answered):
            return 0, _SOON_S
        now = self._membership.permit(answered)
        if now.kind is not Kind.COMMON or now.since > permit.since:
            return 0, _SOON_S
        self._takings.note(upstream, Taking(at, allowed, source))
        return allowed, again_s

    def _note_clock(self, answer: list[Any], sent: float, answered: float) -> bool:
        """Whether the server's clock was set forward, which filled every budget: from here on they count as spent."""
        jumped = self._skew.jumped(answer[3].decode(), float(answer[8]) + float(answer[9]) / 1e6, sent, answered)
        if jumped:
            _log.warning("the clock of redis was set forward; every budget counts as spent")
            self._spent_at = answered
        return jumped

    async def _probe(self) -> None:
        """Whether the script runs and may write; it takes nothing."""
        nonce, sent = str(next(self._nonces)), self._clock.instant()
        answer = await self._run(_PROBE, 0, "1.0", 1, "", "0.0", "-", nonce)
        if answer[0] != nonce.encode():
            raise Unanswered
        self._note_clock(answer, sent, self._clock.instant())

    def _heard(self, message: bytes) -> None:
        """Hand on what another node said."""
        if (heard := Outbox.read(message, self._name)) is not None:
            topic, text = heard
            if topic:
                self._board.tell(topic, text)
            else:
                self._board.wake_told(text)

    async def _run(self, budget: str, *arguments: object) -> list[Any]:
        return await self._contact.run((self._place("rate", budget), self._place("mark", "")), *arguments)

    async def _tried_on(self, call: str, *command: object) -> None:
        """A command whose failure costs nothing but time."""
        try:
            await self._contact.asked(call, lambda: self._contact.exchange(*command))
        except Unanswered:
            return

    def _place(self, kind: str, name: str) -> str:
        return f"{self._options.prefix}:{kind}:{self._seal.name(f'{kind}/{name}')}"
