"""The ground of simulators: faults are played for real, calls are remembered, the door can really refuse."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web

from connectors.kit.faults import Fault, FaultKind, FaultPlan, ScriptedFault
from connectors.kit.simulation import Call, CallLog, Door, Simulation, json_answer, main, mount_control, opened, run


@dataclass
class Played:
    """A simulator that counts what it did."""

    door: Door
    simulation: Simulation
    session: aiohttp.ClientSession
    done: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.door.port}{path}"

    async def work(self) -> aiohttp.ClientResponse:
        return await self.session.post(self.url("/work"))

    async def calls(self, query: str = "") -> list[dict[str, Any]]:
        async with self.session.get(self.url(f"/_simulator/calls{query}")) as answer:
            calls: list[dict[str, Any]] = (await answer.json())["calls"]
            return calls


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    """A running simulator with one operation, `work`."""
    app = web.Application()
    simulation = mount_control(app)
    done: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        async def work(fault: Fault | None) -> web.Response:
            done.append(fault.kind if fault else "")
            return json_answer({"done": len(done)})

        return await simulation.play(Call(request, "work", {"dossier": "G16-1"}), work)

    app.router.add_post("/work", handler)
    async with opened(app) as door, aiohttp.ClientSession() as session:
        yield Played(door, simulation, session, done)


AWAY_S = 1.0
"""How long an outage lasts that is waited for: longer than a busy machine lets a test stand still within it."""


async def refused(call: Callable[[], Awaitable[object]]) -> None:
    """Call until it cannot even connect; an outage begins a moment after it was ordered."""
    async with asyncio.timeout(60):
        while True:
            try:
                await call()
            except aiohttp.ClientConnectorError:
                return
            except aiohttp.ClientError:
                pass  # hung up on while the door was being shut
            await asyncio.sleep(0.01)


async def answered(call: Callable[[], Awaitable[aiohttp.ClientResponse]]) -> int:
    """Call until somebody answers; with what status."""
    async with asyncio.timeout(60):
        while True:
            with suppress(aiohttp.ClientConnectorError):
                async with await call() as answer:
                    return answer.status
            await asyncio.sleep(0.01)


def script(played: Played, fault: FaultKind, seconds: float = 0.0) -> None:
    played.simulation.plan = FaultPlan(script=(ScriptedFault(fault=fault, seconds=seconds),))


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        (FaultKind.HTTP_500, 500, []),
        (FaultKind.HTTP_502, 502, []),
        (FaultKind.HTTP_503, 503, []),
        (FaultKind.BUSY_429, 429, []),
        (FaultKind.SLOW, 200, [""]),
        (FaultKind.GARBAGE, 200, [""]),
        (FaultKind.DUPLICATE, 200, ["duplicate"]),
        (FaultKind.EXPIRED_SESSION, 200, ["expired_session"]),
        (FaultKind.DROP_AFTER_COMMIT, 0, [""]),
        (FaultKind.DROP_BEFORE_COMMIT, 0, []),
    ],
)
async def test_a_fault_does_what_its_name_says(played: Played, fault: FaultKind, status: int, done: list[str]) -> None:
    """What the client sees, whether the work was done, and what the log remembers."""
    script(played, fault)
    try:
        async with await played.work() as answer:
            seen = answer.status
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        seen = 0
    assert (seen, played.done) == (status, done)
    assert [(call["fault"], call["status"]) for call in await played.calls()] == [(fault.value, status)]


async def test_the_log_keeps_order_and_time(played: Played) -> None:
    """Numbers without gaps, both clocks, the summary; `after` gives the rest."""
    for _ in range(3):
        (await played.work()).close()
    calls = await played.calls()
    assert [call["number"] for call in calls] == [1, 2, 3]
    assert calls[0]["instant"] <= calls[0]["ended"] <= calls[1]["instant"]
    assert calls[0]["summary"] == {"dossier": "G16-1"}
    assert [call["number"] for call in await played.calls("?after=2")] == [3]
    async with played.session.get(played.url("/_simulator/calls?after=x")) as answer:
        assert answer.status == 422


async def test_faults_are_put_and_shown(played: Played) -> None:
    """`GET` gives what was `PUT`; nonsense changes nothing; an empty body ends all faults."""
    plan = {"seed": 3, "probability": {"http_500": 1.0}}
    async with played.session.put(played.url("/_simulator/faults"), data=json.dumps(plan)) as answer:
        assert answer.status == 200
    async with played.session.put(played.url("/_simulator/faults"), data=b'{"oops": 1}') as answer:
        assert answer.status == 422
    async with played.session.get(played.url("/_simulator/faults")) as answer:
        assert (await answer.json())["probability"] == {"http_500": 1.0}
    async with await played.work() as answer:
        assert answer.status == 500
    async with played.session.put(played.url("/_simulator/faults"), data=b"") as answer:
        assert answer.status == 200
    async with await played.work() as answer:
        assert answer.status == 200


async def test_an_outage_refuses_and_ends_by_itself(played: Played) -> None:
    """Connecting is refused for real, on the same port, and works again afterwards; who ordered it got an answer."""
    body = json.dumps({"script": [{"fault": "outage", "seconds": AWAY_S}]})
    async with played.session.put(played.url("/_simulator/faults"), data=body) as answer:
        assert answer.status == 200
    await refused(played.work)
    assert await answered(played.work) == 200


async def test_a_refusing_call_is_cut_and_shuts_the_door(played: Played) -> None:
    """The call that draws `refuse` is not done; the next ones cannot even connect."""
    script(played, FaultKind.REFUSE, 60.0)
    with pytest.raises(aiohttp.ClientError):
        await played.work()
    assert played.done == []
    await refused(played.work)


async def test_a_slow_upstream_commits_what_nobody_waits_for(played: Played) -> None:
    """A client that gave up does not stop the work: that is why an unknown outcome is enquired."""
    script(played, FaultKind.SLOW, 0.5)
    calling = asyncio.create_task(played.work())
    async with asyncio.timeout(60):
        while not played.simulation.log.calls:
            await asyncio.sleep(0.001)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert played.done == []
        while not played.done:
            await asyncio.sleep(0.01)
    assert played.done == [""]


async def test_a_canned_answer_is_given_word_for_word(played: Played) -> None:
    """Status, body and type as scripted; nothing is done."""
    canned = ScriptedFault(fault=FaultKind.ANSWER, status=418, body="ấm trà", content_type="text/plain")
    played.simulation.plan = FaultPlan(script=(canned,))
    async with await played.work() as answer:
        assert (answer.status, await answer.read(), played.done) == (418, "ấm trà".encode(), [])


async def test_a_taken_port_is_said_at_once(played: Played) -> None:
    """Two simulators on one port would share the calls."""
    with pytest.raises(OSError, match="in use"):
        async with opened(web.Application(), played.door.port):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_gracefully(number: signal.Signals) -> None:
    """SIGTERM and SIGINT close the door and return; the handlers of the process are put back."""
    app = web.Application()
    mount_control(app)
    doors: list[Door] = []
    serving = asyncio.create_task(run(app, 0, on_ready=doors.append))
    while not doors:
        await asyncio.sleep(0.005)
    health = f"http://127.0.0.1:{doors[0].port}/_simulator/health"
    async with aiohttp.ClientSession() as session, session.get(health) as answer:
        assert (await answer.json())["status"] == "ok"
    os.kill(os.getpid(), number)
    await asyncio.wait_for(serving, 60)
    with pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.ClientSession() as session:
            await session.get(f"http://127.0.0.1:{doors[0].port}/")


@pytest.mark.usefixtures("toy")
def test_the_command_serves_until_it_is_told_to_stop() -> None:
    """What `gateway simulate` runs: the named simulator on loopback, ended by a signal."""
    ports: list[int] = []

    def ready(door: Door) -> None:
        ports.append(door.port)
        os.kill(os.getpid(), signal.SIGTERM)

    main("toy_upstream", 0, {}, on_ready=ready)
    assert ports[0] > 0


def test_the_door_refuses_and_opens_again_on_the_faster_loop_too() -> None:
    """Simulators run on uvloop: an outage is as real there."""

    async def scenario() -> list[str]:
        app = web.Application()
        mount_control(app)
        seen = []
        async with opened(app) as door, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{door.port}/_simulator/outage"

            async def call() -> aiohttp.ClientResponse:
                return await session.post(url, data=b"{}")

            async with session.post(url, data=json.dumps({"seconds": AWAY_S})) as answer:
                seen.append(str(answer.status))
            await refused(call)
            seen.append("refused")
            seen.append(str(await answered(call)))
        return seen

    assert uvloop.run(scenario()) == ["200", "refused", "422"]


async def test_nobody_else_is_given_the_port_of_an_outage() -> None:
    """It refuses calls and stays taken, so that it can be opened again; closed for good it is free."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    door = Door(runner, "127.0.0.1", 0)
    await door.open()
    await door.shut()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", door.port))
    with socket.socket() as caller, pytest.raises(ConnectionRefusedError):
        caller.connect(("127.0.0.1", door.port))
    await door.open()
    with socket.socket() as caller:
        caller.connect(("127.0.0.1", door.port))
    await door.close()
    await runner.cleanup()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", door.port))


async def test_an_outage_needs_a_door_of_our_own() -> None:
    """Behind somebody else's socket nothing can be refused, and that is said."""
    app = web.Application()
    mount_control(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/_simulator/outage"
        async with aiohttp.ClientSession() as session, session.post(url, data=b'{"seconds": 1}') as answer:
            assert answer.status == 409
    finally:
        await runner.cleanup()


async def test_a_door_that_never_opened_gives_its_port_back() -> None:
    """Somebody else may listen there at once."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    door = Door(runner, "127.0.0.1", 0)
    await door.close()
    async with opened(web.Application(), door.port) as other:
        assert other.port == door.port
    await runner.cleanup()


def test_a_long_run_forgets_its_oldest_calls_and_keeps_the_count() -> None:
    """Hours of load must not fill the memory; numbers go on, so that `after` stays right."""
    log = CallLog(now=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    for _ in range(200_001):
        log.begin("work", {})
    assert (len(log.calls), log.calls[0].number, log.calls[-1].number) == (180_001, 20_001, 200_001)
