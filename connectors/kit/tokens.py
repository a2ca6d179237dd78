"""A secret that an upstream gives for a while, such as a session or a token: kept, shared, renewed by one at a time.

Whoever waits while it is renewed gets what the one that asked got, or the failure it met: asking again and again locks
accounts and keeps a system down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import DeliveryError, NotSent
from connectors.kit.granted import Made as Made
from connectors.kit.granted import granted as granted
from connectors.kit.http import remaining


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt with all the calls it may need; their time is counted together from `started` (of `Kit.instant`)."""

    budget: Budget
    started: float

    def left(self, kit: Kit) -> Budget:
        """What is left of the time."""
        return remaining(self.budget, self.started, kit)


class KeptSecret:
    """The secret kept in the coordination under `key`; `make` gets a fresh one and raises only `DeliveryError`.

    Nothing of the delivery itself was sent while a secret is made, so `make` raises no `OutcomeUnknown`.
    """

    def __init__(self, kit: Kit, key: str, make: Callable[[Attempt], Awaitable[Made]], late_vi: str) -> None:
        """`late_vi` says what ran out of time while it waited for somebody else's renewal."""
        self._kit = kit
        self._key = key
        self._make = make
        self._late_vi = late_vi
        self._renewing = asyncio.Lock()
        self._failed: tuple[float, DeliveryError] | None = None

    async def kept(self, stale: str = "") -> str | None:
        """The secret as it is kept; None when there is none, or only the one that was refused."""
        value = await self._kit.coordination.recall(self._key)
        return None if value == stale else value

    async def obtain(self, attempt: Attempt, stale: str = "") -> tuple[str, bool]:
        """The secret to use, and whether it was made just now. `stale` is one that was refused; it is dropped.

        Who names a stale one sends the refused call once more: that is counted (delivery-engine 4.6), whoever made the new one.
        """
        secret, fresh = await self._obtained(attempt, stale)
        if stale:
            self._kit.renewed()
        return secret, fresh

    async def _obtained(self, attempt: Attempt, stale: str) -> tuple[str, bool]:
        kept = await self.kept(stale)
        if kept is not None:
            return kept, False
        asked = self._kit.instant()
        try:
            async with asyncio.timeout(attempt.left(self._kit).timeout_s):
                await self._renewing.acquire()
        except TimeoutError:
            raise NotSent(self._late_vi) from None
        try:
            kept = await self.kept(stale)
            if kept is not None:
                return kept, False
            if self._failed is not None and self._failed[0] >= asked:
                raise again(self._failed[1])
            return await self._renewed(attempt), True
        finally:
            self._renewing.release()

    async def _renewed(self, attempt: Attempt) -> str:
        """A new secret, kept for everybody; a failure is kept for those who wait, unless it is our own lack of time."""
        await self._kit.coordination.forget(self._key)
        try:
            made = await self._make(attempt)
        except DeliveryError as error:
            left = attempt.left(self._kit)
            if left.timeout_s > 0 and self._kit.instant() < left.send_before:
                self._failed = (self._kit.instant(), error)
            raise
        await self._kit.coordination.remember(self._key, made.value, timedelta(seconds=made.ttl_s))
        return made.value


def again(error: DeliveryError) -> DeliveryError:
    """The same failure for somebody else: an exception belongs to one traceback."""
    return type(error)(error.message_vi, exchange=error.exchange, retry_after_s=error.retry_after_s)
