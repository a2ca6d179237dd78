"""Pollers on a real journal: one page after another without loss or repeat, within the limits of their upstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from connectors.kit.contract import Page
from connectors.kit.declarations import PollerSpec
from connectors.kit.errors import CredentialsRefused, NotSent
from gateway.bootstrap import guests
from gateway.clock import Clock
from gateway.config import Breaker, Retry, Upstream
from gateway.coordination.memory import MemoryCoordination
from gateway.dispatch.polling import Came, PollDesk, Polled, PolledPage, Polling, PollLine, Stored
from gateway.dispatch.replay import Switch
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.dispatch.worker import Worker
from gateway.records import ledgers
from tests.integration.ledgers.conftest import Books, Drivers, change

QUICK = PollerSpec(every_s=0.01)


@dataclass
class Source:
    """A list that grows; pages of two, the cursor counts. `trouble` is raised instead, as often as it is listed."""

    held: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def poll(self, cursor: str) -> Page:
        """The next page."""
        self.asked.append(cursor)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if self.trouble:
            raise self.trouble.pop(0)
        after = int(cursor or 0)
        page = self.held[after : after + 2]
        changes = tuple(change(key, id=key) for key in page)
        return Page(changes, str(after + len(page)) if after + len(page) else "", after + len(page) < len(self.held))

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class Watched:
    """Polling that runs, and what it told."""

    books: Books
    source: Source
    worker: Worker
    runs: list[Polled] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self, run: Polled) -> None:
        """Note a run."""
        self.runs.append(run)
        self.news.set()

    async def until(self, came: Came, times: int = 1) -> None:
        """Wait for the n-th run that came to this."""
        async with asyncio.timeout(60):
            while sum(run.came is came for run in self.runs) < times:
                self.news.clear()
                await self.news.wait()

    async def cursor(self) -> str:
        """Where the cursor stands."""
        kept = ledgers.read_cursor(await self.books.journal.record(ledgers.cursor_key("toys", "changes")))
        return kept.cursor if kept is not None else ""


@asynccontextmanager
async def polling(books: Books, source: Source, spec: PollerSpec = QUICK) -> AsyncIterator[Watched]:
    """Polling of `source` on a real clock, stopped at the end."""
    clock = Clock()
    settings = Upstream(
        connector="toy",
        rate_per_s=10_000.0,
        burst=1_000,
        retry=Retry(base_s=0.001, cap_s=0.01),
        breaker=Breaker(failures=3, open_s=0.05),
    )
    line = UpstreamLine("toys", settings, source, {})
    coordination = MemoryCoordination(clock)
    worker = Worker({"toys": line}, books.journal, coordination, clock)
    watched = Watched(books, source, worker)
    hooks = Hooks(alarm=lambda code, _upstream, _text: watched.alarms.append(code))

    async def commit(page: PolledPage) -> Stored:
        return await guests.store_page(books.taker, page)

    desk = PollDesk(worker, books.journal, coordination, clock, commit, hooks, watched.told)
    running = Polling([PollLine(line, "changes", source, spec)], desk)
    task = asyncio.create_task(running.run())
    try:
        yield watched
    finally:
        running.stop()
        async with asyncio.timeout(60):
            await task


async def test_pages_follow_each_other_until_there_is_no_more(driver: Drivers) -> None:
    """Five rows are three pages; then the source is asked from its end, and nothing is stored for saying nothing."""
    async with driver.books() as books, polling(books, Source([f"k{n}" for n in range(5)])) as watched:
        await watched.until(Came.NOTHING_NEW)
        assert watched.source.asked[:4] == ["", "2", "4", "5"]
        assert [run.changed for run in watched.runs[:3]] == [2, 2, 1]
        leaves = len(await books.told())
        await watched.until(Came.NOTHING_NEW, 3)
        assert len(await books.told()) == leaves
        assert watched.source.most == 1


async def test_a_claim_on_its_way_keeps_a_page_back_for_no_longer_than_it_takes(
    driver: Drivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its places may be free again at once, so they are looked at soon, and not as seldom as an upstream that is paused."""
    monkeypatch.setattr("gateway.dispatch.polling.LOOK_S", 3_600.0)
    async with driver.books() as books, polling(books, Source(["k0"])) as watched:
        standing = await watched.worker.standing("toys")
        standing.promise(4)
        looks, room = 0, standing.room

        def counted(for_s: float) -> bool:
            nonlocal looks
            looks += 1
            return room(for_s)

        monkeypatch.setattr(standing, "room", counted)
        async with asyncio.timeout(60):
            while looks < 2:
                await asyncio.sleep(0.01)
        assert watched.source.asked == [], "all places are promised"
        standing.promise(-4)
        await watched.until(Came.PAGE)


async def test_it_goes_on_where_it_stopped(driver: Drivers) -> None:
    """The cursor outlives the process; what came meanwhile is read, what was read is not read again."""
    source = Source(["k0", "k1", "k2"])
    async with driver.books() as books, polling(books, source) as watched:
        await watched.until(Came.NOTHING_NEW)
    source.held.append("k3")
    source.asked.clear()
    async with driver.books() as books, polling(books, source) as watched:
        await watched.until(Came.PAGE)
        assert source.asked[0] == "3" and [run.changed for run in watched.runs if run.changed] == [1]


async def test_trouble_is_waited_out_and_told_once(driver: Drivers) -> None:
    """Failures wait longer each time; a person hears of it after five in a row, and the page is not lost."""
    source = Source(["k0"], trouble=[RuntimeError("a fault of the connector") for _ in range(7)])
    async with driver.books() as books, polling(books, source) as watched:
        await watched.until(Came.PAGE)
        assert sum(run.came is Came.FAILED for run in watched.runs) == 7
        assert watched.alarms.count("poll.failed") == 1
        assert await books.loan("k0") is not None


async def test_an_upstream_that_cannot_be_reached_opens_the_breaker_for_pollers_too(driver: Drivers) -> None:
    """It is pressed no harder than by deliveries; when its time has come one call looks, and it closes again."""
    source = Source(["k0"], trouble=[NotSent() for _ in range(3)])
    async with driver.books() as books, polling(books, source) as watched:
        await watched.until(Came.PAGE)
        assert [row.kind for row in await books.told() if row.kind.startswith("breaker")] == [
            "breaker.opened",
            "breaker.closed",
        ]
        assert len(source.asked) >= 4


async def test_a_set_up_at_fault_pauses_the_upstream_until_a_person_resumes_it(driver: Drivers) -> None:
    """Asking again with refused credentials would lock the account; the pause is durable and audited."""
    source = Source(["k0"], trouble=[CredentialsRefused()])
    async with driver.books() as books, polling(books, source) as watched:
        await watched.until(Came.FAILED)
        assert (await books.journal.upstream("toys")).paused and len(await books.told("upstream.paused")) == 1
        asked = len(source.asked)
        standing = await watched.worker.standing("toys")
        assert standing.allowance() == 0
    async with driver.books() as books, polling(books, source) as watched:
        await asyncio.sleep(0)
        assert len(source.asked) == asked
        await watched.worker.switch(Switch(("toys",), False, "Đã đổi mật khẩu của kết nối", "operator-1"))
        await watched.until(Came.PAGE)


async def test_a_page_that_no_ledger_understands_is_not_passed_over(driver: Drivers) -> None:
    """Its cursor stays: a mended connector reads it again, and nothing between was lost."""

    class Odd(Source):
        async def poll(self, cursor: str) -> Page:
            page = await super().poll(cursor)
            if self.trouble_left > 0 and page.inputs:
                self.trouble_left -= 1
                return Page((change("k0", ledger="parcels"),), page.cursor)
            return page

        trouble_left = 2

    async with driver.books() as books, polling(books, Odd(["k0"])) as watched:
        await watched.until(Came.FAILED, 2)
        await watched.until(Came.PAGE)
        assert await watched.cursor() == "1" and await books.loan("k0") is not None


async def test_a_daily_run_is_remembered_even_when_it_brought_nothing(driver: Drivers) -> None:
    """Otherwise each restart would run it again."""
    source = Source([])
    spec = PollerSpec(daily_at="01:30")
    async with driver.books() as books, polling(books, source, spec) as watched:
        await watched.until(Came.NOTHING_NEW)
        kept = ledgers.read_cursor(await books.journal.record(ledgers.cursor_key("toys", "changes")))
        assert kept is not None


async def test_another_node_that_was_faster_is_not_overruled(driver: Drivers) -> None:
    """Its page stands; ours is dropped and asked for again from where the cursor is now."""
    source = Source(["k0", "k1", "k2"])
    async with driver.books() as books:

        class Slow(Source):
            async def poll(self, cursor: str) -> Page:
                page = await source.poll(cursor)
                if cursor == "":
                    other = PolledPage("toys", "changes", "", page)
                    assert (await guests.store_page(books.taker, other)).moved
                return page

        async with polling(books, Slow()) as watched:
            await watched.until(Came.NOTHING_NEW)
            assert watched.runs[0].came is Came.OVERTAKEN
            assert sorted(row.actor for row in await books.told("ledger.changed")) == ["upstream:toys"] * 3
