"""What Redis computes is what `gcra` computes, to the last bit; and it knows what it does not know any more."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import redis as library
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.coordination.gcra import RateLimit, give_back, standing, take
from tests.redis_server import Server, served

LIMITS = st.builds(RateLimit, st.floats(0.01, 1e6), st.integers(1, 500))
STEP = st.tuples(LIMITS, st.integers(-20, 60), st.one_of(st.none(), st.floats(0, 100)), st.booleans())


@dataclass
class Answer:
    """What the script said."""

    allowed: int
    again: float
    of: str
    now: float
    before: float
    since: float
    arrival: float


class Scripted:
    """The script on a real server."""

    def __init__(self, server: Server) -> None:
        self._client = library.Redis(unix_socket_path=str(server.unix_socket))
        self._script = files("gateway.coordination").joinpath("take.lua").read_text(encoding="utf-8")

    def run(self, wanted: int, limit: RateLimit, ago: float | None = None, taking: Answer | None = None) -> Answer:
        """One call."""
        at, of = (taking.now, taking.of) if taking is not None else (0.0, "-")
        told = [wanted, repr(limit.rate_per_s), limit.burst, "" if ago is None else repr(ago), repr(at), of, "n"]
        raw: Any = self._client.eval(self._script, 2, "budget", "mark", *told)  # type: ignore[arg-type]  # numbers and texts, as the script takes them
        assert raw[0] == b"n"
        return Answer(int(raw[1]), float(raw[2]), raw[3].decode(), *(float(one) for one in raw[4:8]))

    def close(self) -> None:
        """Let go."""
        self._client.close()


@settings(max_examples=150)
@given(st.lists(STEP, min_size=1, max_size=12))
def test_it_computes_what_gcra_computes(one_redis: Server, script: list[tuple[Any, ...]]) -> None:
    """Over any sequence of takes, returns, losses and changing limits, every number is the same, not only nearly."""
    scripted = Scripted(one_redis)
    try:
        last: Answer | None = None
        for limit, wanted, ago, wipe in script:
            if wipe:
                one_redis.wipe()
            told = scripted.run(wanted, limit, ago, last)
            arrival = standing(told.before, told.now, told.since, limit)
            if wanted >= 0:
                taken = take(arrival, told.now, wanted, limit)
                assert (told.allowed, told.arrival, told.again) == (taken.allowed, taken.arrival, taken.retry_after_s)
            elif last is not None and last.of == told.of and last.now >= told.since:
                assert told.arrival == give_back(arrival, told.now, -wanted, last.now, limit)
            else:
                assert told.arrival == arrival
            last = told if wanted > 0 else last
    finally:
        scripted.close()


def test_a_budget_that_was_only_unused_is_whole_and_a_lost_one_is_spent(redis: Server) -> None:
    """Both are not there. The mark of the data set tells them apart."""
    scripted, limit = Scripted(redis), RateLimit(1_000_000.0, 500)
    assert scripted.run(0, limit).allowed == 0
    redis.say("DEL", "budget")
    # Half a millisecond later a rate of a million has filled any budget of this size.
    told = scripted.run(500, limit)
    assert told.before == float("-inf")
    assert told.allowed == min(500, int((told.now - told.since) * 1e6 + 1e-6))
    slow = RateLimit(0.01, 500)
    redis.say("DEL", "budget")
    assert scripted.run(500, slow).allowed == 0
    # As if this data set were a day old: now nothing there means nobody used it.
    epoch = redis_now(redis) - 86_400
    run = scripted.run(0, limit).of.partition(":")[0]
    redis.say("DEL", "budget")
    redis.say("HSET", "mark", "run", run, "epoch", str(epoch), "born", "0")
    assert scripted.run(500, slow).allowed == 500
    redis.wipe()
    assert scripted.run(500, slow).allowed == 0
    scripted.close()


def test_another_process_with_the_same_data_begins_as_spent(redis: Server) -> None:
    """A restart from an old snapshot, or a replica that became the master, may know less than was taken."""
    scripted, limit = Scripted(redis), RateLimit(0.01, 10)
    scripted.run(0, limit)
    redis.say("HSET", "mark", "run", "0" * 40, "epoch", str(redis_now(redis) - 86_400), "born", "0")
    assert scripted.run(10, limit).allowed == 0
    scripted.close()


def test_an_eviction_makes_every_budget_spent() -> None:
    """A server that throws keys away when it is full has perhaps thrown away this one."""
    limit = RateLimit(0.01, 10)
    with served(maxmemory="3mb", maxmemory_policy="allkeys-random") as small:
        scripted = Scripted(small)
        run = scripted.run(0, limit).of.partition(":")[0]
        small.say("HSET", "mark", "run", run, "epoch", str(redis_now(small) - 86_400), "born", "0")
        assert scripted.run(3, limit).allowed == 3
        number = 0
        while evictions(small) == 0:
            small.say("SET", f"fill-{number}", "x" * 100_000)
            number += 1
        assert scripted.run(10, limit).allowed == 0
        scripted.close()


def redis_now(server: Server) -> int:
    """The server's second."""
    client = library.Redis(unix_socket_path=str(server.unix_socket))
    try:
        seconds, _ = client.time()
        return int(seconds)
    finally:
        client.close()


def evictions(server: Server) -> int:
    """How many keys it threw away."""
    client = library.Redis(unix_socket_path=str(server.unix_socket))
    try:
        told: Any = client.info("stats")
        return int(told["evicted_keys"])
    finally:
        client.close()
