"""The three listeners, built and opened: internal, edge (only where it is configured), admin (a Unix socket, nothing else)."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.app import EdgeParts, InternalParts, claims, create_edge_app, create_internal_app, create_probe_app
from gateway.bootstrap import guests
from gateway.bootstrap.doorway import Doorway
from gateway.bootstrap.guests import Outside
from gateway.bootstrap.results import look_up
from gateway.bootstrap.sites import must_be_free, tcp_site, unix_site
from gateway.bootstrap.tls import server_context
from gateway.config import Loaded
from gateway.config.model import EdgeListen
from gateway.intake.endpoints import ConnectorCalls, Desk, Window
from gateway.intake.mounting import exactly_one
from gateway.intake.peers import Proxies
from gateway.intake.refusals import NoticeRefusals

if TYPE_CHECKING:
    from gateway.bootstrap.residence import Residence

_log = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class Listening:
    """The applications behind the listeners; `edge` None: there is none."""

    internal: web.Application
    admin: web.Application
    edge: web.Application | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that serves: where its internal listener is, and its edge (port 0: there is none)."""

    host: str
    port: int
    edge_host: str = ""
    edge_port: int = 0
    listening: Listening | None = None
    residence: Residence | None = None


@dataclass(frozen=True, slots=True)
class Doorways:
    """What stands behind the sockets, whichever house stands."""

    internal: Doorway = field(default_factory=Doorway)
    admin: Doorway = field(default_factory=Doorway)
    edge: Doorway = field(default_factory=Doorway)


def calls_of(loaded: Loaded, desk: Desk) -> ConnectorCalls:
    """How calls of connectors are read and answered on either listener."""
    intake, edge = loaded.settings.intake, loaded.settings.listen.edge
    internal = Window(intake.max_body_bytes, intake.body_timeout_s)
    if edge is None:
        return ConnectorCalls(desk, internal, None)
    return ConnectorCalls(desk, internal, _window(edge))


def _window(edge: EdgeListen) -> Window:
    """How calls of strangers are read and answered."""
    proxies = Proxies.of(edge.forwarded_by)
    return Window(edge.max_body_bytes, edge.body_timeout_s, edge.reply_timeout_s, proxies)


def applications(loaded: Loaded, outside: Outside, parts: InternalParts, admin: web.Application) -> Listening:
    """The applications; raises `ConfigError` that names both sides where two claim one address, on any listener."""
    edge_settings, edge = loaded.settings.listen.edge, None
    internal = create_internal_app(parts)
    if edge_settings is not None:
        edge = create_edge_app(
            EdgeParts(
                mounted=parts.mounted,
                refusals=NoticeRefusals(parts.door.journal, parts.door.clock),
                clock=parts.door.clock,
                count=lambda answer: parts.count(f"edge_{answer}"),
                look_up=look_up(loaded, parts.door, lambda answer: parts.count(f"edge_{answer}")),
                identity=parts.identity,
                window=_window(edge_settings),
                concurrency=edge_settings.concurrency,
            )
        )
    for code in guests.unserved(outside, loaded):
        _log.warning("%s expects calls from outside, but [listen.edge] is not configured", code)
    exactly_one(
        [*claims(internal, "internal"), *claims(admin, "admin"), *(claims(edge, "edge") if edge is not None else ())]
    )
    return Listening(internal, admin, edge)


def probes(parts: InternalParts, admin: web.Application) -> Listening:
    """The applications of a process without a door: it answers probes and operators."""
    return Listening(create_probe_app(parts), admin)


async def unclaimed(loaded: Loaded, door: bool) -> None:
    """Raises `ConfigError` where another process listens already at an address of ours, before anything of it is taken.

    On a shared store a second process of the same name deposes the first with its opening, and would then fail at the port
    that the first one has. An embedded store is locked by who has it.
    """
    if loaded.settings.storage.postgres is None:
        return
    settings = loaded.settings.listen
    await must_be_free(settings.internal.host, settings.internal.port, "listen.internal")
    if door and settings.edge is not None:
        await must_be_free(settings.edge.host, settings.edge.port, "listen.edge")


async def listen(loaded: Loaded, doorways: Doorways, apps: Listening, sockets: AsyncExitStack) -> Running:
    """Open the listeners, the one for strangers last; `apps` are those that the doorways lead to first."""
    settings = loaded.settings.listen
    await sockets.enter_async_context(unix_site(doorways.admin, loaded.data_dir() / settings.admin_socket))
    host = settings.internal.host
    tls = server_context(loaded, settings.internal, "listen.internal")
    port = await sockets.enter_async_context(tcp_site(doorways.internal, host, settings.internal.port, tls=tls))
    if apps.edge is None or settings.edge is None:
        return Running(host, port, listening=apps)
    at = settings.edge
    tls = server_context(loaded, at, "listen.edge")
    edge_port = await sockets.enter_async_context(tcp_site(doorways.edge, at.host, at.port, "listen.edge", tls))
    return Running(host, port, at.host, edge_port, apps)
