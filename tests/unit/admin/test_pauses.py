"""Pauses, ordered and planned: nothing leaves while one holds, over restarts, and each is told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.admin.operations import LaneQuery
from gateway.errors import IntakeError, JournalUnavailable

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

NOTICE = "Cổng Dịch vụ công quốc gia bảo trì; sự kiện vẫn được nhận."


def _plan(begins_s: float, ends_s: float | None = None, **more: Any) -> dict[str, Any]:
    """A window, in seconds from the start of the test."""
    told = {"from": (START + timedelta(seconds=begins_s)).isoformat(), "notice": NOTICE, **more}
    return told if ends_s is None else told | {"until": (START + timedelta(seconds=ends_s)).isoformat()}


def _closed(hall: Any) -> list[str]:
    """The upstreams to which the worker sends nothing now."""
    return sorted(code for code, row in hall.worker.standings().items() if row.paused)


async def _at(hall: Any, seconds: float) -> list[str]:
    """What is closed so many seconds after the start, after a look."""
    hall.turned.moment = START + timedelta(seconds=seconds)
    await hall.watch.look()
    return _closed(hall)


async def _kinds(hall: Any) -> list[str]:
    return [kind for kind, *_ in await hall.trail() if kind.startswith("pause.")]


@pytest.fixture
async def planned(building: Any) -> Any:
    """A desk where nothing is marked for a second key, and two windows: one for one upstream, one for all."""
    async with building.open(second_key_for=frozenset()) as hall:
        await hall.found()
        await hall.say("chi", "pause-plan", upstream="national", details=_plan(100, 200))
        await hall.say("chi", "pause-plan", details=_plan(300, 400, all=True))
        yield hall


async def test_a_window_closes_its_upstreams_from_its_start_until_its_end(planned: Any) -> None:
    """One upstream, then all; announced, begun and ended once each, however often the watch looks."""
    assert await _at(planned, 99) == []
    for second in (100, 150, 150, 199):
        assert await _at(planned, second) == ["national"]
    assert await _at(planned, 200) == [] and await _at(planned, 201) == []
    assert await _at(planned, 300) == ["national", "resolution"]
    assert await _at(planned, 400) == []
    begun_and_ended = ["pause.began", "pause.ended"]
    assert await _kinds(planned) == ["pause.planned"] * 2 + begun_and_ended * 2


async def test_a_restart_in_the_middle_of_a_window_stays_in_it_and_ends_it_once(building: Any) -> None:
    """Killed and started again inside, and again after its end: nothing is told twice."""
    async with building.open(second_key_for=frozenset()) as hall:
        await hall.found()
        await hall.say("chi", "pause-plan", upstream="national", details=_plan(100, 200))
        assert await _at(hall, 120) == ["national"]
    for second, closed in ((150, ["national"]), (199, ["national"]), (250, []), (300, [])):
        building.turned.moment = START + timedelta(seconds=second)
        async with building.open() as hall:
            assert _closed(hall) == closed, "in force before anything is sent"
            told = await _kinds(hall)
    assert told == ["pause.planned", "pause.began", "pause.ended"]


async def test_a_window_that_passed_while_nothing_ran_is_told_as_missed(building: Any) -> None:
    """It began and ended without us."""
    async with building.open(second_key_for=frozenset()) as hall:
        await hall.found()
        await hall.say("chi", "pause-plan", upstream="national", details=_plan(100, 200))
    building.turned.moment = START + timedelta(seconds=500)
    async with building.open() as hall:
        ((_, _, fields),) = await hall.trail("pause.ended")
        assert fields["missed"] is True and _closed(hall) == []


async def test_a_persons_pause_is_not_lifted_by_the_end_of_a_window(planned: Any) -> None:
    """Paused by hand inside the window, it stays paused behind it, until a person resumes it."""
    assert await _at(planned, 150) == ["national"]
    await planned.say("chi", "pause", upstream="national")
    assert await _at(planned, 250) == ["national"]
    await planned.say("chi", "resume", upstream="national")
    assert _closed(planned) == []


async def test_a_resume_does_not_lift_a_window_and_says_so(planned: Any) -> None:
    """The window is cancelled, or ends at its time."""
    assert await _at(planned, 150) == ["national"]
    told = await planned.say("chi", "resume", upstream="national")
    assert "--cancel" in told["message_vi"] and _closed(planned) == ["national"]
    assert "--cancel" not in (await planned.say("chi", "resume", upstream="resolution"))["message_vi"]


async def test_a_cancelled_window_never_begins_and_one_in_force_ends_at_once(planned: Any) -> None:
    """Under a signature with a reason, like every decision; a second cancel finds nothing."""
    first, second = [row["window"] for row in (await planned.desk.pauses.shown())["windows"]]
    assert await _at(planned, 150) == ["national"]
    for window in (first, second):
        assert (await planned.say("chi", "pause-cancel", details={"window": window}))["done"]
        assert _closed(planned) == []
        with pytest.raises(IntakeError) as caught:
            await planned.say("chi", "pause-cancel", details={"window": window})
        assert caught.value.code == "window_closed"
    assert await _at(planned, 350) == []
    assert (await _kinds(planned))[2:] == ["pause.began", "pause.cancelled", "pause.cancelled"]


async def test_a_window_without_an_end_lasts_until_it_is_cancelled(planned: Any) -> None:
    """Even for days."""
    answer = await planned.say("chi", "pause-plan", upstream="resolution", details=_plan(500))
    assert await _at(planned, 500_000) == ["resolution"]
    await planned.say("chi", "pause-cancel", details={"window": answer["window"]})
    assert _closed(planned) == []


async def test_callers_and_operators_see_what_is_planned(planned: Any) -> None:
    """Upcoming for callers without reason or name; in `lanes` and the feed; nothing any more once it is over."""
    await planned.watch.look()
    upcoming = planned.watch.upcoming()
    assert [(row["notice"], row["in_force"]) for row in upcoming] == [(NOTICE, False)] * 2
    assert not {"reason", "operator"} & set(upcoming[0])
    shown = await planned.desk.operations.lanes(LaneQuery())
    assert len(shown["windows"]) == 2
    fed = [row.kind for row in await planned.journal.feed(0, 100)]
    assert fed.count("pause.planned") == 2
    await _at(planned, 150)
    paused = {row["upstream"]: row["paused"] for row in (await planned.desk.operations.lanes(LaneQuery()))["upstreams"]}
    assert paused == {"national": NOTICE, "resolution": ""}
    await _at(planned, 1_000)
    assert planned.watch.upcoming() == []


@pytest.mark.parametrize(
    ("words", "details"),
    [
        ({"upstream": "moon"}, _plan(10, 20)),
        ({}, _plan(10, 20)),
        ({"upstream": "national"}, _plan(20, 10)),
        ({"upstream": "national"}, _plan(-20, -10)),
        ({"upstream": "national"}, _plan(10, 20, notice="ngắn")),
        ({"upstream": "national"}, {"from": "2026-11-23T22:00:00", "notice": NOTICE}),
        ({"upstream": "national"}, {"notice": NOTICE}),
        ({"upstream": "national"}, _plan(10, 20, extra=1)),
    ],
)
async def test_a_plan_that_is_not_whole_is_refused(
    planned: Any, words: dict[str, str], details: dict[str, Any]
) -> None:
    """No upstream, no time, a time without zone, an end before its start, no notice, a word nobody knows."""
    with pytest.raises(IntakeError) as caught:
        await planned.say("chi", "pause-plan", details=details, **words)
    assert caught.value.code == "order_incomplete"
    assert len((await planned.desk.pauses.shown())["windows"]) == 2


async def test_a_store_that_cannot_write_does_not_keep_a_window_from_closing(
    planned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First nothing is sent, then it is written down; the next look writes it."""

    async def full(_: object) -> None:
        raise JournalUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(planned.journal, "accept", full)
        with pytest.raises(JournalUnavailable):
            await _at(planned, 150)
        assert _closed(planned) == ["national"]
    assert await _at(planned, 151) == ["national"]
    assert (await _kinds(planned)).count("pause.began") == 1
