"""When a poller runs, pure: every so many seconds, or daily at a time of day in Viet Nam, from when it last ran."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

from connectors.kit.declarations import PollerSpec
from gateway.clock import LOCAL_ZONE


def next_run(spec: PollerSpec, last: datetime | None, now: datetime, chance: Callable[[], float]) -> datetime:
    """When to run next: at once where it never ran, or where a daily run was missed while nothing was running.

    `last` is when the last run ended. A clock that was set back delays a run by one period at most.
    """
    if spec.daily_at:
        return _daily(spec, last, now, chance)
    if last is None:
        return now
    period = timedelta(seconds=spec.every_s + spec.jitter_s * (2.0 * chance() - 1.0))
    return min(max(now, last + period), now + timedelta(seconds=spec.every_s + spec.jitter_s))


def _daily(spec: PollerSpec, last: datetime | None, now: datetime, chance: Callable[[], float]) -> datetime:
    local = now.astimezone(LOCAL_ZONE)
    today = datetime.combine(local.date(), time.fromisoformat(spec.daily_at), LOCAL_ZONE)
    latest = today if today <= local else today - timedelta(days=1)
    if last is None or last < latest:
        return now
    return latest + timedelta(days=1, seconds=spec.jitter_s * chance())
