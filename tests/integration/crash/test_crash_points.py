"""SIGKILL at every named crash point of the real program: nothing acknowledged is lost (delivery-engine 5, 2; F1, F6, F12).

The gateway kills itself; it is started again, the producers repeat what was not acknowledged, and when nothing moves any
more the portal and the resolution system are asked what they hold.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.observe.crash import POINTS

if TYPE_CHECKING:
    from tests.integration.crash.conftest import Tragedy

# At which passing of its point the gateway dies: in the middle of the events, some of them done and some under way.
# Each dossier that is registered before passes the points of accept at most once.
PASSING = 4


@pytest.mark.parametrize("point", [point for point in POINTS if not point.startswith("decision.")])
async def test_f01_killed_at(point: str, tragedy: Tragedy) -> None:
    """Killed at this point, the gateway loses nothing that it acknowledged, keeps the order, and doubles no effect."""
    passing = PASSING + (len(tragedy.roles) if point.startswith("accept") else 0)
    await tragedy.rise(f"{point}:{passing}")
    await tragedy.play.register()
    pushing = asyncio.create_task(tragedy.play.push())
    try:
        await tragedy.death()
        await tragedy.rise()
        await pushing
    finally:
        pushing.cancel()
    verdict = await tragedy.end()
    assert (verdict.lost, verdict.out_of_order, verdict.doubled, verdict.faults) == (0, 0, 0, [])
    assert verdict.accepted == tragedy.events
    assert verdict.delivered + verdict.behind_held == verdict.expected
    # What was in flight when the gateway died may be held for a person (a status that must not be repeated), nothing else.
    assert all(reason for _, _, reason in verdict.held)


@pytest.mark.parametrize(
    ("point", "again"),
    [
        ("accept.before_commit", "accepted"),
        ("accept.after_commit", "duplicate"),
        ("accept.before_answer", "duplicate"),
    ],
)
async def test_f01_an_event_whose_answer_was_lost(point: str, again: str, tragedy: Tragedy) -> None:
    """Killed before the commit, the event was never stored; killed after it, the same bytes find their receipt."""
    await tragedy.rise()
    await tragedy.play.register()
    await tragedy.rest()
    await tragedy.rise(point)
    assert (await tragedy.push(tragedy.first)).status == 0, "nothing was acknowledged"
    await tragedy.death()
    await tragedy.rise()
    answered = await tragedy.push(tragedy.first)
    assert (answered.status, answered.told) == (202 if again == "accepted" else 200, again)
    await tragedy.play.push()
    verdict = await tragedy.end()
    assert verdict.sound, verdict.faults
    assert verdict.held == []
