"""The three listeners, built and opened: internal, edge (only where it is configured), admin (a Unix socket, nothing else)."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from gateway.app import EdgeParts, InternalParts, claims, create_edge_app, create_internal_app
from gateway.bootstrap import guests
from gateway.bootstrap.guests import Outside
from gateway.bootstrap.results import look_up
from gateway.bootstrap.sites import tcp_site, unix_site
from gateway.bootstrap.tls import server_context
from gateway.config import Loaded
from gateway.config.model import EdgeListen
from gateway.intake.endpoints import ConnectorCalls, Desk, Window
from gateway.intake.mounting import exactly_one
from gateway.intake.peers import Proxies
from gateway.intake.refusals import NoticeRefusals

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


async def listen(loaded: Loaded, apps: Listening, house: AsyncExitStack) -> Running:
    """Open the listeners, the one for strangers last; they close with the house."""
    settings = loaded.settings.listen
    await house.enter_async_context(unix_site(apps.admin, loaded.data_dir() / settings.admin_socket))
    host = settings.internal.host
    tls = server_context(loaded, settings.internal, "listen.internal")
    port = await house.enter_async_context(tcp_site(apps.internal, host, settings.internal.port, tls=tls))
    if apps.edge is None or settings.edge is None:
        return Running(host, port, listening=apps)
    at = settings.edge
    tls = server_context(loaded, at, "listen.edge")
    edge_port = await house.enter_async_context(tcp_site(apps.edge, at.host, at.port, "listen.edge", tls))
    return Running(host, port, at.host, edge_port, apps)
