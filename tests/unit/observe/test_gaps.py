"""The watch over sequence gaps, under a turned clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.clock import Clock
from gateway.observe.gaps import GapWatch

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@dataclass
class Scene:
    """A store with a gap or none, a clock, and what was told."""

    oldest: datetime | None = None
    passed_s: float = 0.0
    told: list[str] = field(default_factory=list)

    def watch(self, alone: Callable[[], bool] = lambda: True) -> GapWatch:
        """A watch whose patience is ten minutes."""

        async def oldest() -> datetime | None:
            return self.oldest

        clock = Clock(now=lambda: START + timedelta(seconds=self.passed_s), instant=lambda: self.passed_s)
        return GapWatch(oldest, self.told.append, timedelta(minutes=10), clock, alone)


async def test_a_gap_is_told_once_it_is_too_old_and_once_a_minute() -> None:
    """Ten minutes of patience, then an alarm at most every minute while the gap stands."""
    scene = Scene(oldest=START)
    watch = scene.watch()
    for told, passed_s in ((0, 0.0), (0, 599.0), (1, 600.0), (1, 615.0), (1, 659.0), (2, 660.0), (2, 700.0)):
        scene.passed_s = passed_s
        await watch.look()
        assert len(scene.told) == told, passed_s
    assert "15:00 ngày 20/11/2026" in scene.told[0]


async def test_without_a_gap_nothing_is_told_and_a_new_gap_has_its_own_time() -> None:
    """A gap that closed is forgotten; the next one is waited for as long."""
    scene = Scene()
    watch = scene.watch()
    scene.passed_s = 3_600.0
    await watch.look()
    scene.oldest = START + timedelta(seconds=3_500)
    await watch.look()
    assert scene.told == []
    scene.passed_s = 4_100.0
    await watch.look()
    assert len(scene.told) == 1


async def test_a_node_that_has_not_the_right_tells_nothing() -> None:
    """Of several nodes that see the same gap one raises the alarm; who gets the right later tells from then on."""
    scene, mine = Scene(oldest=START, passed_s=700.0), [False, True]
    watch = scene.watch(lambda: mine.pop(0))
    await watch.look()
    assert scene.told == []
    await watch.look()
    assert len(scene.told) == 1
