"""A receipt that says `sync-standby` is answered when a standby has it on its disk, and by no server that waits for none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demonstration.servers import PostgresServer, ServerFailed
from gateway.errors import ConfigError, JournalUnavailable
from gateway.evidence.log import chain
from gateway.journal.model import Decision, Intake, Situation
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import READ_ONLY, BlockingSession, DatabaseOptions
from tests.line.program import until
from tests.postgres import Server, standby_of, wait_for_standby


@pytest.fixture(scope="module")
def pair(database_server: Server) -> Iterator[tuple[Server, Server]]:
    """A server and its standby."""
    with standby_of(database_server) as standby:
        yield database_server, standby


@pytest.fixture
def replicated(pair: tuple[Server, Server]) -> Iterator[tuple[Server, Server]]:
    """The pair while the server waits for its standby; other tests of the session find it as it was."""
    server, standby = pair
    if standby.process is None or standby.process.poll() is not None:
        standby.start()  # or whatever comes now would wait for it without end
    wait_for_standby(server, "*")
    yield server, standby
    wait_for_standby(server, "")


async def test_a_session_that_came_to_a_standby_asks_the_next_host(pair: tuple[Server, Server]) -> None:
    """Also where the connection string does not say that it wants the host that takes writings."""
    server, standby = pair
    if standby.process is None or standby.process.poll() is not None:
        standby.start()
    dsn = f"postgresql://gateway@127.0.0.1:{standby.port},127.0.0.1:{server.port}/postgres"

    def written() -> bool:
        with closing(BlockingSession(DatabaseOptions("one", dsn, bytes(32)))) as session:
            session.begin()
            with pytest.raises(READ_ONLY):
                session.run("CREATE TEMPORARY TABLE it (n bigint)")
            session.begin()
            session.run("CREATE TEMPORARY TABLE it (n bigint)")
            session.run("ROLLBACK")
            return True

    assert await asyncio.to_thread(written)


def _shows(standby: PostgresServer, dsn: str, receipts: str) -> None:
    """What is on the standby's disk is shown there a moment later."""

    def shown() -> bool:
        with suppress(ServerFailed):
            return standby.say("SELECT count(*) FROM receipt", dsn.rpartition("/")[2]) == receipts
        return False

    until(shown, f"{receipts} receipts on the standby")


def _open(dsn: str, turned: Any, **changes: Any) -> PostgresJournal:
    options = replace(DatabaseOptions("node-1", dsn, bytes(32), replicated=True, answer_s=2.0), **changes)
    return PostgresJournal.open(options, decide=_drawn, chain=chain, clock=turned.clock())


def _drawn(situation: Situation, intake: Intake) -> Decision:
    assert isinstance(intake.subject, Decision)
    known = situation.known_receipt
    return intake.subject if known is None else Decision(known, 200, store=False)


def test_a_server_that_waits_for_no_standby_is_refused(dsn: str, turned: Any) -> None:
    """Nothing is made in its database; the message names both settings. A store that promises less opens."""
    with pytest.raises(ConfigError, match=r"sync-standby.*synchronous_standby_names"):
        _open(dsn, turned)
    asyncio.run(_open(dsn, turned, replicated=False).close())


async def test_nothing_is_answered_that_the_standby_does_not_hold(
    replicated: tuple[Server, Server], desk_type: Any, turned: Any, tmp_path: Path
) -> None:
    """With a standby: accepted, and found on its disk. Without: no answer. Back again: the same event is taken, or known."""
    server, standby = replicated
    dsn = server.database()
    with pytest.raises(ConfigError, match="synchronous_commit"):
        _open(dsn, turned, synchronous_commit="off")
    journal = _open(dsn, turned)
    desk = desk_type(journal, turned, tmp_path)
    try:
        await desk.taken(desk.event(1))
        _shows(standby, dsn, "1")
        await asyncio.to_thread(standby.stop)
        told = Intake("note", "SRC", "k1", "d1", bytes(32), b"raw", Decision(b"{}", 202))
        both = await asyncio.gather(desk.accept(desk.event(2)), journal.accept(told), return_exceptions=True)
        assert [type(one) for one in both] == [JournalUnavailable] * 2
        # The second time the receipts are there, and the standby has them as little as before: also where no lane is held.
        with pytest.raises(JournalUnavailable):
            await desk.accept(desk.event(2))
        with pytest.raises(JournalUnavailable):
            await journal.accept(told)
        standby.start()  # here: it ends with the thread that started it
        assert (await desk.taken(desk.event(2))).status in (200, 202)
        assert (await journal.accept(told)).status in (200, 202)
        _shows(standby, dsn, "3")
        await asyncio.to_thread(wait_for_standby, server, "")
        assert await journal.ready()
        with pytest.raises(JournalUnavailable):
            await desk.accept(desk.event(3))
    finally:
        await journal.close()
        server.drop(dsn)


@dataclass(frozen=True)
class Waiting:
    """An accept whose commit waits for a standby that is away."""

    server: Server
    name: str
    answer: asyncio.Task[Any]

    def look(self, sql: str) -> str:
        """Ask about the sessions of the node that wait for the standby."""
        return self.server.say(
            f"{sql} FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name ~ 'node-1'"
        )


@pytest.fixture
async def waiting(
    replicated: tuple[Server, Server], desk_type: Any, turned: Any, tmp_path: Path
) -> AsyncIterator[Waiting]:
    """One event is accepted; of a second one the commit waits, and would wait for a minute."""
    server, standby = replicated
    dsn = server.database()
    journal = _open(dsn, turned, answer_s=60.0)
    desk = desk_type(journal, turned, tmp_path)
    await desk.accept(desk.event(1))
    standby.stop()
    made = Waiting(server, dsn.rpartition("/")[2], asyncio.create_task(desk.accept(desk.event(2))))
    await asyncio.to_thread(until, lambda: made.look("SELECT count(*)") == "1", "the commit waits for the standby")
    yield made
    await asyncio.gather(made.answer, return_exceptions=True)
    standby.start()
    wait_for_standby(server, "*")
    await journal.close()
    server.drop(dsn)


async def test_a_wait_for_the_standby_that_a_person_breaks_off_is_no_receipt(waiting: Waiting) -> None:
    """PostgreSQL then commits on its own disk and says success, with a warning beside it: nobody is told 202 for that."""
    assert waiting.look("SELECT pg_cancel_backend(pid)") == "t"
    with pytest.raises(JournalUnavailable):
        await waiting.answer
    assert waiting.server.say("SELECT count(*) FROM receipt", waiting.name) == "2", "stored here, promised to nobody"


async def test_a_wait_that_ends_because_no_standby_is_named_any_more_is_no_receipt(waiting: Waiting) -> None:
    """Taking the names away lets every waiting commit go, without a word of the server."""
    await asyncio.to_thread(wait_for_standby, waiting.server, "")
    with pytest.raises(JournalUnavailable):
        await waiting.answer


async def test_a_session_that_is_ended_while_it_waits_for_the_standby_gives_no_receipt(waiting: Waiting) -> None:
    """Its end is not known to the node; the same event is known later, when the standby has it."""
    assert waiting.look("SELECT pg_terminate_backend(pid)") == "t"
    with pytest.raises(JournalUnavailable):
        await waiting.answer
