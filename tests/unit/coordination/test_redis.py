"""Redis stopped, emptied, frozen, cut off: the coordination does without, says so, and comes back by itself."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta

import pytest

from connectors.kit.contract import Coordination
from gateway.clock import Clock
from gateway.coordination.board import MOST_NAMES
from gateway.coordination.membership import Kind, Permit
from gateway.coordination.outbox import LONGEST
from gateway.coordination.redis import TOO_LARGE, RedisCoordination, RedisOptions
from gateway.coordination.sealing import Seal
from tests.redis_server import Server
from tests.unit.coordination.conftest import KEY, Heard, Known, coordinated, grown_old

SLOW = 0.001
LATE_S = 60


async def until(true: object) -> None:
    """Look again until it is so."""
    assert callable(true)
    async with asyncio.timeout(LATE_S):
        while not true():
            await asyncio.sleep(0.01)


async def test_it_keeps_the_protocol(redis: Server) -> None:
    """The type checker compares every signature here."""
    async with coordinated(redis) as made:
        kept: Coordination = made
        assert kept is not None


async def test_two_nodes_share_one_budget(redis: Server) -> None:
    """What one took the other has not."""
    async with coordinated(redis) as one, coordinated(redis) as other:
        grown_old(redis, one)
        assert (await one.take("A", 3, SLOW, 5))[0] == 3
        assert (await other.take("A", 5, SLOW, 5))[0] == 2
        assert (await one.take("A", 5, SLOW, 5))[0] == 0
        await other.take("A", -2, SLOW, 5)
        assert (await one.take("A", 5, SLOW, 5))[0] in (1, 2)


async def test_a_wake_up_and_news_reach_the_other_node(redis: Server) -> None:
    """Who waits there is woken, who listens there hears, in order; and nobody hears his own words twice."""
    async with coordinated(redis) as one, coordinated(redis) as other:
        here, there = one.news("pause"), other.news("pause")
        waiting = asyncio.create_task(other.wait("A", LATE_S))
        one.wake("A")
        for word in ("1", "2", "3"):
            one.tell("pause", word)
        assert await waiting
        async with asyncio.timeout(LATE_S):
            assert [await anext(there) for _ in range(3)] == ["1", "2", "3"]
            other.tell("pause", "4")
            assert [await anext(here) for _ in range(4)] == ["1", "2", "3", "4"]


async def test_a_wake_up_for_one_that_does_not_wait_yet_is_kept_there_too(redis: Server) -> None:
    """It came before the wait, over the network."""
    async with coordinated(redis) as one, coordinated(redis) as other:
        heard = other.news("after")
        one.wake("A")
        one.tell("after", "it")
        async with asyncio.timeout(LATE_S):
            await anext(heard)
            assert await other.wait("A", LATE_S)


async def test_what_is_said_on_the_channel_by_strangers_does_no_harm(redis: Server) -> None:
    """Anything that is no message of ours is passed over."""
    async with coordinated(redis) as one, coordinated(redis) as other:
        heard = other.news("pause")
        for stray in ("", "{", "[]", '["a", 1, "b"]', '{"a": 1}', "null"):
            redis.say("PUBLISH", "tthc:news", stray)
        one.tell("pause", "ours")
        async with asyncio.timeout(LATE_S):
            assert await anext(heard) == "ours"
        assert other.is_up()


async def test_a_message_that_no_parser_survives_ends_nothing(redis: Server) -> None:
    """Brackets without end, in a long message and in a short one: passed over, and when Redis goes later the node says so."""
    known = Known()
    async with coordinated(redis, known) as made, coordinated(redis) as other:
        heard = made.news("pause")
        for stray in ("[" * 100_000, "[" * LONGEST, '["x", "pause", "' + "y" * LONGEST + '"]'):
            redis.say("PUBLISH", "tthc:news", stray)
        other.tell("pause", "ours")
        async with asyncio.timeout(LATE_S):
            assert await anext(heard) == "ours"
            assert known.said == [False], "it was never away"
            redis.stop()
            await known.says(True)
        assert not made.is_up()


class Stumbling(Known):
    """A membership with a fault of ours in it, met once."""

    def say_without_redis(self, without: bool) -> None:
        """Kept; the first time it is not understood."""
        super().say_without_redis(without)
        if len(self.said) == 1:
            raise ValueError


async def test_a_fault_of_ours_does_not_end_the_keeper(redis: Server) -> None:
    """Whatever is set off while Redis is listened to: the node says that it is without, and is back by itself."""
    known = Stumbling()
    async with coordinated(redis, known) as made:
        async with asyncio.timeout(LATE_S):
            await until(lambda: known.said[:3] == [False, True, False])
        assert made.is_up()
        redis.stop()
        async with asyncio.timeout(LATE_S):
            await known.says(True)


async def test_names_that_strangers_invent_take_no_room(redis: Server) -> None:
    """Who can write to the channel wakes what does not exist; upstreams that are waited for are woken all the same."""
    async with coordinated(redis) as made:
        heard = made.news("after")
        for number in range(MOST_NAMES + 500):
            redis.say("PUBLISH", "tthc:news", f'["x", "", "name-{number}"]')
        waiting = asyncio.create_task(made.wait("real", LATE_S))
        redis.say("PUBLISH", "tthc:news", '["x", "after", "it"]')
        async with asyncio.timeout(LATE_S):
            await anext(heard)
            redis.say("PUBLISH", "tthc:news", '["x", "", "real"]')
            assert await waiting
        assert len(made._board) <= MOST_NAMES + 1


async def test_a_value_of_one_node_is_there_for_the_other_and_shows_nothing_to_redis(redis: Server) -> None:
    """Neither the value nor the name stands there in clear."""
    async with coordinated(redis) as one, coordinated(redis) as other:
        await one.remember("vneid/session", "bí mật", timedelta(minutes=1))
        assert await other.recall("vneid/session") == "bí mật"
        place = one._place("kept", "vneid/session")
        assert "session" not in place
        raw = await one._contact.exchange("GET", place)
        assert "bí mật".encode() not in raw
        await other.forget("vneid/session")
        assert await one.recall("vneid/session") is None


async def test_a_value_that_was_moved_changed_or_sealed_by_another_is_as_if_absent(redis: Server) -> None:
    """The name is bound to the value; whoever can write to Redis can at most make it forget."""
    async with coordinated(redis) as made:
        await made.remember("a", "value of a", timedelta(minutes=1))
        sealed = await made._contact.exchange("GET", made._place("kept", "a"))
        for wrong in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"short", Seal(b"x" * 32).seal("a", "forged")):
            await made._contact.exchange("SET", made._place("kept", "a"), wrong)
            assert await made.recall("a") is None
        await made._contact.exchange("SET", made._place("kept", "b"), sealed)
        assert await made.recall("b") is None


async def test_a_value_beyond_all_measure_is_not_kept(redis: Server) -> None:
    """A revocation list of a strange size does not fill the server."""
    async with coordinated(redis) as made:
        await made.remember("list", "x" * (TOO_LARGE + 1), timedelta(minutes=1))
        assert await made.recall("list") is None


async def test_emptied_in_mid_run_it_allows_the_steady_rate_only(redis: Server) -> None:
    """A budget that was lost begins as spent, whatever had been left of it."""
    async with coordinated(redis) as made:
        grown_old(redis, made)
        assert (await made.take("A", 2, SLOW, 10))[0] == 2
        redis.wipe()
        assert (await made.take("A", 10, SLOW, 10))[0] == 0
        assert made.is_up()


async def test_while_it_is_gone_nothing_is_taken_from_it_and_afterwards_it_is_spent(redis: Server) -> None:
    """Stopped: the node says so, and is quick to refuse. Started again, and empty: it says so, and goes on by itself."""
    known, heard = Known(), Heard()
    async with coordinated(redis, known, heard) as made:
        grown_old(redis, made)
        await known.says(False)
        redis.stop()
        assert (await made.take("A", 1, SLOW, 5))[0] == 0
        await known.says(True)
        assert not made.is_up()
        assert await made.take("A", 1, SLOW, 5) == (0, 0.05)
        assert ("take", "away") in heard.calls
        redis.start()
        await known.says(False)
        assert made.is_up()
        assert (await made.take("A", 5, SLOW, 5))[0] == 0
        assert heard.calls.count(("connect", "answered")) == 2


async def test_a_node_that_begins_while_redis_is_away_begins(redis: Server) -> None:
    """It says that it is without, and finds Redis when it comes."""
    redis.stop()
    known = Known()
    async with coordinated(redis, known) as made:
        assert known.said == [True]
        assert not made.is_up()
        assert await made.recall("a") is None
        redis.start()
        await known.says(False)
        assert made.is_up()


async def test_without_redis_it_takes_its_share(redis: Server) -> None:
    """The share is of this node's place among the live ones, and begins as spent."""
    known, clock = Known(), Clock()
    async with coordinated(redis, known) as made:
        known.holds = Permit(Kind.SHARE, clock.instant() - 1e9, live=2, rank=0)
        assert (await made.take("A", 9, SLOW, 5))[0] == 3
        known.holds = Permit(Kind.SHARE, clock.instant(), live=1, rank=0)
        assert (await made.take("A", 9, SLOW, 5))[0] == 0
        known.holds = Permit(Kind.NEITHER)
        assert (await made.take("B", 9, SLOW, 5))[0] == 0
        assert await made.take("B", -2, SLOW, 5) == (-2, 0.25)


async def test_an_answer_that_comes_when_shares_are_used_is_not_used(redis: Server) -> None:
    """Between the question and the answer the others may have changed over."""
    known = Known()
    async with coordinated(redis, known) as made:
        grown_old(redis, made)

        class Turning(Known):
            asked = 0

            def permit(self, now: float) -> Permit:
                self.asked += 1
                return Permit(Kind.COMMON) if self.asked == 1 else Permit(Kind.NEITHER)

        made._membership = Turning()
        assert (await made.take("A", 5, SLOW, 5))[0] == 0


async def test_a_frozen_server_delays_nobody_beyond_the_deadline_and_is_believed_again_when_it_goes_on(
    redis: Server,
) -> None:
    """Callers get their refusal; what the server does with the old questions when it thaws harms nobody."""
    known = Known()
    async with coordinated(redis, known, answer_s=0.2) as made:
        grown_old(redis, made)
        redis.freeze()
        answers = await asyncio.gather(*(made.take(f"A{n}", 1, SLOW, 5) for n in range(40)))
        assert [allowed for allowed, _ in answers] == [0] * 40
        assert await made.recall("a") is None
        await known.says(True)
        redis.thaw()
        await known.says(False)
        await until(made.is_up)
        async with asyncio.timeout(LATE_S):
            number = 0
            while (await made.take(f"fresh-{number}", 5, SLOW, 5))[0] != 5:
                number += 1


async def test_cut_connections_are_made_again(redis: Server) -> None:
    """CLIENT KILL, as an operator or a proxy does it: within moments everything works, pub/sub as well."""
    async with coordinated(redis) as one, coordinated(redis) as other:
        grown_old(redis, one)
        await one.take("A", 1, SLOW, 5)
        redis.kill_clients()
        async with asyncio.timeout(LATE_S):
            while (await one.take("A", 1, SLOW, 5))[0] == 0:
                await asyncio.sleep(0.01)
            heard = other.news("pause")
            telling = asyncio.create_task(_tell_often(one))
            assert await anext(heard) == "back"
            telling.cancel()


async def test_a_server_that_comes_and_goes_is_used_and_not_counted_on(redis: Server) -> None:
    """Two losses are followed at once; after a third the node stays with its share, and values are kept all the same."""
    known = Known()
    async with coordinated(redis, known) as made, asyncio.timeout(LATE_S):
        for lost in range(1, 4):
            redis.kill_clients()
            await until(lambda times=lost: known.said.count(True) == times)
            await until(made.is_up)
        assert known.said == [False, True, False, True, False, True]
        await made.remember("name", "value", timedelta(minutes=1))
        assert await made.recall("name") == "value"


async def _tell_often(coordination: RedisCoordination) -> None:
    while True:
        coordination.tell("pause", "back")
        await asyncio.sleep(0.02)


async def test_a_server_that_lets_nobody_write_is_as_good_as_none(redis: Server) -> None:
    """A replica, or one that is out of memory: a PING would answer, a budget cannot be kept."""
    known = Known()
    async with coordinated(redis, known) as made:
        redis.say("CONFIG", "SET", "min-replicas-to-write", "1")
        try:
            await known.says(True)
            assert not made.is_up()
        finally:
            redis.say("CONFIG", "SET", "min-replicas-to-write", "0")
        await known.says(False)


async def test_a_clock_of_the_server_that_jumps_ahead_fills_no_budget(redis: Server) -> None:
    """Told so by an answer, the node drops that answer and counts every budget as spent."""
    async with coordinated(redis) as made:
        grown_old(redis, made)
        assert (await made.take("A", 1, SLOW, 5))[0] == 1
        made._skew._most -= 60
        assert (await made.take("A", 1, SLOW, 5))[0] == 0
        assert (await made.take("B", 1, SLOW, 5))[0] == 0


def test_a_bad_address_is_refused_and_never_shown() -> None:
    """The address holds a password."""
    secret = base64.b64encode(b"no password of anybody").decode()
    with pytest.raises(ValueError, match="scheme") as refused:
        RedisCoordination(RedisOptions(f"http://:{secret}@127.0.0.1", KEY), Clock(), Known())
    assert secret not in str(refused.value)
    assert secret not in repr(RedisOptions(f"redis://:{secret}@127.0.0.1", KEY))


async def test_f17_in_a_storm_of_cancelled_calls_nobody_reads_what_was_meant_for_another(redis: Server) -> None:
    """Hundreds of callers are cancelled at every step of their calls; each that gets an answer gets its own."""
    async with coordinated(redis) as made:
        names = [f"value-{n}" for n in range(40)]
        for name in names:
            await made.remember(name, f"of {name}", timedelta(minutes=5))
        chance = Clock().chance
        answers = 0

        async def call(name: str) -> None:
            nonlocal answers
            assert await made.recall(name) == f"of {name}"
            answers += 1

        for _ in range(30):
            calls = [asyncio.create_task(call(name)) for name in names]
            for task in calls:
                if chance() < 0.5:
                    asyncio.get_running_loop().call_later(chance() * 0.004, task.cancel)
            for outcome in await asyncio.gather(*calls, return_exceptions=True):
                assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        assert answers >= 300
        assert await made.recall("value-1") == "of value-1"
        assert made.is_up()


async def test_f17_a_line_whose_answer_was_not_read_is_closed(redis: Server) -> None:
    """The very connection of a cancelled caller is never lent again: its answer is still on the way."""
    async with coordinated(redis) as made:
        before = len(made._contact._lines._free)
        redis.freeze()
        asking = asyncio.create_task(made._contact.exchange("ECHO", "for the one that was cancelled"))
        await until(lambda: len(made._contact._lines._free) < before)
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        redis.thaw()
        assert await made._contact.exchange("ECHO", "for the next") == b"for the next"
