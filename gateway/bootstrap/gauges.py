"""What the running gateway tells its operators: metrics brought up to date, deliveries counted, alarms raised."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

from gateway.clock import Clock
from gateway.dispatch.polling import Came, Polled
from gateway.dispatch.seats import Seats
from gateway.dispatch.upstreams import Settled
from gateway.journal.model import DeliveryState
from gateway.journal.store import Journal
from gateway.observe.metrics import Metrics
from gateway.records import repairs, results

_log = logging.getLogger("gateway")


async def render(metrics: Metrics, journal: Journal, clock: Clock, seats: Seats | None = None) -> bytes:
    """The text of `/metrics`, with the gauges brought up to date from the journal and the seats held."""
    metrics.seats.clear()
    if seats is not None:
        for upstream in seats.names():
            metrics.seats.labels(upstream).set(seats.held(upstream))
    counts, now = await journal.counts(), clock.now()
    # A state that nothing is in any more has no row: what was told of it before must not stand.
    metrics.messages.clear()
    metrics.blocked_lanes.clear()
    for (upstream, state), number in counts.messages.items():
        metrics.messages.labels(upstream, state.value).set(number)
    for upstream, count in counts.blocked_lanes.items():
        metrics.blocked_lanes.labels(upstream).set(count)
    metrics.oldest_waiting.clear()
    for upstream, since in counts.oldest_waiting.items():
        metrics.oldest_waiting.labels(upstream).set((now - since).total_seconds())
    metrics.parked.set(counts.parked)
    metrics.oldest_gap.set((now - counts.oldest_gap).total_seconds() if counts.oldest_gap is not None else 0.0)
    await _results(metrics, journal, now)
    await _repairs(metrics, journal)
    return metrics.render()


async def _results(metrics: Metrics, journal: Journal, now: datetime) -> None:
    """Results that wait for a person, and those that the gateway still works on."""
    shelves = [results.parse_shelf(record) for record in await journal.records(results.OPEN_KIND)]
    held = [one for shelf in shelves for one in shelf.held.values()]
    metrics.held_results.clear()
    for reason, number in Counter(one.reason for one in held).items():
        metrics.held_results.labels(reason).set(number)
    metrics.oldest_held_result.set(max(((now - one.since).total_seconds() for one in held), default=0.0))
    metrics.open_results.set(sum(len(shelf.due) for shelf in shelves))


async def _repairs(metrics: Metrics, journal: Journal) -> None:
    """What reconciliations found and nobody has seen to, and when each upstream was last looked at to the end."""
    for book in map(repairs.parse_book, await journal.records(repairs.RUNS)):
        metrics.open_repairs.labels(book.upstream).set(book.open_repairs)
        if book.last is not None and book.last.ended_at is not None:
            metrics.reconciled_at.labels(book.upstream).set(book.last.ended_at.timestamp())


def count(metrics: Metrics, settled: Settled) -> None:
    """Count what came of a delivery, and how long it took from accepted to delivered."""
    metrics.settled.labels(settled.upstream, settled.operation, settled.code).inc()
    if settled.state is DeliveryState.DELIVERED:
        metrics.observe_delivered(settled.upstream, settled.accepted_at, settled.at)


def polled(metrics: Metrics, run: Polled) -> None:
    """Count a poller's run; the time of the last one that succeeded shows a source that went silent."""
    metrics.polls.labels(run.upstream, run.poller, run.code or run.came.value).inc()
    if run.came is not Came.FAILED:
        metrics.polled_at.labels(run.upstream, run.poller).set(run.at.timestamp())
    if run.changed:
        metrics.polled_changes.labels(run.upstream, run.poller).inc(run.changed)


def alarm(metrics: Metrics, code: str, upstream: str, detail_vi: str) -> None:
    """Raise an alarm: counted for the monitoring, told in the log."""
    metrics.alarms.labels(code, upstream).inc()
    _log.warning("alarm %s", code, extra={"upstream": upstream, "detail": detail_vi})


def alarm_ended(code: str, detail_vi: str) -> None:
    """What an alarm told of is over: told in the log; nothing is counted."""
    _log.warning("alarm %s ended", code, extra={"detail": detail_vi})
