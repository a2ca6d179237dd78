"""Where an upstream stands: who may be the probe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.kit.errors import NotSent
from gateway.clock import Clock
from gateway.config import Breaker, Upstream
from gateway.dispatch.breaker import Sign
from gateway.dispatch.standing import Standing
from gateway.dispatch.upstreams import Hooks, UpstreamLine
from gateway.journal.model import UpstreamRow

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)


class Mute:
    """A connector that offers nothing."""

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("late", [False, True])
def test_exactly_one_delivery_is_the_probe_and_none_before_its_time(late: bool) -> None:
    """Claims that were on their way when the breaker opened are no probes; afterwards the first one is, and no other."""
    passed_s = 0.0
    clock = Clock(now=lambda: START + timedelta(seconds=passed_s), instant=lambda: passed_s)
    settings = Upstream(connector="x", breaker=Breaker(failures=1, open_s=30.0))
    standing = Standing(UpstreamLine("A", settings, Mute(), {}), clock, Hooks(), UpstreamRow("A"))
    standing.start()
    standing.saw(Sign.DOWN, "D1", probe=False, error=NotSent())
    assert standing.row().breaker_state == "open"
    if late:
        passed_s = 30.0
        assert [standing.start() for _ in range(3)] == [True, False, False]
        assert standing.row().breaker_state == "probing"
    else:
        assert [standing.start() for _ in range(3)] == [False, False, False]
        assert standing.row().breaker_state == "open"
