"""The composition root: the only place that builds objects from the configuration, and takes them down again in order."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from connectors.kit import registry
from connectors.kit.contract import Delivery, Kit
from connectors.kit.errors import CredentialsRefused, SettingsError
from connectors.kit.manifest import ManifestError
from gateway import __version__
from gateway.admin.handlers import create_admin_app
from gateway.admin.operations import Operations
from gateway.app import InternalParts, create_internal_app
from gateway.clock import Clock
from gateway.config import Loaded, secret
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.upstreams import Hooks, OperationTraits, Settled, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.errors import ConfigError
from gateway.evidence.log import chain
from gateway.intake.accept import Door
from gateway.intake.authenticate import Authenticator
from gateway.intake.decide import Decider
from gateway.intake.fan_out import fan_out
from gateway.intake.validate import Limits
from gateway.journal.model import DeliveryState, NewDelivery
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.observe import crash, gaps
from gateway.observe.metrics import Metrics
from gateway.records import courses
from gateway.routes import EventOperation, Route, Routes

_log = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that serves: where its internal listener is."""

    host: str
    port: int


@asynccontextmanager
async def running(loaded: Loaded) -> AsyncIterator[Running]:
    """Open the store, start the worker, listen; at the end stop listening, settle what is under way, close the store."""
    clock, metrics = Clock(), Metrics()
    async with AsyncExitStack() as house:
        reach = crash.killer(loaded.crash_at) if loaded.crash_at else crash.never
        coordination = MemoryCoordination(clock)
        lines = await _lines(loaded, clock, coordination, house)
        routes = _routes(loaded)
        journal = open_journal(loaded, routes, clock, reach)
        house.push_async_callback(journal.close)
        hooks = Hooks(
            reach=reach,
            on_settled=partial(_count, metrics),
            alarm=partial(_alarm, metrics),
            follow_ups=partial(follow_ups, loaded, routes),
        )
        worker = Worker(lines, journal, coordination, clock, hooks)
        delivering = asyncio.create_task(worker.run(), name="worker")
        house.push_async_callback(_stop, worker, delivering)
        operations = Operations(journal, worker, loaded.settings.upstreams, clock)
        await house.enter_async_context(
            unix_site(create_admin_app(operations), loaded.data_dir() / loaded.settings.listen.admin_socket)
        )
        house.push_async_callback(_cancel, asyncio.create_task(_gap_watch(loaded, journal, hooks, clock).run()))
        parts = InternalParts(
            door=_door(loaded, journal, clock, partial(_wake, coordination)),
            render_metrics=partial(_render, metrics, journal, clock),
            count=lambda answer: metrics.intake.labels(answer).inc(),
            config_generation=loaded.generation,
            version=__version__,
            reach=reach,
        )
        listen = loaded.settings.listen.internal
        port = await house.enter_async_context(_tcp_site(create_internal_app(parts), listen.host, listen.port))
        yield Running(listen.host, port)


@asynccontextmanager
async def standing_still(loaded: Loaded) -> AsyncIterator[Operations]:
    """An operator's side over the store itself, while no gateway runs: decisions are stored, nothing is sent."""
    clock = Clock()
    journal = open_journal(loaded, _routes(loaded), clock, crash.never)
    lines: Mapping[str, UpstreamLine] = {
        code: UpstreamLine(code, settings, _Absent(), {}) for code, settings in loaded.settings.upstreams.items()
    }
    try:
        switchboard = Worker(lines, journal, MemoryCoordination(clock), clock)
        yield Operations(journal, switchboard, loaded.settings.upstreams, clock)
    finally:
        await journal.close()


def open_journal(loaded: Loaded, routes: Routes, clock: Clock, reach: crash.Reach) -> SqliteJournal:
    """The embedded store of record, with the decision and the evidence chain that it works with."""
    settings = loaded.settings
    options = StoreOptions(
        node=settings.node,
        kek=_kek(loaded.path(settings.storage.key_file)),
        inline_bytes=settings.storage.inline_bytes,
        queue_limit=settings.storage.queue_limit,
        synchronous=settings.storage.synchronous,
        reach=reach,
    )
    decide = Decider(routes, settings.callers, settings.intake)
    return SqliteJournal.open(loaded.data_dir(), options, decide=decide, chain=chain, clock=clock)


def follow_ups(loaded: Loaded, routes: Routes, delivery: Delivery) -> tuple[NewDelivery, ...]:
    """What an acknowledged push to the resolution system sets off outside: nothing, unless its system is `on_ack`."""
    event = delivery.carried.event
    caller = loaded.settings.callers.get(event.system_code)
    if caller is None or caller.role != "sector" or caller.outside != "on_ack":
        return ()
    return fan_out(
        (route for route in routes.follow_ups() if route.upstream != delivery.upstream),
        event.system_code,
        event.event_id,
        late=not delivery.carried.state_applies,
        legal_due=event.new_due_at or courses.due_of(delivery.carried.dossier),
    )


@asynccontextmanager
async def unix_site(app: web.Application, path: Path) -> AsyncIterator[None]:
    """`app` on a Unix socket of mode 0600."""
    path.unlink(missing_ok=True)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.UnixSite(runner, str(path)).start()
        except OSError as error:
            raise ConfigError((f"listen.admin_socket: không mở được {path} ({error.strerror or error})",)) from error
        path.chmod(0o600)
        yield
    finally:
        await runner.cleanup()
        path.unlink(missing_ok=True)


@asynccontextmanager
async def _tcp_site(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, auto_decompress=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
        except OSError as error:
            raise ConfigError((f"listen.internal: không mở được {host}:{port} ({error.strerror})",)) from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


class _Absent:
    """Stands where a connector would: nothing is sent while no gateway runs."""

    async def close(self) -> None:
        """Nothing to close."""


async def _lines(
    loaded: Loaded, clock: Clock, coordination: MemoryCoordination, house: AsyncExitStack
) -> dict[str, UpstreamLine]:
    """Every upstream with its connector; all faults of all settings at once."""
    lines: dict[str, UpstreamLine] = {}
    faults: list[str] = []
    manifests = registry.discover()
    secrets = Secrets(loaded.base)
    for code, settings in loaded.settings.upstreams.items():
        if settings.connector not in manifests:
            faults.append(f"upstreams.{code}.connector: không có đầu nối tên {settings.connector!r}")
            continue
        kit = Kit(code, clock.now, clock.instant, coordination, secrets)
        try:
            connector = registry.create(settings.connector, _anchored(settings.settings, loaded), kit)
        except SettingsError as error:
            faults.extend(f"upstreams.{code}.settings.{fault}" for fault in error.faults)
            continue
        except ConfigError as error:
            faults.extend(f"upstreams.{code}.settings: {fault}" for fault in error.faults)
            continue
        house.push_async_callback(connector.close)
        traits = {
            name: OperationTraits(spec.idempotent, spec.enquirable, spec.skippable, spec.batch)
            for name, spec in manifests[settings.connector].operations.items()
        }
        lines[code] = UpstreamLine(code, settings, connector, traits)
    if faults:
        raise ConfigError(tuple(faults))
    secrets.started = True
    return lines


class Secrets:
    """Secrets by reference. While the gateway starts, a missing one is a fault of the configuration, with its name.

    One that is gone later (a file that is being replaced) is trouble of its connection: the upstream is paused with an
    alarm, nothing is in doubt, and nothing else stops.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self.started = False

    def __call__(self, reference: str) -> str:
        """The secret; raises `ConfigError` at the start, `CredentialsRefused` afterwards."""
        try:
            return secret(reference, self._base)
        except ConfigError as error:
            if not self.started:
                raise
            raise CredentialsRefused(f"Không đọc được bí mật của kết nối: {error}") from error


def _anchored(settings: Mapping[str, Any], loaded: Loaded) -> dict[str, Any]:
    """A connector's settings with the paths of files resolved: they are relative to the configuration, like all others."""
    return {
        key: str(loaded.path(value)) if key.endswith("ca_file") and isinstance(value, str) and value else value
        for key, value in settings.items()
    }


def _routes(loaded: Loaded) -> Routes:
    """The routes of the configuration, with the operations that each manifest names for events, in lane order."""
    try:
        manifests = registry.discover()
    except ManifestError as error:
        raise ConfigError(tuple(error.faults)) from error
    by_role: dict[str, tuple[Route, ...]] = {}
    for rule in loaded.settings.routes:
        for code in rule.to:
            manifest = manifests[loaded.settings.upstreams[code].connector]
            triggered = sorted(
                ((spec.order, name, spec) for name, spec in manifest.operations.items() if spec.trigger == "event"),
                key=lambda entry: entry[:2],
            )
            operations = tuple(EventOperation(name, spec.when_late) for _, name, spec in triggered)
            by_role[rule.role] = (*by_role.get(rule.role, ()), Route(code, operations))
    return Routes(by_role)


def _door(loaded: Loaded, journal: SqliteJournal, clock: Clock, wake: Callable[[tuple[str, ...]], None]) -> Door:
    """What the intake line stands on."""
    return Door(Authenticator.load(loaded), Limits.of(loaded.settings.intake), journal, clock, wake=wake)


def _wake(coordination: MemoryCoordination, upstreams: tuple[str, ...]) -> None:
    """There is something new for these: their loops look at once instead of at their next poll."""
    for code in upstreams:
        coordination.wake(code)


async def _render(metrics: Metrics, journal: SqliteJournal, clock: Clock) -> bytes:
    """The text of `/metrics`, with the gauges brought up to date from the journal."""
    counts, now = await journal.counts(), clock.now()
    # A state that nothing is in any more has no row: what was told of it before must not stand.
    metrics.messages.clear()
    metrics.blocked_lanes.clear()
    for (upstream, state), count in counts.messages.items():
        metrics.messages.labels(upstream, state.value).set(count)
    for upstream, count in counts.blocked_lanes.items():
        metrics.blocked_lanes.labels(upstream).set(count)
    metrics.oldest_waiting.clear()
    for upstream, since in counts.oldest_waiting.items():
        metrics.oldest_waiting.labels(upstream).set((now - since).total_seconds())
    metrics.parked.set(counts.parked)
    metrics.oldest_gap.set((now - counts.oldest_gap).total_seconds() if counts.oldest_gap is not None else 0.0)
    return metrics.render()


def _kek(path: Path) -> bytes:
    """The key-encryption key: 32 bytes in base64."""
    try:
        key = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise ConfigError((f"storage.key_file: không đọc được khóa mã hóa tại {path} ({error})",)) from error
    if len(key) != 32:
        raise ConfigError((f"storage.key_file: khóa tại {path} phải dài 32 byte (đang là {len(key)})",))
    return key


def _count(metrics: Metrics, settled: Settled) -> None:
    metrics.settled.labels(settled.upstream, settled.operation, settled.code).inc()
    if settled.state is DeliveryState.DELIVERED:
        metrics.observe_delivered(settled.upstream, settled.accepted_at, settled.at)


def _alarm(metrics: Metrics, code: str, upstream: str, detail_vi: str) -> None:
    metrics.alarms.labels(code, upstream).inc()
    _log.warning("alarm %s", code, extra={"upstream": upstream, "detail": detail_vi})


def _gap_watch(loaded: Loaded, journal: SqliteJournal, hooks: Hooks, clock: Clock) -> gaps.GapWatch:
    """The watch over events that wait for their predecessor."""

    async def oldest_gap() -> datetime | None:
        return (await journal.counts()).oldest_gap

    limit = timedelta(seconds=loaded.settings.intake.gap_alarm_s)
    return gaps.GapWatch(oldest_gap, partial(hooks.alarm, gaps.CODE, ""), limit, clock)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _stop(worker: Worker, delivering: asyncio.Task[None]) -> None:
    """Settle what is under way; a worker that died of a fault says so now."""
    await worker.stop()
    await delivering
