"""The house: what the configuration describes, upon the ground: register, worker, pollers, watches, door, applications.

Taken down in the order in which it was put up, backwards: watches end, pollers store what is under way, the worker settles.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from connectors.kit.contract import Coordination, Delivery
from connectors.kit.fetching import Fetcher
from gateway import __version__
from gateway.admin.consents import ConsentDesk
from gateway.admin.handlers import AdminDesk, create_admin_app
from gateway.admin.ledger_decisions import LedgerDecisions
from gateway.admin.pauses import WindowWatch
from gateway.admin.reconciling import ReconcileDesk, Reconciler
from gateway.admin.reloading import ReloadDesk
from gateway.admin.repairs import RepairDesk
from gateway.admin.views import ViewDesk
from gateway.app import InternalParts
from gateway.bootstrap import desks, gauges, guests
from gateway.bootstrap.desks import admin_desk
from gateway.bootstrap.duties import ABSENT, EVERYTHING, CarrierWatch, Duties
from gateway.bootstrap.enrolment import open_register
from gateway.bootstrap.ground import Ground, runs_of
from gateway.bootstrap.identity import Neighbours, with_identity
from gateway.bootstrap.lines import read_routes
from gateway.bootstrap.listeners import Listening, applications, calls_of, probes
from gateway.bootstrap.plan import Plan
from gateway.bootstrap.reading_back import repair_desk
from gateway.bootstrap.results import Surroundings, with_results
from gateway.bootstrap.stores import decider
from gateway.bootstrap.watches import Scaffold, keep_watch
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.dispatch.polling import PollDesk, Polling
from gateway.dispatch.upstreams import Hooks
from gateway.dispatch.worker import Worker
from gateway.errors import ConfigError
from gateway.intake import result_watch
from gateway.intake.accept import Door
from gateway.intake.endpoints import Desk
from gateway.intake.fan_out import Going, fan_out, passing
from gateway.intake.files import FileDoor
from gateway.intake.inputs import Taker
from gateway.intake.register import Register
from gateway.intake.register_watch import RegisterWatch
from gateway.intake.validate import Limits
from gateway.intake.verification import Verifier
from gateway.journal.model import Decide, NewDelivery
from gateway.journal.store import Journal
from gateway.observe import gaps
from gateway.records import courses
from gateway.routes import Routes

JUDGING_S = 20.0
"""How soon a look at results is mostly over. A judgement that is under way longer on a node that fell silent is begun again."""


@dataclass(frozen=True, slots=True)
class House:
    """A house that stands: its applications, which no listener serves yet, who carries its deliveries, and how it decides.

    Nothing of it is at work before `open`.
    """

    plan: Plan
    worker: Worker
    apps: Listening
    decide: Decide
    polling: Polling | None
    scaffold: Scaffold
    ground: Ground

    def open(self) -> None:
        """From here on its decision counts where no other is bound, deliveries are carried, sources followed, watches look."""
        self.ground.judgement.use(self.decide)
        self.ground.nodes.look = self.worker.look
        self.ground.nodes.seats.carries = self.polling is not None
        self.ground.nodes.runs = runs_of(self.plan.loaded)
        self.scaffold.opened.set()

    def rest(self) -> asyncio.Task[None]:
        """Begin nothing more, because another house is open: what is under way is carried to its end; done when it is."""
        self.scaffold.look_away()
        if self.polling is not None:
            self.polling.stop()
        return asyncio.create_task(self.worker.stop(), name="resting")

    async def catch_up(self) -> None:
        """Take over what another house of this process was told while both stood."""
        await self.plan.register.refresh_all(self.ground.journal)
        for code in self.plan.outside.lines:
            self.worker.look((await self.ground.journal.upstream(code),))


@dataclass(frozen=True, slots=True)
class _Carrying:
    """What carries deliveries in a house, and what hears of them."""

    taker: Taker
    hooks: Hooks
    worker: Worker
    watch: WindowWatch
    reconciler: Reconciler
    repairs: RepairDesk
    wake: Callable[[tuple[str, ...]], None]


@dataclass(frozen=True, slots=True)
class Tenure:
    """On what terms a house stands: who reloads it, what this process does, and who verifies in place of [results]."""

    reloading: ReloadDesk
    duties: Duties = EVERYTHING
    verifier: Verifier | None = None


@asynccontextmanager
async def open_house(plan: Plan, ground: Ground, tenure: Tenure) -> AsyncIterator[House]:
    """Put the house up; when it is opened, its decision counts, deliveries are carried, watches look; at the end all of it ends.

    A house without a door answers probes and operators only; one that does not carry leaves deliveries, pollers and results to
    other nodes. Raises `ConfigError` for what only shows upon the store: until then nothing has been written there.
    """
    loaded = plan.loaded
    async with Scaffold() as stack:
        decide = decider(loaded, plan.register, plan.book)
        ground.judgement.bind(decide)
        if ground.nodes.shared:
            keep_watch(stack, RegisterWatch(plan.register, ground.journal).run(), "register")
        plan.outside.give(ground.journal)
        carrying = await _carrying(plan, ground, stack)
        if tenure.duties.carrying:
            polling = _carry(plan, ground, carrying, stack)
        else:
            polling = None
            absent = CarrierWatch(ground.nodes.rows, partial(carrying.hooks.alarm, ABSENT, ""), ground.clock)
            keep_watch(stack, absent.run(), "carriers")
        parts = await _parts(plan, ground, (carrying, tenure), stack)
        admin = create_admin_app(_desk(plan, ground, carrying, tenure.reloading))
        apps = applications(loaded, plan.outside, parts, admin) if tenure.duties.door else probes(parts, admin)
        await open_register(ground.journal, plan.register)
        yield House(plan, carrying.worker, apps, decide, polling, stack, ground)


async def _carrying(plan: Plan, ground: Ground, stack: Scaffold) -> _Carrying:
    """Who carries, and what it hears and tells; nothing is sent yet. Pauses, planned or not, are looked at once it is opened."""
    journal, coordination, clock, outside = ground.journal, ground.coordination, ground.journal.clock, plan.outside
    wake, alarm = partial(_wake, coordination), partial(gauges.alarm, ground.metrics)
    taker = Taker(journal, plan.book, wake, alarm)
    hooks = Hooks(
        reach=ground.reach,
        on_settled=partial(gauges.count, ground.metrics),
        alarm=alarm,
        learn=partial(guests.learn, taker),
        follow_ups=partial(follow_ups, plan.register, read_routes(plan.loaded)),
        seats=ground.nodes.seats,
        walls=ground.walls,
    )
    nodes = ground.nodes
    worker = Worker(outside.lines, journal, coordination, clock, hooks)
    watch = await _window_watch(WindowWatch(journal, worker, tuple(outside.lines), clock), stack)
    reading = ReconcileDesk(journal, worker, coordination, clock, hooks, nodes.seats.alone, nodes.seats.doing)
    reconciler = Reconciler(plan.readable, reading)
    repairs = repair_desk(outside, reconciler, reading)
    return _Carrying(taker, hooks, worker, watch, reconciler, repairs, wake)


def _carry(plan: Plan, ground: Ground, carrying: _Carrying, stack: Scaffold) -> Polling:
    """Put the worker, the pollers and what belongs to them to work, as soon as the house is opened."""
    worker, hooks = carrying.worker, carrying.hooks
    stack.push_async_callback(_stop, worker, stack.begin(worker.run(), "worker"), stack)
    pages, told = partial(guests.store_page, carrying.taker), partial(gauges.polled, ground.metrics)
    seats, where = ground.nodes.seats, (worker, ground.journal, ground.coordination, ground.journal.clock)
    desk = PollDesk(*where, pages, hooks, told, seats.alone, seats.doing)
    polling = Polling(plan.polls, desk)
    stack.push_async_callback(_stop_polling, polling, stack.begin(polling.run(), "polling"), stack)
    keep_watch(stack, _gap_watch(plan, ground, hooks).run(), "gaps")
    keep_watch(stack, carrying.reconciler.run(), "reconciling")
    return polling


async def _parts(plan: Plan, ground: Ground, who: tuple[_Carrying, Tenure], stack: AsyncExitStack) -> InternalParts:
    """The door and everything behind it; results are judged by who carries, identity is with who keeps the door."""
    carrying, tenure = who
    duties, verifier = tenure.duties, tenure.verifier
    loaded, outside, reach, hooks = plan.loaded, plan.outside, ground.reach, carrying.hooks
    limits, waited = Limits.of(loaded.settings.intake), ground.metrics.accept_wait.observe
    door = Door(plan.authenticator, limits, ground.journal, ground.clock, wake=carrying.wake, waited=waited)
    judges = partial(ground.nodes.seats.alone, "results", JUDGING_S)
    beside = result_watch.House(carrying.wake, hooks.alarm, reach, partial(_sends_ahead, plan.register), judges)
    live, values = ground.nodes.live, ground.footing.values
    around = Surroundings(door, ground.cabinet, beside, verifier, outside.let_sign, live, duties.carrying, values)
    parts = InternalParts(
        door=door,
        render_metrics=partial(gauges.render, ground.metrics, ground.journal, ground.journal.clock, ground.nodes.seats),
        count=lambda answer: ground.metrics.intake.labels(answer).inc(),
        config_generation=loaded.generation,
        version=__version__,
        pauses=carrying.watch.upcoming,
        reach=reach,
        files=FileDoor.of(door, ground.cabinet, loaded.settings, reach, _fetcher(loaded)),
        mounted=guests.mounted(outside, calls_of(loaded, Desk(door, carrying.taker, reach))),
        counted=ground.nodes.counted,
        neighbours=ground.nodes.shown,
    )
    parts = await with_results(loaded, parts, around, stack)
    if not duties.door:
        return parts
    neighbours = Neighbours(outside, ground.metrics, ground.coordination, hooks, carrying.worker, ground.nodes.live)
    return await with_identity(loaded, neighbours, parts, stack)


def _desk(plan: Plan, ground: Ground, carrying: _Carrying, reloading: ReloadDesk) -> AdminDesk:
    """What stands behind the admin socket."""
    ledgers = LedgerDecisions(plan.decidable, carrying.taker, ground.clock)
    running = desks.Running(carrying.watch, ground.reach, ledgers, ViewDesk(plan.viewable), carrying.repairs, reloading)
    desk = admin_desk(plan.loaded, ground.journal, carrying.worker, ground.clock, running)
    return with_register(desk, ground.journal, plan.register, ground.clock)


def with_register(desk: AdminDesk, journal: Journal, register: Register, clock: Clock) -> AdminDesk:
    """The desk with the consent register, so that it knows the systems that were registered by command as well."""
    coverage = replace(desk.coverage, callers=register)
    return replace(desk, consents=ConsentDesk(journal, register, clock), coverage=coverage)


async def _window_watch(watch: WindowWatch, house: AsyncExitStack) -> WindowWatch:
    """Planned pauses: applied before anything is sent, since one may be in force, and from then on every second."""
    await watch.look()
    keep_watch(house, watch.run(), "pauses")
    return watch


def _fetcher(loaded: Loaded) -> Fetcher:
    """How files are fetched where a system may ask for that; raises `ConfigError` for unreadable trust anchors."""
    policy = loaded.settings.files
    try:
        anchors = str(loaded.path(policy.pull_ca_file)) if policy.pull_ca_file else None
        return Fetcher(policy.pull_timeout_s, ssl.create_default_context(cafile=anchors))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError((f"files.pull_ca_file: không đọc được chứng thư gốc ({error.strerror})",)) from error


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
        Going(
            event.system_code,
            event.event_id,
            not delivery.carried.state_applies,
            event.new_due_at or courses.due_of(delivery.carried.dossier),
            passing(event),
        ),
    )


def _wake(coordination: Coordination, upstreams: tuple[str, ...]) -> None:
    """There is something new for these: their loops look at once instead of at their next poll."""
    for code in upstreams:
        coordination.wake(code)


def _gap_watch(plan: Plan, ground: Ground, hooks: Hooks) -> gaps.GapWatch:
    """The watch over events that wait for their predecessor."""

    async def oldest_gap() -> datetime | None:
        return (await ground.journal.counts()).oldest_gap

    limit = timedelta(seconds=plan.loaded.settings.intake.gap_alarm_s)
    tells = partial(ground.nodes.seats.alone, "gaps")
    return gaps.GapWatch(oldest_gap, partial(hooks.alarm, gaps.CODE, ""), limit, ground.journal.clock, tells)


async def _stop_polling(polling: Polling, running: asyncio.Task[None], house: Scaffold) -> None:
    """Store what is under way; a loop that died of a fault says so now."""
    polling.stop()
    await _ended(running, house)


async def _stop(worker: Worker, delivering: asyncio.Task[None], house: Scaffold) -> None:
    """Settle what is under way; a worker that died of a fault says so now."""
    await worker.stop()
    await _ended(delivering, house)


async def _ended(work: asyncio.Task[None], house: Scaffold) -> None:
    """Wait for work that was told to stop; work of a house that was never opened has not begun."""
    if not house.opened.is_set():
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return
    await work
