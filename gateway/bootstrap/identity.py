"""Identity in the running gateway: sign-ons and lawful questions. Without [identity] none of their routes exist."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

from connectors.kit.contract import Coordination
from gateway.app import InternalParts
from gateway.bootstrap.guests import Outside
from gateway.bootstrap.kek import derived, kek_of
from gateway.bootstrap.lines import open_lines
from gateway.bootstrap.questions import QuestionGround, with_old_proofs, with_questions
from gateway.bootstrap.watches import keep_watch
from gateway.clock import Clock
from gateway.config import Identity, Loaded
from gateway.coordination.memory import MemoryCoordination
from gateway.coordination.shares import Live
from gateway.dispatch.polling import Standings
from gateway.dispatch.upstreams import Hooks
from gateway.errors import ConfigError
from gateway.identity.books import Books
from gateway.identity.chance import Names
from gateway.identity.providers import Providers, find_providers
from gateway.identity.routing import IdentityRoutes
from gateway.identity.sign_on_edge import EdgeWindow, SignOnEdge
from gateway.identity.sign_on_handlers import SignOnHandlers
from gateway.identity.sign_on_watch import OpenSignOns, SignOnWatch
from gateway.identity.sign_ons import Rules
from gateway.identity.trouble import Trouble
from gateway.intake.proving import TITLES
from gateway.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What identity needs of the house around it."""

    outside: Outside
    metrics: Metrics
    coordination: Coordination
    hooks: Hooks
    standings: Standings
    live: Live


async def with_identity(
    loaded: Loaded, around: Neighbours, parts: InternalParts, house: AsyncExitStack
) -> InternalParts:
    """The parts with the routes of identity; raises `ConfigError` for what cannot be meant. What runs ends with the house."""
    identity = loaded.settings.identity
    if identity is None:
        await with_old_proofs(parts, house)
        return parts
    routes = IdentityRoutes()
    if identity.public_url:
        routes = routes.beside(await _sign_ons(loaded, identity, (around, parts), house))
    asking = QuestionGround(around.outside, around.standings, around.coordination, around.hooks, around.live)
    return await with_questions(loaded, asking, replace(parts, identity=routes), house)


def providers_of(loaded: Loaded, outside: Outside) -> Providers:
    """The identity providers of the configuration; raises `ConfigError` where there is none, or two have one name."""
    edge = loaded.settings.listen.edge
    limit_s, concurrency = (edge.reply_timeout_s, edge.concurrency) if edge is not None else (30.0, 64)
    lines = ((code, line.settings, line.connector) for code, line in outside.lines.items())
    providers = find_providers(lines, limit_s, concurrency)
    if not providers.all():
        told = "identity.public_url: không có upstream nào đang bật mà đầu nối cho đăng nhập (quyền SignOn)"
        raise ConfigError((told,))
    _known_profiles(loaded.settings.identity, providers)
    return providers


def _known_profiles(identity: Identity | None, providers: Providers) -> None:
    """Raises `ConfigError` where proofs are held to the rule of a profile that nobody has: it would hold nobody to anything."""
    if identity is None:
        return
    known = {*TITLES, *(one.traits.profile for one in providers.all())}
    faults = [
        f"identity.proofs.{setting}: không có phương ngữ {profile!r} (có: {', '.join(sorted(known))})"
        for setting, named in (("min_ial", identity.proofs.min_ial), ("verified_by", identity.proofs.verified_by))
        for profile in named
        if profile not in known
    ]
    if faults:
        raise ConfigError(tuple(faults))


@dataclass(frozen=True, slots=True)
class Registration:
    """What a provider must have registered for us, letter by letter (OpenID Connect Core 1.0, 3.1.2.1; logout specifications)."""

    provider: str
    redirect_uri: str
    post_logout_uri: str
    backchannel_uri: str


async def registrations(loaded: Loaded) -> tuple[Registration, ...]:
    """The addresses of every provider, for those who look at an installation; raises `ConfigError` as serving would."""
    identity, clock = loaded.settings.identity, Clock()
    if identity is None or not identity.public_url:
        return ()
    async with AsyncExitStack() as house:
        outside = await open_lines(loaded, clock, MemoryCoordination(clock), house)
        base = identity.public_url.rstrip("/")
        return tuple(
            Registration(
                one.name,
                f"{base}{one.callback}",
                f"{base}{one.callback}/logged-out",
                f"{base}{one.callback}/logout",
            )
            for one in providers_of(loaded, outside).all()
        )


async def _sign_ons(
    loaded: Loaded, identity: Identity, around: tuple[Neighbours, InternalParts], house: AsyncExitStack
) -> IdentityRoutes:
    """The routes of sign-ons, and the watch that erases what may be kept no longer."""
    beside, parts = around
    providers, door, edge = providers_of(loaded, beside.outside), parts.door, loaded.settings.listen.edge
    assert edge is not None, "the settings refuse sign-ons without an edge"
    names = Names(derived(kek_of(loaded), "identity names"))
    trouble = Trouble(door.clock, beside.hooks.alarm)
    rules = Rules(identity, providers, Books(door.journal, door.clock), names, trouble, parts.reach)
    opened = OpenSignOns(identity.open_limit)
    watch = SignOnWatch(rules, opened)
    await watch.look()  # before anybody comes: what ran out while no gateway ran is erased first
    keep_watch(house, watch.run(), "sign-ons")
    count = partial(_count, beside.metrics)
    window = EdgeWindow(edge.max_body_bytes, edge.body_timeout_s)
    beside.metrics.watch_sign_ons(lambda: opened.waiting, lambda: opened.sessions)
    return IdentityRoutes(
        internal=tuple(SignOnHandlers(door, rules, opened, count).routes()),
        edge=tuple(SignOnEdge(rules, window, count).routes()),
    )


def _count(metrics: Metrics, provider: str, outcome: str) -> None:
    metrics.sign_ons.labels(provider, outcome).inc()
