"""A secret that an upstream gives for a while, such as a session or a token: kept, shared, renewed by one at a time.

Whoever waits while it is renewed gets what the one that asked got, or the failure it met: asking again and again locks
accounts and keeps a system down.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import DeliveryError, NotSent
from connectors.kit.http import remaining

_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt with all the calls it may need; their time is counted together from `started` (of `Kit.instant`)."""

    budget: Budget
    started: float

    def left(self, kit: Kit) -> Budget:
        """What is left of the time."""
        return remaining(self.budget, self.started, kit)


@dataclass(frozen=True, slots=True)
class Made:
    """A fresh secret and for how many seconds it may be kept."""

    value: str
    ttl_s: float


def granted(body: bytes, default_ttl_s: float, margin_s: float) -> Made | None:
    """The token of a token call (RFC 6749, 5.1), None where the answer holds none; renewed `margin_s` before its end.

    How long it lives may be a number or a text; `default_ttl_s` where it is left out.
    """
    try:
        tree: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    token = tree.get("access_token") if isinstance(tree, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    said = str(tree.get("expires_in", "")).strip()
    life = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else default_ttl_s
    # A token that is about to end is no token: a second at least, so that one that lives shortly is used once.
    return Made(token, max(life - margin_s, 1))


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
        """The secret to use, and whether it was made just now. `stale` is one that was refused; it is dropped."""
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
