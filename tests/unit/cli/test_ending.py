"""A command that a signal ends undoes what it set up, and no later signal breaks into that."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli.ending import Ending, Stopped, orderly


def test_the_first_signal_ends_the_work_and_a_later_one_does_not_disturb_the_tidying_up() -> None:
    """An impatient operator presses twice."""
    ending, undone = Ending(), []

    async def work() -> None:
        try:
            ending.hear(signal.SIGTERM, None)
            await asyncio.Event().wait()
        finally:
            ending.hear(signal.SIGINT, None)
            await asyncio.sleep(0)
            undone.append("all")

    with pytest.raises(Stopped) as stopped:
        ending.run(work())
    assert (stopped.value.number, undone) == (signal.SIGTERM, ["all"])
    ending.hear(signal.SIGINT, None)  # what stands around the work is being tidied up


def test_a_signal_between_two_works_is_raised_where_the_next_one_would_begin() -> None:
    """Where nothing runs on a loop there is nothing to cancel, and raising it there would break into what sets up or tidies."""
    ending, begun = Ending(), []

    async def work() -> str:
        begun.append("work")
        return "done"

    assert ending.run(work()) == "done"
    ending.look()
    ending.hear(signal.SIGHUP, None)
    with pytest.raises(Stopped) as stopped:
        ending.look()
    with pytest.raises(Stopped):
        ending.run(work())
    assert (stopped.value.number, begun) == (signal.SIGHUP, ["work"])


def test_a_signal_while_the_loop_is_being_made_is_not_lost() -> None:
    """It comes after the first look, and before there is a task to cancel."""
    ending, begun = Ending(), []

    class Loops(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            ending.hear(signal.SIGTERM, None)
            return super().new_event_loop()

    async def work() -> None:
        begun.append("work")

    usual = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Loops())
    try:
        with pytest.raises(Stopped):
            ending.run(work())
    finally:
        asyncio.set_event_loop_policy(usual)
    assert begun == []


def test_a_signal_during_the_setting_up_leaves_nothing(tmp_path: Path) -> None:
    """Not even between what was made and the block that undoes it."""
    made = tmp_path / "made"

    @contextmanager
    def place() -> Iterator[None]:
        made.mkdir()
        signal.raise_signal(signal.SIGTERM)
        try:
            yield
        finally:
            signal.raise_signal(signal.SIGTERM)
            made.rmdir()

    with pytest.raises(Stopped), orderly() as ending, place():
        ending.run(asyncio.sleep(0))
    assert not made.exists()


def test_a_cancellation_that_no_signal_asked_for_stays_one() -> None:
    """It is not told as somebody's wish."""

    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        Ending().run(work())


def test_signals_are_heard_for_the_block_and_those_that_are_ignored_stay_so() -> None:
    """`nohup gateway selftest` outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    usual = signal.getsignal(signal.SIGTERM)
    try:
        with orderly() as ending:
            assert signal.getsignal(signal.SIGTERM) == ending.hear
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is usual
    finally:
        signal.signal(signal.SIGHUP, before)
