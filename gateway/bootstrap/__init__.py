"""The composition root: the only place that builds objects from the configuration, and takes them down again in order."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from connectors.kit.contract import Delivery
from connectors.kit.fetching import Fetcher
from gateway import __version__
from gateway.admin.consents import ConsentDesk
from gateway.admin.handlers import AdminDesk, create_admin_app
from gateway.admin.ledger_decisions import LedgerDecisions
from gateway.admin.pauses import WindowWatch
from gateway.admin.views import ViewDesk
from gateway.app import InternalParts
from gateway.bootstrap import desks, gauges, guests
from gateway.bootstrap.desks import admin_desk
from gateway.bootstrap.enrolment import open_register
from gateway.bootstrap.identity import Ground, with_identity
from gateway.bootstrap.kek import read_kek
from gateway.bootstrap.lines import open_lines, read_routes
from gateway.bootstrap.listeners import Running as Running
from gateway.bootstrap.listeners import applications, calls_of, listen
from gateway.bootstrap.questions import proof_rules
from gateway.bootstrap.results import Surroundings, with_results
from gateway.bootstrap.watches import keep_watch
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.polling import PollDesk, Polling
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.errors import ConfigError
from gateway.evidence.log import chain
from gateway.intake.accept import Door
from gateway.intake.authenticate import Authenticator
from gateway.intake.decide import Decider
from gateway.intake.endpoints import Desk
from gateway.intake.fan_out import fan_out
from gateway.intake.files import FileDoor
from gateway.intake.foreign import check_profiles
from gateway.intake.inputs import Taker
from gateway.intake.ledgers import LedgerBook
from gateway.intake.register import Register
from gateway.intake.result_watch import House
from gateway.intake.validate import Limits
from gateway.intake.verification import Verifier
from gateway.journal.cabinet import Cabinet
from gateway.journal.model import NewDelivery
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from gateway.journal.store import Journal
from gateway.observe import crash, gaps
from gateway.observe.metrics import Metrics
from gateway.records import courses, files
from gateway.routes import Routes

_LOG = logging.getLogger("gateway")


@asynccontextmanager
async def running(loaded: Loaded, verifier: Verifier | None = None) -> AsyncIterator[Running]:
    """Open the store, start the worker, listen; at the end stop listening, settle what is under way, close the store.

    `verifier` takes the place of the one that [results] describes.
    """
    clock, metrics = Clock(), Metrics()
    async with AsyncExitStack() as house:
        reach = crash.killer(loaded.crash_at) if loaded.crash_at else crash.never
        coordination = MemoryCoordination(clock)
        outside = await open_lines(loaded, clock, coordination, house)
        polls, book, decidable, viewable = (
            guests.poll_lines(outside),
            guests.ledger_book(outside, loaded),
            guests.decidable(outside),
            guests.viewable(outside),
        )
        register = Register.load(loaded)
        authenticator = Authenticator.load(loaded, register)
        check_profiles(loaded.settings.callers)
        journal = open_journal(loaded, register, clock, reach, book)
        house.push_async_callback(journal.close)
        cabinet = await open_cabinet(loaded, journal)
        house.push_async_callback(asyncio.to_thread, cabinet.close)
        await open_register(journal, register)
        outside.give(journal)
        wake, alarm = partial(_wake, coordination), partial(gauges.alarm, metrics)
        taker = Taker(journal, book, wake, alarm)
        hooks = Hooks(
            reach=reach,
            on_settled=partial(gauges.count, metrics),
            alarm=alarm,
            learn=partial(guests.learn, taker),
            follow_ups=partial(follow_ups, register, read_routes(loaded)),
        )
        worker = Worker(outside.lines, journal, coordination, clock, hooks)
        watch = await _window_watch(WindowWatch(journal, worker, tuple(outside.lines), clock), house)
        delivering = asyncio.create_task(worker.run(), name="worker")
        house.push_async_callback(_stop, worker, delivering)
        pages, told = partial(guests.store_page, taker), partial(gauges.polled, metrics)
        polling = Polling(polls, PollDesk(worker, journal, coordination, clock, pages, hooks, told))
        house.push_async_callback(_stop_polling, polling, asyncio.create_task(polling.run(), name="polling"))
        keep_watch(house, _gap_watch(loaded, journal, hooks, clock).run(), "gaps")
        door = Door(authenticator, Limits.of(loaded.settings.intake), journal, clock, wake=wake)
        mounted = guests.mounted(outside, calls_of(loaded, Desk(door, taker, reach)))
        beside = House(wake, hooks.alarm, reach, partial(_sends_ahead, register))
        around = Surroundings(door, cabinet, beside, verifier, outside.let_sign)
        parts = InternalParts(
            door=door,
            render_metrics=partial(gauges.render, metrics, journal, clock),
            count=lambda answer: metrics.intake.labels(answer).inc(),
            config_generation=loaded.generation,
            version=__version__,
            pauses=watch.upcoming,
            reach=reach,
            files=FileDoor.of(door, cabinet, loaded.settings, reach, _fetcher(loaded)),
            mounted=mounted,
        )
        parts = await with_results(loaded, parts, around, house)
        parts = await with_identity(loaded, Ground(outside, metrics, coordination, hooks, worker), parts, house)
        ledgers = LedgerDecisions(decidable, taker, clock)
        desk = admin_desk(loaded, journal, worker, clock, desks.Running(watch, reach, ledgers, ViewDesk(viewable)))
        desk = _with_register(desk, journal, register, clock)
        apps = applications(loaded, outside, parts, create_admin_app(desk))
        yield await listen(loaded, apps, house)


@asynccontextmanager
async def standing_still(loaded: Loaded) -> AsyncIterator[AdminDesk]:
    """An operator's side over the store itself, while no gateway runs: decisions are stored, nothing is sent."""
    clock = Clock()
    register = Register.load(loaded)
    journal = open_journal(loaded, register, clock, crash.never)
    lines: Mapping[str, UpstreamLine] = {
        code: UpstreamLine(code, settings, _Absent(), {}) for code, settings in loaded.settings.upstreams.items()
    }
    try:
        await open_register(journal, register)
        switchboard = Worker(lines, journal, MemoryCoordination(clock), clock)
        desk = admin_desk(loaded, journal, switchboard, clock)
        yield _with_register(desk, journal, register, clock)
    finally:
        await journal.close()


def _with_register(desk: AdminDesk, journal: Journal, register: Register, clock: Clock) -> AdminDesk:
    """The desk with the consent register, so that it knows the systems that were registered by command as well."""
    coverage = replace(desk.coverage, callers=register)
    return replace(desk, consents=ConsentDesk(journal, register, clock), coverage=coverage)


async def _window_watch(watch: WindowWatch, house: AsyncExitStack) -> WindowWatch:
    """Planned pauses: applied before anything is sent, since one may be in force, and from then on every second."""
    await watch.look()
    keep_watch(house, watch.run(), "pauses")
    return watch


def open_journal(
    loaded: Loaded, register: Register, clock: Clock, reach: crash.Reach, book: LedgerBook | None = None
) -> SqliteJournal:
    """The embedded store of record, with the decision and the evidence chain that it works with."""
    settings = loaded.settings
    options = StoreOptions(
        node=settings.node,
        kek=read_kek(loaded.path(settings.storage.key_file)),
        inline_bytes=settings.storage.inline_bytes,
        queue_limit=settings.storage.queue_limit,
        synchronous=settings.storage.synchronous,
        reach=reach,
    )
    decide = Decider(read_routes(loaded), register, settings.intake, settings.files, book)
    decide.judging(proof_rules(settings.identity))
    return SqliteJournal.open(loaded.data_dir(), options, decide=decide, chain=chain, clock=clock)


def _fetcher(loaded: Loaded) -> Fetcher:
    """How files are fetched where a system may ask for that; raises `ConfigError` for unreadable trust anchors."""
    policy = loaded.settings.files
    try:
        anchors = str(loaded.path(policy.pull_ca_file)) if policy.pull_ca_file else None
        return Fetcher(policy.pull_timeout_s, ssl.create_default_context(cafile=anchors))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError((f"files.pull_ca_file: không đọc được chứng thư gốc ({error.strerror})",)) from error


async def open_cabinet(loaded: Loaded, journal: SqliteJournal) -> Cabinet:
    """The files beside the store, put right after a crash; what was found is told in the log."""
    policy = loaded.settings.files
    cabinet = Cabinet(loaded.data_dir() / "content", policy.keep_free_bytes)
    swept = await files.sweep(cabinet, journal, policy.orphan_after_s)
    if swept != files.Swept():
        found = {name: getattr(swept, name) for name in ("parts", "orphans", "settled", "young")}
        _LOG.warning("files swept", extra={"found": found})
    return cabinet


def _sends_ahead(callers: Register, system: str) -> bool:
    """Whether what this system reports goes outside as soon as the resolution system acknowledged it."""
    caller = callers.get(system)
    return caller is not None and caller.role == "sector" and caller.outside == "on_ack"


def follow_ups(callers: Register, routes: Routes, delivery: Delivery) -> tuple[NewDelivery, ...]:
    """What an acknowledged push to the resolution system sets off outside: nothing, unless its system is `on_ack`."""
    event = delivery.carried.event
    if not _sends_ahead(callers, event.system_code):
        return ()
    return fan_out(
        (route for route in routes.follow_ups() if route.upstream != delivery.upstream),
        event.system_code,
        event.event_id,
        late=not delivery.carried.state_applies,
        legal_due=event.new_due_at or courses.due_of(delivery.carried.dossier),
    )


class _Absent:
    """Stands where a connector would: nothing is sent while no gateway runs."""

    async def close(self) -> None:
        """Nothing to close."""


def _wake(coordination: MemoryCoordination, upstreams: tuple[str, ...]) -> None:
    """There is something new for these: their loops look at once instead of at their next poll."""
    for code in upstreams:
        coordination.wake(code)


def _gap_watch(loaded: Loaded, journal: SqliteJournal, hooks: Hooks, clock: Clock) -> gaps.GapWatch:
    """The watch over events that wait for their predecessor."""

    async def oldest_gap() -> datetime | None:
        return (await journal.counts()).oldest_gap

    limit = timedelta(seconds=loaded.settings.intake.gap_alarm_s)
    return gaps.GapWatch(oldest_gap, partial(hooks.alarm, gaps.CODE, ""), limit, clock)


async def _stop_polling(polling: Polling, running: asyncio.Task[None]) -> None:
    """Store what is under way; a loop that died of a fault says so now."""
    polling.stop()
    await running


async def _stop(worker: Worker, delivering: asyncio.Task[None]) -> None:
    """Settle what is under way; a worker that died of a fault says so now."""
    await worker.stop()
    await delivering
