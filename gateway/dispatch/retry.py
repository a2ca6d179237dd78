"""What to do next with a delivery that did not end in a receipt. Pure: error, history and clock in, a decision out.

The schedule is persisted: full jitter over base·factor^n, capped, for a window of days (delivery-engine 4.5); nothing here
waits. The family of the error alone decides (architecture 6), and trouble of a whole upstream is not charged to a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from connectors.kit.errors import Busy, DeliveryError, NeedsPerson, NotSent, OutcomeUnknown, Permanent
from gateway.clock import Clock
from gateway.config import Retry

# The clock of the upstream's last byte and ours are not read at the same moment.
ENQUIRY_MARGIN = timedelta(seconds=1)


class Next(StrEnum):
    """What happens next; the words are stable and appear in logs and metrics."""

    WAIT = "wait"
    ENQUIRE = "enquire"
    HOLD = "hold"
    REFUSE = "refuse"
    PAUSE = "pause"
    GIVE_BACK = "give_back"


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """A decision about one delivery.

    WAIT and ENQUIRE name the earliest moment `at`; so does GIVE_BACK, which does not count the attempt. HOLD, REFUSE and
    PAUSE carry the reason for people. `code` is stable: that of the error, or `exhausted`, `poison`, `not_resolvable`.
    """

    next: Next
    code: str
    reason_vi: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What went before.

    `attempts` counts claims, this one included. `deadline` is the end of the time that the call just made was given: until
    then it may still take effect upstream. `doubtful`: an earlier attempt may have arrived already. `open_until` is set
    while the breaker of the upstream is open.
    """

    attempts: int
    first_attempt_at: datetime
    deadline: datetime
    skippable: bool = False
    doubtful: bool = False
    open_until: datetime | None = None


def ceiling_s(attempts: int, schedule: Retry) -> float:
    """The longest wait after this many attempts, in seconds: base·factor^(attempts-1), never above the cap."""
    try:
        return min(schedule.cap_s, schedule.base_s * max(schedule.factor, 1.0) ** max(attempts - 1, 0))
    except OverflowError:
        return schedule.cap_s


def decide(error: DeliveryError, history: History, schedule: Retry, clock: Clock) -> RetryDecision:
    """What the error means for the delivery, given its history.

    A set-up that is wrong for one part of an upstream only holds the lane: the others go on.
    """
    if isinstance(error, NeedsPerson):
        return _stopped(error)
    if isinstance(error, Permanent):
        return RetryDecision(Next.REFUSE if history.skippable else Next.HOLD, error.code, error.message_vi)
    if isinstance(error, NotSent | Busy) and history.open_until is not None:
        return _yield_to_breaker(error, history, schedule, clock)
    if isinstance(error, OutcomeUnknown):
        return _enquire(error, history, schedule, clock)
    return _wait(error, history, schedule, clock)


def enquire_again(error: DeliveryError, history: History, schedule: Retry, clock: Clock) -> RetryDecision:
    """What a failed enquiry means: the delivery stays unknown and is asked about later; a wrong set-up pauses the upstream."""
    if isinstance(error, NeedsPerson):
        return _stopped(error)
    waited = _wait(error, history, schedule, clock)
    if waited.at is None:
        return waited
    at = max(waited.at, history.open_until or waited.at)
    return RetryDecision(Next.ENQUIRE, error.code, error.message_vi, at)


def poisoned(unsettled: int, max_unsettled: int) -> RetryDecision | None:
    """A hold, when the last `max_unsettled` claims of this message all died with their process; otherwise None.

    Attempts are counted when they are claimed, so the message that kills every sender is found out (failure catalogue F12).
    """
    if unsettled < max_unsettled:
        return None
    reason = f"Tiến trình gửi đã dừng đột ngột {unsettled} lần liên tiếp khi xử lý thông điệp này; cần người kiểm tra."
    return RetryDecision(Next.HOLD, "poison", reason)


def _stopped(error: NeedsPerson) -> RetryDecision:
    return RetryDecision(Next.HOLD if error.partial else Next.PAUSE, error.code, error.message_vi)


def _wait(error: DeliveryError, history: History, schedule: Retry, clock: Clock) -> RetryDecision:
    """Wait, at most until the window closes; once it is closed, a person decides."""
    now, last = clock.now(), _last_moment(history, schedule)
    if now >= last:
        return _exhausted(error, history)
    delay = _asked(error, schedule) + timedelta(seconds=_jitter(history.attempts, schedule, clock.chance))
    return RetryDecision(Next.WAIT, error.code, error.message_vi, min(now + delay, last))


def _enquire(error: DeliveryError, history: History, schedule: Retry, clock: Clock) -> RetryDecision:
    """Ask, but never before the unanswered call's own deadline: until then it may still commit upstream.

    The first enquiry comes right after the deadline; later ones back off, so that a message that always ends unknown
    does not hammer the upstream. A delivery that became doubtful just now is asked about once even when the window has
    closed, so that nobody releases it later without knowing.
    """
    now = clock.now()
    if history.doubtful and now >= _last_moment(history, schedule):
        return _exhausted(error, history)
    earliest = max(history.deadline, now) + ENQUIRY_MARGIN
    if history.attempts > 1:
        earliest += timedelta(seconds=_jitter(history.attempts - 1, schedule, clock.chance))
    return RetryDecision(Next.ENQUIRE, error.code, error.message_vi, max(earliest, history.open_until or earliest))


def _yield_to_breaker(error: DeliveryError, history: History, schedule: Retry, clock: Clock) -> RetryDecision:
    """The upstream is down, not the message: back to the lane, uncounted, until the breaker lets somebody try.

    The window holds all the same: after two weeks a person should know.
    """
    now, last = clock.now(), _last_moment(history, schedule)
    if now >= last:
        return _exhausted(error, history)
    at = max(history.open_until or now, now + _asked(error, schedule))
    at += timedelta(seconds=clock.chance() * schedule.base_s)
    return RetryDecision(Next.GIVE_BACK, error.code, error.message_vi, min(at, last))


def _exhausted(error: DeliveryError, history: History) -> RetryDecision:
    """Exhausted is held: visible, alerted, replayable; never dropped (failure catalogue F13)."""
    since = history.first_attempt_at.date().isoformat()
    return RetryDecision(
        Next.HOLD, "exhausted", f"Đã hết thời hạn gửi lại (thử từ ngày {since}). Lỗi cuối: {error.message_vi}"
    )


def _asked(error: DeliveryError, schedule: Retry) -> timedelta:
    """What the upstream asked for by Retry-After (RFC 9110, 10.2.3), within bounds of ours."""
    return timedelta(seconds=min(max(error.retry_after_s or 0.0, 0.0), schedule.retry_after_cap_s))


def _last_moment(history: History, schedule: Retry) -> datetime:
    return history.first_attempt_at + timedelta(seconds=schedule.window_s)


def _jitter(attempts: int, schedule: Retry, chance: Callable[[], float]) -> float:
    """Full jitter: anything between nothing and the ceiling, so that lanes that failed together do not return together."""
    return chance() * ceiling_s(attempts, schedule)
