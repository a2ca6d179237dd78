"""What a self-test makes of figures: waits out of metrics, parts of what was measured, a verdict that one broken round turns."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.selftest import Totals
from gateway.cli.trials.disk import flushes, part
from gateway.cli.trials.killing import Round
from gateway.cli.trials.waits import Waits
from gateway.observe.metrics import Metrics


def told(seconds: list[float]) -> str:
    """What a gateway tells of accepts that waited so long."""
    metrics = Metrics()
    for one in seconds:
        metrics.accept_wait.observe(one)
    return metrics.render().decode()


@given(st.lists(st.floats(0.0, 9.0), min_size=1, max_size=40), st.lists(st.floats(0.0, 9.0), max_size=40))
def test_waits_of_several_lives_are_those_of_all_together(first: list[float], second: list[float]) -> None:
    """Whatever was killed in between, and never less than the time that was truly waited."""
    waits, whole = Waits(), Waits()
    waits.add(told(first))
    waits.add(told(second))
    whole.add(told([*first, *second]))
    assert waits.counts == whole.counts
    assert waits.total() == len(first) + len(second)
    for share in (0.5, 0.99, 1.0):
        ordered = sorted([*first, *second])
        assert waits.within(share) >= ordered[math.ceil(share * len(ordered)) - 1]


def test_nothing_told_is_no_wait() -> None:
    """A gateway that was killed before it told anything adds nothing."""
    waits = Waits()
    waits.add("")
    assert (waits.total(), waits.within(0.99), part([], 0.5)) == (0, 0.0, 0.0)


def test_the_disk_is_really_asked(tmp_path: Path) -> None:
    """Each flush takes a moment, and leaves nothing behind."""
    taken = flushes(tmp_path, 5)
    assert len(taken) == 5 and min(taken) > 0 and list(tmp_path.iterdir()) == []
    with pytest.raises(OSError):
        flushes(tmp_path / "absent", 1)


def test_one_broken_round_breaks_the_verdict_and_is_named() -> None:
    """Whatever the others came to; and nothing at all is no proof."""
    totals = Totals()
    assert not totals.sound()
    totals.add(Round(7, Verdict(delivered=5)))
    assert totals.sound()
    totals.add(Round(8, Verdict(delivered=5, lost=1, faults=["HS-1: mất"])))
    assert not totals.sound()
    assert (totals.lost, totals.broken_seeds, totals.faults) == (1, [8], ["HS-1: mất"])
