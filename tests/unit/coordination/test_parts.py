"""The small parts: a server's clock that was set, what is said to the others, and who may give what back."""

from __future__ import annotations

import asyncio

from gateway.coordination.budgets import Taking, Takings
from gateway.coordination.outbox import Outbox
from gateway.coordination.skew import Skew


def test_a_clock_that_was_set_forward_is_seen_and_only_once() -> None:
    """Jitter, drift, a clock set back and another server are no jump."""
    skew = Skew()
    assert not skew.jumped("one", 1_000.0, 10.0, 10.2)
    assert not skew.jumped("one", 1_001.3, 11.0, 11.5)
    assert not skew.jumped("one", 1_011.105, 21.1, 21.11), "slewed by half a per mille, and ten milliseconds of jitter"
    assert skew.jumped("one", 1_015.5, 22.0, 22.01)
    assert not skew.jumped("one", 1_016.5, 23.0, 23.01)
    assert not skew.jumped("one", 1_000.0, 24.0, 24.01)
    assert not skew.jumped("two", 9_000.0, 25.0, 25.01)


async def test_wake_ups_are_said_once_and_news_in_order() -> None:
    """However often a busy node wakes itself."""
    outbox = Outbox()
    for _ in range(1_000):
        outbox.wake("A")
    outbox.wake("B")
    for word in ("1", "2"):
        outbox.tell("pause", word)
    said = [Outbox.read(message, "other") for message in await outbox.taken("this")]
    assert said == [("pause", "1"), ("pause", "2"), ("", "A"), ("", "B")]
    assert Outbox.read((await _one(outbox, "this")), "this") is None


async def _one(outbox: Outbox, name: str) -> bytes:
    outbox.tell("pause", "3")
    (message,) = await outbox.taken(name)
    return message


async def test_what_is_never_sent_takes_no_room() -> None:
    """While Redis is away nothing is taken out (failure catalogue F18)."""
    outbox = Outbox()
    for number in range(5_000):
        outbox.wake(f"upstream-{number}")
        outbox.tell("pause", str(number))
    assert len(await outbox.taken("this")) <= 512


async def test_only_the_task_that_took_gives_back_and_no_more_than_it_took() -> None:
    """Of its last taking of that budget."""
    takings = Takings()
    takings.note("A", Taking(1.0, 5))
    takings.note("A", Taking(2.0, 3))
    assert takings.give("B", 1) is None

    async def another() -> Taking | None:
        return takings.give("A", 1)

    assert await asyncio.create_task(another()) is None
    given = takings.give("A", 2)
    assert given is not None and (given.at, given.left) == (2.0, 2)
    rest = takings.give("A", 9)
    assert rest is not None and rest.left == 1
    assert takings.give("A", 1) is None
