"""The lane: appending messages to it, and what it does once its head has come to rest.

The lane row is the unit of scheduling; every change leaves it with a next step (a due time, a lease, a person) or idle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.journal.books import Books, JournalFault, Pages
from gateway.journal.model import DeliveryState

HELD_VI = "Đang chờ người có thẩm quyền quyết định"


def lane_id(upstream: str, dossier: str) -> int:
    """The lane's number: 63 bits of a hash of its name."""
    name = f"{upstream}\0{dossier}".encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane's row. Times in µs; `due` and `lease_until` None, `block_reason` empty: idle."""

    lane_id: int
    upstream: str
    dossier: str
    next_seq: int
    head_seq: int
    due: int | None
    lease_until: int | None
    epoch: int
    block_reason: str
    hold_reason: str
    memory: str

    @property
    def idle(self) -> bool:
        """Nothing waits."""
        return self.head_seq == self.next_seq


@dataclass(frozen=True, slots=True)
class Head:
    """The first message of a lane that is not terminal."""

    seq: int
    state: DeliveryState
    kind: str
    accepted_at: int
    hold_reason: str
    delivery_id: str
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Fresh:
    """A message to append; `payload_ref` and `req_hash` are those of its event."""

    delivery_id: str
    upstream: str
    kind: str
    source: str
    key: str
    payload_ref: int
    req_hash: bytes
    legal_due: int | None = None
    copy: int = 0
    supersedes: bool = False
    replaceable: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """What was appended to a lane, from number `first` on; `lane` is its row as it stood before, None for a new one."""

    lane: Lane | None
    first: int
    messages: tuple[Fresh, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """How a lane comes to rest: when it is due again, what its memory is, how many attempts are given back."""

    due: int
    memory: str
    given_back: int = 0


def find(books: Pages, number: int) -> Lane | None:
    """A lane by its number."""
    row = books.one("lane.get", number)
    return None if row is None else Lane(*row)


def named(books: Pages, upstream: str, dossier: str) -> Lane | None:
    """A lane by its name; raises `JournalFault` if another lane has the same number."""
    return _checked(find(books, lane_id(upstream, dossier)), upstream, dossier)


def _checked(lane: Lane | None, upstream: str, dossier: str) -> Lane | None:
    if lane is not None and (lane.upstream, lane.dossier) != (upstream, dossier):
        raise JournalFault("two lanes share one number: " + str(lane.lane_id))
    return lane


def head_of(books: Pages, lane: Lane) -> Head | None:
    """The first message that is not terminal."""
    row = books.one("lane.head", lane.lane_id, lane.head_seq)
    if row is None:
        return None
    seq, state, kind, accepted_at, hold_reason, delivery_id, doubtful = row
    return Head(seq, DeliveryState(state), kind, accepted_at, hold_reason, delivery_id, bool(doubtful))


def append(books: Books, dossier: str, messages: Iterable[Fresh]) -> list[Appended]:
    """Append messages of one dossier, contiguous in their order, lanes in sorted order (no deadlock on any driver)."""
    by_upstream: dict[str, list[Fresh]] = {}
    for message in messages:
        by_upstream.setdefault(message.upstream, []).append(message)
    return [_append_to(books, upstream, dossier, by_upstream[upstream]) for upstream in sorted(by_upstream)]


def _append_to(books: Books, upstream: str, dossier: str, fresh: list[Fresh]) -> Appended:
    number = lane_id(upstream, dossier)
    lane = _checked(find(books, number), upstream, dossier)
    legal_due = next((message.legal_due for message in reversed(fresh) if message.legal_due is not None), None)
    first = 1 if lane is None else lane.next_seq
    held_because = ""
    if lane is None:
        # All columns, as for a message below: in flight with nobody, nothing ordered, no memory.
        idle = None, "", 0, 0, "", ""
        named = number, upstream, dossier
        books.run("lane.new", *named, 1 + len(fresh), 1, books.now, books.now, *idle, legal_due, "{}")
    elif lane.idle:
        held_because = lane.block_reason
        due = None if held_because else books.now
        books.run("lane.wake", number, first + len(fresh), legal_due, books.now, due)
    else:
        books.run("lane.extend", number, first + len(fresh), legal_due)
    for offset, message in enumerate(fresh):
        held = held_because if offset == 0 else ""
        _insert(books, number, first + offset, message, held)
    return Appended(lane, first, tuple(fresh))


def _insert(books: Books, number: int, seq: int, message: Fresh, held: str) -> None:
    state = DeliveryState.HELD if held else DeliveryState.READY
    what = message.source, message.key, message.upstream, message.kind, message.copy, message.req_hash
    # All columns, those that begin empty as well, so that the evidence needs no row back (`journal.bound`).
    prior, doubtful, attempts, unsettled, receipt_ref, first_attempt_at = "", 0, 0, 0, 0, None
    books.run(
        "msg.new",
        number,
        seq,
        message.delivery_id,
        *what,
        message.kind if message.replaceable else "",
        state.value,
        prior,
        doubtful,
        attempts,
        unsettled,
        held,
        message.payload_ref,
        receipt_ref,
        books.now,
        first_attempt_at,
    )
    books.move(message.upstream, "", state)


def come_to_rest(books: Books, lane: Lane, rest: Rest) -> Head | None:
    """Advance over contiguous terminal messages and set the lane's next step; returns its head, None when it is idle."""
    return rest_at(books, lane, rest, head_of(books, lane))


def rest_at(books: Books, lane: Lane, rest: Rest, head: Head | None) -> Head | None:
    """Set the lane's next step where `head` is its first message that is not terminal, None for an idle lane.

    A hold that was ordered while a message was in flight takes effect here.
    """
    number, give = lane.lane_id, rest.given_back
    if head is None:
        books.run("lane.rest", number, lane.next_seq, None, None, lane.hold_reason, rest.memory, give)
        return None
    if lane.hold_reason and head.state is not DeliveryState.HELD:
        hold(books, lane, head, lane.hold_reason)
        head = Head(
            head.seq, DeliveryState.HELD, head.kind, head.accepted_at, lane.hold_reason, head.delivery_id, head.doubtful
        )
    if head.state is DeliveryState.HELD:
        reason = head.hold_reason or HELD_VI
        books.run("lane.rest", number, head.seq, head.accepted_at, None, reason, rest.memory, give)
    else:
        books.run("lane.rest", number, head.seq, head.accepted_at, rest.due, "", rest.memory, give)
    return head


def hold(books: Books, lane: Lane, head: Head, reason: str) -> None:
    """Put the head on hold; whether it is in doubt stays known."""
    books.run("msg.hold", lane.lane_id, head.seq, reason)
    books.move(lane.upstream, head.state.value, DeliveryState.HELD)
