"""The breaker of one upstream, pure: closed, open, or probing with exactly one delivery.

It is fed by trouble of the upstream, never charged to a message (delivery-engine 4.5). A connection that cannot be made
is the upstream's fault for certain and always counts. A missing or unreadable answer may be the message's own fault, so it
counts once per dossier in a row: one poisoned dossier can never cut off the others.
After an outage the drain starts slowly: one delivery at a time at first, one more with each success.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from connectors.kit.errors import Busy, CannotMap, DeliveryError, NeedsPerson, NotSent, OutcomeUnknown
from gateway.config import Breaker
from gateway.journal.model import UpstreamRow


class BreakerState(StrEnum):
    """The three states, as stored and shown."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Sign(StrEnum):
    """What an outcome says about the upstream itself."""

    ALIVE = "alive"
    DOWN = "down"
    DOUBTFUL = "doubtful"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Circuit:
    """The breaker of one upstream.

    `failures` counts failures in a row, `doubted` names the dossiers that already counted among them. `ramp` is how many
    deliveries may be under way during the slow start; 0 means no bound.
    """

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    doubted: frozenset[str] = frozenset()
    open_until: datetime | None = None
    ramp: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One outcome as the breaker sees it: what it says, of which dossier, whether it was the probe, and when."""

    sign: Sign
    dossier: str
    at: datetime
    probe: bool = False


def sign_of(error: DeliveryError | None) -> Sign:
    """What an outcome says about the upstream; None stands for a receipt or any other proper answer.

    An error that is marked as that of one part (one intermediary of many) says nothing about the whole.
    """
    match error:
        case None:
            return Sign.ALIVE
        case _ if error.partial:
            return Sign.NOTHING
        case NotSent():
            return Sign.DOWN
        case Busy() | OutcomeUnknown():
            return Sign.DOUBTFUL
        case NeedsPerson() | CannotMap():
            return Sign.NOTHING
        case _:
            return Sign.ALIVE


def allowance(circuit: Circuit, now: datetime, concurrency: int, under_way: int) -> int:
    """How many deliveries may start now, given how many are under way."""
    if circuit.state is BreakerState.CLOSED:
        bound = min(circuit.ramp, concurrency) if circuit.ramp else concurrency
        return max(0, bound - under_way)
    if circuit.state is BreakerState.OPEN and (circuit.open_until is None or now >= circuit.open_until):
        return 1
    return 0


def started(circuit: Circuit) -> Circuit:
    """The circuit after deliveries were started: the first one after an open time is the probe."""
    return replace(circuit, state=BreakerState.PROBING) if circuit.state is BreakerState.OPEN else circuit


def judged(circuit: Circuit, seen: Seen, settings: Breaker, concurrency: int) -> Circuit:
    """The circuit after one outcome. While it is not closed, only the probe's outcome counts."""
    if circuit.state is not BreakerState.CLOSED:
        return _probed(circuit, seen, settings) if seen.probe else circuit
    if seen.sign is Sign.ALIVE:
        ramp = circuit.ramp + 1 if 0 < circuit.ramp < concurrency - 1 else 0
        return Circuit(ramp=ramp)
    if seen.sign is Sign.NOTHING or (seen.sign is Sign.DOUBTFUL and seen.dossier in circuit.doubted):
        return circuit
    doubted = circuit.doubted | {seen.dossier} if seen.sign is Sign.DOUBTFUL else circuit.doubted
    failures = circuit.failures + 1
    if failures < settings.failures:
        return Circuit(BreakerState.CLOSED, failures, doubted, ramp=circuit.ramp)
    return Circuit(BreakerState.OPEN, failures, open_until=_later(seen.at, settings))


def remembered(row: UpstreamRow) -> Circuit:
    """The circuit of a stored row; a probe that was under way when the process ended did not happen."""
    if row.breaker_state == BreakerState.CLOSED:
        return Circuit()
    return Circuit(BreakerState.OPEN, open_until=row.breaker_open_until)


def _probed(circuit: Circuit, seen: Seen, settings: Breaker) -> Circuit:
    """What the one probe showed: closed with a slow start, or open again; a probe that showed nothing may be repeated."""
    if seen.sign is Sign.ALIVE:
        return Circuit(ramp=1)
    if seen.sign is Sign.NOTHING:
        return replace(circuit, state=BreakerState.OPEN)
    return Circuit(BreakerState.OPEN, circuit.failures + 1, open_until=_later(seen.at, settings))


def _later(moment: datetime, settings: Breaker) -> datetime:
    return moment + timedelta(seconds=settings.open_s)
