"""A real HTTP server that plays the carriers of the post: their order desks, their parcels on the way, their feeds and notices.

It shares no code with the client. Each carrier stands under its own path:

    h2    token `/h2/token`, base `/h2/apiVNPostNGSP/p1.0/`
    h3    token `/h3/token`, one address `/h3/postal?service=…` with the services order, cancel, tracking, document, price
    m1    base `/m1/api/api/`, notices signed with an RSA key of its own

Parcels move on a clock that the control plane turns:

    GET    /_simulator/clock       what time it is there
    POST   /_simulator/clock       {"advance_s": 3600, "scale": 1, "wait": false}: turn it forward; what became due has
                                   happened in the answer, and with `wait` notices were answered or given up
    GET|PUT /_simulator/scripts    {"default": {…}, "orders": [{"number": "regex", "house": "", "times": 0, "script": {…}}]}: what
                                   the next orders meet; see `simulator_parcels.Script`
    GET    /_simulator/books?number=   every parcel as it truly is, with its history, money and sums; doubled orders counted
    POST   /_simulator/steps       {"house", "number", "happening", "amount", "stop"}: something happens by hand, now
    POST   /_simulator/strays      {"house", "number", "happening"}: a scan of a parcel that is not ours
    PUT    /_simulator/delivery    how tellings travel: see `simulator_telling.Delivery`
    POST   /_simulator/release     {"order": "as_made", "seed": 0}: what is held is told (reversed, shuffled)
    GET    /_simulator/notices?after=N   every notice with its tries and the answers
    POST   /_simulator/notices     {"number", "lie": null, "times": 1, "wait"}: the last news of an order once more, or a lie
    POST   /_simulator/notices/again  {"serial", "times", "wait"}: the same bytes again
    POST   /_simulator/statements  see `simulator_statements.CodStatementOrder`: {"name", "sha256", "content"} of a day
    GET    /_simulator/keys        the public key of notices: {"xml": RSAKeyValue, "pem"}
    PUT    /_simulator/addresses   {"gateway_url"}: where notices go from now on
    GET    /_simulator/codes       what each house calls what happens
    GET    /_simulator/tokens, POST /_simulator/tokens/expire {"house"}    tokens: counts, and the end of all
    GET|PUT /_simulator/lies       {"orders": [{"lie": …, "times": 1, "provider": ""}]}: see `simulator_lies.py`
    DELETE /_simulator/state       everything held is forgotten, scripts and lies too
    GET /_simulator/calls, GET|PUT /_simulator/faults, POST /_simulator/outage, GET /_simulator/health    as in
    `connectors.kit.simulation`; faults meet the operations `h2.token`, `h2.order`, `h2.cancel`, `h2.register`, `h2.feed`
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from aiohttp import web

from connectors.kit.errors import SettingsError
from connectors.kit.faults import FaultPlan, FaultPlanError
from connectors.kit.simulation import mount_control
from connectors.postal import simulator_wire as wire
from connectors.postal.simulator_control import Control
from connectors.postal.simulator_h2 import H2
from connectors.postal.simulator_h3 import H3
from connectors.postal.simulator_m1 import M1
from connectors.postal.simulator_notices import NoticeControl
from connectors.postal.simulator_options import PostalOptions
from connectors.postal.simulator_statements import StatementControl
from connectors.postal.simulator_world import House, World

_MOST_BYTES = 1024 * 1024


def create_app(options: Mapping[str, object]) -> web.Application:
    """The simulator as an application; raises `SettingsError` for options that it does not know."""
    try:
        chosen = msgspec.convert(dict(options), PostalOptions, strict=False)
        plan = FaultPlan.from_json(msgspec.json.encode(chosen.faults))
    except (msgspec.ValidationError, FaultPlanError) as error:
        raise SettingsError("postal", (str(error),)) from error
    world = World(chosen, lambda: datetime.now(UTC), lambda: secrets.token_hex(16))
    try:
        key = wire.read_key(Path(chosen.notice_key_file).read_bytes()) if chosen.notice_key_file else None
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError("postal", ("notice_key_file: không đọc được khóa RSA",)) from error
    try:
        tls = ssl.create_default_context(cafile=chosen.ca_file) if chosen.ca_file else None
    except OSError as error:
        raise SettingsError("postal", ("ca_file: không đọc được",)) from error
    return postal_app(world, plan, M1(world, key, tls))


def postal_app(world: World, plan: FaultPlan | None = None, donhang: M1 | None = None) -> web.Application:
    """An application in front of `world`; `donhang` where its key is not a new one."""
    app = web.Application(client_max_size=_MOST_BYTES)
    world.simulation = mount_control(app, plan=plan)
    m1 = donhang or M1(world)
    houses: tuple[House, ...] = (H2(world), H3(world), m1)
    for house in houses:
        world.houses[house.name] = house
        house.mount(app)
    Control(world).mount(app)
    NoticeControl(world, m1).mount(app)
    StatementControl(world).mount(app)
    app.cleanup_ctx.append(_living(world))
    return app


def _living(world: World) -> Callable[[web.Application], AsyncIterator[None]]:
    async def life(_app: web.Application) -> AsyncIterator[None]:
        clock = asyncio.create_task(world.run_clock())
        yield
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)
        for house in world.houses.values():
            await house.close()

    return life
