"""What a judgement needs from outside: OCSP answers, CRLs and missing issuers, asked of listed hosts and kept while they hold.

Nothing here says that a certificate is good: what comes back is evidence for the judge, unjudged, and what does not come back is
missing evidence, which the judge calls TRY_LATER. Addresses come out of strangers' certificates (attack T6); whom we may ask, the
fetcher knows. Sources: RFC 6960, RFC 5280 4.2.1.13 and 4.2.2.1, RFC 5019 6 (caching); NĐ 23/2025/NĐ-CP Điều 15.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from connectors.kit.fetching import FetchError
from gateway.clock import Clock
from gateway.signatures.common_status import CommonStatus
from gateway.signatures.expiry import Published, published
from signing.errands import OCSP_REQUEST, Errand, ErrandKind, issuer_errands, status_errands
from signing.model import Evidence

_LOG = logging.getLogger("gateway.signatures")
_ROUNDS = 3
_AT_ONCE = 8
_MOST_STANDINGS = 1_024


class Fetches(Protocol):
    """Somebody who asks listed hosts: `connectors.kit.status_fetching.StatusFetcher`. All raise `FetchError`."""

    async def get(self, url: str) -> bytes:
        """The whole content behind an address."""

    async def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """The whole answer to a question."""

    def host_of(self, url: str) -> str:
        """The host that would be asked, as `host:port`."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long anything may take and be kept. `whole_s` bounds everything that one judgement asks for.

    An answer is kept until its nextUpdate and at most `keep_s`, one without nextUpdate `keep_undated_s`; the cache holds
    `cache_bytes`. After `failures` in a row a host, or an address that it refuses, is left alone for `open_s` seconds.
    """

    whole_s: float = 30.0
    keep_s: float = 3_600.0
    keep_undated_s: float = 300.0
    cache_bytes: int = 134_217_728
    failures: int = 3
    open_s: float = 60.0


@dataclass(slots=True)
class _Standing:
    """What is known of one host, or of one address: failures in a row, and until when it is left alone."""

    failures: int = 0
    closed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    content: bytes
    fetched: datetime
    until: datetime


@dataclass(slots=True)
class StatusCache:
    """Answers by the digest of their question, the least used ones leave first."""

    limit: int
    _kept: OrderedDict[str, _Kept] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def find(self, key: str, now: datetime, not_before: datetime) -> bytes | None:
        """The answer, when it still holds and was fetched since `not_before`."""
        kept = self._kept.get(key)
        if kept is None or kept.until <= now or kept.fetched < not_before:
            return None
        self._kept.move_to_end(key)
        return kept.content

    def keep(self, key: str, content: bytes, fetched: datetime, until: datetime) -> None:
        """Keep an answer; one that is larger than a quarter of the room is not kept at all."""
        self._drop(key)
        if until <= fetched or len(content) > self.limit // 4:
            return
        self._kept[key] = _Kept(content, fetched, until)
        self._bytes += len(content)
        while self._bytes > self.limit:
            self._drop(next(iter(self._kept)))

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._bytes

    def _drop(self, key: str) -> None:
        gone = self._kept.pop(key, None)
        self._bytes -= len(gone.content) if gone is not None else 0


class StatusDesk:
    """`gather` brings what can be had about certificates. One for the whole program, so that everybody shares the cache."""

    def __init__(self, fetcher: Fetches, clock: Clock, patience: Patience = Patience()) -> None:
        self._fetcher, self._clock, self._patience = fetcher, clock, patience
        self.cache = StatusCache(patience.cache_bytes)
        self._standings: dict[str, _Standing] = {}
        self._under_way: dict[str, asyncio.Task[bytes | None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._common: CommonStatus | None = None

    def share(self, common: CommonStatus) -> None:
        """From now on pass answers on to the other nodes, and use theirs."""
        self._common = common

    async def gather(
        self,
        certificates: Sequence[bytes],
        anchors: Sequence[bytes],
        *,
        lists_too: bool = False,
        since: datetime | None = None,
    ) -> Evidence:
        """Issuers that are missing, then for each certificate a response, or a list where no response can be had.

        `lists_too`: lists as well, for when the responses did not satisfy the judge.
        `since`: from the cache only what was fetched later.
        Never raises; what is not there within `whole_s` is missing.
        """
        gathered = _Gathered(dict.fromkeys(certificates), frozenset(certificates))
        oldest = since or self._clock.now() - timedelta(seconds=self._patience.keep_s)
        try:
            async with asyncio.timeout(self._patience.whole_s):
                await self._issuers(gathered, anchors, oldest)
                await self._statuses(gathered, anchors, oldest, lists_too)
        except TimeoutError:
            _LOG.warning("status information is slow", extra={"code": "deadline"})
        return gathered.evidence()

    async def close(self) -> None:
        """Give up what is still asked."""
        waiting = list(self._under_way.values())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _issuers(self, gathered: _Gathered, anchors: Sequence[bytes], oldest: datetime) -> None:
        for _ in range(_ROUNDS):
            errands = issuer_errands(gathered.certificates, anchors)
            found = await asyncio.gather(*(self._asked(one, oldest) for one in errands))
            fresh = [one for one in found if one is not None and one not in gathered.certificates]
            if not fresh:
                return
            gathered.certificates |= dict.fromkeys(fresh)

    async def _statuses(self, gathered: _Gathered, anchors: Sequence[bytes], oldest: datetime, lists_too: bool) -> None:
        by_certificate: dict[str, list[Errand]] = {}
        for errand in status_errands(gathered.certificates, anchors):
            by_certificate.setdefault(errand.about, []).append(errand)
        await asyncio.gather(
            *(self._status(gathered, errands, oldest, lists_too) for errands in by_certificate.values())
        )

    async def _status(self, gathered: _Gathered, errands: Sequence[Errand], oldest: datetime, lists_too: bool) -> None:
        """The first address of each kind that answers."""
        answered = await self._first(_of(errands, ErrandKind.OCSP), oldest)
        if answered is not None:
            gathered.ocsps[answered] = None
        if answered is None or lists_too:
            listed = await self._first(_of(errands, ErrandKind.CRL), oldest)
            if listed is not None:
                gathered.crls[listed] = None

    async def _first(self, errands: Iterable[Errand], oldest: datetime) -> bytes | None:
        for errand in errands:
            answer = await self._asked(errand, oldest)
            if answer is not None:
                return answer
        return None

    async def _asked(self, errand: Errand, oldest: datetime) -> bytes | None:
        """The answer to one errand: from the cache, from whoever asks the same already, or from its host."""
        key = hashlib.sha256(errand.url.encode("utf-8") + b"\0" + errand.body).hexdigest()
        kept = self.cache.find(key, self._clock.now(), oldest)
        if kept is None and key not in self._under_way:
            kept = await self._of_another(errand, key, oldest)
        if kept is not None:
            return kept
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(self._fetched(errand, key))
            self._under_way[key] = task
            task.add_done_callback(lambda _done: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    async def _of_another(self, errand: Errand, key: str, oldest: datetime) -> bytes | None:
        """What another node was told, as long as we would have kept it ourselves."""
        now = self._clock.now()
        found = await self._common.find(key, errand.kind, now, oldest) if self._common is not None else None
        if found is None:
            return None
        self.cache.keep(key, found.said.content, found.fetched, self._holds_until(found.said, found.fetched))
        return self.cache.find(key, now, oldest)

    async def _fetched(self, errand: Errand, key: str) -> bytes | None:
        try:
            host = self._fetcher.host_of(errand.url)
        except FetchError as error:
            _LOG.warning("status address refused", extra={"code": error.code, "kind": errand.kind.value})
            return None
        if self._left_alone(host) or self._left_alone(errand.url):
            return None
        try:
            async with self._slots, asyncio.timeout(self._patience.whole_s):
                if errand.body:
                    content = await self._fetcher.post(errand.url, errand.body, OCSP_REQUEST)
                else:
                    content = await self._fetcher.get(errand.url)
        except (FetchError, TimeoutError) as error:
            code = error.code if isinstance(error, FetchError) else "time"
            _LOG.warning("status not fetched", extra={"code": code, "kind": errand.kind.value, "host": host})
            # Addresses come out of strangers' certificates: a wrong one must not speak for the host that all others need.
            self._failed(errand.url if isinstance(error, FetchError) and error.there else host)
            return None
        for asked in (host, errand.url):
            self._standings.pop(asked, None)
        said = await asyncio.to_thread(published, errand.kind, content)
        if said is None:
            _LOG.warning("status answer unusable", extra={"kind": errand.kind.value, "host": host})
            return None
        now = self._clock.now()
        until = self._holds_until(said, now)
        self.cache.keep(key, said.content, now, until)
        if self._common is not None:
            await self._common.keep(key, said.content, now, until - now)
        return said.content

    def _holds_until(self, said: Published, now: datetime) -> datetime:
        longest = now + timedelta(seconds=self._patience.keep_s)
        if said.dated:
            return min(longest, said.until or now + timedelta(seconds=self._patience.keep_undated_s))
        return longest

    def _left_alone(self, asked: str) -> bool:
        standing = self._standings.get(asked)
        return standing is not None and standing.closed_until is not None and self._clock.now() < standing.closed_until

    def _failed(self, asked: str) -> None:
        standing = self._standings.pop(asked, None) or _Standing()
        self._standings[asked] = standing  # the one that failed last is forgotten last
        while len(self._standings) > _MOST_STANDINGS:
            del self._standings[next(iter(self._standings))]
        standing.failures += 1
        if standing.failures >= self._patience.failures:
            standing.closed_until = self._clock.now() + timedelta(seconds=self._patience.open_s)


@dataclass(slots=True)
class _Gathered:
    """What has come so far, each once, in the order in which it came. `given`: what we were asked about brings nothing new.

    A signer's certificate is personal data; it stays in the document, and with evidence nobody would look for it.
    """

    certificates: dict[bytes, None]
    given: frozenset[bytes]
    ocsps: dict[bytes, None] = field(default_factory=dict)
    crls: dict[bytes, None] = field(default_factory=dict)

    def evidence(self) -> Evidence:
        fetched = tuple(one for one in self.certificates if one not in self.given)
        return Evidence(fetched, tuple(self.crls), tuple(self.ocsps))


def merged(first: Evidence, second: Evidence) -> Evidence:
    """Both, each piece once; proofs of existence of the first."""
    return replace(
        first,
        certificates=tuple(dict.fromkeys((*first.certificates, *second.certificates))),
        crls=tuple(dict.fromkeys((*first.crls, *second.crls))),
        ocsps=tuple(dict.fromkeys((*first.ocsps, *second.ocsps))),
    )


def _of(errands: Iterable[Errand], kind: ErrandKind) -> list[Errand]:
    return [one for one in errands if one.kind is kind]
