"""Three listeners, and a route on exactly one of them: walked over the applications that the composition root built."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import combinations

import aiohttp
import pytest
from aiohttp import web

from connectors.kit.contract import Audience
from gateway import bootstrap
from gateway.app import EdgeParts, claims, create_edge_app
from gateway.bootstrap.listeners import Listening
from gateway.clock import Clock
from gateway.errors import ConfigError
from gateway.evidence.log import chain
from gateway.intake.endpoints import Mounted
from gateway.intake.mounting import Claim, exactly_one, overlap
from gateway.intake.refusals import NoticeRefusals
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.model import Decision
from tests.integration.listeners.conftest import Loads

Routes = set[tuple[str, str]]


def _routes(app: web.Application) -> Routes:
    return {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}


def _listening(running: bootstrap.Running) -> tuple[Listening, web.Application]:
    assert running.listening is not None and running.listening.edge is not None
    return running.listening, running.listening.edge


def _somewhere(path: str) -> str:
    """An address that fits a path."""
    return re.sub(r"\{[^}]*\}", "x", path)


def _journal() -> MemoryJournal:
    return MemoryJournal(MemoryStore(), decide=lambda _s, _i: Decision(b"", 200), chain=chain, clock=Clock())


Ask = Callable[[str, str], Awaitable[tuple[int, str]]]


@contextlib.asynccontextmanager
async def _asking(running: bootstrap.Running) -> AsyncIterator[tuple[Ask, Ask]]:
    async with aiohttp.ClientSession() as session:

        def at(host: str, port: int) -> Ask:
            async def ask(method: str, path: str) -> tuple[int, str]:
                async with session.request(method, f"http://{host}:{port}{path}") as answer:
                    return answer.status, await answer.text()

            return ask

        yield at(running.host, running.port), at(running.edge_host, running.edge_port)


async def test_every_route_stands_on_exactly_one_listener(loads: Loads) -> None:
    """The three applications share no method and path, and each has what belongs there."""
    async with bootstrap.running(loads()) as running:
        listening, edge = _listening(running)
        found = {"internal": _routes(listening.internal), "edge": _routes(edge), "admin": _routes(listening.admin)}
    for one, other in combinations(found, 2):
        assert found[one] & found[other] == set(), (one, other)
    assert {("POST", "/v1/events"), ("GET", "/v1/toys/toys/{loan}"), ("POST", "/v1/toys/toys")} <= found["internal"]
    assert found["edge"] == {("GET", "/toys/toys/thanks"), ("POST", "/v1/callbacks/toys/v1")}
    assert all(path.startswith("/admin/") for _, path in found["admin"])


async def test_no_route_answers_on_another_listener(loads: Loads) -> None:
    """What stands on one listener is not found on the others, whatever the method; admin answers on its socket only."""
    async with bootstrap.running(loads()) as running:
        listening, edge = _listening(running)
        async with _asking(running) as (internal, outside):
            for method, path in _routes(listening.internal) | _routes(listening.admin):
                assert (await outside(method, _somewhere(path)))[0] == 404, (method, path)
            for method, path in _routes(edge) | _routes(listening.admin):
                assert (await internal(method, _somewhere(path)))[0] == 404, (method, path)
            for method, path in _routes(edge):
                assert (await outside(method, _somewhere(path)))[0] != 404, (method, path)


async def test_admin_has_no_address_but_its_socket(loads: Loads) -> None:
    """A Unix socket of mode 0600; what it answers there is not to be had elsewhere."""
    loaded = loads()
    async with bootstrap.running(loaded):
        place = loaded.data_dir() / "admin.sock"
        assert place.is_socket() and place.stat().st_mode & 0o777 == 0o600
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(place))) as session,
            session.get("http://admin/admin/lanes") as answer,
        ):
            assert answer.status == 200


async def test_the_edge_is_off_unless_it_is_configured(loads: Loads, caplog: pytest.LogCaptureFixture) -> None:
    """No second port is opened, no edge route is served anywhere, and the operator is told who waits for calls."""
    async with bootstrap.running(loads(GATEWAY__LISTEN__EDGE__PORT="")) as running:
        assert running.edge_port == 0 and running.listening is not None and running.listening.edge is None
        assert not any("callbacks" in path or "thanks" in path for _, path in _routes(running.listening.internal))
    assert "toys expects calls from outside" in caplog.text


async def test_an_upstream_that_is_switched_off_serves_nothing(loads: Loads) -> None:
    """`enabled = false` closes its routes with its lanes."""
    async with bootstrap.running(loads(GATEWAY__UPSTREAMS__TOYS__ENABLED="false")) as running:
        listening, edge = _listening(running)
        assert _routes(edge) == set()
        assert not any("toys" in path for _, path in _routes(listening.internal))


async def test_two_upstreams_of_one_connector_stand_side_by_side(loads: Loads) -> None:
    """`{upstream}` in a path is the upstream's code, so neither takes the other's address."""
    async with bootstrap.running(loads("toys", "toys_south")) as running:
        _, edge = _listening(running)
        assert {path for _, path in _routes(edge)} == {
            "/toys/toys/thanks",
            "/toys/toys_south/thanks",
            "/v1/callbacks/toys/v1",
            "/v1/callbacks/toys_south/v1",
        }


def _mounted(upstream: str, path: str) -> Mounted:
    async def never(_request: web.Request) -> web.StreamResponse:
        raise AssertionError("nothing is served that two claim")

    return Mounted(upstream, "GET", path, Audience.EDGE, never)


def test_an_address_that_two_claim_is_a_start_up_error_that_names_both() -> None:
    """Nothing is served until the operator has chosen; both sides and the address are in the message."""
    twice = (_mounted("payments", "/pay/{order}"), _mounted("refunds", "/pay/{id}"))
    with pytest.raises(ConfigError) as refused:
        create_edge_app(EdgeParts(twice, NoticeRefusals(_journal(), Clock()), Clock(), lambda _answer: None))
    assert all(word in str(refused.value) for word in ("/pay/{order}", "/pay/{id}", "payments", "refunds"))


async def test_no_upstream_takes_an_address_of_the_house(loads: Loads) -> None:
    """Neither on the listener where it stands nor on another one."""
    async with bootstrap.running(loads()) as running:
        listening, _ = _listening(running)
        house = claims(listening.internal, "internal")
    for listener in ("internal", "edge"):
        with pytest.raises(ConfigError, match=r"cổng.*payments"):
            exactly_one([*house, Claim(listener, "GET", "/v1/dossiers/{anything}", "payments")])


def test_a_fixed_address_behind_a_pattern_is_claimed_by_both() -> None:
    """`/v1/dossiers/special` would be answered by `/v1/dossiers/{code}`; that is a conflict, on any listener."""
    assert overlap("/v1/dossiers/{code}", "/v1/dossiers/special")
    assert not overlap("/v1/dossiers/{code}", "/v1/dossiers/x/y")
    house = Claim("internal", "GET", "/v1/dossiers/{code}")
    with pytest.raises(ConfigError, match="toys"):
        exactly_one([house, Claim("edge", "GET", "/v1/dossiers/special", "toys")])
    exactly_one([house, Claim("edge", "POST", "/v1/dossiers/special", "toys")])


async def test_the_edge_may_not_listen_where_the_internal_one_does(loads: Loads) -> None:
    """One address cannot be two listeners; told before anything is opened."""
    with pytest.raises(ConfigError, match=r"listen\.edge"):
        loads(GATEWAY__LISTEN__INTERNAL__PORT="8080", GATEWAY__LISTEN__EDGE__PORT="8080")


REMINDED_BY = "GATEWAY__UPSTREAMS__TOYS__SETTINGS__REMINDED_BY"


async def test_a_ledger_may_ask_another_upstream_that_can_do_it(loads: Loads) -> None:
    """The other library has that operation, so the house stands."""
    async with bootstrap.running(loads("toys", "toys_south", **{REMINDED_BY: "toys_south"})) as running:
        assert running.listening is not None


@pytest.mark.parametrize("other", ["nowhere", "resolution"])
async def test_a_ledger_that_asks_where_nobody_can_do_it_does_not_start(loads: Loads, other: str) -> None:
    """An upstream that is not there, or has no such operation: found at the start, never in the middle of a payment."""
    with pytest.raises(ConfigError) as refused:
        async with bootstrap.running(loads("toys", **{REMINDED_BY: other})):
            raise AssertionError("it started")
    [fault] = refused.value.faults
    assert "upstreams.toys" in fault and "remind" in fault and other in fault
