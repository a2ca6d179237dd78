"""Beats and seats by contract: what one start holds nobody else holds, and a silent one loses it only when its lease ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import JournalUnavailable
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.model import Beat, Beaten, DeliveryState, SeatWish, UpstreamRow
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.store import Journal
from tests.postgres import Server
from tests.unit.journal.conftest import KEK, START, Desk, Drivers, Turned, chain, decide

LONG = timedelta(hours=1)
GONE = timedelta()
"""A lease that is over at once: what others see of a start that was silent for long enough."""


def wish(wanted: int, seats: int = 4, name: str = "portal", lease: timedelta = LONG) -> Beat:
    """A beat with one wish."""
    return Beat(demands={name: wanted}, wishes=(SeatWish(name, seats, wanted, lease),))


@dataclass
class House:
    """Several nodes of one store. Each has a wall clock of its own, hours away from the others."""

    kind: str
    dsn: str = ""
    store: MemoryStore = field(default_factory=MemoryStore)
    opened: list[Journal] = field(default_factory=list)

    def open(self, node: str) -> Journal:
        """One more start of a node."""
        ahead = timedelta(hours=7 * len(self.opened))
        turned = Turned(START + (ahead if self.kind == "postgres" else timedelta()))
        if self.kind == "memory":
            memory = MemoryJournal(self.store, decide=decide, chain=chain, clock=turned.clock(), node=node)
            self.opened.append(memory)
            return memory
        options = DatabaseOptions(node, self.dsn, KEK)
        shared = PostgresJournal.open(options, decide=decide, chain=chain, clock=turned.clock())
        self.opened.append(shared)
        return shared


@pytest.fixture(params=["memory", "postgres"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A store that several nodes can share, fresh for each test."""
    with _house(request) as made:
        yield made
        for journal in made.opened:
            await journal.close()


@contextmanager
def _house(request: pytest.FixtureRequest) -> Iterator[House]:
    if request.param == "memory":
        yield House("memory")
        return
    server: Server = request.getfixturevalue("server")
    made = House("postgres", server.database())
    yield made
    server.drop(made.dsn)


async def test_alone_every_wish_is_granted(driver: Drivers) -> None:
    """On every store, and never more than there are seats; what is given back is gone."""
    async with driver.desk() as desk:
        beaten = await desk.journal.beat(wish(9))
        assert beaten.held == {"portal": 4} and not beaten.deposed
        (row,) = beaten.nodes
        assert (row.node, row.start != "", row.without_redis, row.demands) == ("node-1", True, False, {"portal": 9})
        assert row.silent_s < 60
        assert (await desk.journal.beat(wish(1))).held == {"portal": 1}
        (row,) = (await desk.journal.beat(Beat(generation="g1", version="0.1.0"))).nodes
        assert (row.generation, row.version) == ("g1", "0.1.0")
        last = await desk.journal.beat(Beat(last=True))
        assert last.held == {} and [row.start for row in last.nodes] == [""]


async def test_a_seat_is_held_by_one_start_at_a_time(house: House) -> None:
    """Whoever comes later gets what is left, and what is given back; clocks that are hours apart change nothing."""
    one, two = house.open("one"), house.open("two")
    assert (await one.beat(wish(3))).held == {"portal": 3}
    assert (await two.beat(wish(4))).held == {"portal": 1}
    assert (await one.beat(wish(3))).held == {"portal": 3}, "renewed"
    assert (await one.beat(wish(1))).held == {"portal": 1}
    assert (await two.beat(wish(4))).held == {"portal": 3}
    assert (await one.beat(wish(4))).held == {"portal": 1}
    assert (await one.beat(Beat())).held == {}, "what is wished no longer is given back"
    assert (await two.beat(wish(4))).held == {"portal": 4}


async def test_a_silent_start_loses_its_seats_when_its_lease_ends_and_no_sooner(house: House) -> None:
    """The negative half first: a lease that still runs is nobody else's, however silent its holder is."""
    one, two = house.open("one"), house.open("two")
    await one.beat(wish(4))
    assert (await two.beat(wish(4))).held == {}
    await one.beat(wish(4, lease=GONE))
    assert (await two.beat(wish(4))).held == {"portal": 4}
    assert (await one.beat(wish(4))).held == {}, "it comes back and finds them taken"


async def test_everybody_sees_who_beats_and_what_they_are_without(house: House) -> None:
    """Also who stopped by itself; a journal that was opened and never beat is no node."""
    one, two = house.open("one"), house.open("two")
    house.open("a-visitor")
    await one.beat(Beat(without_redis=True, generation="g1", version="0.1.0"))
    seen = (await two.beat(wish(2))).nodes
    assert [(row.node, row.without_redis, row.demands) for row in seen] == [
        ("one", True, {}),
        ("two", False, {"portal": 2}),
    ]
    assert [(row.generation, row.version) for row in seen] == [("g1", "0.1.0"), ("", "")]
    assert all(0 <= row.silent_s < 60 for row in seen), "by the store's clock, whatever the nodes' clocks show"
    await one.beat(Beat(last=True, generation="g2", version="0.2.0"))
    assert [(row.node, row.generation, row.version) for row in await two.nodes()] == [
        ("one", "g2", "0.2.0"),
        ("two", "", ""),
    ]
    assert [(row.node, bool(row.start), row.held) for row in await two.nodes()] == [
        ("one", False, {}),
        ("two", True, {"portal": 2}),
    ]


async def test_a_start_whose_name_was_taken_holds_nothing(house: House) -> None:
    """Two processes under one name: the later one beats, the earlier one learns that it must stop."""
    early = house.open("one")
    await early.beat(wish(2))
    late = house.open("one")
    assert (await late.beat(wish(4))).held == {"portal": 4}, "an earlier start of this node is taken for dead"
    beaten = await early.beat(wish(2))
    assert beaten.deposed and beaten.held == {}
    assert [row.demands for row in beaten.nodes] == [{"portal": 4}]


@pytest.mark.parametrize("first", ["early", "late"])
async def test_of_two_starts_at_one_moment_the_one_that_may_write_holds_the_seats(house: House, first: str) -> None:
    """Whoever beats first: the other one takes nothing from it, neither with its beat nor with its end."""
    early, late = house.open("one"), house.open("one")
    if first == "late":
        assert (await late.beat(wish(4))).held == {"portal": 4}
    beaten = await early.beat(wish(4))
    assert beaten.deposed and beaten.held == {}
    kept = await late.beat(wish(4))
    assert kept.held == {"portal": 4} and not kept.deposed
    assert (await early.beat(Beat(last=True))).deposed
    kept = await late.beat(wish(4))
    assert kept.held == {"portal": 4} and not kept.deposed


async def test_a_restart_takes_over_what_is_not_under_a_call_of_the_dead_one(house: House) -> None:
    """What it had claimed, and a source that it followed, may still be at work outside: these seats wait for their lease."""
    early = house.open("one")
    desk = Desk(early, Turned(), Path("/nonexistent"))
    for n in range(3):
        await desk.accept(desk.event(1, f"dossier-{n}"))
    _, second, _ = await desk.claim(limit=3)
    assert await desk.settle(second, DeliveryState.DELIVERED)
    await early.beat(
        Beat(wishes=(SeatWish("portal", 5, 5, LONG), SeatWish("other", 2, 2, LONG), SeatWish("alone:x", 1, 1, LONG)))
    )
    await early.beat(
        Beat(
            wishes=(
                SeatWish("portal", 5, 5, LONG),
                SeatWish("other", 2, 2, LONG),
                SeatWish("alone:poll:other:p", 1, 1, LONG),
            )
        )
    )
    late = house.open("one")
    assert (await late.beat(Beat())).held == {}
    wanted = Beat(
        wishes=(SeatWish("portal", 5, 5, LONG), SeatWish("other", 2, 2, LONG), SeatWish("alone:x", 1, 1, LONG))
    )
    assert (await late.beat(wanted)).held == {"portal": 3, "other": 1, "alone:x": 1}


async def test_a_beat_shows_what_stands_of_the_upstreams(house: House) -> None:
    """What another node wrote of breaker and pause is there with the next beat."""
    one, two = house.open("one"), house.open("two")
    row = UpstreamRow("portal", "open", START, "bảo trì")
    await one.remember_upstream(row)
    assert (await two.beat(Beat())).upstreams == (row,)


async def test_many_starts_that_ask_at_once_never_hold_more_than_there_is(house: House) -> None:
    """Each seat has one holder in the answers of every round, and no round deadlocks."""
    nodes = [house.open(f"node-{n}") for n in range(4)]
    for round_ in range(12):
        wanted = [(round_ + 3 * n) % 7 for n in range(4)]
        answers = await asyncio.gather(
            *(
                node.beat(Beat(wishes=(SeatWish("a", 5, want, LONG), SeatWish("b", 3, 3 - want % 3, LONG))))
                for node, want in zip(nodes, wanted, strict=True)
            )
        )
        for name, seats in (("a", 5), ("b", 3)):
            assert sum(answer.held.get(name, 0) for answer in answers) <= seats
    settled: Beaten = await nodes[0].beat(Beat())
    assert len(settled.nodes) == 4


async def test_a_closed_journal_beats_no_more(house: House) -> None:
    """It says so like every other operation."""
    journal = house.open("one")
    await journal.close()
    with pytest.raises(JournalUnavailable):
        await journal.beat(Beat())
