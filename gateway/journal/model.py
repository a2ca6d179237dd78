"""What the journal keeps, as values. Drivers translate these to rows; nobody above the journal sees SQL.

Words: a *lane* is the ordered queue of one dossier toward one upstream; to *accept* is to make an intake durable;
to *claim* is to lease lanes for sending; to *settle* is to record what came of an attempt (delivery-engine 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.journal.nodes import Beat as Beat
from gateway.journal.nodes import Beaten as Beaten
from gateway.journal.nodes import NodeRow as NodeRow
from gateway.journal.nodes import SeatWish as SeatWish
from gateway.journal.shown import AttemptRow as AttemptRow
from gateway.journal.shown import Counts as Counts
from gateway.journal.shown import DeliveryRow as DeliveryRow
from gateway.journal.shown import FeedRow as FeedRow
from gateway.journal.shown import Gone as Gone
from gateway.journal.shown import InboundRow as InboundRow
from gateway.journal.shown import KnownInbound as KnownInbound
from gateway.journal.shown import LaneRow as LaneRow
from gateway.journal.shown import Leaf as Leaf
from gateway.journal.shown import UpstreamRow as UpstreamRow
from gateway.journal.states import PARKED as PARKED
from gateway.journal.states import TERMINAL as TERMINAL
from gateway.journal.states import DeliveryState as DeliveryState
from gateway.journal.states import InboundStatus as InboundStatus
from gateway.journal.states import OrderKind as OrderKind


class RecordKey(NamedTuple):
    """What the gateway remembers besides the journal: `kind` and `id` (delivery-engine 4.1, table `record`)."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Record:
    """A stored record. `version` is the writer's; `state` is JSON bytes, already opened if it was sealed."""

    key: RecordKey
    version: int
    state: bytes


@dataclass(frozen=True, slots=True)
class RecordWrite:
    """A record to put in place. With `sealed_for` (a dossier code) it is encrypted with that dossier's data key."""

    key: RecordKey
    version: int
    state: bytes
    sealed_for: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A person's signed decision on its way into a transaction: carried out at most once, and never without its proof.

    `digest` is the SHA-256 (hex) of the signed statement. `audit` are the rows that carry statement and signature;
    `records` are put in place along with what is decided, if each follows the version that stands. `last` False: another
    transaction of this decision follows, which remembers its answer.
    """

    decision_id: str
    digest: str
    audit: tuple[AuditWrite, ...]
    records: tuple[RecordWrite, ...] = ()
    last: bool = True


@dataclass(frozen=True, slots=True)
class Intake:
    """A validated request on its way into the journal.

    `key` is the idempotency key, unique for `source`; `raw` what is kept of the request, `digest` its body's SHA-256.
    `sequence` is None for what is not ordered (a dossier snapshot, an operator's order). `reads` names the records that
    `decide` needs to see.
    `subject` is opaque to the journal and handed on to `decide`. With `signed` it is a person's decision: its proof is
    written with the rows, and the same decision again gets the answer it got, without `decide` being asked.
    """

    kind: str
    source: str
    key: str
    dossier: str
    digest: bytes
    raw: bytes
    subject: object
    sequence: int | None = None
    reads: tuple[RecordKey, ...] = ()
    signed: Signed | None = None


@dataclass(frozen=True, slots=True)
class ParkedInbound:
    """A stored event that waits for its predecessor or for a person; `carried` is what was stored with it."""

    event_id: str
    sequence: int
    status: InboundStatus
    carried: bytes
    source: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """What `decide` may know: everything was read inside the transaction that its decision commits in.

    `known_receipt` and `known_digest` are set when (source, key) was accepted before. `same_sequence` is another stored
    event of this source and dossier with the same sequence. `last_sequence` is the last one applied, None if none was.
    `parked` is in order of source and sequence: the parked events of this source and dossier when the intake has a
    sequence; those of every source of this dossier when it has none (a snapshot lets all of them go).
    """

    now: datetime
    known_receipt: bytes | None
    known_digest: bytes | None
    same_sequence: KnownInbound | None
    last_sequence: int | None
    parked: tuple[ParkedInbound, ...]
    records: Mapping[RecordKey, Record]


@dataclass(frozen=True, slots=True)
class InboundWrite:
    """An inbound row to insert, or to move to another status. `carried` and `raw` are sealed by the driver.

    For a row that is stored already only `status` changes (and `carried`, when it is not None).
    `source` empty means the source of the intake; a parked event of another source names its own.
    """

    event_id: str
    sequence: int
    status: InboundStatus
    digest: bytes = b""
    raw: bytes | None = None
    carried: bytes | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to append to the lane (upstream, dossier); its payload is the `carried` of inbound `event_id`.

    `legal_due` is the dossier's due date, kept on the lane for ordering and alarms. What is no event (a ledger's task)
    brings its payload along as `content`, and names its `dossier`; empty, it is that of the intake.
    `supersedes`: older deliveries of this operation in the lane that are `replaceable` and were never tried become SUPERSEDED,
    as soon as the upstream has acknowledged one of the operation before (decision 0032).
    """

    delivery_id: str
    upstream: str
    operation: str
    event_id: str
    source: str
    legal_due: datetime | None = None
    dossier: str = ""
    content: bytes = b""
    supersedes: bool = False
    replaceable: bool = False


@dataclass(frozen=True, slots=True)
class AuditWrite:
    """An audit row of the catalogue (`gateway.audit.events`); `fields` are JSON bytes without personal data.

    `feed` puts it into `GET /v1/feed` as well.
    """

    kind: str
    actor: str
    dossier: str
    event_id: str
    fields: bytes
    feed: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What `decide` made of an intake: the answer, and the rows that make it true.

    With `store` False nothing is written and nothing is chained (a conflict, an unknown dossier, a known duplicate).
    `last_sequence` is the new one of the intake's source; `other_sequences` those of other sources of the same dossier.
    """

    answer: bytes
    status: int
    store: bool = True
    inbound: tuple[InboundWrite, ...] = ()
    deliveries: tuple[NewDelivery, ...] = ()
    records: tuple[RecordWrite, ...] = ()
    last_sequence: int | None = None
    audit: tuple[AuditWrite, ...] = ()
    other_sequences: Mapping[str, int] = field(default_factory=dict)

    def upstreams(self) -> tuple[str, ...]:
        """The upstreams that get a delivery, each once, in the order of the deliveries."""
        return tuple(dict.fromkeys(delivery.upstream for delivery in self.deliveries))


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the caller is answered. `stored` False means that nothing new was written.

    `upstreams` are those that got a delivery, each once. `answer` is JSON here always; `answer_format` is how the caller's
    profile wants it told.
    """

    answer: bytes
    status: int
    stored: bool
    position: int = 0
    upstreams: tuple[str, ...] = ()
    answer_format: str = ""


Decide = Callable[[Situation, Intake], Decision]


def chooser(decide: Decide) -> Callable[[], Decide]:
    """What is asked, once for each intake and before it waits for the writer, by what it will be decided.

    While a configuration is exchanged two decisions are in use: one that depends on who hands an intake over has a method
    `chosen() -> Decide`. Any other decides about everything.
    """
    chosen: Callable[[], Decide] | None = getattr(decide, "chosen", None)
    return chosen if chosen is not None else lambda: decide


Chain = Callable[[bytes, tuple[bytes, ...]], bytes]
"""`chain(head, digests) -> leaf`: the next leaf of a writer's evidence chain (see `gateway.evidence.log`)."""
Vouch = Callable[[bytes], Mapping[str, str]]
"""`vouch(statement) -> signature`: signs the opening of a chain (see `gateway.evidence.openings`); empty where nobody signs."""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One message of a claimed lane. `attempts` counts this claim already. `payload` is the opened `Carried` JSON.

    `doubtful` says that an earlier attempt may have reached the upstream: it was UNKNOWN, or SENDING when its lease ran out.
    `first_attempt_at` is None at the first claim. `unsettled` counts the claims just before this one whose lease ran out
    without a settlement: a message that kills its sender shows here (F12).
    """

    delivery_id: str
    sequence: int
    operation: str
    event_id: str
    source: str
    attempts: int
    doubtful: bool
    accepted_at: datetime
    first_attempt_at: datetime | None
    payload: bytes
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A leased lane with its head messages, contiguous and of one operation. `epoch` fences every later write."""

    lane_id: int
    upstream: str
    dossier: str
    epoch: int
    lease_until: datetime
    memory: Mapping[str, str]
    deliveries: tuple[ClaimedDelivery, ...]


@dataclass(frozen=True, slots=True)
class AttemptWrite:
    """One attempt as it is kept: append only. `request` and `response` are sealed by the driver; digests stay readable."""

    started: datetime
    ended: datetime
    outcome: str
    http_status: int = 0
    upstream_code: str = ""
    detail_vi: str = ""
    request: bytes = b""
    response: bytes = b""


@dataclass(frozen=True, slots=True)
class MessageSettlement:
    """The next state of one message of a claim, with the attempt that led there and the receipt if there is one.

    `person_decides` goes with HELD: no enquiry can tell what happened, so a release means "send it again", not "ask again".
    """

    sequence: int
    state: DeliveryState
    attempt: AttemptWrite | None = None
    receipt: bytes = b""
    person_decides: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of a claim. Messages of the claim that are not named go back to the state they were claimed in.

    `next_due` is when the lane may be claimed again if its head still waits; `block_reason` (Vietnamese) with a HELD head
    takes it out of scheduling until a person decides. `give_back` returns the attempt (breaker open, upstream paused).
    `follow_ups` are accepted in the same transaction (routes with `outside: on_ack`).
    """

    lane_id: int
    epoch: int
    messages: tuple[MessageSettlement, ...]
    next_due: datetime | None = None
    block_reason: str = ""
    memory: Mapping[str, str] = field(default_factory=dict)
    give_back: bool = False
    follow_ups: tuple[NewDelivery, ...] = ()
    audit: tuple[AuditWrite, ...] = ()


@dataclass(frozen=True, slots=True)
class LaneOrder:
    """A person's decision about a lane, or about one delivery in it (`delivery_id`), with its reason.

    hold: stop the lane. release: a held (or waiting) head becomes READY at once. skip: a held head becomes REFUSED and
    the lane goes on. replay: a terminal delivery is appended to its lane again, under a new id.
    `doubt_rest`: so long after its last attempt may a released head in doubt still take effect; it is asked about then.
    """

    kind: OrderKind
    upstream: str
    dossier: str
    reason: str
    actor: str
    delivery_id: str = ""
    audit: tuple[AuditWrite, ...] = ()
    doubt_rest: timedelta = timedelta()
    signed: Signed | None = None


@dataclass(frozen=True, slots=True)
class UpstreamOrder:
    """A pause or resume of upstreams, all in one transaction: their rows, the trail, the answer to remember.

    A person's order puts the pause of `rows` in place and leaves each breaker as it stands. With `seen` (a generation for each
    row) it is a node's own news: whole rows, put where all of them still stand as they were seen; otherwise nothing is done.
    """

    rows: tuple[UpstreamRow, ...]
    audit: tuple[AuditWrite, ...]
    message_vi: str = ""
    signed: Signed | None = None
    seen: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """What an order did; `done` False with a reason when there was nothing to do."""

    done: bool
    message_vi: str
    delivery_id: str = ""
