"""The parcels of the simulated post: what is done with each, in which order, and what was truly seen of it, without sockets.

Money is a whole number of đồng, moments are aware and in UTC. Nothing here happens by itself: `Books.due` is told the time
and does what has become due. This is the truth; what of it reaches the sender is decided in `simulator_telling.py`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec


class Happening(StrEnum):
    """What happens to a parcel. `COLLECT_FAILED`: the sender was not there; `STRANGE` is a code that no table has."""

    CREATED = "created"
    ACCEPTED = "accepted"
    COLLECTING = "collecting"
    COLLECT_FAILED = "collect_failed"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    AT_OFFICE = "at_office"
    OUT_FOR_DELIVERY = "out_for_delivery"
    FAILED_ATTEMPT = "failed_attempt"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    EXCEPTION = "exception"
    COD_COLLECTED = "cod_collected"
    COD_REMITTED = "cod_remitted"
    STRANGE = "strange"


_NO_STATE = {Happening.CANCEL_REQUESTED, Happening.COD_COLLECTED, Happening.COD_REMITTED, Happening.STRANGE}
_BEFORE_PICKUP = {Happening.CREATED, Happening.ACCEPTED, Happening.COLLECTING}
ENDS = frozenset({Happening.DELIVERED, Happening.RETURNED, Happening.CANCELLED, Happening.EXCEPTION})
"""Where a way ends; money may still follow."""


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a parcel meets. Seconds are simulated ones.

    `until`: the last thing that happens ("": all); `ends` how the way ends. `failed_collections` and `failed_attempts` are how
    often nobody was there; `strange` how many scans with an unknown code come on the way. `step_s` lies between two steps.
    Of telling: `lose` what is never told, `late_s` how much later than it happened something is told, `repeat` how often more
    each thing is told, `reorder` that of every two the second is told first. `contradict`: after its end the parcel is seen
    on the way once more.
    Of money: `cod` `late` is paid over after ten times `cod_after_s`, `short` less by `cod_short` đồng, `unpaid` never.
    Of orders: `refuse` is the reason why the carrier does not take it ("": it does). Of cancelling: `request` it is noted and
    decided after `cancel_s`; `refuse`; `moves` it is cancelled by word, and goes on.
    """

    ends: Literal["delivered", "returned", "exception"] = "delivered"
    until: Happening | None = None
    failed_collections: int = 0
    failed_attempts: int = 0
    strange: int = 0
    step_s: float = 3_600.0
    lose: tuple[Happening, ...] = ()
    late_s: dict[Happening, float] = {}
    repeat: int = 0
    reorder: bool = False
    contradict: bool = False
    cod: Literal["paid", "late", "short", "unpaid"] = "paid"
    cod_after_s: float = 172_800.0
    cod_short: int = 10_000
    refuse: str = ""
    warnings: tuple[Literal["province", "district", "ward"], ...] = ()
    cancel: Literal["allow", "request", "refuse", "moves"] = "allow"
    cancel_s: float = 1_800.0

    def __post_init__(self) -> None:
        """Refuses numbers that no parcel could follow."""
        counts = (self.failed_collections, self.failed_attempts, self.strange, self.repeat, self.cod_short)
        spans = (self.step_s, self.cod_after_s, self.cancel_s, *self.late_s.values())
        if any(not 0 <= one <= 10**9 for one in counts) or any(not 0 <= one <= 10**9 for one in spans):
            raise ValueError("số lần và số giây phải từ 0 đến 1000000000")
        if max(self.failed_collections, self.failed_attempts, self.strange, self.repeat) > _MOST_TIMES:
            raise ValueError(f"số lần không quá {_MOST_TIMES}")


_MOST_TIMES = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """What is to happen, so many seconds after the step before."""

    happening: Happening
    after_s: float


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. `number` counts all events of a simulation; `amount` is money where it is about money."""

    number: int
    happening: Happening
    at: datetime
    state: Happening
    pos_code: str = ""
    attempts: int = 0
    amount: int | None = None
    note: str = field(default="", repr=False)


@dataclass(slots=True, repr=False)
class Parcel:
    """One order at a carrier, and where its parcel truly is. `wire` holds what its messages echo."""

    house: str
    number: str
    parcel_id: str
    created_at: datetime
    script: Script
    cod_due: int = 0
    wire: Mapping[str, object] = field(default_factory=dict)
    item_code: str = ""
    state: Happening = Happening.CREATED
    attempts: int = 0
    cod_collected: int | None = None
    cod_collected_at: datetime | None = None
    cod_remitted: int | None = None
    cod_remitted_at: datetime | None = None
    history: list[Event] = field(default_factory=list)
    plan: list[Step] = field(default_factory=list)
    untold: list[Event] = field(default_factory=list)
    told: int = 0
    cancelled: bool = False
    course: int = 0

    def __repr__(self) -> str:
        return f"Parcel({self.house!r}, {self.number!r}, {self.state.value!r})"

    @property
    def cancellable(self) -> bool:
        """Whether nobody has picked it up yet (facts 11)."""
        return self.state in _BEFORE_PICKUP


def itinerary(script: Script, cod_due: int) -> list[Step]:
    """Everything that a parcel with this script will meet, in order, after it was created."""
    way = [Happening.ACCEPTED]
    way += [Happening.COLLECTING, Happening.COLLECT_FAILED] * script.failed_collections
    way += [Happening.COLLECTING, Happening.COLLECTED, *[Happening.STRANGE] * script.strange]
    way += [Happening.IN_TRANSIT, Happening.AT_OFFICE]
    way += [Happening.OUT_FOR_DELIVERY, Happening.FAILED_ATTEMPT] * script.failed_attempts
    match script.ends:
        case "delivered":
            way += [Happening.OUT_FOR_DELIVERY, Happening.DELIVERED]
        case "returned":
            way += [Happening.RETURNING, Happening.RETURNED]
        case "exception":
            way += [Happening.EXCEPTION]
    steps = [Step(happening, script.step_s) for happening in way]
    if script.contradict:
        steps.append(Step(Happening.IN_TRANSIT, 60.0))
    if script.ends == "delivered" and cod_due > 0:
        steps.append(Step(Happening.COD_COLLECTED, 60.0))
        if script.cod != "unpaid":
            steps.append(Step(Happening.COD_REMITTED, script.cod_after_s * (10 if script.cod == "late" else 1)))
    if script.until is not None:
        last = next((at for at, step in enumerate(steps) if step.happening is script.until), -1)
        steps = steps[: last + 1]
    return steps


class Books:
    """Every parcel of every carrier, by (house, order number); several where a number was taken twice."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.parcels: dict[tuple[str, str], list[Parcel]] = {}
        self._moments: list[tuple[datetime, int, Parcel, Step, int]] = []
        self._number = 0
        self._serial = 10_000_000

    def __iter__(self) -> Iterator[Parcel]:
        return (parcel for same in self.parcels.values() for parcel in same)

    def find(self, house: str, number: str) -> Parcel | None:
        """The first parcel with this order number."""
        return next(iter(self.parcels.get((house, number), ())), None)

    def take(self, parcel: Parcel) -> Event:
        """Take an order; its way begins."""
        self.parcels.setdefault((parcel.house, parcel.number), []).append(parcel)
        event = self.record(parcel, Happening.CREATED, self.now())
        self.plan(parcel, itinerary(parcel.script, parcel.cod_due), self.now())
        return event

    def plan(self, parcel: Parcel, steps: list[Step], since: datetime) -> None:
        """Let this happen from `since` on, one after the other, and nothing of what was planned before."""
        parcel.plan = list(steps)
        parcel.course += 1
        self._next(parcel, since)

    def beside(self, parcel: Parcel, step: Step, since: datetime) -> None:
        """Let this happen too, whatever else goes on with the parcel."""
        self._push(parcel, step, since, 0)

    def due(self, until: datetime) -> Iterator[tuple[Parcel, Event]]:
        """Do what has become due, each thing at its own moment."""
        while self._moments and self._moments[0][0] <= until:
            at, _, parcel, step, course = heapq.heappop(self._moments)
            if course not in (0, parcel.course):
                continue
            if course:
                parcel.plan.pop(0)
            if step.happening is not Happening.CANCELLED:
                yield parcel, self.record(parcel, step.happening, at)
            elif parcel.cancellable:
                yield parcel, self.cancel(parcel, at)
            if course == parcel.course:
                self._next(parcel, at)

    def cancel(self, parcel: Parcel, at: datetime) -> Event:
        """Nobody carries it any more, except where its script says that it goes on all the same."""
        if parcel.script.cancel != "moves":
            self.plan(parcel, [], at)
        parcel.cancelled = True
        return self.record(parcel, Happening.CANCELLED, at)

    def next_due(self) -> datetime | None:
        """When there may be something to do by time alone."""
        return self._moments[0][0] if self._moments else None

    def record(self, parcel: Parcel, happening: Happening, at: datetime, amount: int | None = None) -> Event:
        """This happened."""
        self._number += 1
        if happening is Happening.COLLECT_FAILED:
            parcel.state = Happening.ACCEPTED
        elif happening not in _NO_STATE and not (parcel.state in ENDS and happening not in ENDS):
            parcel.state = happening
        if happening in (Happening.FAILED_ATTEMPT, Happening.DELIVERED):
            parcel.attempts += 1
        if happening is Happening.COLLECTED and not parcel.item_code:
            parcel.item_code = self.item_code()
        event = Event(
            number=self._number,
            happening=happening,
            at=at,
            state=parcel.state,
            pos_code=_OFFICES.get(happening, "100000"),
            attempts=parcel.attempts,
            amount=self._money(parcel, happening, at, amount),
            note=_NOTES.get(happening, ""),
        )
        parcel.history.append(event)
        return event

    def item_code(self) -> str:
        """The next S10 item code with its check digit (facts 8.1)."""
        self._serial += 1
        digits = f"{self._serial:08d}"
        rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11
        check = {10: 0, 11: 5}.get(rest, rest)
        return f"RA{digits}{check}VN"

    def forget(self) -> None:
        """Lose every parcel; numbers go on."""
        self.parcels.clear()
        self._moments.clear()

    def _next(self, parcel: Parcel, since: datetime) -> None:
        if parcel.plan:
            self._push(parcel, parcel.plan[0], since, parcel.course)

    def _push(self, parcel: Parcel, step: Step, since: datetime, course: int) -> None:
        self._number += 1
        heapq.heappush(self._moments, (since + timedelta(seconds=step.after_s), self._number, parcel, step, course))

    def _money(self, parcel: Parcel, happening: Happening, at: datetime, amount: int | None) -> int | None:
        if happening is Happening.COD_COLLECTED:
            parcel.cod_collected = parcel.cod_due if amount is None else amount
            parcel.cod_collected_at = at
            return parcel.cod_collected
        if happening is Happening.COD_REMITTED:
            short = parcel.script.cod_short if parcel.script.cod == "short" else 0
            parcel.cod_remitted = max(0, (parcel.cod_collected or 0) - short) if amount is None else amount
            parcel.cod_remitted_at = at
            return parcel.cod_remitted
        return None


_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_OFFICES = {
    Happening.IN_TRANSIT: "101000",
    Happening.AT_OFFICE: "700000",
    Happening.OUT_FOR_DELIVERY: "700000",
    Happening.FAILED_ATTEMPT: "700000",
    Happening.DELIVERED: "700000",
    Happening.RETURNING: "700000",
}
_NOTES = {
    Happening.COLLECT_FAILED: "Người gửi đi vắng",
    Happening.FAILED_ATTEMPT: "Người nhận đi vắng",
    Happening.EXCEPTION: "Bưu gửi bị hư hỏng",
}
