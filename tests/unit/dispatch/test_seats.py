"""Seats of one node: what is fair, what a seat stands for, and until when it counts."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.dispatch.nodes import LIVE_S, Nodes
from gateway.dispatch.seats import MARGIN_S, MOST_SEATS, Seats, fair, layout
from gateway.errors import JournalUnavailable
from gateway.evidence.log import chain
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.model import Beat, Beaten, Decision, Intake, Situation

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
LEASE_S = 30.0


def nobody_decides(_situation: Situation, _intake: Intake) -> Decision:
    """Nothing is accepted here."""
    raise AssertionError


@dataclass
class Turned:
    """One time for the store and every node."""

    seconds: float = 0.0

    def clock(self) -> Clock:
        """As the gateway knows it."""
        return Clock(lambda: START + timedelta(seconds=self.seconds), lambda: self.seconds, lambda: 0.5)


class Fragile(MemoryJournal):
    """A journal whose server is away when the test says so, before or after it heard the beat."""

    def __init__(self, store: MemoryStore, clock: Clock, node: str) -> None:
        super().__init__(store, decide=nobody_decides, chain=chain, clock=clock, node=node)
        self.away = ""

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`."""
        if self.away == "deaf":
            raise JournalUnavailable
        beaten = await super().beat(beat)
        if self.away == "mute":
            raise JournalUnavailable
        return beaten


@dataclass
class Town:
    """Several nodes on one store and one clock."""

    turned: Turned = field(default_factory=Turned)
    store: MemoryStore = field(default_factory=MemoryStore)
    journals: dict[str, Fragile] = field(default_factory=dict)

    def node(self, name: str) -> Nodes:
        """One more start."""
        clock = self.turned.clock()
        self.journals[name] = Fragile(self.store, clock, name)
        return Nodes(self.journals[name], clock, node=name)


@given(st.integers(1, 500))
def test_seats_never_stand_for_more_calls_than_the_limit(limit: int) -> None:
    """And for no less than is lost by rounding to whole seats; up to the bound a seat is one call."""
    seats, each = layout(limit)
    assert limit - each < seats * each <= limit
    assert 1 <= seats <= MOST_SEATS
    assert each == 1 or limit > MOST_SEATS


@given(st.integers(1, 64), st.dictionaries(st.text("abc", min_size=1, max_size=2), st.integers(0, 70), min_size=1))
def test_shares_are_fair(seats: int, demands: dict[str, int]) -> None:
    """Nobody gets more than it asks, nothing is left while somebody asks, and who asks for more is never worse off by more
    than the one seat that cannot be halved."""
    given_ = fair(seats, demands)
    assert given_.keys() == demands.keys()
    assert all(0 <= number <= demands[name] for name, number in given_.items())
    assert sum(given_.values()) == min(seats, sum(demands.values()))
    for name, number in given_.items():
        if number < demands[name]:
            assert number >= max(given_.values()) - 1


async def test_seats_grow_with_work_and_go_back_when_it_ends() -> None:
    """One to begin with, all while there is work and nobody else wishes, one again a few seconds after it ended."""
    town = Town()
    one = town.node("one")
    assert one.seats.free("A", 4, LEASE_S) == 0, "nothing is held before the first beat"
    await one.beat()
    assert one.seats.free("A", 4, LEASE_S) == 1
    one.seats.use("A")
    assert one.seats.free("A", 4, LEASE_S) == 0
    one.seats.want("A")
    await one.beat()
    assert (one.seats.free("A", 4, LEASE_S), one.seats.held("A")) == (3, 4)
    town.turned.seconds += 6
    one.seats.use("A", -1)
    await one.beat()
    assert (one.seats.free("A", 4, LEASE_S), one.seats.held("A")) == (1, 1)


async def one_has_all_and_two_joins() -> tuple[Nodes, Nodes]:
    """The first holds and uses all four seats of A when a second one wishes for some."""
    town = Town()
    one, two = town.node("one"), town.node("two")
    for node in (one, two):
        node.seats.free("A", 4, LEASE_S)
    await one.beat()
    one.seats.want("A")
    await one.beat()
    one.seats.use("A", 4)
    two.seats.want("A")
    return one, two


async def test_a_node_that_joins_has_its_share_after_two_beats_of_the_others() -> None:
    """And what is under way on a seat is never taken from under it."""
    one, two = await one_has_all_and_two_joins()
    await two.beat()
    await one.beat()
    await two.beat()
    assert (one.seats.held("A"), two.seats.held("A")) == (4, 0)
    one.seats.use("A", -3)
    await one.beat()
    await two.beat()
    assert (one.seats.held("A"), two.seats.held("A")) == (2, 2)


async def test_a_node_whose_seats_are_never_all_free_comes_down_to_its_share_call_by_call() -> None:
    """Each call that ends would begin another at once: with work for ever no beat ever finds a free seat to give back."""
    one, two = await one_has_all_and_two_joins()
    for _ in range(4):
        await two.beat()
        await one.beat()
        one.seats.want("A")
        one.seats.use("A", -1)
        one.seats.use("A", min(1, one.seats.free("A", 4, LEASE_S)))
    await two.beat()
    assert (one.seats.held("A"), two.seats.held("A")) == (2, 2)


async def test_a_seat_counts_only_for_what_is_over_before_its_lease() -> None:
    """While beats fail, calls may start for the margin and no longer; whether the store heard them or not changes nothing."""
    for away in ("deaf", "mute"):
        town = Town()
        one = town.node("one")
        one.seats.free("A", 4, LEASE_S)
        assert await one.beat()
        town.journals["one"].away = away
        town.turned.seconds += MARGIN_S
        assert not await one.beat()
        assert one.seats.free("A", 4, LEASE_S) == 1
        town.turned.seconds += 0.1
        assert one.seats.free("A", 4, LEASE_S) == 0, away
        assert one.seats.held("A") == 1, "what is under way still has its seat"
        town.journals["one"].away = ""
        assert await one.beat()
        assert one.seats.free("A", 4, LEASE_S) == 1


async def test_what_is_wished_less_is_used_no_more_before_the_store_hears_of_it() -> None:
    """The beat that gives seats back may be heard although its answer is lost: they must not be counted on from before."""
    town = Town()
    one = town.node("one")
    one.seats.free("A", 4, LEASE_S)
    one.seats.want("A")
    await one.beat()
    assert one.seats.free("A", 4, LEASE_S) == 4
    town.turned.seconds += 6
    town.journals["one"].away = "mute"
    await one.beat()
    assert one.seats.free("A", 4, LEASE_S) == 1


async def test_one_node_at_a_time_is_alone_and_the_next_takes_over_when_it_is_silent() -> None:
    """Not before its lease ended; and at once when it stops by itself."""
    town = Town()
    one, two = town.node("one"), town.node("two")
    assert not one.seats.alone("poll"), "asked for, not there yet"
    await one.beat()
    assert one.seats.alone("poll")
    assert not two.seats.alone("poll")
    await two.beat()
    assert not two.seats.alone("poll")
    town.turned.seconds += 19
    assert not one.seats.alone("poll"), "what it would begin now might not end in time"
    assert not two.seats.alone("poll")
    await two.beat()
    assert not two.seats.alone("poll"), "the lease of the silent one still runs"
    town.turned.seconds += 1
    await two.beat()
    assert two.seats.alone("poll")
    await one.beat()
    assert not one.seats.alone("poll")
    await two.stop()
    await one.beat()
    assert one.seats.alone("poll")


async def test_a_right_that_is_in_use_is_kept_however_long_nobody_asks_for_it() -> None:
    """A page may take minutes; a right that is only held, and asked for no more, goes to the next one."""
    for busy in (True, False):
        town = Town()
        one, two = town.node("one"), town.node("two")
        assert not one.seats.alone("poll", 90.0)
        await one.beat()
        assert one.seats.alone("poll", 90.0)
        with ExitStack() as calling:
            if busy:
                calling.enter_context(one.seats.doing("poll"))
            for _ in range(60):
                town.turned.seconds += 1
                await one.beat()
                await two.beat()
                two.seats.alone("poll", 90.0)
            assert two.seats.alone("poll", 90.0) is not busy
        assert one.seats.alone("poll", 90.0) is busy
        for _ in range(30):
            town.turned.seconds += 1
            await one.beat()
            await two.beat()
            two.seats.alone("poll", 90.0)
        assert two.seats.alone("poll", 90.0), "the call is over and nobody asks"


async def test_who_lives_is_told_by_beats() -> None:
    """A silent node counts for a few seconds more, one that stopped does not; whoever is cut off knows that of itself."""
    town = Town()
    one, two = town.node("one"), town.node("two")
    two.without_redis = lambda: True
    for node in (one, two, one):
        await node.beat()
    assert one.live() == two.live() == 2
    assert one.any_without_redis() and one.counted()
    town.journals["one"].away = "deaf"
    town.turned.seconds += LIVE_S
    assert not await one.beat()
    assert not one.counted() and one.live() == 2, "cut off, it goes by what it saw last"
    assert await two.beat()
    assert two.live() == 1 and two.counted()
    town.journals["one"].away = ""
    await one.beat()
    assert one.live() == 2
    await two.stop()
    await one.beat()
    assert one.live() == 1 and not one.any_without_redis()


async def test_two_processes_under_one_name_never_both_send() -> None:
    """The one that was there first learns it with its next beat, and holds nothing from then on."""
    town = Town()
    early = town.node("one")
    early.seats.free("A", 4, LEASE_S)
    await early.beat()
    late = town.node("one")
    late.seats.free("A", 1, LEASE_S)
    await late.beat()
    assert not await Nodes.beat(early)
    assert early.seats.free("A", 4, LEASE_S) == 0 and not early.counted()


async def test_alone_in_the_embedded_form_everything_is_held() -> None:
    """Nothing is asked of the store: the journal here is closed."""
    turned = Turned()
    journal = Fragile(MemoryStore(), turned.clock(), "one")
    await journal.close()
    nodes = Nodes(journal, turned.clock(), node="one", shared=False)
    assert await nodes.beat()
    assert nodes.seats.alone("poll") and nodes.seats.free("A", 4, LEASE_S) == 4
    nodes.seats.use("A", 3)
    assert (nodes.seats.free("A", 4, LEASE_S), nodes.seats.held("A")) == (1, 4)
    assert (nodes.live(), nodes.counted(), nodes.rows()) == (1, True, ())
    await nodes.run()
    await nodes.stop()


def test_a_longer_call_is_never_started_on_a_lease_for_a_shorter_one() -> None:
    """Two kinds of calls at one upstream: the seat is leased for the longer one from the next beat on."""
    seats = Seats(lambda: 100.0, shared=True)
    seats.free("A", 2, 10.0)
    seats.free("A", 2, 60.0)
    seats.free("A", 2, 10.0)
    _, (wish,) = seats.wishes("one", ())
    assert wish.lease == timedelta(seconds=60.0 + MARGIN_S)
    assert replace(wish, wanted=1) == wish
