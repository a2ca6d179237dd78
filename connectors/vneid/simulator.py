"""A real HTTP server that plays the identity providers (CDVCQG, VNeID) and the national population database.

It shares no mapping code with the client. The providers stand under `/{name}` with the product's own paths, the population
database under the routes A (`/dancu`), B and C (`/lgsp/…`), D (`/apiCSDLDanCu/…`), F (`/xroad`) and G (`/r1/…`), its WSDL
under `/wsdl/dancu-service.wsdl`. What it holds is told by the control plane alone:

    POST   /_simulator/sign-in     {"address": the authorize URL, "account": who}: what a person does with a browser, in one
                                   step; answers {"location": the callback's address}. No account: the person presses "Hủy"
    PUT    /_simulator/automatic   {"provider": name, "account": who, "times": n}: the next n authorization requests (0: all)
                                   come back at once, as if that person had signed in; an empty account ends it
    POST   /_simulator/logout      {"provider": name, "account": who}: their sessions end and every client is told; empty: all
    POST   /_simulator/keys        {"provider": name, "keep": true}: a new signing key; the old stay published with `keep`
    PUT    /_simulator/clients     {"provider": name, "clients": […]}: these clients instead, as in the options
    GET|PUT /_simulator/lies       {"orders": [{"lie": …, "times": 1, "provider": ""}]}: see `simulator_lies.py`
    GET    /_simulator/persons     who exists; PUT {"add": [persons], "remove": [keys]}
    GET    /_simulator/questions?after=N&fields=0    what the population database was asked, and what came of it
    GET    /_simulator/state       counters of every provider and of the database, who is signed in, what logout told
    DELETE /_simulator/state       everything held is forgotten, the lies too; people and keys stay
    GET /_simulator/calls, GET|PUT /_simulator/faults, POST /_simulator/outage, GET /_simulator/health    as in
    `connectors.kit.simulation`
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from aiohttp import web

from connectors.kit.errors import SettingsError
from connectors.kit.faults import FaultPlan, FaultPlanError
from connectors.kit.simulation import Simulation, json_answer, mount_control, order, whole_number
from connectors.vneid.simulator_contract import ContractFront
from connectors.vneid.simulator_lies import LieOrders, Lies
from connectors.vneid.simulator_logout import Farewell
from connectors.vneid.simulator_options import ClientOptions, ProviderOptions
from connectors.vneid.simulator_persons import EVERYBODY, People, Person
from connectors.vneid.simulator_population import PopulationFront
from connectors.vneid.simulator_provider import Automatic, Provider, Unauthorized
from connectors.vneid.simulator_register import Register
from connectors.vneid.simulator_routes import PopulationOptions
from connectors.vneid.simulator_sign_on import SignOnFront

_MOST_BYTES = 4 * 1024 * 1024


class VneidOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is simulated, and how. `persons` empty: the people of `simulator_persons.EVERYBODY`.

    `base_url`: the simulator's own address as others know it; empty: the one that was called. `faults` is a plan to begin with.
    """

    base_url: str = ""
    providers: tuple[ProviderOptions, ...] = (ProviderOptions(), ProviderOptions(name="vneid", profile="vneid"))
    population: PopulationOptions = PopulationOptions()
    persons: tuple[Person, ...] = ()
    faults: dict[str, Any] = {}


def create_app(options: Mapping[str, object]) -> web.Application:
    """The simulator as an application; raises `SettingsError` for options that it does not know."""
    try:
        chosen = msgspec.convert(dict(options), VneidOptions, strict=False)
        plan = FaultPlan.from_json(msgspec.json.encode(chosen.faults))
    except (msgspec.ValidationError, FaultPlanError) as error:
        raise SettingsError("vneid", (str(error),)) from error
    names = [provider.name for provider in chosen.providers]
    if len(set(names)) != len(names) or not all(re.fullmatch(r"[a-z][a-z0-9_-]{0,39}", name) for name in names):
        raise SettingsError(
            "vneid", ("providers: mỗi name là một tên riêng gồm chữ thường, số, gạch ngang và gạch dưới",)
        )
    return vneid_app(World(chosen, time.time, lambda: secrets.token_urlsafe(32)), plan)


class World:
    """Everybody and everything that is simulated, without sockets.

    `now` gives seconds since the epoch, `new_token` opaque values of 256 bits.
    """

    def __init__(self, options: VneidOptions, now: Callable[[], float], new_token: Callable[[], str]) -> None:
        self.options = options
        self.now = now
        self.new_token = new_token
        self.people = People()
        self.people.add(options.persons or EVERYBODY)
        self.lies = Lies()
        self.providers = {one.name: Provider(one, self.people, self.lies, now, new_token) for one in options.providers}
        self.register = Register(options.population.register, self.people, now)


def vneid_app(world: World, plan: FaultPlan | None = None) -> web.Application:
    """An application in front of `world`."""
    app = web.Application(client_max_size=_MOST_BYTES)
    simulation = mount_control(app, plan=plan)
    fronts = {name: SignOnFront(one, simulation, world.options.base_url) for name, one in world.providers.items()}
    for front in fronts.values():
        front.mount(app)
    population = PopulationFront(
        world.options.population, world.register, world.lies, simulation, world.now, world.new_token
    )
    population.mount(app)
    doors = world.options.population
    ContractFront(doors.signed.path, doors.xroad.path, world.options.base_url).mount(app)
    control = Control(world, fronts, population, simulation)
    routes = app.router
    routes.add_post("/_simulator/sign-in", control.sign_in)
    routes.add_put("/_simulator/automatic", control.automatic)
    routes.add_post("/_simulator/logout", control.logout)
    routes.add_post("/_simulator/keys", control.keys)
    routes.add_put("/_simulator/clients", control.clients)
    routes.add_get("/_simulator/lies", control.lies)
    routes.add_put("/_simulator/lies", control.put_lies)
    routes.add_get("/_simulator/persons", control.persons)
    routes.add_put("/_simulator/persons", control.put_persons)
    routes.add_get("/_simulator/questions", control.questions)
    routes.add_get("/_simulator/state", control.state)
    routes.add_delete("/_simulator/state", control.forget)
    return app


class _SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    address: str
    account: str = ""


class _Automatic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    provider: str = "cdvcqg"
    account: str = ""
    times: int = 0


class _Logout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    provider: str = "cdvcqg"
    account: str = ""


class _Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    provider: str = "cdvcqg"
    keep: bool = True


class _Clients(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    provider: str = "cdvcqg"
    clients: tuple[ClientOptions, ...]


class _People(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    add: tuple[Person, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """The control plane: everything the wire does not show."""

    world: World
    fronts: Mapping[str, SignOnFront]
    population: PopulationFront
    simulation: Simulation

    async def sign_in(self, request: web.Request) -> web.Response:
        """Sign somebody on, without a browser."""
        ordered = await order(request, _SignIn)
        try:
            address = urlsplit(ordered.address)
        except ValueError:
            raise web.HTTPUnprocessableEntity(text="address: không phải một địa chỉ") from None
        front = next(
            (one for one in self.fronts.values() if address.path == one.provider.options.path("authorize")), None
        )
        if front is None:
            raise web.HTTPUnprocessableEntity(text="address: không phải địa chỉ authorize của bộ giả lập")
        person = self.world.people.signs_in_as(ordered.account)
        if ordered.account and (person is None or person.account is None or person.account.locked):
            raise web.HTTPUnprocessableEntity(text="account: không có tài khoản này, hoặc tài khoản bị khóa")
        base = f"{address.scheme}://{address.netloc}" if address.netloc else f"{request.scheme}://{request.host}"
        try:
            location = front.scripted(base, dict(parse_qsl(address.query, keep_blank_values=True)), person)
        except Unauthorized as refused:
            return json_answer({"fault": str(refused)}, 400)
        return json_answer({"location": location})

    async def automatic(self, request: web.Request) -> web.Response:
        """Have the next authorization requests answered at once, or no more."""
        ordered = await order(request, _Automatic)
        if ordered.account and self.world.people.signs_in_as(ordered.account) is None:
            raise web.HTTPUnprocessableEntity(text="account: không có tài khoản này")
        provider = self._provider(ordered.provider)
        provider.automatic = Automatic(ordered.account, ordered.times) if ordered.account else None
        return json_answer({"provider": ordered.provider, "times": ordered.times})

    async def logout(self, request: web.Request) -> web.Response:
        """End sessions, and tell the clients."""
        ordered = await order(request, _Logout)
        provider = self._provider(ordered.provider)
        person = self.world.people.signs_in_as(ordered.account)
        chosen = [one for one in provider.sessions.values() if not ordered.account or one.person is person]
        base = self.world.options.base_url or f"{request.scheme}://{request.host}"
        farewell = Farewell(provider, provider.options.issuer_at(base))
        told = await farewell.tell(farewell.ended(chosen))
        return json_answer({"sessions": len(chosen), "told": told})

    async def keys(self, request: web.Request) -> web.Response:
        """Rotate the signing key."""
        ordered = await order(request, _Keys)
        keys = self._provider(ordered.provider).keys
        return json_answer({"kid": keys.rotate(keep=ordered.keep), "published": len(keys.published)})

    async def clients(self, request: web.Request) -> web.Response:
        """Register other clients."""
        ordered = await order(request, _Clients)
        provider = self._provider(ordered.provider)
        provider.clients.clear()
        provider.clients.update({client.client_id: client for client in ordered.clients})
        return json_answer({"clients": sorted(provider.clients)})

    async def lies(self, _request: web.Request) -> web.Response:
        """Which lies stand."""
        return json_answer({"orders": self.world.lies.shown()})

    async def put_lies(self, request: web.Request) -> web.Response:
        """Order lies."""
        self.world.lies.replace(await order(request, LieOrders))
        return json_answer({"orders": self.world.lies.shown()})

    async def persons(self, _request: web.Request) -> web.Response:
        """Who exists."""
        return json_answer({"persons": list(self.world.people.persons.values())})

    async def put_persons(self, request: web.Request) -> web.Response:
        """Put people in and take people out."""
        change = await order(request, _People)
        self.world.people.remove(change.remove)
        self.world.people.add(change.add)
        return json_answer({"persons": len(self.world.people.persons)})

    async def questions(self, request: web.Request) -> web.Response:
        """What was asked, in order; whom it was about only with `fields=1`."""
        after, with_subject = whole_number(request, "after", 0), request.query.get("fields", "0") != "0"
        asked = self.world.register.asked
        return json_answer(
            {"total": len(asked), "questions": [one.shown(with_subject=with_subject) for one in asked[after:]]}
        )

    async def state(self, _request: web.Request) -> web.Response:
        """Counters and sessions."""
        providers = {
            name: {
                "counts": provider.counts,
                "sessions": len(provider.sessions),
                "keys": [str(key.kid) for key in provider.keys.published],
                "farewells": provider.farewells,
            }
            for name, provider in self.world.providers.items()
        }
        outcomes: dict[str, int] = {}
        for asked in self.world.register.asked:
            outcomes[asked.outcome] = outcomes.get(asked.outcome, 0) + 1
        population = {
            "questions": len(self.world.register.asked),
            "outcomes": outcomes,
            "counts": self.population.counts,
        }
        return json_answer({"providers": providers, "population": population})

    async def forget(self, _request: web.Request) -> web.Response:
        """Forget what happened."""
        for provider in self.world.providers.values():
            provider.forget()
        self.world.register.forget()
        self.world.lies.replace(LieOrders())
        self.population.tokens.clear()
        self.population.counts.clear()
        self.simulation.log.calls.clear()
        return json_answer({"questions": 0})

    def _provider(self, name: str) -> Provider:
        provider = self.world.providers.get(name)
        if provider is None:
            raise web.HTTPUnprocessableEntity(text=f"provider: chỉ có {', '.join(self.world.providers)}")
        return provider
