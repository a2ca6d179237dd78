"""Nodes on one PostgreSQL whose clocks agree on nothing and are set in mid-run, and a server whose clock is set."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from connectors.kit.errors import NotSent
from gateway.clock import Clock, utc_now
from gateway.journal.model import DeliveryState
from tests.integration.dispatch.test_several_nodes import Node, Street
from tests.postgres import Server

HOUR = timedelta(hours=1)


@dataclass
class Town(Street):
    """Every node has a wall clock of its own, hours from the others; the monotonic one runs as it does."""

    server_time: bool = True
    walls: dict[str, timedelta] = field(default_factory=lambda: {"one": 3 * HOUR, "two": -5 * HOUR})

    def clock_of(self, name: str) -> Clock:
        """Read anew each time, so that a test can set it."""
        return Clock(lambda: utc_now() + self.walls[name])


@pytest.fixture
def street(database_server: Server) -> Iterator[Town]:
    """An empty database with nobody on it."""
    made = Town(database_server.database())
    yield made
    database_server.drop(made.dsn)


async def test_wall_clocks_that_are_set_in_mid_run_matter_to_nobody(street: Town) -> None:
    """Calls under way are not handed over, what is accepted or waits is due when it should be, nothing is sent twice."""
    async with street.two() as (one, two):
        street.outside.gate.clear()
        await street.push(one, *(f"D{n}" for n in range(8)))
        await street.until(lambda: street.outside.under_way == 4, street.beats)
        for name, step in (("one", -2 * HOUR), ("two", 9 * HOUR)):
            street.walls[name] += step
        street.outside.script["W1"] = [NotSent()]
        await street.push(one, "E1", "W1")
        await street.push(two, "E2")
        street.walls["one"] += 30 * HOUR
        for _ in range(3):
            await street.beats()
        street.outside.gate.set()
        await street.all_delivered(one, 11)
        assert sorted(call.dossier for call in street.outside.heard()) == sorted(
            [*(f"D{n}" for n in range(8)), "E1", "E2", "W1", "W1"]
        )


def heard(node: Node, step: timedelta) -> None:
    """The server's clock was set by `step`, and this node hears it with its next beat."""
    time = node.journal._time
    assert time is not None
    before = time.instant()
    time.heard(time.now() + round(step.total_seconds() * 1e6), before)


async def test_a_server_whose_clock_is_set_ahead_hands_over_no_lane_under_its_call(street: Town) -> None:
    """By the stored time all leases are over at once; each node that hears it rests until they truly are."""
    async with street.two() as (one, two):
        await street.beats()
        street.outside.gate.clear()
        await street.push(one, "D1")
        await street.until(lambda: street.outside.under_way == 1, street.beats)
        for node in (two, one):
            heard(node, 2 * HOUR)
        await street.push(two, "D2")
        for node in (one, two):
            node.coordination.wake("A")
        standings = [await node.worker.standing("A") for node in (one, two)]
        await street.until(lambda: all(standing.rests_for_s(one.journal.clock.instant()) > 0 for standing in standings))
        await asyncio.sleep(1.3)  # every loop has looked again by itself
        (row,) = await one.journal.deliveries_of("D1")
        assert (row.state, street.outside.under_way) == (DeliveryState.SENDING, 1)
        assert all(standing.rests_for_s(one.journal.clock.instant()) > 0 for standing in standings)
        lease = timedelta(seconds=standings[0].line.settings.lease())
        taken = await two.journal.claim("A", limit=9, batch={}, lease=lease, now=two.journal.clock.now())
        epochs = {claim.dossier: claim.epoch for claim in taken}
        assert epochs["D1"] == 2, "nobody claimed it since; without the rest it is taken at once"
