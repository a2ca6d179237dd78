"""The journal as everybody above it sees it. Two stores keep this protocol, and one contract suite keeps both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from gateway.journal.model import (
    Accepted,
    Beat,
    Beaten,
    Claim,
    Counts,
    DeliveryRow,
    FeedRow,
    InboundRow,
    Intake,
    LaneOrder,
    LaneRow,
    Leaf,
    NodeRow,
    Ordered,
    Record,
    RecordKey,
    Settlement,
    UpstreamOrder,
    UpstreamRow,
)


class Journal(Protocol):
    """Accept is atomic and durable when it returns; a lease is exclusive and expires; settling twice changes nothing.

    Raises `gateway.errors.JournalUnavailable` when it cannot store: back-pressure, full disk, closed. Nothing was kept then.
    """

    async def accept(self, intake: Intake) -> Accepted:
        """Read the situation, ask `decide`, write its rows, chain a leaf, commit; then answer.

        The caller may be cancelled: the commit is not.
        """
        ...

    async def claim(
        self, upstream: str, *, limit: int, batch: Mapping[str, int], lease: timedelta, now: datetime
    ) -> Sequence[Claim]:
        """Lease up to `limit` lanes of `upstream` that are due; expired leases are reclaimed by the same call, before them.

        Where more are due than that, the dossier nearest its legal day goes first, and every fourth lane is the oldest.

        Each claim holds the head message and, where `batch[operation]` > 1, the READY messages of the same operation right
        behind a READY or WAITING head (a doubtful head comes alone). Claimed messages are SENDING, attempts counted.
        A lease that would end later than twice its length from `now` is cut to that: its clock was set back since.
        """
        ...

    async def set_back(self, upstream: str, by: timedelta, now: datetime) -> None:
        """The wall clock was set back by `by` and shows `now`: what waits for `upstream` waits no longer for that.

        Where time is that of a shared store's server nothing is moved.
        """
        ...

    async def settle(self, settlement: Settlement) -> bool:
        """Record what came of a claim; False, and nothing changed, when the epoch has moved on."""
        ...

    async def order(self, order: LaneOrder, now: datetime) -> Ordered:
        """Carry out a person's decision about a lane, audited in the same transaction; the same signed one changes nothing.

        Raises `gateway.errors.NoLongerKept` for a replay of content whose month was dropped by order.
        """
        ...

    async def record(self, key: RecordKey) -> Record | None:
        """One record, opened."""
        ...

    async def records(self, kind: str) -> Sequence[Record]:
        """Every record of a kind, opened, by id: for kinds of which there are few (operators, consents)."""
        ...

    async def records_between(self, kind: str, after: str, until: str, limit: int) -> Sequence[Record]:
        """At most `limit` records of a kind with `after` < id < `until` in the order of their bytes: for kinds of any size."""
        ...

    async def event(self, source: str, event_id: str) -> InboundRow | None:
        """An inbound event and the answer that was given."""
        ...

    async def original(self, source: str, event_id: str) -> bytes | None:
        """What was kept of the request that brought an event (`gateway.evidence.original`); None for an unknown event.

        Raises `gateway.errors.NoLongerKept` where its month was dropped by order.
        """
        ...

    async def events_of(self, dossier: str) -> Sequence[InboundRow]:
        """All inbound events of a dossier, by position."""
        ...

    async def parked(self, limit: int = 200) -> Sequence[InboundRow]:
        """Events that wait for a predecessor or for a person, the longest waiting first."""
        ...

    async def deliveries_of(self, dossier: str, event_id: str = "") -> Sequence[DeliveryRow]:
        """All deliveries of a dossier (or of one event of it) with every attempt, by upstream and sequence."""
        ...

    async def lanes(
        self, *, upstream: str = "", dossier: str = "", blocked_only: bool = False, limit: int = 200
    ) -> Sequence[LaneRow]:
        """Lanes with something to do, blocked ones first, then by oldest message."""
        ...

    async def feed(self, after: int, limit: int, *, feed_only: bool = True) -> Sequence[FeedRow]:
        """Rows with position greater than `after`, in order; no row is ever skipped."""
        ...

    async def counts(self) -> Counts:
        """The journal at a glance, for metrics and readiness."""
        ...

    async def next_due(self, upstream: str) -> datetime | None:
        """When the next lane of `upstream` may be claimed (backoff or lease end), None if nothing waits."""
        ...

    async def upstream(self, code: str) -> UpstreamRow:
        """What is remembered of an upstream; a fresh row if nothing is."""
        ...

    async def remember_upstream(self, row: UpstreamRow, seen: int | None = None) -> UpstreamRow:
        """Keep breaker and pause over restarts; returns what stands now.

        With `seen`, only where what stands still has that generation: two nodes never undo each other's news unseen.
        """
        ...

    async def switch(self, order: UpstreamOrder) -> Ordered:
        """Pause or resume upstreams as a person decided, or tell a node's news of one, audited and bound in one transaction."""
        ...

    async def beat(self, beat: Beat) -> Beaten:
        """Say that this node lives, carry out what it wishes of seats, and look at everybody; not for two tasks at once.

        Embedded there is nobody else: every wish is granted, and nothing is written.
        """
        ...

    async def nodes(self) -> Sequence[NodeRow]:
        """Every node that ever beat, by name, with the seats it holds; empty in the embedded form."""
        ...

    async def leaves(self, writer: str = "", after: int = 0, limit: int = 1000) -> Sequence[Leaf]:
        """Leaves of one writer's chain in order; with an empty writer, the last leaf of every chain."""
        ...

    async def ready(self) -> str:
        """Empty when the store can commit now, otherwise why not (Vietnamese); makes a real commit."""
        ...

    async def close(self) -> None:
        """Finish what was taken on, then release files and threads."""
        ...
