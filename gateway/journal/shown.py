"""What the journal shows: rows as operators, callers and auditors see them. No bodies, only digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.journal.retired import Gone as Gone
from gateway.journal.states import DeliveryState, InboundStatus


@dataclass(frozen=True, slots=True)
class KnownInbound:
    """An inbound event that is stored already."""

    source: str
    event_id: str
    dossier: str
    sequence: int
    digest: bytes
    status: InboundStatus
    position: int


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A lane as an operator sees it. `state` is that of its head message; None when the lane is idle."""

    upstream: str
    dossier: str
    depth: int
    state: DeliveryState | None
    operation: str
    attempts: int
    due: datetime | None
    block_reason: str
    legal_due: datetime | None
    oldest_accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt as it is shown: no bodies, only digests (hex, empty when nothing was sent or answered)."""

    n: int
    started: datetime
    ended: datetime
    outcome: str
    http_status: int
    upstream_code: str
    detail_vi: str
    request_digest: str
    response_digest: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery with its whole history, for `GET /v1/dossiers/{code}` and `GET /v1/events/{id}`.

    `superseded_by` is the id of the delivery that took its place before it was tried; `gone` is what of it is no longer kept.
    """

    delivery_id: str
    upstream: str
    operation: str
    dossier: str
    event_id: str
    source: str
    sequence: int
    state: DeliveryState
    accepted_at: datetime
    receipt: bytes
    attempts: tuple[AttemptRow, ...]
    superseded_by: str = ""
    gone: tuple[Gone, ...] = ()


@dataclass(frozen=True, slots=True)
class InboundRow:
    """An inbound event as it is shown; `answer` is the receipt its sender got."""

    known: KnownInbound
    received_at: datetime
    answer: bytes


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One audit or feed row. `position` is strictly increasing in commit order."""

    position: int
    at: datetime
    kind: str
    actor: str
    dossier: str
    event_id: str
    fields: bytes


@dataclass(frozen=True, slots=True)
class Leaf:
    """One link of an evidence chain; `covers` are the digests that it vouches for, in order.

    `about` is JSON: operation, time in µs, dossier, and the names of the rows whose digests stand in `covers` before the
    last, which is the digest of `about` itself. What stands in front of the rows is what the operation vouches for besides.
    """

    writer: str
    n: int
    digest: bytes
    covers: tuple[bytes, ...] = ()
    about: bytes = b""


@dataclass(frozen=True, slots=True)
class UpstreamRow:
    """What is remembered of an upstream over restarts. `generation` counts how often it was written, by whichever node."""

    upstream: str
    breaker_state: str = "closed"
    breaker_open_until: datetime | None = None
    paused: str = ""
    generation: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages by (upstream, state), lanes blocked by upstream, oldest waiting, parked events, since when a gap stands."""

    messages: Mapping[tuple[str, DeliveryState], int]
    blocked_lanes: Mapping[str, int]
    oldest_waiting: Mapping[str, datetime]
    parked: int
    oldest_gap: datetime | None = None
