"""The tools of signatures, put together from the settings: pool, status, stamps, examiner; each opened once, closed in order."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from yarl import URL

from connectors.kit.fetching import Fetcher
from connectors.kit.status_fetching import StatusFetcher, StatusHosts
from gateway.clock import Clock
from gateway.config.signing import Signing, StampAsked, StatusAsked
from gateway.observe.crash import Reach, never
from gateway.signatures.examining import Examiner, Rules
from gateway.signatures.issuing import Caution, Issuer
from gateway.signatures.pool import opened
from gateway.signatures.stamping import Authority, StampDesk
from gateway.signatures.status import Patience, StatusDesk
from signing.errors import Unusable


@dataclass(frozen=True, slots=True)
class Outfit:
    """What stands ready: `examiner` judges, `issuer` signs."""

    examiner: Examiner
    issuer: Issuer


@asynccontextmanager
async def outfitted(
    settings: Signing, rules: Rules, clock: Clock, base: Path, reach: Reach = never
) -> AsyncIterator[Outfit]:
    """For as long as the block lasts. `base`: where relative paths of the settings begin. Raises `Unusable`."""
    stamps = stamp_desk(settings.timestamp, clock, base) if settings.timestamp is not None else None
    status = StatusDesk(status_fetcher(settings.status), clock, patience_of(settings.status))
    caution = Caution(settings.fresh_s, rules.policy.limits.max_bytes, settings.max_clock_error_s)
    async with opened(settings.workers) as pool:
        try:
            examiner = Examiner(pool, status, rules)
            yield Outfit(examiner, Issuer(examiner, stamps, clock, caution, reach))
        finally:
            await status.close()


def status_fetcher(asked: StatusAsked) -> StatusFetcher:
    """Whoever asks for status, and only where the operator allows it."""
    hosts = StatusHosts(asked.hosts, asked.internal, asked.rewrites, asked.max_bytes)
    return StatusFetcher(hosts, Fetcher(timeout_s=asked.timeout_s))


def patience_of(asked: StatusAsked) -> Patience:
    """The same figures in the words of the desk."""
    return Patience(
        whole_s=asked.whole_s,
        keep_s=asked.keep_s,
        cache_bytes=asked.cache_bytes,
        failures=asked.failures,
        open_s=asked.open_s,
    )


def stamp_desk(asked: StampAsked, clock: Clock, base: Path) -> StampDesk:
    """The desk of the one configured authority; its host is the only one that this fetcher knows."""
    url = URL(asked.url)
    host = f"{(url.host or '').lower()}:{url.port}"
    try:
        tls = ssl.create_default_context(cafile=str(base / asked.ca_file)) if asked.ca_file else None
    except (OSError, ssl.SSLError):
        raise Unusable("tep_ca_khong_doc_duoc", "signing.timestamp.ca_file: không đọc được chứng thư gốc.") from None
    hosts = StatusHosts((host,), (host,) if asked.internal else (), {}, 131_072)
    authority = Authority(asked.url, asked.policy, asked.digest, timedelta(seconds=asked.max_offset_s))
    return StampDesk(authority, StatusFetcher(hosts, Fetcher(timeout_s=asked.timeout_s, tls=tls)), clock)
