"""Answers to calls on a journal of each driver: made of what is durable, and honest where nothing could be stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler

from connectors.kit.contract import Audience, Change, Endpoint, Notice, Reading, Reply
from connectors.kit.declarations import Declarations, EndpointSpec, ListenerSpec
from connectors.kit.manifest import Manifest
from gateway.clock import Clock
from gateway.errors import IntakeError
from gateway.intake.accept import Door
from gateway.intake.authenticate import Authenticator
from gateway.intake.endpoints import ConnectorCalls, Desk, Window
from gateway.intake.validate import Limits
from tests.integration.ledgers.conftest import Books, Drivers, change

ASKED = EndpointSpec(method="POST", path="/lend", audience="edge", capability="toy.lend", summary="Cho mượn")
HEARD = ListenerSpec(profiles=("v1",))
MANIFEST = Manifest("toy", "Đồ chơi", "", (), (), {}, {}, declared=Declarations((ASKED,), HEARD))
AGAIN = Reply(500, b"again", "text/plain")


@dataclass
class Guest:
    """A connector that takes `inputs` on by both ways and looks at its ledger afterwards."""

    books: Books
    inputs: tuple[Change, ...] = (change(),)
    unstored: Reply | None = AGAIN
    reach: list[str] = field(default_factory=list)

    def endpoints(self) -> Sequence[Endpoint]:
        """One, on the edge."""
        return (Endpoint("POST", "/lend", Audience.EDGE, self.lend),)

    async def lend(self, _notice: Notice) -> Reply:
        """What is answered is decided when the change is durable; changes of that answer count for nothing."""
        ignored = (change("m-9", "returned"),)

        async def then() -> Reply:
            loan = await self.books.loan()
            body = str(loan.version if loan is not None else 0).encode()
            return Reply(201, body, "text/plain", inputs=ignored, then=then)

        return Reply(500, b"too early", inputs=self.inputs, then=then)

    async def read(self, _notice: Notice) -> Reading:
        """A notice in the words of its sender."""
        return Reading(self.inputs, body=b"taken", unstored=self.unstored)

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def calls(guest: Guest) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """The routes of the guest, served as the edge serves them."""
    window = Window(10_000, 5.0)
    door = Door(cast(Authenticator, None), Limits(10_000, 8, ()), guest.books.journal, Clock())
    mounted = ConnectorCalls(Desk(door, guest.books.taker, guest.reach.append), window, window)
    app = web.Application(middlewares=[_problems])
    for route in mounted.mounted("toys", guest, MANIFEST):
        app.router.add_route(route.method, route.path, route.handler)
    async with TestClient(TestServer(app)) as client:
        yield client


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except IntakeError as error:
        return web.Response(status=error.status, text=error.code)


async def test_an_answer_is_made_when_its_changes_are_durable(driver: Drivers) -> None:
    """It reads what became of them, by then past the point where a death would lose anything; its own changes are none."""
    async with driver.books() as books, calls(guest := Guest(books)) as client:
        answer = await client.post("/lend")
        assert (answer.status, await answer.text()) == (201, "1")
        assert guest.reach == ["endpoint.before_answer"]
        loan = await books.loan()
        assert loan is not None and loan.version == 1


async def test_an_answer_that_cannot_be_made_later_leaves_the_changes_stored(driver: Drivers) -> None:
    """The caller hears that it may ask again, and what it asked for stands."""

    class Slow(Guest):
        async def lend(self, _notice: Notice) -> Reply:
            async def then() -> Reply:
                raise TimeoutError

            return Reply(201, inputs=self.inputs, then=then)

    async with driver.books() as books, calls(Slow(books)) as client:
        answer = await client.post("/lend")
        assert (answer.status, await answer.text()) == (503, "upstream_unavailable")
        assert await books.loan() is not None


async def test_a_notice_that_could_not_be_stored_is_answered_in_its_senders_words(driver: Drivers) -> None:
    """The store is gone: nothing is acknowledged, and the sender is told to come again as its protocol says it."""
    async with driver.books() as books, calls(Guest(books)) as client:
        await books.journal.close()
        answer = await client.post("/v1/callbacks/toys/v1")
        assert (answer.status, await answer.text()) == (500, "again")


async def test_a_notice_that_no_ledger_understands_is_never_acknowledged(driver: Drivers) -> None:
    """A fault of the connector is ours, not the sender's: it keeps its notice and tells us again."""
    async with driver.books() as books:
        odd = Guest(books, (replace(change(), ledger="parcels"),))
        async with calls(odd) as client:
            answer = await client.post("/v1/callbacks/toys/v1")
            assert (answer.status, await answer.text(), odd.reach) == (500, "again", [])


async def test_without_words_of_its_own_a_sender_gets_ours(driver: Drivers) -> None:
    """A problem document that says busy, and no acknowledgement."""
    async with driver.books() as books, calls(Guest(books, unstored=None)) as client:
        await books.journal.close()
        answer = await client.post("/v1/callbacks/toys/v1")
        assert (answer.status, await answer.text()) == (503, "busy")


async def test_a_document_about_a_person_is_in_the_trail_before_it_is_handed_on(driver: Drivers) -> None:
    """By the dossier that it belongs to; where the trail cannot be written, nobody gets it."""

    class Shows(Guest):
        async def lend(self, _notice: Notice) -> Reply:
            return Reply(200, b"%PDF-", "application/pdf", shows=("receipts/r-1", "D-1"))

    async with driver.books() as books, calls(Shows(books)) as client:
        assert await (await client.post("/lend")).read() == b"%PDF-"
        [row] = await books.told("personal.read")
        assert row.dossier == "D-1"
        assert b'"toys/receipts/r-1"' in row.fields and b'"POST /lend"' in row.fields
        await books.journal.close()
        answer = await client.post("/lend")
        assert answer.status == 503 and b"%PDF-" not in await answer.read()
