"""A simulated receipt service (payment facts 7.2): PublishService.asmx and PortalService.asmx as a real HTTP server.

It checks accounts, series, sums and words, numbers each series without gaps, and issues a key once. Beside the control plane of
`connectors.kit.simulation`:

    GET    /_simulator/receipts     everything that was issued, in order
    GET    /_simulator/counts       how often each answer was given
    DELETE /_simulator/state        forget it

Operations for faults: `ImportAndPublishInv`, `downloadInvFkeyNoPay`, `downloadInvPDFFkeyNoPay`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from connectors.kit.errors import SettingsError
from connectors.kit.faults import Fault, FaultKind, FaultPlan, FaultPlanError
from connectors.kit.simulation import Call, Simulation, json_answer, mount_control
from connectors.receipts.simulator_store import Accounts, IssuingOffice, Series
from connectors.receipts.simulator_wire import Heard, Unreadable, answer, fault, read_call

_MOST_BYTES = 1_048_576
SERVICE = web.AppKey("receipts", IssuingOffice)
"""The books behind an application, for whoever compares."""


class ReceiptOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this service is set up. Without `series` it knows EBL01 with letters AA or BB and EBL02 with AA, for some years."""

    accounts: Accounts = Accounts()
    series: tuple[Series, ...] = ()
    publish_path: str = "/PublishService.asmx"
    portal_path: str = "/PortalService.asmx"
    faults: dict[str, Any] = {}


@dataclass(slots=True)
class Front:
    """HTTP in and out."""

    service: IssuingOffice
    simulation: Simulation

    async def take(self, request: web.Request) -> web.StreamResponse:
        """One SOAP call."""
        raw = await request.read()
        try:
            heard: Heard | None = read_call(raw)
        except Unreadable:
            heard = None
        action = request.headers.get("SOAPAction", "").strip('"')
        name = heard.operation if heard is not None else "unreadable"

        async def work(played: Fault | None) -> web.Response:
            if heard is None or action != f"http://tempuri.org/{heard.operation}":
                return _xml(fault("Server did not recognize the value of HTTP Header SOAPAction."), 500)
            try:
                result = self.service.result(heard)
            except Unreadable:
                return _xml(fault("unknown operation"), 500)
            if played is not None and played.kind is FaultKind.DUPLICATE and result.startswith("OK:"):
                # It is issued, and this is how a second asking would be answered: both are true.
                result = "ERR:13"
            return _xml(answer(heard.operation, result), 200)

        return await self.simulation.play(Call(request, name, _summary(heard)), work)

    async def receipts(self, _request: web.Request) -> web.Response:
        """The books."""
        held = sorted(self.service.held.values(), key=lambda one: one.turn)
        return json_answer({"receipts": [one.shown() for one in held]})

    async def counts(self, _request: web.Request) -> web.Response:
        """`ok`, or the code, and how often it was said."""
        return json_answer(self.service.counts)

    async def forget(self, _request: web.Request) -> web.Response:
        """Empty books."""
        self.service.held.clear()
        self.service.counts.clear()
        self.simulation.log.calls.clear()
        return json_answer({"receipts": 0})


def create_app(options: Mapping[str, object]) -> web.Application:
    """The service as an application; raises `SettingsError` for options that do not fit."""
    try:
        chosen = msgspec.convert(dict(options), ReceiptOptions, strict=False)
        plan = FaultPlan.from_json(msgspec.json.encode(chosen.faults))
    except (msgspec.ValidationError, FaultPlanError) as error:
        raise SettingsError("receipts", (str(error),)) from error
    service = IssuingOffice(chosen.accounts, chosen.series) if chosen.series else IssuingOffice(chosen.accounts)
    app = web.Application(client_max_size=_MOST_BYTES)
    app[SERVICE] = service
    front = Front(service, mount_control(app, plan=plan))
    app.router.add_post(chosen.publish_path, front.take)
    app.router.add_post(chosen.portal_path, front.take)
    app.router.add_get("/_simulator/receipts", front.receipts)
    app.router.add_get("/_simulator/counts", front.counts)
    app.router.add_delete("/_simulator/state", front.forget)
    return app


def _summary(heard: Heard | None) -> dict[str, object]:
    """Codes only."""
    if heard is None:
        return {}
    names = ("pattern", "serial", "fkey")
    return {name: heard.arguments[name] for name in names if name in heard.arguments}


def _xml(body: bytes, status: int) -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": "text/xml; charset=utf-8"})
