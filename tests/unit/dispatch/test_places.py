"""How many deliveries of one upstream may be in hand: calls at once, and outcomes on their way to the disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.config import Upstream
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.journal.model import UpstreamRow


class _Closed:
    async def close(self) -> None:
        """Nothing to close."""


def standing_for(concurrency: int) -> Standing:
    """An upstream in good standing."""
    line = UpstreamLine("A", Upstream(connector="test", concurrency=concurrency), _Closed(), {})
    return Standing(line, Clock(), Hooks(), UpstreamRow("A"))


def test_an_answered_delivery_makes_room_before_it_is_stored() -> None:
    """A slow disk does not keep the upstream idle."""
    standing = standing_for(1)
    standing.start()
    assert standing.allowance() == 0
    standing.answered()
    assert standing.allowance() == 1


def test_what_is_not_stored_is_bounded() -> None:
    """However slow the disk is, a crash finds no more in doubt than twice what may be called at once."""
    standing = standing_for(2)
    for _ in range(4):
        standing.start()
        standing.answered()
    assert standing.allowance() == 0
    standing.end(answered=True)
    assert standing.allowance() == 1


@given(st.integers(1, 8), st.lists(st.sampled_from(["start", "answered", "end", "fault"]), max_size=60))
def test_no_course_of_events_lets_more_through_than_the_upstream_bears(concurrency: int, steps: list[str]) -> None:
    """Calls never exceed `concurrency`, everything in hand never exceeds twice that, and nothing is forgotten."""
    standing = standing_for(concurrency)
    for step in steps:
        if step == "start" and standing.allowance() > 0:
            standing.start()
        elif step == "answered" and standing.under_way:
            standing.answered()
        elif step == "end" and standing.unsettled:
            standing.end(answered=True)
        elif step == "fault" and standing.under_way:
            standing.end(answered=False)
        assert 0 <= standing.under_way <= concurrency
        assert standing.unsettled >= 0 and standing.under_way + standing.unsettled <= 2 * concurrency
    for _ in range(standing.under_way):
        standing.end(answered=False)
    for _ in range(standing.unsettled):
        standing.end(answered=True)
    assert standing.allowance() == concurrency
