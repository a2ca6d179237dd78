"""The decision what next is pure: every family of errors, every bound of the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CannotMap,
    CertificateExpired,
    ConsentMissing,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    NoAnswer,
    NotSent,
    Rejected,
    UpstreamFault,
)
from gateway.clock import Clock
from gateway.config import Retry
from gateway.dispatch.retry import ENQUIRY_MARGIN, History, Next, ceiling_s, decide, enquire_again, poisoned

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
SCHEDULE = Retry()


def at(moment: datetime = NOW, chance: float = 0.5) -> Clock:
    """A clock that stands still."""
    return Clock(now=lambda: moment, instant=lambda: 0.0, chance=lambda: chance)


def history(
    attempts: int = 1,
    first: datetime = NOW,
    deadline: datetime = NOW,
    *,
    doubtful: bool = False,
    open_until: datetime | None = None,
) -> History:
    """A history with a few things set."""
    return History(attempts, first, deadline, doubtful=doubtful, open_until=open_until)


schedules = st.builds(
    Retry,
    base_s=st.floats(0, 600),
    factor=st.floats(0.5, 1e6),
    cap_s=st.floats(0, 86_400),
    window_s=st.floats(0, 30 * 86_400),
    retry_after_cap_s=st.floats(0, 86_400),
)
chances = st.floats(0, 1, exclude_max=True)
counts = st.integers(1, 10**9)


@given(schedules, counts)
def test_ceiling_stays_between_nothing_and_the_cap(schedule: Retry, attempts: int) -> None:
    """No number of attempts makes the wait longer than the cap, or overflows."""
    assert 0 <= ceiling_s(attempts, schedule) <= schedule.cap_s


@given(schedules, counts, st.integers(0, 10**6))
def test_ceiling_never_shrinks_with_more_attempts(schedule: Retry, attempts: int, more: int) -> None:
    """The ceiling is monotone in the number of attempts."""
    assert ceiling_s(attempts, schedule) <= ceiling_s(attempts + more, schedule)


def test_ceiling_doubles_from_the_base_to_the_cap() -> None:
    """The default schedule: 5, 10, 20 seconds and so on, an hour at most."""
    assert [ceiling_s(n, SCHEDULE) for n in (1, 2, 3, 10, 11, 500)] == [5, 10, 20, 2560, 3600, 3600]


@given(schedules, counts, chances)
def test_delay_is_full_jitter_within_the_ceiling_and_never_beyond_the_window(
    schedule: Retry, attempts: int, chance: float
) -> None:
    """A retryable error waits between nothing and the ceiling, and the last moment is the end of the window."""
    decision = decide(NotSent(), history(attempts), schedule, at(chance=chance))
    if schedule.window_s < 1e-6:
        return
    assert decision.next is Next.WAIT
    assert decision.at is not None
    assert NOW <= decision.at <= NOW + timedelta(seconds=min(schedule.cap_s, schedule.window_s) + 1e-6)


@given(counts, chances, chances)
def test_delay_grows_with_chance_only(attempts: int, one: float, other: float) -> None:
    """The delay is monotone in the drawn chance: chance spreads, it does not reorder."""
    low, high = sorted((one, other))
    first = decide(Busy(), history(attempts), SCHEDULE, at(chance=low)).at
    second = decide(Busy(), history(attempts), SCHEDULE, at(chance=high)).at
    assert first is not None
    assert second is not None
    assert first <= second


@given(st.floats(0, 1e6), chances)
def test_retry_after_is_honoured_within_bounds(asked: float, chance: float) -> None:
    """Never earlier than the upstream asked for, unless it asked for more than the bound."""
    decision = decide(Busy(retry_after_s=asked), history(), SCHEDULE, at(chance=chance))
    least = timedelta(seconds=min(asked, SCHEDULE.retry_after_cap_s))
    assert decision.at is not None
    assert least - timedelta(microseconds=1) <= decision.at - NOW <= least + timedelta(seconds=SCHEDULE.base_s + 1e-6)


@pytest.mark.parametrize("asked", [-5.0, 0.0, None])
def test_a_senseless_retry_after_changes_nothing(asked: float | None) -> None:
    """A negative or absent Retry-After leaves the plain schedule."""
    assert decide(Busy(retry_after_s=asked), history(), SCHEDULE, at()).at == NOW + timedelta(seconds=2.5)


def test_exhausted_after_the_window_is_held_with_the_last_error() -> None:
    """Fourteen days after the first attempt a person decides; the reason names the last error."""
    late = at(NOW + timedelta(days=14))
    decision = decide(NotSent("Không kết nối được."), history(99), SCHEDULE, late)
    assert (decision.next, decision.code, decision.at) == (Next.HOLD, "exhausted", None)
    assert "Không kết nối được." in decision.reason_vi


def test_one_moment_before_the_window_closes_it_still_waits() -> None:
    """The last attempt comes exactly at the end of the window."""
    almost = at(NOW + timedelta(days=14) - timedelta(seconds=1), chance=0.9)
    assert decide(NotSent(), history(99), SCHEDULE, almost).at == NOW + timedelta(days=14)


@pytest.mark.parametrize("error", [CredentialsRefused(), ConsentMissing(), CertificateExpired(), ContractChanged()])
def test_a_wrong_set_up_pauses_the_upstream(error: DeliveryError) -> None:
    """NeedsPerson is never the message's fault."""
    assert decide(error, history(), SCHEDULE, at()).next is Next.PAUSE
    assert enquire_again(error, history(), SCHEDULE, at()).next is Next.PAUSE


@pytest.mark.parametrize("error", [Rejected("Sai mã"), CannotMap("Thiếu mã")])
def test_a_permanent_error_holds_and_refuses_only_what_is_skippable(error: DeliveryError) -> None:
    """Refusing lets the lane go on, so the connector must have declared the operation skippable."""
    held = decide(error, history(), SCHEDULE, at())
    assert (held.next, held.code, held.reason_vi) == (Next.HOLD, error.code, error.message_vi)
    skippable = History(1, NOW, NOW, skippable=True)
    assert decide(error, skippable, SCHEDULE, at()).next is Next.REFUSE


@pytest.mark.parametrize("error", [NoAnswer(), AnswerUnreadable(), UpstreamFault()])
@given(ahead=st.floats(-1e4, 1e4), attempts=counts, chance=chances)
def test_an_unknown_outcome_is_never_enquired_before_the_calls_own_deadline(
    error: DeliveryError, ahead: float, attempts: int, chance: float
) -> None:
    """Until its deadline the unanswered call may still commit upstream."""
    deadline = NOW + timedelta(seconds=ahead)
    decision = decide(error, history(attempts, deadline=deadline), SCHEDULE, at(chance=chance))
    assert decision.next is Next.ENQUIRE
    assert decision.at is not None
    assert decision.at >= max(deadline, NOW) + ENQUIRY_MARGIN


def test_the_first_enquiry_comes_at_once_and_later_ones_back_off() -> None:
    """A message that ends unknown again and again does not hammer the upstream."""
    first = decide(NoAnswer(), history(1), SCHEDULE, at())
    fourth = decide(NoAnswer(), history(4), SCHEDULE, at())
    assert first.at == NOW + ENQUIRY_MARGIN
    assert fourth.at == NOW + ENQUIRY_MARGIN + timedelta(seconds=10)


def test_an_enquiry_waits_for_an_open_breaker() -> None:
    """Nothing is sent while the breaker is open, not even a question."""
    later = NOW + timedelta(minutes=5)
    assert decide(NoAnswer(), history(open_until=later), SCHEDULE, at()).at == later
    assert enquire_again(NotSent(), history(open_until=later), SCHEDULE, at()).at == later


def test_a_delivery_that_becomes_doubtful_after_the_window_is_asked_about_once() -> None:
    """Holding it without asking would let a release send it twice."""
    late = at(NOW + timedelta(days=15))
    assert decide(NoAnswer(), history(9), SCHEDULE, late).next is Next.ENQUIRE
    assert decide(NoAnswer(), history(9, doubtful=True), SCHEDULE, late).code == "exhausted"


@pytest.mark.parametrize("error", [NotSent(), Busy(), Rejected(), NoAnswer()])
def test_a_failed_enquiry_leaves_the_delivery_unknown_and_backs_off(error: DeliveryError) -> None:
    """Whatever an enquiry fails with, it says nothing about the delivery."""
    decision = enquire_again(error, history(3), SCHEDULE, at())
    assert (decision.next, decision.at) == (Next.ENQUIRE, NOW + timedelta(seconds=10))


def test_enquiries_end_with_the_window_too() -> None:
    """After two weeks of failed enquiries a person decides."""
    late = at(NOW + timedelta(days=14))
    assert enquire_again(NotSent(), history(9, doubtful=True), SCHEDULE, late).code == "exhausted"


@given(chances)
def test_with_an_open_breaker_the_attempt_is_given_back(chance: float) -> None:
    """An upstream that is down is not charged to the message."""
    until = NOW + timedelta(seconds=30)
    decision = decide(NotSent(), history(4, open_until=until), SCHEDULE, at(chance=chance))
    assert decision.next is Next.GIVE_BACK
    assert decision.at is not None
    assert until <= decision.at <= until + timedelta(seconds=SCHEDULE.base_s)


def test_with_an_open_breaker_a_longer_retry_after_still_counts() -> None:
    """The later of the two moments is kept."""
    until = NOW + timedelta(seconds=30)
    decision = decide(Busy(retry_after_s=300), history(open_until=until), SCHEDULE, at(chance=0))
    assert decision.at == NOW + timedelta(seconds=300)


def test_with_an_open_breaker_the_window_closes_all_the_same() -> None:
    """After two weeks a person should know, whoever is at fault."""
    late = NOW + timedelta(days=14)
    assert decide(NotSent(), history(open_until=late), SCHEDULE, at(late)).code == "exhausted"


@pytest.mark.parametrize(("unsettled", "held"), [(0, False), (4, False), (5, True), (9, True)])
def test_a_message_that_keeps_killing_its_process_is_poison(unsettled: int, *, held: bool) -> None:
    """Five claims in a row that died with the process are enough."""
    decision = poisoned(unsettled, 5)
    assert (decision is not None) is held
    if decision is not None:
        assert (decision.next, decision.code) == (Next.HOLD, "poison")
