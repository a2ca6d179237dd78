"""Live nodes with different configurations: allowed while a change is rolled out, told to operators where it lasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.clock import Clock
from gateway.dispatch.agreement import ROLLING_S, Agreement
from gateway.dispatch.nodes import Nodes, Runs
from gateway.journal.memory import MemoryJournal
from gateway.journal.memory_rows import MemoryStore
from tests.unit.journal.conftest import chain, decide


class Town:
    """Several nodes of one store under one clock that is turned by hand; `told` and `over` hold what the first one raised."""

    def __init__(self, *names: str) -> None:
        self.passed_s = 0.0
        self.told: list[str] = []
        self.over: list[str] = []
        clock = Clock(
            lambda: datetime(2026, 11, 23, 8, 0, tzinfo=UTC) + timedelta(seconds=self.passed_s), lambda: self.passed_s
        )
        store = MemoryStore()
        self.journals = {
            name: MemoryJournal(store, decide=decide, chain=chain, clock=clock, node=name) for name in names
        }
        self.nodes = {name: Nodes(journal, clock, node=name) for name, journal in self.journals.items()}
        for node in self.nodes.values():
            node.runs = Runs("old", "0.1.0")
        first = self.nodes[names[0]]
        first.met = Agreement(first, clock, self.told.append, self.over.append).look

    async def passes(self, seconds: float) -> None:
        """So much time passes; each node beats once a second, the first one last."""
        for _ in range(round(seconds)):
            self.passed_s += 1.0
            for node in reversed(self.nodes.values()):
                await node.beat()

    def runs(self, name: str, generation: str) -> None:
        """Another configuration is in force at a node."""
        self.nodes[name].runs = Runs(generation, "0.1.0")


async def test_a_change_that_is_rolled_out_in_time_raises_nothing() -> None:
    """One node after the other, each within the time that a rolling change may take of the first."""
    town = Town("one", "two", "three")
    await town.passes(ROLLING_S + 10)
    for name in ("two", "one", "three"):
        town.runs(name, "new")
        await town.passes(2)
        assert [row.node for row in town.nodes["one"].apart()] == (
            {"two": ["two"], "one": ["three"], "three": []}[name]
        )
        await town.passes(ROLLING_S / 2 - 8)
    await town.passes(ROLLING_S)
    assert town.told == town.over == []


async def test_nodes_that_stay_apart_raise_an_alarm_that_names_them_until_they_agree() -> None:
    """Once, again only after a quarter of an hour; a reload of this node in between does not begin the count anew."""
    town = Town("one", "two", "three")
    await town.passes(1)
    town.runs("two", "new")
    await town.passes(ROLLING_S / 2)
    town.runs("one", "newest")
    await town.passes(ROLLING_S / 2 - 2)
    assert town.told == []
    await town.passes(5)
    (told,) = town.told
    for word in ("nút one chạy cấu hình newest", "nút two chạy cấu hình new ", "nút three chạy cấu hình old", "reload"):
        assert word in told
    await town.passes(60)
    assert len(town.told) == 1
    await town.passes(900)
    assert len(town.told) == 2 and town.over == []
    for name in ("one", "two", "three"):
        town.runs(name, "newest")
    await town.passes(2)
    assert len(town.told) == 2
    (over,) = town.over
    assert "newest" in over
    await town.passes(5)
    assert len(town.over) == 1


@pytest.mark.parametrize("gone", ["silent", "stopped"])
async def test_a_node_that_is_gone_is_apart_from_nobody(gone: str) -> None:
    """Whoever fell silent or stopped serves nobody by an old configuration; a node of unknown configuration is not judged."""
    town = Town("one", "two", "three")
    town.runs("two", "new")
    town.runs("three", "")
    await town.passes(ROLLING_S / 2)
    assert [row.node for row in town.nodes["one"].apart()] == ["two"]
    away = town.nodes.pop("two")
    if gone == "stopped":
        await away.stop()
    await town.passes(ROLLING_S)
    assert town.nodes["one"].apart() == () and town.told == []
    assert town.nodes["one"].shown() == {"name": "one", "live": 2, "agree": True}


async def test_while_its_own_beats_fail_a_node_tells_nothing_of_the_others() -> None:
    """What it saw last may have changed since; it looks again when the store takes its beat."""
    town = Town("one", "two")
    town.runs("two", "new")
    await town.passes(10)
    await town.journals["one"].close()
    await town.passes(ROLLING_S + 60)
    assert town.told == []
    assert town.nodes["one"].shown()["agree"] is False
