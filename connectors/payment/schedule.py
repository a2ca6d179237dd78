"""When somebody must ask again, or look whether time alone has changed something (payment facts 4.5). Pure.

Moments are whole seconds, rounded up, and never sooner than a moment after what set them: who follows the marks of `due` may
have passed the present second already.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.payment.model import Made, State
from connectors.payment.payment import Attempt, Payment, RefundState

SOON = timedelta(seconds=2)
"""How soon "now" is."""

OPEN = frozenset({State.CREATED, State.PENDING, State.UNKNOWN})
"""The states of an attempt that may still become paid without any surprise."""

AWAITED_REFUNDS = frozenset({"sending", "unknown"})
"""The states of a refund that its intermediary is asked about."""

_IN_DOUBT = tuple(map(timedelta, (0, 0, 0), (5, 30, 120)))
_QUERIES = tuple(timedelta(minutes=minutes) for minutes in (0.5, 1, 2, 5, 15, 30, 60))
_REFUNDS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *[timedelta(hours=1)] * 24,
    timedelta(days=1),
)
_ASKED_FOR = timedelta(hours=72)
_REFUND_ASKED_FOR = timedelta(days=31)
_ALARM_AFTER = timedelta(hours=24)
_WATCHED = tuple(map(timedelta, (0, 0, 0, 0), (3_600, 21_600, 86_400, 259_200)))
"""How long after its deadline an attempt is looked at again that expired while its intermediary called it open."""

TRIES = 30
"""How often a question about an attempt that is no longer open is put again while no answer is clear: for about a day."""

REPEAT_REFUND_AFTER = timedelta(hours=1)
"""After how long the very same call for a refund is made again where the intermediary says so (payment facts 3.6)."""

MOST_REPEATS = 5
"""How often it is made again before people must look."""

RECEIPT_LATE_AFTER = timedelta(minutes=15)
"""How old an order for an electronic receipt may grow before there is an alarm (payment facts 7.2)."""


def soon(at: datetime) -> datetime:
    """Now, as a moment to wait for."""
    return whole(at + SOON)


def whole(at: datetime) -> datetime:
    """The whole second at or after a moment."""
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)


def deadline(attempt: Attempt, grace_s: int) -> datetime:
    """Until when an attempt may be paid without being late: its expiry and the grace of ours."""
    return attempt.expires_at + timedelta(seconds=grace_s)


def asked_until(attempt: Attempt, grace_s: int) -> datetime:
    """Until when an open attempt is asked about; then people must find out."""
    return deadline(attempt, grace_s) + _ASKED_FOR


def alarming_from(attempt: Attempt, grace_s: int) -> datetime:
    """From when an attempt that nobody knows about is an alarm."""
    return deadline(attempt, grace_s) + _ALARM_AFTER


def next_question(attempt: Attempt, grace_s: int, at: datetime) -> datetime | None:
    """When an open attempt is asked about next, counted from `at`; None where it is not, or no more.

    What was not put before its intermediary yet is asked about when its time is over. An expiry is looked at when it comes,
    not when the schedule happens to come by.
    """
    if attempt.watched and attempt.state is State.EXPIRED:
        looks = (deadline(attempt, grace_s) + after for after in _WATCHED)
        return next((whole(look) for look in looks if look > at), None)
    if attempt.state not in OPEN or at >= asked_until(attempt, grace_s):
        return None
    end = deadline(attempt, grace_s)
    if attempt.state is State.CREATED and not attempt.asked:
        return whole(max(end, at + SOON))
    steps = _QUERIES if attempt.state is not State.UNKNOWN or attempt.made != Made() else _IN_DOUBT + _QUERIES
    following = at + steps[min(attempt.asked, len(steps) - 1)]
    return whole(end if at < end < following else min(following, asked_until(attempt, grace_s)))


def once_more(attempt: Attempt, grace_s: int, at: datetime) -> datetime | None:
    """When a question about an attempt that is no longer open is put again, which got no clear answer; None: no more."""
    following = next_question(attempt, grace_s, at)
    if attempt.tries < 1:
        return following
    again = whole(at + _QUERIES[min(max(TRIES - attempt.tries, 0), len(_QUERIES) - 1)])
    return again if following is None else min(again, following)


def next_refund_question(refund: RefundState, at: datetime) -> datetime | None:
    """When an intermediary is asked about a refund next; None where it is not, or no more."""
    if refund.state == "to_repeat":
        return whole(at + REPEAT_REFUND_AFTER)
    if refund.state not in AWAITED_REFUNDS or at >= refund_asked_until(refund):
        return None
    return whole(at + _REFUNDS[min(refund.asked, len(_REFUNDS) - 1)])


def refund_asked_until(refund: RefundState) -> datetime:
    """Until when an intermediary is asked about a refund; then people must find out."""
    return (refund.approved_at or refund.asked_at) + _REFUND_ASKED_FOR


def due_of(payment: Payment) -> datetime | None:
    """When somebody must look at a payment next: the earliest of everything in it."""
    moments = [attempt.due for attempt in payment.attempts] + [refund.due for refund in payment.refunds]
    if payment.state is State.CREATED and not payment.attempts:
        moments.append(whole(payment.expires_at + timedelta(seconds=payment.grace_s)))
    moments.append(receipts_late_at(payment))
    return min((moment for moment in moments if moment is not None), default=None)


def receipts_late_at(payment: Payment) -> datetime | None:
    """When the absence of a receipt becomes an alarm; None where none is awaited, or where there was one."""
    if "receipt_late" in payment.flags:
        return None
    ordered = [receipt.at for receipt in payment.receipts if receipt.state == "ordered" and receipt.at is not None]
    return whole(min(ordered) + RECEIPT_LATE_AFTER) if ordered else None
