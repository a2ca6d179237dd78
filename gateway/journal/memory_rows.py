"""What the memory journal keeps, as plain Python: the rows of one store, and the entry of one operation in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.journal import once
from gateway.journal.books import DIGEST_BYTES, JournalFault
from gateway.journal.lanes import lane_id
from gateway.journal.model import (
    TERMINAL,
    AttemptRow,
    AuditWrite,
    Beat,
    Chain,
    DeliveryState,
    FeedRow,
    InboundStatus,
    KnownInbound,
    Leaf,
    Record,
    RecordKey,
    RecordWrite,
    Signed,
    UpstreamRow,
)


@dataclass(slots=True)
class Message:
    """One message of a lane. `prior` is the state that a claim found; the other fields mean what `ClaimedDelivery` says."""

    seq: int
    delivery_id: str
    operation: str
    event_id: str
    source: str
    payload: bytes
    accepted_at: datetime
    state: DeliveryState
    copy: int = 0
    replaceable: bool = False
    superseded_by: str = ""
    hold_reason: str = ""
    prior: DeliveryState = DeliveryState.READY
    doubtful: bool = False
    attempts: int = 0
    unsettled: int = 0
    first_attempt_at: datetime | None = None
    receipt: bytes = b""
    history: list[AttemptRow] = field(default_factory=list)

    @property
    def terminal(self) -> bool:
        """Nothing happens to it any more."""
        return self.state in TERMINAL


@dataclass(slots=True)
class Lane:
    """One dossier's queue to one upstream, messages in sequence order.

    It is idle, due, leased by `owner` or blocked; `hold_reason` is a hold that was ordered while a message was in flight.
    """

    upstream: str
    dossier: str
    messages: list[Message] = field(default_factory=list)
    due: datetime | None = None
    lease_until: datetime | None = None
    epoch: int = 0
    owner: str = ""
    block_reason: str = ""
    hold_reason: str = ""
    legal_due: datetime | None = None
    memory: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The same number as in every other store."""
        return lane_id(self.upstream, self.dossier)

    @property
    def waiting(self) -> list[Message]:
        """The messages that are not terminal, in order; the first is the head."""
        return [message for message in self.messages if not message.terminal]

    @property
    def head(self) -> Message | None:
        """The first message that is not terminal."""
        return next((message for message in self.messages if not message.terminal), None)

    @property
    def sending(self) -> list[Message]:
        """What the running claim holds."""
        return [message for message in self.messages if message.state is DeliveryState.SENDING]


@dataclass(slots=True)
class Inbound:
    """A stored inbound event; `digest`, `position` and `received_at` never change."""

    source: str
    event_id: str
    dossier: str
    sequence: int
    digest: bytes
    status: InboundStatus
    carried: bytes
    raw: bytes
    position: int
    received_at: datetime

    @property
    def known(self) -> KnownInbound:
        """What is told of it."""
        return KnownInbound(
            self.source, self.event_id, self.dossier, self.sequence, self.digest, self.status, self.position
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer that a key got, with the digest of the request it answered."""

    digest: bytes
    answer: bytes


@dataclass(slots=True)
class Seat:
    """A seat that a start holds until a moment of the store's clock."""

    owner: str
    until: datetime


@dataclass(slots=True)
class MemoryStore:
    """The rows of one store. It outlives the journal that was opened on it, as a directory outlives a process.

    `nodes`: the start that beats, since when it is there, its last beat and what that said; `beaten`: every start that ever did.
    `newest`: the start of each node that opened the store last. `seats` are by name and number; who is not there holds none.

    `inbound` and `receipts` are by (source, key), `sequences` by (source, dossier), `lanes` by their number;
    `trail` holds each audit row with whether it belongs to the feed.
    """

    inbound: dict[tuple[str, str], Inbound] = field(default_factory=dict)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    sequences: dict[tuple[str, str], int] = field(default_factory=dict)
    records: dict[RecordKey, Record] = field(default_factory=dict)
    lanes: dict[int, Lane] = field(default_factory=dict)
    trail: list[tuple[FeedRow, bool]] = field(default_factory=list)
    chains: dict[str, list[Leaf]] = field(default_factory=dict)
    upstreams: dict[str, UpstreamRow] = field(default_factory=dict)
    nodes: dict[str, tuple[str, datetime, datetime, Beat]] = field(default_factory=dict)
    beaten: set[str] = field(default_factory=set)
    newest: dict[str, str] = field(default_factory=dict)
    seats: dict[tuple[str, int], Seat] = field(default_factory=dict)
    position: int = 0

    def lanes_to(self, upstream: str) -> list[Lane]:
        """The lanes of one upstream."""
        return [lane for lane in self.lanes.values() if lane.upstream == upstream]

    def heads(self) -> tuple[Leaf, ...]:
        """The last leaf of every chain, by writer."""
        return tuple(self.chains[writer][-1] for writer in sorted(self.chains) if self.chains[writer])


class Entry:
    """One operation's entry in the store: positions, audit rows, and the leaf that covers what was written."""

    def __init__(self, store: MemoryStore, writer: str, chain: Chain, now: datetime) -> None:
        self.store = store
        self.now = now
        self.writer = writer
        self._chain = chain

    def next_position(self) -> int:
        """The next position of the one sequence that audit rows and inbound events share."""
        self.store.position += 1
        return self.store.position

    def audit(self, row: AuditWrite) -> int:
        """Append an audit row and return its position."""
        position = self.next_position()
        shown = FeedRow(position, self.now, row.kind, row.actor, row.dossier, row.event_id, row.fields)
        self.store.trail.append((shown, row.feed))
        return position

    def record(self, write: RecordWrite) -> None:
        """Put a record in place."""
        self.store.records[write.key] = Record(write.key, write.version, write.state)

    def taken_before(self, signed: Signed | None) -> bytes | None:
        """The answer of a decision that was taken already, None for a new one; raises `JournalFault` for a used id.

        Raises `Conflict` for a new one whose records have moved on since they were looked at.
        """
        if signed is None:
            return None
        known = self.store.records.get(once.key(signed.decision_id))
        if known is not None:
            return once.answer_again(known, signed)
        for write in signed.records:
            before = self.store.records.get(write.key)
            once.check_follows(write, before.version if before is not None else 0)
        return None

    def prove(self, signed: Signed | None, answer: bytes) -> None:
        """Write the proof of a decision, and its answer, with what it decided."""
        if signed is None:
            return
        for row in signed.audit:
            self.audit(row)
        for write in (*signed.records, *((once.write(signed, answer),) if signed.last else ())):
            self.record(write)

    def leaf(self, *covers: bytes) -> None:
        """Append the leaf over what the operation vouches for; raises `JournalFault` for what is no SHA-256.


        A store on disk covers its rows as well, as they stand on that disk; here there are none.
        """
        if any(len(digest) != DIGEST_BYTES for digest in covers):
            raise JournalFault("a leaf covers SHA-256 digests only")
        chain = self.store.chains.setdefault(self.writer, [])
        head = chain[-1].digest if chain else b""
        chain.append(Leaf(self.writer, len(chain) + 1, self._chain(head, covers), covers))
