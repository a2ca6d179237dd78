"""A real HTTP server that plays the payment intermediaries, their payers, and the banks behind them.

It shares no code with the client. Each intermediary stands under `/{provider}` with its own paths, payers' pages under `/pay/`.
What happens there is ordered by the control plane, or by a person on the payer's page:

    POST   /_simulator/pay         {"address": pay_url or QR text, or "provider" and "ref"; "action": see `simulator_payer.py`;
                                   "code", "amount", "late_s", "wait"}: what a payer does, in one step. Answers {"provider",
                                   "ref", "location", "notices": [numbers]}; `wait`: after the notices were answered or given up
    PUT    /_simulator/automatic   {"action", "provider": "", "times": 0, "after_s": 0}: the next orders (0: all) meet it; "" ends
    GET    /_simulator/books       every order with its money, in and back, and sums by provider
    GET    /_simulator/notices?after=N   every notice with its tries and the answers
    POST   /_simulator/notices     {"provider", "ref", "lie": "", "amount", "times", "wait"}: the last news of an order once more,
                                   or a lie about it; of an order that does not exist a success of `amount` đồng
    POST   /_simulator/notices/again  {"number", "times", "wait"}: the same bytes again, all at the same moment
    PUT    /_simulator/delivery    how notices travel: see `simulator_notices.Delivery`
    POST   /_simulator/release     {"order": "as_made", "seed": 0, "wait": true}: what is held goes out (reversed, shuffled)
    POST   /_simulator/pull        {"dossier", "action": "pay", "wait": true}: the portal asks us what is due, and it is paid
    POST   /_simulator/transfer    {"account", "amount", "text", "bin", "direction": "C"}: somebody transfers without a QR
    POST   /_simulator/statements  see `simulator_statements.StatementOrder`: {"name", "sha256", "content"} of a day
    PUT    /_simulator/addresses   {"gateway_url", "edge_url", "notify": {provider: address}}: where notices go from now on
    GET|PUT /_simulator/lies       {"orders": [{"lie": …, "times": 1, "provider": ""}]}: see `simulator_lies.py`
    DELETE /_simulator/state       everything held is forgotten, the lies too
    GET /_simulator/calls, GET|PUT /_simulator/faults, POST /_simulator/outage, GET /_simulator/health    as in
    `connectors.kit.simulation`; faults meet the operations `vnpay.querydr`, `momo.create`, `payer.page` and so on
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from connectors.kit.errors import SettingsError
from connectors.kit.faults import FaultPlan, FaultPlanError
from connectors.kit.simulation import mount_control
from connectors.payment.simulator_beside import Beside
from connectors.payment.simulator_control import Control
from connectors.payment.simulator_keypay import Keypay
from connectors.payment.simulator_momo import Momo
from connectors.payment.simulator_options import PaymentOptions
from connectors.payment.simulator_payer import Payer, PayerPages
from connectors.payment.simulator_paygov import Paygov
from connectors.payment.simulator_pp import Pp
from connectors.payment.simulator_vietqr import Vietqr
from connectors.payment.simulator_vnpay import Vnpay
from connectors.payment.simulator_world import House, World
from connectors.payment.simulator_zalopay import Zalopay

_MOST_BYTES = 1024 * 1024


def create_app(options: Mapping[str, object]) -> web.Application:
    """The simulator as an application; raises `SettingsError` for options that it does not know."""
    try:
        chosen = msgspec.convert(dict(options), PaymentOptions, strict=False)
        plan = FaultPlan.from_json(msgspec.json.encode(chosen.faults))
    except (msgspec.ValidationError, FaultPlanError) as error:
        raise SettingsError("payment", (str(error),)) from error
    world = World(chosen, lambda: datetime.now(UTC), lambda: secrets.token_urlsafe(32))
    if chosen.ca_file:
        try:
            world.postman.tls = ssl.create_default_context(cafile=chosen.ca_file)
        except OSError as error:
            raise SettingsError("payment", ("ca_file: không đọc được",)) from error
    return payment_app(world, plan)


def payment_app(world: World, plan: FaultPlan | None = None) -> web.Application:
    """An application in front of `world`."""
    app = web.Application(client_max_size=_MOST_BYTES)
    world.simulation = mount_control(app, plan=plan)
    payer = Payer(world)
    portal, bank = Pp(world), Vietqr(world)
    houses: tuple[House, ...] = (portal, Keypay(world), Paygov(world), Vnpay(world), Momo(world), Zalopay(world), bank)
    for house in houses:
        world.houses[house.name] = house
        house.mount(app)
    PayerPages(world, payer).mount(app)
    Control(world, payer).mount(app)
    Beside(world, payer, portal, bank).mount(app)
    app.cleanup_ctx.append(_living(world))
    return app


def _living(world: World) -> Callable[[web.Application], AsyncIterator[None]]:
    async def life(_app: web.Application) -> AsyncIterator[None]:
        clock = asyncio.create_task(world.run_clock())
        yield
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)
        await world.postman.close()

    return life
