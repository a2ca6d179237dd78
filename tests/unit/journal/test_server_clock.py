"""Nodes whose clocks differ by hours share one store: its server's clock counts, for leases and for what is due."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock, to_micros
from gateway.evidence.log import chain
from gateway.journal.model import (
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    LaneOrder,
    MessageSettlement,
    NewDelivery,
    OrderKind,
    Settlement,
    Situation,
)
from gateway.journal.nodes import Beat
from gateway.journal.postgres import PostgresJournal
from gateway.journal.server_clock import ServerClock
from gateway.journal.session import DatabaseOptions
from tests.postgres import Server

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR, LEASE, MINUTE = timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=1)


def decide(_situation: Situation, intake: Intake) -> Decision:
    """One delivery for each event."""
    event = InboundWrite(intake.key, 1, InboundStatus.ACCEPTED, intake.digest, intake.raw, b"{}")
    delivery = NewDelivery(f"{intake.key}/state", "portal", "state", intake.key, intake.source)
    return Decision(b"{}", 202, inbound=(event,), deliveries=(delivery,), last_sequence=1)


def off_by(by: timedelta) -> Clock:
    """A machine whose clock is wrong."""
    return Clock(now=lambda: datetime.now(UTC) + by)


async def test_no_lease_hangs_on_clocks_that_agree(database_server: Server) -> None:
    """One node is an hour ahead, one an hour behind: neither takes what the other carries; what is due is due for both."""
    dsn, wrong = database_server.database(), (datetime.now(UTC) - HOUR, datetime.now(UTC) + HOUR)
    nodes = []
    for name, by in (("one", HOUR), ("two", -HOUR)):
        clock, options = off_by(by), DatabaseOptions(name, dsn, bytes(32), server_time=True)
        journal = PostgresJournal.open(options, decide=decide, chain=chain, clock=clock)
        nodes.append((journal, journal.clock))
    try:
        for (mine, my), (theirs, their) in (nodes, nodes[::-1]):
            await mine.beat(Beat())
            raw = f"d-{id(mine)}".encode()
            await mine.accept(
                Intake("event", "SEC", raw.decode(), raw.decode(), hashlib.sha256(raw).digest(), raw, None, 1)
            )
            (claim,) = await theirs.claim("portal", limit=9, batch={}, lease=LEASE, now=their.now())
            assert claim.dossier == raw.decode(), "what one node accepted is due for the other at once"
            assert not await mine.claim("portal", limit=9, batch={}, lease=LEASE, now=my.now()), "its lease stands"
            later = MessageSettlement(1, DeliveryState.WAITING)
            put_off = Settlement(claim.lane_id, claim.epoch, (later,), next_due=their.now() + MINUTE)
            assert await theirs.settle(put_off)
            due = await mine.next_due("portal")
            assert due is not None and abs(due - my.now() - MINUTE) < timedelta(seconds=20)
            await mine.set_back("portal", HOUR, wrong[0] - HOUR)
            assert await theirs.next_due("portal") == due, "no node moves what all of them wait for"
            released = await mine.order(
                LaneOrder(OrderKind.RELEASE, "portal", claim.dossier, "vì thế", "người"), wrong[1]
            )
            assert released.done
            due = await theirs.next_due("portal")
            assert due is not None and due <= their.now(), "a desk whose clock is ahead releases it now, too"
            (again,) = await mine.claim("portal", limit=9, batch={}, lease=LEASE, now=my.now())
            done = MessageSettlement(1, DeliveryState.DELIVERED)
            assert await mine.settle(Settlement(again.lane_id, again.epoch, (done,)))
    finally:
        for journal, _ in nodes:
            await journal.close()
        database_server.drop(dsn)


@dataclass
class Ours:
    """Our two clocks beside the server's. Truth is `server` µs ahead of our monotonic clock; the wall clock shows anything."""

    server: int = to_micros(START)
    seconds: float = 5_000.0
    wall: datetime = START - 7 * HOUR

    def made(self) -> ServerClock:
        """A clock that has heard one quick answer."""
        made = ServerClock(Clock(lambda: self.wall, lambda: self.seconds))
        self.answer(made)
        return made

    def truth(self) -> int:
        """What the server's clock shows now."""
        return self.server + round(self.seconds * 1e6)

    def answer(self, clock: ServerClock, there_s: float = 0.0005, back_s: float = 0.0005) -> None:
        """One statement: it takes so long until the server reads its clock, and so long until we look at the answer."""
        before = clock.instant()
        self.seconds += there_s
        shown = self.truth()
        self.seconds += back_s
        clock.heard(shown, before)

    def off(self, clock: ServerClock) -> float:
        """How far the store's time is from the server's, in seconds."""
        return (clock.now() - self.truth()) / 1e6


PAUSES = st.lists(
    st.tuples(st.floats(0, 90), st.floats(0, 90), st.floats(0, 60), st.integers(-(10**7), 10**7)), max_size=12
)


@given(PAUSES)
def test_no_freeze_and_no_step_of_the_wall_clock_moves_the_time_of_the_store(
    pauses: list[tuple[float, float, float, int]],
) -> None:
    """However late answers are looked at, and whatever the wall clock is set to, it is the server's to a millisecond."""
    ours = Ours()
    clock = ours.made()
    for there_s, back_s, rest_s, step_s in pauses:
        ours.answer(clock, there_s, back_s)
        assert abs(ours.off(clock)) < 0.001
        ours.wall += timedelta(seconds=step_s)
        ours.seconds += rest_s
        assert abs(ours.off(clock)) < 0.001


def test_an_answer_that_lay_in_a_frozen_process_is_not_believed() -> None:
    """Sixty seconds between the answer and the look at it: what was known stays; taken at its word it would be a minute off."""
    ours = Ours()
    clock = ours.made()
    ours.answer(clock, back_s=60.0)
    assert abs(ours.off(clock)) < 0.001
    naive = ServerClock(Clock(lambda: ours.wall, lambda: ours.seconds))
    ours.seconds += 60
    naive.heard(ours.truth() - 60_000_000, ours.seconds)
    assert ours.off(naive) < -59, "the moment before the statement is what makes the difference"


@given(st.integers(1_000_000, 10**11), st.booleans())
def test_a_step_of_the_servers_clock_is_followed_at_once(step: int, ahead: bool) -> None:
    """From the first quick answer behind it on; one that comes late changes nothing, for it may mean anything."""
    ours = Ours()
    clock = ours.made()
    ours.seconds += 1
    ours.server += step if ahead else -step
    ours.answer(clock, there_s=0.2, back_s=0.2)
    assert abs(ours.off(clock)) > 0.9
    ours.answer(clock)
    assert abs(ours.off(clock)) < 0.002


@given(st.integers(1_000_000, 10**11), st.floats(0.3, 90), st.booleans())
def test_how_far_the_server_was_set_ahead_is_remembered_and_never_thought_less(
    step: int, late_s: float, frozen: bool
) -> None:
    """As long as leases from before it may stand; a late answer may hide as much as it was late; back is not ahead."""
    ours = Ours()
    clock = ours.made()
    ours.seconds += 1
    ours.answer(clock, there_s=0.0 if frozen else late_s, back_s=late_s if frozen else 0.0)
    assert frozen or clock.set_ahead(0) >= round(late_s * 1e6)
    ours.answer(clock)
    assert clock.set_ahead(MINUTE // timedelta(microseconds=1)) < 300_000, "a quick one shows that there was no step"
    ours.server -= step
    ours.answer(clock)
    ours.answer(clock)
    assert clock.set_ahead(MINUTE // timedelta(microseconds=1)) < 5_000
    ours.server += step
    ours.answer(clock, there_s=0.2, back_s=0.2)
    assert clock.set_ahead(0) >= step
    ours.answer(clock)
    for _ in range(50):
        assert step <= clock.set_ahead(MINUTE // timedelta(microseconds=1)) < step + 300_000
        ours.seconds += 1
        ours.answer(clock)
    ours.seconds += 10
    ours.answer(clock)
    assert clock.set_ahead(MINUTE // timedelta(microseconds=1)) < 300_000


@given(st.lists(st.tuples(st.floats(0.0001, 0.12), st.floats(0.0001, 0.12), st.floats(-4e-4, 4e-4)), max_size=40))
def test_time_does_not_jump_about_with_the_noise_of_round_trips(answers: list[tuple[float, float, float]]) -> None:
    """Between two beats it moves by no more than the clocks may truly drift apart."""
    ours = Ours()
    clock = ours.made()
    for there_s, back_s, drift in answers:
        ours.seconds += 1
        ours.server += round(drift * 1e6)
        before = ours.off(clock)
        ours.answer(clock, there_s, back_s)
        assert abs(ours.off(clock) - before) < 0.005 and abs(ours.off(clock)) < 0.25


def test_at_the_beginning_it_asks_again_where_the_first_answers_were_late() -> None:
    """A few times at most; the best of them counts."""
    ours = Ours()
    clock = ServerClock(Clock(lambda: ours.wall, lambda: ours.seconds))
    late = [3.0, 0.9, 0.01]

    def ask() -> int:
        shown = ours.truth()
        ours.seconds += late.pop(0)
        return shown

    clock.listen(ask)
    assert late == [] and abs(ours.off(clock)) < 0.01


def test_without_following_the_wall_clock_counts_as_it_stands() -> None:
    """For tests that turn it."""
    ours = Ours()
    still = ServerClock(Clock(lambda: ours.wall, lambda: ours.seconds), follow=False)
    ours.answer(still)
    assert still.now() == to_micros(ours.wall) and still.clock().now() == ours.wall
