"""A real HTTP server that behaves, and misbehaves, like the National Public Service Portal (national-portal facts 8.1).

It answers directly and behind both adapter names, or through an LGSP of its own (option `lgsp`). It shares no mapping
code with the client and shows nothing on the wire that the facts do not know; what it holds is told by the control plane
alone:

    GET    /_simulator/dossiers?offset=0&limit=1000&fields=1&code=   versions and progress rows, in order of arrival
    GET    /_simulator/score?until=yyyyMMddHHmmss&dossiers=1         the portal's own on-time score (5.3)
    POST   /_simulator/poison          {"add": [codes], "remove": [codes]}: dossiers that are always refused
    POST   /_simulator/catalogue       {"add": [procedures], "remove": [codes], "rename": {code: name}, "hide": [codes],
                                        "show": [codes], "lists": {service: [rows]}}: the catalogues change
    POST   /_simulator/sessions/expire every session ends
    DELETE /_simulator/state?code=     everything held is forgotten, or one dossier
    GET /_simulator/calls, GET|PUT /_simulator/faults, POST /_simulator/outage, GET /_simulator/health    as in
    `connectors.kit.simulation`
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiohttp import web

from connectors.kit.errors import SettingsError
from connectors.kit.faults import Fault, FaultKind, FaultPlan, FaultPlanError
from connectors.kit.simulated_lgsp import LgspOptions, SimulatedLgsp, mount_lgsp
from connectors.kit.simulation import Call, Simulation, json_answer, mount_control, order, whole_number
from connectors.national_dvc.simulator_catalogue import CatalogueChange
from connectors.national_dvc.simulator_portal import INTEGRATION, SHARED, Answer, Body, Portal, PortalOptions, Services
from connectors.national_dvc.simulator_rules import LOCAL_ZONE, portal_time
from connectors.national_dvc.simulator_score import totals

ADAPTERS = ("/XrdAdapter/RestService/forward", "/VXPAdapter/RestService/forward")
_DSTCODE = re.compile(r"[A-Z]{2}:(GOV|COM|ORG|EDU):[0-9A-Za-z.\-]{1,35}:[0-9A-Za-z_.\-]+")
_MOST_BYTES = 64 * 1024 * 1024


def create_app(options: Mapping[str, object]) -> web.Application:
    """The portal as an application; raises `SettingsError` for options it does not know."""
    try:
        chosen = msgspec.convert(dict(options), PortalOptions, strict=False)
        plan = FaultPlan.from_json(msgspec.json.encode(chosen.faults))
    except (msgspec.ValidationError, FaultPlanError) as error:
        raise SettingsError("national_dvc", (str(error),)) from error
    return portal_app(Portal(chosen, time.time, lambda: secrets.token_hex(16)), plan)


def portal_app(portal: Portal, plan: FaultPlan | None = None) -> web.Application:
    """An application in front of `portal`."""
    app = web.Application(client_max_size=_MOST_BYTES)
    front = Front(portal, mount_control(app, plan=plan))
    if portal.options.lgsp is None:
        _mount_direct(app, front)
    else:
        _mount_behind_lgsp(app, front, portal.options.lgsp)
    control = Control(portal, front.simulation)
    app.router.add_get("/_simulator/dossiers", control.dossiers)
    app.router.add_get("/_simulator/score", control.score)
    app.router.add_post("/_simulator/poison", control.poison)
    app.router.add_post("/_simulator/catalogue", control.catalogue)
    app.router.add_post("/_simulator/sessions/expire", control.expire_sessions)
    app.router.add_delete("/_simulator/state", control.forget)
    return app


def _mount_direct(app: web.Application, front: Front) -> None:
    """The portal's own paths, and the same behind both adapters."""
    options = front.portal.options
    tables: dict[str, Services] = {}
    for path, services in ((options.integration_endpoint, INTEGRATION), (options.share_endpoint, SHARED)):
        tables[path] = {**tables.get(path, {}), **services}
    for base in ("", *ADAPTERS):
        app.router.add_post(f"{options.prefix}{base}{options.auth_endpoint}", front.login)
        for path, services in tables.items():
            app.router.add_post(f"{options.prefix}{base}{path}", Endpoint(front, services).handle)


def _mount_behind_lgsp(app: web.Application, front: Front, options: LgspOptions) -> None:
    """Every service under a path of the LGSP's; the log-in is one of them (1.1, row 3; its name there is [assumed])."""

    async def serve(request: web.Request, service: str) -> web.StreamResponse:
        if service == "login":
            return await front.login(request)
        return await front.serve(request, {**INTEGRATION, **SHARED}, named=service)

    portal = front.portal
    mount_lgsp(app, SimulatedLgsp(options, front.simulation, portal.now, portal.new_token, serve))


@dataclass(frozen=True, slots=True)
class Front:
    """HTTP in and out, and the faults that only the portal's own words can play."""

    portal: Portal
    simulation: Simulation

    async def login(self, request: web.Request) -> web.StreamResponse:
        """The login service (1.5)."""
        misrouted = self._misrouted(request)
        if misrouted is not None:
            return misrouted
        body = _json(await request.read())

        async def work(_fault: Fault | None) -> web.Response:
            return self.answered(self.portal.login(body))

        return await self.simulation.play(Call(request, "login", _route(request)), work)

    async def serve(self, request: web.Request, services: Services, named: str = "") -> web.StreamResponse:
        """Any business service of one endpoint; `named` is what the path says, where each service has its own."""
        misrouted = self._misrouted(request)
        if misrouted is not None:
            return misrouted
        body = _json(await request.read())
        service = str(body.get("service", "")) if isinstance(body, dict) else ""
        if named and service != named:
            return self.answered(Answer(-1, "Dịch vụ không đúng với đường dẫn"))
        lgsp = self.portal.options.lgsp
        if lgsp is not None and lgsp.holds_session and isinstance(body, dict) and "session" not in body:
            body = {**body, "session": self.portal.standing_session()}

        call = Call(request, service, {**_route(request), **_summary(body)})

        async def work(fault: Fault | None) -> web.Response:
            return self.answered(self._business(body, services, fault, call.noted))

        return await self.simulation.play(call, work)

    def answered(self, answer: Answer) -> web.Response:
        """HTTP 200 whatever the business answer is (1.6)."""
        raw, content_type = self.portal.render(answer)
        return web.Response(body=raw, content_type=content_type, charset="utf-8")

    def _business(self, body: object, services: Services, fault: Fault | None, noted: dict[str, object]) -> Answer:
        if fault is not None and fault.kind is FaultKind.EXPIRED_SESSION and isinstance(body, dict):
            self.portal.sessions.pop(str(body.get("session", "")), None)
        if not self.portal.knows(body):
            noted["session"] = "ended"
        answer = self.portal.serve(body, services)
        if fault is not None and fault.kind is FaultKind.DUPLICATE and answer.code == 0 and _creates(body):
            # The dossier is stored and the answer is that of a second try: both are true.
            return self.portal.duplicate(_first_code(body))
        return answer

    def _misrouted(self, request: web.Request) -> web.Response | None:
        """What the adapter answers when it cannot tell where to forward to (1.2); None when it can."""
        options = self.portal.options
        if not any(adapter in request.path for adapter in ADAPTERS):
            return None
        dstcode = request.headers.get("dstcode") or request.query.get("dstcode", "")
        if not dstcode and not options.require_dstcode:
            return None
        provider = request.query.get("providerurl", "")
        if not _DSTCODE.fullmatch(dstcode) or (options.dstcode and dstcode != options.dstcode):
            return web.Response(status=400, text="dstcode không hợp lệ")
        if (provider or options.require_providerurl) and not provider.startswith(("http://", "https://")):
            return web.Response(status=400, text="providerurl không hợp lệ")
        return None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path with the services it offers."""

    front: Front
    services: Services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve a call on this path."""
        return await self.front.serve(request, self.services)


class PoisonChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Dossiers to refuse from now on, and dossiers to accept again."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """The control plane: everything the wire does not show."""

    portal: Portal
    simulation: Simulation

    async def dossiers(self, request: web.Request) -> web.Response:
        """What the portal holds, page by page in order of first arrival."""
        holdings = self.portal.holdings
        offset, limit = whole_number(request, "offset", 0), whole_number(request, "limit", 1_000)
        code = request.query.get("code")
        page = holdings.page(offset, limit) if code is None else [d for d in (holdings.dossiers.get(code),) if d]
        following = offset + limit if code is None and offset + limit < len(holdings.dossiers) else None
        with_fields = request.query.get("fields", "1") != "0"
        return json_answer(
            {
                "total": len(holdings.dossiers),
                "next_offset": following,
                "totals": holdings.totals(),
                "dossiers": [held.shown(with_fields=with_fields) for held in page],
            }
        )

    async def score(self, request: web.Request) -> web.Response:
        """The on-time score at the end of the period `until` (now, if it is not said)."""
        text = request.query.get("until")
        until = portal_time(text) if text is not None else datetime.fromtimestamp(self.portal.now(), LOCAL_ZONE)
        if until is None:
            return json_answer({"fault": "until: phải có dạng yyyyMMddHHmmss"}, 422)
        scorer = self.portal.scorer()
        judgements = [scorer.judge(held, until) for held in self.portal.holdings.dossiers.values()]
        shown: dict[str, object] = totals(judgements, until)
        if request.query.get("dossiers", "1") != "0":
            shown["judgements"] = [judgement.shown() for judgement in judgements]
        return json_answer(shown)

    async def poison(self, request: web.Request) -> web.Response:
        """Refuse dossiers for good, or stop doing so."""
        change = await order(request, PoisonChange)
        self.portal.poison.update(change.add)
        self.portal.poison.difference_update(change.remove)
        return json_answer({"poison": sorted(self.portal.poison)})

    async def catalogue(self, request: web.Request) -> web.Response:
        """Change the catalogues."""
        self.portal.change_catalogue(await order(request, CatalogueChange))
        return json_answer({"procedures": len(self.portal.catalogue)})

    async def expire_sessions(self, _request: web.Request) -> web.Response:
        """End every session."""
        return json_answer({"expired": self.portal.expire_sessions()})

    async def forget(self, request: web.Request) -> web.Response:
        """Forget dossiers, sessions and calls; or one dossier alone, as a portal that was restored would."""
        if code := request.query.get("code", ""):
            return json_answer({"forgotten": self.portal.holdings.dossiers.pop(code, None) is not None})
        self.portal.forget()
        self.simulation.log.calls.clear()
        return json_answer({"dossiers": 0})


def _json(raw: bytes) -> object:
    """The parsed body; None for anything that is not JSON."""
    try:
        parsed: object = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None
    return parsed


def _route(request: web.Request) -> dict[str, object]:
    """How the call came: behind which adapter, and where `dstcode` stood."""
    adapter = next((name.split("/")[1] for name in ADAPTERS if name in request.path), "")
    places = [name for name, held in (("header", request.headers), ("query", request.query)) if "dstcode" in held]
    return {"adapter": adapter, "dstcode": "+".join(places)}


def _summary(body: object) -> dict[str, object]:
    """Codes and numbers of a call, no personal data."""
    if not isinstance(body, dict):
        return {}
    summary = {name: body[key] for key, name in (("mahoso", "dossier"), ("maTTHC", "procedure")) if key in body}
    items: list[Body] = [item for item in body["data"] if isinstance(item, dict)] if _lists(body) else []
    if items:
        summary["dossier"] = items[0].get("MaHoSo", "")
        summary["states"] = [item.get("TrangThaiHoSo") or item.get("TrangThai", "") for item in items]
    if "isUpdating" in body:
        summary["updating"] = body["isUpdating"]
    return summary


def _lists(body: Body) -> bool:
    return isinstance(body.get("data"), list)


def _creates(body: object) -> bool:
    return isinstance(body, dict) and body.get("service") == "DongBoHoSoMC" and body.get("isUpdating") == "False"


def _first_code(body: object) -> str:
    return str(_summary(body).get("dossier", ""))
