"""The clock of the database server is set, ahead or back, while nodes hold seats: no seat has two holders, none is lost."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from gateway.clock import Clock
from gateway.journal.model import Beat, SeatWish
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from tests.postgres import Server
from tests.unit.journal.conftest import KEK, chain, decide

HOUR_S, LEASE_S = 3_600.0, 60.0
WISH = Beat(wishes=(SeatWish("portal", 4, 4, timedelta(seconds=LEASE_S)),))
SEATS = {"portal": 4}


@dataclass
class House:
    """A database whose server's clock can be set; true time passes for it and for all nodes alike."""

    server: Server
    dsn: str
    passed_s: float = 0.0
    opened: list[PostgresJournal] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the database."""
        return self.dsn.rpartition("/")[2]

    def open(self, node: str) -> PostgresJournal:
        """Start a node."""
        clock = Clock(instant=lambda: time.clock_gettime(time.CLOCK_BOOTTIME) + self.passed_s)
        options = DatabaseOptions(node, self.dsn, KEK, server_time=True)
        self.opened.append(PostgresJournal.open(options, decide=decide, chain=chain, clock=clock))
        return self.opened[-1]

    def make_settable(self) -> None:
        """From the next connection on the server shows its clock with what it was set by: no statement names the real one."""
        self.server.execute(
            self.name,
            """
            CREATE SCHEMA shifted;
            CREATE TABLE shifted.step AS SELECT interval '0' AS by;
            CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
              AS 'SELECT pg_catalog.clock_timestamp() + by FROM shifted.step';
            """
            f"ALTER DATABASE {self.name} SET search_path = shifted, pg_catalog, public",
        )

    def set_by(self, seconds: float) -> None:
        """The server's clock is set."""
        self.server.execute(self.name, f"UPDATE shifted.step SET by = by + interval '{seconds} seconds'")

    def passes(self, seconds: float) -> None:
        """Time passes truly."""
        self.passed_s += seconds
        self.set_by(seconds)


@pytest.fixture
async def house(server: Server) -> AsyncIterator[House]:
    """Tables on a server whose clock can be set."""
    made = House(server, server.database())
    await made.open("maker").close()
    made.opened.clear()
    made.make_settable()
    yield made
    for journal in made.opened:
        await journal.close()
    server.drop(made.dsn)


@pytest.mark.parametrize("step_s", [LEASE_S / 2, LEASE_S + 1, HOUR_S])
async def test_a_server_that_is_set_ahead_gives_no_seat_away_before_its_lease_has_truly_ended(
    house: House, step_s: float
) -> None:
    """Neither of a node that lives and of one that fell silent; a start that came after the step cannot know of it (0037)."""
    one, two = house.open("one"), house.open("two")
    assert (await one.beat(WISH)).held == SEATS
    assert (await two.beat(WISH)).held == {}
    house.set_by(step_s)
    assert (await two.beat(WISH)).held == {}
    assert (await one.beat(WISH)).held == SEATS, "who lives renews"
    house.set_by(step_s)
    house.passes(LEASE_S - 5)
    assert (await two.beat(WISH)).held == {}, "its call may still be under way"
    assert (await house.open("late").beat(WISH)).held == SEATS, "without the memory of the step they seem free"


@pytest.mark.parametrize("step_s", [LEASE_S / 2, HOUR_S])
async def test_after_a_step_ahead_a_silent_holder_loses_its_seats_when_its_lease_ends(
    house: House, step_s: float
) -> None:
    """Nothing is stranded: the true time counts; and what is given back is free at once."""
    one, two = house.open("one"), house.open("two")
    assert (await one.beat(WISH)).held == SEATS
    house.set_by(step_s)
    assert (await two.beat(WISH)).held == {}
    house.passes(LEASE_S + 1)
    assert (await two.beat(WISH)).held == SEATS
    assert (await one.beat(WISH)).held == {}
    assert (await two.beat(Beat(last=True))).held == {}
    assert (await one.beat(WISH)).held == SEATS


async def test_a_server_that_is_set_back_strands_a_seat_for_two_leases_at_most(house: House) -> None:
    """Who lives keeps what it has; what a silent one held is cut to two leases by the first who wants it, and never too soon."""
    one, two = house.open("one"), house.open("two")
    assert (await one.beat(WISH)).held == SEATS
    house.set_by(-HOUR_S)
    assert (await two.beat(WISH)).held == {}
    assert (await one.beat(WISH)).held == SEATS
    house.set_by(-HOUR_S)
    house.passes(LEASE_S - 5)
    assert (await two.beat(WISH)).held == {}
    house.passes(2 * LEASE_S + 1)
    assert (await two.beat(WISH)).held == SEATS
