"""What nodes share and may lose, as the configuration wants it: nothing, shares of every limit, or Redis."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from connectors.kit.contract import Coordination
from gateway.bootstrap.kek import derived, kek_of
from gateway.clock import Clock
from gateway.config import Loaded, secret
from gateway.coordination.membership import Membership
from gateway.coordination.memory import MemoryCoordination
from gateway.coordination.redis import RedisCoordination, RedisOptions
from gateway.errors import ConfigError
from gateway.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Coordinated:
    """The coordination, and how this node stands among the others; alone by its nature it has no membership.

    `values` is where nodes keep what is worth fetching once for all of them; None where there is no such place.
    """

    coordination: Coordination
    membership: Membership | None = None
    values: Coordination | None = None


@asynccontextmanager
async def open_coordination(loaded: Loaded, clock: Clock, metrics: Metrics) -> AsyncIterator[Coordinated]:
    """Connect, as far as that is possible now; at the end let go. Raises `ConfigError` for what cannot be right.

    Only a shared journal makes several nodes: the embedded form keeps every limit whole and asks nobody.
    """
    settings = loaded.settings
    if settings.storage.postgres is None:
        yield Coordinated(MemoryCoordination(clock))
        return
    membership = Membership(settings.node)
    if not settings.coordination.redis:
        yield Coordinated(MemoryCoordination(clock, membership), membership)
        return
    options = redis_options(loaded, metrics)
    try:
        coordination = await RedisCoordination.open(options, clock, membership)
    except ValueError as error:
        # The library's own words may quote the address, and with it the password.
        told = (
            "coordination.redis: địa chỉ phải có dạng redis://người-dùng:mật-khẩu@máy:cổng/0, hoặc rediss://… qua TLS"
        )
        raise ConfigError((told,)) from error
    metrics.watch_redis(coordination.is_up)
    try:
        yield Coordinated(coordination, membership, coordination)
    finally:
        await coordination.close()


def redis_options(loaded: Loaded, metrics: Metrics) -> RedisOptions:
    """How Redis is reached; raises `ConfigError` where a secret or a file is not there."""
    wanted = loaded.settings.coordination
    return RedisOptions(
        url=secret(wanted.redis, loaded.base),
        key=derived(kek_of(loaded), "coordination"),
        prefix=wanted.prefix,
        connect_s=wanted.connect_s,
        answer_s=wanted.answer_s,
        ca_file=_anchors(loaded),
        told=metrics.coordinated,
    )


def _anchors(loaded: Loaded) -> str:
    """The file of trust anchors, read once so that a wrong one is named at the start."""
    if not loaded.settings.coordination.ca_file:
        return ""
    path = str(loaded.path(loaded.settings.coordination.ca_file))
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError((f"coordination.ca_file: không đọc được chứng thư gốc ({error.strerror})",)) from error
    return path
