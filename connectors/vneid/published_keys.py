"""The published keys of one provider: fetched once, kept for a while, fetched again when a token names a key nobody knows.

A stranger can name unknown keys as often as he likes (a back-channel logout needs no session), so the extra fetch happens at
most once in `jwks_refetch_s`; whoever arrives while keys are fetched waits for that fetch and makes none of its own. What a
stranger sent and what the provider itself answered have a fetch each: else one forged logout in five minutes would keep the
keys of a rotation from everybody who signs on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from connectors.kit.errors import DeliveryError, NotSent
from connectors.kit.tokens import Attempt, again
from connectors.vneid.common_keys import Common
from connectors.vneid.jose import JoseRefused, KeySet, Token, header_of, opened
from connectors.vneid.refusals import refused
from connectors.vneid.sign_on_settings import Limits

# After a fetch that failed: soon enough for a rotation during an outage, late enough for a flood.
_AFTER_FAILURE_S = 15

Fetch = Callable[[Attempt], Awaitable[KeySet]]
Find = Callable[[], Awaitable[Common | None]]
Instant = Callable[[], float]


class PublishedKeys:
    """The keys of one provider. Raises `SignOnRefused` for tokens, and whatever `fetch` raises (`DeliveryError`)."""

    def __init__(self, fetch: Fetch, limits: Limits, instant: Instant, find: Find | None = None) -> None:
        """`instant` is the kit's monotonic clock; `find` looks for keys that another node fetched."""
        self._fetch = fetch
        self._find = find
        self._limits = limits
        self._instant = instant
        self._keys = KeySet()
        self._stale_at = float("-inf")
        self._extra_from = {False: float("-inf"), True: float("-inf")}
        self._version = 0
        self._failed: tuple[float, DeliveryError] | None = None
        self._fetching = asyncio.Lock()

    async def ready(self, attempt: Attempt) -> None:
        """Have keys that are not too old: asked before a code is spent, so that an outage costs nobody a sign-on."""
        if self._instant() >= self._stale_at and not await self._taken_over():
            await self._renew(self._version, attempt)

    async def opened(self, token: str, algorithms: Iterable[str], attempt: Attempt, *, unasked: bool = False) -> Token:
        """The proven token; raises `SignOnRefused`. A key nobody knows is looked for once more, if it is time.

        `unasked`: anybody may have sent the token; it is no answer of the provider to a call of ours.
        """
        before = self._version
        await self.ready(attempt)
        seen, allowed = self._version, tuple(algorithms)
        try:
            return opened(token, self._keys, allowed)
        except JoseRefused as error:
            if seen != before or not _may_be_rotation(error, token):
                raise refused(error.code) from None
            if self._instant() < self._extra_from[unasked] and not self._fetching.locked():
                raise refused(error.code) from None
        await self._renew_extra(seen, attempt, unasked)
        try:
            return opened(token, self._keys, allowed)
        except JoseRefused as error:
            raise refused(error.code) from None

    async def _taken_over(self) -> bool:
        """Use what another node fetched, for as long as it may itself. No fetch of ours: an unknown key may still cause one."""
        found = await self._find() if self._find is not None else None
        if found is None:
            return False
        self._keys = found.keys
        self._stale_at = self._instant() + self._limits.jwks_ttl_s - found.age_s
        return True

    async def _renew_extra(self, seen: int, attempt: Attempt, unasked: bool) -> None:
        """The extra fetch, or the one that is under way; its time counts from its beginning, so that none can be added."""
        if not self._fetching.locked():
            self._extra_from[unasked] = self._instant() + self._limits.jwks_refetch_s
        try:
            await self._renew(seen, attempt)
        except DeliveryError:
            self._extra_from[unasked] = self._instant() + min(_AFTER_FAILURE_S, self._limits.jwks_refetch_s)
            raise

    async def _renew(self, seen: int, attempt: Attempt) -> None:
        """Fetch, unless somebody else did since `seen`; who waited for a fetch that failed shares its failure."""
        asked = self._instant()
        left_s = max(0.0, attempt.budget.timeout_s - (asked - attempt.started))
        try:
            async with asyncio.timeout(left_s):
                await self._fetching.acquire()
        except TimeoutError:
            raise NotSent("Hết thời gian khi chờ lấy danh sách khóa của hệ thống đăng nhập.") from None
        try:
            if self._version != seen:
                return
            if self._failed is not None and self._failed[0] >= asked:
                raise again(self._failed[1])
            await self._fetched(attempt)
        finally:
            self._fetching.release()

    async def _fetched(self, attempt: Attempt) -> None:
        try:
            self._keys = await self._fetch(attempt)
        except DeliveryError as error:
            self._failed = (self._instant(), error)
            raise
        self._stale_at = self._instant() + self._limits.jwks_ttl_s
        self._version += 1


def _may_be_rotation(error: JoseRefused, token: str) -> bool:
    """A key of an unknown name; or no name at all and a signature that the only key did not make."""
    return error.code == "key_unknown" or (error.code == "signature_invalid" and not header_of(token).get("kid"))
