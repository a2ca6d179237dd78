"""The authority's services as servers: OCSP by POST and GET (RFC 6960 A.1), lists, certificates, time stamps (RFC 3161 3.4).

    app = create_app(authority, clock)
    async with opened(app) as door: ...      # connectors.kit.simulation

`app[DESK].conduct` says how they behave; `PUT /_simulator/conduct` sets it from another process. The control plane of
`connectors.kit.simulation` (call log, fault plans, outages) stands beside it; the operations are ocsp, crl, cer and tsa.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from aiohttp import web

from connectors.kit.faults import Fault
from connectors.kit.simulated_authority import der, ocsp, stamps
from connectors.kit.simulated_authority.authority import Authority
from connectors.kit.simulated_authority.conduct import PROPER, Conduct
from connectors.kit.simulation import SIMULATION, Call, json_answer, mount_control, order

_OCSP, _TSA = "application/ocsp-response", "application/timestamp-reply"
_FLOOD = bytes(65_536)
_LIMIT = 65_536


@dataclass(slots=True)
class Desk:
    """What the handlers share. `clock` gives the moment as of which everything is answered."""

    authority: Authority
    clock: Callable[[], datetime]
    conduct: Conduct = PROPER


DESK = web.AppKey("desk", Desk)


def create_app(authority: Authority, clock: Callable[[], datetime]) -> web.Application:
    """The services of an authority under a clock."""
    app = web.Application(client_max_size=_LIMIT)
    app[DESK] = Desk(authority, clock)
    mount_control(app)
    app.router.add_post("/ocsp/{issuer}", _ocsp)
    app.router.add_get("/ocsp/{issuer}/{request:.+}", _ocsp)
    app.router.add_get("/crl/{issuer}.crl", _crl)
    app.router.add_get("/cer/{name}.cer", _certificate)
    app.router.add_post("/tsa/{stamper}", _tsa)
    app.router.add_put("/_simulator/conduct", _conduct)
    return app


async def _conduct(request: web.Request) -> web.Response:
    request.app[DESK].conduct = await order(request, Conduct)
    return json_answer(request.app[DESK].conduct)


async def _play(
    request: web.Request, operation: str, work: Callable[[], bytes], content_type: str
) -> web.StreamResponse:
    """Answer under fault plan and wire conduct."""
    wire = request.app[DESK].conduct.wire

    async def answer(fault: Fault | None) -> web.Response:
        if wire.redirect:
            return web.Response(status=302, headers={"Location": wire.redirect})
        return web.Response(body=work(), content_type=wire.content_type or content_type)

    call = Call(request, operation, {"of": request.match_info.get("issuer", request.match_info.get("stamper", ""))})
    if wire.flood_bytes or wire.drip_s:
        return await _pour(request, work() if wire.drip_s else b"", content_type)
    return await request.app[SIMULATION].play(call, answer)


async def _pour(request: web.Request, body: bytes, content_type: str) -> web.StreamResponse:
    """Far too much, or far too slowly."""
    wire = request.app[DESK].conduct.wire
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    try:
        for octet in body:
            await response.write(bytes((octet,)))
            await asyncio.sleep(wire.drip_s)
        left = wire.flood_bytes
        while left > 0:
            await response.write(_FLOOD[:left])
            left -= len(_FLOOD)
        await response.write_eof()
    except ConnectionError:
        pass  # The client has had enough, which is what this is for.
    return response


def _known(request: web.Request, part: str) -> str:
    name, desk = request.match_info[part], request.app[DESK]
    known = desk.authority.declaration.stampers if part == "stamper" else desk.authority.certificates
    if name not in known:
        raise web.HTTPNotFound(text=f"{part}: {name}")
    return name


async def _ocsp(request: web.Request) -> web.StreamResponse:
    desk, issuer = request.app[DESK], _known(request, "issuer")
    try:
        if request.method == "GET":
            # Clients differ in what they escape of base64 (RFC 6960 A.1 wants it url-encoded).
            raw = base64.b64decode(unquote(request.match_info["request"]), validate=True)
        else:
            raw = await request.read()
        asked = ocsp.read_request(raw)
    except (der.NotDer, binascii.Error):
        return await _play(request, "ocsp", lambda: ocsp.refuse("malformedRequest"), _OCSP)
    return await _play(
        request, "ocsp", lambda: desk.authority.ocsp(issuer, asked, desk.clock(), desk.conduct.ocsp), _OCSP
    )


async def _crl(request: web.Request) -> web.StreamResponse:
    desk, issuer = request.app[DESK], _known(request, "issuer")
    return await _play(
        request, "crl", lambda: desk.authority.crl(issuer, desk.clock(), desk.conduct.crl), "application/pkix-crl"
    )


async def _certificate(request: web.Request) -> web.StreamResponse:
    desk, name = request.app[DESK], _known(request, "name")
    return await _play(request, "cer", lambda: desk.authority.certificates[name], "application/pkix-cert")


async def _tsa(request: web.Request) -> web.StreamResponse:
    stamper, raw = _known(request, "stamper"), await request.read()
    return await _play(request, "tsa", lambda: _stamped(request.app[DESK], stamper, raw), _TSA)


def _stamped(desk: Desk, stamper: str, raw: bytes) -> bytes:
    try:
        asked = stamps.read_request(raw)
    except der.NotDer:
        return stamps.refuse("badDataFormat")
    refusal = desk.conduct.stamp.refusal or stamps.unacceptable(
        asked, desk.authority.declaration.stampers[stamper].policy
    )
    if refusal:
        return stamps.refuse(refusal)
    return stamps.respond(desk.authority.stamp(stamper, asked, desk.clock(), desk.conduct.stamp))
