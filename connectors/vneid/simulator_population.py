"""HTTP in front of the simulated population database: the routes A, B, C, D, F and G of identity facts 2.1, each as it was seen.

A checks the per-request hash (2.2), F the X-Road header blocks (2.8), B and C a token of the LGSP, D nothing but its JSON. Every
call goes through the fault plan under its operation's SOAP name; the LGSP's token call is `lgsp_token`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import web

from connectors.kit.faults import Fault, FaultKind
from connectors.kit.simulation import Call, Simulation, json_answer
from connectors.vneid.simulator_answers import Spoken, Style, spoken
from connectors.vneid.simulator_envelope import POPULATION, Identifier, NotSoap, Problem, Request, read_request
from connectors.vneid.simulator_lies import Lies
from connectors.vneid.simulator_register import Denied, Register
from connectors.vneid.simulator_routes import PopulationOptions

_SHARED = "TraCuuThongTinCongDan"
_FACADE_NAMES = {"ChiaSeThongTinCongDan": _SHARED}
_FIELDS_C = {
    "maYeuCau": "MaYeuCau",
    "maDVC": "MaDVC",
    "maTichHop": "MaTichHop",
    "maCanBo": "MaCanBo",
    "maDonVi": "MaDonVi",
    "soDinhDanh": "SoDinhDanh",
    "soCMND": "SoCMND",
    "hoVaTen": "HoVaTen",
    "ngayThangNam": "NgayThangNam",
    "nam": "Nam",
}


@dataclass(slots=True, repr=False)
class PopulationFront:
    """The database's routes. `now` gives seconds since the epoch."""

    options: PopulationOptions
    register: Register
    lies: Lies
    simulation: Simulation
    now: Callable[[], float]
    new_token: Callable[[], str]
    tokens: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def mount(self, app: web.Application) -> None:
        """Add every route."""
        options = self.options
        app.router.add_post(options.signed.path, self.signed)
        app.router.add_post(options.xroad.path, self.xroad)
        app.router.add_post(options.rest.path, self.rest)
        app.router.add_post(options.facade.path, self.facade)
        app.router.add_post(options.lgsp.token_path, self.token)
        app.router.add_post(options.lgsp.soap_path, self.lgsp_soap)
        app.router.add_post(options.lgsp.json_path, self.lgsp_json)

    async def signed(self, request: web.Request) -> web.StreamResponse:
        """Route A."""
        raw = await request.read()
        refusal = self._unsigned(request)
        return await self._soap(request, "A", raw, refusal)

    async def xroad(self, request: web.Request) -> web.StreamResponse:
        """Route F: answers repeat the header blocks and add `requestHash`."""
        raw = await request.read()
        refusal = None if request.content_type == "text/xml" else _text(415, "text/xml expected")
        return await self._soap(request, "F", raw, refusal)

    async def rest(self, request: web.Request) -> web.StreamResponse:
        """Route G: what a security server finds wrong it says as JSON, with `X-Road-Error`."""
        raw = await request.read()
        problem = self._rest_fault(request)
        refusal = None if problem is None else _rest_refusal(problem, self.new_token())
        if refusal is None and self.options.rest.signed:
            refusal = self._unsigned(request)
        return await self._soap(request, "G", raw, refusal)

    async def lgsp_soap(self, request: web.Request) -> web.StreamResponse:
        """Route B."""
        raw = await request.read()
        refusal = self._turned_away(request) or self._unknown_officer(request)
        return await self._soap(request, "B", raw, refusal)

    async def facade(self, request: web.Request) -> web.StreamResponse:
        """Route D."""
        return await self._json(request, "D", await request.read(), None)

    async def lgsp_json(self, request: web.Request) -> web.StreamResponse:
        """Route C; its answer is [assumed] to be that of route D."""
        return await self._json(request, "C", await request.read(), self._turned_away(request))

    async def token(self, request: web.Request) -> web.StreamResponse:
        """The LGSP's token call (route B: client credentials beside `lgspaccesstoken`)."""
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace")))

        async def work(_fault: Fault | None) -> web.Response:
            if form.get("grant_type") != "client_credentials":
                return json_answer({"error": "unsupported_grant_type"}, 400)
            if not self._may_enter(request.headers):
                self._count("refused_lgsp_clients")
                return json_answer({"error": "invalid_client"}, 401)
            token = self.new_token()
            self.tokens[token] = self.now() + self.options.lgsp.token_ttl_s
            return json_answer(
                {"access_token": token, "token_type": "Bearer", "expires_in": int(self.options.lgsp.token_ttl_s)}
            )

        return await self.simulation.play(Call(request, "lgsp_token"), work)

    async def _soap(
        self, request: web.Request, route: str, raw: bytes, refusal: web.Response | None
    ) -> web.StreamResponse:
        try:
            asked: Request | None = read_request(raw)
        except NotSoap:
            asked = None

        async def work(fault: Fault | None) -> web.Response:
            denied = self._expired(fault) or refusal
            if denied is not None:
                return denied
            style = Style(route, self.options.errors, self.options.error_status, self.options.register.stub_names)
            return self._sent(self._spoken(asked, style, raw), "text/xml")

        return await self.simulation.play(Call(request, _operation(asked), _summary(asked, route)), work)

    async def _json(
        self, request: web.Request, route: str, raw: bytes, refusal: web.Response | None
    ) -> web.StreamResponse:
        asked = _from_json(raw, request.match_info.get("service", ""), route, self.options.register.codes)

        async def work(fault: Fault | None) -> web.Response:
            denied = self._expired(fault) or refusal
            if denied is not None:
                return denied
            style = Style(route, "fault", 200, self.options.register.stub_names)
            said = self._spoken(asked, style, raw)
            return said.html or self._wrapped(said)

        return await self.simulation.play(Call(request, _operation(asked), _summary(asked, route)), work)

    def _spoken(self, asked: Request | None, style: Style, raw: bytes) -> Spoken:
        """What the database says: on route F only behind header blocks that are right."""
        if asked is None:
            return spoken(Problem("Client", "Không đọc được yêu cầu", status=400), None, style, self.lies, raw)
        try:
            problem = self._block_fault(asked) if style.route == "F" else _header_fault(asked)
            if problem is not None:
                raise Denied(problem)
            answer: Any = self.register.answer(asked, style.route)
        except Denied as denied:
            if denied.problem.code == "429" and self.options.quota == "http":
                retry = {"Retry-After": str(round(denied.retry_after_s))}
                return Spoken(b"", 429, web.Response(status=429, text="Vượt hạn mức khai thác", headers=retry))
            answer = denied.problem
        return spoken(answer, asked, style, self.lies, raw)

    def _sent(self, said: Spoken, media_type: str) -> web.Response:
        return said.html or web.Response(status=said.status, body=said.body, content_type=media_type, charset="utf-8")

    def _wrapped(self, said: Spoken) -> web.Response:
        """The SOAP answer as a string inside JSON (2.1); a refusal as its code and words."""
        number = self.options.facade.error_style == "number"
        if said.problem is None:
            return json_answer({"error_code": 0 if number else "0", "message": said.body.decode("utf-8", "replace")})
        code = said.problem.code or "-1"
        return json_answer({"error_code": int(code) if number else code, "message": said.problem.message})

    def _unsigned(self, request: web.Request) -> web.Response | None:
        """Why a call on route A is turned away (2.2); None for a right one."""
        route = self.options.signed
        if request.content_type not in route.media_types:
            return _text(415, "application/xml expected")
        stamp = request.headers.get(route.timestamp_header, "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
            return self._unauthorized("timestamp")
        at = int(stamp) / (1_000 if route.timestamp_unit == "ms" else 1)
        if abs(at - self.now()) > route.drift_s:
            return self._unauthorized("drift")
        digest = hashlib.sha256(f"{route.sv_url}{route.username}{stamp}{route.secret}".encode()).hexdigest()
        expected = base64.b64encode(f"{route.username}:{digest}".encode()).decode()
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Basic {expected}".encode()):
            return self._unauthorized("hash")
        if route.client and request.headers.get("X-Road-Client", "") != route.client:
            return self._unauthorized("client")
        if route.api_key and request.headers.get("ApiKey", "") != route.api_key:
            return self._unauthorized("api_key")
        return None

    def _unauthorized(self, why: str) -> web.Response:
        self._count(f"refused_{why}")
        return _text(401, "Unauthorized")

    def _turned_away(self, request: web.Request) -> web.Response | None:
        """Why the LGSP lets a call not through; None for one with a living token."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer" and self.tokens.get(token, 0.0) > self.now():
            return None
        self._count("refused_tokens")
        return json_answer({"fault": {"code": 900901, "message": "Invalid Credentials"}}, 401)

    def _unknown_officer(self, request: web.Request) -> web.Response | None:
        keys = self.options.lgsp.officer_keys
        known = {base64.b64encode(key.encode()).decode() for key in keys}
        if not keys or request.headers.get("AuthHash", "") in known:
            return None
        self._count("refused_officer_keys")
        return _text(403, "AuthHash")

    def _may_enter(self, headers: Mapping[str, str]) -> bool:
        lgsp = self.options.lgsp
        pair = base64.b64encode(f"{lgsp.client_id}:{lgsp.client_secret}".encode()).decode()
        if lgsp.client_id and headers.get("Authorization", "") != f"Basic {pair}":
            return False
        if not lgsp.access:
            return True
        try:
            said = msgspec.json.decode(base64.b64decode(headers.get("lgspaccesstoken", ""), validate=True))
        except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
            return False
        return isinstance(said, dict) and all(said.get(name) == value for name, value in lgsp.access.items())

    def _expired(self, fault: Fault | None) -> web.Response | None:
        """The end of every token of the LGSP, when the fault plan says so."""
        if fault is None or fault.kind is not FaultKind.EXPIRED_SESSION:
            return None
        self.tokens.clear()
        return json_answer({"fault": {"code": 900901, "message": "Invalid Credentials"}}, 401)

    def _block_fault(self, asked: Request) -> Problem | None:
        """What a security server finds wrong in the header blocks (2.8; PR-MESS 4.0)."""
        blocks, route = asked.blocks, self.options.xroad
        for name in ("client", "service", "id", "protocolVersion"):
            if not blocks.get(name):
                return Problem("Client.MissingHeaderField", f"Required field '{name}' is missing")
        client, service = blocks["client"], blocks["service"]
        if not isinstance(client, Identifier) or not isinstance(service, Identifier):
            return Problem("Client.InvalidSoap", "Malformed identifier")
        if blocks["protocolVersion"] != "4.0" or "requestHash" in blocks:
            return Problem("Client.InvalidProtocolVersion", "Invalid protocol version or field")
        if service.parts.get("serviceCode") != asked.operation:
            return Problem("Client.InconsistentHeaders", "Service code does not match the body")
        if route.service and service.slashed != route.service:
            return Problem("Server.ServerProxy.UnknownService", "Unknown service")
        if route.clients and client.slashed not in route.clients:
            return Problem("Server.ServerProxy.AccessDenied", "Request is not allowed")
        return None

    def _rest_fault(self, request: web.Request) -> Problem | None:
        """What a security server finds wrong in the headers (2.9; PR-REST r1)."""
        client = unquote(request.headers.get("X-Road-Client", ""))
        if not client:
            return Problem("Client.InvalidClientIdentifier", "X-Road-Client is missing", status=400)
        if self.options.rest.clients and client not in self.options.rest.clients:
            return Problem("Server.ServerProxy.AccessDenied", "Request is not allowed")
        return None

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def _header_fault(asked: Request) -> Problem | None:
    """Direct routes know no header blocks."""
    if asked.blocks or asked.foreign_headers:
        return Problem("MustUnderstand", "Phần Header của SOAP phải để trống trên đường này")
    return None


def _from_json(raw: bytes, service: str, route: str, codes: Mapping[str, str]) -> Request | None:
    """A question of route C or D as the same request that SOAP carries; None for what is none.

    Route C knows no `MaTichHop`: its LGSP puts the service's own in (2.1).
    """
    try:
        tree = msgspec.json.decode(raw, type=dict[str, str | None])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    said = {_FIELDS_C.get(name, name): value for name, value in tree.items() if value} if route == "C" else tree
    said = {name: value for name, value in said.items() if value and name not in ("type", "userNameService")}
    births = {name: said.pop(name) for name in ("NgayThangNam", "Nam") if name in said}
    fields = {**said, **{f"NgayThangNamSinh/{name}": value for name, value in births.items()}}
    operation = tree.get("type") or _FACADE_NAMES.get(service, service)
    if route == "C":
        fields.setdefault("MaTichHop", codes.get(operation, ""))
    return Request(operation, POPULATION, {name: value for name, value in fields.items() if value})


def _rest_refusal(problem: Problem, detail: str) -> web.Response:
    body = {"type": problem.fault, "message": problem.message, "detail": detail}
    answer = json_answer(body, problem.status)
    answer.headers["X-Road-Error"] = problem.fault
    return answer


def _operation(asked: Request | None) -> str:
    return asked.operation if asked is not None else "unreadable"


def _summary(asked: Request | None, route: str) -> Mapping[str, object]:
    """Codes alone: nothing of whom was asked about."""
    fields = asked.fields if asked is not None else {}
    return {"route": route, **{name: fields[name] for name in ("MaYeuCau", "MaDVC", "MaTichHop") if name in fields}}


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text)
