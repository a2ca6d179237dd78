"""The history of a parcel folded into where it is: whatever order things came in, one history gives one state. Pure.

Postal facts 6.1. Scans stand in the order of (`occurred_at`, `rank`, `event_id`) and are read from the first to the last. Rank
falls only through a failed attempt, the way back, or an exception; after the end of the way nothing moves a parcel any more, and
who says otherwise is a contradiction that people see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connectors.postal.model import Direction, Meaning, Scan, ShipmentState

MOST_SCANS = 200
"""How many scans of one parcel are kept one by one; older ones are folded and counted."""

OPERATOR = "operator"
"""The source of what two operators decided."""

TERMINAL = frozenset({ShipmentState.DELIVERED, ShipmentState.RETURNED, ShipmentState.CANCELLED})
"""Where a parcel's way ends."""

MOVED_AFTER_CANCEL = "moved_after_cancel"
CONTRADICTED = "contradicted"
CANCELLED_LATE = "cancelled_late"
DELIVERED_ON_THE_WAY_BACK = "delivered_on_the_way_back"

_LINE = (
    ShipmentState.CREATED,
    ShipmentState.ACCEPTED,
    ShipmentState.COLLECTING,
    ShipmentState.COLLECTED,
    ShipmentState.IN_TRANSIT,
    ShipmentState.AT_OFFICE,
    ShipmentState.OUT_FOR_DELIVERY,
    ShipmentState.DELIVERED,
)
RANKS = {state: rank for rank, state in enumerate(_LINE)}
"""The main line (postal facts 6.1): rank 0 to 7."""

_WITH_THE_CARRIER = RANKS[ShipmentState.COLLECTED]
_AFTER_AN_ATTEMPT = RANKS[ShipmentState.IN_TRANSIT]
_CODES_KEPT = 20


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What a history says. `collected_at` is when the carrier had the parcel in its hands; `heard` that the carrier spoke of it.

    `told_attempts` is the carrier's own count of failed attempts, `counted_attempts` ours where it gives none. `back`: the way
    back began. `cod_collected` is None where nobody named a sum; `cod_collected_at` the moment where somebody said that money
    was collected. `troubles` are what people must see, `unmapped` codes without a meaning. `until` is the place of the last
    scan that was folded away.
    """

    state: ShipmentState = ShipmentState.CREATED
    counted_attempts: int = 0
    told_attempts: int = 0
    back: bool = False
    heard: bool = False
    item_code: str = ""
    collected_at: datetime | None = None
    delivered_at: datetime | None = None
    returned_at: datetime | None = None
    cod_collected: int | None = None
    cod_collected_at: datetime | None = None
    cod_remitted: int | None = None
    cod_remitted_at: datetime | None = None
    troubles: tuple[str, ...] = ()
    unmapped: tuple[str, ...] = ()
    until: tuple[datetime, str, str] | None = None

    @property
    def attempts(self) -> int:
        """How often the carrier stood at the door in vain."""
        return max(self.counted_attempts, self.told_attempts)


@dataclass(frozen=True, slots=True)
class Kept:
    """A history with a scan more. `new`: it was not there; what a carrier wrote down twice is there once. `changed`: it was
    there under this id and said something else.
    """

    history: tuple[Scan, ...]
    base: Course
    dropped: int
    new: bool
    changed: bool = False


def place_of(scan: Scan) -> tuple[datetime, str, str]:
    """The place of a scan in its history."""
    return (scan.occurred_at, scan.rank, scan.event_id)


def kept(history: Sequence[Scan], base: Course, scan: Scan) -> Kept:
    """A history with `scan` in its place, bounded: what is folded away can no longer be told apart, only counted."""
    known = next((one for one in history if one.event_id == scan.event_id), None)
    if known is not None:
        return Kept(tuple(history), base, 0, new=False, changed=known.raw_code != scan.raw_code)
    twin = next((one for one in history if _is_twin(one, scan)), None)
    if twin is not None:
        others = [one for one in history if one is not twin]
        return Kept(tuple(sorted((*others, _joined(twin, scan)), key=place_of)), base, 0, new=False)
    if base.until is not None and place_of(scan) <= base.until:
        # Older than everything that is kept: what it would have meant is decided by what came after it.
        return Kept(tuple(history), base, 1, new=True)
    ordered = sorted((*history, scan), key=place_of)
    over = ordered[: max(0, len(ordered) - MOST_SCANS)]
    if over:
        base = msgspec.structs.replace(folded(base, over), until=place_of(over[-1]))
    return Kept(tuple(ordered[len(over) :]), base, len(over), new=True)


def _is_twin(one: Scan, other: Scan) -> bool:
    """Whether a carrier says the same thing of the same moment at the same place under another id: it wrote it down twice."""
    if not (heard_by_carrier(one) and heard_by_carrier(other)):
        return False
    return (one.occurred_at, one.raw_code, one.pos_code) == (other.occurred_at, other.raw_code, other.pos_code)


def _joined(one: Scan, other: Scan) -> Scan:
    """Two tellings of one thing as one: that of the first place, whichever came first, with what either knows."""
    first, second = sorted((one, other), key=place_of)
    return msgspec.structs.replace(
        first,
        item_code=first.item_code or second.item_code,
        attempts=max(first.attempts, second.attempts),
        cod_amount=first.cod_amount if first.cod_amount is not None else second.cod_amount,
    )


def folded(base: Course, history: Sequence[Scan]) -> Course:
    """Where a parcel is after a history that goes on from `base`."""
    course = base
    for scan in history:
        course = _step(course, scan)
    return course


def deciding(history: Sequence[Scan], state: ShipmentState) -> Scan | None:
    """The scan by which a parcel came to the state that it is in: of an end the first, since the last word of operators."""
    decided = [place for place, scan in enumerate(history) if scan.source == OPERATOR]
    said = [scan for scan in history[decided[-1] if decided else 0 :] if scan.means == state]
    return next(iter(said if state in TERMINAL else reversed(said)), None)


def heard_by_carrier(scan: Scan) -> bool:
    """Whether the carrier itself said it: then it has our order."""
    return scan.source in ("feed", "webhook", "query")


def moves(course: Course) -> bool:
    """Whether the carrier has the parcel in its hands, or had it."""
    return course.collected_at is not None


def _step(course: Course, scan: Scan) -> Course:
    course = msgspec.structs.replace(
        course,
        heard=course.heard or heard_by_carrier(scan),
        item_code=scan.item_code or course.item_code,
    )
    means = scan.means
    if means in _STATES:
        return _moved(course, scan, ShipmentState(means))
    if means == Meaning.KEEP:
        return course
    if means == Meaning.COLLECT_FAILED:
        early = RANKS.get(course.state, _WITH_THE_CARRIER) < _WITH_THE_CARRIER
        return msgspec.structs.replace(course, state=ShipmentState.ACCEPTED) if early else course
    if means == Meaning.COD_COLLECTED:
        return _money_collected(course, scan)
    if means == Meaning.COD_REMITTED:
        at = scan.cod_paid_over_at or scan.occurred_at
        told = scan.cod_amount if scan.cod_amount is not None else course.cod_remitted
        return msgspec.structs.replace(course, cod_remitted=told, cod_remitted_at=course.cod_remitted_at or at)
    return _unmapped(course, scan.raw_code)


def _moved(course: Course, scan: Scan, state: ShipmentState) -> Course:
    """The parcel is said to be in a state."""
    if scan.source == OPERATOR:
        # Two people looked at everything that was said before: what contradicted itself is settled by them.
        back = state is ShipmentState.RETURNED
        course = msgspec.structs.replace(course, troubles=(), back=back, delivered_at=None, returned_at=None)
        return _arrived(course, scan, state)
    if course.state in TERMINAL:
        return _after_the_end(course, state)
    match state:
        case ShipmentState.CANCELLED:
            # Whoever holds a parcel cannot take its order back: where is it now?
            return _exception(course, CANCELLED_LATE) if moves(course) else _arrived(course, scan, state)
        case ShipmentState.EXCEPTION:
            return _exception(course)
        case ShipmentState.RETURNED | ShipmentState.RETURNING:
            return _arrived(msgspec.structs.replace(course, back=True), scan, state)
        case ShipmentState.FAILED_ATTEMPT:
            return _failed(course, scan)
    return _along_the_line(course, scan, state)


def _along_the_line(course: Course, scan: Scan, state: ShipmentState) -> Course:
    """A state of the main line, for a parcel whose way has not ended."""
    if course.back:
        if state is ShipmentState.DELIVERED:
            # Handed to whom? On its way back that may have been the sender: people find out, nobody is told "delivered".
            return _exception(course, DELIVERED_ON_THE_WAY_BACK)
        return msgspec.structs.replace(course, state=ShipmentState.RETURNING)
    if course.state is ShipmentState.EXCEPTION:
        return _arrived(course, scan, state)
    least = _AFTER_AN_ATTEMPT if course.state is ShipmentState.FAILED_ATTEMPT else RANKS[course.state]
    return _arrived(course, scan, state) if RANKS[state] >= least else course


def _failed(course: Course, scan: Scan) -> Course:
    """Nobody was there, or nobody took it. On the way back that is no attempt at the receiver's door."""
    if course.back:
        return msgspec.structs.replace(course, state=ShipmentState.RETURNING)
    counted = course.counted_attempts + (1 if scan.attempts < 1 else 0)
    course = msgspec.structs.replace(
        course, counted_attempts=counted, told_attempts=max(course.told_attempts, scan.attempts)
    )
    return _arrived(course, scan, ShipmentState.FAILED_ATTEMPT)


def _arrived(course: Course, scan: Scan, state: ShipmentState) -> Course:
    at = scan.occurred_at
    in_hands = RANKS.get(state, _WITH_THE_CARRIER) >= _WITH_THE_CARRIER and state not in _SAYS_NOTHING_OF_HANDS
    course = msgspec.structs.replace(
        course, state=state, collected_at=course.collected_at or (at if in_hands else None)
    )
    if state is ShipmentState.RETURNED:
        return msgspec.structs.replace(course, returned_at=at)
    if state is not ShipmentState.DELIVERED:
        return course
    course = msgspec.structs.replace(course, delivered_at=at)
    return _money_collected(course, scan) if scan.cod_amount is not None else course


def _after_the_end(course: Course, state: ShipmentState) -> Course:
    """Something is said of a parcel whose way has ended. The end stands; who still has it in hand contradicts it."""
    if state is course.state or RANKS.get(state, _WITH_THE_CARRIER) < _WITH_THE_CARRIER:
        return course
    cancelled = course.state is ShipmentState.CANCELLED
    return _troubled(course, MOVED_AFTER_CANCEL if cancelled else CONTRADICTED)


def _exception(course: Course, trouble: str = "") -> Course:
    course = msgspec.structs.replace(course, state=ShipmentState.EXCEPTION)
    return _troubled(course, trouble) if trouble else course


def _money_collected(course: Course, scan: Scan) -> Course:
    told = scan.cod_amount if scan.cod_amount is not None else course.cod_collected
    return msgspec.structs.replace(
        course, cod_collected=told, cod_collected_at=course.cod_collected_at or scan.occurred_at
    )


def _troubled(course: Course, trouble: str) -> Course:
    return msgspec.structs.replace(course, troubles=tuple(sorted({*course.troubles, trouble})))


def _unmapped(course: Course, code: str) -> Course:
    """Codes without a meaning, the first of them; a carrier that invents them without end fills no ledger."""
    if code in course.unmapped or len(course.unmapped) >= _CODES_KEPT:
        return course
    return msgspec.structs.replace(course, unmapped=(*course.unmapped, code))


_STATES = frozenset(map(str, ShipmentState))
_SAYS_NOTHING_OF_HANDS = frozenset({ShipmentState.CANCELLED, ShipmentState.EXCEPTION})


def collected_word(direction: Direction, course: Course) -> datetime | None:
    """When money for the agency was collected where the carrier has no word for it: no parcel is handed over without it.

    To the citizen the postman collects at the door; from the citizen when the papers are taken (QĐ 45/2016/QĐ-TTg Điều 6).
    """
    return course.delivered_at if direction is Direction.DELIVER else course.collected_at
