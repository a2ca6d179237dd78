"""The schedule of questions: always ahead, never closer than asked for, at its end when it says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.payment.model import Made, State
from connectors.payment.payment import Attempt, RefundState
from connectors.payment.schedule import (
    asked_until,
    deadline,
    next_question,
    next_refund_question,
    refund_asked_until,
    soon,
)

T0 = datetime(2026, 9, 21, 7, 30, tzinfo=UTC)
STATES = st.sampled_from(list(State))
OPEN_STATES = st.sampled_from([State.CREATED, State.PENDING, State.UNKNOWN])
MOMENTS = st.integers(0, 400_000_000).map(lambda ms: T0 + timedelta(milliseconds=ms))


def _attempt(state: State, asked: int = 0, minutes: int = 15, *, made: bool = True) -> Attempt:
    return Attempt(
        number=1,
        ref="r",
        provider="vnpay",
        channel="web",
        state=state,
        created_at=T0,
        expires_at=T0 + timedelta(minutes=minutes),
        made=Made(pay_url="x") if made else Made(),
        asked=asked,
    )


@given(OPEN_STATES, st.integers(0, 500), st.integers(1, 43_200), st.integers(0, 86_400), MOMENTS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_next_question_is_ahead_a_whole_second_and_before_the_end(
    state: State, asked: int, minutes: int, grace_s: int, at: datetime, made: bool
) -> None:
    """At least two seconds ahead, so that whoever follows has not passed it; an expiry is never overslept."""
    attempt = _attempt(state, asked, minutes, made=made)
    following = next_question(attempt, grace_s, at)
    end, last = deadline(attempt, grace_s), asked_until(attempt, grace_s)
    assert (following is None) == (at >= last)
    if following is None:
        return
    assert following.microsecond == 0 and following > at
    assert following <= max(last, at) + timedelta(seconds=3)
    assert not at < end < following - timedelta(seconds=1)
    assert following - at <= timedelta(hours=1, seconds=2) or state is State.CREATED


@given(STATES, MOMENTS)
@settings(max_examples=60)
def test_what_is_at_its_end_is_asked_about_no_more(state: State, at: datetime) -> None:
    """Only what is open."""
    if state not in (State.CREATED, State.PENDING, State.UNKNOWN):
        assert next_question(_attempt(state), 900, at) is None


@given(
    st.sampled_from(["asked", "declined", "sending", "unknown", "to_repeat", "to_transfer", "done", "failed"]), MOMENTS
)
@settings(max_examples=100)
def test_a_refund_is_asked_about_while_its_intermediary_has_it(state: str, at: datetime) -> None:
    """For 31 days, at most a day apart; what waits for people is due to nobody."""
    refund = RefundState(
        refund_id="h", refund_ref="r", attempt=1, amount=1, state=state, reason="", asked_by="x", asked_at=T0, asked=99
    )
    following = next_refund_question(refund, at)
    awaited = state == "to_repeat" or (state in ("sending", "unknown") and at < refund_asked_until(refund))
    assert (following is not None) == awaited
    assert following is None or at < following <= at + timedelta(days=1, seconds=1)


@given(MOMENTS)
@settings(max_examples=60)
def test_soon_is_a_moment_that_nobody_has_passed(at: datetime) -> None:
    """A whole second, two to three ahead."""
    assert timedelta(seconds=2) <= soon(at) - at < timedelta(seconds=3)
