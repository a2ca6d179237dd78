"""The heartbeat of a node outlives whatever a beat comes to."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from gateway.clock import Clock
from gateway.dispatch.nodes import Nodes
from gateway.evidence.log import chain
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from gateway.journal.model import Beat, Beaten, Decision, Intake, Situation


def nobody_decides(_situation: Situation, _intake: Intake) -> Decision:
    """Nothing is accepted here."""
    raise AssertionError


class Faulty(MemoryJournal):
    """A journal whose first beats meet a fault of the program that nobody foresaw."""

    def __init__(self, clock: Clock, faults: int) -> None:
        super().__init__(MemoryStore(), decide=nobody_decides, chain=chain, clock=clock, node="one")
        self.faults, self.taken = faults, asyncio.Event()
        self.words = "with a person's name in it"

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`."""
        if self.faults:
            self.faults -= 1
            raise RuntimeError(self.words)
        self.taken.set()
        return await super().beat(beat)


class Deposed(MemoryJournal):
    """A journal that has gone back to before this start opened it, for one beat."""

    answers: tuple[Beaten, ...] = (Beaten((), {}), Beaten((), {}, deposed=True, unopened=True))

    async def beat(self, beat: Beat) -> Beaten:
        """See `Journal.beat`."""
        if not self.answers:
            return await super().beat(beat)
        first, *rest = self.answers
        self.answers = tuple(rest)
        return first


async def test_a_node_that_was_deposed_counts_again_when_its_beat_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    """The store had gone back, and this start was opened there anew."""
    clock = Clock(lambda: datetime(2026, 11, 2, tzinfo=UTC), lambda: 0.0)
    nodes = Nodes(
        Deposed(MemoryStore(), decide=nobody_decides, chain=chain, clock=clock, node="one"), clock, node="one"
    )
    assert await nodes.beat() and nodes.counted()
    assert not await nodes.beat() and not nodes.counted()
    assert "gone back" in caplog.text
    assert await nodes.beat() and nodes.counted()


async def test_a_fault_that_nobody_foresaw_ends_no_heartbeat(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged without its text, the node counts as silent meanwhile, and the next beat is made all the same."""
    clock = Clock(lambda: datetime(2026, 11, 2, tzinfo=UTC), lambda: 0.0)
    journal = Faulty(clock, faults=2)
    nodes = Nodes(journal, clock, node="one")
    nodes.seats.nudge.set()
    with caplog.at_level(logging.ERROR):
        beating = asyncio.create_task(nodes.run())
        async with asyncio.timeout(60):
            while not journal.taken.is_set():
                assert not beating.done() and not nodes.counted()
                nodes.seats.nudge.set()
                await asyncio.sleep(0)
        await nodes.stop()
        await beating
    assert nodes.counted()
    said = [record.getMessage() for record in caplog.records if "heartbeat failed" in record.getMessage()]
    assert len(said) == 2 and "RuntimeError" in said[0] and "person" not in "".join(said)
