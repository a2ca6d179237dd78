"""`gateway nodes` ends with 1 for what somebody should look at, and not for ever."""

from __future__ import annotations

from gateway.cli.nodes import MISSED_S, amiss


def _row(state: str, silent_s: float = 0.0, generation: str = "a") -> dict[str, object]:
    return {"state": state, "silent_s": silent_s, "generation": generation}


def test_a_node_is_missed_for_a_day() -> None:
    """One that died and was replaced under another name stays in the list, but the command ends with 0 again."""
    live = _row("live")
    assert not amiss([live, _row("stopped", 60.0)])
    assert amiss([live, _row("silent", 60.0)])
    assert amiss([live, _row("silent", MISSED_S - 1.0)])
    assert not amiss([live, _row("silent", MISSED_S)])


def test_nodes_that_live_and_differ_are_amiss_at_any_time() -> None:
    """What a dead one ran does not count."""
    assert amiss([_row("live"), _row("live", generation="b")])
    assert not amiss([_row("live"), _row("silent", 2 * MISSED_S, "b")])
